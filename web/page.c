/*
 * page: the frame and the tables.  Markup is fixed text here; everything else goes through html_text.
 */
#include "web/page.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "schema/flow.h"
#include "web/html.h"

const struct store_limits page_limits = { .rows = 1000, .time_ns = 5 * INT64_C(1000000000) };

static const struct { const char *path, *label; } nav[] = {
	{ "/", "Overview" }, { "/findings", "Findings" }, { "/flows", "Flows" },
	{ "/identities", "Identities" }, { "/destinations", "Destinations" },
	{ "/policies", "Policies" }, { "/certificates", "Certificates" },
	{ "/evidence", "Evidence" }, { "/sql", "SQL" },
};

void page_begin(struct page *p, const char *title, const char *current)
{
	struct buf *b = &p->body;

	p->type = "text/html; charset=utf-8";
	buf_str(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
	html_text(b, slice_of(title));
	buf_str(b, " · egret</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n"
		   "<link rel=\"icon\" href=\"/egret.svg\" type=\"image/svg+xml\">\n"
		   "<script type=\"module\" src=\"/app.js\"></script>\n</head>\n<body>\n"
		   "<a class=\"skip\" href=\"#main\">Skip to content</a>\n<header>\n"
		   "<a class=\"brand\" href=\"/\"><img src=\"/egret.svg\" alt=\"\" width=\"28\" height=\"28\">"
		   "<span>egret</span></a>\n<nav aria-label=\"Pages\"><ul>\n");
	for (size_t i = 0; i < sizeof nav / sizeof *nav; i++)
		buf_printf(b, "<li><a href=\"%s\"%s>%s</a></li>\n", nav[i].path,
			   !strcmp(nav[i].path, current) ? " aria-current=\"page\"" : "", nav[i].label);
	buf_str(b, "</ul></nav>\n<button type=\"button\" id=\"theme\" hidden>Theme</button>\n</header>\n"
		   "<main id=\"main\" tabindex=\"-1\">\n<h1>");
	html_text(b, slice_of(title));
	buf_str(b, "</h1>\n");
}

void page_end(struct page *p)
{
	if (p->incomplete)
		buf_str(&p->body, "<p class=\"problem\" role=\"alert\">Some numbers on this page could not be counted in time: "
			"a zero here may not be one.</p>\n");
	buf_str(&p->body, "</main>\n<footer><p>Times are UTC. Every number counts what was observed; "
		"what was not is on <a href=\"/evidence\">Evidence</a>.</p></footer>\n</body>\n</html>\n");
}

void page_error(struct page *p, unsigned status, const char *title, struct slice what)
{
	buf_clear(&p->body);
	p->status = status;
	if (p->form == PAGE_JSON) {
		p->type = "application/json";
		buf_str(&p->body, "{\"error\":");
		buf_json_string(&p->body, what.n ? what : slice_of(title));
		buf_str(&p->body, "}\n");
		return;
	}
	p->form = PAGE_HTML;
	page_begin(p, title, "");
	buf_str(&p->body, "<p class=\"problem\">");
	html_text(&p->body, what);
	buf_str(&p->body, "</p>\n");
	page_end(p);
}

/* --- values */

void page_mark(struct buf *b, const char *class, const char *icon, struct slice word)
{
	buf_printf(b, "<span class=\"mark %s\"><span aria-hidden=\"true\">%s</span> ", class, icon);
	html_text(b, word);
	buf_str(b, "</span>");
}

static const struct { const char *word, *class, *icon; } marks[] = {
	{ "critical", "critical", "⬣" }, { "high", "high", "▲" }, { "medium", "medium", "◆" },
	{ "low", "low", "●" }, { "info", "info", "○" },
	{ "allow", "good", "✓" }, { "deny", "bad", "✕" }, { "unknown", "unsure", "?" },
	{ "none", "unsure", "–" },
	{ "served", "plain", "→" }, { "refused", "plain", "⊘" }, { "failed", "plain", "!" },
};

static void mark(struct buf *b, struct slice word)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (slice_is(word, marks[i].word)) {
			page_mark(b, marks[i].class, marks[i].icon, word);
			return;
		}
	html_text(b, word);
}

