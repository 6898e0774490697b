/*
 * recent - bytes to a number, for the keys met lately; bounded.
 *
 * A cache in front of a table of the database: what it forgets is looked up again.  Two
 * generations: when the young one is full it becomes the old one and the old one is dropped;
 * a hit in the old one moves the entry to the young one.  So memory is bounded whatever the input,
 * and no operation is longer than one probe.  Keys are copied.
 */
#ifndef SCHEMA_RECENT_H
#define SCHEMA_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

struct recent_slot {
	uint64_t hash;
	uint32_t at, n;		/* the key's place in bytes */
	int64_t value;		/* 0: empty */
};

struct recent_half {
	struct recent_slot *slot;
	uint8_t *bytes;
	size_t size, n, used, room;
};

struct recent {
	struct recent_half young, old;
	size_t max_n, max_bytes;	/* of one generation */
};

void recent_init(struct recent *r, size_t max_n, size_t max_bytes);
void recent_release(struct recent *r);

/* `hash` is a keyed hash of `key`; the same key must come with the same hash. */
int64_t recent_get(struct recent *r, struct slice key, uint64_t hash);	/* 0: not there */
void recent_put(struct recent *r, struct slice key, uint64_t hash, int64_t value); /* not 0 */

#endif
