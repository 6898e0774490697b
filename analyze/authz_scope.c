/*
 * authz_scope: which policies apply to the workload, in which stage each of their rules stands.
 *
 * Istio: pilot/pkg/security/authz/builder/builder.go (stages, keys, dry run, CUSTOM).
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/attach.h"
#include "analyze/authz.h"

/* "NS,k=v,...": no escape, as label values hold neither comma nor equals sign. */
static int read_workload(struct authz *z, const char *text, struct err *e)
{
	struct slice rest = arena_copy(z->arena, slice_of(text));
	size_t commas = 0;

	for (size_t i = 0; i < rest.n; i++)
		commas += rest.p[i] == ',';
	z->labels = arena_new_array(z->arena, struct label, commas + 1);
	for (bool first = true;; first = false) {
		const uint8_t *comma = rest.n ? memchr(rest.p, ',', rest.n) : NULL;
		struct slice word = { rest.p, comma ? (size_t)(comma - rest.p) : rest.n };
		const uint8_t *eq = word.n ? memchr(word.p, '=', word.n) : NULL;

		if (first ? !word.n || eq : !eq || eq == word.p)
			return err_set(e, ERR_USAGE, "workload \"%s\": expected "
				       "NAMESPACE,label=value,...", text);
		if (first) {
			z->ns = word;
		} else {
			size_t key = (size_t)(eq - word.p);
			z->labels[z->n_labels++] = (struct label){
				{ word.p, key }, slice_from(word, key + 1) };
		}
		if (!comma)
			return 0;
		rest = slice_from(rest, word.n + 1);
	}
}

/* Go's ParseBool; anything else is an error and so no dry run. */
static bool dry_run(const struct object *o)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	struct slice v = node_text(node_get(node_get(o->metadata, "annotations"),
					    "istio.io/dry-run"));

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (slice_is(v, yes[i]))
			return true;
	return false;
}

/* 0: istiod does not know the word, the object is refused. */
static enum flow_enum_value action_of(const struct object *o)
{
	struct slice text = node_text(node_get(o->spec, "action"));

	return text.n ? (enum flow_enum_value)flow_enum_value(ENUM_ACTION, text) : ACTION_ALLOW;
}

static struct slice text_of(struct authz *z, struct buf *b)
{
	struct slice s = arena_copy(z->arena, buf_slice(b));

	buf_clear(b);
	return s;
}

/* The texts that a verdict borrows, made once. */
static void name_rule(struct authz *z, const struct authz_policy *p, struct authz_rule *r,
		      struct buf *b)
{
	const char *action = flow_enum_name(ENUM_ACTION, p->action);

	if (p->action == ACTION_CUSTOM)
		buf_printf(b, "istio-ext-authz-%.*s%s", (int)p->provider.n,
			   (const char *)p->provider.p, p->provider.n ? "-" : "");
	buf_str(b, "ns[");
	buf_add(b, p->object->ns);
	buf_str(b, "]-policy[");
	buf_add(b, p->object->name);
	buf_printf(b, "]-rule[%u]%s", r->index,
		   p->bad_provider ? "-deny-due-to-bad-CUSTOM-action" : "");
	r->key = text_of(z, b);
	buf_add(b, p->full);
	buf_printf(b, " rule %u", r->index);
	r->title = text_of(z, b);
	buf_add(b, p->full);
	buf_printf(b, "%s ", action);
	buf_add(b, r->title);
	buf_str(b, " matches");
	if (p->bad_provider)
		buf_printf(b, " and refuses: %s", p->bad_provider);
	struct slice text = text_of(z, b);
	r->outcome = (struct outcome){
		.verdict = p->action == ACTION_ALLOW ? VERDICT_ALLOW : VERDICT_DENY,
		.action = (uint8_t)p->action, .named = true, .kept = true,
		.rule = (int32_t)r->index, .text = text.p, .policy_n = (uint32_t)p->full.n,
		.reason_n = (uint32_t)(text.n - p->full.n),
	};
}

static uint32_t rules_of(const struct authz_policy *p)
{
	const struct node *rules = node_get(p->object->spec, "rules");

	return rules && rules->kind == NODE_LIST ? rules->n : 0;
}

static void build_policy(struct authz *z, struct authz_policy *p, struct buf *b)
{
	const struct node *rules = node_get(p->object->spec, "rules");

	for (uint32_t i = 0; i < p->n; i++) {
		struct authz_rule *r = &p->rules[i];

		r->policy = p;
		r->index = i;
		r->line = rules->item[i]->line;
		name_rule(z, p, r, b);
		authz_rule_parse(z, p, rules->item[i], r);
	}
}

