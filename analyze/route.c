/*
 * route: the set, and the replay of one flow.
 *
 * route_set_new lays out the servers of every Gateway that selects the workload, drops
 * those that istiod drops (b.7), binds VirtualServices to the rest (route_bind.c) and finds the mesh
 * routes that lead here (route_mesh.c).  A replay is then: port and SNI to server, host to
 * virtual host, first route whose match holds.
 */
#include "analyze/route.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/route_build.h"

enum { ARENA_MAX = 1 << 30, SCRATCH_MAX = 1 << 22, SERVERS_MAX = 4096,
       REGEX_STEPS = 100000, REGEX_DEPTH = 1000 };

const char *route_tls_name(enum route_tls t)
{
	static const char *const names[] = {
		[ROUTE_TLS_NONE] = "plaintext", [ROUTE_TLS_SIMPLE] = "SIMPLE",
		[ROUTE_TLS_OPTIONAL] = "OPTIONAL_MUTUAL", [ROUTE_TLS_MUTUAL] = "MUTUAL",
		[ROUTE_TLS_ISTIO] = "ISTIO_MUTUAL", [ROUTE_TLS_PASSTHROUGH] = "PASSTHROUGH",
		[ROUTE_TLS_UNKNOWN] = "unknown",
	};
	return names[t];
}

const char *route_block_name(enum route_block b)
{
	static const char *const names[] = { "http", "tls", "tcp" };

	return names[b];
}

/* --- building ------------------------------------------------------------------------ */

/* istiod's order at a proxy of this namespace: private, exported to it, public; each by age. */
static void rank_services(struct route_set *s)
{
	const struct object **by_rank =
		arena_new_array(s->arena, const struct object *, s->n_vs + 1);
	size_t n = 0;

	if (!by_rank)
		abort();
	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < s->n_vs; i++)
			if (export_rank(s->vs[i], s->ns) == rank)
				by_rank[n++] = s->vs[i];
	s->vs = by_rank;
}

/* b.2: such a Service's ports are not translated. */
static bool keeps_ports(const struct object *service)
{
	const struct node *labels = node_get(service->metadata, "labels");

	return slice_is(node_text(node_get(labels,
				"experimental.istio.io/disable-gateway-port-translation")), "true");
}

static void find_services(struct route_set *s)
{
	for (size_t i = 0; i < s->p->n_of_kind[OBJ_SERVICE]; i++) {
		const struct object *o = s->p->of_kind[OBJ_SERVICE][i];
		const struct node *selector = node_get(o->spec, "selector");

		if (!selector || !selector->n || !slice_eq(o->ns, s->ns) ||
		    !selects_labels(selector, s->labels, s->n_labels) || keeps_ports(o))
			continue;
		s->service = list_grow(s->arena, s->service, s->n_service, sizeof *s->service);
		s->service[s->n_service++] = o;
	}
}

static bool share_host(const struct server *a, const struct server *b)
{
	for (uint32_t i = 0; a->f.hosts && i < a->f.hosts->n; i++)
		for (uint32_t k = 0; b->f.hosts && k < b->f.hosts->n; k++)
			if (slice_eq(node_text(a->f.hosts->item[i]),
				     node_text(b->f.hosts->item[k])))
				return true;
	return false;
}

/* b.7: what stands first on a port keeps it. */
static const char *conflict(const struct route_set *s, const struct server *v)
{
	struct slice bind = node_text(node_get(v->f.node, "bind"));

	if (!v->f.port)
		return "it has no port";
	for (const struct server *o = s->server; o < v; o++) {
		bool both_tls = o->f.tls != ROUTE_TLS_NONE && v->f.tls != ROUTE_TLS_NONE;

		if (o->dropped || o->listen[0] != v->listen[0] ||
		    !slice_eq(node_text(node_get(o->f.node, "bind")), bind))
			continue;
		if (both_tls && share_host(o, v))
			return "an earlier server has the same host on this port";
		if (!both_tls && !(o->f.http && v->f.http && o->f.tls == v->f.tls))
			return "an earlier server on this port speaks another protocol";
	}
	return NULL;
}

