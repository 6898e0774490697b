/*
 * route_sidecar: what a client's sidecar may reach (e.4, e.5).
 *
 * The client's labels are not known, so a Sidecar with a workloadSelector is passed over; the
 * namespace's own without one applies, else the root namespace's.
 */
#include "analyze/route_build.h"

#include <string.h>

static const struct object *in_namespace(const struct route_set *s, struct slice ns)
{
	for (size_t i = 0; i < s->p->n_of_kind[OBJ_SIDECAR]; i++) {
		const struct object *o = s->p->of_kind[OBJ_SIDECAR][i];
		const struct node *labels = node_at(o->spec, "workloadSelector.labels");

		if (slice_eq(o->ns, ns) && !(labels && labels->n))
			return o;
	}
	return NULL;
}

const struct object *sidecar_of(const struct route_set *s, struct slice ns)
{
	const struct object *o = in_namespace(s, ns);

	return o ? o : in_namespace(s, s->root_ns);
}

/* One "NAMESPACE/HOST" of egress.hosts. */
static bool entry_has(struct slice entry, struct slice client_ns, struct slice host,
		      struct slice host_ns)
{
	const uint8_t *slash = entry.n ? memchr(entry.p, '/', entry.n) : NULL;
	struct slice ns, pattern;

	if (!slash)
		return false;
	ns = (struct slice){ entry.p, (size_t)(slash - entry.p) };
	pattern = slice_from(entry, ns.n + 1);
	if (slice_is(ns, "~"))
		return false;
	if (slice_is(ns, "."))
		ns = client_ns;
	return (slice_is(ns, "*") || slice_eq(ns, host_ns)) && host_within(host, pattern);
}

bool sidecar_imports(const struct route_set *s, struct slice client_ns, struct slice host,
		     struct slice host_ns)
{
	const struct object *o = sidecar_of(s, client_ns);
	const struct node *egress = o ? node_get(o->spec, "egress") : NULL;

	if (!egress || egress->kind != NODE_LIST || !egress->n)
		return true;
	for (uint32_t i = 0; i < egress->n; i++) {
		const struct node *hosts = node_get(egress->item[i], "hosts");

		for (uint32_t k = 0; hosts && hosts->kind == NODE_LIST && k < hosts->n; k++)
			if (entry_has(node_text(hosts->item[k]), client_ns, host, host_ns))
				return true;
	}
	return false;
}

/* The Sidecar's own policy, whose zero value is REGISTRY_ONLY, else the mesh's, ALLOW_ANY. */
bool sidecar_registry_only(const struct route_set *s, struct slice client_ns)
{
	const struct object *o = sidecar_of(s, client_ns);
	const struct node *policy = o ? node_get(o->spec, "outboundTrafficPolicy") : NULL;

	if (policy && policy->kind == NODE_MAP)
		return !slice_is(node_text(node_get(policy, "mode")), "ALLOW_ANY");
	return slice_is(s->p->mesh.outbound_policy, "REGISTRY_ONLY");
}
