/* log_layout: JSON layouts whose values are texts of several operators, or lists; gRPC's statuses in all their forms. */
#include "capture/log_grpc.h"
#include "tests/log_read.h"

#define REQUEST "{\"request\":\"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\",\"code\":\"%RESPONSE_CODE%\",\"who\":\"egress\"}"

/* As Google's logging wants it. */
#define URL "{\"u\":\"%REQ(:SCHEME)%://%REQ(:AUTHORITY)%%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%\"}"

static const struct {
	const char *format, *keys, *lines, *want[5];
} given[] = {
	{ REQUEST, NULL, "{\"request\":\"GET /a?b HTTP/1.1\",\"code\":200}",
	  { "{\"observed_by\":\"log\",\"protocol\":\"http/1.1\",\"method\":\"GET\",\"path\":\"/a\",\"status\":200" } },
	/* What a client wrote may hold blanks; both ends hold. */
	{ REQUEST, NULL, "{\"request\":\"GET /a HTTP/1.1 b HTTP/2\",\"code\":200}", { "\"path\":\"/a HTTP/1.1 b\"", "\"protocol\":\"h2\"" } },
	{ REQUEST, NULL, "{\"code\":200,\"request\":\"G\\u0045T /\\\"a\\\" HTTP\\/1.1\"}", { "\"method\":\"GET\"", "\"path\":\"/\\\"a\\\"\"" } },
	{ REQUEST, NULL, "{\"request\":\"- - -\",\"code\":0}", { "\"method\":null,\"path\":null,\"status\":null" } },
	/* What is not there, or null, is unknown. */
	{ REQUEST, NULL, "{\"code\":200}", { "{\"observed_by\":\"log\",\"status\":200" } },
	{ REQUEST, NULL, "{\"request\":null,\"code\":200}", { "{\"observed_by\":\"log\",\"status\":200" } },
	{ REQUEST, "request=r", "{\"r\":\"PUT / HTTP/2\"}", { "\"method\":\"PUT\"" } },
	{ "{\"at\":\"time=%START_TIME(%s.%3f)%;\",\"peer\":{\"way\":\"%DOWNSTREAM_REMOTE_ADDRESS%->%DOWNSTREAM_LOCAL_ADDRESS%\"}}", NULL,
	  "{\"peer\":{\"way\":\"10.0.0.1:4000->10.0.0.2:8443\"},\"at\":\"time=1700000000.250;\"}",
	  { "\"started_at\":\"2023-11-14T22:13:20.25Z\"", "\"source_port\":4000", "\"destination_ip\":\"10.0.0.2\"" } },
	{ URL, NULL, "{\"u\":\"https://a.b:443/c?u=http://d/e\"}", { "\"authority\":\"a.b:443\",\"path\":\"/c\"" } },
	{ URL, NULL, "{\"u\":\"-://--\"}", { "\"authority\":null,\"path\":null" } },
	{ "\"%REQ(:METHOD)% %REQ(:AUTHORITY)%%REQ(:PATH)% %PROTOCOL%\"", NULL, "\"GET a.b/c d/e HTTP/2\"",
	  { "\"method\":\"GET\",\"authority\":\"a.b\",\"path\":\"/c d/e\"" } },
	{ "{\"h\":\"team=%REQ(X-TEAM)% key=%REQ(X-API-KEY)% 100%%\"}", NULL, "{\"h\":\"team=blue key=abc 100%\"}",
	  { "\"request_headers\":{\"x-team\":\"blue\",\"x-api-key\":\"(masked)\"}" } },
	{ "{\"a\":[\"%REQ(:METHOD)%\",{\"p\":\"%REQ(:PATH)%\"},[\"x\",\"%RESPONSE_CODE%\"],\"%PROTOCOL% %RESPONSE_FLAGS%\"]}", NULL,
	  "{\"a\":[\"PUT\",{\"q\":1,\"p\":\"/x\"},[7,204],\"HTTP/2 UF\",[[]],{}]}",
	  { "\"method\":\"PUT\",\"path\":\"/x\",\"status\":204", "\"protocol\":\"h2\"", "\"response_flags\":\"UF\"" } },
	{ "{\"a\":[\"%REQ(:METHOD)%\",\"%REQ(:PATH)%\"]}", NULL, "{\"a\":[null]}", { "\"protocol\":\"tcp\",\"method\":null}" } },
	/* Names, numbers, typed numbers; a status that is none is not absent. */
	{ "%GRPC_STATUS% %PROTOCOL%", NULL, "PermissionDenied HTTP/2", { "\"grpc_status\":7" } },
	{ "%GRPC_STATUS(SNAKE_STRING)% %PROTOCOL%", NULL, "DEADLINE_EXCEEDED HTTP/2", { "\"grpc_status\":4" } },
	{ "%GRPC_STATUS(NUMBER)% %PROTOCOL%", NULL, "16 HTTP/2", { "\"grpc_status\":16" } },
	{ "%GRPC_STATUS_NUMBER% %RESPONSE_CODE%", NULL, "- 200", { "\"status\":200,\"grpc_status\":null" } },
	{ "%GRPC_STATUS_NUMBER% %RESPONSE_CODE%", NULL, "-1 200", { "{\"observed_by\":\"log\",\"status\":200" } },
	{ "{\"g\":\"%GRPC_STATUS_NUMBER%\"}", NULL, "{\"g\":7}", { "\"grpc_status\":7" } },
	{ "{\"g\":\"%GRPC_STATUS_NUMBER%\"}", NULL, "{\"g\":7.0}", { "\"grpc_status\":7" } },
	{ "{\"g\":\"grpc %GRPC_STATUS% %RESPONSE_CODE%\"}", NULL, "{\"g\":\"grpc OK 200\"}", { "\"status\":200", "\"grpc_status\":0" } },
};

