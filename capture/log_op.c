/*
 * log_op: names of operators to what egret reads of them.
 *
 * Three tables: what gives a field (log_op.def), other names for the same, and what is known and not used: there
 * only the value's shape counts, which says where it may end.  An operator that none of them names is "other":
 * its value is passed over, by the widest shape, so that it never stops a line from being read.
 *
 * Source: Envoy, "Substitution formatter" (before 1.36: "Access logging: command operators").
 */
#include "capture/log_op.h"

#include <stdio.h>
#include <string.h>

#include "capture/log_time.h"

const struct log_op_info log_op_info[LOG_OPS] = {
#define LOG_OP(id, name, shape, meaning) [LOG_OP_##id] = { name, shape, meaning },
#include "capture/log_op.def"
#undef LOG_OP
};

enum { KEYS_MOST = 32 };

struct named {
	const char *name;
	enum log_op op;
};

/* Another name, or the same said with arguments. */
static const struct named aliases[] = {
	{ "UPSTREAM_CLUSTER_RAW", LOG_OP_UPSTREAM_CLUSTER },
	{ "UPSTREAM_HOST_ADDRESS", LOG_OP_UPSTREAM_HOST },
	{ "REQ_WITHOUT_QUERY(:PATH)", LOG_OP_PATH },
	{ "REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH)", LOG_OP_ORIGINAL_PATH },
	{ "PATH", LOG_OP_PATH },
	{ "PATH(WQ:ORIG)", LOG_OP_ORIGINAL_PATH },
	{ "PATH(NQ:ORIG)", LOG_OP_ORIGINAL_PATH },
	{ "REQ(HOST)", LOG_OP_AUTHORITY },
	{ "REQUESTED_SERVER_NAME(SNI_ONLY)", LOG_OP_SNI },
	{ "RESPONSE_CODE_DETAILS()", LOG_OP_RESPONSE_CODE_DETAILS },
	{ "RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)", LOG_OP_RESPONSE_CODE_DETAILS },
	{ "RESP(GRPC-STATUS)", LOG_OP_WORD },	/* of a call the one or the other has it */
	{ "TRAILER(GRPC-STATUS)", LOG_OP_WORD },
	{ "GRPC_STATUS_NUMBER", LOG_OP_GRPC_STATUS },
	{ "GRPC_STATUS(CAMEL_STRING)", LOG_OP_GRPC_STATUS },
	{ "GRPC_STATUS(SNAKE_STRING)", LOG_OP_GRPC_STATUS },
	{ "GRPC_STATUS(NUMBER)", LOG_OP_GRPC_STATUS },
};

