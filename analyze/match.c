/*
 * match: the string forms directly; globs by the classic last-star walk where all stars are
 * ".*", else by moving a set of positions over the text (linear in text times pattern).
 *
 * Regular expressions that Istio writes (pilot/pkg/security/authz/matcher and model):
 *   namespaces       spiffe or not, then "/ns/NS/" anywhere; each * of NS becomes .*
 *   serviceAccounts  spiffe://.+/ns/NS/(.+/|)sa/SA(/.+)?
 *   *suffix          spiffe://.*suffix
 *   trustDomains     spiffe://a[^/]*b/.*
 * RE2's "." takes no newline and only whole UTF-8 characters.
 */
#include "analyze/match.h"

#include <string.h>

#include "common/buf.h"
#include "common/lower.h"

static bool same(struct slice a, const uint8_t *p, bool fold)
{
	return fold ? lower_same(a.p, p, a.n) : a.n == 0 || memcmp(a.p, p, a.n) == 0;
}

/* RFC 3986 pchar without ":" groups left out, as Envoy's uri_template lists them. */
static bool template_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (lower_byte(c) >= 'a' && lower_byte(c) <= 'z') ||
	       (c && strchr("-._~%!$&'()+,;:@=", c) != NULL);
}

bool glob_takes(const struct glob_item *i, uint8_t c, bool fold)
{
	switch ((enum glob_class)i->class) {
	case GLOB_BYTE:
		return c == i->byte || (fold && lower_byte(c) == lower_byte(i->byte));
	case GLOB_ANY:
		return c != '\n';
	case GLOB_NO_SLASH:
		return c != '/' && c != '\n';
	case GLOB_SEGMENT:
		return template_byte(c);
	case GLOB_PATH:
		return c == '/' || template_byte(c);
	}
	return false;
}

static bool plain_text(struct slice v)
{
	for (size_t i = 0; i < v.n;) {
		uint32_t code;
		size_t n = v.p[i] < 0x80 ? 1 : utf8_len(v.p + i, v.n - i, &code);

		if (!n || v.p[i] == '\n')
			return false;
		i += n;
	}
	return true;
}

/* All stars are ".*": greedy from the last star is enough. */
static bool glob_simple(const struct match *m, struct slice v)
{
	size_t i = 0, star = SIZE_MAX, back = 0;
	uint32_t k = 0;

	while (i < v.n) {
		if (k < m->n_items && m->item[k].star) {
			star = k++;
			back = i;
		} else if (k < m->n_items && glob_takes(&m->item[k], v.p[i], m->fold)) {
			k++;
			i++;
		} else if (star != SIZE_MAX) {
			k = (uint32_t)star + 1;
			i = ++back;
		} else {
			return false;
		}
	}
	while (k < m->n_items && m->item[k].star)
		k++;
	return k == m->n_items;
}

enum { SET_WORDS = (GLOB_ITEMS_MAX + 1) / 64 };

static void skip_stars(const struct match *m, uint64_t *set)
{
	for (uint32_t k = 0; k < m->n_items; k++)
		if (m->item[k].star && set[k / 64] >> (k % 64) & 1)
			set[(k + 1) / 64] |= UINT64_C(1) << ((k + 1) % 64);
}

static bool glob_set(const struct match *m, struct slice v)
{
	uint64_t set[SET_WORDS] = { 1 }, next[SET_WORDS];
	size_t words = m->n_items / 64 + 1;

	skip_stars(m, set);
	for (size_t i = 0; i < v.n; i++) {
		uint64_t some = 0;

		memset(next, 0, words * sizeof *next);
		for (uint32_t k = 0; k < m->n_items; k++) {
			if (!(set[k / 64] >> (k % 64) & 1) ||
			    !glob_takes(&m->item[k], v.p[i], m->fold))
				continue;
			uint32_t to = m->item[k].star ? k : k + 1;
			next[to / 64] |= UINT64_C(1) << (to % 64);
			some = 1;
		}
		if (!some)
			return false;
		skip_stars(m, next);
		memcpy(set, next, words * sizeof *set);
	}
	return set[m->n_items / 64] >> (m->n_items % 64) & 1;
}

static bool glob(const struct match *m, struct slice v)
{
	if (!plain_text(v))
		return false;
	for (uint32_t k = 0; k < m->n_items; k++)
		if (m->item[k].star && m->item[k].class != GLOB_ANY)
			return glob_set(m, v);
	return glob_simple(m, v);
}

