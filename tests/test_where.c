/* The filter language: which flows match, and what a wrong one is told. */
#include "schema/where.h"

#include "common/clock.h"
#include "tests/store_db.h"
#include "tests/tap.h"

static const char *path = "test_where.db";
#define START INT64_C(1767607200000000000)

static void fill(struct store *s)
{
	static const char *const hosts[] = { "a.example.org", "b.example.org", "api.test", "10.0.0.9" };
	static struct finding gap = { .code = FINDING_ENF_GAP, .severity = SEV_CRITICAL };
	struct err e = { 0 };
	struct flow f;

	gap.sentence = SLICE("denied and served");
	for (int k = 0; k < 8; k++) {
		flow_init(&f);
		flow_set_num(&f, F_STARTED_AT, START + k * 60 * NS_PER_S);
		flow_set_text(&f, F_AUTHORITY, slice_of(hosts[k % 4]));
		if (k < 4)
			flow_set_text(&f, F_SNI, slice_of(hosts[k % 4]));
		else if (k < 6)
			flow_set_absent(&f, F_SNI);
		flow_set_identity(&f, k % 2 ? SLICE("spiffe://td/ns/default/sa/x")
					    : SLICE("spiffe://td/ns/other/sa/y"));
		flow_set_ip(&f, F_SOURCE_IP, ip_v4((uint8_t[]){ 10, 1, 0, (uint8_t)k }));
		if (k < 4)
			flow_set_ip(&f, F_REMOTE_IP, f.v[F_SOURCE_IP].ip);
		else if (k < 6)
			flow_set_ip(&f, F_REMOTE_IP, ip_v4((uint8_t[]){ k == 4 ? 203 : 0, 0, 0, 1 }));
		flow_set_ip(&f, F_UPSTREAM_IP, ip_v4((uint8_t[]){ 200, 1, (uint8_t)k, 1 }));
		flow_set_num(&f, F_STATUS, k % 3 ? 200 : 503);
		flow_set_num(&f, F_BYTES_SENT, k * 100);
		flow_set_num(&f, F_VERDICT, k == 7 ? VERDICT_DENY : VERDICT_ALLOW);
		flow_set_num(&f, F_OUTCOME, OUTCOME_SERVED);
		flow_set_text(&f, F_USER_AGENT, SLICE("it's \"quoted\" [x]"));
		flow_set_text(&f, F_REQUEST_ID, SLICE("60d19c7d-5ece-b7fb-3a52-781272ab3c66"));
		f.findings = &gap;
		f.n_findings = k == 7;
		is(sink_push(store_sink(s), &f, 1, &e), 0);
	}
	is(store_commit(s, &e), 0);
}

static int ids(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	(void)n;
	(void)names;
	buf_printf(ctx, "%lld ", (long long)v[0].num);
	return 0;
}

static void check(struct store *s, const char *text, const char *want, struct where_page page)
{
	struct err e = { 0 };
	struct buf b;
	struct where *w = where_parse(WHERE_FLOWS, slice_of(text), START + 10 * 60 * NS_PER_S, &e);
	const char *sql = NULL;
	size_t n;

	buf_init(&b, 65536);
	page.columns = "v.id";
	if (w)
		sql = where_select(w, &page, &e);
	if (sql) {
		const struct store_param *p = where_params(w, &n);
		if (store_query(s, sql, p, n, (struct store_limits){ 0 }, ids, &b, NULL, &e))
			buf_printf(&b, "%s", e.msg);
	} else {
		buf_str(&b, e.msg);
	}
	buf_byte(&b, 0);
	tap_ok(!strcmp((const char *)b.p, want), text, __FILE__, __LINE__);
	if (strcmp((const char *)b.p, want) != 0)
		printf("# got %s\n# want %s\n", (const char *)b.p, want);
	buf_release(&b);
	where_free(&w);
}

