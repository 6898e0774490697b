/*
 * ip - IPv4 and IPv6 addresses and CIDR blocks.
 *
 * One form for both: 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
 */
#ifndef COMMON_IP_H
#define COMMON_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/buf.h"
#include "common/cursor.h"

struct ip {
	uint8_t b[16];
};

struct cidr {
	struct ip net;		/* host bits cleared */
	uint8_t bits;		/* of 128; an IPv4 /24 is 120 */
};

/* On every packet's path, so here. */
static inline struct ip ip_v4(const uint8_t b[4])
{
	return (struct ip){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, b[0], b[1], b[2], b[3] } };
}

static inline bool ip_is_v4(const struct ip *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->b, prefix, sizeof prefix) == 0;
}

static inline bool ip_eq(const struct ip *a, const struct ip *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool ip_parse(struct slice s, struct ip *a);	/* "10.0.0.1", "2001:db8::1" */
void ip_print(struct buf *b, const struct ip *a); /* RFC 5952 */

/* "10.0.0.1:80" or "[::1]:80"; port 0..65535. */
bool ip_port_parse(struct slice s, struct ip *a, uint16_t *port);

/* An address, or address/length; host bits are masked off. */
bool cidr_parse(struct slice s, struct cidr *c);
void cidr_mask(struct ip *a, unsigned bits);	/* clear all but the first bits of 128 */
bool cidr_has(const struct cidr *c, const struct ip *a);

#endif
