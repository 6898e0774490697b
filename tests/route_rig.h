/*
 * route_rig.h - tables of routes: policies, flows, and the answer in one line.
 *
 * An answer: OUTCOME[:MISSING] chain block[index] cluster sni
 */
#ifndef TESTS_ROUTE_RIG_H
#define TESTS_ROUTE_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/route.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

#define GW "istio-egressgateway.istio-system.svc.cluster.local"

static const char *const outcomes[] = { "undeclared", "unknown", "no-server", "no-chain", "none",
					"answered", "no-cluster", "chosen" };

static inline void answer(const struct route *r, char *out, size_t n)
{
	char route[40] = "-";

	if (r->virtual_service)
		snprintf(route, sizeof route, "%s[%u]", route_block_name(r->block), r->index);
	snprintf(out, n, "%s%s%s %s %s %.*s %.*s", outcomes[r->outcome], r->missing ? ":" : "",
		 r->missing ? r->missing : "",
		 r->chain == CHAIN_HTTP ? "http" : r->chain == CHAIN_TCP ? "tcp" : "-", route,
		 (int)r->cluster.n, r->cluster.n ? (const char *)r->cluster.p : "",
		 (int)r->sni.n, r->sni.n ? (const char *)r->sni.p : "");
	for (size_t k = strlen(out); k && out[k - 1] == ' ';)
		out[--k] = 0;
}

static inline bool replay(struct route_set *s, const char *flow, bool explain, char *out, size_t n)
{
	struct arena *a = arena_new(1 << 20);
	struct flow *f = calloc(1, sizeof *f);
	struct err e = { 0 };
	struct route r;
	bool known;

	flow_init(f);
	if (flow_json_read(f, slice_of(flow), a, NULL, &e))
		printf("# %s\n", e.msg);
	known = explain ? route_explain(s, f, &r, a) : route_replay(s, f, &r, a);
	answer(&r, out, n);
	if (explain) {
		struct buf b;

		buf_init(&b, 1 << 16);
		route_trace_text(&r, &b);
		snprintf(out, n, "%.*s", (int)b.n, (const char *)b.p);
		buf_clear(&b);
		route_trace_json(&r, &b);
		ok(b.n > 2 && b.p[0] == '[' && b.p[b.n - 1] == ']');
		buf_release(&b);
	}
	free(f);
	arena_free(&a);
	return known;
}

struct flow_case {
	const char *rule, *flow, *want;
};

static inline void run(struct route_set *s, const struct flow_case *c)
{
	for (; c->flow; c++) {
		char got[500];

		replay(s, c->flow, false, got, sizeof got);
		if (!ok(!strcmp(got, c->want)))
			printf("# %s %s\n# got  %s\n# want %s\n", c->rule, c->flow, got, c->want);
	}
}


/* --- policies in short */

#define GATEWAY(servers) "kind: Gateway\nmetadata: {name: g, namespace: istio-system}\n" \
	"spec:\n  selector: {istio: egressgateway}\n  servers:\n" servers "---\n"
#define HTTP80(hosts) "  - {port: {number: 80, protocol: HTTP, name: h}, hosts: [" hosts "]}\n"
#define MTLS(port, proto, hosts) "  - {port: {number: " port ", protocol: " proto \
	", name: t}, hosts: [" hosts "], tls: {mode: ISTIO_MUTUAL}}\n"
#define PASS(port, hosts) "  - {port: {number: " port ", protocol: TLS, name: p}, hosts: [" hosts \
	"], tls: {mode: PASSTHROUGH}}\n"
#define ENTRY(host) "kind: ServiceEntry\nmetadata: {name: e-" host "}\nspec: {hosts: [" host "], " \
	"resolution: DNS, location: MESH_EXTERNAL, ports: [{number: 80, protocol: HTTP, name: h}, " \
	"{number: 443, protocol: TLS, name: t}]}\n---\n"
#define VS(name, hosts, body) "kind: VirtualService\nmetadata: {name: " name "}\n" \
	"spec:\n  hosts: [" hosts "]\n  gateways: [istio-system/g]\n" body "---\n"
#define TO(host, port) "route: [{destination: {host: " host ", port: {number: " port "}}}]"
#define F(port, more) "{\"destination_port\":" port more "}"


struct rule_case {
	const char *rule, *policy;
	struct flow_case flows[8];
};

static inline void run_rules(const struct rule_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = { 0 };
		struct policy_set *p = policy_load_text(slice_of(c[i].policy), "p", NULL, &e);
		struct route_set *s = p ? route_set_new(p, NULL, &e) : NULL;

		if (!ok(s != NULL))
			printf("# %s: %s\n", c[i].rule, e.msg);
		else
			run(s, c[i].flows);
		route_set_free(&s);
		policy_free(&p);
	}
}

#endif
