/*
 * judge: from a flow to a decision, and from a decision to the flow's fields.
 *
 * A decision is a pointer to an `outcome`, made once and kept as long as the judge: one for each rule that
 * can decide, a few for what no rule decides, and a bounded number for unknown verdicts
 * (one for each set of missing attributes).  The cache maps attribute tuples to outcomes.
 *
 * Order (a.2): CUSTOM, DENY, ALLOW.  AUDIT decides nothing; it is told in the reason.  What is in dry run decides
 * nothing either: a second judge, the shadow, has it enforced, and where the two differ that is told.
 *
 * Flows go through side by side, a few at a time: one step for all of them, then the next.  With thousands of
 * rules a tuple that was never seen waits for memory, and so they wait together.
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

static void new_view(struct judge *j, struct view *v)
{
	*v = (struct view){ .z = j->z, .arena = j->scratch };
	v->value = must(calloc(j->z->n_vars + 1, sizeof *v->value));
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
	if (j->z->dry_runs) {
		struct judge_options all = o ? *o : none;

		all.enforce_dry_runs = true;
		j->shadow = judge_new(p, &all, e);
		if (!j->shadow) {
			judge_free(&j);
			return NULL;
		}
	}
	j->revision = (struct slice){ (const uint8_t *)p->revision, strlen(p->revision) };
	j->cache = judge_cache_new(j->z);
	j->memo = class_memo_new();
	j->scratch = arena_new(SCRATCH_MAX);
	map_init(&j->outcomes, OUTCOMES_MAX);
	new_view(j, &j->view);
	for (int i = 0; i < LANES; i++)
		new_view(j, &j->lane[i].view);
	for (int c = 0; c < CHAINS; c++)
		for (int s = 0; s < STAGES; s++)
			j->rest[c].rules[s] = must(calloc((size_t)j->z->stage[c][s].n + 1,
							  sizeof *j->rest[c].rules[s]));
	return j;
}

void judge_free(struct judge **j)
{
	if (!*j)
		return;
	judge_free(&(*j)->shadow);
	for (int c = 0; c < CHAINS; c++)
		for (int s = 0; s < STAGES; s++)
			free((*j)->rest[c].rules[s]);
	free((*j)->view.value);
	for (int i = 0; i < LANES; i++)
		free((*j)->lane[i].view.value);
	map_release(&(*j)->outcomes);
	judge_cache_free(&(*j)->cache);
	class_memo_free(&(*j)->memo);
	arena_free(&(*j)->scratch);
	authz_free(&(*j)->z);
	free(*j);
	*j = NULL;
}

void judge_asked_from(struct judge *j, judge_asked_of *of, void *ctx)
{
	for (; j; j = j->shadow) {
		j->asked_of = of;
		j->asked_ctx = ctx;
	}
}

static bool speaks_http(const struct flow *f)
{
	return flow_has(f, F_PROTOCOL) && flow_num(f, F_PROTOCOL) != PROTOCOL_TLS &&
	       flow_num(f, F_PROTOCOL) != PROTOCOL_TCP;
}

/* Given, or as the Gateway's servers have it (route_expect); else the protocol says.  0: unknown. */
uint8_t judge_chain(const struct flow *f)
{
	if (flow_has(f, F_CHAIN))
		return (uint8_t)flow_num(f, F_CHAIN);
	return !flow_has(f, F_PROTOCOL) ? 0 : speaks_http(f) ? CHAIN_HTTP : CHAIN_TCP;
}

/*
 * Without policies there is nothing to ask.  No AUTO_PASSTHROUGH server took what is on an HTTP chain; nor, where
 * the servers leave it open, what somebody saw to be HTTP.
 */
enum judge_asked judge_asked(const struct judge *j, const struct flow *f)
{
	if (!j->asked_of || !j->z->n)
		return JUDGE_ASKED;
	enum judge_asked asked = j->asked_of(j->asked_ctx, f);
	if (flow_num(f, F_CHAIN) == CHAIN_HTTP || (asked != JUDGE_UNASKED && speaks_http(f)))
		return JUDGE_ASKED;
	return asked;
}

/* --- one chain */

struct gather {
	struct judge *j;
	const struct lane *lane;
	const struct packed *yes[STAGES];	/* the first that matches, in Envoy's order */
	const struct packed *maybe[STAGES];	/* the first that may */
};

static enum tri eval(const struct lane *l, const struct packed *p)
{
	if (l->unknown)
		return rule_eval(&l->view, p->rule);
	return packed_run(p, &l->view) ? YES : NO;
}

