/*
 * route_explain: the replay again, for people: what was looked at, taken or passed over, and why.
 *
 * The choice itself is route_replay's; this file only walks the same structures and tells of them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/route.h"
#include "analyze/route_build.h"

enum { STEPS_MAX = 200 };

struct trace {
	struct route_step *step;
	uint32_t n;
	struct arena *a;
};

static void step(struct trace *t, enum route_step_kind kind, bool taken, const struct object *o,
		 uint32_t line, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
static void step(struct trace *t, enum route_step_kind kind, bool taken, const struct object *o,
		 uint32_t line, const char *fmt, ...)
{
	struct route_step *s = &t->step[t->n];
	char text[700];
	va_list ap;

	if (t->n == STEPS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	*s = (struct route_step){ .kind = kind, .taken = taken, .object = o,
				  .file = o ? o->file : NULL,
				  .line = line ? line : o ? o->line : 0 };
	s->text = arena_copy(t->a, slice_of(text));
	t->n += s->text.p != NULL;
}

/* A value for a sentence; a few may be used in one call. */
static const char *show(struct slice s)
{
	static _Thread_local char text[6][256];
	static _Thread_local unsigned turn;
	char *t = text[turn++ % 6];
	struct buf b;

	buf_init(&b, 2048);
	buf_quote(&b, s);
	snprintf(t, sizeof text[0], "%.*s", (int)b.n, b.n ? (const char *)b.p : "");
	buf_release(&b);
	return t;
}

static const char *name_of(const struct object *o)
{
	static _Thread_local char text[4][256];
	static _Thread_local unsigned turn;
	char *t = text[turn++ % 4];
	struct buf b;

	buf_init(&b, 2048);
	object_print(&b, o);
	snprintf(t, sizeof text[0], "%.*s", (int)b.n, (const char *)b.p);
	buf_release(&b);
	return t;
}

/* --- gateway leg --------------------------------------------------------------------- */

static void on_server(struct trace *t, const struct server *v, const struct server *chosen,
		      int64_t port)
{
	const struct node *n = v->f.node;

	if (v->dropped) {
		step(t, STEP_SERVER, false, v->gateway, n->line,
		     "%s server %u (port %lld) makes no listener: %s", name_of(v->gateway),
		     v->index, (long long)v->f.port, v->dropped);
		return;
	}
	if (v->listen[0] != port && !(v->n_listen > 1 && v->listen[1] == port)) {
		step(t, STEP_SERVER, false, v->gateway, n->line,
		     "%s server %u listens on %u, not on %lld", name_of(v->gateway), v->index,
		     v->listen[0], (long long)port);
		return;
	}
	if (v->service)
		step(t, STEP_PORT, v == chosen, v->service, 0, "%s maps port %lld to %u",
		     name_of(v->service), (long long)v->f.port, v->listen[0]);
	else if (v->assumed)
		step(t, STEP_PORT, v == chosen, NULL, 0,
		     "no Service of the gateway was given: port "
		     "%lld is taken to be %u on the pod, as in Istio's charts",
		     (long long)v->f.port, v->listen[0]);
	step(t, STEP_SERVER, v == chosen, v->gateway, n->line,
	     v == chosen ? "%s server %u accepts: %s %s, %s filter chain"
			 : "%s server %u (%s %s, %s) does not take this server name",
	     name_of(v->gateway), v->index, show(text_at(n, "port.protocol")),
	     route_tls_name(v->f.tls), v->f.http ? "HTTP" : "TCP");
}

