/* test_correlate: which wire flow meets which log line, and what comes of a disagreement. */
#include <stdlib.h>
#include <string.h>

#include "analyze/correlate.h"
#include "common/arena.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

static struct buf seen;

/* What went out, in short: evidence, path, what was joined, findings. */
static int out(void *ctx, struct flow *f, struct err *e)
{
	static const enum flow_field shown[] = {
		F_OBSERVED_BY, F_LEG, F_PATH, F_SOURCE_IDENTITY, F_INNER_SNI, F_RESPONSE_FLAGS,
	};
	struct flow some;

	(void)ctx;
	(void)e;
	flow_init(&some);
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		flow_take(&some, shown[i], f);
	some.findings = f->findings;
	some.n_findings = f->n_findings;
	flow_json_write(&seen, &some);
	buf_byte(&seen, '\n');
	return 0;
}

#define PAIR "\"source_ip\":\"10.0.0.1\",\"source_port\":4000,\"destination_ip\":\"10.0.0.9\",\"destination_port\":8080,"
#define LEG "\"source_ip\":\"10.0.0.9\",\"source_port\":5000,\"destination_ip\":\"192.0.2.1\",\"destination_port\":443,"
#define UP "\"upstream_local_ip\":\"10.0.0.9\",\"upstream_local_port\":5000,\"upstream_ip\":\"192.0.2.1\",\"upstream_port\":443,"
#define AT(s) "\"started_at\":\"2026-01-01T00:00:" s "Z\",\"ended_at\":\"2026-01-01T00:00:" s "Z\""
#define WIRE "{\"observed_by\":\"wire\","
#define LOG "{\"observed_by\":\"log\","

static const struct {
	const char *name;
	const char *in[6];
	const char *out;
} cases[] = {
	{ "request and line join",
	  { WIRE PAIR "\"method\":\"GET\",\"path\":\"/a?q\"," AT("01") "}",
	    LOG PAIR "\"method\":\"GET\",\"path\":\"/a\",\"response_flags\":\"-\"," AT("01") "}" },
	  "{\"observed_by\":\"wire+log\",\"path\":\"/a?q\",\"response_flags\":\"-\"}\n" },
	{ "another time, another connection",
	  { WIRE PAIR "\"method\":\"GET\",\"path\":\"/a\"," AT("01") "}",
	    LOG PAIR "\"method\":\"GET\",\"path\":\"/a\"," AT("31") "}" },
	  "{\"observed_by\":\"wire\",\"path\":\"/a\"}\n{\"observed_by\":\"log\",\"path\":\"/a\"}\n" },
	{ "an unread connection lends its identity to each line",
	  { WIRE PAIR "\"source_identity\":\"spiffe://a\"," AT("01") "}",
	    LOG PAIR "\"method\":\"GET\",\"path\":\"/a\"," AT("01") "}",
	    LOG PAIR "\"method\":\"GET\",\"path\":\"/b\"," AT("02") "}" },
	  "{\"observed_by\":\"wire+log\",\"source_identity\":\"spiffe://a\",\"path\":\"/a\"}\n"
	  "{\"observed_by\":\"wire+log\",\"source_identity\":\"spiffe://a\",\"path\":\"/b\"}\n" },
	{ "two identities are a finding",
	  { WIRE PAIR "\"source_identity\":\"spiffe://a\"," AT("01") "}",
	    LOG PAIR "\"source_identity\":\"spiffe://b\"," AT("01") "}" },
	  "{\"observed_by\":\"wire+log\",\"source_identity\":\"spiffe://a\",\"findings\":[\"ID-WIRE-LOG\"]}\n" },
	{ "the upstream leg shows the inner name, leg last",
	  { WIRE PAIR "\"transport\":\"mtls\"," AT("01") "}", LOG PAIR UP AT("01") "}",
	    WIRE LEG "\"sni\":\"x.example\"," AT("01") "}" },
	  "{\"observed_by\":\"wire+log\",\"inner_sni\":\"x.example\"}\n"
	  "{\"observed_by\":\"wire\",\"leg\":\"upstream\"}\n" },
	{ "the upstream leg shows the inner name, leg first",
	  { WIRE LEG "\"sni\":null," AT("01") "}", WIRE PAIR "\"transport\":\"mtls\"," AT("01") "}",
	    LOG PAIR UP AT("01") "}" },
	  "{\"observed_by\":\"wire\",\"leg\":\"upstream\"}\n"
	  "{\"observed_by\":\"wire+log\",\"inner_sni\":null}\n" },
	{ "no 4-tuple passes through",
	  { LOG "\"path\":\"/a\"," AT("01") "}" },
	  "{\"observed_by\":\"log\",\"path\":\"/a\"}\n" },
};

