/*
 * route_mesh: the sidecar leg, seen from the gateway.  Which mesh routes lead to which of the gateway's
 * ports, and which server name (tls.sni, or Istio's default form) a client sends on them (d.1 - d.4).
 *
 * A "feed" is a destination of a mesh route whose host is a service of the workload.  Feeds are
 * found by the host that the application asks for: the authority of a request, the inner
 * SNI of TLS inside mTLS.  Where that is not known, the port's names as a whole are what can be said.
 */
#include "analyze/route_build.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 1 << 20, SNI_FOR_MAX = 1 << 16, PORTS_MAX = 64 };


/* --- ports of the Service (b.2) ------------------------------------------------------- */

/* What Istio's charts have for an egress gateway: used only where no Service was given. */
static uint32_t usual_target(int64_t port)
{
	return port == 80 ? 8080 : port == 443 ? 8443 : 0;
}

/* A named targetPort: the container port of that name in a workload that the Service selects. */
static int64_t named_target(const struct route_set *s, const struct object *service,
			    struct slice name)
{
	const struct node *selector = node_get(service->spec, "selector");
	static const enum object_kind kinds[] = { OBJ_POD, OBJ_DEPLOYMENT };

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < s->p->n_of_kind[kinds[k]]; i++) {
			const struct object *o = s->p->of_kind[kinds[k]][i];
			const struct node *pod = k ? node_at(o->spec, "template") : o->root;
			const struct node *list = node_at(pod, "spec.containers");

			if (!slice_eq(o->ns, service->ns) ||
			    !selects_node(selector, node_at(pod, "metadata.labels")))
				continue;
			for (uint32_t c = 0; list && c < list->n; c++) {
				const struct node *ports = node_get(list->item[c], "ports");
				int64_t n;

				for (uint32_t j = 0;
				     ports && ports->kind == NODE_LIST && j < ports->n; j++)
					if (slice_eq(node_text(node_get(ports->item[j],
									"name")),
						     name) &&
					    node_int(node_get(ports->item[j],
							      "containerPort"),
						     &n))
						return n;
			}
		}
	return 0;
}

static int64_t target_of(const struct route_set *s, const struct object *service,
			 const struct node *port, int64_t number)
{
	const struct node *target = node_get(port, "targetPort");
	int64_t n;

	if (!target || node_int(target, &n))
		return target ? n : number;
	return named_target(s, service, node_text(target));
}

uint32_t service_listen(const struct route_set *s, int64_t number, uint32_t out[2],
			const struct object **service, bool *assumed)
{
	*assumed = false;
	*service = NULL;
	out[0] = (uint32_t)number;
	for (size_t i = 0; i < s->n_service; i++) {
		const struct node *ports = node_get(s->service[i]->spec, "ports");
		int64_t n, to;

		for (uint32_t k = 0; ports && ports->kind == NODE_LIST && k < ports->n; k++) {
			if (!node_int(node_get(ports->item[k], "port"), &n) || n != number)
				continue;
			*service = s->service[i];
			to = target_of(s, s->service[i], ports->item[k], number);
			out[0] = (uint32_t)(to ? to : number);
			return 1;
		}
	}
	if (s->n_service || !usual_target(number))
		return 1;
	*assumed = true;
	out[0] = usual_target(number);
	out[1] = (uint32_t)number;
	return 2;
}

/* --- feeds --------------------------------------------------------------------------- */

static bool is_own_service(const struct route_set *s, struct slice host)
{
	struct slice full;

	for (size_t i = 0; i < s->n_service; i++) {
		full = host_full(s->arena, s->service[i]->name, s->service[i]->ns);
		if (host_equal(full, host))
			return true;
	}
	/* Without any Service of the workload's, any name in its namespace may be it. */
	return !s->n_service && slice_eq(host_service_ns(host), s->ns);
}

struct feed_port *mesh_port(const struct route_set *s, int64_t port)
{
	for (size_t i = 0; i < s->n_feeds; i++)
		if (s->feeds[i].listen == port)
			return &s->feeds[i];
	return NULL;
}

static struct feed_port *port_at(struct route_set *s, uint32_t port)
{
	struct feed_port *p = mesh_port(s, port);

