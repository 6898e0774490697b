/*
 * sql: ad-hoc questions.  The store's authorizer refuses everything that is not reading, and the limits
 * on rows and time hold; both are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "web/html.h"
#include "web/pages.h"

static const struct { const char *label, *sql; } saved[] = {
	{ "Denied and served, by identity and host",
	  "SELECT identity, host, sum(gaps) AS gaps FROM edges GROUP BY 1, 2 HAVING gaps > 0 ORDER BY gaps DESC" },
	{ "Who spoke TLS older than 1.2",
	  "SELECT source_identity, sni, tls_version, count(*) AS flows FROM flows WHERE tls_version IN ('TLS1.0','TLS1.1') GROUP BY 1, 2, 3" },
	{ "What is not known, by missing attribute",
	  "SELECT missing, count(*) AS flows FROM flows WHERE verdict = 'unknown' GROUP BY 1 ORDER BY 2 DESC" },
	{ "Views and their columns", "SELECT m.name AS view, group_concat(c.name, ', ') AS columns FROM sqlite_schema AS m, "
	  "pragma_table_info(m.name) AS c WHERE m.type = 'view' GROUP BY 1" },
};

struct grid {
	struct page *p;
	uint64_t rows;
};

static int row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct grid *g = ctx;
	struct buf *b = &g->p->body;
	static const struct column plain = { "", "", COL_TEXT, NULL, "NULL" };

	if (g->rows++ == 0) {
		buf_str(b, "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Result\"><table><caption>Result</caption><thead><tr>");
		for (size_t i = 0; i < n; i++) {
			buf_str(b, "<th scope=\"col\">");
			html_text(b, slice_of(names[i]));
			buf_str(b, "</th>");
		}
		buf_str(b, "</tr></thead><tbody>\n");
	}
	buf_str(b, "<tr>");
	for (size_t i = 0; i < n; i++) {
		buf_str(b, "<td>");
		page_value(b, &plain, &v[i]);
		buf_str(b, "</td>");
	}
	buf_str(b, "</tr>\n");
	return b->full;
}

static void answer(struct page *p, struct slice sql)
{
	struct grid g = { p, 0 };
	struct store_result r = { 0 };
	struct err e = { 0 };
	char *text = strndup((const char *)sql.p, sql.n);

	if (store_query(p->db, text, NULL, 0, page_limits, row, &g, &r, &e)) {
		if (g.rows)
			buf_str(&p->body, "</tbody></table></div>\n");
		buf_str(&p->body, "<p class=\"problem\" role=\"alert\">");
		html_text(&p->body, slice_of(e.msg));
		buf_str(&p->body, "</p>\n");
	} else if (g.rows) {
		buf_str(&p->body, "</tbody></table></div>\n");
		buf_printf(&p->body, "<p class=\"note\">%llu rows%s.</p>\n", (unsigned long long)g.rows,
			   r.cut_rows ? ", stopped at the row limit" : r.cut_time ? ", stopped at the time limit" : "");
		page_twins(p, "/sql");
	} else {
		buf_str(&p->body, "<p class=\"empty\">No rows.</p>\n");
	}
	free(text);
}

int page_sql(struct page *p, struct err *e)
{
	struct slice sql = request_arg(p->req, "sql");
	struct buf *b = &p->body;

	if (p->form != PAGE_HTML) {
		char *text = strndup(sql.n ? (const char *)sql.p : "", sql.n);
		struct table t = { "Result", text, NULL, "" };
		int rc = page_table(p, &t, NULL, 0, NULL, e);
		free(text);
		return rc;
	}
	page_begin(p, "SQL", "/sql");
	buf_printf(b, "<p class=\"note\">Reading only; at most %llu rows and %lld seconds. The views are described in the schema "
		   "page of the documentation.</p>\n<form class=\"sql\" action=\"/sql\"><label for=\"sql\">Query</label>"
		   "<textarea id=\"sql\" name=\"sql\" rows=\"6\" spellcheck=\"false\">",
		   (unsigned long long)page_limits.rows, (long long)(page_limits.time_ns / 1000000000));
	for (struct slice rest = sql; rest.n;) {
		const uint8_t *nl = memchr(rest.p, '\n', rest.n);
		struct slice line = { rest.p, nl ? (size_t)(nl - rest.p) : rest.n };
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		html_text(b, line);
		buf_byte(b, '\n');
		rest = slice_from(rest, (size_t)(nl ? nl - rest.p + 1 : (ptrdiff_t)rest.n));
	}
	buf_str(b, "</textarea> <button>Run</button></form>\n<ul class=\"saved\">\n");
	for (size_t i = 0; i < sizeof saved / sizeof *saved; i++) {
		buf_str(b, "<li><a href=\"/sql?sql=");
		html_url(b, slice_of(saved[i].sql));
		buf_printf(b, "\">%s</a></li>\n", saved[i].label);
	}
	buf_str(b, "</ul>\n");
	if (sql.n)
		answer(p, sql);
	page_end(p);
	return 0;
}
