/*
 * lint_world: the workloads that policies and Gateways select, and look-ups.
 *
 * Like istioctl analyze on files, lint takes Istio's two default gateways to exist where nobody
 * gave a workload with their labels, so that a folder of policies alone is not full of alarms.  A
 * Gateway that then selects nobody gets a workload of its own with just the selector's labels: enough
 * to replay its servers and routes.
 */
#include "analyze/attach.h"
#include "analyze/lint_build.h"

#include <stdlib.h>
#include <string.h>

static void index_label(struct lint *l, struct label label, size_t workload);

static void add_workload(struct lint *l, struct slice ns, struct label *label, size_t n,
			 const struct object *o)
{
	l->workload = list_grow(l->arena, l->workload, l->n_workload, sizeof *l->workload);
	l->workload[l->n_workload] = (struct workload){ .ns = ns, .label = label, .n = n,
							.object = o };
	for (size_t i = 0; i < n; i++)
		index_label(l, label[i], l->n_workload);
	l->n_workload++;
}

static struct label *labels_of(struct lint *l, const struct node *map, size_t *n)
{
	struct label *label;

	*n = 0;
	label = arena_new_array(l->arena, struct label, is_map(map) ? map->n + 1 : 1);
	for (uint32_t i = 0; label && is_map(map) && i < map->n; i++)
		label[(*n)++] = (struct label){ node_text(map->key[i]), node_text(map->item[i]) };
	return label;
}

static void add_given(struct lint *l, enum object_kind kind, const char *labels)
{
	for (size_t i = 0; i < l->p->n_of_kind[kind]; i++) {
		const struct object *o = l->p->of_kind[kind][i];
		struct label *label;
		size_t n;

		label = labels_of(l, node_at(o->root, labels), &n);
		add_workload(l, o->ns, label, n, o);
	}
}

static bool same_label(struct label a, struct label b)
{
	return slice_eq(a.key, b.key) && slice_eq(a.value, b.value);
}

static bool has_label(const struct workload *w, struct label want)
{
	for (size_t i = 0; i < w->n; i++)
		if (same_label(w->label[i], want))
			return true;
	return false;
}

/* One of Istio's own gateways, where no given workload has its `istio` label. */
static void add_default(struct lint *l, const char *app, const char *istio)
{
	struct label *label = arena_new_array(l->arena, struct label, 2);

	if (!label)
		abort();
	label[0] = (struct label){ SLICE("istio"), slice_of(istio) };
	label[1] = (struct label){ SLICE("app"), slice_of(app) };
	for (size_t i = 0; i < l->n_workload; i++)
		if (has_label(&l->workload[i], label[0]))
			return;
	add_workload(l, SLICE("istio-system"), label, 2, NULL);
}

bool workload_selected(const struct workload *w, const struct node *selector)
{
	return selects_labels(selector, w->label, w->n);
}

/* --- by label ------------------------------------------------------------------------ */

enum { LABEL_MAX = LOCAL_KEY_MAX, LABELS_MAX = 1 << 20 };

static struct slice label_key(uint8_t to[LABEL_MAX], struct slice key, struct slice value)
{
	return key_of_two(to, key, '=', value);		/* none: longer than labels may be */
}

static void index_label(struct lint *l, struct label label, size_t workload)
{
	uint8_t text[LABEL_MAX];
	struct slice key = label_key(text, label.key, label.value);
	struct bearers *b = map_get(&l->by_label, key);

	if (!b) {
		b = arena_new_object(l->arena, struct bearers);
		if (!b || !map_put(&l->by_label, arena_copy(l->arena, key), b))
			return;
	}
	b->at = list_grow(l->arena, b->at, b->n, sizeof *b->at);
	b->at[b->n++] = (uint32_t)workload;
}

const struct bearers *bearers_of(const struct lint *l, struct slice key, struct slice value)
{
	uint8_t text[LABEL_MAX];

	return map_get(&l->by_label, label_key(text, key, value));
}

struct workloads_walk workloads(const struct lint *l, const struct node *selector)
{
	static const struct bearers nobody;
	struct workloads_walk w = { l, selector, NULL, 0, l->n_workload };

	for (uint32_t i = 0; is_map(selector) && i < selector->n; i++) {
		const struct bearers *b = bearers_of(l, node_text(selector->key[i]),
						     node_text(selector->item[i]));

		b = b ? b : &nobody;
		if (b->n >= w.n && w.of)
			continue;
		w.of = b;
		w.n = b->n;
	}
	return w;
}

const struct workload *workloads_next(struct workloads_walk *w)
{
	while (w->i < w->n) {
		const struct workload *got =
			&w->l->workload[w->of ? w->of->at[w->i] : w->i];

		w->i++;
		if (workload_selected(got, w->selector))
			return got;
	}
	return NULL;
}

const struct workload *gateway_workload(const struct lint *l, const struct object *gateway)
{
	struct workloads_walk w = workloads(l, node_get(gateway->spec, "selector"));

	return workloads_next(&w);
}

