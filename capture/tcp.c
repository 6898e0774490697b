/*
 * tcp: what each segment means to its connection.
 *
 * A connection begins with any packet; who is the client is settled by a SYN, else by the first
 * payload (sniff), else by the ports.  A RST does not end it at once: where it was forged, or
 * captured out of order, data goes on; where it was real, two seconds pass.
 */
#include "capture/tcp.h"

#include <stdlib.h>
#include <string.h>

#include "capture/conn.h"
#include "capture/detect.h"

enum {
	WINDOW_SLACK = 1024 * 1024,	/* windows can shrink and captures miss their growth */
	STRANGE_MAX = 8,		/* so many segments outside the window are the new truth */
};

struct tcp *tcp_new(struct session_env *env, const struct tcp_options *o)
{
	struct tcp *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->env = env;
	t->o = *o;
	conn_buckets_init(t);
	return t;
}

void tcp_free(struct tcp **t)
{
	if (!*t)
		return;
	for (int l = 0; l < LISTS; l++)
		while ((*t)->lru[l].oldest) {
			struct conn *c = (*t)->lru[l].oldest;
			conn_finish(*t, c, END_EOF);
			if (c->list == LIST_WAITING)
				conn_close(*t, c);
			conn_remove(*t, c);
		}
	free((*t)->buckets.at);
	free(*t);
	*t = NULL;
}

uint64_t tcp_memory(const struct tcp *t)
{
	return t->memory;
}

uint64_t tcp_work(const struct tcp *t)
{
	return t->work;
}

/* Whose side sent this payload?  0: it does not say. */
static bool ports_say_client(const struct segment *s)
{
	bool low_src = s->src_port < 1024, low_dst = s->dst_port < 1024;

	if (low_src != low_dst)
		return low_dst;
	return s->src_port >= s->dst_port;
}

static bool src_is_client(const struct segment *s)
{
	if (s->flags & TCP_SYN)
		return !(s->flags & TCP_ACK);
	switch (detect_side(s->payload)) {
	case DETECT_CLIENT:
		return true;
	case DETECT_SERVER:
		return false;
	case DETECT_NEITHER:
		break;
	}
	return ports_say_client(s);
}

/* The first payload of a connection whose SYN was not seen: it may know better than the ports. */
static void orient(struct conn *c, const struct segment *s, enum dir *d)
{
	c->oriented = true;
	enum detect_side side = detect_side(s->payload);
	if (side == DETECT_NEITHER || (side == DETECT_CLIENT) == (*d == FROM_CLIENT))
		return;
	conn_swap(c);
	*d = dir_other(*d);
}

static struct conn *begin(struct tcp *t, const struct segment *s, uint32_t hash)
{
	struct conn *c = conn_new(t, s, hash, src_is_client(s));

	c->s.client_guessed = !(s->flags & TCP_SYN);
	c->oriented = s->flags & TCP_SYN;
	return c;
}

/*
 * A SYN with another number while the old connection lasts may be forged (RFC 5961 section 4 answers
 * it with a challenge).  It is a new connection when the other side answers with SYN-ACK, or the same
 * side goes on from it.
 */
static bool confirmed(const struct conn *c, enum dir d, const struct segment *s)
{
	const struct half *h = &c->half[d], *o = &c->half[dir_other(d)];

	if (s->flags & TCP_SYN)
		return s->flags & TCP_ACK && o->asks && s->ack == o->again + 1;
	return h->asks && s->seq == h->again + 1 && !(s->flags & TCP_RST);
}

/* The segment is of another connection between the same endpoints. */
static bool reused(const struct conn *c, enum dir d, const struct segment *s)
{
	const struct half *h = &c->half[d];

	if (confirmed(c, d, s))
		return true;
	if (!(s->flags & TCP_SYN))
		return false;
	if (h->syn)
		return conn_over(c) || (s->seq != h->isn && (!h->fed || c->reset || h->ended ||
							    !c->s.packets[dir_other(d)]));
	if (conn_over(c))
		return true;
	/* Joined mid-stream: a SYN just before what was seen is this connection's own. */
	if (h->fed)
		return s->seq != h->isn;
	if (!h->known && !h->held)
		return false;
	uint32_t from = h->known ? h->next : held_first(h->held)->seq;
	int32_t behind = seq_diff(from, s->seq + 1);
	return behind < 0 || behind > WINDOW_SLACK;
}

static void on_syn(struct conn *c, enum dir d, const struct segment *s)
{
	struct half *h = &c->half[d];

	if (s->flags & TCP_ACK)
		c->s.synack = true;
	else
		c->s.syn = true;
	if (h->syn) {
		h->asks = s->seq != h->isn && !(s->flags & TCP_ACK);
		h->again = s->seq;
		return;
	}
	h->syn = true;
	h->isn = s->seq;
	h->shift = s->window_shift;
	if (!h->fed) {
		h->next = s->seq + 1;
		h->known = true;
	}
	if (s->flags & TCP_ACK ? d == FROM_SERVER : d == FROM_CLIENT)
		c->s.client_guessed = false;	/* the guess was right */
	if (!c->oriented) {
		c->oriented = true;
		enum dir client = s->flags & TCP_ACK ? dir_other(d) : d;
		c->s.client_guessed = false;
		if (client == FROM_SERVER && !c->s.bottom)
			conn_swap(c);
	}
}

