/*
 * log_join: lines of two streams in parts, in every order; and a run that is stopped after any line of the file
 * and goes on from the offset that it gave reads every line once.
 */
#include "tests/log_read.h"

#define AT "2026-01-05T10:00:00.123456789Z "
#define OUT(tag, text) AT "stdout " tag " " text "\n"
#define ERR(tag, text) AT "stderr " tag " " text "\n"

static const struct {
	const char *text, *want;	/* methods, in the order in which lines may leave */
	unsigned cut;
} cases[] = {
	{ OUT("F", "[a]") ERR("F", "[b]") OUT("F", "[c]"), "abc", 0 },
	{ OUT("P", "[a") OUT("P", "a") OUT("F", "]") OUT("F", "[b]"), "aab", 0 },
	{ OUT("P", "[a") ERR("F", "[b]") OUT("F", "]") ERR("F", "[c]"), "bac", 0 },
	{ OUT("P", "[a") ERR("F", "[b]") ERR("F", "[c]") OUT("P", "a") ERR("F", "[d]") OUT("F", "]"), "bcdaa", 0 },
	{ OUT("P", "[a") ERR("P", "[b") OUT("F", "]") OUT("F", "[c]") ERR("F", "]") OUT("F", "[d]"), "acbd", 0 },
	{ ERR("P", "[a") OUT("P", "[b") OUT("F", "]") OUT("P", "[c") ERR("F", "]") OUT("F", "]"), "bac", 0 },
	{ OUT("P", "[a") ERR("F", "[b]") ERR("F", "[c]"), "bc", 1 },
	{ OUT("P", "[a") ERR("P", "[b"), "", 2 },
};

static struct log_formats formats;
static struct log_reader *reader;

static void start(void)
{
	static const struct log_options o = { .query = LOG_QUERY_DROP };
	struct err e;

	if (log_formats_init(&formats, "[%REQ(:METHOD)%]", NULL, &e))
		abort();
	reader = log_reader_new(&formats, &o, NULL, &got.sink, &ev);
}

static void stop(void)
{
	log_reader_free(&reader);
	log_formats_release(&formats);
}

static void feed(struct slice text, bool last)
{
	size_t used;

	is(log_reader_feed(reader, text, last, &used, &err), 0);
	is(used, text.n);
}

/* The methods of the flows so far. */
static const char *methods(void)
{
	static char text[256];
	size_t n = 0;

	buf_byte(&got.out, 0);
	for (const char *at = (char *)got.out.p; (at = strstr(at, "\"method\":\"")); ) {
		for (at += 10; *at != '"' && n + 1 < sizeof text; at++)
			text[n++] = *at;
	}
	text[n] = 0;
	got.out.n--;
	return text;
}

static void fresh(void)
{
	memset(&ev, 0, sizeof ev);
	buf_clear(&got.out);
	got.n = 0;
}

static void test_stopped(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice all = slice_of(cases[i].text);
		for (size_t at = 0; at <= all.n; at++) {
			if (at && all.p[at - 1] != '\n')
				continue;
			fresh();
			start();
			feed((struct slice){ all.p, at }, false);
			size_t left = at - log_reader_pending(reader);
			/* Killed here: its open lines are forgotten, and nothing behind the offset was told. */
			stop();
			start();
			feed(slice_from(all, left), true);
			is(log_reader_pending(reader), 0);
			stop();
			if (strcmp(methods(), cases[i].want))
				printf("# %zu, %zu: %s, not %s\n", i, at, methods(), cases[i].want);
			ok(!strcmp(methods(), cases[i].want));
			is(ev.n[EV_LINE_CUT], cases[i].cut);
		}
	}
}

/* A line whose rest does not come holds the others back for so long only, and its rest is no line. */
static void test_given_up(void)
{
	static char line[64 * 1024];
	int len = snprintf(line, sizeof line, AT "stderr F [%065000d]\n", 0);
	struct slice other = { (uint8_t *)line, (size_t)len };
	unsigned n = 0;

	fresh();
	start();
	feed(SLICE(OUT("P", "[a")), false);
	for (; log_reader_pending(reader) && n < 1000; n++) {
		is(got.n, 0);
		feed(other, false);
	}
	is(n, LOG_HELD_MOST / other.n + 1);
	is(got.n, n);
	is(ev.n[EV_LINE_CUT], 1);
	feed(SLICE(OUT("P", "[forged]") ERR("F", "[b]") OUT("F", "[forged]") OUT("F", "[c]")), false);
	is(got.n, n + 2);
	ok(has("\"method\":\"c\"") && !strstr((char *)got.out.p, "forged"));
	is(log_reader_pending(reader), 0);
	stop();
}

/* Of a line that is too long nothing is read, and the lines beside it are. */
static void test_too_long(void)
{
	static char part[16 * 1024 + 64];
	int n = snprintf(part, sizeof part, AT "stdout P %16384d\n", 0);

	fresh();
	start();
	for (int i = 0; i < 70; i++)
		feed((struct slice){ (uint8_t *)part, (size_t)n }, false);
	is(got.n, 0);
	feed(SLICE(ERR("F", "[b]") OUT("F", "]") OUT("F", "[c]")), false);
	ok(!strcmp(methods(), "bc"));
	is(ev.n[EV_LINE_TOO_LONG], 1);
	stop();
}

int main(void)
{
	read_start();
	test_stopped();
	test_given_up();
	test_too_long();
	return read_end();
}
