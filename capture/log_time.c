#include "capture/log_time.h"

#include <string.h>
#include <strings.h>

#include "common/clock.h"

struct moment {
	int64_t year, seconds, day_of_year;	/* %s, %j */
	unsigned month, day, hour, minute, second;
	int64_t ns, offset;		/* offset: seconds east of UTC */
	bool absolute, pm, twelve;
};

static bool digits(struct cursor *c, size_t least, size_t most, int64_t *v)
{
	size_t n = 0;

	for (*v = 0; n < most && cur_left(c) && *c->at >= '0' && *c->at <= '9'; n++)
		*v = *v * 10 + (cur_take(c, 1).p[0] - '0');
	return n >= least;
}

static bool small(struct cursor *c, size_t least, unsigned most, unsigned *v)
{
	int64_t n;

	if (!digits(c, least, 2, &n) || n > most)
		return false;
	*v = (unsigned)n;
	return true;
}

/* The first digits are the fraction's; Envoy prints as many as it was asked for. */
static bool fraction(struct cursor *c, size_t width, int64_t *ns)
{
	int64_t unit = NS_PER_S / 10;
	size_t n = 0;

	for (*ns = 0; cur_left(c) && *c->at >= '0' && *c->at <= '9' && n < (width ? width : 9); n++, unit /= 10)
		*ns += (cur_take(c, 1).p[0] - '0') * unit;
	return n > 0;
}

/* "Jan", or "January": the letters after the third are passed over. */
static bool name_of(struct cursor *c, const char *names, unsigned n, unsigned *which)
{
	struct slice s = cur_take(c, 3);

	for (unsigned k = 0; s.n && k < n; k++)
		if (!strncasecmp((const char *)s.p, names + 3 * k, 3)) {
			*which = k + 1;
			while (cur_left(c) && ((*c->at | 0x20) >= 'a' && (*c->at | 0x20) <= 'z'))
				cur_take(c, 1);
			return true;
		}
	return false;
}

static bool month_name(struct cursor *c, unsigned *month)
{
	return name_of(c, "JanFebMarAprMayJunJulAugSepOctNovDec", 12, month);
}

static bool day_name(struct cursor *c)
{
	unsigned ignored;

	return name_of(c, "SunMonTueWedThuFriSat", 7, &ignored);
}

static bool blanks(struct cursor *c)
{
	while (cur_left(c) && (*c->at == ' ' || *c->at == '\t'))
		cur_take(c, 1);
	return true;
}

/* "+0130", "+01:30", "Z" */
static bool zone(struct cursor *c, int64_t *offset)
{
	struct slice sign = cur_take(c, 1);
	unsigned h, m;

	if (sign.n && (sign.p[0] == 'Z' || sign.p[0] == 'z'))
		return true;
	if (!sign.n || (sign.p[0] != '+' && sign.p[0] != '-') || !small(c, 2, 23, &h))
		return false;
	if (cur_left(c) && *c->at == ':')
		cur_take(c, 1);
	if (!small(c, 2, 59, &m))
		return false;
	*offset = (int64_t)(h * 60 + m) * 60 * (sign.p[0] == '-' ? -1 : 1);
	return true;
}

/* A zone's name says nothing that could be trusted, but for these. */
static bool zone_name(struct cursor *c)
{
	struct slice rest = cur_rest(c);
	size_t n = 0;

	while (n < rest.n && rest.p[n] >= 'A' && rest.p[n] <= 'Z')
		n++;
	struct slice name = cur_take(c, n);
	return slice_is(name, "UTC") || slice_is(name, "GMT") || slice_is(name, "Z");
}

static bool walk(struct moment *t, struct cursor *f, struct cursor *c);

static bool walk_text(struct moment *t, const char *format, struct cursor *c)
{
	struct cursor f = cur_of(slice_of(format));

	return walk(t, &f, c);
}

static size_t digits_ahead(const struct cursor *c)
{
	struct slice rest = cur_rest(c);
	size_t n = 0;

	while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
		n++;
	return n;
}

