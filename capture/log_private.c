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

bool log_private_is_url(struct slice header)
{
	static const char *const words[] = { "refer", "url", "uri", "path", "location", "origin", NULL };

	return holds_one(header, words);
}

bool log_private_is_secret(struct slice header)
{
	static const char *const words[] = {
		"authorization", "authentication", "cookie", "api-key", "apikey", "token", "secret", "password",
		"credential", "session", "signature", NULL,
	};
	return holds_one(header, words);
}
