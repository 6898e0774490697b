/*
 * authz_provider: the external authorizers that CUSTOM policies name.
 *
 * What istiod cannot make a filter of, it turns into DENY rules, whatever failOpen says: such a policy has
 * bad_provider set, and why.  A service that it finds may still have no cluster at the gateway (another port, not
 * exported to it): then Envoy cannot ask, and failOpen decides.
 *
 * Istio: pilot/pkg/security/authz/builder/extauthz.go, LookupCluster in pilot/pkg/model/telemetry_logging.go;
 * Envoy: ext_authz, failure_mode_allow.
 */
#include <string.h>

#include "analyze/authz.h"
#include "analyze/istio.h"

static const struct node *http_provider(const struct node *p)
{
	return node_get(p, "envoyExtAuthzHttp");
}

static const struct node *config_of(const struct node *p)
{
	return http_provider(p) ? http_provider(p) : node_get(p, "envoyExtAuthzGrpc");
}

/* The last of this name counts, and a second one is refused. */
static const struct node *find_provider(const struct authz *z, struct slice name, bool *twice)
{
	const struct node *list = node_get(z->set->mesh.root, "extensionProviders"), *found = NULL;

	*twice = false;
	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *p = list->item[i];

		if (!slice_eq(node_text(node_get(p, "name")), name) || !config_of(p))
			continue;
		*twice = found != NULL;
		found = p;
	}
	return found;
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

static uint32_t provider_port(const struct node *c)
{
	int64_t port = 0;

	return node_int(node_get(c, "port"), &port) && port >= 1 && port <= 65535 ? (uint32_t)port : 0;
}

static bool fails_open(const struct node *c)
{
	bool yes = false;

	return node_bool(node_get(c, "failOpen"), &yes) && yes;
}

/* --- its service in the registry ---------------------------------------------------------- */

struct lookup {
	struct slice host, ns;		/* ns empty: any, where there is but one */
	struct slice in;		/* namespace of the first that was found */
	uint32_t port;
	bool found, several;
	bool reached;			/* one has the port, and the gateway sees it */
};

static bool has_port(const struct object *o, uint32_t port)
{
	const struct node *ports = node_get(o->spec, "ports");
	int64_t n;

	for (uint32_t i = 0; ports && ports->kind == NODE_LIST && i < ports->n; i++)
		if (node_int(node_get(ports->item[i], o->kind == OBJ_SERVICE ? "port" : "number"), &n) &&
		    n == port)
			return true;
	return false;
}

static void look_at(const struct authz *z, const struct object *o, struct slice host, struct lookup *l)
{
	if (!slice_eq(host, l->host) || (l->ns.n && !slice_eq(o->ns, l->ns)))
		return;
	l->several |= l->found && !slice_eq(l->in, o->ns);
	l->in = o->ns;
	l->found = true;
	l->reached |= has_port(o, l->port) && object_exported(o, z->ns);
}

static void look_up(const struct authz *z, struct lookup *l)
{
	const struct policy_set *p = z->set;
	uint8_t full[HOST_FULL_MAX];

	for (size_t i = 0; i < p->n_of_kind[OBJ_SERVICE]; i++) {
		const struct object *o = p->of_kind[OBJ_SERVICE][i];

		look_at(z, o, host_full_in(full, o->name, o->ns), l);
	}
	for (size_t i = 0; i < p->n_of_kind[OBJ_SERVICE_ENTRY]; i++) {
		const struct object *o = p->of_kind[OBJ_SERVICE_ENTRY][i];
		const struct node *hosts = node_get(o->spec, "hosts");

		for (uint32_t k = 0; hosts && hosts->kind == NODE_LIST && k < hosts->n; k++)
			look_at(z, o, node_text(hosts->item[k]), l);
	}
}

/* Objects of the kind that would register it were given. */
static bool told(const struct authz *z, struct slice host)
{
	return z->set->n_of_kind[host_service_ns(host).n ? OBJ_SERVICE : OBJ_SERVICE_ENTRY] > 0;
}

static void check_service(const struct authz *z, const struct node *c, bool http,
			  struct authz_policy *p)
{
	struct slice service = node_text(node_get(c, "service"));
	const uint8_t *slash = memchr(service.p, '/', service.n);
	struct lookup l = { .host = service, .port = provider_port(c) };

	if (slash) {			/* NAMESPACE/HOST */
		l.ns = (struct slice){ service.p, (size_t)(slash - service.p) };
		l.host = slice_from(service, l.ns.n + 1);
	}
	look_up(z, &l);
	/* Of an HTTP authorizer there is no TCP filter: where istiod finds its service. */
	p->skip_tcp = http && !l.several && (l.found || !told(z, l.host));
	if (l.several)
		p->bad_provider = "the extension provider's service is in several namespaces, and it names none";
	else if (!l.found && told(z, l.host))
		p->doubt = "no Service or ServiceEntry that was given registers its service: if there is none, "
			   "Istio refuses";
	else if (l.found && !l.reached && fails_open(c))
		p->never = "its provider's service has no such port at the gateway, and failOpen lets it pass";
	else if (l.found && !l.reached)
		p->bad_provider = "the extension provider's service has no such port at the gateway, and "
				  "failOpen is off";
}

/* --- all of them -------------------------------------------------------------------------- */

/* What istiod needs to make a filter of it, the service apart. */
static bool provider_usable(const struct node *p)
{
	const struct node *c = config_of(p);
	struct slice prefix = node_text(node_get(c, "pathPrefix"));

	return provider_port(c) && node_text(node_get(c, "service")).n &&
	       provider_name(node_text(node_get(p, "name"))) && (!prefix.n || prefix.p[0] == '/');
}

static void check(const struct authz *z, struct authz_policy *p, bool several)
{
	bool twice;
	const struct node *known = find_provider(z, p->provider, &twice);

	if (several)
		p->bad_provider = "CUSTOM policies with several providers on one workload";
	else if (!p->provider.n)
		p->bad_provider = "CUSTOM policy without a provider";
	else if (z->set->mesh.root && !known)
		p->bad_provider = "the mesh configuration has no such extension provider";
	else if (twice)
		p->bad_provider = "the mesh configuration has two extension providers of this name";
	else if (known && !provider_usable(known))
		p->bad_provider = "the extension provider's name, service, port or pathPrefix is not valid";
	if (p->bad_provider || !known)
		return;
	check_service(z, config_of(known), http_provider(known) != NULL, p);
}

void authz_check_providers(struct authz *z)
{
	struct authz_policy *first = NULL;	/* no other provider is looked up */
	bool several = false;

	for (uint32_t i = 0; i < z->n; i++) {
		if (z->policies[i].action != ACTION_CUSTOM)
			continue;
		first = first ? first : &z->policies[i];
		several |= !slice_eq(first->provider, z->policies[i].provider);
	}
	if (first)
		check(z, first, several);
	for (uint32_t i = 0; i < z->n; i++) {
		struct authz_policy *p = &z->policies[i];

		if (p->action != ACTION_CUSTOM || p == first)
			continue;
		p->bad_provider = first->bad_provider;
		p->never = first->never;
		p->doubt = first->doubt;
		p->skip_tcp = first->skip_tcp;
	}
}
