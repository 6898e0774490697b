/*
 * held - segments of one direction that must wait, sorted by sequence number.
 *
 * Searching is logarithmic; putting one in moves those behind it, so the owner limits how many
 * there are.  Each owns a copy of its bytes.
 */
#ifndef CAPTURE_HELD_H
#define CAPTURE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

struct held_segment {
	uint32_t seq, len, missing, ack;
	bool has_ack;
	uint32_t room;			/* of bytes */
	uint8_t *bytes;
	int64_t ts;
};

/* NULL is the empty queue. */
struct held {
	uint32_t at, n, cap;		/* segment[at..n) */
	size_t bytes;			/* sum of room */
	struct held_segment segment[];
};

static inline uint32_t held_count(const struct held *q)
{
	return q ? q->n - q->at : 0;
}

static inline size_t held_memory(const struct held *q)
{
	return q ? sizeof *q + q->bytes + q->cap * sizeof q->segment[0] : 0;
}

static inline struct held_segment *held_first(struct held *q)
{
	return &q->segment[q->at];	/* not of an empty one */
}

static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* *n with the bytes s; neighbours may be merged.  False: the same is held already. */
bool held_add(struct held **q, const struct held_segment *n, struct slice s, uint64_t *work);
void held_pop(struct held **q);		/* the first */
void held_free(struct held **q);

#endif