static const struct named not_used[] = {
	{ "BYTES_RETRANSMITTED", LOG_OP_COUNT },
	{ "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", LOG_OP_COUNT },
	{ "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", LOG_OP_COUNT },
	{ "DOWNSTREAM_HANDSHAKE_DURATION", LOG_OP_COUNT },
	{ "DOWNSTREAM_HEADER_BYTES_RECEIVED", LOG_OP_COUNT },
	{ "DOWNSTREAM_HEADER_BYTES_SENT", LOG_OP_COUNT },
	{ "DOWNSTREAM_WIRE_BYTES_RECEIVED", LOG_OP_COUNT },
	{ "DOWNSTREAM_WIRE_BYTES_SENT", LOG_OP_COUNT },
	{ "PACKETS_RETRANSMITTED", LOG_OP_COUNT },
	{ "REQUEST_HEADERS_BYTES", LOG_OP_COUNT },
	{ "REQUEST_TX_DURATION", LOG_OP_COUNT },
	{ "RESPONSE_HEADERS_BYTES", LOG_OP_COUNT },
	{ "RESPONSE_TRAILERS_BYTES", LOG_OP_COUNT },
	{ "RESPONSE_TX_DURATION", LOG_OP_COUNT },
	{ "ROUNDTRIP_DURATION", LOG_OP_COUNT },
	{ "UPSTREAM_CONNECTION_ID", LOG_OP_COUNT },
	{ "UPSTREAM_CONNECTION_POOL_READY_DURATION", LOG_OP_COUNT },
	{ "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", LOG_OP_COUNT },
	{ "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", LOG_OP_COUNT },
	{ "UPSTREAM_HEADER_BYTES_RECEIVED", LOG_OP_COUNT },
	{ "UPSTREAM_HEADER_BYTES_SENT", LOG_OP_COUNT },
	{ "UPSTREAM_REQUEST_ATTEMPT_COUNT", LOG_OP_COUNT },
	{ "UPSTREAM_WIRE_BYTES_RECEIVED", LOG_OP_COUNT },
	{ "UPSTREAM_WIRE_BYTES_SENT", LOG_OP_COUNT },
	{ "CUSTOM_FLAGS", LOG_OP_WORD },
	{ "DOWNSTREAM_DETECTED_CLOSE_TYPE", LOG_OP_WORD },
	{ "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID", LOG_OP_WORD },
	{ "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID", LOG_OP_WORD },
	{ "DOWNSTREAM_LOCAL_DNS_SAN", LOG_OP_WORD },
	{ "DOWNSTREAM_LOCAL_IP_SAN", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_CERT", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_CHAIN_SERIALS", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_DNS_SAN", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_FINGERPRINT_1", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_IP_SAN", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_ISSUER_SERIAL", LOG_OP_WORD },
	{ "DOWNSTREAM_PEER_SERIAL", LOG_OP_WORD },
	{ "DOWNSTREAM_TLS_GROUP", LOG_OP_WORD },
	{ "DOWNSTREAM_TLS_SESSION_ID", LOG_OP_WORD },
	{ "STREAM_ID", LOG_OP_WORD },
	{ "UNIQUE_ID", LOG_OP_WORD },
	{ "UPSTREAM_CONNECTION_IDS_ATTEMPTED", LOG_OP_WORD },
	{ "UPSTREAM_DETECTED_CLOSE_TYPE", LOG_OP_WORD },
	{ "UPSTREAM_HOSTS_ATTEMPTED", LOG_OP_WORD },
	{ "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", LOG_OP_WORD },
	{ "UPSTREAM_HOST_NAME", LOG_OP_WORD },
	{ "UPSTREAM_HOST_NAMES_ATTEMPTED", LOG_OP_WORD },
	{ "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", LOG_OP_WORD },
	{ "UPSTREAM_HOST_NAME_WITHOUT_PORT", LOG_OP_WORD },
	{ "UPSTREAM_LOCAL_DNS_SAN", LOG_OP_WORD },
	{ "UPSTREAM_LOCAL_IP_SAN", LOG_OP_WORD },
	{ "UPSTREAM_LOCAL_URI_SAN", LOG_OP_WORD },
	{ "UPSTREAM_PEER_CERT", LOG_OP_WORD },
	{ "UPSTREAM_PEER_DNS_SAN", LOG_OP_WORD },
	{ "UPSTREAM_PEER_IP_SAN", LOG_OP_WORD },
	{ "UPSTREAM_PROTOCOL", LOG_OP_WORD },
	{ "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", LOG_OP_WORD },
	{ "UPSTREAM_SERVER_NAME", LOG_OP_WORD },
	{ "UPSTREAM_TLS_CIPHER", LOG_OP_WORD },
	{ "UPSTREAM_TLS_GROUP", LOG_OP_WORD },
	{ "UPSTREAM_TLS_SESSION_ID", LOG_OP_WORD },
	{ "UPSTREAM_TLS_VERSION", LOG_OP_WORD },
	{ "VIRTUAL_CLUSTER_NAME", LOG_OP_WORD },
	{ "ACCESS_LOG_TYPE", LOG_OP_NAME },
	{ "SPAN_ID", LOG_OP_NAME },
	{ "TRACE_ID", LOG_OP_NAME },
	{ "DOWNSTREAM_LOCAL_CLOSE_REASON", LOG_OP_FREE },
	{ "DOWNSTREAM_LOCAL_EMAIL_SAN", LOG_OP_FREE },
	{ "DOWNSTREAM_LOCAL_OTHERNAME_SAN", LOG_OP_FREE },
	{ "DOWNSTREAM_LOCAL_SUBJECT", LOG_OP_FREE },
	{ "DOWNSTREAM_PEER_EMAIL_SAN", LOG_OP_FREE },
	{ "DOWNSTREAM_PEER_ISSUER", LOG_OP_FREE },
	{ "DOWNSTREAM_PEER_OTHERNAME_SAN", LOG_OP_FREE },
	{ "LOCAL_REPLY_BODY", LOG_OP_FREE },
	{ "UPSTREAM_LOCAL_CLOSE_REASON", LOG_OP_FREE },
	{ "UPSTREAM_PEER_ISSUER", LOG_OP_FREE },
	{ "UPSTREAM_PEER_SUBJECT", LOG_OP_FREE },
};

