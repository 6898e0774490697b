/* lint_mesh: objects against one another: VirtualServices on the mesh, Sidecars, tokens, tampering. */
#include "analyze/lint_build.h"

#include <stdlib.h>
#include <string.h>

/* --- two VirtualServices for one host (IST0109) ------------------------------------------ */

struct claim {
	struct slice host, scope;	/* scope "*" or a namespace */
	const struct object *vs;
	struct claim *next;		/* same scope and host */
};

struct claims {
	struct lint *l;
	struct map by_key;		/* "scope/host" -> claim */
	struct claim **all;
	size_t n;
};

static void claim(struct claims *c, const struct object *vs, struct slice scope,
		  struct slice host)
{
	struct claim *k = arena_new_object(c->l->arena, struct claim), *first;
	struct buf b;
	struct slice key;

	if (!k)
		return;
	*k = (struct claim){ host, scope, vs, NULL };
	buf_init(&b, 8192);
	buf_add(&b, scope);
	buf_byte(&b, '/');
	buf_add(&b, host);
	key = arena_copy(c->l->arena, buf_slice(&b));
	buf_release(&b);
	first = map_get(&c->by_key, key);
	k->next = first;
	map_put(&c->by_key, key, k);
	c->all = list_grow(c->l->arena, c->all, c->n, sizeof *c->all);
	c->all[c->n++] = k;
}

static void claim_scopes(struct claims *c, const struct object *vs, struct slice host)
{
	const struct node *to = node_get(vs->spec, "exportTo");

	if (object_exported_to_all(vs)) {
		claim(c, vs, SLICE("*"), host);
		return;
	}
	EACH_ITEM(to, ns)
		claim(c, vs, slice_is(node_text(ns), ".") ? vs->ns : node_text(ns), host);
}

static void dup_host(struct lint *l, const struct claim *a, const struct claim *b)
{
	if (a->vs == b->vs)
		return;
	report(l, LINT_DUP_HOST, a->vs, node_get(a->vs->spec, "hosts"),
	       "host %s on the mesh is also in %s", say(a->host), say_object(b->vs));
}

/* Each is told of one other: the next, and the last of the first. */
static void same_key(struct lint *l, const struct claim *k)
{
	const struct claim *o = k->next;

	while (o && o->vs == k->vs)
		o = o->next;
	if (!o)
		return;
	dup_host(l, k, o);
	dup_host(l, o, k);
}

/* A host for one namespace also meets the hosts for all. */
static void meets_all(struct lint *l, struct claims *c, const struct claim *k)
{
	if (slice_is(k->scope, "*"))
		return;
	for (size_t i = 0; i < c->n; i++)
		if (slice_is(c->all[i]->scope, "*") && host_overlaps(k->host, c->all[i]->host)) {
			dup_host(l, k, c->all[i]);
			dup_host(l, c->all[i], k);
		}
}

void lint_dup_host(struct lint *l)
{
	struct claims c = { .l = l };

	map_init(&c.by_key, 1 << 20);
	EACH(l, VIRTUAL_SERVICE, vs) {
		if (!on_mesh(vs))
			continue;
		EACH_ITEM(node_get(vs->spec, "hosts"), h)
			claim_scopes(&c, vs, host_full(l->arena, node_text(h), vs->ns));
	}
	for (size_t i = 0; i < c.n; i++) {
		same_key(l, c.all[i]);
		meets_all(l, &c, c.all[i]);
	}
	map_release(&c.by_key);
}

/* --- tokens --------------------------------------------------------------------------- */

static const struct node *claim_header(const struct object *vs)
{
	static const char *const maps[] = { "headers", "withoutHeaders" };

	EACH_ITEM(node_get(vs->spec, "http"), route)
		EACH_ITEM(node_get(route, "match"), match)
			for (int k = 0; k < 2; k++) {
				const struct node *m = node_get(match, maps[k]);

				for (uint32_t i = 0; is_map(m) && i < m->n; i++)
					if (slice_starts(node_text(m->key[i]),
							 SLICE("@request.auth.claims")))
						return m->key[i];
			}
	return NULL;
}

static bool reads_tokens(const struct lint *l, const struct workload *w)
{
	EACH(l, REQUEST_AUTHENTICATION, ra)
		if ((slice_eq(ra->ns, l->root_ns) || slice_eq(ra->ns, w->ns)) &&
		    workload_selected(w, node_at(ra->spec, "selector.matchLabels")))
			return true;
	return false;
}

void lint_jwt_claim(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs) {
		const struct node *at = claim_header(vs);

		EACH_ITEM(node_get(vs->spec, "gateways"), ref) {
			const struct object *g = gateway_named(l, node_text(ref), vs->ns);

			for (size_t i = 0; at && g && i < l->n_real; i++) {
				const struct workload *w = &l->workload[i];

				if (workload_selected(w, node_get(g->spec, "selector")) &&
				    !reads_tokens(l, w))
					report(l, LINT_JWT_CLAIM, vs, at,
					       "%s is tested, and no RequestAuthentication selects the workload of %s",
					       say_node(at), say_object(g));
			}
		}
	}
}

