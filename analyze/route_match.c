/*
 * route_match: the conditions of an HTTP match (c.5, c.6), in three values.
 *
 * What istiod decides (port, gateways, source) is settled when compiling; what Envoy decides per
 * request is a list of conditions.  A condition on something that was not observed is
 * unknown; a match is false as soon as one condition is.
 * Regular expressions run in PCRE2 with limits, anchored at both ends; what RE2 refuses never matches.
 */
#include "analyze/route_build.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"

/* --- compiling ----------------------------------------------------------------------- */

static void compile_regex(struct route_set *s, struct cond *c)
{
	int error;
	PCRE2_SIZE at;

	c->how = BY_NOTHING;
	if (re2_refuses(c->value))
		return;
	c->re = pcre2_compile(c->value.p ? c->value.p : (PCRE2_SPTR)"", c->value.n,
			      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL |
			      PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, &error, &at, NULL);
	if (!c->re)
		return;
	c->how = BY_REGEX;
	s->codes = list_grow(s->arena, s->codes, s->n_codes, sizeof *s->codes);
	s->codes[s->n_codes++] = c->re;
}

/* A StringMatch: exact, prefix, regex; empty, or regex "*", is a test of presence. */
static void string_match(struct route_set *s, const struct node *m, struct cond *c)
{
	static const struct { const char *key; enum cond_how how; } table[] = {
		{ "exact", BY_EXACT }, { "prefix", BY_PREFIX }, { "regex", BY_REGEX },
	};

	c->at = m;
	c->how = BY_PRESENCE;
	for (size_t i = 0; i < 3; i++) {
		const struct node *v = node_get(m, table[i].key);

		if (!v)
			continue;
		c->value = node_text(v);
		c->how = table[i].how;
	}
	if (c->how == BY_REGEX && slice_is(c->value, "*"))
		c->how = BY_PRESENCE;
	else if (c->how == BY_REGEX)
		compile_regex(s, c);
}

static void add_cond(struct route_set *s, struct http_match *m, enum cond_what what,
		     struct slice name, const struct node *match, bool negated)
{
	struct cond *c;

	c = &m->cond[m->n++];
	*c = (struct cond){ .what = what, .name = name, .negated = negated };
	string_match(s, match, c);
}

/* "@request.auth.claims.x" and "@request.auth.claims[x]" test a claim (gateways only). */
static void add_headers(struct route_set *s, struct http_match *m, const struct node *map,
			bool negated)
{
	struct slice prefix = SLICE("@request.auth.claims");

	for (uint32_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++) {
		struct slice name = node_text(map->key[i]);
		bool claim = slice_starts(name, prefix);

		if (claim)
			name = slice_from(name, prefix.n + 1);
		if (claim && name.n && name.p[name.n - 1] == ']')
			name.n--;
		add_cond(s, m, claim ? ON_CLAIM : ON_HEADER, name, map->item[i], negated);
	}
}

static uint32_t size_of(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_MAP ? n->n : 0;
}

static bool source_fits(const struct route_set *s, const struct node *match)
{
	struct slice ns = node_text(node_get(match, "sourceNamespace"));

	/* With `gateways` the other two are not looked at (sourceMatchHTTP). */
	if (node_get(match, "gateways"))
		return true;
	return selects_labels(node_get(match, "sourceLabels"), s->labels, s->n_labels) &&
	       (!ns.n || slice_eq(ns, s->ns));
}

void match_compile(struct route_set *s, const struct node *match, struct http_match *m)
{
	static const struct { const char *key; enum cond_what what; } simple[] = {
		{ "uri", ON_PATH }, { "method", ON_METHOD }, { "authority", ON_AUTHORITY },
		{ "scheme", ON_SCHEME },
	};
	const struct node *params = node_get(match, "queryParams"), *v;
	bool fold = false;

	*m = (struct http_match){ .node = match, .possible = source_fits(s, match) };
	m->cond = arena_new_array(s->arena, struct cond,
				  4 + size_of(match, "headers") +
					  size_of(match, "withoutHeaders") +
					  size_of(match, "queryParams"));
	if (!m->cond) {
		m->possible = false;
		return;
	}
	for (size_t i = 0; i < 4; i++)
		if ((v = node_get(match, simple[i].key)))
			add_cond(s, m, simple[i].what, (struct slice){ 0 }, v, false);
	node_bool(node_get(match, "ignoreUriCase"), &fold);
	if (m->n && m->cond[0].what == ON_PATH && m->cond[0].how != BY_REGEX)
		m->cond[0].fold = fold;
	add_headers(s, m, node_get(match, "headers"), false);
	add_headers(s, m, node_get(match, "withoutHeaders"), true);
	for (uint32_t i = 0; params && params->kind == NODE_MAP && i < params->n; i++)
		add_cond(s, m, ON_QUERY, node_text(params->key[i]), params->item[i], false);
}