/* Twice: the second line's keys are expected. */
static void test_given(void)
{
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		char twice[1024];
		int n = snprintf(twice, sizeof twice, "%s\n%s\n", given[i].lines, given[i].lines);
		printf("# %s\n", given[i].format);
		is(read_all(given[i].format, given[i].keys, (struct slice){ (uint8_t *)twice, (size_t)n }, LOG_QUERY_DROP), 0);
		is(got.n, 2);
		for (size_t k = 0; k < 5 && given[i].want[k]; k++)
			ok(has(given[i].want[k]));
		const char *first = (char *)got.out.p, *second = strchr(first, '\n');
		ok(second && !strncmp(first, second + 1, (size_t)(second - first)));
	}
}

static const struct {
	const char *format, *line;
	enum evidence_reason why;
} not_read[] = {
	{ "{\"x\":\"%REQ(A)% %REQ(B)%\"}", "{\"x\":\"a b c\"}", EV_LINE_AMBIGUOUS },
	{ REQUEST, "{\"request\":\"GET /a\",\"code\":200}", EV_LINE_MISMATCH },
	{ REQUEST, "{\"request\":\"\",\"code\":200}", EV_LINE_MISMATCH },
	{ URL, "{\"u\":\"https://a.b\"}", EV_LINE_MISMATCH },
	{ URL, "{\"u\":\"https:///a\"}", EV_LINE_MISMATCH },
	{ "\"%REQ(:AUTHORITY)%%REQ(:PATH)% %PROTOCOL%\"", "\"a.b- HTTP/2\"", EV_LINE_MISMATCH },
	{ REQUEST, "{\"request\":7,\"code\":200}", EV_LINE_MISMATCH },
	{ REQUEST, "{\"request\":{\"a\":1},\"code\":200}", EV_LINE_NESTED },
	{ REQUEST, "{\"request\":\"GET / HTTP/2\",\"request\":\"PUT / HTTP/2\"}", EV_LINE_DUPLICATE_KEY },
	{ "{\"a\":[\"%REQ(:METHOD)%\"]}", "{\"a\":[\"PUT\"", EV_LINE_NOT_JSON },
	{ "{\"a\":[\"%REQ(:METHOD)%\"]}", "{\"a\":\"PUT\"}", EV_LINE_MISMATCH },
	{ "{\"a\":[\"%REQ(:METHOD)%\"]}", "{\"a\":[,]}", EV_LINE_NOT_JSON },
	{ "{\"a\":[\"%REQ(:METHOD)%\"]}", "{\"a\":[[\"PUT\"]]}", EV_LINE_NESTED },
	{ "{\"g\":\"%GRPC_STATUS_NUMBER%\"}", "{\"g\":7.5}", EV_LINE_BAD_NUMBER },
	{ "{\"g\":\"%GRPC_STATUS_NUMBER%\"}", "{\"g\":70000}", EV_LINE_BAD_NUMBER },
};

