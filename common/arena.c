/*
 * arena: a list of blocks, bump allocation in the newest.  The first block is
 * small so that an idle connection costs little; blocks then double up to
 * BLOCK_MAX.  arena_reset keeps the newest block; arena_recycle keeps the room of
 * all of them in one, so a batch loop settles into no calls of malloc at all.
 *
 * Invariant: total <= limit, total = what callers were given (rounded).
 */
#include "common/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char mem[];
};

/* The first block is what malloc keeps at hand in one piece (1 KiB). */
enum { BLOCK_MIN = 1024 - sizeof(struct block), BLOCK_MAX = 64 * 1024, RECYCLE_MAX = 1024 * 1024 };

struct arena {
	struct block *head;
	size_t limit, total, next_size, held;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct arena *arena_new(size_t limit)
{
	struct arena *a = must(calloc(1, sizeof *a));

	a->limit = limit;
	a->held = sizeof *a;
	a->next_size = BLOCK_MIN;
	return a;
}

void arena_expect(struct arena *a, size_t n)
{
	a->next_size = n > BLOCK_MIN ? n : BLOCK_MIN;
}

static unsigned char *take(struct arena *a, size_t n, size_t align)
{
	struct block *b = a->head;
	size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;

	if (n > a->limit - a->total)
		return NULL;
	if (!b || at > b->size || n > b->size - at) {
		size_t size = n > a->next_size ? n : a->next_size;

		b = must(malloc(sizeof *b + size));
		b->size = size;
		a->held += sizeof *b + size;
		b->next = a->head;
		a->head = b;
		at = 0;
		if (a->next_size < BLOCK_MAX)
			a->next_size *= 2;
	}
	b->used = at + n;
	a->total += n;
	return b->mem + at;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = take(a, n, alignof(max_align_t));

	return p ? memset(p, 0, n) : NULL;
}

void *arena_bytes(struct arena *a, size_t n)
{
	return take(a, n, 1);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	unsigned char *p = take(a, s.n, 1);

	if (!p)
		return (struct slice){ NULL, 0 };
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct slice){ p, s.n };
}

size_t arena_used(const struct arena *a)
{
	return a->total;
}

size_t arena_held(const struct arena *a)
{
	return a->held;
}

void arena_reset(struct arena *a)
{
	struct block *keep = a->head;

	if (!keep)
		return;
	while (keep->next) {
		struct block *b = keep->next;
		keep->next = b->next;
		a->held -= sizeof *b + b->size;
		free(b);
	}
	keep->used = 0;
	a->total = 0;
}

void arena_recycle(struct arena *a)
{
	size_t size = 0;

	for (struct block *b = a->head; b; b = b->next)
		size += b->size;
	if (!a->head || !a->head->next || size > RECYCLE_MAX) {
		arena_reset(a);
		return;
	}
	arena_reset(a);
	a->held -= sizeof *a->head + a->head->size;
	free(a->head);
	a->head = NULL;
	size_t next = a->next_size;
	a->next_size = size;
	take(a, 0, 1);
	a->next_size = next;
}

void arena_free(struct arena **a)
{
	if (!*a)
		return;
	while ((*a)->head) {
		struct block *b = (*a)->head;
		(*a)->head = b->next;
		free(b);
	}
	free(*a);
	*a = NULL;
}