bool match_value(const struct match *m, struct slice v)
{
	switch (m->kind) {
	case MATCH_NEVER:
		return false;
	case MATCH_PRESENT:
		return true;
	case MATCH_NONEMPTY:
		return v.n && plain_text(v);
	case MATCH_EXACT:
		return v.n == m->text.n && same(m->text, v.p, m->fold);
	case MATCH_PREFIX:
		return v.n >= m->text.n && same(m->text, v.p, m->fold);
	case MATCH_SUFFIX:
		return v.n >= m->text.n && same(m->text, v.p + (v.n - m->text.n), m->fold);
	case MATCH_GLOB:
		return glob(m, v);
	}
	return false;
}

/* The order of the tests is Istio's: "*", then a leading star, then a trailing one. */
struct match match_string(struct slice v, enum match_kind star, bool fold)
{
	if (slice_is(v, "*"))
		return (struct match){ .kind = star };
	if (v.n && v.p[0] == '*')
		return (struct match){ .kind = MATCH_SUFFIX, .fold = fold, .text = slice_from(v, 1) };
	if (v.n && v.p[v.n - 1] == '*')
		return (struct match){ .kind = MATCH_PREFIX, .fold = fold, .text = { v.p, v.n - 1 } };
	return (struct match){ .kind = MATCH_EXACT, .fold = fold, .text = v };
}

/* --- building globs */

struct glob_build {
	struct glob_item *item;
	uint32_t n, room;
};

static struct glob_build glob_start(size_t room, struct arena *a)
{
	struct glob_item *item = room <= GLOB_ITEMS_MAX ?
		arena_new_array(a, struct glob_item, room + 1) : NULL;

	return (struct glob_build){ item, 0, item ? (uint32_t)room : 0 };
}

static void put(struct glob_build *b, enum glob_class class, uint8_t byte, bool star)
{
	if (b->n < b->room)
		b->item[b->n++] = (struct glob_item){ (uint8_t)class, byte, star };
}

static void put_text(struct glob_build *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		put(b, GLOB_BYTE, s.p[i], false);
}

/* Text in which each star is any run. */
static void put_stars(struct glob_build *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '*')
			put(b, GLOB_ANY, 0, true);
		else
			put(b, GLOB_BYTE, s.p[i], false);
	}
}

static struct match glob_end(const struct glob_build *b)
{
	if (!b->item)
		return (struct match){ .kind = MATCH_NEVER };
	return (struct match){ .kind = MATCH_GLOB, .item = b->item, .n_items = b->n };
}

static const char scheme[] = "spiffe://";
enum { SCHEME = sizeof scheme - 1 };

static struct slice with_scheme(struct slice v, struct arena *a)
{
	uint8_t *p = arena_bytes(a, SCHEME + v.n);

	if (!p)
		return (struct slice){ NULL, 0 };
	memcpy(p, scheme, SCHEME);
	if (v.n)
		memcpy(p + SCHEME, v.p, v.n);
	return (struct slice){ p, SCHEME + v.n };
}

struct match match_principal(struct slice v, struct arena *a)
{
	struct match m = match_string(v, MATCH_NONEMPTY, false);

	if (m.kind == MATCH_SUFFIX) {
		struct glob_build b = glob_start(SCHEME + 1 + m.text.n, a);

		put_text(&b, SLICE("spiffe://"));
		put(&b, GLOB_ANY, 0, true);
		put_text(&b, m.text);
		struct match g = glob_end(&b);
		g.text = m.text;
		return g;
	}
	if (m.kind == MATCH_EXACT || m.kind == MATCH_PREFIX) {
		m.text = with_scheme(m.text, a);
		if (!m.text.p)
			m.kind = MATCH_NEVER;
	}
	return m;
}

struct match match_namespace(struct slice v, struct arena *a)
{
	struct glob_build b = glob_start(v.n + 7, a);

	put(&b, GLOB_ANY, 0, true);
	put_text(&b, SLICE("/ns/"));
	put_stars(&b, v);
	put_text(&b, SLICE("/"));
	put(&b, GLOB_ANY, 0, true);
	return glob_end(&b);
}

struct match match_trust_domain(struct slice v, struct arena *a)
{
	struct glob_build b;

