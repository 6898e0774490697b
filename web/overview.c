/*
 * overview: one sentence with its denominators, then what deserves a look.  Only rollups are read, so
 * the page costs the same on ten flows and on ten million.
 */
#include <stdio.h>
#include <string.h>

#include "web/html.h"
#include "web/pages.h"

static void count(struct page *p, int64_t n, const char *what)
{
	buf_str(&p->body, "<strong>");
	html_count(&p->body, n);
	buf_str(&p->body, "</strong> ");
	buf_str(&p->body, what);
}

static void share(struct page *p, int64_t part, int64_t all)
{
	if (all)
		buf_printf(&p->body, "<strong>%.1f %%</strong>", 100.0 * (double)part / (double)all);
	else
		buf_str(&p->body, "none");
}

static void sentence(struct page *p)
{
	int64_t flows = page_int(p, "SELECT sum(flows) FROM traffic");
	int64_t judged = page_int(p, "SELECT sum(flows) FROM traffic WHERE verdict IS NOT NULL");
	int64_t sure = page_int(p, "SELECT sum(flows) FROM traffic WHERE verdict IN ('allow','deny','none')");
	int64_t gaps = page_int(p, "SELECT sum(flows) FROM traffic WHERE verdict = 'deny' AND outcome = 'served'");
	int64_t open = page_int(p, "SELECT count(*) FROM findings WHERE status = 'open'");

	buf_printf(&p->body, "<p class=\"verdict %s\">", gaps ? "bad" : flows ? "good" : "");
	if (!flows) {
		buf_str(&p->body, "No flow has been stored yet. Feed it: <code>egret capture</code>, "
			"<code>egret ingest</code> or <code>egret run</code>.</p>\n");
		return;
	}
	count(p, flows, flows == 1 ? "flow was seen; " : "flows were seen; ");
	count(p, judged, "of them were the gateway's to judge, ");
	share(p, sure, judged);
	buf_str(&p->body, " of those with certainty. ");
	count(p, gaps, gaps == 1 ? "was denied by policy and served anyway. "
				 : "were denied by policy and served anyway. ");
	count(p, open, open == 1 ? "finding is open." : "findings are open.");
	buf_str(&p->body, "</p>\n<p class=\"note\">From <time>");
	page_scalar(p, "SELECT min(minute) FROM traffic", &p->body);
	buf_str(&p->body, "</time> to <time>");
	page_scalar(p, "SELECT max(minute) FROM traffic", &p->body);
	buf_str(&p->body, "</time>, by the minute.</p>\n");
}

/* Judged flows: what the policy says against what happened. */
static void matrix(struct page *p)
{
	static const char *const verdicts[] = { "allow", "deny", "unknown", "none" };
	static const char *const outcomes[] = { "served", "refused", "failed", NULL };
	static const char *const meaning[4][4] = {
		{ "agree", "refused although allowed", "not the policy's doing", "outcome not seen" },
		{ "enforcement gap", "agree", "cannot tell", "outcome not seen" },
		{ "evidence is missing", "evidence is missing", "evidence is missing", "outcome not seen" },
		{ "no policy applies", "refused unexpectedly", "not the policy's doing", "outcome not seen" },
	};
	static const char *const class[4][4] = {
		{ "good", "bad", "", "" }, { "bad", "good", "", "" },
		{ "unsure", "unsure", "", "" }, { "unsure", "bad", "", "" },
	};
	struct buf *b = &p->body;
	char sql[256];

	buf_str(b, "<section aria-labelledby=\"agree\"><h2 id=\"agree\">Policy against outcome</h2>\n"
		"<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Policy against outcome\"><table class=\"matrix\">"
		"<caption>Judged flows: the declared policy's verdict, and what the gateway did</caption>\n"
		"<thead><tr><th scope=\"col\">policy says</th><th scope=\"col\">served</th><th scope=\"col\">refused</th>"
		"<th scope=\"col\">failed</th><th scope=\"col\">not seen</th></tr></thead><tbody>\n");
	for (int v = 0; v < 4; v++) {
		buf_printf(b, "<tr><th scope=\"row\">%s</th>", verdicts[v]);
		for (int o = 0; o < 4; o++) {
			snprintf(sql, sizeof sql, "SELECT sum(flows) FROM traffic WHERE verdict = '%s' AND outcome %s%s%s",
				 verdicts[v], outcomes[o] ? "= '" : "IS NULL", outcomes[o] ? outcomes[o] : "",
				 outcomes[o] ? "'" : "");
			int64_t n = page_int(p, sql);
			buf_printf(b, "<td class=\"n %s\">", n ? class[v][o] : "zero");
			if (n)
				buf_printf(b, "<a href=\"/flows?q=verdict%%3A%s%s%s\">", verdicts[v],
					   outcomes[o] ? "+outcome%3A" : "", outcomes[o] ? outcomes[o] : "");
			html_count(b, n);
			if (n)
				buf_printf(b, "</a><small>%s</small>", meaning[v][o]);
			buf_str(b, "</td>");
		}
		buf_str(b, "</tr>\n");
	}
	buf_str(b, "</tbody></table></div></section>\n");
}

