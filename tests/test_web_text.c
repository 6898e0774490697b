/* What comes in as an address and goes out as HTML, CSV and URLs. */
#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"
#include "web/html.h"
#include "web/request.h"

#define BYTES(s) { (const uint8_t *)(s), sizeof(s) - 1 }

static bool gives(void (*write)(struct buf *, struct slice), struct slice in, const char *want)
{
	struct buf b;

	buf_init(&b, 4096);
	write(&b, in);
	bool same = b.n == strlen(want) && (!b.n || !memcmp(b.p, want, b.n));
	if (!same)
		printf("# got %.*s, want %s\n", (int)b.n, (const char *)b.p, want);
	buf_release(&b);
	return same;
}

static void escaping(void)
{
	static const struct {
		void (*write)(struct buf *, struct slice);
		struct slice in;
		const char *want;
	} cases[] = {
		{ html_text, BYTES(""), "" },
		{ html_text, BYTES("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;" },
		{ html_text, BYTES("é✓"), "é✓" },
		{ html_text, BYTES("a\0b"), "a\\x00b" },
		{ html_text, BYTES("\x1b[31m\n"), "\\x1b[31m\\x0a" },
		{ html_text, BYTES("\xff\xfe<"), "\\xff\\xfe&lt;" },
		{ html_text, BYTES("\xc0\xbc"), "\\xc0\\xbc" },			/* "<", overlong */
		{ html_text, BYTES("a\xe2\x80\xae" "b"), "a\\u{202e}b" },	/* right-to-left override */
		{ html_text, BYTES("a\xe2\x80\x8b" "b"), "a\\u{200b}b" },	/* no width */
		{ html_text, BYTES("\xe2\x82"), "\\xe2\\x82" },			/* cut */
		{ html_url, BYTES("a b&c=d/e?f#g%h+\"<>\xff"), "a%20b%26c%3Dd%2Fe%3Ff%23g%25h%2B%22%3C%3E%FF" },
		{ html_url, BYTES("A-z_0.9~"), "A-z_0.9~" },
		{ html_url, BYTES("\0"), "%00" },
		{ html_csv, BYTES(""), "\"\"" },
		{ html_csv, BYTES("a,\"b\"\r\n"), "\"a,\"\"b\"\"\r\n\"" },
		{ html_csv, BYTES("=cmd|x"), "\"'=cmd|x\"" }, { html_csv, BYTES("+1"), "\"'+1\"" },
		{ html_csv, BYTES("-1"), "\"'-1\"" }, { html_csv, BYTES("@x"), "\"'@x\"" },
		{ html_csv, BYTES("\t=x"), "\"'\t=x\"" },
	};
	static const struct { int64_t n; const char *want; } counts[] = {
		{ 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { -1234567, "-1,234,567" },
		{ INT64_MAX, "9,223,372,036,854,775,807" }, { INT64_MIN, "-9,223,372,036,854,775,808" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ok(gives(cases[i].write, cases[i].in, cases[i].want));
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct buf b;
		buf_init(&b, 64);
		html_count(&b, counts[i].n);
		ok(slice_is(buf_slice(&b), counts[i].want));
		buf_release(&b);
	}
}

/* Escaping makes text longer: the buffer takes what fits. */
static void bounded(void)
{
	struct buf b;

	buf_init(&b, 4096);
	for (int i = 0; i < 2000; i++)
		html_text(&b, SLICE("<"));
	ok(b.full && b.n <= 4096);
	buf_release(&b);
}

struct request_case {
	struct slice path, query;
	bool good;
	unsigned n;
	const char *want_path, *q;		/* the argument q; NULL: not looked at */
};

static const struct request_case requests[] = {
	{ BYTES("/"), BYTES(""), true, 0, "/", "" },
	{ BYTES("/flows"), BYTES("q=a"), true, 1, "/flows", "a" },
	{ BYTES("/flows"), BYTES("q=a+b%20c%2Bd"), true, 1, "/flows", "a b c+d" },
	{ BYTES("/a+b%2f"), BYTES(""), true, 0, "/a+b/", "" },
	{ BYTES("/"), BYTES("q=1&q=2"), true, 2, "/", "2" },
	{ BYTES("/"), BYTES("&&q=1&&x"), true, 2, "/", "1" },
	{ BYTES("/"), BYTES("q"), true, 1, "/", "" },
	{ BYTES("/"), BYTES("q=a=b"), true, 1, "/", "a=b" },
	{ BYTES("/"), BYTES("=v"), true, 1, "/", "" },
	{ BYTES("/"), BYTES("%71=x"), true, 1, "/", "x" },
	{ BYTES("/"), BYTES("q=%"), false, 0, NULL, NULL },
	{ BYTES("/"), BYTES("q=%4"), false, 0, NULL, NULL },
	{ BYTES("/"), BYTES("q=%zz"), false, 0, NULL, NULL },
	{ BYTES("/"), BYTES("q=%4z"), false, 0, NULL, NULL },
	{ BYTES("/"), BYTES("q=%00"), false, 0, NULL, NULL },
	{ BYTES("/\0"), BYTES(""), false, 0, NULL, NULL },
	{ BYTES("/%"), BYTES(""), false, 0, NULL, NULL },
	{ BYTES("/"), BYTES("q=\xff\xfe"), true, 1, "/", "\xff\xfe" },
};

/* Bytes of exact size, so that a read past the end is seen by a sanitizer. */
static struct slice exact(struct slice s)
{
	uint8_t *p = malloc(s.n ? s.n : 1);

	memcpy(p, s.p, s.n);
	return (struct slice){ p, s.n };
}

static void every_prefix(const struct request_case *c)
{
	struct request *r = malloc(sizeof *r);
	bool inside = true;

	for (size_t n = 0; n <= c->query.n; n++) {
		struct slice query = exact((struct slice){ c->query.p, n });
		if (request_parse(r, c->path, query))
			for (unsigned i = 0; i < r->n; i++)
				inside &= r->arg[i].value.n <= REQUEST_BYTES && r->arg[i].name.n <= REQUEST_BYTES;
		free((void *)(uintptr_t)query.p);
	}
	for (size_t n = 0; n <= c->path.n; n++) {
		struct slice path = exact((struct slice){ c->path.p, n });
		request_parse(r, path, (struct slice){ NULL, 0 });
		free((void *)(uintptr_t)path.p);
	}
	ok(inside);
	free(r);
}

static void parsing(void)
{
	struct request *r = malloc(sizeof *r);

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		const struct request_case *c = &requests[i];
		bool good = request_parse(r, c->path, c->query);
		printf("# ?%.*s\n", (int)c->query.n, (const char *)c->query.p);
		is(good, c->good);
		if (good && c->good) {
			is(r->n, c->n);
			ok(slice_is(r->path, c->want_path));
			ok(slice_is(request_arg(r, "q"), c->q));
		}
		every_prefix(c);
	}
	free(r);
}

static void limits(void)
{
	struct request *r = malloc(sizeof *r);
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < REQUEST_ARGS; i++)
		buf_str(&b, "a=1&");
	ok(request_parse(r, SLICE("/"), buf_slice(&b)));
	buf_str(&b, "a=1");
	ok(!request_parse(r, SLICE("/"), buf_slice(&b)));
	buf_clear(&b);
	for (int i = 0; i < REQUEST_BYTES; i++)
		buf_byte(&b, 'x');
	ok(request_parse(r, buf_slice(&b), SLICE("")));
	ok(!request_parse(r, buf_slice(&b), SLICE("q=1")));
	buf_byte(&b, 'x');
	ok(!request_parse(r, buf_slice(&b), SLICE("")));
	buf_release(&b);
	free(r);
}

static void numbers_and_links(void)
{
	struct request *r = malloc(sizeof *r);
	int64_t v = -1;
	struct buf b;

	ok(request_parse(r, SLICE("/"), SLICE("a=12&b=999999999999999999&c=9999999999999999999&d=-1&e=1x&f=")));
	ok(request_int(r, "a", &v) && v == 12);
	ok(request_int(r, "b", &v) && v == 999999999999999999);
	ok(!request_int(r, "c", &v) && !request_int(r, "d", &v) && !request_int(r, "e", &v));
	ok(!request_int(r, "f", &v) && !request_int(r, "nothing", &v));
	ok(request_parse(r, SLICE("/"), SLICE("q=a%22%3Cb&after=1&value=2")));
	buf_init(&b, 4096);
	request_link(r, &b, "after", SLICE("7&8"), "value");
	ok(slice_is(buf_slice(&b), "?q=a%22%3Cb&amp;after=7%268"));
	buf_release(&b);
	free(r);
}

int main(void)
{
	escaping();
	bounded();
	parsing();
	limits();
	numbers_and_links();
	return tap_end();
}