/* All rules side by side, away from what only explanations read. */
static void build_policies(struct authz *z, struct buf *b)
{
	struct authz_rule *rules;
	size_t n = 0;

	for (uint32_t i = 0; i < z->n; i++)
		n += z->policies[i].n = rules_of(&z->policies[i]);
	rules = arena_new_array(z->arena, struct authz_rule, n + 1);
	for (uint32_t i = 0; i < z->n; i++) {
		z->policies[i].rules = rules;
		rules += z->policies[i].n;
		build_policy(z, &z->policies[i], b);
	}
}

static int action_order(enum flow_enum_value a)
{
	return a == ACTION_CUSTOM ? 0 : a == ACTION_AUDIT ? 1 : a == ACTION_DENY ? 2 : 3;
}

static int compare(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_order(const void *pa, const void *pb)
{
	const struct authz_policy *a = pa, *b = pb;
	int c = action_order(a->action) - action_order(b->action);

	if (!c)
		c = compare(a->object->ns, b->object->ns);
	return c ? c : compare(a->object->name, b->object->name);
}

static int by_key(const void *pa, const void *pb)
{
	return compare((*(struct authz_rule *const *)pa)->key,
		       (*(struct authz_rule *const *)pb)->key);
}

/* --- stages */

static enum stage_id stage_of(const struct authz_policy *p)
{
	if (p->action == ACTION_CUSTOM)
		return p->bad_provider ? STAGE_BAD_CUSTOM : STAGE_CUSTOM;
	if (p->action == ACTION_AUDIT)
		return STAGE_AUDIT;
	return p->action == ACTION_DENY ? STAGE_DENY : STAGE_ALLOW;
}

static bool in_stage(const struct authz_policy *p, const struct authz_rule *r, enum chain c,
		     enum stage_id s)
{
	return !p->dry_run && stage_of(p) == s && !r->dropped[c];
}

static int by_rank(const void *pa, const void *pb)
{
	const struct authz_rule *a = *(struct authz_rule *const *)pa;
	const struct authz_rule *b = *(struct authz_rule *const *)pb;

	return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Envoy walks the rules of an action in the byte order of their keys. */
static void rank(struct authz *z)
{
	struct authz_rule **all;
	uint32_t n = 0, at = 0;

	for (uint32_t i = 0; i < z->n; i++)
		n += z->policies[i].n;
	all = arena_new_array(z->arena, struct authz_rule *, n + 1);
	for (uint32_t i = 0; i < z->n; i++)
		for (uint32_t k = 0; k < z->policies[i].n; k++)
			all[at++] = &z->policies[i].rules[k];
	if (n)
		qsort(all, n, sizeof *all, by_key);
	for (uint32_t i = 0; i < n; i++)
		all[i]->rank = i;
}

static void fill_stage(struct authz *z, enum chain c, enum stage_id s)
{
	struct stage *st = &z->stage[c][s];
	uint32_t n = 0;

	for (uint32_t i = 0; i < z->n; i++)
		for (uint32_t k = 0; k < z->policies[i].n; k++)
			n += in_stage(&z->policies[i], &z->policies[i].rules[k], c, s);
	st->rules = arena_new_array(z->arena, struct authz_rule *, n + 1);
	for (uint32_t i = 0; i < z->n; i++)
		for (uint32_t k = 0; k < z->policies[i].n; k++)
			if (in_stage(&z->policies[i], &z->policies[i].rules[k], c, s))
				st->rules[st->n++] = &z->policies[i].rules[k];
	if (st->n)
		qsort(st->rules, st->n, sizeof *st->rules, by_rank);
}

/* A variable counts as used where some rule in force looks at it: the cache's key is made of these. */
static void mark_cond(const struct cond *c)
{
	for (uint32_t k = 0; c->active && k < c->n; k++)
		for (uint32_t m = 0; m < c->values[k].n_atoms; m++)
			c->values[k].atoms[m].var->used = true;
}

static void mark_alt(const struct alt *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		mark_cond(&a->conds[i]);
}

static void mark_used(struct authz *z)
{
	for (int c = 0; c < CHAINS; c++)
		for (int s = 0; s < STAGES; s++)
			for (uint32_t i = 0; i < z->stage[c][s].n; i++) {
				const struct authz_rule *r = z->stage[c][s].rules[i];

				mark_alt(&r->when);
				for (uint32_t k = 0; k < r->n_from; k++)
					mark_alt(&r->from[k]);
				for (uint32_t k = 0; k < r->n_to; k++)
					mark_alt(&r->to[k]);
			}
	for (uint32_t i = 0; i < z->n_allow_only; i++)
		mark_cond(z->allow_only[i]);
	for (uint32_t i = 0; i < z->n_vars; i++) {
		z->header_used |= z->vars[i]->used && z->vars[i]->source == VAR_HEADER;
		z->claim_used |= z->vars[i]->used && z->vars[i]->source == VAR_CLAIM;
		z->metadata_used |= z->vars[i]->used && z->vars[i]->source == VAR_METADATA;
	}
}

static bool may_dry_run(enum flow_enum_value action)
{
	return action == ACTION_ALLOW || action == ACTION_DENY;
}

static void collect(struct authz *z, bool enforce_dry_runs, struct buf *b)
{
	size_t n = z->set->n_of_kind[OBJ_AUTHORIZATION_POLICY];
	const struct attach_to w = { z->ns, z->root, z->labels, z->n_labels };

	z->left_out = arena_new_array(z->arena, struct left_out, n + 1);
	z->allow_only = arena_new_array(z->arena, const struct cond *, n + 1);
	z->policies = arena_new_array(z->arena, struct authz_policy, n + 1);
	for (size_t i = 0; i < n; i++) {
		const struct object *o = z->set->of_kind[OBJ_AUTHORIZATION_POLICY][i];
		enum flow_enum_value action = action_of(o);
		enum attach at = attach(o, &w);

		if (at >= ATTACH_REFS)
			z->left_out[z->n_left_out++] = (struct left_out){ o, attach_why(at) };
		/* The shadow of a judge: AUDIT is told by the judge itself. */
		if (!action || at > ATTACH_SERVICE || (enforce_dry_runs && action == ACTION_AUDIT))
			continue;
		struct authz_policy *p = &z->policies[z->n++];
		p->object = o;
		p->action = action;
		p->dry_run = dry_run(o) && !(enforce_dry_runs && may_dry_run(action));
		z->dry_runs |= p->dry_run && may_dry_run(action);
		p->provider = node_text(node_at(o->spec, "provider.name"));
		buf_add(b, o->ns);
		buf_byte(b, '/');
		buf_add(b, o->name);
		p->full = text_of(z, b);
		p->only = at == ATTACH_SERVICE ? authz_target_cond(z, o) : NULL;
		if (action != ACTION_ALLOW || p->dry_run)
			continue;
		if (p->only)
			z->allow_only[z->n_allow_only++] = p->only;
		else
			z->allow_exists = true;
	}
	if (z->n)
		qsort(z->policies, z->n, sizeof *z->policies, by_order);
}

/* --- options, with the mesh configuration behind them */

static struct slice choose(const char *option, struct slice mesh, const char *fallback)
{
	return option ? slice_of(option) : mesh.n ? mesh : slice_of(fallback);
}

static void read_trust(struct authz *z, const struct judge_options *o)
{
	const struct node *mesh = o->n_aliases ? NULL : z->set->mesh.aliases;
	size_t n = mesh && mesh->kind == NODE_LIST ? mesh->n : 0;

	z->trust = arena_new_array(z->arena, struct slice, 1 + n + o->n_aliases);
	z->trust[z->n_trust++] = choose(o->trust_domain, z->set->mesh.trust_domain,
					"cluster.local");
	for (size_t i = 0; i < o->n_aliases; i++)
		z->trust[z->n_trust++] = slice_of(o->aliases[i]);
	for (size_t i = 0; i < n; i++)
		z->trust[z->n_trust++] = node_text(mesh->item[i]);
}

static enum path_normalization read_paths(const struct authz *z, const struct judge_options *o)
{
	return o->paths ? o->paths : path_normalization_by_name(z->set->mesh.path_normalization);
}

static const char default_workload[] =
	"istio-system,app=istio-egressgateway,istio=egressgateway";

struct authz *authz_new(const struct policy_set *p, const struct judge_options *o, struct err *e)
{
	struct arena *arena = arena_new(SIZE_MAX);
	struct authz *z = arena_new_object(arena, struct authz);
	struct buf b;

	z->arena = arena;
	z->set = p;
	for (int i = 0; i < VAR_SOURCES - VAR_HEADER; i++)
		map_init(&z->names[i], SIZE_MAX);
	if (read_workload(z, o->workload ? o->workload : default_workload, e)) {
		authz_free(&z);
		return NULL;
	}
	z->root = choose(o->root_namespace, p->mesh.root_namespace, "istio-system");
	read_trust(z, o);
	z->paths = read_paths(z, o);
	authz_fixed_vars(z);
	buf_init(&b, SIZE_MAX);
	collect(z, o->enforce_dry_runs, &b);
	authz_check_providers(z);
	build_policies(z, &b);
	buf_release(&b);
	rank(z);
	for (int c = 0; c < CHAINS; c++) {
		for (int s = 0; s < STAGES; s++)
			fill_stage(z, (enum chain)c, (enum stage_id)s);
		pack_chain(z, (enum chain)c);
		z->index[c] = index_new(z, (enum chain)c);
	}
	mark_used(z);
	return z;
}

void authz_free(struct authz **z)
{
	if (!*z)
		return;
	for (int c = 0; c < CHAINS; c++) {
		index_free(&(*z)->index[c]);
		free((*z)->pack[c].base);
	}
	for (int i = 0; i < VAR_SOURCES - VAR_HEADER; i++)
		map_release(&(*z)->names[i]);
	struct arena *arena = (*z)->arena;
	arena_free(&arena);
	*z = NULL;
}
