/*
 * route_bind: which routes of which VirtualServices a gateway server ends up with (b.4, b.5, c.1 - c.5).
 *
 * HTTP chains get virtual hosts: domain -> routes in order; servers that speak plain HTTP on one
 * port share them, as they share one RDS route configuration.  TCP chains get the one route
 * that istiod takes; passthrough chains get a route per server name.
 */
#include "analyze/route_build.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 1 << 20 };

static const struct node *list_at(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_LIST ? n : NULL;
}

/* --- one route ----------------------------------------------------------------------- */

static int heavier(const void *a, const void *b)
{
	const struct route_target *x = a, *y = b;

	return x->weight > y->weight ? -1 : x->weight < y->weight;
}

static void compile_targets(struct route_set *s, struct compiled *c, int64_t listener_port)
{
	const struct node *list = list_at(c->node, "route");
	uint32_t n = list ? list->n : 0;

	c->target = n ? arena_new_array(s->arena, struct route_target, n) : NULL;
	for (uint32_t i = 0; c->target && i < n; i++) {
		struct route_target *t = &c->target[c->n_targets];
		int64_t weight = 0;

		node_int(node_get(list->item[i], "weight"), &weight);
		if (weight == 0 && n > 1)
			continue;	/* c.7: left out */
		target_read(&s->registry, node_get(list->item[i], "destination"), c->vs->ns,
			    s->ns, s->labels, s->n_labels, listener_port, s->arena, t);
		t->weight = weight;
		c->n_targets++;
	}
	if (c->n_targets > 1)
		qsort(c->target, c->n_targets, sizeof *c->target, heavier);
}

static struct compiled *compile(struct route_set *s, const struct object *vs,
				enum route_block block, uint32_t index, const struct node *node,
				int64_t listener_port)
{
	struct compiled *c = arena_new_object(s->arena, struct compiled);

	if (!c)
		abort();
	*c = (struct compiled){ .vs = vs, .block = block, .index = index, .node = node };
	c->answers = node_get(node, "redirect") || node_get(node, "directResponse");
	compile_targets(s, c, listener_port);
	return c;
}

/* --- does a match fit the server? ---------------------------------------------------- */

static bool names_gateway(const struct node *list, const struct object *vs,
			  const struct object *gateway)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (gateway_ref_is(node_text(list->item[i]), vs->ns, gateway))
			return true;
	return false;
}

bool l4_match_fits(const struct node *match, const struct object *vs, const struct server *v)
{
	const struct node *gateways = list_at(match, "gateways");
	int64_t port;

	if (node_int(node_get(match, "port"), &port) && port != v->f.port)
		return false;
	return !gateways || !gateways->n || names_gateway(gateways, vs, v->gateway);
}

bool vs_is_bound(const struct route_set *s, const struct object *vs, const struct server *v)
{
	const struct node *gateways = list_at(vs->spec, "gateways");

	return gateways && names_gateway(gateways, vs, v->gateway) &&
	       object_exported(vs, s->ns) && server_takes(&v->f, v->gateway, vs);
}

/* --- TCP and passthrough chains ------------------------------------------------------ */

static bool any_match_fits(const struct node *route, const struct object *vs,
			   const struct server *v)
{
	const struct node *list = list_at(route, "match");

	if (!list || !list->n)
		return true;
	for (uint32_t i = 0; i < list->n; i++)
		if (l4_match_fits(list->item[i], vs, v))
			return true;
	return false;
}

static void bind_tcp(struct route_set *s, struct server *v, const struct object *vs)
{
	const struct node *list = list_at(vs->spec, "tcp");

	for (uint32_t i = 0; list && i < list->n && !v->tcp; i++)
		if (any_match_fits(list->item[i], vs, v))
			v->tcp = compile(s, vs, ROUTE_TCP, i, list->item[i], v->f.port);
}

static void add_sni(struct route_set *s, struct server *v, struct slice sni, struct compiled *c)
{
	struct slice name = host_lower(s->arena, sni);

	if (!host_is_wildcard(name)) {
		if (!map_get(&v->snis, name))	/* the first wins (c.8) */
			map_put(&v->snis, name, c);
		return;
	}
	for (size_t i = 0; i < v->n_wild; i++)
		if (slice_eq(v->wild[i].sni, name))
			return;
	v->wild = list_grow(s->arena, v->wild, v->n_wild, sizeof *v->wild);
	v->wild[v->n_wild++] = (struct sni_route){ name, c };
}

