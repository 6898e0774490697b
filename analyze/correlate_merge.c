/*
 * correlate_merge: which line and which wire flow are one, and what the one flow says.
 *
 * The wire's value stands where both know one; the log adds what the wire could not see.
 */
#include "analyze/correlate_build.h"

#include <string.h>

#include "common/buf.h"

static const int64_t slack = 2 * INT64_C(1000000000);

/* The path without its query: the log may have dropped it. */
static struct slice path_only(const struct flow *f)
{
	struct slice p = flow_text(f, F_PATH);
	const uint8_t *q = p.n ? memchr(p.p, '?', p.n) : NULL;

	return q ? (struct slice){ p.p, (size_t)(q - p.p) } : p;
}

bool correlate_same_time(const struct flow *wire, const struct flow *log)
{
	if (!flow_has(wire, F_STARTED_AT) || !flow_has(log, F_STARTED_AT))
		return true;
	int64_t from = flow_num(wire, F_STARTED_AT), at = flow_num(log, F_STARTED_AT);
	int64_t to = flow_has(wire, F_ENDED_AT) ? flow_num(wire, F_ENDED_AT) : from;

	return at >= from - slack && at <= to + slack;
}

bool correlate_same_request(const struct flow *wire, const struct flow *log)
{
	if (flow_has(wire, F_REQUEST_ID) && flow_has(log, F_REQUEST_ID))
		return flow_same(wire, log, F_REQUEST_ID);
	return flow_same(wire, log, F_METHOD) &&
	       slice_eq(path_only(wire), path_only(log)) && correlate_same_time(wire, log);
}

/* Two clocks looked at one beginning. */
void correlate_compare_clocks(const struct correlate *c, const struct flow *wire,
			      const struct flow *log)
{
	static const int64_t near = 100 * INT64_C(1000000);

	if (!c->o.ev || !flow_has(wire, F_STARTED_AT) || !flow_has(log, F_STARTED_AT))
		return;
	int64_t at = flow_num(wire, F_STARTED_AT), said = flow_num(log, F_STARTED_AT);
	evidence_add(c->o.ev, EV_JOIN_TIMED, 1);
	if (said < at - near)
		evidence_add(c->o.ev, EV_JOIN_LOG_EARLY, 1);
	else if (said > at + near)
		evidence_add(c->o.ev, EV_JOIN_LOG_LATE, 1);
}

/* Fields that wire and log both observe by themselves: a difference is a finding. */
static const struct {
	enum flow_field k;
	enum finding_code code;
	const char *what;
} both[] = {
	{ F_SOURCE_IDENTITY, FINDING_ID_WIRE_LOG, "identity" },
	{ F_SNI, FINDING_EVD_CONFLICT, "SNI" },
	{ F_METHOD, FINDING_EVD_CONFLICT, "method" },
	{ F_AUTHORITY, FINDING_EVD_CONFLICT, "authority" },
	{ F_STATUS, FINDING_EVD_CONFLICT, "status" },
	{ F_TLS_VERSION, FINDING_EVD_CONFLICT, "TLS version" },
};

static void print_value(struct buf *b, const struct flow *f, enum flow_field k)
{
	enum flow_type t = field_info[k].type;

	if (!flow_has(f, k))
		buf_str(b, "none");
	else if (t == FLOW_TEXT)
		buf_quote(b, f->v[k].text);
	else if (t >= FLOW_ENUM)
		buf_str(b, flow_enum_name((enum flow_enum)(t - FLOW_ENUM), f->v[k].num));
	else
		buf_int(b, f->v[k].num);
}

static bool conflict(const struct flow *wire, const struct flow *log, enum flow_field k)
{
	enum flow_state w = flow_state(wire, k), l = flow_state(log, k);

	if (w == FLOW_UNKNOWN || l == FLOW_UNKNOWN || (w == FLOW_ABSENT && l == FLOW_ABSENT))
		return false;
	/* The log's "-" also stands for what Envoy could not tell (a failed handshake). */
	if (l == FLOW_ABSENT)
		return k == F_SOURCE_IDENTITY && flow_num(log, F_OUTCOME) == OUTCOME_SERVED;
	return !flow_same(wire, log, k);
}

/* Everything that the log knows and the wire does not; what both know is compared. */
void correlate_merge(struct correlate *c, struct flow *wire, const struct flow *log)
{
	struct buf said;

	buf_init(&said, 4096);
	for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
		if (!conflict(wire, log, both[i].k))
			continue;
		c->count.conflicts++;
		buf_clear(&said);
		buf_str(&said, "the wire shows ");
		print_value(&said, wire, both[i].k);
		buf_str(&said, ", the log says ");
		print_value(&said, log, both[i].k);
		buf_byte(&said, 0);
		finding_note(wire, both[i].code, c->arena, "%s differs: %s", both[i].what,
			    said.full ? "the values are too long to be shown"
				      : (const char *)said.p);
	}
	buf_release(&said);
	bool agree = flow_same(wire, log, F_SOURCE_IDENTITY);
	for (int k = 0; k < F_COUNT; k++)
		if (flow_state(wire, (enum flow_field)k) == FLOW_UNKNOWN)
			flow_take(wire, (enum flow_field)k, log);
	/* The log saw the request itself: what it counts is the request's, not the connection's. */
	static const enum flow_field logs[] = {
		F_RESPONSE_FLAGS, F_OUTCOME, F_OUTCOME_POLICY, F_OUTCOME_RULE, F_FAILURE,
		F_UPSTREAM_IP, F_UPSTREAM_PORT, F_DURATION_MS,
	};
	for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
		if (flow_state(log, logs[i]) != FLOW_UNKNOWN)
			flow_take(wire, logs[i], log);
	flow_set_num(wire, F_OBSERVED_BY, OBSERVED_BOTH);
	wire->line = log->line;
	wire->writer = log->writer;
	if (agree)
		flow_set_num(wire, F_IDENTITY_SOURCE, IDENTITY_BOTH);
}

/* What the log line says of its request, on top of the connection's TLS facts. */
void correlate_lend(struct correlate *c, const struct flow *conn, struct flow *log)
{
	struct flow joined = *conn;
	static const enum flow_field requests[] = {
		F_STARTED_AT, F_ENDED_AT, F_PROTOCOL, F_CHAIN, F_BYTES_SENT, F_BYTES_RECEIVED,
		F_METHOD, F_AUTHORITY, F_PATH, F_STATUS, F_USER_AGENT, F_REQUEST_ID,
		F_REQUEST_HEADERS, F_REMOTE_IP, F_ID,
	};

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (flow_state(log, requests[i]) != FLOW_UNKNOWN)
			flow_take(&joined, requests[i], log);
	correlate_merge(c, &joined, log);
	*log = joined;
}
