/*
 * judge_cache - decisions by attribute tuple (private to the judge).
 *
 * A key is the hash of what the policies read of a flow: 128 bits under a secret key, so that two tuples do not
 * meet.  Fixed in size: a new entry overwrites an old one.  Tuples that are too long are not cached.
 */
#ifndef ANALYZE_JUDGE_CACHE_H
#define ANALYZE_JUDGE_CACHE_H

#include "analyze/authz.h"
#include "common/hash.h"

struct cache_key {
	bool fits;
	struct hash128 hash;
};

struct judge_cache;

struct judge_cache *judge_cache_new(const struct authz *z);
void judge_cache_free(struct judge_cache **c);
size_t judge_cache_bytes(const struct judge_cache *c);

/* `chain`: 0 where it is unknown. */
void judge_cache_key(struct judge_cache *c, const struct flow *f, uint8_t chain,
		     enum judge_asked asked, struct cache_key *k);
const void *judge_cache_get(const struct judge_cache *c, const struct cache_key *k);
void judge_cache_put(struct judge_cache *c, const struct cache_key *k, const void *decision);

#endif
