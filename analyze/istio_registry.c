/*
 * istio_registry: which service a name means for a namespace.
 *
 * Services come first, then ServiceEntries, each oldest first, as istiod keeps them.  A namespace's
 * own entry is found by NAMESPACE/HOST, so that a host which every namespace declares for itself
 * costs no more than one.
 */
#include "analyze/istio.h"

#include <string.h>

enum { NAMES_MAX = 1 << 20 };

/* "NS/HOST" in the arena's or the caller's bytes; empty: longer than any name may be. */
struct slice key_of_two(uint8_t to[LOCAL_KEY_MAX], struct slice a, char between, struct slice b)
{
	size_t n = a.n + 1 + b.n;

	if (n > LOCAL_KEY_MAX)
		return (struct slice){ NULL, 0 };
	if (a.n)
		memcpy(to, a.p, a.n);
	to[a.n] = (uint8_t)between;
	if (b.n)
		memcpy(to + a.n + 1, b.p, b.n);
	return (struct slice){ to, n };
}

struct slice local_key(uint8_t to[LOCAL_KEY_MAX], struct slice ns, struct slice host)
{
	return key_of_two(to, ns, '/', host);
}

static bool is_external_name(const struct object *o)
{
	return slice_is(text_at(o->spec, "type"), "ExternalName");
}

static void add_host(struct registry *r, const struct object *o, struct slice host)
{
	struct registry_entry *e = arena_new_object(r->arena, struct registry_entry), *first;
	const struct node *ports = node_get(o->spec, "ports");
	bool service = o->kind == OBJ_SERVICE;
	uint8_t key[LOCAL_KEY_MAX];
	struct slice local;

	if (!e || !host.n)
		return;
	*e = (struct registry_entry){
		.object = o, .host = host_lower(r->arena, host), .service = service,
		.ports = ports && ports->kind == NODE_LIST ? ports : NULL,
		.external = !service && !slice_is(text_at(o->spec, "location"), "MESH_INTERNAL"),
		.resolution_none = !service && (!text_at(o->spec, "resolution").n ||
				   slice_is(text_at(o->spec, "resolution"), "NONE")),
		.alias = service && is_external_name(o) ? text_at(o->spec, "externalName")
							: (struct slice){ NULL, 0 },
	};
	local = local_key(key, o->ns, e->host);
	if (local.n && !map_get(&r->own, local))
		map_put(&r->own, arena_copy(r->arena, local), e);
	first = names_get(&r->hosts, e->host);
	if (!first) {
		e->last = e;
		names_put(&r->hosts, r->arena, e->host, e);
		return;
	}
	first->last->next = e;
	first->last = e;
}

void registry_init(struct registry *r, const struct policy_set *p, struct arena *a,
		   struct slice root_ns)
{
	const struct object **o;
	size_t n;

	*r = (struct registry){ .p = p, .arena = a, .root_ns = root_ns };
	names_init(&r->hosts);
	map_init(&r->own, NAMES_MAX);
	r->has_entries = p->n_of_kind[OBJ_SERVICE_ENTRY] > 0;
	o = objects_by_age(p, OBJ_SERVICE, a, &n);
	for (size_t i = 0; i < n; i++)
		add_host(r, o[i], host_full(a, o[i]->name, o[i]->ns));
	o = objects_by_age(p, OBJ_SERVICE_ENTRY, a, &n);
	for (size_t i = 0; i < n; i++) {
		const struct node *hosts = node_get(o[i]->spec, "hosts");

		for (uint32_t k = 0; hosts && hosts->kind == NODE_LIST && k < hosts->n; k++)
			add_host(r, o[i], host_full(a, node_text(hosts->item[k]), o[i]->ns));
	}
	rules_init(r);
}

void registry_release(struct registry *r)
{
	names_release(&r->hosts);
	map_release(&r->own);
	rules_release(r);
}

/* The namespace's own comes first, then the first that it may see. */
static const struct registry_entry *visible(const struct registry *r,
					    const struct registry_entry *first, struct slice ns)
{
	uint8_t key[LOCAL_KEY_MAX];
	const struct registry_entry *own = map_get(&r->own, local_key(key, ns, first->host));

	if (own && object_exported(own->object, ns))
		return own;
	for (const struct registry_entry *e = first; e; e = e->next)
		if (object_exported(e->object, ns))
			return e;
	return NULL;
}

const struct registry_entry *registry_find(const struct registry *r, struct slice host,
					   struct slice ns)
{
	struct names_walk w = names_walk(&r->hosts, host);
	const struct registry_entry *first, *e = NULL;

	while (!e && (first = names_next(&w)))
		e = visible(r, first, ns);
	return e;
}

const struct node *entry_port(const struct registry_entry *e, int64_t number)
{
	const char *key = e->service ? "port" : "number";
	int64_t have;

	for (uint32_t i = 0; e->ports && i < e->ports->n; i++)
		if (node_int(node_get(e->ports->item[i], key), &have) && have == number)
			return e->ports->item[i];
	return NULL;
}

const struct node *entry_only_port(const struct registry_entry *e)
{
	return e->ports && e->ports->n == 1 ? e->ports->item[0] : NULL;
}

/* A Service's protocol: appProtocol, else the port's name up to the first dash. */
enum istio_protocol entry_protocol(const struct registry_entry *e, const struct node *port)
{
	struct slice s = node_text(node_get(port, e->service ? "appProtocol" : "protocol"));
	const uint8_t *dash;

	if (!e->service || s.n)
		return protocol_of(s);
	s = node_text(node_get(port, "name"));
	dash = s.n ? memchr(s.p, '-', s.n) : NULL;
	if (dash)
		s.n = (size_t)(dash - s.p);
	return protocol_of(s) == PROTO_OTHER ? PROTO_NONE : protocol_of(s);
}
