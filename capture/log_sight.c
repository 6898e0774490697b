/*
 * log_sight: log_op.def says in words which fields an operator gives; those words are the table
 * here, so that a new operator is one row there and nothing here.
 */
#include "capture/log_sight.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* `name` as a whole word. */
static bool names(const char *meaning, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = strstr(meaning, name); at; at = strstr(at + 1, name))
		if ((at == meaning || !word_byte(at[-1])) && !word_byte(at[n]))
			return true;
	return false;
}

static void add_part(struct log_sight *s, enum flow_field field, struct slice name)
{
	if (s->n_parts == SIGHT_PARTS || name.n >= SIGHT_PART_MOST)
		return;
	s->part[s->n_parts].field = field;
	memcpy(s->part[s->n_parts].name, name.p, name.n);
	s->part[s->n_parts++].name[name.n] = 0;
}

/* Metadata that Istio keeps a token's claims in. */
static bool has_claims(const struct log_piece *p)
{
	const struct slice filter = SLICE("envoy.filters.http.jwt_authn");

	return p->op == LOG_OP_METADATA && slice_starts(p->name, filter) &&
	       (p->name.n == filter.n || slice_is(slice_from(p->name, filter.n), ":payload"));
}

void log_sight_of(struct log_sight *s, const struct log_format *f, const bool *seen)
{
	memset(s, 0, sizeof *s);
	snprintf(s->format, sizeof s->format, "%s", f->name);
	s->json = f->json;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct log_piece *p = &f->piece[i];

		if (seen && !seen[i])
			continue;
		if (p->op == LOG_OP_HEADER)
			add_part(s, F_REQUEST_HEADERS, p->name);
		if (p->op == LOG_OP_METADATA)
			add_part(s, F_METADATA, p->name);
		for (int k = 0; k < F_COUNT; k++)
			s->gives[k] |= names(log_op_info[p->op].meaning, field_info[k].name);
		s->gives[F_REQUEST_CLAIMS] |= has_claims(p);
	}
}

/* Headers that have an operator and a field of their own; F_COUNT: what egret keeps of it is no header's value. */
static const struct {
	const char *header;
	enum flow_field field;
} own[] = {
	{ "user-agent", F_USER_AGENT }, { "x-request-id", F_REQUEST_ID }, { ":scheme", F_COUNT },
	{ "x-forwarded-for", F_COUNT }, { "x-forwarded-client-cert", F_COUNT }, { "x-envoy-original-path", F_COUNT },
	{ "x-envoy-original-host", F_COUNT },
};

/* The same header or metadata, or a filter's metadata as a whole. */
static bool holds(const char *name, enum flow_field field, struct slice part)
{
	size_t n = strlen(name);

	if (slice_is(part, name))
		return true;
	return field == F_METADATA && slice_starts(part, slice_of(name)) && part.n > n && part.p[n] == ':';
}

bool log_sight_gives(const struct log_sight *s, enum flow_field field, struct slice part)
{
	if (field >= F_COUNT)
		return false;
	if (!part.n)
		return s->gives[field];
	for (size_t i = 0; field == F_REQUEST_HEADERS && i < sizeof own / sizeof *own; i++)
		if (slice_is(part, own[i].header))
			return own[i].field < F_COUNT && s->gives[own[i].field];
	for (uint32_t i = 0; i < s->n_parts; i++)
		if (s->part[i].field == field && holds(s->part[i].name, field, part))
			return true;
	return false;
}

