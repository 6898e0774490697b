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

/* A time of which several operators print a part each: "%START_TIME(%F)% ... %START_TIME(%T)%". */
struct log_time_part {
	struct slice format, text;
};

/*
 * The time that the parts are together.  `all`: none is missing; else only a count from 1970 is enough, since half
 * a time is a wrong one.  False too: they contradict each other.
 */
bool log_time_joined(const struct log_time_part *part, size_t n, bool all, int64_t *ns);

/* What the format prints holds neither blanks nor quotes. */
bool log_time_is_word(struct slice format);

/* It says the hour, or counts from 1970. */
bool log_time_says_hour(struct slice format);

/* What it prints is another in another zone. */
bool log_time_is_of_zone(struct slice format);

/* The format says in which zone its times are, or counts from 1970. */
bool log_time_zoned(struct slice format);

#endif
