/*
 * route: the leg before the gateway: what the client's sidecar does with what the application asks for (c.3 - c.9,
 * d.1, e.3 - e.5), by rule; and both legs of the two fixtures: cluster, server name, upstream host and port.
 *
 * An answer: OUTCOME[:MISSING] block[index] cluster sni
 */
#include "tests/route_rig.h"

struct ask {
	const char *what, *from;	/* a flow's fields: source_namespace and more */
	int64_t port;
	const char *host, *sni, *want;
};

static void ask_one(struct route_set *s, const struct ask *q)
{
	struct arena *a = arena_new(1 << 20);
	struct flow *f = calloc(1, sizeof *f);
	struct err e = { 0 };
	char got[500], flow[400];
	struct route r;

	snprintf(flow, sizeof flow, "{%s%s%s%s}", q->from, q->host ? ",\"authority\":\"" : "",
		 q->host ? q->host : "", q->host ? "\"" : "");
	if (flow_json_read(f, slice_of(flow), a, NULL, &e))
		printf("# %s\n", e.msg);
	if (!route_explain_sidecar(s, f, q->port, slice_of(q->sni ? q->sni : ""), &r, a))
		snprintf(got, sizeof got, "nothing");
	else
		answer(&r, got, sizeof got);
	/* The chain is the gateway's: " - " between outcome and route. */
	char *chain = strstr(got, " - ");
	if (chain)
		memmove(chain, chain + 2, strlen(chain + 2) + 1);
	if (!ok(!strcmp(got, q->want)))
		printf("# %s\n# got  %s\n# want %s\n", q->what, got, q->want);
	free(f);
	arena_free(&a);
}

struct client_case {
	const char *rule, *policy;
	struct ask ask[6];
};

static void run_set(const struct policy_set *p, const struct ask *q)
{
	struct err e = { 0 };
	struct route_set *s = route_set_new(p, NULL, &e);

	for (; q->what; q++)
		ask_one(s, q);
	route_set_free(&s);
}

#define NS(ns) "\"source_namespace\":\"" ns "\""
#define FROM(ns, ip) NS(ns) ",\"source_ip\":\"" ip "\""
#define EXT(name, more, host, ports) "kind: ServiceEntry\nmetadata: {name: " name more "}\nspec: {hosts: [" host \
	"], resolution: DNS, ports: [" ports "]}\n---\n"
#define HTTP "{number: 80, protocol: HTTP, name: h}"
#define TLS443 "{number: 443, protocol: TLS, name: t}"
#define TCP "{number: 9000, protocol: TCP, name: c}"
#define V(name, more, hosts, body) "kind: VirtualService\nmetadata: {name: " name more "}\nspec:\n  hosts: [" hosts "]\n" \
	body "---\n"
#define GATE(port) "route: [{destination: {host: " GW ", port: {number: " port "}}}]"
#define POD(name, ns, ip, labels) "apiVersion: v1\nkind: Pod\nmetadata: {name: " name ", namespace: " ns ", labels: {" labels \
	"}}\nstatus: {podIP: " ip "}\n---\n"
#define VIA(port) "outbound|" port "||" GW

