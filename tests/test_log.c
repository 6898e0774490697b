/* log: lines of every age and layout to flows; what is not one, counted by its reason. */
#include "capture/log.h"

#include <stdlib.h>
#include <string.h>

#include "capture/log_identity.h"
#include "capture/log_inventory.h"
#include "capture/log_meaning.h"
#include "capture/log_outcome.h"
#include "capture/log_time.h"
#include "tests/log_read.h"

/* --- lines as published (istio.io tasks, istio/istio issues 17850, 33281, 37124, 56356) */

static const struct {
	const char *what, *line, *want[10];
} public_lines[] = {
	{ "1.1, HTTP through the egress gateway",
	  "[2019-09-03T20:57:49.103Z] \"GET /politics HTTP/2\" 301 - \"-\" \"-\" 0 0 90 89 \"10.244.2.10\" "
	  "\"curl/7.64.0\" \"ea379962-9b5c-4431-ab66-f01994f5a5a5\" \"edition.cnn.com\" \"151.101.65.67:80\" "
	  "outbound|80||edition.cnn.com - 10.244.1.5:80 10.244.2.10:50482 edition.cnn.com -",
	  { "\"started_at\":\"2019-09-03T20:57:49.103Z\"", "\"source_ip\":\"10.244.2.10\"", "\"source_port\":50482",
	    "\"destination_port\":80", "\"protocol\":\"h2\"", "\"status\":301", "\"route_name\":null",
	    "\"upstream_cluster\":\"outbound|80||edition.cnn.com\"", "\"sni\":\"edition.cnn.com\"" } },
	{ "1.0, TLS passed through",
	  "[2019-01-02T11:46:46.981Z] \"- - -\" 0 - 627 1879689 44 - \"-\" \"-\" \"-\" \"-\" \"151.101.129.67:443\" "
	  "outbound|443||edition.cnn.com 172.30.109.80:41122 172.30.109.80:443 172.30.109.112:59970 edition.cnn.com",
	  { "\"protocol\":\"tls\"", "\"bytes_sent\":627", "\"bytes_received\":1879689", "\"duration_ms\":44",
	    "\"status\":null", "\"method\":null", "\"upstream_local_port\":41122", "\"outcome\":\"served\"",
	    "\"destination_port\":443" } },
	{ "HTTP refused, no policy allows it",
	  "[2021-10-02T05:39:53.720Z] \"GET /api HTTP/1.1\" 403 - rbac_access_denied_matched_policy[none] - \"-\" 0 19 0 - "
	  "\"172.17.0.1\" \"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	  "Version/15.0 Safari/605.1.15\" \"91dfed15-3288-469b-ad93-38a5a6af10f3\" \"34.93.158.36\" \"-\" inbound|8080|| - "
	  "192.168.68.119:8080 172.17.0.1:0 outbound_.8080_.version-canary_.blue-green-canary.vm-blue-green-canary.svc.cluster.local -",
	  { "\"outcome\":\"refused\"", "\"outcome_policy\":null", "\"outcome_rule\":null", "\"upstream_ip\":null",
	    "\"remote_ip\":\"172.17.0.1\"", "\"status\":403", "Version/15.0 Safari/605.1.15" } },
	{ "the same, four years on",
	  "[2025-07-22T17:55:52.085Z] \"GET / HTTP/1.1\" 403 - rbac_access_denied_matched_policy[none] - \"-\" 0 19 0 - "
	  "\"10.244.1.1\" \"curl/8.14.1\" \"020e467a-c234-4a8f-b9f4-ca156ca06578\" \"172.18.10.10\" \"-\" inbound|80|| - "
	  "10.244.1.9:80 10.244.1.1:0 outbound_.80_._.nginx-svc.default.svc.cluster.local default",
	  { "\"outcome\":\"refused\"", "\"route_name\":\"default\"", "\"path\":\"/\"" } },
	{ "connect failed",
	  "[2025-05-19T13:09:04.747Z] \"- - -\" 0 UF,URX - - \"-\" 0 0 9995 - \"-\" \"-\" \"-\" \"-\" \"4.208.26.200:443\" "
	  "InboundPassthroughCluster - 4.208.26.200:443 172.17.0.2:55322 api.github.com -",
	  { "\"outcome\":\"failed\"", "\"failure\":\"upstream connection failed, retry or connect attempt limit\"", "\"response_flags\":\"UF,URX\"",
	    "\"upstream_ip\":\"4.208.26.200\"", "\"upstream_local_ip\":null" } },
	{ "1.4, black hole",
	  "[2020-04-15T00:02:27.874Z] \"- - -\" 0 UH \"-\" \"-\" 0 0 0 - \"-\" \"-\" \"-\" \"-\" \"-\" - - "
	  "35.170.216.115:443 10.28.1.90:59692 - -",
	  { "\"outcome\":\"failed\"", "\"failure\":\"no healthy upstream\"", "\"upstream_cluster\":null", "\"sni\":null",
	    "\"protocol\":\"tcp\"" } },
	{ "1.1, a forward proxy reached by TCP",
	  "[2018-12-07T10:38:02.841Z] \"- - -\" 0 - 702 87599 92 - \"-\" \"-\" \"-\" \"-\" \"172.30.109.95:3128\" "
	  "outbound|3128||my-company-proxy.com 172.30.230.52:44478 172.30.109.95:3128 172.30.230.52:44476 -",
	  { "\"upstream_port\":3128", "\"source_port\":44476", "\"sni\":null" } },
	{ "1.4, egress gateway of a subset",
	  "[2020-04-11T15:03:16.493Z] \"GET / HTTP/1.1\" 200 - \"-\" \"-\" 0 557 4 4 \"-\" \"curl/7.64.0\" "
	  "\"738ceb49-93c9-4462-a53b-ab690bef4b93\" \"mtls.cloudbuild.site\" \"16.0.1.90:80\" "
	  "outbound|80|nginx|istio-egressgateway.istio-system.svc.cluster.local 16.0.1.103:39040 52.189.232.175:80 "
	  "16.0.1.103:45092 - -",
	  { "\"upstream_cluster\":\"outbound|80|nginx|istio-egressgateway.istio-system.svc.cluster.local\"", "\"status\":200" } },
	{ "an internal listener on both sides",
	  "[2023-11-24T13:21:52.798Z] \"- - -\" 0 - - - \"-\" 813 111152 55 - \"-\" \"-\" \"-\" \"-\" \"185.15.59.224:443\" "
	  "dynamic_forward_proxy_cluster 172.17.5.170:48262 envoy://sni_listener/ envoy://internal_client_address/ "
	  "en.wikipedia.org -",
	  { "\"upstream_ip\":\"185.15.59.224\"", "\"sni\":\"en.wikipedia.org\"", "\"outcome\":\"served\"" } },
	{ "no filter chain",
	  "[2022-08-15T15:58:51.232Z] \"- - -\" 0 NR filter_chain_not_found - \"-\" 0 0 0 - \"-\" \"-\" \"-\" \"-\" \"-\" - - "
	  "10.124.9.14:9879 10.124.9.15:53682 - -",
	  { "\"outcome\":\"failed\"", "\"failure\":\"no route or no filter chain\"", "\"source_port\":53682" } },
	{ "Envoy's own default, before Istio had one",
	  "[2016-04-15T20:17:00.310Z] \"POST /api/v1/locations HTTP/2\" 204 - 154 0 226 100 \"10.0.35.28\" "
	  "\"nsq2http\" \"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"locations\" \"tcp://10.0.2.1:80\"",
	  { "\"status\":204", "\"upstream_ip\":\"10.0.2.1\"", "\"upstream_port\":80", "\"authority\":\"locations\"" } },
	{ "2018, TCP had a line of its own",
	  "[2018-10-30T09:12:00.120Z] - 702 87599 92 \"172.30.109.95:443\" outbound|443||edition.cnn.com 172.30.230.52:44478 "
	  "172.30.109.80:443 172.30.230.52:44476 edition.cnn.com",
	  { "\"sni\":\"edition.cnn.com\"", "\"bytes_sent\":702", "\"source_port\":44476", "\"outcome\":\"served\"" } },
	{ "an Envoy that leaves out what is not set, HTTP",
	  "[2026-01-05T10:00:00.123Z] \"GET /x HTTP/2\" 200  via_upstream  \"\" 1 2 3 2 \"\" \"curl \"8\"\" \"r\" \"h\" \"1.2.3.4:443\" "
	  "outbound|443||h 10.0.0.1:1 10.0.0.1:8443 10.0.0.2:5555  default",
	  { "\"response_flags\":null", "\"connection_termination_details\":null", "\"sni\":null", "\"user_agent\":\"curl \\\"8\\\"\"",
	    "\"outcome\":\"served\"" } },
	{ "an Envoy that leaves out what is not set, TCP",
	  "[2026-01-05T10:00:00.123Z] \"  \" 0 UF,URX   \"\" 0 0 10  \"\" \"\" \"\" \"\" \"1.2.3.4:443\" outbound|443||a.example  "
	  "10.0.0.1:8443 10.0.0.2:5555 a.example ",
	  { "\"method\":null,\"authority\":null,\"path\":null", "\"user_agent\":null", "\"protocol\":\"tls\"",
	    "\"upstream_local_ip\":null" } },
	{ "JSON of 1.4: every value a text",
	  "{\"requested_server_name\":\"-\",\"bytes_received\":\"0\",\"istio_policy_status\":\"-\",\"bytes_sent\":\"178\","
	  "\"upstream_cluster\":\"outbound|9080|v1|details.default.svc.cluster.local\",\"downstream_remote_address\":"
	  "\"10.244.2.77:56892\",\"authority\":\"details:9080\",\"path\":\"/details/0\",\"protocol\":\"HTTP/1.1\","
	  "\"duration\":\"1\",\"response_code\":\"200\",\"start_time\":\"2020-08-24T10:55:13.341Z\",\"method\":\"GET\"}",
	  { "\"bytes_received\":178", "\"sni\":null", "\"duration_ms\":1", "\"status\":200" } },
	{ "JSON, black hole",
	  "{\"response_code\":0,\"upstream_service_time\":null,\"upstream_host\":null,\"upstream_local_address\":null,"
	  "\"request_id\":null,\"downstream_remote_address\":\"172.17.3.28:35070\",\"bytes_sent\":0,\"upstream_cluster\":null,"
	  "\"upstream_transport_failure_reason\":null,\"authority\":null,\"duration\":8,\"response_code_details\":null,"
	  "\"response_flags\":\"UH\",\"protocol\":null,\"user_agent\":null,\"path\":null,\"connection_termination_details\":null,"
	  "\"method\":null,\"downstream_local_address\":\"13.249.75.75:443\",\"route_name\":null,\"x_forwarded_for\":null,"
	  "\"requested_server_name\":null,\"start_time\":\"2021-06-04T14:35:50.462Z\",\"bytes_received\":0}",
	  { "\"source_port\":35070", "\"outcome\":\"failed\"", "\"sni\":null", "\"status\":null",
	    "\"started_at\":\"2021-06-04T14:35:50.462Z\"", "\"ended_at\":\"2021-06-04T14:35:50.47Z\"" } },
	{ "JSON, passed through",
	  "{\"bytes_sent\":20060,\"upstream_transport_failure_reason\":null,\"user_agent\":null,"
	  "\"upstream_cluster\":\"PassthroughCluster\",\"connection_termination_details\":null,\"response_code_details\":null,"
	  "\"duration\":181,\"x_forwarded_for\":null,\"response_flags\":\"-\",\"authority\":null,\"request_id\":null,"
	  "\"start_time\":\"2022-02-02T15:01:00.936Z\",\"path\":null,\"route_name\":null,\"upstream_service_time\":null,"
	  "\"response_code\":0,\"downstream_remote_address\":\"192.168.97.149:41446\",\"requested_server_name\":null,"
	  "\"upstream_local_address\":\"192.168.97.149:41448\",\"protocol\":null,\"method\":null,"
	  "\"downstream_local_address\":\"172.217.14.228:443\",\"upstream_host\":\"172.217.14.228:443\",\"bytes_received\":848}",
	  { "\"bytes_sent\":848", "\"bytes_received\":20060", "\"outcome\":\"served\"", "\"response_flags\":null",
	    "\"upstream_local_port\":41448", "\"protocol\":\"tcp\"" } },
};

