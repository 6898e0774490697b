/*
 * clock: civil dates by days in a 400-year cycle (the era arithmetic that
 * calendars use), so no call of timegm and no time zone enters.
 */
#include "common/clock.h"

#include <time.h>

int64_t clock_days(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

static void civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned doe = (unsigned)(days - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

static bool digits(struct cursor *c, size_t width, unsigned *v)
{
	struct slice s = cur_take(c, width);

	*v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*v = *v * 10 + (unsigned)(s.p[i] - '0');
	}
	return !c->bad;
}

static bool mark(struct cursor *c, const char *any)
{
	struct slice s = cur_take(c, 1);

	for (; s.n && *any; any++)
		if (s.p[0] == (uint8_t)*any)
			return true;
	return false;
}

static bool fraction(struct cursor *c, int64_t *ns)
{
	int64_t unit = NS_PER_S / 10;
	size_t n = 0;

	*ns = 0;
	if (!cur_left(c) || *c->at != '.')
		return true;
	cur_take(c, 1);
	for (; cur_left(c) && *c->at >= '0' && *c->at <= '9'; n++, unit /= 10)
		*ns += (cur_take(c, 1).p[0] - '0') * unit;
	return n > 0;
}

static unsigned month_days(unsigned y, unsigned m)
{
	static const uint8_t n[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return n[m - 1] + (m == 2 && leap ? 1u : 0u);
}

bool clock_parse(struct slice s, int64_t *ns)
{
	struct cursor c = cur_of(s);
	unsigned y, mo, d, h, mi, se, oh = 0, om = 0;
	int64_t frac, offset = 0;

	if (!digits(&c, 4, &y) || !mark(&c, "-") || !digits(&c, 2, &mo) ||
	    !mark(&c, "-") || !digits(&c, 2, &d) || !mark(&c, "Tt ") ||
	    !digits(&c, 2, &h) || !mark(&c, ":") || !digits(&c, 2, &mi) ||
	    !mark(&c, ":") || !digits(&c, 2, &se) || !fraction(&c, &frac))
		return false;
	struct slice z = cur_take(&c, 1);
	if (!z.n)
		return false;
	if (z.p[0] == '+' || z.p[0] == '-') {
		if (!digits(&c, 2, &oh) || !mark(&c, ":") || !digits(&c, 2, &om) ||
		    oh > 23 || om > 59)
			return false;
		offset = (int64_t)(oh * 60 + om) * 60 * (z.p[0] == '-' ? -1 : 1);
	} else if (z.p[0] != 'Z' && z.p[0] != 'z') {
		return false;
	}
	if (!cur_done(&c) || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) ||
	    h > 23 || mi > 59 || se > 60 || y < 1678 || y > 2261)
		return false;
	int64_t sec = clock_days(y, mo, d) * 86400 + h * 3600 + mi * 60 + se - offset;
	*ns = sec * NS_PER_S + frac;
	return true;
}

/* v as `width` decimal digits. */
static void padded(uint8_t *p, int width, uint64_t v)
{
	for (int k = width - 1; k >= 0; k--, v /= 10)
		p[k] = (uint8_t)('0' + v % 10);
}

/* 64 bits of ns span the years 1677 to 2262: always four digits. */
void clock_print(struct buf *b, int64_t ns)
{
	int64_t sec = ns / NS_PER_S, frac = ns % NS_PER_S, year;
	unsigned month, day;

	if (frac < 0) {
		frac += NS_PER_S;
		sec--;
	}
	int64_t days = sec / 86400, rest = sec % 86400;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	civil(days, &year, &month, &day);
	uint8_t text[] = "0000-00-00T00:00:00.000000000Z";
	size_t n = sizeof text - 1;
	padded(text, 4, (uint64_t)year);
	padded(text + 5, 2, month);
	padded(text + 8, 2, day);
	padded(text + 11, 2, (uint64_t)rest / 3600);
	padded(text + 14, 2, (uint64_t)rest / 60 % 60);
	padded(text + 17, 2, (uint64_t)rest % 60);
	padded(text + 20, 9, (uint64_t)frac);
	while (text[n - 2] == '0' && n > 21)
		n--;
	if (!frac)
		n = 20;
	text[n - 1] = 'Z';
	buf_add(b, (struct slice){ text, n });
}

int64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

bool clock_duration(struct slice s, int64_t *ns)
{
	static const struct { char unit; int64_t s; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 },
	};
	int64_t v = 0;
	size_t i = 0;

	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && v < 100000000; i++)
		v = v * 10 + (s.p[i] - '0');
	if (i == 0 || i + 1 != s.n)
		return false;
	for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
		if (s.p[i] != (uint8_t)units[k].unit)
			continue;
		if (v > INT64_MAX / NS_PER_S / units[k].s)
			return false;
		*ns = v * units[k].s * NS_PER_S;
		return true;
	}
	return false;
}
