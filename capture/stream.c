/*
 * stream: put each direction in order, and the directions in causal order.
 *
 * A segment is handed on when its bytes come next in its direction and the bytes that its sender
 * had acknowledged were handed on in the other one.  Else it is held, sorted by sequence number,
 * until the missing ones come, or patience (in capture time), segments or bytes run out; then the
 * hole becomes a gap.  A hole that the receiver has acknowledged was lost by the tap and is given
 * up soon; one that it has not may yet be retransmitted.
 *
 * Repeats of bytes not yet acknowledged are compared with those handed on (`recent`): after the
 * acknowledgement a repeat can no longer reach the receiver's application.
 *
 * Invariants: no held segment is empty; recent ends at next.
 */
#include "capture/conn.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum {
	DOUBT_SEGMENTS = 16,
	START_SEGMENTS = 8,		/* mid-stream: wait for so many before the first is chosen */
};
static const int64_t patience_lost = 5 * NS_PER_S, patience_late = 30 * NS_PER_S,
	patience_start = NS_PER_S / 20;

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* --- recent */

static void recent_forget(struct half *h, uint32_t keep)
{
	struct recent *r = h->recent;

	if (!r || r->n <= keep)
		return;
	memmove(r->bytes, r->bytes + (r->n - keep), keep);
	r->n = keep;
	if (!keep && r->cap > 1024) {
		free(r);
		h->recent = NULL;
	}
}

static void recent_add(struct half *h, struct slice s)
{
	struct recent *r = h->recent;

	if (s.n > RECENT_BYTES)
		s = slice_from(s, s.n - RECENT_BYTES);
	if (r && r->n + s.n > RECENT_BYTES)
		recent_forget(h, s.n > RECENT_BYTES / 2 ? 0 : RECENT_BYTES / 2);
	r = h->recent;
	uint32_t have = r ? r->n : 0, want = have + (uint32_t)s.n;
	if (!r || r->cap < want) {
		uint32_t cap = 1024;
		while (cap < want)
			cap *= 4;
		r = realloc(r, sizeof *r + cap);
		if (!r)
			abort();
		r->cap = cap;
		r->n = have;
		h->recent = r;
	}
	memcpy(r->bytes + r->n, s.p, s.n);
	r->n = want;
}

void stream_acked(struct half *h, uint32_t ack)
{
	if (!h->acked || seq_diff(ack, h->una) > 0) {
		h->una = ack;
		h->acked = true;
	}
	if (h->recent) {
		int32_t unacked = seq_diff(h->next, h->una);
		recent_forget(h, unacked > 0 ? (uint32_t)unacked : 0);
	}
}

/* Bytes that were handed on come again: are they the same? */
static void compare(struct tcp *t, struct conn *c, struct half *h, uint32_t seq, struct slice s)
{
	const struct recent *r = h->recent;

	evidence_add(t->env->ev, EV_TCP_RETRANSMITS, 1);
	if (!r || !r->n || !s.n)
		return;
	if (s.n <= 1 && seq + 1 == h->next)		/* a keep-alive's byte means nothing */
		return;
	uint32_t from = h->next - r->n;
	int32_t skip = seq_diff(from, seq);
	if (skip > 0) {
		s = slice_from(s, (size_t)skip);
		seq = from;
	}
	uint32_t at = seq - from;
	if (at >= r->n)
		return;
	size_t n = min32(r->n - at, (uint32_t)s.n);
	t->work += n;
	if (memcmp(r->bytes + at, s.p, n) == 0)
		return;
	c->s.overlap_conflict = true;
	if (h == &c->half[FROM_CLIENT] && !c->half[FROM_SERVER].fed)
		c->s.contested = true;
	evidence_add(t->env->ev, EV_TCP_OVERLAPS, 1);
}

/* --- held */

void stream_release(struct half *h)
{
	held_free(&h->held);
	held_free(&h->doubt);
	free(h->recent);
	h->recent = NULL;
}

static bool waiting(const struct half *h)
{
	return held_count(h->held) > 0;
}

static bool full(const struct half *h)
{
	return h->held && (held_count(h->held) >= HELD_SEGMENTS || h->held->bytes >= HELD_BYTES);
}

