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
	{ "passwd", false }, { "jwt", false }, { "assertion", false }, { "session", false }, { "credential", false },
	{ "bearer", true }, { "basic", true },
};

static const char mask[] = "(masked)";

static bool is_name(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_';
}

/* Length of what announces a secret here, with what stands before its value; 0: nothing does. */
static size_t announced(struct slice at)
{
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		size_t n = strlen(secrets[i].word), end = n;
		if (at.n <= n || strncasecmp((const char *)at.p, secrets[i].word, n) != 0)
			continue;
		/* "session-id", "token2" */
		while (!secrets[i].scheme && n < at.n && is_name(at.p[n]))
			n++;
		end = n;
		while (end < at.n && memchr(secrets[i].scheme ? " " : "\":= \\", at.p[end], secrets[i].scheme ? 1 : 5))
			end++;
		return end > n ? end : 0;
	}
	return 0;
}

/* The backslashes before a quote say how deep it is: a line of JSON inside JSON has \\" for its own strings. */
static size_t depth_at(struct slice line, size_t quote)
{
	size_t n = 0;

	while (n < quote && line.p[quote - 1 - n] == '\\')
		n++;
	return n;
}

/* Where the string ends whose quote was that deep, with the backslashes before the quote. */
static size_t string_end(struct slice s, size_t depth)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '"' && depth_at(s, i) <= depth)
			return i - depth_at(s, i);
	return s.n;
}

/* A quoted value ends at its quote; another at a blank too, unless a scheme's name stood there. */
static size_t value_end(struct slice s, bool quoted, size_t depth)
{
	size_t n = 0;

	if (quoted)
		return string_end(s, depth);
	while (n < s.n && s.p[n] != '"' && s.p[n] != ' ' && s.p[n] != ',')
		n++;
	return n;
}

/*
 * A query may hold whatever a client wrote, blanks and quotes too: a request line's ends before its protocol, a JSON
 * string's not before its quote; elsewhere nobody knows, so nothing after it is shown.
 */
static size_t query_end(struct slice s, bool json, size_t depth)
{
	const uint8_t *protocol = s.n > 6 ? memmem(s.p, s.n, " HTTP/", 6) : NULL;
	size_t end = protocol ? (size_t)(protocol - s.p) : 0, string = json ? string_end(s, depth) : 0;

	if (!json && !protocol)
		return s.n;
	return end > string ? end : string;
}

/* Its first brace begins an object, with at most a runtime's own words before it. */
static bool is_json(struct slice line)
{
	const uint8_t *brace = line.n ? memchr(line.p, '{', line.n) : NULL;
	const uint8_t *quote = line.n ? memchr(line.p, '"', line.n) : NULL;

	return brace && quote && brace < quote && brace - line.p < 128;
}

/* '?', or JSON's way to write it; its bytes. */
static size_t mark_at(struct slice s)
{
	if (s.p[0] == '?')
		return 1;
	return s.n > 6 && !strncasecmp((const char *)s.p, "\\u003f", 6) ? 6 : 0;
}

size_t log_mask(struct slice line, uint8_t *to, size_t most)
{
	size_t n = 0, i = 0, depth = 0;
	bool json = is_json(line);

	while (i < line.n && n < most) {
		struct slice rest = slice_from(line, i);
		size_t query = mark_at(rest), before = query ? query : announced(rest);

		if (line.p[i] == '"')
			depth = depth_at(line, i);
		if (!before) {
			to[n++] = line.p[i++];
			continue;
		}
		size_t take = before < most - n ? before : most - n;
		memcpy(to + n, rest.p, take);
		n += take;
		rest = slice_from(rest, before);
		bool quoted = !query && line.p[i + before - 1] == '"';
		size_t inner = quoted ? depth_at(line, i + before - 1) : depth;
		size_t value = query ? query_end(rest, json, depth) : value_end(rest, quoted, inner);
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
