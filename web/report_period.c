/*
 * report_period: the words for a period.
 */
#include "web/report.h"

#include <string.h>

#include "common/clock.h"

static const int64_t hour = 3600 * NS_PER_S;

static int64_t floor_hour(int64_t ns)
{
	int64_t over = ns % hour;

	return ns - (over < 0 ? over + hour : over);
}

static int64_t ceil_hour(int64_t ns)
{
	int64_t down = floor_hour(ns);

	return down == ns ? ns : down + hour;
}

/* A run of exactly n digits at s, cut off it. */
static bool number(struct slice *s, size_t n, unsigned *v)
{
	*v = 0;
	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		*v = *v * 10 + (unsigned)(s->p[i] - '0');
	}
	*s = slice_from(*s, n);
	return true;
}

static bool dash(struct slice *s)
{
	if (!s->n || s->p[0] != '-')
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* "2026", "2026-10", "2026-10-31": its first moment and the first after it. */
static bool calendar(struct slice s, int64_t *from, int64_t *to)
{
	const int64_t day = 24 * hour;
	unsigned y, m = 1, d = 1;

	if (!number(&s, 4, &y) || y < 1970 || y > 2200)
		return false;
	if (!s.n) {
		*from = clock_days(y, 1, 1) * day;
		*to = clock_days(y + 1, 1, 1) * day;
		return true;
	}
	if (!dash(&s) || !number(&s, 2, &m) || m < 1 || m > 12)
		return false;
	int64_t first = clock_days(y, m, 1), next = clock_days(m == 12 ? y + 1 : y, m == 12 ? 1 : m + 1, 1);
	if (!s.n) {
		*from = first * day;
		*to = next * day;
		return true;
	}
	if (!dash(&s) || !number(&s, 2, &d) || s.n || d < 1 || (int64_t)d > next - first)
		return false;
	*from = (first + (int64_t)d - 1) * day;
	*to = *from + day;
	return true;
}

static bool moment(struct slice s, int64_t *first, int64_t *after)
{
	if (calendar(s, first, after))
		return true;
	if (!clock_parse(s, first))
		return false;
	*after = *first;
	return true;
}

static bool between(struct slice s, struct report_scope *scope)
{
	const uint8_t *slash = memchr(s.p, '/', s.n);
	int64_t begin, end, unused;

	if (!slash)
		return false;
	struct slice left = { s.p, (size_t)(slash - s.p) };
	if (!moment(left, &begin, &unused) || !moment(slice_from(s, left.n + 1), &unused, &end) || begin >= end)
		return false;
	scope->from = begin;
	scope->to = end;
	return true;
}

int report_period(const char *text, int64_t now, struct report_scope *scope, struct err *e)
{
	struct slice s = slice_of(text);
	int64_t length;

	scope->period = text;
	if (slice_is(s, "all")) {
		scope->from = INT64_MIN;
		scope->to = INT64_MAX;
		return 0;
	}
	if (!calendar(s, &scope->from, &scope->to) && !between(s, scope)) {
		if (!clock_duration(s, &length) || length <= 0 || length > now)
			return err_set(e, ERR_USAGE, "--period wants 2026, 2026-10, 2026-10-31, 24h, FROM/TO or all, not \"%s\"",
				       text);
		scope->from = now - length;
		scope->to = now;
	}
	scope->from = floor_hour(scope->from);
	scope->to = ceil_hour(scope->to);
	return 0;
}
