/*
 * judge_cache - decisions by attribute tuple (private to the judge).
 *
 * A key is the bytes of what the policies read of a flow; equal bytes, equal decision.  Fixed in size:
 * a new entry overwrites an old one.  Keys that are too long are not cached.
 */
#ifndef ANALYZE_JUDGE_CACHE_H
#define ANALYZE_JUDGE_CACHE_H

#include "analyze/authz.h"

enum { CACHE_KEY_MAX = 232 };

struct cache_key {
	uint64_t hash;
	uint32_t n;			/* 0: too long, not to be cached */
	uint8_t bytes[CACHE_KEY_MAX];
};

struct judge_cache;

struct judge_cache *judge_cache_new(const struct authz *z);
void judge_cache_free(struct judge_cache **c);
size_t judge_cache_bytes(void);

/* `chain`: 0 where it is unknown. */
void judge_cache_key(const struct judge_cache *c, const struct flow *f, uint8_t chain,
		     struct cache_key *k);
const void *judge_cache_get(const struct judge_cache *c, const struct cache_key *k);
void judge_cache_put(struct judge_cache *c, const struct cache_key *k, const void *decision);

#endif
