/*
 * route_http: virtual hosts of HTTP chains: domain -> routes in order (c.3 - c.5, c.7).
 *
 * Servers that speak plain HTTP on one port share one route configuration, an HTTPS server has its own
 * (b.11).  A VirtualService of which no route fits the server makes no virtual host, so a wider
 * one is asked.  Catch-alls stand at the end of a virtual host, whoever wrote them.
 */
#include "analyze/route_build.h"

#include <stdlib.h>
#include <string.h>

static const struct node *list_at(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_LIST ? n : NULL;
}

/* --- virtual hosts ------------------------------------------------------------------- */

struct vhosts *vhosts_for(struct route_set *s, struct server *v)
{
	uint32_t port = v->f.tls == ROUTE_TLS_NONE ? v->listen[0] : 0;
	struct vhosts *h;

	for (h = s->vhosts; port && h; h = h->next)
		if (h->port == port)
			return h;
	h = arena_new_object(s->arena, struct vhosts);
	if (!h)
		abort();
	*h = (struct vhosts){ .port = port, .next = s->vhosts };
	names_init(&h->names);
	s->vhosts = h;
	return h;
}

static struct vhost *vhost_at(struct route_set *s, struct server *v, struct slice domain)
{
	struct vhost *h = names_get(&v->vhosts->names, domain);

	if (h)
		return h;
	h = arena_new_object(s->arena, struct vhost);
	if (!h)
		abort();
	*h = (struct vhost){ .domain = arena_copy(s->arena, domain), .server = v };
	names_put(&v->vhosts->names, s->arena, h->domain, h);
	return h;
}

const struct vhost *vhosts_find(const struct vhosts *v, struct slice host)
{
	return names_find(&v->names, host);
}

/* Catch-alls go to the end, so that a later VirtualService's routes are reached (c.4). */
static void vhost_add(struct route_set *s, struct vhost *h, struct compiled *c)
{
	size_t at = h->n;

	h->route = list_grow(s->arena, h->route, h->n, sizeof *h->route);
	while (!c->catch_all && at && h->route[at - 1]->catch_all)
		at--;
	memmove(h->route + at + 1, h->route + at, (h->n - at) * sizeof *h->route);
	h->route[at] = c;
	h->n++;
}

/* --- the routes of one VirtualService ------------------------------------------------ */

/* A match of a root's route, of its delegate's, or of both together; either may be NULL. */
struct pair {
	const struct node *root, *leaf;
	const struct object *root_vs, *leaf_vs;
};

static bool port_fits(const struct node *match, const struct place *at)
{
	int64_t port;

	return !node_int(node_get(match, "port"), &port) || !port || port == at->port;
}

static enum answer both(enum answer a, enum answer b)
{
	return a == ANSWER_NO || b == ANSWER_YES ? a : b;
}

/* What istiod decides (c.5): with `gateways` the source is not looked at (sourceMatchHTTP). */
static enum answer pair_fits(const struct pair *p, const struct place *at)
{
	const struct node *leaf = list_at(p->leaf, "gateways"), *root = list_at(p->root, "gateways");

	if (!port_fits(p->leaf, at) || !port_fits(p->root, at))
		return ANSWER_NO;
	if (leaf && leaf->n)
		return names_place(leaf, p->leaf_vs, at) ? ANSWER_YES : ANSWER_NO;
	if (root && root->n)
		return names_place(root, p->root_vs, at) ? ANSWER_YES : ANSWER_NO;
	return both(source_fits(p->root, at), source_fits(p->leaf, at));
}

static void compile_pair(struct route_set *s, const struct pair *p, struct http_match *m)
{
	struct http_match root = { 0 }, leaf = { 0 };

	if (p->root)
		match_compile(s, p->root, &root);
	if (p->leaf)
		match_compile(s, p->leaf, &leaf);
	if (p->root && p->leaf)
		match_join(s, &root, &leaf, m);
	else
		*m = p->root ? root : leaf;
}

/* Every pair of the two lists that istiod keeps; -1: a leaf fits under no root, so the route is dropped. */
static int64_t pairs(const struct node *roots, const struct node *leaves, struct pair like,
		     struct pair *out)
{
	uint32_t n_roots = roots ? roots->n : 0, n_leaves = leaves ? leaves->n : 0;
	int64_t n = 0;