static void add_server(struct route_set *s, const struct object *gateway, uint32_t index,
		       const struct node *node)
{
	struct server *v = &s->server[s->n_server];

	*v = (struct server){ .gateway = gateway, .index = index };
	server_read(node, &v->f);
	v->n_listen = service_listen(s, v->f.port, v->listen, &v->service, &v->assumed);
	v->dropped = conflict(s, v);
	s->n_server++;
}

static void find_servers(struct route_set *s)
{
	const struct object **gateway;
	size_t n;

	gateway = objects_by_age(s->p, OBJ_GATEWAY, s->arena, &n);
	s->server = arena_new_array(s->arena, struct server, SERVERS_MAX);
	for (size_t i = 0; s->server && i < n; i++) {
		const struct node *list = node_get(gateway[i]->spec, "servers");

		if (!selects_labels(node_get(gateway[i]->spec, "selector"), s->labels,
				    s->n_labels))
			continue;
		s->routes_declared = true;
		for (uint32_t k = 0; list && list->kind == NODE_LIST && k < list->n; k++)
			if (s->n_server < SERVERS_MAX)
				add_server(s, gateway[i], k, list->item[k]);
	}
}

static struct slice root_namespace(const struct policy_set *p, const struct judge_options *o)
{
	if (o && o->root_namespace)
		return slice_of(o->root_namespace);
	return p->mesh.root_namespace.n ? p->mesh.root_namespace : SLICE("istio-system");
}

static struct route_set *empty_set(const struct policy_set *p)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct route_set *s = arena_new_object(a, struct route_set);

	*s = (struct route_set){ .p = p, .arena = a, .scratch = arena_new(SCRATCH_MAX) };
	s->match_data = pcre2_match_data_create(1, NULL);
	s->match_limits = pcre2_match_context_create(NULL);
	if (!s->match_data || !s->match_limits)
		abort();
	pcre2_set_match_limit(s->match_limits, REGEX_STEPS);
	pcre2_set_depth_limit(s->match_limits, REGEX_DEPTH);
	return s;
}

static void fill(struct route_set *s)
{
	registry_init(&s->registry, s->p, s->arena, s->root_ns);
	s->vs = objects_by_age(s->p, OBJ_VIRTUAL_SERVICE, s->arena, &s->n_vs);
	rank_services(s);
	find_services(s);
	find_servers(s);
	bind_servers(s);
	mesh_feeds(s);
}

struct route_set *route_set_new(const struct policy_set *p, const struct judge_options *o,
				struct err *e)
{
	struct route_set *s = empty_set(p);

	s->root_ns = root_namespace(p, o);
	if (!workload_parse(o ? o->workload : NULL, s->arena, &s->ns, &s->labels,
			    &s->n_labels, e)) {
		route_set_free(&s);
		return NULL;
	}
	fill(s);
	return s;
}

struct route_set *route_set_for(const struct policy_set *p, struct slice ns, struct label *labels,
				size_t n, struct slice root_ns)
{
	struct route_set *s = empty_set(p);

	s->ns = ns;
	s->labels = labels;
	s->n_labels = n;
	s->root_ns = root_ns;
	fill(s);
	return s;
}

static void server_release(struct route_set *s, struct server *v)
{
	map_release(&v->snis);
	for (struct server *o = s->server; o < v; o++)
		if (o->vhosts == v->vhosts)
			return;		/* shared: released with the first */
	if (v->vhosts)
		map_release(&v->vhosts->exact);
}

void route_set_free(struct route_set **r)
{
	struct route_set *s = *r;
	struct arena *a;

	*r = NULL;
	if (!s)
		return;
	for (size_t i = 0; i < s->n_server; i++)
		server_release(s, &s->server[s->n_server - 1 - i]);
	mesh_feeds_release(s);
	registry_release(&s->registry);
	for (size_t i = 0; i < s->n_codes; i++)
		pcre2_code_free(s->codes[i]);
	pcre2_match_data_free(s->match_data);
	pcre2_match_context_free(s->match_limits);
	arena_free(&s->scratch);
	a = s->arena;
	arena_free(&a);
}

/* --- which server -------------------------------------------------------------------- */

