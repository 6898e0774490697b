/*
 * log_time - START_TIME as Envoy prints it.
 *
 * An empty format is Envoy's default, "%Y-%m-%dT%H:%M:%E3SZ" (milliseconds, UTC).  Own formats:
 * strftime's fields that name a moment, %s (seconds since 1970), and Envoy's %f, %1f ... %9f
 * (fraction digits), %3f and the like.  Without a zone the time is UTC.
 */
#ifndef CAPTURE_LOG_TIME_H
#define CAPTURE_LOG_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"

/* The minute of the line before: most lines are of the same.  Zeroed: none. */
struct log_minute {
	uint8_t text[16];		/* "2026-01-05T10:00" */
	int64_t ns;
};

/* The empty format.  LOG_SLACK as in log_scan.h. */
bool log_time_default(struct log_minute *m, struct slice text, int64_t *ns);
bool log_time(struct slice format, struct slice text, int64_t *ns);

/* The format says in which zone its times are, or counts from 1970. */
bool log_time_zoned(struct slice format);

#endif
