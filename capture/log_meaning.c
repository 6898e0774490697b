/*
 * log_meaning: one small function an operator, in a table; what several operators say
 * together (outcome, transport, identity) is decided after them.
 */
#include "capture/log_meaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/log_identity.h"
#include "capture/log_outcome.h"
#include "capture/log_time.h"
#include "capture/log_value.h"
#include "common/buf.h"
#include "common/hash.h"

enum { HEADERS_MOST = 1024 * 1024 };

struct reading {
	struct flow *f;
	struct arena *a;
	enum log_query query;
	const struct log_piece *piece;
	struct slice xfcc;
	struct buf headers;		/* of request headers that no operator names */
	struct log_minute *minute;
	bool direct;			/* the line holds the directly connected peer */
};

static enum log_bad set_number(struct flow *f, enum flow_field k, struct slice s)
{
	int64_t n;

	if (!log_number(s, &n))
		return LOG_BAD_NUMBER;
	flow_set_num(f, k, n);
	return LOG_GOOD;
}

static enum log_bad set_endpoint(struct flow *f, enum flow_field ip, enum flow_field port, struct slice s)
{
	struct ip a;
	uint16_t n;

	if (!log_endpoint(s, &a, &n))
		return LOG_BAD_ADDRESS;
	flow_set_ip(f, ip, a);
	flow_set_num(f, port, n);
	return LOG_GOOD;
}

static enum log_bad set_ip(struct flow *f, enum flow_field k, struct slice s)
{
	struct ip a;

	if (!ip_parse(s, &a))
		return LOG_BAD_ADDRESS;
	flow_set_ip(f, k, a);
	return LOG_GOOD;
}

/* --- operators */

static enum log_bad op_time(struct reading *r, struct slice s)
{
	int64_t ns;
	bool read = r->piece->time.n ? log_time(r->piece->time, s, &ns) : log_time_default(r->minute, s, &ns);

	if (!read)
		return LOG_BAD_TIME;
	flow_set_num(r->f, F_STARTED_AT, ns);
	return LOG_GOOD;
}

/* The path as the privacy setting wants it: nothing of a dropped query leaves this function. */
static enum log_bad op_path(struct reading *r, struct slice s)
{
	const uint8_t *mark = s.n ? memchr(s.p, '?', s.n) : NULL;

	if (mark && r->query != LOG_QUERY_KEEP) {
		struct slice query = slice_from(s, (size_t)(mark - s.p) + 1);
		s.n = (size_t)(mark - s.p);
		if (r->query == LOG_QUERY_HASH) {
			static const uint64_t key[2] = { 0x65677265742d7175, 0x6572792d68617368 };
			uint8_t *p = arena_bytes(r->a, s.n + 24);
			if (!p)
				return LOG_GOOD;
			memcpy(p, s.p, s.n);
			int n = snprintf((char *)p + s.n, 24, "?h=%016llx",
					 (unsigned long long)hash_sip13(key, query.p, query.n));
			s = (struct slice){ p, s.n + (size_t)n };
		}
	}
	flow_set_text(r->f, F_PATH, s);
	return LOG_GOOD;
}

static enum log_bad op_protocol(struct reading *r, struct slice s)
{
	static const struct { struct slice name; int is; } of[] = {
		{ SLICE("HTTP/1.1"), PROTOCOL_HTTP11 }, { SLICE("HTTP/2"), PROTOCOL_H2 },
		{ SLICE("HTTP/1.0"), PROTOCOL_HTTP10 }, { SLICE("HTTP/3"), PROTOCOL_H3 },
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++)
		if (slice_eq(s, of[i].name))
			flow_set_num(r->f, F_PROTOCOL, of[i].is);
	return LOG_GOOD;
}

static enum log_bad op_tls_version(struct reading *r, struct slice s)
{
	static const struct { const char *name; int is; } of[] = {
		{ "TLSv1.3", TLS_13 }, { "TLSv1.2", TLS_12 }, { "TLSv1.1", TLS_11 }, { "TLSv1", TLS_10 },
		{ "TLSv1.0", TLS_10 },
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++)
		if (slice_is(s, of[i].name))
			flow_set_num(r->f, F_TLS_VERSION, of[i].is);
	return LOG_GOOD;
}

