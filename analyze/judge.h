/*
 * judge - what Istio would have said about a flow, or `unknown` and why.
 *
 * Compiles the AuthorizationPolicies that apply to one workload (the gateway)
 * into a decision structure, and judges flows by it.  Three-valued:
 * `unknown` only where the unknown attributes could flip the verdict.
 * Semantics: docs/semantics.md.
 *
 * The judge keeps a cache of decisions by attribute tuple; one judge a thread.
 */
#ifndef ANALYZE_JUDGE_H
#define ANALYZE_JUDGE_H

#include "analyze/policy.h"
#include "common/arena.h"
#include "common/buf.h"
#include "schema/flow.h"

struct label {
	struct slice key, value;
};

enum path_normalization { PATH_NONE, PATH_BASE, PATH_MERGE_SLASHES, PATH_DECODE_AND_MERGE };

struct judge_options {
	const char *workload;		/* "NS,k=v,..."; NULL: the default egress gateway */
	const char *trust_domain;	/* NULL: cluster.local */
	const char *const *aliases;
	size_t n_aliases;
	const char *root_namespace;	/* NULL: istio-system */
	enum path_normalization paths;	/* PATH_BASE unless set */
};

struct judge;

struct judge *judge_new(const struct policy_set *p, const struct judge_options *o, struct err *e);
void judge_free(struct judge **j);

/*
 * Fill VERDICT, POLICY, RULE, ACTION, REASON, MISSING, POLICY_REVISION.  Text is put in
 * `a`, or borrowed from the judge.
 */
void judge_flow(struct judge *j, struct flow *f, struct arena *a);

/* The trace of judge_flow's decision: every policy, rule and condition, expected beside actual. */
void judge_trace_json(struct judge *j, const struct flow *f, struct buf *out);
void judge_trace_text(struct judge *j, const struct flow *f, struct buf *out);

/* Headers and claims that some loaded policy reads: capture keeps only these. */
bool judge_wants_header(const struct judge *j, struct slice lower_name);

#endif