static bool is_istiod_open(const struct object *d)
{
	EACH_ITEM(node_at(d->spec, "template.spec.containers"), c)
		EACH_ITEM(node_get(c, "env"), env)
			if (slice_is(text_at(env, "name"), "BLOCKED_CIDRS_IN_JWKS_URIS") &&
			    text_at(env, "value").n)
				return false;
	return true;
}

void lint_jwks(struct lint *l)
{
	EACH(l, DEPLOYMENT, d)
		if (l->p->n_of_kind[OBJ_REQUEST_AUTHENTICATION] &&
		    slice_is(label_of(d, "app"), "istiod") && is_istiod_open(d))
			report(l, LINT_JWKS, d, NULL,
			       "there are RequestAuthentications (%zu), and BLOCKED_CIDRS_IN_JWKS_URIS is not set",
			       l->p->n_of_kind[OBJ_REQUEST_AUTHENTICATION]);
}

/* --- PeerAuthentication (f, b.12) ------------------------------------------------------- */

static void peer_gateway(struct lint *l, const struct object *pa, const struct node *selector)
{
	for (size_t i = 0; i < l->n_real; i++) {
		const struct workload *w = &l->workload[i];

		if (w->routes && slice_eq(w->ns, pa->ns) && workload_selected(w, selector))
			report(l, LINT_PEER_AUTH, pa, selector,
			       "%s selects a gateway, whose listeners do not follow it",
			       say_selector(selector));
	}
}

void lint_peer_authentication(struct lint *l)
{
	EACH(l, PEER_AUTHENTICATION, pa) {
		const struct node *selector = node_at(pa->spec, "selector.matchLabels");
		const struct node *ports = node_get(pa->spec, "portLevelMtls");
		bool narrow = is_map(selector) && selector->n;

		if (narrow)
			peer_gateway(l, pa, selector);
		if (narrow && slice_eq(pa->ns, l->root_ns))
			report(l, LINT_PEER_AUTH, pa, selector,
			       "a selector in the root namespace makes no policy for the mesh");
		if (!narrow && ports)
			report(l, LINT_PEER_AUTH, pa, ports,
			       "portLevelMtls counts only with a selector");
	}
}

/* --- Sidecars --------------------------------------------------------------------------- */

static const struct node *sidecar_labels(const struct object *s)
{
	const struct node *labels = node_at(s->spec, "workloadSelector.labels");

	return is_map(labels) && labels->n ? labels : NULL;
}

static bool is_ambient(const struct workload *w)
{
	return w->object && w->object->kind == OBJ_POD &&
	       slice_is(note_of(w->object, "ambient.istio.io/redirection"), "enabled");
}

/* Given workloads of a Sidecar's namespace that it selects. */
static const struct workload *next_of(struct workloads_walk *w, const struct object *s)
{
	const struct workload *one;

	while ((one = workloads_next(w)))
		if (one < w->l->workload + w->l->n_given && slice_eq(one->ns, s->ns))
			return one;
	return NULL;
}

/* Which Sidecar has a workload already: the first other one is told of, and tells. */
static void sidecar_pods(struct lint *l, const struct object *s, const struct object **taken)
{
	struct workloads_walk walk = workloads(l, sidecar_labels(s));
	const struct workload *w;
	bool any = false;

	while ((w = next_of(&walk, s))) {
		const struct object **by = &taken[w - l->workload];

		any = true;
		if (*by && *by != s && !is_ambient(w)) {
			report(l, LINT_SIDECAR_CONFLICT, s, NULL,
			       "%s selects the same workload %s", say_object(*by),
			       say_object(w->object));
			report(l, LINT_SIDECAR_CONFLICT, *by, NULL,
			       "%s selects the same workload %s", say_object(s),
			       say_object(w->object));
		}
		*by = *by ? *by : s;
	}
	if (!any && l->pods_given)
		report(l, LINT_SIDECAR_SELECTOR, s, sidecar_labels(s),
		       "no workload of its namespace has the labels %s",
		       say_selector(sidecar_labels(s)));
}

void lint_sidecar_selector(struct lint *l)
{
	const struct object **taken =
		arena_new_array(l->arena, const struct object *, l->n_workload + 1);

	EACH(l, SIDECAR, s)
		if (taken && sidecar_labels(s))
			sidecar_pods(l, s, taken);
}

static bool ambient_namespace(const struct lint *l, struct slice name)
{
	const struct object *ns = object_find(l, OBJ_NAMESPACE, (struct slice){ 0 }, name);

	return ns && !slice_is(label_of(ns, "istio-injection"), "enabled") &&
	       !label_of(ns, "istio.io/rev").n &&
	       slice_is(label_of(ns, "istio.io/dataplane-mode"), "ambient");
}

