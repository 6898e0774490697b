/*
 * istio_rule: which DestinationRule a client uses, and what is in force of it (d.1, d.2).
 *
 * Rules are kept by NAMESPACE and host pattern, as istiod's indexes are.  Rules of one namespace for one host
 * and with one exportTo are one rule to istiod: the oldest, with the subsets of all.  `head` is
 * that oldest one; a rule with a workloadSelector stands alone, but its subsets are added too.
 */
#include "analyze/istio.h"

#include <string.h>

enum { NAMES_MAX = 1 << 20 };

static bool is_selective(const struct object *o)
{
	return node_get(o->spec, "workloadSelector") != NULL;
}

static bool lists_all(const struct node *a, const struct node *b)
{
	for (uint32_t i = 0; i < a->n; i++) {
		bool found = false;

		for (uint32_t k = 0; k < b->n && !found; k++)
			found = slice_eq(node_text(a->item[i]), node_text(b->item[k]));
		if (!found)
			return false;
	}
	return true;
}

static bool same_scope(const struct object *a, const struct object *b)
{
	const struct node *x = node_get(a->spec, "exportTo"), *y = node_get(b->spec, "exportTo");
	bool all = object_exported_to_all(a), other = object_exported_to_all(b);

	if (all || other)
		return all && other;
	return x->n == y->n && lists_all(x, y);
}

static struct rule_entry *head_of(struct rule_entry *first, const struct object *o)
{
	for (struct rule_entry *e = first; e; e = e->next_own)
		if (e->head == e && !is_selective(e->object) && same_scope(e->object, o))
			return e;
	return NULL;
}

static void add_own(struct registry *r, struct rule_entry *e)
{
	uint8_t key[LOCAL_KEY_MAX];
	struct slice own = local_key(key, e->object->ns, e->host);
	struct rule_entry *first = map_get(&r->own_rules, own), *head;

	if (!own.n)
		return;
	e->head = e;
	if (!first) {
		e->last_own = e;
		map_put(&r->own_rules, arena_copy(r->arena, own), e);
		return;
	}
	head = is_selective(e->object) ? NULL : head_of(first, e->object);
	e->head = head ? head : e;
	first->last_own->next_own = e;
	first->last_own = e;
}

static void add_rule(struct registry *r, const struct object *o)
{
	struct rule_entry *e = arena_new_object(r->arena, struct rule_entry), *first;
	struct slice host = host_full(r->arena, text_at(o->spec, "host"), o->ns);

	if (!e || !host.n)
		return;
	*e = (struct rule_entry){ .object = o, .host = host_lower(r->arena, host) };
	r->selective |= is_selective(o);
	add_own(r, e);
	first = names_get(&r->rules, e->host);
	if (!first) {
		e->last = e;
		names_put(&r->rules, r->arena, e->host, e);
		return;
	}
	first->last->next = e;
	first->last = e;
}

void rules_init(struct registry *r)
{
	size_t n;
	const struct object **o = objects_by_age(r->p, OBJ_DESTINATION_RULE, r->arena, &n);

	names_init(&r->rules);
	map_init(&r->own_rules, NAMES_MAX);
	for (size_t i = 0; i < n; i++)
		add_rule(r, o[i]);
}

void rules_release(struct registry *r)
{
	names_release(&r->rules);
	map_release(&r->own_rules);
}

/* --- which one (d.1) -------------------------------------------------------------------- */

struct client {
	struct slice ns;
	const struct label *labels;
	size_t n;
};

static bool is_private(const struct object *o)
{
	const struct node *to = node_get(o->spec, "exportTo");

	return to && to->kind == NODE_LIST && to->n == 1 &&
	       (slice_is(node_text(to->item[0]), ".") || slice_eq(node_text(to->item[0]), o->ns));
}

/* istiod's three indexes: a namespace's own rules, the root's private ones, a namespace's exported ones. */
enum pool { POOL_OWN, POOL_PRIVATE, POOL_EXPORTED };

static bool in_pool(const struct object *o, enum pool pool)
{
	switch (pool) {
	case POOL_OWN:
		return object_exported(o, o->ns);
	case POOL_PRIVATE:
		return is_private(o);
	case POOL_EXPORTED:
		return !is_private(o);
	}
	return false;
}

