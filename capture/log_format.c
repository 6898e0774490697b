/*
 * log_format: command operators to pieces.
 *
 * An operator that no row of log_op.def names is read as "other": its value is passed over, by the
 * widest shape, so that an unknown operator never stops a line from being read.
 */
#include "capture/log_format.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"

const struct log_op_info log_op_info[LOG_OPS] = {
#define LOG_OP(id, name, shape, meaning) [LOG_OP_##id] = { name, shape, meaning },
#include "capture/log_op.def"
#undef LOG_OP
};

/* Istio's default line through its ages (istio-semantics: telemetry_logging.go and its history). */
#define HEAD "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" " \
	"%RESPONSE_CODE% %RESPONSE_FLAGS% "
#define TAIL "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% " \
	"\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" " \
	"\"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% " \
	"%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME%"
#define MIXER "\"%DYNAMIC_METADATA(istio.mixer:status)%\" "
#define FAILURE "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" "

const struct log_default log_defaults[] = {
	{ "istio text", HEAD "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% " FAILURE TAIL " %ROUTE_NAME%" },
	{ "istio text 1.8", HEAD "%RESPONSE_CODE_DETAILS% " FAILURE TAIL " %ROUTE_NAME%" },
	{ "istio text 1.4", HEAD MIXER FAILURE TAIL " %ROUTE_NAME%" },
	{ "istio text 1.3", HEAD MIXER FAILURE TAIL },
	{ "istio text 1.7", HEAD FAILURE TAIL " %ROUTE_NAME%" },
	{ "istio text 1.2", HEAD MIXER TAIL },
	{ "istio text 1.0", HEAD TAIL },
	{ NULL, NULL },
};

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

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static bool same_name(struct slice s, const char *name)
{
	for (size_t i = 0; i < s.n; i++)
		if (!name[i] || upper((char)s.p[i]) != upper(name[i]))
			return false;
	return !name[s.n];
}

static enum log_op op_named(struct slice name)
{
	static const struct { const char *alias; enum log_op op; } aliases[] = {
		{ "UPSTREAM_CLUSTER_RAW", LOG_OP_UPSTREAM_CLUSTER },
		{ "UPSTREAM_HOST_ADDRESS", LOG_OP_UPSTREAM_HOST },
		{ "REQ_WITHOUT_QUERY(:PATH)", LOG_OP_PATH },
		{ "PATH", LOG_OP_PATH },
		{ "REQ(HOST)", LOG_OP_AUTHORITY },
		{ "DOWNSTREAM_DIRECT_LOCAL_ADDRESS", LOG_OP_DOWNSTREAM_LOCAL },
	};
	for (int k = 1; k < LOG_OPS; k++)
		if (same_name(name, log_op_info[k].name))
			return (enum log_op)k;
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (same_name(name, aliases[i].alias))
			return aliases[i].op;
	return LOG_OP_OTHER;
}

/* "REQ" + "A?B": the first of the two that egret knows; Envoy prints B where A is not there. */
static enum log_op request_op(struct slice name, struct slice args, struct log_piece *p, struct arena *a)
{
	const uint8_t *mark = args.n ? memchr(args.p, '?', args.n) : NULL;
	struct slice first = { args.p, mark ? (size_t)(mark - args.p) : args.n };
	struct slice second = mark ? slice_from(args, first.n + 1) : first;
	struct slice part[2] = { first, second };
	char text[128];

	for (int i = 1; i >= 0; i--) {
		if (part[i].n + name.n + 3 > sizeof text)
			continue;
		size_t n = 0;
		memcpy(text, name.p, name.n);
		n += name.n;
		text[n++] = '(';
		memcpy(text + n, part[i].p, part[i].n);
		n += part[i].n;
		text[n++] = ')';
		enum log_op op = op_named((struct slice){ (uint8_t *)text, n });
		if (op != LOG_OP_OTHER)
			return op;
	}
	if (!same_name(name, "REQ") && !same_name(name, "REQ_WITHOUT_QUERY"))
		return LOG_OP_FREE;
	uint8_t *low = arena_bytes(a, first.n);
	for (size_t i = 0; low && i < first.n; i++)
		low[i] = first.p[i] >= 'A' && first.p[i] <= 'Z' ? (uint8_t)(first.p[i] + 32) : first.p[i];
	p->header = (struct slice){ low, low ? first.n : 0 };
	return LOG_OP_HEADER;
}

static void classify(struct slice name, struct slice args, bool has_args, struct log_piece *p,
		     struct arena *a)
{
	p->op = LOG_OP_OTHER;
	if (same_name(name, "START_TIME")) {
		p->op = LOG_OP_START_TIME;
		p->time = args;
	} else if (!has_args) {
		p->op = op_named(name);
	} else if (same_name(name, "REQ") || same_name(name, "RESP") || same_name(name, "TRAILER") ||
		   same_name(name, "REQ_WITHOUT_QUERY")) {
		p->op = request_op(name, args, p, a);
	} else {
		p->op = LOG_OP_FREE;
	}
	p->shape = log_op_info[p->op].shape;
	if (p->op == LOG_OP_OTHER || p->time.n)
		p->shape = LOG_FREE;
}

