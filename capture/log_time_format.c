/* log_time_format: what can be said of a START_TIME(...) before it prints anything. */
#include "capture/log_time.h"

#include <string.h>

/* The letter of a field whose '%' is at i; past what stands before it ("%E3S", "%3f", "%::z"). */
static size_t letter_at(struct slice format, size_t i)
{
	for (i++; i < format.n && memchr("EO*:0123456789", format.p[i], 14); i++)
		;
	return i;
}

static bool any_field(struct slice format, const char *letters, bool among)
{
	for (size_t i = 0; i < format.n; i++) {
		if (format.p[i] != '%')
			continue;
		i = letter_at(format, i);
		if (i < format.n && (strchr(letters, format.p[i]) != NULL) == among)
			return true;
	}
	return false;
}

bool log_time_is_word(struct slice format)
{
	return !(format.n && (memchr(format.p, ' ', format.n) || memchr(format.p, '"', format.n))) &&
	       !any_field(format, "entcrkl", true);
}

bool log_time_says_hour(struct slice format)
{
	return !format.n || any_field(format, "HkIlTRXcrs", true);
}

bool log_time_is_of_zone(struct slice format)
{
	return !format.n || any_field(format, "sfSntT%", false) || memmem(format.p, format.n, "%T", 2);
}

bool log_time_zoned(struct slice format)
{
	static const char *const said[] = { "%z", "%Ez", "%E*z", "%s", NULL };

	for (const char *const *w = said; *w; w++)
		if (format.n && memmem(format.p, format.n, *w, strlen(*w)))
			return true;
	return false;
}