bool match_is_catch_all(const struct node *match)
{
	static const char *const others[] = { "method", "authority", "scheme", "headers",
					      "withoutHeaders", "queryParams" };
	const struct node *uri = node_get(match, "uri");

	if (!slice_is(text_at(uri, "prefix"), "/") && !slice_is(text_at(uri, "regex"), ".*") &&
	    !slice_is(text_at(uri, "regex"), "*"))
		return false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (node_get(match, others[i]))
			return false;
	return true;
}

/* --- testing ------------------------------------------------------------------------- */

struct subject {
	enum flow_state state;
	struct slice text;
};

static struct subject field(const struct flow *f, enum flow_field k)
{
	return (struct subject){ flow_state(f, k), flow_text(f, k) };
}

/* A member of a JSON object field: its text where it is a string. */
static struct subject member(const struct flow *f, enum flow_field k, struct slice name,
			     struct arena *a)
{
	struct subject got = { flow_state(f, k), { NULL, 0 } };
	enum json_token t;
	struct json j;

	if (got.state != FLOW_PRESENT)
		return got;
	got.state = FLOW_ABSENT;
	json_init(&j, flow_text(f, k));
	if (json_next(&j) != JSON_OBJECT)
		return got;
	while (json_next(&j) == JSON_KEY) {
		bool hit = j.text.n == name.n && (!name.n ||
			strncasecmp((const char *)j.text.p, (const char *)name.p, name.n) == 0);

		t = json_next(&j);
		if (hit && t == JSON_STRING) {
			got.text = json_unescape(&j, a);
			got.state = FLOW_PRESENT;
			return got;
		}
		if (!json_skip(&j, t, NULL))
			break;
	}
	return got;
}

static struct slice before(struct slice s, uint8_t c)
{
	const uint8_t *p = s.n ? memchr(s.p, c, s.n) : NULL;

	return p ? (struct slice){ s.p, (size_t)(p - s.p) } : s;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct slice decoded(struct slice s, struct arena *a)
{
	uint8_t *p;
	size_t n = 0;

	if (!s.n || !memchr(s.p, '%', s.n) || !(p = arena_bytes(a, s.n)))
		return s;
	for (size_t i = 0; i < s.n; i++) {
		bool code = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 &&
			    hex(s.p[i + 2]) >= 0;
		int value = code ? hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]) : s.p[i];
		p[n++] = (uint8_t)value;
		i += code ? 2 : 0;
	}
	return (struct slice){ p, n };
}

static struct subject parameter(const struct flow *f, struct slice name, struct arena *a)
{
	struct subject got = field(f, F_PATH);
	struct slice q = before(got.text, '#');
	size_t path = before(q, '?').n;

	if (got.state != FLOW_PRESENT)
		return got;
	if (path == q.n) {	/* no query, or one that was dropped for privacy */
		got.state = FLOW_UNKNOWN;
		return got;
	}
	got.state = FLOW_ABSENT;
	for (q = slice_from(q, path + 1); q.n;) {
		struct slice one = before(q, '&'), key = before(one, '=');

		if (slice_eq(decoded(key, a), name)) {
			got.text = decoded(slice_from(one, key.n + 1), a);
			got.state = FLOW_PRESENT;
			return got;
		}
		q = slice_from(q, one.n + 1);
	}
	return got;
}

static struct subject header(const struct flow *f, struct slice name, struct arena *a)
{
	static const struct { const char *name; enum flow_field k; } known[] = {
		{ ":method", F_METHOD }, { ":path", F_PATH }, { ":authority", F_AUTHORITY },
		{ "host", F_AUTHORITY }, { "user-agent", F_USER_AGENT },
		{ "x-request-id", F_REQUEST_ID },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (host_equal(name, slice_of(known[i].name)) &&
		    flow_state(f, known[i].k) != FLOW_UNKNOWN)
			return field(f, known[i].k);
	return member(f, F_REQUEST_HEADERS, name, a);
}

static struct subject subject(const struct cond *c, const struct flow *f, struct arena *a)
{
	struct subject got = { FLOW_UNKNOWN, { NULL, 0 } };

