/*
 * The judge against the rules of docs/semantics.md: for each a policy, a flow, the verdict and who decided.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/judge.h"
#include "analyze/route.h"
#include "common/json.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

struct kase {
	const char *rule;		/* of docs/semantics.md */
	const char *spec;		/* the policies, YAML */
	const char *flow;		/* JSON without the braces */
	const char *want;		/* "allow ns/name 0", "deny", "unknown sni" */
};

#define EGRESS "istio-system"
#define ID(ns, sa) "\"source_identity\":\"spiffe://cluster.local/ns/" ns "/sa/" sa "\""

/* Policies are written as YAML flow text: name, namespace, then the rest of metadata and spec. */
#define POLICY(name, ns, meta, spec) \
	"---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n" \
	"metadata: {name: " name ", namespace: " ns meta "}\nspec: {" spec "}\n"
#define ALLOW(spec) POLICY("p", EGRESS, "", "rules: [" spec "]")
#define DENY(spec) POLICY("d", EGRESS, "", "action: DENY, rules: [" spec "]")
#define FROM(s) "{from: [{source: {" s "}}]}"
#define TO(s) "{to: [{operation: {" s "}}]}"
#define WHEN(k, v) "{when: [{key: '" k "', values: [" v "]}]}"
#define NOT_WHEN(k, v) "{when: [{key: '" k "', notValues: [" v "]}]}"
#define WAYPOINT "egress,gateway.networking.k8s.io/gateway-name=gw,gateway.istio.io/managed=istio.io-mesh-controller"
#define SERVICE "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}\n"
#define ENTRY "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: shop}\n" \
	"spec: {hosts: [e.test], addresses: [10.1.0.8/29, '2001:db8::1']}\n"
#define ATTACHED(kind, group, name, rules) \
	POLICY("p", "shop", "", "targetRefs: [{kind: " kind ", group: " group ", name: " name "}], " rules)
#define PROVIDER(kind, service, port, more) "kind: MeshConfig\nextensionProviders: [{name: ext, envoyExtAuthz" kind \
	": {service: " service ", port: " port more "}}]\n"
#define AUTHZ_SERVICE "---\napiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: a}\nspec: {ports: [{port: 9000}]}\n"
#define AUTHZ_ENTRY(ns, more) "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: " ns "}\n" \
	"spec: {hosts: [ext.test], ports: [{number: 443}]" more "}\n"
#define CUSTOM POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]")
#define HTTP "\"chain\":\"http\","
#define TCP "\"chain\":\"tcp\","

