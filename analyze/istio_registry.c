/*
 * istio_registry: which service a name means for a namespace, and which DestinationRule
 * applies.  Exact names are hashed; wildcards are few and searched for the longest.
 */
#include "analyze/istio.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 1 << 20 };

static void *grow(struct arena *a, void *old, size_t n)
{
	/* Powers of two: copied only when full. */
	if (n && (n & (n - 1)))
		return old;
	void **more = arena_alloc(a, (n ? 2 * n : 1) * sizeof *more);
	if (more && n)
		memcpy(more, old, n * sizeof *more);
	return more ? more : old;
}

static void add_host(struct registry *r, const struct object *o, struct slice host,
		     const struct node *ports)
{
	struct registry_entry *e = arena_new_object(r->arena, struct registry_entry), *first;
	bool service = o->kind == OBJ_SERVICE;

	if (!e || !host.n)
		return;
	*e = (struct registry_entry){
		.object = o, .host = host_lower(r->arena, host), .service = service,
		.ports = ports && ports->kind == NODE_LIST ? ports : NULL,
		.external = !service && !slice_is(text_at(o->spec, "location"), "MESH_INTERNAL"),
		.resolution_none = !service && (!text_at(o->spec, "resolution").n ||
				   slice_is(text_at(o->spec, "resolution"), "NONE")),
	};
	if (host_is_wildcard(e->host)) {
		r->wild = grow(r->arena, r->wild, r->n_wild);
		r->wild[r->n_wild++] = e;
		return;
	}
	first = map_get(&r->hosts, e->host);
	if (!first) {
		map_put(&r->hosts, e->host, e);
		return;
	}
	while (first->next)
		first = first->next;
	first->next = e;
}

static void add_rule(struct registry *r, const struct object *o)
{
	struct rule_entry *e = arena_new_object(r->arena, struct rule_entry), *first;
	struct slice host = host_full(r->arena, text_at(o->spec, "host"), o->ns);

	if (!e || !host.n)
		return;
	*e = (struct rule_entry){ o, host_lower(r->arena, host), NULL };
	if (host_is_wildcard(e->host)) {
		r->wild_rules = grow(r->arena, r->wild_rules, r->n_wild_rules);
		r->wild_rules[r->n_wild_rules++] = e;
		return;
	}
	first = map_get(&r->rules, e->host);
	if (!first) {
		map_put(&r->rules, e->host, e);
		return;
	}
	while (first->next)
		first = first->next;
	first->next = e;
}

void registry_init(struct registry *r, const struct policy_set *p, struct arena *a,
		   struct slice root_ns)
{
	*r = (struct registry){ .p = p, .arena = a, .root_ns = root_ns };
	map_init(&r->hosts, NAMES_MAX);
	map_init(&r->rules, NAMES_MAX);
	r->has_entries = p->n_of_kind[OBJ_SERVICE_ENTRY] > 0;
	for (size_t i = 0; i < p->n_of_kind[OBJ_SERVICE]; i++) {
		const struct object *o = p->of_kind[OBJ_SERVICE][i];
		add_host(r, o, host_full(a, o->name, o->ns), node_get(o->spec, "ports"));
	}
	for (size_t i = 0; i < p->n_of_kind[OBJ_SERVICE_ENTRY]; i++) {
		const struct object *o = p->of_kind[OBJ_SERVICE_ENTRY][i];
		const struct node *hosts = node_get(o->spec, "hosts");

		for (uint32_t k = 0; hosts && hosts->kind == NODE_LIST && k < hosts->n; k++)
			add_host(r, o, host_full(a, node_text(hosts->item[k]), o->ns),
				 node_get(o->spec, "ports"));
	}
	for (size_t i = 0; i < p->n_of_kind[OBJ_DESTINATION_RULE]; i++)
		add_rule(r, p->of_kind[OBJ_DESTINATION_RULE][i]);
}

void registry_release(struct registry *r)
{
	map_release(&r->hosts);
	map_release(&r->rules);
}

/* --- services ------------------------------------------------------------------------ */

const struct registry_entry *registry_find(const struct registry *r, struct slice host,
					   struct slice ns)
{
	const struct registry_entry *best = NULL;

