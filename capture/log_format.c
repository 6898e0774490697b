/*
 * log_format: command operators to pieces.
 *
 * An operator that no row of log_op.def names is read as "other": its value is passed over, by the
 * widest shape, so that an unknown operator never stops a line from being read.
 */
#include "capture/log_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/log_format_part.h"

const struct log_op_info log_op_info[LOG_OPS] = {
#define LOG_OP(id, name, shape, meaning) [LOG_OP_##id] = { name, shape, meaning },
#include "capture/log_op.def"
#undef LOG_OP
};

/* Istio's default line through its ages (istio-semantics: telemetry_logging.go and its history). */
#define HEAD "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" " \
	"%RESPONSE_CODE% %RESPONSE_FLAGS% "
#define ENVOY "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% " \
	"\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" " \
	"\"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\""
#define TAIL ENVOY " %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% " \
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
	{ "envoy text", HEAD ENVOY },
	{ NULL, NULL },
};

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
		{ "UPSTREAM_HOST_NAME", LOG_OP_WORD },
		{ "REQ_WITHOUT_QUERY(:PATH)", LOG_OP_PATH },
		{ "PATH", LOG_OP_PATH },
		{ "REQ(HOST)", LOG_OP_AUTHORITY },
		{ "GRPC_STATUS_NUMBER", LOG_OP_GRPC_STATUS },
		{ "ROUNDTRIP_DURATION", LOG_OP_COUNT },
		{ "REQUEST_TX_DURATION", LOG_OP_COUNT },
		{ "RESPONSE_TX_DURATION", LOG_OP_COUNT },
		{ "DOWNSTREAM_HANDSHAKE_DURATION", LOG_OP_COUNT },
		{ "UPSTREAM_REQUEST_ATTEMPT_COUNT", LOG_OP_COUNT },
		{ "UPSTREAM_CONNECTION_ID", LOG_OP_COUNT },
		{ "REQUEST_HEADERS_BYTES", LOG_OP_COUNT },
		{ "RESPONSE_HEADERS_BYTES", LOG_OP_COUNT },
		{ "RESPONSE_TRAILERS_BYTES", LOG_OP_COUNT },
		{ "UPSTREAM_WIRE_BYTES_SENT", LOG_OP_COUNT },
		{ "UPSTREAM_WIRE_BYTES_RECEIVED", LOG_OP_COUNT },
		{ "DOWNSTREAM_WIRE_BYTES_SENT", LOG_OP_COUNT },
		{ "DOWNSTREAM_WIRE_BYTES_RECEIVED", LOG_OP_COUNT },
		{ "UPSTREAM_PROTOCOL", LOG_OP_WORD },
		{ "UPSTREAM_TLS_VERSION", LOG_OP_WORD },
		{ "UPSTREAM_TLS_CIPHER", LOG_OP_WORD },
		{ "DOWNSTREAM_TLS_SESSION_ID", LOG_OP_WORD },
		{ "DOWNSTREAM_PEER_SERIAL", LOG_OP_WORD },
		{ "DOWNSTREAM_PEER_FINGERPRINT_1", LOG_OP_WORD },
		{ "DOWNSTREAM_PEER_CERT", LOG_OP_WORD },
		{ "ACCESS_LOG_TYPE", LOG_OP_WORD },
		{ "VIRTUAL_CLUSTER_NAME", LOG_OP_WORD },
		{ "STREAM_ID", LOG_OP_WORD },
		{ "UNIQUE_ID", LOG_OP_WORD },
		{ "TRACE_ID", LOG_OP_WORD },
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

/* "REQ" + "A": an operator of its own, or a request header. */
static enum log_op header_op(struct slice name, struct slice header)
{
	char text[128];

	if (name.n + header.n + 3 > sizeof text)
		return LOG_OP_FREE;
	int n = snprintf(text, sizeof text, "%.*s(%.*s)", (int)name.n, (const char *)name.p, (int)header.n,
			 (const char *)header.p);
	enum log_op op = op_named((struct slice){ (uint8_t *)text, (size_t)n });
	if (op != LOG_OP_OTHER)
		return op;
	return same_name(name, "REQ") ? LOG_OP_HEADER : LOG_OP_FREE;
}