/* Digits that a fraction right after takes: "%s%3f" is one number to look at. */
static size_t fraction_after(const struct cursor *f)
{
	struct slice rest = cur_rest(f);

	if (rest.n >= 2 && rest.p[0] == '%' && rest.p[1] == 'f')
		return 9;
	if (rest.n >= 3 && rest.p[0] == '%' && rest.p[1] >= '1' && rest.p[1] <= '9' && rest.p[2] == 'f')
		return rest.p[1] - '0';
	return 0;
}

static bool seconds(struct moment *t, const struct cursor *f, struct cursor *c)
{
	size_t n = digits_ahead(c), after = fraction_after(f);

	t->absolute = true;
	return n > after && n - after <= 12 && digits(c, n - after, n - after, &t->seconds);
}

/* Abseil's: %E3S and %E*S are seconds with a fraction, %E6f is one, %Ez a zone with a colon, %ET a T. */
static bool extended(struct moment *t, struct cursor *f, struct cursor *c)
{
	uint8_t k = cur_take(f, cur_left(f) > 0).n ? f->at[-1] : 0;
	bool many = k == '*' || (k >= '0' && k <= '9');

	if (k == 'z')
		return zone(c, &t->offset);
	if (k == 'T' || k == 't')
		return cur_take(c, 1).n && (c->at[-1] | 0x20) == 't';
	if (!many || !cur_left(f))
		return false;
	uint8_t what = cur_take(f, 1).p[0];
	if (what == 'Y')
		return digits(c, 4, 4, &t->year);
	if (what == 'f')
		return fraction(c, 0, &t->ns);
	if (what != 'S' || !small(c, 2, 60, &t->second))
		return false;
	/* "%E*S" leaves the point out where nothing follows it. */
	if (!cur_left(c) || *c->at != '.')
		return k == '0' || k == '*';
	cur_take(c, 1);
	return fraction(c, 0, &t->ns);
}

static bool field(struct moment *t, uint8_t k, struct cursor *f, struct cursor *c)
{
	switch (k) {
	case 'Y': return digits(c, 4, 4, &t->year);
	case 'm': return small(c, 2, 12, &t->month);
	case 'd': return small(c, 2, 31, &t->day);
	case 'e':
		if (cur_left(c) && *c->at == ' ')
			cur_take(c, 1);
		return small(c, 1, 31, &t->day);
	case 'b': case 'B':
	case 'h': return month_name(c, &t->month);
	case 'a':
	case 'A': return day_name(c);
	case 'j': return digits(c, 3, 3, &t->day_of_year) && t->day_of_year >= 1 && t->day_of_year <= 366;
	case 'y':
		if (!digits(c, 2, 2, &t->year))
			return false;
		t->year += t->year < 69 ? 2000 : 1900;	/* POSIX strptime */
		return true;
	case 'D': return walk_text(t, "%m/%d/%y", c);
	case 'n':
	case 't': return blanks(c);
	case 'H': return small(c, 2, 23, &t->hour);
	case 'I':
		t->twelve = true;
		return small(c, 2, 12, &t->hour);
	case 'p': {
		struct slice s = cur_take(c, 2);
		t->pm = s.n && s.p[0] == 'P';
		return s.n != 0;
	}
	case 'M': return small(c, 2, 59, &t->minute);
	case 'S': return small(c, 2, 60, &t->second);
	case 'E': return extended(t, f, c);
	case 'T': return walk_text(t, "%H:%M:%S", c);
	case 'F': return walk_text(t, "%Y-%m-%d", c);
	case 'R': return walk_text(t, "%H:%M", c);
	case 's': return seconds(t, f, c);
	case 'f': return fraction(c, 0, &t->ns);
	case 'z': return zone(c, &t->offset);
	case 'Z': return zone_name(c);
	case '%': return cur_take(c, 1).n && c->at[-1] == '%';
	}
	if (k >= '1' && k <= '9' && cur_left(f) && *f->at == 'f') {
		cur_take(f, 1);
		return fraction(c, (size_t)(k - '0'), &t->ns);
	}
	return false;
}

static bool walk(struct moment *t, struct cursor *f, struct cursor *c)
{
	while (cur_left(f)) {
		uint8_t k = cur_take(f, 1).p[0];
		if (k != '%') {
			struct slice got = cur_take(c, 1);
			if (!got.n || got.p[0] != k)
				return false;
			continue;
		}
		if (!cur_left(f) || !field(t, cur_take(f, 1).p[0], f, c))
			return false;
	}
	return true;
}

