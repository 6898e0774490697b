/* lint_route: VirtualServices against Gateways: routes that are never taken, names that lead nowhere. */
#include "analyze/lint_build.h"

static const enum route_block blocks[] = { ROUTE_HTTP, ROUTE_TLS, ROUTE_TCP };

static const enum lint_id dead_id[] = {
	[ROUTE_HTTP] = LINT_DEAD_HTTP_ROUTE, [ROUTE_TLS] = LINT_DEAD_TLS_ROUTE,
	[ROUTE_TCP] = LINT_DEAD_TCP_ROUTE,
};

/* --- dead routes (b.4, b.5, c.5) ------------------------------------------------------ */

/* What one match can reach at the gateways that it names. */
struct reach {
	bool mesh, untold;		/* a gateway that was not given */
	uint32_t servers, on_port, reads;
	struct server_facts other;	/* a server on the port that reads another block */
	const struct object *gateway;
};

static void reach_gateway(struct reach *r, const struct object *g, const struct object *vs,
			  enum route_block b, int64_t port)
{
	EACH_ITEM(node_get(g->spec, "servers"), server) {
		struct server_facts f;

		server_read(server, &f);
		r->servers++;
		if (port && f.port != port)
			continue;
		r->on_port++;
		if (!server_takes(&f, g, vs))
			continue;
		if (f.block == b && f.has_block) {
			r->reads++;
			continue;
		}
		r->other = f;
		r->gateway = g;
	}
}

static void reach_match(const struct lint *l, const struct object *vs, enum route_block b,
			const struct node *match, struct reach *r)
{
	const struct node *gateways = node_get(match, "gateways");
	int64_t port = 0;

	*r = (struct reach){ 0 };
	if (!has_items(gateways))
		gateways = node_get(vs->spec, "gateways");
	r->mesh = !has_items(gateways);
	node_int(node_get(match, "port"), &port);
	EACH_ITEM(gateways, ref) {
		const struct object *g = gateway_named(l, node_text(ref), vs->ns);

		r->mesh |= slice_is(node_text(ref), "mesh");
		r->untold |= !g && !slice_is(node_text(ref), "mesh");
		if (g)
			reach_gateway(r, g, vs, b, port);
	}
}

static void dead_match(struct lint *l, const struct object *vs, enum route_block b, uint32_t i,
		       const struct node *route, const struct node *match)
{
	const struct node *port = node_get(match, "port");
	struct reach r;

	reach_match(l, vs, b, match, &r);
	if (r.mesh || r.untold || !r.servers)
		return;
	if (!r.on_port) {
		report(l, LINT_ROUTE_PORT, vs, port,
		       "%s[%u] matches port %s; no server of its gateway has it",
		       route_block_name(b), i, say_node(port));
		return;
	}
	if (!r.reads && r.gateway)
		report(l, dead_id[b], vs, route,
		       "%s[%u] is never taken: port %lld of %s is %s %s, where only %s routes are read",
		       route_block_name(b), i, (long long)r.other.port,
		       say_object(r.gateway),
		       say(node_text(node_at(r.other.node, "port.protocol"))),
		       route_tls_name(r.other.tls), route_block_name(r.other.block));
}

/* The second of two tcp routes for one server (b.5). */
static void second_tcp(struct lint *l, const struct route_set *s, const struct server *v)
{
	for (size_t i = 0; v->tcp && i < s->n_vs; i++) {
		const struct object *vs = s->vs[i];

		if (!vs_is_bound(s, vs, v))
			continue;
		EACH_ITEM(node_get(vs->spec, "tcp"), route) {
			bool fits = !has_items(node_get(route, "match"));

			EACH_ITEM(node_get(route, "match"), m)
				fits |= l4_match_fits(m, vs, v);
			if (fits && (vs != v->tcp->vs || route_i != v->tcp->index))
				report(l, LINT_DEAD_TCP_ROUTE, vs, route,
				       "tcp[%u] is never taken on port %lld: a server has one tcp route, and "
				       "%s tcp[%u] comes first",
				       route_i, (long long)v->f.port,
				       say_object(v->tcp->vs), v->tcp->index);
		}
	}
}

