/*
 * http2_stream: streams as exchanges.
 *
 * A stream is open from its request's headers until both sides ended it, or one reset it; then
 * its exchange is told.  At HTTP2_STREAMS the oldest is told as it stands.
 *
 * The DATA of an accepted CONNECT is a byte stream of its own: http2_tunnel.c.
 */
#include <stdlib.h>
#include <strings.h>

#include "capture/http2_part.h"

enum { PSEUDO_METHOD = 1, PSEUDO_SCHEME = 2, PSEUDO_AUTHORITY = 4, PSEUDO_PATH = 8,
       PSEUDO_STATUS = 16, PSEUDO_PROTOCOL = 32, PSEUDO_OTHER = 64 };

/* --- the table */

static struct slice key_of(uint8_t key[4], uint32_t id)
{
	memcpy(key, &id, 4);
	return (struct slice){ key, 4 };
}

struct h2_stream *h2_stream_get(struct http2 *h, uint32_t id)
{
	uint8_t key[4];

	return map_get(&h->streams, key_of(key, id));
}

static void tell(struct http2 *h, struct h2_stream *st)
{
	struct session *s = h->l.s;

	st->k->x.headers_unknown |= !st->k->asked;
	/* RFC 9113 section 8.1.1: a length that the frames contradict is malformed (H2.CL). */
	if (st->told_length && st->k->asked_all && st->k->x.sent != st->length && !st->tunnel)
		st->k->x.ambiguous_length = true;
	evidence_add(s->env->ev, EV_HTTP_REQUESTS, 1);
	h2_tunnel_swap(h, st);
	s->env->emit(s, &h->l, &st->k->x);
	h2_tunnel_swap(h, st);
}

static void forget(struct http2 *h, struct h2_stream *st)
{
	*(st->prev ? &st->prev->next : &h->oldest) = st->next;
	*(st->next ? &st->next->prev : &h->newest) = st->prev;
	map_take(&h->streams, (struct slice){ st->key, sizeof st->key });
	h->n--;
	h2_tunnel_free(h, st);
	http_slot_reset(h->l.s, st->k);
	*st = (struct h2_stream){ .k = st->k, .next = h->spare };
	h->spare = st;
}

static void close_stream(struct http2 *h, struct h2_stream *st, enum end_why why, int64_t ts)
{
	h2_tunnel_end(h, st, FROM_CLIENT, why, ts);
	h2_tunnel_end(h, st, FROM_SERVER, why, ts);
	tell(h, st);
	forget(h, st);
}

static struct h2_stream *spare(struct http2 *h)
{
	struct h2_stream *st = h->spare;

	if (st) {
		h->spare = st->next;
		return st;
	}
	st = calloc(1, sizeof *st);
	if (!st)
		abort();
	h->l.s->outside += sizeof *st;
	return st;
}

static struct h2_stream *open_stream(struct http2 *h, uint32_t id, int64_t ts)
{
	struct h2_stream *st;

	if (h->n >= HTTP2_STREAMS) {
		evidence_add(h->l.s->env->ev, EV_H2_STREAMS, 1);
		close_stream(h, h->oldest, END_EVICTED, ts);
	}
	st = spare(h);
	st->next = NULL;
	st->prev = h->newest;
	*(h->newest ? &h->newest->next : &h->oldest) = st;
	h->newest = st;
	h->n++;
	st->id = id;
	map_put(&h->streams, key_of(st->key, id), st);
	h->l.s->outside += h->streams.size * sizeof(struct map_slot) - h->counted;
	h->counted = h->streams.size * sizeof(struct map_slot);
	if (!st->k)
		st->k = http_slot_new(h->l.s);
	st->k->x.version = 20;
	st->k->x.started = st->k->x.ended = ts;
	return st;
}

void http2_adopt(struct layer *l, struct http_slot *k)
{
	struct http2 *h = (struct http2 *)l;
	struct h2_stream *st = open_stream(h, 1, k->x.started);

	http_slot_free(l->s, &st->k);
	st->k = k;
	k->next = NULL;
	k->answered = k->answered_all = false;
	k->x.status = 0;		/* 101 was the upgrade's; the request's comes */
	h->side[FROM_CLIENT].last_id = 1;
}

/* --- headers */

/*
 * A response without a request: its headers were lost, or (where the packets' order was) are
 * still to come.
 */
static enum h2_block response_block(struct http2 *h, uint32_t id, int64_t ts)
{
	const struct h2_side *cl = &h->side[FROM_CLIENT];
	struct h2_stream *st = h2_stream_get(h, id);

