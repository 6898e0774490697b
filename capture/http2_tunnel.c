/*
 * http2_tunnel: what the DATA of a CONNECT stream carries (HBONE puts mTLS in it).
 *
 * One connection may carry thousands of such streams, one after the other, so the layers of each
 * live in an arena of their own that goes with the stream, and the session keeps the facts of one
 * TLS a level: both stand in the session only while the stream is fed or told.
 *
 * A client may send before it is answered.  Those bytes wait: whether they are a tunnel's, the
 * answer says.
 */
#include <stdlib.h>

#include "capture/http2_part.h"

enum { EARLY_MAX = 32 * 1024 };

static struct h2_tunnel *tunnel_of(struct http2 *h, struct h2_stream *st)
{
	if (!st->tunnel) {
		st->tunnel = calloc(1, sizeof *st->tunnel);
		if (!st->tunnel)
			abort();
		buf_init(&st->tunnel->early, EARLY_MAX);
		h->l.s->outside += sizeof *st->tunnel;
	}
	return st->tunnel;
}

static void account(struct http2 *h, struct h2_tunnel *t)
{
	size_t now = t->early.size + (t->arena ? arena_held(t->arena) : 0);

	h->l.s->outside += now - t->counted;
	t->counted = now;
}

void h2_tunnel_swap(struct http2 *h, struct h2_stream *st)
{
	struct session *s = h->l.s;
	struct h2_tunnel *t = st->tunnel;

	if (!t)
		return;
	for (unsigned i = h->l.tls; i < 2; i++) {
		struct tls_facts *other = s->tls[i];
		s->tls[i] = t->inner[i];
		t->inner[i] = other;
	}
	struct arena *arena = s->arena;
	s->arena = t->arena;
	t->arena = arena;
	if (!h->l.tls) {		/* else what is told of the TLS beneath stays told */
		uint8_t told = s->tls_told;
		s->tls_told = t->tls_told;
		t->tls_told = told;
	}
}

void h2_tunnel_early(struct http2 *h, struct h2_stream *st, struct slice bytes)
{
	struct h2_tunnel *t = tunnel_of(h, st);

	t->overrun |= bytes.n > EARLY_MAX - t->early.n;
	if (!t->overrun)
		buf_add(&t->early, bytes);
	account(h, t);
}

void h2_tunnel_open(struct http2 *h, struct h2_stream *st, int64_t ts)
{
	struct h2_tunnel *t = tunnel_of(h, st);

	h2_tunnel_swap(h, st);
	t->above = layer_detect(h->l.s, &h->l);
	layer_data(t->above, FROM_CLIENT, buf_slice(&t->early), ts);
	if (t->overrun)
		layer_gap(t->above, FROM_CLIENT, 0, ts);
	h2_tunnel_swap(h, st);
	buf_release(&t->early);
	buf_init(&t->early, EARLY_MAX);
	account(h, t);
	if (st->k->asked_all)
		h2_tunnel_end(h, st, FROM_CLIENT, END_FIN, ts);
}

void h2_tunnel_data(struct http2 *h, struct h2_stream *st, enum dir d, struct slice bytes,
		    int64_t ts)
{
	if (!st->tunnel || !st->tunnel->above)
		return;
	h2_tunnel_swap(h, st);
	layer_data(st->tunnel->above, d, bytes, ts);
	h2_tunnel_swap(h, st);
	account(h, st->tunnel);
}

void h2_tunnel_gap(struct http2 *h, struct h2_stream *st, enum dir d, uint64_t n, int64_t ts)
{
	struct h2_tunnel *t = st->tunnel;

	if (!t)
		return;
	t->overrun |= !t->above && d == FROM_CLIENT;
	h2_tunnel_swap(h, st);
	layer_gap(t->above, d, n, ts);
	h2_tunnel_swap(h, st);
}

void h2_tunnel_end(struct http2 *h, struct h2_stream *st, enum dir d, enum end_why why, int64_t ts)
{
	struct h2_tunnel *t = st->tunnel;

	if (!t || !t->above || t->ended[d])
		return;
	t->ended[d] = true;
	st->k->x.ended = ts;
	h2_tunnel_swap(h, st);
	layer_end(t->above, d, why, ts);
	h2_tunnel_swap(h, st);
}

void h2_tunnel_free(struct http2 *h, struct h2_stream *st)
{
	struct h2_tunnel *t = st->tunnel;

	if (!t)
		return;
	h2_tunnel_swap(h, st);
	layer_release(&t->above);
	h2_tunnel_swap(h, st);
	h->l.s->outside -= t->counted + sizeof *t;
	buf_release(&t->early);
	arena_free(&t->arena);
	free(t);
	st->tunnel = NULL;
}
