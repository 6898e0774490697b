/*
 * attach: which policies a proxy asks.
 *
 * Istio: pilot/pkg/model/authorization.go (ListAuthorizationPolicies) and policyattachment.go
 * (ShouldAttachPolicy).  References to a Service (since 1.22) and a ServiceEntry (since 1.24) count where the proxy
 * is a waypoint, in the filter chains of that service: no gateway, of either kind, looks at them.
 */
#include "analyze/attach.h"

#include "analyze/istio.h"

static const char gateway_label[] = "gateway.networking.k8s.io/gateway-name";

static const struct slice *label_of(const struct attach_to *w, const char *key)
{
	for (size_t i = 0; i < w->n; i++)
		if (slice_is(w->label[i].key, key))
			return &w->label[i].value;
	return NULL;
}

static bool is_waypoint(const struct attach_to *w)
{
	const struct slice *by = label_of(w, "gateway.istio.io/managed");

	return by && slice_is(*by, "istio.io-mesh-controller");
}

size_t attach_refs(const struct object *policy, attach_each *each, void *ctx)
{
	const struct node *one = node_get(policy->spec, "targetRef");
	const struct node *many = node_get(policy->spec, "targetRefs");

	if (many && many->kind == NODE_LIST && many->n) {
		for (uint32_t i = 0; i < many->n; i++)
			each(ctx, many->item[i]);
		return many->n;
	}
	if (!one || one->kind != NODE_MAP)
		return 0;
	each(ctx, one);
	return 1;
}

enum attach_kind attach_kind(const struct node *ref)
{
	static const struct {
		const char *group, *kind;
		enum attach_kind is;
	} known[] = {
		{ "gateway.networking.k8s.io", "Gateway", ATTACH_TO_GATEWAY },
		{ "gateway.networking.k8s.io", "GatewayClass", ATTACH_TO_CLASS },
		{ "", "Service", ATTACH_TO_SERVICE },
		{ "core", "Service", ATTACH_TO_SERVICE },
		{ "networking.istio.io", "ServiceEntry", ATTACH_TO_ENTRY },
	};
	struct slice group = node_text(node_get(ref, "group")), kind = node_text(node_get(ref, "kind"));

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_is(kind, known[i].kind) && slice_is(group, known[i].group))
			return known[i].is;
	return ATTACH_TO_OTHER;
}

struct look {
	const struct object *policy;
	const struct attach_to *w;
	const struct slice *gateway;	/* NULL: none of the Gateway API */
	bool waypoint;
	bool here, service;
};

static void look_at(void *ctx, const struct node *ref)
{
	struct look *l = ctx;
	struct slice ns = node_text(node_get(ref, "namespace")), name = node_text(node_get(ref, "name"));
	const struct slice policy_ns = l->policy->ns;

	switch (attach_kind(ref)) {
	case ATTACH_TO_SERVICE: case ATTACH_TO_ENTRY:
		l->service = true;
		return;
	case ATTACH_TO_CLASS:
		l->here |= l->waypoint && slice_is(name, "istio-waypoint") &&
			   slice_eq(policy_ns, l->w->root_ns);
		return;
	case ATTACH_TO_GATEWAY:
		l->here |= l->gateway && slice_eq(name, *l->gateway) &&
			   slice_eq(policy_ns, l->w->ns) && (!ns.n || slice_eq(ns, policy_ns));
		return;
	case ATTACH_TO_OTHER:
		return;
	}
}

enum attach attach(const struct object *policy, const struct attach_to *w)
{
	struct look l = { .policy = policy, .w = w, .gateway = label_of(w, gateway_label),
			  .waypoint = is_waypoint(w) };
	bool near = slice_eq(policy->ns, w->ns) || slice_eq(policy->ns, w->root_ns);
	size_t n = attach_refs(policy, look_at, &l);

	l.waypoint &= l.gateway != NULL;
	if (!n && !near)
		return ATTACH_NAMESPACE;
	if (!n && l.waypoint)
		return ATTACH_NO_REFS;
	if (!n)
		return selects_labels(node_at(policy->spec, "selector.matchLabels"), w->label, w->n)
			? ATTACH_YES : ATTACH_LABELS;
	if (l.gateway && near && l.here)
		return ATTACH_YES;
	if (l.service)
		return l.waypoint ? ATTACH_SERVICE : ATTACH_NO_WAYPOINT;
	return !near ? ATTACH_NAMESPACE : l.gateway ? ATTACH_OTHER : ATTACH_REFS;
}

const char *attach_why(enum attach a)
{
	static const char *const why[] = {
		[ATTACH_YES] = "it is asked",
		[ATTACH_SERVICE] = "it is asked for the traffic of the services that it targets",
		[ATTACH_NAMESPACE] = "it is in neither the gateway's namespace nor the root namespace",
		[ATTACH_LABELS] = "its selector wants labels that the gateway does not have",
		[ATTACH_REFS] = "it has targetRefs, which only gateways of the Gateway API look at",
		[ATTACH_NO_WAYPOINT] = "its target is a Service or ServiceEntry: only a waypoint asks it, for "
				       "that service's traffic, and no gateway does",
		[ATTACH_OTHER] = "its targetRefs name nothing that this gateway takes",
		[ATTACH_NO_REFS] = "it has no targetRefs, and a waypoint takes policies by them only",
	};

	return why[a];
}
