/*
 * judge: from a flow to a decision, and from a decision to the flow's fields.
 *
 * A decision is a pointer to an `outcome`, made once and kept as long as the judge: one for each rule that
 * can decide, a few for what no rule decides, and a bounded number for unknown verdicts
 * (one for each set of missing attributes).  The cache maps attribute tuples to outcomes.
 *
 * Order (a.2): CUSTOM, DENY, ALLOW.  AUDIT and dry-run policies are never consulted
 * here; the trace shows them.
 */
#include "analyze/judge.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/judge_cache.h"
#include "analyze/judge_outcome.h"

enum { SCRATCH_MAX = 64 * 1024 * 1024 };

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct judge *judge_new(const struct policy_set *p, const struct judge_options *o, struct err *e)
{
	static const struct judge_options none;
	struct judge *j = must(calloc(1, sizeof *j));

	j->z = authz_new(p, o ? o : &none, e);
	if (!j->z) {
		free(j);
		return NULL;
	}
	j->revision = (struct slice){ (const uint8_t *)p->revision, strlen(p->revision) };
	j->cache = judge_cache_new(j->z);
	j->memo = class_memo_new();
	j->scratch = arena_new(SCRATCH_MAX);
	map_init(&j->outcomes, OUTCOMES_MAX);
	j->view = (struct view){ .z = j->z, .arena = j->scratch };
	j->view.value = must(calloc(j->z->n_vars + 1, sizeof *j->view.value));
	for (int s = 0; s < STAGES; s++) {
		uint32_t http = j->z->stage[ON_HTTP][s].n, tcp = j->z->stage[ON_TCP][s].n;
		uint32_t n = http > tcp ? http : tcp;

		j->rest.rules[s] = must(calloc((size_t)n + 1, sizeof *j->rest.rules[s]));
	}
	return j;
}

void judge_free(struct judge **j)
{
	if (!*j)
		return;
	for (int s = 0; s < STAGES; s++)
		free((*j)->rest.rules[s]);
	free((*j)->view.value);
	map_release(&(*j)->outcomes);
	judge_cache_free(&(*j)->cache);
	class_memo_free(&(*j)->memo);
	arena_free(&(*j)->scratch);
	authz_free(&(*j)->z);
	free(*j);
	*j = NULL;
}

void judge_chain_from(struct judge *j, judge_chain_of *of, void *ctx)
{
	j->chain_of = of;
	j->chain_ctx = ctx;
}

/* Given wins; then the Gateway servers; then the protocol.  0: unknown. */
uint8_t judge_chain(const struct judge *j, const struct flow *f)
{
	if (flow_has(f, F_CHAIN))
		return (uint8_t)flow_num(f, F_CHAIN);
	uint8_t c = j->chain_of ? (uint8_t)j->chain_of(j->chain_ctx, f) : 0;
	if (c || !flow_has(f, F_PROTOCOL))
		return c;
	return flow_num(f, F_PROTOCOL) == PROTOCOL_TLS || flow_num(f, F_PROTOCOL) == PROTOCOL_TCP ?
	       CHAIN_TCP : CHAIN_HTTP;
}

/* --- one chain */

struct gather {
	struct judge *j;
	const struct authz_rule *yes[STAGES];	/* the first that matches, in Envoy's order */
	const struct authz_rule *maybe[STAGES];	/* the first that may */
};

static enum tri eval(const struct judge *j, const struct authz_rule *r)
{
	if (j->some_unknown)
		return rule_eval(&j->view, r);
	return prog_run(r->prog[j->view.chain], &j->view) ? YES : NO;
}

/* Candidates may come twice; the mark tells. */
static void consider(void *ctx, struct authz_rule *r)
{
	struct gather *g = ctx;
	struct judge *j = g->j;
	const struct authz_rule **yes = &g->yes[r->stage], **maybe = &g->maybe[r->stage];
	enum tri t;

	if (r->mark == j->mark || (*yes && r->rank > (*yes)->rank && !j->some_unknown))
		return;
	r->mark = j->mark;
	t = eval(j, r);
	if (t == NO)
		return;
	if (t == YES && (!*yes || r->rank < (*yes)->rank))
		*yes = r;
	if (t == MAYBE && (!*maybe || r->rank < (*maybe)->rank))
		*maybe = r;
	if (j->some_unknown)
		j->rest.rules[r->stage][j->rest.n[r->stage]++] = r;
}

