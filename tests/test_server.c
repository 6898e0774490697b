/* The server over loopback, as a browser asks and as nobody should. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tests/store_db.h"
#include "tests/tap.h"
#include "web/web.h"

static const char path[] = "test_server.db";

/* Send bytes, half-close, read to the end.  The text is ended by a NUL; "" where nothing came. */
static const char *talk(uint16_t port, struct slice out, struct buf *in)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { .tv_sec = 20 };
	uint8_t chunk[4096];
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	buf_clear(in);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (!connect(fd, (const struct sockaddr *)&at, sizeof at)) {
		for (size_t k = 0; k < out.n; k += (size_t)n) {
			n = send(fd, out.p + k, out.n - k, MSG_NOSIGNAL);
			if (n <= 0)
				break;
		}
		shutdown(fd, SHUT_WR);
		while ((n = recv(fd, chunk, sizeof chunk, 0)) > 0)
			buf_add(in, (struct slice){ chunk, (size_t)n });
	}
	close(fd);
	buf_byte(in, 0);
	return (const char *)in->p;
}

static int status(const char *answer)
{
	int code = 0;

	return sscanf(answer, "HTTP/1.%*d %d", &code) == 1 ? code : 0;
}

/* One request with a good Host; the address as it goes over the wire. */
static const char *get(uint16_t port, const char *address, struct buf *in)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	buf_printf(&out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", address, port);
	const char *answer = talk(port, buf_slice(&out), in);
	buf_release(&out);
	return answer;
}

