/*
 * authz_target: policies that a waypoint asks for the traffic of a service alone (a.1.4).
 *
 * Such a policy's rules get one more condition, that the flow is for the service.  The waypoint chooses the
 * service's filter chain by the address that the client called, so where the policies give the service's addresses
 * it is a test of the destination's; else nobody can tell, as with an external authorizer's answer.
 *
 * Istio: pilot/pkg/networking/core/listener_waypoint.go, plugin/authz (NewBuilderForService).
 */
#include <string.h>

#include "analyze/attach.h"
#include "analyze/authz_value.h"

enum { ADDRESSES_MAX = 64 };

static const struct object *service_named(const struct authz *z, enum attach_kind kind, struct slice ns,
					  struct slice name)
{
	enum object_kind k = kind == ATTACH_TO_SERVICE ? OBJ_SERVICE : OBJ_SERVICE_ENTRY;

	for (size_t i = 0; i < z->set->n_of_kind[k]; i++)
		if (slice_eq(z->set->of_kind[k][i]->name, name) &&
		    slice_eq(z->set->of_kind[k][i]->ns, ns))
			return z->set->of_kind[k][i];
	return NULL;
}

/* A Service's cluster addresses, a ServiceEntry's own; NULL: those that nobody wrote down. */
static const struct node *addresses_of(const struct object *o)
{
	const struct node *list = node_get(o->spec, o->kind == OBJ_SERVICE ? "clusterIPs" : "addresses");

	if (list && list->kind == NODE_LIST)
		return list->n && list->n <= ADDRESSES_MAX ? list : NULL;
	return o->kind == OBJ_SERVICE ? node_get(o->spec, "clusterIP") : NULL;
}

static bool read_address(const struct node *n, struct atom *a)
{
	struct slice s = node_text(n);

	a->type = ATOM_CIDR;
	a->v6 = s.n && memchr(s.p, ':', s.n);
	return cidr_parse(s, &a->cidr);
}

/* False: some address cannot be read ("None", a name), so they are not known. */
static bool by_address(struct authz *z, const struct node *list, struct value *out)
{
	struct value_in in = { .z = z, .var = z->vars[VAR_DESTINATION_IP] };
	bool one = list->kind == NODE_SCALAR;
	struct atom *a = value_atoms(&in, out, one ? 1 : list->n);

	for (uint32_t i = 0; i < out->n_atoms; i++)
		if (!read_address(one ? list : list->item[i], &a[i]))
			return false;
	return true;
}

static void unknowable(struct authz *z, struct slice title, struct value *out)
{
	struct value_in in = { .z = z, .var = authz_var(z, VAR_SERVICE, &title, 1) };

	value_atoms(&in, out, 1)->match = match_exact(SLICE("is it"));
}

struct targets {
	struct authz *z;
	const struct object *policy;
	struct cond *cond;
};

static void add_target(void *ctx, const struct node *ref)
{
	struct targets *t = ctx;
	enum attach_kind kind = attach_kind(ref);
	struct slice name = node_text(node_get(ref, "name"));
	struct value *v = &t->cond->values[t->cond->n];
	const struct object *o;
	const struct node *at;
	struct buf title;

	if (kind != ATTACH_TO_SERVICE && kind != ATTACH_TO_ENTRY)
		return;
	t->cond->n++;
	buf_init(&title, 4096);
	buf_str(&title, kind == ATTACH_TO_SERVICE ? "Service/" : "ServiceEntry/");
	buf_add(&title, t->policy->ns);
	buf_byte(&title, '/');
	buf_add(&title, name);
	v->text = arena_copy(t->z->arena, buf_slice(&title));
	v->line = ref->line;
	buf_release(&title);
	o = service_named(t->z, kind, t->policy->ns, name);
	at = o ? addresses_of(o) : NULL;
	if (at && by_address(t->z, at, v))
		return;
	unknowable(t->z, v->text, v);
	t->cond->var = v->atoms->var;	/* no index may look for the rule by the others alone */
}

static void count_target(void *ctx, const struct node *ref)
{
	(void)ref;
	++*(uint32_t *)ctx;
}

struct cond *authz_target_cond(struct authz *z, const struct object *policy)
{
	struct cond *c = arena_new_object(z->arena, struct cond);
	uint32_t n = 0;
	struct targets t = { z, policy, c };

	attach_refs(policy, count_target, &n);
	*c = (struct cond){ .key = SLICE("targetRefs"), .line = policy->line, .active = 3,
			    .var = z->vars[VAR_DESTINATION_IP] };
	c->values = arena_new_array(z->arena, struct value, n);
	attach_refs(policy, add_target, &t);
	return c;
}

enum tri allow_exists(const struct view *v)
{
	const struct authz *z = v->z;
	enum tri any = z->allow_exists ? YES : NO;

	for (uint32_t i = 0; i < z->n_allow_only && any != YES; i++) {
		enum tri t = cond_eval(v, z->allow_only[i]);

		any = t > any ? t : any;
	}
	return any;
}
