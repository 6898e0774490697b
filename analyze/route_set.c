/*
 * route_set: the routes of one gateway workload, compiled.
 *
 * The servers of every Gateway that selects the workload are laid out in istiod's order, those that it
 * drops are marked (b.7), VirtualServices are bound to the rest (route_bind.c, route_http.c), chains are
 * indexed by port and server name (route_port.c), and the mesh routes that lead here are found
 * (route_mesh.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/route_build.h"

enum { ARENA_MAX = 1 << 30, SCRATCH_MAX = 1 << 22, NAMES_MAX = 1 << 20, KEY_MAX = 700,
       REGEX_STEPS = 100000, REGEX_DEPTH = 1000 };

/* istiod's order at a proxy of this namespace: private, exported to it, public; each by age. */
static void rank_virtual_services(struct route_set *s)
{
	const struct object **by_rank =
		arena_new_array(s->arena, const struct object *, s->n_vs + 1);
	size_t n = 0;

	if (!by_rank)
		abort();
	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < s->n_vs; i++)
			if (export_rank(s->vs[i], s->ns) == rank)
				by_rank[n++] = s->vs[i];
	s->vs = by_rank;
}

/* --- servers ------------------------------------------------------------------------- */

/* What a port has taken already, by "PORT|BIND|WORD". */
struct taken {
	struct route_set *s;
	struct map map;
};

static struct slice taken_key(uint8_t to[KEY_MAX], const struct server *v, const char *kind,
			      struct slice word)
{
	struct slice bind = node_text(node_get(v->f.node, "bind"));
	int n = snprintf((char *)to, KEY_MAX, "%u|%.*s|%s|%.*s", v->listen[0],
			 (int)(bind.n < 100 ? bind.n : 100), bind.n ? (const char *)bind.p : "",
			 kind, (int)(word.n < 300 ? word.n : 300),
			 word.n ? (const char *)word.p : "");

	return (struct slice){ to, n > 0 ? (size_t)n : 0 };
}

static struct server *taken_by(const struct taken *t, const struct server *v, const char *kind,
			       struct slice word)
{
	uint8_t key[KEY_MAX];

	return map_get(&t->map, taken_key(key, v, kind, word));
}

static void take(struct taken *t, struct server *v, const char *kind, struct slice word)
{
	uint8_t key[KEY_MAX];

	map_put(&t->map, arena_copy(t->s->arena, taken_key(key, v, kind, word)), v);
}

static bool has_tls(const struct server *v)
{
	return v->f.tls != ROUTE_TLS_NONE;
}

/* The name of an HTTPS server's routes (b.11): one server each. */
static struct slice routes_name(const struct server *v, uint8_t to[KEY_MAX])
{
	struct slice name = text_at(v->f.node, "port.name");
	int n = snprintf((char *)to, KEY_MAX, "%p.%lld.%.*s", (const void *)v->gateway,
			 (long long)v->f.port, (int)(name.n < 300 ? name.n : 300),
			 name.n ? (const char *)name.p : "");

	return (struct slice){ to, n > 0 ? (size_t)n : 0 };
}

/* A host with its namespace: a/x.org and x.org are two. */
static struct slice host_word(const struct server *v, uint32_t i, uint8_t to[KEY_MAX])
{
	struct slice ns, host;
	int n;

	server_host(v->f.hosts->item[i], v->gateway, &ns, &host);
	n = snprintf((char *)to, KEY_MAX, "%.*s/%.*s", (int)(ns.n < 100 ? ns.n : 100),
		     ns.n ? (const char *)ns.p : "", (int)(host.n < 300 ? host.n : 300),
		     host.n ? (const char *)host.p : "");
	return (struct slice){ to, n > 0 ? (size_t)n : 0 };
}

/* b.7: what stands first on a port keeps it. */
static const char *conflict(const struct taken *t, const struct server *v)
{
	const struct server *first = taken_by(t, v, "port", (struct slice){ 0 });
	uint8_t name[KEY_MAX];

	if (!v->f.port)
		return "it has no port";
	if (!first)
		return NULL;
	if (has_tls(first) != has_tls(v) || (!has_tls(v) && !(first->f.http && v->f.http)))
		return "an earlier server on this port speaks another protocol";
	for (uint32_t i = 0; has_tls(v) && v->f.hosts && i < v->f.hosts->n; i++)
		if (taken_by(t, v, "host", host_word(v, i, name)))
			return "an earlier server has the same host on this port";
	if (has_tls(v) && v->f.http && taken_by(t, v, "routes", routes_name(v, name)))
		return "an earlier HTTPS server of this Gateway has the same port and port name";
	return NULL;
}

static void occupy(struct taken *t, struct server *v)
{
	uint8_t name[KEY_MAX];

	if (!taken_by(t, v, "port", (struct slice){ 0 }))
		take(t, v, "port", (struct slice){ 0 });
	for (uint32_t i = 0; has_tls(v) && v->f.hosts && i < v->f.hosts->n; i++)
		take(t, v, "host", host_word(v, i, name));
	if (has_tls(v) && v->f.http)
		take(t, v, "routes", routes_name(v, name));
}

static void index_hosts(struct route_set *s, struct server *v)
{
	names_init(&v->hosts);
	for (uint32_t i = 0; v->f.hosts && i < v->f.hosts->n; i++) {
		struct server_name *n = arena_new_object(s->arena, struct server_name);
		struct slice pattern;

		if (!n)
			abort();
		server_host(v->f.hosts->item[i], v->gateway, &n->ns, &pattern);
		n->pattern = host_lower(s->arena, pattern);
		n->next = names_get(&v->hosts, n->pattern);
		names_put(&v->hosts, s->arena, n->pattern, n);
	}
}

