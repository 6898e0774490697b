/* The report: periods, its JSON, the page, hostile text, the same bytes for the same database. */
#include <openssl/evp.h>

#include "common/clock.h"
#include "common/json.h"
#include "tests/store_db.h"
#include "tests/tap.h"
#include "web/report.h"

static const char path[] = "test_report.db";
static const char hostile[] = "a.example\"><script>alert(1)</script>";

static void add(struct store *s, int64_t at, int64_t verdict, int64_t outcome, const char *host)
{
	struct finding found = { .code = FINDING_ENF_GAP, .severity = SEV_CRITICAL,
				 .sentence = SLICE("</script><b>bold</b>") };
	struct flow f;
	struct err e = { 0 };

	flow_init(&f);
	flow_set_num(&f, F_STARTED_AT, at);
	flow_set_num(&f, F_VERDICT, verdict);
	if (outcome)
		flow_set_num(&f, F_OUTCOME, outcome);
	flow_set_text(&f, F_SNI, slice_of(host));
	if (verdict == VERDICT_DENY && outcome == OUTCOME_SERVED) {
		f.findings = &found;
		f.n_findings = 1;
	}
	ok(!sink_push(store_sink(s), &f, 1, &e));
}

static int64_t at(const char *text)
{
	int64_t ns = 0;

	clock_parse(slice_of(text), &ns);
	return ns;
}

static bool fill(void)
{
	struct err e = { 0 };
	struct store *s;

	db_remove(path);
	s = store_open(path, STORE_WRITE, &e);
	if (!ok(s != NULL))
		return false;
	add(s, at("2026-10-05T10:20:00Z"), VERDICT_ALLOW, OUTCOME_SERVED, "b.example");
	add(s, at("2026-10-05T10:21:00Z"), VERDICT_DENY, OUTCOME_SERVED, hostile);
	add(s, at("2026-10-31T23:59:59Z"), VERDICT_UNKNOWN, OUTCOME_SERVED, "b.example");
	add(s, at("2026-11-01T00:00:00Z"), VERDICT_DENY, OUTCOME_REFUSED, "c.example");
	return ok(!store_close(&s, &e));
}

static void periods(void)
{
	static const struct { const char *text, *from, *to; } cases[] = {
		{ "2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z" },
		{ "2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z" },
		{ "2028-02-29", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z" },
		{ "24h", "2026-11-23T10:00:00Z", "2026-11-24T11:00:00Z" },
		{ "2026-10-01/2026-10-02", "2026-10-01T00:00:00Z", "2026-10-03T00:00:00Z" },
		{ "2026-10-01T10:30:00Z/2026-10-01T11:00:00Z", "2026-10-01T10:00:00Z", "2026-10-01T11:00:00Z" },
	};
	static const char *const wrong[] = {
		"", "x", "2026-13", "2026-1", "2027-02-29", "2026-10-32", "2026-10-", "2026-10-02/2026-10-01",
		"/", "2026/", "0h", "99999w", "2026-10-01T10:30:00Z", "all/all",
	};
	struct report_scope s;
	struct err e;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		printf("# %s\n", cases[i].text);
		ok(!report_period(cases[i].text, at("2026-11-24T10:30:00Z"), &s, &e));
		is(s.from, at(cases[i].from));
		is(s.to, at(cases[i].to));
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		printf("# \"%s\"\n", wrong[i]);
		ok(report_period(wrong[i], at("2026-11-24T10:30:00Z"), &s, &e) && e.kind == ERR_USAGE);
	}
	ok(!report_period("all", 0, &s, &e) && s.from == INT64_MIN && s.to == INT64_MAX);
}

static bool make(struct store *s, const char *period, struct buf *html, struct buf *json, struct report_facts *f)
{
	struct report_scope scope = { .generated = at("2026-11-24T10:30:00Z") };
	struct err e = { 0 };

	if (html)
		buf_clear(html);
	buf_clear(json);
	if (report_period(period, scope.generated, &scope, &e) || report_make(s, &scope, html, json, f, &e)) {
		printf("# %s\n", e.msg);
		return false;
	}
	return true;
}