static void pages(uint16_t port, struct buf *in)
{
	static const struct { const char *address; int want; const char *type; } cases[] = {
		{ "/", 200, "text/html" }, { "/findings", 200, "text/html" }, { "/flows", 200, "text/html" },
		{ "/identities", 200, "text/html" }, { "/destinations", 200, "text/html" },
		{ "/policies", 200, "text/html" }, { "/certificates", 200, "text/html" },
		{ "/evidence", 200, "text/html" }, { "/sql", 200, "text/html" },
		{ "/flows.json", 200, "application/json" }, { "/flows.csv", 200, "text/csv" },
		{ "/api/v1/findings", 200, "application/json" }, { "/flows/1", 200, "text/html" },
		{ "/healthz", 200, "text/plain" }, { "/readyz", 200, "text/plain" },
		{ "/metrics", 200, "application/openmetrics-text" },
		{ "/style.css", 200, "text/css" }, { "/app.js", 200, "text/javascript" }, { "/egret.svg", 200, "image/svg+xml" },
		{ "/sql?sql=SELECT+1", 200, "text/html" },
		{ "/nothing", 404, "text/html" }, { "/nothing.json", 404, "application/json" },
		{ "/flows/99999", 404, "text/html" }, { "/findings/99999", 404, "text/html" },
		{ "/flows/-1", 404, "text/html" }, { "/flows/99999999999999999999", 404, "text/html" },
		{ "/../../etc/passwd", 404, "text/html" }, { "/%2e%2e/%2e%2e/etc/passwd", 404, "text/html" },
		{ "//", 404, "text/html" }, { "/style.css/", 404, "text/html" },
		{ "/flows?q=verdict:maybe", 400, "text/html" }, { "/flows.json?q=verdict:maybe", 400, "application/json" },
		{ "/flows?q=%zz", 400, "text/plain" }, { "/flows?q=%00", 400, "text/plain" }, { "/%", 400, "text/plain" },
		{ "/sql.json?sql=DELETE+FROM+flow", 400, "application/json" },
		{ "/sql.json?sql=ATTACH+'x.db'+AS+x", 400, "application/json" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *answer = get(port, cases[i].address, in);
		char type[80];
		snprintf(type, sizeof type, "\r\nContent-Type: %s", cases[i].type);
		printf("# %s\n", cases[i].address);
		is(status(answer), cases[i].want);
		ok(strcasestr(answer, type) != NULL);
		ok(strstr(answer, "\r\nContent-Security-Policy: default-src 'none';") != NULL);
		ok(strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n") != NULL);
	}
}

/* What libmicrohttpd answers itself has its own status: any refusal will do, but a refusal it must be. */
static void hostile(uint16_t port, struct buf *in)
{
	static const struct { const char *what, *bytes; int want; } cases[] = {
		{ "no Host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400 },
		{ "two Hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400 },
		{ "a foreign Host", "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400 },
		{ "a Host that begins like ours", "GET / HTTP/1.1\r\nHost: localhost.evil.example\r\nConnection: close\r\n\r\n", 400 },
		{ "an address that begins like ours", "GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\nConnection: close\r\n\r\n", 400 },
		{ "HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 400 },
		{ "POST", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", 405 },
		{ "DELETE", "DELETE /flows/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405 },
		{ "OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405 },
		{ "a method of its own", "BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405 },
		{ "chunked", "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", 400 },
		{ "two lengths", "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", 400 },
		{ "no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0 },
		{ "a cut request", "GET / HTTP/1.1\r\nHost: loc", 0 },
		{ "nothing", "", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int got = status(talk(port, slice_of(cases[i].bytes), in));
		printf("# %s: %d\n", cases[i].what, got);
		ok(cases[i].want ? got == cases[i].want : got == 0 || got >= 400);
	}
	is(status(get(port, "/healthz", in)), 200);
}

static void long_address(uint16_t port, struct buf *in)
{
	struct buf a;

	buf_init(&a, 1 << 20);
	buf_str(&a, "/flows?q=");
	for (int i = 0; i < 20000; i++)
		buf_byte(&a, 'x');
	buf_byte(&a, 0);
	is(status(get(port, (const char *)a.p, in)), 400);	/* more than a request holds */
	buf_clear(&a);
	buf_byte(&a, '/');
	for (int i = 0; i < 200000; i++)
		buf_byte(&a, 'x');
	buf_byte(&a, 0);
	int got = status(get(port, (const char *)a.p, in));	/* more than a connection's memory */
	ok(got == 0 || got >= 400);
	is(status(get(port, "/healthz", in)), 200);
	buf_release(&a);
}

static void heads_and_text(uint16_t port, struct buf *in)
{
	const char *answer = talk(port, SLICE("HEAD / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n"), in);

	is(status(answer), 200);
	ok(strstr(answer, "\r\n\r\n") && !strstr(answer, "\r\n\r\n")[4]);
	answer = get(port, "/flows?q=%22%3Cscript%3Ealert(1)%3C/script%3E", in);
	ok(!strstr(answer, "<script>alert"));
	ok(strstr(answer, "&lt;script&gt;") != NULL);
	answer = get(port, "/flows/1", in);
	ok(strstr(answer, "b.example") != NULL);
	ok(!strstr(answer, "<i>x</i>"));
	ok(strstr(answer, "&lt;i&gt;x&lt;/i&gt;") != NULL);
	answer = get(port, "/flows.csv", in);
	ok(!strstr(answer, ",=cmd"));
}

/* The first lines that were not understood: shown, escaped, cut, and no more of them than are kept. */
static void samples(uint16_t port, struct buf *in)
{
	const char *answer = get(port, "/evidence", in), *at = answer;
	unsigned n = 0;

	is(status(answer), 200);
	ok(strstr(answer, "lines that do not have the format&#39;s shape") ||
	   strstr(answer, "lines that do not have the format's shape"));
	ok(strstr(answer, "&lt;b&gt;odd&lt;/b&gt;") != NULL);
	ok(!strstr(answer, "<b>odd</b>"));
	ok(strstr(answer, "\\x1b[31m") != NULL);
	while ((at = strstr(at, "&lt;b&gt;odd"))) {
		n++;
		at++;
	}
	is(n, EVIDENCE_SAMPLES);
	ok(!strstr(answer, "the end of a long line"));
}

static bool fill(void)
{
	struct err e = { 0 };
	struct store *s;
	struct flow f;

	db_remove(path);
	s = store_open(path, STORE_WRITE, &e);
	if (!ok(s != NULL))
		return false;
	flow_init(&f);
	flow_set_num(&f, F_STARTED_AT, INT64_C(1767607200123456789));
	flow_set_num(&f, F_VERDICT, VERDICT_DENY);
	flow_set_text(&f, F_SNI, SLICE("b.example"));
	flow_set_text(&f, F_USER_AGENT, SLICE("<i>x</i>"));
	flow_set_text(&f, F_REQUEST_ID, SLICE("=cmd|' /C calc'!A0"));
	ok(!sink_push(store_sink(s), &f, 1, &e));
	static struct evidence ev;
	char line[EVIDENCE_SAMPLE_BYTES + 100];
	int head = snprintf(line, sizeof line, "<b>odd</b> \x1b[31m");
	memset(line + head, 'x', sizeof line - (size_t)head);
	memcpy(line + EVIDENCE_SAMPLE_BYTES, "the end of a long line", 22);
	evidence_add(&ev, EV_LINES, 10);
	for (uint64_t k = 1; k < 8; k++)
		evidence_note(&ev, EV_LINE_MISMATCH, k, (struct slice){ (uint8_t *)line, sizeof line });
	ok(!store_evidence(s, "access.log", &ev, &e));
	return ok(!store_close(&s, &e));
}

int main(void)
{
	struct err e = { 0 };
	struct web_options o = { .db = path, .port = 18900, .next_port = true };
	struct buf in;

	if (!fill())
		return tap_end();
	struct web *w = web_start(&o, &e);
	if (!ok(w != NULL)) {
		printf("# %s\n", e.msg);
		return tap_end();
	}
	buf_init(&in, 64 << 20);
	pages(web_port(w), &in);
	hostile(web_port(w), &in);
	long_address(web_port(w), &in);
	heads_and_text(web_port(w), &in);
	samples(web_port(w), &in);
	buf_release(&in);
	web_stop(&w);
	ok(!w);
	o.db = "no-such-folder/x.db";
	ok(!web_start(&o, &e) && e.msg[0]);
	db_remove(path);
	return tap_end();
}