static bool name_byte(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* One operator from after its '%'; the closing '%' is consumed.  False: not an operator. */
static bool read_operator(struct cursor *c, struct log_piece *p, struct arena *a)
{
	struct slice rest = cur_rest(c), args = { NULL, 0 };
	size_t n = 0;
	bool has_args = false;

	while (n < rest.n && name_byte(rest.p[n]))
		n++;
	struct slice name = cur_take(c, n);
	if (!name.n)
		return false;
	if (cur_left(c) && *c->at == '(') {
		/* Arguments may hold '%' and ')': the end is ")%" or "):". */
		cur_take(c, 1);
		rest = cur_rest(c);
		for (n = 0; n + 1 < rest.n; n++)
			if (rest.p[n] == ')' && (rest.p[n + 1] == '%' || rest.p[n + 1] == ':'))
				break;
		if (n + 1 >= rest.n)
			return false;
		args = cur_take(c, n);
		cur_take(c, 1);
		has_args = true;
	}
	if (cur_left(c) && *c->at == ':') {
		cur_take(c, 1);
		while (cur_left(c) && *c->at >= '0' && *c->at <= '9' && p->max < 1000000)
			p->max = p->max * 10 + (uint32_t)(cur_take(c, 1).p[0] - '0');
		if (!p->max)
			return false;
	}
	if (!cur_left(c) || *c->at != '%')
		return false;
	cur_take(c, 1);
	classify(name, args, has_args, p, a);
	return true;
}

static struct slice follows(const struct log_format *f, uint32_t i)
{
	return i + 1 < f->n ? f->piece[i + 1].before : f->after;
}

static bool is_mark(uint8_t c)
{
	return c == ' ' || c == '"';
}

static uint8_t marks_in(struct slice s)
{
	uint8_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += is_mark(s.p[i]);
	return n;
}

/* What log_line's fits() asks of a value without blanks and quotes, as its length. */
static struct log_step step_to(struct slice next, enum log_shape shape)
{
	struct log_step s = {
		.n = (uint8_t)next.n, .marks = marks_in(next), .number = shape == LOG_NUMBER,
		.free = shape >= LOG_LIST, .least = shape < LOG_NAME, .span = UINT32_MAX - 1,
	};

	if (shape == LOG_TIME) {
		s.least = LOG_TIME_LEAST;
		s.span = LOG_TIME_MOST - LOG_TIME_LEAST;
	}
	while (s.mark < next.n && !is_mark(next.p[s.mark]))
		s.mark++;
	memcpy(&s.text, next.p, next.n);
	memset(&s.mask, 0xff, next.n);
	return s;
}

/* Its mark is in the line wherever the value begins, and no text goes on over a line's end. */
static bool steppable(const struct log_format *f, struct slice next, const struct log_step *s, bool last)
{
	return (s->marks > 0 || last) && s->mark <= f->piece[0].before.n && (!next.n || !memchr(next.p, '\n', next.n));
}

static void anchor(struct log_format *f)
{
	unsigned free_values = 0;

	f->anchored = f->quotes > 0 && !f->json && f->piece[0].before.n < 256;
	if (f->anchored)
		f->first_marks = marks_in(f->piece[0].before);
	for (uint32_t i = 0; i < f->n && f->anchored; i++) {
		struct slice next = follows(f, i);
		bool last = i + 1 == f->n && !next.n;

		free_values += f->piece[i].shape >= LOG_LIST;
		f->anchored = next.n <= sizeof f->step[i].text && free_values <= 1;
		if (!f->anchored)
			return;
		f->step[i] = step_to(next, f->piece[i].shape);
		f->anchored = steppable(f, next, &f->step[i], last);
		if (next.n && memchr(next.p, '"', next.n))
			free_values = 0;
	}
}

static void finish(struct log_format *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		f->has[f->piece[i].op / 64] |= UINT64_C(1) << (f->piece[i].op % 64);
		for (size_t k = 0; k < f->piece[i].before.n; k++)
			f->quotes += f->piece[i].before.p[k] == '"';
	}
	for (size_t k = 0; k < f->after.n; k++)
		f->quotes += f->after.p[k] == '"';
	anchor(f);
}

static struct log_format *empty_format(const char *name)
{
	struct log_format *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->name = name;
	f->arena = arena_new(1024 * 1024);
	return f;
}

