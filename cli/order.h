/*
 * order - flows of a log go on in the log's order, and in whole stretches between two offsets.
 *
 * With a tap and a log together the analysis lets flows go when their connection has settled, later lines
 * before earlier ones.  A log's offset stands for all lines before it, so here a line waits until every one
 * up to the next offset is there; then they go on, and `reached` may commit: at any commit the rows of a log
 * are exactly those before its stored offset.  Flows without a line (the wire's own) pass at once.
 */
#ifndef CLI_ORDER_H
#define CLI_ORDER_H

#include "schema/flow.h"

struct order;

struct order *order_new(struct sink *next);
void order_free(struct order **o);		/* NULL-safe */
struct sink *order_sink(struct order *o);	/* its finish lets go of everything */

/*
 * There is an offset behind this line (flow.line counts from 1; rising); as soon as all lines up to it have passed,
 * `reached` is called, perhaps from here.
 */
int order_offset(struct order *o, uint64_t line, struct err *e);
void order_on_reached(struct order *o, int (*reached)(void *ctx, uint64_t line, struct err *e), void *ctx);

size_t order_held(const struct order *o);	/* flows that wait */

#endif