static void bind_tls(struct route_set *s, struct server *v, const struct object *vs)
{
	const struct node *list = list_at(vs->spec, "tls");

	for (uint32_t i = 0; list && i < list->n; i++) {
		const struct node *matches = list_at(list->item[i], "match");
		struct compiled *c = NULL;

		for (uint32_t k = 0; matches && k < matches->n; k++) {
			const struct node *snis = list_at(matches->item[k], "sniHosts");

			if (!l4_match_fits(matches->item[k], vs, v))
				continue;
			if (!c)
				c = compile(s, vs, ROUTE_TLS, i, list->item[i], v->f.port);
			for (uint32_t j = 0; snis && j < snis->n; j++)
				add_sni(s, v, node_text(snis->item[j]), c);
		}
	}
}

/* Envoy prefers the exact name, then the longest wildcard, whatever the order. */
struct compiled *sni_find(const struct server *v, struct slice sni)
{
	struct compiled *c = map_get(&v->snis, sni);
	const struct sni_route *best = NULL;

	for (size_t i = 0; !c && i < v->n_wild; i++)
		if (host_within(sni, v->wild[i].sni) &&
		    (!best || v->wild[i].sni.n > best->sni.n))
			best = &v->wild[i];
	return best ? best->route : c;
}

/* --- HTTP chains --------------------------------------------------------------------- */

static struct vhost *vhost_at(struct route_set *s, struct vhosts *v, struct slice domain)
{
	struct slice name = host_lower(s->arena, domain);
	struct vhost *h = host_is_wildcard(name) ? NULL : map_get(&v->exact, name);
	size_t at = 0;

	for (size_t i = 0; !h && i < v->n_wild; i++)
		if (slice_eq(v->wild[i]->domain, name))
			h = v->wild[i];
	if (h)
		return h;
	h = arena_new_object(s->arena, struct vhost);
	if (!h)
		abort();
	h->domain = name;
	if (!host_is_wildcard(name)) {
		map_put(&v->exact, name, h);
		return h;
	}
	v->wild = list_grow(s->arena, v->wild, v->n_wild, sizeof *v->wild);
	while (at < v->n_wild && v->wild[at]->domain.n >= name.n)
		at++;
	memmove(v->wild + at + 1, v->wild + at, (v->n_wild - at) * sizeof *v->wild);
	v->wild[at] = h;
	v->n_wild++;
	return h;
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

/* The matches of an HTTP route that this server can see; *catch_all: nothing gets past it. */
static uint32_t compile_matches(struct route_set *s, const struct node *route,
				const struct object *vs, const struct server *v,
				struct http_match **out, bool *catch_all)
{
	const struct node *list = list_at(route, "match");
	uint32_t n = list ? list->n : 0;

