/*
 * log_meaning: one small function an operator, in a table; what several operators say
 * together (outcome, transport, identity) is decided after them.
 */
#include "capture/log_meaning.h"

#include <string.h>

#include "capture/log_cipher.h"
#include "capture/log_grpc.h"
#include "capture/log_identity.h"
#include "capture/log_object.h"
#include "capture/log_outcome.h"
#include "capture/log_private.h"
#include "capture/log_time.h"
#include "capture/log_value.h"

/* Milliseconds of a century: its nanoseconds are a number still. */
static const double duration_most = 36500 * 86400e3;

struct reading {
	struct flow *f;
	struct arena *a;
	enum log_query query;
	const struct log_piece *piece;
	struct slice xfcc;
	struct log_minute *minute;
	struct log_time_part *part;	/* of the time, where the format has several */
	size_t n_parts;
	bool direct;			/* the line holds the directly connected peer */
	int64_t remote_port;		/* DOWNSTREAM_REMOTE_PORT; -1: the line has none */
	struct slice original_path, original_host;	/* what a route rewrote, where the line says it */
};

/* Not of the IP world: a socket's path, an abstract socket, an internal listener.  Nothing is said of it. */
static bool is_address(struct slice s)
{
	return s.n && (s.p[0] == '/' || s.p[0] == '@' || slice_starts(s, SLICE("envoy://")) ||
		       slice_starts(s, SLICE("unix:")));
}

static enum log_bad set_ip(struct flow *f, enum flow_field k, struct slice s)
{
	struct ip a;

	if (!ip_parse(s, &a))
		return is_address(s) ? LOG_GOOD : LOG_BAD_ADDRESS;
	flow_set_ip(f, k, a);
	return LOG_GOOD;
}

/* JSON may write twelve as 12.0. */
static inline bool whole_number(struct slice s, int64_t *v)
{
	return log_number(s, v) || log_whole(s, v);
}

/* --- operators */

static enum log_bad op_time(struct reading *r, struct slice s)
{
	int64_t ns;

	if (r->part) {
		r->part[r->n_parts++] = (struct log_time_part){ r->piece->time, s };
		return LOG_GOOD;
	}
	bool read = r->piece->time.n ? log_time(r->piece->time, s, &ns)
				     : log_time_default(r->minute, s, &ns);

	if (!read)
		return LOG_BAD_TIME;
	flow_set_num(r->f, F_STARTED_AT, ns);
	return LOG_GOOD;
}

/* All parts of the time together.  A line may have none of them, as it may have no time. */
static enum log_bad joined_time(struct reading *r, uint32_t parts)
{
	int64_t ns;

	if (!r->n_parts)
		return LOG_GOOD;
	if (!log_time_joined(r->part, r->n_parts, r->n_parts == parts, &ns))
		return LOG_BAD_TIME;
	flow_set_num(r->f, F_STARTED_AT, ns);
	return LOG_GOOD;
}

/* Nothing of a dropped query goes on from here. */
static enum log_bad op_path(struct reading *r, struct slice s)
{
	flow_set_text(r->f, F_PATH, log_private_url(s, r->query, r->a));
	return LOG_GOOD;
}

static enum log_bad op_original_path(struct reading *r, struct slice s)
{
	r->original_path = s;
	return LOG_GOOD;
}

static enum log_bad op_original_host(struct reading *r, struct slice s)
{
	r->original_host = s;
	return LOG_GOOD;
}

static enum log_bad op_protocol(struct reading *r, struct slice s)
{
	if (slice_is(s, "HTTP/1.1"))
		flow_set_num(r->f, F_PROTOCOL, PROTOCOL_HTTP11);
	else if (slice_is(s, "HTTP/1.0"))
		flow_set_num(r->f, F_PROTOCOL, PROTOCOL_HTTP10);
	else if (slice_is(s, "HTTP/2"))
		flow_set_num(r->f, F_PROTOCOL, PROTOCOL_H2);
	else if (slice_is(s, "HTTP/3"))
		flow_set_num(r->f, F_PROTOCOL, PROTOCOL_H3);
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

	if (!whole_number(s, &n) || n > 999)
		return LOG_BAD_NUMBER;
	if (n)
		flow_set_num(r->f, F_STATUS, n);
	else
		flow_set_absent(r->f, F_STATUS);
	return LOG_GOOD;
}

/* Of a number JSON may write 7.0; -1 is Envoy's word for a status that is none. */
static enum log_bad op_grpc(struct reading *r, struct slice s)
{
	int64_t n = log_grpc_status(s);