static void hold(struct tcp *t, struct conn *c, struct half *h, const struct held_segment *n,
		 struct slice s)
{
	if (!c->stalled)
		c->stalled = t->now ? t->now : 1;
	if (!held_add(&h->held, n, s, &t->work))
		evidence_add(t->env->ev, EV_TCP_RETRANSMITS, 1);
}

/* --- handing on */

static struct layer *bottom(struct tcp *t, struct conn *c)
{
	if (!c->tried) {
		c->tried = true;
		c->s.bottom = t->o.bottom(&c->s, NULL);
		for (int d = 0; d < 2 && c->s.bottom; d++)
			if (c->half[d].ended)	/* a side that ended without a byte */
				layer_end(c->s.bottom, (enum dir)d, END_FIN, c->s.last_ts);
	}
	return c->s.bottom;
}

bool stream_deaf(const struct conn *c, enum dir d)
{
	return c->tried && (!c->s.bottom || c->s.bottom->deaf[d]);
}

static void gap(struct tcp *t, struct conn *c, enum dir d, uint32_t n, int64_t ts)
{
	struct half *h = &c->half[d];

	h->next += n;
	recent_forget(h, 0);
	c->s.gap[d] = true;
	if (stream_deaf(c, d))
		return;
	evidence_add(t->env->ev, EV_TCP_GAPS, 1);
	evidence_add(t->env->ev, EV_TCP_GAP_BYTES, n);
	layer_gap(bottom(t, c), d, n, ts);
}

/* The bytes that come next; `missing` more were on the wire behind them. */
static void hand_on(struct tcp *t, struct conn *c, enum dir d, struct slice s, uint32_t missing,
		    int64_t ts)
{
	struct half *h = &c->half[d];

	if (!h->fed && !h->syn)
		h->isn = h->next - 1;
	h->fed = true;
	h->next += (uint32_t)s.n;
	if (s.n) {
		layer_data(bottom(t, c), d, s, ts);
		/* What the peer has acknowledged already cannot be contested any more. */
		if (!stream_deaf(c, d) && !(h->acked && seq_diff(h->una, h->next) >= 0))
			recent_add(h, s);
		else
			recent_forget(h, 0);
	}
	if (missing) {
		c->s.cut = true;
		gap(t, c, d, missing, ts);
	}
}

/* Part or all of it may have been handed on before. */
static void take(struct tcp *t, struct conn *c, enum dir d, uint32_t seq, struct slice s,
		 uint32_t missing, int64_t ts)
{
	struct half *h = &c->half[d];
	uint32_t old = h->next - seq, len = (uint32_t)s.n + missing;

	if (old) {
		struct slice again = { s.p, min32(old, (uint32_t)s.n) };
		compare(t, c, h, seq, again);
		if (old >= len)
			return;
		if (old > s.n)
			missing = len - old;
		s = slice_from(s, old);
	}
	hand_on(t, c, d, s, missing, ts);
}

/* A segment's sender had seen all of the other direction up to `ack`. */
static bool causal(const struct conn *c, enum dir d, bool has_ack, uint32_t ack)
{
	const struct half *o = &c->half[dir_other(d)];

	return !has_ack || !o->known || !c->s.packets[dir_other(d)] ||
	       seq_diff(ack, o->next) <= 0 || stream_deaf(c, dir_other(d)) ||
	       (o->fin && o->next == o->fin_seq);
}

/* The FIN's place is reached, and what its sender had seen, too. */
static void finish_half(struct conn *c, enum dir d, int64_t ts)
{
	struct half *h = &c->half[d];

	if (!h->fin || h->ended || !h->known || seq_diff(h->next, h->fin_seq) < 0 ||
	    !causal(c, d, h->fin_has_ack, h->fin_ack))
		return;
	h->ended = true;
	held_free(&h->held);
	if (c->s.bottom)
		layer_end(c->s.bottom, d, END_FIN, ts);
}

