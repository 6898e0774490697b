/*
 * log_reader: the loop over lines.
 *
 * Values of a flow borrow the bytes that were fed and the arena, so the batch is pushed before
 * log_reader_feed returns.  The format is decided once, by the first lines that are fed: each
 * family (Istio's text through the ages, its JSON) counts the lines it can read;
 * where one family alone reads any, it is chosen; where both do, nobody guesses.
 */
#include "capture/log_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/log_inventory.h"
#include "capture/log_json.h"
#include "capture/log_mask.h"
#include "capture/log_meaning.h"
#include "capture/log_why.h"

enum { BATCH = 128, PROBE_LINES = 64, PROBE_MOST = 4096, ARENA = 64 * 1024 * 1024 };

/* Of a longer line the flow may hold little. */
enum { WITHIN_MOST = 1024 };

struct log_reader {
	struct log_formats *formats;
	const struct log_options *o;
	const struct log_inventory *inventory;
	struct sink *out;
	struct evidence *ev;
	struct log_state own, *f;	/* f: of the file at hand */
	struct arena *arena;
	struct log_values values;
	struct log_order order;
	struct log_minute minute;
	struct log_marks marks;
	const uint8_t *marked;		/* the line that marks are of; NULL: none */
	const uint8_t *end;		/* of the bytes that were fed */
	struct flow batch[BATCH];
	size_t n;
};

void log_state_init(struct log_state *s)
{
	*s = (struct log_state){ 0 };
	log_join_init(&s->join);
}

void log_state_release(struct log_state *s)
{
	log_join_release(&s->join);
}

void log_reader_of(struct log_reader *r, struct log_state *s)
{
	r->f = s ? s : &r->own;
	/* The formats may have become fewer since: they were decided by another file. */
	if (r->f->current >= r->formats->n)
		r->f->current = 0;
}

struct log_reader *log_reader_new(struct log_formats *f, const struct log_options *o,
				  const struct log_inventory *inv, struct sink *out,
				  struct evidence *ev)
{
	struct log_reader *r = calloc(1, sizeof *r);

	if (!r)
		abort();
	r->formats = f;
	r->o = o;
	r->inventory = inv;
	r->out = out;
	r->ev = ev;
	r->arena = arena_new(ARENA);
	log_state_init(&r->own);
	r->f = &r->own;
	return r;
}

void log_reader_free(struct log_reader **r)
{
	if (!*r)
		return;
	arena_free(&(*r)->arena);
	log_state_release(&(*r)->own);
	free(*r);
	*r = NULL;
}

int log_reader_flush(struct log_reader *r, struct err *e)
{
	size_t n = r->n;

	r->n = 0;
	int rc = sink_push(r->out, r->batch, n, e);
	arena_reset(r->arena);
	return rc;
}

/* --- one line */

static void note(struct log_reader *r, enum evidence_reason why, struct slice line)
{
	uint8_t text[EVIDENCE_SAMPLE_BYTES];

	/* Samples are few; lines that are not understood may be many. */
	if (r->ev->n[why] >= EVIDENCE_SAMPLES)
		evidence_add(r->ev, why, 1);
	else if (r->formats->secret)
		evidence_note(r->ev, why, r->f->line, SLICE("(not shown: the format holds credentials)"));
	else
		evidence_note(r->ev, why, r->f->line, (struct slice){ text, log_mask(line, text, sizeof text) });
}

static enum log_read read_by(struct log_reader *r, unsigned k, bool sparse, struct slice line)
{
	const struct log_format *f = r->formats->list[k];

	if (sparse)
		return f->json ? LOG_MISMATCH : log_line_sparse(f, line, &r->values);
	if (f->json)
		return log_json_read(f, &r->order, line, &r->values, r->arena);
	if (r->marked != line.p)
		log_scan(&r->marks, line);
	r->marked = line.p;
	return log_line_text(f, line, &r->marks, &r->values);
}

/* The format of the last line first; then the others, newest first; then all with what is not set left out. */
static enum log_read read_line(struct log_reader *r, struct slice line, unsigned *by)
{
	enum log_read got = read_by(r, r->f->current, false, line);

	*by = r->f->current;
	for (unsigned k = 0; k < 2 * r->formats->n && got == LOG_MISMATCH; k++) {
		if (k == r->f->current)
			continue;
		*by = k % r->formats->n;
		got = read_by(r, *by, k >= r->formats->n, line);
	}
	if (got == LOG_READ)
		r->f->current = *by;
	return got;
}

