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

#include "analyze/match_path.h"
#include "analyze/policy.h"
#include "common/arena.h"
#include "common/buf.h"
#include "schema/flow.h"

struct label {
	struct slice key, value;
};

struct judge_options {
	const char *workload;		/* "NS,k=v,..."; NULL: the default egress gateway */
	const char *trust_domain;	/* NULL: the mesh configuration's, cluster.local */
	const char *const *aliases;
	size_t n_aliases;
	const char *root_namespace;	/* NULL: the mesh configuration's, istio-system */
	enum path_normalization paths;	/* PATH_DEFAULT: the mesh configuration's */
	bool enforce_dry_runs;		/* as if nothing were in dry run */
};

struct judge;

struct judge *judge_new(const struct policy_set *p, const struct judge_options *o, struct err *e);
void judge_free(struct judge **j);

/*
 * Are the policies asked where this flow arrived?  Where an AUTO_PASSTHROUGH server takes the connection they
 * are not (b.10).  The routes know it: route_guide, analyze/route.h.  Without them, always.
 */
enum judge_asked {
	JUDGE_ASKED,
	JUDGE_UNASKED,
	JUDGE_ASKED_BY_SNI,	/* the server name decides, and is not known */
	JUDGE_ASKED_BY_PORT,	/* the port does */
};
typedef enum judge_asked judge_asked_of(void *ctx, const struct flow *f);
void judge_asked_from(struct judge *j, judge_asked_of *of, void *ctx);

/*
 * Fill VERDICT, POLICY, RULE, ACTION, REASON, MISSING, POLICY_REVISION.  Text is put in
 * `a`, or borrowed from the judge.  POLICY is "" where none decided; it is left unknown where the
 * verdict is unknown, or settled by different rules for different values of what is unknown.
 * AUDIT rules that match, and what policies in dry run would change, are told in REASON; where enforcing the dry
 * runs would change the verdict, the finding ENF-DRYRUN-FLIP is added.
 */
void judge_flow(struct judge *j, struct flow *f, struct arena *a);
/* Several at once: the same, and faster where their tuples were not seen before. */
void judge_flows(struct judge *j, struct flow *const *f, size_t n, struct arena *a);

/*
 * The trace of judge_flow's decision: every policy, rule and condition, expected beside actual, AUDIT and dry
 * runs included.  JSON: one object { chain, nearest, policies }; docs/semantics.md.
 */
void judge_trace_json(struct judge *j, const struct flow *f, struct buf *out);
void judge_trace_text(struct judge *j, const struct flow *f, struct buf *out);

/* Headers that some loaded policy reads: capture keeps only these. */
bool judge_wants_header(const struct judge *j, struct slice lower_name);

/* Verdicts that are unknown because the search was cut off by its bounds. */
uint64_t judge_bounded(const struct judge *j);
/* Memory of the compiled policies, the index and the cache. */
size_t judge_bytes(const struct judge *j);

#endif
