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
			name = slice_from(name, prefix.n);
		else if (!s->ready)
			map_put(&s->headers, host_lower(s->arena, name), s);
		add_cond(s, m, claim ? ON_CLAIM : ON_HEADER, name, map->item[i], negated);
	}
}

static uint32_t size_of(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_MAP ? n->n : 0;
}

void match_compile(struct route_set *s, const struct node *match, struct http_match *m)
{
	static const struct { const char *key; enum cond_what what; } simple[] = {
		{ "uri", ON_PATH }, { "method", ON_METHOD }, { "authority", ON_AUTHORITY },
		{ "scheme", ON_SCHEME },
	};
	const struct node *params = node_get(match, "queryParams"), *v;
	bool fold = false;

	*m = (struct http_match){ .node = match, .fits = ANSWER_YES };
	m->cond = arena_new_array(s->arena, struct cond,
				  4 + size_of(match, "headers") +
					  size_of(match, "withoutHeaders") +
					  size_of(match, "queryParams"));
	if (!m->cond) {
		m->fits = ANSWER_NO;
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

void match_join(struct route_set *s, const struct http_match *a, const struct http_match *b,
		struct http_match *m)
{
	*m = (struct http_match){ .node = b->node, .fits = ANSWER_YES };
	if (a->fits == ANSWER_NO || b->fits == ANSWER_NO)
		m->fits = ANSWER_NO;
	m->cond = arena_new_array(s->arena, struct cond, a->n + b->n + 1);
	if (!m->cond) {
		m->fits = ANSWER_NO;
		return;
	}
	for (uint32_t i = 0; i < a->n; i++)
		m->cond[m->n++] = a->cond[i];
	for (uint32_t i = 0; i < b->n; i++)
		m->cond[m->n++] = b->cond[i];
}

/* As istiod tells a catch-all: prefix "/" or regex ".*", and nothing else. */
bool match_takes_all(const struct http_match *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->cond[i].what != ON_PATH ||
		    !((m->cond[i].how == BY_PREFIX && slice_is(m->cond[i].value, "/")) ||
		      (m->cond[i].how == BY_REGEX && slice_is(m->cond[i].value, ".*"))))
			return false;
	return true;
}

/* --- testing ------------------------------------------------------------------------- */

/* A match that ran into its limits settles nothing. */
static enum answer regex(struct route_set *s, const struct cond *c, struct slice text)
{
	int rc = pcre2_match(c->re, text.p ? text.p : (PCRE2_SPTR)"", text.n, 0, 0, s->match_data,
			     s->match_limits);

	return rc >= 0 ? ANSWER_YES : rc == PCRE2_ERROR_NOMATCH ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer yes_no(bool yes)
{
	return yes ? ANSWER_YES : ANSWER_NO;
}

static enum answer says(struct route_set *s, const struct cond *c, struct slice text)
{
	struct slice head = { text.p, text.n < c->value.n ? text.n : c->value.n };

	switch (c->how) {
	case BY_EXACT:
		return yes_no(c->fold ? host_equal(text, c->value) : slice_eq(text, c->value));
	case BY_PREFIX:
		return yes_no(c->fold ? host_equal(head, c->value) : slice_starts(text, c->value));
	case BY_REGEX:
		return regex(s, c, text);
	case BY_PRESENCE:
		return ANSWER_YES;
	case BY_NOTHING:
		return ANSWER_NO;
	}
	return ANSWER_NO;
}

static const char *const cond_field[] = {
	[ON_PATH] = "path", [ON_METHOD] = "method", [ON_AUTHORITY] = "authority",
	[ON_SCHEME] = "scheme", [ON_HEADER] = "request_headers", [ON_QUERY] = "path",
	[ON_CLAIM] = "request_claims",
};

static enum answer negate(enum answer a)
{
	return a == ANSWER_UNKNOWN ? a : yes_no(a == ANSWER_NO);
}

/* Any of the values; withoutHeaders counts a missing header as "", but not for presence (c.6). */
static enum answer positive(struct route_set *s, const struct cond *c,
			    const struct route_value *v)
{
	enum answer got = ANSWER_NO;

	if (v->state != FLOW_PRESENT)
		return c->negated && c->what == ON_HEADER && c->how != BY_PRESENCE
			       ? says(s, c, (struct slice){ NULL, 0 }) : ANSWER_NO;
	for (size_t i = 0; i < v->n && got != ANSWER_YES; i++) {
		enum answer a = says(s, c, v->text[i]);

		got = a == ANSWER_NO ? got : a;
	}
	return got;
}

static enum answer cond_test(struct route_set *s, const struct cond *c, const struct flow *f)
{
	struct route_value v;
	enum answer got;

	route_value(s, c, f, &v);
	if (v.state == FLOW_UNKNOWN)
		return ANSWER_UNKNOWN;
	got = positive(s, c, &v);
	return c->negated ? negate(got) : got;
}

static enum answer one(struct route_set *s, const struct http_match *m, const struct flow *f,
		       const char **missing)
{
	const char *want = m->fits == ANSWER_UNKNOWN ? "source_labels" : NULL;

	if (m->fits == ANSWER_NO)
		return ANSWER_NO;
	for (uint32_t i = 0; i < m->n; i++) {
		enum answer a = cond_test(s, &m->cond[i], f);

		if (a == ANSWER_NO)
			return ANSWER_NO;
		if (a == ANSWER_UNKNOWN)
			want = cond_field[m->cond[i].what];
	}
	if (want)
		*missing = want;
	return want ? ANSWER_UNKNOWN : ANSWER_YES;
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
	return any(s, c->match, c->n_match, f, missing);
}

static bool same_target(const struct compiled *a, const struct compiled *b)
{
	return a->n_targets == 1 && b->n_targets == 1 &&
	       slice_eq(a->target[0].cluster, b->target[0].cluster);
}

const struct compiled *match_first(struct route_set *s, struct compiled *const *routes, size_t n,
				   const struct flow *f, const char **missing)
{
	const struct compiled *maybe = NULL, *hit = NULL;
	const char *want = NULL;
	bool apart = false;

	for (size_t i = 0; i < n && !hit; i++) {
		enum answer a = match_test(s, routes[i], f, &want);

		if (a == ANSWER_YES)
			hit = routes[i];
		else if (a == ANSWER_UNKNOWN && maybe && !same_target(maybe, routes[i]))
			apart = true;
		else if (a == ANSWER_UNKNOWN)
			maybe = routes[i];
	}
	apart |= maybe && (!hit || !same_target(maybe, hit));
	*missing = apart ? want : NULL;
	return apart ? NULL : hit;
}

const struct cond *match_failing(struct route_set *s, const struct compiled *c,
				 const struct flow *f)
{
	for (uint32_t k = 0; k < c->n_match; k++) {
		const struct http_match *m = &c->match[k];

		for (uint32_t i = 0; m->fits != ANSWER_NO && i < m->n; i++)
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