static bool some_unknown(const struct judge *j)
{
	for (uint32_t i = 0; i < j->z->n_vars; i++)
		if (j->z->vars[i]->used && j->view.value[i].state == FLOW_UNKNOWN)
			return true;
	return false;
}

/* What Kleene's logic leaves open goes to the search. */
static struct decision open_verdict(struct judge *j, const struct flow *f,
				    const struct authz_rule *custom)
{
	struct settle s;

	settle_run(&s, &j->view, f, &j->rest, j->memo, j->scratch);
	if (s.allowed != MAYBE)
		return (struct decision){ .allowed = s.allowed, .by_cases = true, .exact = true };
	j->bounded += !s.exact;
	return (struct decision){ .allowed = MAYBE, .exact = s.exact, .essential = s.essential,
				  .n_essential = s.n_essential, .custom = custom };
}

static struct decision decide_on(struct judge *j, const struct flow *f, enum chain c)
{
	struct decision d = { .allowed = NO, .exact = true };
	struct gather g = { .j = j };

	j->view.chain = c;
	j->mark++;
	memset(j->rest.n, 0, sizeof j->rest.n);
	index_candidates(j->z->index[c], &j->view, consider, &g);
	d.rule = g.yes[STAGE_BAD_CUSTOM] ? g.yes[STAGE_BAD_CUSTOM] : g.yes[STAGE_DENY];
	if (d.rule)
		return d;
	bool may_deny = g.maybe[STAGE_BAD_CUSTOM] || g.maybe[STAGE_DENY] || g.maybe[STAGE_CUSTOM];
	bool need = j->z->allow_exists && !g.yes[STAGE_ALLOW];
	if (need && !g.maybe[STAGE_ALLOW]) {
		d.by_cases = may_deny;
		return d;
	}
	if (may_deny || need)
		return open_verdict(j, f, g.maybe[STAGE_CUSTOM]);
	d.allowed = YES;
	d.rule = g.yes[STAGE_ALLOW];
	return d;
}

static const struct outcome *decide(struct judge *j, const struct flow *f, uint8_t chain,
				    struct arena *a)
{
	arena_reset(j->scratch);
	view_fill(&j->view, f);
	j->some_unknown = some_unknown(j);
	if (chain)
		return outcome_of(j, decide_on(j, f, chain == CHAIN_TCP ? ON_TCP : ON_HTTP),
				  false, a);
	struct decision http = decide_on(j, f, ON_HTTP), tcp = decide_on(j, f, ON_TCP);
	if (http.allowed == tcp.allowed && http.allowed != MAYBE) {
		http.by_cases |= http.rule != tcp.rule;
		http.rule = http.by_cases ? NULL : http.rule;
		return outcome_of(j, http, false, a);
	}
	struct decision d = { .allowed = MAYBE, .exact = http.exact && tcp.exact };
	size_t n = http.n_essential + (size_t)tcp.n_essential;
	d.essential = arena_new_array(j->scratch, struct var *, n + 1);
	for (uint32_t i = 0; d.essential && i < http.n_essential; i++)
		d.essential[d.n_essential++] = http.essential[i];
	for (uint32_t i = 0; d.essential && i < tcp.n_essential; i++)
		d.essential[d.n_essential++] = tcp.essential[i];
	return outcome_of(j, d, true, a);
}

void judge_flow(struct judge *j, struct flow *f, struct arena *a)
{
	const struct outcome *o;
	uint8_t chain = judge_chain(j, f);
	struct cache_key key;

	judge_cache_key(j->cache, f, chain, &key);
	o = judge_cache_get(j->cache, &key);
	if (!o) {
		o = decide(j, f, chain, a);
		if (o->kept)
			judge_cache_put(j->cache, &key, o);
	}
	outcome_fill(o, j->revision, f);
}

bool judge_wants_header(const struct judge *j, struct slice lower_name)
{
	return map_get(&j->z->names[VAR_HEADER - VAR_HEADER], lower_name) != NULL;
}

uint64_t judge_bounded(const struct judge *j)
{
	return j->bounded;
}

size_t judge_bytes(const struct judge *j)
{
	size_t n = arena_used(j->z->arena) + judge_cache_bytes();

	for (int c = 0; c < CHAINS; c++)
		n += index_bytes(j->z->index[c]);
	return n;
}
