/*
 * authz_prog: a rule packed into one run of words, for flows whose attributes are known.
 *
 * Same meaning as rule_eval, but all that is looked at lies side by side with the texts inside: with
 * ten thousand rules what a verdict costs is memory that is not in the cache, not
 * comparing.  Each part begins with a word that holds a count and the words up to the next
 * part, so that a part that failed is stepped over.
 *
 *     rule  = part(to) part(from) part(when)
 *     part  = [alternatives | size] alternative*         none: true
 *     alternative = [conditions | size] condition*
 *     condition   = [values, NOT | size] value*
 *     value = [atoms, ALL | size] atom*
 *     atom  = [variable | kind, flags, length] [struct atom *] text, padded
 */
#include <string.h>

#include "analyze/authz.h"

enum { FLAG = 1u << 31 };

enum op { OP_EXACT, OP_PREFIX, OP_SUFFIX, OP_PORT, OP_OTHER };

enum { TEXT_MOST = 0xffff, FOLD = 1 << 24, NO_QUERY = 1 << 25 };

struct writer {
	uint64_t *out;			/* NULL: only count */
	size_t n;
	enum chain chain;
};

static void word(struct writer *w, uint64_t v)
{
	if (w->out)
		w->out[w->n] = v;
	w->n++;
}

static size_t open_part(struct writer *w)
{
	word(w, 0);
	return w->n - 1;
}

static void close_part(struct writer *w, size_t at, uint32_t count)
{
	if (w->out)
		w->out[at] = (uint64_t)count << 32 | (uint32_t)(w->n - at - 1);
}

static enum op op_of(const struct atom *a)
{
	if (a->type == ATOM_PORT)
		return OP_PORT;
	if (a->type != ATOM_TEXT || !a->on_text || a->match.text.n > TEXT_MOST)
		return OP_OTHER;
	switch (a->match.kind) {
	case MATCH_EXACT: return OP_EXACT;
	case MATCH_PREFIX: return OP_PREFIX;
	case MATCH_SUFFIX: return OP_SUFFIX;
	case MATCH_NEVER: case MATCH_PRESENT: case MATCH_NONEMPTY: case MATCH_GLOB: break;
	}
	return OP_OTHER;
}

static void write_atom(struct writer *w, const struct atom *a)
{
	enum op op = op_of(a);
	struct slice s = op < OP_PORT ? a->match.text : (struct slice){ NULL, 0 };
	size_t words = (s.n + 7) / 8;

	uint32_t flags = (a->match.fold ? FOLD : 0) | (a->no_query ? NO_QUERY : 0);

	word(w, (uint64_t)a->var->index << 32 | flags | (uint32_t)op << 16 | s.n);
	word(w, op == OP_PORT ? (uint64_t)a->port : (uint64_t)(uintptr_t)a);
	if (w->out && s.n)
		memcpy(w->out + w->n, s.p, s.n);
	w->n += words;
}

static void write_cond(struct writer *w, const struct cond *c)
{
	size_t at = open_part(w);
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct value *v = &c->values[i];
		size_t value = open_part(w);

		if (v->bad) {
			w->n = value;
			continue;
		}
		for (uint32_t k = 0; k < v->n_atoms; k++)
			write_atom(w, &v->atoms[k]);
		close_part(w, value, v->n_atoms | (v->all ? FLAG : 0));
		n++;
	}
	close_part(w, at, n | (c->negate ? FLAG : 0));
}

static void write_alt(struct writer *w, const struct alt *a)
{
	size_t at = open_part(w);
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n; i++)
		if (a->conds[i].active >> w->chain & 1) {
			write_cond(w, &a->conds[i]);
			n++;
		}
	close_part(w, at, n);
}

static void write_alts(struct writer *w, const struct alt *a, uint32_t n)
{
	size_t at = open_part(w);

	for (uint32_t i = 0; i < n; i++)
		write_alt(w, &a[i]);
	close_part(w, at, n);
}

static void write_rule(struct writer *w, const struct authz_rule *r)
{
	write_alts(w, r->to, r->n_to);
	write_alts(w, r->from, r->n_from);
	write_alts(w, &r->when, 1);
}

const uint64_t *prog_new(const struct authz_rule *r, enum chain chain, struct arena *a)
{
	struct writer w = { .chain = chain };

	write_rule(&w, r);
	w.out = arena_new_array(a, uint64_t, w.n);
	w.n = 0;
	write_rule(&w, r);
	return w.out;
}

/* --- running */

static uint32_t count(uint64_t head)
{
	return (uint32_t)(head >> 32) & ~(uint32_t)FLAG;
}

static bool flag(uint64_t head)
{
	return head >> 63;
}

static const uint64_t *end(const uint64_t *at)
{
	return at + 1 + (uint32_t)*at;
}

static const struct atom *atom_at(const uint64_t *at)
{
	return (const struct atom *)(uintptr_t)at[1];
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same_folded(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

static bool run_atom(const uint64_t *at, const struct view *v)
{
	const struct var_value *val = &v->value[at[0] >> 32];
	size_t n = at[0] & TEXT_MOST;
	enum op op = (enum op)(at[0] >> 16 & 0xff);

	if (op == OP_PORT)
		return val->state == FLOW_PRESENT && (uint64_t)val->port == at[1];
	if (op == OP_OTHER || val->is_list)
		return atom_match(atom_at(at), val);
	if (val->state != FLOW_PRESENT)
		return false;
	struct slice s = at[0] & NO_QUERY ? path_only(val->text) : val->text;
	if (s.n < n || (op == OP_EXACT && s.n != n))
		return false;
	const uint8_t *p = s.p + (op == OP_SUFFIX ? s.n - n : 0);
	return !n || (at[0] & FOLD ? same_folded(p, (const uint8_t *)(at + 2), n) :
		      !memcmp(p, at + 2, n));
}

static bool run_value(const uint64_t *at, const struct view *v)
{
	bool all = flag(*at);
	uint32_t n = count(*at);

	for (at++; n--; at += 2 + ((at[0] & TEXT_MOST) + 7) / 8)
		if (run_atom(at, v) != all)
			return !all;
	return all;
}

static bool run_cond(const uint64_t *at, const struct view *v)
{
	bool negate = flag(*at);
	uint32_t n = count(*at);

	for (at++; n--; at = end(at))
		if (run_value(at, v))
			return !negate;
	return negate;
}

static bool run_alt(const uint64_t *at, const struct view *v)
{
	uint32_t n = count(*at);

	for (at++; n--; at = end(at))
		if (!run_cond(at, v))
			return false;
	return true;
}

static bool run_alts(const uint64_t *at, const struct view *v)
{
	uint32_t n = count(*at);

	if (!n)
		return true;
	for (at++; n--; at = end(at))
		if (run_alt(at, v))
			return true;
	return false;
}

bool prog_run(const uint64_t *at, const struct view *v)
{
	for (int part = 0; part < 3; part++, at = end(at))
		if (!run_alts(at, v))
			return false;
	return true;
}
