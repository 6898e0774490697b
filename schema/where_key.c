/*
 * where_key: what a key means: a short name of a field, a field, or one of the few keys that are
 * not one field.
 */
#include <string.h>

#include "common/clock.h"
#include "schema/store_part.h"
#include "schema/where_part.h"

const struct where_key_info where_keys[] = {
	{ "host", "where the flow goes: inner SNI, authority, SNI or address" },
	{ "identity", "source_identity" },
	{ "ns", "source_namespace" },
	{ "sa", "source_service_account" },
	{ "td", "source_trust_domain" },
	{ "src", "source_ip; an address or a block" },
	{ "dst", "destination_ip; an address or a block" },
	{ "port", "destination_port" },
	{ "cluster", "upstream_cluster" },
	{ "ua", "user_agent" },
	{ "cert", "client_certificate" },
	{ "revision", "policy_revision" },
	{ "finding", "code of a finding that the flow has, or any" },
	{ "is", "gap (denied and served), denied, refused, unknown, found, first (first of its kind), notable" },
	{ "has", "a field that is present" },
	{ "lacks", "a field that is known to be absent" },
	{ "unseen", "a field that nobody observed" },
	{ "since", "started at or after: 24h, 30d, 2026-11-24, 2026-11-24T08:00:00Z" },
	{ "until", "started before" },
	{ NULL, NULL },
};

static const struct { const char *name; enum flow_field field; } aliases[] = {
	{ "identity", F_SOURCE_IDENTITY }, { "ns", F_SOURCE_NAMESPACE },
	{ "sa", F_SOURCE_SERVICE_ACCOUNT }, { "td", F_SOURCE_TRUST_DOMAIN },
	{ "src", F_SOURCE_IP }, { "dst", F_DESTINATION_IP }, { "port", F_DESTINATION_PORT },
	{ "cluster", F_UPSTREAM_CLUSTER }, { "ua", F_USER_AGENT },
	{ "cert", F_CLIENT_CERTIFICATE }, { "revision", F_POLICY_REVISION },
};

static int field_of(struct slice key)
{
	for (size_t k = 0; k < sizeof aliases / sizeof *aliases; k++)
		if (slice_is(key, aliases[k].name))
			return (int)aliases[k].field;
	return flow_field_by_name(key);
}

static int only_is(const struct where_term *t, struct err *e)
{
	if (t->op == OP_IS || t->op == OP_EXACT)
		return 0;
	return where_wrong(t, e, "%.*s is used with a colon", (int)t->key.n, (const char *)t->key.p);
}

static int key_host(struct where *w, const struct where_term *t, struct err *e)
{
	buf_str(&w->sql, "f.target IN (SELECT id FROM target WHERE ");
	if (where_text(w, t, "host", true, true, e))
		return -1;
	buf_byte(&w->sql, ')');
	return 0;
}

static int key_time(struct where *w, const struct where_term *t, struct err *e)
{
	bool since = slice_is(t->key, "since");
	const char *p;
	int64_t ns;

	if (only_is(t, e) || where_time(w, t, &ns, e))
		return -1;
	p = where_bind_int(w, ns);
	if (w->of == WHERE_FINDINGS) {
		buf_printf(&w->sql, since ? "f.last_seen_ns >= %s" : "f.first_seen_ns < %s", p);
		return 0;
	}
	/* Table batch says which ids can hold such times. */
	buf_printf(&w->sql, since ? "f.started_at >= %s AND f.id >= (SELECT min(first_flow) FROM batch"
				    " WHERE max_started >= %s)"
				  : "f.started_at < %s AND f.id <= (SELECT max(last_flow) FROM batch"
				    " WHERE min_started < %s)", p, p);
	return 0;
}

