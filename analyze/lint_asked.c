/* lint_asked: policies that read as a guard where no proxy asks them (a.1.3, a.1.4, b.10). */
#include "analyze/attach.h"
#include "analyze/lint_build.h"

/* --- servers that ask no policy ----------------------------------------------------------- */

/* A port on which every server is AUTO_PASSTHROUGH. */
static void named_port(struct lint *l, const struct object *p, const struct workload *w,
		       const struct node *at, uint32_t rule)
{
	int64_t port;

	if (node_int(at, &port) && auto_only(listener_at(w->routes, port)))
		report(l, LINT_POLICY_UNASKED, p, at,
		       "rules[%u] is for port %lld, whose server is AUTO_PASSTHROUGH: Istio asks no policy there",
		       rule, (long long)port);
}

static void all_ports(struct lint *l, const struct object *p, const struct workload *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->routes->n_listener; i++)
		n += auto_only(&w->routes->listener[i]);
	for (size_t i = 0; i < w->routes->n_listener; i++) {
		const struct listener *at = &w->routes->listener[i];

		if (!at->autos.n)
			continue;
		report_as(l, LINT_POLICY_UNASKED,
			  n == w->routes->n_listener ? SEV_HIGH : SEV_MEDIUM, p, NULL,
			  auto_only(at) ? "it does not hold on port %u, whose server is AUTO_PASSTHROUGH: "
					  "Istio asks no policy there"
					: "on port %u it is not asked for what the AUTO_PASSTHROUGH server "
					  "takes (names of services in the mesh)",
			  at->port);
	}
}

static void on_servers(struct lint *l, const struct object *p)
{
	bool unnamed = !has_items(node_get(p->spec, "rules"));

	EACH_ITEM(node_get(p->spec, "rules"), rule)
		EACH_OPERATION(rule, op) {
			const struct node *ports;

			unnamed |= !named_ports(rule, op, &ports);
		}
	EACH_GUARDED(l, p, w) {
		EACH_ITEM(node_get(p->spec, "rules"), rule)
			EACH_OPERATION(rule, op) {
				const struct node *ports = NULL;

				if (named_ports(rule, op, &ports))
					EACH_ITEM(ports, at)
						named_port(l, p, w, at, rule_i);
			}
		if (unnamed)
			all_ports(l, p, w);
	}
}

/* --- targets ------------------------------------------------------------------------------ */

struct target {
	struct lint *l;
	const struct object *policy;
	bool waypoints;			/* some workload that was given is one */
};

static bool gateway_given(const struct lint *l, struct slice ns, struct slice name)
{
	const struct bearers *b = bearers_of(l, SLICE("gateway.networking.k8s.io/gateway-name"), name);

	for (size_t i = 0; b && i < b->n; i++)
		if (b->at[i] < l->n_real && slice_eq(l->workload[b->at[i]].ns, ns))
			return true;
	return false;
}

static void on_target(void *ctx, const struct node *ref)
{
	struct target *t = ctx;
	const struct object *p = t->policy;
	struct slice ns = text_at(ref, "namespace"), name = text_at(ref, "name");
	/* Who is not given may be there all the same. */
	enum severity untold = t->l->pods_given ? SEV_MEDIUM : SEV_INFO;

	if (ns.n && !slice_eq(ns, p->ns)) {
		report(t->l, LINT_POLICY_UNASKED, p, ref,
		       "its target is in namespace %s: a policy reaches targets of its own namespace only",
		       say(ns));
		return;
	}
	switch (attach_kind(ref)) {
	case ATTACH_TO_SERVICE: case ATTACH_TO_ENTRY:
		if (!t->waypoints)
			report_as(t->l, LINT_POLICY_UNASKED, untold, p, ref,
				  "its target is %s %s: only a waypoint asks it, for that service's "
				  "traffic, and none was given; an egress gateway never does",
				  say(text_at(ref, "kind")), say(name));
		return;
	case ATTACH_TO_CLASS:
		if (!slice_is(name, "istio-waypoint") || !slice_eq(p->ns, t->l->root_ns))
			report(t->l, LINT_POLICY_UNASKED, p, ref,
			       "the only GatewayClass that a policy may target is istio-waypoint, from the "
			       "root namespace");
		else if (!t->waypoints)
			report_as(t->l, LINT_POLICY_UNASKED, untold, p, ref,
				  "its target is every waypoint, and none was given");
		return;
	case ATTACH_TO_GATEWAY:
		if (!gateway_given(t->l, p->ns, name))
			report_as(t->l, LINT_POLICY_UNASKED, untold, p, ref,
				  "its target is the Gateway API's Gateway %s, and no workload of it was "
				  "given; gateways of Istio's own Gateway objects look at no targetRefs",
				  say(name));
		return;
	case ATTACH_TO_OTHER:
		report(t->l, LINT_POLICY_UNASKED, p, ref, "Istio knows no policies for %s of group \"%s\"",
		       say(text_at(ref, "kind")), say(text_at(ref, "group")));
		return;
	}
}

static bool waypoint_given(const struct lint *l)
{
	const struct bearers *b = bearers_of(l, SLICE("gateway.istio.io/managed"),
					     SLICE("istio.io-mesh-controller"));

	return b && b->n && b->at[0] < l->n_real;
}

void lint_policy_unasked(struct lint *l)
{
	struct target t = { .l = l, .waypoints = waypoint_given(l) };

	EACH(l, AUTHORIZATION_POLICY, p) {
		t.policy = p;
		on_servers(l, p);
		attach_refs(p, on_target, &t);
	}
}
