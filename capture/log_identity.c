/*
 * log_identity: of X-Forwarded-Client-Cert only the last element counts.  Those before it were written by
 * whoever sent the request; the last by the gateway itself, so it is found from the end, and nothing
 * that a client put in front can move its beginning.
 *
 * Source: Envoy, "HTTP header manipulation", x-forwarded-client-cert: elements joined by commas, of
 * key=value pairs joined by semicolons; a value with one of ,;= stands in quotes, where \" is a quote.
 */
#include "capture/log_identity.h"

#include <strings.h>

void log_identity_peer(struct flow *f, struct slice s)
{
	const uint8_t *comma = memchr(s.p, ',', s.n);

	if (comma)
		s.n = (size_t)(comma - s.p);
	if (!s.n)
		return;
	flow_set_identity(f, s);
	flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_LOG);
}

/* A quote at i that is not escaped. */
static bool quote_at(struct slice s, size_t i)
{
	size_t slashes = 0;

	if (s.p[i] != '"')
		return false;
	while (slashes < i && s.p[i - 1 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

static struct slice last_element(struct slice xfcc)
{
	bool quoted = false;

	for (size_t i = xfcc.n; i-- > 0;) {
		quoted ^= quote_at(xfcc, i);
		if (xfcc.p[i] == ',' && !quoted)
			return slice_from(xfcc, i + 1);
	}
	return xfcc;
}

/* One pair; *rest goes on after its semicolon. */
static struct slice pair(struct slice *rest)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < rest->n && (quoted || rest->p[i] != ';'); i++)
		quoted ^= quote_at(*rest, i);
	struct slice one = { rest->p, i };
	*rest = slice_from(*rest, i + 1);
	return one;
}

static struct slice unquoted(struct slice s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return (struct slice){ s.p + 1, s.n - 2 };
	return s;
}

struct slice log_identity_uri(struct slice xfcc)
{
	struct slice rest = last_element(xfcc);

	while (rest.n) {
		struct slice one = pair(&rest);
		while (one.n && one.p[0] == ' ')
			one = slice_from(one, 1);
		if (one.n > 4 && !strncasecmp((const char *)one.p, "URI=", 4))
			return unquoted(slice_from(one, 4));
	}
	return (struct slice){ NULL, 0 };
}

void log_identity_xfcc(struct flow *f, struct slice xfcc)
{
	struct slice uri;

	if (!xfcc.n || flow_state(f, F_SOURCE_IDENTITY) != FLOW_UNKNOWN)
		return;
	uri = log_identity_uri(xfcc);
	if (!uri.n || memchr(uri.p, '"', uri.n) || memchr(uri.p, '\\', uri.n))
		return;
	flow_set_identity(f, uri);
	flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_LOG);
}