static const struct column finding_columns[] = {
	{ "severity", "severity", COL_SEVERITY, NULL, NULL },
	{ "code", "code", COL_TEXT, NULL, NULL },
	{ "title", "what", COL_TEXT, NULL, NULL },
	{ "findings", "findings", COL_COUNT, NULL, NULL },
	{ "flows", "flows", COL_COUNT, NULL, NULL },
	{ "last_seen", "last seen", COL_TIME, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct column denied_columns[] = {
	{ "identity", "identity", COL_TEXT, "source_identity", NULL },
	{ "denied", "denied", COL_COUNT, NULL, NULL },
	{ "gaps", "served anyway", COL_COUNT, NULL, NULL },
	{ "flows", "of flows", COL_COUNT, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct column host_columns[] = {
	{ "host", "host", COL_TEXT, "host", NULL },
	{ "flows", "flows", COL_COUNT, NULL, NULL },
	{ "found", "with findings", COL_COUNT, NULL, NULL },
	{ "first_seen", "first seen", COL_TIME, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct column evidence_columns[] = {
	{ "source", "source", COL_TEXT, NULL, NULL },
	{ "meaning", "lost or not understood", COL_TEXT, NULL, NULL },
	{ "n", "count", COL_COUNT, NULL, NULL },
	{ "of", "of", COL_COUNT, NULL, "–" },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct table panels[] = {
	{ "Open findings by kind, worst first",
	  "SELECT severity, code, title, count(*) AS findings, sum(flows) AS flows, max(last_seen) AS last_seen"
	  " FROM findings WHERE status = 'open' GROUP BY code ORDER BY max(severity_rank) DESC, 5 DESC LIMIT 12",
	  finding_columns, "No finding is open." },
	{ "Identities most denied",
	  "SELECT identity, denied, gaps, flows FROM identities WHERE denied > 0 ORDER BY denied DESC LIMIT 8",
	  denied_columns, "Nobody was denied." },
	{ "Newest destinations",
	  "SELECT host, flows, found, first_seen FROM destinations WHERE host IS NOT NULL ORDER BY first_seen DESC LIMIT 8",
	  host_columns, "No destination was seen." },
	{ "Evidence that is missing",
	  "SELECT c.source, c.meaning, sum(c.n) AS n, (SELECT sum(t.n) FROM coverage AS t WHERE t.source = c.source"
	  " AND t.kind = 'total' AND t.reason IN ('packets','lines','connections')) AS \"of\" FROM coverage AS c"
	  " WHERE c.kind = 'lost' GROUP BY c.source, c.reason ORDER BY n DESC LIMIT 8",
	  evidence_columns, "Nothing that was read was lost." },
};

/* --- traffic over time: bars whose height is one of ten classes, so no inline style is needed */

enum { BARS = 60 };

struct bars {
	int64_t good[BARS], bad[BARS];
	int64_t from, step;
};

static int bar(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct bars *x = ctx;
	int64_t at = x->step ? (v[0].num - x->from) / x->step : 0;

	(void)names;
	if (n >= 3 && at >= 0 && at < BARS) {
		x->good[at] += v[1].num;
		x->bad[at] += v[2].num;
	}
	return 0;
}

static void chart(struct page *p, struct err *e)
{
	struct bars x = { .from = page_int(p, "SELECT min(minute_ns) FROM traffic") };
	int64_t to = page_int(p, "SELECT max(minute_ns) FROM traffic"), most = 1;
	const int64_t minute = 60 * INT64_C(1000000000);
	struct buf *b = &p->body;

	x.step = ((to - x.from) / minute / BARS + 1) * minute;
	if (store_query(p->db, "SELECT minute_ns, sum(flows), sum(CASE WHEN verdict = 'deny' THEN flows ELSE 0 END)"
			" FROM traffic GROUP BY minute_ns", NULL, 0, (struct store_limits){ .rows = 600000,
			.time_ns = page_limits.time_ns }, bar, &x, NULL, e))
		return;
	for (int i = 0; i < BARS; i++)
		most = x.good[i] > most ? x.good[i] : most;
	int64_t last = (to - x.from) / x.step;
	buf_printf(b, "<section aria-labelledby=\"time\"><h2 id=\"time\">Traffic over time</h2>\n"
		   "<figure><svg class=\"chart\" viewBox=\"0 0 %d 100\" role=\"img\" aria-label=\"Flows over time; the darker "
		   "part was denied by policy\" preserveAspectRatio=\"none\">", (int)(last + 1) * 10);
	for (int64_t i = 0; i <= last && i < BARS; i++) {
		double all = 96.0 * (double)x.good[i] / (double)most;
		double bad = 96.0 * (double)x.bad[i] / (double)most;
		buf_printf(b, "<rect class=\"all\" x=\"%lld\" y=\"%.1f\" width=\"8\" height=\"%.1f\"/>"
			   "<rect class=\"denied\" x=\"%lld\" y=\"%.1f\" width=\"8\" height=\"%.1f\"/>",
			   (long long)i * 10 + 1, 100 - all, all, (long long)i * 10 + 1, 100 - bad, bad);
	}
	buf_printf(b, "</svg><figcaption>A bar is %lld min; the tallest is ", (long long)(x.step / minute));
	html_count(b, most);
	buf_str(b, " flows. <span class=\"key denied\">denied by policy</span> <span class=\"key all\">all flows</span></figcaption></figure></section>\n");
}

int page_overview(struct page *p, struct err *e)
{
	static const char *const titles[] = { "Findings", "Denied", "New destinations", "Evidence" };
	static const char *const more[] = { "/findings", "/identities", "/destinations", "/evidence" };

	page_begin(p, "Overview", "/");
	sentence(p);
	if (page_int(p, "SELECT sum(flows) FROM traffic")) {
		buf_str(&p->body, "<div class=\"columns\">\n");
		matrix(p);
		chart(p, e);
		buf_str(&p->body, "</div>\n");
	}
	for (size_t i = 0; i < sizeof panels / sizeof *panels; i++) {
		if (i == 1)
			buf_str(&p->body, "<div class=\"columns\">\n");
		buf_printf(&p->body, "<section aria-labelledby=\"p%zu\"><h2 id=\"p%zu\">%s</h2>\n", i, i, titles[i]);
		if (page_table(p, &panels[i], NULL, 0, NULL, e))
			return -1;
		buf_printf(&p->body, "<p class=\"more\"><a href=\"%s\">All: %s</a></p></section>\n", more[i], titles[i]);
	}
	buf_str(&p->body, "</div>\n");
	page_end(p);
	return 0;
}
