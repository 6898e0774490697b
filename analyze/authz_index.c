/*
 * authz_index: which rules may match, found by a value that they need.
 *
 * A rule can match only where one of the values of some positive condition does.  Of a rule's
 * conditions that can be looked up (exact text, prefix, suffix, namespace, service account,
 * CIDR block, port), the one whose values are rarest among all rules is taken; the rule is
 * posted under each of its values.  A flow looks its own values up and gets few rules
 * however many policies there are.  Rules with no such condition are candidates always.
 *
 * A variable that is unknown leads nowhere, so rules are posted anew without it: a variant of the index for each
 * set of unknown variables that occurs.  What a tap or a log does not see is always the same
 * few; past a dozen sets all rules are candidates, which is slow and right.
 *
 * Keys are 32-bit hashes: values that collide share a slot, which only makes one candidate more.  A slot is
 * eight bytes, so that the table of ten thousand rules stays in the cache.
 */
#include "analyze/authz_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/huge.h"
#include "common/lower.h"

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* One value's way into the index. */
struct hint {
	enum hint_type type;
	const struct atom *atom;
	struct slice text;
	uint32_t length;
};

static bool atom_hint(const struct atom *a, struct hint *h)
{
	static const enum hint_type type[] = { [MATCH_EXACT] = HINT_EXACT,
		[MATCH_PREFIX] = HINT_PREFIX, [MATCH_SUFFIX] = HINT_SUFFIX,
		[MATCH_GLOB] = HINT_SUFFIX };

	*h = (struct hint){ .atom = a, .text = a->match.text };
	if (a->type == ATOM_PORT) {
		h->type = HINT_PORT;
		h->text = (struct slice){ (const uint8_t *)&a->port, sizeof a->port };
		return true;
	}
	if (a->type == ATOM_CIDR) {
		h->type = HINT_CIDR;
		h->text = (struct slice){ a->cidr.net.b, sizeof a->cidr.net.b };
		h->length = a->cidr.bits;
		return true;
	}
	if (a->match.kind < MATCH_EXACT || (a->match.kind != MATCH_EXACT && !a->match.text.n))
		return false;
	h->type = type[a->match.kind];
	h->length = h->type == HINT_EXACT ? 0 : (uint32_t)a->match.text.n;
	return true;
}

/* Call `each` for the hints of one value.  False: it has none. */
static bool value_hints(const struct value *v, void (*each)(void *ctx, const struct hint *h),
			void *ctx)
{
	struct hint h;

	if (v->hinted) {
		h = (struct hint){ .type = v->hint_type, .atom = v->atoms, .text = v->hint };
		if (each)
			each(ctx, &h);
		return true;
	}
	for (uint32_t i = 0; i < v->n_atoms; i++)
		if (!atom_hint(&v->atoms[i], &h) && !v->all)
			return false;
	for (uint32_t i = 0; i < v->n_atoms; i++) {
		if (!atom_hint(&v->atoms[i], &h))
			continue;
		if (each)
			each(ctx, &h);
		if (v->all)	/* one of several that must all match is enough */
			return true;
	}
	return !v->all;
}

static bool cond_hints(const struct cond *c, void (*each)(void *ctx, const struct hint *h),
		       void *ctx)
{
	if (c->negate)
		return false;
	for (uint32_t i = 0; i < c->n; i++)
		if (!c->values[i].bad && !value_hints(&c->values[i], NULL, NULL))
			return false;
	for (uint32_t i = 0; each && i < c->n; i++)
		if (!c->values[i].bad)
			value_hints(&c->values[i], each, ctx);
	return true;
}

static bool fold_of(const struct hint *h)
{
	return h->atom->type == ATOM_TEXT && h->atom->match.fold;
}

static struct group *group_of(struct variant *x, const struct hint *h)
{
	for (uint32_t i = 0; i < x->n_groups; i++) {
		struct group *g = &x->group[i];

		if (g->var == h->atom->var && g->type == h->type && g->fold == fold_of(h) &&
		    g->no_query == h->atom->no_query)
			return g;
	}
	if (x->n_groups == x->room_groups) {
		x->room_groups = x->room_groups ? 2 * x->room_groups : 8;
		x->group = must(realloc(x->group, x->room_groups * sizeof *x->group));
	}
	struct group *g = &x->group[x->n_groups++];
	*g = (struct group){ .var = h->atom->var, .type = h->type, .fold = fold_of(h),
			     .no_query = h->atom->no_query };
	return g;
}

enum { FOLD_MAX = 1024 };

