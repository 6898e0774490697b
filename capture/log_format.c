/* log_format: a format string to pieces; what an operator is log_op.c says. */
#include "capture/log_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/log_format_part.h"
#include "capture/log_op.h"
#include "capture/log_time.h"

/* Istio's default line through its ages (istio-semantics: telemetry_logging.go and its history). */
#define HEAD "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" " \
	"%RESPONSE_CODE% %RESPONSE_FLAGS% "
#define ENVOY "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% " \
	"\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" " \
	"\"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\""
#define PLACES " %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% " \
	"%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME%"
#define TAIL ENVOY PLACES
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
	{ "istio text 1.1, TCP", "[%START_TIME%] %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \"%UPSTREAM_HOST%\"" PLACES },
	{ NULL, NULL },
};

static bool name_byte(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Arguments may hold '%' and ')': as in Envoy they end at the first ")%" or "):NUMBER%". */
static bool arguments_end(struct slice s, size_t i)
{
	size_t end = i + 1;

	if (s.p[i] != ')' || end == s.n)
		return false;
	if (s.p[end] != ':')
		return s.p[end] == '%';
	while (++end < s.n && s.p[end] >= '0' && s.p[end] <= '9')
		;
	return end > i + 2 && end < s.n && s.p[end] == '%';
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
		cur_take(c, 1);
		rest = cur_rest(c);
		for (n = 0; n < rest.n && !arguments_end(rest, n); n++)
			;
		if (n == rest.n)
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
	log_op_classify(name, args, has_args, p, a);
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

/*
 * Policies are held against the local address, which PROXY protocol may have brought; where the format has it
 * too, the connection's own is passed over.
 */
static void prefer(struct log_format *f, enum log_op used, enum log_op instead)
{
	for (uint32_t i = 0; log_format_has(f, used) && i < f->n; i++)
		if (f->piece[i].op == instead)
			f->piece[i].op = LOG_OP_WORD;
}

static void prefer_local(struct log_format *f)
{
	static const enum log_op direct[] = { LOG_OP_DIRECT_LOCAL, LOG_OP_DIRECT_LOCAL_IP, LOG_OP_DIRECT_LOCAL_PORT };

	for (size_t i = 0; i < sizeof direct / sizeof *direct; i++)
		prefer(f, LOG_OP_DOWNSTREAM_LOCAL, direct[i]);
	prefer(f, LOG_OP_DOWNSTREAM_LOCAL_IP, LOG_OP_DIRECT_LOCAL_IP);
	prefer(f, LOG_OP_DOWNSTREAM_LOCAL_PORT, LOG_OP_DIRECT_LOCAL_PORT);
}

/*
 * What several print is put together; but of a day in UTC and an hour of another zone nobody makes a time: where both
 * are there, UTC's count, and have to be enough.
 */
static void count_times(struct log_format *f)
{
	bool utc = false, hour = false, mixed = false;

	for (uint32_t i = 0; i < f->n; i++) {
		const struct log_piece *p = &f->piece[i];
		if (p->op != LOG_OP_START_TIME || p->local)
			continue;
		utc |= log_time_is_of_zone(p->time);
		hour |= log_time_says_hour(p->time);
	}
	for (uint32_t i = 0; i < f->n; i++) {
		struct log_piece *p = &f->piece[i];
		bool other = utc && p->local && log_time_is_of_zone(p->time);
		f->times += p->op == LOG_OP_START_TIME && !other;
		mixed |= p->op == LOG_OP_START_TIME && other;
		if (p->op == LOG_OP_START_TIME && other)
			p->op = LOG_OP_FREE;
	}
	if (mixed && !hour)
		f->times = LOG_PIECES + 1;	/* as if one were missing in every line */
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
	prefer_local(f);
	count_times(f);
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

static void add_literal(struct buf *b, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%')
			buf_byte(b, '%');
		buf_byte(b, text.p[i]);
	}
}

/*
 * "%START_TIME(%s)%.%START_TIME(%3f)%" prints what "%START_TIME(%s.%3f)%" does: one value, whose end needs no
 * mark inside it.  False: p is no more of the time before it, or between them stands what ends values.
 */
static bool join_times(struct log_format *f, const struct log_piece *p, struct slice between)
{
	struct log_piece *before = f->n ? &f->piece[f->n - 1] : NULL;
	struct log_piece both = { 0 };
	struct buf b;

	if (!before || !before->time.n || !p->time.n || before->local != p->local || before->max || p->max ||
	    (between.n && memchr(between.p, '"', between.n)))
		return false;
	buf_init(&b, 64 * 1024);
	buf_add(&b, before->time);
	add_literal(&b, between);
	buf_add(&b, p->time);
	log_op_classify(p->local ? SLICE("START_TIME_LOCAL") : SLICE("START_TIME"),
			arena_copy(f->arena, buf_slice(&b)), true, &both, f->arena);
	both.before = before->before;
	bool joined = !b.full && both.time.n == b.n;
	buf_release(&b);
	if (joined)
		*before = both;
	return joined;
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
		bool good = log_format_operator(&c, &p, f->arena);
		if (good && join_times(f, &p, buf_slice(&fixed))) {
			buf_clear(&fixed);
			continue;
		}
		if (f->n == LOG_PIECES)
			r = err_set(e, ERR_USAGE, "more than %d operators", LOG_PIECES);
		else if (!good)
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
