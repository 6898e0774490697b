/*
 * http1: HTTP/0.9 to 1.1, both directions, requests matched to responses.
 *
 * Each direction is a small state machine over lines and counted bodies:
 *
 *	START -> HEAD -> START                          no body
 *	              -> BODY -> START                  Content-Length
 *	              -> CHUNK_SIZE -> CHUNK -> CHUNK_END -> ... -> TRAILER -> START
 *	              -> CLOSE                          until the end of the stream
 *	              -> HOLD -> TUNNEL | START         CONNECT, until its answer
 *	any           -> RESYNC -> START                bytes were lost
 *	any           -> LOST                           framing is broken: deaf
 *
 * Bodies are skipped by counting; only lines cut by a segment are copied.
 * Exchanges wait in a queue, oldest first; a response belongs to the first that has none.
 *
 * Invariants: a slot is emitted when asked_all and answered_all, in order, once.
 * Where bytes were lost, a response is given to a request only if no other
 * request could claim it; else the status stays unknown.
 */
#include "capture/http1_part.h"

/* --- both sides */

static void mark_chunk(struct side *sd)
{
	if (sd->now)
		sd->now->x.bad_chunk = true;
}

static void chunk_size(struct http1 *h, enum dir d, struct slice line, bool bare)
{
	struct side *sd = &h->side[d];
	bool odd = bare || sd->long_line;

	if (!http1_chunk_size(line, &sd->left, &odd)) {
		mark_chunk(sd);
		http1_lose(h, d);
		return;
	}
	if (odd)
		mark_chunk(sd);
	sd->st = sd->left ? S_CHUNK : S_TRAILER;
}

static void chunk_end(struct http1 *h, enum dir d, struct slice line, bool bare)
{
	struct side *sd = &h->side[d];

	if (bare || line.n)
		mark_chunk(sd);
	if (line.n)
		http1_lose(h, d);
	else
		sd->st = S_CHUNK_SIZE;
}

/* A complete line without its end; `bare`: it ended in LF alone. */
static void one_line(struct http1 *h, enum dir d, struct slice line, bool bare, int64_t ts)
{
	struct side *sd = &h->side[d];

	switch (sd->st) {
	case S_START:
		if (d == FROM_CLIENT)
			http1_request_start(h, line, ts);
		else
			http1_response_start(h, line, bare, ts);
		break;
	case S_HEAD:
		http1_head_line(h, d, line, ts);
		break;
	case S_CHUNK_SIZE:
		chunk_size(h, d, line, bare);
		break;
	case S_CHUNK_END:
		chunk_end(h, d, line, bare);
		break;
	case S_TRAILER:
		if (!line.n)
			http1_message_done(h, d, ts);
		break;
	case S_BODY: case S_CLOSE: case S_CHUNK: case S_HOLD: case S_TUNNEL: case S_RESYNC:
	case S_LOST:
		break;
	}
}

/* Consume up to a line end; the bytes used.  Cut lines are kept, up to HTTP1_LINE. */
static size_t take_line(struct http1 *h, enum dir d, struct slice in, int64_t ts)
{
	struct side *sd = &h->side[d];
	const uint8_t *nl = memchr(in.p, '\n', in.n);
	size_t used = nl ? (size_t)(nl - in.p) + 1 : in.n;
	struct slice line = { in.p, nl ? used - 1 : used };
	struct buf whole;
	bool bare;

	if (!nl || sd->line.n || line.n > HTTP1_LINE) {
		size_t room = HTTP1_LINE - sd->line.n;

		if (line.n > room && !sd->long_line) {
			sd->long_line = true;
			evidence_add(h->l.s->env->ev, EV_HTTP_LINE_LONG, 1);
		}
		buf_add(&sd->line, (struct slice){ line.p, line.n < room ? line.n : room });
		if (!nl)
			return used;
		line = buf_slice(&sd->line);
	}
	bare = !line.n || line.p[line.n - 1] != '\r';
	line.n -= !bare;
	whole = sd->line;		/* the handler may use the buffer again */
	buf_init(&sd->line, HTTP1_LINE);
	one_line(h, d, line, bare, ts);
	sd->long_line = false;
	if (!sd->line.n && whole.size <= 4096) {
		buf_release(&sd->line);
		whole.n = 0;
		sd->line = whole;
	} else {
		buf_release(&whole);
	}
	return used;
}

/* Body bytes, or a hole in them: at most `left`. */
static uint64_t pass_body(struct http1 *h, enum dir d, uint64_t n, int64_t ts)
{
	struct side *sd = &h->side[d];
	uint64_t used = n < sd->left ? n : sd->left;

	http1_count_body(sd, d, used);
	sd->left -= used;
	if (!sd->left) {
		if (sd->st == S_CHUNK)
			sd->st = S_CHUNK_END;
		else
			http1_message_done(h, d, ts);
	}
	return used;
}

/* After a loss: the thread is taken up only where a segment begins with a start line. */
static bool resynced(struct http1 *h, enum dir d, struct slice in)
{
	const uint8_t *nl = memchr(in.p, '\n', in.n);
	struct slice line = http1_trim((struct slice){ in.p, nl ? (size_t)(nl - in.p) : 0 });
	struct http1_request_line r;
	struct http_slot *k;

	if (d == FROM_CLIENT)
		return http1_request_line(&r, line, false) && (r.version == 10 || r.version == 11) &&
		       !r.odd;
	if (!http1_status_line(line))
		return false;
	k = http1_unanswered(h);
	if (k && k->next)
		http1_give_up_answers(h);	/* several could claim it */
	return true;
}