static void bytes(struct buf *b, int64_t n)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double v = (double)n;
	int k = 0;

	for (; v >= 1000 && k < 5; k++)
		v /= 1000;
	buf_printf(b, k ? "%.1f %s" : "%.0f %s", v, unit[k]);
}

static void codes(struct buf *b, struct slice json)
{
	struct json j;
	enum json_token t;
	bool any = false;

	json_init(&j, json);
	while ((t = json_next(&j)) != JSON_BAD && t != JSON_END) {
		if (t != JSON_STRING)
			continue;
		buf_str(b, any ? " " : "");
		any = true;
		buf_str(b, "<a class=\"code\" href=\"/findings?code=");
		html_url(b, j.text);
		buf_str(b, "\">");
		html_text(b, j.text);
		buf_str(b, "</a>");
	}
	if (!any)
		buf_str(b, "–");
}

static void plain(struct buf *b, const struct store_value *v)
{
	if (v->type == STORE_INT)
		buf_int(b, v->num);
	else if (v->type == STORE_REAL)
		buf_printf(b, "%.6g", v->real);
	else
		html_text(b, v->text);
}

/* What a click on a value asks for. "(none)" and "(other)" are the rollups' words, not values of a field. */
static void filter_for(struct buf *b, const char *field, struct slice value)
{
	if (slice_is(value, "(none)")) {
		buf_str(b, "lacks%3A");
		html_url(b, slice_of(field));
		return;
	}
	html_url(b, slice_of(field));
	buf_str(b, "%3A%22");
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_str(b, "%5C");	/* the filter language's escape */
		html_url(b, (struct slice){ value.p + i, 1 });
	}
	buf_str(b, "%22");
}

static void text_value(struct buf *b, const struct column *c, const struct store_value *v)
{
	bool host = c->filter && !strcmp(c->filter, "host");	/* a key, not a field that can be lacking */
	if (!c->filter || v->type != STORE_TEXT || !v->text.n || slice_is(v->text, "(other)") ||
	    (host && slice_is(v->text, "(none)"))) {
		plain(b, v);
		return;
	}
	buf_str(b, "<a href=\"/flows?q=");
	filter_for(b, c->filter, v->text);
	buf_str(b, "\">");
	html_text(b, v->text);
	buf_str(b, "</a>");
}

void page_value(struct buf *b, const struct column *c, const struct store_value *v)
{
	if (v->type == STORE_NULL) {
		buf_str(b, "<span class=\"absent\">");
		buf_str(b, c->unknown ? c->unknown : "unknown");
		buf_str(b, "</span>");
		return;
	}
	switch (c->kind) {
	case COL_COUNT:
		html_count(b, v->num);
		return;
	case COL_BYTES:
		bytes(b, v->num);
		return;
	case COL_TIME:
		buf_str(b, "<time>");
		html_text(b, v->text);
		buf_str(b, "</time>");
		return;
	case COL_SEVERITY:
	case COL_VERDICT:
	case COL_OUTCOME:
		mark(b, v->text);
		return;
	case COL_FLOW:
		buf_printf(b, "<a href=\"/flows/%lld\">%lld</a>", (long long)v->num, (long long)v->num);
		return;
	case COL_FINDING:
		buf_printf(b, "<a href=\"/findings/%lld\">#%lld</a>", (long long)v->num, (long long)v->num);
		return;
	case COL_CODES:
		codes(b, v->text);
		return;
	case COL_HASH:
		buf_str(b, "<code title=\"");
		html_text(b, v->text);
		buf_str(b, "\">");
		html_text(b, (struct slice){ v->text.p, v->text.n < 12 ? v->text.n : 12 });
		buf_str(b, "</code>");
		return;
	case COL_TEXT:
	case COL_CHAIN:
	case COL_HIDDEN:
		break;
	}
	text_value(b, c, v);
}

