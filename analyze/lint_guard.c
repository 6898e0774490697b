/* lint_guard: which workloads a policy selects, and whether anything guards a gateway at all. */
#include "analyze/lint_build.h"

bool policy_is_allow(const struct object *p)
{
	return policy_action(p) == POLICY_ALLOW && !is_dry_run(p);
}

/* --- which workloads ---------------------------------------------------------------------- */

static bool istio_proxy(const struct node *pod)
{
	EACH_ITEM(node_at(pod, "spec.containers"), c)
		if (slice_is(text_at(c, "name"), "istio-proxy") && text_at(c, "image").n)
			return true;
	EACH_ITEM(node_at(pod, "spec.initContainers"), c)
		if (slice_is(text_at(c, "name"), "istio-proxy") && text_at(c, "image").n)
			return true;
	return false;
}

/* istioctl counts pods that are in the mesh: a proxy, an injection label, or the namespace's. */
static bool in_mesh(const struct lint *l, const struct workload *w)
{
	const struct node *pod = !w->object ? NULL : w->object->kind == OBJ_POD
		? w->object->root : node_at(w->object->spec, "template");
	const struct node *meta = node_get(pod, "metadata");
	static const char *const maps[] = { "labels", "annotations" };
	const struct object *ns;

	if (!pod || istio_proxy(pod))
		return true;
	if (slice_is(node_text(node_get(node_get(meta, "annotations"),
					"ambient.istio.io/redirection")), "enabled"))
		return true;
	for (int i = 0; i < 2; i++) {
		const struct node *inject =
			node_get(node_get(meta, maps[i]), "sidecar.istio.io/inject");

		if (inject)
			return slice_is(node_text(inject), "true");
	}
	ns = object_find(l, OBJ_NAMESPACE, (struct slice){ 0 }, w->ns);
	/* Without Namespaces nobody can tell: take it to be injected. */
	return !l->namespaces_given ||
	       (ns && slice_is(label_of(ns, "istio-injection"), "enabled"));
}

static bool selects_somebody(const struct lint *l, const struct object *p)
{
	const struct node *selector = node_at(p->spec, "selector.matchLabels");
	bool everywhere = slice_eq(p->ns, l->root_ns);

	if (everywhere && !node_get(p->spec, "selector"))
		return true;
	struct workloads_walk walk = workloads(l, selector);
	for (const struct workload *w; (w = workloads_next(&walk));)
		if (w < l->workload + l->n_real && (everywhere || slice_eq(w->ns, p->ns)) &&
		    in_mesh(l, w))
			return true;
	return false;
}

void lint_policy_selector(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		if (!l->pods_given || node_get(p->spec, "targetRef") ||
		    has_items(node_get(p->spec, "targetRefs")) || selects_somebody(l, p))
			continue;
		report(l, LINT_SELECTOR_MISS, p, node_get(p->spec, "selector"),
		       "no workload in %s has the labels %s",
		       slice_eq(p->ns, l->root_ns) ? "the mesh" : "its namespace",
		       say_selector(node_at(p->spec, "selector.matchLabels")));
	}
}

void lint_policy_namespace(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		const struct node *selector = node_at(p->spec, "selector.matchLabels");
		const struct workload *other = NULL;

		if (slice_eq(p->ns, l->root_ns) || !is_map(selector) || !selector->n)
			continue;
		struct workloads_walk walk = workloads(l, selector);
		for (const struct workload *w; (w = workloads_next(&walk));) {
			if (slice_eq(w->ns, p->ns)) {
				other = NULL;
				break;
			}
			if (w->routes && !other)
				other = w;
		}
		if (other)
			report(l, LINT_POLICY_NAMESPACE, p, selector,
			       "%s fits the gateway in namespace %s, where a policy of namespace %s does not apply",
			       say_selector(selector), say(other->ns), say(p->ns));
	}
}

/* --- the gateway's whole protection --------------------------------------------------------- */

static const struct object *gateway_of(const struct workload *w)
{
	for (size_t i = 0; i < w->routes->n_server; i++)
		if (server_is_egress(&w->routes->server[i]))
			return w->routes->server[i].gateway;
	return NULL;
}

/* What the ALLOW policies guard: workloads by index, and namespaces where one stands. */
struct guards {
	bool *workload;
	struct map ns;
};

static void find_guards(struct lint *l, struct guards *g)
{
	g->workload = arena_new_array(l->arena, bool, l->n_workload + 1);
	map_init(&g->ns, SIZE_MAX);
	if (!g->workload)
		abort();
	EACH(l, AUTHORIZATION_POLICY, p) {
		if (!policy_is_allow(p))
			continue;
		map_put(&g->ns, p->ns, g);
		EACH_GUARDED(l, p, w)
			g->workload[w - l->workload] = true;
	}
}

/* Some ALLOW policy where it could apply, with labels that may be on the pod for all we know. */
static bool maybe_guarded(const struct lint *l, const struct guards *g, size_t w)
{
	return g->workload[w] || (w >= l->n_given && (map_get(&g->ns, l->workload[w].ns) ||
						      map_get(&g->ns, l->root_ns)));
}

void lint_no_default_deny(struct lint *l)
{
	bool any = l->p->n_of_kind[OBJ_AUTHORIZATION_POLICY] > 0;
	struct guards guards;

	find_guards(l, &guards);
	for (size_t i = 0; i < l->n_workload; i++) {
		const struct workload *w = &l->workload[i];
		const struct object *g = w->routes ? gateway_of(w) : NULL;

		if (!g || maybe_guarded(l, &guards, i))
			continue;
		report_as(l, LINT_NO_DEFAULT_DENY, any ? SEV_HIGH : SEV_INFO, g,
			  node_get(g->spec, "selector"),
			  any ? "no enforced ALLOW policy selects this egress gateway"
			      : "no AuthorizationPolicy was given, so none can be seen to guard this egress gateway");
	}
	map_release(&guards.ns);
}

static bool shares_key(const struct node *a, const struct node *b)
{
	for (uint32_t i = 0; is_map(a) && i < a->n; i++)
		for (uint32_t k = 0; is_map(b) && k < b->n; k++)
			if (slice_eq(node_text(a->key[i]), node_text(b->key[k])))
				return true;
	return false;
}

void lint_two_labels(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		const struct node *mine = node_at(p->spec, "selector.matchLabels");

		EACH_GUARDED(l, p, w) {
			const struct object *g = gateway_of(w);
			const struct node *theirs = g ? node_get(g->spec, "selector") : NULL;

			if (!g || !is_map(mine) || !mine->n || !is_map(theirs) || !theirs->n ||
			    shares_key(mine, theirs))
				continue;
			report(l, LINT_TWO_LABELS, p, mine,
			       "the policy selects the gateway by %s, %s by %s",
			       say_selector(mine), say_object(g), say_selector(theirs));
		}
	}
}