static bool listens(const struct server *v, int64_t port)
{
	for (uint32_t i = 0; i < v->n_listen; i++)
		if (v->listen[i] == port)
			return !v->dropped;
	return false;
}

/* The server's most specific host for this SNI; empty: none.  `*` sets no condition (b.6). */
static struct slice sni_host(const struct server *v, struct slice sni)
{
	struct slice best = { NULL, 0 };

	for (uint32_t i = 0; v->f.hosts && i < v->f.hosts->n; i++) {
		struct slice ns, pattern;

		server_host(v->f.hosts->item[i], v->gateway, &ns, &pattern);
		if (slice_is(pattern, "*"))
			return pattern;
		if (sni.n && host_within(sni, pattern) && (!best.n || host_beats(pattern, best)))
			best = pattern;
	}
	return best;
}

static bool needs_sni(const struct server *v)
{
	return v->f.tls != ROUTE_TLS_NONE && !slice_is(sni_host(v, (struct slice){ 0 }), "*");
}

/*
 * NULL: none, or *ambiguous: the SNI decides and is not known.  A server without a condition on the SNI
 * takes what no other server takes.
 */
const struct server *server_for(const struct route_set *s, int64_t port, const struct slice *sni,
				bool *ambiguous)
{
	const struct server *best = NULL, *only = NULL;
	struct slice best_host = { NULL, 0 };
	size_t n = 0, conditional = 0;

	*ambiguous = false;
	for (const struct server *v = s->server; v < s->server + s->n_server; v++) {
		struct slice host;

		if (!listens(v, port))
			continue;
		n++;
		conditional += needs_sni(v);
		only = v;
		host = v->f.tls == ROUTE_TLS_NONE ? SLICE("*")
		     : sni_host(v, sni ? *sni : (struct slice){ NULL, 0 });
		if (host.n && (!best || host_beats(host, best_host))) {
			best = v;
			best_host = host;
		}
	}
	if (sni || !conditional)
		return best;
	*ambiguous = n > 1;
	return n == 1 ? only : NULL;
}

int route_chain(const struct route_set *s, int64_t port, const struct slice *sni)
{
	bool ambiguous, http = false, tcp = false;
	const struct server *v = server_for(s, port, sni, &ambiguous);

	if (v)
		return v->f.http ? CHAIN_HTTP : CHAIN_TCP;
	for (v = s->server; ambiguous && v < s->server + s->n_server; v++)
		if (listens(v, port)) {
			http |= v->f.http;
			tcp |= !v->f.http;
		}
	return http == tcp ? 0 : http ? CHAIN_HTTP : CHAIN_TCP;
}

/* --- replay -------------------------------------------------------------------------- */

/* Of a weighted route's targets the one that was taken, where it was observed; else the heaviest. */
static const struct route_target *target_taken(const struct compiled *c, const struct flow *f)
{
	for (uint32_t i = 1; flow_has(f, F_UPSTREAM_CLUSTER) && i < c->n_targets; i++)
		if (slice_eq(c->target[i].cluster, flow_text(f, F_UPSTREAM_CLUSTER)))
			return &c->target[i];
	return c->target;
}

static void choose(const struct compiled *c, const struct flow *f, struct route *r)
{
	const struct route_target *t = target_taken(c, f);

	r->virtual_service = c->vs;
	r->block = c->block;
	r->index = c->index;
	if (c->answers) {
		r->outcome = ROUTE_ANSWERED;
		return;
	}
	if (!c->n_targets) {
		r->outcome = ROUTE_NONE;
		return;
	}
	r->target = c->target;
	r->n_targets = c->n_targets;
	r->cluster = t->cluster;
	r->upstream_host = t->host;
	r->upstream_port = t->port;
	r->outcome = t->exists ? ROUTE_CHOSEN : ROUTE_NO_CLUSTER;
	r->upstream_tls = t->secure;
}

static bool same_target(const struct compiled *a, const struct compiled *b)
{
	return a->n_targets == 1 && b->n_targets == 1 &&
	       slice_eq(a->target[0].cluster, b->target[0].cluster);
}

static bool redirects(const struct server *v)
{
	bool yes = false;

	return node_bool(node_at(v->f.node, "tls.httpsRedirect"), &yes) && yes;
}

