/*
 * authz_class: all the ways in which the tests of one variable can turn out together, with a value
 * for each way.
 *
 * Text: authz_walk.c, or directly where the tests are simple.
 *
 * What a value can be: an identity none, or any text with at most one "/ns/" and one "/sa/" (who
 * issues SPIFFE identities writes each once); a server name lower-case text, maybe
 * empty; a path text that begins with "/" (Envoy refuses others before any policy); method and
 * authority any text; a header any text or none; a claim or metadata value a string,
 * a list of strings, or none; addresses are never absent.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/authz_walk.h"

static bool may_be_absent(const struct var *v)
{
	return v->source == VAR_IDENTITY || v->source >= VAR_HEADER;
}

static void put(struct class_set *out, struct var_value v)
{
	if (out->n < CLASSES_MAX)
		out->value[out->n++] = v;
	else
		out->partial = true;
}

static uint64_t mask_of(const struct atom *const *atoms, uint32_t n, bool list)
{
	uint64_t m = 0;

	for (uint32_t i = 0; i < n; i++)
		if (list ? atoms[i]->on_list : atoms[i]->on_text)
			m |= UINT64_C(1) << i;
	return m;
}

/* Lists: any union of what single strings match, each union once. */
static void put_lists(struct class_set *out, const struct text_classes *s, uint64_t mask,
		      struct arena *a)
{
	uint64_t *seen = arena_new_array(a, uint64_t, CLASSES_MAX);
	struct slice **list = arena_new_array(a, struct slice *, CLASSES_MAX);
	uint32_t *length = arena_new_array(a, uint32_t, CLASSES_MAX), n = 1;

	if (!seen || !list || !length)
		return;
	for (uint32_t at = 0; at < n; at++)	/* starts with the empty list */
		for (uint32_t k = 0; k < s->n; k++) {
			uint64_t v = seen[at] | (s->class[k].accepts & mask);
			bool have = false;

			for (uint32_t i = 0; i < n && !have; i++)
				have = seen[i] == v;
			if (have)
				continue;
			if (n == CLASSES_MAX) {
				out->partial = true;
				continue;
			}
			list[n] = arena_new_array(a, struct slice, length[at] + 1);
			if (length[at])
				memcpy(list[n], list[at], length[at] * sizeof **list);
			list[n][length[at]] = s->class[k].text;
			length[n] = length[at] + 1;
			seen[n++] = v;
		}
	for (uint32_t i = 0; i < n; i++)
		put(out, (struct var_value){ .state = FLOW_PRESENT, .is_list = true,
					     .list = list[i], .n_list = length[i] });
}

static void put_texts(struct class_set *out, struct var *var, const struct atom *const *atoms,
		      uint32_t n, const struct match *must, struct arena *a)
{
	struct text_classes s;

	text_walk(&s, var, atoms, n, must, a);
	for (uint32_t i = 0; i < s.n; i++)
		put(out, (struct var_value){ .state = FLOW_PRESENT, .text = s.class[i].text });
	if (mask_of(atoms, n, true))
		put_lists(out, &s, mask_of(atoms, n, true), a);
	out->partial |= s.partial;
}

/*
 * Only exact texts, prefixes and suffixes: the exact texts, and every prefix (or none) with every
 * suffix (or none) around a stranger, are all there is.  Identities: exact texts only, as what stands around
 * a stranger might be none (put_texts knows).
 */
static bool simple(const struct var *var, const struct atom *const *atoms, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (atoms[i]->match.kind == MATCH_GLOB || atoms[i]->on_list ||
		    (var->source == VAR_IDENTITY && atoms[i]->match.kind > MATCH_EXACT) ||
		    atoms[i]->match.fold != atoms[0]->match.fold ||
		    atoms[i]->no_query != atoms[0]->no_query)
			return false;
	return var->source < VAR_CLAIM;
}