static const char *find(const struct buf *b, const char *text)
{
	return memmem(b->p, b->n, text, strlen(text));
}

static bool is_json(struct slice s)
{
	enum json_token t;
	struct json j;

	json_init(&j, s);
	while ((t = json_next(&j)) != JSON_BAD && t != JSON_END)
		;
	return t == JSON_END;
}

static void counted(struct store *s)
{
	struct report_facts f = { 0 };
	struct buf json;

	buf_init(&json, 1 << 24);
	ok(make(s, "2026-10", NULL, &json, &f));
	is(f.flows, 3);
	is(f.judged, 3);
	is(f.sure, 2);
	is(f.gaps, 1);
	is(f.findings, 1);
	is(f.worst, SEV_CRITICAL);
	ok(is_json(buf_slice(&json)));
	ok(find(&json, "\"period\":\"2026-10\"") != NULL);
	ok(find(&json, "\"settled\":true") != NULL);
	ok(find(&json, "3 of 3 (100.00 %)") != NULL);
	ok(find(&json, "2 of 3 (66.67 %)") != NULL);
	ok(!find(&json, "c.example"));
	ok(find(&json, "\"integrity\":{\"rows\":[") != NULL);
	ok(make(s, "all", NULL, &json, &f));
	is(f.flows, 4);
	ok(make(s, "2025", NULL, &json, &f));
	is(f.judged, 0);
	ok(find(&json, "no basis for an opinion") != NULL);
	ok(is_json(buf_slice(&json)));
	buf_release(&json);
}

/* The hash in the page is that of the data in the page. */
static bool hash_holds(const struct buf *html)
{
	static const char begin[] = "id=\"data\">";
	unsigned char md[32];
	const char *from = find(html, begin), *end;
	struct buf hex;

	if (!from)
		return false;
	from += strlen(begin);
	end = memmem(from, html->n - (size_t)(from - (const char *)html->p), "</script>", 9);
	if (!end || !EVP_Digest(from, (size_t)(end - from), md, NULL, EVP_sha256(), NULL))
		return false;
	buf_init(&hex, 65);
	buf_hex(&hex, (struct slice){ md, 32 });
	buf_byte(&hex, 0);
	bool good = find(html, (const char *)hex.p) && is_json((struct slice){ (const uint8_t *)from, (size_t)(end - from) });
	buf_release(&hex);
	return good;
}

static void page(struct store *s)
{
	struct buf html, json, again, json_again;

	buf_init(&html, 1 << 24);
	buf_init(&json, 1 << 24);
	buf_init(&again, 1 << 24);
	buf_init(&json_again, 1 << 24);
	ok(make(s, "2026-10", &html, &json, NULL));
	ok(make(s, "2026-10", &again, &json_again, NULL));
	ok(html.n == again.n && !memcmp(html.p, again.p, html.n));
	ok(json.n == json_again.n && !memcmp(json.p, json_again.p, json.n));
	ok(hash_holds(&html));
	ok(!find(&html, "<script>alert"));
	ok(!find(&html, "<b>bold"));
	ok(find(&html, "&lt;script&gt;alert(1)") != NULL);
	ok(!find(&html, "http://") && !find(&html, "https://"));	/* nothing is loaded from anywhere */
	ok(find(&html, "2 of 3 (66.67 %)") != NULL);
	buf_release(&html);
	buf_release(&json);
	buf_release(&again);
	buf_release(&json_again);
}

int main(void)
{
	struct err e = { 0 };
	struct store *s;

	periods();
	if (!fill())
		return tap_end();
	s = store_open(path, STORE_READ, &e);
	if (ok(s != NULL)) {
		counted(s);
		page(s);
		store_close(&s, &e);
	}
	db_remove(path);
	return tap_end();
}
