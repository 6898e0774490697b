/*
 * map - bytes to a pointer: open addressing, keyed hash, a cap.
 *
 * Keys are borrowed: the caller keeps them alive (in the value or an arena).
 * At the cap map_put of a new key returns false and changes nothing; the
 * caller evicts or counts.  Not for threads.
 */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

struct map_slot {
	struct slice key;
	uint64_t hash;
	void *value;		/* NULL: empty; MAP_GONE: deleted */
};

struct map {
	struct map_slot *slot;
	size_t n, used, size, cap;	/* entries; entries + deleted; slots; limit */
};

void map_init(struct map *m, size_t cap);
void map_release(struct map *m);
void *map_get(const struct map *m, struct slice key);		/* NULL: not there */
bool map_put(struct map *m, struct slice key, void *value);	/* value not NULL; replaces */
void *map_take(struct map *m, struct slice key);		/* removes; NULL: not there */

/* for (size_t i = 0; (value = map_next(m, &i, &key)); ) */
void *map_next(const struct map *m, size_t *i, struct slice *key);

#endif