static size_t step(struct http1 *h, enum dir d, struct slice in, int64_t ts)
{
	struct side *sd = &h->side[d];

	switch (sd->st) {
	case S_START: case S_HEAD: case S_CHUNK_SIZE: case S_CHUNK_END: case S_TRAILER:
		return take_line(h, d, in, ts);
	case S_BODY: case S_CHUNK:
		return (size_t)pass_body(h, d, in.n, ts);
	case S_CLOSE:
		http1_count_body(sd, d, in.n);
		if (sd->now)
			sd->now->x.ended = ts;
		return in.n;
	case S_HOLD:
		if (in.n > HTTP1_LINE - sd->line.n)
			http1_lose(h, d);
		else
			buf_add(&sd->line, in);
		return in.n;
	case S_TUNNEL:
		http1_feed_above(h, d, in, ts);
		return in.n;
	case S_RESYNC:
		if (!resynced(h, d, in))
			return in.n;
		sd->st = S_START;
		return 0;
	case S_LOST:
		break;
	}
	return in.n;
}

void http1_data(struct layer *l, enum dir d, struct slice bytes, int64_t ts)
{
	struct http1 *h = (struct http1 *)l;
	struct side *sd = &h->side[d];

	sd->seen = true;
	if (d == FROM_SERVER && sd->st == S_START && !sd->line.n && bytes.p[0] != 'H')
		http1_simple_response(h);
	while (bytes.n && sd->st != S_LOST)
		bytes = slice_from(bytes, step(h, d, bytes, ts));
}

/* --- gaps and ends */

static void gap_in_client(struct http1 *h, int64_t ts)
{
	struct side *sd = &h->side[FROM_CLIENT];

	http1_cut_request(h, ts);
	if (sd->now)
		sd->now->asked_all = true;
	h->uncertain = !h->strays;
	h->strays = 0;
}

static void gap_in_server(struct http1 *h)
{
	struct side *sd = &h->side[FROM_SERVER];
	struct http_slot *k = sd->now ? sd->now : http1_unanswered(h);

	if (k)
		k->answered = k->answered_all = true;
}

static void resync(struct http1 *h, enum dir d, int64_t ts)
{
	struct side *sd = &h->side[d];

	evidence_add(h->l.s->env->ev, EV_HTTP_LOST, 1);
	if (d == FROM_CLIENT)
		gap_in_client(h, ts);
	else
		gap_in_server(h);
	sd->now = NULL;
	buf_clear(&sd->line);
	sd->long_line = false;
	sd->st = S_RESYNC;
	http1_tell_done(h);
}

static void http1_gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	struct http1 *h = (struct http1 *)l;
	struct side *sd = &h->side[d];

	sd->seen = true;
	switch (sd->st) {
	case S_BODY: case S_CHUNK:
		if (n && n <= sd->left) {
			pass_body(h, d, n, ts);
			return;
		}
		break;
	case S_CLOSE:
		http1_count_body(sd, d, n);
		return;
	case S_TUNNEL:
		layer_gap(l->above, d, n, ts);
		return;
	case S_RESYNC: case S_LOST:
		return;
	case S_START: case S_HEAD: case S_CHUNK_SIZE: case S_CHUNK_END: case S_TRAILER: case S_HOLD:
		break;
	}
	resync(h, d, ts);
}

static void http1_end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	struct http1 *h = (struct http1 *)l;
	struct side *sd = &h->side[d];

	layer_end(l->above, d, why, ts);
	if (sd->ended)
		return;
	sd->ended = true;
	if (h->first && h->first->x.upgraded)
		h->first->x.ended = ts;
	if (d == FROM_CLIENT) {
		http1_cut_request(h, ts);
	} else if (sd->st == S_CLOSE) {
		http1_message_done(h, FROM_SERVER, ts);
	}
	if (d == FROM_SERVER && sd->st != S_TUNNEL && !(h->first && h->first->x.upgraded))
		http1_give_up_answers(h);
	if (h->side[FROM_CLIENT].ended && h->side[FROM_SERVER].ended)
		http1_tell_all(h);
	else
		http1_tell_done(h);
}

static void http1_release(struct layer *l)
{
	struct http1 *h = (struct http1 *)l;
	struct http_slot *k;

	http1_tell_all(h);
	while ((k = h->spare)) {
		h->spare = k->next;
		http_slot_free(l->s, &k);
	}
	for (int d = 0; d < 2; d++)
		buf_release(&h->side[d].line);
}

static const struct layer_ops ops = {
	.name = "http1",
	.data = http1_data,
	.gap = http1_gap,
	.end = http1_end,
	.release = http1_release,
};

struct layer *layer_http1(struct session *s, struct layer *below)
{
	struct layer *l = layer_make(sizeof(struct http1), &ops, s, below);

	if (l)
		for (int d = 0; d < 2; d++)
			buf_init(&((struct http1 *)l)->side[d].line, HTTP1_LINE);
	return l;
}
