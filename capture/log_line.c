/*
 * log_line: the two readers.
 *
 * Text, usual case: each value ends at the first occurrence of the fixed text that
 * follows it.  That reading is the only one where the line holds exactly the quote
 * characters of the format and the format is anchored (log_format.h): no value can hold a
 * quote then, and a value that holds a blank more leaves one too few for the others.
 *
 * Otherwise all readings are searched, depth first, with shapes pruning, until two are
 * found or STEPS are spent; a line that costs more counts as ambiguous.  So time is
 * bounded whatever the line holds.
 */
#include "capture/log_line.h"

#include <string.h>

#include "common/json.h"

enum { STEPS = 20000 };

static bool is_digits(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

static bool is_nothing(struct slice s)
{
	return s.n == 1 && s.p[0] == '-';
}

static bool fits(enum log_shape shape, struct slice s)
{
	switch (shape) {
	case LOG_FREE:
		return true;
	case LOG_LIST:
		return !s.n || !memchr(s.p, '"', s.n);
	case LOG_NAME:
		return !s.n || (!memchr(s.p, ' ', s.n) && !memchr(s.p, '"', s.n));
	case LOG_NUMBER:
		return is_nothing(s) || is_digits(s);
	case LOG_TIME:
		return s.n >= 19 && s.n < 48 && !memchr(s.p, ' ', s.n);
	case LOG_WORD:
	case LOG_ADDRESS:
		return s.n && !memchr(s.p, ' ', s.n) && !memchr(s.p, '"', s.n);
	}
	return false;
}

static const uint8_t *find(struct slice in, struct slice what)
{
	if (what.n == 1)
		return in.n ? memchr(in.p, what.p[0], in.n) : NULL;
	return memmem(in.p, in.n, what.p, what.n);
}

static struct slice follows(const struct log_format *f, uint32_t i)
{
	return i + 1 < f->n ? f->piece[i + 1].before : f->after;
}

/* Fixed text is a few bytes. */
static bool same(const uint8_t *p, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (p[i] != text.p[i])
			return false;
	return true;
}

/*
 * The first reading; false where it does not fit.  The fixed text after a value has its first blank or
 * quote at `mark`: only such places of the line are looked at, and what lies between two of them
 * holds neither.
 */
static bool first_reading(const struct log_format *f, struct slice line, const struct log_marks *m,
			  struct log_values *v)
{
	const uint8_t *at = line.p + f->piece[0].before.n;
	uint32_t k = 0;

	if (!slice_starts(line, f->piece[0].before))
		return false;
	for (uint32_t i = 0; i < f->n; i++) {
		struct slice next = follows(f, i);
		const uint8_t *end = line.p + line.n;
		size_t from = (size_t)(at - line.p), mark = f->piece[i].mark;
		enum log_shape shape = f->piece[i].shape;
		bool free_text = shape >= LOG_LIST;

		while (k < m->n && m->at[k] < from)
			k++;
		for (; next.n && k < m->n; k++) {
			if (m->at[k] >= from + mark && line.n - (m->at[k] - mark) >= next.n &&
			    same(line.p + m->at[k] - mark, next)) {
				end = line.p + m->at[k] - mark;
				break;
			}
			if (!free_text)
				return false;
		}
		if (next.n ? k == m->n : !free_text && k < m->n)
			return false;
		v->v[i] = (struct slice){ at, (size_t)(end - at) };
		if (shape == LOG_NUMBER ? !fits(LOG_NUMBER, v->v[i]) : shape < LOG_NAME && end == at)
			return false;
		if (shape == LOG_TIME && (v->v[i].n < 19 || v->v[i].n >= 48))
			return false;
		at = end + next.n;
	}
	return at == line.p + line.n;
}

struct search {
	const struct log_format *f;
	struct log_values *found;
	struct slice at[LOG_PIECES];
	unsigned steps, readings;
};

static void try_piece(struct search *s, uint32_t i, struct slice rest)
{
	struct slice next = follows(s->f, i);
	size_t from = 0;

	while (s->readings < 2 && s->steps < STEPS) {
		size_t n = rest.n;
		if (next.n) {
			const uint8_t *end = find(slice_from(rest, from), next);
			if (!end) {
				s->steps += 1 + (unsigned)(rest.n - from) / 256;
				return;
			}
			n = (size_t)(end - rest.p);
		}
		/* Bytes looked at cost too: a long line may not be walked once a step. */
		s->steps += 1 + (unsigned)((2 * n - from) / 256);
		s->at[i] = (struct slice){ rest.p, n };
		bool last = i + 1 == s->f->n;
		if (fits(s->f->piece[i].shape, s->at[i])) {
			struct slice after = slice_from(rest, n + next.n);
			if (!last) {
				try_piece(s, i + 1, after);
			} else if (after.n == 0) {
				if (s->readings++ == 0)
					memcpy(s->found->v, s->at, sizeof s->at);
			}
		} else if (s->f->piece[i].shape != LOG_FREE && n > 0) {
			return;		/* longer values of this shape do not fit either */
		}
		if (!next.n)
			return;
		from = n + 1;
	}
}

static enum log_read all_readings(const struct log_format *f, struct slice line, struct log_values *v)
{
	struct search s = { .f = f, .found = v };

	if (!slice_starts(line, f->piece[0].before))
		return LOG_MISMATCH;
	try_piece(&s, 0, slice_from(line, f->piece[0].before.n));
	if (s.readings > 1 || s.steps >= STEPS)
		return LOG_AMBIGUOUS;
	return s.readings ? LOG_READ : LOG_MISMATCH;
}

enum log_read log_line_text(const struct log_format *f, struct slice line, const struct log_marks *m,
			    struct log_values *v)
{
	if (!f->anchored || m->more || m->quotes != f->quotes || !first_reading(f, line, m, v)) {
		enum log_read r = all_readings(f, line, v);
		if (r != LOG_READ)
			return r;
	}
	for (uint32_t i = 0; i < f->n; i++) {
		v->known[i] = true;
		v->null[i] = is_nothing(v->v[i]);
	}
	return LOG_READ;
}

/*
 * The piece of this key.  Writers keep their order, so the piece that followed `last` in the line before
 * is tried first.
 */
static int piece_of(const struct log_format *f, struct slice key, unsigned last, struct log_values *v)
{
	uint8_t guess = v->after[last];

	if (guess < f->n && slice_eq(f->piece[guess].before, key))
		return guess;
	for (uint32_t i = 0; i < f->n; i++)
		if (slice_eq(f->piece[i].before, key)) {
			v->after[last] = (uint8_t)i;
			return (int)i;
		}
	return -1;
}

static bool take_value(struct json *j, enum json_token t, struct log_values *v, int i, struct arena *a)
{
	v->null[i] = false;
	switch (t) {
	case JSON_STRING:
		v->v[i] = json_unescape(j, a);
		v->null[i] = is_nothing(v->v[i]);
		return v->v[i].p != NULL;
	case JSON_NUMBER:
		v->v[i] = j->text;
		return true;
	case JSON_NULL:
		v->null[i] = true;
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		v->v[i] = t == JSON_TRUE ? SLICE("true") : SLICE("false");
		return true;
	default:
		return false;
	}
}

enum log_read log_line_json(const struct log_format *f, struct slice line, struct log_values *v,
			    struct arena *a)
{
	struct json j;
	enum json_token t;
	unsigned last = LOG_PIECES;

	json_init(&j, line);
	if (json_next(&j) != JSON_OBJECT)
		return LOG_NOT_JSON;
	memset(v->known, 0, f->n);
	while ((t = json_next(&j)) == JSON_KEY) {
		int i = piece_of(f, j.text, last, v);
		last = i < 0 ? last : (unsigned)i;
		t = json_next(&j);
		if (i < 0 || f->piece[i].op == LOG_OP_OTHER) {
			if (!json_skip(&j, t, NULL))
				return LOG_NOT_JSON;
			continue;
		}
		struct slice was = v->v[i];
		bool again = v->known[i], was_null = v->null[i];
		if (t == JSON_OBJECT || t == JSON_ARRAY)
			return LOG_TOO_DEEP;
		if (!take_value(&j, t, v, i, a))
			return LOG_NOT_JSON;
		if (j.escaped && t == JSON_STRING && memchr(v->v[i].p, 0, v->v[i].n))
			return LOG_NUL;
		if (again && (was_null != v->null[i] || (!was_null && !slice_eq(was, v->v[i]))))
			return LOG_DUPLICATE_KEY;
		v->known[i] = true;
	}
	return t == JSON_OBJECT_END && json_next(&j) == JSON_END ? LOG_READ : LOG_NOT_JSON;
}