	*out = n ? arena_new_array(s->arena, struct http_match, n) : NULL;
	*catch_all = n == 0;
	for (uint32_t i = 0; *out && i < n; i++) {
		struct http_match *m = &(*out)[i];

		match_compile(s, list->item[i], m);
		m->possible = m->possible && (!v || l4_match_fits(list->item[i], vs, v));
		*catch_all |= m->possible && (m->n == 0 || match_is_catch_all(list->item[i]));
	}
	return n;
}

static bool any_possible(const struct http_match *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (m[i].possible)
			return true;
	return n == 0;
}

static const struct object *delegate_of(const struct route_set *s, const struct node *route,
					const struct object *vs)
{
	const struct node *d = node_get(route, "delegate");
	struct slice ns = text_at(d, "namespace"), name = text_at(d, "name");

	for (size_t i = 0; d && i < s->n_vs; i++)
		if (slice_eq(s->vs[i]->name, name) &&
		    slice_eq(s->vs[i]->ns, ns.n ? ns : vs->ns) &&
		    !list_at(s->vs[i]->spec, "hosts"))
			return s->vs[i];
	return NULL;
}

struct http_list {
	struct compiled **c;
	size_t n;
};

static void http_push(struct route_set *s, struct http_list *l, struct compiled *c)
{
	l->c = list_grow(s->arena, l->c, l->n, sizeof *l->c);
	l->c[l->n++] = c;
}

/* A delegating route stands for the delegate's routes, under its own matches as well (c.7). */
static void compile_delegate(struct route_set *s, struct http_list *l, const struct object *to,
			     const struct compiled *root, const struct server *v)
{
	const struct node *list = list_at(to->spec, "http");

	for (uint32_t i = 0; list && i < list->n; i++) {
		struct compiled *c = compile(s, to, ROUTE_HTTP, i, list->item[i], v->f.port);
		bool all;

		c->outer = root->match;
		c->n_outer = root->n_match;
		c->n_match = compile_matches(s, list->item[i], to, NULL, &c->match, &all);
		c->catch_all = all && root->catch_all;
		http_push(s, l, c);
		if (c->catch_all)
			return;
	}
}

static struct http_list compile_http(struct route_set *s, const struct object *vs,
				     const struct server *v)
{
	const struct node *list = list_at(vs->spec, "http");
	struct http_list l = { 0 };

	for (uint32_t i = 0; list && i < list->n; i++) {
		struct compiled *c = compile(s, vs, ROUTE_HTTP, i, list->item[i], v->f.port);
		const struct object *to = delegate_of(s, list->item[i], vs);
		bool all;

		c->n_match = compile_matches(s, list->item[i], vs, v, &c->match, &all);
		c->catch_all = all;
		if (!any_possible(c->match, c->n_match))
			continue;
		if (to)
			compile_delegate(s, &l, to, c, v);
		else
			http_push(s, &l, c);
		if (all)
			break;		/* what stands after it is dropped (c.4) */
	}
	return l;
}

static void bind_http(struct route_set *s, struct server *v, const struct object *vs)
{
	const struct node *hosts = list_at(vs->spec, "hosts");
	struct http_list l = compile_http(s, vs, v);

	for (uint32_t i = 0; i < v->f.hosts->n; i++) {
		struct slice ns, pattern;

		server_host(v->f.hosts->item[i], v->gateway, &ns, &pattern);
		if (ns.n && !slice_eq(ns, vs->ns))
			continue;
		for (uint32_t k = 0; hosts && k < hosts->n; k++) {
			struct slice host =
				host_full(s->arena, node_text(hosts->item[k]), vs->ns);
			struct vhost *h;

			if (!host_overlaps(pattern, host))
				continue;
			h = vhost_at(s, v->vhosts, host_beats(host, pattern) ? host : pattern);
			/* Two patterns of one server may name one domain. */
			for (size_t j = 0; j < l.n && h->last != l.c; j++)
				vhost_add(s, h, l.c[j]);
			h->last = l.c;
		}
	}
}

const struct vhost *vhosts_find(const struct vhosts *v, struct slice host)
{
	const struct vhost *h = map_get(&v->exact, host);

	for (size_t i = 0; !h && i < v->n_wild; i++)
		if (host_within(host, v->wild[i]->domain))
			h = v->wild[i];
	return h;
}

/* --- all of it ----------------------------------------------------------------------- */

static struct vhosts *vhosts_for(struct route_set *s, struct server *v)
{
	struct vhosts *h;

	for (struct server *o = s->server; o < v; o++)
		if (o->vhosts && o->f.tls == ROUTE_TLS_NONE && v->f.tls == ROUTE_TLS_NONE &&
		    o->listen[0] == v->listen[0])
			return o->vhosts;
	h = arena_new_object(s->arena, struct vhosts);
	if (!h)
		abort();
	map_init(&h->exact, NAMES_MAX);
	return h;
}

void bind_servers(struct route_set *s)
{
	for (struct server *v = s->server; v < s->server + s->n_server; v++) {
		if (v->dropped || !v->f.has_block || !v->f.hosts)
			continue;
		if (v->f.http)
			v->vhosts = vhosts_for(s, v);
		if (v->f.block == ROUTE_TLS)
			map_init(&v->snis, NAMES_MAX);
		for (size_t i = 0; i < s->n_vs; i++) {
			if (!vs_is_bound(s, s->vs[i], v))
				continue;
			if (v->f.block == ROUTE_HTTP)
				bind_http(s, v, s->vs[i]);
			else if (v->f.block == ROUTE_TLS)
				bind_tls(s, v, s->vs[i]);
			else if (!v->tcp)
				bind_tcp(s, v, s->vs[i]);
		}
	}
}
