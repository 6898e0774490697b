/*
 * lint - what is wrong with the declared policies, from the YAML alone.
 *
 * The rules are one table, analyze/lint.def: code, severity, the code that istioctl analyze has for the
 * same check, the function, and the words.  docs/lint.md is that table.
 *
 * What a rule cannot know (no Service, no Pod, no Namespace was given) it says with severity info
 * ("cannot tell"), or not at all; it never guesses an error.
 */
#ifndef ANALYZE_LINT_H
#define ANALYZE_LINT_H

#include "analyze/judge.h"
#include "analyze/policy.h"
#include "common/arena.h"
#include "schema/finding.h"

struct lint;

enum lint_id {
#define LINT(id, code, severity, istio, function, title, why, fix) LINT_##id,
#include "analyze/lint.def"
#undef LINT
	LINT_RULES
};

struct lint_rule {
	const char *code;
	enum severity severity;
	const char *istio;	/* "IST0101", or NULL */
	void (*run)(struct lint *l);
	const char *title, *why, *fix;
};
extern const struct lint_rule lint_rules[LINT_RULES];

struct lint_finding {
	enum lint_id id;
	enum severity severity;	/* the rule's, or info where it cannot be told */
	const struct object *object;
	struct slice name;	/* "Kind namespace/name" or "Kind name" */
	const char *file;
	uint32_t line, column;
	struct slice message;	/* one sentence, with the facts */
	struct slice suppressed;	/* the reason given; empty: not suppressed */
};

struct lint_options {
	struct judge_options judge;	/* workload, root namespace */
	int64_t now;			/* for expiry dates of suppressions and certificates */
};

struct lint_result {
	struct arena *arena;
	struct lint_finding *finding;	/* worst first, then by file and line; without the suppressed */
	size_t n;
	struct lint_finding *suppressed;
	size_t n_suppressed;
	size_t n_dropped;		/* beyond the 100,000 that are kept */
};

/* p must outlive the result.  NULL: *e says why. */
struct lint_result *lint_run(const struct policy_set *p, const struct lint_options *o,
			     struct err *e);
void lint_result_free(struct lint_result **r);

#endif