static bool drain(struct tcp *t, struct conn *c, enum dir d)
{
	struct half *h = &c->half[d];
	bool moved = false;

	while (h->known && waiting(h) && !h->ended) {
		struct held_segment *x = held_first(h->held);
		if (stream_deaf(c, d)) {
			uint32_t end = x->seq + x->len + x->missing;
			if (seq_diff(end, h->next) > 0)
				h->next = end;
		} else if (seq_diff(x->seq, h->next) > 0 || !causal(c, d, x->has_ack, x->ack)) {
			break;
		} else {
			take(t, c, d, x->seq, (struct slice){ x->bytes, x->len }, x->missing, x->ts);
		}
		held_pop(&h->held);
		moved = true;
		finish_half(c, d, c->s.last_ts);
	}
	finish_half(c, d, c->s.last_ts);
	return moved;
}

/* The hole in direction d ends at `to`. */
static void skip(struct tcp *t, struct conn *c, enum dir d, uint32_t to)
{
	struct half *h = &c->half[d];

	if (h->fin && seq_diff(to, h->fin_seq) > 0)
		to = h->fin_seq;
	if (waiting(h) && seq_diff(to, held_first(h->held)->seq) > 0 &&
	    seq_diff(held_first(h->held)->seq, h->next) > 0)
		to = held_first(h->held)->seq;
	if (seq_diff(to, h->next) <= 0)
		return;
	/* One byte acknowledged and never seen, at the end: the FIN, not data. */
	if (to - h->next == 1 && !waiting(h) && !h->fin) {
		h->next = to;
		return;
	}
	gap(t, c, d, to - h->next, c->s.last_ts);
}

/* A FIN that waits for bytes before it, or for the other side's. */
static bool fin_waits(const struct half *h)
{
	return h->fin && !h->ended;
}

static void give_up_held(struct tcp *t, struct conn *c, enum dir d)
{
	struct half *h = &c->half[d];
	struct held_segment *x = held_first(h->held);
	uint32_t at = h->next, other = c->half[dir_other(d)].next;

	if (!h->known) {
		h->known = true;
		h->next = x->seq;
	} else if (seq_diff(x->seq, h->next) > 0) {
		skip(t, c, d, x->seq);
		if (h->next == at) {		/* behind the FIN: not of this stream */
			evidence_add(t->env->ev, EV_TCP_OUT_OF_WINDOW, 1);
			held_pop(&h->held);
		}
	} else {
		skip(t, c, dir_other(d), x->ack);
		if (c->half[dir_other(d)].next == other)
			x->has_ack = false;	/* a forged acknowledgement */
	}
}

static void give_up_fin(struct tcp *t, struct conn *c, enum dir d)
{
	struct half *h = &c->half[d];
	uint32_t other = c->half[dir_other(d)].next;

	if (!h->known) {
		h->known = true;
		h->next = h->fin_seq;
	} else if (seq_diff(h->fin_seq, h->next) > 0) {
		gap(t, c, d, h->fin_seq - h->next, c->s.last_ts);
	} else {
		skip(t, c, dir_other(d), h->fin_ack);
		if (c->half[dir_other(d)].next == other)
			h->fin_has_ack = false;
	}
}

/* Nothing can be handed on: declare one hole lost.  Each call makes some progress. */
static void give_up(struct tcp *t, struct conn *c)
{
	for (int d = 0; d < 2; d++)
		if (waiting(&c->half[d])) {
			give_up_held(t, c, (enum dir)d);
			return;
		}
	for (int d = 0; d < 2; d++)
		if (fin_waits(&c->half[d])) {
			give_up_fin(t, c, (enum dir)d);
			return;
		}
}

static int64_t patience(const struct conn *c)
{
	for (int d = 0; d < 2; d++) {
		const struct half *h = &c->half[d];
		if (!waiting(h) && !fin_waits(h))
			continue;
		uint32_t seq = waiting(h) ? held_first(h->held)->seq : h->fin_seq;
		if (!h->known)
			return waiting(h) && held_count(h->held) >= START_SEGMENTS
				? -1 : patience_start;
		if (seq_diff(seq, h->next) <= 0)
			return patience_lost;
		if (h->acked && seq_diff(h->una, h->next) > 0)
			return patience_lost;
	}
	return patience_late;
}

