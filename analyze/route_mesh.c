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


/* --- feeds --------------------------------------------------------------------------- */

static bool is_own_service(const struct route_set *s, struct slice host)
{
	for (size_t i = 0; i < s->n_service; i++) {
		uint8_t text[HOST_FULL_MAX];

		if (host_equal(host_full_in(text, s->service[i]->name, s->service[i]->ns), host))
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
	names_init(&p->hosts);
	map_init(&p->sni_set, NAMES_MAX);
	return p;
}

static void add_feed_host(struct route_set *s, struct feed_port *p, struct slice host,
			  const struct feed *like)
{
	struct feed *f = arena_new_object(s->arena, struct feed), *first;
	struct slice name = host_lower(s->arena, host);

	if (!f)
		return;
	*f = *like;
	first = names_get(&p->hosts, name);
	if (!first) {
		f->last = f;
		names_put(&p->hosts, s->arena, name, f);
		return;
	}
	first->last->next = f;
	first->last = f;
}

static void add_sni(struct route_set *s, struct feed_port *p, struct slice sni)
{
	struct slice low = host_lower(s->arena, sni);

	if (!sni.n || map_get(&p->sni_set, low))
		return;
	p->snis = list_grow(s->arena, p->snis, p->n_snis, sizeof *p->snis);
	p->low_snis = list_grow(s->arena, p->low_snis, p->n_snis, sizeof *p->low_snis);
	p->low_snis[p->n_snis] = low;
	p->snis[p->n_snis++] = sni;
	map_put(&p->sni_set, low, p);
}

static bool match_is_mesh(const struct node *match)
{
	const struct node *g = node_get(match, "gateways");

	return !g || g->kind != NODE_LIST || !g->n || list_has(g, "mesh");
}

/* Hosts that a route applies to: a TLS match's sniHosts, else the VirtualService's hosts. */
static void add_feed(struct route_set *s, struct feed_port *p, const struct node *match,
		     struct feed *f)
{
	const struct node *hosts = node_get(match, "sniHosts");

	f->match = match;
	if (!hosts || hosts->kind != NODE_LIST)
		hosts = node_get(f->vs->spec, "hosts");
	for (uint32_t i = 0; hosts && hosts->kind == NODE_LIST && i < hosts->n; i++)
		add_feed_host(s, p, host_full(s->arena, node_text(hosts->item[i]), f->vs->ns), f);
}

/* The name that a client in a namespace sends to a destination; empty: none, or it cannot be told. */
static struct slice client_sni(const struct route_set *s, const struct feed *f, struct slice ns,
			       struct arena *a)
{
	static const struct slice none;
	struct route_target t;

	target_read(&s->registry, f->destination, f->vs->ns, ns, NULL, 0, 0, a, &t);
	if (!t.exists || t.unsure ||
	    sidecar_imports_vs(s, ns, NULL, f->vs) != ANSWER_YES)
		return none;
	return t.tls == ROUTE_TLS_ISTIO || t.tls == ROUTE_TLS_MUTUAL || t.tls == ROUTE_TLS_SIMPLE
		       ? t.sni : none;
}

static void feed_destination(struct route_set *s, const struct object *vs, enum route_block block,
			     const struct node *route, const struct node *destination)
{
	const struct node *matches = node_get(route, "match");
	struct slice host = host_full(s->arena, text_at(destination, "host"), vs->ns);
	struct feed f = { .vs = vs, .destination = destination, .block = block };
	const struct object *service;
	struct route_target t;
	uint32_t listen[2];
	bool assumed;

	struct slice own = host_lower(s->arena, host);
	if (!is_own_service(s, own))
		return;
	map_put(&s->fed, own, s);
	target_read(&s->registry, destination, vs->ns, vs->ns, NULL, 0, 0, s->arena, &t);
	f.port = t.port;
	f.sni = client_sni(s, &f, vs->ns, s->arena);
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

static void feed_block(struct route_set *s, const struct object *vs, enum route_block block)
{
	const struct node *list = node_get(vs->spec, route_block_name(block));

	for (uint32_t k = 0; list && list->kind == NODE_LIST && k < list->n; k++) {
		const struct node *to = node_get(list->item[k], "route");

		if (!route_is_mesh(list->item[k]))
			continue;
		for (uint32_t j = 0; to && to->kind == NODE_LIST && j < to->n; j++)
			feed_destination(s, vs, block, list->item[k],
					 node_get(to->item[j], "destination"));
	}
}

void mesh_feeds(struct route_set *s)
{
	map_init(&s->sni_for, SNI_FOR_MAX);
	map_init(&s->fed, NAMES_MAX);
	s->feeds = arena_new_array(s->arena, struct feed_port, PORTS_MAX);
	for (size_t i = 0; s->feeds && i < s->n_vs; i++) {
		if (!on_mesh(s->vs[i]))
			continue;
		feed_block(s, s->vs[i], ROUTE_HTTP);
		feed_block(s, s->vs[i], ROUTE_TLS);
		feed_block(s, s->vs[i], ROUTE_TCP);
	}
}

void mesh_feeds_release(struct route_set *s)
{
	for (size_t i = 0; i < s->n_feeds; i++) {
		names_release(&s->feeds[i].hosts);
		map_release(&s->feeds[i].sni_set);
	}
	map_release(&s->sni_for);
	map_release(&s->fed);
}

bool route_leads_here(const struct route_set *s, struct slice cluster)
{
	uint8_t low[HOST_FULL_MAX];

	if (!s->fed.n || !slice_starts(cluster, SLICE("outbound|")))
		return false;
	for (unsigned bars = 0; bars < 3; bars++) {
		const uint8_t *bar = cluster.n ? memchr(cluster.p, '|', cluster.n) : NULL;
		if (!bar)
			return false;
		cluster = slice_from(cluster, (size_t)(bar - cluster.p) + 1);
	}
	if (!cluster.n || cluster.n > sizeof low)
		return false;
	for (size_t i = 0; i < cluster.n; i++)
		low[i] = cluster.p[i] >= 'A' && cluster.p[i] <= 'Z' ? (uint8_t)(cluster.p[i] + 32) : cluster.p[i];
	return map_get(&s->fed, (struct slice){ low, cluster.n }) != NULL;
}

/* --- what this client should have sent ------------------------------------------------ */

/* The answer for a client's namespace, remembered while there is room. */
static struct slice sni_for(struct route_set *s, const struct feed *f, struct slice ns,
			    struct arena *a)
{
	uint8_t key[sizeof f + 256];
	struct slice k = { key, sizeof f + ns.n };
	struct slice *known, sni;

	if (slice_eq(ns, f->vs->ns) || !ns.n || ns.n > 256)
		return f->sni;
	memcpy(key, &f, sizeof f);
	memcpy(key + sizeof f, ns.p, ns.n);
	known = map_get(&s->sni_for, k);
	if (known)
		return *known;
	sni = client_sni(s, f, ns, s->scratch);
	if (s->sni_for.n < SNI_FOR_MAX && (known = arena_new_object(s->arena, struct slice))) {
		*known = arena_copy(s->arena, sni);
		map_put(&s->sni_for, arena_copy(s->arena, k), known);
		return *known;
	}
	return arena_copy(a, sni);
}

/* What is known of the client and its request. */
struct asking {
	struct slice ns;	/* empty: unknown */
	bool http;		/* the authority is known: http routes; else by the inner name */
};

static bool feed_fits(const struct feed *f, const struct asking *q)
{
	struct slice ns = node_text(node_get(f->match, "sourceNamespace"));

	return (f->block == ROUTE_HTTP) == q->http &&
	       (!q->ns.n || (object_exported(f->vs, q->ns) && (!ns.n || slice_eq(ns, q->ns))));
}

/* Of the VirtualServices for a host the one that a client's sidecar takes (c.3). */
static const struct object *winner(const struct feed *first, const struct asking *q)
{
	const struct object *best = NULL;

	for (const struct feed *f = first; f; f = f->next)
		if (feed_fits(f, q) && (!best || (q->ns.n && export_rank(f->vs, q->ns) <
							     export_rank(best, q->ns))))
			best = f->vs;
	return best;
}

/*
 * The name that the routes for a host send.  Several routes of one VirtualService may send several: then
 * the one that was seen, if it is among them, and else none is certain.
 */
static struct slice host_sni(struct route_set *s, const struct feed *first,
			     const struct asking *q, const struct flow *flow, struct arena *a)
{
	const struct object *vs = winner(first, q);
	struct slice got = { NULL, 0 }, seen = flow_text(flow, F_SNI);
	bool any = false, several = false;

	for (const struct feed *f = first; f; f = f->next) {
		struct slice sni;

		if (f->vs != vs || !feed_fits(f, q))
			continue;
		sni = sni_for(s, f, q->ns, a);
		if (seen.n && host_equal(sni, seen))
			return sni;
		several |= any && !host_equal(sni, got);
		got = sni;
		any = true;
	}
	return several ? (struct slice){ NULL, 0 } : got;
}

/*
 * `sni` is set where it is certain: the host asked for is known and has a feed, or the port has one
 * name only, or the name observed is one of the port's.
 */
void mesh_expect(struct route_set *s, const struct flow *f, int64_t port, struct route *r,
		 struct arena *a)
{
	const struct feed_port *p = mesh_port(s, port);
	struct asking q = { flow_text(f, F_SOURCE_NAMESPACE), flow_has(f, F_AUTHORITY) };
	struct slice asked = q.http ? host_without_port(flow_text(f, F_AUTHORITY))
				    : flow_text(f, F_INNER_SNI);
	const struct feed *first = NULL;

	if (!p)
		return;
	r->n_snis = (uint32_t)p->n_snis;
	r->snis = p->snis;
	if (asked.n) {
		struct names_walk w = names_walk(&p->hosts, host_lower(s->scratch, asked));

		while ((first = names_next(&w)) && !winner(first, &q))
			;
	}
	if (first)
		r->sni = host_sni(s, first, &q, f, a);
	else if (p->n_snis == 1)
		r->sni = p->snis[0];
	else if (flow_has(f, F_SNI) &&
		 map_get(&p->sni_set, host_lower(s->scratch, flow_text(f, F_SNI))))
		r->sni = flow_text(f, F_SNI);
}
