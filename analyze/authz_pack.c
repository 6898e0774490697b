/*
 * authz_pack: the rules of one chain in one block of memory, each with all that a verdict needs of it side by
 * side: order, outcome, and its tests with their texts inside.
 *
 * Same meaning as rule_eval, for flows whose attributes are known.  With ten thousand rules what a verdict costs
 * is memory that is not in the cache, not comparing: so a rule is a run of a few lines that
 * can be fetched at once (pack_fetch), and the block stands on huge pages where there are any.
 *
 * Each part begins with its count and the words up to the next part, so that a part that failed is
 * stepped over.  Words are of 32 bits.  What does not fit these (a list of thousands) is not packed: there
 * comparing is what costs.
 *
 *     rule  = set(to) set(from) set(when)                an empty set is left out: it is true
 *     set   = [alternatives | words] alternative*
 *     alternative = [conditions | words] condition*
 *     condition   = [REF | where it is], or
 *                   [NOT, atoms | words] atom*           any value; a value that wants several atoms
 *                                                        has WITH_NEXT on all but its last
 *     atom  = [variable] [flags, kind, length] text, padded; a port is its length, what is no text
 *                                                        has the address of its struct atom
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/authz.h"
#include "common/buf.h"
#include "common/huge.h"
#include "common/lower.h"
#include "common/map.h"

enum { NOT = 1u << 31, REF = 1u << 30, COUNT_AT = 16, COUNT_MOST = 0x3fff, WORDS_MOST = 0xffff };

enum op { OP_EXACT, OP_PREFIX, OP_SUFFIX, OP_PORT, OP_OTHER };

enum { TEXT_MOST = 0xffff, OP_AT = 16, OP_MASK = 0xff, FOLD = 1 << 24, NO_QUERY = 1 << 25,
       WITH_NEXT = 1 << 26 };

struct writer {
	struct buf out;
	enum chain chain;
	struct map known;		/* conditions by their bytes: struct shared */
	struct arena *arena;
	bool counting, too_long;
};

/* A condition that many rules have is kept once, at the block's start. */
struct shared {
	uint32_t uses, at;		/* words from the block's start; 0: every rule has its own */
};

enum { SHARE_FROM = 4 };

static void word(struct writer *w, uint32_t v)
{
	buf_add(&w->out, (struct slice){ (const uint8_t *)&v, sizeof v });
}

static size_t open_part(struct writer *w)
{
	word(w, 0);
	return w->out.n;
}

static void close_part(struct writer *w, size_t at, uint32_t count, uint32_t flag)
{
	size_t words = (w->out.n - at) / sizeof(uint32_t);
	uint32_t head = flag | count << COUNT_AT | (uint32_t)(words & WORDS_MOST);

	w->too_long |= count > COUNT_MOST || words > WORDS_MOST;
	memcpy(w->out.p + at - sizeof head, &head, sizeof head);
}

static enum op op_of(const struct atom *a)
{
	if (a->type == ATOM_PORT)
		return OP_PORT;
	if (a->type != ATOM_TEXT || !a->on_text || a->on_list || a->match.text.n > TEXT_MOST)
		return OP_OTHER;
	switch (a->match.kind) {
	case MATCH_EXACT: return OP_EXACT;
	case MATCH_PREFIX: return OP_PREFIX;
	case MATCH_SUFFIX: return OP_SUFFIX;
	case MATCH_NEVER: case MATCH_PRESENT: case MATCH_NONEMPTY: case MATCH_GLOB: break;
	}
	return OP_OTHER;
}

static void write_atom(struct writer *w, const struct atom *a, bool with_next)
{
	enum op op = op_of(a);
	struct slice s = a->match.text;
	uint32_t flags = (a->match.fold ? FOLD : 0) | (a->no_query ? NO_QUERY : 0) |
			 (with_next ? WITH_NEXT : 0);

	if (op == OP_PORT)
		s = (struct slice){ NULL, 0 };
	if (op == OP_OTHER)
		s = (struct slice){ (const uint8_t *)&a, sizeof a };
	word(w, a->var->index);
	word(w, flags | (uint32_t)op << OP_AT | (op == OP_PORT ? (uint32_t)a->port : (uint32_t)s.n));
	buf_add(&w->out, s);
	while (w->out.n % sizeof(uint32_t))
		buf_byte(&w->out, 0);
}

