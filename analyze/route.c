/*
 * route: the replay of one flow: port and server name to server (route_port.c), host to virtual host, first
 * route whose match holds.  route_set.c compiles what is walked here.
 */
#include "analyze/route.h"

#include <string.h>

#include "analyze/route_build.h"

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

/* --- replay -------------------------------------------------------------------------- */

/* Of a weighted route's targets the one that was taken, where it was observed; else the heaviest. */
static const struct route_target *target_taken(const struct compiled *c, const struct flow *f)
{
	for (uint32_t i = 1; flow_has(f, F_UPSTREAM_CLUSTER) && i < c->n_targets; i++)
		if (slice_eq(c->target[i].cluster, flow_text(f, F_UPSTREAM_CLUSTER)))
			return &c->target[i];
	return c->target;
}

void route_to(struct route *r, const struct route_target *t)
{
	r->cluster = t->cluster;
	r->upstream_host = t->host;
	r->upstream_port = t->port;
	r->upstream_tls = t->secure;
	r->outcome = t->exists ? ROUTE_CHOSEN : ROUTE_NO_CLUSTER;
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
	route_to(r, t);
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
	r->unasked = !v->f.has_block;
	r->port_assumed = v->assumed;
}

static void replay_http(struct route_set *s, const struct server *v, const struct flow *f,
			struct route *r)
{
	const struct vhost *h;
	const struct compiled *c;

	if (!v->vhosts)
		return;
	if (!flow_has(f, F_AUTHORITY)) {
		r->outcome = ROUTE_UNKNOWN;
		r->missing = "authority";
		return;
	}
	h = vhosts_find(v->vhosts, host_lower(s->scratch,
				host_without_port(flow_text(f, F_AUTHORITY))));
	if (!h)
		return;
	accept_by(h->server, r);
	if (h->redirect) {		/* b.9: 301, with or without a route */
		r->outcome = ROUTE_ANSWERED;
		return;
	}
	c = match_first(s, h->route, h->n, f, &r->missing);
	if (r->missing)
		r->outcome = ROUTE_UNKNOWN;
	else if (c)
		choose(c, f, r);
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

static void replay_auto(struct route_set *s, const struct flow *f, struct route *r,
			struct arena *a)
{
	struct route_target *t = arena_new_object(a, struct route_target);

	r->outcome = flow_state(f, F_SNI) == FLOW_UNKNOWN ? ROUTE_UNKNOWN : ROUTE_NO_CHAIN;
	r->missing = r->outcome == ROUTE_UNKNOWN ? "sni" : NULL;
	if (!t || !auto_target(s, host_lower(a, flow_text(f, F_SNI)), a, t))
		return;
	r->target = t;
	r->n_targets = 1;
	route_to(r, t);
	r->upstream_tls = true;
}

static void no_server(const struct listener *l, bool ambiguous, struct route *r)
{
	r->port_declared = ambiguous;
	r->mtls_declared = l && l->mutual;
	r->passthrough = l && l->passthrough;
	r->unasked = auto_only(l);
	r->port_assumed = l && l->assumed;
	r->outcome = ambiguous ? ROUTE_UNKNOWN : l ? ROUTE_NO_CHAIN : ROUTE_NO_SERVER;
	r->missing = ambiguous ? "sni" : NULL;
}

bool route_replay(struct route_set *s, const struct flow *f, struct route *r, struct arena *a)
{
	const struct slice sni = flow_text(f, F_SNI);
	const struct slice *seen = flow_state(f, F_SNI) == FLOW_UNKNOWN ? NULL : &sni;
	int64_t port = flow_num(f, F_DESTINATION_PORT);
	const struct server *v;
	bool ambiguous;

	route_begin(s);
	*r = (struct route){ .tls = ROUTE_TLS_UNKNOWN, .routes_declared = s->routes_declared,
			     .registry_declared = s->registry.has_entries };
	if (!flow_has(f, F_DESTINATION_PORT))
		return false;
	if (!s->routes_declared)
		return true;
	v = server_for(s, port, seen, &ambiguous);
	r->chain = v ? (v->f.http ? CHAIN_HTTP : CHAIN_TCP) : route_chain(s, port, seen);
	mesh_expect(s, f, port, r, a);
	if (v) {
		accept_by(v, r);
		if (!v->f.has_block)
			replay_auto(s, f, r, a);
		else
			replay_server(s, v, f, r);
	} else {
		no_server(listener_at(s, port), ambiguous, r);
	}
	return true;
}

void route_expect(const struct route *r, struct flow *f)
{
	if (r->cluster.n)
		flow_set_text(f, F_EXPECTED_CLUSTER, r->cluster);
	else if (r->outcome == ROUTE_NONE || r->outcome == ROUTE_NO_CHAIN ||
		 r->outcome == ROUTE_NO_SERVER || r->outcome == ROUTE_ANSWERED)
		flow_set_absent(f, F_EXPECTED_CLUSTER);
	if (r->sni.n)
		flow_set_text(f, F_EXPECTED_SNI, r->sni);
	if (r->chain && flow_state(f, F_CHAIN) == FLOW_UNKNOWN)
		flow_set_num(f, F_CHAIN, r->chain);
	/* b.10: whose TLS the gateway does not end, it cannot know. */
	if (r->passthrough && flow_state(f, F_SOURCE_IDENTITY) == FLOW_UNKNOWN)
		flow_set_no_identity(f);
}

bool route_wants_header(const struct route_set *s, struct slice lower_name)
{
	return map_get(&s->headers, lower_name) != NULL;
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

	arena_reset(s->scratch);
	return registry_find(&s->registry, host_lower(s->scratch, host), s->ns) != NULL;
}