static const struct kase cases[] = {
	/* a.1 scope */
	{ "a.1.1", POLICY("p", "other", "", ""), TCP "\"sni\":null", "none" },
	{ "a.1.1", POLICY("p", EGRESS, "", ""), TCP "\"sni\":null", "deny" },
	{ "a.1.2", POLICY("p", EGRESS, "", "selector: {matchLabels: {app: other}}"), TCP "\"sni\":null", "none" },
	{ "a.1.2", POLICY("p", EGRESS, "", "selector: {matchLabels: {app: istio-egressgateway}}"), TCP "\"sni\":null", "deny" },
	{ "a.1.2", POLICY("p", EGRESS, "", "selector: {matchLabels: {}}"), TCP "\"sni\":null", "deny" },
	{ "a.1.3", POLICY("p", EGRESS, "", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: x}]"), TCP "\"sni\":null", "none" },
	{ "a.1.3", POLICY("p", EGRESS, "", "targetRef: {kind: Gateway, name: x}"), TCP "\"sni\":null", "none" },
	/* a.2 order */
	{ "a.2.3", ALLOW("{}") DENY(FROM("namespaces: [bad]")), TCP ID("bad", "x"), "deny " EGRESS "/d 0" },
	{ "a.2.3", ALLOW("{}") DENY(FROM("namespaces: [bad]")), TCP ID("good", "x"), "allow " EGRESS "/p 0" },
	{ "a.2.4", ALLOW(FROM("namespaces: [good]")), TCP ID("bad", "x"), "deny" },
	{ "a.2.5", DENY(FROM("namespaces: [bad]")), TCP ID("good", "x"), "allow" },
	{ "a.2.2", POLICY("u", EGRESS, "", "action: AUDIT, rules: [{}]"), TCP ID("x", "x"), "allow" },
	{ "a.2.6", POLICY("b", EGRESS, "", "rules: [{}]") POLICY("a", EGRESS, "", "rules: [{}]"), TCP ID("x", "x"), "allow " EGRESS "/a 0" },
	{ "a.2.6", ALLOW("{},{},{},{},{},{},{},{},{},{},{}"), TCP ID("x", "x"), "allow " EGRESS "/p 0" },
	{ "a.2.6", ALLOW(FROM("namespaces: [q]") "," FROM("namespaces: [q]") ",{},{},{},{},{},{},{},{},{}"), TCP ID("x", "x"), "allow " EGRESS "/p 10" },
	{ "a.2.7", POLICY("p", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", "rules: []"), TCP ID("x", "x"), "allow" },
	{ "a.2.7", POLICY("p", EGRESS, ", annotations: {istio.io/dry-run: 'yes'}", "rules: []"), TCP ID("x", "x"), "deny" },
	{ "a.2.7", POLICY("p", EGRESS, ", annotations: {istio.io/dry-run: T}", "action: DENY, rules: [{}]"), TCP ID("x", "x"), "allow" },
	/* a.2.1 CUSTOM */
	{ "a.2.1", POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]"), HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]") DENY("{}"), HTTP ID("x", "x"), "deny " EGRESS "/d 0" },
	{ "a.2.1", POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]") POLICY("p", EGRESS, "", ""), HTTP ID("x", "x"), "deny ?" },
	{ "a.2.1", POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [" FROM("namespaces: [y]") "]"), HTTP ID("x", "x"), "allow" },
	{ "a.2.1", POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]") POLICY("e", EGRESS, "", "action: CUSTOM, provider: {name: two}, rules: [{}]"), HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", POLICY("c", EGRESS, "", "action: CUSTOM, rules: [{}]"), HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", "kind: MeshConfig\nextensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a.b.svc.cluster.local, port: 80}}]\n" POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]"), TCP ID("x", "x"), "allow" },
	/* Its service in the registry. */
	{ "a.2.1", PROVIDER("Http", "b.a.svc.cluster.local", "9000", "") AUTHZ_SERVICE CUSTOM, HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Http", "a/b.a.svc.cluster.local", "9000", "") AUTHZ_SERVICE CUSTOM, HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Http", "b.a.svc.cluster.local", "9000", "") AUTHZ_SERVICE CUSTOM, TCP ID("x", "x"), "allow" },
	{ "a.2.1", PROVIDER("Http", "b.a.svc.cluster.local", "9001", "") AUTHZ_SERVICE CUSTOM, HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", PROVIDER("Http", "b.a.svc.cluster.local", "9001", ", failOpen: false") AUTHZ_SERVICE CUSTOM, TCP ID("x", "x"), "allow" },
	{ "a.2.1", PROVIDER("Http", "b.a.svc.cluster.local", "9001", ", failOpen: true") AUTHZ_SERVICE CUSTOM, HTTP ID("x", "x"), "allow" },
	{ "a.2.1", PROVIDER("Grpc", "b.a.svc.cluster.local", "9001", "") AUTHZ_SERVICE CUSTOM, TCP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", PROVIDER("Grpc", "other.a.svc.cluster.local", "9000", ", failOpen: true") AUTHZ_SERVICE CUSTOM, HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Http", "other.a.svc.cluster.local", "9000", "") AUTHZ_SERVICE CUSTOM, TCP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Grpc", "x/b.a.svc.cluster.local", "9000", "") AUTHZ_SERVICE CUSTOM, HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Grpc", "ext.test", "443", "") AUTHZ_SERVICE CUSTOM, HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Grpc", "ext.test", "443", "") AUTHZ_ENTRY("one", "") CUSTOM, HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Grpc", "ext.test", "443", "") AUTHZ_ENTRY("one", ", exportTo: ['.']") CUSTOM, HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", PROVIDER("Grpc", "ext.test", "443", "") AUTHZ_ENTRY("one", "") AUTHZ_ENTRY("two", "") CUSTOM, HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", PROVIDER("Grpc", "two/ext.test", "443", "") AUTHZ_ENTRY("one", "") AUTHZ_ENTRY("two", "") CUSTOM, HTTP ID("x", "x"), "unknown ext_authz(ext)" },
	{ "a.2.1", PROVIDER("Http", "ext.test", "443", ", pathPrefix: x") CUSTOM, HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", "kind: MeshConfig\nextensionProviders: [{name: ext, envoyExtAuthzGrpc: {service: a.test, port: 1}}, "
	  "{name: ext, envoyExtAuthzGrpc: {service: a.test, port: 1}}]\n" CUSTOM, HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", "kind: MeshConfig\nextensionProviders: [{name: other, envoyExtAuthzGrpc: {service: a.b.svc.cluster.local, port: 80}}]\n" POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]"), TCP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", "kind: MeshConfig\nextensionProviders: [{name: ext, envoyExtAuthzGrpc: {service: a.b.svc.cluster.local}}]\n" POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [{}]"), HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", "kind: MeshConfig\nextensionProviders: [{name: Ext, envoyExtAuthzGrpc: {service: a.b.svc.cluster.local, port: 9000}}]\n" POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: Ext}, rules: [{}]"), HTTP ID("x", "x"), "deny " EGRESS "/c 0" },
	{ "a.2.1", "kind: MeshConfig\nextensionProviders: [{name: ext, envoyExtAuthzHttp: {service: a.b.svc.cluster.local, port: 80}}]\n" POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [" TO("paths: ['/admin*']") "]"), HTTP "\"path\":\"/admin\"", "unknown ext_authz(ext)" },
	{ "a.2.1", POLICY("c", EGRESS, "", "action: CUSTOM, provider: {name: ext}, rules: [" TO("paths: ['/admin*']") "]") DENY(FROM("namespaces: [a]")), HTTP "\"path\":\"/admin\"", "unknown ext_authz(ext) source_identity" },
	/* a.3 empty things */
	{ "a.3", POLICY("p", EGRESS, "", ""), HTTP ID("x", "x"), "deny" },
	{ "a.3", POLICY("p", EGRESS, "", "action: DENY"), HTTP ID("x", "x"), "allow" },
	{ "a.3", ALLOW("{}"), HTTP ID("x", "x"), "allow " EGRESS "/p 0" },
	{ "a.3", ALLOW("null"), HTTP ID("x", "x"), "deny" },
	{ "a.3", ALLOW("{from: [{source: {}}], to: []}"), HTTP ID("x", "x"), "allow " EGRESS "/p 0" },
	{ "a.3", ALLOW("{from: [{source: {namespaces: [a]}}, {source: {namespaces: [b]}}]}"), HTTP ID("b", "x"), "allow " EGRESS "/p 0" },
	{ "a.3", ALLOW(FROM("namespaces: [a], notPrincipals: [cluster.local/ns/a/sa/x]")), HTTP ID("a", "x"), "deny" },
	/* a.4 identities */
	{ "a.4", ALLOW(FROM("principals: ['*']")), TCP "\"source_identity\":null", "deny" },
	{ "a.4", ALLOW(FROM("principals: ['*']")), TCP "\"source_identity\":\"x\"", "allow " EGRESS "/p 0" },
	{ "a.4", DENY(FROM("notPrincipals: ['*']")), TCP "\"source_identity\":null", "deny " EGRESS "/d 0" },
	{ "a.4", ALLOW(FROM("notNamespaces: [x]")), TCP "\"source_identity\":null", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("principals: ['*/sa/x']")), TCP ID("a", "x"), "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("principals: ['*/sa/x']")), TCP "\"source_identity\":\"https://a/sa/x\"", "deny" },
	{ "a.4", ALLOW(FROM("principals: ['cluster.local/ns/a/*']")), TCP ID("a", "x"), "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("principals: ['Cluster.local/ns/a/sa/x']")), TCP ID("a", "x"), "deny" },
	{ "a.4", ALLOW(FROM("principals: ['spiffe://cluster.local/ns/a/sa/x']")), TCP ID("a", "x"), "deny" },
	{ "a.4", ALLOW(FROM("namespaces: ['d*t']")), TCP ID("default", "x"), "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("namespaces: ['def.ult']")), TCP ID("default", "x"), "deny" },
	{ "a.4", ALLOW(FROM("namespaces: [a]")), TCP "\"source_identity\":\"spiffe://td/ns/a\"", "deny" },
	{ "a.4", ALLOW(FROM("serviceAccounts: [x]")), TCP ID(EGRESS, "x"), "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("serviceAccounts: [x]")), TCP ID("a", "x"), "deny" },
	{ "a.4", ALLOW(FROM("serviceAccounts: [a/x]")), TCP "\"source_identity\":\"spiffe://td/k/v/ns/a/w/y/sa/x/z\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("serviceAccounts: [a/x]")), TCP ID("a", "xy"), "deny" },
	{ "a.4", ALLOW(FROM("trustDomains: ['*.example']")), TCP "\"source_identity\":\"spiffe://td.example/ns/a/sa/x\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("trustDomains: ['td']")), TCP "\"source_identity\":\"spiffe://td.example/ns/a/sa/x\"", "deny" },
	/* a.4 addresses and ports */
	{ "a.4", ALLOW(FROM("ipBlocks: [10.1.2.3/8]")), TCP "\"source_ip\":\"10.9.9.9\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("ipBlocks: ['::/0']")), TCP "\"source_ip\":\"10.9.9.9\"", "deny" },
	{ "a.4", ALLOW(FROM("remoteIpBlocks: [10.0.0.0/8]")), TCP "\"source_ip\":\"10.9.9.9\",\"remote_ip\":\"1.1.1.1\"", "deny" },
	{ "a.4", ALLOW(TO("ports: ['443']")), TCP "\"destination_port\":8443", "deny" },
	{ "a.4", ALLOW(TO("ports: [8443]")), TCP "\"destination_port\":8443", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("destination.ip", "10.0.0.0/8")), TCP "\"destination_ip\":\"10.0.0.1\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("destination.port", "'80'")), TCP "\"destination_port\":80", "allow " EGRESS "/p 0" },
	/* a.4 SNI */
	{ "a.4", ALLOW(WHEN("connection.sni", "a.example")), TCP "\"sni\":\"A.Example\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("connection.sni", "A.Example")), TCP "\"sni\":\"a.example\"", "deny" },
	{ "a.4", ALLOW(WHEN("connection.sni", "'*'")), TCP "\"sni\":null", "deny" },
	{ "a.4", DENY(NOT_WHEN("connection.sni", "'*'")), TCP "\"sni\":null", "deny " EGRESS "/d 0" },
	/* a.4 HTTP */
	{ "a.4", ALLOW(TO("hosts: [httpbin.org]")), HTTP "\"authority\":\"HTTPBIN.ORG\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(TO("hosts: [httpbin.org]")), HTTP "\"authority\":\"httpbin.org:443\"", "deny" },
	{ "a.4", ALLOW(TO("hosts: ['httpbin.org:*']")), HTTP "\"authority\":\"httpbin.org:443\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(TO("hosts: ['*x*']")), HTTP "\"authority\":\"axb\"", "deny" },
	{ "a.4", ALLOW(TO("hosts: ['*x*']")), HTTP "\"authority\":\"ax*\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(TO("methods: [get]")), HTTP "\"method\":\"GET\"", "deny" },
	{ "a.4", ALLOW(TO("paths: [/a]")), HTTP "\"path\":\"/a?x=1\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(TO("paths: ['/a*']")), HTTP "\"path\":\"/A\"", "deny" },
	{ "a.4", ALLOW(TO("paths: ['/a/{**}']")), HTTP "\"path\":\"/a\"", "deny" },
	{ "a.4", ALLOW(TO("paths: ['/a/{**}']")), HTTP "\"path\":\"/a/b/c\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(TO("paths: ['/store/{**}/cart']")), HTTP "\"path\":\"/store//cart\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(TO("paths: ['/store/{**}/cart']")), HTTP "\"path\":\"/store/cart\"", "deny" },
	{ "a.4", ALLOW(TO("paths: ['/a/{*}/c']")), HTTP "\"path\":\"/a/b/b/c\"", "deny" },
	{ "a.4", ALLOW(TO("paths: ['/a/{*}/c']")), HTTP "\"path\":\"/a/b%20~=/c\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "'*'")), HTTP "\"request_headers\":{\"x-a\":\"\"}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "'a,b'")), HTTP "\"request_headers\":{\"X-a\":[\"a\",\"b\"]}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(NOT_WHEN("request.headers[X-A]", "q")), HTTP "\"request_headers\":{}", "allow " EGRESS "/p 0" },
	/* A log's format names some headers; of others nothing is known.  null: not sent. */
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "q")), HTTP "\"observed_by\":\"log\",\"request_headers\":{\"x-b\":\"q\"}", "unknown request_headers" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "q")), HTTP "\"observed_by\":\"log\",\"request_headers\":{\"x-a\":null}", "deny" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "q")), HTTP "\"observed_by\":\"log\",\"request_headers\":{\"x-a\":\"q\"}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "q")), HTTP "\"request_headers\":{\"x-a\":\"(masked)\"}", "unknown request_headers" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "/q")), HTTP "\"request_headers\":{\"x-a\":\"/q?(masked)\"}", "unknown request_headers" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "/q")), HTTP "\"request_headers\":{\"x-a\":\"/q?h=00112233445566ff\"}", "unknown request_headers" },
	{ "a.4", DENY(WHEN("request.headers[X-A]", "/q")), HTTP "\"request_headers\":{\"x-a\":\"/q?h=00112233445566fg\"}", "allow" },
	{ "a.4", ALLOW(WHEN("request.headers[X-A]", "q")), HTTP "\"observed_by\":\"wire\",\"request_headers\":{\"x-b\":\"q\"}", "deny" },
	{ "a.4", ALLOW(WHEN("request.headers[:path]", "'/a?x'")), HTTP "\"path\":\"/a?x\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("request.headers[host]", "h")), HTTP "\"authority\":\"h\"", "allow " EGRESS "/p 0" },
	/* a.4 JWT, metadata */
	{ "a.4", ALLOW(FROM("requestPrincipals: ['https://i/x/sub']")), HTTP "\"request_claims\":{\"iss\":\"https://i/x\",\"sub\":\"sub\"}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("requestPrincipals: ['iss']")), HTTP "\"request_claims\":{\"iss\":\"iss\"}", "deny" },
	{ "a.4", ALLOW(FROM("requestPrincipals: ['iss']")), HTTP "\"request_claims\":{\"iss\":\"iss\",\"sub\":\"\"}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("requestPrincipals: ['*/s']")), HTTP "\"request_principal\":\"i/s\"", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("requestPrincipals: ['*']")), HTTP "\"request_claims\":null", "deny" },
	{ "a.4", ALLOW(WHEN("request.auth.audiences", "b")), HTTP "\"request_claims\":{\"aud\":[\"a\",\"b\"]}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("request.auth.claims[scope]", "w")), HTTP "\"request_claims\":{\"scope\":\"r w\"}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("request.auth.claims[a][b]", "'x*'")), HTTP "\"request_claims\":{\"a\":{\"b\":[1,\"xy\"]}}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("request.auth.claims[n]", "'1'")), HTTP "\"request_claims\":{\"n\":1}", "deny" },
	{ "a.4", ALLOW(WHEN("experimental.envoy.filters.a.b[c]", "'[v]'")), TCP "\"metadata\":{\"envoy.filters.a.b\":{\"c\":[\"v\"]}}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(WHEN("experimental.envoy.filters.a.b[c]", "v")), TCP "\"metadata\":{\"envoy.filters.a.b\":{\"c\":[\"v\"]}}", "deny" },
	/* claims inside one another: where [a][b] is there, [a] is an object that no test takes */
	{ "a.4", ALLOW(WHEN("request.auth.claims[a]", "x") "," WHEN("request.auth.claims[a][b]", "y")) DENY("{when: [{key: 'request.auth.claims[a]', values: [x]}, {key: 'request.auth.claims[a][b]', values: [y]}]}"), HTTP "\"request_claims\":{\"a\":\"x\"}", "allow " EGRESS "/p 0" },
	{ "unknown", ALLOW("{}") DENY("{when: [{key: 'request.auth.claims[a]', values: [x]}, {key: 'request.auth.claims[a][b]', values: [y]}]}"), HTTP "\"method\":\"GET\"", "allow ?" },
	{ "unknown", ALLOW("{}") DENY("{when: [{key: 'request.auth.claims[a]', values: [x]}, {key: 'request.auth.claims[ab][b]', values: [y]}]}"), HTTP "\"method\":\"GET\"", "unknown request_claims" },
	{ "unknown", ALLOW("{}") DENY("{when: [{key: 'request.auth.claims[iss][b]', values: [y]}]}"), HTTP "\"request_principal\":\"i/s\"", "allow ?" },
	{ "a.4", ALLOW(WHEN("request.auth.claims[a][b][c][d][e][f][g][h][i]", "x")), HTTP "\"request_claims\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{\"i\":\"x\"}}}}}}}}}", "allow " EGRESS "/p 0" },
	{ "a.4", ALLOW(FROM("trustDomains: ['a*b*c']")), TCP "\"source_identity\":\"spiffe://axbyc/x\"", "deny" },
	{ "a.5", DENY(FROM("ipBlocks: [10.0.0.1/08]")), TCP "\"source_ip\":\"11.0.0.1\"", "deny " EGRESS "/d 0" },
	/* a.5 HTTP fields on TCP, values that istiod cannot use */
	{ "a.5", ALLOW("{from: [{source: {namespaces: [a]}}, {source: {requestPrincipals: [x]}}]}"), TCP ID("a", "x"), "deny" },
	{ "a.5", DENY(TO("methods: [GET]")), TCP ID("a", "x"), "deny " EGRESS "/d 0" },
	{ "a.5", DENY(TO("methods: [GET], ports: ['80']")), TCP "\"destination_port\":81", "allow" },
	{ "a.5", DENY(WHEN("request.headers[x]", "y")), TCP "\"destination_port\":81", "deny " EGRESS "/d 0" },
	{ "a.5", ALLOW(TO("ports: ['8443', '99999']")), TCP "\"destination_port\":8443", "deny" },
	{ "a.5", DENY(TO("ports: ['99999']")), TCP "\"destination_port\":8443", "deny " EGRESS "/d 0" },
	{ "a.5", DENY(TO("ports: ['99999', '80']")), TCP "\"destination_port\":8443", "allow" },
	{ "a.5", ALLOW(FROM("ipBlocks: [10.0.0.0/40]")), TCP "\"source_ip\":\"10.0.0.1\"", "deny" },
	{ "a.5", DENY("{when: [{key: bogus, values: [x]}]}"), TCP ID("a", "x"), "allow" },
	{ "a.5", DENY("{when: [{key: 'request.headersx', values: [x]}]}"), HTTP ID("a", "x"), "deny " EGRESS "/d 0" },
	{ "unknown", ALLOW(WHEN("request.headers[x]", "a")), HTTP "\"observed_by\":\"log\",\"request_headers\":null", "deny" },
	{ "unknown", ALLOW(WHEN("experimental.envoy.filters.x[k]", "a")), HTTP "\"observed_by\":\"log\",\"metadata\":null", "deny" },
	/* chain: given, else from the protocol, else both are tried */
	{ "chain", ALLOW(TO("methods: [GET]")), "\"protocol\":\"h2\",\"method\":\"GET\"", "allow " EGRESS "/p 0" },
	{ "chain", ALLOW(TO("methods: [GET]")), "\"protocol\":\"tls\",\"method\":\"GET\"", "deny" },
	{ "chain", ALLOW(TO("methods: [GET]")), "\"method\":\"GET\"", "unknown chain" },
	{ "chain", ALLOW(FROM("namespaces: [a]")), "\"sni\":null", "unknown source_identity" },
	{ "chain", ALLOW("{from: [{source: {namespaces: [a]}}], to: [{operation: {methods: [GET]}}]}"), "\"method\":\"GET\"", "unknown chain source_identity" },
	{ "chain", ALLOW("{from: [{source: {namespaces: [a]}}], to: [{operation: {methods: [GET]}}]}"), "\"method\":\"PUT\"", "deny" },
	{ "chain", ALLOW(FROM("namespaces: [a]")), ID("a", "x"), "allow " EGRESS "/p 0" },
	/* unknown */
	{ "unknown", ALLOW(FROM("namespaces: [a]") "," FROM("notNamespaces: [a]")), TCP "\"sni\":null", "allow ?" },
	{ "unknown", ALLOW(FROM("namespaces: [a]")), TCP "\"sni\":null", "unknown source_identity" },
	{ "unknown", ALLOW(FROM("namespaces: [a]")), TCP "\"transport\":\"plaintext\"", "deny" },
	{ "unknown", ALLOW(FROM("namespaces: [a]")), TCP "\"source_namespace\":\"a\"", "allow ?" },
	{ "unknown", ALLOW("{}") DENY(FROM("namespaces: [a], ipBlocks: [10.0.0.1]")), TCP "\"source_ip\":\"10.0.0.2\"", "allow " EGRESS "/p 0" },
	{ "unknown", ALLOW(TO("paths: ['/*']")), HTTP "\"method\":\"GET\"", "allow ?" },
	{ "unknown", ALLOW("{from: [{source: {namespaces: [a]}}], when: [{key: connection.sni, values: [x]}]}"), TCP "\"source_port\":1", "unknown source_identity sni" },
};

