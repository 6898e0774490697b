/*
 * authz_class: all the ways in which the tests of one variable can turn out together, with a value
 * for each way.
 *
 * Text: every test is a small nondeterministic automaton (a glob).  All of them are run side by side over
 * all strings at once: breadth first over sets of positions, one letter of each kind that the
 * globs tell apart.  Each combination of accepting tests that is reached is a class, its
 * shortest string the class's value.  That is exact; the work is bounded, and past the bound the set is
 * marked partial.
 *
 * What a value can be: an identity none, or any text with at most one "/ns/" and one "/sa/" (who
 * issues SPIFFE identities writes each once); a server name lower-case text, maybe
 * empty; a path text that begins with "/" (Envoy refuses others before any policy); method and
 * authority any text; a header any text or none; a claim or metadata value a string,
 * a list of strings, or none; addresses are never absent.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/authz.h"

enum {
	ATOMS_MAX = 48,		/* tests of one variable in one search */
	STATES_MAX = 6000,
	WORK_MAX = 1 << 23,	/* words of position sets made */
	CLASSES_MAX = 256,
};

struct machine {
	struct match glob;
	const struct atom *atom;	/* NULL: the text must match */
	bool forbid;			/* and atom NULL: it must not */
	uint32_t at, words;		/* where its set stands in a state */
};

struct search {
	struct machine m[ATOMS_MAX + 4];
	uint32_t n_machines, words;
	uint64_t *sets;			/* STATES_MAX states of `words` words */
	uint32_t *parent;
	uint8_t *letter;
	uint32_t n_states;
	uint32_t *table;		/* open addressing: state + 1 */
	uint32_t table_size;
	uint8_t alphabet[256];
	uint32_t n_letters;
	uint64_t *vector;		/* accepted sets, one word each class: ATOMS_MAX <= 64 */
	uint32_t *where;
	uint32_t n_vectors;
	bool partial;
};

static bool set_has(const uint64_t *set, uint32_t k)
{
	return set[k / 64] >> (k % 64) & 1;
}

static void set_add(uint64_t *set, uint32_t k)
{
	set[k / 64] |= UINT64_C(1) << (k % 64);
}

/* --- alphabet: every byte that some glob names, and strangers of each class */

static void add_letter(struct search *s, bool *have, int c)
{
	if (c >= 0 && !have[c]) {
		have[c] = true;
		s->alphabet[s->n_letters++] = (uint8_t)c;
	}
}

static int stranger(const bool *have, const char *among)
{
	for (const char *c = among; *c; c++)
		if (!have[(uint8_t)*c])
			return (uint8_t)*c;
	return -1;
}

static void make_alphabet(struct search *s, enum var_source source)
{
	bool have[256] = { false }, named[256];
	bool no_upper = source == VAR_SNI, fold = false, exact = false;

	for (uint32_t i = 0; i < s->n_machines; i++) {
		const struct match *g = &s->m[i].glob;

		fold |= g->fold;
		exact |= !g->fold;
		for (uint32_t k = 0; k < g->n_items; k++) {
			uint8_t c = g->item[k].byte;

			if (g->item[k].class == GLOB_BYTE && !(no_upper && c >= 'A' && c <= 'Z'))
				add_letter(s, have, c);
		}
	}
	/* Where some tests fold case and some do not, both cases of a letter differ. */
	for (int c = 'a'; fold && exact && c <= 'z'; c++)
		if (have[c] || have[c - 32]) {
			add_letter(s, have, c);
			add_letter(s, have, c - 32);
		}
	memcpy(named, have, sizeof named);
	add_letter(s, have, stranger(named, "zxqjkvw0123456789ybcdfghmnprstaeiou-_~!$&'()+,;:@="));
	add_letter(s, have, stranger(named, "\"^`<>|\\{}[] "));	/* in no path template */
	add_letter(s, have, '/');
	if (source == VAR_PATH)
		add_letter(s, have, '?');
}

/* --- states */

/* A position, and those that stars let through to. */
static void add_closed(const struct machine *m, uint64_t *set, uint32_t k)
{
	set_add(set, k);
	while (k < m->glob.n_items && m->glob.item[k].star)
		set_add(set, ++k);
}

/*
 * One letter further.  A test that does not look at the query stays where it is from "?" on: its last
 * item n_items is kept if it had accepted, and everything else is dropped.
 */