/* Bytes that a line may not hold, and the marks that a text reader needs. */
static bool bad_bytes(struct log_reader *r, struct slice line, enum evidence_reason *why)
{
	r->marked = r->formats->list[r->f->current]->json ? NULL : line.p;
	if (r->marked)
		log_scan(&r->marks, line);
	else
		log_scan_bytes(&r->marks, line);
	*why = r->marks.nul ? EV_LINE_NUL : EV_LINE_BAD_UTF8;
	return r->marks.nul || (r->marks.high && !log_is_utf8(line));
}

/* Values of a line that is understood; else it is counted. */
static bool values_of(struct log_reader *r, struct slice line, unsigned *by)
{
	const struct log_format *f = r->formats->list[r->f->current];
	enum evidence_reason why;

	*by = r->f->current;
	if (f->json && log_json_expected(f, &r->order, line, &r->values))
		return true;
	if (bad_bytes(r, line, &why)) {
		note(r, why, line);
		return false;
	}
	enum log_read got = read_line(r, line, by);
	if (got != LOG_READ)
		note(r, log_why_read(got), line);
	return got == LOG_READ;
}

/* A copy with LOG_SLACK after it, where the bytes that were fed end too soon. */
static struct slice padded(struct log_reader *r, struct slice line)
{
	uint8_t *p = arena_bytes(r->arena, line.n + LOG_SLACK);

	if (!p)
		return (struct slice){ NULL, 0 };
	memcpy(p, line.p, line.n);
	memset(p + line.n, 0, LOG_SLACK);
	return (struct slice){ p, line.n };
}

/* LOG_SLACK bytes after the line are readable. */
static int take_line(struct log_reader *r, struct slice line, struct err *e)
{
	struct flow *f = &r->batch[r->n];
	unsigned by;

	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (!line.n) {
		evidence_add(r->ev, EV_LINE_EMPTY, 1);
		return 0;
	}
	if (!values_of(r, line, &by))
		return 0;
	enum log_bad bad = log_meaning(r->formats->list[by], &r->values, &r->minute, r->o->query, f, r->arena);
	if (bad) {
		note(r, log_why_meaning(bad), line);
		return 0;
	}
	f->writer = r->f->writer;
	if (line.n <= WITHIN_MOST)
		f->within = line;
	if (r->inventory)
		log_inventory_apply(r->inventory, f);
	evidence_add(r->ev, EV_LINES_PARSED, 1);
	r->n++;
	return r->n == BATCH || arena_used(r->arena) > ARENA / 4 ? log_reader_flush(r, e) : 0;
}

/* Lines all of whose parts are there.  A line is counted when it will not be read again, whoever kills us. */
static int take_joined(struct log_reader *r, struct err *e)
{
	struct log_joined what;
	struct slice line;
	int rc = 0;

	evidence_add(r->ev, EV_LINES, log_join_lines(&r->f->join));
	while (!rc && log_join_next(&r->f->join, &what, &line)) {
		if (what.how != LOG_JOINED) {
			note(r, log_why_joining(what.how), line);
			continue;
		}
		/* The batch borrows its text: keep it until the batch has gone. */
		line = padded(r, line);
		rc = line.p ? take_line(r, line, e) : 0;
	}
	return rc;
}

/* A wrapped line; `bytes`: what it takes in the file. */
static int take_wrapped(struct log_reader *r, struct slice line, size_t bytes, struct err *e)
{
	struct log_part part;
	bool wrapped = log_unwrap(r->f->wrapper, line, &part, r->arena);

	if (wrapped && !part.more && !log_join_busy(&r->f->join)) {
		evidence_add(r->ev, EV_LINES, 1);
		/* A Docker line's text has been unescaped elsewhere. */
		return take_line(r, r->f->wrapper == LOG_DOCKER ? padded(r, part.text) : part.text, e);
	}
	if (wrapped)
		log_join_add(&r->f->join, &part, bytes);
	else
		log_join_add_bad(&r->f->join, LOG_JOINED_NOT, line, bytes);
	return take_joined(r, e);
}

