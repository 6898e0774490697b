/*
 * authz_index: which rules may match, found by a value that they need.
 *
 * A rule can match only where one of the values of some positive condition does.  Of a rule's
 * conditions that can be looked up (exact text, prefix, suffix, namespace, service account,
 * CIDR block, port), the one whose values are rarest among all rules is taken; the rule is
 * posted under each of its values.  A flow looks its own values up and gets few rules
 * however many policies there are.  Rules with no such condition are candidates always.
 *
 * Keys are 64-bit hashes: a collision only makes one candidate more.  Prefixes and suffixes are
 * looked up once for each length in use, CIDR blocks once for each mask.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/authz.h"
#include "common/hash.h"

/* One way to look something up: what, of which variable, in which form. */
struct group {
	const struct var *var;
	enum hint_type type;
	bool fold, no_query;
	uint32_t *lengths;		/* PREFIX, SUFFIX, CIDR: in use, each once */
	uint32_t n_lengths, room;
	struct authz_rule **rules;	/* all posted here: where the variable is unknown */
	uint32_t n_rules, room_rules;
};

struct posting {
	uint64_t hash;
	struct authz_rule *rule;
};

struct slot {
	uint64_t hash;
	struct authz_rule *first;
	const uint64_t *prog;		/* of the first, to fetch while the rule comes */
	uint32_t at, n;			/* all of them; n == 0: empty */
};

struct authz_index {
	struct group *group;
	uint32_t n_groups, room_groups;
	struct posting *posting;
	size_t n_postings, room_postings;
	struct slot *slot;
	size_t slots;			/* a power of two */
	struct authz_rule **always;
	uint32_t n_always;
	enum chain chain;
};

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

static struct group *group_of(struct authz_index *ix, const struct hint *h)
{
	for (uint32_t i = 0; i < ix->n_groups; i++) {
		struct group *g = &ix->group[i];

		if (g->var == h->atom->var && g->type == h->type && g->fold == fold_of(h) &&
		    g->no_query == h->atom->no_query)
			return g;
	}
	if (ix->n_groups == ix->room_groups) {
		ix->room_groups = ix->room_groups ? 2 * ix->room_groups : 8;
		ix->group = must(realloc(ix->group, ix->room_groups * sizeof *ix->group));
	}
	struct group *g = &ix->group[ix->n_groups++];
	*g = (struct group){ .var = h->atom->var, .type = h->type, .fold = fold_of(h),
			     .no_query = h->atom->no_query };
	return g;
}

enum { FOLD_MAX = 1024 };

/* The key of a text in a group.  Long folded text is cut: more candidates, none lost. */
static uint64_t key(const struct authz_index *ix, const struct group *g, struct slice s)
{
	uint64_t salt = (uint64_t)(g - ix->group + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint8_t low[FOLD_MAX];

	if (g->fold) {
		size_t n = s.n < sizeof low ? s.n : sizeof low;

		for (size_t i = 0; i < n; i++)
			low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] | 0x20) :
				 s.p[i];
		s = (struct slice){ low, n };
	}
	return hash_bytes(s) ^ salt;
}

/* --- building */

struct builder {
	struct authz_index *ix;
	uint32_t *count;		/* of hash & mask: an estimate of how common a value is */
	size_t mask;
	uint64_t cost;
	struct authz_rule *rule;
};

static void count_hint(void *ctx, const struct hint *h)
{
	struct builder *b = ctx;

	b->count[key(b->ix, group_of(b->ix, h), h->text) & b->mask]++;
}

static void cost_hint(void *ctx, const struct hint *h)
{
	struct builder *b = ctx;

	b->cost += b->count[key(b->ix, group_of(b->ix, h), h->text) & b->mask];
}

static void post_hint(void *ctx, const struct hint *h)
{
	struct builder *b = ctx;
	struct authz_index *ix = b->ix;
	struct group *g = group_of(ix, h);
	bool have = h->type != HINT_PREFIX && h->type != HINT_SUFFIX && h->type != HINT_CIDR;

	for (uint32_t i = 0; i < g->n_lengths; i++)
		have |= g->lengths[i] == h->length;
	if (!have) {
		if (g->n_lengths == g->room) {
			g->room = g->room ? 2 * g->room : 8;
			g->lengths = must(realloc(g->lengths, g->room * sizeof *g->lengths));
		}
		g->lengths[g->n_lengths++] = h->length;
	}
	if (g->n_rules == g->room_rules) {
		g->room_rules = g->room_rules ? 2 * g->room_rules : 8;
		g->rules = must(realloc(g->rules, g->room_rules * sizeof *g->rules));
	}
	if (!g->n_rules || g->rules[g->n_rules - 1] != b->rule)
		g->rules[g->n_rules++] = b->rule;
	if (ix->n_postings == ix->room_postings) {
		ix->room_postings = ix->room_postings ? 2 * ix->room_postings : 64;
		ix->posting = must(realloc(ix->posting,
					   ix->room_postings * sizeof *ix->posting));
	}
	ix->posting[ix->n_postings++] = (struct posting){ key(ix, g, h->text), b->rule };
}