	for (const struct registry_entry *e = map_get(&r->hosts, host); e; e = e->next)
		if (object_exported(e->object, ns)) {
			if (slice_eq(e->object->ns, ns))
				return e;	/* the namespace's own comes first */
			best = best ? best : e;
		}
	for (size_t i = 0; !best && i < r->n_wild; i++) {
		const struct registry_entry *e = r->wild[i];

		if (host_within(host, e->host) && object_exported(e->object, ns) &&
		    (!best || host_beats(e->host, best->host)))
			best = e;
	}
	return best;
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

/* --- DestinationRules (d.1, d.2) ------------------------------------------------------ */

struct client {
	struct slice ns;
	const struct label *labels;
	size_t n;
};

static bool rule_applies(const struct object *o, struct slice in, const struct client *c)
{
	const struct node *selector = node_at(o->spec, "workloadSelector.matchLabels");

	if (!slice_eq(o->ns, in) || !object_exported(o, c->ns))
		return false;
	return !selector || (c->labels && slice_eq(o->ns, c->ns) &&
			     selects_labels(selector, c->labels, c->n));
}

static const struct object *rule_in(const struct registry *r, struct slice host, struct slice in,
				    const struct client *c)
{
	const struct rule_entry *best = NULL;

	for (const struct rule_entry *e = map_get(&r->rules, host); e; e = e->next)
		if (rule_applies(e->object, in, c))
			return e->object;
	for (size_t i = 0; i < r->n_wild_rules; i++) {
		const struct rule_entry *e = r->wild_rules[i];

		if (host_within(host, e->host) && rule_applies(e->object, in, c) &&
		    (!best || host_beats(e->host, best->host)))
			best = e;
	}
	return best ? best->object : NULL;
}

/* In the root namespace, as a client's own, only rules private to it count. */
static bool is_private(const struct object *o)
{
	const struct node *to = node_get(o->spec, "exportTo");

	return to && to->kind == NODE_LIST && to->n == 1 &&
	       (slice_is(node_text(to->item[0]), ".") || slice_eq(node_text(to->item[0]), o->ns));
}

const struct object *rule_find(const struct registry *r, struct slice host, struct slice ns,
			       struct slice service_ns, const struct label *labels, size_t n)
{
	struct client c = { ns, labels, n };
	const struct object *o = rule_in(r, host, ns, &c);

	if (o && (!slice_eq(ns, r->root_ns) || is_private(o)))
		return o;
	if (service_ns.n && !slice_eq(service_ns, ns)) {
		o = rule_in(r, host, service_ns, &c);
		if (o)
			return o;
	}
	return rule_in(r, host, r->root_ns, &c);
}

static const struct node *subset_in(const struct object *o, struct slice subset)
{
	const struct node *list = node_get(o->spec, "subsets");

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (slice_eq(node_text(node_get(list->item[i], "name")), subset))
			return list->item[i];
	return NULL;
}

/* Istio merges rules for one host in one namespace: their subsets add up. */
const struct node *rule_subset(const struct registry *r, const struct object *rule,
			       struct slice host, struct slice subset)
{
	const struct node *found = rule ? subset_in(rule, subset) : NULL;

	if (!rule || found)
		return found;
	for (const struct rule_entry *e = map_get(&r->rules, host); e && !found; e = e->next)
		if (slice_eq(e->object->ns, rule->ns))
			found = subset_in(e->object, subset);
	return found;
}

static const struct node *port_level(const struct node *policy, int64_t port)
{
	const struct node *list = node_get(policy, "portLevelSettings");
	int64_t n;

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (node_int(node_at(list->item[i], "port.number"), &n) && n == port)
			return list->item[i];
	return NULL;
}

const struct node *rule_tls(const struct object *rule, const struct node *subset, int64_t port)
{
	const struct node *top = node_get(rule->spec, "trafficPolicy");
	const struct node *sub = node_get(subset, "trafficPolicy");
	const struct node *level = port_level(sub, port);

	if (level)
		return node_get(level, "tls");
	if (node_get(sub, "tls"))
		return node_get(sub, "tls");
	level = port_level(top, port);
	return node_get(level ? level : top, "tls");
}

/* --- a destination -------------------------------------------------------------------- */

static struct slice keep(struct arena *a, struct buf *b)
{
	struct slice s = arena_copy(a, buf_slice(b));

