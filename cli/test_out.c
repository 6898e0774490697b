/* test_out: results of policy unit tests for people, programs and CI. */
#include <string.h>

#include "cli/test_file.h"

enum { OUT_MOST = 256 * 1024 * 1024 };

static void flush(struct buf *b, FILE *out)
{
	buf_write(b, out);
	fflush(out);
	buf_release(b);
}

static void indent(struct buf *b, struct slice text)
{
	while (text.n) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		size_t n = nl ? (size_t)(nl - text.p) : text.n;

		buf_str(b, "      ");
		buf_add(b, (struct slice){ text.p, n });	/* the trace is quoted already */
		buf_byte(b, '\n');
		text = slice_from(text, n + 1);
	}
}

static void name(struct buf *b, const struct test_case *c)
{
	if (c->name.n)
		buf_quote(b, c->name);
	else
		buf_printf(b, "flow at line %u", c->line);
}

static void table(struct test_file *const *files, size_t n, FILE *out)
{
	struct buf b;

	buf_init(&b, OUT_MOST);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < files[i]->n; k++) {
			const struct test_case *c = &files[i]->cases[k];

			buf_str(&b, c->passed ? "ok    " : "FAIL  ");
			name(&b, c);
			buf_byte(&b, '\n');
			if (c->passed)
				continue;
			buf_printf(&b, "      %s:%u: ", files[i]->path, c->line);
			buf_quote(&b, c->got);
			buf_byte(&b, '\n');
			indent(&b, c->trace);
		}
	flush(&b, out);
}

static void json(struct test_file *const *files, size_t n, FILE *out)
{
	struct buf b;

	buf_init(&b, OUT_MOST);
	buf_byte(&b, '[');
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < files[i]->n; k++) {
			const struct test_case *c = &files[i]->cases[k];

			buf_str(&b, b.n > 1 ? ",\n{\"file\":" : "{\"file\":");
			buf_json_string(&b, slice_of(files[i]->path));
			buf_printf(&b, ",\"line\":%u,\"name\":", c->line);
			buf_json_string(&b, c->name);
			buf_printf(&b, ",\"passed\":%s,\"message\":", c->passed ? "true" : "false");
			buf_json_string(&b, c->got);
			buf_byte(&b, '}');
		}
	buf_str(&b, "]\n");
	flush(&b, out);
}

static void junit_case(struct buf *b, const struct test_file *t, const struct test_case *c)
{
	struct buf text;

	buf_init(&text, 4096);
	name(&text, c);
	buf_str(b, "    <testcase classname=\"");
	buf_xml(b, slice_of(t->path));
	buf_str(b, "\" name=\"");
	buf_xml(b, buf_slice(&text));
	buf_str(b, "\" file=\"");
	buf_xml(b, slice_of(t->path));
	buf_printf(b, "\" line=\"%u\"", c->line);
	buf_release(&text);
	if (c->passed) {
		buf_str(b, "/>\n");
		return;
	}
	buf_str(b, ">\n      <failure message=\"");
	buf_xml(b, c->got);
	buf_str(b, "\">");
	buf_xml(b, c->trace);
	buf_str(b, "</failure>\n    </testcase>\n");
}

static void junit(struct test_file *const *files, size_t n, FILE *out)
{
	struct buf b;

	buf_init(&b, OUT_MOST);
	buf_str(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	for (size_t i = 0; i < n; i++) {
		size_t failed = 0;

		for (size_t k = 0; k < files[i]->n; k++)
			failed += !files[i]->cases[k].passed;
		buf_str(&b, "  <testsuite name=\"");
		buf_xml(&b, slice_of(files[i]->path));
		buf_printf(&b, "\" tests=\"%zu\" failures=\"%zu\">\n", files[i]->n, failed);
		for (size_t k = 0; k < files[i]->n; k++)
			junit_case(&b, files[i], &files[i]->cases[k]);
		buf_str(&b, "  </testsuite>\n");
	}
	buf_str(&b, "</testsuites>\n");
	flush(&b, out);
}

test_printer *test_printer_by_name(const char *format)
{
	return !strcmp(format, "table") ? table : !strcmp(format, "json") ? json :
	       !strcmp(format, "junit") ? junit : NULL;
}
