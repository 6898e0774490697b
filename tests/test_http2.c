/*
 * test_http2: conversations made frame by frame; every one is also fed byte by byte and cut in two
 * at every place, with the same result.
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "capture/http2_part.h"
#include "tests/http_rig.h"
#include "tests/tap.h"

enum { PIECES = 4096 };

/* What both sides send, in order. */
struct talk {
	struct buf bytes;
	struct { enum dir d; size_t from, n; uint64_t gap; } piece[PIECES];
	unsigned n;
	nghttp2_hd_deflater *deflater[2];
	bool joined;
};

static void talk_init(struct talk *t)
{
	memset(t, 0, sizeof *t);
	buf_init(&t->bytes, 64 << 20);
	for (int d = 0; d < 2; d++)
		nghttp2_hd_deflate_new(&t->deflater[d], 4096);
}

static void talk_release(struct talk *t)
{
	buf_release(&t->bytes);
	for (int d = 0; d < 2; d++)
		nghttp2_hd_deflate_del(t->deflater[d]);
}

static void say(struct talk *t, enum dir d, struct slice s)
{
	t->piece[t->n].d = d;
	t->piece[t->n].gap = 0;
	t->piece[t->n].from = t->bytes.n;
	t->piece[t->n++].n = s.n;
	buf_add(&t->bytes, s);
}

static void lose(struct talk *t, enum dir d, uint64_t n)
{
	t->piece[t->n].d = d;
	t->piece[t->n++].gap = n;
}

static void frame(struct talk *t, enum dir d, unsigned type, unsigned flags, uint32_t id,
		  struct slice payload)
{
	uint8_t head[9] = {
		(uint8_t)(payload.n >> 16), (uint8_t)(payload.n >> 8), (uint8_t)payload.n,
		(uint8_t)type, (uint8_t)flags,
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id,
	};
	struct buf b;

	buf_init(&b, 1 << 25);
	buf_add(&b, (struct slice){ head, 9 });
	buf_add(&b, payload);
	say(t, d, buf_slice(&b));
	buf_release(&b);
}

/* "name: value\n..." as a header block. */
static size_t block(struct talk *t, enum dir d, const char *fields, uint8_t *out, size_t size)
{
	nghttp2_nv nv[64];
	size_t n = 0;

	for (const char *at = fields; *at; ) {
		const char *end = strchr(at, '\n'), *colon = strstr(at + 1, ": ");

		nv[n].name = (uint8_t *)(uintptr_t)at;
		nv[n].namelen = (size_t)(colon - at);
		nv[n].value = (uint8_t *)(uintptr_t)colon + 2;
		nv[n].valuelen = (size_t)(end - colon - 2);
		nv[n++].flags = 0;
		at = end + 1;
	}
	return (size_t)nghttp2_hd_deflate_hd(t->deflater[d], out, size, nv, n);
}

static void headers(struct talk *t, enum dir d, uint32_t id, bool end, const char *fields)
{
	uint8_t out[8192];
	size_t n = block(t, d, fields, out, sizeof out);

	frame(t, d, H2_HEADERS, H2_END_HEADERS | (end ? H2_END_STREAM : 0), id,
	      (struct slice){ out, n });
}