/* Told at its end: until then it may have to be read again. */
static int too_long(struct log_reader *r, struct slice line, uint64_t bytes, struct err *e)
{
	log_join_add_bad(&r->f->join, LOG_JOINED_TOO_LONG, line, bytes);
	return take_joined(r, e);
}

/* The line that was too long for the buffer ends; `bytes`: the last ones that it takes. */
static int end_skipped(struct log_reader *r, size_t bytes, struct err *e)
{
	uint64_t all = r->f->skipped + bytes;

	r->f->skipped = 0;
	return too_long(r, (struct slice){ r->f->beginning, r->f->n_beginning }, all, e);
}

static void skip(struct log_reader *r, struct slice bytes)
{
	struct log_state *f = r->f;

	if (!f->skipped) {
		f->n_beginning = bytes.n < LOG_BEGINNING ? bytes.n : LOG_BEGINNING;
		memcpy(f->beginning, bytes.p, f->n_beginning);
	}
	f->skipped += bytes.n;
}

/* `bytes`: what the line takes in the file. */
static int physical_line(struct log_reader *r, struct slice line, size_t bytes, struct err *e)
{
	r->f->line++;
	if (r->f->skipped)
		return end_skipped(r, bytes, e);
	if (line.n > LOG_LINE_MOST)
		return too_long(r, line, bytes, e);
	if (r->end - (line.p + line.n) < LOG_SLACK)
		line = padded(r, line);
	if (!r->f->wrapper_known && line.n) {
		r->f->wrapper = log_wrapper_of(line, log_formats_kubectl(r->formats));
		r->f->wrapper_known = true;
	}
	if (r->f->wrapper != LOG_PLAIN)
		return take_wrapped(r, line, bytes, e);
	evidence_add(r->ev, EV_LINES, 1);
	return take_line(r, line, e);
}

/* --- deciding */

static bool readable(struct log_reader *r, unsigned k, bool sparse, struct slice line)
{
	struct flow f;

	r->marked = NULL;
	if (read_by(r, k, sparse, line) != LOG_READ ||
	    log_meaning(r->formats->list[k], &r->values, &r->minute, r->o->query, &f, r->arena))
		return false;
	/* Any JSON object fits a layout of optional keys: it must hold a time and something of a connection. */
	return flow_has(&f, F_STARTED_AT) && (flow_has(&f, F_SOURCE_IP) || flow_has(&f, F_DESTINATION_IP) ||
					      flow_has(&f, F_UPSTREAM_IP) || flow_has(&f, F_STATUS));
}

struct votes {
	unsigned lines, json, text;
	unsigned best_text;		/* the first age that read a line */
};

/* A line's text as the readers want it, with the parts before it; false: it is not whole. */
static bool text_of(struct log_reader *r, struct log_join *join, struct slice line, struct slice *text)
{
	struct log_joined what = { LOG_JOINED, 0 };
	struct log_part part;

	if (!line.n || line.n > LOG_LINE_MOST ||
	    !log_unwrap(log_wrapper_of(line, log_formats_kubectl(r->formats)), line, &part, r->arena))
		return false;
	if (part.more || log_join_busy(join)) {
		log_join_add(join, &part, line.n);
		if (!log_join_next(join, &what, &part.text) || what.how != LOG_JOINED)
			return false;
	}
	*text = padded(r, part.text);
	return part.text.n && text->p != NULL;
}

static void vote(struct log_reader *r, struct log_join *join, struct slice line, struct votes *v)
{
	struct slice text;

	v->lines += line.n > 0;
	if (!text_of(r, join, line, &text))
		return;
	for (unsigned i = 0; i < 2 * r->formats->n; i++) {
		unsigned k = i % r->formats->n;
		if (!readable(r, k, i >= r->formats->n, text))
			continue;
		if (r->formats->list[k]->json)
			v->json++;
		else if (v->text++ == 0)
			v->best_text = k;
		break;
	}
	arena_reset(r->arena);
}

/* Cut the first line off, without its end. */
static struct slice first_of(struct slice *rest)
{
	const uint8_t *nl = memchr(rest->p, '\n', rest->n);
	struct slice line = { rest->p, nl ? (size_t)(nl - rest->p) : rest->n };

