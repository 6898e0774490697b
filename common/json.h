/*
 * json - read one JSON text (RFC 8259) without building a tree.
 *
 * A pull reader over a slice: json_next gives the next token.  Strings and
 * numbers are slices of the input; json_unescape makes a string's value
 * (borrowed where it holds no escape).  Depth is limited.  Duplicate keys
 * are the caller's to notice.  Malformed input gives JSON_BAD for ever after.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/cursor.h"

enum json_token {
	JSON_BAD, JSON_END,
	JSON_OBJECT, JSON_OBJECT_END, JSON_ARRAY, JSON_ARRAY_END,
	JSON_KEY,	/* text = the key between its quotes, still escaped */
	JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL,
};

enum { JSON_DEPTH = 64 };

struct json {
	struct slice in;
	size_t at;		/* where reading goes on */
	size_t start;		/* where the last token began */
	struct slice text;	/* of the last KEY, STRING or NUMBER */
	bool escaped;		/* text holds a backslash */
	uint8_t depth;
	uint8_t state;		/* private */
	uint64_t objects;	/* private: bit d set = level d is an object */
	const char *why;	/* after JSON_BAD: what was expected */
};

void json_init(struct json *j, struct slice in);
enum json_token json_next(struct json *j);

/*
 * Skip the value whose first token was just returned; *raw, where not NULL, is its text.
 * False: malformed.
 */
bool json_skip(struct json *j, enum json_token first, struct slice *raw);

/* The value of the last KEY or STRING; {NULL,0} where the arena is full. */
struct slice json_unescape(const struct json *j, struct arena *a);

/* Half of a surrogate pair is escaped in it, which is no text; json_unescape makes it U+FFFD. */
bool json_is_broken(const struct json *j);

/* The last NUMBER as an integer.  False: a fraction, an exponent, or out of range. */
bool json_int(const struct json *j, int64_t *v);
bool json_real(const struct json *j, double *v);

#endif
