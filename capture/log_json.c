/*
 * log_json: the expected line is walked without a grammar: a known key, a value, a comma.  What is accepted
 * so is less than JSON: no blanks between tokens, no escapes, plain integers, null.  Everything
 * else is left to the grammar, so the two cannot differ.
 */
#include "capture/log_json.h"

#include <stdio.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { ORDER_MISSES = 16, PATH_MOST = 1024 };

static bool is_nothing(struct slice s)
{
	return s.n == 1 && s.p[0] == '-';
}

/*
 * Values that are texts, each read as a line is.  Envoy prints none of them as null, so of one that is nothing
 * is known.
 */
static enum log_read read_texts(const struct log_format *f, struct log_values *v)
{
	struct log_values parts;

	for (uint32_t i = 0; i < f->n; i++) {
		const struct log_format *texts = f->piece[i].texts;
		if (!texts || !v->known[i] || v->null[i])
			continue;
		enum log_read got = log_line_search(texts, v->v[i], &parts);
		if (got != LOG_READ)
			return got;
		memcpy(v->v + i + 1, parts.v, texts->n * sizeof *parts.v);
		memcpy(v->null + i + 1, parts.null, texts->n * sizeof *parts.null);
		memcpy(v->known + i + 1, parts.known, texts->n * sizeof *parts.known);
	}
	return LOG_READ;
}

/* --- a line with the keys of the one before */

/*
 * The first byte that a plain string does not hold: a quote, a backslash, a control byte, or one of 0x80 and
 * more.  A line's end is such a byte.
 */
static inline const uint8_t *plain_end(const uint8_t *p)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x20);
	for (;; p += 16) {
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(b, quote), _mm_cmpeq_epi8(b, slash));
		/* As signed bytes, those from 0x80 on are below the blank too. */
		hit = _mm_or_si128(hit, _mm_cmplt_epi8(b, last));
		unsigned bits = (unsigned)_mm_movemask_epi8(hit);
		if (bits)
			return p + __builtin_ctz(bits);
	}
#else
	while (*p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
#endif
}

/* Keys are a few bytes; both sides have slack. */
static inline bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
#ifdef __SSE2__
	for (; n >= 16; n -= 16, a += 16, b += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)a);
		__m128i y = _mm_loadu_si128((const __m128i *)(const void *)b);
		if (_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) != 0xffff)
			return false;
	}
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)a);
	__m128i y = _mm_loadu_si128((const __m128i *)(const void *)b);
	unsigned differ = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) ^ 0xffff;
	return !(differ & ((1U << n) - 1));
#else
	return memcmp(a, b, n) == 0;
#endif
}

/* A value at p; the byte after it, or NULL where it is not a plain one. */
static inline const uint8_t *plain_value(const uint8_t *p, struct slice *v, bool *null)
{
	const uint8_t *end;

	*null = false;
	if (*p == '"') {
		end = plain_end(++p);
		*v = (struct slice){ p, (size_t)(end - p) };
		*null = is_nothing(*v);
		return *end == '"' ? end + 1 : NULL;
	}
	if (*p == 'n') {
		*null = true;
		return same(p, (const uint8_t *)"null            ", 4) ? p + 4 : NULL;
	}
	for (end = p; *end >= '0' && *end <= '9'; end++)
		;
	*v = (struct slice){ p, (size_t)(end - p) };
	return v->n && (*p != '0' || v->n == 1) ? end : NULL;
}

bool log_json_expected(const struct log_format *f, const struct log_order *o, struct slice line,
		       struct log_values *v)
{
	const uint8_t *p = line.p;
	const struct log_key *k = o->key, *end = o->key + o->n;
	struct slice other;
	bool null, any = false;

	if (k == end || *p++ != '{')
		return false;
	memset(v->known, 0, f->n);
	for (;; k++) {
		while (k < end && !same(p, o->text + k->at, k->n))
			k++;
		if (k == end)
			return false;
		int i = k->piece;
		p = plain_value(p + k->n, i < 0 ? &other : &v->v[i], i < 0 ? &null : &v->null[i]);
		if (!p)
			return false;
		if (i >= 0)
			any = v->known[i] = true;
		if (*p != ',')
			break;
		p++;
	}
	return any && *p == '}' && p + 1 == line.p + line.n && (!f->texts || read_texts(f, v) == LOG_READ);
}

