/*
 * authz_rule: one rule: its alternatives, and on which chains istiod leaves it out.
 *
 * Istio: pilot/pkg/security/authz/model/model.go.  Under ALLOW one unusable condition anywhere drops
 * the rule; under the other actions the condition (or value) goes and the rule gets
 * wider (a.5).  An unknown `when` key drops the rule under every action.
 */
#include "analyze/authz.h"

static bool any_good(const struct cond *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (!c->values[i].bad)
			return true;
	return false;
}

static const char *first_bad(const struct cond *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->values[i].bad)
			return c->values[i].bad;
	return NULL;
}

static void settle_alt(struct alt *a, struct authz_rule *r, bool is_allow)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct cond *c = &a->conds[i];
		const char *bad = first_bad(c);

		c->active = any_good(c) ? c->http_only ? 1 << ON_HTTP : 3 : 0;
		if (!is_allow)
			continue;
		if (bad)
			r->dropped[ON_HTTP] = r->dropped[ON_TCP] = bad;
		else if (c->http_only && !r->dropped[ON_TCP])
			r->dropped[ON_TCP] = "it has a field that only HTTP has, and the chain "
					     "is TCP";
	}
}

static const struct node *list(const struct node *n, const char *key)
{
	const struct node *l = node_get(n, key);

	return l && l->kind == NODE_LIST && l->n ? l : NULL;
}

static void drop(struct authz_rule *r, const char *why)
{
	r->dropped[ON_HTTP] = r->dropped[ON_TCP] = why;
}

static struct alt *alts(struct authz *z, const struct node *l)
{
	struct alt *a = arena_new_array(z->arena, struct alt, l ? l->n : 0);

	for (uint32_t i = 0; l && i < l->n; i++)
		a[i].line = l->item[i]->line;
	return a;
}

void authz_rule_parse(struct authz *z, const struct authz_policy *p, const struct node *node,
		      struct authz_rule *r)
{
	const struct node *from = list(node, "from"), *to = list(node, "to");
	const struct node *when = list(node, "when");

	if (node->kind != NODE_MAP) {
		drop(r, "it is empty (null)");
		return;
	}
	r->when.line = when ? when->line : r->line;
	for (uint32_t i = 0; when && i < when->n; i++)
		if (!authz_when(z, p, when->item[i], &r->when))
			drop(r, "it has a `when` key that Istio does not know");
	r->n_from = from ? from->n : 0;
	r->n_to = to ? to->n : 0;
	r->from = alts(z, from);
	r->to = alts(z, to);
	for (uint32_t i = 0; i < r->n_from; i++)
		authz_source(z, p, node_get(from->item[i], "source"), &r->from[i]);
	for (uint32_t i = 0; i < r->n_to; i++)
		authz_operation(z, p, node_get(to->item[i], "operation"), &r->to[i]);
	if (r->dropped[ON_HTTP])
		return;
	bool is_allow = p->action == ACTION_ALLOW;
	settle_alt(&r->when, r, is_allow);
	for (uint32_t i = 0; i < r->n_from; i++)
		settle_alt(&r->from[i], r, is_allow);
	for (uint32_t i = 0; i < r->n_to; i++)
		settle_alt(&r->to[i], r, is_allow);
	if (p->action == ACTION_CUSTOM && !p->bad_provider) {
		authz_provider_cond(z, p->provider, &r->when);
		settle_alt(&r->when, r, is_allow);
	}
	if (p->only)
		*authz_cond_add(z, &r->when) = *p->only;
	if (p->never)
		drop(r, p->never);
	if (p->skip_tcp)
		r->dropped[ON_TCP] = "its provider answers HTTP requests only, and the chain is TCP";
}
