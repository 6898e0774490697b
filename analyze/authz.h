/*
 * authz - AuthorizationPolicies of one workload as values that can be evaluated (private to the judge).
 *
 * A policy keeps its shape (rules, from, to, when, values with file and line), so that the same structure
 * is evaluated, explained and searched.  What a policy reads is a *variable*: the identity,
 * a port, a header, a claim ...; a value of a policy is one or more *atoms*, each a test of
 * one variable.  Variables are independent of one another; that is what makes
 * the search over unknown ones exact.
 *
 * Everything lives in the arena of struct authz and borrows from the policy_set.
 */
#ifndef ANALYZE_AUTHZ_H
#define ANALYZE_AUTHZ_H

#include "analyze/judge.h"
#include "analyze/match.h"
#include "common/ip.h"
#include "common/map.h"

/* NO, MAYBE, YES: Kleene's three values; AND is the least, OR the greatest. */
enum tri { NO, MAYBE, YES };

static inline enum tri tri_not(enum tri t)
{
	return (enum tri)(YES - t);
}

enum chain { ON_HTTP, ON_TCP, CHAINS };

enum var_source {
	VAR_IDENTITY, VAR_SOURCE_IP, VAR_REMOTE_IP, VAR_DESTINATION_IP, VAR_DESTINATION_PORT,
	VAR_SNI, VAR_METHOD, VAR_AUTHORITY, VAR_PATH, VAR_CHAIN, VAR_FIXED,
	VAR_HEADER = VAR_FIXED, VAR_CLAIM, VAR_METADATA, VAR_PROVIDER, VAR_SERVICE, VAR_SOURCES
};

/* The first VAR_FIXED variables always exist, in that order. */
struct var {
	enum var_source source;
	enum flow_field field;		/* what `missing` calls it; provider, service: none */
	struct slice name;		/* for people: "request.headers[x-team]" */
	struct slice part[16];		/* header; claim path; metadata filter and key; provider; service */
	uint8_t n_parts;
	bool used;			/* by an enforced rule */
	struct var *next;		/* same first part, same source */
	uint32_t index;
};

enum { CLAIM_PARTS = 16 };

enum atom_type { ATOM_TEXT, ATOM_CIDR, ATOM_PORT };

struct atom {
	struct var *var;
	enum atom_type type;
	bool on_text, on_list;		/* which shapes of claim or metadata it takes */
	bool no_query;			/* looks at the path without query and fragment */
	bool v6;			/* CIDR written as IPv6: matches no IPv4 address */
	struct match match;
	struct cidr cidr;
	int64_t port;
};

/* Index keys: a value can match only where one of its hints is found in the flow. */
enum hint_type { HINT_EXACT, HINT_PREFIX, HINT_SUFFIX, HINT_NS, HINT_NS_SA, HINT_CIDR, HINT_PORT };

struct value {
	struct slice text;		/* as the policy has it */
	uint32_t line;
	uint32_t n_atoms;
	bool all;			/* AND of the atoms, else OR */
	bool hinted;			/* `hint` stands for all atoms in the index */
	enum hint_type hint_type;
	struct slice hint;
	const char *bad;		/* istiod cannot use it: why */
	struct atom *atoms;
};

struct cond {
	struct slice key;		/* as the policy has it: "connection.sni", "notHosts" */
	uint32_t line, n;
	bool negate, http_only;
	uint8_t active;			/* bit per chain: takes part there */
	struct var *var;
	struct value *values;
};

struct alt {				/* one `from`, one `to`, or all of `when` */
	struct cond *conds;
	uint32_t n, line;
};

enum stage_id { STAGE_BAD_CUSTOM, STAGE_DENY, STAGE_ALLOW, STAGE_CUSTOM, STAGE_AUDIT, STAGES };

/* A verdict in words (judge_outcome.h). */
struct outcome {
	uint8_t verdict, action;	/* enum flow_enum_value; action 0: none */
	bool named : 1;			/* `policy` is known (empty: no policy) */
	bool kept : 1;			/* lives as long as the judge */
	bool full : 1;			/* is in a struct full_outcome */
	int32_t rule;			/* -1: none */
	const uint8_t *text;		/* the policy's name, then the reason */
	uint32_t policy_n, reason_n;
};

static inline struct slice outcome_policy(const struct outcome *o)
{
	return (struct slice){ o->text, o->policy_n };
}

static inline struct slice outcome_reason(const struct outcome *o)
{
	return (struct slice){ o->text + o->policy_n, o->reason_n };
}

