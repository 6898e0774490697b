#include "capture/log_time.h"

#include <string.h>

#include "common/clock.h"

struct moment {
	int64_t year, seconds;		/* seconds: %s */
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

static bool month_name(struct cursor *c, unsigned *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct slice s = cur_take(c, 3);

	for (unsigned k = 0; s.n && k < 12; k++)
		if (!memcmp(s.p, names + 3 * k, 3)) {
			*month = k + 1;
			return true;
		}
	return false;
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

static bool walk(struct moment *t, struct cursor *f, struct cursor *c);

static bool walk_text(struct moment *t, const char *format, struct cursor *c)
{
	struct cursor f = cur_of(slice_of(format));

	return walk(t, &f, c);
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
	case 'b':
	case 'h': return month_name(c, &t->month);
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
	case 'T': return walk_text(t, "%H:%M:%S", c);
	case 'F': return walk_text(t, "%Y-%m-%d", c);
	case 'R': return walk_text(t, "%H:%M", c);
	case 's':
		t->absolute = true;
		return digits(c, 1, 12, &t->seconds);
	case 'f': return fraction(c, 0, &t->ns);
	case 'z': return zone(c, &t->offset);
	case 'Z':
		while (cur_left(c) && *c->at >= 'A' && *c->at <= 'Z')
			cur_take(c, 1);
		return true;
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
	unsigned second = (p[1] - '0') * 10U + (p[2] - '0');
	*ns = second * NS_PER_S + ((p[4] - '0') * 100 + (p[5] - '0') * 10 + (p[6] - '0')) * 1000000;
	return !bad && second <= 60;
}

/* On the hot path: within a minute only the last eight bytes are looked at. */
bool log_time_default(struct log_minute *m, struct slice s, int64_t *ns)
{
	int64_t rest;

	if (s.n != 24 || !in_minute(s.p + sizeof m->text, &rest))
		return clock_parse(s, ns);
	if (memcmp(m->text, s.p, sizeof m->text) != 0) {
		if (!clock_parse(s, ns))
			return false;
		memcpy(m->text, s.p, sizeof m->text);
		m->ns = *ns - rest;
	}
	*ns = m->ns + rest;
	return true;
}

bool log_time(struct slice format, struct slice text, int64_t *ns)
{
	struct moment t = { .year = 1970, .month = 1, .day = 1 };
	struct cursor f = cur_of(format), c = cur_of(text);

	if (!format.n)
		return clock_parse(text, ns);
	if (!walk(&t, &f, &c) || cur_left(&c))
		return false;
	if (t.absolute) {
		*ns = t.seconds * NS_PER_S + t.ns;
		return t.seconds < INT64_MAX / NS_PER_S;
	}
	if (t.year < 1678 || t.year > 2261 || t.month < 1 || t.day < 1)
		return false;
	if (t.twelve)
		t.hour = t.hour % 12 + (t.pm ? 12 : 0);
	int64_t s = clock_days(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + t.second;
	*ns = (s - t.offset) * NS_PER_S + t.ns;
	return true;
}
