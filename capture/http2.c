/*
 * http2: frames of both directions (RFC 9113).
 *
 *	PREFACE -> HEAD -> PREFIX -> BODY -> PADDING -> HEAD ...
 *	any     -> RESYNC -> HEAD      bytes were lost
 *	any     -> LOST                not HTTP/2, or its framing is broken: deaf
 *
 * Payloads are not gathered: DATA is counted, header blocks go to the decoder as they come, the
 * rest is skipped.  The few bytes in front of a payload (padding length, priority, promised
 * stream) are the PREFIX.  A side that does not begin with the preface joined late; it begins at
 * a frame if what stands there looks like one.
 *
 * h2_stream_gap walks the open streams, once a loss: bounded by HTTP2_STREAMS.
 */
#include "capture/http2.h"

#include "capture/http2_part.h"

static const struct slice preface = { (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24 };

enum { FRAME_PLAUSIBLE = 1 << 20, SETTINGS_HEADER_TABLE_SIZE = 1 };

/* What a frame type may carry: its flags, whether it belongs to a stream, its size. */
static const struct {
	uint8_t flags;
	enum { ON_ANY, ON_STREAM, ON_ZERO } on;
	uint32_t least, most;
} kinds[] = {
	[H2_DATA] = { H2_END_STREAM | H2_PADDED, ON_STREAM, 0, FRAME_PLAUSIBLE },
	[H2_HEADERS] = { H2_END_STREAM | H2_END_HEADERS | H2_PADDED | H2_PRIORITY_FLAG, ON_STREAM, 1,
			 FRAME_PLAUSIBLE },
	[H2_PRIORITY] = { 0, ON_STREAM, 5, 5 },
	[H2_RST_STREAM] = { 0, ON_STREAM, 4, 4 },
	[H2_SETTINGS] = { H2_ACK, ON_ZERO, 0, 6 * 64 },
	[H2_PUSH_PROMISE] = { H2_END_HEADERS | H2_PADDED, ON_STREAM, 4, FRAME_PLAUSIBLE },
	[H2_PING] = { H2_ACK, ON_ZERO, 8, 8 },
	[H2_GOAWAY] = { 0, ON_ZERO, 8, FRAME_PLAUSIBLE },
	[H2_WINDOW_UPDATE] = { 0, ON_ANY, 4, 4 },
	[H2_CONTINUATION] = { H2_END_HEADERS, ON_STREAM, 0, FRAME_PLAUSIBLE },
};

static void gave_up(struct http2 *h, enum dir d)
{
	struct h2_side *sd = &h->side[d];

	if (sd->in_block)
		h2_stream_headers_done(h, d, sd->block, sd->block_stream, true, 0);
	sd->in_block = false;
	sd->block = BLOCK_NONE;
	sd->unsure = true;
	h2_forget_table(h, d);
	evidence_add(h->l.s->env->ev, EV_HTTP_LOST, 1);
}

void h2_lose(struct http2 *h, enum dir d)
{
	gave_up(h, d);
	h->side[d].st = H2_LOST;
	h->l.deaf[d] = true;
}

static uint32_t be(const uint8_t *p, unsigned n)
{
	struct cursor c = cur_of((struct slice){ p, n });

	return cur_be(&c, n);
}

/* The frame header in buf; false: a peer would close the connection over it. */
static bool begin_frame(struct http2 *h, enum dir d, int64_t ts)
{
	struct h2_side *sd = &h->side[d];
	bool continues;

	sd->left = be(sd->buf, 3);
	sd->type = sd->buf[3];
	sd->flags = sd->buf[4];
	sd->stream = be(sd->buf + 5, 4) & 0x7fffffff;
	sd->pad = 0;
	sd->n = sd->need = 0;
	continues = sd->type == H2_CONTINUATION;
	/* Section 6.10: nothing may come between the parts of a header block. */
	if (sd->in_block != continues || (continues && sd->stream != sd->block_stream))
		return false;
	if (sd->type >= sizeof kinds / sizeof *kinds)
		return true;		/* section 4.1: unknown types are ignored */
	if ((kinds[sd->type].on == ON_STREAM && !sd->stream) ||
	    (kinds[sd->type].on == ON_ZERO && sd->stream))
		return false;
	/* Section 4.2: a frame of fixed size that has another. */
	if (kinds[sd->type].least == kinds[sd->type].most && sd->left != kinds[sd->type].most)
		return false;
	if (continues && ++sd->block_frames > HTTP2_CONTINUATIONS) {
		evidence_add(h->l.s->env->ev, EV_H2_HEADERS_LONG, 1);
		return false;
	}
	if (sd->type == H2_RST_STREAM)
		h2_stream_reset(h, sd->stream, ts);
	if (sd->type == H2_DATA || sd->type == H2_HEADERS || sd->type == H2_PUSH_PROMISE)
		sd->need = (uint8_t)(!!(sd->flags & H2_PADDED) +
			   (sd->type == H2_HEADERS && sd->flags & H2_PRIORITY_FLAG ? 5 : 0) +
			   (sd->type == H2_PUSH_PROMISE ? 4 : 0));
	return sd->need <= sd->left;
}

/* The prefix is read (or there is none). */
static bool begin_body(struct http2 *h, enum dir d, int64_t ts)
{
	struct h2_side *sd = &h->side[d];

	if (sd->need && sd->flags & H2_PADDED)
		sd->pad = sd->buf[0];
	if (sd->pad > sd->left)
		return false;
	sd->n = 0;
	sd->st = H2_BODY;
	if (sd->type == H2_HEADERS || sd->type == H2_PUSH_PROMISE)
		h2_block_begin(h, d, ts);
	return true;
}

static void end_frame(struct http2 *h, enum dir d, int64_t ts)
{
	struct h2_side *sd = &h->side[d];

	sd->st = H2_HEAD;
	sd->n = 0;
	if (sd->in_block && sd->flags & H2_END_HEADERS)
		h2_block_end(h, d, ts);
	else if (sd->type == H2_DATA && sd->flags & H2_END_STREAM)
		h2_stream_end(h, d, sd->stream, ts);
}

static void setting(struct http2 *h, struct h2_side *sd)
{
	if (be(sd->buf, 2) == SETTINGS_HEADER_TABLE_SIZE)
		h2_table_size(h, be(sd->buf + 2, 4));
}

static void settings(struct http2 *h, struct h2_side *sd, struct slice in)
{
	while (in.n) {
		size_t n = in.n < 6u - sd->n ? in.n : 6u - sd->n;

		memcpy(sd->buf + sd->n, in.p, n);
		sd->n = (uint8_t)(sd->n + n);
		in = slice_from(in, n);
		if (sd->n == 6) {
			setting(h, sd);
			sd->n = 0;
		}
	}
}

static void body(struct http2 *h, enum dir d, struct slice in, int64_t ts)
{
	struct h2_side *sd = &h->side[d];

	switch (sd->type) {
	case H2_DATA:
		h2_stream_data(h, d, sd->stream, in, ts);
		break;
	case H2_HEADERS: case H2_PUSH_PROMISE: case H2_CONTINUATION:
		h2_block_data(h, d, in);
		break;
	case H2_SETTINGS:
		settings(h, sd, in);
		break;
	}
}

/* Fill buf up to `need`; true when it is full. */
static bool gather(struct h2_side *sd, struct slice *in, uint8_t need)
{
	size_t n = in->n < (size_t)(need - sd->n) ? in->n : (size_t)(need - sd->n);

	memcpy(sd->buf + sd->n, in->p, n);
	sd->n = (uint8_t)(sd->n + n);
	*in = slice_from(*in, n);
	return sd->n == need;
}

/* Would a peer send these nine bytes as a frame header?  Asked only where the thread is lost. */
static bool plausible(struct slice s)
{
	uint32_t length, stream;

	if (s.n < 9 || s.p[3] >= sizeof kinds / sizeof *kinds || s.p[5] & 0x80)
		return false;
	length = be(s.p, 3);
	stream = be(s.p + 5, 4);
	if (s.p[3] == H2_CONTINUATION || s.p[4] & ~kinds[s.p[3]].flags)
		return false;
	if ((kinds[s.p[3]].on == ON_STREAM && !stream) || (kinds[s.p[3]].on == ON_ZERO && stream))
		return false;
	return length >= kinds[s.p[3]].least && length <= kinds[s.p[3]].most;
}

static void begin(struct http2 *h, enum dir d, struct slice *in)
{
	struct h2_side *sd = &h->side[d];

	if (d == FROM_CLIENT && in->p[0] == preface.p[sd->n]) {
		in->p++;
		in->n--;
		if (++sd->n == preface.n) {
			sd->st = H2_HEAD;
			sd->n = 0;
		}
		return;
	}
	if (sd->n) {
		h2_lose(h, d);
	} else if (d != FROM_CLIENT && in->n < 9) {
		sd->st = H2_HEAD;
	} else {
		sd->unsure |= d == FROM_CLIENT || in->p[3] != H2_SETTINGS;	/* joined late */
		sd->st = H2_RESYNC;
	}
}

static void prefix(struct http2 *h, enum dir d, struct slice *in, int64_t ts)
{
	struct h2_side *sd = &h->side[d];

	if (sd->need && !gather(sd, in, sd->need))
		return;
	sd->left -= sd->need;
	if (!begin_body(h, d, ts))
		h2_lose(h, d);
}

static void step(struct http2 *h, enum dir d, struct slice *in, int64_t ts)
{
	struct h2_side *sd = &h->side[d];
	uint32_t n;

	switch (sd->st) {
	case H2_PREFACE:
		begin(h, d, in);
		break;
	case H2_HEAD:
		if (!gather(sd, in, 9))
			break;
		sd->st = H2_PREFIX;
		if (!begin_frame(h, d, ts))
			h2_lose(h, d);
		else if (!sd->need)
			prefix(h, d, in, ts);
		break;
	case H2_PREFIX:
		prefix(h, d, in, ts);
		break;
	case H2_BODY:
		n = sd->left - sd->pad < in->n ? sd->left - sd->pad : (uint32_t)in->n;
		body(h, d, (struct slice){ in->p, n }, ts);
		sd->left -= n;
		*in = slice_from(*in, n);
		break;
	case H2_PADDING:
		n = sd->left < in->n ? sd->left : (uint32_t)in->n;
		sd->left -= n;
		*in = slice_from(*in, n);
		break;
	case H2_RESYNC:
		if (plausible(*in)) {
			sd->st = H2_HEAD;
			sd->n = 0;
		} else {
			in->n = 0;
		}
		break;
	case H2_LOST:
		in->n = 0;
		break;
	}
	if (sd->st == H2_BODY && sd->left == sd->pad)
		sd->st = H2_PADDING;
	if (sd->st == H2_PADDING && !sd->left)
		end_frame(h, d, ts);
}

static void http2_data(struct layer *l, enum dir d, struct slice bytes, int64_t ts)
{
	struct http2 *h = (struct http2 *)l;

	while (bytes.n)
		step(h, d, &bytes, ts);
}

static void http2_gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	struct http2 *h = (struct http2 *)l;
	struct h2_side *sd = &h->side[d];

	if (sd->st == H2_LOST || sd->st == H2_RESYNC)
		return;
	if (sd->st == H2_BODY && sd->type == H2_DATA && n && n <= sd->left - sd->pad) {
		h2_stream_hole(h, d, sd->stream, n, ts);
		sd->left -= (uint32_t)n;
		if (sd->left == sd->pad)
			sd->st = H2_PADDING;
		if (!sd->left)
			end_frame(h, d, ts);
		return;
	}
	gave_up(h, d);
	h2_stream_gap(h, d, ts);
	sd->st = H2_RESYNC;
	sd->n = 0;
}

static void http2_end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	struct http2 *h = (struct http2 *)l;

	h->side[d].ended = true;
	if (h->side[FROM_CLIENT].ended && h->side[FROM_SERVER].ended)
		h2_stream_all(h, why, ts);
}

static void http2_release(struct layer *l)
{
	struct http2 *h = (struct http2 *)l;

	h2_stream_all(h, END_EOF, 0);
	h2_forget_table(h, FROM_CLIENT);
	h2_forget_table(h, FROM_SERVER);
	h2_stream_release(h);
}

static const struct layer_ops ops = {
	.name = "http2",
	.data = http2_data,
	.gap = http2_gap,
	.end = http2_end,
	.release = http2_release,
};

struct layer *layer_http2(struct session *s, struct layer *below)
{
	struct layer *l = layer_make(sizeof(struct http2), &ops, s, below);

	if (!l)
		return NULL;
	map_init(&((struct http2 *)l)->streams, HTTP2_STREAMS + 1);
	h2_hpack_init((struct http2 *)l);
	return l;
}
