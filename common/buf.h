/*
 * buf - a growing output buffer with a maximum given at birth.
 *
 * Writes past the maximum set the sticky flag `full` and are dropped, so a
 * writer may write straight through and test once at the end.  Owned by the
 * caller; buf_release frees the bytes.  Also the only way in which untrusted
 * text may be printed: buf_quote for people, buf_json_string for programs.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/cursor.h"

struct buf {
	uint8_t *p;
	size_t n, size, max;
	bool full;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
static inline void buf_clear(struct buf *b)
{
	b->n = 0;
	b->full = false;
}
static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

bool buf_grow(struct buf *b, size_t n);		/* private: see buf_room */

bool buf_write(const struct buf *b, FILE *out);	/* false: not all of it was taken */

/* Make place for n more. */
static inline bool buf_room(struct buf *b, size_t n)
{
	return n <= b->size - b->n || buf_grow(b, n);
}

static inline void buf_add(struct buf *b, struct slice s)
{
	if (!s.n || !buf_room(b, s.n))
		return;
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

static inline void buf_byte(struct buf *b, uint8_t c)
{
	if (buf_room(b, 1))
		b->p[b->n++] = c;
}

static inline void buf_str(struct buf *b, const char *s)
{
	buf_add(b, (struct slice){ (const uint8_t *)s, strlen(s) });
}

void buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_int(struct buf *b, int64_t v);
void buf_hex(struct buf *b, struct slice s);	/* lower case */

/*
 * "text" as a JSON string (RFC 8259 section 7), quotes included.  Bytes that are not
 * UTF-8 are written as U+FFFD, so output is always valid JSON.
 */
void buf_json_string(struct buf *b, struct slice s);

/* Text for XML, in attributes and between tags.  Bytes that XML 1.0 cannot hold become "?". */
void buf_xml(struct buf *b, struct slice s);

/*
 * Text from outside for a person's terminal: control bytes, C1, bidi and
 * zero-width characters and invalid UTF-8 become \xNN or \u{NNNN}; no quotes added.
 */
void buf_quote(struct buf *b, struct slice s);

/* Length of the valid UTF-8 sequence at p[0..n), 0 where there is none. */
size_t utf8_len(const uint8_t *p, size_t n, uint32_t *code);

/* A character that could change how text around it is shown. */
bool utf8_is_deceptive(uint32_t code);

#endif