static bool active(const struct builder *b, const struct cond *c)
{
	return c->active >> b->ix->chain & 1;
}

static void count_alt(struct builder *b, const struct alt *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (active(b, &a->conds[i]))
			cond_hints(&a->conds[i], count_hint, b);
}

static void count_rule(struct builder *b, const struct authz_rule *r)
{
	count_alt(b, &r->when);
	for (uint32_t i = 0; i < r->n_from; i++)
		count_alt(b, &r->from[i]);
	for (uint32_t i = 0; i < r->n_to; i++)
		count_alt(b, &r->to[i]);
}

/* The cheapest condition of an alternative, NULL where none can be looked up. */
static const struct cond *cheapest(struct builder *b, const struct alt *a, uint64_t *cost)
{
	const struct cond *best = NULL;

	for (uint32_t i = 0; i < a->n; i++) {
		b->cost = 0;
		if (active(b, &a->conds[i]) && cond_hints(&a->conds[i], cost_hint, b) &&
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

static bool post_rule(struct builder *b, struct authz_rule *r)
{
	uint64_t when_cost = UINT64_MAX, one = 0;
	const struct cond *when = cheapest(b, &r->when, &when_cost);
	uint64_t from = alts_cost(b, r->from, r->n_from), to = alts_cost(b, r->to, r->n_to);
	bool by_from = from <= to;
	const struct alt *a = by_from ? r->from : r->to;
	uint32_t n = by_from ? r->n_from : r->n_to;

	b->rule = r;
	if (when && when_cost <= from && when_cost <= to)
		return cond_hints(when, post_hint, b);
	if ((by_from ? from : to) == UINT64_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++)
		cond_hints(cheapest(b, &a[i], &one), post_hint, b);
	return true;
}

static int by_hash(const void *pa, const void *pb)
{
	const struct posting *a = pa, *b = pb;

	return (a->hash > b->hash) - (a->hash < b->hash);
}

static void fill_slots(struct authz_index *ix)
{
	ix->slots = 16;
	while (ix->slots < 2 * ix->n_postings)
		ix->slots *= 2;
	ix->slot = must(calloc(ix->slots, sizeof *ix->slot));
	if (ix->n_postings)
		qsort(ix->posting, ix->n_postings, sizeof *ix->posting, by_hash);
	for (size_t i = 0; i < ix->n_postings;) {
		uint64_t h = ix->posting[i].hash;
		size_t at = h & (ix->slots - 1), n = 0;

		while (i + n < ix->n_postings && ix->posting[i + n].hash == h)
			n++;
		while (ix->slot[at].n)
			at = (at + 1) & (ix->slots - 1);
		ix->slot[at] = (struct slot){ h, ix->posting[i].rule,
			ix->posting[i].rule->prog[ix->chain], (uint32_t)i, (uint32_t)n };
		i += n;
	}
}

struct authz_index *index_new(const struct authz *z, enum chain chain)
{
	const struct stage *stage = z->stage[chain];
	struct authz_index *ix = must(calloc(1, sizeof *ix));
	struct builder b = { .ix = ix, .mask = 255 };
	size_t n = 0;

	ix->chain = chain;
	for (int s = 0; s < STAGES; s++)
		n += stage[s].n;
	while (b.mask < 8 * n)
		b.mask = 2 * b.mask + 1;
	b.count = must(calloc(b.mask + 1, sizeof *b.count));
	ix->always = must(calloc(n + 1, sizeof *ix->always));
	for (int s = 0; s < STAGES; s++)
		for (uint32_t i = 0; i < stage[s].n; i++)
			count_rule(&b, stage[s].rules[i]);
	for (int s = 0; s < STAGES; s++)
		for (uint32_t i = 0; i < stage[s].n; i++)
			if (!post_rule(&b, stage[s].rules[i]))
				ix->always[ix->n_always++] = stage[s].rules[i];
	free(b.count);
	fill_slots(ix);
	return ix;
}

void index_free(struct authz_index **ix)
{
	if (!*ix)
		return;
	for (uint32_t i = 0; i < (*ix)->n_groups; i++) {
		free((*ix)->group[i].lengths);
		free((*ix)->group[i].rules);
	}
	free((*ix)->group);
	free((*ix)->posting);
	free((*ix)->slot);
	free((*ix)->always);
	free(*ix);
	*ix = NULL;
}

size_t index_bytes(const struct authz_index *ix)
{
	size_t n = ix->room_postings * sizeof *ix->posting + ix->slots * sizeof *ix->slot;

	for (uint32_t i = 0; i < ix->n_groups; i++)
		n += ix->group[i].room_rules * sizeof(struct authz_rule *);
	return n;
}

/* --- looking up */

struct look {
	const struct authz_index *ix;
	const struct group *group;
	void (*each)(void *ctx, struct authz_rule *r);
	void *ctx;
};

enum { FETCH_LINES = 6 };	/* of 64 bytes: a usual rule */

static void look_key(const struct look *l, struct slice s)
{
	const struct authz_index *ix = l->ix;
	uint64_t h = key(ix, l->group, s);

	for (size_t at = h & (ix->slots - 1); ix->slot[at].n; at = (at + 1) & (ix->slots - 1)) {
		if (ix->slot[at].hash != h)
			continue;
		for (int line = 0; line < FETCH_LINES; line++)
			__builtin_prefetch(ix->slot[at].prog + 8 * line);
		l->each(l->ctx, ix->slot[at].first);
		for (uint32_t i = 1; i < ix->slot[at].n; i++)
			l->each(l->ctx, ix->posting[ix->slot[at].at + i].rule);
		return;
	}
}

/* The end of the path segment at `at`. */
static size_t segment_end(struct slice s, size_t at)
{
	const uint8_t *slash = at < s.n ? memchr(s.p + at, '/', s.n - at) : NULL;

	return slash ? (size_t)(slash - s.p) : s.n;
}

static bool find(struct slice s, size_t *at, const char *what, size_t n)
{
	for (size_t i = *at; i + n <= s.n; i++)
		if (memcmp(s.p + i, what, n) == 0) {
			*at = i + n;
			return true;
		}
	return false;
}

enum { PAIRS_MAX = 64, PAIR_BYTES = 512 };

static void all_rules(const struct look *l)
{
	for (uint32_t i = 0; i < l->group->n_rules; i++)
		l->each(l->ctx, l->group->rules[i]);
}

/* Every "/sa/SA" after the namespace found; text that has too many of both is not looked up. */
static bool look_accounts(const struct look *l, struct slice id, struct slice ns, size_t from,
			  unsigned *pairs)
{
	uint8_t text[PAIR_BYTES];

	for (size_t at = from; find(id, &at, "/sa/", 4);) {
		size_t n = segment_end(id, at) - at;

		if (++*pairs > PAIRS_MAX || ns.n + n + 1 > sizeof text)
			return false;
		if (ns.n)
			memcpy(text, ns.p, ns.n);
		text[ns.n] = '/';
		memcpy(text + ns.n + 1, id.p + at, n);
		look_key(l, (struct slice){ text, ns.n + 1 + n });
		at--;	/* its end may be the next one's start */
	}
	return true;
}

/* Every namespace that "/ns/NS/" could mean. */
static void look_identity(const struct look *l, struct slice id, bool accounts)
{
	unsigned pairs = 0;

	for (size_t at = 0; find(id, &at, "/ns/", 4);) {
		size_t end = segment_end(id, at);
		struct slice ns = { id.p + at, end - at };

		if (end == id.n)
			return;
		if (accounts ? !look_accounts(l, id, ns, end, &pairs) : ++pairs > PAIRS_MAX) {
			all_rules(l);
			return;
		}
		if (!accounts)
			look_key(l, ns);
		at--;
	}
}

static void look_text(const struct look *l, struct slice s)
{
	const struct group *g = l->group;

	if (g->no_query)
		s = path_only(s);
	switch (g->type) {
	case HINT_EXACT:
		look_key(l, s);
		return;
	case HINT_NS: case HINT_NS_SA:
		look_identity(l, s, g->type == HINT_NS_SA);
		return;
	case HINT_PREFIX: case HINT_SUFFIX:
		for (uint32_t i = 0; i < g->n_lengths; i++) {
			size_t n = g->lengths[i];

			if (n <= s.n)
				look_key(l, g->type == HINT_PREFIX ? (struct slice){ s.p, n } :
					 slice_from(s, s.n - n));
		}
		return;
	case HINT_CIDR: case HINT_PORT:
		return;
	}
}

static void look_ip(const struct look *l, const struct ip *ip)
{
	for (uint32_t i = 0; i < l->group->n_lengths; i++) {
		struct ip net = *ip;

		cidr_mask(&net, l->group->lengths[i]);
		look_key(l, (struct slice){ net.b, sizeof net.b });
	}
}

static void look_group(const struct look *l, const struct var_value *v)
{
	if (v->state == FLOW_UNKNOWN) {
		all_rules(l);
	} else if (v->state == FLOW_ABSENT) {
		return;
	} else if (l->group->type == HINT_PORT) {
		look_key(l, (struct slice){ (const uint8_t *)&v->port, sizeof v->port });
	} else if (l->group->type == HINT_CIDR) {
		look_ip(l, &v->ip);
	} else if (!v->is_list) {
		look_text(l, v->text);
	} else {
		for (uint32_t i = 0; i < v->n_list; i++)
			look_text(l, v->list[i]);
	}
}

void index_candidates(const struct authz_index *ix, const struct view *v,
		      void (*each)(void *ctx, struct authz_rule *r), void *ctx)
{
	for (uint32_t i = 0; i < ix->n_always; i++)
		each(ctx, ix->always[i]);
	for (uint32_t i = 0; i < ix->n_groups; i++) {
		struct look l = { ix, &ix->group[i], each, ctx };

		look_group(&l, &v->value[ix->group[i].var->index]);
	}
}
