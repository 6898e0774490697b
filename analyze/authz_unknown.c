/*
 * authz_unknown: a verdict where some variables are unknown.
 *
 * Kleene's logic alone says "maybe" too often: with "allow namespace x" and "allow everything but
 * namespace x" nothing is in doubt.  So each unknown variable is given, one after the other,
 * a value of each class that the tests at hand tell apart (authz_class.c).  Which chain takes the
 * flow is a variable like the others, with two values.
 *
 * Variables are independent but for claims inside one another: where claims[a][b] is there claims[a] is an object,
 * and no test takes objects.  So of two such claims one at most matches anything; combinations in
 * which both do are left out.  All others can happen:
 *
 *   - few combinations: the whole table is made.  The verdict is settled if the table is
 *     constant; a variable matters if some change of it alone changes the verdict.  The
 *     variables that matter are the one smallest set that settles the verdict.  (A claim can always be made
 *     to match nothing, so whatever can happen is linked by changes of single variables.)
 *   - many: depth first, cut off wherever Kleene's logic settles the rest.  A bound on the work
 *     keeps it finite; past it the verdict is unknown and `exact` false.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/authz.h"

enum {
	TABLE_MAX = 4096,	/* combinations that are all looked at */
	WORK_MAX = 100000,	/* rules evaluated in one search */
};

/* The verdict as far as `v` settles it: YES allowed, NO denied. */
static enum tri residue_eval(const struct view *v, const struct residue *rest)
{
	static const enum stage_id denying[] = { STAGE_BAD_CUSTOM, STAGE_DENY, STAGE_CUSTOM };
	enum tri allow = tri_not(allow_exists(v)), deny = NO, t;

	for (size_t s = 0; s < sizeof denying / sizeof *denying; s++)
		for (uint32_t i = 0; i < rest->n[denying[s]]; i++) {
			t = rule_eval(v, rest->rules[denying[s]][i]);
			if (t == YES)
				return NO;
			deny = t > deny ? t : deny;
		}
	for (uint32_t i = 0; i < rest->n[STAGE_ALLOW] && allow != YES; i++) {
		t = rule_eval(v, rest->rules[STAGE_ALLOW][i]);
		allow = t > allow ? t : allow;
	}
	return tri_not(deny) < allow ? tri_not(deny) : allow;
}

/* --- which variables are in doubt, and the tests on each */

struct tests {
	const struct atom **atom;
	uint32_t n, room;
};

/* Two variables of which one at most matches anything. */
struct rivals {
	uint32_t a, b;			/* sets */
};

struct job {
	struct view *v;
	const struct residue *rest;	/* by chain */
	struct arena *arena;
	struct tests *tests;		/* by variable index */
	struct class_set *set;		/* one each variable in doubt */
	uint32_t n_sets;
	const bool **hit;		/* by set: of the value that it has now; NULL: none */
	struct rivals *rivals;
	uint32_t n_rivals;
	uint32_t n_rules;
	int64_t work;			/* left */
	bool partial;
};

static bool same_atom(const struct atom *a, const struct atom *b)
{
	if (a->type != b->type || a->on_text != b->on_text || a->on_list != b->on_list ||
	    a->no_query != b->no_query)
		return false;
	if (a->type == ATOM_PORT)
		return a->port == b->port;
	if (a->type == ATOM_CIDR)
		return a->v6 == b->v6 && a->cidr.bits == b->cidr.bits &&
		       ip_eq(&a->cidr.net, &b->cidr.net);
	return a->match.kind == b->match.kind && a->match.fold == b->match.fold &&
	       slice_eq(a->match.text, b->match.text) && a->match.n_items == b->match.n_items &&
	       (!a->match.n_items || !memcmp(a->match.item, b->match.item,
					     a->match.n_items * sizeof *a->match.item));
}

enum { TESTS_MAX = 512 };

static void add_atom(struct job *j, const struct atom *a)
{
	struct tests *t = &j->tests[a->var->index];

	if (j->v->value[a->var->index].state != FLOW_UNKNOWN)
		return;
	if (t->n == TESTS_MAX) {	/* one more or the same again: no longer looked at */
		j->partial = true;
		return;
	}
	for (uint32_t i = 0; i < t->n; i++)
		if (same_atom(t->atom[i], a))
			return;
	if (t->n == t->room) {
		uint32_t room = t->room ? 2 * t->room : 8;
		const struct atom **more = arena_new_array(j->arena, const struct atom *, room);

		if (t->n)
			memcpy(more, t->atom, t->n * sizeof *more);
		t->atom = more;
		t->room = room;
	}
	t->atom[t->n++] = a;
}