static int key_finding(struct where *w, const struct where_term *t, struct err *e)
{
	struct slice rest = t->value, code;
	char quoted[80];
	bool first = true;

	if (only_is(t, e))
		return -1;
	if (!t->negated)
		w->notable = true;
	if (slice_is(t->value, "any") || slice_is(t->value, "*")) {
		buf_str(&w->sql, "f.notable & 8");
		return 0;
	}
	buf_str(&w->sql, "f.notable & 8 AND f.result IN (SELECT id FROM result WHERE findings IN"
			 " (SELECT id FROM text WHERE text LIKE '[\"%' AND (");
	while (where_next(&rest, &code, t->quoted)) {
		if (!finding_by_code(code))
			return where_wrong(t, e, "no finding has the code %.*s",
					   (int)(code.n < 60 ? code.n : 60), (const char *)code.p);
		sqlite3_snprintf(sizeof quoted, quoted, "\"%.*s\"", (int)code.n, code.p);
		buf_printf(&w->sql, "%sinstr(text, %s)", first ? "" : " OR ",
			   where_bind_text(w, slice_of(quoted)));
		first = false;
	}
	buf_str(&w->sql, ")))");
	return 0;
}

static int key_is(struct where *w, const struct where_term *t, struct err *e)
{
	static const struct { const char *name, *sql; } is[] = {
		{ "refused", "f.notable & 1" }, { "denied", "f.notable & 2" },
		{ "unknown", "f.notable & 4" }, { "found", "f.notable & 8" },
		{ "first", "f.notable & 16" }, { "notable", "f.notable > 0" },
		{ "gap", "f.notable & 2 AND f.result IN (SELECT id FROM result WHERE verdict = 2"
			 " AND outcome = 1)" },
	};

	if (only_is(t, e))
		return -1;
	for (size_t k = 0; k < sizeof is / sizeof *is; k++) {
		if (!slice_is(t->value, is[k].name))
			continue;
		if (!t->negated)
			w->notable = true;
		buf_printf(&w->sql, "%s", is[k].sql);
		return 0;
	}
	return where_wrong(t, e, "is: takes gap, denied, refused, unknown, found, first or notable");
}

static unsigned place_of(int field)
{
	for (size_t i = 0; i < n_columns; i++)
		if (columns[i].field == field)
			return columns[i].place;
	return PLACE_MORE;
}

/* has:, lacks:, unseen: by the column and by the names kept as absent. */
static int key_state(struct where *w, const struct where_term *t, struct err *e)
{
	int k = field_of(t->value);
	unsigned place = k < 0 ? 0 : place_of(k);
	const char *group = place < GROUPS ? group_name[place] : "result";
	const char *column = place < GROUPS ? "absent" : "absent_row";
	const char *name;

	if (only_is(t, e))
		return -1;
	if (k < 0 || k == F_ID)
		return where_wrong(t, e, "%.*s: takes the name of a field", (int)t->key.n,
				   (const char *)t->key.p);
	name = k == F_ENDED_AT ? "ended" : field_info[k].name;
	if (!slice_is(t->key, "lacks")) {
		const char *want = slice_is(t->key, "has") ? "NOT NULL" : "NULL";
		if (place < GROUPS)
			buf_printf(&w->sql, "f.%s IN (SELECT id FROM %s WHERE %s IS %s)", group,
				   group, name, want);
		else if (place == PLACE_FLOW)
			buf_printf(&w->sql, "f.%s IS %s", name, want);
		else
			buf_printf(&w->sql, "json_extract(f.more, '$.%s') IS %s", name, want);
		if (slice_is(t->key, "has"))
			return 0;
		buf_str(&w->sql, " AND NOT ");
	}
	buf_printf(&w->sql, "f.%s IN (SELECT id FROM %s WHERE %s IN (SELECT id FROM text WHERE"
		   " instr(' ' || text || ' ', ' %s ')))", group, group, column, field_info[k].name);
	return 0;
}

