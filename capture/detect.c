/*
 * detect: a layer that becomes another.
 *
 * It looks at the client's first bytes (kept where they are too few), or at the server's where
 * those come first, and puts the protocol's layer above itself, standing on what detect stands on.
 * Bytes that begin nothing known are opaque; there the starts of the next chunks are still looked
 * at, because TLS may begin later (STARTTLS and its kin), and because a connection joined
 * mid-stream shows its protocol at the next message.  A direction that has not yet come to the
 * protocol is kept from it by `gate`.  What the server's bytes said is corrected by the client's
 * first ones: a server of HTTP/2 sends its SETTINGS to whoever connects.
 */
#include "capture/detect.h"

#include <string.h>

#include "capture/session.h"

enum {
	FIRST_MAX = 2048,	/* bytes kept while they are too few */
	EARLY_MAX = 16,		/* of the server: enough to know it by */
	CHUNKS_MAX = 64,	/* opaque chunks looked at in a direction */
	PREFACE_LEAST = 16,
};

struct detect {
	struct layer l;
	struct layer *below;
	enum detect_kind kind;
	bool opaque;
	bool gate[2];
	bool by_server;		/* it spoke first; the client has not yet */
	uint8_t chunks[2];
	uint8_t *kept;		/* of the client, FIRST_MAX bytes */
	uint16_t n;
	uint8_t early[EARLY_MAX], n_early;	/* of a server that speaks first */
};

/* The protocols that exist; a kind without a maker stays opaque. */
static struct layer *(*const make[KIND_COUNT])(struct session *s, struct layer *below) = {
	[KIND_PROXY] = layer_proxy,
	[KIND_TLS] = layer_tls,
	[KIND_HTTP1] = layer_http1,
	[KIND_HTTP2] = layer_http2,
};