/* An unknown match stands in the way only where its route leads elsewhere. */
static void replay_http(struct route_set *s, const struct server *v, const struct flow *f,
			struct route *r)
{
	const struct vhost *h = NULL;
	const struct compiled *maybe = NULL, *hit = NULL;
	const char *missing = NULL;

	if (redirects(v))
		r->outcome = ROUTE_ANSWERED;	/* b.9: 301, with or without a route */
	if (!v->vhosts || redirects(v))
		return;
	if (flow_has(f, F_AUTHORITY))
		h = vhosts_find(v->vhosts, host_lower(s->scratch,
					host_without_port(flow_text(f, F_AUTHORITY))));
	else
		r->missing = "authority";
	for (size_t i = 0; h && !hit && i < h->n; i++) {
		const struct compiled *c = h->route[i];
		enum answer a = match_test(s, c, f, &missing);

		if (a == ANSWER_YES)
			hit = c;
		else if (a == ANSWER_UNKNOWN && maybe && !same_target(maybe, c))
			r->missing = missing;
		else if (a == ANSWER_UNKNOWN)
			maybe = c;
	}
	if (!r->missing && maybe && (!hit || !same_target(maybe, hit)))
		r->missing = missing;
	if (r->missing)
		r->outcome = ROUTE_UNKNOWN;
	else if (hit)
		choose(hit, f, r);
}

static void replay_server(struct route_set *s, const struct server *v, const struct flow *f,
			  struct route *r)
{
	const struct compiled *c = NULL;

	r->outcome = ROUTE_NONE;
	switch (v->f.block) {
	case ROUTE_HTTP:
		replay_http(s, v, f, r);
		return;
	case ROUTE_TCP:
		c = v->tcp;
		break;
	case ROUTE_TLS:
		if (flow_state(f, F_SNI) == FLOW_UNKNOWN) {
			r->outcome = ROUTE_UNKNOWN;
			r->missing = "sni";
			return;
		}
		r->outcome = ROUTE_NO_CHAIN;
		c = flow_has(f, F_SNI) ? sni_find(v, host_lower(s->scratch, flow_text(f, F_SNI)))
				       : NULL;
		break;
	}
	if (c)
		choose(c, f, r);
}

/*
 * AUTO_PASSTHROUGH: a chain for each service and subset of the mesh, named by the default SNI (c.9); no
 * VirtualService, and nothing outside the mesh.
 */
static void replay_auto(struct route_set *s, const struct flow *f, struct route *r,
			struct arena *a)
{
	struct slice sni = flow_text(f, F_SNI), part[4];
	struct route_target *t = arena_new_object(a, struct route_target);
	size_t n = 0;

	r->outcome = flow_state(f, F_SNI) == FLOW_UNKNOWN ? ROUTE_UNKNOWN : ROUTE_NO_CHAIN;
	r->missing = r->outcome == ROUTE_UNKNOWN ? "sni" : NULL;
	while (n < 3) {		/* outbound_.PORT_.SUBSET_.HOST */
		const uint8_t *p = sni.n ? memmem(sni.p, sni.n, "_.", 2) : NULL;

		if (!p)
			return;
		part[n] = (struct slice){ sni.p, (size_t)(p - sni.p) };
		sni = slice_from(sni, part[n++].n + 2);
	}
	part[3] = sni;
	if (!t || !slice_is(part[0], "outbound") ||
	    !target_by_name(&s->registry, part[1], part[2], part[3], s->ns, a, t) || t->external || !t->exists)
		return;
	r->target = t;
	r->n_targets = 1;
	r->cluster = t->cluster;
	r->upstream_host = t->host;
	r->upstream_port = t->port;
	r->upstream_tls = true;
	r->outcome = ROUTE_CHOSEN;
}

