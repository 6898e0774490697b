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

static inline uint64_t hash_bytes(struct slice s)
{
	return hash_sip13(hash_key(), s.p, s.n);
}

#endif
