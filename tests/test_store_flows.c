/*
 * Random flows through the store and back: every field in each of its three states, hostile text
 * included, comes back as it went in; the views show it; the rollups equal a group-by over the rows.
 */
#include "common/clock.h"
#include "schema/flow_json.h"
#include "schema/where.h"
#include "tests/rnd.h"
#include "tests/store_db.h"
#include "tests/tap.h"

static const char *path = "test_store_flows.db";
static const struct slice texts[] = {
	{ (const uint8_t *)"", 0 }, { (const uint8_t *)"a", 1 }, { (const uint8_t *)"a.example", 9 },
	{ (const uint8_t *)"A.Example:443", 13 }, { (const uint8_t *)"nul\0nul", 7 },
	{ (const uint8_t *)"\xff\xfe", 2 }, { (const uint8_t *)"\\xff\\xfe", 8 },
	{ (const uint8_t *)"' OR 1=1 --", 11 }, { (const uint8_t *)"\xe2\x80\xae" "evil", 7 },
	{ (const uint8_t *)"=cmd()", 6 }, { (const uint8_t *)"spiffe://td/ns/x/sa/y", 21 },
	{ (const uint8_t *)"60d19c7d-5ece-b7fb-3a52-781272ab3c66", 36 },
	{ (const uint8_t *)"60D19C7D-5ece-b7fb-3a52-781272ab3c66", 36 },
	{ (const uint8_t *)"none", 4 },
};
static const struct slice jsons[] = {
	{ (const uint8_t *)"[]", 2 }, { (const uint8_t *)"[\"h2\",\"http/1.1\"]", 17 },
	{ (const uint8_t *)"{\"x-a\":\"1\"}", 11 }, { (const uint8_t *)"{}", 2 },
};
enum { N_TEXTS = sizeof texts / sizeof *texts, N_JSONS = sizeof jsons / sizeof *jsons };

static char unique[256][40];
static unsigned n_unique;
static uint8_t longer[5000];

static struct slice any_text(void)
{
	uint32_t k = rnd(N_TEXTS + 4);

	if (k < N_TEXTS)
		return texts[k];
	if (k == N_TEXTS)
		return (struct slice){ longer, rnd(sizeof longer) };
	char *s = unique[n_unique++ % 256];
	snprintf(s, 40, "text-%u", rnd(1000000));
	return slice_of(s);
}

static int64_t any_int(void)
{
	switch (rnd(6)) {
	case 0:
		return INT64_MAX;
	case 1:
		return INT64_MIN;
	case 2:
		return -1;
	case 3:
		return 0;
	default:
		return (int64_t)rnd(100000);
	}
}

static void set_any(struct flow *f, enum flow_field k)
{
	uint8_t ip[16];
	double real[] = { 0, 0.5, 12, 1e300, -3.25, 123456789.123456 };

	switch (field_info[k].type) {
	case FLOW_TEXT:
		flow_set_text(f, k, any_text());
		return;
	case FLOW_JSON:
		flow_set_text(f, k, jsons[rnd(N_JSONS)]);
		return;
	case FLOW_INT:
		flow_set_num(f, k, any_int());
		return;
	case FLOW_BOOL:
		flow_set_num(f, k, rnd(2));
		return;
	case FLOW_TIME:
		flow_set_num(f, k, INT64_C(1767607200000000000) + (int64_t)rnd(4000) * 1000000001);
		return;
	case FLOW_REAL:
		flow_set_real(f, k, real[rnd(6)]);
		return;
	case FLOW_IP:
		for (int i = 0; i < 16; i++)
			ip[i] = (uint8_t)rnd(256);
		flow_set_ip(f, k, rnd(2) ? ip_v4(ip) : *(struct ip *)ip);
		return;
	case FLOW_ENUM:
		break;
	}
	enum flow_enum t = (enum flow_enum)(field_info[k].type - FLOW_ENUM);
	int64_t v = 1 + rnd(8);
	flow_set_num(f, k, flow_enum_name(t, v) ? v : 1);
}

static struct finding list[2];