/* --- tables */

struct filling {
	struct page *p;
	const struct table *t;
	uint64_t rows;
};

static bool is_number(enum column_kind k)
{
	return k == COL_COUNT || k == COL_BYTES || k == COL_FLOW || k == COL_FINDING;
}

static void head(struct buf *b, const struct table *t)
{
	buf_str(b, "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"");
	html_text(b, slice_of(t->caption));
	buf_str(b, "\">\n<table>\n<caption>");
	html_text(b, slice_of(t->caption));
	buf_str(b, "</caption>\n<thead><tr>");
	for (const struct column *c = t->columns; c->name; c++)
		if (c->kind != COL_HIDDEN)
			buf_printf(b, "<th scope=\"col\"%s>%s</th>", is_number(c->kind) ? " class=\"n\"" : "",
				   c->label);
	buf_str(b, "</tr></thead>\n<tbody>\n");
}

static const struct store_value *value_of(const struct column *c, size_t n, const char *const *names,
					  const struct store_value *values)
{
	static const struct store_value null = { .type = STORE_NULL };

	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], c->name))
			return &values[i];
	return &null;
}

static void html_row(struct buf *b, const struct table *t, size_t n, const char *const *names,
		     const struct store_value *values)
{
	buf_str(b, "<tr>");
	for (const struct column *c = t->columns; c->name; c++) {
		if (c->kind == COL_HIDDEN)
			continue;
		buf_str(b, is_number(c->kind) ? "<td class=\"n\">" : "<td>");
		page_value(b, c, value_of(c, n, names, values));
		buf_str(b, "</td>");
	}
	buf_str(b, "</tr>\n");
}

static void json_row(struct buf *b, size_t n, const char *const *names,
		     const struct store_value *values, bool first)
{
	buf_str(b, first ? "\n{" : ",\n{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_byte(b, ',');
		buf_json_string(b, slice_of(names[i]));
		buf_byte(b, ':');
		store_value_json(b, &values[i]);
	}
	buf_byte(b, '}');
}

static bool listed(struct slice names, const char *name)
{
	while (names.n) {
		size_t n = 0;
		while (n < names.n && names.p[n] != ' ' && names.p[n] != ',')
			n++;
		if (slice_is((struct slice){ names.p, n }, name))
			return true;
		names = slice_from(names, n + 1);
	}
	return false;
}

/*
 * A flow as everywhere: an unknown field is left out, one that is known not to be there is null; the view's
 * column `absent` lists the latter.
 */
static void json_flow(struct buf *b, size_t n, const char *const *names,
		      const struct store_value *values, struct slice absent, bool first)
{
	bool any = false;

	buf_str(b, first ? "\n{" : ",\n{");
	for (size_t i = 0; i < n; i++) {
		const struct store_value *v = &values[i];
		int k = flow_field_by_name(slice_of(names[i]));
		bool json = !strcmp(names[i], "findings") || (k >= 0 && field_info[k].type == FLOW_JSON);
		if (!strcmp(names[i], "absent") || (v->type == STORE_NULL && !listed(absent, names[i])))
			continue;
		if (any)
			buf_byte(b, ',');
		any = true;
		buf_json_string(b, slice_of(names[i]));
		buf_byte(b, ':');
		if (json && v->type == STORE_TEXT)
			buf_add(b, v->text);
		else if (k >= 0 && field_info[k].type == FLOW_BOOL && v->type == STORE_INT)
			buf_str(b, v->num ? "true" : "false");
		else
			store_value_json(b, v);
	}
	buf_byte(b, '}');
}