/* Of which nothing is used, with arguments or without. */
static const struct named any_arguments[] = {
	{ "CEL", LOG_OP_FREE },
	{ "CLUSTER_METADATA", LOG_OP_FREE },
	{ "COALESCE", LOG_OP_FREE },
	{ "COMMON_DURATION", LOG_OP_WORD },	/* also below zero */
	{ "DYNAMIC_METADATA", LOG_OP_FREE },
	{ "DOWNSTREAM_LOCAL_CERT_V_END", LOG_OP_FREE },
	{ "DOWNSTREAM_LOCAL_CERT_V_START", LOG_OP_FREE },
	{ "DOWNSTREAM_PEER_CERT_V_END", LOG_OP_FREE },
	{ "DOWNSTREAM_PEER_CERT_V_START", LOG_OP_FREE },
	{ "EMIT_TIME", LOG_OP_FREE },
	{ "EMIT_TIME_LOCAL", LOG_OP_FREE },
	{ "ENVIRONMENT", LOG_OP_FREE },
	{ "FILTER_STATE", LOG_OP_FREE },
	{ "METADATA", LOG_OP_FREE },
	{ "QUERY_PARAM", LOG_OP_QUERY },
	{ "QUERY_PARAMS", LOG_OP_QUERY },
	{ "REQUESTED_SERVER_NAME", LOG_OP_WORD },	/* which of SNI and host it was nobody can say */
	{ "START_TIME_LOCAL", LOG_OP_FREE },
	{ "TYPED_CEL", LOG_OP_FREE },
	{ "UPSTREAM_FILTER_STATE", LOG_OP_FREE },
	{ "UPSTREAM_METADATA", LOG_OP_FREE },
	{ "UPSTREAM_PEER_CERT_V_END", LOG_OP_FREE },
	{ "UPSTREAM_PEER_CERT_V_START", LOG_OP_FREE },
	/* With a mask's length: "10.1.0.0/16" is nobody's address. */
	{ "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", LOG_OP_WORD },
	{ "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", LOG_OP_WORD },
	{ "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", LOG_OP_WORD },
	{ "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", LOG_OP_WORD },
	{ "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", LOG_OP_WORD },
	{ "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", LOG_OP_WORD },
};

#define COUNT(a) (sizeof (a) / sizeof *(a))

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static bool same_name(struct slice s, const char *name)
{
	for (size_t i = 0; i < s.n; i++)
		if (!name[i] || upper((char)s.p[i]) != upper(name[i]))
			return false;
	return !name[s.n];
}

static enum log_op in_list(const struct named *list, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (same_name(name, list[i].name))
			return list[i].op;
	return LOG_OP_OTHER;
}

static enum log_op op_named(struct slice name)
{
	for (int k = 1; k < LOG_OPS; k++)
		if (same_name(name, log_op_info[k].name))
			return (enum log_op)k;
	return in_list(aliases, COUNT(aliases), name);
}

/* "NAME(args)" as the tables write it. */
static enum log_op op_with(struct slice name, struct slice args)
{
	char text[128];

	if (name.n + args.n + 3 > sizeof text)
		return LOG_OP_OTHER;
	int n = snprintf(text, sizeof text, "%.*s(%.*s)", (int)name.n, (const char *)name.p, (int)args.n,
			 args.n ? (const char *)args.p : "");
	return op_named((struct slice){ (uint8_t *)text, (size_t)n });
}

/* --- headers */

/* Since 1.37 they have whole names too. */
static struct slice short_name(struct slice name)
{
	static const struct { const char *whole, *as; } of[] = {
		{ "REQUEST_HEADER", "REQ" }, { "RESPONSE_HEADER", "RESP" }, { "RESPONSE_TRAILER", "TRAILER" },
	};
	for (size_t i = 0; i < COUNT(of); i++)
		if (same_name(name, of[i].whole))
			return slice_of(of[i].as);
	return name;
}

/* "REQ" + "A": an operator of its own, or a request header. */
static enum log_op header_op(struct slice name, struct slice header)
{
	enum log_op op = op_with(name, header);

	if (op != LOG_OP_OTHER)
		return op;
	return same_name(name, "REQ") ? LOG_OP_HEADER : LOG_OP_FREE;
}

static struct slice lower(struct slice s, struct arena *a)
{
	uint8_t *low = arena_bytes(a, s.n);