static void test_public(void)
{
	for (size_t i = 0; i < sizeof public_lines / sizeof *public_lines; i++) {
		printf("# %s\n", public_lines[i].what);
		is(read_all(NULL, NULL, slice_of(public_lines[i].line), LOG_QUERY_DROP), 0);
		is(got.n, 1);
		is(ev.n[EV_LINES_PARSED], 1);
		for (const char *const *w = public_lines[i].want; *w; w++)
			ok(has(*w));
	}
}

/* A line cut anywhere is never a flow with other facts: it is counted, or lacks only its last value. */
static void test_prefixes(void)
{
	for (size_t i = 0; i < sizeof public_lines / sizeof *public_lines; i++) {
		struct slice line = slice_of(public_lines[i].line);
		const char *format = line.p[0] == '{' ? "json" : "text";
		bool good = true;
		for (size_t n = 0; n < line.n; n++) {
			read_all(format, NULL, (struct slice){ line.p, n }, LOG_QUERY_DROP);
			good &= ev.n[EV_LINES] == (n > 0) && got.n <= 1;
			good &= line.p[0] != '{' || got.n == 0;
		}
		ok(good);
	}
}

/* --- one line that is not understood, and why */

#define AGE "[2025-01-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" "
#define REST " \"id\" \"h.example\" \"1.2.3.4:443\" outbound|443||h.example 10.0.0.1:1 10.0.0.1:8443 10.0.0.2:5 h.example -"