/* Plain HTTP servers share a port: the request's host says which of them it came to. */
static const struct server *by_authority(const struct route_set *s, const struct server *v,
					 int64_t port, const struct flow *f)
{
	struct slice host = host_without_port(flow_text(f, F_AUTHORITY)), best = { NULL, 0 };

	if (!v->f.http || v->f.tls != ROUTE_TLS_NONE || !host.n)
		return v;
	for (const struct server *o = s->server; o < s->server + s->n_server; o++)
		for (uint32_t i = 0; listens(o, port) && o->f.hosts && i < o->f.hosts->n; i++) {
			struct slice ns, pattern;

			server_host(o->f.hosts->item[i], o->gateway, &ns, &pattern);
			if (host_within(host, pattern) && (!best.n || host_beats(pattern, best))) {
				best = pattern;
				v = o;
			}
		}
	return v;
}

static void no_server(const struct route_set *s, int64_t port, bool ambiguous, struct route *r)
{
	bool any = false, mutual = true;

	for (const struct server *v = s->server; v < s->server + s->n_server; v++)
		if (listens(v, port)) {
			any = true;
			mutual &= v->f.tls == ROUTE_TLS_ISTIO || v->f.tls == ROUTE_TLS_MUTUAL;
			r->passthrough |= v->f.tls == ROUTE_TLS_PASSTHROUGH;
			r->port_assumed |= v->assumed;
		}
	r->port_declared = ambiguous;
	r->mtls_declared = any && mutual;
	r->outcome = ambiguous ? ROUTE_UNKNOWN : any ? ROUTE_NO_CHAIN : ROUTE_NO_SERVER;
	r->missing = ambiguous ? "sni" : NULL;
}

static void accept_by(const struct server *v, struct route *r)
{
	r->port_declared = true;
	r->gateway = v->gateway;
	r->server = v->index;
	r->server_port = (uint32_t)v->f.port;
	r->tls = v->f.tls;
	r->mtls_declared = v->f.tls == ROUTE_TLS_ISTIO || v->f.tls == ROUTE_TLS_MUTUAL;
	r->passthrough = v->f.tls == ROUTE_TLS_PASSTHROUGH;
	r->port_assumed = v->assumed;
}

bool route_replay(struct route_set *s, const struct flow *f, struct route *r, struct arena *a)
{
	const struct slice sni = flow_text(f, F_SNI);
	int64_t port = flow_num(f, F_DESTINATION_PORT);
	const struct server *v;
	bool ambiguous;

	arena_reset(s->scratch);
	*r = (struct route){ .tls = ROUTE_TLS_UNKNOWN, .routes_declared = s->routes_declared,
			     .registry_declared = s->registry.has_entries };
	if (!flow_has(f, F_DESTINATION_PORT))
		return false;
	if (!s->routes_declared)
		return true;
	r->chain = route_chain(s, port, flow_state(f, F_SNI) == FLOW_UNKNOWN ? NULL : &sni);
	v = server_for(s, port, flow_state(f, F_SNI) == FLOW_UNKNOWN ? NULL : &sni, &ambiguous);
	mesh_expect(s, f, port, r, a);
	if (v) {
		v = by_authority(s, v, port, f);
		accept_by(v, r);
		if (!v->f.has_block)
			replay_auto(s, f, r, a);
		else
			replay_server(s, v, f, r);
	} else {
		no_server(s, port, ambiguous, r);
	}
	return true;
}

void route_expect(const struct route *r, struct flow *f)
{
	if (r->cluster.n)
		flow_set_text(f, F_EXPECTED_CLUSTER, r->cluster);
	else if (r->outcome == ROUTE_NONE || r->outcome == ROUTE_NO_CHAIN ||
		 r->outcome == ROUTE_NO_SERVER)
		flow_set_absent(f, F_EXPECTED_CLUSTER);
	if (r->sni.n)
		flow_set_text(f, F_EXPECTED_SNI, r->sni);
	if (r->chain && flow_state(f, F_CHAIN) == FLOW_UNKNOWN)
		flow_set_num(f, F_CHAIN, r->chain);
}

bool route_accepts(const struct route *r, struct slice cluster)
{
	for (uint32_t i = 0; i < r->n_targets; i++)
		if (slice_eq(r->target[i].cluster, cluster))
			return true;
	return false;
}

bool route_registered(const void *ctx, struct slice host)
{
	const struct route_set *s = ctx;
	struct arena *a = arena_new(4096);
	const struct registry_entry *e = registry_find(&s->registry, host_lower(a, host), s->ns);

	arena_free(&a);
	return e != NULL;
}
