/*
 * policy_mesh: the few settings of the mesh configuration that change a verdict or a route.
 * The last configuration object wins.
 */
#include "analyze/policy_build.h"

bool policy_is_mesh(const struct node *root)
{
	static const char *const settings[] = {
		"defaultConfig", "enableAutoMtls", "extensionProviders", "meshMTLS",
		"outboundTrafficPolicy", "pathNormalization", "rootNamespace", "trustDomainAliases",
	};

	if (node_get(root, "apiVersion") || node_get(root, "metadata") || node_get(root, "spec"))
		return false;
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		const struct node *n = node_get(root, settings[i]);

		if (n && n->kind != NODE_NULL)	/* nulls are left out of the stored text */
			return true;
	}
	return false;
}

static int keep_root(void *ctx, struct node *root, struct err *e)
{
	(void)e;
	*(struct node **)ctx = root;
	return 0;
}

/* Istio's ConfigMap holds the configuration as YAML text under data.mesh. */
static int config_map(struct policy_build *b, const struct object *o, struct node **root,
		      struct err *e)
{
	struct node *text = node_at(o->root, "data.mesh");
	struct err cause = { 0 };

	if (!text || text->kind != NODE_SCALAR || !slice_starts(o->name, SLICE("istio")))
		return 0;
	if (yaml_parse(text->text, b->set->arena, keep_root, root, &cause))
		return policy_fail(b, text, e, "data.mesh: %s", cause.msg);
	return 0;
}

int policy_mesh(struct policy_build *b, const struct object *o, struct err *e)
{
	struct mesh_config *m = &b->set->mesh;
	struct node *root = NULL;

	if (slice_is(o->kind_text, "ConfigMap")) {
		if (config_map(b, o, &root, e))
			return -1;
	} else if (slice_is(o->kind_text, "IstioOperator")) {
		root = node_at(o->spec, "meshConfig");
	} else if (slice_is(o->kind_text, "MeshConfig")) {
		root = o->spec ? o->spec : o->root;
	}
	if (!root)
		return 0;
	*m = (struct mesh_config){
		.object = o,
		.root = root,
		.trust_domain = node_text(node_get(root, "trustDomain")),
		.aliases = node_get(root, "trustDomainAliases"),
		.root_namespace = node_text(node_get(root, "rootNamespace")),
		.path_normalization = node_text(node_at(root, "pathNormalization.normalization")),
		.outbound_policy = node_text(node_at(root, "outboundTrafficPolicy.mode")),
	};
	if (m->aliases && m->aliases->kind != NODE_LIST)
		m->aliases = NULL;
	return 0;
}