static const struct {
	const char *format;
	struct slice line;
	enum evidence_reason why;
} bad_lines[] = {
	{ "text", SLICE(AGE "\"a \"b\" \"c\"" REST), EV_LINES_PARSED },
	{ "text", SLICE(AGE "\"curl/8 \" \"x\" \"y\"" REST), EV_LINES_PARSED },
	{ "text", SLICE("hello"), EV_LINE_MISMATCH },
	{ "text", SLICE(AGE "\"u\0a\"" REST), EV_LINE_NUL },
	{ "text", SLICE(AGE "\"u\xff" "a\"" REST), EV_LINE_BAD_UTF8 },
	{ "text", SLICE("[2025-13-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" \"u\"" REST), EV_LINE_BAD_TIME },
	{ "text", SLICE("[2025-01-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 2000 - via_upstream - \"-\" 1 2 3 2 \"-\" \"u\"" REST), EV_LINE_BAD_NUMBER },
	{ "text", SLICE("[2025-01-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 200 - via_upstream - \"-\" 99999999999999999999 2 3 2 \"-\" \"u\"" REST), EV_LINE_BAD_NUMBER },
	{ "text", SLICE(AGE "\"u\" \"id\" \"h\" \"1.2.3.4:443\" c 10.0.0.1:1 10.0.0.1:8443 10.0.0.2:99999 h -"), EV_LINE_BAD_ADDRESS },
	{ "json", SLICE("{\"start_time\":\"2025-01-01T00:00:00Z\""), EV_LINE_NOT_JSON },
	{ "json", SLICE("{\"method\":\"GET\",\"method\":\"PUT\"}"), EV_LINE_DUPLICATE_KEY },
	{ "json", SLICE("{\"method\":\"GET\",\"method\":\"GET\"}"), EV_LINES_PARSED },
	{ "json", SLICE("{\"method\":{\"a\":1}}"), EV_LINE_NESTED },
	{ "json", SLICE("{\"path\":\"/a\\u0000b\"}"), EV_LINE_NUL },
	{ "json", SLICE("{\"path\":\"/a\\ud800b\"}"), EV_LINE_BAD_UTF8 },
	{ "json", SLICE("{\"path\":\"/\\udc00\\ud800\"}"), EV_LINE_BAD_UTF8 },
	{ "json", SLICE("{\"path\":\"/a\\\\ud800\\ud83d\\ude00b\"}"), EV_LINES_PARSED },
	{ "json", SLICE("{\"bytes_sent\":1e400}"), EV_LINE_BAD_NUMBER },
	{ "json", SLICE("{\"bytes_sent\":-1}"), EV_LINE_BAD_NUMBER },
	{ "json", SLICE("{\"duration\":999999999999999999}"), EV_LINE_BAD_NUMBER },
	{ "json", SLICE("{\"duration\":3.2e12}"), EV_LINE_BAD_NUMBER },
	{ "json", SLICE("{\"duration\":3.1e12}"), EV_LINES_PARSED },
	{ "json", SLICE("{\"start_time\":\"2261-01-01T00:00:00Z\",\"duration\":3.1e12}"), EV_LINE_BAD_NUMBER },
	{ "json", SLICE("{\"start_time\":\"1678-01-01T00:00:00Z\",\"duration\":3.1e12}"), EV_LINES_PARSED },
	{ "json", SLICE("{\"method\":\"GET\",\"meth\\u006fd\":\"PUT\"}"), EV_LINE_DUPLICATE_KEY },
	{ "json", SLICE("{\"bytes_sent\":1.5}"), EV_LINE_BAD_NUMBER },
	{ "json", SLICE("{\"start_time\":17}"), EV_LINE_BAD_TIME },
	{ "json", SLICE("[1,2]"), EV_LINE_NOT_JSON },
	{ "%DOWNSTREAM_LOCAL_ADDRESS%", SLICE("pipe"), EV_LINE_BAD_ADDRESS },
	{ "json", SLICE("{\"extra\":{\"deep\":[1,2,{\"x\":null}]},\"method\":\"GET\"}"), EV_LINES_PARSED },
	{ "text", SLICE("\r"), EV_LINE_EMPTY },
	/* Two free values and no quotes: where one ends nobody can say. */
	{ "%REQ(:PATH)% %REQ(USER-AGENT)% %PROTOCOL%", SLICE("/a b HTTP/1.1"), EV_LINES_PARSED },
	{ "%REQ(:PATH)% %REQ(USER-AGENT)% %PROTOCOL%", SLICE("/a b c HTTP/1.1"), EV_LINE_AMBIGUOUS },
	/* The quotes are those of the format, the free values still touch. */
	{ "\"%REQ(:METHOD)%\" %REQ(USER-AGENT)% %REQ(:PATH)% %RESPONSE_CODE%", SLICE("\"GET\" a b /p 200"), EV_LINE_AMBIGUOUS },
	/* Flags hold commas: a format that separates by commas can be read in two ways. */
	{ "\"%PROTOCOL%\" %RESPONSE_FLAGS%,%ROUTE_NAME%,%RESPONSE_CODE%", SLICE("\"-\" UF,URX,r,503"), EV_LINE_AMBIGUOUS },
};

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
		printf("# line %zu: %s\n", i, evidence_info[bad_lines[i].why].name);
		is(read_all(bad_lines[i].format, NULL, bad_lines[i].line, LOG_QUERY_DROP), 0);
		is(ev.n[bad_lines[i].why], 1);
		is(got.n, bad_lines[i].why == EV_LINES_PARSED);
		is(ev.n[EV_LINES], 1);
	}
}

