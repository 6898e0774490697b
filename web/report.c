/*
 * report: the tables asked twice.  The data is taken, then the page, then the data again: where both
 * are the same nothing was stored in between and all numbers are of one moment.  A database that is
 * written to all the time is not waited for; the report then says so.
 */
#include "web/report.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "common/clock.h"
#include "schema/finding.h"
#include "web/html.h"
#include "web/report_part.h"

enum { MOST = 64 * 1024 * 1024, TRIES = 3 };

static const struct store_limits limits = { .rows = 20000, .time_ns = 60 * NS_PER_S };

struct making {
	struct store *db;
	const struct report_scope *scope;
	struct report_facts facts;
	char from[40], to[40];		/* RFC 3339, to compare with texts of the views */
	struct store_param params[5];
	struct buf data, opinion;
	char hash[65];
	bool settled;
};

/* --- scope */

static void bound_text(char out[40], int64_t ns, const char *open)
{
	struct buf b;

	buf_init(&b, 40);
	if (ns == INT64_MIN || ns == INT64_MAX)
		buf_str(&b, open);
	else
		clock_print(&b, ns);
	memcpy(out, b.p, b.n);
	out[b.n] = 0;
	buf_release(&b);
}

static struct store_value text_or_null(const char *s)
{
	return s ? (struct store_value){ .type = STORE_TEXT, .text = slice_of(s) }
		 : (struct store_value){ .type = STORE_NULL };
}

static void set_params(struct making *m)
{
	const struct report_scope *s = m->scope;

	bound_text(m->from, s->from, "0");		/* before and after every year */
	bound_text(m->to, s->to, "9999");
	m->params[0] = (struct store_param){ ":from", { .type = STORE_INT, .num = s->from } };
	m->params[1] = (struct store_param){ ":to", { .type = STORE_INT, .num = s->to } };
	m->params[2] = (struct store_param){ ":gateway", text_or_null(s->gateway) };
	m->params[3] = (struct store_param){ ":from_text", text_or_null(m->from) };
	m->params[4] = (struct store_param){ ":to_text", text_or_null(m->to) };
}

/* --- the few numbers that the opinion and the exit code need */

static int total_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct report_facts *f = ctx;

	(void)names;
	if (n >= 6) {
		f->flows = v[0].num;
		f->judged = v[1].num;
		f->sure = v[2].num;
		f->gaps = v[5].num;
	}
	return 0;
}

static int severity_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct report_facts *f = ctx;

	(void)names;
	if (n >= 3 && (slice_is(v[1].text, "open") || slice_is(v[1].text, "acknowledged"))) {
		int64_t s = severity_by_name(v[0].text);
		f->findings += v[2].num;
		f->worst = s > f->worst ? s : f->worst;
	}
	return 0;
}

static const struct report_table *table_named(const char *key)
{
	const struct report_table *t = report_tables;

	while (strcmp(t->key, key))
		t++;
	return t;
}

static int ask(struct making *m, const char *key, store_row_fn *row, struct err *e)
{
	return store_query(m->db, table_named(key)->table.sql, m->params, 5, limits, row, &m->facts, NULL, e);
}

static void share(struct buf *b, int64_t part, int64_t of)
{
	html_count(b, part);
	buf_str(b, " of ");
	html_count(b, of);
	if (of)
		buf_printf(b, " (%.2f %%)", 100.0 * (double)part / (double)of);
}

/* One paragraph that follows from the numbers and from nothing else. */
static void opinion(struct making *m)
{
	const struct report_facts *f = &m->facts;
	struct buf *b = &m->opinion;

	buf_clear(b);
	if (!f->judged) {
		html_count(b, f->flows);
		buf_str(b, " flows were seen in the period and none was judged: there is no basis for an opinion.");
		return;
	}
	share(b, f->judged, f->flows);
	buf_str(b, " flows seen in the period were the gateway's to judge; ");
	share(b, f->sure, f->judged);
	buf_str(b, " of these could be judged with certainty. ");
	if (f->gaps) {
		html_count(b, f->gaps);
		buf_str(b, f->gaps == 1 ? " flow was" : " flows were");
		buf_str(b, " denied by the declared policy and served: the policy was not enforced as declared. ");
	} else if (f->sure == f->judged) {
		buf_str(b, "No flow that the declared policy denies was seen to be served. ");
	} else {
		buf_str(b, "No flow that is known to be denied by the declared policy was seen to be served; for the "
			"others that cannot be told. ");
	}
	html_count(b, f->findings);
	buf_str(b, f->findings == 1 ? " finding is" : " findings are");
	buf_str(b, " open");
	if (f->worst)
		buf_printf(b, ", the worst %s", severity_name((enum severity)f->worst));
	buf_str(b, ". This is said of what was observed; the coverage below tells what was not.");
}

/* --- data */

