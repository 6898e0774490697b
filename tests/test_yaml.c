/* yaml: shapes, places, errors, hostile input. */
#include "analyze/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "tests/tap.h"

static void show(struct buf *b, const struct node *n)
{
	switch (n->kind) {
	case NODE_NULL:
		buf_str(b, "~");
		break;
	case NODE_SCALAR:
		buf_str(b, n->quoted ? "'" : "");
		buf_add(b, n->text);
		buf_str(b, n->quoted ? "'" : "");
		break;
	case NODE_LIST:
		buf_str(b, "[");
		for (uint32_t i = 0; i < n->n; i++) {
			buf_str(b, i ? " " : "");
			show(b, n->item[i]);
		}
		buf_str(b, "]");
		break;
	case NODE_MAP:
		buf_str(b, "{");
		for (uint32_t i = 0; i < n->n; i++) {
			buf_str(b, i ? " " : "");
			show(b, n->key[i]);
			buf_str(b, ":");
			show(b, n->item[i]);
		}
		buf_str(b, "}");
		break;
	}
}

static int each(void *ctx, struct node *root, struct err *e)
{
	(void)e;
	show(ctx, root);
	buf_str(ctx, ";");
	return 0;
}

/* What the text reads as, or the error. */
static const char *reads(const char *text)
{
	static char out[2000];
	struct arena *a = arena_new(64 << 20);
	struct err e = { 0 };
	struct buf b;

	buf_init(&b, sizeof out - 1);
	if (yaml_parse(slice_of(text), a, each, &b, &e)) {
		buf_clear(&b);
		buf_str(&b, e.msg);
	}
	memcpy(out, b.p ? (char *)b.p : "", b.n);
	out[b.n] = 0;
	buf_release(&b);
	arena_free(&a);
	return out;
}

static const struct {
	const char *text, *want;
} cases[] = {
	{ "", "" },
	{ "---\n---\n...\n", "" },
	{ "a: 1\nb: '2'\n", "{a:1 b:'2'};" },
	{ "a: ~\nb:\nc: null\nd: ''\n", "{a:~ b:~ c:~ d:''};" },
	{ "a: [1, x, {k: v}]\n---\nb: {}\n", "{a:[1 x {k:v}]};{b:{}};" },
	{ "a: &x {k: 1}\nb: *x\n", "{a:{k:1} b:{k:1}};" },
	{ "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 9\n", "{a:{k:1 l:2} b:{k:1 l:2 k:9}};" },
	{ "a: |\n  two\n  lines\n", "{a:'two\nlines\n'};" },
	{ "a: !!str 80\n", "{a:'80'};" },
	{ "\xef\xbb\xbfkind: x\n", "{kind:x};" },
	{ "{\"a\": [1, true, null, \"x\"]}", "{'a':[1 true ~ 'x']};" },
	{ "{\"a\":1}\n{\"b\":2}\n", "{'a':1};{'b':2};" },
	{ "{\"a\":\"\\ud83d\\ude00\\/\"}", "{'a':'\xf0\x9f\x98\x80/'};" },
	{ "{a: 1, 'b': 2}", "{a:1 'b':2};" },		/* YAML's flow style, not JSON */
	{ "[]", "[];" },
	{ "a: *nobody\n", "1:4: alias to an anchor that is not there, at \"*nobody\"" },
	{ "a: &x [*x]\n", "1:8: alias to the node that it stands in, at \"*x]\"" },
	{ "a: 1\n b: 2\n", "2:3: YAML: mapping values are not allowed in this context, at \": 2\"" },
	{ "a: \"x\n", "2:1: YAML: while scanning a quoted scalar: found unexpected end of stream" },
	{ "\ta: 1\n", "1:1: YAML: while scanning for the next token: found character that cannot "
		      "start any token, at \"\\x09a: 1\"" },
	{ "{\"a\": 1,}x", "1:10: YAML: did not find expected <document start>, at \"x\"" },
};

static void table(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = reads(cases[i].text);
		if (!ok(!strcmp(got, cases[i].want)))
			printf("# case %zu: got %s\n# want %s\n", i, got, cases[i].want);
	}
}

/* --- places -------------------------------------------------------------------------- */

static int keep(void *ctx, struct node *root, struct err *e)
{
	(void)e;
	*(struct node **)ctx = root;
	return 0;
}