static void step(const struct machine *m, const uint64_t *from, uint64_t *to, uint8_t c)
{
	const struct match *g = &m->glob;
	bool cut = m->atom && m->atom->no_query;

	if (cut && (set_has(from, g->n_items + 1) || c == '?')) {
		if (set_has(from, g->n_items))
			set_add(to, g->n_items);
		set_add(to, g->n_items + 1);	/* marks "in the query" */
		return;
	}
	for (uint32_t w = 0; w < m->words; w++)
		for (uint64_t left = from[w]; left; left &= left - 1) {
			uint32_t k = w * 64 + (uint32_t)__builtin_ctzll(left);

			if (k < g->n_items && glob_takes(&g->item[k], c, g->fold))
				add_closed(m, to, g->item[k].star ? k : k + 1);
		}
}

static uint64_t mix(const uint64_t *p, uint32_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u;

	for (uint32_t i = 0; i < n; i++) {
		h = (h ^ p[i]) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	return h;
}

/* The new state at the end of the list: kept where it is new. */
static bool keep(struct search *s, uint32_t parent, uint8_t letter)
{
	const uint64_t *fresh = s->sets + (size_t)s->n_states * s->words;
	uint32_t at = (uint32_t)mix(fresh, s->words) & (s->table_size - 1);

	for (; s->table[at]; at = (at + 1) & (s->table_size - 1))
		if (!memcmp(s->sets + (size_t)(s->table[at] - 1) * s->words, fresh,
			    s->words * sizeof *fresh))
			return false;
	s->table[at] = s->n_states + 1;
	s->parent[s->n_states] = parent;
	s->letter[s->n_states] = letter;
	s->n_states++;
	return true;
}

/* No text that starts like the new state can be. */
static bool forbidden(const struct search *s)
{
	const uint64_t *fresh = s->sets + (size_t)s->n_states * s->words;

	for (uint32_t i = 0; i < s->n_machines; i++)
		if (s->m[i].forbid && set_has(fresh + s->m[i].at, s->m[i].glob.n_items))
			return true;
	return false;
}

static void note_vector(struct search *s, uint32_t state)
{
	const uint64_t *set = s->sets + (size_t)state * s->words;
	uint64_t v = 0;
	uint32_t bit = 0;

	for (uint32_t i = 0; i < s->n_machines; i++) {
		bool yes = set_has(set + s->m[i].at, s->m[i].glob.n_items);

		if (!s->m[i].atom && !yes && !s->m[i].forbid)
			return;
		if (s->m[i].atom)
			v |= (uint64_t)yes << bit++;
	}
	for (uint32_t i = 0; i < s->n_vectors; i++)
		if (s->vector[i] == v)
			return;
	if (s->n_vectors == CLASSES_MAX) {
		s->partial = true;
		return;
	}
	s->vector[s->n_vectors] = v;
	s->where[s->n_vectors++] = state;
}

static struct slice string_at(const struct search *s, uint32_t state, struct arena *a)
{
	size_t n = 0;

	for (uint32_t k = state; k; k = s->parent[k])
		n++;
	uint8_t *p = arena_bytes(a, n + 1);
	if (!p)
		return SLICE("");
	for (uint32_t k = state; k; k = s->parent[k])
		p[--n] = s->letter[k];
	for (uint32_t k = state; k; k = s->parent[k])
		n++;
	return (struct slice){ p, n };
}

static void walk(struct search *s)
{
	size_t work = 0;

	memset(s->sets, 0, s->words * sizeof *s->sets);
	for (uint32_t i = 0; i < s->n_machines; i++)
		if (s->m[i].glob.kind != MATCH_NEVER)
			add_closed(&s->m[i], s->sets + s->m[i].at, 0);
	keep(s, 0, 0);
	note_vector(s, 0);
	for (uint32_t at = 0; at < s->n_states; at++)
		for (uint32_t c = 0; c < s->n_letters; c++) {
			uint64_t *to = s->sets + (size_t)s->n_states * s->words;

			work += s->words;
			if (s->n_states + 1 >= STATES_MAX || work > WORK_MAX) {
				s->partial = true;
				return;
			}
			memset(to, 0, s->words * sizeof *to);
			for (uint32_t i = 0; i < s->n_machines; i++)
				step(&s->m[i], s->sets + (size_t)at * s->words + s->m[i].at,
				     to + s->m[i].at, s->alphabet[c]);
			if (!forbidden(s) && keep(s, at, s->alphabet[c]))
				note_vector(s, s->n_states - 1);
		}
}

static void add_machine(struct search *s, const struct atom *atom, const struct match *m,
			struct arena *a)
{
	struct machine *x = &s->m[s->n_machines++];

	x->glob = match_as_glob(m, a);
	if (x->glob.kind == MATCH_NEVER)	/* starts in no position */
		x->glob.n_items = 0;
	x->atom = atom;
	x->words = (x->glob.n_items + 2) / 64 + 1;
	x->at = s->words;
	s->words += x->words;
}

/* Forbids `what` twice. */
static void add_twice(struct search *s, struct slice what, struct arena *a)
{
	size_t n = 2 * what.n + 3;
	struct glob_item *item = arena_new_array(a, struct glob_item, n);
	struct match m = { .kind = MATCH_GLOB, .item = item };

	if (!item)
		return;
	for (size_t i = 0; i < n; i++) {
		bool star = i % (what.n + 1) == 0;

		item[m.n_items++] = (struct glob_item){ star ? GLOB_ANY : GLOB_BYTE,
			star ? 0 : what.p[i % (what.n + 1) - 1], star };
	}
	add_machine(s, NULL, &m, a);
	s->m[s->n_machines - 1].forbid = true;
}

static bool search_text(struct search *s, struct var *var, const struct atom *const *atoms,
			uint32_t n, const struct match *must, struct arena *a)
{
	static const struct glob_item slash[2] = { { GLOB_BYTE, '/', false },
						   { GLOB_ANY, 0, true } };
	static const struct match absolute = { .kind = MATCH_GLOB, .item = slash, .n_items = 2 };

	for (uint32_t i = 0; i < n; i++)
		add_machine(s, atoms[i], &atoms[i]->match, a);
	if (var->source == VAR_IDENTITY) {
		add_twice(s, SLICE("/ns/"), a);
		add_twice(s, SLICE("/sa/"), a);
	}
	if (must)
		add_machine(s, NULL, must, a);
	if (var->source == VAR_PATH)
		add_machine(s, NULL, &absolute, a);
	make_alphabet(s, var->source);
	s->table_size = 1;
	while (s->table_size < 2 * STATES_MAX)
		s->table_size *= 2;
	s->sets = malloc((size_t)STATES_MAX * (s->words + !s->words) * sizeof *s->sets);
	s->parent = malloc(STATES_MAX * sizeof *s->parent);
	s->letter = malloc(STATES_MAX);
	s->table = calloc(s->table_size, sizeof *s->table);
	s->vector = arena_new_array(a, uint64_t, CLASSES_MAX);
	s->where = arena_new_array(a, uint32_t, CLASSES_MAX);
	if (!s->sets || !s->parent || !s->letter || !s->table)
		abort();
	if (!s->vector || !s->where)
		return false;
	walk(s);
	return true;
}

static void search_free(struct search *s)
{
	free(s->sets);
	free(s->parent);
	free(s->letter);
	free(s->table);
}

/* --- classes out of strings */

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
static void put_lists(struct class_set *out, const struct search *s, const struct slice *text,
		      uint64_t mask, struct arena *a)
{
	uint64_t *seen = arena_new_array(a, uint64_t, CLASSES_MAX);
	struct slice **list = arena_new_array(a, struct slice *, CLASSES_MAX);
	uint32_t *length = arena_new_array(a, uint32_t, CLASSES_MAX), n = 1;

	if (!seen || !list || !length)
		return;
	for (uint32_t at = 0; at < n; at++)	/* starts with the empty list */
		for (uint32_t k = 0; k < s->n_vectors; k++) {
			uint64_t v = seen[at] | (s->vector[k] & mask);
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
			list[n][length[at]] = text[k];
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
	struct search *s = calloc(1, sizeof *s);
	struct slice *text = arena_new_array(a, struct slice, CLASSES_MAX);

	if (!s)
		abort();
	if (text && search_text(s, var, atoms, n, must, a)) {
		for (uint32_t i = 0; i < s->n_vectors; i++) {
			text[i] = string_at(s, s->where[i], a);
			put(out, (struct var_value){ .state = FLOW_PRESENT, .text = text[i] });
		}
		if (mask_of(atoms, n, true))
			put_lists(out, s, text, mask_of(atoms, n, true), a);
		out->partial |= s->partial;
	}
	search_free(s);
	free(s);
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
				set_add(mine, m);
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
	if (may_be_absent(var) && !must && var->source != VAR_PROVIDER)
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
