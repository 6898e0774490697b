/*
 * policy_opts - the policies and the gateway on a command line: the same words for every verb.
 *
 *	struct policy_opts p = { 0 };
 *	const struct opt opts[] = { ..., POLICY_OPT_ROWS(p), { NULL, ... } };
 */
#ifndef CLI_POLICY_OPTS_H
#define CLI_POLICY_OPTS_H

#include "analyze/judge.h"
#include "analyze/policy.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/opt.h"

struct policy_opts {
	struct opt_list paths, aliases;
	const char *workload, *trust_domain, *root_namespace, *normalization;
};

#define POLICY_OPT_ROWS(p) \
	{ "policies", 'p', OPT_LIST, &(p).paths, "PATH", \
	  "policies: a file, a folder, or - for standard input; YAML or JSON; repeats" }, \
	{ "workload", 0, OPT_TEXT, &(p).workload, "NS,k=v,...", \
	  "namespace and labels of the gateway's pod, default " \
	  "istio-system,app=istio-egressgateway,istio=egressgateway" }, \
	{ "trust-domain", 0, OPT_TEXT, &(p).trust_domain, "TD", \
	  "the mesh's trust domain, default cluster.local" }, \
	{ "trust-domain-alias", 0, OPT_LIST, &(p).aliases, "TD", \
	  "another name of the trust domain; repeats" }, \
	{ "root-namespace", 0, OPT_TEXT, &(p).root_namespace, "NS", \
	  "whose policies apply in every namespace, default istio-system" }, \
	{ "path-normalization", 0, OPT_TEXT, &(p).normalization, "MODE", \
	  "NONE, BASE (default), MERGE_SLASHES or DECODE_AND_MERGE_SLASHES" }

/* The gateway's options alone; *o borrows from p.  -1: a word is wrong. */
int policy_opts_judge(const struct policy_opts *p, struct judge_options *o, struct err *e);

/*
 * The policies and the options.  *set is NULL where no path was given.  Warnings of the load go to
 * standard error, each "egret VERB: warning: ...".
 */
int policy_opts_load(const struct policy_opts *p, const char *verb, struct evidence *ev,
		     struct policy_set **set, struct judge_options *o, struct err *e);
void policy_opts_free(struct policy_opts *p);

/*
 * The gateway's options beside the policies' text, as comment lines that YAML passes over, so that a
 * stored revision can be judged again as it was; and back: what *p does not say is taken from the text.
 */
void policy_opts_remember(const struct judge_options *o, struct buf *out);
int policy_opts_recall(struct policy_opts *p, struct slice text, struct arena *a, struct err *e);

#endif
