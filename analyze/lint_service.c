/* lint_service: DestinationRules, ServiceEntries, Services. */
#include "analyze/lint_build.h"

#include <strings.h>

/* --- DestinationRules ---------------------------------------------------------------------- */

static void use(struct lint *l, struct map *used, const struct compiled *c)
{
	for (uint32_t i = 0; i < c->n_targets; i++) {
		const struct object *rule = c->target[i].rule;
		struct slice key = { (const uint8_t *)&rule, sizeof rule };

		if (rule && !map_get(used, key))
			map_put(used, arena_copy(l->arena, key), (void *)(uintptr_t)rule);
	}
}

/* The rules that some live route of a gateway uses. */
static void find_used(struct lint *l, struct map *used)
{
	for (size_t i = 0; i < l->n_gated; i++) {
		const struct route_set *s = l->workload[l->gated[i]].routes;
		struct slice domain;
		const struct vhost *h;

		for (const struct vhosts *v = s->vhosts; v; v = v->next)
			for (size_t k = 0; (h = map_next(&v->names.map, &k, &domain));)
				for (size_t j = 0; j < h->n; j++)
					use(l, used, h->route[j]);
		for (size_t k = 0; k < s->n_server; k++)
			if (s->server[k].tcp)
				use(l, used, s->server[k].tcp);
	}
}

static bool is_used(const struct map *used, const struct object *rule)
{
	return map_get(used, (struct slice){ (const uint8_t *)&rule, sizeof rule }) != NULL;
}

/*
 * As istioctl: a credentialName counts only with a workloadSelector.  But a gateway reads it as well: where a
 * gateway's route leads to the host, the rule is its (istio.io, "Egress gateways with TLS origination").
 */
static bool unverified(const struct map *used, const struct object *rule, const struct node *tls)
{
	struct slice mode = text_at(tls, "mode");

	if (!slice_is(mode, "SIMPLE") && !slice_is(mode, "MUTUAL"))
		return false;
	return !text_at(tls, "caCertificates").n &&
	       !(text_at(tls, "credentialName").n &&
		 (node_get(rule->spec, "workloadSelector") || is_used(used, rule)));
}

void lint_no_ca(struct lint *l)
{
	struct map used;

	map_init(&used, SIZE_MAX);
	find_used(l, &used);
	EACH(l, DESTINATION_RULE, rule) {
		const struct node *policy = node_get(rule->spec, "trafficPolicy");
		const struct node *tls = node_get(policy, "tls");

		if (unverified(&used, rule, tls))
			report(l, LINT_NO_CA, rule, tls, "TLS %s to %s without caCertificates",
			       say(text_at(tls, "mode")), say(text_at(rule->spec, "host")));
		EACH_ITEM(node_get(policy, "portLevelSettings"), level)
			if (unverified(&used, rule, node_get(level, "tls")))
				report(l, LINT_NO_CA_PORT, rule, node_get(level, "tls"),
				       "TLS %s to %s:%s without caCertificates",
				       say(text_at(level, "tls.mode")),
				       say(text_at(rule->spec, "host")),
				       say(text_at(level, "port.number")));
	}
	map_release(&used);
}

/* A rule for a wildcard is of use where it covers a host that is registered. */
static bool covers_any(const struct lint *l, struct slice wildcard)
{
	struct slice host;

	for (size_t i = 0; map_next(&l->registry.hosts.map, &i, &host);)
		if (!host_is_wildcard(host) && host_within(host, wildcard))
			return true;
	return false;
}

void lint_rule_host(struct lint *l)
{
	EACH(l, DESTINATION_RULE, rule) {
		const struct node *at = node_get(rule->spec, "host");
		struct slice host = node_text(at);

		if (!host.n || destination_entry(l, rule, host) ||
		    (host_is_wildcard(host) && (!l->services_given || covers_any(l, host))))
			continue;
		/* Istio's own egress gateway is taken to exist, as its workload is. */
		if (host_untold(l, host, rule->ns) &&
		    slice_starts(host, SLICE("istio-egressgateway.istio-system.svc")))
			continue;
		report_as(l, LINT_RULE_HOST,
			  host_untold(l, host, rule->ns) ? SEV_INFO : SEV_MEDIUM, rule, at,
			  host_untold(l, host, rule->ns)
				  ? "cannot tell whether %s exists: no Service was given"
				  : "%s is in no ServiceEntry or Service",
			  say(host));
	}
}

static struct slice map_text(const struct node *map, struct slice key)
{
	for (uint32_t i = 0; is_map(map) && i < map->n; i++)
		if (slice_eq(node_text(map->key[i]), key))
			return node_text(map->item[i]);
	return (struct slice){ NULL, 0 };
}

