/*
 * need - which attributes of a flow the policies in force read, and which rule reads them.
 *
 * What `egret doctor` and the notice at start hold against the evidence there is.  AUDIT and dry-run policies
 * decide nothing and need nothing; nor do rules that istiod leaves out.
 */
#ifndef ANALYZE_NEED_H
#define ANALYZE_NEED_H

#include "analyze/judge.h"

struct need {
	uint32_t attribute;		/* dense number of what is read, below judge_attributes() */
	enum flow_field field;		/* what a flow calls it */
	struct slice name;		/* what a policy calls it: "request.headers[x-team]" */
	/* F_REQUEST_HEADERS: lower-case name; F_METADATA: the filter and `key` of it; else empty. */
	struct slice header, key;
	struct slice policy;		/* "namespace/name" */
	uint32_t rule;			/* zero-based */
	const char *file;
	uint32_t line;			/* of the rule */
};

/* Each pair of attribute and rule once, in order of evaluation.  Text borrows from the judge. */
void judge_needs(const struct judge *j, void (*each)(void *ctx, const struct need *n), void *ctx);
uint32_t judge_attributes(const struct judge *j);

/* Names of the request headers that any policy reads, lower-case; AUDIT and dry runs included, for the trace. */
void judge_headers(const struct judge *j, void (*each)(void *ctx, struct slice lower_name), void *ctx);

/* What the workload selects of the policies that were loaded. */
struct judge_scope {
	uint32_t enforced, audit, dry_run;	/* AuthorizationPolicies that select the workload */
	uint32_t rules, dropped;		/* of the enforced ones; istiod leaves out on every chain */
	bool allow;				/* an ALLOW policy is among them: the default is deny */
	struct slice ns;			/* the workload's namespace */
};
void judge_scope(const struct judge *j, struct judge_scope *s);

#endif