static void add_cond(struct job *j, const struct cond *c)
{
	for (uint32_t k = 0; c->active >> j->v->chain & 1 && k < c->n; k++)
		for (uint32_t m = 0; !c->values[k].bad && m < c->values[k].n_atoms; m++)
			add_atom(j, &c->values[k].atoms[m]);
}

static void add_alt(struct job *j, const struct alt *alt)
{
	for (uint32_t i = 0; i < alt->n; i++)
		add_cond(j, &alt->conds[i]);
}

static void add_rule(struct job *j, const struct authz_rule *r)
{
	add_alt(j, &r->when);
	for (uint32_t i = 0; i < r->n_from; i++)
		add_alt(j, &r->from[i]);
	for (uint32_t i = 0; i < r->n_to; i++)
		add_alt(j, &r->to[i]);
	j->n_rules++;
}

/* --- what is known of an identity that is not known as a whole */

static void put_part(struct glob_item *item, uint32_t *n, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		item[(*n)++] = (struct glob_item){ GLOB_BYTE, s.p[i], false };
	if (s.n)
		return;
	item[(*n)++] = (struct glob_item){ GLOB_NO_SLASH, 0, false };
	item[(*n)++] = (struct glob_item){ GLOB_NO_SLASH, 0, true };
}

static bool identity_must(const struct flow *f, struct match *m, struct arena *a)
{
	struct slice td = flow_text(f, F_SOURCE_TRUST_DOMAIN);
	struct slice ns = flow_text(f, F_SOURCE_NAMESPACE);
	struct slice sa = flow_text(f, F_SOURCE_SERVICE_ACCOUNT);
	size_t most = td.n + ns.n + sa.n + 32;
	struct glob_item *item;

	if ((!td.n && !ns.n && !sa.n) || most > GLOB_ITEMS_MAX)
		return false;
	item = arena_new_array(a, struct glob_item, most);
	*m = (struct match){ .kind = MATCH_GLOB, .item = item };
	if (!item)
		return false;
	put_part(item, &m->n_items, SLICE("spiffe://"));
	put_part(item, &m->n_items, td);
	put_part(item, &m->n_items, SLICE("/ns/"));
	put_part(item, &m->n_items, ns);
	put_part(item, &m->n_items, SLICE("/sa/"));
	put_part(item, &m->n_items, sa);
	return true;
}

static int by_size(const void *pa, const void *pb)
{
	const struct class_set *a = pa, *b = pb;

	return (a->n > b->n) - (a->n < b->n);
}

/* --- claims inside one another */

/* claims[a] of claims[a][b]. */
static bool holds(const struct var *outer, const struct var *inner)
{
	if (outer->source != VAR_CLAIM || inner->source != VAR_CLAIM ||
	    outer->n_parts >= inner->n_parts)
		return false;
	for (uint8_t i = 0; i < outer->n_parts; i++)
		if (!slice_eq(outer->part[i], inner->part[i]))
			return false;
	return outer->n_parts > 0;
}

/* An outer claim is known as such, so it is no object: then the inner one is not there. */
static bool shut_out(const struct view *v, const struct var *inner)
{
	const struct var *outer = NULL;

	if (inner->source == VAR_CLAIM && inner->n_parts)
		outer = map_get(&v->z->names[VAR_CLAIM - VAR_HEADER], inner->part[0]);
	for (; outer; outer = outer->next)
		if (v->value[outer->index].state != FLOW_UNKNOWN && holds(outer, inner))
			return true;
	return false;
}

static void drop_hits(struct class_set *s, struct arena *a)
{
	const struct class_set all = *s;

	s->value = arena_new_array(a, struct var_value, all.n + 1);
	s->hits = arena_new_array(a, bool, all.n + 1);
	s->n = 0;
	for (uint32_t i = 0; i < all.n; i++)
		if (!all.hits[i])
			s->value[s->n++] = all.value[i];
}

static bool inside(const struct class_set *s)
{
	return s->var->source == VAR_CLAIM;
}

static void find_rivals(struct job *j)
{
	uint32_t n = 0;

	for (int pass = 0; pass < 2; pass++) {
		if (pass)
			j->rivals = arena_new_array(j->arena, struct rivals, n + 1);
		for (uint32_t a = 0; a < j->n_sets; a++)
			for (uint32_t b = 0; inside(&j->set[a]) && b < j->n_sets; b++) {
				if (!holds(j->set[a].var, j->set[b].var))
					continue;
				if (pass)
					j->rivals[j->n_rivals++] = (struct rivals){ a, b };
				n += !pass;
			}
	}
}