uint32_t index_key(const struct variant *x, const struct group *g, struct slice s)
{
	uint64_t salt = (uint64_t)(g - x->group + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint8_t low[FOLD_MAX];

	if (g->fold) {
		size_t n = s.n < sizeof low ? s.n : sizeof low;

		lower_copy(low, s.p, n);
		s = (struct slice){ low, n };
	}
	return (uint32_t)((hash_bytes(s) ^ salt) >> 32);
}

/* --- building */

struct posting {
	uint32_t key;
	pack_place at;
};

/* How often a key occurs among all hints. */
struct counter {
	uint32_t key, n;		/* n 0: empty */
};

struct builder {
	const struct authz_index *ix;
	struct variant *x;
	struct counter *count;
	size_t counters;		/* a power of two */
	size_t n_hints;
	uint64_t cost;
	pack_place at;
	struct posting *posting;
	size_t n, room;
};

static struct counter *counter(const struct builder *b, const struct hint *h)
{
	uint32_t key = index_key(b->x, group_of(b->x, h), h->text);
	size_t at = key & (b->counters - 1);

	while (b->count[at].n && b->count[at].key != key)
		at = (at + 1) & (b->counters - 1);
	b->count[at].key = key;
	return &b->count[at];
}

static void number_hint(void *ctx, const struct hint *h)
{
	struct builder *b = ctx;

	(void)h;
	b->n_hints++;
}

static void count_hint(void *ctx, const struct hint *h)
{
	counter(ctx, h)->n++;
}

static bool has_lengths(const struct hint *h)
{
	return h->type == HINT_PREFIX || h->type == HINT_SUFFIX || h->type == HINT_CIDR;
}

/* Rules that share the key are evaluated in vain; a length is looked up in vain. */
static void cost_hint(void *ctx, const struct hint *h)
{
	struct builder *b = ctx;

	b->cost += 2 * (uint64_t)counter(b, h)->n + has_lengths(h);
}

static void add_length(struct group *g, uint32_t length)
{
	for (uint32_t i = 0; i < g->n_lengths; i++)
		if (g->lengths[i] == length)
			return;
	if (g->n_lengths == g->room) {
		g->room = g->room ? 2 * g->room : 8;
		g->lengths = must(realloc(g->lengths, g->room * sizeof *g->lengths));
	}
	g->lengths[g->n_lengths++] = length;
}

static void post_hint(void *ctx, const struct hint *h)
{
	struct builder *b = ctx;
	struct group *g = group_of(b->x, h);

	if (has_lengths(h))
		add_length(g, h->length);
	if (b->n == b->room) {
		b->room = b->room ? 2 * b->room : 64;
		b->posting = must(realloc(b->posting, b->room * sizeof *b->posting));
	}
	b->posting[b->n++] = (struct posting){ index_key(b->x, g, h->text), b->at };
}

/* Can this condition lead to its rule: it takes part, and what it looks at is known. */
static bool leads(const struct builder *b, const struct cond *c)
{
	return c->active >> b->ix->chain & 1 && !(b->x->unknown & var_bit(c->var));
}

typedef void each_hint(void *ctx, const struct hint *h);

static void alt_hints(struct builder *b, const struct alt *a, each_hint *each)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (leads(b, &a->conds[i]))
			cond_hints(&a->conds[i], each, b);
}

static void rule_hints(struct builder *b, const struct authz_rule *r, each_hint *each)
{
	alt_hints(b, &r->when, each);
	for (uint32_t i = 0; i < r->n_from; i++)
		alt_hints(b, &r->from[i], each);
	for (uint32_t i = 0; i < r->n_to; i++)
		alt_hints(b, &r->to[i], each);
}

static uint32_t all_hints(struct builder *b, each_hint *each)
{
	const struct stage *stage = b->ix->z->stage[b->ix->chain];
	uint32_t n = 0;

	for (int s = 0; s < STAGES; s++)
		for (uint32_t i = 0; i < stage[s].n; i++, n++)
			rule_hints(b, stage[s].rules[i], each);
	return n;
}

/* The cheapest condition of an alternative, NULL where none can be looked up. */
static const struct cond *cheapest(struct builder *b, const struct alt *a, uint64_t *cost)
{
	const struct cond *best = NULL;

	for (uint32_t i = 0; i < a->n; i++) {
		b->cost = 0;
		if (leads(b, &a->conds[i]) && cond_hints(&a->conds[i], cost_hint, b) &&
		    (!best || b->cost < *cost)) {
			best = &a->conds[i];
			*cost = b->cost;
		}
	}
	return best;
}

/* Of `from` (or `to`) every alternative must have one.  UINT64_MAX: not all have. */
static uint64_t alts_cost(struct builder *b, const struct alt *a, uint32_t n)
{
	uint64_t sum = 0, one = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!cheapest(b, &a[i], &one))
			return UINT64_MAX;
		sum += one;
	}
	return n ? sum : UINT64_MAX;
}