	if (p || s->n_feeds == PORTS_MAX)
		return p;
	p = &s->feeds[s->n_feeds++];
	*p = (struct feed_port){ .listen = port };
	map_init(&p->hosts, NAMES_MAX);
	map_init(&p->sni_set, NAMES_MAX);
	return p;
}

static void add_feed_host(struct route_set *s, struct feed_port *p, struct slice host,
			  const struct feed *like)
{
	struct feed *f = arena_new_object(s->arena, struct feed);
	struct slice name = host_lower(s->arena, host);

	if (!f)
		return;
	*f = *like;
	if (host_is_wildcard(name)) {
		p->wild = list_grow(s->arena, p->wild, p->n_wild, sizeof *p->wild);
		p->wild[p->n_wild++] = (struct feed_wild){ name, f };
		return;
	}
	f->next = map_get(&p->hosts, name);
	map_put(&p->hosts, name, f);
}

static void add_sni(struct route_set *s, struct feed_port *p, struct slice sni)
{
	if (!sni.n || map_get(&p->sni_set, sni))
		return;
	p->snis = list_grow(s->arena, p->snis, p->n_snis, sizeof *p->snis);
	p->snis[p->n_snis++] = sni;
	map_put(&p->sni_set, sni, p);
}

static bool match_is_mesh(const struct node *match)
{
	const struct node *g = node_get(match, "gateways");

	return !g || g->kind != NODE_LIST || !g->n || list_has(g, "mesh");
}

/* Hosts that a route applies to: a TLS match's sniHosts, else the VirtualService's hosts. */
static void add_feed(struct route_set *s, struct feed_port *p, const struct node *match,
		     const struct feed *f)
{
	const struct node *hosts = node_get(match, "sniHosts");

	if (!hosts || hosts->kind != NODE_LIST)
		hosts = node_get(f->vs->spec, "hosts");
	for (uint32_t i = 0; hosts && hosts->kind == NODE_LIST && i < hosts->n; i++)
		add_feed_host(s, p, host_full(s->arena, node_text(hosts->item[i]), f->vs->ns), f);
}

static void feed_destination(struct route_set *s, const struct object *vs,
			     const struct node *route, const struct node *destination)
{
	const struct node *matches = node_get(route, "match");
	struct slice host = host_full(s->arena, text_at(destination, "host"), vs->ns);
	const struct object *service;
	struct feed f = { .vs = vs, .destination = destination };
	struct route_target t;
	uint32_t listen[2];
	bool assumed;

	if (!is_own_service(s, host_lower(s->arena, host)))
		return;
	target_read(&s->registry, destination, vs->ns, vs->ns, NULL, 0, 0, s->arena, &t);
	t.exists = t.exists && sidecar_imports(s, vs->ns, t.host, s->ns);
	f.port = t.port;
	f.sni = t.exists && (t.tls == ROUTE_TLS_ISTIO || t.tls == ROUTE_TLS_MUTUAL ||
			     t.tls == ROUTE_TLS_SIMPLE) ? host_lower(s->arena, t.sni)
							: (struct slice){ NULL, 0 };
	for (uint32_t n = service_listen(s, t.port, listen, &service, &assumed); n-- > 0;) {
		struct feed_port *p = port_at(s, listen[n]);

		if (!p)
			continue;
		add_sni(s, p, f.sni);
		if (!matches || matches->kind != NODE_LIST || !matches->n)
			add_feed(s, p, NULL, &f);
		for (uint32_t i = 0; matches && matches->kind == NODE_LIST && i < matches->n; i++)
			if (match_is_mesh(matches->item[i]))
				add_feed(s, p, matches->item[i], &f);
	}
}

static bool route_is_mesh(const struct node *route)
{
	const struct node *m = node_get(route, "match");

	for (uint32_t i = 0; m && m->kind == NODE_LIST && i < m->n; i++)
		if (match_is_mesh(m->item[i]))
			return true;
	return !m || m->kind != NODE_LIST || !m->n;
}