static const struct slice preface = { (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24 };
static const struct slice proxy2 = { (const uint8_t *)"\r\n\r\n\0\r\nQUIT\n", 12 };

/* a and b agree as far as both go. */
static bool agree(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	return memcmp(a.p, b.p, n) == 0;
}

/* RFC 8446 section 5.1: type, version 3.x, a length that a record may have. */
static bool is_record(struct slice s)
{
	return s.n >= 5 && s.p[0] >= 20 && s.p[0] <= 24 && s.p[1] == 3 && s.p[2] <= 4 &&
	       (s.p[3] << 8 | s.p[4]) <= 16384 + 2048;
}

/* RFC 5246 appendix E.2: a ClientHello in the SSL 2 form. */
static bool is_sslv2_hello(struct slice s)
{
	return s.n >= 5 && (s.p[0] & 0x80) && s.p[2] == 1 &&
	       ((s.p[3] == 3 && s.p[4] <= 3) || (s.p[3] == 0 && s.p[4] == 2)) &&
	       ((s.p[0] & 0x7f) << 8 | s.p[1]) >= 9;
}

/* A ClientHello so well-formed that nothing else looks like it. */
static bool is_client_hello(struct slice s)
{
	return s.n >= 11 && is_record(s) && s.p[0] == 22 && s.p[5] == 1 && s.p[6] == 0 &&
	       s.p[9] == 3 && s.p[10] <= 3 && (s.p[3] << 8 | s.p[4]) >= 38;
}

static bool is_token(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_method(struct slice s)
{
	static const char *const known[] = {
		"GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT",
		"SEARCH", "SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY", "M-SEARCH", "PURGE", "LINK",
		"UNLINK", "CCM_POST", "RPC_IN_DATA", "RPC_OUT_DATA", "QUERY", "BPROPFIND", "POLL",
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_is(s, known[i]))
			return true;
	return false;
}

/* A request line, whole: does its version say HTTP, or is it the bare GET of HTTP/0.9? */
static bool is_request_line(struct slice line, struct slice method)
{
	size_t last = line.n;

	while (last && line.p[last - 1] != ' ' && line.p[last - 1] != '\t')
		last--;
	if (slice_starts(slice_from(line, last), SLICE("HTTP/")))
		return true;
	return slice_is(method, "GET") && last == 4 && line.n > 4 && line.p[4] == '/';
}

/* RFC 9112 section 3: method SP target SP version.  Leading empty lines are passed over. */
static bool is_http1_request(struct slice s, bool *more)
{
	size_t i = 0, from;

	while (i < s.n && i < 8 && (s.p[i] == '\r' || s.p[i] == '\n'))
		i++;
	from = i;
	while (i < s.n && i - from < 32 && is_token(s.p[i]))
		i++;
	struct slice method = { s.p + from, i - from };
	if (i == s.n) {
		*more = method.n < 32;
		return false;
	}
	if (!method.n || (s.p[i] != ' ' && s.p[i] != '\t'))
		return false;
	struct slice rest = slice_from(s, from);
	const uint8_t *nl = memchr(rest.p, '\n', rest.n);
	if (nl) {
		struct slice line = { rest.p, (size_t)(nl - rest.p) };
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		return is_request_line(line, method);
	}
	*more = rest.n < FIRST_MAX;
	return is_method(method);
}

static bool is_http1_response(struct slice s)
{
	return s.n >= 7 && slice_starts(s, SLICE("HTTP/")) && s.p[5] >= '0' && s.p[5] <= '1' &&
	       s.p[6] == '.';
}

/* RFC 9113 section 3.4: the server's preface is a SETTINGS frame on stream 0. */
static bool is_http2_settings(struct slice s)
{
	return s.n >= 9 && s.p[0] == 0 && s.p[1] == 0 && s.p[2] % 6 == 0 && s.p[3] == 4 &&
	       s.p[4] <= 1 && !s.p[5] && !s.p[6] && !s.p[7] && !s.p[8];
}

static enum detect_kind client_kind(struct slice s, bool *more)
{
	if (is_record(s) || is_sslv2_hello(s))
		return KIND_TLS;
	if (agree(s, preface) && s.n >= PREFACE_LEAST)
		return KIND_HTTP2;
	if ((agree(s, SLICE("PROXY ")) && s.n >= 6) || (agree(s, proxy2) && s.n >= 12))
		return KIND_PROXY;
	if (agree(s, preface) || agree(s, SLICE("PROXY ")) || agree(s, proxy2) ||
	    (s.n < 5 && (s.p[0] & 0x80 || (s.p[0] >= 20 && s.p[0] <= 24))))
		*more = true;
	return is_http1_request(s, more) && !*more ? KIND_HTTP1 : KIND_OPAQUE;
}

static enum detect_kind server_kind(struct slice s, bool *more)
{
	static const struct slice status = { (const uint8_t *)"HTTP/1.", 7 };
	/* A record's or a frame's header with the bytes that are to come put in. */
	uint8_t record[5] = { 0, 3, 0, 0, 0 }, frame[9] = { 0, 0, 0, 4 };

	if (is_record(s))
		return KIND_TLS;
	if (is_http1_response(s))
		return KIND_HTTP1;
	if (is_http2_settings(s))
		return KIND_HTTP2;
	memcpy(record, s.p, s.n < 5 ? s.n : 5);
	memcpy(frame, s.p, s.n < 9 ? s.n : 9);
	*more = (s.n < 5 && is_record((struct slice){ record, 5 })) ||
		(s.n < 9 && is_http2_settings((struct slice){ frame, 9 })) ||
		(s.n < status.n && agree(s, status));
	return KIND_OPAQUE;
}

enum detect_kind detect_kind(enum dir d, struct slice s, bool *more)
{
	*more = false;
	if (!s.n) {
		*more = true;
		return KIND_OPAQUE;
	}
	return d == FROM_CLIENT ? client_kind(s, more) : server_kind(s, more);
}

enum detect_side detect_side(struct slice s)
{
	bool more = false;

	if (!s.n)
		return DETECT_NEITHER;
	if (s.n >= 6 && is_record(s) && s.p[0] == 22)
		return s.p[5] == 1 ? DETECT_CLIENT : s.p[5] == 2 ? DETECT_SERVER : DETECT_NEITHER;
	if (is_http1_response(s))
		return DETECT_SERVER;
	if (is_sslv2_hello(s) || (s.n >= PREFACE_LEAST && agree(s, preface)) ||
	    is_http1_request(s, &more))
		return DETECT_CLIENT;
	return DETECT_NEITHER;
}

/* The protocol is known: its layer stands where detect stands. */
static void become(struct detect *x, enum detect_kind kind)
{
	x->kind = kind;
	if (make[kind])
		x->l.above = make[kind](x->l.s, x->below);
	x->opaque = !x->l.above;
}

static void pass_on(struct detect *x, enum dir d, struct slice bytes, int64_t ts)
{
	layer_data(x->l.above, d, bytes, ts);
	x->l.deaf[0] = x->l.above->deaf[0];
	x->l.deaf[1] = x->l.above->deaf[1];
}

/* Opaque so far: does something known begin here? */
static void look_again(struct detect *x, enum dir d, struct slice bytes, int64_t ts)
{
	struct session *s = x->l.s;
	bool joined = s->client_guessed || s->gap[0] || s->gap[1], more;
	enum detect_kind kind = KIND_OPAQUE;

	if (++x->chunks[d] >= CHUNKS_MAX)
		x->l.deaf[d] = true;
	if (d == FROM_CLIENT && is_client_hello(bytes))
		kind = KIND_TLS;
	else if (joined)
		kind = detect_kind(d, bytes, &more);
	if (kind == KIND_OPAQUE || kind == KIND_PROXY || !make[kind])
		return;
	become(x, kind);
	if (!x->l.above)
		return;
	x->gate[dir_other(d)] = true;
	pass_on(x, d, bytes, ts);
}

/* The client's first bytes are not TLS's: said only where they surely are the first. */
static void note_plaintext(struct detect *x, enum dir d)
{
	struct session *s = x->l.s;

	if (d == FROM_CLIENT && !x->l.tls && !s->client_guessed && !s->gap[d] &&
	    x->kind != KIND_TLS && x->kind != KIND_PROXY && !s->tls[0])
		s->plaintext_seen = true;
}

/* Blank lines before the first message, as some servers send after their answer to CONNECT. */
static bool is_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r' && s.p[i] != '\n')
			return false;
	return true;
}

/* What came of the server before: it may be another protocol's (see `correct`). */
static void pass_early(struct detect *x, int64_t ts)
{
	struct slice early = { x->early, x->n_early };
	bool more, same = (x->kind == KIND_TLS && early.p[0] >= 20) ||
		(x->kind == KIND_HTTP2 && early.p[0] == 0) ||
		(x->kind == KIND_HTTP1 && early.p[0] == 'H');

	if (!early.n || !x->l.above)
		return;
	x->n_early = 0;
	if (same || detect_kind(FROM_SERVER, early, &more) == x->kind)
		pass_on(x, FROM_SERVER, early, ts);
	else
		x->gate[FROM_SERVER] = true;
}

/* The server speaks first. */
static void looking_at_server(struct detect *x, struct slice bytes, int64_t ts)
{
	size_t room = EARLY_MAX - x->n_early, n = bytes.n < room ? bytes.n : room;
	bool more;

	if (!x->n_early && is_blank(bytes))
		return;
	memcpy(x->early + x->n_early, bytes.p, n);
	struct slice first = { x->early, x->n_early + n };
	enum detect_kind kind = detect_kind(FROM_SERVER, first, &more);
	if (more) {
		x->n_early = (uint8_t)first.n;
		return;
	}
	x->by_server = !x->n;
	become(x, kind);
	if (x->opaque) {
		look_again(x, FROM_SERVER, x->n_early ? first : bytes, ts);
		x->n_early = 0;
		return;
	}
	if (x->n)				/* the client's few bytes were first */
		layer_data(x->l.above, FROM_CLIENT, (struct slice){ x->kept, x->n }, ts);
	pass_early(x, ts);
	pass_on(x, FROM_SERVER, bytes, ts);
}

/*
 * The client's first bytes: `all` so far, with what they are, and the rest behind FIRST_MAX.  False:
 * too few to tell, and kept.
 */
static bool gather(struct detect *x, struct slice bytes, struct slice *all, struct slice *rest,
		   enum detect_kind *kind)
{
	bool more;

	*all = bytes;
	*rest = slice_from(bytes, bytes.n);
	if (x->n) {
		size_t room = (size_t)FIRST_MAX - x->n, n = bytes.n < room ? bytes.n : room;
		memcpy(x->kept + x->n, bytes.p, n);
		*all = (struct slice){ x->kept, x->n + n };
		*rest = slice_from(bytes, n);
	}
	*kind = detect_kind(FROM_CLIENT, *all, &more);
	if (!more || all->n >= FIRST_MAX)
		return true;
	if (!x->kept)
		x->kept = arena_bytes(session_arena(x->l.s), FIRST_MAX);
	if (!x->kept)
		return true;
	if (!x->n)
		memcpy(x->kept, all->p, all->n);
	x->n = (uint16_t)all->n;
	return false;
}

static void looking(struct detect *x, enum dir d, struct slice bytes, int64_t ts)
{
	struct slice all, rest;
	enum detect_kind kind;

	if (d == FROM_SERVER) {
		looking_at_server(x, bytes, ts);
		return;
	}
	if (!gather(x, bytes, &all, &rest, &kind))
		return;
	become(x, kind);
	note_plaintext(x, d);
	if (x->opaque) {
		look_again(x, d, all, ts);
		return;
	}
	pass_early(x, ts);
	pass_on(x, d, all, ts);
	if (rest.n)
		pass_on(x, d, rest, ts);
}

/* The client's first bytes, where the server's were taken for the beginning of x->kind. */
static void correct(struct detect *x, enum detect_kind kind)
{
	x->by_server = false;
	if (kind == x->kind || (kind != KIND_HTTP1 && kind != KIND_HTTP2 && kind != KIND_TLS))
		return;
	layer_release(&x->l.above);
	x->l.deaf[0] = x->l.deaf[1] = false;
	become(x, kind);
	note_plaintext(x, FROM_CLIENT);
	x->gate[FROM_SERVER] = true;
}

static void client_begins(struct detect *x, struct slice bytes, int64_t ts)
{
	struct slice all, rest;
	enum detect_kind kind;

	if (!gather(x, bytes, &all, &rest, &kind))
		return;
	correct(x, kind);
	if (!x->l.above)
		return;
	pass_on(x, FROM_CLIENT, all, ts);
	if (rest.n)
		pass_on(x, FROM_CLIENT, rest, ts);
}

static void data(struct layer *l, enum dir d, struct slice bytes, int64_t ts)
{
	struct detect *x = (struct detect *)l;
	bool more;

	if (x->by_server && l->above && d == FROM_CLIENT) {
		client_begins(x, bytes, ts);
	} else if (l->above) {
		if (x->gate[d]) {
			if (detect_kind(d, bytes, &more) != x->kind)
				return;
			x->gate[d] = false;
		}
		pass_on(x, d, bytes, ts);
	} else if (x->opaque) {
		note_plaintext(x, d);
		look_again(x, d, bytes, ts);
	} else {
		looking(x, d, bytes, ts);
	}
}

/* No more of the client's first bytes will come: a method known by name is enough now. */
static void decide(struct detect *x, int64_t ts)
{
	struct slice kept = { x->kept, x->n };
	enum detect_kind kind;
	bool more;

	if (x->l.above && x->by_server && x->n) {
		x->by_server = false;
		pass_on(x, FROM_CLIENT, kept, ts);
	}
	if (x->l.above || x->opaque || !x->n)
		return;
	kind = detect_kind(FROM_CLIENT, kept, &more);
	if (kind == KIND_OPAQUE && is_http1_request(kept, &more))
		kind = KIND_HTTP1;
	become(x, kind);
	note_plaintext(x, FROM_CLIENT);
	if (x->l.above)
		pass_on(x, FROM_CLIENT, kept, ts);
}

static void gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	struct detect *x = (struct detect *)l;

	if (d == FROM_CLIENT)
		decide(x, ts);
	if (l->above) {
		if (!x->gate[d])
			layer_gap(l->above, d, n, ts);
		l->deaf[0] = l->above->deaf[0];
		l->deaf[1] = l->above->deaf[1];
	} else if (d == FROM_CLIENT) {
		x->opaque = true;	/* its first bytes are lost; look at what follows */
	}
}

static void end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	struct detect *x = (struct detect *)l;

	if (d == FROM_CLIENT)
		decide(x, ts);
	layer_end(l->above, d, why, ts);
}

static const struct layer_ops ops = { .name = "detect", .data = data, .gap = gap, .end = end };

struct layer *layer_detect(struct session *s, struct layer *below)
{
	struct layer *l = layer_make(sizeof(struct detect), &ops, s, below);

	if (l)
		((struct detect *)l)->below = below;
	return l;
}
