/*
 * test_detect: first bytes to protocol, and what stands before the protocol (PROXY).
 */
#include <stdlib.h>
#include <string.h>

#include "capture/community_id.h"
#include "capture/detect.h"
#include "capture/session.h"
#include "capture/tls_shared.h"
#include "tests/tap.h"

#define B(s) { (const uint8_t *)(s), sizeof(s) - 1 }
#define HELLO "\x16\3\1\0\x80\1\0\0\x7c\3\3"

static const struct {
	struct slice first;
	enum dir d;
	enum detect_kind kind;
	bool more;
} kinds[] = {
	{ B(HELLO), FROM_CLIENT, KIND_TLS, false },
	{ B("\x16\3"), FROM_CLIENT, KIND_OPAQUE, true },
	{ B("\x17\3\3\0\x20xxxx"), FROM_CLIENT, KIND_TLS, false },
	{ B("\x16\5\1\0\x80"), FROM_CLIENT, KIND_OPAQUE, false },
	{ B("\x80\x2e\1\3\1\0\x15"), FROM_CLIENT, KIND_TLS, false },
	{ B("GET / HTTP/1.1\r\n"), FROM_CLIENT, KIND_HTTP1, false },
	{ B("\r\nGET / HTTP/1.1\r\n"), FROM_CLIENT, KIND_HTTP1, false },
	{ B("get / HTTP/1.1\r\n"), FROM_CLIENT, KIND_HTTP1, false },
	{ B("GET /\r\n"), FROM_CLIENT, KIND_HTTP1, false },
	{ B("GET / HTTP/1"), FROM_CLIENT, KIND_OPAQUE, true },
	{ B("FOO bar HTTP/1.0\n"), FROM_CLIENT, KIND_HTTP1, false },
	{ B("G"), FROM_CLIENT, KIND_OPAQUE, true },
	{ B("EHLO example.com\r\n"), FROM_CLIENT, KIND_OPAQUE, false },
	{ B("USER anonymous\r\n"), FROM_CLIENT, KIND_OPAQUE, false },
	{ B("OPTIONS rtsp://h/ RTSP/1.0\r\n"), FROM_CLIENT, KIND_OPAQUE, false },
	{ B("INVITE sip:a@b SIP/2.0\r\n"), FROM_CLIENT, KIND_OPAQUE, false },
	{ B("SSH-2.0-x\r\n"), FROM_CLIENT, KIND_OPAQUE, false },
	{ B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), FROM_CLIENT, KIND_HTTP2, false },
	{ B("PRI * H"), FROM_CLIENT, KIND_OPAQUE, true },
	{ B("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), FROM_CLIENT, KIND_PROXY, false },
	{ B("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0"), FROM_CLIENT, KIND_PROXY, false },
	{ B("\r\n\r\n\0\r\nQ"), FROM_CLIENT, KIND_OPAQUE, true },
	{ B("\0\1\2\3"), FROM_CLIENT, KIND_OPAQUE, false },
	{ B("HTTP/1.1 200 OK\r\n"), FROM_SERVER, KIND_HTTP1, false },
	{ B("\x16\3\3\0\x40\2"), FROM_SERVER, KIND_TLS, false },
	{ B("\0\0\x12\4\0\0\0\0\0"), FROM_SERVER, KIND_HTTP2, false },
	{ B("220 mail ESMTP\r\n"), FROM_SERVER, KIND_OPAQUE, false },
	{ B("\0\0\x12\4\0"), FROM_SERVER, KIND_OPAQUE, true },
	{ B("\0"), FROM_SERVER, KIND_OPAQUE, true },
	{ B("\0\1"), FROM_SERVER, KIND_OPAQUE, false },
	{ B("HTTP"), FROM_SERVER, KIND_OPAQUE, true },
	{ B("\x16\3"), FROM_SERVER, KIND_OPAQUE, true },
	{ B("\x16\4"), FROM_SERVER, KIND_OPAQUE, false },
};

static void first_bytes(void)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		bool more;
		printf("# %.*s\n", (int)strcspn((const char *)kinds[i].first.p, "\r\n"),
		       (const char *)kinds[i].first.p);
		is(detect_kind(kinds[i].d, kinds[i].first, &more), kinds[i].kind);
		is(more, kinds[i].more);
	}
	is(detect_side((struct slice)B(HELLO)), DETECT_CLIENT);
	is(detect_side((struct slice)B("\x16\3\3\0\x40\2")), DETECT_SERVER);
	is(detect_side((struct slice)B("HTTP/1.0 200 OK")), DETECT_SERVER);
	is(detect_side((struct slice)B("GET / HTTP/1.0\r\n")), DETECT_CLIENT);
	is(detect_side((struct slice)B("\0\0")), DETECT_NEITHER);
	is(detect_side((struct slice){ NULL, 0 }), DETECT_NEITHER);
}

static struct evidence ev;

/* Feed a stream in pieces of `step` bytes; the session afterwards. */
static void feed(struct session *s, struct slice in, size_t step)
{
	static struct session_env env;

	env = (struct session_env){ .ev = &ev };
	*s = (struct session){ .env = &env, .syn = true };
	s->bottom = layer_detect(s, NULL);
	for (size_t at = 0; at < in.n; at += step) {
		size_t n = in.n - at < step ? in.n - at : step;
		uint8_t *copy = malloc(n);
		memcpy(copy, in.p + at, n);
		layer_data(s->bottom, FROM_CLIENT, (struct slice){ copy, n }, 1);
		free(copy);
	}
	layer_end(s->bottom, FROM_CLIENT, END_EOF, 2);
}