/* Candidates may come twice; the mark tells. */
static void consider(void *ctx, struct packed *p)
{
	struct gather *g = ctx;
	struct judge *j = g->j;
	const struct packed **yes = &g->yes[p->stage], **maybe = &g->maybe[p->stage];
	struct residue *rest = &j->rest[g->lane->view.chain];
	enum tri t;

	if (p->mark == j->mark || (*yes && p > *yes && !g->lane->unknown))
		return;
	p->mark = j->mark;
	t = eval(g->lane, p);
	if (t == NO)
		return;
	if (t == YES && (!*yes || p < *yes))
		*yes = p;
	if (t == MAYBE && (!*maybe || p < *maybe))
		*maybe = p;
	if (g->lane->unknown && p->stage != STAGE_AUDIT)
		rest->rules[p->stage][rest->n[p->stage]++] = p->rule;
}

static var_mask unknown_vars(const struct view *v)
{
	var_mask m = 0;

	for (uint32_t i = 0; i < v->z->n_vars; i++)
		if (v->z->vars[i]->used && v->value[i].state == FLOW_UNKNOWN)
			m |= var_bit(v->z->vars[i]);
	return m;
}

/* What Kleene's logic leaves open goes to the search. */
static struct decision open_verdict(struct judge *j, struct lane *l, const struct packed *custom,
				    const struct packed *audit)
{
	struct settle s;

	settle_run(&s, &l->view, l->f, j->rest, j->memo, j->scratch);
	if (s.allowed != MAYBE)
		return (struct decision){ .allowed = s.allowed, .by_cases = true, .exact = true,
					  .audit = audit };
	j->bounded += !s.exact;
	return (struct decision){ .allowed = MAYBE, .exact = s.exact, .essential = s.essential,
				  .n_essential = s.n_essential, .custom = custom,
				  .audit = audit };
}

/* On one chain, by Kleene's logic alone.  The candidates have been fetched. */
static struct decision decide_on(struct judge *j, struct lane *l)
{
	struct decision d = { .allowed = NO, .exact = true };
	struct gather g = { .j = j, .lane = l };

	j->mark++;
	memset(j->rest[l->view.chain].n, 0, sizeof j->rest[l->view.chain].n);
	look_each(&l->look, consider, &g);
	d.audit = g.yes[STAGE_AUDIT];
	d.rule = g.yes[STAGE_BAD_CUSTOM] ? g.yes[STAGE_BAD_CUSTOM] : g.yes[STAGE_DENY];
	if (d.rule)
		return d;
	bool may_deny = g.maybe[STAGE_BAD_CUSTOM] || g.maybe[STAGE_DENY] || g.maybe[STAGE_CUSTOM];
	enum tri exists = allow_exists(&l->view);
	bool need = exists != NO && !g.yes[STAGE_ALLOW];
	if (exists == YES && need && !g.maybe[STAGE_ALLOW]) {
		d.by_cases = may_deny;
		return d;
	}
	d.allowed = may_deny || need ? MAYBE : YES;
	d.custom = g.maybe[STAGE_CUSTOM];
	d.rule = d.allowed == YES ? g.yes[STAGE_ALLOW] : NULL;
	return d;
}

static void begin_on(struct judge *j, struct lane *l, enum chain c)
{
	var_mask chain_bit = var_bit(j->z->vars[VAR_CHAIN]);

	l->view.chain = c;
	look_begin(&l->look, j->z->index[c], &l->view, l->unknown & ~chain_bit);
}

static struct decision decide_whole(struct judge *j, struct lane *l, enum chain c)
{
	begin_on(j, l, c);
	look_fetch(&l->look);
	return decide_on(j, l);
}

/* Nobody knows the chain: both are tried. */
static struct decision decide_both(struct judge *j, struct lane *l)
{
	struct decision http = decide_whole(j, l, ON_HTTP), tcp = decide_whole(j, l, ON_TCP);

	if (!http.audit || !tcp.audit || http.audit->rule != tcp.audit->rule)
		http.audit = NULL;	/* on one of the chains, or differently */
	if (http.allowed != tcp.allowed || http.allowed == MAYBE)
		return open_verdict(j, l, http.custom ? http.custom : tcp.custom, http.audit);
	http.by_cases |= tcp.by_cases || (http.rule ? http.rule->rule : NULL) !=
					 (tcp.rule ? tcp.rule->rule : NULL);
	http.rule = http.by_cases ? NULL : http.rule;
	return http;
}

static struct decision decide(struct judge *j, struct lane *l)
{
	struct decision d;

	if (!l->chain)
		return decide_both(j, l);
	d = decide_on(j, l);
	return d.allowed == MAYBE ? open_verdict(j, l, d.custom, d.audit) : d;
}