static void add_server(struct taken *t, const struct object *gateway, uint32_t index,
		       const struct node *node)
{
	struct route_set *s = t->s;
	struct server *v = &s->server[s->n_server++];

	*v = (struct server){ .gateway = gateway, .index = index };
	server_read(node, &v->f);
	v->at = (struct place){ gateway, v->f.port, s->ns, s->labels, s->n_labels };
	v->n_listen = service_listen(s, v->f.port, v->listen, &v->service, &v->assumed);
	v->dropped = conflict(t, v);
	index_hosts(s, v);
	if (!v->dropped)
		occupy(t, v);
}

static const struct node *servers_of(const struct object *gateway)
{
	const struct node *list = node_get(gateway->spec, "servers");

	return list && list->kind == NODE_LIST ? list : NULL;
}

static void find_servers(struct route_set *s)
{
	struct taken t = { .s = s };
	const struct object **gateway;
	size_t n, most = 0;

	map_init(&t.map, NAMES_MAX);
	gateway = objects_by_age(s->p, OBJ_GATEWAY, s->arena, &n);
	for (size_t i = 0; i < n; i++)
		most += servers_of(gateway[i]) ? servers_of(gateway[i])->n : 0;
	s->server = arena_new_array(s->arena, struct server, most + 1);
	if (!s->server)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct node *list = servers_of(gateway[i]);

		if (!selects_labels(node_get(gateway[i]->spec, "selector"), s->labels,
				    s->n_labels))
			continue;
		s->routes_declared = true;
		for (uint32_t k = 0; list && k < list->n; k++)
			add_server(&t, gateway[i], k, list->item[k]);
	}
	map_release(&t.map);
}

/* --- the set ------------------------------------------------------------------------- */

static struct slice root_namespace(const struct policy_set *p, const struct judge_options *o)
{
	if (o && o->root_namespace)
		return slice_of(o->root_namespace);
	return p->mesh.root_namespace.n ? p->mesh.root_namespace : SLICE("istio-system");
}

static struct route_set *empty_set(const struct policy_set *p)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct route_set *s = arena_new_object(a, struct route_set);

	*s = (struct route_set){ .p = p, .arena = a, .scratch = arena_new(SCRATCH_MAX) };
	s->match_data = pcre2_match_data_create(1, NULL);
	s->match_limits = pcre2_match_context_create(NULL);
	if (!s->match_data || !s->match_limits)
		abort();
	pcre2_set_match_limit(s->match_limits, REGEX_STEPS);
	pcre2_set_depth_limit(s->match_limits, REGEX_DEPTH);
	return s;
}

static void fill(struct route_set *s)
{
	if (s->paths == PATH_DEFAULT)
		s->paths = path_normalization_by_name(s->p->mesh.path_normalization);
	if (!s->shared)
		registry_init(&s->registry, s->p, s->arena, s->root_ns);
	s->vs = objects_by_age(s->p, OBJ_VIRTUAL_SERVICE, s->arena, &s->n_vs);
	s->vs_by_age = s->vs;
	rank_virtual_services(s);
	map_init(&s->headers, NAMES_MAX);
	delegates_index(s);
	pods_index(s);
	find_services(s);
	find_servers(s);
	bind_servers(s);
	listeners_index(s);
	mesh_feeds(s);
	s->ready = true;
}

void route_begin(struct route_set *s)
{
	arena_reset(s->scratch);
	s->path = (struct slice){ NULL, 0 };
}

struct route_set *route_set_new(const struct policy_set *p, const struct judge_options *o,
				struct err *e)
{
	struct route_set *s = empty_set(p);

	s->root_ns = root_namespace(p, o);
	s->paths = o ? o->paths : PATH_DEFAULT;
	if (!workload_parse(o ? o->workload : NULL, s->arena, &s->ns, &s->labels,
			    &s->n_labels, e)) {
		route_set_free(&s);
		return NULL;
	}
	fill(s);
	return s;
}

struct route_set *route_set_for(const struct policy_set *p, const struct registry *r, struct slice ns,
				struct label *labels, size_t n)
{
	struct route_set *s = empty_set(p);

	s->registry = *r;
	s->shared = true;

	s->ns = ns;
	s->labels = labels;
	s->n_labels = n;
	s->root_ns = r->root_ns;
	fill(s);
	return s;
}

void route_set_free(struct route_set **r)
{
	struct route_set *s = *r;
	struct arena *a;

	*r = NULL;
	if (!s)
		return;
	for (size_t i = 0; i < s->n_server; i++) {
		names_release(&s->server[i].snis);
		names_release(&s->server[i].hosts);
	}
	for (struct vhosts *v = s->vhosts; v; v = v->next)
		names_release(&v->names);
	listeners_release(s);
	mesh_feeds_release(s);
	if (!s->shared)
		registry_release(&s->registry);
	map_release(&s->delegates);
	map_release(&s->headers);
	map_release(&s->pods);
	for (size_t i = 0; i < s->n_codes; i++)
		pcre2_code_free(s->codes[i]);
	pcre2_match_data_free(s->match_data);
	pcre2_match_context_free(s->match_limits);
	arena_free(&s->scratch);
	a = s->arena;
	arena_free(&a);
}