static void test_not_read(void)
{
	for (size_t i = 0; i < sizeof not_read / sizeof *not_read; i++) {
		printf("# %s\n", not_read[i].line);
		is(read_all(not_read[i].format, NULL, slice_of(not_read[i].line), LOG_QUERY_DROP), 0);
		is(got.n, 0);
		is(ev.n[not_read[i].why], 1);
	}
}

static char unread[1024];

static void note(void *ctx, const char *text)
{
	size_t n = strlen(unread);

	(void)ctx;
	snprintf(unread + n, sizeof unread - n, "%s\n", text);
}

/* What is not understood is said; what says nothing is not. */
static void test_said(void)
{
	static const struct { const char *format, *want; } t[] = {
		{ "{\"a\":\"%REQ(:METHOD)%\",\"b\":\"egress\",\"c\":7,\"d\":null,\"e\":{},\"f\":[true],\"g\":\"\"}", "" },
		{ "{\"a\":\"%REQ(:METHOD)%%REQ(:PATH)%\"}", "\"a\": byte 15: two operators" },
		{ "{\"a\":{\"b\":[0,\"100%\"]}}", "\"a.b.1\": byte 4: % does not begin" },
		{ "{\"a\":\"%REQ(:METHOD\"}", "\"a\": byte 1" },
		{ "{\"a\":\"%%\"}", "\"a\": there is no operator" },
		{ "{\"a\":\"%FOO% %REQ(:PATH)%\"}", "%FOO% is not an operator" },
		{ "{\"a\":\"%FOO(x)%\"}", "%FOO% is not an operator" },
		{ "{\"a\":\"%CEL(x)%\",\"b\":\"%FILTER_STATE(a:b)%:%RESP(A?B)%\"}", "" },
		{ "{\"a\":\"%FOO%\"}", "%FOO% is not an operator" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct err e = { 0 };
		struct log_format *f = log_format_json(slice_of(t[i].format), NULL, &e);
		unread[0] = 0;
		ok(f != NULL);
		if (f)
			log_formats_unread(f, note, NULL);
		printf("# %s%s\n", t[i].format, unread);
		ok(t[i].want[0] ? strstr(unread, t[i].want) != NULL : !unread[0]);
		log_format_free(&f);
	}
}

/* A key twice, in a layout or a map: which of the two a line means is not for us to choose. */
static void test_twice(void)
{
	static const struct { const char *format, *keys, *want; } t[] = {
		{ "{\"a\":\"%PROTOCOL%\",\"a\":\"%PROTOCOL%\"}", NULL, "format: the key \"a\" is given twice" },
		{ "{\"a\":\"%PROTOCOL%\",\"k\":1,\"k\":2}", NULL, "format: the key \"k\" is given twice" },
		{ "{\"a\":{\"b\":\"%PROTOCOL%\",\"b\":{}}}", NULL, "format: the key \"a.b\" is given twice" },
		{ "{\"a\":{\"b\":\"%PROTOCOL%\"},\"a.b\":\"%PROTOCOL%\"}", NULL, "\"a.b\" is given twice" },
		{ "{\"a\":{\"b\":\"%PROTOCOL%\"},\"\\u0061\":{\"c\":7}}", NULL, "\"a\" is given twice" },
		{ "{\"a\":[{\"b\":\"%PROTOCOL%\",\"b\":1}]}", NULL, "\"a.0.b\" is given twice" },
		{ "{\"a\":{\"b\":\"%PROTOCOL%\"},\"c\":{\"b\":\"%PROTOCOL%\"},\"b\":[\"%PROTOCOL%\"]}", NULL, NULL },
		{ "{\"\":{\"b\":\"%PROTOCOL%\"},\"b\":1}", NULL, NULL },
		{ NULL, "method=a,path=a", "keys: the key \"a\" is given twice" },
		{ NULL, "method=a,method=b", "keys: the key \"method\" is given twice" },
		{ NULL, "REQ(X-TEAM)=a,REQ(X-TEAM)=b", "keys: the key \"REQ(X-TEAM)\" is given twice" },
		{ NULL, "method=a,method=a", "keys: the key \"method\" is given twice" },
		{ NULL, "method=path,path=method", NULL },
		{ "{\"a\":\"%PROTOCOL%\"}", "a=b,REQ(:METHOD)=a", NULL },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct err e = { 0 };
		struct slice layout = t[i].format ? slice_of(t[i].format) : (struct slice){ NULL, 0 };
		struct log_format *f = log_format_json(layout, t[i].keys, &e);
		printf("# %s %s: %s\n", t[i].format ? t[i].format : "", t[i].keys ? t[i].keys : "", e.msg);
		is(f == NULL, t[i].want != NULL);
		ok(!t[i].want || (e.kind == ERR_USAGE && strstr(e.msg, t[i].want)));
		log_format_free(&f);
	}
}

/* A map's keys change places at once; what it gives to another is not read by its old name. */
static void test_exchange(void)
{
	static const char at[] = "{\"start_time\":\"2026-01-05T10:00:00.000Z\",\"method\":\"/x\",\"path\":\"GET\"}";

	is(read_all(NULL, "method=path,path=method", slice_of(at), LOG_QUERY_DROP), 0);
	ok(has("\"method\":\"GET\"") && has("\"path\":\"/x\""));
	is(read_all(NULL, "method=path", slice_of(at), LOG_QUERY_DROP), 0);
	ok(has("\"method\":\"GET\"") && !strstr((char *)got.out.p, "\"path\""));
	is(read_all("{\"t\":\"%START_TIME%\",\"a\":\"%REQ(:METHOD)% %REQ(:PATH)%\",\"b\":\"%PROTOCOL%\"}", "b=a",
		    SLICE("{\"t\":\"2026-01-05T10:00:00.000Z\",\"a\":\"HTTP/2\"}"), LOG_QUERY_DROP), 0);
	ok(has("\"protocol\":\"h2\"") && !strstr((char *)got.out.p, "\"path\""));
}

/* As many keys as there is room for, and one more: as keys, and as parts of one. */
static void test_many(void)
{
	for (int how = 0; how < 4; how++) {
		struct buf text;
		struct err e = { 0 };
		int n = LOG_PIECES - (how & 1 ? 0 : 1) - (how & 2 ? 0 : -1);
		buf_init(&text, 65536);
		buf_str(&text, how & 2 ? "{\"a\":\"" : "{\"k\":7");
		for (int i = 0; i < n; i++)
			buf_printf(&text, how & 2 ? "%%REQ(H%d)%% " : ",\"k%d\":\"%%PROTOCOL%%\"", i);
		buf_str(&text, how & 2 ? "\"}" : "}");
		struct log_format *f = log_format_json(buf_slice(&text), NULL, &e);
		printf("# %d: %s\n", n, f ? "" : e.msg);
		is(f != NULL, !(how & 1));
		ok(f || strstr(e.msg, "too many keys"));
		log_format_free(&f);
		buf_release(&text);
	}
}

static void test_grpc(void)
{
	static const char *const names[] = {
		"OK", "Cancelled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
		"PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange",
		"Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
	};
	for (int i = 0; i <= 16; i++) {
		is(log_grpc_status(slice_of(names[i])), i);
		char number[12];
		snprintf(number, sizeof number, "%d", i);
		is(log_grpc_status(slice_of(number)), i);
	}
	is(log_grpc_status(SLICE("Canceled")), 1);
	is(log_grpc_status(SLICE("ALREADY_EXISTS")), 6);
	static const char *const none[] = { "", "-1", "InvalidCode", "1000", "7x", "O", "OKAY", "_" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		is(log_grpc_status(slice_of(none[i])), -1);
}

int main(void)
{
	read_start();
	test_given();
	test_not_read();
	test_said();
	test_many();
	test_twice();
	test_exchange();
	test_grpc();
	return read_end();
}
