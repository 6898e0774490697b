/*
 * authz_walk: all strings at once, told apart by a list of globs.
 *
 * Every test is a small nondeterministic automaton (a glob).  All of them are run side by side over
 * all strings at once: breadth first over sets of positions, one letter of each kind that the
 * globs tell apart.  Each combination of accepting tests that is reached is a class, its
 * shortest string the class's value.  That is exact; the work is bounded, and past the bound the set is
 * marked partial.
 */
#include "analyze/authz_walk.h"

#include <stdlib.h>
#include <string.h>

enum {
	STATES_MAX = 6000,
	WORK_MAX = 1 << 23,	/* words of position sets made */
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

int stranger(const bool *have, const char *among)
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

static bool search_text(struct search *s, const struct var *var, const struct atom *const *atoms,
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

void text_walk(struct text_classes *out, const struct var *var, const struct atom *const *atoms,
	       uint32_t n, const struct match *must, struct arena *a)
{
	struct search *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	*out = (struct text_classes){ .partial = true };
	if (search_text(s, var, atoms, n, must, a)) {
		out->class = arena_new_array(a, struct text_class, s->n_vectors + 1);
		out->partial = s->partial || !out->class;
		for (uint32_t i = 0; out->class && i < s->n_vectors; i++)
			out->class[out->n++] = (struct text_class){ s->vector[i],
								    string_at(s, s->where[i], a) };
	}
	search_free(s);
	free(s);
}
