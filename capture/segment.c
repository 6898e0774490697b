/*
 * segment: the TCP checksum (RFC 9293 section 3.1, RFC 1071), wide words at a time.
 */
#include "capture/segment.h"

#include <string.h>

/* The one's complement sum of big-endian 16-bit words, folded; an odd last byte counts as high. */
static uint32_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

/*
 * The sum is the same in either byte order but for a swap of the result (RFC 1071 section 2 (B)),
 * so whole words are added as they lie in memory.
 */
static uint32_t sum_of(struct slice s)
{
	uint64_t sum = 0, a = 0, b = 0;
	size_t at = 0;

	for (; s.n - at >= 32; at += 32) {	/* each word in halves: nothing overflows */
		uint64_t w[4];
		memcpy(w, s.p + at, 32);
		a += (w[0] & 0xffffffff) + (w[0] >> 32) + (w[1] & 0xffffffff) + (w[1] >> 32);
		b += (w[2] & 0xffffffff) + (w[2] >> 32) + (w[3] & 0xffffffff) + (w[3] >> 32);
	}
	sum = a + b;
	for (; s.n - at >= 4; at += 4) {
		uint32_t w;
		memcpy(&w, s.p + at, 4);
		sum += w;
	}
	uint8_t rest[4] = { 0 };
	if (s.n - at)
		memcpy(rest, s.p + at, s.n - at);
	uint32_t w;
	memcpy(&w, rest, 4);
	uint32_t f = fold(sum + w);
	uint16_t host = (uint16_t)f;
	uint8_t bytes[2];
	memcpy(bytes, &host, 2);
	return (uint32_t)(bytes[0] << 8 | bytes[1]);
}

enum segment_sum segment_sum(const struct segment *s)
{
	enum { TCP = 6, CHECKSUM_AT = 16 };

	if (s->missing || s->raw.n < 20)
		return SUM_UNKNOWN;
	bool v4 = ip_is_v4(&s->src) && ip_is_v4(&s->dst);
	size_t from = v4 ? 12 : 0;
	struct slice src = { s->src.b + from, 16 - from }, dst = { s->dst.b + from, 16 - from };
	uint32_t pseudo = fold((uint64_t)sum_of(src) + sum_of(dst) + TCP + (s->raw.n >> 16) +
			       (s->raw.n & 0xffff));
	uint32_t sent = (uint32_t)(s->raw.p[CHECKSUM_AT] << 8 | s->raw.p[CHECKSUM_AT + 1]);
	if (fold((uint64_t)pseudo + sum_of(s->raw)) == 0xffff)
		return SUM_GOOD;
	return sent == 0 || sent == pseudo ? SUM_OFFLOADED : SUM_BAD;
}
