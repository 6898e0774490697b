/*
 * match_path: what Envoy does to :path before any filter sees it.
 *
 * Order (envoy:source/common/http/conn_manager_utility.cc): escaped slashes, then the canonical form
 * of the URL library, then merged slashes.  The query is left alone.  The canonical form
 * resolves dot segments ("%2e" is a dot), turns "\" into "/", decodes escaped
 * unreserved characters and escapes what may not stand in a path.  A path that does not
 * begin with "/" never gets here: Envoy answers it with 404.
 */
#include "analyze/match_path.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	const char *name;
	enum path_normalization mode;
} modes[] = {
	{ "NONE", PATH_NONE }, { "BASE", PATH_BASE }, { "DEFAULT", PATH_BASE },
	{ "MERGE_SLASHES", PATH_MERGE_SLASHES },
	{ "DECODE_AND_MERGE_SLASHES", PATH_DECODE_AND_MERGE },
};

enum path_normalization path_normalization_by_name(struct slice name)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (slice_is(name, modes[i].name))
			return modes[i].mode;
	return PATH_DEFAULT;
}

const char *path_normalization_name(enum path_normalization mode)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (modes[i].mode == mode)
			return modes[i].name;
	return "BASE";
}

struct slice path_only(struct slice path)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '?' || path.p[i] == '#')
			return (struct slice){ path.p, i };
	return path;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that %XX at s.p[i] stands for, or -1. */
static int escaped(struct slice s, size_t i)
{
	if (s.n - i < 3 || s.p[i] != '%' || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
		return -1;
	return hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]);
}

static bool alnum(int c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Length of a dot at s.p[i], "." or "%2e"; 0: none. */
static size_t dot(struct slice s, size_t i)
{
	if (i < s.n && s.p[i] == '.')
		return 1;
	return i < s.n && escaped(s, i) == '.' ? 3 : 0;
}

static bool slash_or_end(struct slice s, size_t i)
{
	return i >= s.n || s.p[i] == '/' || s.p[i] == '\\';
}

/* A dot segment at s.p[i], after a slash: dots in it (1, 2), 0: none.  *len: with its slash. */
static int dot_segment(struct slice s, size_t i, size_t *len)
{
	size_t one = dot(s, i), two = one ? dot(s, i + one) : 0;
	size_t end = i + one + two;

	if (!one || !slash_or_end(s, end))
		return 0;
	*len = end - i + (end < s.n);
	return two ? 2 : 1;
}

static size_t up(const uint8_t *out, size_t n)
{
	if (n > 1)
		for (n--; out[n - 1] != '/';)
			n--;
	return n;
}

/* What may not stand in a path as it is. */
static bool must_escape(uint8_t c)
{
	static const bool some[128] = {
		['"'] = true, ['#'] = true, ['<'] = true, ['>'] = true, ['?'] = true,
		['^'] = true, ['`'] = true, ['{'] = true, ['|'] = true, ['}'] = true,
	};

	return c <= ' ' || c >= 0x7f || some[c];
}

/* One byte (or escape) of input to output.  False: %00, which Envoy refuses. */
static bool one_byte(struct slice s, size_t *i, uint8_t *out, size_t *n)
{
	static const char digit[] = "0123456789ABCDEF";
	uint8_t c = s.p[*i];
	int e = escaped(s, *i);

	if (e == 0 || c == 0)
		return false;
	if (e > 0) {
		if (alnum(e) || strchr("-_~.", e)) {
			out[(*n)++] = (uint8_t)e;
		} else {
			memcpy(out + *n, s.p + *i, 3);
			*n += 3;
		}
		*i += 3;
		return true;
	}
	++*i;
	if (c == '\\') {
		out[(*n)++] = '/';
	} else if (must_escape(c)) {
		out[(*n)++] = '%';
		out[(*n)++] = (uint8_t)digit[c >> 4];
		out[(*n)++] = (uint8_t)digit[c & 15];
	} else {
		out[(*n)++] = c;
	}
	return true;
}

static bool canonical(struct slice s, uint8_t *out, size_t *length)
{
	size_t n = 0, i = 0, len = 0;

	while (i < s.n) {
		int dots = n && out[n - 1] == '/' ? dot_segment(s, i, &len) : 0;

		if (dots) {
			i += len;
			if (dots == 2)
				n = up(out, n);
		} else if (!one_byte(s, &i, out, &n)) {
			return false;
		}
	}
	*length = n;
	return true;
}

static size_t merge_slashes(uint8_t *p, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++)
		if (p[i] != '/' || !to || p[to - 1] != '/')
			p[to++] = p[i];
	return to;
}

static struct slice decode_slashes(struct slice s, struct arena *a)
{
	uint8_t *p = arena_bytes(a, s.n + 1);
	size_t n = 0;

	if (!p)
		return s;
	for (size_t i = 0; i < s.n;) {
		int e = escaped(s, i);
		bool decode = e == '/' || e == '\\';

		p[n++] = decode ? (uint8_t)e : s.p[i];
		i += decode ? 3 : 1;
	}
	return (struct slice){ p, n };
}

/* Most paths are canonical already. */
static bool untouched(struct slice s, enum path_normalization mode)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (must_escape(c) || c == '%' || c == '\\' || (i && s.p[i - 1] == '/' &&
		    (c == '.' || (c == '/' && mode >= PATH_MERGE_SLASHES))))
			return false;
	}
	return true;
}

struct slice path_normalize(struct slice path, enum path_normalization mode, struct arena *a)
{
	const uint8_t *q = path.n ? memchr(path.p, '?', path.n) : NULL;
	struct slice s = { path.p, q ? (size_t)(q - path.p) : path.n };
	struct slice query = slice_from(path, s.n);
	size_t n = 0;

	if (mode == PATH_NONE || !s.n || s.p[0] != '/' || untouched(s, mode))
		return path;
	if (mode == PATH_DECODE_AND_MERGE)
		s = decode_slashes(s, a);
	uint8_t *out = arena_bytes(a, 3 * s.n + 1 + query.n);
	if (!out || !canonical(s, out, &n))
		return path;
	if (mode >= PATH_MERGE_SLASHES)
		n = merge_slashes(out, n);
	if (query.n)
		memcpy(out + n, query.p, query.n);
	return (struct slice){ out, n + query.n };
}