/* --- any line */

/* -1: a key that is passed over. */
static int piece_of(const struct log_format *f, struct slice key)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (!f->piece[i].part && slice_eq(f->piece[i].before, key))
			return f->piece[i].op == LOG_OP_OTHER ? -1 : (int)i;
	return -1;
}

/* One key more; where there is no room nothing is expected. */
static void remember(struct log_order *o, struct slice key, int piece)
{
	size_t n = key.n + 3;

	if (o->n == LOG_KEYS || n > LOG_SLACK || o->used + n > LOG_KEY_BYTES) {
		o->used = LOG_KEY_BYTES;
		return;
	}
	uint8_t *to = o->text + o->used;
	to[0] = '"';
	memcpy(to + 1, key.p, key.n);
	memcpy(to + 1 + key.n, "\":", 2);
	o->key[o->n++] = (struct log_key){ (uint16_t)o->used, (uint16_t)n, (int16_t)piece };
	o->used += (uint32_t)n;
}

/* The longer order is worth more, since a writer may leave keys out; but not for ever. */
static void settle(struct log_order *o, const struct log_order *seen)
{
	if (seen->used >= LOG_KEY_BYTES)
		return;
	if (seen->n == o->n && seen->used == o->used && !memcmp(seen->text, o->text, o->used))
		return;
	if (seen->n < o->n && ++o->misses < ORDER_MISSES)
		return;
	*o = *seen;
	o->misses = 0;
}

/* A string that does not stand in the line: between its quote, which tells it from a number, and LOG_SLACK. */
static struct slice with_slack(struct slice s, struct arena *a)
{
	uint8_t *p = s.p ? arena_bytes(a, s.n + 1 + LOG_SLACK) : NULL;

	if (!p)
		return (struct slice){ NULL, 0 };
	*p++ = '"';
	memcpy(p, s.p, s.n);
	memset(p + s.n, 0, LOG_SLACK);
	return (struct slice){ p, s.n };
}

static bool take_value(struct json *j, enum json_token t, struct log_values *v, int i, struct arena *a)
{
	static const uint8_t yes[LOG_SLACK + 5] = ":true", no[LOG_SLACK + 6] = ":false";

	v->null[i] = t == JSON_NULL;
	switch (t) {
	case JSON_STRING:
		v->v[i] = j->escaped ? with_slack(json_unescape(j, a), a) : j->text;
		v->null[i] = is_nothing(v->v[i]);
		return v->v[i].p != NULL;
	case JSON_NUMBER:
		v->v[i] = j->text;
		return true;
	case JSON_NULL:
		return true;
	case JSON_TRUE:
		v->v[i] = (struct slice){ yes + 1, 4 };
		return true;
	case JSON_FALSE:
		v->v[i] = (struct slice){ no + 1, 5 };
		return true;
	default:
		return false;
	}
}

/* Pieces whose value may be a structure: its text is the value. */
static bool takes_structure(enum log_op op)
{
	return op == LOG_OP_METADATA || op == LOG_OP_FREE || op == LOG_OP_QUERY;
}

static enum log_read read_value(const struct log_format *f, struct json *j, enum json_token t, int i,
				struct log_values *v, struct arena *a)
{
	struct slice was = v->v[i];
	bool again = v->known[i], was_null = v->null[i];

	if (t == JSON_OBJECT || t == JSON_ARRAY) {
		if (!takes_structure(f->piece[i].op))
			return LOG_TOO_DEEP;
		v->null[i] = false;
		if (!json_skip(j, t, &v->v[i]))
			return LOG_NOT_JSON;
	} else if (!take_value(j, t, v, i, a)) {
		return LOG_NOT_JSON;
	} else if (j->escaped && t == JSON_STRING && memchr(v->v[i].p, 0, v->v[i].n)) {
		return LOG_NUL;
	} else if (t == JSON_STRING && json_is_broken(j)) {
		return LOG_BAD_TEXT;
	}
	if (again && (was_null != v->null[i] || (!was_null && !slice_eq(was, v->v[i]))))
		return LOG_DUPLICATE_KEY;
	v->known[i] = true;
	return LOG_READ;
}