	if (!st && (id % 2 == 0 || (id <= cl->last_id && !cl->unsure)))
		return BLOCK_IGNORED;	/* pushed, or told already */
	if (!st) {
		st = open_stream(h, id, ts);
		st->k->asked_all = cl->unsure;
	}
	if (st->k->answered)
		return BLOCK_TRAILERS;
	st->interim = false;
	return BLOCK_RESPONSE;
}

enum h2_block h2_stream_headers(struct http2 *h, enum dir d, uint32_t id, int64_t ts)
{
	struct h2_side *sd = &h->side[d];
	struct h2_stream *st;

	if (d == FROM_SERVER)
		return response_block(h, id, ts);
	st = h2_stream_get(h, id);
	if (st && st->k->asked)
		return BLOCK_TRAILERS;
	if (!st) {
		if (id % 2 == 0 || id <= sd->last_id)
			return BLOCK_IGNORED;
		st = open_stream(h, id, ts);
	}
	if (id > sd->last_id)
		sd->last_id = id;
	st->k->asked = true;
	return BLOCK_REQUEST;
}

static bool keep_once(struct h2_stream *st, uint32_t bit, struct slice *to, struct slice value)
{
	bool first = !(st->pseudo & bit);

	st->pseudo |= bit;
	if (first)
		*to = http_slot_keep(st->k, value);
	else
		st->k->x.odd_header = true;
	return first;
}

static void request_pseudo(struct h2_stream *st, struct slice name, struct slice value)
{
	struct http_exchange *x = &st->k->x;

	x->odd_header |= st->regular;	/* RFC 9113 section 8.3: they come first */
	if (slice_is(name, ":method")) {
		keep_once(st, PSEUDO_METHOD, &x->method, value);
		st->k->connect = slice_is(value, "CONNECT");
	} else if (slice_is(name, ":path")) {
		keep_once(st, PSEUDO_PATH, &x->target, value);
	} else if (slice_is(name, ":scheme")) {
		keep_once(st, PSEUDO_SCHEME, &x->scheme, value);
	} else if (slice_is(name, ":authority")) {
		if (!keep_once(st, PSEUDO_AUTHORITY, &x->authority, value))
			x->several_hosts |= !slice_eq(x->authority, value);
	} else if (slice_is(name, ":protocol")) {
		st->pseudo |= PSEUDO_PROTOCOL;
		st->protocol = true;
	} else {
		x->odd_header = true;
	}
}

/* Section 8.3.1: Host stands where :authority is missing, and must not contradict it. */
static void request_host(struct h2_stream *st, struct slice value)
{
	struct http_exchange *x = &st->k->x;

	if (!x->authority.n)
		x->authority = http_slot_keep(st->k, value);
	else if (x->authority.n != value.n ||
		 strncasecmp((const char *)x->authority.p, (const char *)value.p, value.n) != 0)
		x->several_hosts = true;
}

static bool read_number(struct slice s, uint64_t *v)
{
	if (!s.n || s.n > 18)
		return false;
	*v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*v = *v * 10 + (uint64_t)(s.p[i] - '0');
	}
	return true;
}

/* Section 8.2.1: bytes that would mean something else once written as HTTP/1. */
static bool is_odd(struct slice name, struct slice value)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || (name.p[i] >= 'A' && name.p[i] <= 'Z') ||
		    (name.p[i] == ':' && i))
			return true;
	return memchr(value.p, 0, value.n) || memchr(value.p, '\r', value.n) ||
	       memchr(value.p, '\n', value.n);
}

static void request_field(struct http2 *h, struct h2_stream *st, struct slice name,
			  struct slice value)
{
	struct http_exchange *x = &st->k->x;
	uint64_t length;

	x->odd_header |= is_odd(name, value);
	if (name.n && name.p[0] == ':') {
		request_pseudo(st, name, value);
		return;
	}
	st->regular = true;
	switch (http_slot_header(h->l.s, st->k, name, value)) {
	case HF_HOST:
		request_host(st, value);
		break;
	case HF_CONTENT_LENGTH:
		if (!read_number(value, &length) || (st->told_length && length != st->length))
			x->ambiguous_length = true;
		else
			st->length = length;
		st->told_length = true;
		break;
	case HF_TRANSFER_ENCODING:	/* section 8.2.2: must not be here (H2.TE) */
		x->ambiguous_length = true;
		break;
	case HF_CONNECTION: case HF_UPGRADE:
		x->odd_header = true;
		break;
	case HF_OTHER: case HF_USER_AGENT: case HF_REQUEST_ID: case HF_CONTENT_TYPE: case HF_XFF:
	case HF_AUTHORIZATION: case HF_COOKIE: case HF_GRPC_STATUS:
		break;
	}
}