static void add_unselected(struct lint *l)
{
	EACH(l, GATEWAY, g) {
		struct label *label;
		size_t n;

		if (gateway_workload(l, g))
			continue;
		label = labels_of(l, node_get(g->spec, "selector"), &n);
		add_workload(l, g->ns, label, n, NULL);
	}
}

static int by_label(const void *pa, const void *pb)
{
	const struct label *a = pa, *b = pb;
	size_t n = a->key.n < b->key.n ? a->key.n : b->key.n;
	int c = n ? memcmp(a->key.p, b->key.p, n) : 0;

	return c ? c : a->key.n < b->key.n ? -1 : a->key.n > b->key.n;
}

/* "NS|KEY=VALUE|...", keys in order: replicas look alike. */
static struct slice likeness(struct lint *l, const struct workload *w)
{
	struct label *sorted = arena_new_array(l->arena, struct label, w->n + 1);
	struct slice key;
	struct buf b;

	if (!sorted)
		abort();
	if (w->n)
		memcpy(sorted, w->label, w->n * sizeof *sorted);
	qsort(sorted, w->n, sizeof *sorted, by_label);
	buf_init(&b, SIZE_MAX);
	buf_add(&b, w->ns);
	for (size_t i = 0; i < w->n; i++) {
		buf_byte(&b, '|');
		buf_add(&b, sorted[i].key);
		buf_byte(&b, '=');
		buf_add(&b, sorted[i].value);
	}
	key = arena_copy(l->arena, buf_slice(&b));
	buf_release(&b);
	return key;
}

/* Routes are compiled once for each set of labels. */
static void compile_for(struct lint *l, struct map *seen, struct workload *w)
{
	struct slice key = likeness(l, w);

	if (map_get(seen, key))
		return;
	map_put(seen, key, w);
	l->gated = list_grow(l->arena, l->gated, l->n_gated, sizeof *l->gated);
	l->gated[l->n_gated++] = (uint32_t)(w - l->workload);
	w->routes = route_set_for(view_of(l, w), &l->registry, w->ns, w->label, w->n);
}

static void compile_routes(struct lint *l)
{
	bool *gateway = arena_new_array(l->arena, bool, l->n_workload + 1);
	struct map seen;

	if (!gateway)
		abort();
	EACH(l, GATEWAY, g) {
		struct workloads_walk w = workloads(l, node_get(g->spec, "selector"));

		for (const struct workload *one; (one = workloads_next(&w));)
			gateway[one - l->workload] = true;
	}
	map_init(&seen, SIZE_MAX);
	for (size_t i = 0; i < l->n_workload; i++)
		if (gateway[i])
			compile_for(l, &seen, &l->workload[i]);
	map_release(&seen);
}

static struct slice name_key(uint8_t to[LABEL_MAX + 1], enum object_kind k, struct slice ns,
			     struct slice name)
{
	struct slice key = label_key(to + 1, ns, name);

	to[0] = (uint8_t)k;
	return key.p && key.n < LABEL_MAX ? (struct slice){ to, key.n + 1 } : key;
}

/* Of several with one name the first; what has no namespace is found from every one. */
static void index_names(struct lint *l)
{
	map_init(&l->by_name, LABELS_MAX);
	for (size_t i = 0; i < l->p->n; i++) {
		const struct object *o = l->p->objects[i];
		uint8_t text[LABEL_MAX + 1];
		struct slice key = name_key(text, o->kind, o->ns, o->name);

		if (key.p && !map_get(&l->by_name, key))
			map_put(&l->by_name, arena_copy(l->arena, key), (void *)(uintptr_t)o);
	}
}

/* The gateway of the command line; it exists, though no object of it was given. */
static int add_named(struct lint *l, const char *text, struct err *e)
{
	struct label *label;
	struct slice ns;
	size_t n;

	if (!text)
		return 0;
	if (!workload_parse(text, l->arena, &ns, &label, &n, e))
		return -1;
	add_workload(l, ns, label, n, NULL);
	return 0;
}

int world_init(struct lint *l, const struct lint_options *o, struct err *e)
{
	l->root_ns = o->judge.root_namespace ? slice_of(o->judge.root_namespace)
		   : l->p->mesh.root_namespace.n ? l->p->mesh.root_namespace
						 : SLICE("istio-system");
	registry_init(&l->registry, l->p, l->arena, l->root_ns);
	map_init(&l->by_label, LABELS_MAX);
	index_names(l);
	add_given(l, OBJ_POD, "metadata.labels");
	add_given(l, OBJ_DEPLOYMENT, "spec.template.metadata.labels");
	l->n_given = l->n_workload;
	l->pods_given = l->n_given > 0;
	l->services_given = l->p->n_of_kind[OBJ_SERVICE] > 0;
	l->namespaces_given = l->p->n_of_kind[OBJ_NAMESPACE] > 0;
	if (add_named(l, o->judge.workload, e))
		return -1;
	add_default(l, "istio-egressgateway", "egressgateway");
	add_default(l, "istio-ingressgateway", "ingressgateway");
	l->n_real = l->n_workload;
	add_unselected(l);
	views_init(l);
	compile_routes(l);
	return 0;
}

