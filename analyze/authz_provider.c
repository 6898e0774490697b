/*
 * authz_provider: the external authorizers that CUSTOM policies name.
 *
 * Istio: pilot/pkg/security/authz/builder/extauthz.go.  What istiod cannot make a filter of, it turns
 * into DENY rules: such a policy has bad_provider set, and why.
 */
#include "analyze/authz.h"

static const struct node *http_provider(const struct node *p)
{
	return node_get(p, "envoyExtAuthzHttp");
}

static const struct node *find_provider(const struct authz *z, struct slice name)
{
	const struct node *list = node_get(z->set->mesh.root, "extensionProviders");

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *p = list->item[i];

		if (slice_eq(node_text(node_get(p, "name")), name) &&
		    (http_provider(p) || node_get(p, "envoyExtAuthzGrpc")))
			return p;
	}
	return NULL;
}

/* Lower-case letters, digits, inner hyphens (builder/extauthz.go). */
static bool provider_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
		      (s.p[i] == '-' && i && i + 1 < s.n)))
			return false;
	return s.n && s.n <= 63;
}

/* What istiod needs to make a filter of it.  Whether the service exists is not looked at. */
static bool provider_usable(const struct node *p)
{
	const struct node *c = http_provider(p) ? http_provider(p) : node_get(p, "envoyExtAuthzGrpc");
	struct slice port = node_text(node_get(c, "port"));
	unsigned n = 0;

	for (size_t i = 0; i < port.n && n <= 65535; i++)
		n = port.p[i] >= '0' && port.p[i] <= '9' ? n * 10 + port.p[i] - '0' : 65536;
	return n && n <= 65535 && node_text(node_get(c, "service")).n &&
	       provider_name(node_text(node_get(p, "name")));
}

void authz_check_providers(struct authz *z)
{
	struct slice first = { NULL, 0 };
	bool any = false, several = false;

	for (uint32_t i = 0; i < z->n; i++) {
		if (z->policies[i].action != ACTION_CUSTOM)
			continue;
		several |= any && !slice_eq(first, z->policies[i].provider);
		first = z->policies[i].provider;
		any = true;
	}
	for (uint32_t i = 0; i < z->n; i++) {
		struct authz_policy *p = &z->policies[i];
		const struct node *known = find_provider(z, p->provider);

		if (p->action != ACTION_CUSTOM)
			continue;
		if (several)
			p->bad_provider = "CUSTOM policies with several providers on one workload";
		else if (!p->provider.n)
			p->bad_provider = "CUSTOM policy without a provider";
		else if (z->set->mesh.root && !known)
			p->bad_provider = "the mesh configuration has no such extension provider";
		else if (known && !provider_usable(known))
			p->bad_provider = "the extension provider's name, service or port is not valid";
		p->skip_tcp = !p->bad_provider && known && http_provider(known);
	}
}