	if (n < 0 && s.n && s.p[0] >= '0' && s.p[0] <= '9' && (!whole_number(s, &n) || n > 999))
		return LOG_BAD_NUMBER;
	if (n >= 0)
		flow_set_num(r->f, F_GRPC_STATUS, n);
	return LOG_GOOD;
}

/* Milliseconds; whoever typed the JSON may have given a fraction of one. */
static enum log_bad op_duration(struct reading *r, struct slice s)
{
	double d;
	int64_t n;

	if (log_number(s, &n))
		d = (double)n;
	else if (!log_real(s, &d))
		return LOG_BAD_NUMBER;
	if (d > duration_most)
		return LOG_BAD_NUMBER;
	flow_set_real(r->f, F_DURATION_MS, d);
	return LOG_GOOD;
}

/* Port 0: Envoy took the address from X-Forwarded-For, so it is not the peer's. */
static enum log_bad op_remote(struct reading *r, struct slice s)
{
	struct ip a;
	uint16_t port;

	if (!log_endpoint(s, &a, &port))
		return is_address(s) ? LOG_GOOD : LOG_BAD_ADDRESS;
	flow_set_ip(r->f, F_REMOTE_IP, a);
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

static enum log_bad op_remote_port(struct reading *r, struct slice s)
{
	return whole_number(s, &r->remote_port) ? LOG_GOOD : LOG_BAD_NUMBER;
}

static enum log_bad op_direct_ip(struct reading *r, struct slice s)
{
	return set_ip(r->f, F_SOURCE_IP, s);
}

static enum log_bad op_local_ip(struct reading *r, struct slice s)
{
	return set_ip(r->f, F_DESTINATION_IP, s);
}

/* Also a host's name stands here: nothing is said of it.  Before 1.9 Envoy wrote "tcp://" in front. */
static enum log_bad op_upstream(struct reading *r, struct slice s)
{
	struct ip a;
	uint16_t port;

	if (slice_starts(s, SLICE("tcp://")))
		s = slice_from(s, 6);
	if (log_endpoint(s, &a, &port)) {
		flow_set_ip(r->f, F_UPSTREAM_IP, a);
		flow_set_num(r->f, F_UPSTREAM_PORT, port);
	}
	return LOG_GOOD;
}

static enum log_bad op_upstream_ip(struct reading *r, struct slice s)
{
	return set_ip(r->f, F_UPSTREAM_IP, s);
}

static enum log_bad op_upstream_local_ip(struct reading *r, struct slice s)
{
	return set_ip(r->f, F_UPSTREAM_LOCAL_IP, s);
}

/* Some Istios name clusters for statistics with a semicolon at the end; %UPSTREAM_CLUSTER% prints that. */
static enum log_bad op_cluster(struct reading *r, struct slice s)
{
	if (s.n > 1 && s.p[s.n - 1] == ';')
		s.n--;
	flow_set_text(r->f, F_UPSTREAM_CLUSTER, s);
	return LOG_GOOD;
}

static enum log_bad op_flags_long(struct reading *r, struct slice s)
{
	flow_set_text(r->f, F_RESPONSE_FLAGS, log_flags_short(s, r->a));
	return LOG_GOOD;
}

static enum log_bad op_cipher(struct reading *r, struct slice s)
{
	flow_set_text(r->f, F_TLS_CIPHER, log_cipher_name(s));
	return LOG_GOOD;
}

/* No SPIFFE ID holds one; without it the identity would be another. */
static bool has_query(const struct reading *r, struct slice s)
{
	return r->query != LOG_QUERY_KEEP && s.n && memchr(s.p, '?', s.n);
}

/* Several are joined by commas. */
static enum log_bad op_local_san(struct reading *r, struct slice s)
{
	const uint8_t *comma = memchr(s.p, ',', s.n);

