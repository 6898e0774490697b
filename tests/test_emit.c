/*
 * test_emit: sessions to flows.  Each case prepares the facts a layer would have left and names
 * what the flow's JSON must hold, and what it must not: unknown is left out, absent is null.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/emit.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

struct gather {
	struct sink sink;
	struct buf text;	/* the flows, a line each */
	unsigned n;
};

static int push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	struct gather *g = (struct gather *)s;

	(void)e;
	for (size_t i = 0; i < n; i++, g->n++) {
		flow_json_write(&g->text, &flows[i]);
		buf_byte(&g->text, '\n');
	}
	return 0;
}

static struct slice item[2];
static const struct cert_facts leaf = {
	.sha256 = { (const uint8_t *)"01234567890123456789012345678901", 32 }, .parsed = true,
	.uri = { item, 1 },
}, two_names = {
	.sha256 = { (const uint8_t *)"01234567890123456789012345678901", 32 }, .parsed = true,
	.uri = { item, 2 },
}, no_name = {
	.sha256 = { (const uint8_t *)"01234567890123456789012345678901", 32 }, .parsed = true,
}, unreadable = {
	.sha256 = { (const uint8_t *)"01234567890123456789012345678901", 32 },
};

static struct tls_facts *tls(struct session *s, unsigned nth)
{
	struct tls_facts *t = session_tls(s, nth);

	t->client_hello = t->server_hello = t->established = true;
	t->version = 0x0304;
	t->cipher = 0x1301;
	t->sni_present = true;
	t->sni = nth ? SLICE("Inner.Example") : SLICE("Outer.Example");
	return t;
}

static void mtls(struct session *s)
{
	struct tls_facts *t = tls(s, 0);

	t->client_certs_known = true;
	t->client_chain = &leaf;
	t->n_client = 1;
}

static void s_plain(struct session *s) { s->plaintext_seen = true; }
static void s_silent(struct session *s) { (void)s; }
static void s_no_keys(struct session *s) { tls(s, 0); }
static void s_mtls(struct session *s) { mtls(s); }

static void s_no_client_cert(struct session *s)
{
	tls(s, 0)->client_certs_known = true;
}

static void s_expired(struct session *s)
{
	mtls(s);
	s->tls[0]->client_status = CERT_EXPIRED;
}

static void s_two_names(struct session *s)
{
	mtls(s);
	s->tls[0]->client_chain = &two_names;
}

static void s_no_name(struct session *s)
{
	mtls(s);
	s->tls[0]->client_chain = &no_name;
}

static void s_unreadable(struct session *s)
{
	mtls(s);
	s->tls[0]->client_chain = &unreadable;
}

static void s_resumed(struct session *s)
{
	struct tls_facts *t = tls(s, 0);

	t->resumed = t->resumed_known = true;
	t->resumed_from = &leaf;
	t->n_resumed = 1;
}

static void s_no_sni(struct session *s)
{
	mtls(s);
	s->tls[0]->sni_present = false;
	s->tls[0]->alpn_known = true;
}

static void s_no_hello(struct session *s)
{
	mtls(s);
	s->tls[0]->client_hello = false;
}

static void s_contested(struct session *s)
{
	mtls(s);
	s->overlap_conflict = s->contested = true;
}

static void s_inner(struct session *s)
{
	mtls(s);
	tls(s, 1);
}

static void s_address(struct session *s)
{
	mtls(s);
	s->tls[0]->sni = SLICE("10.1.2.3");
	s->tls[0]->version = 0x0301;
	s->tls[0]->cipher = 0x0005;	/* TLS_RSA_WITH_RC4_128_SHA */
}

static void s_proxied(struct session *s)
{
	s->plaintext_seen = s->proxied_known = true;
	ip_parse(SLICE("192.0.2.7"), &s->proxied);
}

static const struct http_exchange get = {
	.version = 11, .method = { (const uint8_t *)"GET", 3 }, .target = { (const uint8_t *)"/x", 2 },
	.authority = { (const uint8_t *)"a.example", 9 }, .status = 200, .started = 5, .ended = 2000005,
}, grpc = {
	.version = 20, .method = { (const uint8_t *)"POST", 4 }, .target = { (const uint8_t *)"/s/m", 4 },
	.authority = { (const uint8_t *)"a.example", 9 }, .status = 403,
	.content_type = { (const uint8_t *)"application/grpc+proto", 22 },
}, grpc_denied = {
	.version = 20, .method = { (const uint8_t *)"POST", 4 }, .target = { (const uint8_t *)"/s/m", 4 },
	.status = 200, .grpc_status = { (const uint8_t *)"7", 1 },
	.content_type = { (const uint8_t *)"application/grpc", 16 },
}, grpc_done = {
	.version = 20, .method = { (const uint8_t *)"POST", 4 }, .target = { (const uint8_t *)"/s/m", 4 },
	.status = 200, .grpc_status = { (const uint8_t *)"0", 1 },
	.content_type = { (const uint8_t *)"application/grpc", 16 },
}, grpc_streams = {
	.version = 20, .method = { (const uint8_t *)"POST", 4 }, .target = { (const uint8_t *)"/s/m", 4 },
	.status = 200, .received = 9, .content_type = { (const uint8_t *)"application/grpc", 16 },
}, tunnel2 = {
	.version = 20, .method = { (const uint8_t *)"CONNECT", 7 }, .status = 200, .upgraded = true,
	.authority = { (const uint8_t *)"b:443", 5 },
}, joined = {
	.version = 20, .headers_unknown = true, .status = 200,
}, tunnel = {
	.version = 11, .method = { (const uint8_t *)"CONNECT", 7 },
	.target = { (const uint8_t *)"b:443", 5 }, .status = 200, .upgraded = true,
}, evil = {
	.version = 11, .method = { (const uint8_t *)"GET", 3 }, .target = { (const uint8_t *)"/", 1 },
	.authority = { (const uint8_t *)"a", 1 }, .several_hosts = true, .ambiguous_length = true,
	.authorization = true, .xff = { (const uint8_t *)"1.1.1.1", 7 },
};

