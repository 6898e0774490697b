/*
 * http_slot: facts of an exchange, each copied once.
 *
 * Text goes into an arena of the slot that is reset, not freed, between
 * exchanges; one that grew past SLOT_KEEP is given back, so that one large
 * request does not hold memory for the life of its connection.
 */
#include "capture/http_slot.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/lower.h"

enum {
	SLOT_KEEP = 8 * 1024,
	SLOT_COST = sizeof(struct http_slot) + 1024,	/* with the block an empty arena keeps */
	NAME_MAX_WANTED = 128,
};

static const struct {
	const char *name;
	enum http_field field;
} fields[] = {
	{ "host", HF_HOST },
	{ "cookie", HF_COOKIE },
	{ "upgrade", HF_UPGRADE },
	{ "connection", HF_CONNECTION },
	{ "user-agent", HF_USER_AGENT },
	{ "grpc-status", HF_GRPC_STATUS },
	{ "content-type", HF_CONTENT_TYPE },
	{ "x-request-id", HF_REQUEST_ID },
	{ "authorization", HF_AUTHORIZATION },
	{ "content-length", HF_CONTENT_LENGTH },
	{ "x-forwarded-for", HF_XFF },
	{ "transfer-encoding", HF_TRANSFER_ENCODING },
};

/* fields[] is sorted by length: the first row of each length, and of the one after. */
static const uint8_t of_length[] = {
	0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 5, 6, 8, 9, 10, 11, 11, 12, 12
};

bool http_same_word(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower_byte(a.p[i]) != b.p[i])
			return false;
	return true;
}

enum http_field http_field_of(struct slice name)
{
	if (name.n + 1 >= sizeof of_length)
		return HF_OTHER;
	for (unsigned i = of_length[name.n]; i < of_length[name.n + 1]; i++)
		if (http_same_word(name, (struct slice){ (const uint8_t *)fields[i].name, name.n }))
			return fields[i].field;
	return HF_OTHER;
}

struct http_slot *http_slot_new(struct session *s)
{
	struct http_slot *k = calloc(1, sizeof *k);

	if (!k)
		abort();
	k->text = arena_new(HTTP_TEXT);
	s->outside += SLOT_COST;
	return k;
}

void http_slot_reset(struct session *s, struct http_slot *k)
{
	struct arena *text = k->text;

	s->outside -= k->counted;
	if (arena_used(text) > SLOT_KEEP) {
		arena_free(&text);
		text = arena_new(HTTP_TEXT);
	} else {
		arena_reset(text);
	}
	*k = (struct http_slot){ .text = text };
}

void http_slot_free(struct session *s, struct http_slot **k)
{
	if (!*k)
		return;
	s->outside -= (*k)->counted + SLOT_COST;
	arena_free(&(*k)->text);
	free(*k);
	*k = NULL;
}

struct slice http_slot_keep(struct http_slot *k, struct slice s)
{
	struct slice copy = { NULL, 0 };

	if (s.n) {
		copy = arena_copy(k->text, s);
		k->full |= !copy.n;
	}
	return copy;
}

static struct slice joined(struct http_slot *k, struct slice a, const char *between, struct slice b)
{
	struct slice mid = slice_of(between);
	size_t n = a.n + mid.n + b.n;
	uint8_t *p;

	if (!a.n)
		return http_slot_keep(k, b);
	p = arena_bytes(k->text, n);
	if (!p) {
		k->full = true;
		return a;
	}
	memcpy(p, a.p, a.n);
	memcpy(p + a.n, mid.p, mid.n);
	if (b.n)
		memcpy(p + a.n + mid.n, b.p, b.n);
	return (struct slice){ p, n };
}

/* Envoy joins repeated headers by a comma before a policy sees them. */
static void keep_wanted(struct session *s, struct http_slot *k, struct slice name,
			struct slice value)
{
	uint8_t low[NAME_MAX_WANTED];
	struct slice key = { low, name.n };

	if (name.n > sizeof low)
		return;			/* no policy can name it */
	for (size_t i = 0; i < name.n; i++)
		low[i] = lower_byte(name.p[i]);
	if (!s->env->want_header(s->env->want_ctx, key))
		return;
	for (unsigned i = 0; i < k->n_wanted; i++) {
		if (slice_eq(k->wanted[i].name, key)) {
			k->wanted[i].value = joined(k, k->wanted[i].value, ",", value);
			k->last = &k->wanted[i].value;
			return;
		}
	}
	if (!k->wanted)
		k->wanted = arena_new_array(k->text, struct http_wanted, HTTP_WANTED);
	if (!k->wanted || k->n_wanted == HTTP_WANTED) {
		k->full = true;
		return;
	}
	k->wanted[k->n_wanted] = (struct http_wanted){ http_slot_keep(k, key), http_slot_keep(k, value) };
	k->last = &k->wanted[k->n_wanted++].value;
}

enum http_field http_slot_header(struct session *s, struct http_slot *k, struct slice name,
				 struct slice value)
{
	enum http_field f = http_field_of(name);
	struct slice *to = NULL;

	k->last = NULL;
	switch (f) {
	case HF_USER_AGENT:	to = &k->x.user_agent; break;
	case HF_REQUEST_ID:	to = &k->x.request_id; break;
	case HF_CONTENT_TYPE:	to = &k->x.content_type; break;
	case HF_GRPC_STATUS:	to = &k->x.grpc_status; break;
	case HF_AUTHORIZATION:	k->x.authorization = true; break;
	case HF_COOKIE:		k->x.cookie = true; break;
	case HF_XFF:
		k->x.xff = joined(k, k->x.xff, ",", value);
		k->last = &k->x.xff;
		break;
	case HF_OTHER: case HF_HOST: case HF_CONTENT_LENGTH: case HF_TRANSFER_ENCODING:
	case HF_CONNECTION: case HF_UPGRADE:
		break;
	}
	if (to && !to->n) {
		*to = http_slot_keep(k, value);
		k->last = to;
	}
	if (s->env->want_header)
		keep_wanted(s, k, name, value);
	return f;
}

void http_slot_fold(struct http_slot *k, struct slice more)
{
	if (k->last)
		*k->last = joined(k, *k->last, " ", more);
}

static void write_headers(struct http_slot *k)
{
	struct buf b;

	buf_init(&b, HTTP_TEXT);
	for (unsigned i = 0; i < k->n_wanted; i++) {
		buf_byte(&b, i ? ',' : '{');
		buf_json_string(&b, k->wanted[i].name);
		buf_byte(&b, ':');
		buf_json_string(&b, k->wanted[i].value);
	}
	buf_byte(&b, '}');
	if (!b.full)
		k->x.headers = http_slot_keep(k, buf_slice(&b));
	buf_release(&b);
}

void http_slot_settle(struct session *s, struct http_slot *k)
{
	size_t used;

	if (k->n_wanted && !k->full)
		write_headers(k);
	else if (s->env->want_header && !k->full)
		k->x.headers = SLICE("{}");	/* known: none of them was sent */
	if (k->full)
		evidence_add(s->env->ev, EV_HTTP_TEXT_FULL, 1);
	k->last = NULL;
	used = arena_used(k->text);
	s->outside += used - k->counted;
	k->counted = used;
}