static void run_cases(void)
{
	struct arena *a = arena_new(1 << 20);
	struct correlate_options o = { .settle_ns = 30 * INT64_C(1000000000) };
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct correlate *c = correlate_new(&o, out, NULL);
		int bad = 0;
		printf("# %s\n", cases[i].name);
		buf_clear(&seen);
		for (size_t k = 0; k < 6 && cases[i].in[k]; k++) {
			struct flow f;
			bad |= flow_json_read(&f, slice_of(cases[i].in[k]), a, NULL, &e);
			bad |= correlate_push(c, &f, &e);
			arena_reset(a);		/* nothing may be borrowed */
		}
		bad |= correlate_flush(c, &e);
		is(bad, 0);
		if (!ok(slice_is(buf_slice(&seen), cases[i].out)))
			printf("# got %.*s", (int)seen.n, (const char *)seen.p);
		correlate_free(&c);
		ok(c == NULL);
	}
	arena_free(&a);
}

/* However many flows come, no more than the cap is held, and every one goes out once. */
static void held(void)
{
	struct correlate_options o = { .settle_ns = INT64_MAX / 2, .cap = 100 };
	struct correlate *c = correlate_new(&o, out, NULL);
	struct err e;

	buf_clear(&seen);
	for (int i = 0; i < 1000; i++) {
		struct flow f;
		flow_init(&f);
		flow_set_num(&f, F_OBSERVED_BY, OBSERVED_WIRE);
		flow_set_ip(&f, F_SOURCE_IP, ip_v4((uint8_t[]){ 10, 0, 0, 1 }));
		flow_set_ip(&f, F_DESTINATION_IP, ip_v4((uint8_t[]){ 10, 0, 0, 2 }));
		flow_set_num(&f, F_SOURCE_PORT, 1 + i % 500);
		flow_set_num(&f, F_DESTINATION_PORT, 80);
		correlate_push(c, &f, &e);
	}
	is(correlate_counts(c)->evicted > 0, 1);
	correlate_flush(c, &e);
	is(correlate_counts(c)->wire_only, 1000);
	correlate_free(&c);
}

/*
 * A connection on which requests never stop: each leaves within twice the settle time, joined with what the wire
 * has said; and it keeps nobody else's flows back.
 */
static void goes_on(bool http)
{
	const int64_t s = INT64_C(1000000000);
	struct correlate_options o = { .settle_ns = 10 * s };
	struct correlate *c = correlate_new(&o, out, NULL);
	const struct correlate_count *n = correlate_counts(c);
	struct err e;

	buf_clear(&seen);
	for (int i = 1; i <= 300; i++) {
		for (int by = OBSERVED_WIRE; by <= OBSERVED_LOG; by++) {
			struct flow f;
			flow_init(&f);
			flow_set_num(&f, F_OBSERVED_BY, by);
			flow_set_ip(&f, F_SOURCE_IP, ip_v4((uint8_t[]){ 10, 0, 0, 1 }));
			flow_set_ip(&f, F_DESTINATION_IP, ip_v4((uint8_t[]){ 10, 0, 0, 2 }));
			flow_set_num(&f, F_SOURCE_PORT, i % 2 ? 1 : 1000 + i);
			flow_set_num(&f, F_DESTINATION_PORT, 80);
			flow_set_num(&f, F_STARTED_AT, i * s);
			if (by == OBSERVED_LOG || http) {
				flow_set_text(&f, F_METHOD, SLICE("GET"));
				flow_set_text(&f, F_PATH, SLICE("/a"));
			}
			f.line = by == OBSERVED_LOG ? (uint64_t)i : 0;
			is(correlate_push(c, &f, &e), 0);
		}
		is(correlate_tick(c, i * s, &e), 0);
		uint64_t gone = n->joined + n->wire_only + n->log_only;
		if (i > 25 && gone + 23 < (uint64_t)i)
			ok(!"a flow waits longer than twice the settle time");
	}
	correlate_flush(c, &e);
	is(n->joined, 300);
	is(n->log_only, 0);
	ok(!http || n->wire_only == 0);
	correlate_free(&c);
}

int main(void)
{
	buf_init(&seen, 1 << 20);
	run_cases();
	held();
	goes_on(true);
	goes_on(false);
	buf_release(&seen);
	return tap_end();
}
