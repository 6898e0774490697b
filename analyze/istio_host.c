/* istio_host: host patterns, exportTo, selectors, references.  Rules cited by docs/semantics.md. */
#include "analyze/istio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lower.h"

static bool fold_eq(struct slice a, struct slice b)
{
	return a.n == b.n && lower_same(a.p, b.p, a.n);
}

static bool fold_ends(struct slice a, struct slice end)
{
	return a.n >= end.n && fold_eq(slice_from(a, a.n - end.n), end);
}

bool host_is_wildcard(struct slice h)
{
	return h.n && h.p[0] == '*';
}

bool host_equal(struct slice a, struct slice b)
{
	return fold_eq(a, b);
}

bool host_overlaps(struct slice a, struct slice b)
{
	if (host_is_wildcard(a) && host_is_wildcard(b))
		return a.n < b.n ? fold_ends(slice_from(b, 1), slice_from(a, 1))
				 : fold_ends(slice_from(a, 1), slice_from(b, 1));
	if (host_is_wildcard(a))
		return fold_ends(b, slice_from(a, 1));
	if (host_is_wildcard(b))
		return fold_ends(a, slice_from(b, 1));
	return fold_eq(a, b);
}

bool host_within(struct slice part, struct slice whole)
{
	if (!host_is_wildcard(whole))
		return fold_eq(part, whole);
	if (host_is_wildcard(part))
		return part.n >= whole.n && fold_ends(slice_from(part, 1), slice_from(whole, 1));
	return fold_ends(part, slice_from(whole, 1));
}

bool host_beats(struct slice a, struct slice b)
{
	if (host_is_wildcard(a) != host_is_wildcard(b))
		return !host_is_wildcard(a);
	return a.n > b.n;
}

struct slice host_lower(struct arena *a, struct slice s)
{
	uint8_t *p = lower_is(s.p, s.n) ? NULL : arena_bytes(a, s.n);

	if (!p)
		return s;
	lower_copy(p, s.p, s.n);
	return (struct slice){ p, s.n };
}

struct slice host_full_in(uint8_t to[HOST_FULL_MAX], struct slice host, struct slice ns)
{
	static const char domain[] = ".svc.cluster.local";
	size_t n = host.n + 1 + ns.n + sizeof domain - 1;

	if (!host.n || host_is_wildcard(host) || memchr(host.p, '.', host.n) || n > HOST_FULL_MAX)
		return host;
	memcpy(to, host.p, host.n);
	to[host.n] = '.';
	if (ns.n)
		memcpy(to + host.n + 1, ns.p, ns.n);
	memcpy(to + host.n + 1 + ns.n, domain, sizeof domain - 1);
	return (struct slice){ to, n };
}

struct slice host_full(struct arena *a, struct slice host, struct slice ns)
{
	uint8_t text[HOST_FULL_MAX];
	struct slice full = host_full_in(text, host, ns), copy;

	if (full.p == host.p)
		return host;
	copy = arena_copy(a, full);
	return copy.p ? copy : host;
}

struct slice host_service_ns(struct slice host)
{
	static const struct slice none;
	struct slice end = SLICE(".svc.cluster.local"), head;
	const uint8_t *dot;

	if (!slice_ends(host, end))
		return none;
	head = (struct slice){ host.p, host.n - end.n };
	dot = head.n ? memrchr(head.p, '.', head.n) : NULL;
	return dot ? slice_from(head, (size_t)(dot - head.p) + 1) : none;
}

struct slice host_without_port(struct slice h)
{
	size_t n = h.n;

	if (n && h.p[0] == '[') {
		const uint8_t *end = memchr(h.p, ']', n);
		return end ? (struct slice){ h.p, (size_t)(end - h.p) + 1 } : h;
	}
	while (n && h.p[n - 1] >= '0' && h.p[n - 1] <= '9')
		n--;
	n = n && n < h.n && h.p[n - 1] == ':' ? n - 1 : h.n;
	if (n && h.p[n - 1] == '.')
		n--;
	return (struct slice){ h.p, n };
}

