/*
 * lint_out: table for people; json, jsonl for programs; SARIF 2.1.0 for code scanning; JUnit for CI.
 *
 * Everything from the files goes out through buf_quote or buf_json_string (or XML escapes).
 */
#include "cli/lint_out.h"

#include <string.h>

#include "common/buf.h"

enum { OUT_MAX = 1 << 30 };

static void flush(struct buf *b, FILE *out)
{
	if (b->n)
		buf_write(b, out);
	buf_release(b);
}

static const struct lint_rule *rule_of(const struct lint_finding *f)
{
	return &lint_rules[f->id];
}

/* --- table --------------------------------------------------------------------------- */

static void table(const struct lint_result *r, FILE *out)
{
	struct buf b;

	buf_init(&b, OUT_MAX);
	for (size_t i = 0; i < r->n; i++) {
		const struct lint_finding *f = &r->finding[i];

		if (i)
			buf_byte(&b, '\n');
		buf_printf(&b, "%-8s %s%s%s%s  ", severity_name(f->severity),
			   rule_of(f)->code, rule_of(f)->istio ? " (" : "",
			   rule_of(f)->istio ? rule_of(f)->istio : "",
			   rule_of(f)->istio ? ")" : "");
		buf_add(&b, f->name);
		buf_byte(&b, '\n');
		buf_str(&b, "  ");
		buf_quote(&b, slice_of(f->file));
		buf_printf(&b, ":%u:%u: ", f->line, f->column);
		buf_add(&b, f->message);
		buf_printf(&b, "\n  why: %s\n  fix: %s\n", rule_of(f)->why, rule_of(f)->fix);
	}
	flush(&b, out);
}

/* --- JSON ---------------------------------------------------------------------------- */

static void key(struct buf *b, const char *name, struct slice value)
{
	buf_printf(b, ",\"%s\":", name);
	buf_json_string(b, value);
}

static void object(struct buf *b, const struct lint_finding *f)
{
	const struct lint_rule *r = rule_of(f);

	buf_str(b, "{\"code\":");
	buf_json_string(b, slice_of(r->code));
	key(b, "severity", slice_of(severity_name(f->severity)));
	buf_str(b, ",\"istio_code\":");
	if (r->istio)
		buf_json_string(b, slice_of(r->istio));
	else
		buf_str(b, "null");
	key(b, "object", f->name);
	key(b, "file", slice_of(f->file));
	buf_printf(b, ",\"line\":%u,\"column\":%u", f->line, f->column);
	key(b, "title", slice_of(r->title));
	key(b, "message", f->message);
	key(b, "why", slice_of(r->why));
	key(b, "fix", slice_of(r->fix));
	if (f->suppressed.n)
		key(b, "suppressed", f->suppressed);
	buf_byte(b, '}');
}

static void jsonl(const struct lint_result *r, FILE *out)
{
	struct buf b;

	buf_init(&b, OUT_MAX);
	for (size_t i = 0; i < r->n; i++) {
		object(&b, &r->finding[i]);
		buf_byte(&b, '\n');
	}
	flush(&b, out);
}

static void list(struct buf *b, const struct lint_finding *f, size_t n)
{
	buf_byte(b, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(b, i ? ",\n " : "\n ");
		object(b, &f[i]);
	}
	buf_byte(b, ']');
}

static void json(const struct lint_result *r, FILE *out)
{
	struct buf b;

	buf_init(&b, OUT_MAX);
	buf_str(&b, "{\"findings\":");
	list(&b, r->finding, r->n);
	buf_str(&b, ",\n\"suppressed\":");
	list(&b, r->suppressed, r->n_suppressed);
	buf_str(&b, "}\n");
	flush(&b, out);
}

/* --- SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0) ------------------------------ */

static const char *sarif_level(enum severity s)
{
	return s >= SEV_HIGH ? "error" : s >= SEV_LOW ? "warning" : "note";
}

static void sarif_rules(struct buf *b)
{
	for (int k = 0; k < LINT_RULES; k++) {
		const struct lint_rule *r = &lint_rules[k];

		buf_str(b, k ? ",\n{\"id\":" : "\n{\"id\":");
		buf_json_string(b, slice_of(r->code));
		buf_str(b, ",\"shortDescription\":{\"text\":");
		buf_json_string(b, slice_of(r->title));
		buf_str(b, "},\"fullDescription\":{\"text\":");
		buf_json_string(b, slice_of(r->why));
		buf_str(b, "},\"help\":{\"text\":");
		buf_json_string(b, slice_of(r->fix));
		buf_printf(
			b,
			"},\"defaultConfiguration\":{\"level\":\"%s\"},\"properties\":{\"severity\":\"%s\"",
			sarif_level(r->severity), severity_name(r->severity));
		if (r->istio)
			key(b, "istio_code", slice_of(r->istio));
		buf_str(b, "}}");
	}
}

/* A path as a URI reference: what RFC 3986 does not allow is percent-encoded. */
static void uri(struct buf *b, const char *path)
{
	struct buf u;

	buf_init(&u, 1 << 16);
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("/-._~", *p);
		if (plain)
			buf_byte(&u, *p);
		else
			buf_printf(&u, "%%%02X", *p);
	}
	buf_json_string(b, buf_slice(&u));
	buf_release(&u);
}

