/*
 * recent - a hash to a number, for the keys met lately; bounded.
 *
 * A cache in front of a table of the database: what it forgets is looked up again.  It holds
 * the 128-bit keyed hash of a key, not the key (common/hash.h).  Two generations: when the
 * young one is full it becomes the old one and the old one is dropped; a hit in the old one moves
 * the entry to the young one.  So memory is bounded whatever the input.
 *
 * `complete`: the owner says that the table was empty at the start; it holds until something is
 * forgotten.  What a complete cache does not have is not in the table either.
 */
#ifndef SCHEMA_RECENT_H
#define SCHEMA_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/hash.h"

struct recent_slot {
	struct hash128 hash;
	int64_t value;		/* 0: empty */
};

struct recent_half {
	struct recent_slot *slot;
	size_t size, n;
};

struct recent {
	struct recent_half young, old;
	size_t max;		/* entries of one generation */
	bool complete;
};

void recent_init(struct recent *r, size_t max);
void recent_release(struct recent *r);
int64_t recent_get(struct recent *r, struct hash128 h);			/* 0: not there */
void recent_put(struct recent *r, struct hash128 h, int64_t value);	/* value not 0 */

/* The entry will be asked for soon. */
static inline void recent_expect(const struct recent *r, struct hash128 h)
{
	if (r->young.size)
		__builtin_prefetch(&r->young.slot[h.a & (r->young.size - 1)]);
}

#endif