static bool names(struct slice missing, const char *want)
{
	size_t n = 0;
	const char *word = want;

	for (; *word; word += strcspn(word, " "), word += *word == ' ') {
		char quoted[80];
		int len = snprintf(quoted, sizeof quoted, "\"%.*s\"", (int)strcspn(word, " "), word);

		if (!memmem(missing.p, missing.n, quoted, (size_t)len))
			return false;
		n++;
	}
	size_t commas = 0;
	for (size_t i = 0; i < missing.n; i++)
		commas += missing.p[i] == ',';
	return n == commas + 1;
}

static bool as_wanted(const struct flow *f, const char *want)
{
	char got[200];
	const char *verdict = flow_enum_name(ENUM_VERDICT, flow_num(f, F_VERDICT));
	struct slice p = flow_text(f, F_POLICY);

	if (!strncmp(want, "unknown ", 8))
		return flow_num(f, F_VERDICT) == VERDICT_UNKNOWN &&
		       names(flow_text(f, F_MISSING), want + 8);
	if (!flow_has(f, F_POLICY))
		snprintf(got, sizeof got, "%s ?", verdict);
	else if (!p.n)
		snprintf(got, sizeof got, "%s", verdict);
	else
		snprintf(got, sizeof got, "%s %.*s %lld", verdict, (int)p.n, (const char *)p.p,
			 (long long)flow_num(f, F_RULE));
	return !strcmp(got, want);
}

