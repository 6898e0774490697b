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

static void add_header(struct log_sight *s, struct slice name)
{
	if (s->n_headers == SIGHT_HEADERS || name.n >= SIGHT_HEADER_MOST)
		return;
	memcpy(s->header[s->n_headers], name.p, name.n);
	s->header[s->n_headers++][name.n] = 0;
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
			add_header(s, p->name);
		for (int k = 0; k < F_COUNT; k++)
			s->gives[k] |= names(log_op_info[p->op].meaning, field_info[k].name);
		s->gives[F_REQUEST_CLAIMS] |= has_claims(p);
	}
}

/* Headers that have an operator and a field of their own. */
static const struct {
	const char *header;
	enum flow_field field;
} own[] = {
	{ "user-agent", F_USER_AGENT }, { "x-request-id", F_REQUEST_ID },
};

bool log_sight_gives(const struct log_sight *s, enum flow_field field, struct slice header)
{
	if (field >= F_COUNT)
		return false;
	if (!header.n)
		return s->gives[field];
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (slice_is(header, own[i].header))
			return s->gives[own[i].field];
	for (uint32_t i = 0; i < s->n_headers; i++)
		if (slice_is(header, s->header[i]))
			return true;
	return false;
}

static const struct {
	enum flow_field field;
	enum log_op op;
	const char *key;		/* in Istio's JSON, and where that has none, in its manner */
} advice[] = {
	{ F_SOURCE_IDENTITY, LOG_OP_PEER_URI_SAN, "downstream_peer_uri_san" },
	{ F_SOURCE_IP, LOG_OP_DOWNSTREAM_DIRECT, "downstream_direct_remote_address" },
	{ F_REMOTE_IP, LOG_OP_DOWNSTREAM_REMOTE, "downstream_remote_address" },
	{ F_DESTINATION_IP, LOG_OP_DOWNSTREAM_LOCAL, "downstream_local_address" },
	{ F_DESTINATION_PORT, LOG_OP_DOWNSTREAM_LOCAL, "downstream_local_address" },
	{ F_SNI, LOG_OP_SNI, "requested_server_name" },
	{ F_METHOD, LOG_OP_METHOD, "method" },
	{ F_AUTHORITY, LOG_OP_AUTHORITY, "authority" },
	{ F_PATH, LOG_OP_PATH, "path" },
	{ F_STARTED_AT, LOG_OP_START_TIME, "start_time" },
	{ F_STATUS, LOG_OP_RESPONSE_CODE, "response_code" },
	{ F_RESPONSE_FLAGS, LOG_OP_RESPONSE_FLAGS, "response_flags" },
	{ F_RESPONSE_CODE_DETAILS, LOG_OP_RESPONSE_CODE_DETAILS, "response_code_details" },
	{ F_CONNECTION_TERMINATION_DETAILS, LOG_OP_TERMINATION_DETAILS, "connection_termination_details" },
	{ F_UPSTREAM_CLUSTER, LOG_OP_UPSTREAM_CLUSTER, "upstream_cluster" },
	{ F_UPSTREAM_IP, LOG_OP_UPSTREAM_HOST, "upstream_host" },
	{ F_UPSTREAM_LOCAL_IP, LOG_OP_UPSTREAM_LOCAL, "upstream_local_address" },
	{ F_REQUEST_ID, LOG_OP_REQUEST_ID, "request_id" },
	{ F_TLS_VERSION, LOG_OP_TLS_VERSION, "downstream_tls_version" },
	{ F_CONNECTION_ID, LOG_OP_CONNECTION_ID, "connection_id" },
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

static void put_header(struct buf *out, bool json, struct slice header)
{
	struct buf op;

	buf_init(&op, 4096);
	buf_str(&op, "REQ(");
	for (size_t i = 0; i < header.n; i++)
		buf_byte(&op, (uint8_t)toupper(header.p[i]));
	buf_byte(&op, ')');
	put(out, json, header, buf_slice(&op));
	buf_release(&op);
}

bool log_sight_advice(enum flow_field field, struct slice header, bool json, struct buf *out)
{
	if (header.n && header.n < SIGHT_HEADER_MOST) {
		put_header(out, json, header);
		return true;
	}
	for (size_t i = 0; !header.n && i < sizeof advice / sizeof *advice; i++)
		if (advice[i].field == field) {
			put(out, json, slice_of(advice[i].key), slice_of(log_op_info[advice[i].op].name));
			return true;
		}
	return false;
}