/* Count the condition that begins at `at`, or put what is shared in its place. */
static void share(struct writer *w, size_t at)
{
	struct slice bytes = { w->out.p + at, w->out.n - at };
	struct shared *s = map_get(&w->known, bytes);

	if (w->counting && !s) {
		s = arena_new_object(w->arena, struct shared);
		map_put(&w->known, arena_copy(w->arena, bytes), s);
	}
	s->uses++;
	if (!s->at || w->too_long)
		return;
	w->out.n = at;
	word(w, REF | s->at);
}

static void write_cond(struct writer *w, const struct cond *c)
{
	size_t at = open_part(w);
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct value *v = &c->values[i];

		for (uint32_t k = 0; !v->bad && k < v->n_atoms; k++, n++)
			write_atom(w, &v->atoms[k], v->all && k + 1 < v->n_atoms);
	}
	close_part(w, at, n, c->negate ? NOT : 0);
	share(w, at - sizeof(uint32_t));
}

static uint32_t write_alt(struct writer *w, const struct alt *a)
{
	size_t at = open_part(w);
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n; i++)
		if (a->conds[i].active >> w->chain & 1) {
			write_cond(w, &a->conds[i]);
			n++;
		}
	close_part(w, at, n, 0);
	return n;
}

static uint8_t write_set(struct writer *w, const struct alt *a, uint32_t n)
{
	size_t at = open_part(w);
	uint32_t conds = 0;

	for (uint32_t i = 0; i < n; i++)
		conds += write_alt(w, &a[i]);
	if (!n || (n == 1 && !conds)) {
		w->out.n = at - sizeof(uint32_t);
		return 0;
	}
	close_part(w, at, n, 0);
	return 1;
}

/* Line 0 stays empty, so that no rule's place is 0. */
static void pad(struct writer *w)
{
	static const uint8_t zero[PACK_LINE];

	buf_add(&w->out, (struct slice){ zero, (PACK_LINE - w->out.n % PACK_LINE) % PACK_LINE });
}

static pack_place write_rule(struct writer *w, const struct authz_rule *r, enum stage_id s)
{
	struct packed head = { .rule = r, .stage = (uint8_t)s, .outcome = r->outcome };
	size_t at = w->out.n, size = offsetof(struct packed, test);

	buf_add(&w->out, (struct slice){ (const uint8_t *)&head, size });
	w->too_long = false;
	head.n_sets = write_set(w, r->to, r->n_to);
	head.n_sets = (uint8_t)(head.n_sets + write_set(w, r->from, r->n_from));
	head.n_sets = (uint8_t)(head.n_sets + write_set(w, &r->when, 1));
	head.straight = w->too_long;
	if (head.straight)
		w->out.n = at + size;
	memcpy(w->out.p + at, &head, size);
	pad(w);
	size_t lines = (w->out.n - at) / PACK_LINE;
	return (pack_place)(at / PACK_LINE << PLACE_AT | (lines < PLACE_LINES ? lines : PLACE_LINES));
}

static void write_shared(struct writer *w)
{
	struct slice bytes;
	struct shared *s;

	for (size_t i = 0; (s = map_next(&w->known, &i, &bytes)) != NULL;)
		if (s->uses >= SHARE_FROM && w->out.n / sizeof(uint32_t) < REF) {
			s->at = (uint32_t)(w->out.n / sizeof(uint32_t));
			buf_add(&w->out, bytes);
		}
	pad(w);
}

static void write_rules(struct writer *w, struct authz *z)
{
	for (int s = 0; s < STAGES; s++)
		for (uint32_t i = 0; i < z->stage[w->chain][s].n; i++) {
			struct authz_rule *r = z->stage[w->chain][s].rules[i];

			if (w->counting)
				buf_clear(&w->out);
			r->packed[w->chain] = write_rule(w, r, (enum stage_id)s);
		}
}

