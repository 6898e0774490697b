/*
 * bench_route: 10,000 hosts behind one gateway: load, compile and replay.  Not a test: prints figures.
 * CPU time (user), one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "analyze/lint.h"
#include "analyze/route.h"

enum { HOSTS = 10000, FLOWS = 1000000 };

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
}

static void policies(struct buf *b, int hosts)
{
	buf_str(b, "kind: Gateway\nmetadata: {name: g, namespace: istio-system}\nspec: {selector: {istio: "
		"egressgateway}, servers: [{port: {number: 80, protocol: HTTPS, name: h}, hosts: ['*'], tls: "
		"{mode: ISTIO_MUTUAL}}]}\n");
	for (int i = 0; i < hosts; i++)
		buf_printf(b, "---\nkind: AuthorizationPolicy\nmetadata: {name: p%d, namespace: istio-system}\n"
			"spec: {rules: [{to: [{operation: {hosts: [h%d.example], ports: ['8080']}}]}]}\n---\n"
			"kind: VirtualService\nmetadata: {name: v%d, namespace: istio-system}\nspec: {hosts: "
			"[h%d.example], gateways: [g], http: [{match: [{uri: {prefix: /api}}], route: [{destination: "
			"{host: h%d.example, port: {number: 443}}}]}]}\n---\nkind: ServiceEntry\nmetadata: {name: e%d, "
			"namespace: istio-system}\nspec: {hosts: [h%d.example], resolution: DNS, ports: [{number: 443, "
			"protocol: TLS, name: t}]}\n", i, i, i, i, i, i, i);
}

static double replay(struct route_set *s, int hosts)
{
	struct arena *a = arena_new(1 << 20);
	struct flow *f = calloc(1, sizeof *f);
	char host[64];
	double from = cpu();
	size_t chosen = 0;

	flow_init(f);
	flow_set_num(f, F_DESTINATION_PORT, 8080);
	flow_set_text(f, F_SNI, SLICE("x"));
	flow_set_text(f, F_PATH, SLICE("/api/v1"));
	for (int i = 0; i < FLOWS; i++) {
		struct route r;

		snprintf(host, sizeof host, "h%u.example", (unsigned)i * 7919u % (unsigned)hosts);
		flow_set_text(f, F_AUTHORITY, slice_of(host));
		route_replay(s, f, &r, a);
		chosen += r.outcome == ROUTE_CHOSEN;
	}
	from = cpu() - from;
	if (chosen != FLOWS)
		abort();
	free(f);
	arena_free(&a);
	return from / FLOWS * 1e9;
}

static double run(int hosts)
{
	struct lint_options o = { .now = 1 };
	struct err e = { 0 };
	struct policy_set *p;
	struct route_set *s;
	struct lint_result *l;
	struct buf b;
	double t[4], ns;

	buf_init(&b, 64 << 20);
	policies(&b, hosts);
	t[0] = cpu();
	p = policy_load_text(buf_slice(&b), "bench", NULL, &e);
	t[1] = cpu();
	s = route_set_new(p, NULL, &e);
	t[2] = cpu();
	l = lint_run(p, &o, &e);
	t[3] = cpu();
	ns = replay(s, hosts);
	printf("policy: %6zu objects (%5.1f MB YAML): load %6.3f s (%4.1f us an object), routes %6.3f s, "
	       "lint %6.3f s, replay %4.0f ns a flow\n", p->n, (double)b.n / 1e6, t[1] - t[0],
	       (t[1] - t[0]) / (double)p->n * 1e6, t[2] - t[1], t[3] - t[2], ns);
	lint_result_free(&l);
	route_set_free(&s);
	policy_free(&p);
	buf_release(&b);
	return ns;
}

/* Gateways that share nothing: a pod, a Service, a way in from the mesh and one out, a policy for each. */
static void apart(struct buf *b, int i)
{
	buf_printf(b, "---\nkind: Gateway\nmetadata: {name: g%d, namespace: egress}\nspec: {selector: {app: g%d}, servers: "
		   "[{port: {number: 443, protocol: TLS, name: t}, hosts: [h%d.example], tls: {mode: ISTIO_MUTUAL}}]}\n"
		   "---\nkind: Pod\nmetadata: {name: g%d, namespace: egress, labels: {app: g%d, tier: gateway}}\n"
		   "---\nkind: Service\nmetadata: {name: g%d, namespace: egress}\nspec: {selector: {app: g%d}, ports: "
		   "[{name: tls, port: 443, targetPort: 8443}]}\n", i, i, i, i, i, i, i);
	buf_printf(b, "---\nkind: AuthorizationPolicy\nmetadata: {name: p%d, namespace: egress}\nspec: {selector: {matchLabels: "
		   "{app: g%d}}, rules: [{from: [{source: {principals: [cluster.local/ns/n/sa/s%d]}}], to: [{operation: {ports: "
		   "['8443']}}]}]}\n---\nkind: ServiceEntry\nmetadata: {name: e%d, namespace: egress}\nspec: {hosts: [h%d.example], "
		   "resolution: DNS, ports: [{number: 443, protocol: TLS, name: t}]}\n", i, i, i, i, i);
	buf_printf(b, "---\nkind: VirtualService\nmetadata: {name: v%d, namespace: egress}\nspec: {hosts: [h%d.example], gateways: "
		   "[mesh, g%d], tls: [{match: [{gateways: [mesh], port: 443, sniHosts: [h%d.example]}], route: [{destination: "
		   "{host: g%d.egress.svc.cluster.local, port: {number: 443}}}]}], tcp: [{match: [{gateways: [g%d], port: 443}], "
		   "route: [{destination: {host: h%d.example, port: {number: 443}}}]}]}\n", i, i, i, i, i, i, i);
}

static double lint_apart(int gateways)
{
	struct lint_options o = { .now = 1 };
	struct err e = { 0 };
	struct policy_set *p;
	struct lint_result *l;
	struct buf b;
	double from;

	buf_init(&b, 64 << 20);
	for (int i = 0; i < gateways; i++)
		apart(&b, i);
	p = policy_load_text(buf_slice(&b), "bench", NULL, &e);
	from = cpu();
	l = lint_run(p, &o, &e);
	from = cpu() - from;
	printf("policy: lint of %5d gateways, a selector each: %6.3f s, %zu findings\n", gateways, from, l->n);
	lint_result_free(&l);
	policy_free(&p);
	buf_release(&b);
	return from;
}

int main(void)
{
	double one = run(1), many;

	run(100);
	many = run(HOSTS);
	printf("policy: replay with %d hosts costs %.2f times that with 1\n", HOSTS, many / one);
	one = lint_apart(1000);
	many = lint_apart(4000);
	printf("policy: lint of 4,000 gateways costs %.1f times that of 1,000\n", many / one);
	return 0;
}
