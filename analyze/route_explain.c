/*
 * route_explain: the replay again, for people: what was looked at, taken or passed over, and why.
 *
 * The choice itself is route_replay's; this file only walks the same structures and tells of them.
 */
#include <stdio.h>

#include "analyze/route_build.h"
#include "analyze/route_trace.h"
#include "analyze/words.h"

/* --- gateway leg --------------------------------------------------------------------- */

static const char *tls_of(const struct server *v)
{
	return v->f.has_block ? route_tls_name(v->f.tls) : "AUTO_PASSTHROUGH";
}

static void on_server(struct trace *t, const struct server *v, const struct server *chosen,
		      int64_t port)
{
	const struct node *n = v->f.node;

	if (v->dropped) {
		trace_step(t, STEP_SERVER, false, v->gateway, n->line,
		     "%s server %u (port %lld) makes no listener: %s", say_object(v->gateway),
		     v->index, (long long)v->f.port, v->dropped);
		return;
	}
	if (v->listen[0] != port && !(v->n_listen > 1 && v->listen[1] == port)) {
		trace_step(t, STEP_SERVER, false, v->gateway, n->line,
		     "%s server %u listens on %u, not on %lld", say_object(v->gateway), v->index,
		     v->listen[0], (long long)port);
		return;
	}
	if (v->service)
		trace_step(t, STEP_PORT, v == chosen, v->service, 0, "%s maps port %lld to %u",
		     say_object(v->service), (long long)v->f.port, v->listen[0]);
	else if (v->assumed)
		trace_step(t, STEP_PORT, v == chosen, NULL, 0,
		     "no Service of the gateway was given: port "
		     "%lld is taken to be %u on the pod, as in Istio's charts",
		     (long long)v->f.port, v->listen[0]);
	trace_step(t, STEP_SERVER, v == chosen, v->gateway, n->line,
	     v == chosen ? "%s server %u accepts: %s %s, %s filter chain"
			 : "%s server %u (%s %s, %s) does not take this server name",
	     say_object(v->gateway), v->index, say(text_at(n, "port.protocol")),
	     tls_of(v), v->f.http ? "HTTP" : "TCP");
}

static const char *dead_block(const struct server *v, enum route_block b)
{
	static char text[160];

	if (v->f.block == b && v->f.has_block)
		return NULL;
	snprintf(text, sizeof text,
		 v->f.has_block ? "this server is %s %s, of which only %s routes are read"
				: "this server is %s %s, which reads %s routes",
		 v->f.protocol == PROTO_TLS	? "TLS"
		 : v->f.protocol == PROTO_HTTPS ? "HTTPS"
						: "plain",
		 tls_of(v), v->f.has_block ? route_block_name(v->f.block) : "no");
	return text;
}

/* Routes of a bound VirtualService that this server can never take. */
static void dead_routes(struct trace *t, const struct server *v, const struct object *vs)
{
	for (int b = 0; b < 3; b++) {
		const char *name = route_block_name((enum route_block)b);
		const char *why = dead_block(v, (enum route_block)b);
		const struct node *list = node_get(vs->spec, name);

		for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
			const struct node *m = node_get(list->item[i], "match");
			bool fits = !m || m->kind != NODE_LIST || !m->n;

			for (uint32_t k = 0; !fits && k < m->n; k++)
				fits = l4_match_fits(m->item[k], vs, v);
			if (fits && why)
				trace_step(t, STEP_ROUTE, false, vs, list->item[i]->line,
				     "%s[%u] is dead here: %s", name, i, why);
			else if (fits && b == ROUTE_TCP && v->tcp &&
				 (v->tcp->vs != vs || v->tcp->index != i))
				trace_step(t, STEP_ROUTE, false, vs, list->item[i]->line,
				     "tcp[%u] is dead here: a server has one tcp route, the first that fits",
				     i);
		}
	}
}

static void virtual_services(struct route_set *s, struct trace *t, const struct server *v)
{
	for (size_t i = 0; i < s->n_vs; i++) {
		const struct object *vs = s->vs[i];
		const struct node *g = node_get(vs->spec, "gateways");
		bool names = false;

		for (uint32_t k = 0; g && g->kind == NODE_LIST && k < g->n; k++)
			names |= gateway_ref_is(node_text(g->item[k]), vs->ns, v->gateway);
		if (!names)
			continue;
		if (!object_exported(vs, s->ns))
			trace_step(t, STEP_VIRTUAL_SERVICE, false, vs, 0,
			     "%s names the gateway but is not exported to namespace %s",
			     say_object(vs), say(s->ns));
		else if (!server_takes(&v->f, v->gateway, vs))
			trace_step(t, STEP_VIRTUAL_SERVICE, false, vs, 0,
			     "%s names the gateway but shares no host with this server",
			     say_object(vs));
		else
			dead_routes(t, v, vs);
	}
}

static void http_routes(struct route_set *s, struct trace *t, const struct server *v,
			const struct flow *f, const struct route *r)
{
	const struct vhost *h = !v->vhosts || !flow_has(f, F_AUTHORITY) ? NULL :
		vhosts_find(v->vhosts, host_lower(s->scratch,
				host_without_port(flow_text(f, F_AUTHORITY))));

	if (!h && flow_has(f, F_AUTHORITY))
		trace_step(t, STEP_VIRTUAL_SERVICE, false, NULL, 0,
		     "no VirtualService on this server has host %s",
		     say(flow_text(f, F_AUTHORITY)));
	for (size_t i = 0; h && i < h->n; i++) {
		const struct compiled *c = h->route[i];
		const struct cond *bad = match_failing(s, c, f);
		struct buf b;

		if (c->vs == r->virtual_service && c->index == r->index)
			break;
		buf_init(&b, 600);
		if (bad)
			cond_print(&b, bad);
		trace_step(t, STEP_ROUTE, false, c->vs, c->node->line,
		     "http[%u] is passed over: %.*s%s", c->index, (int)b.n,
		     b.n ? (const char *)b.p : "",
		     bad ? " does not hold" : "its match is for another port or gateway");
		buf_release(&b);
	}
}

bool route_explain(struct route_set *s, const struct flow *f, struct route *r, struct arena *a)
{
	struct trace t = { arena_new_array(a, struct route_step, STEPS_MAX), 0, a };
	struct slice sni = flow_text(f, F_SNI);
	const struct server *chosen;
	bool known = route_replay(s, f, r, a), ambiguous;
	int64_t port = flow_num(f, F_DESTINATION_PORT);

	if (!t.step || !known)
		return known;
	chosen = server_for(s, port, flow_state(f, F_SNI) == FLOW_UNKNOWN ? NULL : &sni,
			    &ambiguous);
	for (const struct server *v = s->server; v < s->server + s->n_server; v++)
		on_server(&t, v, chosen, port);
	if (chosen) {
		virtual_services(s, &t, chosen);
		if (chosen->f.block == ROUTE_HTTP)
			http_routes(s, &t, chosen, f, r);
		trace_route(&t, r);
	}
	trace_finish(&t, r);
	return true;
}

