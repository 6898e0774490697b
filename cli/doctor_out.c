/*
 * doctor_out: for a person, area by area, the fix below its check; for programs the rows that every other
 * verb prints.
 */
#include "cli/doctor_out.h"

#include <errno.h>
#include <string.h>

#include "cli/rows.h"

static const struct {
	const char *name, *mark;
} states[DOCTOR_STATES] = {
	[DOCTOR_OK] = { "ok", "ok" },
	[DOCTOR_UNCHECKED] = { "not_checked", "not checked" },
	[DOCTOR_WARNING] = { "warning", "WARNING" },
	[DOCTOR_PROBLEM] = { "problem", "PROBLEM" },
};

static struct slice area_of(const struct doctor_check *c)
{
	return (struct slice){ (const uint8_t *)c->name, strcspn(c->name, ".") };
}

enum { WIDTH = 100, INDENT = 15 };

/* Words into lines, the later ones indented. */
static void wrapped(struct buf *b, struct slice text, size_t indent)
{
	struct buf shown;
	size_t column = indent;

	buf_init(&shown, SIZE_MAX / 2);
	buf_quote(&shown, text);
	struct slice rest = buf_slice(&shown);
	while (rest.n) {
		const uint8_t *blank = memchr(rest.p, ' ', rest.n);
		size_t n = blank ? (size_t)(blank - rest.p) : rest.n;
		if (column > indent && column + n + 1 > WIDTH) {
			buf_printf(b, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			buf_byte(b, ' ');
			column++;
		}
		buf_add(b, (struct slice){ rest.p, n });
		column += n;
		rest = slice_from(rest, n + (blank != NULL));
	}
	buf_byte(b, '\n');
	buf_release(&shown);
}

static void summary(const struct doctor *d, struct buf *b)
{
	size_t n[DOCTOR_STATES] = { 0 };

	for (size_t i = 0; i < d->n; i++)
		n[d->list[i].state]++;
	buf_printf(b, "\n%zu problem%s, %zu warning%s, %zu ok, %zu not checked\n", n[DOCTOR_PROBLEM],
		   n[DOCTOR_PROBLEM] == 1 ? "" : "s", n[DOCTOR_WARNING], n[DOCTOR_WARNING] == 1 ? "" : "s",
		   n[DOCTOR_OK], n[DOCTOR_UNCHECKED]);
}

static int print_table(const struct doctor *d, FILE *out, struct err *e)
{
	struct slice area = { NULL, 0 };
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_check *c = &d->list[i];
		if (!slice_eq(area, area_of(c))) {
			area = area_of(c);
			buf_str(&b, i ? "\n" : "");
			buf_add(&b, area);
			buf_byte(&b, '\n');
		}
		buf_printf(&b, "  %-12s ", states[c->state].mark);
		wrapped(&b, c->says, INDENT);
		if (c->fix.n) {
			buf_printf(&b, "%*s", INDENT, "");
			buf_str(&b, "-> ");
			wrapped(&b, c->fix, INDENT + 3);
		}
	}
	summary(d, &b);
	bool done = buf_write(&b, out) && !fflush(out);
	buf_release(&b);
	return done ? 0 : err_set(e, ERR_IO, "write: %s", strerror(errno));
}

static struct store_value text(struct slice s)
{
	return (struct store_value){ .type = STORE_TEXT, .text = s };
}

static int print_rows(const struct doctor *d, enum rows_format f, FILE *out, struct err *e)
{
	static const char *const names[] = { "check", "state", "message", "fix" };
	struct rows *r = rows_new(f, out, NULL);

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_check *c = &d->list[i];
		const struct store_value v[] = {
			text(slice_of(c->name)), text(slice_of(states[c->state].name)), text(c->says),
			c->fix.n ? text(c->fix) : (struct store_value){ .type = STORE_NULL },
		};
		if (rows_row(r, 4, names, v))
			break;
	}
	return rows_end(&r, e);
}

static int print_json(const struct doctor *d, FILE *out, struct err *e)
{
	return print_rows(d, ROWS_JSON, out, e);
}

static int print_jsonl(const struct doctor *d, FILE *out, struct err *e)
{
	return print_rows(d, ROWS_JSONL, out, e);
}

static int print_csv(const struct doctor *d, FILE *out, struct err *e)
{
	return print_rows(d, ROWS_CSV, out, e);
}

doctor_printer *doctor_printer_by_name(const char *name)
{
	static const struct { const char *name; doctor_printer *print; } printers[] = {
		{ "table", print_table }, { "json", print_json }, { "jsonl", print_jsonl }, { "csv", print_csv },
	};
	for (size_t i = 0; i < sizeof printers / sizeof *printers; i++)
		if (!strcmp(name, printers[i].name))
			return printers[i].print;
	return NULL;
}
