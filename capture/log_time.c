#include "capture/log_time.h"

#include <string.h>
#include <strings.h>

#include "capture/log_moment.h"
#include "common/clock.h"

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

/* The first digits are the fraction's; Envoy prints as many as it was asked for.  The finest is kept. */
static bool fraction(struct cursor *c, size_t width, struct moment *t)
{
	int64_t unit = NS_PER_S / 10, ns = 0;
	size_t n = 0;

	for (; cur_left(c) && *c->at >= '0' && *c->at <= '9' && n < (width ? width : 9); n++, unit /= 10)
		ns += (cur_take(c, 1).p[0] - '0') * unit;
	if (n && n >= t->fraction) {
		t->ns = ns;
		t->fraction = n;
	}
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

static bool day_name(struct cursor *c, unsigned *weekday)
{
	return name_of(c, "MonTueWedThuFriSatSun", 7, weekday);
}

static bool blanks(struct cursor *c)
{
	while (cur_left(c) && (*c->at == ' ' || *c->at == '\t'))
		cur_take(c, 1);
	return true;
}

/* Padded by a blank or a zero, or not at all. */
static bool padded(struct cursor *c, unsigned most, unsigned *v)
{
	if (cur_left(c) && *c->at == ' ')
		cur_take(c, 1);
	return small(c, 1, most, v);
}

/* One more than the number. */
static bool counted(struct cursor *c, unsigned most, unsigned *v)
{
	bool read = small(c, 2, most, v);

	++*v;
	return read;
}

/* "+0130", "+01:30", "+01:30:00", "Z" */
static bool zone(struct cursor *c, int64_t *offset)
{
	struct slice sign = cur_take(c, 1);
	unsigned h, m, seconds = 0;

	if (sign.n && (sign.p[0] == 'Z' || sign.p[0] == 'z'))
		return true;
	if (!sign.n || (sign.p[0] != '+' && sign.p[0] != '-') || !small(c, 2, 23, &h))
		return false;
	if (cur_left(c) && *c->at == ':')
		cur_take(c, 1);
	if (!small(c, 2, 59, &m))
		return false;
	if (cur_left(c) && *c->at == ':') {
		cur_take(c, 1);
		if (!small(c, 2, 59, &seconds))
			return false;
	}
	*offset = (int64_t)(h * 3600 + m * 60 + seconds) * (sign.p[0] == '-' ? -1 : 1);
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

static bool field(struct moment *t, uint8_t k, struct cursor *f, struct cursor *c);

/*
 * Abseil's: %E3S and %E*S are seconds with a fraction, %E6f is one, %Ez a zone with a colon, %ET a T; and strftime's
 * %EY and the like, in which nothing is other than without the E.
 */
static bool extended(struct moment *t, struct cursor *f, struct cursor *c)
{
	uint8_t k = cur_take(f, cur_left(f) > 0).n ? f->at[-1] : 0;
	bool many = k == '*' || (k >= '0' && k <= '9');

	if (k == 'T' || k == 't')
		return cur_take(c, 1).n && (c->at[-1] | 0x20) == 't';
	if (!many)
		return k && memchr("zcCxXyY", k, 7) && field(t, k, f, c);
	if (!cur_left(f))
		return false;
	uint8_t what = cur_take(f, 1).p[0];
	if (what == 'z')
		return zone(c, &t->offset);
	if (what == 'Y')
		return digits(c, 4, 4, &t->year);
	if (what == 'f')
		return fraction(c, 0, t);
	if (what != 'S' || !small(c, 2, 60, &t->second))
		return false;
	/* "%E*S" leaves the point out where nothing follows it. */
	if (!cur_left(c) || *c->at != '.')
		return k == '0' || k == '*';
	cur_take(c, 1);
	return fraction(c, 0, t);
}

/* "AM", "pm" */
static bool half(struct moment *t, struct cursor *c)
{
	struct slice s = cur_take(c, 2);

	t->half = true;
	t->pm = s.n && (s.p[0] | 0x20) == 'p';
	return s.n && (t->pm || (s.p[0] | 0x20) == 'a') && (s.p[1] | 0x20) == 'm';
}

/* %u and %w: Sunday is 7, or 0. */
static bool weekday(struct moment *t, struct cursor *c)
{
	int64_t n;

	if (!digits(c, 1, 1, &n) || n > 7)
		return false;
	t->weekday = n ? (unsigned)n : 7;
	return true;
}

/* Several at once, as the C locale has them. */
static const char *composed(uint8_t k)
{
	switch (k) {
	case 'D': case 'x': return "%m/%d/%y";
	case 'F': return "%Y-%m-%d";
	case 'R': return "%H:%M";
	case 'T': case 'X': return "%H:%M:%S";
	case 'r': return "%I:%M:%S %p";
	case 'c': return "%a %b %e %H:%M:%S %Y";
	}
	return NULL;
}

static bool date_field(struct moment *t, uint8_t k, struct cursor *c)
{
	int64_t ignored;

	switch (k) {
	case 'Y': return digits(c, 4, 4, &t->year);
	case 'C': return counted(c, 99, &t->century);
	case 'y': return counted(c, 99, &t->in_century);
	case 'm': return small(c, 2, 12, &t->month);
	case 'd': return small(c, 2, 31, &t->day);
	case 'e': return padded(c, 31, &t->day);
	case 'b': case 'B': case 'h': return month_name(c, &t->month);
	case 'a': case 'A': return day_name(c, &t->weekday);
	case 'j': return digits(c, 3, 3, &t->day_of_year) && t->day_of_year >= 1 && t->day_of_year <= 366;
	case 'u': case 'w': return weekday(t, c);
	case 'G': return digits(c, 4, 4, &t->iso_year);
	case 'g': return digits(c, 2, 2, &ignored);
	case 'V': return small(c, 2, 53, &t->iso_week) && t->iso_week;
	case 'W': return counted(c, 53, &t->monday_week);
	case 'U': return counted(c, 53, &t->sunday_week);
	}
	return false;
}

static bool field(struct moment *t, uint8_t k, struct cursor *f, struct cursor *c)
{
	const char *several = composed(k);

	if (several)
		return walk_text(t, several, c);
	switch (k) {
	case 'n': case 't': return blanks(c);
	case 'H': return small(c, 2, 23, &t->hour);
	case 'k': return padded(c, 23, &t->hour);
	case 'I': case 'l':
		t->twelve = true;
		return padded(c, 12, &t->hour);
	case 'p': case 'P': return half(t, c);
	case 'M': return small(c, 2, 59, &t->minute);
	case 'S': return small(c, 2, 60, &t->second);
	case 'E': return extended(t, f, c);
	case 'O': return cur_left(f) && memchr("demHIMSuUVwWy", *f->at, 13) && field(t, cur_take(f, 1).p[0], f, c);
	case 's': return seconds(t, f, c);
	case 'f': return fraction(c, 0, t);
	case 'z': return zone(c, &t->offset);
	case 'Z': return zone_name(c);
	case '%': return cur_take(c, 1).n && c->at[-1] == '%';
	case ':':
		while (cur_left(f) && *f->at == ':')
			cur_take(f, 1);
		return cur_take(f, cur_left(f) > 0).n && f->at[-1] == 'z' && zone(c, &t->offset);
	}
	if (k >= '1' && k <= '9' && cur_left(f) && *f->at == 'f') {
		cur_take(f, 1);
		return fraction(c, (size_t)(k - '0'), t);
	}
	return date_field(t, k, c);
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
	struct moment part = { 0 };
	int64_t v;

	if (n < 10 || n > 19 || (n == 19 && s.p[0] == '9') || !digits(&c, n, n, &v))
		return false;
	if (n == 10 && cur_left(&c) && *c.at == '.') {
		cur_take(&c, 1);
		if (!fraction(&c, 0, &part))
			return false;
	}
	for (size_t k = 0; k < 4 && !cur_left(&c); k++)
		if (of[k].digits == n && v <= INT64_MAX / of[k].unit) {
			*ns = v * of[k].unit + part.ns;
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

/* What one operator printed, beside what others did. */
static bool read_part(struct moment *t, const struct log_time_part *part)
{
	struct cursor f = cur_of(part->format), c = cur_of(part->text);
	int64_t ns;

	if (part->format.n)
		return walk(t, &f, &c) && !cur_left(&c);
	if (!default_time(part->text, &ns) || ns < 0)
		return false;
	t->absolute = true;
	t->seconds = ns / NS_PER_S;
	size_t said = ns % 1000000 ? 9 : 3;
	if (said >= t->fraction) {
		t->ns = ns % NS_PER_S;
		t->fraction = said;
	}
	return true;
}

bool log_time(struct slice format, struct slice text, int64_t *ns)
{
	const struct log_time_part all = { format, text };
	struct moment t = { 0 };	/* what the text does not say stays out of range: a date is wanted */

	if (!format.n)
		return default_time(text, ns);
	return read_part(&t, &all) && log_moment_ns(&t, ns);
}

bool log_time_joined(const struct log_time_part *part, size_t n, bool all, int64_t *ns)
{
	struct moment t = { 0 };
	int64_t again;

	for (size_t i = 0; i < n; i++)
		if (!read_part(&t, &part[i]))
			return false;
	if (!(all || t.absolute) || !log_moment_ns(&t, ns))
		return false;
	/* Each part once more: one that others contradict now has the last word, and it is another. */
	for (size_t i = 0; i < n; i++) {
		struct moment other = t;
		if (!read_part(&other, &part[i]) || !log_moment_ns(&other, &again) || again != *ns)
			return false;
	}
	return true;
}