	if (comma)
		s.n = (size_t)(comma - s.p);
	if (!has_query(r, s))
		flow_set_text(r->f, F_DESTINATION_IDENTITY, s);
	return LOG_GOOD;
}

static enum log_bad op_xfcc(struct reading *r, struct slice s)
{
	if (!has_query(r, log_identity_uri(s)))
		r->xfcc = s;
	return LOG_GOOD;
}

static enum log_bad op_peer(struct reading *r, struct slice s)
{
	if (!has_query(r, s))
		log_identity_peer(r->f, s);
	return LOG_GOOD;
}

/* --- the table */

/* Fields as bits of a flow's two words. */
struct fields {
	uint64_t w[2];
};

enum how { NOT_USED, TEXT, NUMBER, ENDPOINT, CALL };

struct rule {
	enum how how;
	enum flow_field field, port;	/* TEXT, NUMBER: the field; ENDPOINT: address and port */
	struct fields present;		/* the same as bits */
	struct fields absent;		/* what "-" says that there is not */
	enum log_bad (*read)(struct reading *, struct slice);
};

#define BIT(k, word) ((uint64_t)((k) / 64 == (word)) << ((k) % 64))
#define ONE(k) { { BIT(k, 0), BIT(k, 1) } }
#define TWO(k, l) { { BIT(k, 0) | BIT(l, 0), BIT(k, 1) | BIT(l, 1) } }
#define OPTIONAL(k) { TEXT, .field = (k), .present = ONE(k), .absent = ONE(k) }
#define PLAIN(how, k) { how, .field = (k), .present = ONE(k) }
#define ADDRESS(k, l) { ENDPOINT, .field = (k), .port = (l), .present = TWO(k, l) }
#define IDENTITY_IN(w) (BIT(F_SOURCE_IDENTITY, w) | BIT(F_SOURCE_PRINCIPAL, w) | \
			BIT(F_SOURCE_TRUST_DOMAIN, w) | BIT(F_SOURCE_NAMESPACE, w) | \
			BIT(F_SOURCE_SERVICE_ACCOUNT, w))
#define IDENTITY { { IDENTITY_IN(0), IDENTITY_IN(1) } }