/* A piece lies inside the object at this path. */
static bool leads_on(const struct log_format *f, struct slice path)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (slice_starts(f->piece[i].before, path) && f->piece[i].before.n > path.n &&
		    f->piece[i].before.p[path.n] == '.')
			return true;
	return false;
}

struct walk {
	const struct log_format *f;
	struct log_values *v;
	struct arena *arena;
	struct log_order *seen;
	uint8_t path[PATH_MOST];	/* of the object at hand, with a dot after it */
};

static enum log_read read_object(struct walk *w, struct json *j, size_t outer);
static enum log_read read_array(struct walk *w, struct json *j, size_t outer);

/* A member's or an element's value, at its path. */
static enum log_read read_member(struct walk *w, struct json *j, enum json_token t, struct slice path)
{
	int i = piece_of(w->f, path);
	bool inside = (t == JSON_OBJECT || t == JSON_ARRAY) && path.n < PATH_MOST - 1;

	if (i < 0 && inside && leads_on(w->f, path)) {
		memmove(w->path, path.p, path.n);
		w->path[path.n] = '.';
		return t == JSON_OBJECT ? read_object(w, j, path.n + 1) : read_array(w, j, path.n + 1);
	}
	if (i < 0)
		return json_skip(j, t, NULL) ? LOG_READ : LOG_NOT_JSON;
	return read_value(w->f, j, t, i, w->v, w->arena);
}

static enum log_read read_object(struct walk *w, struct json *j, size_t outer)
{
	enum json_token t;

	while ((t = json_next(j)) == JSON_KEY) {
		struct slice raw = j->text, key = j->escaped ? json_unescape(j, w->arena) : raw, path = key;
		if (outer) {
			/* A longer path than any of a layout's is none of them. */
			path.n = key.n < PATH_MOST - outer ? outer + key.n : 0;
			path.p = w->path;
			memcpy(w->path + outer, key.p, path.n ? key.n : 0);
			w->seen->used = LOG_KEY_BYTES;
		}
		int i = piece_of(w->f, path);
		if (i >= 0 && w->v->known[i])
			w->seen->used = LOG_KEY_BYTES;	/* one key twice is not to be expected */
		else
			remember(w->seen, raw, i);
		enum log_read got = read_member(w, j, json_next(j), path);
		if (got != LOG_READ)
			return got;
	}
	return t == JSON_OBJECT_END ? LOG_READ : LOG_NOT_JSON;
}

static enum log_read read_array(struct walk *w, struct json *j, size_t outer)
{
	enum json_token t;

	w->seen->used = LOG_KEY_BYTES;
	for (unsigned k = 0; (t = json_next(j)) != JSON_ARRAY_END; k++) {
		int n = snprintf((char *)w->path + outer, PATH_MOST - outer, "%u", k);
		struct slice path = { w->path, outer + (size_t)n < PATH_MOST ? outer + (size_t)n : 0 };
		enum log_read got = read_member(w, j, t, path);
		if (got != LOG_READ)
			return got;
	}
	return LOG_READ;
}

enum log_read log_json_read(const struct log_format *f, struct log_order *o, struct slice line,
			    struct log_values *v, struct arena *a)
{
	struct log_order seen;
	struct walk w = { .f = f, .v = v, .arena = a, .seen = &seen };
	struct json j;

	seen.n = seen.used = 0;
	json_init(&j, line);
	if (json_next(&j) != JSON_OBJECT)
		return LOG_NOT_JSON;
	memset(v->known, 0, f->n);
	enum log_read got = read_object(&w, &j, 0);
	if (got != LOG_READ)
		return got;
	if (json_next(&j) != JSON_END)
		return LOG_NOT_JSON;
	/* Of something else: the proxy's own lines are JSON too where its access log is. */
	if (!memchr(v->known, true, f->n))
		return LOG_MISMATCH;
	settle(o, &seen);
	return f->texts ? read_texts(f, v) : LOG_READ;
}