static struct judge *judge_of(const char *yaml, const struct judge_options *o,
			      struct policy_set **p)
{
	struct err e = { 0 };

	*p = policy_load_text(slice_of(yaml), "case.yaml", NULL, &e);
	struct judge *j = *p ? judge_new(*p, o, &e) : NULL;
	if (!j)
		printf("# %s\n# %s\n", e.msg, yaml);
	return j;
}

static bool judged(struct judge *j, const char *json, struct flow *f, struct arena *a)
{
	struct buf b;
	struct err e = { 0 };

	buf_init(&b, 64 * 1024);
	buf_printf(&b, "{%s}", json);
	bool fine = !flow_json_read(f, arena_copy(a, buf_slice(&b)), a, NULL, &e);
	if (fine)
		judge_flow(j, f, a);
	else
		printf("# %s\n", e.msg);
	buf_release(&b);
	return fine;
}

static void table(void)
{
	struct judge_options o = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct kase *c = &cases[i];
		struct arena *a = arena_new(1 << 20);
		struct policy_set *p = NULL;
		struct judge *j = judge_of(c->spec, &o, &p);
		struct flow f;

		/* The second time out of the cache. */
		for (int k = 0; j && k < 2; k++) {
			bool fine = judged(j, c->flow, &f, a) && as_wanted(&f, c->want);

			tap_ok(fine, c->rule, __FILE__, __LINE__);
			if (!fine) {
				struct buf b;

				buf_init(&b, 1 << 20);
				flow_json_write(&b, &f);
				printf("# wanted %s\n# %.*s\n# %s\n", c->want, (int)b.n,
				       (const char *)b.p, c->spec);
				buf_release(&b);
			}
		}
		ok(j != NULL);
		judge_free(&j);
		policy_free(&p);
		arena_free(&a);
	}
}

