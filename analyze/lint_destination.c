/* lint_destination: where VirtualServices send: hosts, ports, subsets, and who sees them. */
#include "analyze/lint_build.h"

/* --- destinations -------------------------------------------------------------------- */

typedef void each_destination(struct lint *l, const struct object *vs, const struct node *d);

/* Route destinations and mirrors of a VirtualService. */
static void destinations(struct lint *l, const struct object *vs, each_destination *fn)
{
	for (int b = 0; b < 3; b++)
		EACH_ITEM(node_get(vs->spec, route_block_name((enum route_block)b)), route) {
			EACH_ITEM(node_get(route, "route"), to)
				if (node_get(to, "destination"))
					fn(l, vs, node_get(to, "destination"));
			if (node_get(route, "mirror"))
				fn(l, vs, node_get(route, "mirror"));
			EACH_ITEM(node_get(route, "mirrors"), to)
				if (node_get(to, "destination"))
					fn(l, vs, node_get(to, "destination"));
		}
}

static void check_destination(struct lint *l, const struct object *vs, const struct node *d)
{
	const struct node *host = node_get(d, "host"), *port = node_at(d, "port.number");
	const struct registry_entry *e = destination_entry(l, vs, node_text(host));
	int64_t n = 0;

	if (!e && host_untold(l, node_text(host), vs->ns)) {
		if (!slice_starts(node_text(host), SLICE("istio-egressgateway.")))
			report(l, LINT_HOST_UNTOLD, vs, host,
			       "cannot tell whether %s exists: no Service was given",
			       say_node(host));
		return;
	}
	if (!e) {
		report(l, LINT_HOST_MISSING, vs, host,
		       "%s is in no ServiceEntry or Service that this VirtualService may see",
		       say_node(host));
		return;
	}
	if (!port && e->ports && e->ports->n > 1)
		report(l, LINT_PORT_NEEDED, vs, host, "%s has %u ports and none is named",
		       say_node(host), e->ports->n);
	if (port && node_int(port, &n) && !entry_port(e, n))
		report(l, LINT_PORT_MISSING, vs, port, "%s has no port %lld", say_node(host),
		       (long long)n);
}

void lint_destinations(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		destinations(l, vs, check_destination);
}

typedef bool rule_ok(const struct lint *l, const struct object *rule, struct slice service_ns);

static bool has_subset(const struct object *rule, struct slice subset)
{
	EACH_ITEM(node_get(rule->spec, "subsets"), s)
		if (slice_eq(node_text(node_get(s, "name")), subset))
			return true;
	return false;
}

/* Some DestinationRule for the host, in any namespace, with this subset. */
static bool any_subset(const struct lint *l, struct slice host, struct slice subset, rule_ok *ok,
		       struct slice service_ns)
{
	struct slice name = host_lower(l->arena, host);

	struct names_walk w = names_walk(&l->registry.rules, name);
	const struct rule_entry *first;

	while ((first = names_next(&w)))
		for (const struct rule_entry *e = first; e; e = e->next)
			if (has_subset(e->object, subset) && (!ok || ok(l, e->object, service_ns)))
				return true;
	return false;
}

static void check_subset(struct lint *l, const struct object *vs, const struct node *d)
{
	struct slice subset = text_at(d, "subset");
	struct slice host = host_full(l->arena, text_at(d, "host"), vs->ns);

	if (!subset.n || any_subset(l, host, subset, NULL, host))
		return;
	if (!l->p->n_of_kind[OBJ_DESTINATION_RULE])
		report(l, LINT_SUBSET_UNTOLD, vs, node_get(d, "subset"),
		       "cannot tell whether subset %s of %s exists: no DestinationRule was given",
		       say(subset), say(host));
	else
		report(l, LINT_SUBSET_MISSING, vs, node_get(d, "subset"),
		       "no DestinationRule for %s has subset %s", say(host), say(subset));
}

void lint_subset_missing(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		destinations(l, vs, check_subset);
}

