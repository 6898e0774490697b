/* The store: opened, filled through its sink, read through its views. */
#include "schema/store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/tap.h"

static const char *path = "test_store.db";

static void remove_db(void)
{
	static const char *const tail[] = { "", "-wal", "-shm", "-lock" };
	char name[64];

	for (int k = 0; k < 4; k++) {
		snprintf(name, sizeof name, "%s%s", path, tail[k]);
		unlink(name);
	}
}

static int print_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct buf *b = ctx;

	for (size_t k = 0; k < n; k++) {
		if (v[k].type == STORE_NULL)
			continue;
		buf_printf(b, "%s=", names[k]);
		if (v[k].type == STORE_INT)
			buf_int(b, v[k].num);
		else if (v[k].type == STORE_REAL)
			buf_printf(b, "%.15g", v[k].real);
		else
			buf_quote(b, v[k].text);
		buf_str(b, "; ");
	}
	buf_byte(b, '\n');
	return 0;
}

int main(void)
{
	struct err e = { 0 };
	struct buf b;
	struct store *s;
	struct flow f;

	remove_db();
	s = store_open(path, STORE_WRITE, &e);
	ok(s != NULL);
	if (!s) {
		printf("# %s\n", e.msg);
		return tap_end();
	}
	flow_init(&f);
	flow_set_num(&f, F_STARTED_AT, INT64_C(1767607200123456789));
	flow_set_num(&f, F_VERDICT, VERDICT_DENY);
	flow_set_num(&f, F_OUTCOME, OUTCOME_SERVED);
	flow_set_text(&f, F_SNI, SLICE("Example.org"));
	flow_set_text(&f, F_REQUEST_ID, SLICE("60d19c7d-5ece-b7fb-3a52-781272ab3c66"));
	flow_set_identity(&f, SLICE("spiffe://cluster.local/ns/default/sa/curl"));
	flow_set_absent(&f, F_AUTHORITY);
	struct finding fi = { .code = FINDING_ENF_GAP, .severity = SEV_CRITICAL,
			      .sentence = SLICE("denied and served") };
	f.findings = &fi;
	f.n_findings = 1;
	is(sink_push(store_sink(s), &f, 1, &e), 0);
	is(sink_finish(store_sink(s), &e), 0);
	printf("# %s\n", e.msg);
	buf_init(&b, 1 << 20);
	static const char *const views[] = { "flows", "findings", "identities", "destinations",
		"edges", "rules", "traffic", "finding_trend", "batches", "coverage", "certificates",
		"policy_revisions", "finding_flows", "log_offsets", "evidence_samples" };
	for (size_t k = 0; k < sizeof views / sizeof *views; k++) {
		char sql[100];
		snprintf(sql, sizeof sql, "SELECT * FROM %s", views[k]);
		buf_printf(&b, "# %s: ", views[k]);
		if (!ok(!store_query(s, sql, NULL, 0, (struct store_limits){ 0 }, print_row, &b, NULL, &e)))
			printf("# %s\n", e.msg);
		buf_byte(&b, '\n');
	}
	printf("%.*s", (int)b.n, (const char *)b.p);
	is(store_close(&s, &e), 0);
	buf_release(&b);
	remove_db();
	return tap_end();
}
