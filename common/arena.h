/*
 * arena - memory that lives and dies together.
 *
 * One arena per unit of work (a connection, a batch of flows, a loaded
 * policy).  Objects in it are never freed one by one.  The byte limit is the
 * defence against hostile input: past it arena_alloc returns NULL and the
 * caller marks its record truncated.  Running out of real memory aborts.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

#include "common/cursor.h"

struct arena;

struct arena *arena_new(size_t limit);
/* About n bytes will be asked for next: one block for them, not several that double. */
void arena_expect(struct arena *a, size_t n);
void *arena_alloc(struct arena *a, size_t n);	/* zeroed, aligned; NULL at limit */
void *arena_bytes(struct arena *a, size_t n);	/* not zeroed, not aligned; NULL at limit */
struct slice arena_copy(struct arena *a, struct slice s); /* {NULL,0} at limit */
size_t arena_used(const struct arena *a);	/* bytes handed out since reset */
size_t arena_held(const struct arena *a);	/* bytes taken from the system */
void arena_reset(struct arena *a);		/* keep the arena (and one block), drop its contents */
void arena_recycle(struct arena *a);		/* the same for a loop: keep room for as much again */
void arena_free(struct arena **a);		/* NULL-safe; sets *a to NULL */

#define arena_new_object(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

#endif