bool host_same(struct slice a, struct slice b)
{
	return slice_eq(a, b) || fold_eq(host_without_port(a), host_without_port(b));
}

/* --- objects ------------------------------------------------------------------------- */

struct slice text_at(const struct node *map, const char *dotted)
{
	return node_text(node_at(map, dotted));
}

bool list_has(const struct node *list, const char *text)
{
	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (slice_is(node_text(list->item[i]), text))
			return true;
	return false;
}

static bool scope_has(struct slice scope, const struct object *o, struct slice ns)
{
	return slice_is(scope, "*") || (slice_is(scope, ".") && slice_eq(o->ns, ns)) ||
	       slice_eq(scope, ns);
}

/* A Service's scope is an annotation: names joined by commas. */
static bool service_exported(const struct object *o, struct slice ns)
{
	const struct node *notes = node_get(o->metadata, "annotations");
	struct slice s = node_text(node_get(notes, "networking.istio.io/exportTo"));

	if (!s.n)
		return true;
	while (s.n) {
		const uint8_t *comma = memchr(s.p, ',', s.n);
		size_t n = comma ? (size_t)(comma - s.p) : s.n;
		struct slice one = { s.p, n };

		while (one.n && one.p[0] == ' ')
			one = slice_from(one, 1);
		while (one.n && one.p[one.n - 1] == ' ')
			one.n--;
		if (scope_has(one, o, ns))
			return true;
		s = slice_from(s, n + 1);
	}
	return false;
}

bool object_exported(const struct object *o, struct slice ns)
{
	const struct node *to = node_get(o->spec, "exportTo");

	if (o->kind == OBJ_SERVICE)
		return service_exported(o, ns);
	if (!to || to->kind != NODE_LIST || !to->n || list_has(to, "*"))
		return true;
	for (uint32_t i = 0; i < to->n && !list_has(to, "~"); i++)
		if (scope_has(node_text(to->item[i]), o, ns))
			return true;
	return false;
}

bool object_exported_to_all(const struct object *o)
{
	const struct node *to = node_get(o->spec, "exportTo");

	if (o->kind == OBJ_SERVICE)
		return service_exported(o, SLICE("*"));
	return !to || to->kind != NODE_LIST || !to->n || list_has(to, "*");
}

int export_rank(const struct object *o, struct slice ns)
{
	if (object_exported_to_all(o))
		return 2;
	return slice_eq(o->ns, ns) ? 0 : 1;
}

void *list_grow(struct arena *a, void *list, size_t n, size_t size)
{
	void *more;

	if (n && (n & (n - 1)))		/* doubled at every power of two */
		return list;
	more = arena_alloc(a, (n ? 2 * n : 1) * size);
	if (!more)
		abort();
	if (n)
		memcpy(more, list, n * size);
	return more;
}

static int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

static int by_age(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a;
	const struct object *y = *(const struct object *const *)b;
	int c = x->created < y->created ? -1 : x->created > y->created;

	c = c ? c : slice_cmp(x->name, y->name);
	return c ? c : slice_cmp(x->ns, y->ns);
}

const struct object **objects_by_age(const struct policy_set *p, enum object_kind k,
				     struct arena *a, size_t *n)
{
	const struct object **list =
		arena_new_array(a, const struct object *, p->n_of_kind[k] + 1);

	if (!list)
		abort();
	*n = p->n_of_kind[k];
	for (size_t i = 0; i < *n; i++)
		list[i] = p->of_kind[k][i];
	qsort(list, *n, sizeof *list, by_age);
	return list;
}

bool selects_labels(const struct node *selector, const struct label *l, size_t n)
{
	for (uint32_t i = 0; selector && selector->kind == NODE_MAP && i < selector->n; i++) {
		bool has = false;

		for (size_t k = 0; k < n && !has; k++)
			has = slice_eq(l[k].key, node_text(selector->key[i])) &&
			      slice_eq(l[k].value, node_text(selector->item[i]));
		if (!has)
			return false;
	}
	return true;
}

