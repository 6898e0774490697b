/*
 * log_layout: JSON layouts.  A key inside an object is known by its path, joined by dots, an element of a list
 * by its place; a line is read by the same paths, so that "http.method" is found nested and flat.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/log_format_part.h"
#include "common/json.h"
#include "common/map.h"

enum { PATH_MOST = 1024, KEYS_MOST = 1024 };

/* Istio's default keys (istio-semantics: telemetry_logging.go). */
static const char istio_json[] =
	"{\"start_time\":\"%START_TIME%\",\"route_name\":\"%ROUTE_NAME%\",\"method\":\"%REQ(:METHOD)%\","
	"\"path\":\"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%\",\"protocol\":\"%PROTOCOL%\","
	"\"response_code\":\"%RESPONSE_CODE%\",\"response_flags\":\"%RESPONSE_FLAGS%\","
	"\"response_code_details\":\"%RESPONSE_CODE_DETAILS%\","
	"\"connection_termination_details\":\"%CONNECTION_TERMINATION_DETAILS%\","
	"\"bytes_received\":\"%BYTES_RECEIVED%\",\"bytes_sent\":\"%BYTES_SENT%\",\"duration\":\"%DURATION%\","
	"\"upstream_service_time\":\"%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%\","
	"\"x_forwarded_for\":\"%REQ(X-FORWARDED-FOR)%\",\"user_agent\":\"%REQ(USER-AGENT)%\","
	"\"request_id\":\"%REQ(X-REQUEST-ID)%\",\"authority\":\"%REQ(:AUTHORITY)%\","
	"\"upstream_host\":\"%UPSTREAM_HOST%\",\"upstream_cluster\":\"%UPSTREAM_CLUSTER%\","
	"\"upstream_local_address\":\"%UPSTREAM_LOCAL_ADDRESS%\","
	"\"downstream_local_address\":\"%DOWNSTREAM_LOCAL_ADDRESS%\","
	"\"downstream_remote_address\":\"%DOWNSTREAM_REMOTE_ADDRESS%\","
	"\"requested_server_name\":\"%REQUESTED_SERVER_NAME%\","
	"\"upstream_transport_failure_reason\":\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\","
	/* Not in Istio's default, usual where somebody added them under the operator's own name. */
	"\"downstream_peer_uri_san\":\"%DOWNSTREAM_PEER_URI_SAN%\","
	"\"DOWNSTREAM_PEER_URI_SAN\":\"%DOWNSTREAM_PEER_URI_SAN%\","
	"\"downstream_tls_version\":\"%DOWNSTREAM_TLS_VERSION%\","
	"\"downstream_tls_cipher\":\"%DOWNSTREAM_TLS_CIPHER%\","
	"\"downstream_direct_remote_address\":\"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%\","
	"\"connection_id\":\"%CONNECTION_ID%\"}";

/* Exactly one operator: its value may be typed, and needs no end. */
static bool one_operator(struct log_format *f, struct slice value, struct log_piece *p)
{
	struct cursor c = cur_of(value);

	*p = (struct log_piece){ 0 };
	return value.n > 2 && cur_be(&c, 1) == '%' && log_format_operator(&c, p, f->arena) && !cur_left(&c);
}

/* Operators among text: read as a line is.  False: too many. */
static bool add_texts(struct log_format *f, struct log_piece *p, struct slice value)
{
	struct err e = { 0 };
	struct log_format *texts = log_format_text("value", value, &e);

	if (!texts) {
		p->why = arena_copy(f->arena, slice_of(e.msg));
		f->piece[f->n++] = *p;
		return true;
	}
	if (LOG_PIECES - f->n <= texts->n) {
		log_format_free(&texts);
		return false;
	}
	p->op = LOG_OP_TEXTS;
	p->texts = texts;
	f->texts = true;
	f->piece[f->n++] = *p;
	for (uint32_t i = 0; i < texts->n; i++) {
		struct log_piece *part = &f->piece[f->n++];
		*part = texts->piece[i];
		part->before = (struct slice){ NULL, 0 };
		part->part = true;
	}
	return true;
}