static void release(struct session *s)
{
	layer_release(&s->bottom);
	arena_free(&s->arena);
}

static void proxies(void)
{
	static const struct { const char *name; struct slice in; const char *ip; bool plain; } list[] = {
		{ "v1", B("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\nhello"), "1.2.3.4", true },
		{ "v1, IPv6", B("PROXY TCP6 2001:db8::7 ::1 1000 443\r\nhello"), "2001:db8::7", true },
		{ "v1, unknown", B("PROXY UNKNOWN\r\nhello"), "", true },
		{ "v1, garbage", B("PROXY TCP4 1.2.3 5.6.7.8 1000 443\r\nhello"), "", false },
		{ "v1, endless", B("PROXY TCP4 1.2.3.4 5.6.7.8                           "
		  "                                                                 \r\nhello"), "",
		  false },
		{ "v2", B("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\1\2\3\4\5\6\7\x8\3\xe8\1\xbbhello"),
		  "1.2.3.4", true },
		{ "v2 with a TLV", B("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\1\2\3\4\5\6\7\x8\3\xe8\1\xbb"
		  "\4\0\1xhello"), "1.2.3.4", true },
		{ "v2, local", B("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0hello"), "", true },
		{ "v2, version 3", B("\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\1\2\3\4\5\6\7\x8\3\xe8\1\xbb"),
		  "", false },
		{ "none", B("hello, this is nothing known\r\n"), "", true },
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		for (size_t step = 1; step < 40; step += 6) {
			struct session s;
			struct ip want;
			feed(&s, list[i].in, step);
			printf("# %s in steps of %zu\n", list[i].name, step);
			is(s.proxied_known, *list[i].ip != 0);
			if (ip_parse(slice_of(list[i].ip), &want))
				ok(ip_eq(&want, &s.proxied));
			is(s.plaintext_seen, list[i].plain);
			release(&s);
		}
}

static unsigned told;
static struct slice told_method;
static char method[16];

static void tell(struct session *s, const struct layer *l, const struct http_exchange *x)
{
	(void)s;
	(void)l;
	told++;
	snprintf(method, sizeof method, "%.*s", (int)x->method.n, (const char *)x->method.p);
	told_method = slice_of(method);
}

/* A server that speaks first, and a client that speaks something else. */
static void server_first(void)
{
	static const struct { const char *name; struct slice server, client; unsigned told; } list[] = {
		{ "HTTP/1 to an HTTP/2 server", B("\0\0\0\4\0\0\0\0\0"),
		  B("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 1 },
		{ "a notice, then HTTP/1", B("HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"),
		  B("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 1 },
		{ "HTTP/2", B("\0\0\0\4\0\0\0\0\0"),
		  B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\7\1\5\0\0\0\1\x82\x84\x86\x41\2hh"), 1 },
		{ "a banner, then HTTP/1", B("hello\r\n"), B("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 0 },
		{ "TLS to an HTTP/2 server", B("\0\0\0\4\0\0\0\0\0"), B(HELLO), 0 },
	};

	for (size_t k = 0; k < sizeof list / sizeof *list * 9; k++) {
		size_t i = k / 9, step = k % 9 ? k % 9 : 100;
		struct session_env env = { .ev = &ev, .emit = tell };
		struct session s = { .env = &env, .syn = true };
		struct err e;
		env.tls = tls_shared_new(&(struct tls_options){ 0 }, &ev, &e);
		printf("# %s, in steps of %zu\n", list[i].name, step);
		told = 0;
		s.bottom = layer_detect(&s, NULL);
		for (size_t at = 0; at < list[i].server.n; at += step) {
			struct slice rest = slice_from(list[i].server, at);
			rest.n = rest.n < step ? rest.n : step;
			layer_data(s.bottom, FROM_SERVER, rest, 1);
		}
		for (size_t at = 0; at < list[i].client.n; at += step) {
			struct slice rest = slice_from(list[i].client, at);
			rest.n = rest.n < step ? rest.n : step;
			layer_data(s.bottom, FROM_CLIENT, rest, 2);
		}
		layer_end(s.bottom, FROM_CLIENT, END_FIN, 3);
		layer_end(s.bottom, FROM_SERVER, END_FIN, 3);
		is(told, list[i].told);
		ok(!told || slice_is(told_method, "GET"));
		is(!!s.tls[0], *list[i].client.p == 0x16);
		release(&s);
		tls_shared_free(&env.tls);
	}
}

static void community_ids(void)
{
	/* github.com/corelight/community-id-spec, baseline, seed 0 */
	static const struct { const char *ip[2]; uint16_t port[2]; const char *want; } list[] = {
		{ { "128.232.110.120", "66.35.250.204" }, { 34855, 80 },
		  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ { "66.35.250.204", "128.232.110.120" }, { 80, 34855 },
		  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
	};
	struct community_id *c = community_id_new();

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		struct ip ip[2];
		char id[COMMUNITY_ID_LEN];
		ip_parse(slice_of(list[i].ip[0]), &ip[0]);
		ip_parse(slice_of(list[i].ip[1]), &ip[1]);
		community_id_tcp(c, ip, list[i].port, id);
		printf("# %.*s\n", COMMUNITY_ID_LEN, id);
		ok(memcmp(id, list[i].want, COMMUNITY_ID_LEN) == 0);
	}
	community_id_free(&c);
}

int main(void)
{
	first_bytes();
	proxies();
	server_first();
	community_ids();
	return tap_end();
}
