/*
 * lint_match: matches that earlier ones cover, within one VirtualService.
 *
 * The same tests as istiod's validation (istio/istio pkg/config/validation): equal matches by their
 * canonical text, and for HTTP a prefix that an earlier prefix contains, where everything else
 * is no narrower.
 */
#include "analyze/lint_build.h"

#include <stdio.h>
#include <stdlib.h>

enum { COVER_MAX = 500 };	/* prefixes compared pairwise, per VirtualService */

static int key_order(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	struct slice s = node_text((*x)), t = node_text((*y));
	size_t n = s.n < t.n ? s.n : t.n;
	int c = n ? memcmp(s.p, t.p, n) : 0;

	return c ? c : s.n < t.n ? -1 : s.n > t.n;
}

/* A node as text that does not depend on the order of keys; `name` is left out at the top. */
static void canon(struct buf *b, const struct node *n, bool top)
{
	const struct node **keys;

	if (n->kind == NODE_SCALAR) {
		buf_json_string(b, n->text);
		return;
	}
	buf_byte(b, is_map(n) ? '{' : '[');
	if (!is_map(n)) {
		for (uint32_t i = 0; i < n->n; i++)
			canon(b, n->item[i], false);
		buf_byte(b, ']');
		return;
	}
	keys = malloc((n->n + 1) * sizeof *keys);
	if (!keys)
		abort();
	for (uint32_t i = 0; i < n->n; i++)
		keys[i] = n->key[i];
	qsort(keys, n->n, sizeof *keys, key_order);
	for (uint32_t i = 0; i < n->n; i++) {
		const char *skip = "name";

		if (top && slice_is(node_text(keys[i]), skip))
			continue;
		buf_json_string(b, node_text(keys[i]));
		for (uint32_t k = 0; k < n->n; k++)
			if (n->key[k] == keys[i])
				canon(b, n->item[k], false);
	}
	free(keys);
	buf_byte(b, '}');
}

static struct slice canonical(struct arena *a, const struct node *n)
{
	struct buf b;
	struct slice s;

	buf_init(&b, 1 << 20);
	canon(&b, n, true);
	s = arena_copy(a, buf_slice(&b));
	buf_release(&b);
	return s;
}

/* --- prefixes ------------------------------------------------------------------------ */

struct prefix {
	struct slice uri, port;
	const struct node *match;
	uint32_t route;
};

/* "exact:x" or "prefix:x" of a StringMatch, as istiod compares them. */
static struct slice word(const struct node *m, char *room, size_t size)
{
	const char *kind = text_at(m, "exact").n    ? "exact"
			   : text_at(m, "prefix").n ? "prefix"
						    : NULL;
	struct slice v = kind ? node_text(node_get(m, kind)) : (struct slice){ NULL, 0 };
	int n = kind ? snprintf(room, size, "%s:%.*s", kind, (int)v.n, (const char *)v.p) : 0;

	return (struct slice){ (const uint8_t *)room, n > 0 && (size_t)n < size ? (size_t)n : 0 };
}

static bool wider(const struct node *a, const struct node *b, const char *absent)
{
	char ra[600], rb[600];
	struct slice x = word(a, ra, sizeof ra), y = word(b, rb, sizeof rb);

	if (!x.n && absent)
		x = slice_of(absent);
	if (!y.n && absent)
		y = slice_of(absent);
	return slice_eq(x, y) || slice_starts(x, y);
}

static bool maps_wider(const struct node *a, const struct node *b)
{
	if ((is_map(a) ? a->n : 0) != (is_map(b) ? b->n : 0))
		return false;
	for (uint32_t i = 0; is_map(a) && i < a->n; i++) {
		const struct node *other = NULL;

		for (uint32_t k = 0; k < b->n; k++)
			if (slice_eq(node_text(a->key[i]), node_text(b->key[k])))
				other = b->item[k];
		if (!other || !wider(a->item[i], other, NULL))
			return false;
	}
	return true;
}

/* Everything that `b` takes was taken by `a`, as far as istiod looks. */
static bool covers(const struct prefix *a, const struct prefix *b)
{
	const struct node *x = a->match, *y = b->match;

	return !slice_eq(a->uri, b->uri) && slice_starts(b->uri, a->uri) &&
	       slice_eq(a->port, b->port) &&
	       wider(node_get(x, "method"), node_get(y, "method"), "exact:GET") &&
	       wider(node_get(x, "authority"), node_get(y, "authority"), NULL) &&
	       maps_wider(node_get(x, "headers"), node_get(y, "headers")) &&
	       maps_wider(node_get(x, "queryParams"), node_get(y, "queryParams")) &&
	       maps_wider(node_get(x, "withoutHeaders"), node_get(y, "withoutHeaders"));
}

static void compare_prefixes(struct lint *l, const struct object *vs, const struct prefix *p,
			     size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (covers(&p[i], &p[k]))
				report(l, LINT_DUP_MATCH, vs, p[k].match,
				       "http[%u]: prefix %s is covered by prefix %s of http[%u]",
				       p[k].route, say(p[k].uri), say(p[i].uri), p[i].route);
}

/* --- equal matches ------------------------------------------------------------------- */

struct scan {
	const struct object *vs;
	const char *block;
	struct map seen;		/* canonical text -> the match */
	const struct node *empty;	/* a route without matches came before */
	struct prefix *prefix;
	size_t n_prefix;
};

static void one_match(struct lint *l, struct scan *s, uint32_t i, const struct node *route,
		      const struct node *match, uint32_t *twins)
{
	struct slice text = canonical(l->arena, match), uri = text_at(match, "uri.prefix");

	if (s->empty) {
		report(l, LINT_UNREACHABLE, s->vs, route,
		       "%s[%u] is never used: a route without matches stands before it",
		       s->block, i);
		return;
	}
	if (map_get(&s->seen, text)) {
		++*twins;
		report(l, LINT_DUP_MATCH, s->vs, match,
		       "%s[%u] repeats a match of an earlier route", s->block, i);
		return;
	}
	map_put(&s->seen, text, s);
	if (uri.n && s->prefix && s->n_prefix < COVER_MAX)
		s->prefix[s->n_prefix++] =
			(struct prefix){ uri, text_at(match, "port"), match, i };
}

static void scan_block(struct lint *l, const struct object *vs, enum route_block b)
{
	struct scan s = { .vs = vs, .block = route_block_name(b) };

	map_init(&s.seen, 1 << 16);
	if (b == ROUTE_HTTP)
		s.prefix = arena_new_array(l->arena, struct prefix, COVER_MAX);
	EACH_ITEM(node_get(vs->spec, s.block), route) {
		const struct node *matches = node_get(route, "match");
		uint32_t twins = 0;

		if (!has_items(matches)) {
			if (s.empty)
				report(l, LINT_UNREACHABLE, vs, route,
				       "%s[%u] is never used: only the last route may have no matches",
				       s.block, route_i);
			s.empty = route;
			continue;
		}
		EACH_ITEM(matches, match)
			one_match(l, &s, route_i, route, match, &twins);
		if (twins == matches->n)
			report(l, LINT_UNREACHABLE, vs, route,
			       "%s[%u] is never used: earlier routes have all its matches",
			       s.block, route_i);
	}
	if (s.n_prefix > 1)
		compare_prefixes(l, vs, s.prefix, s.n_prefix);
	map_release(&s.seen);
}

void lint_matches(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs) {
		scan_block(l, vs, ROUTE_HTTP);
		scan_block(l, vs, ROUTE_TCP);
		scan_block(l, vs, ROUTE_TLS);
	}
}