/* ":49.103Z" */
static bool in_minute(const uint8_t *p, int64_t *ns)
{
	static const uint8_t least[8] = ":00.000Z", most[8] = ":99.999Z";
	unsigned bad = 0;

	for (size_t i = 0; i < 8; i++)
		bad |= (p[i] < least[i]) | (p[i] > most[i]);
	if (bad)
		return false;
	int second = (p[1] - '0') * 10 + (p[2] - '0');
	int part = (p[4] - '0') * 100 + (p[5] - '0') * 10 + (p[6] - '0');
	*ns = second * NS_PER_S + part * INT64_C(1000000);
	return second <= 60;
}

/*
 * A number: seconds since 1970 with or without a fraction; or, by how many digits it has, milliseconds,
 * microseconds or nanoseconds.  Of the years from 2001 to 2286 no two of them have as many.
 */
static bool epoch(struct slice s, int64_t *ns)
{
	static const struct { size_t digits; int64_t unit; } of[] = {
		{ 10, NS_PER_S }, { 13, 1000000 }, { 16, 1000 }, { 19, 1 },
	};
	struct cursor c = cur_of(s);
	size_t n = digits_ahead(&c);
	int64_t v, part = 0;

	if (n < 10 || n > 19 || (n == 19 && s.p[0] == '9') || !digits(&c, n, n, &v))
		return false;
	if (n == 10 && cur_left(&c) && *c.at == '.') {
		cur_take(&c, 1);
		if (!fraction(&c, 0, &part))
			return false;
	}
	for (size_t k = 0; k < 4 && !cur_left(&c); k++)
		if (of[k].digits == n && v <= INT64_MAX / of[k].unit) {
			*ns = v * of[k].unit + part;
			return true;
		}
	return false;
}

static bool default_time(struct slice s, int64_t *ns)
{
	return clock_parse(s, ns) || epoch(s, ns);
}

/* On the hot path: within a minute only the last eight bytes are looked at. */
bool log_time_default(struct log_minute *m, struct slice s, int64_t *ns)
{
	int64_t rest;

	if (s.n != 24 || !in_minute(s.p + sizeof m->text, &rest))
		return default_time(s, ns);
	if (memcmp(m->text, s.p, sizeof m->text) != 0) {
		if (!clock_parse(s, ns))
			return false;
		memcpy(m->text, s.p, sizeof m->text);
		m->ns = *ns - rest;
	}
	*ns = m->ns + rest;
	return true;
}

static bool real_day(struct moment *t)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);

	if (t->day_of_year) {
		t->month = 1;
		t->day = (unsigned)t->day_of_year;
		return t->day <= 365U + leap;
	}
	return t->month >= 1 && t->day >= 1 && t->day <= days[t->month - 1] + (t->month == 2 && leap);
}

bool log_time(struct slice format, struct slice text, int64_t *ns)
{
	struct moment t = { 0 };	/* what the text does not say stays out of range: a date is wanted */
	struct cursor f = cur_of(format), c = cur_of(text);

	if (!format.n)
		return default_time(text, ns);
	if (!walk(&t, &f, &c) || cur_left(&c))
		return false;
	if (t.absolute) {
		if (t.seconds >= INT64_MAX / NS_PER_S)
			return false;
		*ns = t.seconds * NS_PER_S + t.ns;
		return true;
	}
	if (t.year < 1678 || t.year > 2261)
		return false;
	if (t.twelve)
		t.hour = t.hour % 12 + (t.pm ? 12 : 0);
	if (!real_day(&t))
		return false;
	int64_t s = clock_days(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + t.second;
	*ns = (s - t.offset) * NS_PER_S + t.ns;
	return true;
}

bool log_time_zoned(struct slice format)
{
	static const char *const said[] = { "%z", "%Ez", "%E*z", "%s", NULL };

	for (const char *const *w = said; *w; w++)
		if (format.n && memmem(format.p, format.n, *w, strlen(*w)))
			return true;
	return false;
}