static void places(void)
{
	static const char *const texts[] = { "spec:\n  hosts:\n  - '*'\n  - b\n",
		"{\n  \"spec\": {\"hosts\": [\"*\",\n \"b\"]}}" };
	static const uint32_t want[][2] = { { 4, 5 }, { 3, 2 } };

	for (int k = 0; k < 2; k++) {
		struct arena *a = arena_new(1 << 20);
		struct node *root = NULL, *hosts;
		struct err e;

		is(yaml_parse(slice_of(texts[k]), a, keep, &root, &e), 0);
		hosts = node_at(root, "spec.hosts");
		ok(hosts && hosts->n == 2);
		is(hosts->item[1]->line, want[k][0]);
		is(hosts->item[1]->column, want[k][1]);
		arena_free(&a);
	}
}

/* --- every prefix -------------------------------------------------------------------- */

static int count(void *ctx, struct node *root, struct err *e)
{
	(void)e;
	(void)root;
	++*(int *)ctx;
	return 0;
}

static void every_prefix(const char *text)
{
	for (size_t n = 0; n <= strlen(text); n++) {
		struct arena *a = arena_new(1 << 20);
		uint8_t *copy = malloc(n ? n : 1);	/* exact size: ASan guards the end */
		struct err e = { 0 };
		int docs = 0;

		memcpy(copy, text, n);
		if (yaml_parse((struct slice){ copy, n }, a, count, &docs, &e) && !e.msg[0])
			ok(!"an error without a message");
		free(copy);
		arena_free(&a);
	}
	ok(1);
}

/* --- hostile ------------------------------------------------------------------------- */

static bool fails_fast(const char *what, struct slice text, const char *want)
{
	struct arena *a = arena_new((size_t)1 << 30);
	clock_t from = clock();
	struct err e = { 0 };
	int docs = 0, rc = yaml_parse(text, a, count, &docs, &e);
	double took = (double)(clock() - from) / CLOCKS_PER_SEC;

	printf("# %s: %.2f s, %zu bytes, %s\n", what, took, arena_used(a), e.msg);
	arena_free(&a);
	return (rc != 0) == (want != NULL) && (!want || strstr(e.msg, want));
}

static struct slice repeat(struct buf *b, const char *unit, size_t bytes)
{
	buf_init(b, bytes + 1000);
	while (b->n < bytes)
		buf_str(b, unit);
	return buf_slice(b);
}

static void hostile(void)
{
	static const char laughs[] =
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
		"g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
	static const struct { const char *name, *unit, *want; size_t bytes; } bulk[] = {
		{ "deep [", "[", "nested deeper", 10 << 20 },
		{ "deep {", "{a: ", "nested deeper", 10 << 20 },
		{ "deep -", "- ", "nested deeper", 10 << 20 },
		{ "deep ?", "? ", "nested deeper", 10 << 20 },
		{ "one long line", "a", NULL, 10 << 20 },
		{ "10 MB of items", "- a\n", NULL, 10 << 20 },
		{ "10 MB of keys", "k: v\n", NULL, 10 << 20 },
		{ "10 MB of documents", "--- a\n", NULL, 10 << 20 },
		{ "10 MB of colons", ":", "mapping values", 10 << 20 },
		{ "10 MB of anchors", "- &a x\n- *a\n", NULL, 10 << 20 },
		{ "10 MB of comments", "#\n", NULL, 10 << 20 },
	};
	struct buf b;

	ok(fails_fast("billion laughs", slice_of(laughs), "aliases stand for too many"));
	for (size_t i = 0; i < sizeof bulk / sizeof *bulk; i++) {
		struct slice s = repeat(&b, bulk[i].unit, bulk[i].bytes);
		ok(fails_fast(bulk[i].name, s, bulk[i].want));
		buf_release(&b);
	}
	buf_init(&b, 20 << 20);
	buf_byte(&b, '[');
	while (b.n < 10 << 20)
		buf_str(&b, "1,");
	buf_str(&b, "1]");
	ok(fails_fast("10 MB of JSON", buf_slice(&b), NULL));
	buf_release(&b);
	ok(strstr(reads("a: \xff\n"), "not UTF-8") != NULL);
	ok(strstr(reads("{\"a\": \"\xff\"}"), "not UTF-8") != NULL);
}

int main(void)
{
	table();
	places();
	every_prefix("a: &x {k: [1, 'two'], l: |\n    text\n  }\nb: *x\n---\n{\"c\": \"\\u0041\"}\n");
	every_prefix("{\"apiVersion\": \"v1\", \"items\": [{\"a\": 1.5e3}, null, true]} {\"b\":[]}");
	hostile();
	return tap_end();
}
