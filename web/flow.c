/*
 * flow: one flow: what it is in a sentence, the ladder of its legs, what is wrong, why it was judged
 * so, and every field, telling unknown from absent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/flow.h"
#include "web/explain.h"
#include "web/html.h"
#include "web/pages.h"

enum { FIELDS_MOST = 128 };

/* The row's values, copied: the page looks at them more than once. */
struct facts {
	size_t n;
	char name[FIELDS_MOST][40];
	struct buf text[FIELDS_MOST];
	bool null[FIELDS_MOST];
};

static int keep(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct facts *f = ctx;

	for (size_t i = 0; i < n && i < FIELDS_MOST; i++) {
		strncpy(f->name[i], names[i], sizeof f->name[i] - 1);
		f->null[i] = v[i].type == STORE_NULL;
		if (v[i].type == STORE_INT)
			buf_int(&f->text[i], v[i].num);
		else if (v[i].type == STORE_REAL)
			buf_printf(&f->text[i], "%.6g", v[i].real);
		else
			buf_add(&f->text[i], v[i].text);
		f->n = i + 1;
	}
	return 0;
}

static struct slice fact(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->name[i], name) && !f->null[i])
			return buf_slice(&f->text[i]);
	return (struct slice){ NULL, 0 };
}

/* `absent` names the fields that are known not to be there, with blanks or commas between. */
static bool is_absent(const struct facts *f, const char *name)
{
	struct slice rest = fact(f, "absent");

	while (rest.n) {
		size_t n = 0;
		while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != ',')
			n++;
		if (slice_is((struct slice){ rest.p, n }, name))
			return true;
		rest = slice_from(rest, n + 1);
	}
	return false;
}

static void show(struct buf *b, const struct facts *f, const char *name)
{
	struct slice s = fact(f, name);

	if (s.n)
		html_text(b, s);
	else if (is_absent(f, name))
		buf_str(b, "<span class=\"absent\">none</span>");
	else
		buf_str(b, "<span class=\"absent\">unknown</span>");
}

static void verdict_line(struct buf *b, const struct facts *f)
{
	static const struct column v = { "", "", COL_VERDICT, NULL, NULL };
	static const struct column o = { "", "", COL_OUTCOME, NULL, NULL };
	struct slice verdict = fact(f, "verdict"), outcome = fact(f, "outcome");
	struct store_value value = { .type = STORE_TEXT, .text = verdict };

	buf_str(b, "<p class=\"lead\">Policy says ");
	if (verdict.n)
		page_value(b, &v, &value);
	else
		buf_str(b, "nothing: this is not the gateway's to judge");
	buf_str(b, ", the gateway ");
	value.text = outcome;
	if (outcome.n)
		page_value(b, &o, &value);
	else
		buf_str(b, "was not seen to answer");
	buf_str(b, " it.</p>\n");
	if (fact(f, "reason").n) {
		buf_str(b, "<p class=\"lead\">");
		html_text(b, fact(f, "reason"));
		buf_str(b, "</p>\n");
	}
}

/* --- the ladder: who, over what, to whom */

struct rung {
	const char *label, *field;
};

static void rungs(struct buf *b, const struct facts *f, const struct rung *r)
{
	buf_str(b, "<dl>");
	for (; r->label; r++) {
		buf_printf(b, "<dt>%s</dt><dd>", r->label);
		show(b, f, r->field);
		buf_str(b, "</dd>");
	}
	buf_str(b, "</dl>");
}

static void ladder(struct buf *b, const struct facts *f)
{
	static const struct rung workload[] = {
		{ "identity", "source_identity" }, { "known from", "identity_source" },
		{ "address", "source_ip" }, { "port", "source_port" }, { NULL, NULL },
	};
	static const struct rung outer[] = {
		{ "transport", "transport" }, { "version", "tls_version" }, { "SNI", "sni" },
		{ "inner SNI", "inner_sni" }, { "certificate", "certificate_status" }, { NULL, NULL },
	};
	static const struct rung gateway[] = {
		{ "address", "destination_ip" }, { "port", "destination_port" },
		{ "chain", "chain" }, { "expected cluster", "expected_cluster" }, { NULL, NULL },
	};
	static const struct rung outside[] = {
		{ "cluster", "upstream_cluster" }, { "address", "upstream_ip" },
		{ "port", "upstream_port" }, { "host", "host" }, { NULL, NULL },
	};
	static const struct { const char *title; const struct rung *rungs; } steps[] = {
		{ "Workload", workload }, { "Connection", outer }, { "Gateway", gateway }, { "Outside", outside },
	};
	buf_str(b, "<section aria-labelledby=\"legs\"><h2 id=\"legs\">Legs</h2>\n<ol class=\"ladder\">\n");
	for (size_t i = 0; i < 4; i++) {
		buf_printf(b, "<li><h3>%s</h3>", steps[i].title);
		rungs(b, f, steps[i].rungs);
		buf_str(b, "</li>\n");
	}
	buf_str(b, "</ol></section>\n");
}

