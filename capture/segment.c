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

/* Eight 32-bit sums at once; the compiler makes of it what the machine has. */
typedef uint32_t lanes __attribute__((vector_size(32)));

enum { BLOCK = sizeof(lanes), BLOCKS_MAX = 32 * 1024 };

/*
 * The sum is the same in either byte order but for a swap of the result (RFC 1071 section 2 (B)),
 * so whole words are added as they lie in memory: in halves, so that no lane overflows in
 * BLOCKS_MAX blocks.
 */
static inline __attribute__((always_inline)) uint64_t sum_lanes(const uint8_t *p, size_t blocks)
{
	lanes a = { 0 }, b = { 0 };
	uint64_t sum = 0;

	for (; blocks; blocks--, p += sizeof a) {
		lanes w;
		memcpy(&w, p, sizeof w);
		a += w & 0xffff;
		b += w >> 16;
	}
	for (size_t k = 0; k < sizeof a / sizeof a[0]; k++)
		sum += (uint64_t)a[k] + b[k];
	return sum;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t sum_lanes_avx2(const uint8_t *p, size_t blocks)
{
	return sum_lanes(p, blocks);
}
#endif

static uint64_t sum_of_blocks(const uint8_t *p, size_t blocks)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return sum_lanes_avx2(p, blocks);
#endif
	return sum_lanes(p, blocks);
}

static uint32_t sum_of(struct slice s)
{
	uint64_t sum = 0;

	while (s.n >= BLOCK) {
		size_t blocks = s.n / BLOCK < BLOCKS_MAX ? s.n / BLOCK : BLOCKS_MAX;
		sum += sum_of_blocks(s.p, blocks);
		s = slice_from(s, blocks * BLOCK);
	}
	for (; s.n >= 4; s = slice_from(s, 4)) {
		uint32_t w;
		memcpy(&w, s.p, 4);
		sum += w;
	}
	uint8_t rest[4] = { 0 };
	if (s.n)
		memcpy(rest, s.p, s.n);
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
	uint8_t ip[32];
	size_t from = ip_is_v4(&s->src) && ip_is_v4(&s->dst) ? 12 : 0, n = 16 - from;
	memcpy(ip, s->src.b + from, n);
	memcpy(ip + n, s->dst.b + from, n);
	uint32_t pseudo = fold((uint64_t)sum_of((struct slice){ ip, 2 * n }) + TCP +
			       (s->raw.n >> 16) + (s->raw.n & 0xffff));
	uint32_t sent = (uint32_t)(s->raw.p[CHECKSUM_AT] << 8 | s->raw.p[CHECKSUM_AT + 1]);
	if (fold((uint64_t)pseudo + sum_of(s->raw)) == 0xffff)
		return SUM_GOOD;
	return sent == 0 || sent == pseudo ? SUM_OFFLOADED : SUM_BAD;
}
