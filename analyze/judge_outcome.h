/*
 * judge_outcome - decisions in words, made once and kept (private to the judge).
 */
#ifndef ANALYZE_JUDGE_OUTCOME_H
#define ANALYZE_JUDGE_OUTCOME_H

#include "analyze/authz.h"
#include "analyze/judge_cache.h"

enum { OUTCOMES_MAX = 4096 };

/* A verdict with more to say. */
struct full_outcome {
	struct outcome outcome;
	struct slice missing;		/* JSON, when unknown */
	struct slice flip;		/* ENF-DRYRUN-FLIP's sentence; empty: no such finding */
};

/* One of several flows that are judged side by side. */
struct lane {
	struct flow *f;
	uint8_t chain;			/* CHAIN_*, 0: unknown */
	enum judge_asked asked;
	struct cache_key key;
	const struct outcome *outcome;	/* NULL: not yet */
	struct view view;
	var_mask unknown;
	struct look look;
};

enum { LANES = 8 };

struct judge {
	struct authz *z;
	struct judge *shadow;		/* with the dry runs enforced; NULL: there are none */
	struct judge_cache *cache;
	struct class_memo *memo;
	struct arena *scratch;		/* of the flows in the lanes */
	struct lane lane[LANES];
	struct view view;		/* for the trace */
	struct residue rest[CHAINS];
	uint32_t mark;
	struct slice revision;
	struct map outcomes;		/* unknown and by-cases verdicts, by what they hang on */
	const struct outcome *fixed[5];	/* none, unasked, allowed without ALLOW, implicit deny, by cases */
	uint64_t bounded;
	judge_asked_of *asked_of;
	void *asked_ctx;
};

/* CHAIN_HTTP, CHAIN_TCP; 0: unknown. */
uint8_t judge_chain(const struct flow *f);
enum judge_asked judge_asked(const struct judge *j, const struct flow *f);

/* What one chain's evaluation came to. */
struct decision {
	enum tri allowed;
	bool by_cases;			/* settled, but by different rules */
	bool exact;			/* MAYBE is proven */
	bool perhaps_asked;		/* MAYBE: for all we know no policy is asked */
	const struct packed *rule;	/* that decides; NULL: none alone */
	const struct packed *custom;	/* MAYBE: the CUSTOM rule that may ask its provider */
	const struct packed *audit;	/* the AUDIT rule that matches */
	struct var **essential;
	uint32_t n_essential;
};

/* b.10: the verdict where Istio asks nothing. */
const struct outcome *outcome_unasked(struct judge *j);
/* Kept by the judge, or, past OUTCOMES_MAX, in `a`. */
const struct outcome *outcome_of(struct judge *j, struct decision d, struct arena *a);
/* The same with what AUDIT (may be NULL) and the dry runs (may be NULL) say. */
const struct outcome *outcome_with(struct judge *j, const struct outcome *o,
				   const struct packed *audit, const struct outcome *shadow,
				   struct arena *a);
void outcome_fill(const struct outcome *o, struct slice revision, struct flow *f, struct arena *a);

#endif
