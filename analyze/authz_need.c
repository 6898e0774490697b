/* authz_need: the conditions in force, seen from the attributes that they read. */
#include "analyze/need.h"

#include <stdlib.h>

#include "analyze/judge_outcome.h"

struct walk {
	const struct authz *z;
	const struct authz_rule *rule;
	const struct authz_rule **seen;	/* by attribute: the last rule that was told */
	void (*each)(void *, const struct need *);
	void *ctx;
};

static bool in_force(const struct authz_policy *p)
{
	return p->action != ACTION_AUDIT && !p->dry_run;
}

static bool dropped(const struct authz_rule *r)
{
	return r->dropped[ON_HTTP] && r->dropped[ON_TCP];
}

static void tell(struct walk *w, const struct var *v)
{
	const struct authz_policy *p = w->rule->policy;

	/* What an external authorizer answers stands in no evidence. */
	if (v->source >= VAR_PROVIDER || w->seen[v->index] == w->rule)
		return;
	w->seen[v->index] = w->rule;
	bool keyed = v->source == VAR_METADATA && v->n_parts > 1;
	const struct need n = {
		.attribute = v->index, .field = v->field, .name = v->name,
		.header = (v->source == VAR_HEADER && v->n_parts) || keyed ? v->part[0] : SLICE(""),
		.key = keyed ? v->part[1] : SLICE(""),
		.policy = p->full, .rule = w->rule->index, .file = p->object->file,
		.line = w->rule->line,
	};
	w->each(w->ctx, &n);
}

static void walk_alt(struct walk *w, const struct alt *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; a->conds[i].active && k < a->conds[i].n; k++)
			for (uint32_t m = 0; m < a->conds[i].values[k].n_atoms; m++)
				tell(w, a->conds[i].values[k].atoms[m].var);
}

void judge_needs(const struct judge *j, void (*each)(void *ctx, const struct need *n), void *ctx)
{
	struct walk w = { .z = j->z, .each = each, .ctx = ctx };

	w.seen = calloc(j->z->n_vars + 1, sizeof *w.seen);
	if (!w.seen)
		abort();
	for (uint32_t i = 0; i < j->z->n; i++)
		for (uint32_t k = 0; in_force(&j->z->policies[i]) && k < j->z->policies[i].n; k++) {
			const struct authz_rule *r = &j->z->policies[i].rules[k];

			if (dropped(r))
				continue;
			w.rule = r;
			walk_alt(&w, &r->when);
			for (uint32_t m = 0; m < r->n_from; m++)
				walk_alt(&w, &r->from[m]);
			for (uint32_t m = 0; m < r->n_to; m++)
				walk_alt(&w, &r->to[m]);
		}
	free(w.seen);
}

void judge_headers(const struct judge *j, void (*each)(void *ctx, struct slice lower_name), void *ctx)
{
	for (uint32_t i = 0; i < j->z->n_vars; i++)
		if (j->z->vars[i]->source == VAR_HEADER && j->z->vars[i]->n_parts)
			each(ctx, j->z->vars[i]->part[0]);
}

uint32_t judge_attributes(const struct judge *j)
{
	return j->z->n_vars;
}

void judge_scope(const struct judge *j, struct judge_scope *s)
{
	*s = (struct judge_scope){ .allow = j->z->allow_exists, .ns = j->z->ns };
	for (uint32_t i = 0; i < j->z->n; i++) {
		const struct authz_policy *p = &j->z->policies[i];

		s->audit += p->action == ACTION_AUDIT && !p->dry_run;
		s->dry_run += p->dry_run;
		if (!in_force(p))
			continue;
		s->enforced++;
		s->rules += p->n;
		for (uint32_t k = 0; k < p->n; k++)
			s->dropped += dropped(&p->rules[k]);
	}
}