static const char *dead_block(const struct server *v, enum route_block b)
{
	static char text[160];

	if (v->f.block == b)
		return NULL;
	snprintf(text, sizeof text,
		 "this server is %s %s, of which only %s routes are read",
		 v->f.protocol == PROTO_TLS	? "TLS"
		 : v->f.protocol == PROTO_HTTPS ? "HTTPS"
						: "plain",
		 route_tls_name(v->f.tls), route_block_name(v->f.block));
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
				step(t, STEP_ROUTE, false, vs, list->item[i]->line,
				     "%s[%u] is dead here: %s", name, i, why);
			else if (fits && b == ROUTE_TCP && v->tcp &&
				 (v->tcp->vs != vs || v->tcp->index != i))
				step(t, STEP_ROUTE, false, vs, list->item[i]->line,
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
			step(t, STEP_VIRTUAL_SERVICE, false, vs, 0,
			     "%s names the gateway but is not exported to namespace %s",
			     name_of(vs), show(s->ns));
		else if (!server_takes(&v->f, v->gateway, vs))
			step(t, STEP_VIRTUAL_SERVICE, false, vs, 0,
			     "%s names the gateway but shares no host with this server",
			     name_of(vs));
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
		step(t, STEP_VIRTUAL_SERVICE, false, NULL, 0,
		     "no VirtualService on this server has host %s",
		     show(flow_text(f, F_AUTHORITY)));
	for (size_t i = 0; h && i < h->n; i++) {
		const struct compiled *c = h->route[i];
		const struct cond *bad = match_failing(s, c, f);
		struct buf b;

		if (c->vs == r->virtual_service && c->index == r->index)
			break;
		buf_init(&b, 600);
		if (bad)
			cond_print(&b, bad);
		step(t, STEP_ROUTE, false, c->vs, c->node->line,
		     "http[%u] is passed over: %.*s%s", c->index, (int)b.n,
		     b.n ? (const char *)b.p : "",
		     bad ? " does not hold" : "its match is for another port or gateway");
		buf_release(&b);
	}
}

static void destination(struct trace *t, const struct route *r)
{
	for (uint32_t i = 0; i < r->n_targets; i++) {
		const struct route_target *d = &r->target[i];

		step(t, STEP_DESTINATION, true, r->virtual_service, 0, "destination %s%s",
		     show(d->cluster),
		     d->exists ? "" : ": this cluster does not exist for this proxy");
		if (d->rule)
			step(t, STEP_DESTINATION_RULE, true, d->rule, 0,
			     "%s applies: TLS %s%s%s", name_of(d->rule),
			     route_tls_name(d->tls), d->sni.n ? ", server name " : "",
			     d->sni.n ? show(d->sni) : "");
		else
			step(t, STEP_DESTINATION_RULE, false, NULL, 0,
			     "no DestinationRule is visible for %s", show(d->host));
		if (d->entry)
			step(t, STEP_SERVICE_ENTRY, true, d->entry, 0, "%s registers %s",
			     name_of(d->entry), show(d->host));
		else
			step(t, STEP_SERVICE_ENTRY, false, NULL, 0,
			     "no ServiceEntry or Service given to egret registers %s",
			     show(d->host));
	}
}

static void outcome(struct trace *t, const struct route *r)
{
	static const char *const text[] = {
		[ROUTE_UNDECLARED] = "no Gateway selects this workload",
		[ROUTE_UNKNOWN] = "the route depends on what was not observed",
		[ROUTE_NO_SERVER] = "no server listens on this port",
		[ROUTE_NO_CHAIN] =
			"no filter chain takes this server name: the connection is closed (NR)",
		[ROUTE_NONE] = "no route: 404 or a closed connection (NR)",
		[ROUTE_ANSWERED] =
			"the gateway answers itself (redirect or direct response)",
		[ROUTE_NO_CLUSTER] =
			"the chosen cluster does not exist: 503 or a closed connection (NC)",
		[ROUTE_CHOSEN] = "the flow goes to the destination above",
	};

	step(t, STEP_END, r->outcome == ROUTE_CHOSEN, NULL, 0, "%s%s%s", text[r->outcome],
	     r->missing ? ": " : "", r->missing ? r->missing : "");
}

static void chosen_route(struct trace *t, const struct route *r)
{
	const struct node *list;

	if (!r->virtual_service)
		return;
	list = node_get(r->virtual_service->spec, route_block_name(r->block));
	step(t, STEP_ROUTE, true, r->virtual_service,
	     list && r->index < list->n ? list->item[r->index]->line : 0, "%s %s[%u] is taken",
	     name_of(r->virtual_service), route_block_name(r->block), r->index);
}

static void finish(struct trace *t, struct route *r)
{
	destination(t, r);
	outcome(t, r);
	r->steps = t->step;
	r->n_steps = t->n;
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
		chosen_route(&t, r);
	}
	finish(&t, r);
	return true;
}

/* --- sidecar leg --------------------------------------------------------------------- */

static bool source_ns_fits(const struct node *match, struct slice ns)
{
	struct slice want = node_text(node_get(match, "sourceNamespace"));

	return !want.n || slice_eq(want, ns);
}

static bool l4_mesh_fits(const struct node *match, int64_t port, struct slice ns)
{
	const struct node *g = node_get(match, "gateways");
	int64_t n;

	if (node_int(node_get(match, "port"), &n) && n != port)
		return false;
	if (g && g->kind == NODE_LIST && g->n && !list_has(g, "mesh"))
		return false;
	return source_ns_fits(match, ns);
}

struct asked {
	const struct flow *f;
	int64_t port;
	struct slice host, sni, ns;
	enum route_block block;
};

/* The most specific of a match's sniHosts that takes the name; empty: none. */
static struct slice sni_listed(const struct node *match, struct slice sni)
{
	const struct node *l = node_get(match, "sniHosts");
	struct slice best = { NULL, 0 };