static const struct {
	const char *filter, *ids;
} cases[] = {
	{ "", "8 7 6 5 4 3 2 1 " },
	{ "ns:default", "8 6 4 2 " },
	{ "-ns:default", "7 5 3 1 " },
	{ "ns!=default", "7 5 3 1 " },
	{ "host:*.org", "6 5 2 1 " },
	{ "host:*.ORG ns:other", "5 1 " },
	{ "example", "6 5 2 1 " },
	{ "host:api.test,10.0.0.9", "8 7 4 3 " },
	{ "sni!=api.test", "8 7 6 5 4 2 1 " },
	{ "has:sni", "4 3 2 1 " },
	{ "lacks:sni", "6 5 " },
	{ "unseen:sni", "8 7 " },
	{ "status:500..599", "7 4 1 " },
	{ "status:503", "7 4 1 " },
	{ "bytes_sent>=600", "8 7 " },
	{ "bytes_sent:0..100", "2 1 " },
	{ "src:10.1.0.0/30", "4 3 2 1 " },
	{ "remote_ip:10.1.0.0/31", "2 1 " },
	{ "remote_ip:10.1.0.2", "3 " },
	{ "remote_ip:203.0.0.1", "5 " },
	{ "remote_ip:0.0.0.1", "6 " },
	{ "remote_ip:0.0.0.0/8", "6 " },
	{ "-remote_ip:10.1.0.0/30", "8 7 6 5 " },
	{ "source_ip:10.1.0.7", "8 " },
	{ "upstream_ip:200.1.2.0/23", "4 3 " },
	{ "upstream_ip:0.0.0.0/0", "8 7 6 5 4 3 2 1 " },
	{ "verdict:deny", "8 " },
	{ "verdict:gap", "8 " },
	{ "is:gap finding:ENF-GAP", "8 " },
	{ "-verdict:deny since:6m", "7 6 5 " },
	{ "since:5m", "8 7 6 " },
	{ "until:2026-01-05T10:02:00Z", "2 1 " },
	{ "since:2026-01-05 until:2026-01-05", "" },
	{ "user_agent:\"it's \\\"quoted\\\" [x]\" id:2..3", "3 2 " },
	{ "ua~\"[x]\" id:1", "1 " },
	{ "ua~\"' OR 1=1\"", "" },
	{ "request_id=60d19c7d-5ece-b7fb-3a52-781272ab3c66 id<3", "2 1 " },
	{ "nokey:1", "filter, character 1: no key nokey: a field's name, or host ns sa src dst port"
		      " finding is has since until" },
	{ "ns:a verdict:maybe", "filter, character 6: verdict is one of allow, deny, unknown, none" },
	{ "ns:\"x", "filter, character 1: the quote is never closed" },
	{ "ns:", "filter, character 1: ns has no value" },
	{ "verdict = deny", "filter, character 9: = has no key: write KEY:VALUE without blanks" },
	{ "verdict != deny", "filter, character 9: = has no key: write KEY:VALUE without blanks" },
	{ "ns:a AND sa:b", "filter, character 6: and joins nothing here: all terms must hold, - before a term turns "
			   "it round; \"and\" in quotes is a word" },
	{ "since:soon", "filter, character 1: since takes a span (24h, 30d), a day (2026-11-24) or a time"
			" (2026-11-24T08:00:00Z)" },
	{ "src:nowhere", "filter, character 1: src takes an address or a block like 10.0.0.0/8" },
	{ "finding:NONE-SUCH", "filter, character 1: no finding has the code NONE-SUCH" },
	{ "host:********x", "filter, character 1: more than 6 stars" },
};

static void pages(struct store *s)
{
	check(s, "", "8 7 ", (struct where_page){ .limit = 2 });
	check(s, "", "6 5 ", (struct where_page){ .limit = 2, .after = true, .after_id = 7 });
	check(s, "", "1 2 ", (struct where_page){ .limit = 2, .ascending = true });
	check(s, "", "8 7 ", (struct where_page){ .limit = 2, .sort = "bytes_sent" });
	check(s, "", "5 4 ", (struct where_page){ .limit = 2, .sort = "bytes_sent", .after = true,
						  .after_id = 6 });
	check(s, "", "flows cannot be sorted by \"path; DROP TABLE flow\"",
	      (struct where_page){ .sort = "path; DROP TABLE flow" });
}

/* Every beginning of every case parses or is refused, never worse. */
static void prefixes(void)
{
	struct err e = { 0 };

	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		for (size_t n = 0; n <= strlen(cases[k].filter); n++) {
			char *copy = malloc(n ? n : 1);
			memcpy(copy, cases[k].filter, n);
			struct where *w = where_parse(WHERE_FLOWS,
						      (struct slice){ (uint8_t *)copy, n }, START, &e);
			where_free(&w);
			free(copy);
		}
	}
	ok(1);
}

int main(void)
{
	struct err e = { 0 };

	db_remove(path);
	struct store *s = store_open(path, STORE_WRITE, &e);
	if (ok(s != NULL)) {
		fill(s);
		for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
			check(s, cases[k].filter, cases[k].ids, (struct where_page){ 0 });
		pages(s);
		prefixes();
		is(store_close(&s, &e), 0);
	}
	db_remove(path);
	return tap_end();
}