	for (size_t i = 0; low && i < s.n; i++)
		low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] + 32) : s.p[i];
	return (struct slice){ low, low ? s.n : 0 };
}

/*
 * Envoy prints B of "A?B" where A is not there, and the line does not say which it is: such a value
 * means something only where both mean the same.  X-ENVOY-ORIGINAL-PATH and -HOST are what a route
 * rewrote: the ones that policies saw.
 */
static enum log_op request_op(struct slice name, struct slice args, struct log_piece *p, struct arena *a)
{
	const uint8_t *mark = args.n ? memchr(args.p, '?', args.n) : NULL;
	struct slice first = { args.p, mark ? (size_t)(mark - args.p) : args.n };
	struct slice second = mark ? slice_from(args, first.n + 1) : first;
	enum log_op op = header_op(name, first), other = header_op(name, second);

	if ((op == LOG_OP_ORIGINAL_PATH && other == LOG_OP_PATH) ||
	    (op == LOG_OP_ORIGINAL_HOST && other == LOG_OP_AUTHORITY))
		return other;
	if (op != other || (op == LOG_OP_HEADER && !slice_eq(first, second)))
		return LOG_OP_FREE;
	if (op == LOG_OP_HEADER)
		p->name = lower(first, a);
	return op;
}

/* --- all */

/* NAMESPACE:KEY:KEY..., no part of it empty. */
static bool are_keys(struct slice s)
{
	unsigned colons = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != ':')
			continue;
		if (!i || s.p[i - 1] == ':' || ++colons > KEYS_MOST)
			return false;
	}
	return s.n && s.p[s.n - 1] != ':';
}

/* METADATA(DYNAMIC:...) is DYNAMIC_METADATA(...). */
static bool is_metadata(struct slice name, struct slice args, struct slice *keys)
{
	const struct slice dynamic = SLICE("DYNAMIC:");

	*keys = args;
	if (same_name(name, "METADATA") && slice_starts(args, dynamic))
		*keys = slice_from(args, dynamic.n);
	else if (!same_name(name, "DYNAMIC_METADATA"))
		return false;
	return are_keys(*keys);
}

/* Operators that take arguments. */
static enum log_op argument_op(struct slice name, struct slice args, struct log_piece *p, struct arena *a)
{
	struct slice keys;

	if (same_name(name, "REQ") || same_name(name, "RESP") || same_name(name, "TRAILER") ||
	    same_name(name, "REQ_WITHOUT_QUERY"))
		return request_op(name, args, p, a);
	if (is_metadata(name, args, &keys)) {
		p->name = keys;
		return LOG_OP_METADATA;
	}
	enum log_op op = op_with(name, args);
	if (op != LOG_OP_OTHER)
		return op;
	if (same_name(name, "PATH"))
		return LOG_OP_PATH;
	return in_list(any_arguments, COUNT(any_arguments), name);
}

static enum log_op plain_op(struct slice name)
{
	enum log_op op = op_named(name);

	if (op == LOG_OP_OTHER)
		op = in_list(not_used, COUNT(not_used), name);
	return op == LOG_OP_OTHER ? in_list(any_arguments, COUNT(any_arguments), name) : op;
}

/* START_TIME_LOCAL is in a zone that nobody names, unless its own format does. */
static bool is_time(struct slice name, struct slice args)
{
	if (same_name(name, "START_TIME"))
		return true;
	return same_name(name, "START_TIME_LOCAL") && log_time_zoned(args);
}

void log_op_classify(struct slice name, struct slice args, bool has_args, struct log_piece *p,
		     struct arena *a)
{
	name = short_name(name);
	p->local = same_name(name, "START_TIME_LOCAL");
	if (p->local || same_name(name, "START_TIME"))
		p->time = args;
	if (is_time(name, args))
		p->op = LOG_OP_START_TIME;
	else
		p->op = has_args ? argument_op(name, args, p, a) : plain_op(name);
	if (p->op == LOG_OP_OTHER)
		p->name = name;
	p->shape = log_op_info[p->op].shape;
	if (p->op == LOG_OP_START_TIME && log_time_is_word(p->time))
		p->shape = p->time.n ? LOG_WORD : LOG_TIME;
	else if (p->op == LOG_OP_OTHER || p->time.n || same_name(args, "ALLOW_WHITESPACES"))
		p->shape = LOG_FREE;
}