/* a.4, trust domains and aliases; a.1.4, gateways of the Gateway API. */
static void options(void)
{
	static const char *const alias[] = { "old-td", "other-td" };
	static const struct {
		struct judge_options o;
		const char *spec, *flow, *want;
	} t[] = {
		{ { .trust_domain = "prod.example" }, ALLOW(FROM("principals: [cluster.local/ns/a/sa/x]")),
		  TCP ID("a", "x"), "deny" },
		{ { .trust_domain = "prod.example" }, ALLOW(FROM("principals: [cluster.local/ns/a/sa/x]")),
		  TCP "\"source_identity\":\"spiffe://prod.example/ns/a/sa/x\"", "allow " EGRESS "/p 0" },
		{ { .trust_domain = "td1", .aliases = alias, .n_aliases = 2 },
		  ALLOW(FROM("principals: [td1/ns/a/sa/x]")),
		  TCP "\"source_identity\":\"spiffe://old-td/ns/a/sa/x\"", "allow " EGRESS "/p 0" },
		{ { .trust_domain = "td1", .aliases = alias, .n_aliases = 2 },
		  ALLOW(FROM("principals: ['*-td/ns/a/sa/x']")),
		  TCP "\"source_identity\":\"spiffe://td1/ns/a/sa/x\"", "allow " EGRESS "/p 0" },
		{ { .trust_domain = "td1", .aliases = alias, .n_aliases = 2 },
		  ALLOW(FROM("principals: [evil/ns/a/sa/x]")),
		  TCP "\"source_identity\":\"spiffe://td1/ns/a/sa/x\"", "deny" },
		{ { .trust_domain = "td1", .aliases = alias, .n_aliases = 2 },
		  ALLOW(FROM("principals: [td1/ns/a/sa/x/y]")),
		  TCP "\"source_identity\":\"spiffe://old-td/ns/a/sa/x/y\"", "deny" },
		{ { .trust_domain = "td1", .aliases = alias, .n_aliases = 2 },
		  ALLOW(FROM("trustDomains: [old-td]")),
		  TCP "\"source_identity\":\"spiffe://td1/x\"", "allow " EGRESS "/p 0" },
		{ { .workload = "ns1,gateway.networking.k8s.io/gateway-name=gw" },
		  POLICY("p", "ns1", "", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gw}]"),
		  TCP "\"sni\":null", "deny" },
		{ { .workload = "ns1,gateway.networking.k8s.io/gateway-name=gw" },
		  POLICY("p", EGRESS, "", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gw}]"),
		  TCP "\"sni\":null", "none" },
		{ { .workload = "ns1,gateway.networking.k8s.io/gateway-name=gw" },
		  POLICY("p", EGRESS, "", ""), TCP "\"sni\":null", "deny" },
		/* Services and ServiceEntries: at a waypoint, for their traffic alone (a.1.4). */
		{ { .workload = "ns1,gateway.networking.k8s.io/gateway-name=gw" },
		  POLICY("p", "ns1", "", "targetRefs: [{kind: Service, group: '', name: s}]"), TCP "\"sni\":null", "none" },
		{ { .workload = EGRESS ",istio=egressgateway" },
		  POLICY("p", EGRESS, "", "targetRefs: [{kind: ServiceEntry, group: networking.istio.io, name: s}]"),
		  TCP "\"sni\":null", "none" },
		{ { .workload = WAYPOINT }, SERVICE ATTACHED("Service", "''", "s", "rules: [" FROM("namespaces: [a]") "]"),
		  TCP "\"destination_ip\":\"10.0.0.1\"," ID("a", "x"), "allow shop/p 0" },
		{ { .workload = WAYPOINT }, SERVICE ATTACHED("Service", "core", "s", "rules: [" FROM("namespaces: [a]") "]"),
		  TCP "\"destination_ip\":\"10.0.0.1\"," ID("b", "x"), "deny" },
		{ { .workload = WAYPOINT }, SERVICE ATTACHED("Service", "''", "s", "rules: [" FROM("namespaces: [a]") "]"),
		  TCP "\"destination_ip\":\"10.0.0.2\"," ID("b", "x"), "allow" },
		{ { .workload = WAYPOINT }, SERVICE ATTACHED("Service", "''", "s", "rules: [" FROM("namespaces: [a]") "]"),
		  TCP ID("b", "x"), "unknown destination_ip" },
		{ { .workload = WAYPOINT }, SERVICE ATTACHED("Service", "''", "s", "rules: [" FROM("namespaces: [a]") "]"),
		  TCP ID("a", "x"), "allow ?" },
		{ { .workload = WAYPOINT }, ATTACHED("Service", "''", "s", "rules: [" FROM("namespaces: [a]") "]"),
		  TCP "\"destination_ip\":\"10.0.0.1\"," ID("b", "x"), "unknown destination_service(Service/shop/s)" },
		{ { .workload = WAYPOINT }, ATTACHED("ServiceEntry", "networking.istio.io", "e", "action: DENY, rules: [" FROM("namespaces: [a]") "]"),
		  TCP ID("b", "x"), "allow" },
		{ { .workload = WAYPOINT }, ENTRY ATTACHED("ServiceEntry", "networking.istio.io", "e", "rules: [" FROM("namespaces: [a]") "]"),
		  TCP "\"destination_ip\":\"10.1.0.8\"," ID("b", "x"), "deny" },
		{ { .workload = WAYPOINT }, SERVICE ATTACHED("Service", "''", "s", "")
		  POLICY("g", "egress", "", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gw}], rules: [{}]"),
		  TCP "\"destination_ip\":\"10.0.0.1\"," ID("b", "x"), "allow egress/g 0" },
		{ { .workload = WAYPOINT }, SERVICE ATTACHED("Service", "''", "s", "action: DENY, rules: [{}]")
		  POLICY("g", "egress", "", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gw}], rules: [{}]"),
		  TCP ID("b", "x"), "unknown destination_ip" },
		{ { .workload = WAYPOINT }, POLICY("p", "egress", "", ""), TCP "\"sni\":null", "none" },
		{ { .root_namespace = "root" }, POLICY("p", "root", "", ""), TCP "\"sni\":null", "deny" },
		{ { .paths = PATH_NONE }, ALLOW(TO("paths: [/b]")), HTTP "\"path\":\"/a/../b\"", "deny" },
		{ { .paths = PATH_DEFAULT }, ALLOW(TO("paths: [/b]")), HTTP "\"path\":\"/a/../b\"", "allow " EGRESS "/p 0" },
		{ { .paths = PATH_MERGE_SLASHES }, ALLOW(TO("paths: [/a/b]")), HTTP "\"path\":\"/a//b?//\"", "allow " EGRESS "/p 0" },
	};
	struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct policy_set *p = NULL;
		struct judge *j = judge_of(t[i].spec, &t[i].o, &p);
		struct flow f;

		tap_ok(j && judged(j, t[i].flow, &f, a) && as_wanted(&f, t[i].want), t[i].spec,
		       __FILE__, __LINE__);
		judge_free(&j);
		policy_free(&p);
	}
	struct err e = { 0 };
	struct policy_set *p = policy_load_text(SLICE(POLICY("p", EGRESS, "", "")), "x", NULL, &e);
	static const char *const bad[] = { "", "=x", "ns,", "ns,=v", "ns,k" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct judge *j = judge_new(p, &(struct judge_options){ .workload = bad[i] }, &e);
		tap_ok(!j && e.kind == ERR_USAGE, bad[i], __FILE__, __LINE__);
		judge_free(&j);
	}
	policy_free(&p);
	arena_free(&a);
}

