/*
 * attach - is an AuthorizationPolicy asked by the proxy of a workload?  (a.1)
 *
 * By namespace, and by selector or targetRefs; what the policy says is not looked at.
 */
#ifndef ANALYZE_ATTACH_H
#define ANALYZE_ATTACH_H

#include "analyze/judge.h"

enum attach {
	ATTACH_YES,
	ATTACH_SERVICE,		/* at a waypoint: for the traffic of services that it names, alone */
	ATTACH_NAMESPACE,	/* no: neither the workload's namespace nor the root */
	ATTACH_LABELS,		/* no: the selector wants labels that the workload has not */
	ATTACH_REFS,		/* no: targetRefs, and the workload is no gateway of the Gateway API */
	ATTACH_NO_WAYPOINT,	/* no: a Service or ServiceEntry is its target, which only waypoints look at */
	ATTACH_OTHER,		/* no: its targetRefs name none that this gateway takes */
	ATTACH_NO_REFS,		/* no: a waypoint looks at targetRefs only */
};

struct attach_to {
	struct slice ns, root_ns;
	const struct label *label;
	size_t n;
};

enum attach attach(const struct object *policy, const struct attach_to *w);
/* Why not, as the end of a sentence about the policy. */
const char *attach_why(enum attach a);

/* The list of targetRefs, else the one targetRef; each(ref).  0: it has none. */
typedef void attach_each(void *ctx, const struct node *ref);
size_t attach_refs(const struct object *policy, attach_each *each, void *ctx);
/* The ref is to a Service or a ServiceEntry. */
enum attach_kind { ATTACH_TO_OTHER, ATTACH_TO_GATEWAY, ATTACH_TO_CLASS, ATTACH_TO_SERVICE, ATTACH_TO_ENTRY };
enum attach_kind attach_kind(const struct node *ref);

#endif
