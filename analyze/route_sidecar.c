/*
 * route_sidecar: what a client's sidecar may reach (e.4, e.5).
 *
 * A Sidecar with a workloadSelector applies to the pods that it selects, before the namespace's own, before the
 * root namespace's.  The client's labels are known where its Pod was given and has the flow's source
 * address; where they are not and a selector could decide, the answer is unknown.
 *
 * A VirtualService that is imported brings its destinations along, whatever egress.hosts say of them
 * (istio/istio pilot/pkg/model/sidecar.go, collectImportedServices).
 */
#include "analyze/route_build.h"

#include <string.h>

enum { PODS_MAX = 1 << 18 };

/* --- the client's labels ------------------------------------------------------------- */

static struct slice ip_key(const struct ip *ip)
{
	return (struct slice){ ip->b, sizeof ip->b };
}

static void add_pod(struct route_set *s, const struct object *o)
{
	struct client_pod *c = arena_new_object(s->arena, struct client_pod);
	const struct node *labels = node_get(o->metadata, "labels");
	uint32_t n = labels && labels->kind == NODE_MAP ? labels->n : 0;

	if (!c || !ip_parse(text_at(o->root, "status.podIP"), &c->ip))
		return;
	c->labels = arena_new_array(s->arena, struct label, n + 1);
	for (uint32_t i = 0; c->labels && i < n; i++)
		c->labels[c->n++] = (struct label){ node_text(labels->key[i]),
						    node_text(labels->item[i]) };
	map_put(&s->pods, ip_key(&c->ip), c);
}

void pods_index(struct route_set *s)
{
	map_init(&s->pods, PODS_MAX);
	for (size_t i = 0; i < s->p->n_of_kind[OBJ_POD]; i++)
		add_pod(s, s->p->of_kind[OBJ_POD][i]);
}

const struct client_pod *client_of(const struct route_set *s, const struct flow *f)
{
	return flow_has(f, F_SOURCE_IP) ? map_get(&s->pods, ip_key(&f->v[F_SOURCE_IP].ip)) : NULL;
}

/* --- which Sidecar ------------------------------------------------------------------- */

static const struct node *selector_of(const struct object *sidecar)
{
	const struct node *labels = node_at(sidecar->spec, "workloadSelector.labels");

	return labels && labels->kind == NODE_MAP && labels->n ? labels : NULL;
}

/* The namespace's Sidecar without a selector; NULL: none. */
static const struct object *of_namespace(const struct route_set *s, struct slice ns)
{
	for (size_t i = 0; i < s->p->n_of_kind[OBJ_SIDECAR]; i++) {
		const struct object *o = s->p->of_kind[OBJ_SIDECAR][i];

		if (slice_eq(o->ns, ns) && !selector_of(o))
			return o;
	}
	return NULL;
}

const struct object *sidecar_of(const struct route_set *s, struct slice ns,
				const struct client_pod *client, bool *unsure)
{
	const struct object *own;

	*unsure = false;
	for (size_t i = 0; i < s->p->n_of_kind[OBJ_SIDECAR]; i++) {
		const struct object *o = s->p->of_kind[OBJ_SIDECAR][i];

		if (!slice_eq(o->ns, ns) || !selector_of(o))
			continue;
		if (client && selects_labels(selector_of(o), client->labels, client->n))
			return o;
		*unsure |= !client;
	}
	own = of_namespace(s, ns);
	return own ? own : of_namespace(s, s->root_ns);
}

/* --- what it imports ----------------------------------------------------------------- */

/* A service (its host within an entry), or a VirtualService (its hosts may also be around one). */
struct wanted {
	struct slice ns, host;
	const struct node *hosts;	/* a VirtualService's; else NULL */
};

static bool entry_takes(struct slice pattern, const struct wanted *w)
{
	if (!w->hosts)
		return host_within(w->host, pattern);
	for (uint32_t i = 0; w->hosts->kind == NODE_LIST && i < w->hosts->n; i++) {
		uint8_t full[HOST_FULL_MAX];

		if (host_overlaps(host_full_in(full, node_text(w->hosts->item[i]), w->ns), pattern))
			return true;
	}
	return false;
}

/* One "NAMESPACE/HOST" of egress.hosts. */
static bool entry_has(struct slice entry, struct slice client_ns, const struct wanted *w)
{
	const uint8_t *slash = entry.n ? memchr(entry.p, '/', entry.n) : NULL;
	struct slice ns;

	if (!slash)
		return false;
	ns = (struct slice){ entry.p, (size_t)(slash - entry.p) };
	if (slice_is(ns, "."))
		ns = client_ns;
	return (slice_is(ns, "*") || slice_eq(ns, w->ns)) &&
	       entry_takes(slice_from(entry, (size_t)(slash - entry.p) + 1), w);
}

static bool imports(const struct object *sidecar, struct slice client_ns,
		    const struct wanted *w)
{
	const struct node *egress = sidecar ? node_get(sidecar->spec, "egress") : NULL;

	if (!egress || egress->kind != NODE_LIST || !egress->n)
		return true;
	for (uint32_t i = 0; i < egress->n; i++) {
		const struct node *hosts = node_get(egress->item[i], "hosts");

		for (uint32_t k = 0; hosts && hosts->kind == NODE_LIST && k < hosts->n; k++)
			if (entry_has(node_text(hosts->item[k]), client_ns, w))
				return true;
	}
	return false;
}

static enum answer ask(const struct route_set *s, struct slice client_ns,
		       const struct client_pod *client, const struct wanted *w)
{
	bool unsure, yes = imports(sidecar_of(s, client_ns, client, &unsure), client_ns, w);

	for (size_t i = 0; unsure && i < s->p->n_of_kind[OBJ_SIDECAR]; i++) {
		const struct object *o = s->p->of_kind[OBJ_SIDECAR][i];

		if (slice_eq(o->ns, client_ns) && selector_of(o) &&
		    imports(o, client_ns, w) != yes)
			return ANSWER_UNKNOWN;
	}
	return yes ? ANSWER_YES : ANSWER_NO;
}

enum answer sidecar_imports(const struct route_set *s, struct slice client_ns,
			    const struct client_pod *client, struct slice host,
			    struct slice host_ns)
{
	struct wanted w = { host_ns, host, NULL };

	return ask(s, client_ns, client, &w);
}

enum answer sidecar_imports_vs(const struct route_set *s, struct slice client_ns,
			       const struct client_pod *client, const struct object *vs)
{
	struct wanted w = { vs->ns, { NULL, 0 }, node_get(vs->spec, "hosts") };

	return w.hosts ? ask(s, client_ns, client, &w) : ANSWER_NO;
}

/* The Sidecar's own policy, whose zero value is REGISTRY_ONLY, else the mesh's, ALLOW_ANY. */
bool sidecar_registry_only(const struct route_set *s, const struct object *sidecar)
{
	const struct node *policy = sidecar ? node_get(sidecar->spec, "outboundTrafficPolicy")
					    : NULL;

	if (policy && policy->kind == NODE_MAP)
		return !slice_is(node_text(node_get(policy, "mode")), "ALLOW_ANY");
	return slice_is(s->p->mesh.outbound_policy, "REGISTRY_ONLY");
}