/* What istiod adds to a pod's labels: its node's name and place; empty values do not count. */
static bool node_label(const struct lint *l, const struct object *pod, struct slice key,
		       struct slice value)
{
	struct slice name = text_at(pod->root, "spec.nodeName");

	if (!value.n)
		return false;
	if (slice_is(key, "kubernetes.io/hostname"))
		return slice_eq(value, name);
	EACH(l, OTHER, node)
		if (slice_is(node->kind_text, "Node") && slice_eq(node->name, name))
			return slice_starts(key, SLICE("topology.")) &&
			       slice_eq(value, map_text(node_get(node->metadata, "labels"), key));
	return false;
}

static bool subset_selects(const struct lint *l, const struct node *labels,
			   const struct workload *w)
{
	for (uint32_t i = 0; is_map(labels) && i < labels->n; i++) {
		struct slice key = node_text(labels->key[i]), value = node_text(labels->item[i]);
		bool has = false;

		for (size_t k = 0; k < w->n && !has; k++)
			has = slice_eq(w->label[k].key, key) &&
			      slice_eq(w->label[k].value, value);
		if (!has && !(w->object->kind == OBJ_POD && node_label(l, w->object, key, value)))
			return false;
	}
	return true;
}

static bool subset_has_pods(const struct lint *l, const struct registry_entry *e,
			    const struct node *labels)
{
	const struct node *also =
		e->service ? NULL : node_at(e->object->spec, "workloadSelector.labels");

	for (size_t i = 0; i < l->n_given; i++)
		if (subset_selects(l, labels, &l->workload[i]) &&
		    workload_selected(&l->workload[i], also))
			return true;
	return false;
}

/* A subset without labels is every endpoint: the usual form for an egress gateway. */
void lint_subset_pods(struct lint *l)
{
	EACH(l, DESTINATION_RULE, rule) {
		const struct registry_entry *e =
			destination_entry(l, rule, text_at(rule->spec, "host"));

		if (!e)
			continue;
		EACH_ITEM(node_get(rule->spec, "subsets"), s) {
			const struct node *labels = node_get(s, "labels");

			if (is_map(labels) && labels->n && !subset_has_pods(l, e, labels))
				report_as(
					l, LINT_SUBSET_NO_PODS,
					l->pods_given ? SEV_MEDIUM : SEV_INFO, rule, labels,
					l->pods_given
						? "subset %s: no pod has the labels %s"
						: "subset %s: cannot tell whether a pod has the labels %s, none was given",
					say(text_at(s, "name")), say_selector(labels));
		}
	}
}

/* --- ServiceEntries --------------------------------------------------------------------------- */

void lint_se_export(struct lint *l)
{
	EACH(l, SERVICE_ENTRY, se)
		if (!has_items(node_get(se->spec, "exportTo")) &&
		    !slice_is(text_at(se->spec, "location"), "MESH_INTERNAL"))
			report(l, LINT_SE_EXPORT, se, se->spec,
			       "exportTo is not set: every namespace sees its hosts");
}

static bool auto_allocated(const struct lint *l)
{
	const struct node *meta = node_at(l->p->mesh.root, "defaultConfig.proxyMetadata");

	return slice_is(text_at(meta, "ISTIO_META_DNS_CAPTURE"), "true") &&
	       (slice_is(text_at(meta, "ISTIO_META_DNS_AUTO_ALLOCATE"), "true") ||
		slice_is(text_at(meta, "PILOT_ENABLE_IP_AUTOALLOCATE"), "true"));
}

static bool is_tcp(struct slice protocol)
{
	return !protocol.n ||
	       (protocol.n == 3 && strncasecmp((const char *)protocol.p, "tcp", 3) == 0);
}

void lint_se_addresses(struct lint *l)
{
	EACH(l, SERVICE_ENTRY, se) {
		if (node_get(se->spec, "addresses") || auto_allocated(l) ||
		    has_items(node_at(se->root, "status.addresses")))
			continue;
		EACH_ITEM(node_get(se->spec, "ports"), port)
			if (is_tcp(text_at(port, "protocol")))
				report(l, LINT_SE_ADDRESSES, se, port,
				       "port %s is %s, and the entry has no addresses",
				       say(text_at(port, "number")),
				       text_at(port, "protocol").n ? "TCP"
								   : "without a protocol");
	}
}

static bool scopes_meet(const struct object *a, const struct object *b)
{
	const struct node *to = node_get(a->spec, "exportTo");

	if (object_exported_to_all(a) || object_exported_to_all(b))
		return true;
	EACH_ITEM(to, ns) {
		struct slice s = node_text(ns);

		if (object_exported(b, slice_is(s, ".") ? a->ns : s))
			return true;
	}
	return false;
}

