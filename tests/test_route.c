/*
 * route: a table of cases by the rules of docs/semantics.md (b.1 ... e.5), both two-hop fixtures in
 * full, regular expressions, the sidecar leg, the explanation.
 */
#include "analyze/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/istio.h"
#include "tests/route_rig.h"

/* --- the two fixtures ---------------------------------------------------------------- */

static const struct flow_case one_host[] = {
	{ "b.2 b.4 c.5", "{\"destination_port\":8080,\"authority\":\"api.example.com\",\"sni\":\"api.example.com\"}",
	  "chosen http http[1] outbound|80||api.example.com api.example.com" },
	{ "c.3 port ignored", "{\"destination_port\":8080,\"authority\":\"API.example.com:80\",\"sni\":\"x\"}",
	  "chosen http http[1] outbound|80||api.example.com api.example.com" },
	{ "c.3 no vhost", "{\"destination_port\":8080,\"authority\":\"evil.test\",\"sni\":\"x\"}",
	  "none http -  api.example.com" },
	{ "authority unknown", "{\"destination_port\":8080,\"sni\":\"x\"}",
	  "unknown:authority http -  api.example.com" },
	{ "b.4 b.5 dead tls route", "{\"destination_port\":8443,\"sni\":\"api.example.com\"}",
	  "chosen tcp tcp[0] outbound|443||api.example.com api.example.com" },
	{ "b.5 any SNI is sent on", "{\"destination_port\":8443,\"sni\":\"evil.test\"}",
	  "chosen tcp tcp[0] outbound|443||api.example.com api.example.com" },
	{ "b.6 `*`: no SNI either", "{\"destination_port\":8443,\"sni\":null}",
	  "chosen tcp tcp[0] outbound|443||api.example.com api.example.com" },
	{ "b.6 SNI not observed", "{\"destination_port\":8443}",
	  "chosen tcp tcp[0] outbound|443||api.example.com api.example.com" },
	{ "assumed Service: the literal port too", "{\"destination_port\":443,\"sni\":\"x\"}",
	  "chosen tcp tcp[0] outbound|443||api.example.com api.example.com" },
	{ "no server", "{\"destination_port\":15021}", "no-server - -" },
	{ NULL, NULL, NULL },
};

static const struct flow_case two_hosts[] = {
	{ "http by authority", "{\"destination_port\":8080,\"authority\":\"api.example.com\",\"sni\":\"x\"}",
	  "chosen http http[2] outbound|80||api.example.com outbound_.80_.plain_." GW },
	{ "http by authority", "{\"destination_port\":8080,\"authority\":\"wiki.example.org\",\"sni\":\"x\"}",
	  "chosen http http[1] outbound|80||wiki.example.org outbound_.80_.plain_." GW },
	{ "h(d) exact authority, port in Host",
	  "{\"destination_port\":8080,\"authority\":\"wiki.example.org:80\",\"sni\":\"x\"}",
	  "none http -  outbound_.80_.plain_." GW },
	{ "tls by port", "{\"destination_port\":8443,\"sni\":\"wiki.example.org\"}",
	  "chosen tcp tcp[0] outbound|443||wiki.example.org wiki.example.org" },
	{ "tls by port", "{\"destination_port\":8444,\"sni\":\"api.example.com\"}",
	  "chosen tcp tcp[1] outbound|443||api.example.com api.example.com" },
	{ "swapped: the route is the port's", "{\"destination_port\":8443,\"sni\":\"api.example.com\"}",
	  "chosen tcp tcp[0] outbound|443||wiki.example.org wiki.example.org" },
	{ "b.2 the Service maps 443 away", "{\"destination_port\":443,\"sni\":\"x\"}", "no-server - -" },
	{ NULL, NULL, NULL },
};