/* A letter that stands in none of the texts. */
static uint8_t stranger_of(const struct atom *const *atoms, uint32_t n)
{
	bool have[256] = { false };
	int c;

	for (uint32_t i = 0; i < n; i++)
		for (size_t k = 0; k < atoms[i]->match.text.n; k++)
			have[atoms[i]->match.text.p[k] | 0x20] = true;
	c = stranger(have, "zxqjkvw0123456789ybcdfghmnprstaeiou-_~!$&'()+,;:@=");
	return c < 0 ? 1 : (uint8_t)c;
}

static void put_around(struct class_set *out, struct slice head, uint8_t c, struct slice tail,
		       struct arena *a)
{
	bool slash = out->var->source == VAR_PATH && !head.n;
	uint8_t *p = arena_bytes(a, head.n + tail.n + 2);
	size_t n = 0;

	if (!p)
		return;
	if (slash)
		p[n++] = '/';
	if (head.n)
		memcpy(p, head.p, head.n);
	n += head.n;
	p[n++] = c;
	if (tail.n)
		memcpy(p + n, tail.p, tail.n);
	put(out, (struct var_value){ .state = FLOW_PRESENT, .text = { p, n + tail.n } });
}

static bool twice(struct slice s, const char *what, size_t n)
{
	const uint8_t *first = s.n ? memmem(s.p, s.n, what, n) : NULL;
	size_t after = first ? (size_t)(first - s.p) + n : s.n;

	return after < s.n && memmem(s.p + after, s.n - after, what, n);
}

static bool possible(const struct var *var, struct slice s)
{
	if (var->source == VAR_IDENTITY)
		return !twice(s, "/ns/", 4) && !twice(s, "/sa/", 4);
	for (size_t i = 0; i < s.n && var->source == VAR_SNI; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return false;
	return var->source != VAR_PATH || (s.n && s.p[0] == '/');
}

static void put_simple(struct class_set *out, const struct atom *const *atoms, uint32_t n,
		       struct arena *a)
{
	static const struct slice none = { NULL, 0 };
	uint8_t c = stranger_of(atoms, n);

	put_around(out, none, c, none, a);
	if (possible(out->var, none))
		put(out, (struct var_value){ .state = FLOW_PRESENT });
	for (uint32_t i = 0; i < n; i++) {
		const struct match *m = &atoms[i]->match;

		if (m->kind == MATCH_EXACT && possible(out->var, m->text))
			put(out, (struct var_value){ .state = FLOW_PRESENT, .text = m->text });
		if (m->kind == MATCH_SUFFIX && (out->var->source != VAR_SNI ||
						possible(out->var, m->text)))
			put_around(out, none, c, m->text, a);
		if (m->kind != MATCH_PREFIX || !possible(out->var, m->text))
			continue;
		put_around(out, m->text, c, none, a);
		for (uint32_t k = 0; k < n; k++)
			if (atoms[k]->match.kind == MATCH_SUFFIX &&
			    (out->var->source != VAR_SNI ||
			     possible(out->var, atoms[k]->match.text)))
				put_around(out, m->text, c, atoms[k]->match.text, a);
	}
}

/* Too many tests: the values that the policies themselves name, and nothing promised. */
static void put_named(struct class_set *out, const struct atom *const *atoms, uint32_t n)
{
	static const char other[] = "/zq7x";

	out->partial = true;
	put(out, (struct var_value){ .state = FLOW_PRESENT, .text = slice_of(other) });
	for (uint32_t i = 0; i < n && out->n < CLASSES_MAX; i++)
		if (atoms[i]->match.text.n && atoms[i]->match.kind != MATCH_GLOB)
			put(out, (struct var_value){ .state = FLOW_PRESENT,
						     .text = atoms[i]->match.text });
}

/* --- addresses: the start of every block, and of what follows it, in both families */

static void put_ip(struct class_set *out, const uint8_t b[16])
{
	struct var_value v = { .state = FLOW_PRESENT };

	memcpy(v.ip.b, b, 16);
	put(out, v);
}

static void put_ips(struct class_set *out, const struct atom *const *atoms, uint32_t n)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t after_v4[16] = { [9] = 1 };
	uint8_t b[16] = { 0 };

	put_ip(out, b);
	put_ip(out, v4);
	put_ip(out, after_v4);
	for (uint32_t i = 0; i < n; i++) {
		const struct cidr *c = &atoms[i]->cidr;

		put_ip(out, c->net.b);
		memcpy(b, c->net.b, 16);
		int at = (c->bits + 7) / 8 - 1;
		unsigned add = c->bits % 8 ? 1u << (8 - c->bits % 8) : 1;
		for (; at >= 0 && add; at--) {
			add += b[at];
			b[at] = (uint8_t)add;
			add >>= 8;
		}
		if (!add && c->bits)
			put_ip(out, b);
	}
}

