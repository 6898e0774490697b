/*
 * emit: session and exchange to flow.
 *
 * The flow, its findings and their text live in one struct emit and an arena that is reset for
 * each flow.  The TLS part is emit_tls.c's, the findings' emit_finding.c's.
 */
#include "capture/emit.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "capture/emit_part.h"
#include "common/hash.h"

enum { SCRATCH = 256 * 1024 };

struct emit *emit_new(struct sink *out, struct evidence *ev, struct err *e)
{
	struct emit *x = calloc(1, sizeof *x);

	if (!x)
		abort();
	x->out = out;
	x->ev = ev;
	x->e = e;
	x->scratch = arena_new(SCRATCH);
	x->community_id = community_id_new();
	return x;
}

void emit_free(struct emit **x)
{
	if (!*x)
		return;
	arena_free(&(*x)->scratch);
	community_id_free(&(*x)->community_id);
	free(*x);
	*x = NULL;
}

bool emit_failed(const struct emit *x)
{
	return x->failed;
}

void emit_text(struct flow *f, enum flow_field k, struct slice s)
{
	if (s.n)
		flow_set_text(f, k, s);
	else
		flow_set_absent(f, k);
}

/*
 * The same connection has the same id whenever it is decoded, so a file read twice makes rows that
 * can be told to be the same: a hash of its endpoints and first packet's time.
 */
static struct slice connection_id(struct emit *x, const struct session *s)
{
	static const uint64_t key[2] = { 0x65677265742d6369, 0x6f6e6e656374696f };
	static const char digit[] = "0123456789abcdef";
	struct { struct ip ip[2]; int64_t ts; uint16_t port[2]; uint32_t pad; } in = {
		{ s->ip[0], s->ip[1] }, s->first_ts, { s->port[0], s->port[1] }, 0,
	};
	uint64_t h = hash_sip13(key, &in, sizeof in);

	for (int k = 0; k < 16; k++)
		x->connection_id[k] = digit[h >> (60 - 4 * k) & 15];
	return (struct slice){ (const uint8_t *)x->connection_id, 16 };
}

static struct slice community_id(struct emit *x, struct session *s)
{
	if (!*s->community_id)
		community_id_tcp(x->community_id, s->ip, s->port, s->community_id);
	return (struct slice){ (const uint8_t *)s->community_id, sizeof s->community_id };
}

static void endpoints(struct emit *x, struct session *s)
{
	struct flow *f = &x->flow;

	flow_set_num(f, F_OBSERVED_BY, OBSERVED_WIRE);
	flow_set_text(f, F_CONNECTION_ID, connection_id(x, s));
	flow_set_text(f, F_COMMUNITY_ID, community_id(x, s));
	flow_set_ip(f, F_SOURCE_IP, s->ip[FROM_CLIENT]);
	flow_set_num(f, F_SOURCE_PORT, s->port[FROM_CLIENT]);
	flow_set_ip(f, F_DESTINATION_IP, s->ip[FROM_SERVER]);
	flow_set_num(f, F_DESTINATION_PORT, s->port[FROM_SERVER]);
	if (s->proxied_known)
		flow_set_ip(f, F_REMOTE_IP, s->proxied);
}

static void period(struct flow *f, int64_t from, int64_t to)
{
	flow_set_num(f, F_STARTED_AT, from);
	flow_set_num(f, F_ENDED_AT, to > from ? to : from);
	flow_set_real(f, F_DURATION_MS, to > from ? (double)(to - from) / 1e6 : 0);
}

static int protocol_of(const struct http_exchange *h)
{
	if (slice_starts(h->content_type, SLICE("application/grpc")) && h->version == 20)
		return PROTOCOL_GRPC;
	switch (h->version) {
	case 9: return PROTOCOL_HTTP09;
	case 10: return PROTOCOL_HTTP10;
	case 20: return PROTOCOL_H2;
	}
	return PROTOCOL_HTTP11;
}

/* The status of a call, a decimal number; -1: not seen, or none. */
static int grpc_status(const struct http_exchange *h)
{
	int v = 0;

	if (!h->grpc_status.n || h->grpc_status.n > 3)
		return -1;
	for (size_t i = 0; i < h->grpc_status.n; i++) {
		uint8_t c = h->grpc_status.p[i];
		if (c < '0' || c > '9')
			return -1;
		v = v * 10 + (c - '0');
	}
	return v;
}

/*
 * Envoy refuses a gRPC call with HTTP status 200, no body, and a status that says why in the place of
 * 401, 403 and 5xx (source/common/grpc/status.cc).
 */
static bool gateway_may_have_answered(const struct http_exchange *h)
{
	enum { UNKNOWN = 2, PERMISSION_DENIED = 7, UNAVAILABLE = 14, UNAUTHENTICATED = 16 };
	int v = grpc_status(h);

	return !h->received && (v < 0 || v == UNKNOWN || v == PERMISSION_DENIED ||
				v == UNAVAILABLE || v == UNAUTHENTICATED);
}

/*
 * What a status alone can prove: 403 may be the policy or the server, 5xx the gateway or the
 * server; anything else was served.
 */
static void outcome_of_status(struct flow *f, const struct http_exchange *h)
{
	bool served = h->status >= 200 && h->status != 403 && h->status != 401 && h->status < 500;

	if (served && !(protocol_of(h) == PROTOCOL_GRPC && gateway_may_have_answered(h)))
		flow_set_num(f, F_OUTCOME, OUTCOME_SERVED);
}

