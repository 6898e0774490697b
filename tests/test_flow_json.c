/* test_flow_json: unknown, absent and present survive the way out and back. */
#include <string.h>

#include "common/arena.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

static const struct { const char *in, *out; } cases[] = {
	{ "{\"id\":[1],\"sni\":null,\"method\":\"GET\",\"x\":1}", "{\"id\":[1],\"sni\":null,\"method\":\"GET\"}" },
	{ "{\"source_ip\":\"10.0.0.1\",\"verdict\":\"deny\"}", "{\"source_ip\":\"10.0.0.1\",\"verdict\":\"deny\",\"findings\":[]}" },
	{ "{\"started_at\":\"2026-01-02T03:04:05.6Z\",\"tls_resumed\":true}", "{\"started_at\":\"2026-01-02T03:04:05.6Z\",\"tls_resumed\":true}" },
	{ "{\"source_port\":\"80\"}", NULL }, { "{\"verdict\":\"maybe\"}", NULL }, { "[]", NULL },
	{ "{\"sni\":\"a\"", NULL }, { "{} x", NULL }, { "", NULL },
};

int main(void)
{
	struct arena *a = arena_new(100000);
	struct buf b;
	struct flow f;
	struct err e;

	buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		printf("# %s\n", cases[i].in);
		int r = flow_json_read(&f, slice_of(cases[i].in), a, NULL, &e);
		is(r, cases[i].out ? 0 : -1);
		if (r) {
			printf("# %s\n", e.msg);
			continue;
		}
		buf_clear(&b);
		flow_json_write(&b, &f);
		if (!ok(slice_is(buf_slice(&b), cases[i].out)))
			printf("# got %.*s\n", (int)b.n, (const char *)b.p);
	}
	flow_json_read(&f, SLICE("{\"source_identity\":\"spiffe://td/ns/a/sa/b\"}"), a, NULL, &e);
	ok(slice_is(flow_text(&f, F_SOURCE_NAMESPACE), "a"));
	ok(slice_is(flow_text(&f, F_SOURCE_SERVICE_ACCOUNT), "b"));
	ok(slice_is(flow_text(&f, F_SOURCE_PRINCIPAL), "td/ns/a/sa/b"));
	buf_release(&b);
	arena_free(&a);
	return tap_end();
}
