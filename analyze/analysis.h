/*
 * analysis - the judge and what stands around it, as one sink.
 *
 *     flows -> correlate (wire with log) -> leg -> judge -> routes -> findings -> next
 *
 * Correlation holds flows back for `settle_ns` of the flows' own time, bounded in
 * number; with one kind of evidence (wire or log alone) nothing is held back
 * or copied.  Pure apart from memory: time comes with the flows.
 */
#ifndef ANALYZE_ANALYSIS_H
#define ANALYZE_ANALYSIS_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/judge.h"
#include "analyze/policy.h"
#include "common/ip.h"
#include "schema/evidence.h"
#include "schema/flow.h"

struct analysis_options {
	struct judge_options judge;
	const char *gateway;		/* F_GATEWAY of every flow; NULL: "egress" */
	const struct ip *gateway_ips;	/* the gateway's addresses; more are learned */
	size_t n_gateway_ips;
	const struct cidr *mesh;	/* addresses of workloads; none: private ranges */
	size_t n_mesh;
	bool wire, log;			/* which evidence this run has: both = correlate */
	int64_t settle_ns;		/* 0: 30 s */
};

/* What was seen, for the summary that a person reads. */
struct analysis_count {
	uint64_t flows, legs[5], verdicts[5], outcomes[4];	/* by enum value, [0] = unset */
	uint64_t findings[FINDING_CODES];
	uint64_t joined, wire_only, log_only;
	uint64_t sidecars;		/* of joined and log_only: lines that sidecars wrote */
};

struct analysis;

/* p may be NULL: nothing was declared, flows pass with the verdict left unknown. */
struct analysis *analysis_new(const struct policy_set *p, const struct analysis_options *o,
			      struct evidence *ev, struct err *e);
void analysis_free(struct analysis **a);

/*
 * From the next flow on judge by p (which the caller keeps alive).  -1: it does not compile, the old
 * set stays in force.  After 0 the old set may be freed.
 */
int analysis_replace(struct analysis *a, const struct policy_set *p, struct err *e);

/* The sink; its finish flushes what was held back and finishes next. */
struct sink *analysis_sink(struct analysis *a, struct sink *next);

/*
 * With one kind of evidence nothing is held back: judge these where they lie instead of pushing them, their
 * new text in `text`.  The sink is then not used.
 */
void analysis_judge_batch(struct analysis *a, struct flow *flows, size_t n, struct arena *text);

/* Live: time has come to `now`; what has settled goes on. */
int analysis_tick(struct analysis *a, int64_t now, struct err *e);

/*
 * What waits longest for its other half goes on without it.  1: something did; 0: nothing waits; -1: *e.
 */
int analysis_give_up(struct analysis *a, struct err *e);

/* Some policy or route reads this request header; ctx is the analysis. */
bool analysis_wants_header(void *ctx, struct slice lower_name);
struct judge *analysis_judge(struct analysis *a);	/* NULL without policies */
const struct analysis_count *analysis_counts(const struct analysis *a);

#endif
