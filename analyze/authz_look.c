/*
 * authz_look: a flow's values looked up in the rules' index.
 *
 * Three steps, each of which asks for the memory that the next one reads: keys (of slots), slots (of rules),
 * rules.  Prefixes and suffixes are looked up once for each length in use, CIDR blocks once for
 * each mask.
 */
#include <string.h>

#include "analyze/authz_index.h"

static const struct pack *pack_of(const struct look *l)
{
	return &l->ix->z->pack[l->ix->chain];
}

static void fetch(const struct look *l, pack_place at)
{
	const uint8_t *p = pack_line(pack_of(l), at);

	for (uint32_t n = at & PLACE_LINES; n--; p += PACK_LINE)
		__builtin_prefetch(p);
}

/* --- keys */

static bool grow(struct look *l)
{
	uint32_t *more = arena_new_array(l->arena, uint32_t, 2 * (size_t)l->room);

	if (!more)
		return false;
	memcpy(more, l->key, l->n * sizeof *more);
	l->key = more;
	l->room *= 2;
	return true;
}

static void look_key(struct look *l, const struct group *g, struct slice s)
{
	uint32_t key;

	if (!l->x)
		return;
	if (l->n == l->room && !grow(l)) {
		l->x = NULL;
		return;
	}
	key = index_key(l->x, g, s);
	__builtin_prefetch(&l->x->slot[key & (l->x->slots - 1)]);
	l->key[l->n++] = key;
}

/* --- identities */

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

/* Every "/sa/SA" after the namespace found; text that has too many of both is not looked up. */
static bool look_accounts(struct look *l, const struct group *g, struct slice id, struct slice ns,
			  size_t from, unsigned *pairs)
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
		look_key(l, g, (struct slice){ text, ns.n + 1 + n });
		at--;	/* its end may be the next one's start */
	}
	return true;
}

/* Every namespace that "/ns/NS/" could mean. */
static void look_identity(struct look *l, const struct group *g, struct slice id)
{
	bool accounts = g->type == HINT_NS_SA;
	unsigned pairs = 0;

	for (size_t at = 0; l->x && find(id, &at, "/ns/", 4);) {
		size_t end = segment_end(id, at);
		struct slice ns = { id.p + at, end - at };

		if (end == id.n)
			return;
		if (accounts ? !look_accounts(l, g, id, ns, end, &pairs) : ++pairs > PAIRS_MAX)
			l->x = NULL;
		else if (!accounts)
			look_key(l, g, ns);
		at--;
	}
}

/* --- the rest */

static void look_text(struct look *l, const struct group *g, struct slice s)
{
	if (g->no_query)
		s = path_only(s);
	switch (g->type) {
	case HINT_EXACT:
		look_key(l, g, s);
		return;
	case HINT_NS: case HINT_NS_SA:
		look_identity(l, g, s);
		return;
	case HINT_PREFIX: case HINT_SUFFIX:
		for (uint32_t i = 0; i < g->n_lengths; i++) {
			size_t n = g->lengths[i];

			if (n <= s.n)
				look_key(l, g, g->type == HINT_PREFIX ? (struct slice){ s.p, n } :
					    slice_from(s, s.n - n));
		}
		return;
	case HINT_CIDR: case HINT_PORT:
		return;
	}
}

static void look_ip(struct look *l, const struct group *g, const struct ip *ip)
{
	for (uint32_t i = 0; i < g->n_lengths; i++) {
		struct ip net = *ip;

		cidr_mask(&net, g->lengths[i]);
		look_key(l, g, (struct slice){ net.b, sizeof net.b });
	}
}

static void look_group(struct look *l, const struct group *g, const struct var_value *v)
{
	if (v->state != FLOW_PRESENT)	/* unknown ones have no group in this variant */
		return;
	if (g->type == HINT_PORT) {
		look_key(l, g, (struct slice){ (const uint8_t *)&v->port, sizeof v->port });
	} else if (g->type == HINT_CIDR) {
		look_ip(l, g, &v->ip);
	} else if (!v->is_list) {
		look_text(l, g, v->text);
	} else {
		for (uint32_t i = 0; l->x && i < v->n_list; i++)
			look_text(l, g, v->list[i]);
	}
}

void look_begin(struct look *l, struct authz_index *ix, const struct view *v, var_mask unknown)
{
	const struct variant *x = index_variant(ix, unknown);

	l->ix = ix;
	l->x = x;
	l->arena = v->arena;
	l->key = l->few;
	l->n = 0;
	l->room = LOOK_FEW;
	for (uint32_t i = 0; l->x && i < x->n_groups; i++)
		look_group(l, &x->group[i], &v->value[x->group[i].var->index]);
}

/* --- slots */

/* 0: no such key. */
static uint32_t slot_of(const struct variant *x, uint32_t key)
{
	for (size_t at = key & (x->slots - 1); x->slot[at].at; at = (at + 1) & (x->slots - 1))
		if (x->slot[at].key == key)
			return x->slot[at].at;
	return 0;
}

/* From here on the keys are what their slots hold. */
void look_fetch(struct look *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; l->x && i < l->n; i++) {
		uint32_t at = slot_of(l->x, l->key[i]);

		if (!at)
			continue;
		if (!(at & IN_LIST))
			fetch(l, at);
		l->key[n++] = at;
	}
	l->n = n;
}

/* --- rules */

typedef void each_rule(void *ctx, struct packed *p);

static void each_place(const struct look *l, const pack_place *at, uint32_t n, each_rule *each,
		      void *ctx)
{
	if (n)
		fetch(l, at[0]);
	for (uint32_t i = 0; i < n; i++) {
		if (i + 1 < n)
			fetch(l, at[i + 1]);
		each(ctx, pack_at(pack_of(l), at[i]));
	}
}

static void all_rules(const struct look *l, each_rule *each, void *ctx)
{
	const struct stage *stage = l->ix->z->stage[l->ix->chain];

	for (int s = 0; s < STAGES; s++)
		for (uint32_t i = 0; i < stage[s].n; i++)
			each(ctx, pack_at(pack_of(l), stage[s].rules[i]->packed[l->ix->chain]));
}

void look_each(const struct look *l, each_rule *each, void *ctx)
{
	if (!l->x) {
		all_rules(l, each, ctx);
		return;
	}
	for (uint32_t i = 0; i < l->n; i++) {
		const uint32_t *list = l->x->lists + (l->key[i] & ~IN_LIST);

		if (l->key[i] & IN_LIST)
			each_place(l, list + 1, list[0], each, ctx);
		else
			each(ctx, pack_at(pack_of(l), l->key[i]));
	}
	each_place(l, l->x->always, l->x->n_always, each, ctx);
}
