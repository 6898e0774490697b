/*
 * route: the rules that single objects do not show: chains that exist beside servers that only say so, hosts
 * shared by VirtualServices, delegates, matches, DestinationRules of several namespaces (b.5 - e.3).
 */
#include "tests/route_rig.h"

#define H(host, more) F("8080", ",\"authority\":\"" host "\"" more)
#define S(sni) F("8443", ",\"sni\":\"" sni "\"")
#define MESH_VS(name, hosts, body) "kind: VirtualService\nmetadata: {name: " name "}\n" \
	"spec:\n  hosts: [" hosts "]\n" body "---\n"
#define DELEGATE(name, more, body) "kind: VirtualService\nmetadata: {name: " name more "}\nspec:\n" body "---\n"
#define TO_GW(subset, port) "route: [{destination: {host: " GW subset ", port: {number: " port "}}}]"
#define RULE(name, ns, more, spec) "kind: DestinationRule\nmetadata: {name: " name ", namespace: " ns more \
	"}\nspec: {host: " GW ", " spec "}\n---\n"
#define SNI(name) "trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: " name "}}"

static const struct rule_case rules[] = {
	{ "b.5", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  VS("v", "a.test", "  tcp: [{match: [{port: 443}]}, {" TO("a.test", "443") "}]\n"),
	  { { "a tcp route without destinations is passed over", S("a.test"),
	      "chosen tcp tcp[1] outbound|443||a.test" } } },
	{ "b.5", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  tcp: [{match: [{gateways: [mesh]}], " TO("b.test", "443") "}, {match: [{gateways: "
	     "[istio-system/g], port: 443}], " TO("a.test", "443") "}]\n"),
	  { { "match.gateways", S("x"), "chosen tcp tcp[1] outbound|443||a.test" } } },
	{ "b.6", GATEWAY(PASS("443", "'*.test'") MTLS("443", "TLS", "'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO("a.test", "443") "}]\n")
	  VS("v2", "b.org", "  tcp: [{" TO("b.test", "443") "}]\n"),
	  { { "the chain is the route's name, not the server's", S("a.test"),
	      "chosen tcp tls[0] outbound|443||a.test" },
	    { "no chain of the first server takes it", S("c.test"),
	      "chosen tcp tcp[0] outbound|443||b.test" },
	    { "the name decides", F("8443", ""), "unknown:sni tcp -" } } },
	{ "b.6", GATEWAY(MTLS("443", "TLS", "a.test") MTLS("443", "HTTPS", "'*'")) ENTRY("a.test")
	  VS("v", "b.test", "  http: [{" TO("a.test", "80") "}]\n"),
	  { { "a TLS server without a tcp route makes no chain",
	      F("8443", ",\"sni\":\"a.test\",\"authority\":\"b.test\""),
	      "chosen http http[0] outbound|80||a.test" } } },
	{ "b.6", GATEWAY(MTLS("443", "TLS", "A.test")) ENTRY("a.test")
	  VS("v", "a.test", "  tcp: [{" TO("a.test", "443") "}]\n"),
	  { { "case is folded", S("a.TEST"), "chosen tcp tcp[0] outbound|443||a.test" } } },
	{ "b.7", GATEWAY("  - {port: {number: 443, protocol: HTTPS, name: t}, hosts: [a.test], tls: {mode: MUTUAL}}\n"
			 "  - {port: {number: 443, protocol: HTTPS, name: t}, hosts: [b.test], tls: {mode: MUTUAL}}\n")
	  ENTRY("b.test") VS("v", "b.test", "  http: [{" TO("b.test", "80") "}]\n"),
	  { { "HTTPS servers of one port name: the later is dropped",
	      F("8443", ",\"sni\":\"b.test\",\"authority\":\"b.test\""), "no-chain - -" } } },
	{ "b.7", GATEWAY(HTTP80("'*'") "  - {port: {number: 80, protocol: TCP, name: t}, hosts: ['*']}\n")
	  ENTRY("b.test") VS("v", "b.test", "  tcp: [{" TO("b.test", "443") "}]\n"),
	  { { "another protocol: the later is dropped", H("b.test", ""), "none http -" } } },
	{ "b.7", GATEWAY(MTLS("443", "TLS", "default/a.test") MTLS("443", "TLS", "other/a.test")) ENTRY("a.test")
	  VS("v", "a.test", "  tcp: [{" TO("a.test", "443") "}]\n"),
	  { { "one host in two namespaces are two hosts", S("a.test"),
	      "chosen tcp tcp[0] outbound|443||a.test" } } },
	{ "b.7", GATEWAY(HTTP80("./a.test") HTTP80("'*/b.test'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "a.test", "  http: [{" TO("a.test", "80") "}]\n")
	  VS("v2", "b.test", "  http: [{" TO("b.test", "80") "}]\n"),
	  { { "./ is the Gateway's own namespace", H("a.test", ""), "none http -" },
	    { "*/ is any", H("b.test", ""), "chosen http http[0] outbound|80||b.test" } } },
	{ "b.7", GATEWAY("  - {port: {number: 443, protocol: TLS, name: t}, hosts: ['*'], tls: {mode: "
			 "OPTIONAL_MUTUAL}}\n") ENTRY("a.test")
	  VS("v", "a.test", "  tcp: [{" TO("a.test", "443") "}]\n  tls: [{match: [{sniHosts: [a.test]}], "
	     TO("a.test", "80") "}]\n"),
	  { { "b.4 OPTIONAL_MUTUAL terminates", S("a.test"), "chosen tcp tcp[0] outbound|443||a.test" } } },
	{ "b.4", GATEWAY("  - {port: {number: 443, protocol: HTTPS, name: t}, hosts: ['*'], tls: {mode: "
			 "PASSTHROUGH}}\n") ENTRY("a.test")
	  VS("v", "a.test", "  http: [{" TO("a.test", "80") "}]\n  tls: [{match: [{sniHosts: [a.test]}], "
	     TO("a.test", "443") "}]\n"),
	  { { "HTTPS PASSTHROUGH reads tls", S("a.test"), "chosen tcp tls[0] outbound|443||a.test" } } },
	{ "b.9", GATEWAY("  - {port: {number: 80, protocol: HTTP, name: h}, hosts: ['*'], tls: {httpsRedirect: true}}\n"
			 "  - {port: {number: 80, protocol: HTTP, name: i}, hosts: [b.test]}\n") ENTRY("b.test")
	  VS("v", "b.test", "  http: [{" TO("b.test", "80") "}]\n"),
	  { { "a redirecting server's VirtualService is redirected by any name of it", H("b.test", ""),
	      "answered http -" },
	    { "and what no VirtualService has", H("c.test", ""), "answered http -" } } },
	{ "c.1", GATEWAY(HTTP80("'*'")) ENTRY("a.test") "kind: VirtualService\nmetadata: {name: v, namespace: "
	  "istio-system}\nspec: {hosts: [a.test], gateways: [./g], http: [{match: [{gateways: [istio-system/g]}], "
	  TO("a.test", "80") "}]}\n",
	  { { "./name", H("a.test", ""), "chosen http http[0] outbound|80||a.test" } } },
	{ "c.1", GATEWAY(HTTP80("'*'")) ENTRY("a.test") "kind: VirtualService\nmetadata: {name: v}\nspec: {hosts: "
	  "[a.test], gateways: [g.istio-system.svc.cluster.local], http: [{" TO("a.test", "80") "}]}\n",
	  { { "the old long name", H("a.test", ""), "chosen http http[0] outbound|80||a.test" } } },
	{ "c.3", GATEWAY(HTTP80("web.default.svc.cluster.local")) "kind: Service\nmetadata: {name: web}\nspec: {ports: "
	  "[{port: 80, name: http}]}\n---\n" VS("v", "web", "  http: [{route: [{destination: {host: web}}]}]\n"),
	  { { "short names are the VirtualService's namespace", H("web.default.svc.cluster.local", ""),
	      "chosen http http[0] outbound|80||web.default.svc.cluster.local" } } },
	{ "c.3", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "a.test", "  http: [{match: [{port: 81}], " TO("b.test", "80") "}]\n")
	  VS("v2", "'*.test'", "  http: [{" TO("a.test", "80") "}]\n"),
	  { { "nothing of the exact host's fits: the wildcard is asked", H("a.test", ""),
	      "chosen http http[0] outbound|80||a.test" } } },
	{ "c.3", GATEWAY(HTTP80("a.test, '*.b.test'")) ENTRY("a.test")
	  VS("v", "'*.test'", "  http: [{" TO("a.test", "80") "}]\n"),
	  { { "the narrower of the two hosts", H("a.test", ""), "chosen http http[0] outbound|80||a.test" },
	    { "a wildcard of the server's", H("x.b.test", ""), "chosen http http[0] outbound|80||a.test" },
	    { "not a host of the server's", H("c.test", ""), "none http -" } } },
	{ "c.3", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "'*.test'", "  http: [{" TO("a.test", "80") "}]\n")
	  VS("v2", "'*.x.test'", "  http: [{" TO("b.test", "80") "}]\n")
	  VS("v3", "'*'", "  http: [{" TO("b.test", "443") "}]\n"),
	  { { "the longest suffix", H("y.x.test", ""), "chosen http http[0] outbound|80||b.test" },
	    { "the next", H("x.test", ""), "chosen http http[0] outbound|80||a.test" },
	    { "any", H("x.org", ""), "chosen http http[0] outbound|443||b.test" } } },
	{ "c.4", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  "kind: VirtualService\nmetadata: {name: a, creationTimestamp: '2026-02-01T00:00:00Z'}\nspec: {hosts: [a.test], "
	  "gateways: [istio-system/g], http: [{match: [{uri: {prefix: /x}}], " TO("a.test", "80") "}]}\n---\n"
	  "kind: VirtualService\nmetadata: {name: b, creationTimestamp: '2026-01-01T00:00:00Z'}\nspec: {hosts: [a.test], "
	  "gateways: [istio-system/g], http: [{match: [{uri: {prefix: /}}], " TO("b.test", "443") "}, {match: [{uri: "
	  "{prefix: /x}}], " TO("b.test", "80") "}]}\n",
	  { { "the older one's routes first, its catch-all last", H("a.test", ",\"path\":\"/x\""),
	      "chosen http http[0] outbound|80||a.test" },
	    { "catch-all", H("a.test", ",\"path\":\"/y\""), "chosen http http[0] outbound|443||b.test" } } },
	{ "c.5", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  http:\n  - {match: [{sourceLabels: {app: other}}], " TO("b.test", "80") "}\n"
	     "  - {match: [{sourceNamespace: default}], " TO("b.test", "80") "}\n"
	     "  - {match: [{sourceLabels: {app: other}, gateways: [istio-system/g], uri: {prefix: /g}}], "
	     TO("b.test", "443") "}\n"
	     "  - {match: [{sourceLabels: {istio: egressgateway}, sourceNamespace: istio-system}], " TO("a.test", "80") "}\n"),
	  { { "the source is the gateway", H("a.test", ",\"path\":\"/\""),
	      "chosen http http[3] outbound|80||a.test" },
	    { "with gateways it is not looked at", H("a.test", ",\"path\":\"/g\""),
	      "chosen http http[2] outbound|443||b.test" } } },
	{ "c.6 a.7", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  http: [{match: [{uri: {exact: /admin}}], " TO("b.test", "80") "}, {" TO("a.test", "80") "}]\n"),
	  { { "dot segments", H("a.test", ",\"path\":\"/x/../admin?q\""), "chosen http http[0] outbound|80||b.test" },
	    { "escaped dots", H("a.test", ",\"path\":\"/x/%2e%2E/admin\""), "chosen http http[0] outbound|80||b.test" },
	    { "back-slash", H("a.test", ",\"path\":\"/x\\\\..\\\\admin\""), "chosen http http[0] outbound|80||b.test" },
	    { "slashes are not merged", H("a.test", ",\"path\":\"//admin\""), "chosen http http[1] outbound|80||a.test" },
	    { "nor decoded", H("a.test", ",\"path\":\"/x/..%2fadmin\""), "chosen http http[1] outbound|80||a.test" } } },
	{ "c.6 a.7", "kind: MeshConfig\npathNormalization: {normalization: NONE}\n---\n" GATEWAY(HTTP80("'*'")) ENTRY("a.test")
	  ENTRY("b.test")
	  VS("v", "a.test", "  http: [{match: [{uri: {exact: /admin}}], " TO("b.test", "80") "}, {" TO("a.test", "80") "}]\n"),
	  { { "NONE", H("a.test", ",\"path\":\"/x/../admin\""), "chosen http http[1] outbound|80||a.test" } } },
	{ "c.6 a.7", "kind: MeshConfig\npathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}\n---\n"
	  GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  http: [{match: [{uri: {exact: /x/admin}}], " TO("b.test", "80") "}, {" TO("a.test", "80") "}]\n"),
	  { { "merged", H("a.test", ",\"path\":\"/x//admin\""), "chosen http http[0] outbound|80||b.test" },
	    { "decoded", H("a.test", ",\"path\":\"/x%2Fadmin\""), "chosen http http[0] outbound|80||b.test" } } },
	{ "c.6", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test") VS("v", "a.test", "  http:\n"
	  "  - {match: [{authority: {exact: 'a.test:80'}}, {authority: {prefix: A}}], " TO("b.test", "80") "}\n"
	  "  - {match: [{method: {regex: 'P.*'}}], " TO("b.test", "443") "}\n"
	  "  - {match: [{scheme: {exact: https}, method: {exact: HEAD}}], " TO("a.test", "443") "}\n"
	  "  - {" TO("a.test", "80") "}\n"),
	  { { "authority with its port", F("8080", ",\"authority\":\"a.test:80\""),
	      "chosen http http[0] outbound|80||b.test" },
	    { "case counts", F("8080", ",\"authority\":\"A.test\""), "chosen http http[0] outbound|80||b.test" },
	    { "method", H("a.test", ",\"method\":\"PUT\""), "chosen http http[1] outbound|443||b.test" },
	    { "nobody reports the scheme", H("a.test", ",\"method\":\"HEAD\""), "unknown:scheme http -" },
	    { "nor is it asked for", H("a.test", ",\"method\":\"GET\""), "chosen http http[3] outbound|80||a.test" } } },
	{ "c.6", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test") VS("v", "a.test", "  http:\n"
	  "  - {match: [{headers: {'@request.auth.claims.group': {exact: x}}}], " TO("b.test", "80") "}\n"
	  "  - {match: [{headers: {'@request.auth.claims[a][b.c]': {prefix: y}}}], " TO("b.test", "443") "}\n"
	  "  - {" TO("a.test", "80") "}\n"),
	  { { "claim", H("a.test", ",\"request_claims\":{\"group\":\"x\"}"), "chosen http http[0] outbound|80||b.test" },
	    { "a list's member", H("a.test", ",\"request_claims\":{\"group\":[1,\"z\",\"x\"]}"),
	      "chosen http http[0] outbound|80||b.test" },
	    { "nested", H("a.test", ",\"request_claims\":{\"a\":{\"b.c\":\"yes\"}}"),
	      "chosen http http[1] outbound|443||b.test" },
	    { "case counts", H("a.test", ",\"request_claims\":{\"Group\":\"x\"}"),
	      "chosen http http[2] outbound|80||a.test" },
	    { "not a text", H("a.test", ",\"request_claims\":{\"group\":{\"x\":1}}"),
	      "chosen http http[2] outbound|80||a.test" },
	    { "unknown", H("a.test", ""), "unknown:request_claims http -" } } },
	{ "c.6", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test") VS("v", "a.test", "  http:\n"
	  "  - {match: [{headers: {X-One: {exact: '1'}, x-two: {prefix: t}}}], " TO("b.test", "80") "}\n"
	  "  - {match: [{queryParams: {k: {}}}], " TO("b.test", "443") "}\n"
	  "  - {match: [{withoutHeaders: {x-one: {}}}], " TO("a.test", "443") "}\n"
	  "  - {match: [{withoutHeaders: {x-two: {regex: '.*'}}}], directResponse: {status: 403}}\n"
	  "  - {" TO("a.test", "80") "}\n"),
	  { { "headers are ANDed", H("a.test", ",\"path\":\"/\",\"request_headers\":{\"x-one\":\"1\",\"x-two\":\"two\"}"),
	      "chosen http http[0] outbound|80||b.test" },
	    { "query: presence", H("a.test", ",\"path\":\"/?k\",\"request_headers\":{\"x-one\":\"1\"}"),
	      "chosen http http[1] outbound|443||b.test" },
	    { "without: presence", H("a.test", ",\"path\":\"/?x\",\"request_headers\":{}"),
	      "chosen http http[2] outbound|443||a.test" },
	    { "without: a missing header is \"\", which .* takes",
	      H("a.test", ",\"path\":\"/?x\",\"request_headers\":{\"x-one\":\"2\"}"),
	      "chosen http http[4] outbound|80||a.test" },
	    { "a query that was cut off decides", H("a.test", ",\"path\":\"/\",\"request_headers\":{}"),
	      "unknown:path http -" } } },
	{ "c.7", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  http: [{match: [{uri: {prefix: /d}}], delegate: {name: gone}}, {match: [{uri: {prefix: /h}}], "
	     "delegate: {name: hidden, namespace: other}}, {delegate: {name: w}}, {" TO("a.test", "80") "}]\n")
	  DELEGATE("hidden", ", namespace: other", "  exportTo: ['.']\n  http: [{" TO("b.test", "443") "}]\n")
	  DELEGATE("w", "", "  http: [{match: [{uri: {prefix: /w}}], " TO("b.test", "80") "}]\n"),
	  { { "a delegate that is not there is no route", H("a.test", ",\"path\":\"/d\""),
	      "chosen http http[3] outbound|80||a.test" },
	    { "nor one that is not exported", H("a.test", ",\"path\":\"/h\""),
	      "chosen http http[3] outbound|80||a.test" },
	    { "a root without a match does not end the list", H("a.test", ",\"path\":\"/w\""),
	      "chosen http http[0] outbound|80||b.test" } } },
	{ "c.7", GATEWAY(HTTP80("'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v", "a.test", "  http: [{match: [{uri: {prefix: /d}, method: {exact: GET}}], delegate: {name: w}}, {" TO("a.test", "80") "}]\n")
	  DELEGATE("w", "", "  http: [{match: [{uri: {prefix: /e}}], " TO("b.test", "443") "}, {match: [{uri: {regex: "
		   "'/d.*'}}], " TO("b.test", "443") "}, {match: [{uri: {exact: /d/x}, ignoreUriCase: true}], "
		   TO("b.test", "443") "}, {match: [{headers: {h: {exact: v}}}], " TO("b.test", "80") "}]\n"),
	  { { "a contradictory pair is dropped", H("a.test", ",\"path\":\"/e\",\"method\":\"GET\",\"request_headers\":{}"),
	      "chosen http http[1] outbound|80||a.test" },
	    { "a regex never joins a prefix, nor folded case plain",
	      H("a.test", ",\"path\":\"/d/x\",\"method\":\"GET\",\"request_headers\":{}"),
	      "chosen http http[1] outbound|80||a.test" },
	    { "both hold", H("a.test", ",\"path\":\"/d\",\"method\":\"GET\",\"request_headers\":{\"h\":\"v\"}"),
	      "chosen http http[3] outbound|80||b.test" },
	    { "the root's does not", H("a.test", ",\"path\":\"/d\",\"method\":\"PUT\",\"request_headers\":{\"h\":\"v\"}"),
	      "chosen http http[1] outbound|80||a.test" } } },
	{ "c.8", GATEWAY(PASS("443", "'*'")) ENTRY("a.test") ENTRY("b.test")
	  VS("v1", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO("a.test", "443") "}]\n")
	  VS("v2", "a.test, b.test", "  tls: [{match: [{sniHosts: [a.test, b.test]}], " TO("b.test", "443") "}]\n"),
	  { { "the first", S("a.test"), "chosen tcp tls[0] outbound|443||a.test" },
	    { "a match with a taken name makes no chain at all", S("b.test"), "no-chain tcp -" } } },
	{ "c.9", GATEWAY(HTTP80("'*'")) "kind: Service\nmetadata: {name: alias}\nspec: {type: ExternalName, externalName: "
	  "A.test, ports: [{port: 80, name: http}]}\n---\n" ENTRY("a.test")
	  VS("v", "a.test", "  http: [{route: [{destination: {host: alias, port: {number: 80}}}]}]\n"),
	  { { "ExternalName stands for its target", H("a.test", ""),
	      "chosen http http[0] outbound|80||a.test" } } },
	{ "c.9", GATEWAY(HTTP80("'*'")) "kind: ServiceEntry\nmetadata: {name: e}\nspec: {hosts: [a.test], ports: [{number: "
	  "8081, protocol: HTTP, targetPort: 9}]}\n---\n" ENTRY("b.test")
	  VS("v1", "a.test", "  http: [{route: [{destination: {host: a.test}}]}]\n")
	  VS("v2", "b.test", "  http: [{route: [{destination: {host: b.test}}]}]\n"),
	  { { "the only port, not its targetPort", H("a.test", ""), "chosen http http[0] outbound|8081||a.test" },
	    { "of several the server's number", H("b.test", ""), "chosen http http[0] outbound|80||b.test" } } },
	{ "c.9", GATEWAY(HTTP80("'*'")) ENTRY("a.test")
	  "kind: DestinationRule\nmetadata: {name: d, namespace: istio-system}\nspec: {host: a.test, subsets: [{name: s}]}\n---\n"
	  VS("v", "a.test", "  http: [{match: [{uri: {prefix: /s}}], route: [{destination: {host: a.test, subset: s, port: {number: 80}}}]}, "
	     "{route: [{destination: {host: a.test, subset: none, port: {number: 80}}}]}]\n"),
	  { { "subset", H("a.test", ",\"path\":\"/s\""), "chosen http http[0] outbound|80|s|a.test" },
	    { "no such subset", H("a.test", ",\"path\":\"/\""), "no-cluster http http[1] outbound|80|none|a.test" } } },
	/* The sidecar's SNI, as the gateway expects it. */
	{ "d.1", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  MESH_VS("v", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO_GW("", "443") "}]\n")
	  RULE("r1", "default", "", SNI("one")) RULE("r2", "istio-system", "", SNI("two"))
	  RULE("r3", "other", ", x: y", "exportTo: ['.'], " SNI("three")),
	  { { "the client's namespace", F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none tcp -  one" },
	    { "the service's", F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"third\",\"sni\":\"x\""),
	      "none tcp -  two" },
	    { "its own, private", F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"other\",\"sni\":\"x\""),
	      "none tcp -  three" } } },
	{ "d.1", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test") "kind: MeshConfig\nrootNamespace: root\n---\n"
	  MESH_VS("v", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO_GW("", "443") "}]\n")
	  RULE("r1", "root", "", SNI("public")) RULE("r2", "root", "", "exportTo: ['.'], " SNI("private")),
	  { { "in the root namespace only what is private to it is its own",
	      F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"root\",\"sni\":\"x\""), "none tcp -  private" },
	    { "elsewhere what it exports", F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"b\",\"sni\":\"x\""),
	      "none tcp -  public" } } },
	{ "d.1", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  MESH_VS("v", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO_GW("", "443") "}]\n")
	  "kind: DestinationRule\nmetadata: {name: w}\nspec: {host: '*.svc.cluster.local', " SNI("wild") "}\n---\n"
	  RULE("r", "default", "", "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"),
	  { { "exact over wildcard; default SNI",
	      F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none tcp -  outbound_.443_._." GW } } },
	{ "d.1", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  MESH_VS("v", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO_GW(", subset: s", "443") "}]\n")
	  RULE("a", "default", "", "subsets: [{name: t}]") RULE("b", "default", "", SNI("b") ", subsets: [{name: s}]"),
	  { { "rules of one namespace add up: the first policy, all subsets",
	      F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""), "none tcp -  b" } } },
	{ "d.1", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test")
	  MESH_VS("v", "a.test", "  tls: [{match: [{sniHosts: [a.test]}], " TO_GW("", "443") "}]\n")
	  RULE("a", "default", "", SNI("all")) RULE("b", "default", "", "workloadSelector: {matchLabels: {app: x}}, " SNI("some")),
	  { { "some of the namespace's pods send another name: not certain",
	      F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""), "none tcp -" },
	    { "not so elsewhere", F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"other\",\"sni\":\"x\""),
	      "none tcp -" } } },
	{ "d.2", GATEWAY(MTLS("443", "TLS", "'*'")) ENTRY("a.test") ENTRY("b.test") ENTRY("c.test")
	  MESH_VS("v", "a.test, b.test, c.test", "  tls:\n"
		  "  - {match: [{sniHosts: [a.test]}], " TO_GW(", subset: own", "443") "}\n"
		  "  - {match: [{sniHosts: [b.test]}], " TO_GW(", subset: level", "443") "}\n"
		  "  - {match: [{sniHosts: [c.test]}], " TO_GW(", subset: bare", "443") "}\n")
	  RULE("r", "default", "", SNI("top") ", subsets: [{name: own, " SNI("own") "}, {name: level, trafficPolicy: {tls: {mode: "
	       "ISTIO_MUTUAL, sni: no}, portLevelSettings: [{port: {number: 443}, loadBalancer: {simple: RANDOM}}]}}, {name: bare}]"),
	  { { "a subset's tls over the rule's", F("8443", ",\"inner_sni\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none tcp -  own" },
	    { "a subset's port level replaces all of it, with none", F("8443", ",\"inner_sni\":\"b.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none tcp -" },
	    { "a subset without inherits", F("8443", ",\"inner_sni\":\"c.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none tcp -  top" } } },
	{ "d.4", GATEWAY(MTLS("80", "HTTPS", "'*'")) ENTRY("a.test")
	  MESH_VS("v", "a.test", "  http: [{" TO_GW(", subset: in-mTLS", "80") "}]\n")
	  RULE("r", "default", "", "subsets: [{name: in-mTLS, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}]"),
	  { { "the name as it is written, whatever Envoy logs", F("8080", ",\"authority\":\"a.test\",\"source_namespace\":"
	      "\"default\",\"sni\":\"outbound_.80_.in-mtls_." GW "\""), "none http -  outbound_.80_.in-mTLS_." GW } } },
	{ "d.4", GATEWAY(MTLS("80", "HTTPS", "'*'")) ENTRY("a.test")
	  MESH_VS("v", "a.test", "  http: [{match: [{uri: {prefix: /a}}], " TO_GW(", subset: one", "80") "}, {" TO_GW(", subset: two", "80") "}]\n")
	  RULE("r", "default", "", "subsets: [{name: one, " SNI("one") "}, {name: two, " SNI("two") "}]"),
	  { { "two routes, two names: not certain", F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none http -" },
	    { "the one that was seen", F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"one\""),
	      "none http -  one" } } },
	{ "c.3", GATEWAY(MTLS("80", "HTTPS", "'*'")) ENTRY("a.test")
	  MESH_VS("v1", "a.test", "  http: [{" TO_GW(", subset: one", "80") "}]\n")
	  MESH_VS("v2", "a.test", "  exportTo: [default]\n  http: [{" TO_GW(", subset: two", "80") "}]\n")
	  RULE("r", "istio-system", "", "subsets: [{name: one, " SNI("one") "}, {name: two, " SNI("two") "}]"),
	  { { "what is exported to the client comes first", F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"default\",\"sni\":\"x\""),
	      "none http -  two" },
	    { "others see the public one", F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"other\",\"sni\":\"x\""),
	      "none http -  one" } } },
	{ "e.5", GATEWAY(MTLS("80", "HTTPS", "'*'")) ENTRY("a.test")
	  MESH_VS("v", "a.test", "  http: [{" TO_GW("", "80") "}]\n") RULE("r", "istio-system", "", SNI("one"))
	  "kind: Sidecar\nmetadata: {name: some, namespace: other}\nspec: {workloadSelector: {labels: {app: x}}, egress: [{hosts: ['./*']}]}\n",
	  { { "a Sidecar for some pods: not certain", F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"other\",\"sni\":\"x\""),
	      "none http -" },
	    { "another namespace", F("8080", ",\"authority\":\"a.test\",\"source_namespace\":\"third\",\"sni\":\"x\""),
	      "none http -  one" } } },
};

int main(void)
{
	run_rules(rules, sizeof rules / sizeof *rules);
	return tap_end();
}