static void put_ports(struct class_set *out, const struct atom *const *atoms, uint32_t n)
{
	int64_t other = 1;

	for (bool again = true; again;) {
		again = false;
		for (uint32_t i = 0; i < n; i++)
			if (atoms[i]->port == other) {
				other++;
				again = true;
			}
	}
	if (other <= 65535)
		put(out, (struct var_value){ .state = FLOW_PRESENT, .port = other });
	for (uint32_t i = 0; i < n; i++)
		put(out, (struct var_value){ .state = FLOW_PRESENT, .port = atoms[i]->port });
}

/* Values that no test tells apart are one class. */
static void drop_same(struct class_set *out, const struct atom *const *atoms, uint32_t n,
		      struct arena *a)
{
	size_t words = n / 64 + 1;
	uint64_t *sign = arena_new_array(a, uint64_t, words * (out->n + 1));
	uint32_t to = 0;

	out->hits = arena_new_array(a, bool, out->n + 1);
	if (!sign || !out->hits) {
		out->n = 0;
		out->partial = true;
		return;
	}
	for (uint32_t i = 0; i < out->n; i++) {
		uint64_t *mine = sign + to * words;
		bool have = false, hit = false;

		memset(mine, 0, words * sizeof *mine);
		for (uint32_t m = 0; m < n; m++)
			if (atom_match(atoms[m], &out->value[i])) {
				mine[m / 64] |= UINT64_C(1) << (m % 64);
				hit = true;
			}
		for (uint32_t k = 0; k < to && !have; k++)
			have = !memcmp(mine, sign + k * words, words * sizeof *mine);
		if (have)
			continue;
		out->hits[to] = hit;
		out->value[to++] = out->value[i];
	}
	out->n = to;
}

void class_find(struct class_set *out, struct var *var, const struct atom *const *atoms, uint32_t n,
		const struct match *must, struct arena *a)
{
	*out = (struct class_set){ .var = var };
	out->value = arena_new_array(a, struct var_value, CLASSES_MAX);
	if (!out->value) {
		out->partial = true;
		return;
	}
	if (may_be_absent(var) && !must && var->source < VAR_PROVIDER)
		put(out, (struct var_value){ .state = FLOW_ABSENT });
	if (n && atoms[0]->type == ATOM_CIDR)
		put_ips(out, atoms, n);
	else if (n && atoms[0]->type == ATOM_PORT)
		put_ports(out, atoms, n);
	else if (!must && simple(var, atoms, n))
		put_simple(out, atoms, n, a);
	else if (n <= ATOMS_MAX)
		put_texts(out, var, atoms, n, must, a);
	else
		put_named(out, atoms, n);
	drop_same(out, atoms, n, a);
}

/* --- class sets, remembered: the same tests come again and again */

enum { MEMO_MAX = 512 };

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

void class_memo_trim(struct class_memo *m)
{
	if (m->map.n < MEMO_MAX - 64)
		return;
	map_release(&m->map);
	map_init(&m->map, MEMO_MAX);
	arena_free(&m->arena);
	m->arena = arena_new(SIZE_MAX);
}

const struct class_set *class_get(struct class_memo *m, struct var *var,
				  const struct atom *const *atoms, uint32_t n)
{
	struct slice key = { (const uint8_t *)atoms, n * sizeof *atoms };
	struct class_set *set = map_get(&m->map, key);

	if (set)
		return set;
	set = arena_new_object(m->arena, struct class_set);
	class_find(set, var, atoms, n, NULL, m->arena);
	map_put(&m->map, arena_copy(m->arena, key), set);
	return set;
}