	buf_release(b);
	return s;
}

/* c.9: outbound|PORT|SUBSET|HOST */
static struct slice cluster_name(struct arena *a, const struct route_target *t)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "outbound|%u|", t->port);
	buf_add(&b, t->subset);
	buf_byte(&b, '|');
	buf_add(&b, t->host);
	return keep(a, &b);
}

/* c.9: outbound_.PORT_.SUBSET_.HOST */
static struct slice default_sni(struct arena *a, const struct route_target *t)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "outbound_.%u_.", t->port);
	buf_add(&b, t->subset);
	buf_str(&b, "_.");
	buf_add(&b, t->host);
	return keep(a, &b);
}

static void target_tls(struct arena *a, const struct node *tls, struct route_target *t)
{
	if (!tls) {
		/* No rule: plaintext to what is outside, auto mTLS inside (d.3). */
		t->tls = t->external ? ROUTE_TLS_NONE : ROUTE_TLS_UNKNOWN;
		return;
	}
	t->tls = tls_mode(text_at(tls, "mode"), false);
	if (t->tls == ROUTE_TLS_NONE)
		return;
	t->sni = text_at(tls, "sni");
	if (t->sni.n)
		return;
	if (t->tls == ROUTE_TLS_ISTIO)
		t->sni = default_sni(a, t);
	else
		t->from_request = true;
}

static bool speaks_tls(const struct registry_entry *e, uint32_t number)
{
	const struct node *port = e ? entry_port(e, number) : NULL;
	enum istio_protocol p = port ? entry_protocol(e, port) : PROTO_NONE;

	return p == PROTO_TLS || p == PROTO_HTTPS;
}

/* t has host, subset and port; everything else is looked up. */
static void target_find(const struct registry *r, struct slice client_ns,
			const struct label *labels, size_t n_labels, struct arena *a,
			struct route_target *t)
{
	const struct registry_entry *e = registry_find(r, t->host, client_ns);
	struct slice service_ns = e ? e->object->ns : host_service_ns(t->host);
	const struct node *subset;

	t->entry = e ? e->object : NULL;
	t->external = e ? e->external : !host_service_ns(t->host).n;
	t->rule = rule_find(r, t->host, client_ns, service_ns, labels, n_labels);
	subset = t->subset.n ? rule_subset(r, t->rule, t->host, t->subset) : NULL;
	/* A cluster service that was not given to us is taken to be there. */
	t->exists = (e ? entry_port(e, t->port) != NULL
		       : host_service_ns(t->host).n || !r->has_entries) &&
		    (!t->subset.n || subset);
	t->cluster = cluster_name(a, t);
	target_tls(a, t->rule ? rule_tls(t->rule, subset, t->port) : NULL, t);
	t->secure = (t->tls != ROUTE_TLS_NONE && t->tls != ROUTE_TLS_UNKNOWN) ||
		    speaks_tls(e, t->port);
}

void target_read(const struct registry *r, const struct node *destination, struct slice vs_ns,
		 struct slice client_ns, const struct label *labels, size_t n_labels,
		 int64_t listener_port, struct arena *a, struct route_target *t)
{
	const struct registry_entry *e;
	const struct node *port;
	int64_t number = 0;

	*t = (struct route_target){ .subset = text_at(destination, "subset") };
	t->host = host_lower(a, host_full(a, text_at(destination, "host"), vs_ns));
	if (!node_int(node_at(destination, "port.number"), &number)) {
		e = registry_find(r, t->host, client_ns);
		port = e ? entry_only_port(e) : NULL;
		if (!port || !node_int(node_get(port, e->service ? "port" : "number"), &number))
			number = listener_port;
	}
	t->port = number > 0 && number <= 65535 ? (uint32_t)number : 0;
	target_find(r, client_ns, labels, n_labels, a, t);
}

bool target_by_name(const struct registry *r, struct slice port, struct slice subset,
		    struct slice host, struct slice client_ns, struct arena *a,
		    struct route_target *t)
{
	struct node n = { .kind = NODE_SCALAR, .text = port };
	int64_t number;

	if (!node_int(&n, &number) || number < 1 || number > 65535)
		return false;
	*t = (struct route_target){ .subset = subset, .host = host_lower(a, host),
				    .port = (uint32_t)number };
	target_find(r, client_ns, NULL, 0, a, t);
	return true;
}