void world_release(struct lint *l)
{
	for (size_t i = 0; i < l->n_workload; i++)
		route_set_free(&l->workload[i].routes);
	registry_release(&l->registry);
	map_release(&l->by_label);
	map_release(&l->by_name);
	map_release(&l->by_use);
}

/* --- look-ups ------------------------------------------------------------------------ */

const struct object *object_find(const struct lint *l, enum object_kind k, struct slice ns,
				 struct slice name)
{
	uint8_t text[LABEL_MAX + 1];
	const struct object *o = map_get(&l->by_name, name_key(text, k, ns, name));

	return o || !ns.n ? o
			  : map_get(&l->by_name, name_key(text, k, (struct slice){ NULL, 0 }, name));
}

const struct object *gateway_named(const struct lint *l, struct slice ref, struct slice ns)
{
	struct slice gw_ns, name;

	if (!gateway_ref_parts(ref, ns, &gw_ns, &name))
		return NULL;
	return object_find(l, OBJ_GATEWAY, gw_ns, name);
}

bool policy_applies(const struct lint *l, const struct object *policy, const struct workload *w)
{
	const struct attach_to to = { w->ns, l->root_ns, w->label, w->n };

	return attach(policy, &to) == ATTACH_YES;
}

struct guarded_walk guarded(const struct lint *l, const struct object *policy)
{
	return (struct guarded_walk){
		.l = l, .policy = policy,
		.by_label = workloads(l, node_at(policy->spec, "selector.matchLabels")) };
}

static const struct workload *next_gated(struct guarded_walk *g)
{
	const struct workload *w;

	if (!g->by_label.of)
		return g->i < g->l->n_gated ? &g->l->workload[g->l->gated[g->i++]] : NULL;
	while ((w = workloads_next(&g->by_label)))
		if (w->routes)
			return w;
	return NULL;
}

const struct workload *guarded_next(struct guarded_walk *g)
{
	const struct workload *w;

	while ((w = next_gated(g)))
		if (policy_applies(g->l, g->policy, w))
			return w;
	return NULL;
}

bool is_dry_run(const struct object *policy)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	struct slice s = note_of(policy, "istio.io/dry-run");

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (slice_is(s, yes[i]))
			return true;
	return false;
}

static bool leads_out(const struct compiled *c)
{
	for (uint32_t i = 0; c && i < c->n_targets; i++)
		if (c->target[i].external)
			return true;
	return false;
}

static bool vhost_leads_out(const struct vhost *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (leads_out(h->route[i]))
			return true;
	return false;
}

bool server_is_egress(const struct server *v)
{
	struct slice key;
	void *x;

	if (leads_out(v->tcp))
		return true;
	for (size_t i = 0; (x = map_next(&v->snis.map, &i, &key));)
		if (leads_out(((const struct sni_chain *)x)->route))
			return true;
	for (size_t i = 0; v->vhosts && (x = map_next(&v->vhosts->names.map, &i, &key));)
		if (vhost_leads_out(x))
			return true;
	return false;
}

struct slice label_of(const struct object *o, const char *key)
{
	return node_text(node_get(node_get(o->metadata, "labels"), key));
}

struct slice note_of(const struct object *o, const char *key)
{
	return node_text(node_get(node_get(o->metadata, "annotations"), key));
}

static bool scopes_share(const struct node *to, struct slice vs_ns,
			 const struct registry_entry *e)
{
	if (object_exported_to_all(e->object))
		return true;
	if (!has_items(to))
		return object_exported(e->object, vs_ns);
	EACH_ITEM(to, ns) {
		struct slice s = node_text(ns);

		if (object_exported(e->object, slice_is(s, ".") ? vs_ns : s))
			return true;
	}
	return false;
}

/*
 * As istioctl reads it: an entry for everybody, or one that the VirtualService's own namespace sees,
 * or, where the VirtualService is exported, one that its readers see.
 */
const struct registry_entry *destination_entry(const struct lint *l, const struct object *vs,
					       struct slice host)
{
	const struct node *to = node_get(vs->spec, "exportTo");
	struct slice name = host_lower(l->arena, host_full(l->arena, host, vs->ns));
	const struct registry_entry *best = NULL;

	struct names_walk w = names_walk(&l->registry.hosts, name);
	const struct registry_entry *first;

	while (!best && (first = names_next(&w)))
		for (const struct registry_entry *e = first; e; e = e->next) {
			bool seen = host_is_wildcard(e->host) ? object_exported(e->object, vs->ns)
							      : scopes_share(to, vs->ns, e);
			if (seen)
				best = !best || e->service ? e : best;
		}
	return best;
}

bool host_untold(const struct lint *l, struct slice host, struct slice ns)
{
	struct slice full = host_full(l->arena, host, ns);

	return host_service_ns(full).n && !l->services_given;
}
