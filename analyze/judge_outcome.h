/*
 * judge_outcome - decisions in words, made once and kept (private to the judge).
 */
#ifndef ANALYZE_JUDGE_OUTCOME_H
#define ANALYZE_JUDGE_OUTCOME_H

#include "analyze/authz.h"
#include "analyze/judge_cache.h"

enum { OUTCOMES_MAX = 4096 };

/* An unknown verdict. */
struct open_outcome {
	struct outcome outcome;
	struct slice missing;		/* JSON */
};

/* One of several flows that are judged side by side. */
struct lane {
	struct flow *f;
	uint8_t chain;			/* CHAIN_*, 0: unknown */
	struct cache_key key;
	const struct outcome *outcome;	/* NULL: not yet */
	struct view view;
	var_mask unknown;
	struct look look;
};

enum { LANES = 8 };

struct judge {
	struct authz *z;
	struct judge_cache *cache;
	struct class_memo *memo;
	struct arena *scratch;		/* of the flows in the lanes */
	struct lane lane[LANES];
	struct view view;		/* for the trace */
	struct residue rest[CHAINS];
	uint32_t mark;
	struct slice revision;
	struct map outcomes;		/* unknown and by-cases verdicts, by what they hang on */
	const struct outcome *fixed[4];	/* none, allowed without ALLOW, implicit deny, by cases */
	uint64_t bounded;
	judge_chain_of *chain_of;
	void *chain_ctx;
};

/* CHAIN_HTTP, CHAIN_TCP; 0: unknown. */
uint8_t judge_chain(const struct judge *j, const struct flow *f);

/* What one chain's evaluation came to. */
struct decision {
	enum tri allowed;
	bool by_cases;			/* settled, but by different rules */
	bool exact;			/* MAYBE is proven */
	const struct packed *rule;	/* that decides; NULL: none alone */
	const struct packed *custom;	/* MAYBE: the CUSTOM rule that may ask its provider */
	struct var **essential;
	uint32_t n_essential;
};

/* Kept by the judge, or, past OUTCOMES_MAX, in `a`. */
const struct outcome *outcome_of(struct judge *j, struct decision d, struct arena *a);
void outcome_fill(const struct outcome *o, struct slice revision, struct flow *f);

#endif
