/*
 * lint_view: of all objects those that bear on one gateway workload.
 *
 * Routes are compiled for every gateway workload; where there are thousands, each with a selector of its own, none
 * may walk over all the others' objects.  So an index is made once, and a workload's routes are compiled from a
 * policy set that holds only what they look at: the Gateways that select it, the VirtualServices bound to those
 * or leading to its Services on the mesh, these Services, and the pods of their named ports.  The registry is shared.
 */
#include "analyze/lint_build.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 1 << 22 };

/* Objects under one key, in load order. */
struct listed {
	const struct object **at;
	size_t n;
};

/* What a key is about; its first byte. */
enum about {
	GATEWAY_OF_LABEL = 'g',		/* LABEL=VALUE, the selector's first; "" where it has none */
	SERVICE_OF_LABEL = 's',		/* the same */
	BOUND_TO = 'b',			/* VirtualServices, by NS/GATEWAY */
	LEADS_TO = 'l',			/* VirtualServices on the mesh, by a destination's full name */
	LEADS_INTO = 'n',		/* and by its namespace */
};

static struct slice keyed(struct buf *b, enum about what, struct slice x, char between, struct slice y)
{
	buf_clear(b);
	buf_byte(b, (uint8_t)what);
	buf_add(b, x);
	buf_byte(b, (uint8_t)between);
	buf_add(b, y);
	return buf_slice(b);
}

static void put(struct lint *l, struct slice key, const struct object *o)
{
	struct listed *list = map_get(&l->by_use, key);

	if (!list) {
		list = arena_new_object(l->arena, struct listed);
		if (!list || !map_put(&l->by_use, arena_copy(l->arena, key), list))
			return;
	}
	if (list->n && list->at[list->n - 1] == o)
		return;
	list->at = list_grow(l->arena, list->at, list->n, sizeof *list->at);
	list->at[list->n++] = o;
}

/* Whoever bears all the labels bears the first. */
static void put_selector(struct lint *l, enum about what, const struct node *selector,
			 const struct object *o, struct buf *b)
{
	bool any = is_map(selector) && selector->n;

	put(l, keyed(b, what, any ? node_text(selector->key[0]) : SLICE(""), '=',
		     any ? node_text(selector->item[0]) : SLICE("")), o);
}

static void put_destinations(struct lint *l, const struct object *vs, struct buf *b)
{
	for (int block = 0; block < 3; block++)
		EACH_ITEM(node_get(vs->spec, route_block_name((enum route_block)block)), route)
			EACH_ITEM(node_get(route, "route"), to) {
				struct slice host = host_lower(l->arena,
					host_full(l->arena, text_at(to, "destination.host"), vs->ns));

				put(l, keyed(b, LEADS_TO, host, 0, SLICE("")), vs);
				if (host_service_ns(host).n)
					put(l, keyed(b, LEADS_INTO, host_service_ns(host), 0, SLICE("")), vs);
			}
}

void views_init(struct lint *l)
{
	struct buf b;

	map_init(&l->by_use, KEYS_MAX);
	buf_init(&b, SIZE_MAX);
	EACH(l, GATEWAY, g)
		put_selector(l, GATEWAY_OF_LABEL, node_get(g->spec, "selector"), g, &b);
	EACH(l, SERVICE, s)
		if (is_map(node_get(s->spec, "selector")) && node_get(s->spec, "selector")->n)
			put_selector(l, SERVICE_OF_LABEL, node_get(s->spec, "selector"), s, &b);
	EACH(l, VIRTUAL_SERVICE, vs) {
		EACH_ITEM(node_get(vs->spec, "gateways"), ref) {
			struct slice ns, name;

			if (gateway_ref_parts(node_text(ref), vs->ns, &ns, &name))
				put(l, keyed(&b, BOUND_TO, ns, '/', name), vs);
		}
		if (on_mesh(vs))
			put_destinations(l, vs, &b);
	}
	buf_release(&b);
}

void each_service(const struct lint *l, const struct workload *w, each_object *each, void *ctx)
{
	struct buf key;

	buf_init(&key, SIZE_MAX);
	for (size_t i = 0; i < w->n; i++) {
		const struct listed *list = map_get(&l->by_use,
			keyed(&key, SERVICE_OF_LABEL, w->label[i].key, '=', w->label[i].value));

		for (size_t k = 0; list && k < list->n; k++)
			each(ctx, list->at[k]);
	}
	buf_release(&key);
}

/* --- one workload's ----------------------------------------------------------------------- */

struct view {
	struct lint *l;
	const struct workload *w;
	struct policy_set *p;
	struct map seen;		/* objects that are in it */
	struct buf key;
};

