/* fuzz: any policy file through every lint rule and through the routes. */
#include <stdlib.h>

#include "analyze/lint.h"
#include "analyze/route.h"

static void replay(const struct policy_set *p)
{
	static const int64_t ports[] = { 80, 443, 8080, 8443 };
	struct err e = { 0 };
	struct route_set *s = route_set_new(p, NULL, &e);
	struct arena *a = arena_new(8 << 20);
	struct flow *f = calloc(1, sizeof *f);
	struct buf out;

	if (!s || !f)
		abort();
	buf_init(&out, 1 << 20);
	flow_init(f);
	flow_set_text(f, F_AUTHORITY, SLICE("api.example.com:80"));
	flow_set_text(f, F_SNI, SLICE("api.example.com"));
	flow_set_text(f, F_PATH, SLICE("/a/b?x=%41"));
	flow_set_text(f, F_SOURCE_NAMESPACE, SLICE("default"));
	flow_set_text(f, F_REQUEST_HEADERS, SLICE("{\"x\":\"y\"}"));
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		struct route r;

		flow_set_num(f, F_DESTINATION_PORT, ports[i]);
		route_explain(s, f, &r, a);
		route_trace_json(&r, &out);
		route_explain_sidecar(s, f, ports[i], SLICE("api.example.com"), &r, a);
		route_trace_text(&r, &out);
	}
	buf_release(&out);
	free(f);
	arena_free(&a);
	route_set_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct lint_options o = { .now = INT64_C(1764000000000000000) };
	struct err e = { 0 };
	struct policy_set *s = policy_load_text((struct slice){ p, n }, "f", NULL, &e);
	struct lint_result *r;

	if (!s)
		return 0;
	r = lint_run(s, &o, &e);
	if (!r)
		abort();
	lint_result_free(&r);
	replay(s);
	policy_free(&s);
	return 0;
}