/* One key of a layout; a constant is passed over when lines are read. */
static bool add_key(struct log_format *f, struct slice path, struct slice value)
{
	struct log_piece p;
	bool one = one_operator(f, value, &p);

	if (!one)
		p = (struct log_piece){ .op = LOG_OP_OTHER, .shape = LOG_FREE };
	p.before = arena_copy(f->arena, path);
	if (!one && value.n && memchr(value.p, '%', value.n))
		return add_texts(f, &p, value);
	f->piece[f->n++] = p;
	return true;
}

struct layout {
	struct log_format *f;
	struct json j;
	struct buf path;		/* of the value at hand */
	struct map keys;		/* paths that were there */
	bool twice;			/* path was */
};

static bool read_object(struct layout *l);
static bool read_array(struct layout *l);

static bool too_many(struct layout *l)
{
	l->j.why = l->path.full ? "keys too long" : "too many keys";
	return false;
}

/* A line that holds such a key is read by its path: "a.b" and b inside a are one. */
static bool first_time(struct layout *l)
{
	struct slice path = arena_copy(l->f->arena, buf_slice(&l->path));

	l->twice = map_get(&l->keys, path) != NULL;
	return !l->twice && (map_put(&l->keys, path, l) || too_many(l));
}

/* A value of the layout, at its path. */
static bool read_value(struct layout *l, enum json_token t)
{
	if (l->path.full || l->f->n == LOG_PIECES)
		return too_many(l);
	if (!first_time(l))
		return false;
	if (t == JSON_OBJECT)
		return read_object(l);
	if (t == JSON_ARRAY)
		return read_array(l);
	if (t != JSON_STRING)
		return json_skip(&l->j, t, NULL);
	return add_key(l->f, buf_slice(&l->path), json_unescape(&l->j, l->f->arena)) || too_many(l);
}

/* The object's members, under the keys before them. */
static bool read_object(struct layout *l)
{
	bool inside = l->j.depth > 1;
	size_t outer = l->path.n;
	enum json_token t;

	while ((t = json_next(&l->j)) == JSON_KEY) {
		if (inside)
			buf_byte(&l->path, '.');
		buf_add(&l->path, json_unescape(&l->j, l->f->arena));
		if (!read_value(l, json_next(&l->j)))
			return false;
		l->path.n = outer;
	}
	return t == JSON_OBJECT_END;
}

/* Elements are known by their place: "tags.0". */
static bool read_array(struct layout *l)
{
	size_t outer = l->path.n;
	enum json_token t;

	for (unsigned i = 0; (t = json_next(&l->j)) != JSON_ARRAY_END; i++) {
		buf_printf(&l->path, ".%u", i);
		if (!read_value(l, t))
			return false;
		l->path.n = outer;
	}
	return true;
}

/* "keys: \"a\" is given twice" */
static int given_twice(struct slice key, const char *where, struct err *e)
{
	struct buf shown;

	buf_init(&shown, 400);
	buf_quote(&shown, key);
	err_set(e, ERR_USAGE, "%s: the key \"%.*s\" is given twice", where, (int)shown.n, (const char *)shown.p);
	buf_release(&shown);
	return -1;
}

static int read_layout(struct log_format *f, struct slice text, struct err *e)
{
	struct layout l = { .f = f };
	int r = 0;

	json_init(&l.j, text);
	if (json_next(&l.j) != JSON_OBJECT)
		return err_set(e, ERR_USAGE, "format: a JSON layout is an object of keys and operators");
	buf_init(&l.path, PATH_MOST);
	map_init(&l.keys, KEYS_MOST);
	if (!read_object(&l) || json_next(&l.j) != JSON_END)
		r = l.twice ? given_twice(buf_slice(&l.path), "format", e)
			: err_set(e, ERR_USAGE, "format: byte %zu: %s", l.j.at + 1, l.j.why ? l.j.why : "not JSON");
	buf_release(&l.path);
	map_release(&l.keys);
	return r;
}

/* "REQ(X-TEAM)", as between the percent signs of a format.  False: no operator that egret reads. */
static bool named(struct log_format *f, struct slice name, struct log_piece *p)
{
	uint8_t *text = arena_bytes(f->arena, name.n + 1);

	if (!text || !name.n)
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '%';
	struct cursor c = cur_of((struct slice){ text, name.n + 1 });
	return log_format_operator(&c, p, f->arena) && !cur_left(&c) && p->op != LOG_OP_OTHER;
}

