/* log_mask: one pass; a word that announces a secret hides what stands after it, up to where the value ends. */
#include "capture/log_mask.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *word;
	bool scheme;			/* "Bearer abc": the value follows a blank */
} secrets[] = {
	{ "authorization", false }, { "cookie", false }, { "api-key", false }, { "api_key", false },
	{ "apikey", false }, { "token", false }, { "secret", false }, { "password", false },
	{ "passwd", false }, { "bearer", true }, { "basic", true },
};

static const char mask[] = "(masked)";

/* Length of what announces a secret here, with what stands before its value; 0: nothing does. */
static size_t announced(struct slice at)
{
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		size_t n = strlen(secrets[i].word), end = n;
		if (at.n <= n || strncasecmp((const char *)at.p, secrets[i].word, n) != 0)
			continue;
		while (end < at.n && memchr(secrets[i].scheme ? " " : "\":= \\", at.p[end], secrets[i].scheme ? 1 : 5))
			end++;
		return end > n ? end : 0;
	}
	return 0;
}

/* A quoted value ends at its quote; another at a blank too, unless a scheme's name stood there. */
static size_t value_end(struct slice s, bool quoted)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '"' && (quoted || (s.p[n] != ' ' && s.p[n] != ',')))
		n++;
	return n;
}

/*
 * A query may hold whatever a client wrote, blanks and quotes too: a request line's ends before its protocol,
 * where there is one.
 */
static size_t query_end(struct slice s)
{
	const uint8_t *end = s.n > 6 ? memmem(s.p, s.n, " HTTP/", 6) : NULL;

	return end ? (size_t)(end - s.p) : value_end(s, false);
}

size_t log_mask(struct slice line, uint8_t *to, size_t most)
{
	size_t n = 0, i = 0;

	while (i < line.n && n < most) {
		struct slice rest = slice_from(line, i);
		bool query = line.p[i] == '?';
		size_t before = query ? 1 : announced(rest);

		if (!before) {
			to[n++] = line.p[i++];
			continue;
		}
		size_t take = before < most - n ? before : most - n;
		memcpy(to + n, rest.p, take);
		n += take;
		rest = slice_from(rest, before);
		bool quoted = !query && rest.p[-1] == '"';
		size_t value = query ? query_end(rest) : value_end(rest, quoted);
		/* Authorization: Bearer abc: the scheme goes on to announce its own. */
		if (!query && value && (quoted || !announced(rest))) {
			take = sizeof mask - 1 < most - n ? sizeof mask - 1 : most - n;
			memcpy(to + n, mask, take);
			n += take;
		} else if (!query) {
			value = 0;
		}
		i += before + value;
	}
	return n;
}
