/*
 * Floods through HTTP/1, HTTP/2 and PROXY layers: work and memory are counted, not timed.  N times the
 * bytes may cost N times the work, and the memory of the limits in http1.h, http2.h, http_slot.h.
 */
#include "capture/http1_part.h"
#include "capture/http2_part.h"
#include "tests/http_rig.h"
#include "tests/tap.h"

enum { N = 40000 };

static void feed(struct rig *r, enum dir d, struct slice s)
{
	layer_data(r->s.bottom, d, s, 0);
	if (r->s.outside > r->most_outside)
		r->most_outside = r->s.outside;
}

static void text(struct rig *r, enum dir d, const char *s)
{
	feed(r, d, slice_of(s));
}

/* All memory that layers took is given back at the end. */
static void done(struct rig *r)
{
	rig_end(r, 0);
	layer_release(&r->s.bottom);
	is(r->s.outside, 0);
	rig_release(r);
}

static void start(struct rig *r, const char *name, struct layer *(*make)(struct session *, struct layer *))
{
	printf("# %s\n", name);
	rig_init(r, make);
	r->out.max = 256;		/* what is told is counted, not kept */
}

/* Only the server's side was captured: each answer waits for a question that never comes. */
static void answers_alone(void)
{
	struct rig r;

	start(&r, "answers without questions", layer_http1);
	for (int i = 0; i < N; i++)
		text(&r, FROM_SERVER, "HTTP/1.1 204 No Content\r\n\r\n");
	ok(r.told >= N - 2 * HTTP1_PENDING);
	ok(r.ev.n[EV_HTTP_PIPELINE] >= N / (HTTP1_PENDING + 2));
	ok(r.env.work <= 4 * N);
	ok(r.most_outside < (HTTP1_PENDING + 2) * 4096);
	done(&r);
}