static struct slice lower(struct slice s, struct arena *a)
{
	uint8_t *low = arena_bytes(a, s.n);

	for (size_t i = 0; low && i < s.n; i++)
		low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] + 32) : s.p[i];
	return (struct slice){ low, low ? s.n : 0 };
}

/*
 * Envoy prints B of "A?B" where A is not there, and the line does not say which it is: such a value
 * means something only where both mean the same.  X-ENVOY-ORIGINAL-PATH is the path before a route
 * rewrote it: the one that policies saw.
 */
static enum log_op request_op(struct slice name, struct slice args, struct log_piece *p, struct arena *a)
{
	const uint8_t *mark = args.n ? memchr(args.p, '?', args.n) : NULL;
	struct slice first = { args.p, mark ? (size_t)(mark - args.p) : args.n };
	struct slice second = mark ? slice_from(args, first.n + 1) : first;
	enum log_op op = header_op(name, first), other = header_op(name, second);

	if (same_name(first, "X-ENVOY-ORIGINAL-PATH") && other == LOG_OP_PATH)
		return LOG_OP_PATH;
	if (op != other || (op == LOG_OP_HEADER && !slice_eq(first, second)))
		return LOG_OP_FREE;
	if (op == LOG_OP_HEADER)
		p->name = lower(first, a);
	return op;
}

/* PATH(WQ:ORIG): only what a rewriting replaced, so "-" is no absent path. */
static enum log_op path_op(struct slice args)
{
	return slice_ends(args, SLICE(":ORIG")) ? LOG_OP_FREE : LOG_OP_PATH;
}

/* Envoy's with arguments, of which nothing is used. */
static bool passed_over(struct slice name)
{
	static const char *const names[] = {
		"CEL", "CLUSTER_METADATA", "COALESCE", "COMMON_DURATION", "DOWNSTREAM_LOCAL_CERT_V_END",
		"DOWNSTREAM_LOCAL_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END", "DOWNSTREAM_PEER_CERT_V_START",
		"EMIT_TIME", "ENVIRONMENT", "FILTER_STATE", "METADATA", "QUERY_PARAM", "QUERY_PARAMS",
		"REQUESTED_SERVER_NAME", "START_TIME_LOCAL", "UPSTREAM_FILTER_STATE", "UPSTREAM_METADATA",
		"UPSTREAM_PEER_CERT_V_END", "UPSTREAM_PEER_CERT_V_START",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (same_name(name, names[i]))
			return true;
	return false;
}

/* Operators that take arguments. */
static enum log_op argument_op(struct slice name, struct slice args, struct log_piece *p, struct arena *a)
{
	if (same_name(name, "REQ") || same_name(name, "RESP") || same_name(name, "TRAILER") ||
	    same_name(name, "REQ_WITHOUT_QUERY"))
		return request_op(name, args, p, a);
	if (same_name(name, "PATH"))
		return path_op(args);
	if (same_name(name, "GRPC_STATUS"))	/* CAMEL_STRING, SNAKE_STRING, NUMBER */
		return LOG_OP_GRPC_STATUS;
	if (same_name(name, "DYNAMIC_METADATA")) {
		p->name = args;
		return LOG_OP_METADATA;
	}
	return passed_over(name) ? LOG_OP_FREE : LOG_OP_OTHER;
}

static void classify(struct slice name, struct slice args, bool has_args, struct log_piece *p,
		     struct arena *a)
{
	if (same_name(name, "START_TIME")) {
		p->op = LOG_OP_START_TIME;
		p->time = args;
	} else {
		p->op = has_args ? argument_op(name, args, p, a) : op_named(name);
	}
	if (p->op == LOG_OP_OTHER)
		p->name = name;
	p->shape = log_op_info[p->op].shape;
	if (p->op == LOG_OP_OTHER || p->time.n)
		p->shape = LOG_FREE;
}

static bool name_byte(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* One operator from after its '%'; the closing '%' is consumed.  False: not an operator. */
bool log_format_operator(struct cursor *c, struct log_piece *p, struct arena *a)
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
	bool one_line = !next.n || !memchr(next.p, '\n', next.n);

	return (s->marks > 0 || last) && s->mark <= f->piece[0].before.n && one_line;
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
		f->anchored = next.n <= sizeof f->step[i].text && free_values <= 1 && f->piece[i].shape != LOG_TOKEN;
		if (!f->anchored)
			return;
		f->step[i] = step_to(next, f->piece[i].shape);
		f->anchored = steppable(f, next, &f->step[i], last);
		if (next.n && memchr(next.p, '"', next.n))
			free_values = 0;
	}
}

