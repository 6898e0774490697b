/*
 * log_moment - what a start time said, field by field, and the moment that it is (private to log_time.c).
 *
 * Fields are those of strftime(3): a date comes from year, month and day, from the day of the year, or from a week and
 * its day.
 */
#ifndef CAPTURE_LOG_MOMENT_H
#define CAPTURE_LOG_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the text does not say is 0.  Where 0 is a value too, one more than the value stands: "+ 1". */
struct moment {
	int64_t year, seconds, day_of_year;	/* %s, %j */
	int64_t iso_year;			/* %G */
	unsigned century, in_century;		/* %C + 1, %y + 1 */
	unsigned iso_week;			/* %V */
	unsigned monday_week, sunday_week;	/* %W + 1, %U + 1 */
	unsigned weekday;			/* 1: Monday ... 7 */
	unsigned month, day, hour, minute, second;
	int64_t ns, offset;		/* offset: seconds east of UTC */
	size_t fraction;		/* digits of ns that were said */
	bool absolute, pm, twelve, half;	/* twelve hours, and which half of the day is said */
};

/* Nanoseconds since 1970, UTC.  False: no date was said, or there is none like it; years 1678 to 2261. */
bool log_moment_ns(const struct moment *t, int64_t *ns);

#endif
