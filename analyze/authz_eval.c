/*
 * authz_eval: Kleene's logic over a view: the straight reading of a rule (a.3).
 *
 *     rule = when AND (any from) AND (any to)
 *     from, to, when = every condition
 *     condition = any value, or for not* fields none of them
 *
 * With every variable known the result is never MAYBE.
 */
#include "analyze/authz.h"

bool atom_match(const struct atom *a, const struct var_value *v)
{
	if (v->state != FLOW_PRESENT)
		return false;
	switch (a->type) {
	case ATOM_PORT:
		return v->port == a->port;
	case ATOM_CIDR:
		return !(a->v6 && ip_is_v4(&v->ip)) && cidr_has(&a->cidr, &v->ip);
	case ATOM_TEXT:
		break;
	}
	if (!v->is_list)
		return a->on_text && match_value(&a->match, a->no_query ? path_only(v->text) : v->text);
	for (uint32_t i = 0; a->on_list && i < v->n_list; i++)
		if (match_value(&a->match, v->list[i]))
			return true;
	return false;
}

/* Before any policy is asked, Envoy has refused requests without a method, host or path. */
static bool always(const struct atom *a)
{
	enum var_source s = a->var->source;

	return (a->match.kind == MATCH_NONEMPTY && s == VAR_PATH) ||
	       (a->match.kind == MATCH_PRESENT && (s == VAR_METHOD || s == VAR_AUTHORITY));
}

static enum tri atom_eval(const struct view *v, const struct atom *a)
{
	const struct var_value *val = &v->value[a->var->index];

	if (val->state == FLOW_UNKNOWN)
		return a->type != ATOM_TEXT ? MAYBE : a->match.kind == MATCH_NEVER ? NO :
		       always(a) ? YES : MAYBE;
	return atom_match(a, val) ? YES : NO;
}

enum tri value_eval(const struct view *v, const struct value *val)
{
	enum tri t = val->all ? YES : NO;

	for (uint32_t i = 0; i < val->n_atoms; i++) {
		enum tri one = atom_eval(v, &val->atoms[i]);

		if (val->all ? one < t : one > t)
			t = one;
	}
	return t;
}

enum tri cond_eval(const struct view *v, const struct cond *c)
{
	enum tri t = NO;

	for (uint32_t i = 0; i < c->n && t != YES; i++) {
		enum tri one = c->values[i].bad ? NO : value_eval(v, &c->values[i]);

		if (one > t)
			t = one;
	}
	return c->negate ? tri_not(t) : t;
}

enum tri alt_eval(const struct view *v, const struct alt *a)
{
	enum tri t = YES;

	for (uint32_t i = 0; i < a->n && t != NO; i++) {
		enum tri one;

		if (!(a->conds[i].active >> v->chain & 1))
			continue;
		one = cond_eval(v, &a->conds[i]);
		if (one < t)
			t = one;
	}
	return t;
}

static enum tri any_alt(const struct view *v, const struct alt *a, uint32_t n)
{
	enum tri t = n ? NO : YES;

	for (uint32_t i = 0; i < n && t != YES; i++) {
		enum tri one = alt_eval(v, &a[i]);

		if (one > t)
			t = one;
	}
	return t;
}

enum tri rule_eval(const struct view *v, const struct authz_rule *r)
{
	enum tri t = any_alt(v, r->to, r->n_to), one;

	if (t == NO)
		return NO;
	one = any_alt(v, r->from, r->n_from);
	t = one < t ? one : t;
	if (t == NO)
		return NO;
	one = alt_eval(v, &r->when);
	return one < t ? one : t;
}