static const struct client_case cases[] = {
	{ "c.3 c.9", EXT("e", "", "a.test", HTTP ", " TLS443)
	  V("v", "", "a.test", "  http: [{match: [{port: 80}], " GATE("80") "}]\n  tls: [{match: [{port: 443, sniHosts: [a.test]}], "
	    GATE("443") "}]\n"),
	  { { "http", NS("x"), 80, "A.test:80", NULL, "chosen http[0] " VIA("80") },
	    { "tls", NS("x"), 443, NULL, "a.TEST", "chosen tls[0] " VIA("443") },
	    { "e.4 a host known on 443 is unknown on 8443", NS("x"), 8443, NULL, "a.test", "none -" },
	    { "another host", NS("x"), 443, NULL, "b.test", "none -" },
	    { "no namespace: nothing to say", "\"source_ip\":\"10.0.0.1\"", 80, "a.test", NULL, "nothing" } } },
	{ "c.3", EXT("e", "", "a.test", HTTP) V("v1", "", "'*.test'", "  http: [{" GATE("81") "}]\n")
	  V("v2", "", "a.test", "  http: [{" GATE("80") "}]\n"),
	  { { "exact before wildcard", NS("x"), 80, "a.test", NULL, "chosen http[0] " VIA("80") } } },
	{ "c.3", EXT("e", "", "a.test", HTTP)
	  V("v1", ", creationTimestamp: '2026-03-01T00:00:00Z'", "a.test", "  http: [{" GATE("81") "}]\n")
	  V("v2", ", creationTimestamp: '2026-01-01T00:00:00Z'", "a.test", "  http: [{" GATE("80") "}]\n"),
	  { { "the oldest", NS("x"), 80, "a.test", NULL, "chosen http[0] " VIA("80") } } },
	{ "c.2 c.3", EXT("e", "", "a.test", HTTP) V("v1", "", "a.test", "  http: [{" GATE("81") "}]\n")
	  V("v2", ", namespace: x", "a.test", "  exportTo: ['.']\n  http: [{" GATE("80") "}]\n"),
	  { { "its own private one first", NS("x"), 80, "a.test", NULL, "chosen http[0] " VIA("80") },
	    { "not seen by others", NS("y"), 80, "a.test", NULL, "chosen http[0] " VIA("81") } } },
	{ "c.3", EXT("e", "", "a.test", HTTP) V("v1", "", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " GATE("81") "}]\n")
	  V("v2", "", "'*.test'", "  http: [{" GATE("80") "}]\n"),
	  { { "one without http routes for the port is no virtual host", NS("x"), 80, "a.test", NULL,
	      "chosen http[0] " VIA("80") } } },
	{ "c.3", V("v", "", "a.test", "  http: [{" GATE("80") "}]\n"),
	  { { "on port 80 the host need not be a service", NS("x"), 80, "a.test", NULL, "chosen http[0] " VIA("80") },
	    { "on others it must", NS("x"), 8080, "a.test", NULL, "none -" } } },
	{ "c.4 c.5", EXT("e", "", "a.test", HTTP) V("v", "", "a.test", "  http:\n"
	    "  - {match: [{gateways: [istio-system/g]}], " GATE("81") "}\n  - {match: [{port: 81}], " GATE("82") "}\n"
	    "  - {match: [{sourceNamespace: y}], " GATE("83") "}\n  - {match: [{uri: {prefix: /p}}], " GATE("84") "}\n"
	    "  - {match: [{uri: {prefix: /}}], " GATE("80") "}\n  - {" GATE("85") "}\n"),
	  { { "namespace", NS("y") ",\"path\":\"/\"", 80, "a.test", NULL, "chosen http[2] " VIA("83") },
	    { "path", NS("x") ",\"path\":\"/q/../p\"", 80, "a.test", NULL, "chosen http[3] " VIA("84") },
	    { "catch-all", NS("x") ",\"path\":\"/\"", 80, "a.test", NULL, "chosen http[4] " VIA("80") },
	    { "the path decides and was not seen", NS("x"), 80, "a.test", NULL, "unknown:path -" } } },
	{ "c.4", EXT("e", "", "a.test", HTTP) V("v", "", "a.test", "  http: [{match: [{uri: {exact: /p}}], " GATE("80") "}]\n"),
	  { { "a virtual host and no route of it: 404", NS("x") ",\"path\":\"/\"", 80, "a.test", NULL, "none -" } } },
	{ "c.5", EXT("e", "", "a.test", HTTP) POD("p", "x", "10.0.0.1", "app: one") POD("q", "x", "10.0.0.2", "app: two")
	  V("v", "", "a.test", "  http: [{match: [{sourceLabels: {app: one}}], " GATE("81") "}, {" GATE("80") "}]\n"),
	  { { "labels by the Pod's address", FROM("x", "10.0.0.1"), 80, "a.test", NULL, "chosen http[0] " VIA("81") },
	    { "another pod", FROM("x", "10.0.0.2"), 80, "a.test", NULL, "chosen http[1] " VIA("80") },
	    { "a pod that was not given", FROM("x", "10.0.0.3"), 80, "a.test", NULL, "unknown:source_labels -" } } },
	{ "c.7", EXT("e", "", "a.test", HTTP)
	  V("v", "", "a.test", "  http: [{match: [{uri: {prefix: /r}}], redirect: {uri: /}}, {route: [{destination: {host: " GW
	    ", port: {number: 80}}, weight: 10}, {destination: {host: a.test}, weight: 90}]}]\n"),
	  { { "redirect", NS("x") ",\"path\":\"/r\"", 80, "a.test", NULL, "answered http[0]" },
	    { "the heaviest", NS("x") ",\"path\":\"/\"", 80, "a.test", NULL, "chosen http[1] outbound|80||a.test" } } },
	{ "c.7", EXT("e", "", "a.test", HTTP) V("v", "", "a.test", "  http: [{match: [{uri: {prefix: /d}}], delegate: {name: w}}]\n")
	  "kind: VirtualService\nmetadata: {name: w}\nspec: {http: [{" GATE("80") "}]}\n",
	  { { "delegates on the mesh", NS("x") ",\"path\":\"/d\"", 80, "a.test", NULL, "chosen http[0] " VIA("80") } } },
	{ "c.8", EXT("e", "", "'*.test'", TLS443)
	  V("v1", "", "'*.test'", "  tls: [{match: [{sniHosts: ['*.test']}], " GATE("443") "}]\n")
	  V("v2", "", "'*.b.test'", "  tls: [{match: [{sniHosts: ['*.b.test']}], " GATE("444") "}, {match: [{port: 444, sniHosts: "
	    "[c.b.test]}], " GATE("445") "}]\n"),
	  { { "the longest name of all VirtualServices", NS("x"), 443, NULL, "x.b.test", "chosen tls[0] " VIA("444") },
	    { "its match is for another port", NS("x"), 443, NULL, "c.b.test", "chosen tls[0] " VIA("444") },
	    { "the wider", NS("x"), 443, NULL, "x.test", "chosen tls[0] " VIA("443") } } },
	{ "c.8", EXT("e", "", "a.test", TCP)
	  V("v", "", "a.test", "  tcp: [{match: [{sourceNamespace: y}], " GATE("443") "}, {match: [{destinationSubnets: [10.0.0.0/8]}], "
	    GATE("444") "}, {" GATE("445") "}]\n"),
	  { { "namespace", NS("y"), 9000, "a.test", NULL, "chosen tcp[0] " VIA("443") },
	    { "an address that nobody saw decides", NS("x"), 9000, "a.test", NULL, "unknown:destination_ip -" } } },
	{ "c.8 protocol", EXT("e", "", "a.test", TLS443)
	  V("v", "", "a.test", "  http: [{" GATE("80") "}]\n"),
	  { { "a TLS port reads tls routes only", NS("x"), 443, NULL, "a.test", "chosen -" } } },
	{ "d.1", EXT("e", "", "a.test", TLS443) "kind: DestinationRule\nmetadata: {name: d}\nspec: {host: " GW ", subsets: [{name: s, "
	  "trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: a.test}}}]}\n---\n"
	  V("v", "", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], route: [{destination: {host: " GW ", subset: s, port: {number: "
	    "443}}}]}]\n"),
	  { { "the rule's namespace", NS("default"), 443, NULL, "a.test", "chosen tls[0] outbound|443|s|" GW " a.test" },
	    { "another has no such cluster", NS("x"), 443, NULL, "a.test", "no-cluster tls[0] outbound|443|s|" GW } } },
	{ "d.1", EXT("e", "", "a.test", TLS443) POD("p", "default", "10.0.0.1", "app: one")
	  "kind: DestinationRule\nmetadata: {name: d}\nspec: {host: " GW ", trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: all}}}\n---\n"
	  "kind: DestinationRule\nmetadata: {name: e}\nspec: {host: " GW ", workloadSelector: {matchLabels: {app: one}}, "
	  "trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: some}}}\n---\n"
	  V("v", "", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " GATE("443") "}]\n"),
	  { { "a rule for some pods", FROM("default", "10.0.0.1"), 443, NULL, "a.test", "chosen tls[0] " VIA("443") " some" },
	    { "whose pod is this?", NS("default"), 443, NULL, "a.test", "unknown:source_labels tls[0] " VIA("443") " all" } } },
	{ "e.3", EXT("e", ", namespace: y", "a.test", HTTP) EXT("f", ", namespace: z", "b.test", HTTP)
	  "kind: ServiceEntry\nmetadata: {name: g, namespace: z}\nspec: {hosts: [c.test], exportTo: ['.'], ports: [" HTTP "]}\n",
	  { { "seen by all, no route: straight on", NS("x"), 80, "a.test", NULL, "chosen -" },
	    { "not exported", NS("x"), 80, "c.test", NULL, "none -" },
	    { "its own", NS("z"), 80, "c.test", NULL, "chosen -" } } },
	{ "e.5", EXT("e", "", "a.test", HTTP) V("v", "", "a.test", "  http: [{" GATE("80") "}]\n")
	  "kind: Sidecar\nmetadata: {name: s, namespace: x}\nspec: {egress: [{hosts: ['./*', 'default/*']}]}\n---\n"
	  "kind: Sidecar\nmetadata: {name: s, namespace: y}\nspec: {egress: [{hosts: ['./*', 'istio-system/*']}]}\n---\n"
	  "kind: Sidecar\nmetadata: {name: s, namespace: istio-system}\nspec: {egress: [{hosts: ['~/*']}]}\n---\n"
	  "kind: Sidecar\nmetadata: {name: s, namespace: z}\nspec: {egress: [{hosts: ['*/a.test']}]}\n",
	  { { "imported", NS("x"), 80, "a.test", NULL, "chosen http[0] " VIA("80") },
	    { "not imported", NS("y"), 80, "a.test", NULL, "none -" },
	    { "the root namespace's Sidecar for those without", NS("w"), 80, "a.test", NULL, "none -" },
	    { "by name", NS("z"), 80, "a.test", NULL, "chosen http[0] " VIA("80") } } },
	{ "e.5", EXT("e", "", "a.test", HTTP) V("v", "", "a.test", "  http: [{" GATE("80") "}]\n")
	  POD("p", "x", "10.0.0.1", "app: shut") POD("q", "x", "10.0.0.2", "app: open")
	  "kind: Sidecar\nmetadata: {name: all, namespace: x}\nspec: {egress: [{hosts: ['*/*']}]}\n---\n"
	  "kind: Sidecar\nmetadata: {name: shut, namespace: x}\nspec: {workloadSelector: {labels: {app: shut}}, egress: [{hosts: ['./*']}]}\n",
	  { { "the Sidecar that selects the pod", FROM("x", "10.0.0.1"), 80, "a.test", NULL, "none -" },
	    { "the namespace's", FROM("x", "10.0.0.2"), 80, "a.test", NULL, "chosen http[0] " VIA("80") },
	    { "which?", NS("x"), 80, "a.test", NULL, "unknown:source_labels -" } } },
};

/* --- both legs of the fixtures --------------------------------------------------------- */

static const struct ask one_host[] = {
	{ "http", NS("default"), 80, "api.example.com", NULL, "chosen http[0] outbound|80|api|" GW " api.example.com" },
	{ "tls", NS("default"), 443, NULL, "api.example.com", "chosen tls[0] outbound|443|api|" GW " api.example.com" },
	{ "h.5 another namespace has no such cluster", NS("other"), 443, NULL, "api.example.com",
	  "no-cluster tls[0] outbound|443|api|" GW },
	{ NULL, NULL, 0, NULL, NULL, NULL },
};
static const struct ask two_hosts[] = {
	{ "http", NS("default"), 80, "wiki.example.org", NULL,
	  "chosen http[0] outbound|80|plain|" GW " outbound_.80_.plain_." GW },
	{ "tls", NS("default"), 443, NULL, "wiki.example.org", "chosen tls[0] outbound|443|wiki|" GW " wiki.example.org" },
	{ "tls", NS("default"), 443, NULL, "api.example.com", "chosen tls[1] outbound|8444|api|" GW " api.example.com" },
	{ NULL, NULL, 0, NULL, NULL, NULL },
};

static const struct upstream {
	const char *flow, *cluster, *sni, *host;
	int64_t port;
	bool tls;
} ends[] = {
	{ "{\"destination_port\":8080,\"authority\":\"wiki.example.org\",\"source_namespace\":\"default\"}",
	  "outbound|80||wiki.example.org", "outbound_.80_.plain_." GW, "wiki.example.org", 80, false },
	{ "{\"destination_port\":8443,\"sni\":\"wiki.example.org\",\"source_namespace\":\"default\"}",
	  "outbound|443||wiki.example.org", "wiki.example.org", "wiki.example.org", 443, true },
	{ "{\"destination_port\":8444,\"sni\":\"api.example.com\",\"source_namespace\":\"default\"}",
	  "outbound|443||api.example.com", "api.example.com", "api.example.com", 443, true },
	{ "{\"destination_port\":8444,\"sni\":\"evil.test\",\"source_namespace\":\"default\"}",
	  "outbound|443||api.example.com", "api.example.com", "api.example.com", 443, true },
};

static void upstream(const struct policy_set *p)
{
	struct err e = { 0 };
	struct route_set *s = route_set_new(p, NULL, &e);
	struct arena *a = arena_new(1 << 20);
	struct flow *f = calloc(1, sizeof *f);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const struct upstream *u = &ends[i];
		struct route r;

		flow_json_read(f, slice_of(u->flow), a, NULL, &e);
		route_replay(s, f, &r, a);
		route_expect(&r, f);
		if (!ok(slice_is(flow_text(f, F_EXPECTED_CLUSTER), u->cluster) &&
			slice_is(flow_text(f, F_EXPECTED_SNI), u->sni) &&
			slice_is(r.upstream_host, u->host) && r.upstream_port == u->port &&
			r.upstream_tls == u->tls))
			printf("# %s: %.*s %.*s\n", u->flow, (int)r.cluster.n, (const char *)r.cluster.p,
			       (int)r.sni.n, r.sni.n ? (const char *)r.sni.p : "");
	}
	free(f);
	arena_free(&a);
	route_set_free(&s);
}

static struct policy_set *fixture(const char *name)
{
	const char *dir = getenv("srcdir");
	char path[400];
	const char *paths[] = { path };
	struct err e = { 0 };
	struct policy_set *p;

	snprintf(path, sizeof path, "%s/tests/fixtures/route/%s", dir ? dir : ".", name);
	p = policy_load(paths, 1, NULL, &e);
	if (!ok(p != NULL)) {
		printf("# %s\n", e.msg);
		exit(tap_end());
	}
	return p;
}

int main(void)
{
	struct policy_set *p;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err e = { 0 };

		p = policy_load_text(slice_of(cases[i].policy), "p", NULL, &e);
		if (!ok(p != NULL))
			printf("# %s: %s\n", cases[i].rule, e.msg);
		else
			run_set(p, cases[i].ask);
		policy_free(&p);
	}
	p = fixture("one-host.yaml");
	run_set(p, one_host);
	policy_free(&p);
	p = fixture("two-hosts.yaml");
	run_set(p, two_hosts);
	upstream(p);
	policy_free(&p);
	return tap_end();
}