/* Whether a policy is asked at all hangs on an attribute that nobody knows. */
static struct decision perhaps_asked(struct judge *j, const struct lane *l, struct decision d)
{
	struct var *by = j->z->vars[l->asked == JUDGE_ASKED_BY_SNI ? VAR_SNI : VAR_DESTINATION_PORT];
	uint32_t n = d.allowed == MAYBE ? d.n_essential : 0;
	struct var **all = must(arena_alloc(j->scratch, (n + 1) * sizeof *all));

	for (uint32_t i = 0; i < n; i++)
		all[i] = d.essential[i];
	all[n] = by;
	return (struct decision){ .allowed = MAYBE, .exact = d.allowed != MAYBE || d.exact,
				  .essential = all, .n_essential = n + 1, .custom = d.custom,
				  .audit = d.audit, .perhaps_asked = true };
}

/* --- several flows */

static void begin(struct judge *j, struct lane *l)
{
	l->outcome = l->asked == JUDGE_UNASKED ? outcome_unasked(j)
					       : judge_cache_get(j->cache, &l->key);
	if (l->outcome)
		return;
	view_fill(&l->view, l->f);
	l->view.value[VAR_CHAIN] = (struct var_value){
		.state = l->chain ? FLOW_PRESENT : FLOW_UNKNOWN,
		.port = l->chain == CHAIN_TCP ? ON_TCP : ON_HTTP };
	l->unknown = unknown_vars(&l->view);
	if (l->chain)
		begin_on(j, l, l->chain == CHAIN_TCP ? ON_TCP : ON_HTTP);
	else
		l->unknown |= var_bit(j->z->vars[VAR_CHAIN]);
}

static void conclude(struct judge *j, struct lane *l, const struct outcome *shadow,
		     struct arena *a)
{
	struct decision d = decide(j, l);

	if (l->asked != JUDGE_ASKED)
		d = perhaps_asked(j, l, d);
	l->outcome = outcome_of(j, d, a);
	if (d.audit || shadow)
		l->outcome = outcome_with(j, l->outcome, d.audit, shadow, a);
	if (l->outcome->kept)
		judge_cache_put(j->cache, &l->key, l->outcome);
}

static void settle(struct judge *j, struct flow *const *f, size_t n, struct arena *a);

/* What is not cached, judged with the dry runs enforced: the shadow's lanes have it, in order. */
static void settle_shadow(struct judge *j, size_t n, struct arena *a)
{
	struct flow *f[LANES];
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (!j->lane[i].outcome)
			f[m++] = j->lane[i].f;
	settle(j->shadow, f, m, a);
}

static void settle(struct judge *j, struct flow *const *f, size_t n, struct arena *a)
{
	const struct lane *shadow = j->shadow ? j->shadow->lane : NULL;

	arena_reset(j->scratch);
	for (size_t i = 0; i < n; i++) {
		struct lane *l = &j->lane[i];

		l->f = f[i];
		l->chain = judge_chain(f[i]);
		l->asked = judge_asked(j, f[i]);
		judge_cache_key(j->cache, f[i], l->chain, l->asked, &l->key);
	}
	for (size_t i = 0; i < n; i++)
		begin(j, &j->lane[i]);
	for (size_t i = 0; i < n; i++)
		if (!j->lane[i].outcome && j->lane[i].chain)
			look_fetch(&j->lane[i].look);
	if (shadow)
		settle_shadow(j, n, a);
	for (size_t i = 0; i < n; i++)
		if (!j->lane[i].outcome)
			conclude(j, &j->lane[i], shadow ? (shadow++)->outcome : NULL, a);
}

static void side_by_side(struct judge *j, struct flow *const *f, size_t n, struct arena *a)
{
	settle(j, f, n, a);
	for (size_t i = 0; i < n; i++)
		outcome_fill(j->lane[i].outcome, j->revision, f[i], a);
}

void judge_flows(struct judge *j, struct flow *const *f, size_t n, struct arena *a)
{
	for (size_t at = 0; at < n; at += LANES)
		side_by_side(j, f + at, n - at < LANES ? n - at : LANES, a);
}

void judge_flow(struct judge *j, struct flow *f, struct arena *a)
{
	side_by_side(j, &f, 1, a);
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
	size_t n = arena_used(j->z->arena) + judge_cache_bytes(j->cache);

	n += j->shadow ? judge_bytes(j->shadow) : 0;

	for (int c = 0; c < CHAINS; c++)
		n += index_bytes(j->z->index[c]) + j->z->pack[c].bytes;
	return n;
}
