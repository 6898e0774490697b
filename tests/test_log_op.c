/* log_op: every operator of Envoy's by its name, and what is made of a value of it. */
#include <stdlib.h>
#include <string.h>

#include "capture/log_format.h"
#include "tests/log_read.h"

/* Known to Envoy up to 1.38; nothing is made of them but where their values end. */
static const struct { const char *op, *value; } passed_over[] = {
	{ "BYTES_RETRANSMITTED", "0" }, { "PACKETS_RETRANSMITTED", "0" }, { "REQUEST_HEADERS_BYTES", "12" },
	{ "UPSTREAM_HEADER_BYTES_SENT", "12" }, { "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", "1" },
	{ "DOWNSTREAM_HEADER_BYTES_RECEIVED", "4" }, { "UPSTREAM_CONNECTION_POOL_READY_DURATION", "3" },
	{ "COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)", "1234" }, { "COMMON_DURATION(DS_RX_BEG:US_RX_END)", "-17" },
	{ "UPSTREAM_HOST_NAME", "a.example:443" }, { "UPSTREAM_HOST_NAME_WITHOUT_PORT", "a.example" },
	{ "UPSTREAM_HOSTS_ATTEMPTED", "1.2.3.4:443,1.2.3.5:443" }, { "UPSTREAM_CONNECTION_IDS_ATTEMPTED", "1,2" },
	{ "UPSTREAM_DETECTED_CLOSE_TYPE", "RemoteReset" }, { "DOWNSTREAM_LOCAL_CLOSE_REASON", "idle timeout" },
	{ "DOWNSTREAM_PEER_ISSUER", "CN=a b,O=c" }, { "DOWNSTREAM_PEER_DNS_SAN", "a.b,c.d" },
	{ "DOWNSTREAM_TLS_GROUP", "X25519MLKEM768" }, { "DOWNSTREAM_PEER_CHAIN_SERIALS", "1,2" },
	{ "UPSTREAM_SERVER_NAME", "a.b" }, { "LOCAL_REPLY_BODY", "RBAC: access denied" }, { "SPAN_ID", "" },
	{ "TRACE_ID", "" }, { "ACCESS_LOG_TYPE", "DownstreamEnd" }, { "CUSTOM_FLAGS", "a,b" },
	{ "TYPED_CEL(request.size)", "4" }, { "CEL(has(a.b) ? f(x): g(y))", "x" }, { "CEL(request.headers['x']):10", "x" },
	{ "COALESCE({\"operators\": [\"REQUESTED_SERVER_NAME\", {\"command\": \"REQ\", \"param\": \":authority\"}]})", "a.b" },
	{ "QUERY_PARAMS(ORIG)", "a=1" }, { "FILTER_STATE(k:FIELD:f):20", "x y" }, { "UPSTREAM_FILTER_STATE(k:PLAIN)", "x" },
	{ "METADATA(ROUTE:istio:config)", "{\"a\":1}" }, { "EMIT_TIME_LOCAL(%s)", "1" }, { "START_TIME_LOCAL", "noon" },
	{ "DYNAMIC_METADATA(a::b)", "x" }, { "DYNAMIC_METADATA(:b)", "x" }, { "DYNAMIC_METADATA(b:)", "x" },
	{ "REQUESTED_SERVER_NAME(SNI_FIRST:HOST)", "a.b" }, { "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(64)", "2001:db8::/64" },
	{ "RESPONSE_TRAILER(X)", "-" }, { "RESPONSE_HEADER(X?Y):5", "abcde" }, { "REQUEST_HEADER(X?Y)", "a b" },
};

static void unread(void *ctx, const char *text)
{
	printf("# %s\n", text);
	++*(unsigned *)ctx;
}

static void test_passed_over(void)
{
	for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++) {
		char format[512], line[256];
		unsigned n = 0;
		struct err e = { 0 };
		struct log_formats f;

		snprintf(format, sizeof format, "%%REQ(:METHOD)%% <%%%s%%> %%PROTOCOL%%", passed_over[i].op);
		snprintf(line, sizeof line, "GET <%s> HTTP/2", passed_over[i].value);
		printf("# %s\n", format);
		is(log_formats_init(&f, format, NULL, &e), 0);
		log_formats_unread(f.list[0], unread, &n);
		log_formats_release(&f);
		is(n, 0);
		is(read_all(format, NULL, slice_of(line), LOG_QUERY_DROP), 0);
		is(got.n, 1);
		ok(has("{\"observed_by\":\"log\",\"protocol\":\"h2\",\"method\":\"GET\"}"));
	}
}

