/*
 * explain: the trace is JSON that our own judge wrote; its texts come from policies and the wire, so
 * all of them are escaped.  Read in one pass; an object's members are kept as slices until its end.
 */
#include "web/explain.h"

#include <string.h>

#include "common/json.h"
#include "web/html.h"
#include "web/server.h"

enum { ARENA = 8 * 1024 * 1024 };

struct member {
	struct slice name, raw;		/* raw: the value's text */
};

struct object {
	struct member m[128];
	size_t n;
};

/* The members of an object text. */
static bool members(struct slice text, struct object *o)
{
	struct json j;
	enum json_token t;

	o->n = 0;
	json_init(&j, text);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while ((t = json_next(&j)) == JSON_KEY) {
		struct slice name = j.text, raw;
		t = json_next(&j);
		if (!json_skip(&j, t, &raw))
			return false;
		if (o->n < sizeof o->m / sizeof *o->m)
			o->m[o->n++] = (struct member){ name, raw };
	}
	return t == JSON_OBJECT_END;
}

static struct slice member(const struct object *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++)
		if (slice_is(o->m[i].name, name))
			return o->m[i].raw;
	return (struct slice){ NULL, 0 };
}

/* A scalar as text; strings unescaped. */
static void scalar(struct buf *b, struct slice raw, struct arena *a)
{
	struct json j;

	json_init(&j, raw);
	enum json_token t = json_next(&j);
	if (t == JSON_STRING)
		html_text(b, json_unescape(&j, a));
	else
		html_text(b, raw);
}

/* Each element of an array text. */
static void each(struct slice raw, void (*fn)(struct buf *, struct slice, struct arena *), struct buf *b,
		 struct arena *a)
{
	struct json j;
	enum json_token t;
	struct slice one;

	json_init(&j, raw);
	if (json_next(&j) != JSON_ARRAY)
		return;
	while ((t = json_next(&j)) != JSON_ARRAY_END) {
		if (!json_skip(&j, t, &one))
			return;
		fn(b, one, a);
	}
}

static bool is_text(struct slice raw, const char *text)
{
	size_t n = strlen(text);

	return raw.n == n + 2 && memcmp(raw.p + 1, text, n) == 0;
}

static const char *state(struct slice result)
{
	if (is_text(result, "match"))
		return "good";
	return is_text(result, "no match") ? "bad" : "unsure";
}

static const char *tick(struct slice result)
{
	if (is_text(result, "match"))
		return "✓";
	if (is_text(result, "no match"))
		return "✕";
	return is_text(result, "ignored") ? "–" : "?";
}

static void result_mark(struct buf *b, struct slice result, struct arena *a)
{
	buf_printf(b, "<span class=\"mark %s\"><span aria-hidden=\"true\">%s</span> ", state(result), tick(result));
	scalar(b, result, a);
	buf_str(b, "</span>");
}

static void place(struct buf *b, const struct object *o, struct arena *a)
{
	if (!member(o, "line").n)
		return;
	buf_str(b, "<span class=\"place\">");
	if (member(o, "file").n) {
		scalar(b, member(o, "file"), a);
		buf_byte(b, ':');
	} else {
		buf_str(b, "line ");
	}
	scalar(b, member(o, "line"), a);
	buf_str(b, "</span>");
}

static void value_code(struct buf *b, struct slice raw, struct arena *a)
{
	buf_str(b, "<code>");
	scalar(b, raw, a);
	buf_str(b, "</code> ");
}

static void condition(struct buf *b, struct slice raw, struct arena *a)
{
	struct object o;

	if (!members(raw, &o))
		return;
	buf_str(b, "<tr><td>");
	result_mark(b, member(&o, "result"), a);
	buf_str(b, "</td><th scope=\"row\"><code>");
	if (slice_is(member(&o, "not"), "true"))
		buf_str(b, "not ");
	scalar(b, member(&o, "key"), a);
	buf_str(b, "</code> <small>");
	scalar(b, member(&o, "part"), a);
	buf_str(b, "</small></th><td>");
	each(member(&o, "expected"), value_code, b, a);
	buf_str(b, "</td><td>");
	struct slice actual = member(&o, "actual");
	if (member(&o, "ignored").n)
		scalar(b, member(&o, "ignored"), a);
	else if (!actual.n)
		buf_str(b, "<span class=\"absent\">unknown</span>");
	else if (slice_is(actual, "null"))
		buf_str(b, "<span class=\"absent\">none</span>");
	else
		value_code(b, actual, a);
	buf_str(b, "</td><td>");
	place(b, &o, a);
	buf_str(b, "</td></tr>\n");
}