static enum log_bad op_code(struct reading *r, struct slice s)
{
	int64_t n;

	if (!log_number(s, &n) || n > 999)
		return LOG_BAD_NUMBER;
	if (n)
		flow_set_num(r->f, F_STATUS, n);
	else
		flow_set_absent(r->f, F_STATUS);
	return LOG_GOOD;
}

static enum log_bad op_duration(struct reading *r, struct slice s)
{
	int64_t n;

	if (!log_number(s, &n))
		return LOG_BAD_NUMBER;
	flow_set_real(r->f, F_DURATION_MS, (double)n);
	return LOG_GOOD;
}

static enum log_bad op_remote(struct reading *r, struct slice s)
{
	struct ip a;
	uint16_t port;

	if (!log_endpoint(s, &a, &port))
		return LOG_BAD_ADDRESS;
	flow_set_ip(r->f, F_REMOTE_IP, a);
	/* Port 0: Envoy took the address from X-Forwarded-For, so it is not the peer's. */
	if (!r->direct && port) {
		flow_set_ip(r->f, F_SOURCE_IP, a);
		flow_set_num(r->f, F_SOURCE_PORT, port);
	}
	return LOG_GOOD;
}

static enum log_bad op_remote_ip(struct reading *r, struct slice s)
{
	enum log_bad bad = set_ip(r->f, F_REMOTE_IP, s);

	return bad || r->direct ? bad : set_ip(r->f, F_SOURCE_IP, s);
}

static enum log_bad op_direct(struct reading *r, struct slice s)
{
	return set_endpoint(r->f, F_SOURCE_IP, F_SOURCE_PORT, s);
}

static enum log_bad op_direct_ip(struct reading *r, struct slice s)
{
	return set_ip(r->f, F_SOURCE_IP, s);
}

static enum log_bad op_local(struct reading *r, struct slice s)
{
	return set_endpoint(r->f, F_DESTINATION_IP, F_DESTINATION_PORT, s);
}

static enum log_bad op_local_ip(struct reading *r, struct slice s)
{
	return set_ip(r->f, F_DESTINATION_IP, s);
}

static enum log_bad op_upstream(struct reading *r, struct slice s)
{
	/* An internal listener or a pipe is no address: nothing is said of it. */
	if (!set_endpoint(r->f, F_UPSTREAM_IP, F_UPSTREAM_PORT, s))
		return LOG_GOOD;
	flow_forget(r->f, F_UPSTREAM_IP);
	flow_forget(r->f, F_UPSTREAM_PORT);
	return LOG_GOOD;
}

static enum log_bad op_upstream_local(struct reading *r, struct slice s)
{
	return set_endpoint(r->f, F_UPSTREAM_LOCAL_IP, F_UPSTREAM_LOCAL_PORT, s);
}

static enum log_bad op_xfcc(struct reading *r, struct slice s)
{
	r->xfcc = s;
	return LOG_GOOD;
}

static bool is_secret(struct slice name)
{
	static const char *const secret[] = {
		"authorization", "cookie", "proxy-authorization", "x-api-key",
	};
	for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
		if (slice_is(name, secret[i]))
			return true;
	return false;
}

static enum log_bad op_header(struct reading *r, struct slice s)
{
	if (!r->headers.max)
		buf_init(&r->headers, HEADERS_MOST);
	buf_byte(&r->headers, r->headers.n ? ',' : '{');
	buf_json_string(&r->headers, r->piece->header);
	buf_byte(&r->headers, ':');
	buf_json_string(&r->headers, is_secret(r->piece->header) ? SLICE("(masked)") : s);
	return LOG_GOOD;
}

static enum log_bad op_peer(struct reading *r, struct slice s)
{
	log_identity_peer(r->f, s);
	return LOG_GOOD;
}