/* A client that writes what looks like the rest of the line cannot choose what is stored. */
static void test_forged_agent(void)
{
	read_all("text", NULL, SLICE(AGE "\"x\" \"id2\" \"evil.example\" \"9.9.9.9:1\" outbound|1||evil.example "
		 "9.9.9.9:1 9.9.9.9:1 9.9.9.9:1 evil.example -\"" REST), LOG_QUERY_DROP);
	is(got.n, 1);
	ok(has("\"authority\":\"h.example\""));
	ok(has("\"upstream_ip\":\"1.2.3.4\""));
	/* An agent that brings a request line of its own: the path may be what stands before it. */
	read_all("text", NULL, SLICE("[2025-01-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 403 - rbac_access_denied_matched_policy[none] - \"-\" 0 19 0 - "
		 "\"-\" \"x HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" \"curl\"" REST), LOG_QUERY_DROP);
	is(got.n, 0);
	is(ev.n[EV_LINE_AMBIGUOUS], 1);
	/* The same from a path that may hold blanks (X-ENVOY-ORIGINAL-PATH is a client's to send). */
	read_all("text", NULL, SLICE("[2025-01-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" \"x HTTP/1.1\" 403 - "
		 "rbac_access_denied_matched_policy[none] - \"-\" 0 19 0 - \"-\" \"curl\"" REST), LOG_QUERY_DROP);
	is(got.n, 0);
	is(ev.n[EV_LINE_AMBIGUOUS], 1);
	/* What a line's end looks like in a text is no end. */
	read_all("text", NULL, SLICE(AGE "\"a\\n[2025-01-01T00:00:00.000Z] b\\r\"" REST), LOG_QUERY_DROP);
	is(got.n, 1);
	ok(has("\"authority\":\"h.example\"") && has("[2025-01-01T00:00:00.000Z] b"));
	read_all("text", NULL, SLICE(AGE "\"x\" \"id2\" \"evil.example\" \"9.9.9.9:1\" c 9.9.9.9:1" REST), LOG_QUERY_DROP);
	ok(got.n == 0 || has("\"authority\":\"h.example\""));
}

static void test_long_line(void)
{
	size_t n = LOG_LINE_MOST + 4096;
	uint8_t *p = malloc(n);

	memset(p, 'x', n);
	p[n - 1] = '\n';
	is(read_all("text", NULL, (struct slice){ p, n }, LOG_QUERY_DROP), 0);
	is(ev.n[EV_LINE_TOO_LONG], 1);
	/* Many quotes and blanks: bounded work, never a wrong row. */
	for (size_t i = 0; i + 1 < LOG_LINE_MOST; i++)
		p[i] = (uint8_t)"\" "[i % 2];
	struct slice head = SLICE(AGE "\"");
	memcpy(p, head.p, head.n);
	read_all("text", NULL, (struct slice){ p, LOG_LINE_MOST - 1 }, LOG_QUERY_DROP);
	is(got.n, 0);
	free(p);
}

/* --- formats given */