/*
 * Where this side's stream begins, as long as neither its SYN nor a byte of it was handed on: a
 * segment without payload stands where the next byte will.  So bytes that the other side has
 * acknowledged behind it are missing, or late; they are not of the time before the capture.  (A
 * keep-alive stands one byte before.)
 */
static void place(struct half *h, uint32_t seq)
{
	if (!h->placed || seq_diff(seq, h->at) < 0)
		h->at = seq;
	h->placed = true;
	if (h->known && seq_diff(h->next, h->at) > 1 && h->next - h->at <= WINDOW_SLACK)
		h->next = h->at;
}

/* What this side acknowledges tells where the other side's stream is. */
static void on_ack(struct tcp *t, struct conn *c, enum dir d, const struct segment *s)
{
	struct half *o = &c->half[dir_other(d)], *h = &c->half[d];

	if (s->flags & TCP_RST)
		return;			/* a RST's ACK number is often anything */
	stream_acked(o, s->ack);
	stream_resolve(t, c, dir_other(d));
	if (s->flags & TCP_SYN && !o->syn && !o->fed) {	/* it says where the other side begins */
		o->known = true;
		o->next = s->ack;
	}
	if (!o->known) {
		o->known = true;
		o->next = s->ack;
		if (o->held && seq_diff(held_first(o->held)->seq, s->ack) < 0)
			o->next = held_first(o->held)->seq;
		if (o->placed)
			place(o, o->at);
	}
	/* RFC 7323 section 2.2: the window of a SYN is never scaled. */
	uint32_t window = (uint32_t)s->window << (s->flags & TCP_SYN ? 0 : h->shift);
	if (!h->window_known || window > h->window)
		h->window = window;
	h->window_known = true;
}

/* Could the receiver take a segment that begins at seq? */
static bool in_window(const struct conn *c, enum dir d, uint32_t seq, uint32_t len)
{
	const struct half *h = &c->half[d], *o = &c->half[dir_other(d)];

	if (!h->known || !o->window_known || !o->syn)
		return true;
	uint32_t from = h->next;
	if (h->acked && seq_diff(h->una, from) > 0)
		from = h->una;
	int32_t ahead = seq_diff(seq, from);
	uint32_t room = o->window + WINDOW_SLACK;
	return ahead > 0 ? (uint32_t)ahead <= room : 0u - (uint32_t)ahead <= room + len;
}

/* RFC 9293 section 3.10.7.4: a RST counts only where the receiver's window is. */
static void on_rst(struct tcp *t, struct conn *c, enum dir d, const struct segment *s)
{
	const struct half *h = &c->half[d], *o = &c->half[dir_other(d)];

	if (h->known && (h->fed || h->syn)) {
		uint32_t from = h->acked && seq_diff(h->una, h->next) > 0 ? h->una : h->next;
		uint32_t room = o->window_known && o->window > 65535 ? o->window : 65535;
		int32_t ahead = seq_diff(s->seq, from);
		if (ahead < -1 || (ahead > 0 && (uint32_t)ahead > room)) {
			evidence_add(t->env->ev, EV_TCP_OUT_OF_WINDOW, 1);
			return;
		}
	}
	c->reset = true;
}

/*
 * A segment whose checksum is wrong never reaches the receiver's stream; forging one is a way to
 * show a tap other bytes.  But where a side's checksums are never right (its card fills them in,
 * or addresses were rewritten) they say nothing.  Not asked where nobody needs the bytes.
 */
static bool corrupt(struct tcp *t, struct conn *c, enum dir d, const struct segment *s)
{
	struct half *h = &c->half[d];

	if (stream_deaf(c, d))
		return false;
	enum segment_sum sum = segment_sum(s);
	if (sum == SUM_GOOD)
		h->sums = true;
	if (sum != SUM_BAD || !h->sums)
		return false;
	evidence_add(t->env->ev, EV_TCP_CHECKSUM, 1);
	stream_doubt(t, c, d, s);
	return true;
}

