/*
 * lint: the runner: rules in the table's order, findings collected once, suppressed, sorted.
 *
 * A suppression is an annotation on the object:
 *     egret.io/suppress: "CODE[,CODE] until=2027-01-01 reason=why"      several joined by ";"
 * Our codes or istioctl's, or *.  Without a reason, with an unknown code, or past its date it does
 * not hold, and that is a finding.  galley.istio.io/analyze-suppress is honoured for what
 * istioctl knows.
 */
#include "analyze/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyze/lint_build.h"
#include "common/clock.h"

enum { ARENA_MAX = 1 << 30, FINDINGS_MAX = 100000, MESSAGE_MAX = 600 };

const struct lint_rule lint_rules[LINT_RULES] = {
#define LINT(id, code, severity, istio, function, title, why, fix) \
	[LINT_##id] = { code, severity, istio, function, title, why, fix },
#include "analyze/lint.def"
#undef LINT
};

/* --- words --------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *say_selector(const struct node *selector)
{
	const char *pair[16];
	uint32_t n = 0;
	char *t;
	size_t at = 0;

	for (uint32_t i = 0; is_map(selector) && i < selector->n && n < 7; i++) {
		char *p = say_buffer();

		snprintf(p, WORD_MAX, "%.60s=%.60s", say_node(selector->key[i]),
			 say_node(selector->item[i]));
		/* say() used two of the buffers; keep our own copy out of their turn. */
		pair[n++] = strdup(p);
	}
	qsort(pair, n, sizeof *pair, by_text);
	t = say_buffer();
	t[0] = 0;
	for (uint32_t i = 0; i < n; i++) {
		int got = snprintf(t + at, WORD_MAX - at, "%s%s", i ? "," : "", pair[i]);

		at += got > 0 && (size_t)got < WORD_MAX - at ? (size_t)got : 0;
		free((void *)(uintptr_t)pair[i]);
	}
	return t;
}

/* --- reporting ----------------------------------------------------------------------- */

static bool seen_before(struct lint *l, const struct lint_finding *f)
{
	struct buf key;
	struct slice copy;

	buf_init(&key, 8192);
	buf_printf(&key, "%d|%u|%u|%s|", (int)f->id, f->line, f->column, f->file);
	buf_add(&key, f->name);
	buf_byte(&key, '|');
	buf_add(&key, f->message);
	if (map_get(&l->seen, buf_slice(&key))) {
		buf_release(&key);
		return true;
	}
	copy = arena_copy(l->arena, buf_slice(&key));
	buf_release(&key);
	return !map_put(&l->seen, copy, l);
}

static void add(struct lint *l, enum lint_id id, enum severity s, const struct object *o,
		const struct node *at, const char *message)
{
	struct lint_finding f = { .id = id,
				  .severity = s,
				  .object = o,
				  .file = o->file,
				  .line = at ? at->line : o->line,
				  .column = at ? at->column : 1 };
	struct buf name;

	buf_init(&name, 4096);
	object_print(&name, o);
	f.name = arena_copy(l->arena, buf_slice(&name));
	buf_release(&name);
	f.message = arena_copy(l->arena, slice_of(message));
	if (l->n_found == FINDINGS_MAX) {
		l->n_dropped++;
		return;
	}
	if (seen_before(l, &f))
		return;
	if (l->n_found == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->found = realloc(l->found, l->room * sizeof *l->found);
		if (!l->found)
			abort();
	}
	l->found[l->n_found++] = f;
}

void report(struct lint *l, enum lint_id id, const struct object *o, const struct node *at,
	    const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	if (id != l->rule)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	add(l, id, lint_rules[id].severity, o, at, message);
}

void report_as(struct lint *l, enum lint_id id, enum severity s, const struct object *o,
	       const struct node *at, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	va_list ap;

	if (id != l->rule)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	add(l, id, s, o, at, message);
}

/* --- suppressions -------------------------------------------------------------------- */

struct suppression {
	struct slice codes, reason, until;
};

static struct slice trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\n'))
		s = slice_from(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\n'))
		s.n--;
	return s;
}

static struct slice upto(struct slice s, uint8_t c)
{
	const uint8_t *p = s.n ? memchr(s.p, c, s.n) : NULL;

	return p ? (struct slice){ s.p, (size_t)(p - s.p) } : s;
}

/* "CODES until=D reason=text to the end": one entry of the annotation. */
static void suppression_read(struct slice entry, struct suppression *s)
{
	struct slice word;

	*s = (struct suppression){ .codes = upto(entry, ' ') };
	for (entry = trim(slice_from(entry, s->codes.n)); entry.n;
	     entry = trim(slice_from(entry, word.n))) {
		word = upto(entry, ' ');
		if (slice_starts(entry, SLICE("reason="))) {
			s->reason = slice_from(entry, 7);
			return;
		}
		if (slice_starts(word, SLICE("until=")))
			s->until = slice_from(word, 6);
	}
}

