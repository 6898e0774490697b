/*
 * cursor - read untrusted bytes without ever leaving them.
 *
 * A cursor is a slice plus a sticky `bad` flag.  Every read either succeeds
 * or sets `bad` and returns zero / an empty slice, so a decoder may read a
 * whole structure straight through and test once at the end.
 *
 * Invariant: at..end always lies inside the slice given to cur_of().
 * Ownership: none; slices handed out borrow the caller's bytes.
 */
#ifndef COMMON_CURSOR_H
#define COMMON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct cursor cur_of(struct slice s)
{
	return (struct cursor){ s.p, s.n ? s.p + s.n : s.p, false };
}

static inline size_t cur_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* True when everything was read, nothing was left over, nothing failed. */
static inline bool cur_done(const struct cursor *c)
{
	return !c->bad && c->at == c->end;
}

/* The one bounds check: compare lengths, never add to a pointer first. */
static inline struct slice cur_take(struct cursor *c, size_t n)
{
	if (c->bad || n > cur_left(c)) {
		c->bad = true;
		c->at = c->end;
		return (struct slice){ c->end, 0 };
	}
	const uint8_t *p = c->at;
	if (n)
		c->at += n;
	return (struct slice){ p, n };
}

/* Big-endian integer of 1..4 bytes; 0 on failure. */
static inline uint32_t cur_be(struct cursor *c, size_t width)
{
	struct slice s = cur_take(c, width);
	uint32_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | s.p[i];
	return v;
}

/* Bytes left, not consumed: for looking ahead. */
static inline struct slice cur_rest(const struct cursor *c)
{
	return (struct slice){ c->at, cur_left(c) };
}

/* A length-prefixed block as its own cursor: a child cannot overrun it. */
static inline struct cursor cur_block(struct cursor *c, size_t prefix)
{
	struct cursor sub = cur_of(cur_take(c, cur_be(c, prefix)));
	sub.bad = c->bad;
	return sub;
}

/* A C string constant as a slice. */
#define SLICE(lit) ((struct slice){ (const uint8_t *)("" lit), sizeof(lit) - 1 })

static inline struct slice slice_of(const char *s)
{
	struct slice r = { (const uint8_t *)s, 0 };
	while (s && s[r.n])
		r.n++;
	return r;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_of(s));
}

static inline bool slice_starts(struct slice a, struct slice prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* Bytes of the byte-order mark that a UTF-8 text begins with: 3 or 0. */
static inline size_t slice_order_mark(struct slice s)
{
	return slice_starts(s, SLICE("\xef\xbb\xbf")) ? 3 : 0;
}

static inline bool slice_ends(struct slice a, struct slice suffix)
{
	return a.n >= suffix.n && (suffix.n == 0 ||
		memcmp(a.p + (a.n - suffix.n), suffix.p, suffix.n) == 0);
}

/* The part from `from` on, empty where `from` is past the end. */
static inline struct slice slice_from(struct slice a, size_t from)
{
	return from >= a.n ? (struct slice){ a.p, 0 } : (struct slice){ a.p + from, a.n - from };
}

#endif