static void on_data(struct tcp *t, struct conn *c, enum dir d, const struct segment *s)
{
	struct half *h = &c->half[d];
	uint32_t seq = s->seq + !!(s->flags & TCP_SYN), len = (uint32_t)s->payload.n + s->missing;

	if (!in_window(c, d, seq, len) && ++h->strange < STRANGE_MAX) {
		evidence_add(t->env->ev, EV_TCP_OUT_OF_WINDOW, 1);
		return;
	}
	h->strange = 0;
	if (s->flags & TCP_FIN && !h->fin) {
		h->fin = true;
		h->fin_seq = seq + len;
		h->fin_ack = s->ack;
		h->fin_has_ack = s->flags & TCP_ACK;
	}
	if (!len)
		return;
	c->reset = false;		/* it was not the end */
	uint32_t end = seq + len;
	if (!h->topped)
		h->top = h->low = h->known && h->syn ? h->next : seq;
	h->topped = true;
	bool early = h->syn ? seq_diff(seq, h->isn) > 0 : len > 1;	/* no keep-alive */
	if (early && seq_diff(seq, h->low) < 0 && h->low - seq <= WINDOW_SLACK) {
		c->s.bytes[d] += h->low - seq;
		h->low = seq;
	}
	if (seq_diff(end, h->top) > 0) {
		/* With what is still to come, or was lost, before it; but not the sea. */
		uint32_t fresh = end - h->top;
		c->s.bytes[d] += fresh < len || fresh <= WINDOW_SLACK ? fresh : len;
		h->top = end;
	}
	stream_add(t, c, d, s, seq);
}

static void event(struct tcp *t, struct conn *c, enum dir d, const struct segment *s)
{
	bool held = c->stalled;

	if (s->flags & TCP_SYN)
		on_syn(c, d, s);
	struct half *h = &c->half[d];
	if (!h->fed && !h->syn && !s->payload.n && !s->missing && !(s->flags & TCP_RST))
		place(h, s->seq);
	if (s->flags & TCP_ACK)
		on_ack(t, c, d, s);
	if (s->flags & TCP_RST)
		on_rst(t, c, d, s);
	else if (s->payload.n || s->missing || s->flags & TCP_FIN)
		on_data(t, c, d, s);
	if (held || c->half[0].held || c->half[1].held || c->half[0].fin || c->half[1].fin)
		stream_settle(t, c, false);
}

static enum dir sender(const struct conn *c, const struct segment *s)
{
	return c->s.port[0] == s->src_port && ip_eq(&c->s.ip[0], &s->src) ? FROM_CLIENT
									  : FROM_SERVER;
}

/* The connection is over; the SYN of the next one, which came before, says who its client is. */
static struct conn *succeed(struct tcp *t, struct conn *c, enum dir d, const struct segment *s,
			    uint32_t hash)
{
	bool asked = c->half[0].asks || c->half[1].asks;
	bool src_asked = c->half[d].asks;

	conn_finish(t, c, c->reset ? END_RST : END_IDLE);
	if (c->list == LIST_WAITING)
		conn_close(t, c);
	conn_remove(t, c);
	c = begin(t, s, hash);
	if (asked && !(s->flags & TCP_SYN)) {
		if ((sender(c, s) == FROM_CLIENT) != src_asked)
			conn_swap(c);
		c->oriented = true;
		c->s.client_guessed = false;
	}
	c->s.syn |= asked;
	return c;
}

void tcp_segment(struct tcp *t, const struct segment *s)
{
	uint32_t hash;

	if (s->ts > t->now)
		t->now = s->ts;
	conn_expire(t);
	struct conn *c = conn_find(t, s, &hash);
	enum dir d = FROM_CLIENT;
	if (c) {
		d = sender(c, s);
		if (reused(c, d, s)) {
			c = succeed(t, c, d, s, hash);
			d = sender(c, s);
		}
		if (conn_over(c)) {
			conn_touch(t, c, (enum conn_list)c->list);
			return;
		}
	} else {
		c = begin(t, s, hash);
		d = sender(c, s);
	}
	if (!c->oriented && s->payload.n)
		orient(c, s, &d);
	if (corrupt(t, c, d, s)) {
		conn_account(t, c);
		return;
	}
	c->s.packets[d]++;
	if (s->ts > c->s.last_ts)
		c->s.last_ts = s->ts;
	event(t, c, d, s);
	if (c->half[0].ended && c->half[1].ended) {
		conn_finish(t, c, END_FIN);
	} else {
		conn_account(t, c);
		conn_touch(t, c, conn_list_of(c));
	}
	if (t->memory > t->o.budget)
		conn_enforce(t, c);
}

void tcp_idle(struct tcp *t, int64_t now)
{
	if (now > t->now)
		t->now = now;
	conn_expire(t);
}

void tcp_settled(struct tcp *t)
{
	struct conn *c = t->lru[LIST_WAITING].oldest, *next;

	for (; c; c = next) {
		next = c->newer;
		if (!c->s.waiting)
			conn_close(t, c);
	}
}

void tcp_end(struct tcp *t)
{
	static const enum conn_list open[] = {
		LIST_CLOSING, LIST_OPENING, LIST_STALLED, LIST_OPEN,
	};

	for (size_t k = 0; k < sizeof open / sizeof *open; k++)
		while (t->lru[open[k]].oldest) {
			struct conn *c = t->lru[open[k]].oldest;
			conn_finish(t, c, c->reset ? END_RST : END_EOF);
		}
}