/* A header that the format names twice is told once. */
static void once(struct log_format *f, uint32_t i)
{
	for (uint32_t k = 0; f->piece[i].op == LOG_OP_HEADER && k < i; k++)
		if (f->piece[k].op == LOG_OP_HEADER && slice_eq(f->piece[k].name, f->piece[i].name))
			f->piece[i].op = LOG_OP_FREE;
}

void log_format_finish(struct log_format *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		once(f, i);
		f->has[f->piece[i].op / 64] |= UINT64_C(1) << (f->piece[i].op % 64);
		for (size_t k = 0; k < f->piece[i].before.n; k++)
			f->quotes += f->piece[i].before.p[k] == '"';
	}
	for (size_t k = 0; k < f->after.n; k++)
		f->quotes += f->after.p[k] == '"';
	anchor(f);
}

struct log_format *log_format_empty(const char *name)
{
	struct log_format *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->name = name;
	f->arena = arena_new(1024 * 1024);
	return f;
}

/* An authority holds no slash, and a path begins with one: "https://%REQ(:AUTHORITY)%%REQ(:PATH)%" can be read. */
static bool may_touch(const struct log_piece *p, const struct log_piece *next)
{
	return p->op == LOG_OP_AUTHORITY && !p->max && next->op == LOG_OP_PATH;
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
			r = err_set(e, ERR_USAGE, "more than %d operators", LOG_PIECES);
		else if (!log_format_operator(&c, &p, f->arena))
			r = err_set(e, ERR_USAGE, "byte %zu: %% does not begin an operator "
				    "(%%NAME%%, %%NAME(args):length%%; %%%% is a percent sign)", at);
		else if (f->n && !fixed.n && !may_touch(&f->piece[f->n - 1], &p))
			r = err_set(e, ERR_USAGE, "byte %zu: two operators with nothing between them "
				    "cannot be told apart", at);
		p.before = arena_copy(f->arena, buf_slice(&fixed));
		buf_clear(&fixed);
		if (!r)
			f->piece[f->n++] = p;
	}
	f->after = arena_copy(f->arena, buf_slice(&fixed));
	buf_release(&fixed);
	if (!r && !f->n)
		r = err_set(e, ERR_USAGE, "there is no operator in it");
	return r;
}

struct log_format *log_format_text(const char *name, struct slice text, struct err *e)
{
	struct log_format *f = log_format_empty(name);

	if (compile(f, arena_copy(f->arena, text), e))
		log_format_free(&f);
	else
		log_format_finish(f);
	return f;
}

struct log_format *log_format_new(const char *name, struct slice text, struct err *e)
{
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	/* A backslash and an n at the end: what a shell or YAML makes of Istio's own text. */
	if (slice_ends(text, SLICE("\\n")))
		text.n -= 2;
	struct log_format *f = log_format_text(name, text, e);
	if (!f)
		err_at(e, "format");
	return f;
}

uint32_t log_format_operators(const struct log_format *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		const struct log_piece *p = &f->piece[i];
		n += !p->texts && (p->op != LOG_OP_OTHER || p->name.n);
	}
	return n;
}

void log_format_free(struct log_format **f)
{
	if (!*f)
		return;
	for (uint32_t i = 0; i < (*f)->n; i++)
		log_format_free(&(*f)->piece[i].texts);
	arena_free(&(*f)->arena);
	free(*f);
	*f = NULL;
}
