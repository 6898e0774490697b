#include "capture/log_private.h"

#include <stdio.h>
#include <string.h>

#include "common/hash.h"

enum { HASH_TEXT = 20 };		/* "?h=" and sixteen digits */

/* The same query gives the same hash, in every run and on every machine. */
static struct slice hashed(struct slice url, struct slice query, struct arena *a)
{
	static const uint64_t key[2] = { 0x65677265742d7175, 0x6572792d68617368 };
	uint8_t *p = arena_bytes(a, url.n + HASH_TEXT);

	if (!p)
		return url;
	memcpy(p, url.p, url.n);
	int n = snprintf((char *)p + url.n, HASH_TEXT, "?h=%016llx",
			 (unsigned long long)hash_sip13(key, query.p, query.n));
	return (struct slice){ p, url.n + (size_t)n };
}

struct slice log_private_url(struct slice url, enum log_query query, struct arena *a)
{
	const uint8_t *mark = url.n ? memchr(url.p, '?', url.n) : NULL;

	if (!mark || query == LOG_QUERY_KEEP)
		return url;
	struct slice bare = { url.p, (size_t)(mark - url.p) };
	return query == LOG_QUERY_HASH ? hashed(bare, slice_from(url, bare.n + 1), a) : bare;
}

static bool holds(struct slice text, const char *word)
{
	size_t n = strlen(word);

	return text.n >= n && memmem(text.p, text.n, word, n) != NULL;
}

static bool holds_one(struct slice text, const char *const *words)
{
	while (*words)
		if (holds(text, *words++))
			return true;
	return false;
}

static bool is_one(struct slice text, const char *const *names)
{
	for (; *names; names++)
		if (slice_is(text, *names))
			return true;
	return false;
}

bool log_private_is_query(struct slice header)
{
	return holds(header, "query");
}

bool log_private_is_secret(struct slice header)
{
	static const char *const words[] = {
		"authorization", "authentication", "cookie", "api-key", "api_key", "apikey", "access-key", "access_key",
		"accesskey", "private-key", "token", "secret", "password", "passwd", "credential", "session",
		"signature", "jwt", "assertion", "bearer", "csrf", "xsrf", NULL,
	};
	static const char *const names[] = {
		"auth", "x-auth", "sid", "x-sid", "otp", "x-otp", "pin", "x-pin", NULL,
	};
	return holds_one(header, words) || is_one(header, names);
}

/* Referer and its like, and whatever looks like a path or a URL. */
static bool is_url(struct slice name, struct slice value)
{
	static const char *const words[] = { "refer", "url", "uri", "path", "location", "origin", NULL };

	return slice_starts(value, SLICE("/")) || holds(value, "://") || holds_one(name, words);
}

/* Who holds the value against a policy has to know that it was a longer one. */
static struct slice marked_url(struct slice url, enum log_query query, struct arena *a)
{
	static const char mark[] = "?" FLOW_MASKED;
	struct slice bare = log_private_url(url, query, a);

	if (query != LOG_QUERY_DROP || bare.n == url.n)
		return bare;
	uint8_t *p = arena_bytes(a, bare.n + sizeof mark - 1);
	if (!p)
		return SLICE(FLOW_MASKED);
	memcpy(p, bare.p, bare.n);
	memcpy(p + bare.n, mark, sizeof mark - 1);
	return (struct slice){ p, bare.n + sizeof mark - 1 };
}

struct slice log_private_value(struct slice name, struct slice value, enum log_query query, struct arena *a)
{
	if (log_private_is_secret(name))
		return SLICE(FLOW_MASKED);
	if (log_private_is_query(name) && query != LOG_QUERY_KEEP)
		return query == LOG_QUERY_DROP ? SLICE(FLOW_MASKED) : hashed((struct slice){ value.p, 0 }, value, a);
	return is_url(name, value) ? marked_url(value, query, a) : value;
}