static void sarif_result(struct buf *b, const struct lint_finding *f)
{
	buf_printf(
		b,
		"{\"ruleId\":\"%s\",\"ruleIndex\":%d,\"level\":\"%s\",\"message\":{\"text\":",
		rule_of(f)->code, (int)f->id, sarif_level(f->severity));
	buf_json_string(b, f->message);
	buf_str(b, "},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":");
	uri(b, f->file);
	buf_printf(
		b,
		"},\"region\":{\"startLine\":%u,\"startColumn\":%u}},\"logicalLocations\":[{\"name\":",
		f->line ? f->line : 1, f->column ? f->column : 1);
	buf_json_string(b, f->name);
	buf_str(b, "}]}]");
	if (f->suppressed.n) {
		buf_str(b, ",\"suppressions\":[{\"kind\":\"inSource\",\"justification\":");
		buf_json_string(b, f->suppressed);
		buf_str(b, "}]");
	}
	buf_byte(b, '}');
}

static void sarif(const struct lint_result *r, FILE *out)
{
	struct buf b;

	buf_init(&b, OUT_MAX);
	buf_str(&b,
		"{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\","
		"\"runs\":[{\"tool\":{\"driver\":{\"name\":\"egret\",\"rules\":[");
	sarif_rules(&b);
	buf_str(&b, "]}},\"columnKind\":\"unicodeCodePoints\",\"results\":[");
	for (size_t i = 0; i < r->n + r->n_suppressed; i++) {
		buf_str(&b, i ? ",\n" : "\n");
		sarif_result(&b, i < r->n ? &r->finding[i] : &r->suppressed[i - r->n]);
	}
	buf_str(&b, "]}]}\n");
	flush(&b, out);
}

/* --- JUnit --------------------------------------------------------------------------- */

/* What cannot be told, and advice (severity info), is told and fails nothing. */
static void junit_case(struct buf *b, const struct lint_finding *f)
{
	const char *tag = f->severity > SEV_INFO ? "failure" : "system-out";

	buf_printf(b, "  <testcase classname=\"%s\" name=\"", rule_of(f)->code);
	buf_xml(b, f->name);
	buf_str(b, "\" file=\"");
	buf_xml(b, slice_of(f->file));
	buf_printf(b, "\" line=\"%u\">\n    <%s", f->line, tag);
	if (f->severity > SEV_INFO) {
		buf_printf(b, " type=\"%s\" message=\"", severity_name(f->severity));
		buf_xml(b, f->message);
		buf_byte(b, '"');
	}
	buf_byte(b, '>');
	buf_xml(b, slice_of(f->file));
	buf_printf(b, ":%u:%u\n", f->line, f->column);
	buf_xml(b, f->severity > SEV_INFO ? slice_of(rule_of(f)->why) : f->message);
	buf_byte(b, '\n');
	buf_xml(b, slice_of(rule_of(f)->fix));
	buf_printf(b, "</%s>\n  </testcase>\n", tag);
}

/* A rule without findings is a passed case, so that a clean run is visible. */
static void junit(const struct lint_result *r, FILE *out)
{
	size_t hit[LINT_RULES] = { 0 }, clean = 0, failures = 0;
	struct buf b;

	for (size_t i = 0; i < r->n; i++) {
		hit[r->finding[i].id]++;
		failures += r->finding[i].severity > SEV_INFO;
	}
	for (int k = 0; k < LINT_RULES; k++)
		clean += !hit[k];
	buf_init(&b, OUT_MAX);
	buf_printf(&b,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<testsuite name=\"egret lint\" tests=\"%zu\" failures=\"%zu\">\n",
		   r->n + clean, failures);
	for (size_t i = 0; i < r->n; i++)
		junit_case(&b, &r->finding[i]);
	for (int k = 0; k < LINT_RULES; k++)
		if (!hit[k])
			buf_printf(&b, "  <testcase classname=\"%s\" name=\"no finding\"/>\n",
				   lint_rules[k].code);
	buf_str(&b, "</testsuite>\n");
	flush(&b, out);
}

lint_printer *lint_printer_by_name(const char *name)
{
	static const struct { const char *name; lint_printer *print; } formats[] = {
		{ "table", table }, { "json", json }, { "jsonl", jsonl }, { "sarif", sarif },
		{ "junit", junit },
	};

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (!strcmp(name, formats[i].name))
			return formats[i].print;
	return NULL;
}

/* --- the rules as documentation ------------------------------------------------------- */

void lint_print_rules(FILE *out)
{
	fprintf(out, "| code | severity | istioctl | what | why it matters | what to do |\n"
		     "|---|---|---|---|---|---|\n");
	for (int k = 0; k < LINT_RULES; k++) {
		const struct lint_rule *r = &lint_rules[k];

		fprintf(out, "| `%s` | %s | %s | %s | %s | %s |\n", r->code,
			severity_name(r->severity), r->istio ? r->istio : "", r->title,
			r->why, r->fix);
	}
}
