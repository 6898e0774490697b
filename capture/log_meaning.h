/*
 * log_meaning - a line's values to a flow.
 *
 * Envoy prints "-" (or JSON null) for what there was not: absent.  A field that the format does not
 * hold is unknown.  Sources: Envoy, "Access logging" and "Response flags"; Istio's
 * pilot/pkg/security/authz for the names of RBAC policies.
 */
#ifndef CAPTURE_LOG_MEANING_H
#define CAPTURE_LOG_MEANING_H

#include "capture/log.h"
#include "capture/log_line.h"
#include "capture/log_time.h"
#include "common/arena.h"
#include "schema/flow.h"

enum log_bad {
	LOG_GOOD,
	LOG_BAD_TIME,
	LOG_BAD_NUMBER,
	LOG_BAD_ADDRESS,
};

/*
 * False in *bad's sense: the line is not a flow.  Text of *f borrows the values or the arena.
 * *minute is kept from line to line, zeroed before the first.
 */
enum log_bad log_meaning(const struct log_format *f, const struct log_values *v, struct log_minute *minute,
			 enum log_query query, struct flow *out, struct arena *a);

#endif