static const struct {
	const char *format, *keys, *line, *want[6];
} given[] = {
	{ "%START_TIME(%s.%3f)% %DOWNSTREAM_PEER_URI_SAN% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH):8% 100%% %DOWNSTREAM_TLS_VERSION%\\n", NULL,
	  "1700000000.250 spiffe://td/ns/a/sa/b /12345 100% TLSv1.3",
	  { "\"started_at\":\"2023-11-14T22:13:20.25Z\"", "\"source_principal\":\"td/ns/a/sa/b\"",
	    "\"transport\":\"mtls\"", "\"path\":\"/12345\"", "\"tls_version\":\"TLS1.3\"", "\"identity_source\":\"log\"" } },
	{ "%START_TIME(%d/%b/%Y:%H:%M:%S %z)% [%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%] %DOWNSTREAM_LOCAL_PORT% %CONNECTION_ID%", NULL,
	  "24/Nov/2026:10:00:00 +0100 [2001:db8::1] 8443 77",
	  { "\"started_at\":\"2026-11-24T09:00:00Z\"", "\"remote_ip\":\"2001:db8::1\"", "\"destination_port\":8443",
	    "\"connection_id\":\"77\"" } },
	{ "\"%REQ(X-FORWARDED-CLIENT-CERT)%\" %DOWNSTREAM_REMOTE_ADDRESS%", NULL,
	  "\"By=spiffe://td/ns/i/sa/g;URI=spiffe://td/ns/evil/sa/x,By=spiffe://td/ns/i/sa/g;Hash=00;URI=spiffe://td/ns/a/sa/b\" 10.0.0.1:7",
	  { "\"source_identity\":\"spiffe://td/ns/a/sa/b\"", "\"source_port\":7" } },
	{ "\"%REQ(AUTHORIZATION)%\" \"%REQ(X-TEAM)%\"", NULL, "\"Bearer abc\" \"blue\"",
	  { "\"authorization\":\"(masked)\"", "\"x-team\":\"blue\"" } },
	{ NULL, "method=verb,DOWNSTREAM_PEER_URI_SAN=who", "{\"verb\":\"PUT\",\"who\":\"spiffe://td/ns/a/sa/b\",\"path\":\"/a?x=1\"}",
	  { "\"method\":\"PUT\"", "\"source_namespace\":\"a\"", "\"path\":\"/a\"" } },
	{ "{\"t\":\"%START_TIME%\",\"s\":\"%RESPONSE_CODE%\",\"fixed\":\"egress\"}", NULL,
	  "{\"fixed\":\"egress\",\"s\":204,\"t\":\"2026-01-02T03:04:05.678Z\"}",
	  { "\"status\":204", "\"started_at\":\"2026-01-02T03:04:05.678Z\"" } },
	{ "json", NULL, "{\"method\":\"G\\u0045T\",\"user_agent\":\"a \\\"b\\\" c\"}",
	  { "\"method\":\"GET\"", "\"user_agent\":\"a \\\"b\\\" c\"" } },
	{ "\"%RESPONSE_CODE_DETAILS%\" %RESPONSE_CODE%", NULL, "\"rbac_access_denied_matched_policy[ns[shop]-policy[deny-x]-rule[10]]\" 403",
	  { "\"outcome\":\"refused\"", "\"outcome_policy\":\"shop/deny-x\"", "\"outcome_rule\":10" } },
	{ "\"%CONNECTION_TERMINATION_DETAILS%\"", NULL, "\"rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]]\"",
	  { "\"outcome\":\"refused\"", "\"outcome_policy\":\"a/b\"", "\"outcome_rule\":0" } },
	{ "\"%DOWNSTREAM_TRANSPORT_FAILURE_REASON%\" %RESPONSE_CODE% %RESPONSE_FLAGS%", NULL, "\"TLS_error: x y\" 0 -",
	  { "\"outcome\":\"failed\"", "\"failure\":\"TLS_error: x y\"" } },
	{ "%CONNECTION_TERMINATION_DETAILS% %UPSTREAM_HOST%", NULL, "transport_socket_connect_timeout -",
	  { "\"outcome\":\"failed\"", "\"failure\":\"transport_socket_connect_timeout\"" } },
	{ "\"%RESPONSE_FLAGS%\" %RESPONSE_CODE%", NULL, "\"UAEX\" 403", { "\"outcome\":\"refused\"" } },
	{ "%RESPONSE_FLAGS% %RESPONSE_CODE% %UPSTREAM_HOST%", NULL, "DI,UF 503 1.2.3.4:443", { "\"outcome\":\"failed\"", "\"failure\":\"delay injected, upstream connection failed\"" } },
	{ "%RESPONSE_FLAGS% %RESPONSE_CODE% %UPSTREAM_HOST%", NULL, "DI 200 -", { "\"outcome\":\"served\"" } },
	/* Whose answer it was the line does not say. */
	{ "%RESPONSE_CODE%", NULL, "503", { "{\"observed_by\":\"log\",\"status\":503}" } },
	{ "%RESPONSE_CODE%", NULL, "403", { "{\"observed_by\":\"log\",\"status\":403}" } },
	{ "%RESPONSE_CODE% %UPSTREAM_HOST%", NULL, "403 -", { "\"outcome\":\"refused\"" } },
	{ "%RESPONSE_FLAGS% %UPSTREAM_HOST%", NULL, "RFCF -", { "\"outcome\":\"served\"" } },
	{ "%RESPONSE_FLAGS% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%", NULL, "- 301 https_redirect", { "\"outcome\":\"served\"" } },
	{ "\"%RESPONSE_CODE_DETAILS%\" %RESPONSE_CODE%", NULL, "\"via_upstream\" 403", { "\"outcome\":\"served\"" } },
	/* The line does not say which of two headers it was: neither is believed. */
	{ "%REQ(X-TEAM?:AUTHORITY)% %REQ(X-A?X-B)% %REQ(:METHOD)%", NULL, "blue x GET", { "\"method\":\"GET\"}" } },
	/* Perhaps only the beginning of it. */
	{ "%REQ(:PATH):4% %REQ(:AUTHORITY):20% %REQ(:METHOD)%", NULL, "/abc h.example GET",
	  { "\"observed_by\":\"log\",\"method\":\"GET\",\"authority\":\"h.example\"}" } },
	{ "%REQ(X-NONE)% %REQ(X-TEAM)% %REQ(REFERER)%", NULL, "- blue https://a/b?q=secret",
	  { "{\"x-none\":null,\"x-team\":\"blue\",\"referer\":\"https://a/b?(masked)\"}" } },
	{ "\"%DYNAMIC_METADATA(envoy.filters.http.ext:who)%\" \"%DYNAMIC_METADATA(other:a:b)%\" "
	  "\"%DYNAMIC_METADATA(envoy.filters.http.ext:tags)%\"", NULL, "\"me\" \"x y\" \"-\"",
	  { "\"metadata\":{\"envoy.filters.http.ext\":{\"who\":\"me\",\"tags\":null},\"other\":{\"a\":{\"b\":\"x y\"}}}" } },
	{ "%RESPONSE_FLAGS_LONG% %UPSTREAM_CLUSTER% %DOWNSTREAM_TLS_CIPHER%", NULL,
	  "UpstreamConnectionFailure,UpstreamRetryLimitExceeded outbound|80||a.b; ECDHE-RSA-AES128-GCM-SHA256",
	  { "\"response_flags\":\"UF,URX\"", "\"upstream_cluster\":\"outbound|80||a.b\"", "\"outcome\":\"failed\"",
	    "\"tls_cipher\":\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"", "\"failure\":\"upstream connection failed, retry or connect attempt limit\"" } },
	{ "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_PORT% %TLS_JA4_FINGERPRINT%", NULL,
	  "1.2.3.4 443 999 t13d1516h2_8daaf6152771_b186095e22b6",
	  { "\"upstream_ip\":\"1.2.3.4\"", "\"upstream_port\":443", "\"ja4\":\"t13d1516h2_8daaf6152771_b186095e22b6\"" } },
	/* Port 0: the address is X-Forwarded-For's, not the peer's. */
	{ "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT% %REQ(:METHOD)%", NULL, "10.0.0.9 0 GET",
	  { "{\"observed_by\":\"log\",\"remote_ip\":\"10.0.0.9\",\"method\":\"GET\"}" } },
	{ "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%", NULL, "10.0.0.9 77",
	  { "\"source_ip\":\"10.0.0.9\",\"source_port\":77" } },
	{ "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)% %PATH(NQ:ORIG_OR_PATH)%", NULL, "/a /a", { "\"path\":\"/a\"" } },
	{ "%ENVIRONMENT(POD)% %FILTER_STATE(k:PLAIN)% %CEL(request.a == \"x\")% %UPSTREAM_METADATA(ns:k)% %TRAILER(X)% %REQ(:METHOD)%",
	  NULL, "p s true m - GET", { "\"method\":\"GET\"" } },
	{ "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %UPSTREAM_LOCAL_ADDRESS%", NULL, "/var/run/x.sock @abc [fd00::1]:80",
	  { "{\"observed_by\":\"log\",\"upstream_local_ip\":\"fd00::1\",\"upstream_local_port\":80" } },
	{ "{\"http\":{\"m\":\"%REQ(:METHOD)%\",\"r\":{\"code\":\"%RESPONSE_CODE%\"}},\"meta\":\"%DYNAMIC_METADATA(a:b)%\",\"n\":7}", NULL,
	  "{\"n\":7,\"http\":{\"r\":{\"code\":204,\"x\":[{}]},\"m\":\"PUT\",\"other\":{\"m\":1}},\"meta\":{\"c\":[1]}}",
	  { "\"status\":204", "\"method\":\"PUT\"", "\"metadata\":{\"a\":{\"b\":{\"c\":[1]}}}" } },
	{ NULL, "method=http.verb,start_time=ts", "{\"http\":{\"verb\":\"PUT\"},\"ts\":1700000000.25}",
	  { "\"method\":\"PUT\"", "\"started_at\":\"2023-11-14T22:13:20.25Z\"" } },
	{ NULL, "REQ(X-TEAM)=team,DYNAMIC_METADATA(a:b)=m", "{\"team\":\"blue\",\"m\":\"x\",\"method\":\"PUT\"}",
	  { "\"request_headers\":{\"x-team\":\"blue\"}", "\"metadata\":{\"a\":{\"b\":\"x\"}}", "\"method\":\"PUT\"" } },
	{ NULL, "method=http.verb", "{\"http.verb\":\"PUT\",\"duration\":1.5,\"bytes_sent\":12.0,\"response_code\":2e2}",
	  { "\"method\":\"PUT\"", "\"duration_ms\":1.5", "\"bytes_received\":12", "\"status\":200" } },
};

