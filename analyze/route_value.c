/*
 * route_value: what an HTTP match condition looks at: the path as Envoy routes by it (normalised, without the
 * query), a header, a query parameter, a claim.
 */
#include <string.h>

#include "analyze/route_build.h"
#include "common/json.h"

struct subject {
	enum flow_state state;
	struct slice text;
};

static struct subject field(const struct flow *f, enum flow_field k)
{
	return (struct subject){ flow_state(f, k), flow_text(f, k) };
}

/* A header by its name, without regard to case. */
static struct subject header_member(const struct flow *f, struct slice name, struct arena *a)
{
	struct subject got = { flow_state(f, F_REQUEST_HEADERS), { NULL, 0 } };
	enum json_token t;
	struct json j;

	if (got.state != FLOW_PRESENT)
		return got;
	got.state = flow_object_whole(f) ? FLOW_ABSENT : FLOW_UNKNOWN;
	json_init(&j, flow_text(f, F_REQUEST_HEADERS));
	if (json_next(&j) != JSON_OBJECT)
		return got;
	while (json_next(&j) == JSON_KEY) {
		bool hit = host_equal(j.text, name);

		t = json_next(&j);
		if (hit && t == JSON_STRING) {
			got.text = json_unescape(&j, a);
			got.state = flow_is_masked(got.text) ? FLOW_UNKNOWN : FLOW_PRESENT;
			return got;
		}
		if (hit && t == JSON_NULL)
			got.state = FLOW_ABSENT;
		if (!json_skip(&j, t, NULL))
			break;
	}
	return got;
}

static struct slice before(struct slice s, uint8_t c)
{
	const uint8_t *p = s.n ? memchr(s.p, c, s.n) : NULL;

	return p ? (struct slice){ s.p, (size_t)(p - s.p) } : s;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct slice decoded(struct slice s, struct arena *a)
{
	uint8_t *p;
	size_t n = 0;

	if (!s.n || !memchr(s.p, '%', s.n) || !(p = arena_bytes(a, s.n)))
		return s;
	for (size_t i = 0; i < s.n; i++) {
		bool code = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 &&
			    hex(s.p[i + 2]) >= 0;
		int value = code ? hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]) : s.p[i];
		p[n++] = (uint8_t)value;
		i += code ? 2 : 0;
	}
	return (struct slice){ p, n };
}

static struct subject parameter(const struct flow *f, struct slice name, struct arena *a)
{
	struct subject got = field(f, F_PATH);
	struct slice q = before(got.text, '#');
	size_t path = before(q, '?').n;

	if (got.state != FLOW_PRESENT)
		return got;
	bool hashed = q.n == path + 19 && slice_starts(slice_from(q, path), SLICE("?h="));
	if (path == q.n || hashed) {	/* no query, or one that was dropped or hashed for privacy */
		got.state = FLOW_UNKNOWN;
		return got;
	}
	got.state = FLOW_ABSENT;
	for (q = slice_from(q, path + 1); q.n;) {
		struct slice one = before(q, '&'), key = before(one, '=');

		if (slice_eq(decoded(key, a), name)) {
			got.text = decoded(slice_from(one, key.n + 1), a);
			got.state = FLOW_PRESENT;
			return got;
		}
		q = slice_from(q, one.n + 1);
	}
	return got;
}

static struct subject header(const struct flow *f, struct slice name, struct arena *a)
{
	static const struct { const char *name; enum flow_field k; } known[] = {
		{ ":method", F_METHOD }, { ":authority", F_AUTHORITY },
		{ "host", F_AUTHORITY }, { "user-agent", F_USER_AGENT },
		{ "x-request-id", F_REQUEST_ID },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (host_equal(name, slice_of(known[i].name)) &&
		    flow_state(f, known[i].k) != FLOW_UNKNOWN)
			return field(f, known[i].k);
	return header_member(f, name, a);
}

/* --- claims: "@request.auth.claims.a.b" or "@request.auth.claims[a][b]", cut after "claims" */

/* The next step of the path; *rest is what follows. */
static struct slice claim_step(struct slice *rest)
{
	bool bracket = rest->n && rest->p[0] == '[';
	struct slice step = slice_from(*rest, 1);
	const uint8_t *end = step.n ? memchr(step.p, bracket ? ']' : '.', step.n) : NULL;
	size_t n = end ? (size_t)(end - step.p) : step.n;

