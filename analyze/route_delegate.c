/*
 * route_delegate: a VirtualService's http route that stands for the routes of another (c.7).
 *
 * istiod joins every match of the root's route with every match of the delegate's; a pair that contradicts
 * itself is left out (istio/istio pilot/pkg/model/virtualservice.go, hasConflict).
 */
#include "analyze/route_build.h"

#include <string.h>

enum { NAMES_MAX = 1 << 20 };

static bool is_delegate(const struct object *vs)
{
	const struct node *hosts = node_get(vs->spec, "hosts");

	return !hosts || hosts->kind != NODE_LIST || !hosts->n;
}

void delegates_index(struct route_set *s)
{
	map_init(&s->delegates, NAMES_MAX);
	for (size_t i = 0; i < s->n_vs; i++) {
		uint8_t text[LOCAL_KEY_MAX];
		struct slice key = local_key(text, s->vs[i]->ns, s->vs[i]->name);

		if (is_delegate(s->vs[i]) && !map_get(&s->delegates, key))
			map_put(&s->delegates, arena_copy(s->arena, key),
				(void *)(uintptr_t)s->vs[i]);
	}
}

const struct object *delegate_of(const struct route_set *s, const struct node *route,
				 const struct object *vs)
{
	const struct node *d = node_get(route, "delegate");
	struct slice ns = text_at(d, "namespace");
	uint8_t key[LOCAL_KEY_MAX];
	const struct object *to = !d ? NULL
		: map_get(&s->delegates, local_key(key, ns.n ? ns : vs->ns, text_at(d, "name")));

	return to && object_exported(to, vs->ns) ? to : NULL;
}

/* --- contradictions ------------------------------------------------------------------ */

static bool text_conflict(const struct node *root, const struct node *leaf)
{
	struct slice exact = text_at(root, "exact"), prefix = text_at(root, "prefix");
	struct slice leaf_exact = text_at(leaf, "exact"), leaf_prefix = text_at(leaf, "prefix");

	if (!root || !leaf)
		return false;
	if (text_at(root, "regex").n || text_at(leaf, "regex").n)
		return true;
	if (exact.n)
		return leaf_prefix.n || !slice_eq(leaf_exact, exact);
	if (prefix.n && leaf_prefix.n)
		return !slice_starts(leaf_prefix, prefix);
	return !(prefix.n && leaf_exact.n && slice_starts(leaf_exact, prefix));
}

static const struct node *value_of(const struct node *map, struct slice key)
{
	for (uint32_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++)
		if (slice_eq(node_text(map->key[i]), key))
			return map->item[i];
	return NULL;
}

static bool maps_conflict(const struct node *root, const struct node *leaf, bool labels)
{
	for (uint32_t i = 0; leaf && leaf->kind == NODE_MAP && i < leaf->n; i++) {
		const struct node *other = value_of(root, node_text(leaf->key[i]));

		if (labels ? other && !slice_eq(node_text(other), node_text(leaf->item[i]))
			   : text_conflict(other, leaf->item[i]))
			return true;
	}
	return false;
}

static bool same_gateway(struct slice a, struct slice a_ns, struct slice b, struct slice b_ns)
{
	struct slice x_ns, x, y_ns, y;
	bool one = gateway_ref_parts(a, a_ns, &x_ns, &x);
	bool two = gateway_ref_parts(b, b_ns, &y_ns, &y);

	return one == two && (!one || (slice_eq(x_ns, y_ns) && slice_eq(x, y)));
}

/* The leaf's gateways are to be among the root's. */
static bool gateways_conflict(const struct node *root, struct slice root_ns,
			      const struct node *leaf, struct slice leaf_ns)
{
	for (uint32_t i = 0; root && root->n && leaf && i < leaf->n; i++) {
		bool found = false;

		for (uint32_t k = 0; k < root->n && !found; k++)
			found = same_gateway(node_text(leaf->item[i]), leaf_ns,
					     node_text(root->item[k]), root_ns);
		if (!found)
			return true;
	}
	return false;
}

static bool numbers_conflict(const struct node *root, const struct node *leaf)
{
	int64_t a = 0, b = 0;

	node_int(root, &a);
	node_int(leaf, &b);
	return a > 0 && b > 0 && a != b;
}

bool matches_conflict(const struct node *root, const struct object *root_vs,
		      const struct node *leaf, const struct object *leaf_vs)
{
	static const char *const texts[] = { "uri", "scheme", "method", "authority" };
	static const char *const maps[] = { "headers", "withoutHeaders", "queryParams" };
	struct slice ns = text_at(root, "sourceNamespace");
	bool fold = false, leaf_fold = false;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (text_conflict(node_get(root, texts[i]), node_get(leaf, texts[i])))
			return true;
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
		if (maps_conflict(node_get(root, maps[i]), node_get(leaf, maps[i]), false))
			return true;
	node_bool(node_get(root, "ignoreUriCase"), &fold);
	node_bool(node_get(leaf, "ignoreUriCase"), &leaf_fold);
	return fold != leaf_fold ||
	       numbers_conflict(node_get(root, "port"), node_get(leaf, "port")) ||
	       (ns.n && !slice_eq(ns, text_at(leaf, "sourceNamespace"))) ||
	       maps_conflict(node_get(root, "sourceLabels"), node_get(leaf, "sourceLabels"), true) ||
	       gateways_conflict(node_get(root, "gateways"), root_vs->ns,
				 node_get(leaf, "gateways"), leaf_vs->ns);
}
