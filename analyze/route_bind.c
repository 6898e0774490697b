/*
 * route_bind: which routes of which VirtualServices a gateway server ends up with (b.4, b.5, c.1 - c.3).
 *
 * TCP chains get the one route that istiod takes; passthrough chains get one for each server name;
 * HTTP chains get virtual hosts (route_http.c).
 */
#include "analyze/route_build.h"

#include <stdio.h>
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

static void compile_targets(struct route_set *s, struct compiled *c, const struct place *at)
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
			    at->ns, at->labels, at->n_labels, at->port, s->arena, t);
		t->weight = weight;
		c->n_targets++;
	}
	if (c->n_targets > 1)
		qsort(c->target, c->n_targets, sizeof *c->target, heavier);
}

struct compiled *route_compile(struct route_set *s, const struct object *vs,
			       enum route_block block, uint32_t index, const struct node *node,
			       const struct place *at)
{
	struct compiled *c = arena_new_object(s->arena, struct compiled);

	if (!c)
		abort();
	*c = (struct compiled){ .vs = vs, .block = block, .index = index, .node = node };
	c->answers = node_get(node, "redirect") || node_get(node, "directResponse");
	compile_targets(s, c, at);
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

bool names_place(const struct node *list, const struct object *vs, const struct place *at)
{
	return at->gateway ? names_gateway(list, vs, at->gateway) : list_has(list, "mesh");
}

static bool place_fits(const struct node *match, const struct object *vs,
		       const struct place *at)
{
	const struct node *gateways = list_at(match, "gateways");
	int64_t port;

	if (node_int(node_get(match, "port"), &port) && port && port != at->port)
		return false;
	return !gateways || !gateways->n || names_place(gateways, vs, at);
}

bool l4_match_fits(const struct node *match, const struct object *vs, const struct server *v)
{
	return place_fits(match, vs, &v->at);
}

enum answer source_fits(const struct node *match, const struct place *at)
{
	const struct node *labels = node_get(match, "sourceLabels");
	struct slice ns = node_text(node_get(match, "sourceNamespace"));

	if (ns.n && !slice_eq(ns, at->ns))
		return ANSWER_NO;
	if (!labels || labels->kind != NODE_MAP || !labels->n)
		return ANSWER_YES;
	if (!at->labels)
		return ANSWER_UNKNOWN;
	return selects_labels(labels, at->labels, at->n_labels) ? ANSWER_YES : ANSWER_NO;
}

enum answer l4_match_at(const struct node *match, const struct object *vs,
			const struct place *at)
{
	return place_fits(match, vs, at) ? source_fits(match, at) : ANSWER_NO;
}

/* --- hosts that both have (c.3) ------------------------------------------------------ */

static bool for_namespace(const struct server_name *n, struct slice ns)
{
	while (n && n->ns.n && !slice_eq(n->ns, ns))
		n = n->next;
	return n != NULL;
}

/* Host of the VirtualService within one of the server's: the host itself.  False: `each` ended it. */
static bool shared_as_part(const struct object *vs, const struct server *v, struct slice host,
			   each_shared *each, void *ctx)
{
	struct names_walk w = names_walk(&v->hosts, host);
	const struct server_name *n;

	while ((n = names_next(&w)))
		if (for_namespace(n, vs->ns))
			return each(ctx, host);
	return true;
}

/* A wildcard of the VirtualService around some of the server's: those. */
static bool shared_as_whole(const struct object *vs, const struct server *v, struct slice host,
			    each_shared *each, void *ctx)
{
	const struct server_name *n;
	struct slice pattern;

	for (size_t i = 0; (n = map_next(&v->hosts.map, &i, &pattern));)
		if (host_within(pattern, host) && !host_equal(pattern, host) &&
		    for_namespace(n, vs->ns) && !each(ctx, pattern))
			return false;
	return true;
}

void shared_hosts(const struct route_set *s, const struct object *vs, const struct server *v,
		  each_shared *each, void *ctx)
{
	const struct node *hosts = list_at(vs->spec, "hosts");

	for (uint32_t i = 0; hosts && i < hosts->n; i++) {
		uint8_t text[HOST_FULL_MAX];
		struct slice host = host_lower(s->scratch,
			host_full_in(text, node_text(hosts->item[i]), vs->ns));

		if (!shared_as_part(vs, v, host, each, ctx) ||
		    (host_is_wildcard(host) && !shared_as_whole(vs, v, host, each, ctx)))
			return;
	}
}

static bool found_one(void *ctx, struct slice domain)
{
	(void)domain;
	*(bool *)ctx = true;
	return false;
}

bool vs_is_bound(const struct route_set *s, const struct object *vs, const struct server *v)
{
	const struct node *gateways = list_at(vs->spec, "gateways");
	bool any = false;

	if (gateways && names_gateway(gateways, vs, v->gateway) && object_exported(vs, s->ns))
		shared_hosts(s, vs, v, found_one, &any);
	return any;
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

static bool has_route(const struct node *route)
{
	const struct node *to = list_at(route, "route");

	return to && to->n;
}

static void bind_tcp(struct route_set *s, struct server *v, const struct object *vs)
{
	const struct node *list = list_at(vs->spec, "tcp");

	for (uint32_t i = 0; list && i < list->n && !v->tcp; i++)
		if (has_route(list->item[i]) && any_match_fits(list->item[i], vs, v))
			v->tcp = route_compile(s, vs, ROUTE_TCP, i, list->item[i], &v->at);
}

/* Server names that passthrough chains of a port have already, by "PORT|BIND|NAME". */
static struct slice sni_key(struct route_set *s, const struct server *v, struct slice sni)
{
	struct slice bind = node_text(node_get(v->f.node, "bind")), key;
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "%u|", v->listen[0]);
	buf_add(&b, bind);
	buf_byte(&b, '|');
	buf_add(&b, sni);
	key = arena_copy(s->scratch, buf_slice(&b));
	buf_release(&b);
	return key;
}

static bool any_taken(struct route_set *s, const struct map *taken, const struct server *v,
		      const struct node *snis)
{
	for (uint32_t i = 0; snis && i < snis->n; i++)
		if (map_get(taken, sni_key(s, v, host_lower(s->scratch,
							   node_text(snis->item[i])))))
			return true;
	return false;
}

static void add_chain(struct route_set *s, struct map *taken, struct server *v,
		      const struct node *snis, struct compiled *c)
{
	for (uint32_t i = 0; snis && i < snis->n; i++) {
		struct sni_chain *chain = arena_new_object(s->arena, struct sni_chain);

		if (!chain)
			abort();
		*chain = (struct sni_chain){ host_lower(s->arena, node_text(snis->item[i])), c };
		map_put(taken, arena_copy(s->arena, sni_key(s, v, chain->sni)), chain);
		names_put(&v->snis, s->arena, chain->sni, chain);
	}
}

/* A match of which the port has a name already makes no chain at all: Envoy would refuse the listener. */
static void bind_tls(struct route_set *s, struct map *taken, struct server *v,
		     const struct object *vs)
{
	const struct node *list = list_at(vs->spec, "tls");

	for (uint32_t i = 0; list && i < list->n; i++) {
		const struct node *matches = list_at(list->item[i], "match");
		struct compiled *c = NULL;

		for (uint32_t k = 0; matches && has_route(list->item[i]) && k < matches->n; k++) {
			const struct node *snis = list_at(matches->item[k], "sniHosts");

			if (!l4_match_fits(matches->item[k], vs, v) ||
			    any_taken(s, taken, v, snis))
				continue;
			if (!c)
				c = route_compile(s, vs, ROUTE_TLS, i, list->item[i], &v->at);
			add_chain(s, taken, v, snis, c);
		}
	}
}

/* Envoy prefers the exact name, then the longest wildcard, whatever the order. */
struct compiled *sni_find(const struct server *v, struct slice sni)
{
	const struct sni_chain *chain = names_find(&v->snis, sni);

	return chain ? chain->route : NULL;
}

/* --- all of it ----------------------------------------------------------------------- */

static void bind(struct route_set *s, struct map *taken, struct server *v,
		 const struct object *vs)
{
	arena_reset(s->scratch);
	if ((v->f.block == ROUTE_TCP && v->tcp) || !vs_is_bound(s, vs, v))
		return;
	switch (v->f.block) {
	case ROUTE_HTTP:
		bind_http(s, v, vs);
		return;
	case ROUTE_TLS:
		bind_tls(s, taken, v, vs);
		return;
	case ROUTE_TCP:
		bind_tcp(s, v, vs);
		return;
	}
}

void bind_servers(struct route_set *s)
{
	struct map taken;

	map_init(&taken, NAMES_MAX);
	for (struct server *v = s->server; v < s->server + s->n_server; v++) {
		names_init(&v->snis);
		if (v->dropped || !v->f.has_block || !v->f.hosts)
			continue;
		if (v->f.http)
			v->vhosts = vhosts_for(s, v);
		for (size_t i = 0; i < s->n_vs; i++)
			bind(s, &taken, v, s->vs[i]);
		if (v->f.http)
			bind_redirects(s, v);
	}
	map_release(&taken);
}