	for (uint32_t i = 0; l && l->kind == NODE_LIST && i < l->n; i++)
		if (host_within(sni, node_text(l->item[i])) &&
		    (!best.n || host_beats(node_text(l->item[i]), best)))
			best = node_text(l->item[i]);
	return best;
}

/* Envoy prefers the exact name, then the longest wildcard (c.8). */
static int64_t mesh_tls(const struct node *list, const struct asked *q)
{
	struct slice best = { NULL, 0 };
	int64_t route = -1;

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *m = node_get(list->item[i], "match");

		for (uint32_t k = 0; m && m->kind == NODE_LIST && k < m->n; k++) {
			struct slice host = sni_listed(m->item[k], q->sni);

			if (!host.n || !l4_mesh_fits(m->item[k], q->port, q->ns) ||
			    (best.n && !host_beats(host, best)))
				continue;
			best = host;
			route = i;
		}
	}
	return route;
}

/* Compiled for this one question, in the scratch: a set that explains for days does not grow. */
static bool match_holds(struct route_set *s, const struct node *match, const struct flow *f)
{
	struct arena *arena = s->arena;
	pcre2_code **codes = s->codes;
	size_t n = s->n_codes;
	const char *missing = NULL;
	struct http_match m;
	struct compiled one = { .match = &m, .n_match = 1 };
	bool yes;

	s->arena = s->scratch;
	s->codes = NULL;
	s->n_codes = 0;
	match_compile(s, match, &m);
	m.possible = m.cond != NULL;
	yes = match_test(s, &one, f, &missing) == ANSWER_YES;
	for (size_t i = 0; i < s->n_codes; i++)
		pcre2_code_free(s->codes[i]);
	s->arena = arena;
	s->codes = codes;
	s->n_codes = n;
	return yes;
}

/* The route of one VirtualService that takes it; -1: none. */
static int64_t mesh_route(struct route_set *s, const struct object *vs, const struct asked *q)
{
	const struct node *list = node_get(vs->spec, route_block_name(q->block));

	if (q->block == ROUTE_TLS)
		return mesh_tls(list, q);
	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *m = node_get(list->item[i], "match");

		if (!m || m->kind != NODE_LIST || !m->n)
			return i;
		for (uint32_t k = 0; k < m->n; k++) {
			if (!l4_mesh_fits(m->item[k], q->port, q->ns))
				continue;
			if (q->block != ROUTE_HTTP || match_holds(s, m->item[k], q->f))
				return i;
		}
	}
	return -1;
}

/* The VirtualService for a host on the mesh: an exact host beats a wildcard, then the oldest (c.3). */
static const struct object *mesh_vs(struct route_set *s, const struct asked *q)
{
	const struct object *best = NULL;
	struct slice best_host = { NULL, 0 };

	for (size_t i = 0; i < s->n_vs; i++) {
		const struct node *hosts = node_get(s->vs[i]->spec, "hosts");

		if (!on_mesh(s->vs[i]) || !object_exported(s->vs[i], q->ns))
			continue;
		for (uint32_t k = 0; hosts && hosts->kind == NODE_LIST && k < hosts->n; k++) {
			struct slice h = host_full(s->scratch, node_text(hosts->item[k]),
						   s->vs[i]->ns);

			if (host_within(q->host, h) && (!best || host_beats(h, best_host) ||
			    (host_equal(h, best_host) &&
			     export_rank(s->vs[i], q->ns) < export_rank(best, q->ns)))) {
				best = s->vs[i];
				best_host = h;
			}
		}
	}
	return best;
}

static void mesh_choose(struct route_set *s, const struct object *vs, const struct asked *q,
			int64_t index, struct route *r, struct arena *a)
{
	const struct node *list = node_get(vs->spec, route_block_name(q->block));
	const struct node *to = node_get(list->item[index], "route");
	struct route_target *t;

	r->virtual_service = vs;
	r->block = q->block;
	r->index = (uint32_t)index;
	r->outcome = ROUTE_ANSWERED;
	if (!to || to->kind != NODE_LIST || !to->n ||
	    !(t = arena_new_object(a, struct route_target)))
		return;
	target_read(&s->registry, node_get(to->item[0], "destination"), vs->ns, q->ns, NULL, 0,
		    q->port, a, t);
	r->target = t;
	r->n_targets = 1;
	r->cluster = t->cluster;
	r->sni = t->sni;
	r->upstream_host = t->host;
	r->upstream_port = t->port;
	r->upstream_tls = t->secure;
	if (!sidecar_imports(s, q->ns, t->host,
			     t->entry ? t->entry->ns : host_service_ns(t->host)))
		t->exists = false;
	r->outcome = t->exists ? ROUTE_CHOSEN : ROUTE_NO_CLUSTER;
}