/* a.7 */
static void paths(void)
{
	static const struct {
		enum path_normalization mode;
		const char *in, *out;
	} t[] = {
		{ PATH_NONE, "/a/../b//c%2e", "/a/../b//c%2e" },
		{ PATH_BASE, "/a/b/../c", "/a/c" }, { PATH_BASE, "/a/b/./c", "/a/b/c" },
		{ PATH_BASE, "/a/..\\c", "/c" }, { PATH_BASE, "/../a", "/a" },
		{ PATH_BASE, "/a/b/../../../../c", "/c" }, { PATH_BASE, "/a/..", "/" },
		{ PATH_BASE, "/a/.", "/a/" }, { PATH_BASE, "/a/%2E%2e/c", "/c" },
		{ PATH_BASE, "/a/%2e./c", "/c" }, { PATH_BASE, "/a/..b/.c", "/a/..b/.c" },
		{ PATH_BASE, "/a//b", "/a//b" }, { PATH_BASE, "/a%2Fb", "/a%2Fb" },
		{ PATH_BASE, "/%41%7e%c0", "/A~%c0" }, { PATH_BASE, "/a b", "/a%20b" },
		{ PATH_BASE, "/a?b=/../c//", "/a?b=/../c//" }, { PATH_BASE, "/a%00/../b", "/a%00/../b" },
		{ PATH_BASE, "a/../b", "a/../b" }, { PATH_BASE, "", "" }, { PATH_BASE, "/%", "/%" },
		{ PATH_MERGE_SLASHES, "//a///b//", "/a/b/" }, { PATH_MERGE_SLASHES, "/a//b?a=//", "/a/b?a=//" },
		{ PATH_MERGE_SLASHES, "/a//../b", "/a/b" }, { PATH_MERGE_SLASHES, "/a%2F/b", "/a%2F/b" },
		{ PATH_DECODE_AND_MERGE, "/a%2F%2fb", "/a/b" }, { PATH_DECODE_AND_MERGE, "/a%5C..%5cb", "/b" },
		{ PATH_DECODE_AND_MERGE, "/a%2f..%2Fb?%2F", "/b?%2F" },
	};
	struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct slice got = path_normalize(slice_of(t[i].in), t[i].mode, a);

		if (!tap_ok(slice_is(got, t[i].out), t[i].in, __FILE__, __LINE__))
			printf("# got %.*s\n", (int)got.n, (const char *)got.p);
		/* Normalising twice changes nothing more. */
		if (t[i].mode != PATH_DECODE_AND_MERGE)
			ok(slice_eq(path_normalize(got, t[i].mode, a), got));
	}
	arena_free(&a);
}