static const struct rule rules[LOG_OPS] = {
	[LOG_OP_START_TIME] = { CALL, .read = op_time },
	[LOG_OP_METHOD] = OPTIONAL(F_METHOD),
	[LOG_OP_PATH] = { CALL, .read = op_path, .absent = ONE(F_PATH) },
	[LOG_OP_ORIGINAL_PATH] = { CALL, .read = op_original_path },
	[LOG_OP_AUTHORITY] = OPTIONAL(F_AUTHORITY),
	[LOG_OP_ORIGINAL_HOST] = { CALL, .read = op_original_host },
	[LOG_OP_PROTOCOL] = { CALL, .read = op_protocol },
	[LOG_OP_RESPONSE_CODE] = { CALL, .read = op_code, .absent = ONE(F_STATUS) },
	[LOG_OP_RESPONSE_FLAGS] = OPTIONAL(F_RESPONSE_FLAGS),
	[LOG_OP_RESPONSE_FLAGS_LONG] = { CALL, .read = op_flags_long, .absent = ONE(F_RESPONSE_FLAGS) },
	[LOG_OP_RESPONSE_CODE_DETAILS] = OPTIONAL(F_RESPONSE_CODE_DETAILS),
	[LOG_OP_TERMINATION_DETAILS] = OPTIONAL(F_CONNECTION_TERMINATION_DETAILS),
	[LOG_OP_UPSTREAM_FAILURE] = PLAIN(TEXT, F_FAILURE),
	[LOG_OP_DOWNSTREAM_FAILURE] = PLAIN(TEXT, F_FAILURE),
	[LOG_OP_BYTES_RECEIVED] = PLAIN(NUMBER, F_BYTES_SENT),
	[LOG_OP_BYTES_SENT] = PLAIN(NUMBER, F_BYTES_RECEIVED),
	[LOG_OP_DURATION] = { CALL, .read = op_duration },
	[LOG_OP_XFCC] = { CALL, .read = op_xfcc },
	[LOG_OP_USER_AGENT] = OPTIONAL(F_USER_AGENT),
	[LOG_OP_REQUEST_ID] = OPTIONAL(F_REQUEST_ID),
	[LOG_OP_UPSTREAM_HOST] = { CALL, .read = op_upstream, .absent = TWO(F_UPSTREAM_IP, F_UPSTREAM_PORT) },
	[LOG_OP_UPSTREAM_REMOTE] = { CALL, .read = op_upstream, .absent = TWO(F_UPSTREAM_IP, F_UPSTREAM_PORT) },
	[LOG_OP_UPSTREAM_CLUSTER] = { CALL, .read = op_cluster, .absent = ONE(F_UPSTREAM_CLUSTER) },
	[LOG_OP_UPSTREAM_REMOTE_IP] = { CALL, .read = op_upstream_ip, .absent = ONE(F_UPSTREAM_IP) },
	[LOG_OP_UPSTREAM_REMOTE_PORT] = PLAIN(NUMBER, F_UPSTREAM_PORT),
	[LOG_OP_UPSTREAM_LOCAL_IP] = { CALL, .read = op_upstream_local_ip, .absent = ONE(F_UPSTREAM_LOCAL_IP) },
	[LOG_OP_UPSTREAM_LOCAL_PORT] = PLAIN(NUMBER, F_UPSTREAM_LOCAL_PORT),
	[LOG_OP_UPSTREAM_LOCAL] = { ENDPOINT, F_UPSTREAM_LOCAL_IP, F_UPSTREAM_LOCAL_PORT,
				    .present = TWO(F_UPSTREAM_LOCAL_IP, F_UPSTREAM_LOCAL_PORT),
				    .absent = TWO(F_UPSTREAM_LOCAL_IP, F_UPSTREAM_LOCAL_PORT) },
	[LOG_OP_DOWNSTREAM_LOCAL] = ADDRESS(F_DESTINATION_IP, F_DESTINATION_PORT),
	[LOG_OP_DOWNSTREAM_LOCAL_IP] = { CALL, .read = op_local_ip },
	[LOG_OP_DOWNSTREAM_LOCAL_PORT] = PLAIN(NUMBER, F_DESTINATION_PORT),
	[LOG_OP_DOWNSTREAM_REMOTE] = { CALL, .read = op_remote },
	[LOG_OP_DOWNSTREAM_REMOTE_IP] = { CALL, .read = op_remote_ip },
	[LOG_OP_DOWNSTREAM_REMOTE_PORT] = { CALL, .read = op_remote_port },
	[LOG_OP_DOWNSTREAM_DIRECT] = ADDRESS(F_SOURCE_IP, F_SOURCE_PORT),
	[LOG_OP_DOWNSTREAM_DIRECT_IP] = { CALL, .read = op_direct_ip },
	[LOG_OP_DOWNSTREAM_DIRECT_PORT] = PLAIN(NUMBER, F_SOURCE_PORT),
	[LOG_OP_DIRECT_LOCAL] = ADDRESS(F_DESTINATION_IP, F_DESTINATION_PORT),
	[LOG_OP_DIRECT_LOCAL_IP] = { CALL, .read = op_local_ip },
	[LOG_OP_DIRECT_LOCAL_PORT] = PLAIN(NUMBER, F_DESTINATION_PORT),
	[LOG_OP_SNI] = OPTIONAL(F_SNI),
	[LOG_OP_ROUTE_NAME] = OPTIONAL(F_ROUTE_NAME),
	[LOG_OP_PEER_URI_SAN] = { CALL, .read = op_peer, .absent = IDENTITY },
	[LOG_OP_PEER_FINGERPRINT] = OPTIONAL(F_CLIENT_CERTIFICATE),
	[LOG_OP_LOCAL_URI_SAN] = { CALL, .read = op_local_san, .absent = ONE(F_DESTINATION_IDENTITY) },
	[LOG_OP_TLS_VERSION] = { CALL, .read = op_tls_version, .absent = ONE(F_TLS_VERSION) },
	[LOG_OP_TLS_CIPHER] = { CALL, .read = op_cipher, .absent = ONE(F_TLS_CIPHER) },
	[LOG_OP_JA3] = OPTIONAL(F_JA3),
	[LOG_OP_JA4] = OPTIONAL(F_JA4),
	[LOG_OP_GRPC_STATUS] = { CALL, .read = op_grpc, .absent = ONE(F_GRPC_STATUS) },
	[LOG_OP_CONNECTION_ID] = PLAIN(TEXT, F_CONNECTION_ID),
};

static inline void add(struct fields *to, const struct fields *more)
{
	to->w[0] |= more->w[0];
	to->w[1] |= more->w[1];
}

static enum log_bad endpoint(struct flow *f, const struct rule *rule, struct slice s,
			     struct fields *present)
{
	uint16_t port;

	if (!log_endpoint(s, &f->v[rule->field].ip, &port))
		return is_address(s) ? LOG_GOOD : LOG_BAD_ADDRESS;
	f->v[rule->port].num = port;
	add(present, &rule->present);
	return LOG_GOOD;
}

/*
 * Every value by its rule.  What is known is collected beside the flow: to change its two words
 * for every field costs more than all else here.
 */
static enum log_bad read_values(struct reading *r, const struct log_format *fmt, const struct log_values *v)
{
	struct flow *f = r->f;
	struct fields present = { { 0, 0 } }, absent = { { 0, 0 } };
	enum log_bad bad = LOG_GOOD;

