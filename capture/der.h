/*
 * der - elements of X.690 in definite lengths, read through a cursor.
 */
#ifndef CAPTURE_DER_H
#define CAPTURE_DER_H

#include "common/cursor.h"

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04,
	DER_OID = 0x06, DER_UTF8 = 0x0c, DER_PRINTABLE = 0x13, DER_IA5 = 0x16,
	DER_UTC_TIME = 0x17, DER_GENERALIZED_TIME = 0x18, DER_SEQUENCE = 0x30, DER_SET = 0x31,
};

/* Section 8.1: one element and its contents; its whole bytes in *all where that is not NULL. */
static inline struct cursor der_element(struct cursor *c, uint8_t tag, struct slice *all)
{
	const uint8_t *from = c->at;
	uint32_t got = cur_be(c, 1), n = cur_be(c, 1);

	if (n > 0x84 || n == 0x80)
		c->bad = true;
	else if (n > 0x80)
		n = cur_be(c, n - 0x80);
	c->bad |= got != tag;
	struct cursor body = cur_of(cur_take(c, n));
	body.bad = c->bad;
	if (all)
		*all = (struct slice){ from, (size_t)(c->at - from) };
	return body;
}

/* The tag that comes next; 0 at the end. */
static inline uint8_t der_tag(const struct cursor *c)
{
	return cur_left(c) ? *c->at : 0;
}

#endif