static void response_field(struct h2_stream *st, struct slice name, struct slice value)
{
	uint64_t status;

	if (slice_is(name, ":status")) {
		if (!read_number(value, &status) || status < 100 || status > 999)
			return;
		st->interim = status < 200 && status != 101;
		if (!st->interim)
			st->k->x.status = (uint16_t)status;
	} else if (slice_is(name, "grpc-status")) {
		st->k->x.grpc_status = http_slot_keep(st->k, value);
	}
}

void h2_stream_field(struct http2 *h, enum h2_block b, uint32_t id, struct slice name,
		     struct slice value)
{
	struct h2_stream *st = b == BLOCK_NONE || b == BLOCK_IGNORED ? NULL : h2_stream_get(h, id);

	if (!st)
		return;
	switch (b) {
	case BLOCK_REQUEST:
		request_field(h, st, name, value);
		break;
	case BLOCK_RESPONSE:
		response_field(st, name, value);
		break;
	case BLOCK_TRAILERS:
		if (slice_is(name, "grpc-status"))
			st->k->x.grpc_status = http_slot_keep(st->k, value);
		break;
	case BLOCK_NONE: case BLOCK_IGNORED:
		break;
	}
}

static void response_done(struct http2 *h, struct h2_stream *st, int64_t ts)
{
	struct http_exchange *x = &st->k->x;

	st->k->answered = !st->interim;
	x->ended = ts;
	if (!st->k->connect || st->interim || x->status / 100 != 2 || x->upgraded)
		return;
	x->upgraded = true;
	if (!st->protocol)
		h2_tunnel_open(h, st, ts);
}

void h2_stream_headers_done(struct http2 *h, enum dir d, enum h2_block b, uint32_t id, bool bad,
			    int64_t ts)
{
	struct h2_stream *st = b == BLOCK_NONE || b == BLOCK_IGNORED ? NULL : h2_stream_get(h, id);

	if (!st)
		return;
	if (b == BLOCK_REQUEST) {
		if (!bad && !(st->pseudo & PSEUDO_METHOD) && h->side[d].unsure) {
			forget(h, st);		/* trailers of a request that was not seen */
			return;
		}
		st->k->x.headers_unknown |= bad;
		http_slot_settle(h->l.s, st->k);
	} else if (b == BLOCK_RESPONSE) {
		response_done(h, st, ts);
	}
}

/* --- data and ends */

void h2_stream_data(struct http2 *h, enum dir d, uint32_t id, struct slice bytes, int64_t ts)
{
	struct h2_stream *st = h2_stream_get(h, id);

	if (!st)
		return;
	*(d == FROM_CLIENT ? &st->k->x.sent : &st->k->x.received) += bytes.n;
	if (!st->k->connect)
		return;
	if (d == FROM_CLIENT && !st->k->answered && !st->protocol)
		h2_tunnel_early(h, st, bytes);
	else
		h2_tunnel_data(h, st, d, bytes, ts);
}

void h2_stream_hole(struct http2 *h, enum dir d, uint32_t id, uint64_t n, int64_t ts)
{
	struct h2_stream *st = h2_stream_get(h, id);

	if (!st)
		return;
	*(d == FROM_CLIENT ? &st->k->x.sent : &st->k->x.received) += n;
	h2_tunnel_gap(h, st, d, n, ts);
}

void h2_stream_end(struct http2 *h, enum dir d, uint32_t id, int64_t ts)
{
	struct h2_stream *st = h2_stream_get(h, id);

	if (!st)
		return;
	if (d == FROM_CLIENT)
		st->k->asked_all = true;
	else
		st->k->answered_all = true;
	st->k->x.ended = ts;
	h2_tunnel_end(h, st, d, END_FIN, ts);
	if (st->k->asked_all && st->k->answered_all)
		close_stream(h, st, END_FIN, ts);
}

void h2_stream_reset(struct http2 *h, uint32_t id, int64_t ts)
{
	struct h2_stream *st = h2_stream_get(h, id);

	if (!st)
		return;
	evidence_add(h->l.s->env->ev, EV_H2_RESETS, 1);
	st->k->x.ended = ts;
	close_stream(h, st, END_RST, ts);
}

void h2_stream_gap(struct http2 *h, enum dir d, int64_t ts)
{
	for (struct h2_stream *st = h->oldest; st; st = st->next) {
		st->told_length = false;	/* what is counted now is not the whole */
		h2_tunnel_gap(h, st, d, 0, ts);
	}
}

void h2_stream_all(struct http2 *h, enum end_why why, int64_t ts)
{
	while (h->oldest)
		close_stream(h, h->oldest, why, ts);
}

void h2_stream_release(struct http2 *h)
{
	struct session *s = h->l.s;
	struct h2_stream *st;

	while ((st = h->spare)) {
		h->spare = st->next;
		http_slot_free(s, &st->k);
		s->outside -= sizeof *st;
		free(st);
	}
	map_release(&h->streams);
	s->outside -= h->counted;
}