static void open_talk(struct talk *t)
{
	talk_init(t);
	say(t, FROM_CLIENT, SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	frame(t, FROM_CLIENT, H2_SETTINGS, 0, 0, SLICE("\0\1\0\0\x10\0\0\3\0\0\0\x64"));
	frame(t, FROM_SERVER, H2_SETTINGS, 0, 0, SLICE(""));
	frame(t, FROM_SERVER, H2_SETTINGS, H2_ACK, 0, SLICE(""));
}

#define GET(host, path) ":method: GET\n:scheme: https\n:authority: " host "\n:path: " path "\n"

static void play(struct rig *r, const struct talk *t, size_t step, unsigned cut, size_t at)
{
	int64_t ts = 1;

	rig_init(r, layer_http2);
	r->s.syn = !t->joined;
	for (unsigned i = 0; i < t->n; i++) {
		struct slice left = { t->bytes.p + t->piece[i].from, t->piece[i].n };

		if (t->piece[i].gap)
			layer_gap(r->s.bottom, t->piece[i].d, t->piece[i].gap, ts);
		for (size_t done = 0; left.n; ) {
			size_t n = i == cut && !done ? at : step;
			uint8_t *copy;

			n = n < left.n ? n : left.n;
			copy = malloc(n);
			memcpy(copy, left.p, n);
			layer_data(r->s.bottom, t->piece[i].d, (struct slice){ copy, n }, ts++);
			free(copy);
			left = slice_from(left, n);
			done += n;
		}
	}
	rig_end(r, ts);
}

static bool same(const struct talk *t, const char *want, size_t step, unsigned cut, size_t at)
{
	struct rig r;
	bool good;

	play(&r, t, step, cut, at);
	good = slice_is(buf_slice(&r.out), want);
	if (!good)
		printf("# step %zu, piece %u cut at %zu; got:\n%.*s# want:\n%s", step, cut, at,
		       (int)r.out.n, (char *)r.out.p, want);
	layer_release(&r.s.bottom);
	good &= r.s.outside == 0;
	rig_release(&r);
	return good;
}

static void check(struct talk *t, const char *name, const char *want, bool split)
{
	bool good = true;

	printf("# %s\n", name);
	ok(same(t, want, SIZE_MAX, PIECES, 0));
	if (split) {
		ok(same(t, want, 1, PIECES, 0));
		for (unsigned i = 0; good && i < t->n; i++)
			for (size_t at = 1; good && at < t->piece[i].n; at++)
				good = same(t, want, SIZE_MAX, i, at);
		ok(good);
	}
	talk_release(t);
}

static void plain(struct talk *t)
{
	open_talk(t);
	headers(t, FROM_CLIENT, 1, true, GET("a.example", "/one?q") "user-agent: t\n");
	headers(t, FROM_CLIENT, 3, false, ":method: POST\n:scheme: https\n:authority: b.example\n"
		":path: /two\ncontent-length: 5\nauthorization: Bearer x\ncookie: a\n");
	frame(t, FROM_CLIENT, H2_DATA, 0, 3, SLICE("he"));
	frame(t, FROM_CLIENT, H2_WINDOW_UPDATE, 0, 0, SLICE("\0\0\1\0"));
	frame(t, FROM_CLIENT, H2_DATA, H2_END_STREAM | H2_PADDED, 3, SLICE("\3llo\0\0\0"));
	frame(t, FROM_CLIENT, 0x77, 0xff, 9, SLICE("a type nobody knows"));
	headers(t, FROM_SERVER, 3, false, ":status: 103\nlink: <x>\n");
	headers(t, FROM_SERVER, 3, true, ":status: 204\n");
	headers(t, FROM_SERVER, 1, false, ":status: 200\ncontent-type: text/plain\n");
	frame(t, FROM_SERVER, H2_DATA, 0, 1, SLICE("0123456789"));
	frame(t, FROM_SERVER, H2_DATA, H2_END_STREAM, 1, SLICE(""));
	check(t, "two streams, the later ends first",
	      "POST b.example /two -> 204 v20 sent=5 received=0 authorization cookie\n"
	      "GET a.example /one?q -> 200 v20 sent=0 received=10\n", true);
}

static void pieces(struct talk *t)
{
	uint8_t out[4096], padded[4096] = { 4, 0x80, 0, 0, 1, 15 };
	size_t n;

	open_talk(t);
	n = block(t, FROM_CLIENT, GET("a.example", "/continued"), out, sizeof out);
	memcpy(padded + 6, out, 3);
	frame(t, FROM_CLIENT, H2_HEADERS, H2_END_STREAM | H2_PADDED | H2_PRIORITY_FLAG, 1,
	      (struct slice){ padded, 6 + 3 + 4 });
	frame(t, FROM_CLIENT, H2_CONTINUATION, 0, 1, (struct slice){ out + 3, 1 });
	frame(t, FROM_CLIENT, H2_CONTINUATION, 0, 1, SLICE(""));
	frame(t, FROM_CLIENT, H2_CONTINUATION, H2_END_HEADERS, 1, (struct slice){ out + 4, n - 4 });
	headers(t, FROM_SERVER, 1, false, ":status: 200\n");
	headers(t, FROM_SERVER, 1, true, "grpc-status: 7\n");
	check(t, "padding, priority, continuation, trailers",
	      "GET a.example /continued -> 200 v20 sent=0 received=0 grpc-status=7\n", true);
}

static void push(struct talk *t)
{
	uint8_t out[4096] = { 0, 0, 0, 2 };
	size_t n;

	open_talk(t);
	headers(t, FROM_CLIENT, 1, true, GET("a.example", "/page"));
	n = block(t, FROM_SERVER, GET("a.example", "/pushed"), out + 4, sizeof out - 4);
	frame(t, FROM_SERVER, H2_PUSH_PROMISE, H2_END_HEADERS, 1, (struct slice){ out, n + 4 });
	headers(t, FROM_SERVER, 2, false, ":status: 200\n");
	frame(t, FROM_SERVER, H2_DATA, H2_END_STREAM, 2, SLICE("style"));
	headers(t, FROM_SERVER, 1, true, ":status: 200\n");
	check(t, "a pushed request is not the client's",
	      "GET a.example /page -> 200 v20 sent=0 received=0\n", true);
}

static void resets(struct talk *t)
{
	open_talk(t);
	headers(t, FROM_CLIENT, 1, true, GET("a.example", "/reset"));
	headers(t, FROM_CLIENT, 3, true, GET("a.example", "/pending"));
	frame(t, FROM_SERVER, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\7"));
	frame(t, FROM_SERVER, H2_GOAWAY, 0, 0, SLICE("\0\0\0\1\0\0\0\0bye"));
	check(t, "reset, and never answered",
	      "GET a.example /reset -> ? v20 sent=0 received=0\n"
	      "GET a.example /pending -> ? v20 sent=0 received=0\n", true);
}

static void evasions(struct talk *t)
{
	open_talk(t);
	headers(t, FROM_CLIENT, 1, true, GET("a.example", "/host") "host: b.example\n");
	headers(t, FROM_CLIENT, 3, true, ":method: GET\n:scheme: https\n:path: /h\nhost: c.example\n");
	headers(t, FROM_CLIENT, 5, false, GET("a.example", "/cl") "content-length: 3\n");
	frame(t, FROM_CLIENT, H2_DATA, H2_END_STREAM, 5, SLICE("0123456789"));
	headers(t, FROM_CLIENT, 7, true, GET("a.example", "/te") "transfer-encoding: chunked\n");
	headers(t, FROM_CLIENT, 9, true, GET("a.example", "/upper") "X-Upper: 1\n");
	headers(t, FROM_CLIENT, 11, true, GET("a.example", "/twice") ":authority: d.example\n");
	headers(t, FROM_CLIENT, 13, true, GET("a.example", "/late") "x: y\n:path: /other\n");
	check(t, "what proxies that speak HTTP/1 further on would misread",
	      "GET a.example /host -> ? v20 sent=0 received=0 hosts\n"
	      "GET c.example /h -> ? v20 sent=0 received=0\n"
	      "GET a.example /cl -> ? v20 sent=10 received=0 length\n"
	      "GET a.example /te -> ? v20 sent=0 received=0 length\n"
	      "GET a.example /upper -> ? v20 sent=0 received=0 odd\n"
	      "GET a.example /twice -> ? v20 sent=0 received=0 hosts odd\n"
	      "GET a.example /late -> ? v20 sent=0 received=0 odd\n", true);
}

/* The first request inserted its fields into the table before egret came. */
static void joined(struct talk *t)
{
	struct talk full;
	uint8_t skip[1024];

	talk_init(&full);
	block(&full, FROM_CLIENT, GET("secret.example", "/before"), skip, sizeof skip);
	full.joined = true;
	headers(&full, FROM_CLIENT, 7, true, GET("secret.example", "/after"));
	headers(&full, FROM_CLIENT, 9, true, GET("fresh.example", "/fresh"));
	headers(&full, FROM_CLIENT, 11, true, GET("fresh.example", "/fresh"));
	headers(&full, FROM_SERVER, 7, true, ":status: 200\n");
	headers(&full, FROM_SERVER, 9, true, ":status: 404\n");
	*t = full;
	check(t, "joined late: references to what was not seen are unknown, never guessed",
	      "GET ? ? -> 200 v20 sent=0 received=0 headers-unknown\n"
	      "GET fresh.example /fresh -> 404 v20 sent=0 received=0\n"
	      "GET fresh.example /fresh -> ? v20 sent=0 received=0\n", false);
}

static void tunnels(struct talk *t)
{
	open_talk(t);
	headers(t, FROM_CLIENT, 1, false, ":method: CONNECT\n:authority: one.example:80\n");
	headers(t, FROM_CLIENT, 3, false, ":method: CONNECT\n:authority: two.example:80\n");
	headers(t, FROM_SERVER, 1, false, ":status: 200\n");
	headers(t, FROM_SERVER, 3, false, ":status: 200\n");
	frame(t, FROM_CLIENT, H2_DATA, 0, 1, SLICE("GET /in/one HTTP/1.1\r\nHost: o"));
	frame(t, FROM_CLIENT, H2_DATA, 0, 3, SLICE("GET /in/two HTTP/1.1\r\nHost: t\r\n\r\n"));
	frame(t, FROM_CLIENT, H2_DATA, H2_END_STREAM, 1, SLICE("ne\r\n\r\n"));
	frame(t, FROM_SERVER, H2_DATA, 0, 3, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	frame(t, FROM_SERVER, H2_DATA, H2_END_STREAM, 1, SLICE("HTTP/1.1 404 No\r\n\r\nbody"));
	frame(t, FROM_SERVER, H2_RST_STREAM, 0, 3, SLICE("\0\0\0\0"));
	check(t, "HBONE: the DATA of CONNECT streams is looked into, each for itself",
	      "+GET t /in/two -> 200 v11 sent=0 received=0\n"
	      "+GET one /in/one -> 404 v11 sent=0 received=4\n"
	      "CONNECT one.example:80 ? -> 200 v20 sent=35 received=23 upgraded\n"
	      "CONNECT two.example:80 ? -> 200 v20 sent=33 received=38 upgraded\n", true);
}

/* A ClientHello for this name, in two DATA frames around whatever comes between. */
static struct buf hello(const char *name)
{
	size_t n = strlen(name);
	struct buf b;

	buf_init(&b, 1000);
	buf_add(&b, SLICE("\x16\x03\x01\0"));
	buf_byte(&b, (uint8_t)(56 + n));
	buf_add(&b, SLICE("\x01\0\0"));
	buf_byte(&b, (uint8_t)(52 + n));
	buf_add(&b, SLICE("\x03\x03" "0123456789abcdef0123456789abcdef" "\0\0\2\x13\x01\1\0\0"));
	buf_byte(&b, (uint8_t)(9 + n));
	buf_add(&b, SLICE("\0\0\0"));
	buf_byte(&b, (uint8_t)(5 + n));
	buf_byte(&b, 0);
	buf_byte(&b, (uint8_t)(3 + n));
	buf_add(&b, SLICE("\0\0"));
	buf_byte(&b, (uint8_t)n);
	buf_str(&b, name);
	return b;
}

static void tls_tunnels(struct talk *t)
{
	struct buf one = hello("one.example"), two = hello("two.example");

	open_talk(t);
	headers(t, FROM_CLIENT, 1, false, ":method: CONNECT\n:authority: gw:443\n");
	headers(t, FROM_CLIENT, 3, false, ":method: CONNECT\n:authority: gw:443\n");
	headers(t, FROM_SERVER, 1, false, ":status: 200\n");
	headers(t, FROM_SERVER, 3, false, ":status: 200\n");
	frame(t, FROM_CLIENT, H2_DATA, 0, 1, (struct slice){ one.p, 40 });
	frame(t, FROM_CLIENT, H2_DATA, 0, 3, (struct slice){ two.p, 50 });
	frame(t, FROM_CLIENT, H2_DATA, 0, 1, slice_from(buf_slice(&one), 40));
	frame(t, FROM_CLIENT, H2_DATA, 0, 3, slice_from(buf_slice(&two), 50));
	frame(t, FROM_SERVER, H2_RST_STREAM, 0, 3, SLICE("\0\0\0\0"));
	frame(t, FROM_SERVER, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\0"));
	buf_release(&one);
	buf_release(&two);
	check(t, "HBONE: two TLS sessions in two streams keep their names",
	      "CONNECT gw:443 ? -> 200 v20 sent=72 received=0 upgraded inside=two.example\n"
	      "CONNECT gw:443 ? -> 200 v20 sent=72 received=0 upgraded inside=one.example\n", true);
}

/* A client that does not wait for the answer; one that is refused after that. */
static void early_tunnels(struct talk *t)
{
	struct buf one = hello("one.example");

	open_talk(t);
	headers(t, FROM_CLIENT, 1, false, ":method: CONNECT\n:authority: gw:443\n");
	frame(t, FROM_CLIENT, H2_DATA, 0, 1, (struct slice){ one.p, 40 });
	headers(t, FROM_CLIENT, 3, false, ":method: CONNECT\n:authority: gw:80\n");
	frame(t, FROM_CLIENT, H2_DATA, H2_END_STREAM, 3, SLICE("GET /in HTTP/1.0\r\n\r\n"));
	headers(t, FROM_CLIENT, 5, false, ":method: CONNECT\n:authority: no:443\n");
	frame(t, FROM_CLIENT, H2_DATA, 0, 5, (struct slice){ one.p, 40 });
	headers(t, FROM_SERVER, 1, false, ":status: 200\n");
	headers(t, FROM_SERVER, 3, false, ":status: 200\n");
	headers(t, FROM_SERVER, 5, true, ":status: 403\n");
	frame(t, FROM_SERVER, H2_DATA, H2_END_STREAM, 3, SLICE("HTTP/1.0 200 OK\r\n\r\nx"));
	frame(t, FROM_CLIENT, H2_DATA, H2_END_STREAM, 1, slice_from(buf_slice(&one), 40));
	frame(t, FROM_SERVER, H2_DATA, H2_END_STREAM, 1, SLICE(""));
	frame(t, FROM_CLIENT, H2_DATA, H2_END_STREAM, 5, SLICE(""));
	buf_release(&one);
	check(t, "HBONE: what is sent before the answer waits for it",
	      "+GET ? /in -> 200 v10 sent=0 received=1\n"
	      "CONNECT gw:80 ? -> 200 v20 sent=20 received=20 upgraded\n"
	      "CONNECT gw:443 ? -> 200 v20 sent=72 received=0 upgraded inside=one.example\n"
	      "CONNECT no:443 ? -> 403 v20 sent=40 received=0\n", true);
}

/* A connection that carries many tunnels, one after the other, has room for each. */
static void many_tunnels(struct talk *t)
{
	enum { N = 1000 };
	struct rig r;
	struct buf one = hello("one.example");
	unsigned inside = 0;

	printf("# many tunnels\n");
	open_talk(t);
	for (uint32_t i = 0; i < N; i++) {
		headers(t, FROM_CLIENT, 2 * i + 1, false, ":method: CONNECT\n:authority: gw:443\n");
		headers(t, FROM_SERVER, 2 * i + 1, false, ":status: 200\n");
		frame(t, FROM_CLIENT, H2_DATA, H2_END_STREAM, 2 * i + 1, buf_slice(&one));
		frame(t, FROM_SERVER, H2_DATA, H2_END_STREAM, 2 * i + 1, SLICE("\x15\3\3\0\2\2\x28"));
	}
	play(&r, t, SIZE_MAX, PIECES, 0);
	buf_byte(&r.out, 0);
	for (const char *at = (const char *)r.out.p; (at = strstr(at, "inside=one")); at++)
		inside++;
	is(r.told, N);
	is(inside, N);
	is(r.ev.n[EV_SESSION_FULL], 0);
	layer_release(&r.s.bottom);
	is(r.s.outside, 0);
	rig_release(&r);
	buf_release(&one);
	talk_release(t);
}

static void gaps(struct talk *t)
{
	open_talk(t);
	headers(t, FROM_CLIENT, 1, false, GET("a.example", "/body"));
	say(t, FROM_CLIENT, SLICE("\0\0\x0a\0\1\0\0\0\1" "012"));
	lose(t, FROM_CLIENT, 5);
	say(t, FROM_CLIENT, SLICE("89"));
	headers(t, FROM_SERVER, 1, false, ":status: 200\n");
	lose(t, FROM_SERVER, 1000);
	headers(t, FROM_SERVER, 1, true, "grpc-status: 0\n");
	headers(t, FROM_CLIENT, 3, true, GET("a.example", "/next"));
	headers(t, FROM_SERVER, 3, true, ":status: 200\nx-a: b\n");
	check(t, "a hole in DATA is passed, one across frames resynchronises",
	      "GET a.example /body -> 200 v20 sent=10 received=0 grpc-status=0\n"
	      "GET a.example /next -> 200 v20 sent=0 received=0\n", false);
}

static void one_sided(struct talk *t)
{
	talk_init(t);
	frame(t, FROM_SERVER, H2_SETTINGS, 0, 0, SLICE(""));
	headers(t, FROM_SERVER, 1, true, ":status: 200\n");
	headers(t, FROM_SERVER, 3, false, ":status: 503\n");
	check(t, "only the server was captured",
	      "? ? ? -> 200 v20 sent=0 received=0 headers-unknown\n"
	      "? ? ? -> 503 v20 sent=0 received=0 headers-unknown\n", false);
}

/* --- limits: what is counted is work, not time */

static void continuation_flood(struct talk *t)
{
	struct rig r;

	open_talk(t);
	frame(t, FROM_CLIENT, H2_HEADERS, 0, 1, SLICE("\x82"));
	for (int i = 0; i < 2000; i++)
		frame(t, FROM_CLIENT, H2_CONTINUATION, 0, 1, SLICE("\x82"));
	play(&r, t, SIZE_MAX, PIECES, 0);
	printf("# CONTINUATION flood\n");
	is(r.ev.n[EV_H2_HEADERS_LONG], 1);
	ok(r.s.bottom->deaf[FROM_CLIENT]);
	is(r.told, 1);
	rig_release(&r);
	talk_release(t);
}

/* One byte refers to a kilobyte: what is decoded is bounded, the connection goes on. */
static void header_bomb(struct talk *t)
{
	char fields[4000];
	uint8_t refs[60000];
	struct rig r;

	memset(refs, 0xbe, sizeof refs);	/* index 62: the newest entry */
	snprintf(fields, sizeof fields, "x-large: %02500d\n", 7);
	open_talk(t);
	headers(t, FROM_CLIENT, 1, true, fields);
	frame(t, FROM_CLIENT, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 3,
	      (struct slice){ refs, sizeof refs });
	headers(t, FROM_CLIENT, 5, true, GET("a.example", "/good"));
	play(&r, t, SIZE_MAX, PIECES, 0);
	printf("# header bomb\n");
	is(r.ev.n[EV_H2_HEADERS_LONG], 1);
	ok(r.s.outside < 512 * 1024);
	is(r.told, 3);
	ok(memmem(r.out.p, r.out.n, "/good", 5) != NULL);
	rig_release(&r);
	talk_release(t);
}

static void many_streams(struct talk *t)
{
	struct rig r;

	open_talk(t);
	for (uint32_t i = 0; i < 3000; i++)
		headers(t, FROM_CLIENT, 2 * i + 1, true, GET("a.example", "/x"));
	play(&r, t, SIZE_MAX, PIECES, 0);
	printf("# more open streams than are kept\n");
	is(r.told, 3000);
	is(r.ev.n[EV_H2_STREAMS], 3000 - HTTP2_STREAMS);
	rig_release(&r);
	talk_release(t);
}

static void broken(struct talk *t)
{
	static const struct { const char *what; unsigned type, flags; uint32_t id; struct slice body; } bad[] = {
		{ "DATA on stream 0", H2_DATA, 0, 0, { (const uint8_t *)"x", 1 } },
		{ "padding longer than the frame", H2_DATA, H2_PADDED, 1, { (const uint8_t *)"\x09x", 2 } },
		{ "padding length missing", H2_DATA, H2_PADDED, 1, { NULL, 0 } },
		{ "CONTINUATION of nothing", H2_CONTINUATION, H2_END_HEADERS, 1, { NULL, 0 } },
		{ "SETTINGS on a stream", H2_SETTINGS, 0, 1, { NULL, 0 } },
		{ "priority cut", H2_HEADERS, H2_PRIORITY_FLAG, 1, { (const uint8_t *)"\0\0", 2 } },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct rig r;

		open_talk(t);
		frame(t, FROM_CLIENT, bad[i].type, bad[i].flags, bad[i].id, bad[i].body);
		play(&r, t, SIZE_MAX, PIECES, 0);
		printf("# %s\n", bad[i].what);
		ok(r.s.bottom->deaf[FROM_CLIENT] && r.ev.n[EV_HTTP_LOST] == 1);
		rig_release(&r);
		talk_release(t);
	}
}

int main(void)
{
	static void (*const cases[])(struct talk *) = {
		plain, pieces, push, resets, evasions, joined, tunnels, tls_tunnels,
		early_tunnels, many_tunnels, gaps, one_sided,
		continuation_flood, header_bomb, many_streams, broken,
	};
	static struct talk t;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cases[i](&t);
	return tap_end();
}