/* The date's last moment; -1: no date, so never ends; -2: not a date. */
static int64_t until(struct slice date)
{
	uint8_t text[64];
	int64_t ns;

	if (!date.n)
		return -1;
	if (date.n > 40)
		return -2;
	memcpy(text, date.p, date.n);
	memcpy(text + date.n, "T23:59:59Z", 10);
	return clock_parse((struct slice){ text, date.n + 10 }, &ns) ? ns : -2;
}

static bool has_code(struct slice codes, const struct lint_rule *r)
{
	while (codes.n) {
		struct slice one = upto(codes, ',');

		if (slice_is(one, "*") || slice_is(one, r->code) ||
		    (r->istio && slice_is(one, r->istio)))
			return true;
		codes = slice_from(codes, one.n + 1);
	}
	return false;
}

static bool known_codes(struct slice codes)
{
	while (codes.n) {
		struct slice one = upto(codes, ',');
		bool known = slice_is(one, "*");

		for (int k = 0; k < LINT_RULES && !known; k++)
			known = slice_is(one, lint_rules[k].code) ||
				(lint_rules[k].istio && slice_is(one, lint_rules[k].istio));
		if (!known)
			return false;
		codes = slice_from(codes, one.n + 1);
	}
	return true;
}

static struct slice next_entry(struct slice *rest)
{
	struct slice one = upto(*rest, ';');

	*rest = slice_from(*rest, one.n + 1);
	return trim(one);
}

/* Why it does not hold; NULL: it does. */
static const char *broken(const struct lint *l, const struct suppression *s)
{
	int64_t end = until(s->until);

	if (!s->codes.n || !known_codes(s->codes))
		return "it names no known code";
	if (!s->reason.n)
		return "it gives no reason";
	if (end == -2)
		return "its date is not YYYY-MM-DD";
	return end >= 0 && l->now > end ? "it has expired" : NULL;
}

void lint_suppression(struct lint *l)
{
	for (size_t i = 0; i < l->p->n; i++) {
		const struct object *o = l->p->objects[i];
		const struct node *notes = node_get(o->metadata, "annotations");
		const struct node *at = node_get(notes, "egret.io/suppress");

		for (struct slice rest = node_text(at); rest.n;) {
			struct slice one = next_entry(&rest);
			struct suppression s;

			suppression_read(one, &s);
			if (one.n && broken(l, &s))
				report(l, LINT_SUPPRESSION, o, at, "egret.io/suppress \"%s\": %s",
				       say(one), broken(l, &s));
		}
	}
}

static struct slice suppressed(const struct lint *l, const struct lint_finding *f)
{
	const struct lint_rule *r = &lint_rules[f->id];
	struct slice rest = note_of(f->object, "egret.io/suppress");
	struct slice galley = note_of(f->object, "galley.istio.io/analyze-suppress");

	if (f->id == LINT_SUPPRESSION)
		return (struct slice){ NULL, 0 };
	while (rest.n) {
		struct slice one = next_entry(&rest);
		struct suppression s;

		suppression_read(one, &s);
		if (one.n && !broken(l, &s) && has_code(s.codes, r))
			return s.reason;
	}
	if (r->istio && galley.n && has_code(galley, r))
		return SLICE("galley.istio.io/analyze-suppress");
	return (struct slice){ NULL, 0 };
}

/* --- running ------------------------------------------------------------------------- */

static int worst_first(const void *a, const void *b)
{
	const struct lint_finding *x = a, *y = b;
	int c = strcmp(x->file, y->file);

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (c)
		return c;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void hand_over(struct lint *l, struct lint_result *r)
{
	r->finding = arena_new_array(l->arena, struct lint_finding, l->n_found + 1);
	r->suppressed = arena_new_array(l->arena, struct lint_finding, l->n_found + 1);
	if (!r->finding || !r->suppressed)
		abort();
	if (l->n_found)
		qsort(l->found, l->n_found, sizeof *l->found, worst_first);
	for (size_t i = 0; i < l->n_found; i++) {
		l->found[i].suppressed = suppressed(l, &l->found[i]);
		if (l->found[i].suppressed.n)
			r->suppressed[r->n_suppressed++] = l->found[i];
		else
			r->finding[r->n++] = l->found[i];
	}
}

struct lint_result *lint_run(const struct policy_set *p, const struct lint_options *o,
			     struct err *e)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct lint_result *r = arena_new_object(a, struct lint_result);
	struct lint l = { .p = p, .arena = a, .now = o->now };

	bool ready;

	r->arena = a;
	map_init(&l.seen, FINDINGS_MAX);
	ready = world_init(&l, o, e) == 0;
	for (int k = 0; ready && k < LINT_RULES; k++) {
		l.rule = (enum lint_id)k;
		lint_rules[k].run(&l);
	}
	if (ready)
		hand_over(&l, r);
	r->n_dropped = l.n_dropped;
	world_release(&l);
	map_release(&l.seen);
	free(l.found);
	if (!ready)
		lint_result_free(&r);
	return r;
}

void lint_result_free(struct lint_result **r)
{
	struct arena *a = *r ? (*r)->arena : NULL;

	*r = NULL;
	if (a)
		arena_free(&a);
}