void pack_chain(struct authz *z, enum chain c)
{
	struct writer w = { .chain = c, .counting = true, .arena = arena_new(SIZE_MAX) };
	static const uint8_t zero[PACK_LINE];

	buf_init(&w.out, SIZE_MAX);
	map_init(&w.known, SIZE_MAX);
	write_rules(&w, z);
	w.counting = false;
	buf_clear(&w.out);
	buf_add(&w.out, (struct slice){ zero, PACK_LINE });
	write_shared(&w);
	write_rules(&w, z);
	z->pack[c].bytes = w.out.n;
	z->pack[c].base = huge_new(w.out.n);
	memcpy(z->pack[c].base, w.out.p, w.out.n);
	buf_release(&w.out);
	map_release(&w.known);
	arena_free(&w.arena);
}

/* --- running */

static const uint32_t *end(const uint32_t *at)
{
	return at + 1 + (*at & REF ? 0 : *at & WORDS_MOST);
}

static uint32_t count(uint32_t head)
{
	return head >> COUNT_AT & COUNT_MOST;
}

static bool run_other(const uint32_t *at, const struct var_value *val)
{
	const struct atom *a;

	memcpy(&a, at + 2, sizeof a);
	return atom_match(a, val);
}

static bool run_text(const uint32_t *at, const struct var_value *val, enum op op)
{
	size_t n = at[1] & TEXT_MOST;
	struct slice s = at[1] & NO_QUERY ? path_only(val->text) : val->text;

	if (s.n < n || (op == OP_EXACT && s.n != n))
		return false;
	const uint8_t *p = s.p + (op == OP_SUFFIX ? s.n - n : 0);
	return !n || !memcmp(p, at + 2, n) ||
	       (at[1] & FOLD && lower_same(p, (const uint8_t *)(at + 2), n));
}

static bool run_atom(const uint32_t *at, const struct view *v)
{
	const struct var_value *val = &v->value[at[0]];
	enum op op = (enum op)(at[1] >> OP_AT & OP_MASK);

	if (op == OP_PORT)
		return val->state == FLOW_PRESENT && val->port == (int64_t)(at[1] & TEXT_MOST);
	if (op == OP_OTHER)
		return run_other(at, val);
	return val->state == FLOW_PRESENT && !val->is_list && run_text(at, val, op);
}

static const uint32_t *next_atom(const uint32_t *at)
{
	bool port = (at[1] >> OP_AT & OP_MASK) == OP_PORT;

	return at + 2 + (port ? 0 : ((at[1] & TEXT_MOST) + 3) / 4);
}

static bool run_cond(const uint32_t *at, const struct view *v)
{
	if (*at & REF)
		at = (const uint32_t *)(const void *)v->z->pack[v->chain].base + (*at & ~(uint32_t)REF);
	bool negate = *at & NOT, so_far = true;
	uint32_t n = count(*at);

	for (at++; n--; at = next_atom(at)) {
		so_far = so_far && run_atom(at, v);
		if (at[1] & WITH_NEXT)
			continue;
		if (so_far)
			return !negate;
		so_far = true;
	}
	return negate;
}

static bool run_alt(const uint32_t *at, const struct view *v)
{
	uint32_t n = count(*at);

	for (at++; n--; at = end(at))
		if (!run_cond(at, v))
			return false;
	return true;
}

static bool run_set(const uint32_t *at, const struct view *v)
{
	uint32_t n = count(*at);

	for (at++; n--; at = end(at))
		if (run_alt(at, v))
			return true;
	return false;
}

bool packed_run(const struct packed *p, const struct view *v)
{
	const uint32_t *at = p->test;

	if (p->straight)
		return rule_eval(v, p->rule) == YES;
	for (uint32_t n = p->n_sets; n--; at = end(at))
		if (!run_set(at, v))
			return false;
	return true;
}
