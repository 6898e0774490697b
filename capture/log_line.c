/*
 * log_line: the two readers.
 *
 * Text, usual case: each value ends at the first occurrence of the fixed text that
 * follows it.  That reading is the only one where the line holds exactly the quote
 * characters of the format: every client-written value of the usual formats stands in
 * quotes, so none can hold one.
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

/* The first reading; false where it does not fit. */
static bool first_reading(const struct log_format *f, struct slice line, struct log_values *v)
{
	struct slice rest = line;

	if (!slice_starts(rest, f->piece[0].before))
		return false;
	rest = slice_from(rest, f->piece[0].before.n);
	for (uint32_t i = 0; i < f->n; i++) {
		struct slice next = follows(f, i);
		const uint8_t *end = next.n ? find(rest, next) : rest.p + rest.n;
		if (!end)
			return false;
		v->v[i] = (struct slice){ rest.p, (size_t)(end - rest.p) };
		if (!fits(f->piece[i].shape, v->v[i]))
			return false;
		rest = slice_from(rest, v->v[i].n + next.n);
	}
	return rest.n == 0;
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
		s->steps++;
		size_t n = rest.n;
		if (next.n) {
			const uint8_t *end = find(slice_from(rest, from), next);
			if (!end)
				return;
			n = (size_t)(end - rest.p);
		}
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

static size_t count_quotes(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '"';
	return n;
}

enum log_read log_line_text(const struct log_format *f, struct slice line, struct log_values *v)
{
	if (f->quotes == 0 || count_quotes(line) != f->quotes || !first_reading(f, line, v)) {
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

/* The piece of this key: usually the one after the last, since writers keep their order. */
static int piece_of(const struct log_format *f, struct slice key, uint32_t *hint)
{
	for (uint32_t k = 0; k < f->n; k++) {
		uint32_t i = *hint + k < f->n ? *hint + k : *hint + k - f->n;
		if (slice_eq(f->piece[i].before, key)) {
			*hint = i + 1;
			return (int)i;
		}
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
	uint32_t hint = 0;

	json_init(&j, line);
	if (json_next(&j) != JSON_OBJECT)
		return LOG_NOT_JSON;
	memset(v->known, 0, f->n);
	while ((t = json_next(&j)) == JSON_KEY) {
		int i = piece_of(f, j.text, &hint);
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
		if (again && (was_null != v->null[i] || (!was_null && !slice_eq(was, v->v[i]))))
			return LOG_DUPLICATE_KEY;
		v->known[i] = true;
	}
	return t == JSON_OBJECT_END && json_next(&j) == JSON_END ? LOG_READ : LOG_NOT_JSON;
}