void lint_sidecar_default(struct lint *l)
{
	struct map first;	/* of a namespace; then the one before */

	map_init(&first, 1 << 20);
	EACH(l, SIDECAR, a) {
		const struct object *b;

		if (sidecar_labels(a) || ambient_namespace(l, a->ns))
			continue;
		b = map_get(&first, a->ns);
		if (b) {
			report(l, LINT_SIDECAR_MULTIPLE, a, NULL,
			       "%s has no workloadSelector either", say_object(b));
			report(l, LINT_SIDECAR_MULTIPLE, b, NULL,
			       "%s has no workloadSelector either", say_object(a));
		}
		map_put(&first, a->ns, (void *)(uintptr_t)a);
	}
	map_release(&first);
}

void lint_ambient(struct lint *l)
{
	EACH(l, SIDECAR, s) {
		bool selector = sidecar_labels(s) != NULL;

		if (!selector && ambient_namespace(l, s->ns))
			report(l, LINT_INEFFECTIVE, s, NULL,
			       "namespace %s is in ambient mode", say(s->ns));
		struct workloads_walk walk = workloads(l, sidecar_labels(s));
		for (const struct workload *w; selector && (w = next_of(&walk, s));)
			if (is_ambient(w))
				report(l, LINT_INEFFECTIVE, s, NULL, "%s is in ambient mode",
				       say_object(w->object));
	}
}

/* --- Gateway API gateways (IST0166) ------------------------------------------------------- */

static bool takes_policies(const struct object *o)
{
	return o->kind == OBJ_AUTHORIZATION_POLICY || o->kind == OBJ_REQUEST_AUTHENTICATION ||
	       slice_is(o->kind_text, "Telemetry") || slice_is(o->kind_text, "WasmPlugin");
}

static void selector_k8s(struct lint *l, const struct object *o)
{
	const struct node *selector = node_get(o->spec, "selector");

	if (!selector || node_get(o->spec, "targetRef") ||
	    has_items(node_get(o->spec, "targetRefs")))
		return;
	struct workloads_walk walk = workloads(l, node_get(selector, "matchLabels"));
	for (const struct workload *w; (w = workloads_next(&walk));) {
		bool gateway = false;

		for (size_t k = 0; k < w->n; k++)
			gateway |= slice_is(w->label[k].key,
					    "gateway.networking.k8s.io/gateway-name");
		if (gateway && w < l->workload + l->n_given && slice_eq(w->ns, o->ns))
			report(l, LINT_SELECTOR_INEFFECTIVE, o, selector,
			       "%s is a Gateway API gateway", say_object(w->object));
	}
}

void lint_selector_k8s(struct lint *l)
{
	for (size_t i = 0; i < l->p->n; i++)
		if (takes_policies(l->p->objects[i]))
			selector_k8s(l, l->p->objects[i]);
}

/* --- EnvoyFilters ------------------------------------------------------------------------- */

/* The first text below a node that names an RBAC filter; depth is the reader's. */
static const struct node *names_rbac(const struct node *n)
{
	const struct node *found = NULL;

	if (n && n->kind == NODE_SCALAR && n->text.n &&
	    (slice_is(n->text, "envoy.filters.http.rbac") ||
	     slice_is(n->text, "envoy.filters.network.rbac") ||
	     memmem(n->text.p, n->text.n, "filters.http.rbac.v", 19) ||
	     memmem(n->text.p, n->text.n, "filters.network.rbac.v", 22)))
		return n;
	for (uint32_t i = 0; n && n->kind != NODE_SCALAR && i < n->n && !found; i++)
		found = names_rbac(n->item[i]);
	return found;
}

void lint_envoyfilter(struct lint *l)
{
	EACH(l, OTHER, o) {
		if (!slice_is(o->kind_text, "EnvoyFilter"))
			continue;
		EACH_ITEM(node_get(o->spec, "configPatches"), patch) {
			const struct node *at = names_rbac(patch);
			struct slice op = text_at(patch, "patch.operation");

			if (at)
				report(l, LINT_ENVOYFILTER_RBAC, o, at,
				       "configPatches[%u] (%s) names %s", patch_i,
				       op.n ? say(op) : "no operation", say_node(at));
		}
	}
}

/* --- deprecated fields (IST0002) ------------------------------------------------------------ */

void lint_deprecated(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		EACH_ITEM(node_get(vs->spec, "http"), route) {
			const struct node *percent = node_at(route, "fault.delay.percent");
			int64_t n;

			if (node_int(percent, &n) && n > 0)
				report(l, LINT_DEPRECATED, vs, percent,
				       "fault.delay.percent is deprecated; use percentage");
		}
	EACH(l, SIDECAR, s)
		if (node_at(s->spec, "outboundTrafficPolicy.egressProxy"))
			report(l, LINT_DEPRECATED, s,
			       node_at(s->spec, "outboundTrafficPolicy.egressProxy"),
			       "outboundTrafficPolicy.egressProxy is ignored");
}
