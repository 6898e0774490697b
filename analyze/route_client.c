/*
 * route_client: the leg before the gateway: how the client's sidecar should have routed the same flow.
 *
 * HTTP: the VirtualService that has a route for the host on the port: exact host before wildcard, then what
 * istiod lists first (c.3); its first route whose match holds.  TLS: every VirtualService for the
 * host gives filter chains, of which Envoy takes the most specific name (c.8).  TCP: the first route
 * that fits.  What depends on labels that are not known is unknown.
 */
#include <stdio.h>

#include "analyze/route_build.h"
#include "analyze/route_trace.h"
#include "analyze/words.h"

struct asked {
	const struct flow *f;
	struct place at;
	struct slice host, sni;			/* lower case */
	const struct client_pod *client;	/* NULL: not known */
	enum route_block block;
	const struct registry_entry *entry;	/* that the sidecar knows on this port; NULL: none */
};

/* What was found. */
struct found {
	const struct object *vs;
	uint32_t index;
	const struct node *node;
	const char *missing;		/* what decides and is not known */
	bool none;			/* a virtual host, and no route of it: 404 */
};

/* --- which VirtualServices ------------------------------------------------------------ */

/* The most specific of its hosts that takes the name; empty: none. */
static struct slice host_listed(struct route_set *s, const struct object *vs, struct slice host)
{
	const struct node *l = node_get(vs->spec, "hosts");
	struct slice best = { NULL, 0 };

	for (uint32_t i = 0; l && l->kind == NODE_LIST && i < l->n; i++) {
		struct slice h = host_full(s->scratch, node_text(l->item[i]), vs->ns);

		if (host_within(host, h) && (!best.n || host_beats(h, best)))
			best = h;
	}
	return best;
}

/* In istiod's order for the client's namespace, those on the mesh that it sees and imports. */
struct each_vs {
	struct route_set *s;
	const struct asked *q;
	size_t i;
	int rank;
	struct slice host;		/* of the one returned */
	bool unsure;			/* one may be imported, or not */
};

static const struct object *next_vs(struct each_vs *w)
{
	for (; w->rank <= 2; w->rank++, w->i = 0)
		while (w->i < w->s->n_vs) {
			const struct object *vs = w->s->vs_by_age[w->i++];
			enum answer seen;

			if (!on_mesh(vs) || !object_exported(vs, w->q->at.ns) ||
			    export_rank(vs, w->q->at.ns) != w->rank)
				continue;
			w->host = host_listed(w->s, vs, w->q->host);
			if (!w->host.n)
				continue;
			seen = sidecar_imports_vs(w->s, w->q->at.ns, w->q->client, vs);
			w->unsure |= seen == ANSWER_UNKNOWN;
			if (seen == ANSWER_YES)
				return vs;
		}
	return NULL;
}

/* --- which route ---------------------------------------------------------------------- */

static void find_http(struct route_set *s, const struct asked *q, struct each_vs *w,
		      struct found *found)
{
	struct http_list best = { 0 };
	struct slice best_host = { NULL, 0 };
	const struct compiled *c;

	for (const struct object *vs; (vs = next_vs(w));) {
		struct http_list l = { 0 };

		if (best.n && !host_beats(w->host, best_host))
			continue;
		l = http_compile(s, vs, &q->at);
		if (!l.n)
			continue;
		best = l;
		best_host = w->host;
	}
	if (!best.n)
		return;
	c = match_first(s, best.c, best.n, q->f, &found->missing);
	found->none = !c && !found->missing;
	if (c)
		*found = (struct found){ .vs = c->vs, .index = c->index, .node = c->node };
}

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

static bool by_address(const struct node *match)
{
	const struct node *l = node_get(match, "destinationSubnets");

	return l && l->kind == NODE_LIST && l->n;
}

/* A match that fits for certain, or may: then *missing says by what. */
static bool l4_takes(const struct node *match, const struct object *vs, const struct asked *q,
		     const char **missing)
{
	enum answer a = l4_match_at(match, vs, &q->at);

	*missing = a == ANSWER_UNKNOWN ? "source_labels"
		 : a == ANSWER_YES && by_address(match) ? "destination_ip" : NULL;
	return a != ANSWER_NO;
}

