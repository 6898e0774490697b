/*
 * log_outcome - what happened to a request or connection, from what Envoy says of it: `outcome`, and who
 * refused it (`outcome_policy`, `outcome_rule`) or why it failed (`failure`).
 */
#ifndef CAPTURE_LOG_OUTCOME_H
#define CAPTURE_LOG_OUTCOME_H

#include "common/arena.h"
#include "schema/flow.h"

/* *f holds the line's flags, details, status and upstream.  New text is the arena's. */
void log_outcome(struct flow *f, struct arena *a);

/* Long names ("NoRouteFound,...") to those that RESPONSE_FLAGS has; one that is not known stays. */
struct slice log_flags_short(struct slice list, struct arena *a);

/* What a response flag, short or long, stands for ("NR": "no route or no filter chain"); NULL: not known. */
const char *log_flag_text(struct slice flag);

#endif