void lint_dead_routes(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		for (int b = 0; b < 3; b++)
			EACH_ITEM(node_get(vs->spec, route_block_name(blocks[b])), route) {
				const struct node *matches = node_get(route, "match");

				EACH_ITEM(matches, match)
					dead_match(l, vs, blocks[b], route_i, route, match);
				if (!has_items(matches))
					dead_match(l, vs, blocks[b], route_i, route, NULL);
			}
	for (size_t i = 0; i < l->n_workload; i++) {
		const struct route_set *s = l->workload[i].routes;

		for (size_t k = 0; s && k < s->n_server; k++)
			if (s->server[k].f.block == ROUTE_TCP)
				second_tcp(l, s, &s->server[k]);
	}
}

static bool same_gateway(struct slice a, struct slice b, struct slice ns)
{
	struct slice an, aname, bn, bname;
	bool am = gateway_ref_parts(a, ns, &an, &aname),
	     bm = gateway_ref_parts(b, ns, &bn, &bname);

	return am == bm && (!am || (slice_eq(an, bn) && slice_eq(aname, bname)));
}

void lint_route_gateway(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs) {
		const struct node *bound = node_get(vs->spec, "gateways");

		for (int b = 0; b < 3; b++)
			EACH_ITEM(node_get(vs->spec, route_block_name(blocks[b])), route)
			EACH_ITEM(node_get(route, "match"), match)
			EACH_ITEM(node_get(match, "gateways"), ref) {
				bool found = !has_items(bound) &&
					     slice_is(node_text(ref), "mesh");

				EACH_ITEM(bound, have)
					found |= same_gateway(node_text(ref),
							      node_text(have), vs->ns);
				/* A delegate has no gateways of its own. */
				if (!found && has_items(node_get(vs->spec, "hosts")))
					report(l, LINT_ROUTE_GATEWAY, vs, ref,
					       "%s[%u] matches gateway %s, which spec.gateways does not list",
					       route_block_name(blocks[b]), route_i,
					       say_node(ref));
			}
	}
}

/* --- gateways by name ---------------------------------------------------------------- */

static bool is_internal(struct slice ref)
{
	return ref.n && memmem(ref.p, ref.n, "istio-autogenerated-k8s-gateway", 31);
}

static const struct object *k8s_gateway(const struct lint *l, struct slice ref, struct slice ns)
{
	struct slice gw_ns, name;

	if (!gateway_ref_parts(ref, ns, &gw_ns, &name))
		return NULL;
	EACH(l, OTHER, o)
		if (slice_is(o->kind_text, "Gateway") && slice_eq(o->ns, gw_ns) &&
		    slice_eq(o->name, name))
			return o;
	return NULL;
}

static bool is_ours(struct slice ref)
{
	return !slice_is(ref, "mesh") && !is_internal(ref);
}

void lint_gateway_refs(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		EACH_ITEM(node_get(vs->spec, "gateways"), ref) {
			struct slice name = node_text(ref);

			if (is_ours(name) && !gateway_named(l, name, vs->ns) &&
			    !k8s_gateway(l, name, vs->ns))
				report(l, LINT_GATEWAY_MISSING, vs, ref,
				       "Gateway %s was not found", say(name));
		}
}

void lint_gateway_internal(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		EACH_ITEM(node_get(vs->spec, "gateways"), ref)
			if (is_internal(node_text(ref)))
				report(l, LINT_GATEWAY_INTERNAL, vs, ref,
				       "%s is a Gateway that Istio generated", say_node(ref));
}

static bool k8s_takes(const struct object *g, const struct node *hosts)
{
	EACH_ITEM(node_get(g->spec, "listeners"), listener) {
		struct slice name = node_text(node_get(listener, "hostname"));

		if (!name.n)
			return true;
		EACH_ITEM(hosts, h)
			if (host_overlaps(name, node_text(h)))
				return true;
	}
	return false;
}