/* As many questions under way as are kept, for long. */
static void long_pipeline(void)
{
	struct rig r;

	start(&r, "a full pipeline", layer_http1);
	for (int i = 0; i < N; i++) {
		text(&r, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		if (i >= HTTP1_PENDING - 1)
			text(&r, FROM_SERVER, "HTTP/1.1 204 No Content\r\n\r\n");
	}
	is(r.ev.n[EV_HTTP_PIPELINE], 0);
	is(r.told, N - HTTP1_PENDING + 1);
	ok(r.env.work <= 4 * N);
	ok(r.most_outside < HTTP1_PENDING * 4096);
	done(&r);
	start(&r, "questions alone", layer_http1);
	for (int i = 0; i < N; i++)
		text(&r, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	is(r.ev.n[EV_HTTP_PIPELINE], 1);
	ok(r.told >= N - 1);
	ok(r.env.work <= 4 * N);
	ok(r.most_outside < (HTTP1_PENDING + 2) * 4096);
	done(&r);
}

/* A head without end: of many headers, of one line, of one wanted header, of a folded one. */
static void heads(void)
{
	static const struct { const char *name, *again; bool full, too_long; } list[] = {
		{ "headers", "a: b\r\n", false, false },
		{ "wanted headers of one name", "x-want: 12345678\r\n", true, false },
		{ "X-Forwarded-For", "X-Forwarded-For: 10.0.0.1\r\n", true, false },
		{ "folded", " 12345678\r\n", true, false },
		{ "a line", "0123456789", false, true },
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		struct rig r;
		start(&r, list[i].name, layer_http1);
		r.env.want_header = rig_want;
		text(&r, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: a\r\nx-want: 1\r\n");
		for (int k = 0; k < N; k++)
			text(&r, FROM_CLIENT, list[i].again);
		text(&r, FROM_CLIENT, "\r\n\r\n");
		is(r.ev.n[EV_HTTP_TEXT_FULL], list[i].full);
		is(r.ev.n[EV_HTTP_LINE_LONG], list[i].too_long);
		ok(r.most_outside <= HTTP_TEXT + 4096);
		ok(arena_held(r.s.arena) < 8192);
		done(&r);
	}
}

/* Distinct wanted headers: so many are kept. */
static void many_wanted(void)
{
	struct rig r;
	char line[64];

	start(&r, "wanted headers of many names", layer_http1);
	r.env.want_header = rig_want;
	text(&r, FROM_CLIENT, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int k = 0; k < N; k++) {
		snprintf(line, sizeof line, "x-want-%d: 1\r\n", k);
		text(&r, FROM_CLIENT, line);
	}
	text(&r, FROM_CLIENT, "\r\n");
	is(r.ev.n[EV_HTTP_TEXT_FULL], 1);
	ok(r.most_outside <= HTTP_TEXT + 4096);
	done(&r);
}

static void chunks(void)
{
	struct rig r;

	start(&r, "chunks of one byte, a byte at a time", layer_http1);
	text(&r, FROM_CLIENT, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < N; i++)
		for (const char *p = "1\r\nx\r\n"; *p; p++)
			feed(&r, FROM_CLIENT, (struct slice){ (const uint8_t *)p, 1 });
	is(((struct http1 *)r.s.bottom)->side[FROM_CLIENT].now->x.sent, N);
	ok(r.most_outside < 8192);
	done(&r);
	start(&r, "a chunk's extension without end, and a trailer", layer_http1);
	text(&r, FROM_CLIENT, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
	for (int i = 0; i < N; i++)
		text(&r, FROM_CLIENT, "extension=1;");
	text(&r, FROM_CLIENT, "\r\nx\r\n0\r\n");
	for (int i = 0; i < N; i++)
		text(&r, FROM_CLIENT, "trailer: 1\r\n");
	is(r.ev.n[EV_HTTP_LINE_LONG], 1);
	ok(((struct http1 *)r.s.bottom)->side[FROM_CLIENT].line.size <= HTTP1_LINE * 2);
	done(&r);
}

/* CONNECT in CONNECT in CONNECT: so deep and no deeper. */
static void nested(void)
{
	struct rig r;

	start(&r, "tunnels in tunnels", layer_detect);
	for (int i = 0; i < N; i++) {
		text(&r, FROM_CLIENT, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
		text(&r, FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
	}
	is(r.ev.n[EV_LAYER_DEPTH], 1);
	ok(r.told < LAYER_DEPTH);
	ok(arena_held(r.s.arena) < 64 * 1024 && r.most_outside < 64 * 1024);
	done(&r);
}

static void proxies(void)
{
	static const uint8_t two[16] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
	struct rig r;

	start(&r, "PROXY without end", layer_detect);
	text(&r, FROM_CLIENT, "PROXY TCP4 ");
	for (int i = 0; i < N; i++)
		text(&r, FROM_CLIENT, "1");
	is(r.ev.n[EV_PROXY_MALFORMED], 1);
	ok(arena_held(r.s.arena) < 16 * 1024);
	done(&r);
	start(&r, "PROXY version 2 of 64 KiB, a byte at a time, and again", layer_detect);
	for (int k = 0; k < 10; k++) {
		feed(&r, FROM_CLIENT, (struct slice){ two, sizeof two });
		for (int i = 0; i < 0xffff; i++)
			feed(&r, FROM_CLIENT, SLICE("\1"));
	}
	ok(r.s.proxied_known && r.ev.n[EV_LAYER_DEPTH] <= 1);
	ok(arena_held(r.s.arena) < 64 * 1024);
	done(&r);
}

static void frame(struct rig *r, unsigned type, unsigned flags, uint32_t id, struct slice body)
{
	const uint8_t head[9] = { (uint8_t)(body.n >> 16), (uint8_t)(body.n >> 8), (uint8_t)body.n,
		(uint8_t)type, (uint8_t)flags, 0, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };

	feed(r, FROM_CLIENT, (struct slice){ head, sizeof head });
	feed(r, FROM_CLIENT, body);
}

/*
 * The largest table that is asked for, filled with the smallest entries: each costs the decoder ten
 * times what the RFC counts for it, and all of that is counted.
 */
static void table_bomb(struct slice update, bool taken)
{
	struct rig r;
	uint8_t entry[] = { 0x40, 1, 'a', 1, 'b' };

	start(&r, "HPACK table full of small entries", layer_http2);
	text(&r, FROM_CLIENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	const uint8_t settings[15] = { 0, 0, 6, H2_SETTINGS, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff };
	feed(&r, FROM_SERVER, (struct slice){ settings, sizeof settings });
	frame(&r, H2_HEADERS, 0, 1, update);
	size_t before = r.s.outside;
	for (int i = 0; i < 500; i++) {
		struct buf b;
		buf_init(&b, 4096);
		for (int k = 0; k < 10; k++) {
			entry[2] = (uint8_t)('a' + k);
			buf_add(&b, (struct slice){ entry, sizeof entry });
		}
		frame(&r, H2_CONTINUATION, 0, 1, buf_slice(&b));
		buf_release(&b);
	}
	ok((r.s.outside - before > HTTP2_TABLE) == taken);	/* it is counted */
	ok(r.most_outside < 16 * HTTP2_TABLE);		/* and bounded: 1,900 entries are what fits */
	done(&r);
}

/* A reference of one byte stands for kilobytes, in each of many requests: none keeps more than its limit. */
static void reference_bomb(void)
{
	struct rig r;
	struct buf b;

	start(&r, "references to one large entry", layer_http2);
	text(&r, FROM_CLIENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	buf_init(&b, 8192);
	buf_add(&b, SLICE("\x82\x84\x87\x40\x0auser-agent\x7f\xe1\x1d"));	/* 127 + 97 + 29 * 128 */
	for (int i = 0; i < 3936; i++)
		buf_byte(&b, 'u');
	frame(&r, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, buf_slice(&b));
	buf_release(&b);
	for (uint32_t i = 1; i < 3000; i++)
		frame(&r, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 2 * i + 1, SLICE("\x82\x84\x87\xbe"));
	is(r.ev.n[EV_H2_STREAMS], 3000 - HTTP2_STREAMS);
	ok(r.most_outside < HTTP2_STREAMS * 8192);
	done(&r);
}

int main(void)
{
	answers_alone();
	long_pipeline();
	heads();
	many_wanted();
	chunks();
	nested();
	proxies();
	table_bomb(SLICE("\x3f\xe1\xff\x03"), true);		/* table size 65536 */
	table_bomb(SLICE("\x3f\xe1\xff\xff\x07"), false);	/* 16 MiB: more than is followed */
	reference_bomb();
	return tap_end();
}