static void make(struct flow *f, bool full)
{
	flow_init(f);
	for (int k = 0; k < F_COUNT; k++) {
		uint32_t which = full ? 2 : rnd(3);
		if (k == F_ID)
			continue;
		if (which == 1)
			flow_set_absent(f, (enum flow_field)k);
		else if (which == 2)
			set_any(f, (enum flow_field)k);
	}
	if (flow_has(f, F_REMOTE_IP) && flow_has(f, F_SOURCE_IP) && rnd(2))
		f->v[F_REMOTE_IP].ip = f->v[F_SOURCE_IP].ip;
	else if (flow_has(f, F_REMOTE_IP) && rnd(8) == 0)
		f->v[F_REMOTE_IP].ip = ip_v4((uint8_t[]){ 0, 0, 0, 1 });
	if (flow_has(f, F_SOURCE_IDENTITY))
		flow_set_identity(f, f->v[F_SOURCE_IDENTITY].text);
	else if (flow_state(f, F_SOURCE_IDENTITY) == FLOW_ABSENT)
		flow_set_no_identity(f);
	for (int k = 0; k < 2; k++)
		list[k] = (struct finding){ .code = k ? FINDING_SNI_HOST : FINDING_ENF_GAP,
					    .severity = SEV_HIGH, .sentence = texts[rnd(N_TEXTS)] };
	f->findings = list;
	f->n_findings = rnd(3);
}

enum { FLOWS = 3000 };

static struct buf went[FLOWS];

struct compare {
	struct sink sink;
	size_t n, wrong;
};

static void as_json(struct flow *f, struct buf *b)
{
	flow_forget(f, F_ID);
	buf_init(b, 1 << 20);
	flow_json_write(b, f);
	for (int k = 0; k < F_COUNT; k++)	/* JSON cannot show bytes that are not UTF-8 */
		if (flow_has(f, (enum flow_field)k) && field_info[k].type == FLOW_TEXT)
			buf_hex(b, f->v[k].text);
}

static int compare(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	struct compare *c = (struct compare *)sink;
	struct buf b;

	(void)e;
	for (size_t i = 0; i < n; i++, c->n++) {
		as_json(&flows[i], &b);
		if (c->n < FLOWS && !slice_eq(buf_slice(&b), buf_slice(&went[c->n])) && !c->wrong++)
			printf("# flow %zu\n# went %.*s\n# came %.*s\n", c->n + 1,
			       (int)went[c->n].n, (const char *)went[c->n].p, (int)b.n,
			       (const char *)b.p);
		buf_release(&b);
	}
	return 0;
}

static void round_trip(struct store *s)
{
	struct compare c = { .sink = { .push = compare } };
	struct err e = { 0 };
	struct flow f;

	for (int i = 0; i < FLOWS; i++) {
		make(&f, i % 10 == 0);
		as_json(&f, &went[i]);
		if (sink_push(store_sink(s), &f, 1, &e)) {
			printf("# %s\n", e.msg);
			ok(!"pushed");
			return;
		}
		if (i % 700 == 0 && store_commit(s, &e))
			printf("# %s\n", e.msg);
	}
	is(sink_finish(store_sink(s), &e), 0);
	if (!ok(!store_flows(s, NULL, 0, &c.sink, NULL, &e)))
		printf("# %s\n", e.msg);
	is(c.n, FLOWS);
	is(c.wrong, 0);
}

/* The same question to the rollup and to the rows. */
static void same(struct store *s, const char *what, const char *rollup, const char *rows)
{
	struct buf a = { 0 }, b = { 0 };
	const char *x = db_text(s, rollup, &a), *y = db_text(s, rows, &b);

	tap_ok(!strcmp(x, y) && *x, what, __FILE__, __LINE__);
	if (strcmp(x, y))
		printf("# rollup: %.1500s\n# rows: %.1500s\n", x, y);
	buf_release(&a);
	buf_release(&b);
}

#define COUNTS "sum(coalesce(verdict = 'allow', 0)), sum(coalesce(verdict = 'deny', 0))," \
	" sum(coalesce(outcome = 'refused', 0)), sum(coalesce(verdict = 'deny' AND outcome = 'served', 0))," \
	" sum(coalesce(findings <> '[]', 0)), min(coalesce(started_at, '1970-01-01T00:00:00Z'))," \
	" max(coalesce(started_at, '1970-01-01T00:00:00Z'))"
#define WHO "CASE WHEN source_identity IS NOT NULL THEN source_identity WHEN ' ' || absent || ' ' LIKE" \
	" '% source\\_identity %' ESCAPE '\\' THEN '(none)' END"