/* '<' cannot end the page's script element when it is written as \u003c; it occurs in strings only. */
static void add_harmless(struct buf *out, struct slice json)
{
	for (size_t i = 0; i < json.n; i++)
		if (json.p[i] == '<')
			buf_str(out, "\\u003c");
		else
			buf_byte(out, json.p[i]);
}

static int take_data(struct making *m, struct err *e)
{
	struct page p = { .db = m->db, .form = PAGE_JSON, .limits = &limits };
	int rc = 0;

	buf_init(&p.body, MOST);
	buf_byte(&p.body, '{');
	for (const struct report_table *t = report_tables; t->key && !rc; t++) {
		buf_printf(&p.body, "%s\"%s\":", t == report_tables ? "" : ",", t->key);
		rc = page_table(&p, &t->table, m->params, 5, NULL, e);
	}
	buf_byte(&p.body, '}');
	buf_clear(&m->data);
	add_harmless(&m->data, buf_slice(&p.body));
	if (!rc && (p.body.full || m->data.full))
		rc = err_set(e, ERR_LIMIT, "the report is larger than %d MiB: ask for a shorter period", MOST >> 20);
	buf_release(&p.body);
	return rc;
}

static int digest(const struct buf *data, char hex[65], struct err *e)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct buf b;

	if (!EVP_Digest(data->p, data->n, md, &n, EVP_sha256(), NULL))
		return err_set(e, ERR_IO, "SHA-256 is not available");
	buf_init(&b, 64);
	buf_hex(&b, (struct slice){ md, n });
	memcpy(hex, b.p, 64);
	hex[64] = 0;
	buf_release(&b);
	return 0;
}

/* --- the page */

