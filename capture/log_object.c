/* log_object: only for formats that hold such operators, so that others pay nothing. */
#include "capture/log_object.h"

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

static void header_value(struct buf *b, struct slice name, struct slice value, enum log_query query,
			 struct arena *a)
{
	if (log_private_is_secret(name))
		value = SLICE(FLOW_MASKED);
	else if (log_private_is_url(name))
		value = log_private_url(value, query, a);
	buf_json_string(b, value);
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
			header_value(&b, fmt->piece[i].name, v->v[i], query, a);
	}
	if (b.n)
		buf_byte(&b, '}');
	keep(&b, F_REQUEST_HEADERS, f, a);
}

/* --- metadata: piece.name is NAMESPACE:KEY:KEY... */

static struct slice part(struct slice *rest)
{
	const uint8_t *colon = rest->n ? memchr(rest->p, ':', rest->n) : NULL;
	struct slice one = { rest->p, colon ? (size_t)(colon - rest->p) : rest->n };

	*rest = slice_from(*rest, one.n + (colon != NULL));
	return one;
}

/* Envoy prints a structure or a list as JSON, a text bare. */
static void metadata_value(struct buf *b, struct slice value)
{
	struct json j;
	bool raw = value.n && (value.p[0] == '{' || value.p[0] == '[');

	json_init(&j, value);
	raw = raw && json_skip(&j, json_next(&j), NULL) && json_next(&j) == JSON_END;
	if (raw)
		buf_add(b, value);
	else
		buf_json_string(b, value);
}

static void metadata_member(struct buf *b, struct slice keys, struct slice value)
{
	unsigned open = 0;

	while (keys.n) {
		struct slice key = part(&keys);
		if (open++)
			buf_byte(b, '{');
		buf_json_string(b, key);
		buf_byte(b, ':');
	}
	metadata_value(b, value);
	while (open-- > 1)
		buf_byte(b, '}');
}

/* The members of one namespace that the line gives; the first of them is piece i. */
static void metadata_space(const struct log_format *fmt, const struct log_values *v, uint32_t i,
			   struct buf *b)
{
	struct slice rest = fmt->piece[i].name, space = part(&rest);
	bool any = false;

	buf_byte(b, b->n ? ',' : '{');
	buf_json_string(b, space);
	buf_str(b, ":{");
	for (; i < fmt->n; i++) {
		struct slice keys = fmt->piece[i].name;
		if (!said(fmt, v, i, LOG_OP_METADATA) || v->null[i])
			continue;
		if (!slice_eq(part(&keys), space) || !keys.n)
			continue;
		if (any)
			buf_byte(b, ',');
		any = true;
		metadata_member(b, keys, v->v[i]);
	}
	buf_byte(b, '}');
}

static bool first_of_space(const struct log_format *fmt, const struct log_values *v, uint32_t i)
{
	struct slice rest = fmt->piece[i].name, space = part(&rest);

	for (uint32_t k = 0; k < i; k++) {
		struct slice other = fmt->piece[k].name;
		if (said(fmt, v, k, LOG_OP_METADATA) && !v->null[k] && slice_eq(part(&other), space))
			return false;
	}
	return rest.n > 0;
}

void log_object_metadata(const struct log_format *fmt, const struct log_values *v, struct flow *f,
			 struct arena *a)
{
	struct buf b;

	buf_init(&b, OBJECT_MOST);
	for (uint32_t i = 0; i < fmt->n; i++)
		if (said(fmt, v, i, LOG_OP_METADATA) && !v->null[i] && first_of_space(fmt, v, i))
			metadata_space(fmt, v, i, &b);
	if (b.n)
		buf_byte(&b, '}');
	keep(&b, F_METADATA, f, a);
}
