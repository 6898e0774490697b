/* log_moment: the day, counted from 1970; then the time in it. */
#include "capture/log_moment.h"

#include "common/clock.h"

static unsigned weekday_of(int64_t day)
{
	return (unsigned)((day % 7 + 7 + 3) % 7) + 1;
}

/* Week 1 is the one that holds the year's first Monday, or with %U Sunday; with ISO's its fourth of January. */
static bool by_week(const struct moment *t, int64_t year, int64_t *day)
{
	int64_t first = clock_days(year, 1, 1);
	unsigned on = weekday_of(first), sunday = t->weekday % 7;

	if (!t->weekday)
		return false;
	if (t->monday_week)
		*day = first + (8 - on) % 7 + ((int64_t)t->monday_week - 2) * 7 + t->weekday - 1;
	else if (t->sunday_week)
		*day = first + (7 - on % 7) % 7 + ((int64_t)t->sunday_week - 2) * 7 + sunday;
	else
		return false;
	return *day >= first && *day < clock_days(year + 1, 1, 1);
}

static bool by_iso_week(const struct moment *t, int64_t *day)
{
	int64_t fourth = clock_days(t->iso_year, 1, 4);

	*day = fourth - weekday_of(fourth) + ((int64_t)t->iso_week - 1) * 7 + t->weekday;
	return t->weekday > 0;
}

static int64_t year_of(const struct moment *t)
{
	if (!t->in_century)
		return t->year;
	if (t->century)
		return (int64_t)(t->century - 1) * 100 + t->in_century - 1;
	return t->in_century - 1 + (t->in_century <= 69 ? 2000 : 1900);	/* POSIX strptime */
}

static bool is_year(int64_t year)
{
	return year >= 1678 && year <= 2261;
}

static bool day_of(const struct moment *t, int64_t *day)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t year = year_of(t);
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (is_year(t->iso_year) && t->iso_week && !t->day)
		return by_iso_week(t, day);
	if (!is_year(year))
		return false;
	if (t->day_of_year) {
		*day = clock_days(year, 1, 1) + t->day_of_year - 1;
		return t->day_of_year <= 365 + leap;
	}
	if (!t->month && !t->day)
		return by_week(t, year, day);
	if (!t->month || !t->day || t->day > days[t->month - 1] + (t->month == 2 && leap))
		return false;
	*day = clock_days(year, t->month, t->day);
	return true;
}

bool log_moment_ns(const struct moment *t, int64_t *ns)
{
	int64_t day, hour = t->hour;

	if (t->absolute) {
		if (t->seconds >= INT64_MAX / NS_PER_S)
			return false;
		*ns = t->seconds * NS_PER_S + t->ns;
		return true;
	}
	if (t->twelve)
		hour = hour % 12 + (t->pm ? 12 : 0);
	if ((t->twelve && !t->half) || !day_of(t, &day))
		return false;
	int64_t s = day * 86400 + hour * 3600 + t->minute * 60 + t->second;
	*ns = (s - t->offset) * NS_PER_S + t->ns;
	return true;
}