/* Of the rules for one pattern: a selector that fits, else the last that has none. */
static const struct rule_entry *pick(const struct rule_entry *first, enum pool pool,
				     const struct client *c)
{
	const struct rule_entry *best = NULL;

	for (const struct rule_entry *e = first; e; e = e->next_own) {
		const struct object *o = e->object;

		if (!in_pool(o, pool) || !object_exported(o, c->ns))
			continue;
		if (!is_selective(o))
			best = e->head == e ? e : best;
		else if (c->labels && slice_eq(o->ns, c->ns) &&
			 selects_labels(node_at(o->spec, "workloadSelector.matchLabels"),
					c->labels, c->n))
			return e;
	}
	return best;
}

/*
 * The most specific pattern of the namespace answers, even where none of its rules is for this client:
 * *answered then says that no further namespace is asked.
 */
static const struct rule_entry *rule_in(const struct registry *r, struct slice host,
					struct slice in, enum pool pool,
					const struct client *c, bool *answered)
{
	struct names_walk w = names_walk(&r->rules, host);
	const struct rule_entry *any;

	while ((any = names_next(&w))) {
		uint8_t key[LOCAL_KEY_MAX];
		const struct rule_entry *first =
			map_get(&r->own_rules, local_key(key, in, any->host));

		while (first && !in_pool(first->object, pool))
			first = first->next_own;
		if (!first)
			continue;
		any = pick(first, pool, c);
		*answered = any || pool != POOL_EXPORTED;
		return any;
	}
	return NULL;
}

const struct rule_entry *rule_find(const struct registry *r, struct slice host, struct slice ns,
				   struct slice service_ns, const struct label *labels, size_t n)
{
	struct client c = { ns, labels, n };
	bool answered = false, root = slice_eq(ns, r->root_ns);
	const struct rule_entry *e =
		rule_in(r, host, ns, root ? POOL_PRIVATE : POOL_OWN, &c, &answered);

	if (!answered && service_ns.n)
		e = rule_in(r, host, service_ns, POOL_EXPORTED, &c, &answered);
	if (!answered)
		e = rule_in(r, host, r->root_ns, POOL_EXPORTED, &c, &answered);
	return e;
}

bool rule_selective(const struct registry *r, struct slice host, struct slice ns)
{
	struct names_walk w = names_walk(&r->rules, host);
	const struct rule_entry *any;

	while (r->selective && (any = names_next(&w))) {
		uint8_t key[LOCAL_KEY_MAX];
		const struct rule_entry *e = map_get(&r->own_rules, local_key(key, ns, any->host));

		for (; e; e = e->next_own)
			if (is_selective(e->object))
				return true;
	}
	return false;
}

/* --- what is in force of it (d.2) ------------------------------------------------------- */

static const struct node *subset_in(const struct object *o, struct slice subset)
{
	const struct node *list = node_get(o->spec, "subsets");

	for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (slice_eq(node_text(node_get(list->item[i], "name")), subset))
			return list->item[i];
	return NULL;
}

/* The first of the namespace's rules for this pattern. */
static const struct rule_entry *own_rules(const struct registry *r, const struct rule_entry *rule)
{
	uint8_t key[LOCAL_KEY_MAX];

	return map_get(&r->own_rules, local_key(key, rule->object->ns, rule->host));
}

const struct node *rule_subset(const struct registry *r, const struct rule_entry *rule,
			       struct slice subset)
{
	const struct node *found = rule ? subset_in(rule->object, subset) : NULL;

	if (!rule || found || is_selective(rule->object))
		return found;
	for (const struct rule_entry *e = own_rules(r, rule); e && !found; e = e->next_own)
		if (e->head == rule || is_selective(e->object))
			found = subset_in(e->object, subset);
	return found;
}

static const struct node *top_policy(const struct registry *r, const struct rule_entry *rule)
{
	const struct node *policy = node_get(rule->object->spec, "trafficPolicy");

	if (policy || is_selective(rule->object))
		return policy;
	for (const struct rule_entry *e = own_rules(r, rule); e && !policy; e = e->next_own)
		if (e->head == rule)
			policy = node_get(e->object->spec, "trafficPolicy");
	return policy;
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

const struct node *rule_tls(const struct registry *r, const struct rule_entry *rule,
			    const struct node *subset, int64_t port)
{
	const struct node *top = top_policy(r, rule);
	const struct node *sub = node_get(subset, "trafficPolicy");
	const struct node *level = port_level(sub, port);

	if (level)
		return node_get(level, "tls");
	if (node_get(sub, "tls"))
		return node_get(sub, "tls");
	level = port_level(top, port);
	return node_get(level ? level : top, "tls");
}