/* With the value that set has now: can it be? */
static bool fits(const struct job *j, uint32_t set)
{
	if (!j->hit[set] || !*j->hit[set])
		return true;
	for (uint32_t i = 0; i < j->n_rivals; i++) {
		const struct rivals *r = &j->rivals[i];
		uint32_t other = r->a == set ? r->b : r->a;

		if ((r->a == set || r->b == set) && j->hit[other] && *j->hit[other])
			return false;
	}
	return true;
}

/* --- the variables in doubt, each with its values */

static void chain_set(struct job *j)
{
	struct class_set *s = &j->set[j->n_sets++];

	*s = (struct class_set){ .var = j->v->z->vars[VAR_CHAIN], .n = CHAINS };
	s->value = arena_new_array(j->arena, struct var_value, CHAINS);
	s->hits = arena_new_array(j->arena, bool, CHAINS);
	for (int c = 0; c < CHAINS; c++)
		s->value[c] = (struct var_value){ .state = FLOW_PRESENT, .port = c };
}

static void find_classes(struct job *j, const struct flow *f, struct class_memo *memo)
{
	struct match must;

	j->set = arena_new_array(j->arena, struct class_set, j->v->z->n_vars);
	j->hit = arena_new_array(j->arena, const bool *, j->v->z->n_vars);
	for (uint32_t i = 0; i < j->v->z->n_vars; i++) {
		struct var *var = j->v->z->vars[i];
		const struct tests *t = &j->tests[i];

		if (!t->n)
			continue;
		struct class_set *s = &j->set[j->n_sets++];
		if (i == VAR_IDENTITY && identity_must(f, &must, j->arena))
			class_find(s, var, t->atom, t->n, &must, j->arena);
		else
			*s = *class_get(memo, var, t->atom, t->n);
		if (shut_out(j->v, var))
			drop_hits(s, j->arena);
		j->partial |= s->partial || !s->n;
	}
	if (j->v->value[VAR_CHAIN].state == FLOW_UNKNOWN)
		chain_set(j);
	qsort(j->set, j->n_sets, sizeof *j->set, by_size);
	find_rivals(j);
}

static void assign(struct job *j, uint32_t set, uint32_t class)
{
	j->v->value[j->set[set].var->index] = j->set[set].value[class];
	j->hit[set] = &j->set[set].hits[class];
}

static void unassign(struct job *j, uint32_t set)
{
	j->v->value[j->set[set].var->index] = (struct var_value){ .state = FLOW_UNKNOWN };
	j->hit[set] = NULL;
}

static enum tri eval_on(struct job *j, enum chain c)
{
	j->v->chain = c;
	return residue_eval(j->v, &j->rest[c]);
}

static enum tri eval(struct job *j)
{
	const struct var_value *chain = &j->v->value[VAR_CHAIN];

	if (chain->state != FLOW_UNKNOWN)
		return eval_on(j, (enum chain)chain->port);
	enum tri http = eval_on(j, ON_HTTP);
	return http == MAYBE || http == eval_on(j, ON_TCP) ? http : MAYBE;
}

/* --- few combinations: the table */

static uint32_t combinations(const struct job *j)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < j->n_sets; i++) {
		if (!j->set[i].n || n > TABLE_MAX / j->set[i].n)
			return 0;
		n *= j->set[i].n;
	}
	return n;
}

enum { CANNOT_BE = 3 };

/* Does changing one digit of the table's index (stride, size) alone change anything? */
static bool matters(const uint8_t *table, uint32_t n, uint32_t stride, uint32_t size)
{
	for (uint32_t at = 0; at < n; at++) {
		uint8_t first = CANNOT_BE;

		for (uint32_t d = 0; at / stride % size == 0 && d < size; d++) {
			uint8_t t = table[at + d * stride];

			if (t != CANNOT_BE && first != CANNOT_BE && t != first)
				return true;
			first = first == CANNOT_BE ? t : first;
		}
	}
	return false;
}

static bool assign_all(struct job *j, uint32_t at)
{
	bool can_be = true;

	for (uint32_t i = 0; i < j->n_sets; at /= j->set[i++].n)
		assign(j, i, at % j->set[i].n);
	for (uint32_t i = 0; j->n_rivals && i < j->n_sets; i++)
		can_be &= fits(j, i);
	return can_be;
}