static const struct { const char *format, *line, *want[3]; } values[] = {
	/* Whole names, since 1.37. */
	{ "%REQUEST_HEADER(:METHOD)% %REQUEST_HEADER(X-ENVOY-ORIGINAL-PATH?:PATH)% %REQUEST_HEADER(:AUTHORITY)% "
	  "%RESPONSE_HEADER(X-ENVOY-UPSTREAM-SERVICE-TIME)% %REQUEST_HEADER(X-TEAM)%", "GET /a?x=1 h.example:80 7 blue",
	  { "\"method\":\"GET\",\"authority\":\"h.example:80\",\"path\":\"/a\"", "\"request_headers\":{\"x-team\":\"blue\"}" } },
	{ "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)% %PROTOCOL%",
	  "403 rbac_access_denied_matched_policy[ns[a]-policy[b c]-rule[0]] HTTP/2",
	  { "\"outcome_policy\":\"a/b c\",\"outcome_rule\":0" } },
	{ "%TRAILER(grpc-status)% %TRAILER(grpc-message)% %GRPC_STATUS%", "7 denied by x PermissionDenied", { "\"grpc_status\":7" } },
	{ "%REQUESTED_SERVER_NAME(SNI_ONLY)%", "a.example", { "\"sni\":\"a.example\"" } },
	{ "%START_TIME_LOCAL(%Y-%m-%dT%H:%M:%S%z)%", "2026-01-05T11:00:00+0100", { "\"started_at\":\"2026-01-05T10:00:00Z\"" } },
	/* The peer, and who it says that it speaks for. */
	{ "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_PORT% %DOWNSTREAM_REMOTE_ADDRESS%",
	  "10.0.0.5 4444 203.0.113.5:0", { "\"source_ip\":\"10.0.0.5\",\"source_port\":4444", "\"remote_ip\":\"203.0.113.5\"" } },
	{ "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_PORT%", "10.0.0.5:4444 0", { "\"source_port\":4444" } },
	{ "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%",
	  "10.0.0.5 203.0.113.5 0", { "{\"observed_by\":\"log\",\"source_ip\":\"10.0.0.5\",\"remote_ip\":\"203.0.113.5\"}" } },
	{ "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%",
	  "10.0.0.5 10.0.0.5 77", { "\"source_port\":77" } },
	/* Policies are held against the local address. */
	{ "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_ADDRESS%", "1.1.1.1:443 10.0.0.9:8443",
	  { "\"destination_ip\":\"1.1.1.1\",\"destination_port\":443" } },
	{ "%DOWNSTREAM_DIRECT_LOCAL_PORT% %DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT%", "8443 fd00::1",
	  { "\"destination_ip\":\"fd00::1\",\"destination_port\":8443" } },
	{ "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(32)% %PROTOCOL%",
	  "10.1.1.0/24 10.0.0.1/32 HTTP/2", { "{\"observed_by\":\"log\",\"protocol\":\"h2\"}" } },
	/* What a route rewrote. */
	{ "%REQ(X-ENVOY-ORIGINAL-PATH)% %REQ(:PATH)% %REQ(X-ENVOY-ORIGINAL-HOST)% %REQ(:AUTHORITY)%", "/asked?q=1 /made h.example other",
	  { "\"authority\":\"h.example\",\"path\":\"/asked\"}" } },
	{ "%REQ(X-ENVOY-ORIGINAL-PATH)% %REQ(:PATH)% %REQ(X-ENVOY-ORIGINAL-HOST?:AUTHORITY)%", "- /asked h.example",
	  { "\"authority\":\"h.example\",\"path\":\"/asked\"}" } },
	{ "%PATH(NQ:ORIG)% %PROTOCOL%", "- HTTP/2", { "{\"observed_by\":\"log\",\"protocol\":\"h2\"}" } },
	/* Metadata: a namespace as a whole, nested keys, what was not set. */
	{ "%DYNAMIC_METADATA(a.b)% %METADATA(DYNAMIC:c:k)% %DYNAMIC_METADATA(d:k)%", "{\"k\":\"v\",\"n\":{\"x\":1}} v -",
	  { "\"metadata\":{\"a.b\":{\"k\":\"v\",\"n\":{\"x\":1}},\"c\":{\"k\":\"v\"},\"d\":{\"k\":null}}" } },
	{ "%DYNAMIC_METADATA(a:k:x)% %DYNAMIC_METADATA(b:z)% %DYNAMIC_METADATA(a:k:y)% %DYNAMIC_METADATA(a:kk)%", "1 [1,2] 2 3",
	  { "\"metadata\":{\"a\":{\"k\":{\"x\":\"1\",\"y\":\"2\"},\"kk\":\"3\"},\"b\":{\"z\":[1,2]}}" } },
	{ "%DYNAMIC_METADATA(a:k:x)% %DYNAMIC_METADATA(a:k)%", "1 {\"x\":1}", { "\"metadata\":{\"a\":{\"k\":{\"x\":1}}}" } },
	{ "{\"a\":\"%DYNAMIC_METADATA(x:a)%\",\"b\":\"%DYNAMIC_METADATA(x:b)%\",\"c\":\"%DYNAMIC_METADATA(x:c)%\",\"d\":\"%DYNAMIC_METADATA(x:d)%\","
	  "\"e\":\"%DYNAMIC_METADATA(x:e)%\",\"f\":\"%DYNAMIC_METADATA(x:f)%\",\"g\":\"<%DYNAMIC_METADATA(y:g)%>\"}",
	  "{\"a\":7,\"b\":true,\"c\":null,\"d\":{\"q\":[1,null]},\"e\":\"7\",\"f\":\"\\u0037\",\"g\":\"<7>\"}",
	  { "\"x\":{\"a\":7,\"b\":true,\"c\":null,\"d\":{\"q\":[1,null]},\"e\":\"7\",\"f\":\"7\"}", "\"y\":{\"g\":\"7\"}" } },
	{ "{\"j\":\"%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%\"}", "{\"j\":{\"payload\":{\"iss\":\"a\",\"sub\":\"b\"}}}",
	  { "\"request_claims\":{\"iss\":\"a\",\"sub\":\"b\"}" } },
	{ "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload)%", "{\"iss\":\"a\"}", { "\"request_claims\":{\"iss\":\"a\"}" } },
	{ "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%", "-", { "\"request_claims\":null" } },
};

static void test_values(void)
{
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		printf("# %s\n", values[i].format);
		is(read_all(values[i].format, NULL, slice_of(values[i].line), LOG_QUERY_DROP), 0);
		is(got.n, 1);
		for (size_t k = 0; k < 3 && values[i].want[k]; k++)
			ok(has(values[i].want[k]));
	}
}

int main(void)
{
	read_start();
	test_passed_over();
	test_values();
	return read_end();
}
