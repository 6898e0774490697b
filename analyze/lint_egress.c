/* lint_egress: what leaves the mesh through a gateway, and how. */
#include "analyze/lint_build.h"

/* Every server of every gateway workload. */
#define EACH_SERVER(l, s_, v_) \
	for (size_t w_i = 0; w_i < (l)->n_workload; w_i++) \
		for (struct route_set *s_ = (l)->workload[w_i].routes, *s_##_end = NULL; \
		     s_ != s_##_end; s_ = NULL) \
			for (struct server *v_ = s_->server; v_ < s_->server + s_->n_server; v_++)

typedef void each_route(struct lint *l, const struct server *v, const struct compiled *c);

static void vhost_routes(struct lint *l, const struct server *v, const struct vhost *h,
			 each_route *fn)
{
	for (size_t i = 0; i < h->n; i++)
		fn(l, v, h->route[i]);
}

/* Every route that a gateway server can take. */
static void live_routes(struct lint *l, each_route *fn)
{
	EACH_SERVER(l, s, v) {
		struct slice key;
		void *x;

		if (v->dropped)
			continue;
		if (v->tcp)
			fn(l, v, v->tcp);
		for (size_t i = 0; (x = map_next(&v->snis.map, &i, &key));)
			fn(l, v, ((const struct sni_chain *)x)->route);
		for (size_t i = 0; v->vhosts && (x = map_next(&v->vhosts->names.map, &i, &key));)
			vhost_routes(l, v, x, fn);
	}
}

/* The destination node in the VirtualService that a target came from. */
static const struct node *target_node(const struct compiled *c, const struct route_target *t)
{
	EACH_ITEM(node_get(c->node, "route"), to) {
		const struct node *host = node_at(to, "destination.host");

		if (host_equal(node_text(host), t->host) || c->n_targets == 1)
			return host;
	}
	return c->node;
}

static bool any_host(const struct server *v)
{
	EACH_ITEM(v->f.hosts, h) {
		struct slice ns, pattern;

		server_host(h, v->gateway, &ns, &pattern);
		if (slice_is(pattern, "*"))
			return true;
	}
	return false;
}

void lint_wildcard_gateway(struct lint *l)
{
	EACH_SERVER(l, s, v)
		if (!v->dropped && any_host(v) && server_is_egress(v))
			report(l, LINT_WILDCARD_GATEWAY, v->gateway, v->f.hosts,
			       "servers[%u] (port %lld) takes every host%s", v->index,
			       (long long)v->f.port,
			       v->f.tls == ROUTE_TLS_NONE ? "" : " and every server name");
}

static uint32_t names_taken(const struct server *v)
{
	return any_host(v) ? 2 : v->f.hosts ? v->f.hosts->n : 0;
}

void lint_tcp_multihost(struct lint *l)
{
	EACH_SERVER(l, s, v) {
		const struct compiled *c = v->tcp;

		if (v->dropped || !c || !c->n_targets || !v->f.terminates || names_taken(v) < 2 ||
		    !c->target->external)
			continue;
		report(l, LINT_TCP_MULTIHOST, c->vs, c->node,
		       "tcp[%u] sends every connection to port %lld to %s, whatever its server name",
		       c->index, (long long)v->f.port, say(c->target->host));
	}
}

static void clear_upstream(struct lint *l, const struct server *v, const struct compiled *c)
{
	for (uint32_t i = 0; i < c->n_targets; i++) {
		const struct route_target *t = &c->target[i];
		const struct registry_entry *e = registry_find(
			&l->registry, t->host, t->entry ? t->entry->ns : c->vs->ns);
		const struct node *port = e ? entry_port(e, t->port) : NULL;

		if (!t->external || t->tls != ROUTE_TLS_NONE || !v->f.http ||
		    (port && entry_protocol(e, port) != PROTO_HTTP))
			continue;
		report(l, LINT_CLEAR_UPSTREAM, c->vs, target_node(c, t),
		       "http[%u] leaves the gateway for %s:%u in clear text", c->index,
		       say(t->host), t->port);
	}
}

void lint_clear_upstream(struct lint *l)
{
	live_routes(l, clear_upstream);
}

static void resolution_none(struct lint *l, const struct server *v, const struct compiled *c)
{
	(void)v;
	for (uint32_t i = 0; i < c->n_targets; i++) {
		const struct object *o = c->target[i].entry;

		if (!o || o->kind != OBJ_SERVICE_ENTRY)
			continue;
		struct slice r = text_at(o->spec, "resolution");
		if (!r.n || slice_is(r, "NONE"))
			report(l, LINT_RESOLUTION_NONE, o, node_get(o->spec, "resolution"),
			       "%s sends traffic from the gateway here, and resolution is NONE",
			       say_object(c->vs));
	}
}

void lint_resolution_none(struct lint *l)
{
	live_routes(l, resolution_none);
}

/* --- exportTo and the gateway's namespace (c.2, e.3) --------------------------------------- */

static void unseen_host(struct lint *l, const struct server *v, const struct compiled *c)
{
	const struct workload *w = gateway_workload(l, v->gateway);

	for (uint32_t i = 0; w && i < c->n_targets; i++) {
		const struct route_target *t = &c->target[i];
		const struct registry_entry *e =
			t->entry ? NULL : names_get(&l->registry.hosts, t->host);

		if (e)
			report(l, LINT_GATEWAY_SCOPE, c->vs, target_node(c, t),
			       "%s registers %s, and is not exported to the gateway's namespace %s",
			       say_object(e->object), say(t->host), say(w->ns));
	}
}

/* Some workload of the Gateway sees the VirtualService. */
static bool seen_by_gateway(const struct lint *l, const struct object *vs, const struct object *g)
{
	struct workloads_walk walk = workloads(l, node_get(g->spec, "selector"));
	bool any = false;

	for (const struct workload *w; (w = workloads_next(&walk));) {
		any = true;
		if (object_exported(vs, w->ns))
			return true;
	}
	return !any;
}

void lint_gateway_scope(struct lint *l)
{
	live_routes(l, unseen_host);
	EACH(l, VIRTUAL_SERVICE, vs)
		EACH_ITEM(node_get(vs->spec, "gateways"), ref) {
			const struct object *g = gateway_named(l, node_text(ref), vs->ns);

			if (g && !seen_by_gateway(l, vs, g))
				report(l, LINT_GATEWAY_SCOPE, vs,
				       node_get(vs->spec, "exportTo"),
				       "the VirtualService is bound to %s, and not exported to the namespace of its workload",
				       say_object(g));
		}
}

static bool listening(const struct route_set *s, uint32_t port)
{
	for (size_t i = 0; i < s->n_server; i++)
		if (server_listens(&s->server[i], port) && s->server[i].f.terminates)
			return true;
	return false;
}

static void check_feed(struct lint *l, const struct route_set *s, const struct feed_port *p,
		       const struct feed *f)
{
	bool ambiguous;

	for (; f; f = f->next)
		if (f->sni.n && !server_for(s, p->listen, &f->sni, &ambiguous))
			report(l, LINT_SNI_SERVER_HOSTS, f->vs,
			       node_get(f->destination, "subset"),
			       "this route sends SNI %s, which no server on port %lld of the gateway takes",
			       say(f->sni), (long long)f->port);
}

void lint_sni_server_hosts(struct lint *l)
{
	for (size_t w = 0; w < l->n_workload; w++) {
		const struct route_set *s = l->workload[w].routes;

		for (size_t i = 0; s && i < s->n_feeds; i++) {
			const struct feed_port *p = &s->feeds[i];
			struct slice key;
			void *x;

			if (!listening(s, p->listen))
				continue;
			for (size_t k = 0; (x = map_next(&p->hosts.map, &k, &key));)
				check_feed(l, s, p, x);
		}
	}
}

void lint_allow_any(struct lint *l)
{
	const struct mesh_config *m = &l->p->mesh;

	if (m->object && !slice_is(m->outbound_policy, "REGISTRY_ONLY"))
		report(l, LINT_ALLOW_ANY, m->object, NULL, "outboundTrafficPolicy.mode is %s",
		       m->outbound_policy.n ? say(m->outbound_policy)
					    : "not set, which means ALLOW_ANY");
}