static bool post_rule(struct builder *b, const struct authz_rule *r)
{
	uint64_t when_cost = UINT64_MAX, one = 0;
	const struct cond *when = cheapest(b, &r->when, &when_cost);
	uint64_t from = alts_cost(b, r->from, r->n_from), to = alts_cost(b, r->to, r->n_to);
	bool by_from = from <= to;
	const struct alt *a = by_from ? r->from : r->to;
	uint32_t n = by_from ? r->n_from : r->n_to;

	b->at = r->packed[b->ix->chain];
	if (when && when_cost <= from && when_cost <= to)
		return cond_hints(when, post_hint, b);
	if ((by_from ? from : to) == UINT64_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++)
		cond_hints(cheapest(b, &a[i], &one), post_hint, b);
	return true;
}

static int by_key(const void *pa, const void *pb)
{
	const struct posting *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static void put_slot(struct variant *x, uint32_t key, uint32_t at)
{
	size_t k = key & (x->slots - 1);

	while (x->slot[k].at)
		k = (k + 1) & (x->slots - 1);
	x->slot[k] = (struct slot){ key, at };
}

static void fill_slots(struct variant *x, const struct builder *b)
{
	x->slots = 16;
	while (x->slots < b->n + b->n / 2)
		x->slots *= 2;
	x->slot = huge_new(x->slots * sizeof *x->slot);
	x->lists = must(calloc(2 * b->n + 1, sizeof *x->lists));
	if (b->n)
		qsort(b->posting, b->n, sizeof *b->posting, by_key);
	for (size_t i = 0, n; i < b->n; i += n) {
		const struct posting *p = &b->posting[i];

		for (n = 1; i + n < b->n && p[n].key == p->key;)
			n++;
		put_slot(x, p->key, n == 1 ? p->at : (uint32_t)x->n_lists | IN_LIST);
		if (n == 1)
			continue;
		x->lists[x->n_lists++] = (uint32_t)n;
		for (size_t k = 0; k < n; k++)
			x->lists[x->n_lists++] = p[k].at;
	}
}

static struct variant *variant_new(const struct authz_index *ix, var_mask unknown)
{
	const struct stage *stage = ix->z->stage[ix->chain];
	struct variant *x = must(calloc(1, sizeof *x));
	struct builder b = { .ix = ix, .x = x, .counters = 16 };

	x->unknown = unknown;
	uint32_t n = all_hints(&b, number_hint);
	while (b.counters < 2 * b.n_hints)
		b.counters *= 2;
	b.count = must(calloc(b.counters, sizeof *b.count));
	x->always = must(calloc((size_t)n + 1, sizeof *x->always));
	all_hints(&b, count_hint);
	for (int s = 0; s < STAGES; s++)
		for (uint32_t i = 0; i < stage[s].n; i++)
			if (!post_rule(&b, stage[s].rules[i]))
				x->always[x->n_always++] = stage[s].rules[i]->packed[ix->chain];
	free(b.count);
	fill_slots(x, &b);
	free(b.posting);
	return x;
}

const struct variant *index_variant(struct authz_index *ix, var_mask unknown)
{
	for (uint32_t i = 0; i < ix->n_variants; i++)
		if (ix->variant[i]->unknown == unknown)
			return ix->variant[i];
	if (ix->n_variants == VARIANTS)
		return NULL;
	return ix->variant[ix->n_variants++] = variant_new(ix, unknown);
}

struct authz_index *index_new(const struct authz *z, enum chain chain)
{
	struct authz_index *ix = must(calloc(1, sizeof *ix));

	ix->z = z;
	ix->chain = chain;
	index_variant(ix, 0);
	return ix;
}

static void variant_free(struct variant *x)
{
	for (uint32_t i = 0; i < x->n_groups; i++)
		free(x->group[i].lengths);
	free(x->group);
	free(x->slot);
	free(x->lists);
	free(x->always);
	free(x);
}

void index_free(struct authz_index **ix)
{
	if (!*ix)
		return;
	for (uint32_t i = 0; i < (*ix)->n_variants; i++)
		variant_free((*ix)->variant[i]);
	free(*ix);
	*ix = NULL;
}

size_t index_bytes(const struct authz_index *ix)
{
	size_t n = 0;

	for (uint32_t i = 0; i < ix->n_variants; i++) {
		const struct variant *x = ix->variant[i];

		n += x->slots * sizeof *x->slot + (x->n_lists + x->n_always) * sizeof(uint32_t) +
		     x->room_groups * sizeof *x->group;
	}
	return n;
}