static void fixture(const char *name, const struct flow_case *c)
{
	const char *dir = getenv("srcdir");
	char path[400];
	const char *paths[] = { path };
	struct err e = { 0 };
	struct policy_set *p;
	struct route_set *s;

	snprintf(path, sizeof path, "%s/tests/fixtures/route/%s", dir ? dir : ".", name);
	p = policy_load(paths, 1, NULL, &e);
	if (!ok(p != NULL)) {
		printf("# %s\n", e.msg);
		return;
	}
	s = route_set_new(p, NULL, &e);
	run(s, c);
	route_set_free(&s);
	policy_free(&p);
}

/* --- cases by rule ------------------------------------------------------------------- */

static const struct rule_case rules[] = {
	{ "b.1", "kind: Gateway\nmetadata: {name: g}\nspec: {selector: {istio: ingressgateway}, "
	  "servers: [{port: {number: 80, protocol: HTTP}, hosts: ['*']}]}\n",
	  { { "selector", F("8080", ""), "undeclared - -" } } },
	{ "b.1", "kind: Gateway\nmetadata: {name: g}\nspec: {servers: [{port: {number: 80, "
	  "protocol: HTTP}, hosts: ['*']}]}\n",
	  { { "no selector: every gateway", F("8080", ",\"authority\":\"x\""), "none http -" } } },
	{ "b.2", GATEWAY(HTTP80("'*'")) "kind: Service\nmetadata: {name: s, namespace: istio-system}\n"
	  "spec: {selector: {istio: egressgateway}, ports: [{port: 80, targetPort: web}]}\n---\n"
	  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: istio-system}\nspec: {template: "
	  "{metadata: {labels: {istio: egressgateway}}, spec: {containers: [{ports: [{name: web, "
	  "containerPort: 9080}]}]}}}\n",
	  { { "named targetPort", F("9080", ",\"authority\":\"x\""), "none http -" },
	    { "not the usual one", F("8080", ""), "no-server - -" } } },
	{ "b.2", GATEWAY(HTTP80("'*'")) "kind: Service\nmetadata: {name: s, namespace: istio-system}\n"
	  "spec: {selector: {istio: egressgateway}, ports: [{port: 443, targetPort: 8443}]}\n",
	  { { "no hit: literal", F("80", ",\"authority\":\"x\""), "none http -" } } },
	{ "b.4", GATEWAY(PASS("443", "'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test, b.test", "  tls:\n  - {match: [{port: 443, sniHosts: [a.test]}], " TO("a.test", "443") "}\n"
	     "  - {match: [{port: 443, sniHosts: [b.test]}], " TO("b.test", "443") "}\n"
	     "  tcp: [{" TO("b.test", "443") "}]\n"),
	  { { "passthrough by SNI", F("8443", ",\"sni\":\"b.test\""),
	      "chosen tcp tls[1] outbound|443||b.test" },
	    { "no chain", F("8443", ",\"sni\":\"c.test\""), "no-chain tcp -" },
	    { "SNI unknown", F("8443", ""), "unknown:sni tcp -" },
	    { "no SNI", F("8443", ",\"sni\":null"), "no-chain tcp -" } } },
	{ "b.4", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  VS("v", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO("a.test", "443") "}]\n"),
	  { { "only tls routes: no chain", F("8443", ",\"sni\":\"a.test\""), "none tcp -" } } },
	{ "b.5", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "a.test", "  tcp: [{match: [{port: 444}], " TO("a.test", "443") "}]\n")
	  VS("v2", "b.test", "  tcp: [{match: [{port: 443, sourceLabels: {x: y}}], " TO("b.test", "443") "}]\n")
	  VS("v3", "a.test", "  tcp: [{" TO("a.test", "443") "}]\n"),
	  { { "first that fits by port; labels not looked at", F("8443", ",\"sni\":\"a.test\""),
	      "chosen tcp tcp[0] outbound|443||b.test" } } },
	{ "b.5", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "a.test", "  tcp: [{" TO("a.test", "443") "}]\n")
	  VS("v2", "b.test", "  exportTo: [istio-system]\n  tcp: [{" TO("b.test", "443") "}]\n"),
	  { { "exported to the gateway before public", F("8443", ",\"sni\":\"a.test\""),
	      "chosen tcp tcp[0] outbound|443||b.test" } } },
	{ "b.6", GATEWAY(MTLS("443", "TLS", "a.test") MTLS("443", "TLS", "'*.test'")) ENTRY("a.test")
	  ENTRY("b.test") VS("v1", "a.test", "  tcp: [{" TO("a.test", "443") "}]\n")
	  VS("v2", "b.test", "  tcp: [{" TO("b.test", "443") "}]\n"),
	  { { "exact", F("8443", ",\"sni\":\"a.test\""), "chosen tcp tcp[0] outbound|443||a.test" },
	    { "none", F("8443", ",\"sni\":\"x.org\""), "no-chain - -" },
	    { "unknown", F("8443", ""), "unknown:sni tcp -" } } },
	{ "b.7", GATEWAY(MTLS("443", "TLS", "a.test") MTLS("443", "HTTPS", "a.test")),
	  { { "same host: the later is dropped", F("8443", ",\"sni\":\"a.test\""), "none tcp -" } } },
	{ "b.7", GATEWAY(HTTP80("'other/a.test'")) ENTRY("a.test")
	  VS("v", "a.test", "  http: [{" TO("a.test", "80") "}]\n"),
	  { { "ns/host", F("8080", ",\"authority\":\"a.test\""), "none http -" } } },
	{ "b.9", GATEWAY("  - {port: {number: 80, protocol: HTTP, name: h}, hosts: [a.test], tls: "
			 "{httpsRedirect: true}}\n" HTTP80("b.test")) ENTRY("b.test")
	  VS("v", "b.test", "  http: [{" TO("b.test", "80") "}]\n"),
	  { { "redirect without a route", F("8080", ",\"authority\":\"a.test\""), "answered http -" },
	    { "the other server of the port", F("8080", ",\"authority\":\"b.test\""),
	      "chosen http http[0] outbound|80||b.test" } } },
	{ "b.4", GATEWAY("  - {port: {number: 15443, protocol: TLS, name: a}, hosts: ['*.local'], tls: "
			 "{mode: AUTO_PASSTHROUGH}}\n") ENTRY("a.test")
	  "kind: Service\nmetadata: {name: s, namespace: n}\nspec: {ports: [{port: 80, name: http}]}\n",
	  { { "AUTO_PASSTHROUGH", F("15443", ",\"sni\":\"outbound_.80_._.s.n.svc.cluster.local\""),
	      "chosen tcp - outbound_.80_._.s.n.svc.cluster.local" },
	    { "not outside the mesh", F("15443", ",\"sni\":\"outbound_.443_._.a.test\""), "no-chain - -" },
	    { "no such port", F("15443", ",\"sni\":\"outbound_.81_._.s.n.svc.cluster.local\""),
	      "no-chain tcp -" } } },
	{ "b.4", GATEWAY("  - {port: {number: 443, protocol: TLS, name: a}, hosts: ['*.local'], tls: "
			 "{mode: AUTO_PASSTHROUGH}}\n" MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  "kind: Service\nmetadata: {name: s, namespace: n}\nspec: {ports: [{port: 80, name: http}]}\n---\n"
	  VS("v", "a.test", "  tcp: [{" TO("a.test", "443") "}]\n"),
	  { { "AUTO_PASSTHROUGH beside another", F("8443", ",\"sni\":\"outbound_.80_._.s.n.svc.cluster.local\""),
	      "chosen tcp - outbound_.80_._.s.n.svc.cluster.local" },
	    { "it has no chain for this name", F("8443", ",\"sni\":\"s.n.svc.cluster.local\""),
	      "chosen tcp tcp[0] outbound|443||a.test" },
	    { "nor for a subset that nobody has", F("8443", ",\"sni\":\"outbound_.80_.v_.s.n.svc.cluster.local\""),
	      "chosen tcp tcp[0] outbound|443||a.test" },
	    { "SNI unknown", F("8443", ""), "unknown:sni tcp -" },
	    { "no SNI", F("8443", ",\"sni\":null"), "chosen tcp tcp[0] outbound|443||a.test" } } },
	{ "b.4", GATEWAY("  - {port: {number: 80, protocol: HTTP, name: a}, hosts: ['*'], tls: "
			 "{mode: AUTO_PASSTHROUGH}}\n") ENTRY("a.test") VS("v", "a.test", "  http: [{" TO("a.test", "80") "}]\n"),
	  { { "plain HTTP reads no tls", F("8080", ",\"authority\":\"a.test\""),
	      "chosen http http[0] outbound|80||a.test" } } },
	{ "b.2", GATEWAY(HTTP80("'*'")) "kind: Service\nmetadata: {name: s, namespace: istio-system, labels: "
	  "{experimental.istio.io/disable-gateway-port-translation: 'true'}}\nspec: {selector: {istio: "
	  "egressgateway}, ports: [{port: 80, targetPort: 9080}]}\n",
	  { { "port not translated", F("9080", ""), "no-server - -" } } },
	{ "c.1", GATEWAY(HTTP80("'*'")) ENTRY("a.test") "kind: VirtualService\nmetadata: {name: v, "
	  "namespace: istio-system}\nspec: {hosts: [a.test], gateways: [g], http: [{" TO("a.test", "80") "}]}\n",
	  { { "short name", F("8080", ",\"authority\":\"a.test\""),
	      "chosen http http[0] outbound|80||a.test" } } },
	{ "c.2", GATEWAY(HTTP80("'*'")) ENTRY("a.test") "kind: VirtualService\nmetadata: {name: v}\n"
	  "spec: {hosts: [a.test], exportTo: ['.'], gateways: [istio-system/g], http: [{" TO("a.test", "80") "}]}\n",
	  { { "not exported to the gateway", F("8080", ",\"authority\":\"a.test\""), "none http -" } } },
	{ "c.3", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "'*.test'", "  http: [{" TO("b.test", "80") "}]\n")
	  VS("v2", "a.test", "  http: [{" TO("a.test", "80") "}]\n"),
	  { { "exact domain", F("8080", ",\"authority\":\"a.test\""), "chosen http http[0] outbound|80||a.test" },
	    { "suffix", F("8080", ",\"authority\":\"z.test\""), "chosen http http[0] outbound|80||b.test" } } },
	{ "c.4", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "a.test", "  http: [{" TO("a.test", "80") "}, {match: [{uri: {exact: /x}}], " TO("b.test", "80") "}]\n")
	  VS("v2", "a.test", "  http: [{match: [{uri: {prefix: /y}}], " TO("b.test", "80") "}]\n"),
	  { { "after catch-all: dropped", F("8080", ",\"authority\":\"a.test\",\"path\":\"/x\""),
	      "chosen http http[0] outbound|80||a.test" },
	    { "another object's: reached", F("8080", ",\"authority\":\"a.test\",\"path\":\"/yy?q\""),
	      "chosen http http[0] outbound|80||b.test" },
	    { "path unknown", F("8080", ",\"authority\":\"a.test\""), "unknown:path http -" } } },
	{ "c.5", GATEWAY(HTTP80("'*'")) ENTRY("a.test")
	  VS("v", "a.test", "  http: [{match: [{port: 8080}], " TO("a.test", "80") "}]\n"),
	  { { "port is the server's, not the pod's", F("8080", ",\"authority\":\"a.test\""), "none http -" } } },
	{ "c.6", GATEWAY(HTTP80("'*'")) ENTRY("a.test") VS("v", "a.test", "  http:\n"
	  "  - {match: [{uri: {regex: '/v[0-9]+'}, method: {exact: GET}}], " TO("a.test", "80") "}\n"
	  "  - {match: [{uri: {prefix: /FOO}, ignoreUriCase: true}], " TO("a.test", "443") "}\n"
	  "  - {match: [{withoutHeaders: {x: {exact: v}}}], redirect: {uri: /}}\n"),
	  { { "regex is whole", F("8080", ",\"authority\":\"a.test\",\"path\":\"/v12\",\"method\":\"GET\""),
	      "chosen http http[0] outbound|80||a.test" },
	    { "not a part", F("8080", ",\"authority\":\"a.test\",\"path\":\"/v12/\",\"method\":\"GET\",\"request_headers\":{}"),
	      "answered http http[2]" },
	    { "prefix, case ignored", F("8080", ",\"authority\":\"a.test\",\"path\":\"/foobar\",\"method\":\"PUT\""),
	      "chosen http http[1] outbound|443||a.test" },
	    { "withoutHeaders", F("8080", ",\"authority\":\"a.test\",\"path\":\"/\",\"request_headers\":{\"x\":\"v\"}"),
	      "none http -" },
	    { "headers unknown", F("8080", ",\"authority\":\"a.test\",\"path\":\"/\""),
	      "unknown:request_headers http -" } } },
	{ "c.6", GATEWAY(HTTP80("'*'")) ENTRY("a.test") VS("v", "a.test", "  http:\n"
	  "  - {match: [{queryParams: {k: {exact: 'a b'}}}], " TO("a.test", "80") "}\n"
	  "  - {match: [{headers: {X-Y: {regex: '*'}}}], " TO("a.test", "443") "}\n"),
	  { { "decoded", F("8080", ",\"authority\":\"a.test\",\"path\":\"/?j&k=a%20b\""),
	      "chosen http http[0] outbound|80||a.test" },
	    { "presence", F("8080", ",\"authority\":\"a.test\",\"path\":\"/?k=\",\"request_headers\":{\"x-y\":\"\"}"),
	      "chosen http http[1] outbound|443||a.test" } } },
	{ "c.6 RE2", GATEWAY(HTTP80("'*'")) ENTRY("a.test") VS("v", "a.test", "  http:\n"
	  "  - {match: [{uri: {regex: '/(?=x).*'}}], " TO("a.test", "80") "}\n"
	  "  - {" TO("a.test", "443") "}\n"),
	  { { "look-ahead: never", F("8080", ",\"authority\":\"a.test\",\"path\":\"/x\""),
	      "chosen http http[1] outbound|443||a.test" } } },
	{ "c.7", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  http: [{route: [{destination: {host: a.test, port: {number: 80}}, weight: 10}, "
	     "{destination: {host: b.test, port: {number: 80}}, weight: 90}, "
	     "{destination: {host: c.test, port: {number: 80}}, weight: 0}]}]\n"),
	  { { "heaviest first", F("8080", ",\"authority\":\"a.test\""),
	      "chosen http http[0] outbound|80||b.test" },
	    { "the one that was taken",
	      F("8080", ",\"authority\":\"a.test\",\"upstream_cluster\":\"outbound|80||a.test\""),
	      "chosen http http[0] outbound|80||a.test" } } },
	{ "c.7", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  http: [{match: [{uri: {prefix: /d}}], delegate: {name: w}}, {" TO("a.test", "80") "}]\n")
	  "kind: VirtualService\nmetadata: {name: w}\nspec: {http: [{match: [{uri: {prefix: /d/e}}], "
	  TO("b.test", "80") "}]}\n",
	  { { "delegate", F("8080", ",\"authority\":\"a.test\",\"path\":\"/d/e\""),
	      "chosen http http[0] outbound|80||b.test" },
	    { "not the delegate's", F("8080", ",\"authority\":\"a.test\",\"path\":\"/d\""),
	      "chosen http http[1] outbound|80||a.test" } } },
	{ "c.8", GATEWAY(PASS("443", "'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "'*.test'", "  tls: [{match: [{sniHosts: ['*.test']}], " TO("b.test", "443") "}]\n")
	  VS("v2", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO("a.test", "443") "}]\n"),
	  { { "exact over wildcard", F("8443", ",\"sni\":\"a.test\""), "chosen tcp tls[0] outbound|443||a.test" },
	    { "wildcard", F("8443", ",\"sni\":\"z.test\""), "chosen tcp tls[0] outbound|443||b.test" } } },
	{ "c.9", GATEWAY(HTTP80("'*'")) ENTRY("a.test")
	  VS("v", "a.test", "  http: [{" TO("a.test", "81") "}]\n"),
	  { { "no such port", F("8080", ",\"authority\":\"a.test\""),
	      "no-cluster http http[0] outbound|81||a.test" } } },
	{ "c.9", GATEWAY(HTTP80("'*'")) "kind: ServiceEntry\nmetadata: {name: e}\nspec: {hosts: [a.test], "
	  "exportTo: ['.'], ports: [{number: 80, protocol: HTTP}]}\n---\n"
	  VS("v", "a.test", "  http: [{route: [{destination: {host: a.test}}]}]\n"),
	  { { "e.3 entry not visible to the gateway", F("8080", ",\"authority\":\"a.test\""),
	      "no-cluster http http[0] outbound|80||a.test" } } },
	{ "d.1", GATEWAY(MTLS("80", "HTTPS", "'*'")) ENTRY("a.test")
	  "kind: VirtualService\nmetadata: {name: v}\nspec: {hosts: [a.test], http: [{route: [{destination: "
	  "{host: " GW ", subset: s, port: {number: 80}}}]}]}\n---\n"
	  "kind: DestinationRule\nmetadata: {name: d}\nspec: {host: " GW ", subsets: [{name: s, "
	  "trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: a.test}}}]}\n",
	  { { "own namespace sees the rule",
	      F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none http -  a.test" },
	    { "another does not",
	      F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"other\",\"sni\":\"x\""),
	      "none http -" } } },
	{ "e.5", GATEWAY(MTLS("80", "HTTPS", "'*'")) ENTRY("a.test")
	  "kind: VirtualService\nmetadata: {name: v}\nspec: {hosts: [a.test], http: [{route: [{destination: "
	  "{host: " GW ", subset: s, port: {number: 80}}}]}]}\n---\n"
	  "kind: DestinationRule\nmetadata: {name: d, namespace: istio-system}\nspec: {host: " GW ", subsets: [{name: s, "
	  "trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: a.test}}}]}\n---\n"
	  "kind: Sidecar\nmetadata: {name: s, namespace: closed}\nspec: {egress: [{hosts: ['./*']}]}\n---\n"
	  "kind: Sidecar\nmetadata: {name: s, namespace: open}\nspec: {egress: [{hosts: ['./*', 'default/*']}]}\n---\n"
	  "kind: Sidecar\nmetadata: {name: s, namespace: blind}\nspec: {egress: [{hosts: ['istio-system/*']}]}\n",
	  { { "imports the VirtualService, which brings the gateway along",
	      F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"open\",\"sni\":\"x\""),
	      "none http -  a.test" },
	    { "does not",
	      F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"closed\",\"sni\":\"x\""),
	      "none http -" },
	    { "the gateway without the VirtualService",
	      F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"blind\",\"sni\":\"x\""),
	      "none http -" } } },
	{ "d.2", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  "kind: VirtualService\nmetadata: {name: v}\nspec: {hosts: [a.test], tls: [{match: [{sniHosts: [a.test]}], "
	  "route: [{destination: {host: " GW ", subset: s, port: {number: 443}}}]}]}\n---\n"
	  "kind: DestinationRule\nmetadata: {name: d}\nspec: {host: " GW ", trafficPolicy: {tls: {mode: "
	  "ISTIO_MUTUAL, sni: top}, portLevelSettings: [{port: {number: 443}, tls: {mode: ISTIO_MUTUAL, sni: level}}]}, "
	  "subsets: [{name: s}]}\n",
	  { { "port level over top; subset inherits", F("8443", ",\"sni\":\"y\""), "none tcp -  level" } } },
};