static bool seen_by_all(const struct lint *l, const struct object *rule, struct slice service_ns)
{
	return object_exported_to_all(rule) &&
	       (slice_eq(rule->ns, l->root_ns) || slice_eq(rule->ns, service_ns));
}

static void check_scope(struct lint *l, const struct object *vs, const struct node *d)
{
	struct slice subset = text_at(d, "subset");
	struct slice host = host_full(l->arena, text_at(d, "host"), vs->ns);
	const struct registry_entry *e = destination_entry(l, vs, host);
	struct slice ns = e ? e->object->ns : host_service_ns(host);

	if (!subset.n || !any_subset(l, host, subset, NULL, host) ||
	    any_subset(l, host, subset, seen_by_all, ns))
		return;
	report(l, LINT_SUBSET_SCOPE, vs, node_get(d, "subset"),
	       "the VirtualService is for every namespace, subset %s of %s only for the namespace of "
	       "its DestinationRule",
	       say(subset), say(host));
}

void lint_subset_scope(struct lint *l)
{
	EACH(l, VIRTUAL_SERVICE, vs)
		if (on_mesh(vs) && object_exported_to_all(vs))
			destinations(l, vs, check_scope);
}

/*
 * A gateway's route without a subset to a host that another VirtualService routes by subset: the
 * subsets do not apply to what the gateway sends.  Only mesh routes are meant: an egress gateway's own
 * VirtualService (the second of two hops) is no such rule (istio/istio issue 58559).
 */
static bool routes_by_subset(const struct object *vs, struct slice host)
{
	EACH_ITEM(node_get(vs->spec, "http"), route)
		EACH_ITEM(node_get(route, "route"), to) {
			const struct node *d = node_get(to, "destination");

			if (text_at(d, "subset").n && slice_eq(text_at(d, "host"), host))
				return true;
		}
	return false;
}

/* Host as it is written -> the first mesh VirtualService that routes it by subset. */
static void subset_routers(struct lint *l, struct map *by_host)
{
	map_init(by_host, 1 << 20);
	EACH(l, VIRTUAL_SERVICE, vs) {
		if (!on_mesh(vs))
			continue;
		EACH_ITEM(node_get(vs->spec, "hosts"), h)
			if (routes_by_subset(vs, node_text(h)) && !map_get(by_host, node_text(h)))
				map_put(by_host, node_text(h), (void *)(uintptr_t)vs);
	}
}

static bool has_gateway(const struct object *vs)
{
	EACH_ITEM(node_get(vs->spec, "gateways"), ref)
		if (!slice_is(node_text(ref), "mesh"))
			return true;
	return false;
}

static bool only_mesh(const struct node *route)
{
	bool mesh = false, other = !has_items(node_get(route, "match"));

	EACH_ITEM(node_get(route, "match"), m) {
		const struct node *g = node_get(m, "gateways");

		other |= !has_items(g);
		EACH_ITEM(g, ref) {
			mesh |= slice_is(node_text(ref), "mesh");
			other |= !slice_is(node_text(ref), "mesh");
		}
	}
	return mesh && !other;
}

void lint_gateway_subset(struct lint *l)
{
	struct map by_host;

	subset_routers(l, &by_host);
	EACH(l, VIRTUAL_SERVICE, vs) {
		if (!has_gateway(vs))
			continue;
		EACH_ITEM(node_get(vs->spec, "http"), route) {
			if (only_mesh(route))
				continue;
			EACH_ITEM(node_get(route, "route"), to) {
				const struct node *d = node_get(to, "destination");
				const struct object *by;

				if (text_at(d, "subset").n)
					continue;
				by = map_get(&by_host, text_at(d, "host"));
				if (by && by != vs)
					report(l, LINT_RULES_NOT_AFFECTED, vs,
					       node_get(d, "host"),
					       "the subsets of %s do not apply to this gateway route to %s",
					       say_object(by), say(text_at(d, "host")));
			}
		}
	}
	map_release(&by_host);
}