/* Either a function, or a field that takes the text or the number as it is. */
static const struct {
	enum log_bad (*read)(struct reading *, struct slice);
	enum flow_field text, num;	/* F_ID: none */
	enum flow_field absent[2];	/* fields that "-" makes absent; F_ID: none */
} meaning[LOG_OPS] = {
	[LOG_OP_START_TIME] = { op_time },
	[LOG_OP_METHOD] = { .text = F_METHOD, .absent = { F_METHOD } },
	[LOG_OP_PATH] = { op_path, .absent = { F_PATH } },
	[LOG_OP_AUTHORITY] = { .text = F_AUTHORITY, .absent = { F_AUTHORITY } },
	[LOG_OP_PROTOCOL] = { op_protocol },
	[LOG_OP_RESPONSE_CODE] = { op_code, .absent = { F_STATUS } },
	[LOG_OP_RESPONSE_FLAGS] = { .text = F_RESPONSE_FLAGS, .absent = { F_RESPONSE_FLAGS } },
	[LOG_OP_RESPONSE_CODE_DETAILS] = { .text = F_RESPONSE_CODE_DETAILS, .absent = { F_RESPONSE_CODE_DETAILS } },
	[LOG_OP_TERMINATION_DETAILS] = { .text = F_CONNECTION_TERMINATION_DETAILS, .absent = { F_CONNECTION_TERMINATION_DETAILS } },
	[LOG_OP_UPSTREAM_FAILURE] = { .text = F_FAILURE },
	[LOG_OP_DOWNSTREAM_FAILURE] = { .text = F_FAILURE },
	[LOG_OP_BYTES_RECEIVED] = { .num = F_BYTES_SENT },
	[LOG_OP_BYTES_SENT] = { .num = F_BYTES_RECEIVED },
	[LOG_OP_DURATION] = { op_duration },
	[LOG_OP_XFCC] = { op_xfcc },
	[LOG_OP_USER_AGENT] = { .text = F_USER_AGENT, .absent = { F_USER_AGENT } },
	[LOG_OP_REQUEST_ID] = { .text = F_REQUEST_ID, .absent = { F_REQUEST_ID } },
	[LOG_OP_HEADER] = { op_header },
	[LOG_OP_UPSTREAM_HOST] = { op_upstream, .absent = { F_UPSTREAM_IP, F_UPSTREAM_PORT } },
	[LOG_OP_UPSTREAM_REMOTE] = { op_upstream, .absent = { F_UPSTREAM_IP, F_UPSTREAM_PORT } },
	[LOG_OP_UPSTREAM_CLUSTER] = { .text = F_UPSTREAM_CLUSTER, .absent = { F_UPSTREAM_CLUSTER } },
	[LOG_OP_UPSTREAM_LOCAL] = { op_upstream_local, .absent = { F_UPSTREAM_LOCAL_IP, F_UPSTREAM_LOCAL_PORT } },
	[LOG_OP_DOWNSTREAM_LOCAL] = { op_local },
	[LOG_OP_DOWNSTREAM_LOCAL_IP] = { op_local_ip },
	[LOG_OP_DOWNSTREAM_LOCAL_PORT] = { .num = F_DESTINATION_PORT },
	[LOG_OP_DOWNSTREAM_REMOTE] = { op_remote },
	[LOG_OP_DOWNSTREAM_REMOTE_IP] = { op_remote_ip },
	[LOG_OP_DOWNSTREAM_REMOTE_PORT] = { .num = F_SOURCE_PORT },
	[LOG_OP_DOWNSTREAM_DIRECT] = { op_direct },
	[LOG_OP_DOWNSTREAM_DIRECT_IP] = { op_direct_ip },
	[LOG_OP_SNI] = { .text = F_SNI, .absent = { F_SNI } },
	[LOG_OP_ROUTE_NAME] = { .text = F_ROUTE_NAME, .absent = { F_ROUTE_NAME } },
	[LOG_OP_PEER_URI_SAN] = { op_peer },
	[LOG_OP_PEER_FINGERPRINT] = { .text = F_CLIENT_CERTIFICATE, .absent = { F_CLIENT_CERTIFICATE } },
	[LOG_OP_LOCAL_URI_SAN] = { .text = F_DESTINATION_IDENTITY },
	[LOG_OP_TLS_VERSION] = { op_tls_version, .absent = { F_TLS_VERSION } },
	[LOG_OP_TLS_CIPHER] = { .text = F_TLS_CIPHER, .absent = { F_TLS_CIPHER } },
	[LOG_OP_CONNECTION_ID] = { .text = F_CONNECTION_ID },
};

