/*
 * log_object - what a line says of request headers and of dynamic metadata, as the JSON objects that the
 * flow record has for them.
 *
 * A header that was not sent is null.  What the format does not name is not there: of a flow from a log
 * such a member is unknown, not absent.
 */
#ifndef CAPTURE_LOG_OBJECT_H
#define CAPTURE_LOG_OBJECT_H

#include "capture/log.h"
#include "capture/log_line.h"
#include "common/arena.h"
#include "schema/flow.h"

void log_object_headers(const struct log_format *fmt, const struct log_values *v, enum log_query query,
			struct flow *f, struct arena *a);
void log_object_metadata(const struct log_format *fmt, const struct log_values *v, enum log_query query,
			 struct flow *f, struct arena *a);

#endif
