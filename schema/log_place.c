/* log_place: names of rotated logs. */
#include "schema/log_place.h"

#include <string.h>

#include "common/buf.h"

/* Bytes at the end that a rotation puts there: digits and what stands between them. */
static size_t number_at_end(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[s.n - n - 1] && strchr("0123456789-_.TZ", s.p[s.n - n - 1]))
		n++;
	/* It begins with a dot or a dash: a digit before belongs to the name. */
	while (n && !strchr(".-", s.p[s.n - n]))
		n--;
	return n > 1 ? n : 0;
}

static size_t digits(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] >= '0' && s.p[i] <= '9';
	return n;
}

/* The name before a rotation, in two parts: what stands before the number, and the ending behind it. */
static void base(struct slice name, struct slice part[2])
{
	static const size_t date = 6;

	if (slice_ends(name, SLICE(".gz")))
		name.n -= 3;
	size_t number = number_at_end(name);
	name.n -= number && digits(slice_from(name, name.n - number)) ? number : 0;
	part[0] = name;
	part[1] = (struct slice){ NULL, 0 };
	size_t dot = name.n;
	while (dot && name.p[dot - 1] != '.' && name.p[dot - 1] != '/')
		dot--;
	if (dot < 2 || name.p[dot - 1] != '.' || name.p[dot - 2] == '/')
		return;
	part[0].n = dot - 1;
	part[1] = slice_from(name, dot - 1);
	number = number_at_end(part[0]);
	if (number && digits(slice_from(part[0], part[0].n - number)) >= date)
		part[0].n -= number;
}

bool log_place_related(struct slice a, struct slice b)
{
	struct slice x[2], y[2];

	if (slice_eq(a, b))
		return true;
	base(a, x);
	base(b, y);
	return slice_eq(x[0], y[0]) && slice_eq(x[1], y[1]);
}
