/*
 * rows: a table is held back until TABLE_ROWS rows are known, so that its columns fit them; the rest
 * follows in the same widths.  The other formats are written as they come.
 */
#include "cli/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/buf.h"

enum { TABLE_ROWS = 200, TABLE_COLUMNS = 512, FLUSH_BYTES = 64 * 1024 };

struct rows {
	enum rows_format format;
	FILE *out;
	const char *const *json;
	struct buf buf;			/* what is to be written */
	struct buf text;		/* the table's cells, each ended by a NUL */
	size_t width[TABLE_COLUMNS];
	size_t n, columns;		/* rows so far; columns of the table */
	bool fixed;			/* the table's widths are decided */
	int failed;			/* errno */
};

int rows_format(const char *name, enum rows_format *f, struct err *e)
{
	static const char *const names[] = { [ROWS_TABLE] = "table", [ROWS_JSON] = "json",
					     [ROWS_JSONL] = "jsonl", [ROWS_CSV] = "csv" };

	for (int k = 0; k < 4; k++) {
		if (strcmp(name, names[k]) != 0)
			continue;
		*f = (enum rows_format)k;
		return 0;
	}
	return err_set(e, ERR_USAGE, "-o wants table, json, jsonl or csv, not \"%s\"", name);
}

struct rows *rows_new(enum rows_format f, FILE *out, const char *const *json)
{
	struct rows *r = calloc(1, sizeof *r);

	if (!r)
		abort();
	r->format = f;
	r->out = out;
	r->json = json;
	buf_init(&r->buf, SIZE_MAX / 2);
	buf_init(&r->text, SIZE_MAX / 2);
	return r;
}

static void drain(struct rows *r, size_t above)
{
	if (r->buf.n <= above || r->failed)
		return;
	if (!buf_write(&r->buf, r->out))
		r->failed = errno ? errno : EIO;
	buf_clear(&r->buf);
}

static bool is_json(const struct rows *r, const char *name)
{
	for (const char *const *j = r->json; j && *j; j++)
		if (!strcmp(*j, name))
			return true;
	return false;
}

static void json_value(struct rows *r, const char *name, const struct store_value *v)
{
	switch (v->type) {
	case STORE_NULL:
		buf_str(&r->buf, "null");
		return;
	case STORE_INT:
	case STORE_REAL:
		store_value_number(&r->buf, v);
		return;
	case STORE_TEXT:
		if (is_json(r, name))
			buf_add(&r->buf, v->text);
		else
			buf_json_string(&r->buf, v->text);
		return;
	case STORE_BLOB:
		buf_byte(&r->buf, '"');
		buf_hex(&r->buf, v->text);
		buf_byte(&r->buf, '"');
		return;
	}
}

static void json_row(struct rows *r, size_t n, const char *const *names, const struct store_value *v)
{
	if (r->format == ROWS_JSON)
		buf_str(&r->buf, r->n ? ",\n " : "[\n ");
	buf_byte(&r->buf, '{');
	for (size_t k = 0; k < n; k++) {
		if (k)
			buf_byte(&r->buf, ',');
		buf_json_string(&r->buf, slice_of(names[k]));
		buf_byte(&r->buf, ':');
		json_value(r, names[k], &v[k]);
	}
	buf_byte(&r->buf, '}');
	if (r->format == ROWS_JSONL)
		buf_byte(&r->buf, '\n');
}

static void csv_text(struct buf *b, struct slice t)
{
	bool formula = t.n && strchr("=+-@\t\r", t.p[0]), quote = formula;

	for (size_t i = 0; i < t.n; i++)
		quote |= t.p[i] == ',' || t.p[i] == '"' || t.p[i] == '\n' || t.p[i] == '\r';
	if (quote)
		buf_byte(b, '"');
	if (formula)
		buf_byte(b, '\'');
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == '"')
			buf_byte(b, '"');
		buf_byte(b, t.p[i]);
	}
	if (quote)
		buf_byte(b, '"');
}

static void csv_row(struct rows *r, size_t n, const char *const *names, const struct store_value *v)
{
	for (size_t k = 0; !r->n && k < n; k++) {
		buf_str(&r->buf, k ? "," : "");
		csv_text(&r->buf, slice_of(names[k]));
	}
	if (!r->n)
		buf_str(&r->buf, "\r\n");
	for (size_t k = 0; k < n; k++) {
		buf_str(&r->buf, k ? "," : "");
		if (v[k].type == STORE_INT || v[k].type == STORE_REAL)
			store_value_number(&r->buf, &v[k]);
		else if (v[k].type == STORE_BLOB)
			buf_hex(&r->buf, v[k].text);
		else if (v[k].type == STORE_TEXT)
			csv_text(&r->buf, v[k].text);
	}
	buf_str(&r->buf, "\r\n");
}