	*rest = slice_from(*rest, line.n + (nl != NULL));
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static int decide(struct log_reader *r, struct slice bytes, struct err *e)
{
	struct votes v = { 0 };
	struct slice rest = bytes;
	struct log_join join;

	log_join_init(&join);
	while (rest.n && v.json + v.text < PROBE_LINES && v.lines < PROBE_MOST)
		vote(r, &join, first_of(&rest), &v);
	log_join_release(&join);
	if (v.json && v.text)
		return err_set(e, ERR_INPUT, "lines of two formats (%u text, %u JSON in the first %u): "
			       "say which with --format text or --format json", v.text, v.json, v.lines);
	/* A gateway writes many lines of its own before the first access. */
	if (!v.json && !v.text && r->o->follow)
		return 0;
	if (!v.json && !v.text)
		return err_set(e, ERR_INPUT, "the first %u lines are in no format that egret knows: give "
			       "--format with Envoy's format string, or json and its keys", v.lines);
	const char *name = v.json ? "istio JSON" : r->formats->list[v.best_text]->name;
	log_formats_keep(r->formats, v.json > 0);
	r->f->current = 0;
	if (r->o->say) {
		char text[128];
		snprintf(text, sizeof text, "format: %s (recognised from %u of the first %u lines)", name,
			 v.json + v.text, v.lines);
		r->o->say(r->o->say_ctx, text);
	}
	return 0;
}

/*
 * Which of Istio's ages it is, and which of a JSON layout's keys the lines have: told by the first lines
 * that can be read, however late they come.
 */
static void tell_by_lines(struct log_reader *r, struct slice rest)
{
	bool seen[LOG_PIECES] = { false }, any = false;
	struct log_join join;
	unsigned by = 0;

	log_join_init(&join);
	for (unsigned n = 0; rest.n && n < PROBE_LINES; n++) {
		struct slice text;
		if (!text_of(r, &join, first_of(&rest), &text))
			continue;
		for (unsigned i = 0; i < 2 * r->formats->n; i++) {
			unsigned k = i % r->formats->n;
			if ((any && k != by) || !readable(r, k, i >= r->formats->n, text))
				continue;
			any = true;
			by = k;
			for (uint32_t p = 0; p < r->formats->list[k]->n; p++)
				seen[p] |= r->values.known[p];
		}
	}
	log_join_release(&join);
	arena_reset(r->arena);
	if (any)
		log_formats_say(r->formats, r->o, by, seen);
}

int log_reader_feed(struct log_reader *r, struct slice bytes, bool last, size_t *used, struct err *e)
{
	struct slice rest = bytes;
	int rc = 0;

	*used = 0;
	r->end = bytes.p + bytes.n;
	if (!r->formats->decided && rest.n && (last || memchr(rest.p, '\n', rest.n)) && decide(r, bytes, e))
		return -1;
	if (r->o->decided && r->formats->decided && !r->formats->told)
		tell_by_lines(r, bytes);
	while (rest.n && !rc) {
		const uint8_t *nl = memchr(rest.p, '\n', rest.n);
		if (!nl && !last)
			break;
		struct slice line = { rest.p, nl ? (size_t)(nl - rest.p) : rest.n };
		size_t bytes_taken = line.n + (nl != NULL);
		rc = physical_line(r, line, bytes_taken, e);
		rest = slice_from(rest, bytes_taken);
	}
	*used = bytes.n - rest.n;
	/* A line longer than the buffer will ever be: skip to its end. */
	if (!rc && rest.n > LOG_LINE_MOST) {
		skip(r, rest);
		*used = bytes.n;
	}
	if (last && !rc && r->f->skipped) {
		r->f->line++;
		rc = end_skipped(r, 0, e);
	}
	if (last && !rc) {
		log_join_end(&r->f->join);
		rc = take_joined(r, e);
	}
	return rc ? rc : log_reader_flush(r, e);
}

void log_reader_cut(struct log_reader *r, struct slice rest)
{
	uint64_t waiting = log_join_give_up(&r->f->join);

	evidence_add(r->ev, EV_LINES, waiting);
	evidence_add(r->ev, EV_LINE_CUT, waiting);
	if (!rest.n && !r->f->skipped)
		return;
	r->f->line++;
	evidence_add(r->ev, EV_LINES, 1);
	note(r, EV_LINE_CUT, r->f->skipped ? (struct slice){ r->f->beginning, r->f->n_beginning } : rest);
	r->f->skipped = 0;
}

uint64_t log_reader_pending(const struct log_reader *r)
{
	return log_join_pending(&r->f->join) + r->f->skipped;
}
