/* route_trace - the steps of an explanation as they are gathered; private to route*.c. */
#ifndef ANALYZE_ROUTE_TRACE_H
#define ANALYZE_ROUTE_TRACE_H

#include "analyze/route.h"

enum { STEPS_MAX = 200 };

struct trace {
	struct route_step *step;	/* STEPS_MAX */
	uint32_t n;
	struct arena *a;
};

/* line 0: the object's own; object NULL: no place. */
void trace_step(struct trace *t, enum route_step_kind kind, bool taken, const struct object *o,
		uint32_t line, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* The route that was taken; its destinations and the outcome, last. */
void trace_route(struct trace *t, const struct route *r);
void trace_finish(struct trace *t, struct route *r);

#endif