void mesh_feeds(struct route_set *s)
{
	static const char *const blocks[] = { "http", "tls", "tcp" };

	map_init(&s->sni_for, SNI_FOR_MAX);
	s->feeds = arena_new_array(s->arena, struct feed_port, PORTS_MAX);
	for (size_t i = 0; s->feeds && i < s->n_vs; i++) {
		const struct object *vs = s->vs[i];

		for (int b = 0; on_mesh(vs) && b < 3; b++) {
			const struct node *list = node_get(vs->spec, blocks[b]);

			for (uint32_t k = 0; list && list->kind == NODE_LIST && k < list->n;
			     k++) {
				const struct node *to = node_get(list->item[k], "route");

				if (!route_is_mesh(list->item[k]))
					continue;
				for (uint32_t j = 0;
				     to && to->kind == NODE_LIST && j < to->n; j++)
					feed_destination(s, vs, list->item[k],
							 node_get(to->item[j], "destination"));
			}
		}
	}
}

void mesh_feeds_release(struct route_set *s)
{
	for (size_t i = 0; i < s->n_feeds; i++) {
		map_release(&s->feeds[i].hosts);
		map_release(&s->feeds[i].sni_set);
	}
	map_release(&s->sni_for);
}

/* --- what this client should have sent ------------------------------------------------ */

static const struct feed *feed_find(const struct feed_port *p, struct slice host)
{
	const struct feed *f = map_get(&p->hosts, host);
	const struct feed_wild *best = NULL;

	for (size_t i = 0; !f && i < p->n_wild; i++)
		if (host_within(host, p->wild[i].host) &&
		    (!best || host_beats(p->wild[i].host, best->host)))
			best = &p->wild[i];
	return best ? best->feed : f;
}

/* The answer for a client's namespace, remembered while there is room. */
static struct slice sni_for(struct route_set *s, const struct feed *f, struct slice ns,
			    struct arena *a)
{
	uint8_t key[sizeof f + 256];
	struct slice k = { key, sizeof f + ns.n };
	struct route_target t;
	struct slice *known, sni;

	if (slice_eq(ns, f->vs->ns) || !ns.n || ns.n > 256)
		return f->sni;
	memcpy(key, &f, sizeof f);
	memcpy(key + sizeof f, ns.p, ns.n);
	known = map_get(&s->sni_for, k);
	if (known)
		return *known;
	if (!object_exported(f->vs, ns))
		return (struct slice){ NULL, 0 };
	target_read(&s->registry, f->destination, f->vs->ns, ns, NULL, 0, 0, s->scratch, &t);
	t.exists = t.exists && sidecar_imports(s, ns, t.host, s->ns);
	sni = t.exists && t.tls != ROUTE_TLS_NONE && t.tls != ROUTE_TLS_UNKNOWN
		? host_lower(s->scratch, t.sni) : (struct slice){ NULL, 0 };
	if (s->sni_for.n < SNI_FOR_MAX && (known = arena_new_object(s->arena, struct slice))) {
		*known = arena_copy(s->arena, sni);
		map_put(&s->sni_for, arena_copy(s->arena, k), known);
		return *known;
	}
	return arena_copy(a, sni);
}

/*
 * `sni` is set where it is certain: the host asked for is known and has a feed, or the port has one
 * name only, or the name observed is one of the port's.
 */
void mesh_expect(struct route_set *s, const struct flow *f, int64_t port, struct route *r,
		 struct arena *a)
{
	const struct feed_port *p = mesh_port(s, port);
	struct slice asked = flow_has(f, F_AUTHORITY)
				     ? host_without_port(flow_text(f, F_AUTHORITY))
				     : flow_text(f, F_INNER_SNI);
	const struct feed *feed;

	if (!p)
		return;
	r->n_snis = (uint32_t)p->n_snis;
	r->snis = p->snis;
	feed = asked.n ? feed_find(p, host_lower(s->scratch, asked)) : NULL;
	if (feed)
		r->sni = sni_for(s, feed, flow_text(f, F_SOURCE_NAMESPACE), a);
	else if (p->n_snis == 1)
		r->sni = p->snis[0];
	else if (flow_has(f, F_SNI) && map_get(&p->sni_set, flow_text(f, F_SNI)))
		r->sni = flow_text(f, F_SNI);
}
