#include "common/hash.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <threads.h>

static uint64_t key[2];
static once_flag drawn = ONCE_FLAG_INIT;

static void draw(void)
{
	if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
		abort();
}

const uint64_t *hash_key(void)
{
	call_once(&drawn, draw);
	return key;
}

static inline uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void round_(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static inline uint64_t le64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
	return le64toh(x);
}

/* The last n < 8 bytes of a text of `all` bytes that ends at p + n.  Lengths are random: no branch on them. */
static inline uint64_t le_rest(const uint8_t *p, size_t n, size_t all)
{
	uint64_t x = 0;

	if (all >= 8)
		return le64(p + n - 8) >> 1 >> (63 - 8 * n);
	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

static inline void absorb(uint64_t v[4], const uint64_t k[2], const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t last = (uint64_t)n << 56;
	size_t all = n;

	v[0] = k[0] ^ 0x736f6d6570736575u;
	v[1] = k[1] ^ 0x646f72616e646f6du;
	v[2] = k[0] ^ 0x6c7967656e657261u;
	v[3] = k[1] ^ 0x7465646279746573u;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t m = le64(p);
		v[3] ^= m;
		round_(v);
		v[0] ^= m;
	}
	last |= le_rest(p, n, all);
	v[3] ^= last;
	round_(v);
	v[0] ^= last;
}

static inline uint64_t squeeze(uint64_t v[4])
{
	round_(v);
	round_(v);
	round_(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_sip13(const uint64_t k[2], const void *data, size_t n)
{
	uint64_t v[4];

	absorb(v, k, data, n);
	v[2] ^= 0xff;
	return squeeze(v);
}

/* Two outputs from one state, as SipHash's 128-bit form does; v1 is not pre-mixed with 0xee. */
struct hash128 hash_sip13_128(const uint64_t k[2], const void *data, size_t n)
{
	struct hash128 h;
	uint64_t v[4];

	absorb(v, k, data, n);
	v[2] ^= 0xee;
	h.a = squeeze(v);
	v[1] ^= 0xdd;
	h.b = squeeze(v);
	return h;
}

void hash_pairs_init(struct hash_pairs *h)
{
	for (uint64_t i = 0; i <= HASH_PAIRS_WORDS; i++)
		h->secret[i] = hash_sip13(hash_key(), &i, sizeof i);
}