static void rollups(struct store *s)
{
	same(s, "traffic", "SELECT minute, gateway, leg, verdict, outcome, sum(flows) FROM traffic"
	     " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
	     "SELECT coalesce(substr(started_at, 1, 17), '1970-01-01T00:00:') || '00Z', gateway, leg,"
	     " verdict, outcome, count(*) FROM flows GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5");
	same(s, "edges", "SELECT hour, identity, host, sum(flows), sum(allowed), sum(denied), sum(refused),"
	     " sum(gaps), sum(found), min(first_seen), max(last_seen) FROM edges GROUP BY 1, 2, 3"
	     " ORDER BY 1, 2, 3",
	     "SELECT coalesce(substr(started_at, 1, 14), '1970-01-01T00:') || '00:00Z', " WHO ", host,"
	     " count(*), " COUNTS " FROM flows GROUP BY 1, 2, 3 ORDER BY 1, 2, 3");
	same(s, "destinations", "SELECT host, sum(flows), sum(allowed), sum(denied), sum(refused), sum(gaps),"
	     " sum(found), min(first_seen), max(last_seen) FROM destinations GROUP BY 1 ORDER BY 1",
	     "SELECT host, count(*), " COUNTS " FROM flows GROUP BY 1 ORDER BY 1");
	same(s, "identities", "SELECT identity, sum(flows), sum(allowed), sum(denied), sum(refused),"
	     " sum(gaps), sum(found), min(first_seen), max(last_seen) FROM identities GROUP BY 1 ORDER BY 1",
	     "SELECT " WHO ", count(*), " COUNTS " FROM flows GROUP BY 1 ORDER BY 1");
	same(s, "rules", "SELECT verdict, action, sum(flows) FROM rules GROUP BY 1, 2 ORDER BY 1, 2",
	     "SELECT verdict, action, count(*) FROM flows WHERE verdict IS NOT NULL GROUP BY 1, 2"
	     " ORDER BY 1, 2");
	same(s, "finding_trend", "SELECT code, sum(flows) FROM finding_trend GROUP BY 1 ORDER BY 1",
	     "SELECT j.value, count(*) FROM flows, json_each(flows.findings) AS j GROUP BY 1 ORDER BY 1");
	same(s, "findings", "SELECT code, sum(flows) FROM findings GROUP BY 1 ORDER BY 1",
	     "SELECT j.value, count(*) FROM flows, json_each(flows.findings) AS j GROUP BY 1 ORDER BY 1");
	is(db_number(s, "SELECT count(*) FROM finding_flows WHERE flow_id NOT IN (SELECT id FROM flow)"), 0);
	is(db_number(s, "SELECT max(n) <= 8 FROM (SELECT count(*) AS n FROM finding_flows GROUP BY key)"), 1);
}

/* Every field is a column of the view, in its words. */
static void view(struct store *s)
{
	char sql[200];

	for (int k = 0; k < F_COUNT; k++) {
		snprintf(sql, sizeof sql, "SELECT count(%s) FROM flows", field_info[k].name);
		if (db_number(s, sql) < 1)
			tap_ok(0, field_info[k].name, __FILE__, __LINE__);
	}
	is(db_number(s, "SELECT count(*) FROM flows WHERE started_at IS NOT NULL AND"
			" CAST(strftime('%s', started_at) AS INTEGER) <> started_at_ns / 1000000000"), 0);
	is(db_number(s, "SELECT count(*) FROM flows WHERE request_id ="
			" '60d19c7d-5ece-b7fb-3a52-781272ab3c66'") > 0, 1);
	is(db_number(s, "SELECT count(*) FROM flows WHERE request_id ="
			" '60D19C7D-5ece-b7fb-3a52-781272ab3c66'") > 0, 1);
	is(db_number(s, "SELECT count(*) FROM flows WHERE verdict NOT IN"
			" ('allow', 'deny', 'unknown', 'none')"), 0);
}

int main(void)
{
	struct err e = { 0 };

	memset(longer, 'x', sizeof longer);
	db_remove(path);
	struct store *s = store_open(path, STORE_WRITE, &e);
	if (ok(s != NULL)) {
		round_trip(s);
		view(s);
		rollups(s);
		is(store_close(&s, &e), 0);
	}
	for (int i = 0; i < FLOWS; i++)
		buf_release(&went[i]);
	db_remove(path);
	return tap_end();
}
