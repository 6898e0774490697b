/*
 * log_line: text lines to values.
 *
 * Usual case: each value ends at the first occurrence of the fixed text that
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

#include "capture/log_value.h"

enum { STEPS = 20000 };

static bool is_nothing(struct slice s)
{
	return s.n == 1 && s.p[0] == '-';
}

/* `sparse`: what is not set is empty. */
static bool fits(enum log_shape shape, struct slice s, bool sparse)
{
	if (sparse && !s.n)
		return shape != LOG_TIME;
	switch (shape) {
	case LOG_FREE:
		return true;
	case LOG_LIST:
		return !s.n || !memchr(s.p, '"', s.n);
	case LOG_NAME:
		return !s.n || (!memchr(s.p, ' ', s.n) && !memchr(s.p, '"', s.n));
	case LOG_NUMBER:
		return is_nothing(s) || log_digits(s);
	case LOG_TOKEN:
		return s.n && !memchr(s.p, ' ', s.n) && !memchr(s.p, '"', s.n) && !memchr(s.p, '/', s.n);
	case LOG_TIME:
		return s.n >= LOG_TIME_LEAST && s.n <= LOG_TIME_MOST && !memchr(s.p, ' ', s.n);
	case LOG_WORD:
	case LOG_ADDRESS:
		return s.n && !memchr(s.p, ' ', s.n) && !memchr(s.p, '"', s.n);
	}
	return false;
}

/* False: it has not the step's shape. */
static inline bool keep_value(struct log_values *v, uint32_t i, const uint8_t *p, size_t n,
			      const struct log_step *s)
{
	v->v[i] = (struct slice){ p, n };
	v->null[i] = is_nothing(v->v[i]);
	return n - s->least <= s->span && (!s->number || v->null[i] || log_digits(v->v[i]));
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

/*
 * The first reading; false where it does not fit.  Only the line's blanks and quotes are looked at: the
 * fixed text after a value holds one, and what lies between two of them holds neither.
 * The list of them ends with the line's end, where no fixed text begins.
 */
static bool first_reading(const struct log_format *f, struct slice line, const struct log_marks *m,
			  struct log_values *v)
{
	const struct log_step *s = f->step;
	size_t at = f->piece[0].before.n, end;
	uint32_t n = f->after.n ? f->n : f->n - 1, i;
	const uint32_t *mark = m->at + f->first_marks;

	if (!slice_starts(line, f->piece[0].before))
		return false;
	for (i = 0; i < n; i++, s++) {
		end = *mark - s->mark;
		while ((log_load8(line.p + end) ^ s->text) & s->mask) {
			if (!s->free || *mark == line.n || line.p[*mark] == '"')
				return false;
			end = *++mark - s->mark;
		}
		if (!keep_value(v, i, line.p + at, end - at, s))
			return false;
		mark += s->marks;
		at = end + s->n;
	}
	/* Without fixed text at the end the last value goes to the line's. */
	if (f->after.n)
		return at == line.n;
	while (s->free && *mark < line.n && line.p[*mark] != '"')
		mark++;
	return *mark == line.n && keep_value(v, i, line.p + at, line.n - at, s);
}

struct search {
	const struct log_format *f;
	struct log_values *found;
	struct slice at[LOG_PIECES];
	unsigned steps, readings;
	bool sparse;
};

/* Where an authority ends and its path begins, with nothing between; 0: nowhere. */
static size_t before_path(struct slice rest)
{
	const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;

	if (slice_starts(rest, SLICE("--")))
		return 1;
	return slash ? (size_t)(slash - rest.p) : 0;
}

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
		} else if (i + 1 < s->f->n && !(n = before_path(rest))) {
			return;
		}
		/* Bytes looked at cost too: a long line may not be walked once a step. */
		s->steps += 1 + (unsigned)((2 * n - from) / 256);
		s->at[i] = (struct slice){ rest.p, n };
		bool last = i + 1 == s->f->n;
		if (fits(s->f->piece[i].shape, s->at[i], s->sparse)) {
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

static enum log_read all_readings(const struct log_format *f, struct slice line, bool sparse,
				  struct log_values *v)
{
	struct search s = { .f = f, .found = v, .sparse = sparse };

	if (!slice_starts(line, f->piece[0].before))
		return LOG_MISMATCH;
	try_piece(&s, 0, slice_from(line, f->piece[0].before.n));
	if (s.readings > 1 || s.steps >= STEPS)
		return LOG_AMBIGUOUS;
	return s.readings ? LOG_READ : LOG_MISMATCH;
}

enum log_read log_line_search(const struct log_format *f, struct slice line, struct log_values *v)
{
	enum log_read r = all_readings(f, line, false, v);

	memset(v->known, true, f->n);
	for (uint32_t i = 0; r == LOG_READ && i < f->n; i++)
		v->null[i] = is_nothing(v->v[i]);
	return r;
}

/* A value that is never empty is, and not the last alone. */
static bool leaves_out(const struct log_format *f, const struct log_values *v)
{
	for (uint32_t i = 0; i + 1 < f->n; i++)
		if (!v->v[i].n && f->piece[i].shape < LOG_NAME)
			return true;
	return false;
}

enum log_read log_line_sparse(const struct log_format *f, struct slice line, struct log_values *v)
{
	enum log_read r = all_readings(f, line, true, v);

	if (r == LOG_READ && !leaves_out(f, v))
		return LOG_MISMATCH;
	memset(v->known, true, f->n);
	for (uint32_t i = 0; r == LOG_READ && i < f->n; i++)
		v->null[i] = !v->v[i].n || is_nothing(v->v[i]);
	return r;
}

enum log_read log_line_text(const struct log_format *f, struct slice line, const struct log_marks *m,
			    struct log_values *v)
{
	if (!f->anchored || m->more || !first_reading(f, line, m, v))
		return log_line_search(f, line, v);
	memset(v->known, true, f->n);
	return LOG_READ;
}