/* An ExternalName Service stands for the name that it points to. */
static struct slice external_name(const struct lint *l, struct slice host, struct slice ns)
{
	const struct registry_entry *e = registry_find(&l->registry,
		host_lower(l->arena, host_full(l->arena, host, ns)), ns);

	return e && e->service ? text_at(e->object->spec, "externalName")
			       : (struct slice){ NULL, 0 };
}

static bool gateway_takes(const struct lint *l, const struct object *g, const struct object *vs)
{
	EACH_ITEM(node_get(g->spec, "servers"), server)
		EACH_ITEM(node_get(server, "hosts"), have) {
			struct slice ns, pattern;

			server_host(have, g, &ns, &pattern);
			if (ns.n && !slice_eq(ns, vs->ns))
				continue;
			EACH_ITEM(node_get(vs->spec, "hosts"), h) {
				struct slice other = external_name(l, node_text(h), vs->ns);

				if (host_overlaps(pattern, node_text(h)) ||
				    (other.n && host_overlaps(pattern, other)))
					return true;
			}
		}
	return false;
}

void lint_gateway_hosts(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		EACH_ITEM(node_get(vs->spec, "gateways"), ref) {
			struct slice name = node_text(ref);
			const struct object *g = gateway_named(l, name, vs->ns);
			const struct object *k8s = g ? NULL : k8s_gateway(l, name, vs->ns);

			if (!is_ours(name) || (g && gateway_takes(l, g, vs)) ||
			    (k8s && k8s_takes(k8s, node_get(vs->spec, "hosts"))))
				continue;
			report(l, LINT_GATEWAY_HOST, vs, ref,
			       "no host of this VirtualService is a host of Gateway %s",
			       say(name));
		}
}

/* --- tls routes ---------------------------------------------------------------------- */

void lint_tls_to_plain(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		EACH_ITEM(node_get(vs->spec, "tls"), route)
			EACH_ITEM(node_get(route, "route"), to) {
				const struct node *d = node_get(to, "destination");
				const struct node *at = node_at(d, "port.number");
				const struct registry_entry *e =
					destination_entry(l, vs, text_at(d, "host"));
				int64_t n = 0;

				if (e && !e->service && node_int(at, &n) && entry_port(e, n) &&
				    entry_protocol(e, entry_port(e, n)) == PROTO_HTTP)
					report(l, LINT_TLS_TO_PLAIN_PORT, vs, at,
					       "tls[%u] sends TLS to %s:%lld, which %s declares as HTTP",
					       route_i, say(text_at(d, "host")),
					       (long long)n, say_object(e->object));
			}
}

void lint_sni_hosts(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		EACH_ITEM(node_get(vs->spec, "tls"), route)
			EACH_ITEM(node_get(route, "match"), match)
				EACH_ITEM(node_get(match, "sniHosts"), sni) {
					bool inside = false;

					EACH_ITEM(node_get(vs->spec, "hosts"), h)
						inside |= host_within(node_text(sni),
								      node_text(h));
					if (!inside)
						report(l, LINT_SNI_NOT_IN_HOSTS, vs, sni,
						       "tls[%u] matches SNI %s, which is not among spec.hosts",
						       route_i, say_node(sni));
				}
}

/* --- regular expressions ------------------------------------------------------------- */

/* Every `regex:` below a node; depth is the reader's. */
static void find_regex(struct lint *l, const struct object *vs, const struct node *n)
{
	for (uint32_t i = 0; n && i < n->n; i++) {
		if (is_map(n) && slice_is(node_text(n->key[i]), "regex")) {
			struct slice re = node_text(n->item[i]);
			const char *why = slice_is(re, "*") ? NULL : re2_refuses(re);

			if (why)
				report(l, LINT_REGEX, vs, n->item[i], "\"%s\": %s", say(re), why);
		}
		find_regex(l, vs, n->item[i]);
	}
}

void lint_regex(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		find_regex(l, vs, node_get(vs->spec, "http"));
}
