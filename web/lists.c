/*
 * lists: pages that are one table, or a few.
 */
#include <string.h>

#include "web/html.h"
#include "web/pages.h"

void page_twins(struct page *p, const char *path)
{
	buf_printf(&p->body, "<p class=\"twins\">The same table as <a href=\"%s.json", path);
	request_link(p->req, &p->body, "", (struct slice){ NULL, 0 }, NULL);
	buf_printf(&p->body, "\">JSON</a> or <a href=\"%s.csv", path);
	request_link(p->req, &p->body, "", (struct slice){ NULL, 0 }, NULL);
	buf_str(&p->body, "\">CSV</a>.</p>\n");
}

/* A page of one table, in all three forms. */
static int list(struct page *p, const char *title, const char *path, const char *intro,
		const struct table *t, const struct store_param *params, size_t n, struct err *e)
{
	if (p->form != PAGE_HTML)
		return page_table(p, t, params, n, NULL, e);
	page_begin(p, title, path);
	if (intro)
		buf_printf(&p->body, "<p class=\"note\">%s</p>\n", intro);
	if (page_table(p, t, params, n, NULL, e))
		return -1;
	page_twins(p, path);
	page_end(p);
	return 0;
}

static const struct column findings_columns[] = {
	{ "id", "finding", COL_FINDING, NULL, NULL },
	{ "severity", "severity", COL_SEVERITY, NULL, NULL },
	{ "code", "code", COL_TEXT, NULL, NULL },
	{ "sentence", "what was found", COL_TEXT, NULL, NULL },
	{ "identity", "identity", COL_TEXT, "source_identity", NULL },
	{ "host", "host", COL_TEXT, "host", NULL },
	{ "flows", "flows", COL_COUNT, NULL, NULL },
	{ "last_seen", "last seen", COL_TIME, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

int page_findings(struct page *p, struct err *e)
{
	static const struct table t = {
		"Findings, worst first, then newest",
		"SELECT id, severity, code, title, sentence, identity, host, policy, flows, status, first_seen, last_seen"
		" FROM findings WHERE (:code = '' OR code = :code) AND (:severity = '' OR severity = :severity)"
		" ORDER BY severity_rank DESC, last_seen_ns DESC, id LIMIT 500",
		findings_columns,
		"No finding here. Either nothing is wrong with what was seen, or the filter leaves nothing: "
		"<a href=\"/findings\">show all</a>.",
	};
	struct slice code = request_arg(p->req, "code"), sev = request_arg(p->req, "severity");
	const struct store_param params[] = {
		{ ":code", { .type = STORE_TEXT, .text = code.n ? code : SLICE("") } },
		{ ":severity", { .type = STORE_TEXT, .text = sev.n ? sev : SLICE("") } },
	};
	static const char *const severities[] = { "critical", "high", "medium", "low", "info" };
	struct buf *b = &p->body;

	if (p->form != PAGE_HTML)
		return page_table(p, &t, params, 2, NULL, e);
	page_begin(p, "Findings", "/findings");
	buf_str(b, "<form class=\"filter\" action=\"/findings\"><label>Severity <select name=\"severity\"><option value=\"\">all</option>");
	for (size_t i = 0; i < 5; i++)
		buf_printf(b, "<option%s>%s</option>", slice_is(sev, severities[i]) ? " selected" : "", severities[i]);
	buf_str(b, "</select></label> <label>Code <input name=\"code\" value=\"");
	html_text(b, code);
	buf_str(b, "\" placeholder=\"ENF-GAP\"></label> <button>Filter</button></form>\n");
	if (page_table(p, &t, params, 2, NULL, e))
		return -1;
	page_twins(p, "/findings");
	page_end(p);
	return 0;
}

/* --- one finding */

static int finding_facts(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct buf *b = ctx;

	(void)names;
	if (n < 11)
		return 0;
	buf_str(b, "<p class=\"lead\">");
	page_value(b, &(struct column){ "severity", "", COL_SEVERITY, NULL, NULL }, &v[0]);
	buf_str(b, " <code>");
	html_text(b, v[1].text);
	buf_str(b, "</code> ");
	html_text(b, v[2].text);
	buf_str(b, "</p>\n<p class=\"lead\">");
	html_text(b, v[3].text);
	buf_str(b, "</p>\n<dl class=\"facts\">\n<dt>Why it matters</dt><dd>");
	html_text(b, v[4].text);
	buf_str(b, "</dd>\n<dt>What to do</dt><dd>");
	html_text(b, v[5].text);
	buf_str(b, "</dd>\n<dt>Flows</dt><dd>");
	html_count(b, v[6].num);
	buf_str(b, "</dd>\n<dt>First seen</dt><dd>");
	html_text(b, v[7].text);
	buf_str(b, "</dd>\n<dt>Last seen</dt><dd>");
	html_text(b, v[8].text);
	/* Lists, the parts of which SQL has put one on a line. */
	static const char *const lists[] = { "Evidence", "Ruled out" };
	for (size_t i = 0; i < 2; i++) {
		struct slice rest = v[9 + i].text;
		if (v[9 + i].type != STORE_TEXT || !rest.n)
			continue;
		buf_printf(b, "</dd>\n<dt>%s</dt><dd>", lists[i]);
		while (rest.n) {
			const uint8_t *nl = memchr(rest.p, '\n', rest.n);
			size_t line = nl ? (size_t)(nl - rest.p) : rest.n;
			html_text(b, (struct slice){ rest.p, line });
			buf_str(b, nl ? "<br>" : "");
			rest = slice_from(rest, line + (nl != NULL));
		}
	}
	buf_str(b, "</dd>\n</dl>\n");
	return 0;
}

static const struct column sample_columns[] = {
	{ "flow_id", "flow", COL_FLOW, NULL, NULL },
	{ "sentence", "what was found", COL_TEXT, NULL, NULL },
	{ "started_at", "started", COL_TIME, NULL, NULL },
	{ "source_identity", "identity", COL_TEXT, "source_identity", NULL },
	{ "host", "host", COL_TEXT, "host", NULL },
	{ "verdict", "policy says", COL_VERDICT, NULL, "not judged" },
	{ "outcome", "outcome", COL_OUTCOME, NULL, "not seen" },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

int page_finding(struct page *p, int64_t id, struct err *e)
{
	static const struct table t = {
		"Some of its flows: the first and the newest",
		"SELECT s.flow_id, s.sentence, f.started_at, " PAGE_OR_NONE("source_identity") ", f.host, f.verdict, f.outcome"
		" FROM finding_flows AS s JOIN flows AS f ON f.id = s.flow_id WHERE s.finding_id = :id ORDER BY 1 DESC LIMIT 50",
		sample_columns, "Its flows are not kept as rows (store.rows), or are older than what is kept.",
	};
	const struct store_param param = { ":id", { .type = STORE_INT, .num = id } };
	struct store_result r = { 0 };

	page_begin(p, "Finding", "/findings");
	if (store_query(p->db, "SELECT severity, code, title, sentence, why, fix, flows, first_seen, last_seen,"
			" (SELECT group_concat(key || ': ' || atom, char(10)) FROM json_each(evidence)),"
			" (SELECT group_concat(value, char(10)) FROM json_each(ruled_out)) FROM findings WHERE id = :id", &param, 1, page_limits, finding_facts, &p->body, &r, e))
		return -1;
	if (!r.rows) {
		page_error(p, 404, "No such finding", SLICE("There is no finding of this number."));
		return 0;
	}
	if (page_table(p, &t, &param, 1, NULL, e))
		return -1;
	page_end(p);
	return 0;
}

/* --- inventories */

static const struct column identity_columns[] = {
	{ "identity", "identity", COL_TEXT, "source_identity", NULL },
	{ "hosts", "hosts", COL_COUNT, NULL, NULL },
	{ "flows", "flows", COL_COUNT, NULL, NULL },
	{ "denied", "denied", COL_COUNT, NULL, NULL },
	{ "gaps", "denied and served", COL_COUNT, NULL, NULL },
	{ "unknown", "unknown", COL_COUNT, NULL, NULL },
	{ "found", "with findings", COL_COUNT, NULL, NULL },
	{ "last_seen", "last seen", COL_TIME, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

int page_identities(struct page *p, struct err *e)
{
	static const struct table t = {
		"Identities, those with denied and served flows first",
		"SELECT * FROM identities ORDER BY gaps DESC, denied DESC, flows DESC LIMIT 500",
		identity_columns, "No identity was seen. TLS 1.3 hides certificates: give the key log, or log "
		"<code>%DOWNSTREAM_PEER_URI_SAN%</code>.",
	};
	return list(p, "Identities", "/identities", "<em>unknown</em>: nobody observed who spoke; "
		    "<em>(none)</em>: the client presented no identity.", &t, NULL, 0, e);
}

static const struct column destination_columns[] = {
	{ "host", "host", COL_TEXT, "host", NULL },
	{ "identities", "identities", COL_COUNT, NULL, NULL },
	{ "flows", "flows", COL_COUNT, NULL, NULL },
	{ "served", "served", COL_COUNT, NULL, NULL },
	{ "denied", "denied", COL_COUNT, NULL, NULL },
	{ "gaps", "denied and served", COL_COUNT, NULL, NULL },
	{ "found", "with findings", COL_COUNT, NULL, NULL },
	{ "bytes_sent", "sent", COL_BYTES, NULL, NULL },
	{ "first_seen", "first seen", COL_TIME, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

int page_destinations(struct page *p, struct err *e)
{
	static const struct table t = {
		"Destinations, by flows",
		"SELECT * FROM destinations ORDER BY gaps DESC, flows DESC LIMIT 500",
		destination_columns, "No destination was seen.",
	};
	return list(p, "Destinations", "/destinations", NULL, &t, NULL, 0, e);
}

static const struct column certificate_columns[] = {
	{ "sha256", "sha256", COL_HASH, NULL, NULL }, { "role", "role", COL_TEXT, NULL, NULL },
	{ "subject", "subject", COL_TEXT, NULL, NULL }, { "uri_sans", "URI names", COL_TEXT, NULL, NULL },
	{ "issuer", "issuer", COL_TEXT, NULL, NULL }, { "not_after", "valid until", COL_TIME, NULL, NULL },
	{ "last_seen", "last seen", COL_TIME, NULL, NULL }, { NULL, NULL, COL_TEXT, NULL, NULL },
};

int page_certificates(struct page *p, struct err *e)
{
	static const struct table t = {
		"Certificates, soonest to expire first",
		"SELECT * FROM certificates ORDER BY not_after_ns LIMIT 500",
		certificate_columns, "No certificate was seen. TLS 1.3 hides them: give the key log.",
	};
	return list(p, "Certificates", "/certificates", NULL, &t, NULL, 0, e);
}

/* --- pages of several tables */

static const struct column rule_columns[] = {
	{ "decided", "policy", COL_TEXT, "policy", "no rule matched" }, { "rule", "rule", COL_COUNT, NULL, "–" },
	{ "action", "action", COL_TEXT, NULL, "–" }, { "verdict", "verdict", COL_VERDICT, NULL, NULL },
	{ "flows", "flows", COL_COUNT, NULL, NULL }, { "last_hit", "last hour", COL_TIME, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct column revision_columns[] = {
	{ "revision", "revision", COL_HASH, NULL, NULL }, { "loaded_at", "loaded", COL_TIME, NULL, NULL },
	{ "size", "text", COL_BYTES, NULL, NULL }, { NULL, NULL, COL_TEXT, NULL, NULL },
};

static int yaml(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct buf *b = ctx;
	struct slice text = n ? v[0].text : (struct slice){ NULL, 0 };

	(void)names;
	while (text.n) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		struct slice line = { text.p, nl ? (size_t)(nl - text.p) : text.n };
		html_text(b, line);
		buf_byte(b, '\n');
		text = slice_from(text, line.n + 1);
	}
	return 0;
}

int page_policies(struct page *p, struct err *e)
{
	static const struct table hits = {
		"Which rule decided how often", "SELECT policy, rule, action, verdict, sum(flows) AS flows, max(hour) AS last_hit, nullif(policy, '') AS decided"
		" FROM rules GROUP BY 1, 2, 3, 4 ORDER BY flows DESC LIMIT 500",
		rule_columns, "No flow was judged: no policies were given (<code>-p</code>).",
	};
	static const struct table revisions = {
		"Policy revisions", "SELECT revision, loaded_at, length(text) AS size FROM policy_revisions ORDER BY id DESC LIMIT 100",
		revision_columns, "No policies were given (<code>-p</code>).",
	};

	if (p->form != PAGE_HTML)
		return page_table(p, &hits, NULL, 0, NULL, e);
	page_begin(p, "Policies", "/policies");
	buf_str(&p->body, "<h2>Rules</h2>\n");
	if (page_table(p, &hits, NULL, 0, NULL, e))
		return -1;
	page_twins(p, "/policies");
	buf_str(&p->body, "<h2>Revisions</h2>\n");
	if (page_table(p, &revisions, NULL, 0, NULL, e))
		return -1;
	buf_str(&p->body, "<h2>The newest revision's text</h2>\n<details><summary>Show</summary>\n<pre tabindex=\"0\">");
	if (store_query(p->db, "SELECT text FROM policy_revisions ORDER BY id DESC LIMIT 1", NULL, 0, page_limits,
			yaml, &p->body, NULL, e))
		return -1;
	buf_str(&p->body, "</pre>\n</details>\n");
	page_end(p);
	return 0;
}

static const struct column coverage_columns[] = {
	{ "input", "input", COL_TEXT, NULL, NULL }, { "source", "source", COL_TEXT, NULL, NULL },
	{ "meaning", "what", COL_TEXT, NULL, NULL }, { "kind", "kind", COL_TEXT, NULL, NULL },
	{ "n", "count", COL_COUNT, NULL, NULL }, { NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct column sources_columns[] = {
	{ "identity_source", "identity known from", COL_TEXT, "identity_source", "unknown: nobody observed it" },
	{ "flows", "flows", COL_COUNT, NULL, NULL }, { NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct column observed_columns[] = {
	{ "observed_by", "observed by", COL_TEXT, "observed_by", NULL },
	{ "flows", "flows", COL_COUNT, NULL, NULL }, { NULL, NULL, COL_TEXT, NULL, NULL },
};

static const struct column bad_columns[] = {
	{ "input", "input", COL_TEXT, NULL, NULL }, { "meaning", "what they are", COL_TEXT, NULL, NULL },
	{ "place", "line or packet", COL_COUNT, NULL, NULL }, { "sample", "sample, masked", COL_TEXT, NULL, NULL },
	{ NULL, NULL, COL_TEXT, NULL, NULL },
};

int page_evidence(struct page *p, struct err *e)
{
	static const struct table tables[] = {
		{ "What was read, and what of it was lost or odd",
		  "SELECT input, source, meaning, kind, sum(n) AS n FROM coverage GROUP BY input, source, reason"
		  " ORDER BY input, CASE kind WHEN 'total' THEN 0 WHEN 'lost' THEN 1 ELSE 2 END, n DESC LIMIT 500",
		  coverage_columns, "Nothing was read yet." },
		{ "Where flows were seen", "SELECT observed_by, sum(flows) AS flows FROM traffic GROUP BY 1 ORDER BY 2 DESC",
		  observed_columns, "No flow yet." },
		{ "Which evidence gave the identity",
		  "SELECT identity_source, sum(flows) AS flows FROM traffic GROUP BY 1 ORDER BY 2 DESC",
		  sources_columns, "No flow yet." },
		{ "Examples of what was not understood",
		  "SELECT input, meaning, place, sample FROM evidence_samples LEFT JOIN evidence_reasons"
		  " USING (source, reason) ORDER BY input, source, reason, place LIMIT 200",
		  bad_columns, "Everything that was read was understood." },
	};

	if (p->form != PAGE_HTML)
		return page_table(p, &tables[0], NULL, 0, NULL, e);
	page_begin(p, "Evidence", "/evidence");
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		buf_printf(&p->body, "<h2>%s</h2>\n", tables[i].caption);
		if (page_table(p, &tables[i], NULL, 0, NULL, e))
			return -1;
		if (i == 0)
			page_twins(p, "/evidence");
	}
	page_end(p);
	return 0;
}