/* An exchange seen inside `depth` TLS layers (-1: none), then the connection's end. */
static const struct {
	const char *name;
	void (*prepare)(struct session *s);
	const struct http_exchange *x;
	int depth;
	unsigned flows;
	const char *has[6], *lacks[6];
} cases[] = {
	{ "nothing but packets", s_silent, NULL, -1, 1,
	  { "\"protocol\":\"tcp\"", "\"packets_sent\":3" }, { "transport", "sni", "identity" } },
	{ "plaintext of no known protocol", s_plain, NULL, -1, 1,
	  { "\"transport\":\"plaintext\"", "\"sni\":null", "\"source_identity\":null" }, { "method" } },
	{ "TLS 1.3 without keys: mutual or not is unknown", s_no_keys, NULL, -1, 1,
	  { "\"protocol\":\"tls\"", "\"sni\":\"outer.example\"", "\"tls_version\":\"TLS1.3\"",
	    "\"tls_cipher\":\"TLS_AES_128_GCM_SHA256\"" },
	  { "transport", "source_identity", "identity_source", "remote_ip" } },
	{ "mTLS", s_mtls, NULL, -1, 1,
	  { "\"transport\":\"mtls\"", "\"source_namespace\":\"default\"",
	    "\"identity_source\":\"certificate\"", "\"client_certificate\":\"3031323334" },
	  { "certificate_status", "findings" } },
	{ "no client certificate", s_no_client_cert, NULL, -1, 1,
	  { "\"transport\":\"tls\"", "\"source_identity\":null", "\"identity_source\":\"none\"" }, { NULL } },
	{ "resumed", s_resumed, NULL, -1, 1,
	  { "\"identity_source\":\"resumption\"", "\"tls_resumed\":true",
	    "\"source_service_account\":\"sleep\"" }, { NULL } },
	{ "expired", s_expired, NULL, -1, 1,
	  { "\"certificate_status\":\"expired\"", "\"ID-EXPIRED\"" }, { NULL } },
	{ "two URI names", s_two_names, NULL, -1, 1,
	  { "\"ID-MALFORMED\"", "\"source_identity\":\"spiffe://cluster.local/ns/default/sa/sleep\"" },
	  { NULL } },
	{ "no URI name", s_no_name, NULL, -1, 1,
	  { "\"transport\":\"mtls\"", "\"source_identity\":null", "\"identity_source\":\"none\"" }, { NULL } },
	{ "unreadable certificate: who, is unknown", s_unreadable, NULL, -1, 1,
	  { "\"transport\":\"mtls\"", "\"ID-MALFORMED\"" }, { "source_identity", "identity_source" } },
	{ "no SNI, no ALPN: known", s_no_sni, NULL, -1, 1,
	  { "\"sni\":null", "\"tls_alpn\":null", "\"tls_alpn_offered\":null" }, { NULL } },
	{ "ClientHello not captured", s_no_hello, NULL, -1, 1,
	  { "\"tls_version\"" }, { "sni", "tls_alpn_offered", "tls_ech" } },
	{ "two ClientHellos at one place", s_contested, NULL, -1, 1,
	  { "\"TCP-OVERLAP\"", "\"source_identity\":\"spiffe" }, { "\"sni\"", "ja4" } },
	{ "the name is an address, version and suite old; worst first", s_address, NULL, -1, 1,
	  { "\"findings\":[\"TLS-WEAK-VERSION\",\"SNI-ODD\",\"TLS-WEAK-CIPHER\"]" }, { NULL } },
	{ "TLS inside", s_inner, NULL, -1, 1,
	  { "\"inner_sni\":\"inner.example\"", "\"sni\":\"outer.example\"" }, { NULL } },
	{ "a request in the clear", s_plain, &get, 0, 1,
	  { "\"protocol\":\"http/1.1\"", "\"method\":\"GET\"", "\"authority\":\"a.example\"",
	    "\"outcome\":\"served\"", "\"duration_ms\":2", "\"remote_ip\":\"10.0.0.1\"" },
	  { "packets_sent" } },
	{ "a request in mTLS", s_mtls, &get, 1, 1,
	  { "\"transport\":\"mtls\"", "\"sni\":\"outer.example\"", "\"path\":\"/x\"" }, { "inner_sni" } },
	{ "a request in TLS in mTLS", s_inner, &get, 2, 1,
	  { "\"inner_sni\":\"inner.example\"", "\"method\":\"GET\"" }, { NULL } },
	{ "gRPC; 403 proves nothing", s_mtls, &grpc, 1, 1,
	  { "\"protocol\":\"grpc\"", "\"status\":403" }, { "outcome" } },
	{ "gRPC refused without a body: by whom, is unknown", s_mtls, &grpc_denied, 1, 1,
	  { "\"status\":200", "\"grpc_status\":7" }, { "outcome" } },
	{ "gRPC done", s_mtls, &grpc_done, 1, 1, { "\"grpc_status\":0", "\"served\"" }, { NULL } },
	{ "gRPC, its trailers not seen", s_mtls, &grpc_streams, 1, 1, { "\"served\"" }, { "grpc_status" } },
	{ "TLS in a tunnel of cleartext HTTP/2", s_no_keys, &tunnel2, 0, 2,
	  { "\"protocol\":\"h2\"", "\"protocol\":\"tls\"", "\"sni\":\"outer.example\"" }, { NULL } },
	{ "HTTP/2 joined mid-stream", s_mtls, &joined, 1, 1,
	  { "\"status\":200" }, { "method", "authority", "user_agent", "remote_ip" } },
	{ "TLS inside an mTLS tunnel belongs to the request", s_inner, &tunnel, 1, 1,
	  { "\"method\":\"CONNECT\"", "\"inner_sni\":\"inner.example\"" }, { NULL } },
	{ "TLS inside a plaintext tunnel is a flow of its own", s_no_keys, &tunnel, 0, 2,
	  { "\"method\":\"CONNECT\"", "\"transport\":\"plaintext\"", "\"sni\":\"outer.example\"" },
	  { "inner_sni\":\"" } },
	{ "TLS inside that no request carried", s_inner, &get, 1, 2,
	  { "\"inner_sni\":\"inner.example\"" }, { NULL } },
	{ "PROXY protocol", s_proxied, &get, 0, 1, { "\"remote_ip\":\"192.0.2.7\"" }, { NULL } },
	{ "what the bytes of a request show", s_plain, &evil, 0, 1,
	  { "\"HTTP-SMUGGLE\"", "\"HOST-EVASION\"", "\"DAT-CLEAR-CRED\"" }, { "remote_ip", "\"status\"" } },
};