/* Characters, as far as a terminal shows one column each. */
static size_t columns_of(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static void table_cell(struct rows *r, size_t k, const struct store_value *v)
{
	size_t at = r->text.n, w;

	if (v->type == STORE_INT || v->type == STORE_REAL)
		store_value_number(&r->text, v);
	else if (v->type == STORE_BLOB)
		buf_hex(&r->text, v->text);
	else if (v->type == STORE_TEXT)
		buf_quote(&r->text, v->text);
	else
		buf_byte(&r->text, '-');
	w = columns_of(slice_from(buf_slice(&r->text), at));
	if (!r->fixed && w > r->width[k])
		r->width[k] = w;
	buf_byte(&r->text, 0);
}

static void pad(struct buf *b, size_t n)
{
	for (; n; n--)
		buf_byte(b, ' ');
}

/* Cut with an ellipsis where the column is narrower. */
static size_t put_cell(struct rows *r, size_t k, struct slice s)
{
	size_t w = columns_of(s), most = r->width[k], i = 0, shown = 0;

	if (w > most) {
		for (; i < s.n && (shown < most - 1 || (s.p[i] & 0xc0) == 0x80); i++)
			shown += (s.p[i] & 0xc0) != 0x80;
		buf_add(&r->buf, (struct slice){ s.p, i });
		buf_str(&r->buf, "\xe2\x80\xa6");
		return most;
	}
	buf_add(&r->buf, s);
	return w;
}

static void table_lines(struct rows *r)
{
	struct slice rest = buf_slice(&r->text);

	for (size_t k = 0; rest.n; k = (k + 1) % r->columns) {
		size_t n = strnlen((const char *)rest.p, rest.n), w;
		bool last = k + 1 == r->columns;

		w = put_cell(r, k, (struct slice){ rest.p, n });
		if (last)
			buf_byte(&r->buf, '\n');
		else
			pad(&r->buf, r->width[k] - w + 2);
		rest = slice_from(rest, n + 1);
	}
	buf_clear(&r->text);
}

static size_t terminal_width(FILE *out)
{
	struct winsize w;

	return isatty(fileno(out)) && !ioctl(fileno(out), TIOCGWINSZ, &w) && w.ws_col ? w.ws_col
										      : SIZE_MAX;
}

/* On a terminal wide columns give way, the widest first, down to a readable least. */
static void fix_widths(struct rows *r)
{
	size_t edge = terminal_width(r->out), least = 8;

	r->fixed = true;
	for (;;) {
		size_t sum = 0, widest = 0;
		for (size_t k = 0; k < r->columns; k++) {
			sum += r->width[k] + 2;
			if (r->width[k] > r->width[widest])
				widest = k;
		}
		if (edge == SIZE_MAX || sum <= edge + 2 || r->width[widest] <= least)
			return;
		size_t over = sum - edge - 2, can = r->width[widest] - least;
		size_t step = over < 4 ? over : 4;
		r->width[widest] -= step < can ? step : can;
	}
}

static void table_row(struct rows *r, size_t n, const char *const *names, const struct store_value *v)
{
	struct store_value head = { .type = STORE_TEXT };

	r->columns = n < TABLE_COLUMNS ? n : TABLE_COLUMNS;
	for (size_t k = 0; !r->n && k < r->columns; k++) {
		head.text = slice_of(names[k]);
		table_cell(r, k, &head);
	}
	for (size_t k = 0; k < r->columns; k++)
		table_cell(r, k, &v[k]);
	if (r->n + 1 < TABLE_ROWS)
		return;
	if (!r->fixed)
		fix_widths(r);
	table_lines(r);
}

int rows_row(void *ctx, size_t n, const char *const *names, const struct store_value *values)
{
	struct rows *r = ctx;

	if (r->format == ROWS_TABLE)
		table_row(r, n, names, values);
	else if (r->format == ROWS_CSV)
		csv_row(r, n, names, values);
	else
		json_row(r, n, names, values);
	r->n++;
	drain(r, FLUSH_BYTES);
	return r->failed;
}

int rows_end(struct rows **at, struct err *e)
{
	struct rows *r = *at;
	int failed;

	if (r->format == ROWS_TABLE && r->columns) {
		if (!r->fixed)
			fix_widths(r);
		table_lines(r);
	}
	if (r->format == ROWS_JSON)
		buf_str(&r->buf, r->n ? "\n]\n" : "[]\n");
	drain(r, 0);
	if (!r->failed && fflush(r->out))
		r->failed = errno;
	failed = r->failed;
	buf_release(&r->buf);
	buf_release(&r->text);
	free(r);
	*at = NULL;
	return failed ? err_set(e, ERR_IO, "write: %s", strerror(failed)) : 0;
}

void rows_say_cut(const char *verb, const struct store_result *r, struct store_limits l)
{
	if (r->cut_rows)
		fprintf(stderr, "egret %s: stopped after %" PRIu64 " rows: there are more\n", verb,
			l.rows);
	if (r->cut_time)
		fprintf(stderr, "egret %s: stopped after %.1f s: what is shown is not all\n", verb,
			(double)l.time_ns / 1e9);
}