static void test_given(void)
{
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		printf("# %s\n", given[i].format ? given[i].format : given[i].keys);
		is(read_all(given[i].format, given[i].keys, slice_of(given[i].line), LOG_QUERY_DROP), 0);
		is(got.n, 1);
		for (size_t k = 0; k < 6 && given[i].want[k]; k++)
			ok(has(given[i].want[k]));
	}
}

static const char *const bad_formats[] = {
	"", "no operator", "%", "%START_TIME", "%REQ(a%", "%METHOD%%PATH%", "%REQ(:PATH):0%", "%REQ(:PATH):x%",
	"{\"a\":", "%A(%", "{}", "{\"a\":7,\"b\":[\"c\"]}",
};

static void test_formats(void)
{
	for (size_t i = 0; i < sizeof bad_formats / sizeof *bad_formats; i++) {
		struct err e = { 0 };
		struct log_formats f;
		is(log_formats_init(&f, bad_formats[i], NULL, &e), -1);
		is(e.kind, ERR_USAGE);
		ok(e.msg[0]);
		log_formats_release(&f);
	}
	static const struct { const char *format, *keys; } bad_keys[] = {
		{ NULL, "method" }, { NULL, "nosuch=x" }, { NULL, "REQ(=x" }, { NULL, "=x" }, { "text", "method=x" }, { "%PROTOCOL%", "method=x" },
		{ NULL, "method=" },
	};
	for (size_t i = 0; i < sizeof bad_keys / sizeof *bad_keys; i++) {
		struct err e = { 0 };
		struct log_formats f;
		is(log_formats_init(&f, bad_keys[i].format, bad_keys[i].keys, &e), -1);
		is(e.kind, ERR_USAGE);
		log_formats_release(&f);
	}
	for (const struct log_default *d = log_defaults; d->name; d++) {
		struct err e;
		struct log_format *f = log_format_new(d->name, slice_of(d->text), &e);
		ok(f && f->anchored);
		log_format_free(&f);
	}
}

/* --- auto, wrappers, privacy */

static const char *first_json(void)
{
	size_t i = 0;

	while (public_lines[i].line[0] != '{')
		i++;
	return public_lines[i].line;
}