void stream_settle(struct tcp *t, struct conn *c, bool force)
{
	for (;;) {
		bool moved = drain(t, c, FROM_CLIENT);
		moved |= drain(t, c, FROM_SERVER);
		if (moved)
			continue;
		if (!waiting(&c->half[0]) && !waiting(&c->half[1]) &&
		    !fin_waits(&c->half[0]) && !fin_waits(&c->half[1])) {
			c->stalled = 0;
			return;
		}
		if (!c->stalled)
			c->stalled = t->now ? t->now : 1;
		bool over = full(&c->half[0]) || full(&c->half[1]);
		if (!force && !over && t->now - c->stalled <= patience(c))
			return;
		if (over)
			evidence_add(t->env->ev, EV_TCP_HELD_FULL, 1);
		give_up(t, c);
		c->stalled = t->now ? t->now : 1;
	}
}

/*
 * Before its SYN was seen, a side's beginning is known from the other's acknowledgements only.
 * Where the other side's SYN was seen, the capture is not late, but out of order: bytes before what
 * was acknowledged are the beginning.
 */
static void begin_earlier(const struct conn *c, struct half *h, enum dir d, uint32_t seq)
{
	int32_t before = seq_diff(h->next, seq);

	if (h->known && !h->syn && !h->fed && c->half[dir_other(d)].syn && before > 0 &&
	    before <= RECENT_BYTES)
		h->next = seq;
}

void stream_add(struct tcp *t, struct conn *c, enum dir d, const struct segment *s, uint32_t seq)
{
	struct half *h = &c->half[d];
	bool has_ack = s->flags & TCP_ACK;
	uint32_t len = (uint32_t)s->payload.n + s->missing;

	if (h->ended) {			/* after the FIN nothing comes */
		evidence_add(t->env->ev, EV_TCP_OUT_OF_WINDOW, 1);
		return;
	}
	begin_earlier(c, h, d, seq);
	if (stream_deaf(c, d) && h->known) {
		if (seq_diff(seq + len, h->next) > 0)
			h->next = seq + len;
		return;
	}
	if (h->known && seq_diff(seq + len, h->next) <= 0) {
		compare(t, c, h, seq, s->payload);
		return;
	}
	if (h->known && seq_diff(seq, h->next) <= 0 && causal(c, d, has_ack, s->ack)) {
		take(t, c, d, seq, s->payload, s->missing, s->ts);
		return;
	}
	if (h->known)
		evidence_add(t->env->ev, EV_TCP_OUT_OF_ORDER, 1);
	struct held_segment x = { .seq = seq, .len = (uint32_t)s->payload.n, .missing = s->missing,
				  .ack = s->ack, .has_ack = has_ack, .ts = s->ts };
	hold(t, c, h, &x, s->payload);
}

/*
 * A receiver drops a segment whose checksum is wrong, so its bytes are not the stream's: unless
 * they are acknowledged and no other copy came.  Then the capture's checksums are what is wrong
 * (merged by a card, edited), and they are not asked any more.
 */
bool stream_doubt(struct tcp *t, struct conn *c, enum dir d, const struct segment *s)
{
	struct half *h = &c->half[d];

	if (!h->known || held_count(h->doubt) >= DOUBT_SEGMENTS)
		return false;
	struct held_segment x = { .seq = s->seq, .len = (uint32_t)s->payload.n, .ack = s->ack,
				  .has_ack = s->flags & TCP_ACK, .ts = s->ts };
	return held_add(&h->doubt, &x, s->payload, &t->work);
}

void stream_resolve(struct tcp *t, struct conn *c, enum dir d)
{
	struct half *h = &c->half[d];
	struct held *q = h->doubt;

	if (!q || !h->acked)
		return;
	for (uint32_t i = q->at; i < q->n; i++) {
		const struct held_segment *x = &q->segment[i];
		uint32_t end = x->seq + x->len;
		if (seq_diff(h->una, end) < 0)
			return;		/* its fate is not known yet */
		if (seq_diff(end, h->next) <= 0)
			continue;	/* a good copy came */
		struct segment s = { .ack = x->ack, .flags = x->has_ack ? TCP_ACK : 0, .ts = x->ts,
				     .payload = { x->bytes, x->len } };
		h->sums = false;
		stream_add(t, c, d, &s, x->seq);
	}
	held_free(&h->doubt);
}
