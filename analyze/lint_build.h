/* lint_build - what the rules share; private to lint*.c. */
#ifndef ANALYZE_LINT_BUILD_H
#define ANALYZE_LINT_BUILD_H

#include "analyze/istio.h"
#include "analyze/lint.h"
#include "analyze/route_build.h"
#include "analyze/words.h"

/* A pod, a deployment's pods, or one that is taken to exist because nobody gave it. */
struct workload {
	struct slice ns;
	struct label *label;
	size_t n;
	const struct object *object;	/* NULL: assumed */
	struct route_set *routes;	/* of gateway workloads; NULL: no Gateway selects it */
};

struct lint {
	const struct policy_set *p;
	struct arena *arena;
	struct slice root_ns;
	int64_t now;
	enum lint_id rule;		/* being run: reports of others are dropped */
	struct registry registry;
	struct workload *workload;
	size_t n_workload, n_given, n_real;	/* given; and assumed; then stand-ins (lint_world.c) */
	uint32_t *gated;		/* the workloads that have routes */
	size_t n_gated;
	bool pods_given, services_given, namespaces_given;
	struct lint_finding *found;
	size_t n_found, room;
	struct map seen;		/* code, object, place */
	size_t n_dropped;		/* findings beyond the limit */
	struct map by_label;		/* "KEY=VALUE" -> struct bearers */
	struct map by_name;		/* KIND, NS/NAME -> struct object */
	struct map by_use;		/* lint_view.c */
};

/* The workloads with one label, as indexes in l->workload. */
struct bearers {
	uint32_t *at;
	size_t n;
};

#define EACH(l, KIND, o) \
	for (size_t o##_i = 0; o##_i < (l)->p->n_of_kind[OBJ_##KIND]; o##_i++) \
		for (const struct object *o = (l)->p->of_kind[OBJ_##KIND][o##_i]; o; o = NULL)
#define EACH_ITEM(list, it_) \
	for (uint32_t it_##_i = 0; is_list(list) && it_##_i < (list)->n; it_##_i++) \
		for (const struct node *it_ = (list)->item[it_##_i]; it_; it_ = NULL)

static inline bool is_list(const struct node *n)
{
	return n && n->kind == NODE_LIST;
}
static inline bool is_map(const struct node *n)
{
	return n && n->kind == NODE_MAP;
}
static inline bool has_items(const struct node *n)
{
	return is_list(n) && n->n;
}

/* node NULL: the object's own place. */
void report(struct lint *l, enum lint_id id, const struct object *o, const struct node *at,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* With another severity than the rule's. */
void report_as(struct lint *l, enum lint_id id, enum severity s, const struct object *o,
	       const struct node *at, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* lint_world.c */
int world_init(struct lint *l, const struct lint_options *o, struct err *e);
void world_release(struct lint *l);
bool workload_selected(const struct workload *w, const struct node *selector);
/*
 * Those that a selector selects, in order, without a walk over all of them:
 *     struct workloads_walk w = workloads(l, selector);
 *     while ((workload = workloads_next(&w)))
 */
struct workloads_walk {
	const struct lint *l;
	const struct node *selector;
	const struct bearers *of;	/* its rarest label's; NULL: every workload */
	size_t i, n;
};
struct workloads_walk workloads(const struct lint *l, const struct node *selector);
const struct workload *workloads_next(struct workloads_walk *w);
/* Those with this label; NULL: nobody. */
const struct bearers *bearers_of(const struct lint *l, struct slice key, struct slice value);
/* The first workload that the Gateway selects; *given: it was given, not assumed. */
const struct workload *gateway_workload(const struct lint *l, const struct object *gateway);
const struct object *gateway_named(const struct lint *l, struct slice ref, struct slice ns);
const struct object *object_find(const struct lint *l, enum object_kind k, struct slice ns,
				 struct slice name);
/* Does an AuthorizationPolicy apply to all of the workload's traffic?  (a.1) */
bool policy_applies(const struct lint *l, const struct object *policy, const struct workload *w);
bool is_dry_run(const struct object *policy);
bool policy_is_allow(const struct object *policy);	/* lint_guard.c */
/* A route of the server leads out of the mesh. */
bool server_is_egress(const struct server *v);
struct slice label_of(const struct object *o, const char *key);
struct slice note_of(const struct object *o, const char *key);
/* "a=b,c=d", sorted by key, for messages. */
const char *say_selector(const struct node *selector);
/* A destination's service as this VirtualService may see it; NULL: none. */
const struct registry_entry *destination_entry(const struct lint *l, const struct object *vs,
					       struct slice host);
/* Nothing was given that could tell whether this cluster-local host exists. */
bool host_untold(const struct lint *l, struct slice host, struct slice ns);

/* lint_view.c: the policy set that a workload's routes are compiled from. */
void views_init(struct lint *l);
const struct policy_set *view_of(struct lint *l, const struct workload *w);
/* Services of any namespace whose selector begins with one of the workload's labels: those that may select it. */
typedef void each_object(void *ctx, const struct object *o);
void each_service(const struct lint *l, const struct workload *w, each_object *each, void *ctx);

/* lint_policy.c: parts of an AuthorizationPolicy */
enum policy_action { POLICY_ALLOW, POLICY_DENY, POLICY_AUDIT, POLICY_CUSTOM };
enum policy_action policy_action(const struct object *policy);
/* Fields and `when` keys that exist on HTTP chains only: the first; NULL: none. */
const struct node *http_field(const struct node *operation);
const struct node *http_source(const struct node *rule);
/* values of `when` entries with this key; each is a list. */
#define EACH_WHEN(rule, key_, list_) \
	EACH_ITEM(node_get(rule, "when"), when_) \
		if (slice_is(node_text(node_get(when_, "key")), key_)) \
			for (const struct node *list_ = node_get(when_, "values"); list_; list_ = NULL)
/* Each operation of a rule; a rule without `to` has one, NULL. */
#define EACH_OPERATION(rule, op_) \
	for (uint32_t op_##_i = 0, op_##_n = has_items(node_get(rule, "to")) ? \
	     node_get(rule, "to")->n : 1; op_##_i < op_##_n; op_##_i++) \
		for (const struct node *op_ = has_items(node_get(rule, "to")) ? \
		     node_get(node_get(rule, "to")->item[op_##_i], "operation") : NULL, \
		     *op_##_once = rule; op_##_once; op_##_once = NULL)
/* The ports that an operation and its rule's `when` name; false: none, so every port. */
bool named_ports(const struct node *rule, const struct node *operation,
		 const struct node **ports);
/* Gateway workloads that the policy applies to, in order, by its selector's rarest label. */
struct guarded_walk {
	const struct lint *l;
	const struct object *policy;
	struct workloads_walk by_label;
	size_t i;			/* of the gated, where it has no selector */
};
struct guarded_walk guarded(const struct lint *l, const struct object *policy);
const struct workload *guarded_next(struct guarded_walk *g);
#define EACH_GUARDED(l_, policy_, w_) \
	for (struct guarded_walk w_##_walk = guarded(l_, policy_); w_##_walk.l; w_##_walk.l = NULL) \
		for (const struct workload *w_ = NULL; (w_ = guarded_next(&w_##_walk));)
bool workload_is_egress(const struct workload *w);

/* The rules.  One function may stand in several rows. */
#define LINT(id, code, severity, istio, function, title, why, fix) void function(struct lint *l);
#include "analyze/lint.def"
#undef LINT

#endif