struct authz_rule {
	const struct authz_policy *policy;
	uint32_t index, line;
	uint32_t rank;			/* order of the key's bytes: Envoy's order */
	uint32_t packed[CHAINS];	/* pack_place in the chain's pack; 0: not in force there */
	struct outcome outcome;		/* the verdict that it gives */
	struct slice key;		/* ns[..]-policy[..]-rule[..] */
	struct slice title;		/* "ns/name rule N" */
	const char *dropped[CHAINS];	/* why istiod leaves it out; NULL: in force */
	struct alt when, *from, *to;
	uint32_t n_from, n_to;
};

struct authz_policy {
	const struct object *object;
	struct slice full;		/* "ns/name" */
	enum flow_enum_value action;	/* ACTION_* */
	bool dry_run;
	struct slice provider;		/* CUSTOM */
	const char *bad_provider;	/* CUSTOM became DENY: why */
	const char *never;		/* CUSTOM that lets everything pass: why */
	const char *doubt;		/* CUSTOM whose provider may be bad: why */
	bool skip_tcp;			/* CUSTOM of an HTTP-only provider */
	const struct cond *only;	/* holds for the traffic of some services; NULL: for all */
	struct authz_rule *rules;
	uint32_t n;
};

/* A policy that this workload's proxy does not ask because of its targets. */
struct left_out {
	const struct object *object;
	const char *why;
};

/* A rule as a verdict needs it (authz_pack.c).  Of two in one stage the first in Envoy's order lies lower. */
struct packed {
	const struct authz_rule *rule;
	struct outcome outcome;
	uint32_t mark;			/* scratch: the last search that saw it */
	uint8_t stage;			/* enum stage_id */
	uint8_t n_sets;
	bool straight;			/* too long for the packed form: rule_eval */
	uint32_t test[];
};

/* Where a rule is: its first line, and how many there are (at most PLACE_LINES).  0: nowhere. */
typedef uint32_t pack_place;
enum { PACK_LINE = 64, PLACE_AT = 3, PLACE_LINES = 7 };

struct pack {
	uint8_t *base;
	size_t bytes;
};

static inline uint8_t *pack_line(const struct pack *p, pack_place at)
{
	return p->base + (size_t)(at >> PLACE_AT) * PACK_LINE;
}

static inline struct packed *pack_at(const struct pack *p, pack_place at)
{
	return (struct packed *)(void *)pack_line(p, at);
}

struct stage {
	struct authz_rule **rules;	/* in rank order */
	uint32_t n;
};

struct authz {
	struct arena *arena;
	const struct policy_set *set;
	struct slice ns, root;		/* the workload's namespace, the root namespace */
	struct label *labels;
	size_t n_labels;
	struct slice *trust;		/* trust domain, then aliases */
	size_t n_trust;
	enum path_normalization paths;
	struct var **vars;
	uint32_t n_vars, room_vars;
	struct map names[VAR_SOURCES - VAR_HEADER];	/* first part -> var, by source from VAR_HEADER */
	struct authz_policy *policies;	/* in evaluation order: CUSTOM, AUDIT, DENY, ALLOW, then key */
	uint32_t n;
	struct stage stage[CHAINS][STAGES];
	struct pack pack[CHAINS];	/* all stages' rules */
	struct authz_index *index[CHAINS];
	bool allow_exists;		/* an enforced ALLOW policy selects the workload */
	const struct cond **allow_only;	/* such policies for the traffic of some services */
	uint32_t n_allow_only;
	struct left_out *left_out;
	uint32_t n_left_out;
	bool dry_runs;			/* an ALLOW or DENY policy in dry run does */
	bool header_used, claim_used, metadata_used;
};

/* authz_scope.c */
struct authz *authz_new(const struct policy_set *p, const struct judge_options *o, struct err *e);
void authz_free(struct authz **z);

/* authz_var.c */
void authz_fixed_vars(struct authz *z);
/* The variable of a header, claim, metadata key or provider; made where it is new. */
struct var *authz_var(struct authz *z, enum var_source source, const struct slice *part,
		      uint8_t n_parts);

/* authz_rule.c: parse one rule of a policy.  `node` may be of any kind. */
void authz_rule_parse(struct authz *z, const struct authz_policy *p, const struct node *node,
		      struct authz_rule *r);
/* authz_cond.c: add conditions.  False: the key is not known. */
bool authz_when(struct authz *z, const struct authz_policy *p, const struct node *entry,
		struct alt *to);
void authz_source(struct authz *z, const struct authz_policy *p, const struct node *source,
		  struct alt *to);
void authz_operation(struct authz *z, const struct authz_policy *p, const struct node *op,
		     struct alt *to);
/* One more condition: the caller fills it. */
struct cond *authz_cond_add(struct authz *z, struct alt *to);
/* The condition "the external authorizer says no", put on every CUSTOM rule. */
void authz_provider_cond(struct authz *z, struct slice provider, struct alt *to);