static int finding_text(struct where *w, const struct where_term *t, struct err *e)
{
	static const struct { const char *key, *column; bool lower; } texts[] = {
		{ "code", "f.code", false }, { "finding", "f.code", false },
		{ "identity", "f.identity", false }, { "host", "f.host", true },
		{ "policy", "f.policy", false }, { "gateway", "f.gateway", false },
		{ "key", "f.key", false }, { "sentence", "f.sentence", false },
		{ "status", "f.status", false },
	};

	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
		if (slice_is(t->key, texts[k].key))
			return where_text(w, t, texts[k].column, false, texts[k].lower, e);
	return where_wrong(t, e, "findings have no %.*s; they have code, severity, status, identity, "
			   "ns, host, policy, gateway, key, sentence, since, until",
			   (int)(t->key.n < 60 ? t->key.n : 60), (const char *)t->key.p);
}

static int finding_severity(struct where *w, const struct where_term *t, struct err *e)
{
	static const char *const sign[] = {
		[OP_IS] = "=", [OP_EXACT] = "=", [OP_NOT] = "<>", [OP_HAS] = "=", [OP_LESS] = "<",
		[OP_LESS_EQ] = "<=", [OP_MORE] = ">", [OP_MORE_EQ] = ">=",
	};
	struct slice rest = t->value, one;
	bool first = true;

	while (where_next(&rest, &one, false)) {
		int v = (int)severity_by_name(one);
		if (!v)
			return where_wrong(t, e, "severity is info, low, medium, high or critical");
		buf_printf(&w->sql, "%sf.severity_rank %s %d", first ? "" : " OR ", sign[t->op], v);
		first = false;
	}
	return 0;
}

static int finding_key(struct where *w, const struct where_term *t, struct err *e)
{
	if (slice_is(t->key, "severity"))
		return finding_severity(w, t, e);
	if (slice_is(t->key, "since") || slice_is(t->key, "until"))
		return key_time(w, t, e);
	if (!slice_is(t->key, "ns"))
		return finding_text(w, t, e);
	buf_str(&w->sql, "f.identity IN (SELECT identity FROM identities AS i WHERE ");
	if (where_text(w, t, "i.namespace", false, false, e))
		return -1;
	buf_byte(&w->sql, ')');
	return 0;
}

static int flow_key(struct where *w, const struct where_term *t, struct err *e)
{
	static const struct {
		const char *key;
		int (*compile)(struct where *, const struct where_term *, struct err *);
	} special[] = {
		{ "host", key_host }, { "since", key_time }, { "until", key_time },
		{ "finding", key_finding }, { "findings", key_finding }, { "is", key_is },
		{ "has", key_state }, { "lacks", key_state }, { "unseen", key_state },
	};

	for (size_t k = 0; k < sizeof special / sizeof *special; k++)
		if (slice_is(t->key, special[k].key))
			return special[k].compile(w, t, e);
	if (slice_is(t->key, "verdict") && slice_is(t->value, "gap")) {
		struct where_term gap = *t;
		gap.op = OP_IS;
		gap.negated ^= t->op == OP_NOT;
		return key_is(w, &gap, e);
	}
	int field = field_of(t->key);
	if (field < 0)
		return where_wrong(t, e, "no key %.*s: a field's name, or host ns sa src dst port "
				   "finding is has since until", (int)(t->key.n < 60 ? t->key.n : 60),
				   (const char *)t->key.p);
	return where_field(w, t, field, e);
}

int where_compile(struct where *w, const struct where_term *t, struct err *e)
{
	struct where_term plain = *t;
	bool not = t->negated;

	if (t->op == OP_NOT) {		/* a != b is -a:b, to the letter */
		plain.op = OP_EXACT;
		plain.negated = not = !not;
	}
	/* Unknown is not equal: NULL counts as false before it is turned round. */
	buf_str(&w->sql, not ? "NOT coalesce((" : "");
	if (w->of == WHERE_FLOWS ? flow_key(w, &plain, e) : finding_key(w, &plain, e))
		return -1;
	buf_str(&w->sql, not ? "), 0)" : "");
	return 0;
}
