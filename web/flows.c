/*
 * flows: the list. The filter box speaks the filter language (docs/filter.md); paging is by key, so
 * page 10,000 costs what page 1 costs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "schema/where.h"
#include "web/html.h"
#include "web/pages.h"

enum { PAGE_ROWS = 50 };

static const struct column columns[] = {
	{ "id", "flow", COL_FLOW, NULL, NULL },
	{ "started_at", "started", COL_TIME, NULL, NULL },
	{ "source_identity", "identity", COL_TEXT, "source_identity", NULL },
	{ "sni", "SNI", COL_TEXT, "sni", NULL },
	{ "inner_sni", "inner SNI", COL_TEXT, "inner_sni", NULL },
	{ "request", "request", COL_TEXT, NULL, "–" },
	{ "transport", "transport", COL_TEXT, "transport", NULL },
	{ "verdict", "policy says", COL_VERDICT, NULL, "not judged" },
	{ "outcome", "outcome", COL_OUTCOME, NULL, "not seen" },
	{ "findings", "findings", COL_CODES, NULL, "–" },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

static const char html_columns[] =
	"id, started_at, " PAGE_OR_NONE("source_identity") ", " PAGE_OR_NONE("sni") ", " PAGE_OR_NONE("inner_sni")
	", CASE WHEN method IS NULL THEN NULL ELSE method || ' ' || "
	"coalesce(authority, '') || coalesce(path, '') END AS request, transport, verdict, outcome, findings";

static const struct { const char *name, *label; } sorts[] = {
	{ "id", "newest stored" }, { "started_at", "time" }, { "bytes_sent", "bytes sent" },
	{ "bytes_received", "bytes received" }, { "duration_ms", "duration" },
};

static const struct { const char *label, *q; } examples[] = {
	{ "denied and served", "verdict:deny outcome:served" }, { "unknown", "verdict:unknown" },
	{ "refused", "outcome:refused" }, { "plaintext", "transport:plaintext" },
	{ "bypass", "leg:bypass" }, { "last hour", "since:1h" },
};

static void form(struct page *p, struct slice q, const char *sort, bool asc)
{
	struct buf *b = &p->body;

	buf_str(b, "<form class=\"filter\" action=\"/flows\" role=\"search\"><label for=\"q\">Filter</label>"
		"<input id=\"q\" name=\"q\" size=\"48\" spellcheck=\"false\" autocomplete=\"off\" value=\"");
	html_text(b, q);
	buf_str(b, "\" placeholder=\"ns:default host:*.org verdict:deny\"> <label for=\"sort\">Sort</label>"
		"<select id=\"sort\" name=\"sort\">");
	for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
		buf_printf(b, "<option value=\"%s\"%s>%s</option>", sorts[i].name,
			   !strcmp(sorts[i].name, sort) ? " selected" : "", sorts[i].label);
	buf_printf(b, "</select> <label><input type=\"checkbox\" name=\"asc\" value=\"1\"%s> ascending</label> "
		   "<button>Filter</button></form>\n<p class=\"chips\">", asc ? " checked" : "");
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
		buf_str(b, "<a class=\"chip\" href=\"/flows?q=");
		html_url(b, slice_of(examples[i].q));
		buf_printf(b, "\">%s</a> ", examples[i].label);
	}
	if (q.n)
		buf_str(b, "<a class=\"chip\" href=\"/flows\">clear</a>");
	buf_str(b, "</p>\n");
}

static const char *sort_of(const struct request *r)
{
	struct slice s = request_arg(r, "sort");

	for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++)
		if (slice_is(s, sorts[i].name))
			return sorts[i].name;
	return "id";
}

static void next_link(struct page *p, uint64_t rows)
{
	struct buf *b = &p->body, id;

	buf_init(&id, 128);
	buf_str(b, "<nav class=\"pages\" aria-label=\"Pages of flows\">");
	if (request_arg(p->req, "after").n) {
		buf_str(b, "<a href=\"/flows");
		request_link(p->req, b, "after", (struct slice){ NULL, 0 }, NULL);
		buf_str(b, "\">First page</a> ");
	}
	if (rows == PAGE_ROWS) {
		buf_int(&id, p->last_id);
		buf_str(b, "<a rel=\"next\" href=\"/flows");
		request_link(p->req, b, "after", buf_slice(&id), NULL);
		buf_str(b, "\">Next page</a>");
	}
	buf_str(b, "</nav>\n");
	buf_release(&id);
}

static void copy_as_cli(struct page *p, struct slice q)
{
	buf_str(&p->body, "<p class=\"twins\">On the command line: <code>egret flows --db FILE ");
	html_text(&p->body, q);
	buf_str(&p->body, "</code></p>\n");
}

int page_flows(struct page *p, struct err *e)
{
	struct slice q = request_arg(p->req, "q");
	bool asc = request_arg(p->req, "asc").n > 0;
	struct where_page at = {
		.columns = p->form == PAGE_HTML ? html_columns : NULL, .sort = sort_of(p->req),
		.ascending = asc, .limit = p->form == PAGE_HTML ? PAGE_ROWS : 1000,
	};
	struct table t = {
		"Flows", NULL, columns,
		"No flow matches. Remove a term of the filter, or look whether anything was read: "
		"<a href=\"/evidence\">Evidence</a>.",
	};
	uint64_t rows = 0;
	struct where *w = where_parse(WHERE_FLOWS, q, clock_now(), e);
	size_t n = 0;

	at.after = request_int(p->req, "after", &at.after_id);
	if (p->form == PAGE_HTML) {
		page_begin(p, "Flows", "/flows");
		form(p, q, at.sort, asc);
	}
	if (!w && p->form == PAGE_HTML) {
		buf_str(&p->body, "<p class=\"problem\" role=\"alert\">");
		html_text(&p->body, slice_of(e->msg));
		buf_str(&p->body, "</p>\n");
		p->status = 400;
		page_end(p);
		return 0;
	}
	if (!w)
		return -1;
	t.sql = where_select(w, &at, e);
	int rc = t.sql ? 0 : -1;
	const struct store_param *params = where_params(w, &n);
	if (!rc)
		rc = page_table(p, &t, params, n, &rows, e);
	if (!rc && p->form == PAGE_HTML) {
		next_link(p, rows);
		page_twins(p, "/flows");
		copy_as_cli(p, q);
		page_end(p);
	}
	where_free(&w);
	return rc;
}