	switch (c->what) {
	case ON_PATH:
		got = field(f, F_PATH);
		got.text = before(before(got.text, '#'), '?');
		return got;
	case ON_METHOD:
		return field(f, F_METHOD);
	case ON_AUTHORITY:
		return field(f, F_AUTHORITY);
	case ON_HEADER:
		return header(f, c->name, a);
	case ON_QUERY:
		return parameter(f, c->name, a);
	case ON_CLAIM:
		return member(f, F_REQUEST_CLAIMS, c->name, a);
	case ON_SCHEME:
		return got;	/* nobody reports it */
	}
	return got;
}

static bool regex(struct route_set *s, const struct cond *c, struct slice text)
{
	return pcre2_match(c->re, text.p ? text.p : (PCRE2_SPTR)"", text.n, 0, 0, s->match_data,
			   s->match_limits) >= 0;
}

static bool says(struct route_set *s, const struct cond *c, struct slice text)
{
	struct slice head = { text.p, text.n < c->value.n ? text.n : c->value.n };

	switch (c->how) {
	case BY_EXACT:
		return c->fold ? host_equal(text, c->value) : slice_eq(text, c->value);
	case BY_PREFIX:
		return c->fold ? host_equal(head, c->value) : slice_starts(text, c->value);
	case BY_REGEX:
		return regex(s, c, text);
	case BY_PRESENCE:
		return true;
	case BY_NOTHING:
		return false;
	}
	return false;
}

static const char *const cond_field[] = {
	[ON_PATH] = "path", [ON_METHOD] = "method", [ON_AUTHORITY] = "authority",
	[ON_SCHEME] = "scheme", [ON_HEADER] = "request_headers", [ON_QUERY] = "path",
	[ON_CLAIM] = "request_claims",
};

static enum answer cond_test(struct route_set *s, const struct cond *c, const struct flow *f)
{
	struct subject v = subject(c, f, s->scratch);
	enum answer got = ANSWER_UNKNOWN;

	if (v.state == FLOW_PRESENT || v.state == FLOW_ABSENT) {
		/* withoutHeaders: a missing header counts as "", but not for presence (c.6). */
		bool missing = v.state == FLOW_ABSENT;
		bool yes = missing && (!c->negated || c->how == BY_PRESENCE) ? false
									     : says(s, c, v.text);
		got = yes != c->negated ? ANSWER_YES : ANSWER_NO;
	}
	return got;
}

static enum answer one(struct route_set *s, const struct http_match *m, const struct flow *f,
		       const char **missing)
{
	enum answer all = ANSWER_YES;

	if (!m->possible)
		return ANSWER_NO;
	for (uint32_t i = 0; i < m->n; i++) {
		enum answer a = cond_test(s, &m->cond[i], f);

		if (a == ANSWER_NO)
			return ANSWER_NO;
		if (a == ANSWER_UNKNOWN) {
			all = ANSWER_UNKNOWN;
			*missing = cond_field[m->cond[i].what];
		}
	}
	return all;
}

static enum answer any(struct route_set *s, const struct http_match *m, uint32_t n,
		       const struct flow *f, const char **missing)
{
	enum answer best = n ? ANSWER_NO : ANSWER_YES;

	for (uint32_t i = 0; i < n; i++) {
		enum answer a = one(s, &m[i], f, missing);

		if (a == ANSWER_YES)
			return a;
		if (a == ANSWER_UNKNOWN)
			best = a;
	}
	return best;
}

enum answer match_test(struct route_set *s, const struct compiled *c, const struct flow *f,
		       const char **missing)
{
	enum answer outer = any(s, c->outer, c->n_outer, f, missing), inner;

	if (outer == ANSWER_NO)
		return outer;
	inner = any(s, c->match, c->n_match, f, missing);
	return inner == ANSWER_YES ? outer : inner;
}

const struct cond *match_failing(struct route_set *s, const struct compiled *c,
				 const struct flow *f)
{
	for (uint32_t k = 0; k < c->n_outer + c->n_match; k++) {
		const struct http_match *m = k < c->n_outer ? &c->outer[k]
							    : &c->match[k - c->n_outer];

		for (uint32_t i = 0; m->possible && i < m->n; i++)
			if (cond_test(s, &m->cond[i], f) != ANSWER_YES)
				return &m->cond[i];
	}
	return NULL;
}

void cond_print(struct buf *b, const struct cond *c)
{
	static const char *const how[] = { "is", "begins with", "matches", "is present",
					   "matches (refused by RE2)" };
	static const char *const what[] = { "uri", "method", "authority", "scheme", "header ",
					    "query parameter ", "claim " };

	buf_str(b, c->negated ? "not " : "");
	buf_str(b, what[c->what]);
	buf_quote(b, c->name);
	buf_printf(b, " %s", how[c->how]);
	if (c->how != BY_PRESENCE) {
		buf_str(b, " \"");
		buf_quote(b, c->value);
		buf_str(b, "\"");
	}
}