bool selects_node(const struct node *selector, const struct node *labels)
{
	for (uint32_t i = 0; selector && selector->kind == NODE_MAP && i < selector->n; i++) {
		bool has = false;

		for (uint32_t k = 0; labels && labels->kind == NODE_MAP && k < labels->n; k++)
			has |= slice_eq(node_text(labels->key[k]), node_text(selector->key[i])) &&
			       slice_eq(node_text(labels->item[k]), node_text(selector->item[i]));
		if (!has)
			return false;
	}
	return true;
}

bool workload_parse(const char *text, struct arena *a, struct slice *ns, struct label **labels,
		    size_t *n, struct err *e)
{
	struct slice s = arena_copy(a, slice_of(text ? text :
			"istio-system,app=istio-egressgateway,istio=egressgateway"));
	const uint8_t *comma = s.n ? memchr(s.p, ',', s.n) : NULL;
	size_t most = 1;

	*ns = (struct slice){ s.p, comma ? (size_t)(comma - s.p) : s.n };
	for (size_t i = 0; i < s.n; i++)
		most += s.p[i] == ',';
	*labels = arena_new_array(a, struct label, most);
	*n = 0;
	for (s = slice_from(s, ns->n + 1); s.n;) {
		comma = memchr(s.p, ',', s.n);
		struct slice one = { s.p, comma ? (size_t)(comma - s.p) : s.n };
		const uint8_t *eq = one.n ? memchr(one.p, '=', one.n) : NULL;

		if (!eq || eq == one.p || !*labels) {
			err_set(e, ERR_USAGE,
				"workload: expected NAMESPACE,label=value,...: \"%s\"",
				text);
			return false;
		}
		(*labels)[*n].key = (struct slice){ one.p, (size_t)(eq - one.p) };
		(*labels)[(*n)++].value = slice_from(one, (size_t)(eq - one.p) + 1);
		s = slice_from(s, one.n + 1);
	}
	return true;
}

/* --- references to gateways ---------------------------------------------------------- */

bool gateway_ref_parts(struct slice ref, struct slice ns, struct slice *gw_ns,
		       struct slice *gw_name)
{
	const uint8_t *slash = ref.n ? memchr(ref.p, '/', ref.n) : NULL, *dot;

	*gw_ns = ns;
	*gw_name = ref;
	if (slice_is(ref, "mesh"))
		return false;
	if (slash) {
		*gw_ns = (struct slice){ ref.p, (size_t)(slash - ref.p) };
		*gw_name = slice_from(ref, gw_ns->n + 1);
		if (slice_is(*gw_ns, "."))
			*gw_ns = ns;
		return true;
	}
	/* legacy: name.namespace.svc.domain */
	dot = ref.n ? memchr(ref.p, '.', ref.n) : NULL;
	if (!dot)
		return true;
	*gw_name = (struct slice){ ref.p, (size_t)(dot - ref.p) };
	*gw_ns = slice_from(ref, gw_name->n + 1);
	dot = gw_ns->n ? memchr(gw_ns->p, '.', gw_ns->n) : NULL;
	if (dot)
		gw_ns->n = (size_t)(dot - gw_ns->p);
	return true;
}

bool gateway_ref_is(struct slice ref, struct slice ns, const struct object *gateway)
{
	struct slice gw_ns, gw_name;

	return gateway_ref_parts(ref, ns, &gw_ns, &gw_name) && slice_eq(gw_ns, gateway->ns) &&
	       slice_eq(gw_name, gateway->name);
}

bool on_mesh(const struct object *vs)
{
	const struct node *g = node_get(vs->spec, "gateways");

	return !g || g->kind != NODE_LIST || !g->n || list_has(g, "mesh");
}