	for (uint32_t i = 0; i < fmt->n; i++) {
		const struct rule *rule = &rules[fmt->piece[i].op];

		if (!v->known[i])
			continue;
		if (v->null[i]) {
			add(&absent, &rule->absent);
			continue;
		}
		/* "%REQ(:PATH):8%": perhaps only the beginning, and a wrong value is worse than none. */
		if (fmt->piece[i].max && v->v[i].n >= fmt->piece[i].max)
			continue;
		switch (rule->how) {
		case NOT_USED:
			break;
		case TEXT:
			f->v[rule->field].text = v->v[i];
			add(&present, &rule->present);
			break;
		case NUMBER:
			if (!whole_number(v->v[i], &f->v[rule->field].num))
				return LOG_BAD_NUMBER;
			add(&present, &rule->present);
			break;
		case ENDPOINT:
			bad = endpoint(f, rule, v->v[i], &present);
			break;
		case CALL:
			r->piece = &fmt->piece[i];
			bad = rule->read(r, v->v[i]);
			break;
		}
		if (bad)
			return bad;
	}
	for (int w = 0; w < 2; w++) {
		f->present[w] |= present.w[w];
		f->known[w] |= present.w[w] | absent.w[w];
	}
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

/* Policies saw what was asked for before a route rewrote it, wherever that stands in the line. */
static void before_rewriting(struct reading *r)
{
	if (r->original_path.n)
		op_path(r, r->original_path);
	if (r->original_host.n)
		flow_set_text(r->f, F_AUTHORITY, r->original_host);
}

/* The remote port in a place of its own: 0 says again that the address is not the peer's. */
static void remote_port(const struct reading *r)
{
	struct flow *f = r->f;

	if (r->remote_port < 0)
		return;
	if (!r->direct && r->remote_port)
		flow_set_num(f, F_SOURCE_PORT, r->remote_port);
	else if (!r->direct)
		flow_forget(f, F_SOURCE_IP);
	else if (r->remote_port && !flow_has(f, F_SOURCE_PORT) && flow_has(f, F_REMOTE_IP) &&
		 flow_has(f, F_SOURCE_IP) && ip_eq(&f->v[F_REMOTE_IP].ip, &f->v[F_SOURCE_IP].ip))
		flow_set_num(f, F_SOURCE_PORT, r->remote_port);
}

/* gRPC is HTTP/2 with its content type, which the log does not show: it stays h2. */
static enum log_bad times(struct flow *f)
{
	if (!flow_has(f, F_STARTED_AT) || !flow_has(f, F_DURATION_MS))
		return LOG_GOOD;
	int64_t start = f->v[F_STARTED_AT].num;
	int64_t ns = (int64_t)(f->v[F_DURATION_MS].real * 1e6);	/* op_duration bounds it */
	if (start > 0 && ns > INT64_MAX - start)
		return LOG_BAD_NUMBER;
	flow_set_num(f, F_ENDED_AT, start + ns);
	return LOG_GOOD;
}

/* Does this line (a JSON layout's keys may be missing) name the directly connected peer? */
static bool direct_peer(const struct log_format *fmt, const struct log_values *v)
{
	static const enum log_op direct[] = { LOG_OP_DOWNSTREAM_DIRECT, LOG_OP_DOWNSTREAM_DIRECT_IP };

	if (!log_format_has(fmt, direct[0]) && !log_format_has(fmt, direct[1]))
		return false;
	for (uint32_t i = 0; i < fmt->n; i++)
		if ((fmt->piece[i].op == direct[0] || fmt->piece[i].op == direct[1]) && v->known[i] && !v->null[i])
			return true;
	return false;
}

enum log_bad log_meaning(const struct log_format *fmt, const struct log_values *v, struct log_minute *minute,
			 enum log_query query, struct flow *f, struct arena *a)
{
	struct reading r = {
		.f = f, .a = a, .query = query, .minute = minute, .direct = direct_peer(fmt, v), .remote_port = -1,
	};

	flow_init(f);
	flow_set_num(f, F_OBSERVED_BY, OBSERVED_LOG);
	if (fmt->times > 1 && !(r.part = arena_new_array(a, struct log_time_part, fmt->times)))
		return LOG_BAD_TIME;
	enum log_bad bad = read_values(&r, fmt, v);
	if (!bad && r.part)
		bad = joined_time(&r, fmt->times);
	if (bad)
		return bad;
	before_rewriting(&r);
	remote_port(&r);
	if (log_format_has(fmt, LOG_OP_HEADER))
		log_object_headers(fmt, v, query, f, a);
	if (log_format_has(fmt, LOG_OP_METADATA))
		log_object_metadata(fmt, v, query, f, a);
	if (flow_state(f, F_SOURCE_IDENTITY) == FLOW_ABSENT)
		flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_NONE);
	log_identity_xfcc(f, r.xfcc);
	log_outcome(f, a);
	transport(f);
	return times(f);
}