static void mesh_unrouted(const struct route_set *s, const struct registry_entry *e,
			  const struct asked *q, struct trace *t, struct route *r)
{
	if (e) {
		step(t, STEP_ROUTE, true, NULL, 0,
		     "no VirtualService on the mesh takes it: the sidecar goes straight to %s:%lld, "
		     "not through the gateway",
		     show(q->host), (long long)q->port);
		r->outcome = ROUTE_CHOSEN;
		return;
	}
	step(t, STEP_SERVICE_ENTRY, false, NULL, 0,
	     sidecar_registry_only(s, q->ns)
		     ? "%s is not known to the sidecar on this port and outboundTrafficPolicy is REGISTRY_ONLY: blocked"
		     : "%s is not known to the sidecar on this port: it is passed through (ALLOW_ANY), not "
		       "through the gateway",
	     show(q->host));
	r->outcome = ROUTE_NONE;
}

bool route_explain_sidecar(struct route_set *s, const struct flow *f, int64_t port,
			   struct slice sni, struct route *r, struct arena *a)
{
	struct trace t = { arena_new_array(a, struct route_step, STEPS_MAX), 0, a };
	struct asked q = { .f = f, .port = port, .sni = host_lower(a, sni),
			   .ns = flow_text(f, F_SOURCE_NAMESPACE) };
	const struct registry_entry *e;
	const struct object *vs;
	enum istio_protocol p;
	int64_t index = -1;

	arena_reset(s->scratch);
	*r = (struct route){ .tls = ROUTE_TLS_UNKNOWN, .routes_declared = s->routes_declared,
			     .registry_declared = s->registry.has_entries };
	q.host = sni.n ? q.sni : host_lower(a, host_without_port(flow_text(f, F_AUTHORITY)));
	if (!t.step || !q.host.n || !q.ns.n)
		return false;
	e = registry_find(&s->registry, q.host, q.ns);
	p = e ? entry_protocol(e, entry_port(e, port)) : PROTO_NONE;
	q.block = p == PROTO_HTTP || (!e && !sni.n) ? ROUTE_HTTP
		: p == PROTO_TLS || p == PROTO_HTTPS || sni.n ? ROUTE_TLS : ROUTE_TCP;
	if (e && (!entry_port(e, port) ||
		  !sidecar_imports(s, q.ns, q.host, e->object->ns)))
		e = NULL;
	vs = mesh_vs(s, &q);
	if (vs && e)
		index = mesh_route(s, vs, &q);
	if (index >= 0) {
		mesh_choose(s, vs, &q, index, r, a);
		chosen_route(&t, r);
	} else {
		mesh_unrouted(s, e, &q, &t, r);
	}
	finish(&t, r);
	return true;
}

/* --- printing ------------------------------------------------------------------------ */

static const char *const step_names[] = {
	[STEP_PORT] = "port",
	[STEP_SERVER] = "server",
	[STEP_VIRTUAL_SERVICE] = "virtual_service",
	[STEP_ROUTE] = "route",
	[STEP_DESTINATION] = "destination",
	[STEP_DESTINATION_RULE] = "destination_rule",
	[STEP_SERVICE_ENTRY] = "service_entry",
	[STEP_END] = "outcome",
};

void route_trace_json(const struct route *r, struct buf *out)
{
	buf_byte(out, '[');
	for (uint32_t i = 0; i < r->n_steps; i++) {
		const struct route_step *s = &r->steps[i];

		buf_printf(out, "%s{\"step\":\"%s\",\"taken\":%s,\"text\":", i ? "," : "",
			   step_names[s->kind], s->taken ? "true" : "false");
		buf_json_string(out, s->text);
		if (s->object) {
			struct buf name;

			buf_init(&name, 1024);
			object_print(&name, s->object);
			buf_str(out, ",\"object\":");
			buf_json_string(out, buf_slice(&name));
			buf_str(out, ",\"file\":");
			buf_json_string(out, slice_of(s->file));
			buf_printf(out, ",\"line\":%u", s->line);
			buf_release(&name);
		}
		buf_byte(out, '}');
	}
	buf_byte(out, ']');
}

void route_trace_text(const struct route *r, struct buf *out)
{
	for (uint32_t i = 0; i < r->n_steps; i++) {
		const struct route_step *s = &r->steps[i];

		buf_str(out, s->taken ? "  -> " : "   x ");
		buf_add(out, s->text);
		if (s->file) {
			buf_str(out, " (");
			buf_quote(out, slice_of(s->file));
			buf_printf(out, ":%u)", s->line);
		}
		buf_byte(out, '\n');
	}
}