/* --- a map of keys */

struct renaming {
	struct slice ours, theirs;
};

/* "ours=theirs,...", of which none may be there twice.  -1: *e. */
static int split_map(struct log_format *f, const char *map, struct renaming *list, size_t *n, struct err *e)
{
	for (const char *at = map; *at;) {
		const char *end = at + strcspn(at, ","), *eq = memchr(at, '=', (size_t)(end - at));
		if (!eq || eq + 1 == end)
			return err_set(e, ERR_USAGE, "keys: \"%.*s\" is not ours=theirs", (int)(end - at), at);
		if (*n == LOG_PIECES)
			return err_set(e, ERR_USAGE, "keys: more than %d", LOG_PIECES);
		struct renaming r = { { (const uint8_t *)at, (size_t)(eq - at) },
				      { (const uint8_t *)eq + 1, (size_t)(end - eq) - 1 } };
		for (size_t i = 0; i < *n; i++)
			if (slice_eq(list[i].ours, r.ours) || slice_eq(list[i].theirs, r.theirs))
				return given_twice(slice_eq(list[i].ours, r.ours) ? r.ours : r.theirs, "keys", e);
		r.theirs = arena_copy(f->arena, r.theirs);
		list[(*n)++] = r;
		at = *end ? end + 1 : end;
	}
	return 0;
}

/* The key of the log that a piece is read by now; a key of which the map made another's is nobody's. */
static struct slice renamed(const struct log_piece *p, struct renaming *list, size_t n, bool *used)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(list[i].ours, p->before)) {
			used[i] = true;
			return list[i].theirs;
		}
	for (size_t i = 0; i < n; i++)
		if (slice_eq(list[i].theirs, p->before))
			return (struct slice){ NULL, 0 };
	return p->before;
}

/* Without this key, and the parts of its value. */
static void leave_out(struct log_format *f, uint32_t i)
{
	uint32_t n = 1;

	while (i + n < f->n && f->piece[i + n].part)
		n++;
	log_format_free(&f->piece[i].texts);
	memmove(f->piece + i, f->piece + i + n, (f->n - i - n) * sizeof *f->piece);
	f->n -= n;
}

/* Ours is an operator that the layout does not have. */
static int add_operator(struct log_format *f, const struct renaming *r, struct err *e)
{
	struct log_piece p = { 0 };

	if (!named(f, r->ours, &p))
		return err_set(e, ERR_USAGE, "keys: \"%.*s\" is neither a key of the layout nor an operator",
			       (int)r->ours.n, (const char *)r->ours.p);
	if (f->n == LOG_PIECES)
		return err_set(e, ERR_USAGE, "keys: more than %d", LOG_PIECES);
	p.before = r->theirs;
	f->piece[f->n++] = p;
	return 0;
}

/* All at once, so that two keys may change places. */
static int apply_map(struct log_format *f, const char *map, struct err *e)
{
	struct renaming list[LOG_PIECES];
	bool used[LOG_PIECES] = { false };
	size_t n = 0;

	if (split_map(f, map, list, &n, e))
		return -1;
	for (uint32_t i = 0; i < f->n;) {
		bool part = f->piece[i].part;
		struct slice key = part ? f->piece[i].before : renamed(&f->piece[i], list, n, used);
		if (!part && f->piece[i].before.n && !key.n) {
			leave_out(f, i);
			continue;
		}
		f->piece[i++].before = key;
	}
	for (size_t i = 0; i < n; i++)
		if (!used[i] && add_operator(f, &list[i], e))
			return -1;
	return 0;
}

/* A value that cannot be read is said when the format is told. */
static int any_operator(const struct log_format *f, struct err *e)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->piece[i].why.n)
			return 0;
	return log_format_operators(f) ? 0 : err_set(e, ERR_USAGE, "format: there is no operator in it");
}

struct log_format *log_format_json(struct slice json_format, const char *map, struct err *e)
{
	struct log_format *f = log_format_empty(json_format.n || map ? "custom JSON" : "istio JSON");

	f->json = true;
	if (read_layout(f, json_format.n ? json_format : slice_of(istio_json), e) || (map && apply_map(f, map, e)) ||
	    any_operator(f, e))
		log_format_free(&f);
	else
		log_format_finish(f);
	return f;
}
