/* log_object: only for formats that hold such operators, so that others pay nothing. */
#include "capture/log_object.h"

#include "capture/log_json.h"
#include "capture/log_private.h"
#include "common/buf.h"
#include "common/json.h"

enum { OBJECT_MOST = 1024 * 1024 };

static bool said(const struct log_format *fmt, const struct log_values *v, uint32_t i, enum log_op op)
{
	uint32_t max = fmt->piece[i].max;

	return fmt->piece[i].op == op && v->known[i] && (v->null[i] || !max || v->v[i].n < max);
}

static void keep(struct buf *b, enum flow_field k, struct flow *f, struct arena *a)
{
	struct slice text = b->full || !b->n ? (struct slice){ NULL, 0 } : arena_copy(a, buf_slice(b));

	if (text.n)
		flow_set_text(f, k, text);
	buf_release(b);
}

void log_object_headers(const struct log_format *fmt, const struct log_values *v, enum log_query query,
			struct flow *f, struct arena *a)
{
	struct buf b;

	buf_init(&b, OBJECT_MOST);
	for (uint32_t i = 0; i < fmt->n; i++) {
		if (!said(fmt, v, i, LOG_OP_HEADER))
			continue;
		buf_byte(&b, b.n ? ',' : '{');
		buf_json_string(&b, fmt->piece[i].name);
		buf_byte(&b, ':');
		if (v->null[i])
			buf_str(&b, "null");
		else
			buf_json_string(&b, log_private_value(fmt->piece[i].name, v->v[i], query, a));
	}
	if (b.n)
		buf_byte(&b, '}');
	keep(&b, F_REQUEST_HEADERS, f, a);
}

/* --- metadata: piece.name is NAMESPACE:KEY:KEY... */

struct members {
	const struct log_format *fmt;
	const struct log_values *v;
	enum log_query query;
	struct arena *arena;
	bool told[LOG_PIECES];		/* already, or not said by the line */
	struct buf b;
};

static struct slice part(struct slice *rest)
{
	const uint8_t *colon = rest->n ? memchr(rest->p, ':', rest->n) : NULL;
	struct slice one = { rest->p, colon ? (size_t)(colon - rest->p) : rest->n };

	*rest = slice_from(*rest, one.n + (colon != NULL));
	return one;
}

/* Envoy prints a structure or a list as JSON, a text bare; typed JSON has numbers and true and false too. */
static void metadata_value(struct members *m, uint32_t i)
{
	struct slice value = m->v->v[i];
	struct json j;

	if (m->v->null[i]) {
		buf_str(&m->b, "null");
		return;
	}
	json_init(&j, value);
	bool raw = value.n && (value.p[0] == '{' || value.p[0] == '[');
	raw = raw && json_skip(&j, json_next(&j), NULL) && json_next(&j) == JSON_END;
	raw |= m->fmt->json && !m->fmt->piece[i].part && !log_json_is_text(value);
	if (raw)
		buf_add(&m->b, value);
	else
		buf_json_string(&m->b, log_private_value((struct slice){ NULL, 0 }, value, m->query, m->arena));
}

/* The names that stand under `path`: piece i's next one; false: it is not under it, or ends there. */
static bool next_name(const struct members *m, uint32_t i, struct slice path, struct slice *name)
{
	struct slice keys = m->fmt->piece[i].name;

	if (m->told[i] || !slice_starts(keys, path))
		return false;
	keys = slice_from(keys, path.n);
	if (path.n && !keys.n)
		return false;
	if (path.n && part(&keys).n)	/* the separator: nothing stands in front of it */
		return false;
	*name = part(&keys);
	return true;
}

/* The piece that gives all that `path` holds; LOG_PIECES: none does. */
static uint32_t whole_of(const struct members *m, struct slice path)
{
	for (uint32_t i = 0; i < m->fmt->n; i++)
		if (!m->told[i] && slice_eq(m->fmt->piece[i].name, path))
			return i;
	return LOG_PIECES;
}

/* All below `path` has been said. */
static void done_with(struct members *m, struct slice path)
{
	struct slice name;

	for (uint32_t i = 0; i < m->fmt->n; i++)
		m->told[i] |= slice_eq(m->fmt->piece[i].name, path) || next_name(m, i, path, &name);
}

/* The object of what the line says below `path`, a beginning of piece `of`'s name; as deep as that name is. */
static void metadata_members(struct members *m, struct slice path)
{
	bool any = false;
	struct slice name;

	buf_byte(&m->b, '{');
	for (uint32_t i = 0; i < m->fmt->n; i++) {
		if (!next_name(m, i, path, &name))
			continue;
		struct slice below = { m->fmt->piece[i].name.p,
				       (size_t)(name.p + name.n - m->fmt->piece[i].name.p) };
		uint32_t whole = whole_of(m, below);
		buf_str(&m->b, any ? "," : "");
		any = true;
		buf_json_string(&m->b, name);
		buf_byte(&m->b, ':');
		if (whole < LOG_PIECES)
			metadata_value(m, whole);
		else
			metadata_members(m, below);
		done_with(m, below);
	}
	buf_byte(&m->b, '}');
}

/* --- claims of a JSON Web Token: Istio has Envoy's jwt_authn keep them as `payload` */

static bool is_object(struct slice value)
{
	struct json j;
	enum json_token t;

	json_init(&j, value);
	t = json_next(&j);
	return t == JSON_OBJECT && json_skip(&j, t, NULL) && json_next(&j) == JSON_END;
}

/* The object's member; false: it has none. */
static bool member_of(struct slice object, const char *key, struct slice *value)
{
	struct json j;

	json_init(&j, object);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while (json_next(&j) == JSON_KEY) {
		bool found = slice_is(j.text, key);
		if (!json_skip(&j, json_next(&j), value))
			return false;
		if (found)
			return true;
	}
	return false;
}

static void claims(const struct members *m, struct flow *f, struct arena *a)
{
	const struct slice filter = SLICE("envoy.filters.http.jwt_authn");

	for (uint32_t i = 0; i < m->fmt->n; i++) {
		struct slice name = m->fmt->piece[i].name, value = m->v->v[i];
		bool whole = slice_eq(name, filter);
		if (m->told[i] || !slice_starts(name, filter))
			continue;
		if (!whole && !slice_is(slice_from(name, filter.n), ":payload"))
			continue;
		if (m->v->null[i])
			flow_set_absent(f, F_REQUEST_CLAIMS);
		else if ((!whole || member_of(value, "payload", &value)) && is_object(value))
			flow_set_text(f, F_REQUEST_CLAIMS, arena_copy(a, value));
	}
}

void log_object_metadata(const struct log_format *fmt, const struct log_values *v, enum log_query query,
			 struct flow *f, struct arena *a)
{
	struct members m = { .fmt = fmt, .v = v, .query = query, .arena = a };
	bool any = false;

	for (uint32_t i = 0; i < fmt->n; i++) {
		m.told[i] = !said(fmt, v, i, LOG_OP_METADATA);
		any |= !m.told[i];
	}
	if (!any)
		return;
	claims(&m, f, a);
	buf_init(&m.b, OBJECT_MOST);
	metadata_members(&m, (struct slice){ NULL, 0 });
	keep(&m.b, F_METADATA, f, a);
}