static void rule(struct buf *b, struct slice raw, struct arena *a)
{
	struct object o;

	if (!members(raw, &o))
		return;
	buf_str(b, "<div class=\"rule\"><h4>Rule ");
	scalar(b, member(&o, "rule"), a);
	buf_byte(b, ' ');
	result_mark(b, member(&o, "result"), a);
	buf_byte(b, ' ');
	place(b, &o, a);
	buf_str(b, "</h4>\n");
	if (member(&o, "ignored").n) {
		buf_str(b, "<p class=\"note\">Ignored: ");
		scalar(b, member(&o, "ignored"), a);
		buf_str(b, "</p>\n");
	}
	buf_str(b, "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Conditions\"><table class=\"trace\"><thead><tr>"
		"<th scope=\"col\">result</th><th scope=\"col\">condition</th><th scope=\"col\">expected</th>"
		"<th scope=\"col\">actual</th><th scope=\"col\">where</th></tr></thead><tbody>\n");
	each(member(&o, "conditions"), condition, b, a);
	buf_str(b, "</tbody></table></div></div>\n");
}

static void policy(struct buf *b, struct slice raw, struct arena *a)
{
	struct object o;

	if (!members(raw, &o))
		return;
	buf_str(b, "<section class=\"policy\"><h3><code>");
	scalar(b, member(&o, "policy"), a);
	buf_str(b, "</code> <small>");
	scalar(b, member(&o, "action"), a);
	buf_str(b, slice_is(member(&o, "dry_run"), "true") ? ", dry run: not enforced</small> " : "</small> ");
	place(b, &o, a);
	buf_str(b, "</h3>\n");
	each(member(&o, "rules"), rule, b, a);
	buf_str(b, "</section>\n");
}

static void miss(struct buf *b, struct slice raw, struct arena *a)
{
	buf_str(b, "<li>");
	scalar(b, raw, a);
	buf_str(b, "</li>\n");
}

static void left_out(struct buf *b, struct slice raw, struct arena *a)
{
	struct object o;

	if (!members(raw, &o))
		return;
	buf_str(b, "<li><code>");
	scalar(b, member(&o, "policy"), a);
	buf_str(b, "</code>: ");
	scalar(b, member(&o, "why"), a);
	buf_byte(b, ' ');
	place(b, &o, a);
	buf_str(b, "</li>\n");
}

static void step(struct buf *b, struct slice raw, struct arena *a)
{
	struct object o;

	if (!members(raw, &o))
		return;
	buf_printf(b, "<li class=\"%s\">", slice_is(member(&o, "taken"), "false") ? "passed" : "");
	scalar(b, member(&o, "text"), a);
	buf_byte(b, ' ');
	place(b, &o, a);
	buf_str(b, "</li>\n");
}

void explain_render(struct buf *b, struct slice json)
{
	struct object whole, o;
	struct arena *a = arena_new(ARENA);

	if (members(json, &whole) && members(member(&whole, "trace"), &o)) {
		if (member(&o, "nearest").n > 2) {
			buf_str(b, "<p>Nearest first:</p>\n<ul class=\"nearest\">\n");
			each(member(&o, "nearest"), miss, b, a);
			buf_str(b, "</ul>\n");
		}
		if (slice_is(member(&o, "asked"), "false"))
			buf_str(b, "<p class=\"note\">These policies are not asked here; this is what they "
				   "would say.</p>\n");
		each(member(&o, "policies"), policy, b, a);
		if (member(&o, "left_out").n > 2) {
			buf_str(b, "<h3>Not asked, by their targets</h3>\n<ul>\n");
			each(member(&o, "left_out"), left_out, b, a);
			buf_str(b, "</ul>\n");
		}
		if (member(&whole, "route").n > 2) {
			buf_str(b, "<h3>Route</h3>\n<ol class=\"steps\">\n");
			each(member(&whole, "route"), step, b, a);
			buf_str(b, "</ol>\n");
		}
	}
	arena_free(&a);
}

void explain_section(struct page *p, int64_t flow)
{
	struct buf json;
	struct err e = { 0 };

	buf_init(&json, 4 * 1024 * 1024);
	buf_str(&p->body, "<section aria-labelledby=\"why\"><h2 id=\"why\">Why it was judged so</h2>\n");
	if (server_explain(p->web, flow, &json, &e)) {
		buf_str(&p->body, "<p class=\"empty\">");
		html_text(&p->body, slice_of(e.msg));
		buf_str(&p->body, "</p>\n");
	} else {
		explain_render(&p->body, buf_slice(&json));
	}
	buf_str(&p->body, "</section>\n");
	buf_release(&json);
}
