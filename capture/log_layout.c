/*
 * log_layout: JSON layouts.  A key inside an object is known by its path, joined by dots, an element of a list
 * by its place; a line is read by the same paths, so that "http.method" is found nested and flat.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/log_format_part.h"
#include "common/json.h"

enum { PATH_MOST = 1024 };

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

static bool read_object(struct log_format *f, struct json *j, struct buf *path);
static bool read_array(struct log_format *f, struct json *j, struct buf *path);

/* A value of the layout, at its path. */
static bool read_value(struct log_format *f, struct json *j, enum json_token t, struct buf *path)
{
	j->why = path->full ? "keys too long" : f->n == LOG_PIECES ? "too many keys" : j->why;
	if (path->full || f->n == LOG_PIECES)
		return false;
	if (t == JSON_OBJECT)
		return read_object(f, j, path);
	if (t == JSON_ARRAY)
		return read_array(f, j, path);
	if (t != JSON_STRING)
		return json_skip(j, t, NULL);
	if (add_key(f, buf_slice(path), json_unescape(j, f->arena)))
		return true;
	j->why = "too many keys";
	return false;
}

/* The object's members, under the keys before them. */
static bool read_object(struct log_format *f, struct json *j, struct buf *path)
{
	size_t outer = path->n;
	enum json_token t;

	while ((t = json_next(j)) == JSON_KEY) {
		if (outer)
			buf_byte(path, '.');
		buf_add(path, json_unescape(j, f->arena));
		if (!read_value(f, j, json_next(j), path))
			return false;
		path->n = outer;
	}
	return t == JSON_OBJECT_END;
}

/* Elements are known by their place: "tags.0". */
static bool read_array(struct log_format *f, struct json *j, struct buf *path)
{
	size_t outer = path->n;
	enum json_token t;

	for (unsigned i = 0; (t = json_next(j)) != JSON_ARRAY_END; i++) {
		buf_printf(path, ".%u", i);
		if (!read_value(f, j, t, path))
			return false;
		path->n = outer;
	}
	return true;
}

static int read_layout(struct log_format *f, struct slice text, struct err *e)
{
	struct buf path;
	struct json j;

	json_init(&j, text);
	if (json_next(&j) != JSON_OBJECT)
		return err_set(e, ERR_USAGE, "format: a JSON layout is an object of keys and operators");
	buf_init(&path, PATH_MOST);
	bool good = read_object(f, &j, &path) && json_next(&j) == JSON_END;
	buf_release(&path);
	return good ? 0 : err_set(e, ERR_USAGE, "format: byte %zu: %s", j.at + 1, j.why ? j.why : "not JSON");
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

/* One "ours=theirs": ours is one of Istio's keys or an operator. */
static int map_key(struct log_format *f, struct slice ours, struct slice theirs, struct err *e)
{
	struct log_piece p = { 0 };

	for (uint32_t i = 0; i < f->n; i++)
		if (!f->piece[i].part && slice_eq(f->piece[i].before, ours)) {
			f->piece[i].before = theirs;
			return 0;
		}
	if (!named(f, ours, &p))
		return err_set(e, ERR_USAGE, "keys: \"%.*s\" is neither a key of Istio's layout nor an operator",
			       (int)ours.n, (const char *)ours.p);
	if (f->n == LOG_PIECES)
		return err_set(e, ERR_USAGE, "keys: more than %d", LOG_PIECES);
	p.before = theirs;
	f->piece[f->n++] = p;
	return 0;
}

static int apply_map(struct log_format *f, const char *map, struct err *e)
{
	for (const char *at = map; at && *at;) {
		const char *end = at + strcspn(at, ","), *eq = memchr(at, '=', (size_t)(end - at));
		if (!eq)
			return err_set(e, ERR_USAGE, "keys: \"%.*s\" is not ours=theirs", (int)(end - at), at);
		struct slice ours = { (const uint8_t *)at, (size_t)(eq - at) };
		struct slice theirs = { (const uint8_t *)eq + 1, (size_t)(end - eq) - 1 };
		if (map_key(f, ours, arena_copy(f->arena, theirs), e))
			return -1;
		at = *end ? end + 1 : end;
	}
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
	if (read_layout(f, json_format.n ? json_format : slice_of(istio_json), e) || apply_map(f, map, e) ||
	    any_operator(f, e))
		log_format_free(&f);
	else
		log_format_finish(f);
	return f;
}