static bool contains(const struct buf *b, const char *s)
{
	return b->n && memmem(b->p, b->n, s, strlen(s));
}

static void run(size_t i, struct emit *x, struct gather *g, struct evidence *ev)
{
	struct session_env env = { .ev = ev, .emit = emit_exchange, .emit_ctx = x };
	struct session s = { .env = &env, .port = { 40000, 8443 }, .packets = { 3, 2 }, .syn = true,
			     .first_ts = 1, .last_ts = 3 };
	struct layer http = { .s = &s };

	ip_parse(SLICE("10.0.0.1"), &s.ip[0]);
	ip_parse(SLICE("10.0.0.2"), &s.ip[1]);
	buf_clear(&g->text);
	g->n = 0;
	cases[i].prepare(&s);
	if (cases[i].x) {
		http.tls = (uint8_t)cases[i].depth;
		emit_exchange(&s, &http, cases[i].x);
	}
	emit_end(&s, END_FIN);
	printf("# %s\n", cases[i].name);
	is(g->n, cases[i].flows);
	for (int k = 0; k < 6 && cases[i].has[k]; k++)
		if (!ok(contains(&g->text, cases[i].has[k])))
			printf("# no %s in %.*s\n", cases[i].has[k], (int)g->text.n, (char *)g->text.p);
	for (int k = 0; k < 6 && cases[i].lacks[k]; k++)
		if (!ok(!contains(&g->text, cases[i].lacks[k])))
			printf("# %s in %.*s\n", cases[i].lacks[k], (int)g->text.n, (char *)g->text.p);
	arena_free(&s.arena);
}

int main(void)
{
	static struct evidence ev;
	struct gather g = { .sink = { .push = push } };
	struct err e = { 0 };
	struct emit *x = emit_new(&g.sink, &ev, &e);

	item[0] = SLICE("spiffe://cluster.local/ns/default/sa/sleep");
	item[1] = SLICE("spiffe://other/ns/x/sa/y");
	buf_init(&g.text, 1 << 20);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		run(i, x, &g, &ev);
	buf_release(&g.text);
	emit_free(&x);
	return tap_end();
}
