/*
 * clock - time as integer nanoseconds since 1970-01-01T00:00:00Z, UTC.
 *
 * Text form is RFC 3339.  Pure functions: the caller brings the time.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cursor.h"

#define NS_PER_S INT64_C(1000000000)

/* RFC 3339 with any number of fraction digits (past 9 cut) and Z or an offset. */
bool clock_parse(struct slice s, int64_t *ns);

/* "2026-11-24T08:24:00.123456789Z"; trailing zeros of the fraction are kept off. */
void clock_print(struct buf *b, int64_t ns);

/* Days since 1970-01-01 of a proleptic Gregorian date; month 1..12. */
int64_t clock_days(int64_t year, unsigned month, unsigned day);

int64_t clock_now(void);

/* "90s" "15m" "24h" "30d" "2w" to nanoseconds.  False: not a duration. */
bool clock_duration(struct slice s, int64_t *ns);

#endif