static bool same_protocol(struct slice a, struct slice b)
{
	return a.n == b.n &&
	       (!a.n || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

/* The first other entry that gives the port another protocol, where somebody sees both. */
static const struct registry_entry *rival(const struct registry_entry *first,
					  const struct registry_entry *a,
					  const struct node *port, int64_t number)
{
	for (const struct registry_entry *b = first; b; b = b->next) {
		const struct node *other = b == a || b->service ? NULL : entry_port(b, number);

		if (other &&
		    !same_protocol(text_at(port, "protocol"), text_at(other, "protocol")) &&
		    scopes_meet(a->object, b->object))
			return b;
	}
	return NULL;
}

/* No entry says otherwise than the first: the usual case, told in one pass. */
static bool agree(const struct registry_entry *first)
{
	for (const struct registry_entry *b = first->next; b; b = b->next)
		EACH_ITEM(b->ports, port) {
			int64_t n;
			const struct node *other = node_int(node_get(port, "number"), &n)
							   ? entry_port(first, n) : NULL;

			if (!other || !same_protocol(text_at(port, "protocol"),
						     text_at(other, "protocol")))
				return false;
		}
	return true;
}

/* One finding a port, whatever the number of rivals: the names of the others are on theirs. */
static void conflicts(struct lint *l, const struct registry_entry *first)
{
	for (const struct registry_entry *a = agree(first) ? NULL : first; a; a = a->next)
		EACH_ITEM(a->service ? NULL : a->ports, port) {
			const struct registry_entry *b;
			int64_t n;

			if (!node_int(node_get(port, "number"), &n) ||
			    !(b = rival(first, a, port, n)))
				continue;
			report(l, LINT_SE_CONFLICT, a->object, node_get(port, "protocol"),
			       "%s:%lld is %s here and %s in %s", say(a->host), (long long)n,
			       say(text_at(port, "protocol")),
			       say(text_at(entry_port(b, n), "protocol")), say_object(b->object));
		}
}

void lint_se_conflict(struct lint *l)
{
	struct slice host;
	void *first;

	for (size_t i = 0; (first = map_next(&l->registry.hosts.map, &i, &host));)
		conflicts(l, first);
}

/* --- Services (IST0118, IST0150) ---------------------------------------------------------------- */

static bool is_system(const struct object *o)
{
	static const char *const names[] = { "kube-system", "kube-public", "kube-node-lease",
					     "local-path-storage" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_is(o->ns, names[i]))
			return true;
	return label_of(o, "istio").n || slice_is(label_of(o, "release"), "istio");
}

static bool made_by_istio(const struct object *o)
{
	struct slice by = label_of(o, "gateway.istio.io/managed");

	return slice_is(by, "istio.io-gateway-controller") ||
	       slice_is(by, "istio.io-mesh-controller") ||
	       slice_is(by, "istio.io-eastwest-controller");
}

static bool says_protocol(const struct node *port)
{
	static const char *const known[] = { "kubernetes.io/h2c", "kubernetes.io/ws",
					     "kubernetes.io/wss" };
	struct slice name = text_at(port, "name");
	const struct node *app = node_get(port, "appProtocol");
	const uint8_t *dash;
	int64_t n = 0;

	if (slice_is(text_at(port, "protocol"), "UDP"))
		return true;
	if (app)
		name = node_text(app);
	for (size_t i = 0; app && i < 3; i++)
		if (slice_is(name, known[i]))
			return true;
	if (name.n >= 8 && strncasecmp((const char *)name.p, "grpc-web", 8) == 0)
		return true;
	dash = name.n ? memchr(name.p, '-', name.n) : NULL;
	if (dash)
		name.n = (size_t)(dash - name.p);
	if (name.n == 3 && strncasecmp((const char *)name.p, "udp", 3) == 0)
		return true;
	node_int(node_get(port, "port"), &n);
	return (protocol_of(name) != PROTO_NONE && protocol_of(name) != PROTO_OTHER) ||
	       n == 25 || n == 53 || n == 3306 || n == 27017;
}

void lint_port_name(struct lint *l)
{
	EACH(l, SERVICE, s) {
		bool external = slice_is(text_at(s->spec, "type"), "ExternalName");

		if (is_system(s) || made_by_istio(s))
			continue;
		EACH_ITEM(node_get(s->spec, "ports"), port) {
			struct slice name = text_at(port, "name");

			if (says_protocol(port) && !(external && slice_is(name, "tcp")))
				continue;
			if (external)
				report(l, LINT_EXTERNAL_NAME, s, port, "port %s is named \"%s\"",
				       say(text_at(port, "port")), say(name));
			else
				report(l, LINT_PORT_NAME, s, port, "port %s is named \"%s\"",
				       say(text_at(port, "port")), say(name));
		}
	}
}