	*rest = slice_from(step, bracket && end ? n + 1 : n);
	return (struct slice){ step.p, n };
}

static bool member(struct slice object, struct slice key, struct slice *raw)
{
	struct json j;

	json_init(&j, object);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while (json_next(&j) == JSON_KEY) {
		bool hit = slice_eq(j.text, key);
		struct slice value;

		if (!json_skip(&j, json_next(&j), &value))
			return false;
		if (hit) {
			*raw = value;
			return true;
		}
	}
	return false;
}

static void add_text(struct route_value *v, struct json *j, struct arena *a)
{
	if (v->n < ROUTE_VALUES_MAX)
		v->text[v->n++] = json_unescape(j, a);
}

/* A string, or the strings of a list; anything else matches nothing. */
static void claim_texts(struct slice raw, struct route_value *v, struct arena *a)
{
	enum json_token t;
	struct json j;

	json_init(&j, raw);
	t = json_next(&j);
	if (t == JSON_STRING)
		add_text(v, &j, a);
	while (t == JSON_ARRAY && (t = json_next(&j)) != JSON_ARRAY_END) {
		if (t == JSON_STRING)
			add_text(v, &j, a);
		else if (!json_skip(&j, t, NULL))
			return;
		t = JSON_ARRAY;
	}
}

static void claim(const struct flow *f, struct slice path, struct route_value *v,
		  struct arena *a)
{
	struct slice raw = flow_text(f, F_REQUEST_CLAIMS);
	bool found = path.n > 0;

	v->state = flow_state(f, F_REQUEST_CLAIMS);
	if (v->state != FLOW_PRESENT)
		return;
	while (found && path.n)
		found = member(raw, claim_step(&path), &raw);
	v->state = found ? FLOW_PRESENT : FLOW_ABSENT;
	if (found)
		claim_texts(raw, v, a);
}

/* --- all of them */

/* Normalised once a replay, however many routes look at it. */
static struct subject path(struct route_set *s, const struct flow *f)
{
	struct subject got = field(f, F_PATH);

	if (got.state == FLOW_PRESENT && !s->path.p)
		s->path = path_normalize(got.text, s->paths, s->scratch);
	got.text = s->path;
	return got;
}

static struct subject single(struct route_set *s, const struct cond *c,
			     const struct flow *f)
{
	struct subject got = { FLOW_UNKNOWN, { NULL, 0 } };

	switch (c->what) {
	case ON_PATH:
		got = path(s, f);
		got.text = path_only(got.text);
		return got;
	case ON_METHOD:
		return field(f, F_METHOD);
	case ON_AUTHORITY:
		return field(f, F_AUTHORITY);
	case ON_HEADER:
		return host_equal(c->name, SLICE(":path")) ? path(s, f)
							   : header(f, c->name, s->scratch);
	case ON_QUERY:
		return parameter(f, c->name, s->scratch);
	case ON_CLAIM:		/* may have several */
	case ON_SCHEME:		/* nobody reports it */
		return got;
	}
	return got;
}

void route_value(struct route_set *s, const struct cond *c, const struct flow *f,
		 struct route_value *v)
{
	struct subject one;

	v->n = 0;
	if (c->what == ON_CLAIM) {
		claim(f, c->name, v, s->scratch);
		return;
	}
	one = single(s, c, f);
	v->state = one.state;
	v->text[0] = one.text;
	v->n = 1;
}