static void consider_tls(const struct object *vs, const struct asked *q, struct slice *best,
			 struct found *found)
{
	const struct node *list = node_get(vs->spec, "tls");

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *m = node_get(list->item[i], "match");

		for (uint32_t k = 0; m && m->kind == NODE_LIST && k < m->n; k++) {
			struct slice name = sni_listed(m->item[k], q->sni);
			const char *missing;

			if (!name.n || (best->n && !host_beats(name, *best)) ||
			    !l4_takes(m->item[k], vs, q, &missing))
				continue;
			*best = name;
			*found = (struct found){ vs, i, list->item[i], missing, false };
		}
	}
}

static void find_tls(const struct asked *q, struct each_vs *w, struct found *found)
{
	struct slice best = { NULL, 0 };

	for (const struct object *vs; (vs = next_vs(w));)
		consider_tls(vs, q, &best, found);
}

/* True: this VirtualService settles it, or what is missing does. */
static bool consider_tcp(const struct object *vs, const struct asked *q, struct found *found)
{
	const struct node *list = node_get(vs->spec, "tcp");

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *m = node_get(list->item[i], "match");
		bool all = !m || m->kind != NODE_LIST || !m->n;

		*found = (struct found){ vs, i, list->item[i], NULL, false };
		for (uint32_t k = 0; !all && k < m->n; k++)
			if (l4_takes(m->item[k], vs, q, &found->missing))
				return true;
		if (all)
			return true;
	}
	*found = (struct found){ 0 };
	return false;
}

static void find_tcp(const struct asked *q, struct each_vs *w, struct found *found)
{
	for (const struct object *vs; (vs = next_vs(w));)
		if (consider_tcp(vs, q, found))
			return;
}

/* --- the answer ----------------------------------------------------------------------- */

/* Weighted: the heaviest; a redirect or direct response has none. */
static void take_route(struct route_set *s, const struct asked *q, const struct found *found,
		       struct route *r, struct arena *a)
{
	const struct compiled *c =
		route_compile(s, found->vs, q->block, found->index, found->node, &q->at);

	r->virtual_service = found->vs;
	r->block = q->block;
	r->index = found->index;
	r->outcome = c->answers || !c->n_targets ? ROUTE_ANSWERED : ROUTE_NO_CLUSTER;
	if (r->outcome == ROUTE_ANSWERED)
		return;
	struct route_target *t = arena_new_array(a, struct route_target, c->n_targets);
	if (!t)
		return;
	for (uint32_t i = 0; i < c->n_targets; i++) {
		t[i] = c->target[i];
		t[i].cluster = arena_copy(a, t[i].cluster);
		t[i].host = arena_copy(a, t[i].host);
		t[i].sni = arena_copy(a, t[i].sni);
	}
	r->target = t;
	r->n_targets = c->n_targets;
	route_to(r, t);
	r->sni = t->sni;
	if (t->unsure) {
		r->outcome = ROUTE_UNKNOWN;
		r->missing = "source_labels";
	}
}

static void unrouted(const struct route_set *s, const struct asked *q, struct trace *t,
		     struct route *r)
{
	bool unsure;
	const struct object *sidecar = sidecar_of(s, q->at.ns, q->client, &unsure);

	if (q->entry) {
		trace_step(t, STEP_ROUTE, true, NULL, 0,
			   "no VirtualService on the mesh takes it: the sidecar goes straight to "
			   "%s:%lld, not through the gateway",
			   say(q->host), (long long)q->at.port);
		r->outcome = ROUTE_CHOSEN;
		return;
	}
	trace_step(t, STEP_SERVICE_ENTRY, false, sidecar, 0,
		   sidecar_registry_only(s, sidecar)
			   ? "%s is not known to the sidecar on this port and outboundTrafficPolicy is "
			     "REGISTRY_ONLY: blocked"
			   : "%s is not known to the sidecar on this port: it is passed through "
			     "(ALLOW_ANY), not through the gateway",
		   say(q->host));
	r->outcome = ROUTE_NONE;
}