static void test_auto(void)
{
	struct buf two;

	is(read_all("auto", NULL, slice_of(public_lines[3].line), LOG_QUERY_DROP), 0);
	ok(strstr(said, "istio text (") != NULL);
	is(read_all("auto", NULL, slice_of(first_json()), LOG_QUERY_DROP), 0);
	ok(strstr(said, "istio JSON") != NULL);
	is(read_all("auto", NULL, SLICE("a line of nothing\nand one more\n"), LOG_QUERY_DROP), -1);
	is(err.kind, ERR_INPUT);
	/* A gateway says much before its first access. */
	buf_init(&two, 65536);
	for (int i = 0; i < 500; i++)
		buf_str(&two, "2026-01-05T09:59:59.000001Z\tinfo\tcache\tgenerated new workload certificate\n");
	buf_str(&two, public_lines[3].line);
	is(read_all("auto", NULL, buf_slice(&two), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	buf_clear(&two);
	buf_str(&two, public_lines[3].line);
	buf_byte(&two, '\n');
	buf_str(&two, first_json());
	is(read_all("auto", NULL, buf_slice(&two), LOG_QUERY_DROP), -1);
	ok(strstr(err.msg, "two formats") != NULL);
	buf_release(&two);
}

#define CRI(tag, text) "2026-01-05T10:00:00.123456789Z stdout " tag " " text "\n"

static void test_wrappers(void)
{
	is(read_all("text", NULL, SLICE(CRI("F", AGE "\"u\"" REST)), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	is(read_all("text", NULL, SLICE(CRI("P", AGE) CRI("P", "\"u") CRI("F", "\"" REST)), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	ok(has("\"user_agent\":\"u\""));
	/* Also where no line is whole, so that the format is told by what is joined. */
	is(read_all("auto", NULL, SLICE(CRI("P", AGE) CRI("P", "\"u") CRI("F", "\"" REST)), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	is(read_all("text", NULL, SLICE(CRI("P", AGE)), LOG_QUERY_DROP), 0);
	is(got.n, 0);
	is(ev.n[EV_LINE_CUT], 1);
	/* The other stream's lines come in between; each stream is joined for itself. */
	is(read_all("text", NULL, SLICE(CRI("P", AGE) "2026-01-05T10:00:00.123456789Z stderr F a warning\n" CRI("F", "\"u\"" REST)), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	is(ev.n[EV_LINE_MISMATCH], 1);
#define DOCKER(stream, text) "{\"log\":\"" text "\",\"stream\":\"" stream "\",\"time\":\"x\"}\n"
	is(read_all("json", NULL, SLICE(DOCKER("stdout", "{\\\"method\\\":") DOCKER("stderr", "oh\\n") DOCKER("stdout", "\\\"PUT\\\"}\\n")), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	ok(has("\"method\":\"PUT\""));
	is(read_all("json", NULL, SLICE(DOCKER("stdout", "{\\\"method\\\":null}\\n") "{\"log\":\"{}\\n\",\"log\":\"{}\\n\",\"stream\":\"stdout\"}\n"), LOG_QUERY_DROP), 0);
	is(ev.n[EV_LINE_MISMATCH], 1);
	/* The proxy's own lines are JSON too: nothing of an access, and no flow. */
	is(read_all("json", NULL, SLICE("{\"level\":\"info\",\"msg\":\"x\"}\n{}\n{\"method\":\"PUT\"}\n{\"msg\":\"x\"}\n"), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	is(ev.n[EV_LINE_MISMATCH], 3);
	/* kubectl's, with the gateway's own lines first. */
#define STAMP "2026-01-05T10:00:00.123456789Z "
#define POD "[pod/istio-egressgateway-7d4b-x2x/istio-proxy] "
	is(read_all("auto", NULL, SLICE(STAMP "2026-01-05T09:59:59.000001Z\tinfo\tReady\n" STAMP AGE "\"u\"" REST "\n"), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	is(read_all("auto", NULL, SLICE(POD "2026-01-05T09:59:59.000001Z\tinfo\tReady\n" POD AGE "\"u\"" REST "\n" POD STAMP AGE "\"u\"" REST), LOG_QUERY_DROP), 0);
	is(got.n, 2);
	is(read_all("%START_TIME% [%REQ(:METHOD)%]", NULL, SLICE("2026-01-05T10:00:00.123Z [PUT]"), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	is(read_all("json", NULL, SLICE("{\"log\":\"{\\\"method\\\":\\\"PUT\\\"}\\n\",\"stream\":\"stdout\",\"time\":\"x\"}\n"), LOG_QUERY_DROP), 0);
	is(got.n, 1);
	ok(has("\"method\":\"PUT\""));
}

static void test_privacy(void)
{
	struct slice line = SLICE("{\"path\":\"/a?token=secret\",\"method\":\"GET\"}");

	read_all("json", NULL, line, LOG_QUERY_DROP);
	ok(has("\"path\":\"/a\"") && !strstr((char *)got.out.p, "secret"));
	read_all("json", NULL, line, LOG_QUERY_KEEP);
	ok(has("\"path\":\"/a?token=secret\""));
	read_all("json", NULL, line, LOG_QUERY_HASH);
	ok(has("\"path\":\"/a?h=") && !strstr((char *)got.out.p, "secret"));
	read_all("%REQ(X-ORIGINAL-URL)% %REQ(USER-AGENT)%", NULL, SLICE("/a?b=secret ua?b=kept"), LOG_QUERY_DROP);
	ok(has("\"x-original-url\":\"/a?(masked)\"") && has("ua?b=kept"));
	/* An address is known by its looks too; a query by the header's name. */
	read_all("\"%REQ(X-TARGET)%\" \"%REQ(X-ORIGINAL-QUERY)%\" \"%REQ(X-JWT)%\" \"%DYNAMIC_METADATA(a:b)%\"", NULL,
		 SLICE("\"https://h/p?b=secret\" \"b=secret\" \"secret\" \"/a?b=secret\""), LOG_QUERY_DROP);
	ok(has("{\"x-target\":\"https://h/p?(masked)\",\"x-original-query\":\"(masked)\",\"x-jwt\":\"(masked)\"}") && has("{\"a\":{\"b\":\"/a?(masked)\"}}"));
	read_all("%REQ(X-ORIGINAL-QUERY)%", NULL, SLICE("b=secret"), LOG_QUERY_HASH);
	ok(has("\"x-original-query\":\"?h=") && !strstr((char *)got.out.p, "secret"));
	/* What is no SPIFFE ID is nobody's. */
	read_all("%DOWNSTREAM_PEER_URI_SAN% %REQ(X-FORWARDED-CLIENT-CERT)% %DOWNSTREAM_LOCAL_URI_SAN%", NULL,
		 SLICE("spiffe://td/ns/a/sa/b?secret By=x;URI=spiffe://td/ns/a/sa/b?secret spiffe://td/ns/a/sa/b?secret"), LOG_QUERY_DROP);
	ok(got.n == 1 && has("{\"observed_by\":\"log\"}"));
	read_all("%QUERY_PARAM(a)% %RESPONSE_CODE%", NULL, SLICE("secret 9999"), LOG_QUERY_DROP);
	ok(!memmem(ev.sample[EV_LINE_BAD_NUMBER][0].text, ev.sample[EV_LINE_BAD_NUMBER][0].n, "secret", 6));
	/* A line of a format that holds credentials is not shown, whatever it looks like. */
	read_all("\"%REQ(X-API-KEY)%\" %RESPONSE_CODE%", NULL, SLICE("\"abcdef\" twohundred"), LOG_QUERY_DROP);
	is(ev.n[EV_LINE_MISMATCH], 1);
	ok(!memmem(ev.sample[EV_LINE_MISMATCH][0].text, ev.sample[EV_LINE_MISMATCH][0].n, "abcdef", 6));
	read_all("text", NULL, SLICE("\"GET /a?x=\"secret\" secret HTTP/1.1\" 200"), LOG_QUERY_DROP);
	ok(!memmem(ev.sample[EV_LINE_MISMATCH][0].text, ev.sample[EV_LINE_MISMATCH][0].n, "secret", 6));
	read_all("text", NULL, SLICE("broken /a?token=secret line"), LOG_QUERY_KEEP);
	struct evidence_sample *s = &ev.sample[EV_LINE_MISMATCH][0];
	ok(s->n && !memmem(s->text, s->n, "secret", 6));
}

static void test_time(void)
{
	static const struct { const char *format, *text; int64_t ns; } t[] = {
		{ "", "1970-01-01T00:00:01.500Z", 1500000000 },
		{ "", "1970-01-01T00:00:01Z", 1000000000 },
		{ "%s", "12", 12000000000 },
		{ "%Y-%m-%dT%H:%M:%S.%6fZ", "1970-01-02T00:00:00.000001Z", 86400000001000 },
		{ "%F %I:%M:%S %p", "1970-01-01 12:00:00 AM", 0 },
		{ "%s%3f", "1700000000250", 1700000000250000000 }, { "%s%f", "1700000000000000001", 1700000000000000001 },
		{ "%s.%6f", "1700000000.250000", 1700000000250000000 }, { "%E*S %s", "03 7", 7000000000 },
		{ "%Y-%m-%dT%H:%M:%E3S%Ez", "1970-01-01T00:00:01.500+00:00", 1500000000 },
		{ "%Y-%m-%dET%H:%M:%E*SZ", "1970-01-01ET00:00:01Z", 1000000000 },
		{ "%E4Y-%m-%d %H:%M", "1970-01-01 00:01", 60000000000 },
		{ "%a, %d %b %Y %T GMT", "Thu, 01 Jan 1970 00:00:02 GMT", 2000000000 },
		{ "%A %B %e %y %R", "Thursday January  1 70 00:00", 0 }, { "%D %T", "01/02/70 00:00:00", 86400000000000 },
		{ "%Y %j %H", "1970 002 00", 86400000000000 }, { "%F %T %Z", "1970-01-01 00:00:00 UTC", 0 },
		{ "%F %T %z", "1970-01-01 02:00:00 +0200", 0 },
		{ "", "1700000000", 1700000000000000000 }, { "", "1700000000250", 1700000000250000000 },
		{ "", "1700000000250001", 1700000000250001000 }, { "", "1700000000250001002", 1700000000250001002 },
		{ "", "1700000000.5", 1700000000500000000 },
		{ "", "170000000", -1 }, { "", "1700000000250.5", -1 }, { "", "9999999999999999999", -1 },
		{ "%c", "Fri Jan  2 00:00:00 1970", 86400000000000 }, { "%x %X", "01/02/70 00:00:01", 86401000000000 },
		{ "%D %r", "01/01/70 12:00:05 PM", 43205000000000 }, { "%F %l:%M %P", "1970-01-01  1:00 am", 3600000000000 },
		{ "%F %k", "1970-01-01  9", 32400000000000 }, { "%C%y-%m-%d", "1970-01-02", 86400000000000 },
		{ "%Ey %m %d", "70 01 01", 0 }, { "%OH:%OM %EY-%Om-%Od", "00:01 1970-01-01", 60000000000 },
		{ "%F %T%:z", "1970-01-01 01:30:00+01:30", 0 }, { "%F %T%E*z", "1970-01-01 01:30:10+01:30:10", 0 },
		/* Days by their week: the Monday of 2026-W02, the Sunday before, the days around a year's beginning. */
		{ "%G-W%V-%u", "2026-W02-1", 1767571200000000000 }, { "%G-W%V-%u", "2020-W53-7", 1609632000000000000 },
		{ "%Y %W %u", "2026 01 1", 1767571200000000000 }, { "%Y %U %w", "2026 01 0", 1767484800000000000 },
		{ "%Y %W %a", "2026 00 Thu", 1767225600000000000 }, { "%F %g %V %U", "1970-01-01 70 01 00", 0 },
		{ "%Y %W %u", "2026 00 1", -1 }, { "%Y %W", "2026 01", -1 }, { "%G-W%V", "2026-W02", -1 }, { "%F %p", "1970-01-01 xm", -1 },
		{ "%F %w", "1970-01-01 8", -1 }, { "%F %V", "1970-01-01 00", -1 }, { "%F %O", "1970-01-01 ", -1 }, { "%F%:", "1970-01-01", -1 },
		{ "%H:%M:%S", "10:00:00", -1 }, { "%Y-%m", "1970-01", -1 }, { "%F %T %Z", "1970-01-01 00:00:00 CET", -1 },
		{ "%F", "1970-02-30", -1 }, { "%Y %j", "1970 366", -1 }, { "%s%3f", "25", -1 }, { "%E", "1", -1 }, { "%", "1", -1 },
		{ "", "1970-02-30T00:00:00.000Z", -1 }, { "", "", -1 }, { "%s", "x", -1 }, { "%q", "1", -1 },
		{ "%Y", "197", -1 },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		int64_t ns = -1;
		bool read = log_time(slice_of(t[i].format), slice_of(t[i].text), &ns);
		is(read, t[i].ns >= 0);
		if (read)
			is(ns, t[i].ns);
	}
}

static void test_xfcc(void)
{
	static const struct { const char *header, *uri; } t[] = {
		{ "By=spiffe://td/g;Hash=00;Subject=\"\";URI=spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/b" },
		{ "URI=spiffe://td/ns/evil/sa/x,By=spiffe://td/g;URI=spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/b" },
		{ "uri=\"spiffe://td/a,b\";By=x", "spiffe://td/a,b" },
		{ "By=x;URI=spiffe://td/a;URI=spiffe://td/b", "spiffe://td/a" },
		/* A subject that holds what looks like the rest, quotes too. */
		{ "By=x;Subject=\"O=\\\"A, URI=spiffe://evil;URI=spiffe://evil\\\"\";URI=spiffe://td/a", "spiffe://td/a" },
		/* Whatever a client put in front, also a quote that it did not close. */
		{ "X=\",By=x;Subject=\"CN=y\";URI=spiffe://td/a", "spiffe://td/a" },
		{ "By=spiffe://td/g;Hash=00", "" }, { "URI=", "" }, { "", "" }, { ",", "" }, { "URI=spiffe://td/a,", "" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct slice uri = log_identity_uri(slice_of(t[i].header));
		printf("# %s: %.*s\n", t[i].header, (int)uri.n, uri.n ? (const char *)uri.p : "");
		ok(slice_is(uri, t[i].uri));
	}
}

static void test_flags(void)
{
	static const char *const known[] = {
		"DC", "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "URX", "NR", "NC", "DI", "FI", "RL", "RLSE",
		"UAEX", "SI", "IH", "DPE", "UPE", "UMSDR", "RFCF", "NFCF", "DT", "OM", "DF", "DO", "DR", "UDO",
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		ok(log_flag_text(slice_of(known[i])) != NULL);
	ok(log_flag_text(SLICE("XX")) == NULL);
	ok(log_flag_text(SLICE("NoRouteFound")) == log_flag_text(SLICE("NR")));
}

int main(void)
{
	read_start();
	test_public();
	test_prefixes();
	test_bad();
	test_forged_agent();
	test_long_line();
	test_given();
	test_formats();
	test_auto();
	test_wrappers();
	test_privacy();
	test_time();
	test_flags();
	test_xfcc();
	return read_end();
}