static const char style[] =
	"body{font:14px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b2430;background:#fff}"
	"h1{font-size:1.6rem}h2{font-size:1.15rem;margin:1.8rem 0 .3rem}table{border-collapse:collapse;width:100%}"
	"caption{display:none}th,td{text-align:left;vertical-align:top;padding:.2rem .5rem;border-bottom:1px solid #d6dae1;"
	"overflow-wrap:anywhere}th{color:#566173;font-size:.85em;white-space:nowrap}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	".scroll{overflow-x:auto}.opinion{font-size:1.15rem;border-left:5px solid #566173;padding:.3rem 1rem}.opinion.bad{border-color:#a5231c}"
	".note,.empty,.absent,dt{color:#566173}.mark{white-space:nowrap}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#eef0f4;padding:.5rem}"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dd{margin:0;overflow-wrap:anywhere}"
	"@media print{body{margin:0;max-width:none;font-size:10px}h2{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}}";

static const char method[] =
	"<h2>Method</h2>\n<p>egret observed the gateway's packets and its access log, and judged each flow by the "
	"declared policies, apart from the gateway. A flow is an HTTP request where HTTP was visible, else a TCP connection. "
	"The verdict is what the declared policy says; the outcome is what the gateway did.</p>\n"
	"<h2>Known limits</h2>\n<ul>\n"
	"<li><em>unknown</em> means that an attribute that decides was not observed; such a flow is never counted as allowed.</li>\n"
	"<li>What was not captured and not logged is not here. The coverage counts what is known to be lost.</li>\n"
	"<li>Counts are kept by the hour: a period that begins or ends within an hour is widened to it.</li>\n"
	"<li>A finding is listed where it was seen in the period; its count of flows is of all time.</li>\n"
	"<li>Tables marked as of all gateways are not kept by gateway.</li>\n"
	"<li>At most 20,000 rows a table; where there are more, the table says so.</li>\n"
	"<li>The integrity chain is stated here, and is proved by <code>egret verify --db FILE</code>.</li>\n</ul>\n";

static void fact(struct buf *b, const char *label, struct slice value)
{
	buf_printf(b, "<dt>%s</dt><dd>", label);
	html_text(b, value);
	buf_str(b, "</dd>\n");
}

static void generated_text(const struct making *m, char out[40])
{
	bound_text(out, m->scope->generated, "");
}

static void page_head(struct making *m, struct buf *b)
{
	const struct report_scope *s = m->scope;
	char when[40];

	generated_text(m, when);
	buf_printf(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<title>Egress report</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n<h1>Egress report</h1>\n<dl>\n", style);
	fact(b, "Period", slice_of(s->period));
	fact(b, "From", s->from == INT64_MIN ? SLICE("the beginning") : slice_of(m->from));
	fact(b, "To (not included)", s->to == INT64_MAX ? SLICE("the end") : slice_of(m->to));
	fact(b, "Gateway", s->gateway ? slice_of(s->gateway) : SLICE("all"));
	fact(b, "Generated", slice_of(when));
	fact(b, "SHA-256 of the data", slice_of(m->hash));
	buf_printf(b, "</dl>\n<p class=\"opinion%s\">", m->facts.gaps ? " bad" : "");
	html_text(b, buf_slice(&m->opinion));
	buf_str(b, "</p>\n");
}

static int page_tables(struct making *m, struct buf *out, struct err *e)
{
	struct page p = { .db = m->db, .form = PAGE_HTML, .limits = &limits, .body = *out };
	int rc = 0;

	for (const struct report_table *t = report_tables; t->key && !rc; t++) {
		buf_printf(&p.body, "<h2 id=\"%s\">%s%s</h2>\n", t->key, t->table.caption,
			   m->scope->gateway && !t->by_gateway ? " (all gateways)" : "");
		rc = page_table(&p, &t->table, m->params, 5, NULL, e);
	}
	*out = p.body;
	return rc;
}

static void page_tail(struct making *m, struct buf *b)
{
	buf_str(b, method);
	if (!m->settled)
		buf_str(b, "<p class=\"note\">Flows were stored while this report was made: its tables may differ by those.</p>\n");
	buf_str(b, "<h2>The question behind each table</h2>\n<p>Ask again with <code>egret query</code>; <code>:from</code> and "
		"<code>:to</code> are nanoseconds since 1970: ");
	buf_printf(b, "<code>%lld</code> and <code>%lld</code>.</p>\n", (long long)m->scope->from, (long long)m->scope->to);
	for (const struct report_table *t = report_tables; t->key; t++) {
		buf_printf(b, "<h3>%s</h3>\n<pre>", t->table.caption);
		html_text(b, slice_of(t->table.sql));
		buf_str(b, "</pre>\n");
	}
	buf_str(b, "</main>\n<script type=\"application/json\" id=\"data\">");
	buf_add(b, buf_slice(&m->data));
	buf_str(b, "</script>\n</body>\n</html>\n");
}

static void json_member(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\":", name);
	if (value)
		buf_json_string(b, slice_of(value));
	else
		buf_str(b, "null");
	buf_str(b, ",\n");
}

static void json_whole(struct making *m, struct buf *b)
{
	const struct report_scope *s = m->scope;
	char when[40];

	generated_text(m, when);
	buf_str(b, "{\"report\":\"egress\",\"version\":1,\n");
	json_member(b, "generated_at", when);
	json_member(b, "period", s->period);
	json_member(b, "from", s->from == INT64_MIN ? NULL : m->from);
	json_member(b, "to", s->to == INT64_MAX ? NULL : m->to);
	json_member(b, "gateway", s->gateway);
	buf_str(b, "\"opinion\":");
	buf_json_string(b, buf_slice(&m->opinion));
	buf_printf(b, ",\n\"settled\":%s,\n", m->settled ? "true" : "false");
	json_member(b, "sha256", m->hash);
	buf_str(b, "\"sql\":{");
	for (const struct report_table *t = report_tables; t->key; t++) {
		buf_printf(b, "%s\"%s\":", t == report_tables ? "" : ",", t->key);
		buf_json_string(b, slice_of(t->table.sql));
	}
	buf_str(b, "},\n\"data\":");
	buf_add(b, buf_slice(&m->data));
	buf_str(b, "}\n");
}

/* --- the whole */

static int once(struct making *m, struct buf *html, struct err *e)
{
	char again[65];

	m->facts = (struct report_facts){ 0 };
	if (take_data(m, e) || digest(&m->data, m->hash, e) || ask(m, "total", total_row, e) ||
	    ask(m, "severities", severity_row, e))
		return -1;
	opinion(m);
	if (html) {
		buf_clear(html);
		page_head(m, html);
		if (page_tables(m, html, e))
			return -1;
	}
	if (take_data(m, e) || digest(&m->data, again, e))
		return -1;
	m->settled = !memcmp(again, m->hash, sizeof again);
	return 0;
}

/* What is printed is the last data; an unsettled page's head holds the hash of the data before it. */
static int finish(struct making *m, struct buf *html, struct buf *json, struct err *e)
{
	if (!m->settled && digest(&m->data, m->hash, e))
		return -1;
	if (html && !m->settled) {
		buf_clear(html);
		page_head(m, html);
		if (page_tables(m, html, e))
			return -1;
	}
	if (html)
		page_tail(m, html);
	if (json)
		json_whole(m, json);
	if ((html && html->full) || (json && json->full))
		return err_set(e, ERR_LIMIT, "the report is too large: ask for a shorter period");
	return 0;
}

int report_make(struct store *db, const struct report_scope *scope, struct buf *html, struct buf *json,
		struct report_facts *facts, struct err *e)
{
	struct making m = { .db = db, .scope = scope };
	int rc = 0;

	set_params(&m);
	buf_init(&m.data, MOST);
	buf_init(&m.opinion, 4096);
	for (int i = 0; i < TRIES && !m.settled && !rc; i++)
		rc = once(&m, html, e);
	if (!rc)
		rc = finish(&m, html, json, e);
	if (!rc && facts)
		*facts = m.facts;
	buf_release(&m.data);
	buf_release(&m.opinion);
	return rc;
}