/*
 * authz_provider.c: sets bad_provider, never, doubt and skip_tcp of the CUSTOM policies.  Two providers on one
 * workload, no name, or a name that the mesh configuration does not have: istiod turns the rules into DENY
 * rules (a.2.1).  Without a mesh configuration the name is taken to be right.
 */
void authz_check_providers(struct authz *z);

/* authz_target.c: the condition "the flow is for one of the services that the policy targets". */
struct cond *authz_target_cond(struct authz *z, const struct object *policy);

/* --- a flow as values of the variables (authz_view.c) */

struct var_value {
	enum flow_state state;
	bool is_list;
	struct slice text;		/* path: normalised, with its query */
	const struct slice *list;
	uint32_t n_list;
	struct ip ip;
	int64_t port;
};

struct view {
	struct authz *z;
	enum chain chain;
	bool all;			/* fill what only dry runs and AUDIT read, too */
	struct arena *arena;		/* scratch */
	struct var_value *value;	/* by var index */
};

void view_fill(struct view *v, const struct flow *f);
bool atom_match(const struct atom *a, const struct var_value *v);

/* --- evaluation (authz_eval.c) */

enum tri value_eval(const struct view *v, const struct value *val);
enum tri cond_eval(const struct view *v, const struct cond *c);	/* active ones only */
enum tri alt_eval(const struct view *v, const struct alt *a);
enum tri rule_eval(const struct view *v, const struct authz_rule *r);
/* Does an enforced ALLOW policy apply to the flow?  (authz_target.c) */
enum tri allow_exists(const struct view *v);

/* --- the same for known values, packed (authz_pack.c) */

void pack_chain(struct authz *z, enum chain c);
/* Every variable that the rule reads is known in v. */
bool packed_run(const struct packed *p, const struct view *v);

/* --- candidates (authz_index.c): the rules that may match, by a value that they need */

/*
 * Unknown variables, a bit each (var_bit).  Rules are then found by the others: an index is made for each set
 * of unknown ones that occurs, up to a bound; past that all rules are candidates.
 */
typedef uint32_t var_mask;

static inline var_mask var_bit(const struct var *v)
{
	return (var_mask)1 << v->source;
}

struct authz_index *index_new(const struct authz *z, enum chain chain);
void index_free(struct authz_index **ix);
size_t index_bytes(const struct authz_index *ix);

/*
 * One flow's look into the index (authz_look.c), in three steps, so that whoever has several flows can
 * do each step for all of them while the memory that the next one needs is on its way.
 */
enum { LOOK_FEW = 32 };

struct look {
	const struct authz_index *ix;
	const struct variant *x;	/* NULL: all rules are candidates */
	struct arena *arena;
	uint32_t *key, n, room;		/* `few`, or in the arena */
	uint32_t few[LOOK_FEW];
};

void look_begin(struct look *l, struct authz_index *ix, const struct view *v, var_mask unknown);
void look_fetch(struct look *l);
/* Call `each` for a superset of the rules that are not NO (a rule may come twice). */
void look_each(const struct look *l, void (*each)(void *ctx, struct packed *p), void *ctx);

/* --- unknown variables (authz_class.c, authz_unknown.c) */

struct class_set {
	struct var *var;
	struct var_value *value;	/* one for each way the atoms can turn out */
	bool *hits;			/* some atom matches the value */
	uint32_t n;
	bool partial;			/* there may be further ways: bounded */
};

/* Values of `var` that tell the atoms apart.  `must` NULL, or globs that the text must match. */
void class_find(struct class_set *out, struct var *var, const struct atom *const *atoms, uint32_t n,
		const struct match *must, struct arena *a);

/* The rules of each stage that are not NO, from the index. */
struct residue {
	const struct authz_rule **rules[STAGES];
	uint32_t n[STAGES];
};

struct settle {
	enum tri allowed;		/* MAYBE: two completions differ */
	bool exact;			/* false: the bounds were reached, MAYBE is assumed */
	struct var **essential;		/* what the verdict depends on: the smallest settling set */
	uint32_t n_essential;
};

/* Class sets already found, by variable and tests: one a judge. */
struct class_memo;
struct class_memo *class_memo_new(void);
void class_memo_free(struct class_memo **m);
/* Sets handed out live until the next trim. */
const struct class_set *class_get(struct class_memo *m, struct var *var,
				  const struct atom *const *atoms, uint32_t n);
void class_memo_trim(struct class_memo *m);

/*
 * The verdict over all completions of the unknown variables of `v`.  Values in v are changed and put
 * back.  `rest` by chain: both are looked at where VAR_CHAIN is unknown.  `f` may narrow the values: a
 * namespace that is known without the identity.
 */
void settle_run(struct settle *out, struct view *v, const struct flow *f,
		const struct residue rest[CHAINS], struct class_memo *memo, struct arena *a);

#endif