static bool by_table(struct job *j, struct settle *out)
{
	uint32_t n = combinations(j), stride = 1;
	uint8_t *table = n ? arena_bytes(j->arena, n) : NULL;
	bool some[CANNOT_BE + 1] = { false };

	if (!table)
		return false;
	for (uint32_t at = 0; at < n; at++) {
		table[at] = assign_all(j, at) ? (uint8_t)eval(j) : CANNOT_BE;
		some[table[at]] = true;
	}
	out->allowed = some[NO] && some[YES] ? MAYBE : some[YES] ? YES : NO;
	for (uint32_t i = 0; i < j->n_sets; stride *= j->set[i++].n)
		if (matters(table, n, stride, j->set[i].n))
			out->essential[out->n_essential++] = j->set[i].var;
	return true;
}

/* --- many: depth first */

static bool spent(struct job *j)
{
	j->work -= j->n_rules;
	return j->work < 0;
}

/* Is there a completion with this verdict?  False with work < 0: not found, not excluded. */
static bool reach(struct job *j, uint32_t depth, enum tri want)
{
	bool found = false;

	if (spent(j))
		return false;
	enum tri t = eval(j);
	if (t != MAYBE || depth == j->n_sets)
		return t == want;
	for (uint32_t c = 0; c < j->set[depth].n && !found && j->work >= 0; c++) {
		assign(j, depth, c);
		found = fits(j, depth) && reach(j, depth + 1, want);
	}
	unassign(j, depth);
	return found;
}

/* Some completion of the others in which this one decides. */
static bool decides(struct job *j, uint32_t depth, uint32_t which)
{
	bool found = false, some[3] = { false, false, false };
	uint32_t at = depth == which ? depth + 1 : depth;

	if (spent(j) || eval(j) != MAYBE)
		return false;
	if (at >= j->n_sets) {
		for (uint32_t c = 0; c < j->set[which].n && !spent(j); c++) {
			assign(j, which, c);
			if (fits(j, which))
				some[eval(j)] = true;
		}
		unassign(j, which);
		return some[NO] && some[YES];
	}
	for (uint32_t c = 0; c < j->set[at].n && !found && j->work >= 0; c++) {
		assign(j, at, c);
		found = fits(j, at) && decides(j, at + 1, which);
	}
	unassign(j, at);
	return found;
}

static void by_search(struct job *j, struct settle *out)
{
	bool can[3] = { false, false, false }, whole = !j->partial;

	for (int want = NO; want <= YES; want += YES - NO) {
		j->work = WORK_MAX;
		can[want] = reach(j, 0, (enum tri)want);
		whole &= can[want] || j->work >= 0;
	}
	if (!(can[NO] && can[YES]) && whole) {
		out->allowed = can[YES] ? YES : NO;
		return;
	}
	out->allowed = MAYBE;
	out->exact = can[NO] && can[YES];
	for (uint32_t i = 0; i < j->n_sets; i++) {
		j->work = WORK_MAX;
		if (decides(j, 0, i) || j->work < 0 || j->partial)
			out->essential[out->n_essential++] = j->set[i].var;
	}
}

void settle_run(struct settle *out, struct view *v, const struct flow *f,
		const struct residue rest[CHAINS], struct class_memo *memo, struct arena *a)
{
	const struct var_value *chain = &v->value[VAR_CHAIN];
	bool both = chain->state == FLOW_UNKNOWN;
	struct job j = { .v = v, .rest = rest, .arena = a };

	*out = (struct settle){ .exact = true };
	class_memo_trim(memo);
	j.tests = arena_new_array(a, struct tests, v->z->n_vars);
	for (int c = 0; c < CHAINS; c++) {
		v->chain = (enum chain)c;
		for (int s = 0; (both || chain->port == c) && s < STAGES; s++)
			for (uint32_t i = 0; i < rest[c].n[s]; i++)
				add_rule(&j, rest[c].rules[s][i]);
	}
	for (uint32_t i = 0; i < v->z->n_allow_only; i++)
		add_cond(&j, v->z->allow_only[i]);
	find_classes(&j, f, memo);
	out->essential = arena_new_array(a, struct var *, j.n_sets + 1);
	if (j.partial || !by_table(&j, out))
		by_search(&j, out);
	for (uint32_t i = 0; i < j.n_sets; i++)
		unassign(&j, i);
}