static bool holds(const struct buf *b, const char *text)
{
	return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

/* Who observed a flow says what a missing header means: the cache must not mix them up. */
static void observers(void)
{
	struct judge_options o = { 0 };
	struct policy_set *p = NULL;
	struct judge *j = judge_of(ALLOW(WHEN("request.headers[x]", "a")), &o, &p);
	struct arena *a = arena_new(1 << 20);
	struct flow f;

	for (int k = 0; k < 2; k++) {
		ok(judged(j, HTTP "\"observed_by\":\"wire\",\"request_headers\":{}", &f, a) &&
		   as_wanted(&f, "deny"));
		ok(judged(j, HTTP "\"observed_by\":\"log\",\"request_headers\":{}", &f, a) &&
		   as_wanted(&f, "unknown request_headers"));
	}
	judge_free(&j);
	policy_free(&p);
	arena_free(&a);
}

/*
 * More sets of unknown attributes than the index keeps variants for: the judge that has seen them all says what
 * one says that has seen none.
 */
static void many_unknown(void)
{
	static const char *const part[] = {
		ID("a", "x"), "\"sni\":\"a.example\"", "\"method\":\"GET\"", "\"authority\":\"h\"", "\"path\":\"/p\"",
	};
	static const char spec[] =
		ALLOW(FROM("namespaces: [a]") "," WHEN("connection.sni", "'*.example'") "," TO("methods: [GET], paths: [/p]"))
		DENY(TO("hosts: [h, g]") "," "{from: [{source: {principals: [cluster.local/ns/b/sa/x]}}], to: [{operation: {paths: ['/p*']}}]}");
	struct judge_options o = { 0 };
	struct policy_set *p = NULL, *q = NULL;
	struct judge *all = judge_of(spec, &o, &p);
	struct arena *a = arena_new(1 << 20);

	for (unsigned set = 0; set < 1u << 5; set++) {
		struct judge *fresh = judge_of(spec, &o, &q);
		struct flow f, g;
		struct buf b;

		buf_init(&b, 4096);
		buf_str(&b, HTTP "\"source_port\":1");
		for (unsigned i = 0; i < 5; i++)
			if (set >> i & 1)
				buf_printf(&b, ",%s", part[i]);
		buf_byte(&b, 0);
		ok(judged(all, (const char *)b.p, &f, a) && judged(fresh, (const char *)b.p, &g, a));
		tap_ok(flow_num(&f, F_VERDICT) == flow_num(&g, F_VERDICT) &&
		       slice_eq(flow_text(&f, F_REASON), flow_text(&g, F_REASON)) &&
		       slice_eq(flow_text(&f, F_MISSING), flow_text(&g, F_MISSING)), (const char *)b.p,
		       __FILE__, __LINE__);
		buf_release(&b);
		judge_free(&fresh);
		policy_free(&q);
	}
	judge_free(&all);
	policy_free(&p);
	arena_free(&a);
}

/* b.10: flows whose way through the gateway's servers is replayed first. */
#define SERVERS "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: istio-system}\n" \
	"spec:\n  selector: {istio: egressgateway}\n  servers:\n"
#define SERVER(port, mode, host) "  - port: {number: " #port ", name: n" #port mode ", protocol: TLS}\n" \
	"    tls: {mode: " mode "}\n    hosts: ['" host "']\n"
#define DNAT "\"sni\":\"outbound_.80_._.s.n.svc.cluster.local\""

struct routed_case {
	const char *flow, *want;
};

static void routed(const char *yaml, const struct routed_case *c)
{
	struct judge_options o = { 0 };
	struct policy_set *p = NULL;
	struct judge *j = judge_of(yaml, &o, &p);
	struct err e = { 0 };
	struct route_set *r = route_set_new(p, &o, &e);
	struct arena *a = arena_new(1 << 20);

	route_guide(r, j);
	for (; c->flow; c++) {
		struct flow f;
		struct route route;

		ok(judged(j, c->flow, &f, a));
		if (route_replay(r, &f, &route, a))
			route_expect(&route, &f);
		judge_flow(j, &f, a);
		if (!as_wanted(&f, c->want))
			printf("# %s: wanted %s, got %.*s\n", c->flow, c->want,
			       (int)flow_text(&f, F_REASON).n, (const char *)flow_text(&f, F_REASON).p);
		tap_ok(as_wanted(&f, c->want), "b.10", __FILE__, __LINE__);
	}
	route_set_free(&r);
	judge_free(&j);
	policy_free(&p);
	arena_free(&a);
}

/* Where TLS passes through the gateway knows no identity. */
static void passthrough(void)
{
	static const struct routed_case t[] = {
		{ "\"destination_port\":8443,\"sni\":\"a.example\"", "deny" },
		{ "\"destination_port\":8444,\"sni\":\"a.example\"", "unknown source_identity" },
		{ "\"destination_port\":8445,\"sni\":\"a.example\"", "deny" },
		{ "\"destination_port\":8445", "unknown source_identity" },
		{ NULL, NULL },
	};

	routed(SERVERS SERVER(8443, "PASSTHROUGH", "a.example") SERVER(8444, "ISTIO_MUTUAL", "a.example")
	       SERVER(8445, "PASSTHROUGH", "a.example") SERVER(8445, "ISTIO_MUTUAL", "b.example")
	       ALLOW(FROM("namespaces: [a]")), t);
}

/* An AUTO_PASSTHROUGH server asks no policy; beside another server on one port the name decides. */
static void auto_passthrough(void)
{
	static const char servers[] = SERVERS SERVER(15443, "AUTO_PASSTHROUGH", "*.local")
		SERVER(8443, "AUTO_PASSTHROUGH", "*.local") SERVER(8443, "ISTIO_MUTUAL", "*")
		SERVER(8444, "ISTIO_MUTUAL", "*") ALLOW(FROM("namespaces: [a]"));
	static const char without[] = SERVERS SERVER(15443, "AUTO_PASSTHROUGH", "*.local");
	static const struct routed_case t[] = {
		{ "\"destination_port\":15443," DNAT, "none" },
		{ "\"destination_port\":15443,\"sni\":\"x.test\"", "none" },
		{ "\"destination_port\":15443", "none" },
		{ "\"destination_port\":15443,\"protocol\":\"tls\"," DNAT, "none" },
		{ "\"destination_port\":15443,\"chain\":\"http\"," ID("b", "x"), "deny" },	/* given wins */
		{ "\"destination_port\":8443," DNAT, "none" },
		{ "\"destination_port\":8443,\"sni\":\"OUTBOUND_.80_._.s.n.svc.cluster.local\"", "none" },
		{ "\"destination_port\":8443,\"sni\":\"outbound_.80_.v1_.s.n.svc.cluster.local\"," ID("b", "x"), "deny" },
		{ "\"destination_port\":8443,\"sni\":\"outbound_.80_._.a.test\"," ID("b", "x"), "deny" },
		{ "\"destination_port\":8443,\"sni\":\"s.n.svc.cluster.local\"," ID("b", "x"), "deny" },
		{ "\"destination_port\":8443,\"sni\":null," ID("a", "x"), "allow " EGRESS "/p 0" },
		{ "\"destination_port\":8443," ID("a", "x"), "unknown sni" },
		{ "\"destination_port\":8443," ID("b", "x"), "unknown sni" },
		{ "\"destination_port\":8443,\"protocol\":\"h2\"," ID("b", "x"), "deny" },
		{ "\"destination_port\":8443", "unknown sni source_identity" },
		{ "\"destination_port\":8444," ID("b", "x"), "deny" },
		{ "\"protocol\":\"tcp\"," ID("b", "x"), "unknown destination_port" },
		{ "\"protocol\":\"h2\"," ID("b", "x"), "deny" },
		{ NULL, NULL },
	};
	static const struct routed_case no_policy[] = {
		{ "\"destination_port\":15443," DNAT, "none" },
		{ "\"protocol\":\"tcp\"," ID("b", "x"), "none" },
		{ NULL, NULL },
	};

	routed(servers, t);
	routed(without, no_policy);
}

/* AUDIT and dry runs decide nothing and are told (a.2). */
static void told(void)
{
	static const struct {
		const char *spec, *flow, *verdict, *reason;
		bool flip;
	} t[] = {
		{ ALLOW("{}") POLICY("u", EGRESS, "", "action: AUDIT, rules: [" FROM("namespaces: [a]") "]"),
		  TCP ID("a", "x"), "allow", "ALLOW " EGRESS "/p rule 0 matches; AUDIT " EGRESS "/u rule 0 matches", false },
		{ ALLOW("{}") POLICY("u", EGRESS, "", "action: AUDIT, rules: [" FROM("namespaces: [a]") "]"),
		  TCP ID("b", "x"), "allow", "ALLOW " EGRESS "/p rule 0 matches", false },
		{ ALLOW("{}") POLICY("u", EGRESS, "", "action: AUDIT, rules: [" FROM("namespaces: [a]") "]"),
		  TCP "\"sni\":null", "allow", "ALLOW " EGRESS "/p rule 0 matches", false },
		{ ALLOW("{}") POLICY("w", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", "action: DENY, rules: [" FROM("namespaces: [a]") "]"),
		  TCP ID("a", "x"), "allow", "ALLOW " EGRESS "/p rule 0 matches; with dry runs enforced: deny (DENY "
		  EGRESS "/w rule 0 matches)", true },
		{ ALLOW("{}") POLICY("w", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", "action: DENY, rules: [" FROM("namespaces: [a]") "]"),
		  TCP ID("b", "x"), "allow", "ALLOW " EGRESS "/p rule 0 matches", false },
		{ POLICY("w", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", ""), TCP ID("b", "x"), "allow",
		  "no DENY rule matches and no ALLOW policy selects the gateway; with dry runs enforced: deny (no ALLOW "
		  "rule matches: what is not allowed is denied)", true },
		{ ALLOW(FROM("namespaces: [a]")) POLICY("w", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", "rules: [{}]"),
		  TCP ID("b", "x"), "deny", "no ALLOW rule matches: what is not allowed is denied; with dry runs enforced: allow "
		  "(ALLOW " EGRESS "/w rule 0 matches)", true },
		{ ALLOW("{}") POLICY("u", EGRESS, "", "action: AUDIT, rules: [{}]") POLICY("w", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", "action: DENY, rules: [{}]"),
		  TCP ID("b", "x"), "allow", "ALLOW " EGRESS "/p rule 0 matches; AUDIT " EGRESS "/u rule 0 matches; with dry runs "
		  "enforced: deny (DENY " EGRESS "/w rule 0 matches)", true },
		{ DENY("{}") POLICY("c", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", "action: DENY, rules: [{}]"),
		  TCP ID("b", "x"), "deny", "DENY " EGRESS "/d rule 0 matches; with dry runs enforced: deny (DENY " EGRESS
		  "/c rule 0 matches)", false },
	};
	struct judge_options o = { 0 };

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct arena *a = arena_new(1 << 20);
		struct policy_set *p = NULL;
		struct judge *j = judge_of(t[i].spec, &o, &p);
		struct flow f;

		for (int k = 0; k < 2; k++) {	/* the second time out of the cache */
			ok(judged(j, t[i].flow, &f, a));
			tap_ok(slice_is(flow_text(&f, F_REASON), t[i].reason), t[i].reason, __FILE__, __LINE__);
			ok(!strcmp(flow_enum_name(ENUM_VERDICT, flow_num(&f, F_VERDICT)), t[i].verdict));
			is(f.n_findings, t[i].flip);
			ok(!t[i].flip || f.findings[0].code == FINDING_ENF_DRYRUN_FLIP);
		}
		judge_free(&j);
		policy_free(&p);
		arena_free(&a);
	}
}

static void trace(void)
{
	struct judge_options o = { 0 };
	struct policy_set *p = NULL;
	struct judge *j = judge_of(
		ALLOW("{from: [{source: {namespaces: [a]}}], when: [{key: connection.sni, values: [httpbin.org]}]}")
		POLICY("w", EGRESS, ", annotations: {istio.io/dry-run: 'true'}", "action: DENY, rules: [{}]")
		ATTACHED("Service", "''", "s", ""), &o, &p);
	struct arena *a = arena_new(1 << 20);
	struct flow f;
	struct buf b;

	buf_init(&b, 1 << 20);
	ok(judged(j, TCP ID("a", "x") ",\"sni\":\"evil.example\"", &f, a));
	judge_trace_text(j, &f, &b);
	ok(holds(&b, "nearest: " EGRESS "/p rule 0 failed only on connection.sni: wants httpbin.org, saw evil.example\n"));
	ok(holds(&b, "(dry run: not enforced)"));
	ok(holds(&b, "[case.yaml:5]"));
	ok(holds(&b, "not asked: shop/p: its target is a Service or ServiceEntry: only a waypoint asks it"));
	buf_clear(&b);
	judge_trace_json(j, &f, &b);
	struct json js;
	json_init(&js, buf_slice(&b));
	ok(json_skip(&js, json_next(&js), NULL) && json_next(&js) == JSON_END);
	ok(holds(&b, "\"expected\":[\"httpbin.org\"],\"actual\":\"evil.example\",\"result\":\"no match\""));
	ok(holds(&b, "\"asked\":true") && holds(&b, "\"n_left_out\":1,\"left_out\":[{\"policy\":\"shop/p\""));
	buf_release(&b);
	judge_free(&j);
	policy_free(&p);
	arena_free(&a);
}

int main(void)
{
	table();
	options();
	paths();
	observers();
	many_unknown();
	passthrough();
	auto_passthrough();
	told();
	trace();
	return tap_end();
}