/* --- findings */

static int finding_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	static const struct column sev = { "", "", COL_SEVERITY, NULL, NULL };
	struct buf *b = ctx;

	(void)names;
	if (n < 6)
		return 0;
	buf_str(b, "<li>");
	page_value(b, &sev, &v[0]);
	buf_printf(b, " <a class=\"code\" href=\"/findings/%lld\">", (long long)v[5].num);
	html_text(b, v[1].text);
	buf_str(b, "</a> <p>");
	html_text(b, v[2].text);
	buf_str(b, "</p><p class=\"note\">");
	html_text(b, v[3].text);
	buf_str(b, " ");
	html_text(b, v[4].text);
	buf_str(b, "</p></li>\n");
	return 0;
}

static int findings(struct page *p, const struct facts *f, const struct store_param *id, struct err *e)
{
	struct store_result r = { 0 };

	buf_str(&p->body, "<section aria-labelledby=\"found\"><h2 id=\"found\">Findings</h2>\n<ul class=\"found\">\n");
	if (store_query(p->db, "SELECT g.severity, g.code, coalesce(s.sentence, g.sentence), g.why, g.fix, g.id"
			" FROM finding_flows AS s JOIN findings AS g ON g.id = s.finding_id WHERE s.flow_id = :id"
			" ORDER BY g.severity_rank DESC", id, 1, page_limits, finding_row, &p->body, &r, e))
		return -1;
	buf_str(&p->body, "</ul>\n");
	if (!r.rows) {
		struct slice codes = fact(f, "findings");
		static const struct column c = { "", "", COL_CODES, NULL, NULL };
		struct store_value v = { .type = STORE_TEXT, .text = codes };
		buf_str(&p->body, "<p class=\"empty\">");
		if (codes.n > 2) {
			page_value(&p->body, &c, &v);
			buf_str(&p->body, " (this flow is not among those kept as examples)");
		} else {
			buf_str(&p->body, "Nothing was found wrong with it.");
		}
		buf_str(&p->body, "</p>\n");
	}
	buf_str(&p->body, "</section>\n");
	return 0;
}

static void all_fields(struct buf *b, const struct facts *f)
{
	buf_str(b, "<section aria-labelledby=\"all\"><h2 id=\"all\">Every field</h2>\n"
		"<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Every field\"><table class=\"fields\">"
		"<caption>Fields of this flow. <em>none</em>: known not to be there; <em>unknown</em>: nobody observed it</caption>\n"
		"<thead><tr><th scope=\"col\">field</th><th scope=\"col\">value</th><th scope=\"col\">meaning</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < F_COUNT; i++) {
		enum flow_field k = flow_order[i];
		buf_printf(b, "<tr><th scope=\"row\"><code>%s</code></th><td>", field_info[k].name);
		show(b, f, field_info[k].name);
		buf_str(b, "</td><td>");
		html_text(b, slice_of(field_info[k].meaning));
		buf_str(b, "</td></tr>\n");
	}
	buf_str(b, "</tbody></table></div></section>\n");
}

static int page(struct page *p, const struct facts *f, const struct store_param *id, struct err *e)
{
	char title[64];

	snprintf(title, sizeof title, "Flow %lld", (long long)id->value.num);
	page_begin(p, title, "/flows");
	verdict_line(&p->body, f);
	ladder(&p->body, f);
	if (findings(p, f, id, e))
		return -1;
	if (fact(f, "verdict").n)	/* else nothing was judged that could be explained */
		explain_section(p, id->value.num);
	all_fields(&p->body, f);
	buf_printf(&p->body, "<p class=\"twins\">As <a href=\"/flows/%lld.json\">JSON</a>. On the command line: "
		   "<code>egret explain --db FILE %lld</code></p>\n", (long long)id->value.num,
		   (long long)id->value.num);
	page_end(p);
	return 0;
}

int page_flow(struct page *p, int64_t id, struct err *e)
{
	static const char sql[] = "SELECT * FROM flows WHERE id = :id";
	const struct store_param param = { ":id", { .type = STORE_INT, .num = id } };
	static const struct table t = { "Flow", sql, NULL, "" };

	if (p->form != PAGE_HTML)
		return page_table(p, &t, &param, 1, NULL, e);
	struct facts *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	for (size_t i = 0; i < FIELDS_MOST; i++)
		buf_init(&f->text[i], 64 * 1024);
	int rc = store_query(p->db, sql, &param, 1, page_limits, keep, f, NULL, e);
	if (!rc && !f->n)
		page_error(p, 404, "No such flow", SLICE("There is no row of this number: it may be older than what is "
			   "kept, or not kept as a row (store.rows)."));
	else if (!rc)
		rc = page(p, f, &param, e);
	for (size_t i = 0; i < FIELDS_MOST; i++)
		buf_release(&f->text[i]);
	free(f);
	return rc;
}
