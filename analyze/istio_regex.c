/*
 * istio_regex: what RE2 (Envoy's engine, and Go's at validation) refuses.
 * PCRE2 accepts more; taking such a pattern would give verdicts for a configuration that Istio rejects.
 */
#include "analyze/istio.h"

#include <string.h>

/* After a backslash: references, assertions and classes that RE2 does not have. */
static const char *escape(uint8_t c)
{
	if (c >= '1' && c <= '9')
		return "back-references are not supported";
	if (c && strchr("kgGKRXZHhNoUlLuyY", c))
		return "this escape is not supported";
	return NULL;
}

/* After "(?": s begins with what follows. */
static const char *group(struct slice s)
{
	if (!s.n)
		return NULL;
	if (s.p[0] == '=' || s.p[0] == '!')
		return "look-ahead is not supported";
	if (s.p[0] == '<' && s.n > 1 && (s.p[1] == '=' || s.p[1] == '!'))
		return "look-behind is not supported";
	if (s.p[0] == 'P' && s.n > 1 && (s.p[1] == '=' || s.p[1] == '>'))
		return "back-references are not supported";
	if (s.p[0] == 'P' || s.p[0] == '<' || s.p[0] == ':')
		return NULL;
	for (size_t i = 0; i < s.n && s.p[i] != ')' && s.p[i] != ':'; i++)
		if (!strchr("imsU-", s.p[i]))
			return "this kind of group is not supported";
	return NULL;
}

const char *re2_refuses(struct slice p)
{
	bool in_class = false;

	for (size_t i = 0; i < p.n; i++) {
		struct slice rest = slice_from(p, i + 1);
		const char *why = NULL;

		if (p.p[i] == '\\') {
			why = rest.n ? escape(rest.p[0]) : "ends in a backslash";
			i++;
		} else if (in_class) {
			in_class = p.p[i] != ']';
		} else if (p.p[i] == '[') {
			in_class = true;
			/* A bracket first in the class stands for itself. */
			i += rest.n && rest.p[0] == '^';
			i += i + 1 < p.n && p.p[i + 1] == ']';
		} else if (p.p[i] == '(' && slice_starts(rest, SLICE("?"))) {
			why = group(slice_from(rest, 1));
		} else if (p.p[i] == '(' && slice_starts(rest, SLICE("*"))) {
			why = "verbs are not supported";
		} else if (strchr("*+?}", p.p[i]) && rest.n && rest.p[0] == '+') {
			why = "possessive repetition is not supported";
		}
		if (why)
			return why;
	}
	return NULL;
}