/* Compiled for this one question, in the scratch: a set that explains for days does not grow. */
static void find(struct route_set *s, const struct asked *q, struct trace *t, struct route *r,
		 struct arena *a)
{
	struct each_vs w = { .s = s, .q = q };
	struct found found = { 0 };
	struct arena *arena = s->arena;
	pcre2_code **codes = s->codes;
	size_t n = s->n_codes;

	s->arena = s->scratch;
	s->codes = NULL;
	s->n_codes = 0;
	if (q->block == ROUTE_HTTP)
		find_http(s, q, &w, &found);
	else if (q->block == ROUTE_TLS)
		find_tls(q, &w, &found);
	else
		find_tcp(q, &w, &found);
	r->missing = found.missing ? found.missing : w.unsure ? "source_labels" : NULL;
	if (r->missing)
		r->outcome = ROUTE_UNKNOWN;
	else if (found.vs)
		take_route(s, q, &found, r, a);
	for (size_t i = 0; i < s->n_codes; i++)
		pcre2_code_free(s->codes[i]);
	s->arena = arena;
	s->codes = codes;
	s->n_codes = n;
	if (r->missing || found.none)
		return;
	if (found.vs)
		trace_route(t, r);
	else
		unrouted(s, q, t, r);
}

/* The protocol of the port, where it is known; else what was seen. */
static enum route_block block_of(const struct registry_entry *e, const struct asked *q)
{
	enum istio_protocol p = e ? entry_protocol(e, entry_port(e, q->at.port)) : PROTO_NONE;

	if (p == PROTO_HTTP || (!e && !q->sni.n))
		return ROUTE_HTTP;
	return p == PROTO_TLS || p == PROTO_HTTPS || q->sni.n ? ROUTE_TLS : ROUTE_TCP;
}

/* The service as this sidecar knows it; *unsure: by labels that are not known. */
static const struct registry_entry *known(const struct route_set *s, const struct asked *q,
					  const struct registry_entry *e, bool *unsure)
{
	enum answer seen;

	*unsure = false;
	if (!e || !entry_port(e, q->at.port))
		return NULL;
	seen = sidecar_imports(s, q->at.ns, q->client, q->host, e->object->ns);
	*unsure = seen == ANSWER_UNKNOWN;
	return seen == ANSWER_NO ? NULL : e;
}

bool route_explain_sidecar(struct route_set *s, const struct flow *f, int64_t port,
			   struct slice sni, struct route *r, struct arena *a)
{
	struct trace t = { arena_new_array(a, struct route_step, STEPS_MAX), 0, a };
	struct asked q = { .f = f, .sni = host_lower(a, sni), .client = client_of(s, f) };
	const struct registry_entry *e;
	bool unsure;

	route_begin(s);
	*r = (struct route){ .tls = ROUTE_TLS_UNKNOWN, .routes_declared = s->routes_declared,
			     .registry_declared = s->registry.has_entries,
			     .outcome = ROUTE_NONE };
	q.at = (struct place){ NULL, port, flow_text(f, F_SOURCE_NAMESPACE),
			       q.client ? q.client->labels : NULL, q.client ? q.client->n : 0 };
	q.host = sni.n ? q.sni : host_lower(a, host_without_port(flow_text(f, F_AUTHORITY)));
	if (!t.step || !q.host.n || !q.at.ns.n)
		return false;
	e = registry_find(&s->registry, q.host, q.at.ns);
	q.block = block_of(e, &q);
	q.entry = known(s, &q, e, &unsure);
	if (unsure) {
		r->outcome = ROUTE_UNKNOWN;
		r->missing = "source_labels";
	} else if (q.entry || (q.block == ROUTE_HTTP && port == 80)) {
		/* On port 80 a VirtualService's host need not be a service. */
		find(s, &q, &t, r, a);
	} else {
		unrouted(s, &q, &t, r);
	}
	trace_finish(&t, r);
	return true;
}
