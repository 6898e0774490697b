/*
 * request - a path and its query string, taken apart (RFC 3986; "+" is a blank, as forms send it).
 *
 * Bounded: REQUEST_ARGS pairs of REQUEST_BYTES in all; more is refused.  The last of equal names counts.
 */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

enum { REQUEST_ARGS = 32, REQUEST_BYTES = 16 * 1024 };

struct request {
	struct slice path;		/* decoded, without the query */
	struct { struct slice name, value; } arg[REQUEST_ARGS];
	unsigned n;
	uint8_t bytes[REQUEST_BYTES];	/* what the slices point into */
};

/* False: too long, too many, a bad %XX, or a NUL. */
bool request_parse(struct request *r, struct slice path, struct slice query);

struct slice request_arg(const struct request *r, const char *name);	/* empty: not there */
bool request_number(struct slice s, int64_t *v);		/* decimal digits, at most 18 */
bool request_int(const struct request *r, const char *name, int64_t *v);

/*
 * "?a=1&b=2" of the present arguments with `name` set to value (empty: left out) and, where not NULL,
 * `drop` left out.  Escaped for an attribute.
 */
void request_link(const struct request *r, struct buf *b, const char *name, struct slice value,
		  const char *drop);

#endif
