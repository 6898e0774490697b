/*
 * hash - keyed hashing for every table whose keys come from outside.
 *
 * hash_bytes is SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF") under a
 * key drawn once at start, so that nobody outside can aim at one bucket.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

/* The process's key, from getrandom(); safe to call from any thread. */
const uint64_t *hash_key(void);

uint64_t hash_sip13(const uint64_t key[2], const void *p, size_t n);

/*
 * 128 bits, where a table keeps the hash in place of the key: under a secret key two different keys
 * do not meet in practice.
 */
struct hash128 {
	uint64_t a, b;
};
struct hash128 hash_sip13_128(const uint64_t key[2], const void *p, size_t n);

/*
 * For short keys of one length on a hot path: pair-multiply-shift (Thorup, "High speed hashing for
 * integers and strings", section 3.4).  Of two different keys no more than one in 2^32 secrets makes
 * the same hash, so bytes chosen without sight of the hashes cannot aim at a bucket.
 */
enum { HASH_PAIRS_WORDS = 10 };
struct hash_pairs {
	uint64_t secret[HASH_PAIRS_WORDS + 1];
};
void hash_pairs_init(struct hash_pairs *h);

static inline uint32_t hash_pairs(const struct hash_pairs *h, const uint32_t *x, size_t pairs)
{
	uint64_t sum = h->secret[HASH_PAIRS_WORDS];

	for (size_t i = 0; i < 2 * pairs; i += 2)
		sum += (x[i] + h->secret[i + 1]) * (x[i + 1] + h->secret[i]);
	/* One to one, so what is proved stays; keys in a row would else be steps of one width. */
	uint32_t mix = (uint32_t)(sum >> 32);
	mix ^= mix >> 16;
	mix *= 0x9e3779b1;
	return mix ^ mix >> 15;
}

static inline uint64_t hash_bytes(struct slice s)
{
	return hash_sip13(hash_key(), s.p, s.n);
}

#endif