static const struct {
	enum flow_field field;
	enum log_op op;
	const char *key;		/* in Istio's JSON, and where that has none, in its manner */
	const char *better;		/* the operator where log_op.def's is not what policies see */
} advice[] = {
	{ F_SOURCE_IDENTITY, LOG_OP_PEER_URI_SAN, "downstream_peer_uri_san", NULL },
	{ F_SOURCE_IP, LOG_OP_DOWNSTREAM_DIRECT, "downstream_direct_remote_address", NULL },
	{ F_REMOTE_IP, LOG_OP_DOWNSTREAM_REMOTE, "downstream_remote_address", NULL },
	{ F_DESTINATION_IP, LOG_OP_DOWNSTREAM_LOCAL, "downstream_local_address", NULL },
	{ F_DESTINATION_PORT, LOG_OP_DOWNSTREAM_LOCAL, "downstream_local_address", NULL },
	{ F_SNI, LOG_OP_SNI, "requested_server_name", NULL },
	{ F_METHOD, LOG_OP_METHOD, "method", NULL },
	{ F_AUTHORITY, LOG_OP_AUTHORITY, "authority", NULL },
	{ F_PATH, LOG_OP_PATH, "path", "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)" },
	{ F_REQUEST_CLAIMS, LOG_OP_METADATA, "jwt_authn", "DYNAMIC_METADATA(envoy.filters.http.jwt_authn)" },
	{ F_STARTED_AT, LOG_OP_START_TIME, "start_time", NULL },
	{ F_STATUS, LOG_OP_RESPONSE_CODE, "response_code", NULL },
	{ F_RESPONSE_FLAGS, LOG_OP_RESPONSE_FLAGS, "response_flags", NULL },
	{ F_RESPONSE_CODE_DETAILS, LOG_OP_RESPONSE_CODE_DETAILS, "response_code_details", NULL },
	{ F_CONNECTION_TERMINATION_DETAILS, LOG_OP_TERMINATION_DETAILS, "connection_termination_details", NULL },
	{ F_UPSTREAM_CLUSTER, LOG_OP_UPSTREAM_CLUSTER, "upstream_cluster", NULL },
	{ F_UPSTREAM_IP, LOG_OP_UPSTREAM_HOST, "upstream_host", NULL },
	{ F_UPSTREAM_LOCAL_IP, LOG_OP_UPSTREAM_LOCAL, "upstream_local_address", NULL },
	{ F_REQUEST_ID, LOG_OP_REQUEST_ID, "request_id", NULL },
	{ F_USER_AGENT, LOG_OP_USER_AGENT, "user_agent", NULL },
	{ F_TLS_VERSION, LOG_OP_TLS_VERSION, "downstream_tls_version", NULL },
	{ F_CONNECTION_ID, LOG_OP_CONNECTION_ID, "connection_id", NULL },
};

static void put(struct buf *out, bool json, struct slice key, struct slice op)
{
	if (json) {
		buf_json_string(out, key);
		buf_byte(out, ':');
		buf_str(out, "\"%");
	} else {
		buf_byte(out, '%');
	}
	buf_quote(out, op);
	buf_str(out, json ? "%\"" : "%");
}

static void put_part(struct buf *out, bool json, enum flow_field field, struct slice part)
{
	const char *name = field == F_METADATA ? "DYNAMIC_METADATA(" : "REQ(";
	struct buf op;

	buf_init(&op, 4096);
	buf_str(&op, name);
	for (size_t i = 0; i < part.n; i++)
		buf_byte(&op, field == F_METADATA ? part.p[i] : (uint8_t)toupper(part.p[i]));
	buf_byte(&op, ')');
	put(out, json, part, buf_slice(&op));
	buf_release(&op);
}

/* A header that is a field of its own is advised as that. */
static bool own_field(enum flow_field *field, struct slice *part)
{
	for (size_t i = 0; *field == F_REQUEST_HEADERS && i < sizeof own / sizeof *own; i++) {
		if (!slice_is(*part, own[i].header))
			continue;
		*field = own[i].field;
		*part = SLICE("");
	}
	return *field < F_COUNT;
}

bool log_sight_advice(enum flow_field field, struct slice part, bool json, struct buf *out)
{
	if (!own_field(&field, &part))
		return false;
	if (part.n && part.n < SIGHT_PART_MOST) {
		put_part(out, json, field, part);
		return true;
	}
	for (size_t i = 0; !part.n && i < sizeof advice / sizeof *advice; i++)
		if (advice[i].field == field) {
			const char *op = advice[i].better ? advice[i].better : log_op_info[advice[i].op].name;
			put(out, json, slice_of(advice[i].key), slice_of(op));
			return true;
		}
	return false;
}