static void add(struct view *v, const struct object *o)
{
	struct slice key = { (const uint8_t *)&o, sizeof o };
	struct object ***list = &v->p->of_kind[o->kind];
	size_t *n = &v->p->n_of_kind[o->kind];

	if (map_get(&v->seen, key))
		return;
	map_put(&v->seen, arena_copy(v->l->arena, key), v);
	*list = list_grow(v->l->arena, *list, *n, sizeof **list);
	(*list)[(*n)++] = (struct object *)(uintptr_t)o;
}

static const struct listed *under(struct view *v, enum about what, struct slice x, char between,
				  struct slice y)
{
	static const struct listed none;
	const struct listed *list = map_get(&v->l->by_use, keyed(&v->key, what, x, between, y));

	return list ? list : &none;
}

static void add_all(struct view *v, const struct listed *list)
{
	for (size_t i = 0; i < list->n; i++)
		add(v, list->at[i]);
}

static bool is_of(const struct object *o, const struct workload *w)
{
	return o->kind == OBJ_SERVICE ? service_is_of(o, w->ns, w->label, w->n)
				      : workload_selected(w, node_get(o->spec, "selector"));
}

static void add_selecting(struct view *v, const struct listed *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (is_of(list->at[i], v->w))
			add(v, list->at[i]);
}

static void add_by_label(struct view *v, enum about what)
{
	add_selecting(v, under(v, what, SLICE(""), '=', SLICE("")));
	for (size_t i = 0; i < v->w->n; i++)
		add_selecting(v, under(v, what, v->w->label[i].key, '=', v->w->label[i].value));
}

/* One level: a delegate has no delegates (c.7). */
static void add_delegates(struct view *v, const struct object *vs)
{
	EACH_ITEM(node_get(vs->spec, "http"), route) {
		const struct node *d = node_get(route, "delegate");
		struct slice ns = text_at(d, "namespace");
		const struct object *to = !d ? NULL
			: object_find(v->l, OBJ_VIRTUAL_SERVICE, ns.n ? ns : vs->ns, text_at(d, "name"));

		if (to)
			add(v, to);
	}
}

static void add_routes(struct view *v)
{
	const struct policy_set *p = v->p;
	size_t bound;

	for (size_t i = 0; i < p->n_of_kind[OBJ_GATEWAY]; i++)
		add_all(v, under(v, BOUND_TO, p->of_kind[OBJ_GATEWAY][i]->ns, '/',
				 p->of_kind[OBJ_GATEWAY][i]->name));
	for (size_t i = 0; i < p->n_of_kind[OBJ_SERVICE]; i++) {
		const struct object *s = p->of_kind[OBJ_SERVICE][i];
		uint8_t text[HOST_FULL_MAX];
		struct slice host = host_lower(v->l->arena, host_full_in(text, s->name, s->ns));

		add_all(v, under(v, LEADS_TO, host, 0, SLICE("")));
	}
	/* Without any Service of the workload's, any name in its namespace may be it (route_mesh.c). */
	if (!p->n_of_kind[OBJ_SERVICE])
		add_all(v, under(v, LEADS_INTO, v->w->ns, 0, SLICE("")));
	bound = p->n_of_kind[OBJ_VIRTUAL_SERVICE];
	for (size_t i = 0; i < bound; i++)
		add_delegates(v, p->of_kind[OBJ_VIRTUAL_SERVICE][i]);
}

/* A targetPort may name a port of a pod that the Service selects. */
static void add_pods(struct view *v)
{
	for (size_t i = 0; i < v->p->n_of_kind[OBJ_SERVICE]; i++) {
		const struct node *spec = v->p->of_kind[OBJ_SERVICE][i]->spec;
		bool named = false;
		int64_t n;

		EACH_ITEM(node_get(spec, "ports"), port)
			named |= node_get(port, "targetPort") && !node_int(node_get(port, "targetPort"), &n);
		if (!named)
			continue;
		struct workloads_walk walk = workloads(v->l, node_get(spec, "selector"));
		for (const struct workload *w; (w = workloads_next(&walk));)
			if (w->object)
				add(v, w->object);
	}
}

const struct policy_set *view_of(struct lint *l, const struct workload *w)
{
	static const enum object_kind kinds[] = { OBJ_GATEWAY, OBJ_SERVICE, OBJ_VIRTUAL_SERVICE,
						  OBJ_POD, OBJ_DEPLOYMENT };
	struct policy_set *p = arena_new_object(l->arena, struct policy_set);
	struct view v = { .l = l, .w = w, .p = p };

	if (!p)
		abort();
	*p = *l->p;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		p->of_kind[kinds[i]] = NULL;
		p->n_of_kind[kinds[i]] = 0;
	}
	map_init(&v.seen, KEYS_MAX);
	buf_init(&v.key, SIZE_MAX);
	add_by_label(&v, GATEWAY_OF_LABEL);
	add_by_label(&v, SERVICE_OF_LABEL);
	add_routes(&v);
	add_pods(&v);
	map_release(&v.seen);
	buf_release(&v.key);
	return p;
}