static enum log_bad read_value(struct reading *r, enum log_op op, struct slice s, bool null)
{
	if (null) {
		for (int k = 0; k < 2; k++)
			if (meaning[op].absent[k] != F_ID)
				flow_set_absent(r->f, meaning[op].absent[k]);
		if (op == LOG_OP_PEER_URI_SAN) {
			flow_set_no_identity(r->f);
			flow_set_num(r->f, F_IDENTITY_SOURCE, IDENTITY_NONE);
		}
		return LOG_GOOD;
	}
	if (meaning[op].read)
		return meaning[op].read(r, s);
	if (meaning[op].num != F_ID)
		return set_number(r->f, meaning[op].num, s);
	if (meaning[op].text != F_ID)
		flow_set_text(r->f, meaning[op].text, s);
	return LOG_GOOD;
}

static void transport(struct flow *f)
{
	if (flow_has(f, F_SOURCE_IDENTITY) && flow_num(f, F_IDENTITY_SOURCE) == IDENTITY_LOG)
		flow_set_num(f, F_TRANSPORT, TRANSPORT_MTLS);
	else if (flow_has(f, F_TLS_VERSION) && flow_state(f, F_SOURCE_IDENTITY) == FLOW_ABSENT)
		flow_set_num(f, F_TRANSPORT, TRANSPORT_TLS);
	else if (flow_state(f, F_TLS_VERSION) == FLOW_ABSENT && !flow_has(f, F_SNI))
		flow_set_num(f, F_TRANSPORT, TRANSPORT_PLAINTEXT);
	if (flow_has(f, F_PROTOCOL))
		return;
	bool method_read = flow_state(f, F_METHOD) == FLOW_ABSENT;
	if (method_read)
		flow_set_num(f, F_PROTOCOL, flow_has(f, F_SNI) ? PROTOCOL_TLS : PROTOCOL_TCP);
}

/* gRPC is HTTP/2 with its content type, which the log does not show: it stays h2. */
static void times(struct flow *f)
{
	if (flow_has(f, F_STARTED_AT) && flow_has(f, F_DURATION_MS))
		flow_set_num(f, F_ENDED_AT, f->v[F_STARTED_AT].num +
			     (int64_t)(f->v[F_DURATION_MS].real * 1e6));
}

/* Does this line (a JSON layout's keys may be missing) name the directly connected peer? */
static bool direct_peer(const struct log_format *fmt, const struct log_values *v)
{
	if (!log_format_has(fmt, LOG_OP_DOWNSTREAM_DIRECT) && !log_format_has(fmt, LOG_OP_DOWNSTREAM_DIRECT_IP))
		return false;
	for (uint32_t i = 0; i < fmt->n; i++)
		if ((fmt->piece[i].op == LOG_OP_DOWNSTREAM_DIRECT || fmt->piece[i].op == LOG_OP_DOWNSTREAM_DIRECT_IP) &&
		    v->known[i] && !v->null[i])
			return true;
	return false;
}

/* The collected headers become the arena's text. */
static void keep_headers(struct reading *r)
{
	buf_byte(&r->headers, '}');
	struct slice kept = arena_copy(r->a, buf_slice(&r->headers));
	if (kept.n)
		flow_set_text(r->f, F_REQUEST_HEADERS, kept);
	buf_release(&r->headers);
}

enum log_bad log_meaning(const struct log_format *fmt, const struct log_values *v, struct log_minute *minute,
			 enum log_query query, struct flow *f, struct arena *a)
{
	struct reading r = { .f = f, .a = a, .query = query, .minute = minute, .direct = direct_peer(fmt, v) };
	enum log_bad bad = LOG_GOOD;

	flow_init(f);
	flow_set_num(f, F_OBSERVED_BY, OBSERVED_LOG);
	for (uint32_t i = 0; i < fmt->n && !bad; i++) {
		r.piece = &fmt->piece[i];
		if (v->known[i])
			bad = read_value(&r, r.piece->op, v->v[i], v->null[i]);
	}
	if (r.headers.n)
		keep_headers(&r);
	if (bad)
		return bad;
	log_identity_xfcc(f, r.xfcc);
	log_outcome(f, a);
	transport(f);
	times(f);
	return LOG_GOOD;
}