	for (uint32_t i = 0; i < (n_leaves ? n_leaves : 1); i++) {
		int64_t from = n;

		for (uint32_t k = 0; k < (n_roots ? n_roots : 1); k++) {
			struct pair p = like;

			p.leaf = n_leaves ? leaves->item[i] : NULL;
			p.root = n_roots ? roots->item[k] : NULL;
			if (p.leaf && p.root &&
			    matches_conflict(p.root, p.root_vs, p.leaf, p.leaf_vs))
				continue;
			out[n++] = p;
		}
		if (n == from)
			return -1;
	}
	return n_roots || n_leaves ? n : 0;
}

/* Left out where nothing of it fits. */
static void add_route(struct route_set *s, struct http_list *l, const struct place *at,
		      struct compiled *c, const struct pair *p, int64_t n)
{
	bool any = n == 0;

	c->match = n ? arena_new_array(s->arena, struct http_match, (size_t)n) : NULL;
	c->n_match = (uint32_t)n;
	c->catch_all = n == 0;
	for (int64_t i = 0; i < n; i++) {
		struct http_match *m = &c->match[i];

		compile_pair(s, &p[i], m);
		m->fits = both(m->fits, pair_fits(&p[i], at));
		any |= m->fits != ANSWER_NO;
		c->catch_all |= m->fits == ANSWER_YES && match_takes_all(m);
	}
	l->closed |= c->catch_all;
	if (!any)
		return;
	l->c = list_grow(s->arena, l->c, l->n, sizeof *l->c);
	l->c[l->n++] = c;
}

/* A route of vs, with the matches of the delegating route around its own. */
static void compile_one(struct route_set *s, struct http_list *l, const struct place *at,
			const struct object *vs, uint32_t index, const struct node *node,
			const struct node *roots, const struct object *root_vs)
{
	const struct node *own = list_at(node, "match");
	size_t most = (size_t)(own && own->n ? own->n : 1) * (roots && roots->n ? roots->n : 1);
	struct pair like = { NULL, NULL, root_vs, vs };
	struct pair *p = arena_new_array(s->scratch, struct pair, most);
	int64_t n = p ? pairs(roots, own, like, p) : -1;

	if (n >= 0)
		add_route(s, l, at, route_compile(s, vs, ROUTE_HTTP, index, node, at), p, n);
}

static void compile_delegate(struct route_set *s, struct http_list *l, const struct place *at,
			     const struct object *to, const struct object *root_vs,
			     const struct node *root)
{
	const struct node *list = list_at(to->spec, "http");

	for (uint32_t i = 0; list && i < list->n && !l->closed; i++)
		compile_one(s, l, at, to, i, list->item[i], list_at(root, "match"), root_vs);
}

struct http_list http_compile(struct route_set *s, const struct object *vs,
			      const struct place *at)
{
	const struct node *list = list_at(vs->spec, "http");
	struct http_list l = { 0 };

	for (uint32_t i = 0; list && i < list->n && !l.closed; i++) {
		const struct object *to = delegate_of(s, list->item[i], vs);

		if (to)
			compile_delegate(s, &l, at, to, vs, list->item[i]);
		else if (!node_get(list->item[i], "delegate"))	/* one not found: left out */
			compile_one(s, &l, at, vs, i, list->item[i], NULL, NULL);
	}
	return l;
}

/* --- binding ------------------------------------------------------------------------- */

struct http_bind {
	struct route_set *s;
	struct server *v;
	struct http_list l;
};

static bool bind_domain(void *ctx, struct slice domain)
{
	struct http_bind *b = ctx;
	struct vhost *h = vhost_at(b->s, b->v, domain);

	/* Two patterns of one server may name one domain. */
	for (size_t i = 0; i < b->l.n && h->last != b->l.c; i++)
		vhost_add(b->s, h, b->l.c[i]);
	h->last = b->l.c;
	h->redirect |= server_redirects(&b->v->f);
	return true;
}

void bind_http(struct route_set *s, struct server *v, const struct object *vs)
{
	struct http_bind b = { s, v, http_compile(s, vs, &v->at) };

	if (b.l.n)
		shared_hosts(s, vs, v, bind_domain, &b);
}

/* b.9: the server's own hosts are redirected, VirtualService or not. */
void bind_redirects(struct route_set *s, struct server *v)
{
	struct slice pattern;

	for (size_t i = 0; server_redirects(&v->f) && map_next(&v->hosts.map, &i, &pattern);)
		vhost_at(s, v, pattern)->redirect = true;
}