	if (slice_is(v, "*"))
		return (struct match){ .kind = MATCH_PREFIX, .text = SLICE("spiffe://") };
	if (!v.n || !memchr(v.p, '*', v.n)) {
		uint8_t *p = arena_bytes(a, SCHEME + v.n + 1);
		struct slice head = with_scheme(v, a);

		if (!p || !head.p)
			return (struct match){ .kind = MATCH_NEVER };
		memcpy(p, head.p, head.n);
		p[head.n] = '/';
		return (struct match){ .kind = MATCH_PREFIX, .text = { p, head.n + 1 } };
	}
	/* Only the first star is one (strings.SplitN). */
	size_t star = (size_t)((const uint8_t *)memchr(v.p, '*', v.n) - v.p);
	b = glob_start(SCHEME + v.n + 2, a);
	put_text(&b, SLICE("spiffe://"));
	put_text(&b, (struct slice){ v.p, star });
	put(&b, GLOB_NO_SLASH, 0, true);
	put_text(&b, slice_from(v, star + 1));
	put_text(&b, SLICE("/"));
	put(&b, GLOB_ANY, 0, true);
	return glob_end(&b);
}

void match_service_account(struct slice ns, struct slice sa, struct arena *a, struct match out[4])
{
	for (int k = 0; k < 4; k++) {
		struct glob_build b = glob_start(SCHEME + ns.n + sa.n + 16, a);

		put_text(&b, SLICE("spiffe://"));
		put(&b, GLOB_ANY, 0, false);
		put(&b, GLOB_ANY, 0, true);
		put_text(&b, SLICE("/ns/"));
		put_text(&b, ns);
		put_text(&b, SLICE("/"));
		if (k & 1) {
			put(&b, GLOB_ANY, 0, false);
			put(&b, GLOB_ANY, 0, true);
			put_text(&b, SLICE("/"));
		}
		put_text(&b, SLICE("sa/"));
		put_text(&b, sa);
		if (k & 2) {
			put_text(&b, SLICE("/"));
			put(&b, GLOB_ANY, 0, false);
			put(&b, GLOB_ANY, 0, true);
		}
		out[k] = glob_end(&b);
	}
}

struct match match_as_glob(const struct match *m, struct arena *a)
{
	struct glob_build b;

	if (m->kind == MATCH_GLOB || m->kind == MATCH_NEVER)
		return *m;
	b = glob_start(m->text.n + 2, a);
	if (m->kind == MATCH_NONEMPTY)
		put(&b, GLOB_ANY, 0, false);
	if (m->kind == MATCH_SUFFIX)
		put(&b, GLOB_ANY, 0, true);
	put_text(&b, m->text);
	if (m->kind == MATCH_PREFIX || m->kind == MATCH_PRESENT || m->kind == MATCH_NONEMPTY)
		put(&b, GLOB_ANY, 0, true);
	struct match g = glob_end(&b);
	g.fold = m->fold;
	return g;
}

/* --- path templates (envoy:source/extensions/path/uri_template_lib) */

static bool contains(struct slice v, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= v.n; i++)
		if (memcmp(v.p + i, what, n) == 0)
			return true;
	return false;
}

bool path_is_template(struct slice v)
{
	return contains(v, "{*}") || contains(v, "{**}");
}

/* One segment: an operator, or literal text of template bytes.  False: Envoy refuses it. */
static bool put_segment(struct glob_build *b, struct slice s, bool *deep)
{
	bool one = slice_is(s, "{*}") || slice_is(s, "*");
	bool many = slice_is(s, "{**}") || slice_is(s, "**");

	if (one || many) {
		if (*deep)
			return false;	/* ** must be the last operator */
		if (one)
			put(b, GLOB_SEGMENT, 0, false);
		put(b, one ? GLOB_SEGMENT : GLOB_PATH, 0, true);
		*deep = many;
		return true;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (!template_byte(s.p[i]))
			return false;
		put(b, GLOB_BYTE, s.p[i], false);
	}
	return true;
}

struct match match_template(struct slice v, struct arena *a)
{
	struct match never = { .kind = MATCH_NEVER };
	struct glob_build b = glob_start(v.n + 1, a);
	bool deep = false;

	if (!v.n || v.p[0] != '/')
		return never;
	for (size_t from = 1; from <= v.n;) {
		const uint8_t *slash = from < v.n ? memchr(v.p + from, '/', v.n - from) : NULL;
		size_t end = slash ? (size_t)(slash - v.p) : v.n;

		put(&b, GLOB_BYTE, '/', false);
		if (!put_segment(&b, (struct slice){ v.p + from, end - from }, &deep))
			return never;
		from = end + 1;
	}
	return glob_end(&b);
}