static void csv_row(struct buf *b, size_t n, const struct store_value *values)
{
	for (size_t i = 0; i < n; i++) {
		const struct store_value *v = &values[i];
		if (i)
			buf_byte(b, ',');
		if (v->type == STORE_INT || v->type == STORE_REAL)
			store_value_number(b, v);
		else if (v->type != STORE_NULL)
			html_csv(b, v->text);
	}
	buf_str(b, "\r\n");
}

static int row(void *ctx, size_t n, const char *const *names, const struct store_value *values)
{
	struct filling *f = ctx;
	struct buf *b = &f->p->body;
	bool first = f->rows++ == 0;

	if (n && !strcmp(names[0], "id"))
		f->p->last_id = values[0].num;
	switch (f->p->form) {
	case PAGE_HTML:
		if (first)
			head(b, f->t);
		html_row(b, f->t, n, names, values);
		break;
	case PAGE_JSON:
		if (n && !strcmp(names[n - 1], "absent"))
			json_flow(b, n, names, values, values[n - 1].text, first);
		else
			json_row(b, n, names, values, first);
		break;
	case PAGE_CSV:
		for (size_t i = 0; i < n && first; i++) {
			buf_str(b, i ? "," : "");
			html_csv(b, slice_of(names[i]));
		}
		if (first)
			buf_str(b, "\r\n");
		csv_row(b, n, values);
		break;
	}
	return b->full;
}

static void cut_note(struct buf *b, const struct store_result *r)
{
	if (r->cut_rows)
		buf_printf(b, "<p class=\"note\">Stopped at %llu rows; there are more.</p>\n",
			   (unsigned long long)r->rows);
	if (r->cut_time)
		buf_str(b, "<p class=\"note\">Stopped at the time limit: these rows are not all.</p>\n");
}

int page_table(struct page *p, const struct table *t, const struct store_param *params, size_t n,
	       uint64_t *rows, struct err *e)
{
	struct filling f = { p, t, 0 };
	struct store_result result = { 0 };

	if (p->form == PAGE_JSON)
		buf_str(&p->body, "{\"rows\":[");
	int rc = store_query(p->db, t->sql, params, n, p->limits ? *p->limits : page_limits, row,
			     &f, &result, e);
	if (rc)
		return -1;
	if (p->form == PAGE_JSON)
		buf_printf(&p->body, "\n],\"count\":%llu,\"cut_rows\":%s,\"cut_time\":%s}\n",
			   (unsigned long long)f.rows, result.cut_rows ? "true" : "false",
			   result.cut_time ? "true" : "false");
	if (p->form == PAGE_HTML) {
		if (f.rows) {
			buf_str(&p->body, "</tbody></table></div>\n");
		} else {
			buf_str(&p->body, "<p class=\"empty\">");
			buf_str(&p->body, t->empty);
			buf_str(&p->body, "</p>\n");
		}
		cut_note(&p->body, &result);
	}
	if (rows)
		*rows = f.rows;
	return 0;
}

/* --- single values */

static int first_value(void *ctx, size_t n, const char *const *names, const struct store_value *values)
{
	struct buf *out = ctx;

	(void)names;
	if (n && values[0].type == STORE_INT)
		buf_int(out, values[0].num);
	else if (n && values[0].type == STORE_REAL)
		buf_printf(out, "%.0f", values[0].real);
	else if (n && values[0].type == STORE_TEXT)
		buf_add(out, values[0].text);
	return 1;
}

void page_scalar(struct page *p, const char *sql, struct buf *out)
{
	struct store_result r = { 0 };
	struct err ignored;

	if (store_query(p->db, sql, NULL, 0, page_limits, first_value, out, &r, &ignored) || r.cut_time)
		p->incomplete = true;
}

int64_t page_int(struct page *p, const char *sql)
{
	struct buf b;
	int64_t v = 0;

	buf_init(&b, 256);
	page_scalar(p, sql, &b);
	for (size_t i = 0; i < b.n && b.p[i] >= '0' && b.p[i] <= '9'; i++)
		v = v * 10 + (b.p[i] - '0');
	buf_release(&b);
	return v;
}
