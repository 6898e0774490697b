/*
 * authz_unknown: a verdict where some variables are unknown.
 *
 * Kleene's logic alone says "maybe" too often: with "allow namespace x" and "allow everything but
 * namespace x" nothing is in doubt.  So each unknown variable is given, one after the other,
 * a value of each class that the tests at hand tell apart (authz_class.c).  Variables are
 * independent, so all combinations of classes are all that can happen:
 *
 *   - few combinations: the whole table is made.  The verdict is settled if the table is
 *     constant; a variable matters if some change of it alone changes the verdict.  The
 *     variables that matter are the one smallest set that settles the verdict.
 *   - many: depth first, cut off wherever Kleene's logic settles the rest.  A bound on the work
 *     keeps it finite; past it the verdict is unknown and `exact` false.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/authz.h"

enum {
	TABLE_MAX = 4096,	/* combinations that are all looked at */
	WORK_MAX = 100000,	/* rules evaluated in one search */
	MEMO_MAX = 512,
};

enum tri residue_eval(const struct view *v, const struct residue *rest)
{
	static const enum stage_id denying[] = { STAGE_BAD_CUSTOM, STAGE_DENY, STAGE_CUSTOM };
	enum tri allow = v->z->allow_exists ? NO : YES, deny = NO, t;

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

struct job {
	struct view *v;
	const struct residue *rest;
	struct arena *arena;
	struct tests *tests;		/* by variable index */
	struct class_set *set;		/* one each variable in doubt */
	uint32_t n_sets;
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

static void add_alt(struct job *j, const struct alt *alt)
{
	for (uint32_t i = 0; i < alt->n; i++) {
		const struct cond *c = &alt->conds[i];

		for (uint32_t k = 0; c->active >> j->v->chain & 1 && k < c->n; k++)
			for (uint32_t m = 0; !c->values[k].bad && m < c->values[k].n_atoms; m++)
				add_atom(j, &c->values[k].atoms[m]);
	}
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

/* --- class sets, remembered: the same tests come again and again */

struct class_memo {
	struct map map;
	struct arena *arena;
};

struct class_memo *class_memo_new(void)
{
	struct class_memo *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	map_init(&m->map, MEMO_MAX);
	m->arena = arena_new(SIZE_MAX);
	return m;
}

void class_memo_free(struct class_memo **m)
{
	if (!*m)
		return;
	map_release(&(*m)->map);
	arena_free(&(*m)->arena);
	free(*m);
	*m = NULL;
}

/* Sets handed out live in the memo until the next search starts: it is emptied only there. */
static void memo_trim(struct class_memo *m)
{
	if (m->map.n < MEMO_MAX - 64)
		return;
	map_release(&m->map);
	map_init(&m->map, MEMO_MAX);
	arena_free(&m->arena);
	m->arena = arena_new(SIZE_MAX);
}

static const struct class_set *classes(struct class_memo *m, struct var *var,
				       const struct tests *t)
{
	struct slice key = { NULL, t->n * sizeof *t->atom };
	struct class_set *set;

	key.p = (const uint8_t *)t->atom;
	set = map_get(&m->map, key);
	if (set)
		return set;
	set = arena_new_object(m->arena, struct class_set);
	class_find(set, var, t->atom, t->n, NULL, m->arena);
	map_put(&m->map, arena_copy(m->arena, key), set);
	return set;
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

static void find_classes(struct job *j, const struct flow *f, struct class_memo *memo)
{
	struct match must;

	j->set = arena_new_array(j->arena, struct class_set, j->v->z->n_vars);
	for (uint32_t i = 0; i < j->v->z->n_vars; i++) {
		struct var *var = j->v->z->vars[i];
		const struct tests *t = &j->tests[i];

		if (!t->n)
			continue;
		struct class_set *s = &j->set[j->n_sets++];
		if (i == VAR_IDENTITY && identity_must(f, &must, j->arena))
			class_find(s, var, t->atom, t->n, &must, j->arena);
		else
			*s = *classes(memo, var, t);
		j->partial |= s->partial || !s->n;
	}
	qsort(j->set, j->n_sets, sizeof *j->set, by_size);
}

static void assign(struct job *j, uint32_t set, uint32_t class)
{
	j->v->value[j->set[set].var->index] = j->set[set].value[class];
}

static void unassign(struct job *j, uint32_t set)
{
	j->v->value[j->set[set].var->index] = (struct var_value){ .state = FLOW_UNKNOWN };
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

/* Does changing one digit of the table's index (stride, size) change anything? */
static bool matters(const uint8_t *table, uint32_t n, uint32_t stride, uint32_t size)
{
	for (uint32_t at = 0; at < n; at++)
		if (at / stride % size && table[at] != table[at - stride])
			return true;
	return false;
}

static bool by_table(struct job *j, struct settle *out)
{
	uint32_t n = combinations(j), stride = 1;
	uint8_t *table = n ? arena_bytes(j->arena, n) : NULL;
	bool some[3] = { false, false, false };

	if (!table)
		return false;
	for (uint32_t at = 0; at < n; at++) {
		for (uint32_t i = 0, rest = at; i < j->n_sets; rest /= j->set[i++].n)
			assign(j, i, rest % j->set[i].n);
		table[at] = (uint8_t)residue_eval(j->v, j->rest);
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
	enum tri t = residue_eval(j->v, j->rest);
	if (t != MAYBE || depth == j->n_sets)
		return t == want;
	for (uint32_t c = 0; c < j->set[depth].n && !found && j->work >= 0; c++) {
		assign(j, depth, c);
		found = reach(j, depth + 1, want);
	}
	unassign(j, depth);
	return found;
}

/* Some completion of the others in which this one decides. */
static bool decides(struct job *j, uint32_t depth, uint32_t which)
{
	bool found = false, some[3] = { false, false, false };
	uint32_t at = depth == which ? depth + 1 : depth;

	if (spent(j) || residue_eval(j->v, j->rest) != MAYBE)
		return false;
	if (at >= j->n_sets) {
		for (uint32_t c = 0; c < j->set[which].n && !spent(j); c++) {
			assign(j, which, c);
			some[residue_eval(j->v, j->rest)] = true;
		}
		unassign(j, which);
		return some[NO] && some[YES];
	}
	for (uint32_t c = 0; c < j->set[at].n && !found && j->work >= 0; c++) {
		assign(j, at, c);
		found = decides(j, at + 1, which);
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
		const struct residue *rest, struct class_memo *memo, struct arena *a)
{
	struct job j = { .v = v, .rest = rest, .arena = a };

	*out = (struct settle){ .exact = true };
	memo_trim(memo);
	j.tests = arena_new_array(a, struct tests, v->z->n_vars);
	for (int s = 0; s < STAGES; s++)
		for (uint32_t i = 0; i < rest->n[s]; i++)
			add_rule(&j, rest->rules[s][i]);
	find_classes(&j, f, memo);
	out->essential = arena_new_array(a, struct var *, j.n_sets + 1);
	if (j.partial || !by_table(&j, out))
		by_search(&j, out);
	for (uint32_t i = 0; i < j.n_sets; i++)
		unassign(&j, i);
}