static void http(struct emit *x, const struct session *s, const struct http_exchange *h)
{
	struct flow *f = &x->flow;
	bool partial = h->headers_unknown || h->head_partial;

	flow_set_num(f, F_PROTOCOL, protocol_of(h));
	flow_set_num(f, F_BYTES_SENT, (int64_t)h->sent);
	flow_set_num(f, F_BYTES_RECEIVED, (int64_t)h->received);
	if (h->status) {
		flow_set_num(f, F_STATUS, h->status);
		outcome_of_status(f, h);
	}
	if (grpc_status(h) >= 0)
		flow_set_num(f, F_GRPC_STATUS, grpc_status(h));
	static const struct { enum flow_field k; size_t at; } texts[] = {
		{ F_METHOD, offsetof(struct http_exchange, method) },
		{ F_AUTHORITY, offsetof(struct http_exchange, authority) },
		{ F_PATH, offsetof(struct http_exchange, target) },
		{ F_USER_AGENT, offsetof(struct http_exchange, user_agent) },
		{ F_REQUEST_ID, offsetof(struct http_exchange, request_id) },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct slice *v = (const struct slice *)(const void *)
			((const char *)h + texts[i].at);
		if (v->n || !partial)	/* else it may have been sent */
			emit_text(f, texts[i].k, *v);
	}
	if (h->headers.n)
		flow_set_text(f, F_REQUEST_HEADERS, h->headers);
	/*
	 * Envoy takes the original address from X-Forwarded-For only as far as it trusts hops, which
	 * the wire does not say; without the header it is the peer's.
	 */
	if (!s->proxied_known && !h->xff.n && h->method.n && !partial)
		flow_set_ip(f, F_REMOTE_IP, s->ip[FROM_CLIENT]);
}

static void connection(struct flow *f, const struct session *s, enum end_why why)
{
	flow_set_num(f, F_PROTOCOL, s->tls[0] ? PROTOCOL_TLS : PROTOCOL_TCP);
	for (int d = 0; d < 2; d++)
		if (s->packets[d]) {
			flow_set_num(f, d ? F_BYTES_RECEIVED : F_BYTES_SENT, (int64_t)s->bytes[d]);
			flow_set_num(f, d ? F_PACKETS_RECEIVED : F_PACKETS_SENT,
				     (int64_t)s->packets[d]);
		}
	/* A SYN answered by RST, or by nothing from a side that was seen to be captured. */
	if (why == END_RST && s->syn && !s->synack && !s->bytes[0] && !s->bytes[1] &&
	    s->packets[FROM_SERVER]) {
		flow_set_num(f, F_OUTCOME, OUTCOME_FAILED);
		flow_set_text(f, F_FAILURE, SLICE("connection refused by the destination"));
	}
}

static void push(struct emit *x, struct session *s, const struct layer *l,
		 const struct http_exchange *h)
{
	emit_findings(x, s, l, h);
	x->flow.findings = x->finding;
	x->flow.n_findings = x->n_findings;
	evidence_add(x->ev, EV_FLOWS, 1);
	if (sink_push(x->out, &x->flow, 1, x->e))
		x->failed = true;
}

static void fresh(struct emit *x)
{
	arena_reset(x->scratch);
	flow_init(&x->flow);
	x->n_findings = 0;
}

/*
 * TLS in a stream of cleartext HTTP/2: the CONNECT's own flow is plaintext, and each of many such
 * streams may carry another.
 */
static void tunnel(struct emit *x, struct session *s, const struct http_exchange *h)
{
	struct flow *f = &x->flow;

	fresh(x);
	endpoints(x, s);
	period(f, h->started, h->ended);
	flow_set_num(f, F_PROTOCOL, PROTOCOL_TLS);
	flow_set_num(f, F_BYTES_SENT, (int64_t)h->sent);
	flow_set_num(f, F_BYTES_RECEIVED, (int64_t)h->received);
	emit_tls(x, s, 1);
	if (s->tls[1])
		emit_tls_inner(x, s);
	s->tls_told = s->tls[1] ? 2 : 1;
	push(x, s, NULL, NULL);
}

void emit_exchange(struct session *s, const struct layer *l, const struct http_exchange *h)
{
	struct emit *x = s->env->emit_ctx;
	unsigned tls = l->tls;

	if (x->failed)
		return;
	fresh(x);
	endpoints(x, s);
	period(&x->flow, h->started, h->ended);
	http(x, s, h);
	emit_tls(x, s, tls);
	/* TLS inside an accepted tunnel belongs to the request that opened it. */
	bool inner = tls >= 2 || (tls == 1 && h->upgraded && s->tls[1]);
	if (inner)
		emit_tls_inner(x, s);
	uint8_t told = inner ? 2 : tls ? 1 : 0;
	if (told > s->tls_told)
		s->tls_told = told;
	s->exchanges++;
	push(x, s, l, h);
	if (!tls && h->version == 20 && h->upgraded && s->tls[0] && !s->tls_told)
		tunnel(x, s, h);
}

void emit_end(struct session *s, enum end_why why)
{
	struct emit *x = s->env->emit_ctx;
	bool untold = (s->tls[0] && s->tls_told < 1) || (s->tls[1] && s->tls_told < 2);

	if (x->failed || (s->exchanges && !untold))
		return;
	fresh(x);
	endpoints(x, s);
	period(&x->flow, s->first_ts, s->last_ts);
	connection(&x->flow, s, why);
	if (s->tls[0])
		emit_tls(x, s, 1);
	else if (s->plaintext_seen)
		emit_tls(x, s, 0);
	if (s->tls[1])
		emit_tls_inner(x, s);
	push(x, s, NULL, NULL);
}