/* --- the rest ------------------------------------------------------------------------ */

static void regexes(void)
{
	static const struct { const char *re; bool refused; } cases[] = {
		{ "/a/[^/]+", false }, { "(?:a|b)*", false }, { "(?i)abc", false }, { "(?P<n>x)", false },
		{ "[(?=]x", false }, { "\\d+\\.", false }, { "a{1,2}", false }, { "[]a]", false },
		{ "(?=x)", true }, { "(?!x)", true }, { "(?<=x)y", true }, { "(?<!x)y", true },
		{ "(a)\\1", true }, { "(?>a)", true }, { "a++", true }, { "(?R)", true },
		{ "\\Kx", true }, { "(*ACCEPT)", true }, { "x\\", true }, { "(?P=n)", true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!ok((re2_refuses(slice_of(cases[i].re)) != NULL) == cases[i].refused))
			printf("# %s\n", cases[i].re);
}

static void headers(void)
{
	struct err e = { 0 };
	struct policy_set *p = policy_load_text(SLICE(GATEWAY(HTTP80("'*'")) VS("v", "a.test",
		"  http: [{match: [{headers: {X-Team: {exact: a}}, withoutHeaders: {x-no: {}}}], "
		TO("a.test", "80") "}]\n")), "p", NULL, &e);
	struct route_set *s = route_set_new(p, NULL, &e);

	ok(route_wants_header(s, SLICE("x-team")) && route_wants_header(s, SLICE("x-no")));
	ok(!route_wants_header(s, SLICE("x-other")));
	route_set_free(&s);
	policy_free(&p);
}

static void explain(void)
{
	const char *dir = getenv("srcdir");
	char path[400], out[4000];
	const char *paths[] = { path };
	struct err e = { 0 };
	struct policy_set *p;
	struct route_set *s;
	struct arena *a = arena_new(1 << 20);
	struct flow *f = calloc(1, sizeof *f);
	struct route r;

	snprintf(path, sizeof path, "%s/tests/fixtures/route/one-host.yaml", dir ? dir : ".");
	p = policy_load(paths, 1, NULL, &e);
	s = route_set_new(p, NULL, &e);
	replay(s, "{\"destination_port\":8443,\"sni\":\"api.example.com\"}", true, out, sizeof out);
	ok(strstr(out, "tls[1] is dead here: this server is TLS ISTIO_MUTUAL, of which only tcp "
		       "routes are read") != NULL);
	ok(strstr(out, "VirtualService default/api-via-gateway tcp[0] is taken") != NULL);
	ok(strstr(out, "no Service of the gateway was given: port 443 is taken to be 8443") != NULL);
	ok(strstr(out, "one-host.yaml:") != NULL);
	printf("# %s\n", "explanation:");
	for (char *l = strtok(out, "\n"); l; l = strtok(NULL, "\n"))
		printf("# %s\n", l);

	flow_init(f);
	flow_set_text(f, F_SOURCE_NAMESPACE, SLICE("default"));
	ok(route_explain_sidecar(s, f, 443, SLICE("api.example.com"), &r, a));
	ok(slice_is(r.cluster, "outbound|443|api|" GW) && slice_is(r.sni, "api.example.com"));
	flow_set_text(f, F_SOURCE_NAMESPACE, SLICE("other"));
	ok(route_explain_sidecar(s, f, 443, SLICE("api.example.com"), &r, a));
	is(r.outcome, ROUTE_NO_CLUSTER);	/* the rule with the subset is default's */
	ok(route_explain_sidecar(s, f, 8443, SLICE("api.example.com"), &r, a));
	is(r.outcome, ROUTE_NONE);		/* e.4: known on 443, unknown on 8443 */
	ok(route_registered(s, SLICE("API.example.com")) && !route_registered(s, SLICE("evil.test")));
	free(f);
	arena_free(&a);
	route_set_free(&s);
	policy_free(&p);
}

int main(void)
{
	fixture("one-host.yaml", one_host);
	fixture("two-hosts.yaml", two_hosts);
	run_rules(rules, sizeof rules / sizeof *rules);
	regexes();
	headers();
	explain();
	return tap_end();
}