static int compile(struct log_format *f, struct slice text, struct err *e)
{
	struct cursor c = cur_of(text);
	struct buf fixed;
	int r = 0;

	buf_init(&fixed, 64 * 1024);
	while (cur_left(&c) && !r) {
		size_t at = text.n - cur_left(&c) + 1;
		uint8_t b = cur_take(&c, 1).p[0];
		if (b != '%') {
			buf_byte(&fixed, b);
			continue;
		}
		if (cur_left(&c) && *c.at == '%') {
			cur_take(&c, 1);
			buf_byte(&fixed, '%');
			continue;
		}
		struct log_piece p = { 0 };
		if (f->n == LOG_PIECES)
			r = err_set(e, ERR_USAGE, "format: more than %d operators", LOG_PIECES);
		else if (!read_operator(&c, &p, f->arena))
			r = err_set(e, ERR_USAGE, "format: byte %zu: %% does not begin an operator "
				    "(%%NAME%%, %%NAME(args):length%%; %%%% is a percent sign)", at);
		else if (f->n && !fixed.n)
			r = err_set(e, ERR_USAGE, "format: byte %zu: two operators with nothing between "
				    "them cannot be told apart", at);
		p.before = arena_copy(f->arena, buf_slice(&fixed));
		buf_clear(&fixed);
		if (!r)
			f->piece[f->n++] = p;
	}
	f->after = arena_copy(f->arena, buf_slice(&fixed));
	buf_release(&fixed);
	if (!r && !f->n)
		r = err_set(e, ERR_USAGE, "format: there is no operator in it");
	return r;
}

struct log_format *log_format_new(const char *name, struct slice text, struct err *e)
{
	struct log_format *f = empty_format(name);

	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	/* A backslash and an n at the end: what a shell or YAML makes of Istio's own text. */
	if (slice_ends(text, SLICE("\\n")))
		text.n -= 2;
	if (compile(f, arena_copy(f->arena, text), e))
		log_format_free(&f);
	else
		finish(f);
	return f;
}

/* One key of a layout; a value that is not one operator is passed over when lines are read. */
static void add_key(struct log_format *f, struct slice key, struct slice value)
{
	struct log_piece p = { .op = LOG_OP_OTHER, .shape = LOG_FREE };
	struct cursor c = cur_of(value);

	if (f->n == LOG_PIECES)
		return;
	if (value.n > 2 && cur_be(&c, 1) == '%' && (!read_operator(&c, &p, f->arena) || cur_left(&c)))
		p = (struct log_piece){ .op = LOG_OP_OTHER, .shape = LOG_FREE };
	p.before = arena_copy(f->arena, key);
	f->piece[f->n++] = p;
}

static int read_layout(struct log_format *f, struct slice text, struct err *e)
{
	struct json j;
	enum json_token t;

	json_init(&j, text);
	if (json_next(&j) != JSON_OBJECT)
		return err_set(e, ERR_USAGE, "format: a JSON layout is an object of keys and operators");
	while ((t = json_next(&j)) == JSON_KEY) {
		struct slice key = json_unescape(&j, f->arena);
		t = json_next(&j);
		if (t == JSON_STRING)
			add_key(f, key, json_unescape(&j, f->arena));
		else if (!json_skip(&j, t, NULL))
			break;
	}
	if (t != JSON_OBJECT_END)
		return err_set(e, ERR_USAGE, "format: byte %zu: %s", j.at + 1, j.why ? j.why : "not JSON");
	return 0;
}

/* "ours=theirs,...": ours is one of Istio's keys or an operator's name. */
static int apply_map(struct log_format *f, const char *map, struct err *e)
{
	for (const char *at = map; at && *at;) {
		const char *end = at + strcspn(at, ","), *eq = memchr(at, '=', (size_t)(end - at));
		bool found = false;
		if (!eq)
			return err_set(e, ERR_USAGE, "keys: \"%.*s\" is not ours=theirs", (int)(end - at), at);
		struct slice ours = { (const uint8_t *)at, (size_t)(eq - at) };
		struct slice theirs = arena_copy(f->arena, (struct slice){ (const uint8_t *)eq + 1, (size_t)(end - eq) - 1 });
		for (uint32_t i = 0; i < f->n && !found; i++)
			if (slice_eq(f->piece[i].before, ours)) {
				f->piece[i].before = theirs;
				found = true;
			}
		enum log_op op = found ? LOG_OP_OTHER : op_named(ours);
		if (!found && op == LOG_OP_OTHER)
			return err_set(e, ERR_USAGE, "keys: \"%.*s\" is neither a key of Istio's layout nor an operator",
				       (int)ours.n, (const char *)ours.p);
		if (!found && f->n < LOG_PIECES)
			f->piece[f->n++] = (struct log_piece){ .before = theirs, .op = op, .shape = log_op_info[op].shape };
		at = *end ? end + 1 : end;
	}
	return 0;
}

struct log_format *log_format_json(struct slice json_format, const char *map, struct err *e)
{
	struct log_format *f = empty_format(json_format.n || map ? "custom JSON" : "istio JSON");

	f->json = true;
	if (read_layout(f, json_format.n ? json_format : slice_of(istio_json), e) || apply_map(f, map, e))
		log_format_free(&f);
	else
		finish(f);
	return f;
}

void log_format_free(struct log_format **f)
{
	if (!*f)
		return;
	arena_free(&(*f)->arena);
	free(*f);
	*f = NULL;
}
