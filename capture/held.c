/*
 * held: an array with a free front, so that taking the first is cheap; it is moved down only when
 * half of it is free, else it doubles.  Tiny neighbours are merged, so that a flood of them costs
 * no more than their bytes.
 *
 * Invariant: sorted by seq; at < n, or the queue is NULL.
 */
#include "capture/held.h"

#include <stdlib.h>
#include <string.h>

enum { MERGE_BYTES = 4096 };		/* neighbours are merged up to this size */

void held_free(struct held **q)
{
	for (uint32_t i = *q ? (*q)->at : 0; *q && i < (*q)->n; i++)
		free((*q)->segment[i].bytes);
	free(*q);
	*q = NULL;
}

void held_pop(struct held **q)
{
	struct held_segment *x = held_first(*q);

	(*q)->bytes -= x->room;
	free(x->bytes);
	if (++(*q)->at == (*q)->n) {
		free(*q);
		*q = NULL;
	}
}

static struct held *make_room(struct held **at)
{
	struct held *q = *at;

	if (q && q->n < q->cap)
		return q;
	if (q && q->at >= q->cap / 2) {
		memmove(q->segment, q->segment + q->at, (q->n - q->at) * sizeof q->segment[0]);
		q->n -= q->at;
		q->at = 0;
		return q;
	}
	uint32_t cap = q ? q->cap * 2 : 8;
	struct held *grown = realloc(q, sizeof *q + cap * sizeof q->segment[0]);
	if (!grown)
		abort();
	if (!q)
		memset(grown, 0, sizeof *grown);
	grown->cap = cap;
	*at = grown;
	return grown;
}

/* The first segment whose seq is after `seq`. */
static uint32_t place_of(const struct held *q, uint32_t seq, uint64_t *work)
{
	uint32_t lo = q->at, hi = q->n;

	if (lo < hi && seq_diff(seq, q->segment[hi - 1].seq) >= 0)	/* mostly at the end */
		return hi;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		++*work;
		if (seq_diff(q->segment[mid].seq, seq) > 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Append to the segment before, where the two touch and wait for the same. */
static bool merge(struct held *q, uint32_t place, const struct held_segment *n, struct slice s)
{
	if (place == q->at)
		return false;
	struct held_segment *p = &q->segment[place - 1];
	uint32_t len = p->len + (uint32_t)s.n;
	if (p->seq + p->len != n->seq || p->missing || p->ack != n->ack || len > MERGE_BYTES ||
	    p->has_ack != n->has_ack)
		return false;
	if (len > p->room) {
		uint32_t room = p->room * 2 > len ? p->room * 2 : len;
		p->bytes = realloc(p->bytes, room);
		if (!p->bytes)
			abort();
		q->bytes += room - p->room;
		p->room = room;
	}
	if (s.n)
		memcpy(p->bytes + p->len, s.p, s.n);
	p->len = len;
	p->missing = n->missing;
	return true;
}

static bool repeats(const struct held *q, uint32_t place, uint32_t seq, struct slice s)
{
	if (place == q->at)
		return false;
	const struct held_segment *p = &q->segment[place - 1];
	uint32_t at = seq - p->seq;
	return at <= p->len && s.n <= p->len - at &&
	       (!s.n || memcmp(p->bytes + at, s.p, s.n) == 0);
}

bool held_add(struct held **at, const struct held_segment *n, struct slice s, uint64_t *work)
{
	struct held *q = make_room(at);
	uint32_t place = place_of(q, n->seq, work);

	if (!n->missing && repeats(q, place, n->seq, s))
		return false;
	if (merge(q, place, n, s))
		return true;
	struct held_segment *x = &q->segment[place];
	*work += q->n - place;
	memmove(x + 1, x, (q->n - place) * sizeof *x);
	*x = *n;
	x->room = (uint32_t)s.n;
	x->bytes = malloc(s.n ? s.n : 1);
	if (!x->bytes)
		abort();
	if (s.n)
		memcpy(x->bytes, s.p, s.n);
	q->bytes += s.n;
	q->n++;
	return true;
}
