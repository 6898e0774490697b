/*
 * doctor_log: each log, read as `ingest` would read it, and what its lines have and lack.
 *
 * Bounded: asked.lines of each operand, of a larger file half of them at its beginning and half at its end;
 * of what has no end that can be gone to (compressed, a folder, a pipe) all at the beginning.
 */
#include "cli/doctor.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/log.h"
#include "capture/log_formats.h"
#include "cli/cli.h"
#include "cli/log_end.h"
#include "common/clock.h"

enum { OPERANDS_MOST = 64 };

struct sample {
	struct sink sink;
	struct doctor *d;
	struct evidence *ev;
	volatile sig_atomic_t stop;
	uint64_t flows, known[F_COUNT], inventory, keyed, future, back;
	int64_t now, newest, newest_end, future_most, back_most;
	bool decided;
	uint64_t limit, until;		/* lines, the byte, after which is enough; 0: none */
	uint64_t first, first_bytes;	/* lines at the beginning, and the bytes that they take */
	uint64_t read;			/* the byte up to which was read */
	struct log_end end;
	bool plain, both;		/* its end can be gone to, and was looked at */
};

static void enough(struct sample *s)
{
	if (cli_stop || (s->limit && s->ev->n[EV_LINES] >= s->limit) || (s->until && s->read >= s->until))
		s->stop = 1;
}

static void look_at_time(struct sample *s, const struct flow *f)
{
	int64_t at = flow_num(f, F_STARTED_AT);
	int64_t end = flow_has(f, F_ENDED_AT) ? flow_num(f, F_ENDED_AT) : at;

	if (at > s->now) {
		s->future++;
		if (at - s->now > s->future_most)
			s->future_most = at - s->now;
	}
	/* Envoy writes a line when its request ends: one that began long before its neighbours is usual. */
	int64_t back = s->newest - at < s->newest_end - end ? s->newest - at : s->newest_end - end;
	if (back > 0) {
		s->back++;
		if (back > s->back_most)
			s->back_most = back;
	}
	if (at > s->newest)
		s->newest = at;
	if (end > s->newest_end)
		s->newest_end = end;
}

static int look(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	struct sample *s = (struct sample *)sink;

	(void)e;
	for (size_t i = 0; i < n; i++) {
		const struct flow *f = &flows[i];
		s->flows++;
		for (int k = 0; k < F_COUNT; k++)
			s->known[k] += flow_state(f, (enum flow_field)k) != FLOW_UNKNOWN;
		s->inventory += flow_num(f, F_IDENTITY_SOURCE) == IDENTITY_INVENTORY;
		s->keyed += flow_has(f, F_SOURCE_IP) && flow_num(f, F_SOURCE_PORT) > 0 &&
			    flow_has(f, F_DESTINATION_IP) && flow_has(f, F_DESTINATION_PORT);
		if (flow_has(f, F_STARTED_AT))
			look_at_time(s, f);
	}
	enough(s);
	return 0;
}

/* Lines may be read of which none is a flow. */
static int read_so_far(void *ctx, const struct log_offset *at, struct err *e)
{
	struct sample *s = ctx;

	(void)e;
	s->read = at->offset;
	enough(s);
	return 0;
}

static size_t place(void *ctx, const struct log_offset *file, struct log_place *places)
{
	struct sample *s = ctx;

	return log_end_place(&s->end, file, places);
}

static void decided(void *ctx, const struct log_sight *sight)
{
	struct sample *s = ctx;

	s->decided = true;
	if (s->d->sight)
		return;
	s->d->sight = malloc(sizeof *s->d->sight);
	if (!s->d->sight)
		abort();
	*s->d->sight = *sight;
}

/* --- what a log's lines say */

static const char *how_long(char *to, size_t n, int64_t ns)
{
	static const struct { double from, unit; const char *name; } units[] = {
		{ 172800, 86400, "days" }, { 7200, 3600, "hours" }, { 120, 60, "minutes" }, { 0, 1, "s" },
	};
	double s = (double)ns / 1e9;
	size_t i = 0;

	while (s < units[i].from)
		i++;
	snprintf(to, n, "%.1f %s", s / units[i].unit, units[i].name);
	return to;
}

static void times(struct doctor *d, const struct sample *s, const char *path)
{
	static const int64_t slack = 5 * NS_PER_S, late = 10 * NS_PER_S;
	char t[32];

	if (!s->known[F_STARTED_AT]) {
		doctor_add(d, DOCTOR_PROBLEM, "clock.log", "add %START_TIME% to the access log's format",
			   "%s: no line says when it was", path);
		return;
	}
	if (s->future_most > slack)
		doctor_add(d, DOCTOR_PROBLEM, "clock.log",
			   "set the clock of the gateway's node (NTP); in a format of its own START_TIME without a zone "
			   "is read as UTC", "%s: %" PRIu64 " lines are from the future, by %s at most", path,
			   s->future, how_long(t, sizeof t, s->future_most));
	else if (s->back_most > late)
		doctor_add(d, DOCTOR_WARNING, "clock.log",
			   "several gateways in one file, or a clock that was set back: give each its own file",
			   "%s: %" PRIu64 " lines are older than a line before them, by %s at most", path, s->back,
			   how_long(t, sizeof t, s->back_most));
	else
		doctor_add(d, DOCTOR_OK, "clock.log", NULL, "%s: times rise and none is in the future", path);
}

/* What to do about lines that were not understood. */
static const char *cure(enum evidence_reason r)
{
	switch ((int)r) {
	case EV_LINE_MISMATCH:
		return "give the gateway's own format with --format (meshConfig.accessLogFormat); lines of the proxy "
		       "itself do no harm";
	case EV_LINE_AMBIGUOUS:
		return "put quotes around what clients write (User-Agent, path), or log JSON";
	case EV_LINE_NOT_JSON: case EV_LINE_DUPLICATE_KEY: case EV_LINE_NESTED:
		return "log one flat JSON object a line, or say what the lines are with --format";
	case EV_LINE_TOO_LONG: case EV_LINE_CUT:
		return "limit what clients can make long: %REQ(USER-AGENT):256%";
	case EV_LOG_DAMAGED:
		return "copy the file again; what came before the damage was read";
	case EV_LINE_BAD_TIME:
		return "give the format with the START_TIME(...) that the gateway has";
	}
	return "look at the sample: the writer of this line, or what stands between, changed it";
}

static void understood(struct doctor *d, const struct evidence *ev, const char *path)
{
	uint64_t lines = ev->n[EV_LINES] - ev->n[EV_LINE_EMPTY];

	if (lines && ev->n[EV_LINES_PARSED] == lines)
		doctor_add(d, DOCTOR_OK, "format.lines", NULL, "%s: all of %" PRIu64 " lines were understood", path,
			   lines);
	for (int r = 0; r < EV_COUNT; r++) {
		const struct evidence_info *i = &evidence_info[r];
		const struct evidence_sample *first = &ev->sample[r][0];
		if (!ev->n[r] || strcmp(i->source, "log") || strcmp(i->kind, "lost"))
			continue;
		/* A line in a hundred or more is no accident. */
		doctor_add(d, ev->n[r] * 100 >= lines && lines > 20 ? DOCTOR_PROBLEM : DOCTOR_WARNING, "format.lines",
			   cure((enum evidence_reason)r),
			   "%s: %" PRIu64 " of %" PRIu64 " %s (%s)%s%.*s", path, ev->n[r], lines, i->meaning, i->name,
			   first->n ? "; the first: " : "", (int)first->n, (const char *)first->text);
	}
}

static void inventory(struct doctor *d, const struct sample *s, const char *path)
{
	uint64_t open = s->flows - (s->known[F_SOURCE_IDENTITY] - s->inventory);

	if (!d->asked.inventory || !s->flows)
		return;
	if (!open)
		doctor_add(d, DOCTOR_OK, "inventory.addresses", NULL,
			   "%s: the log itself gives every identity", path);
	else
		doctor_add(d, s->inventory * 100 >= open * 95 ? DOCTOR_OK : DOCTOR_WARNING, "inventory.addresses",
			   s->inventory * 100 >= open * 95 ? NULL
			   : "write the inventory again while the pods live (kubectl get pods -A -o json), or often",
			   "%s: the inventory names %" PRIu64 " of %" PRIu64 " flows whose log line has no identity", path,
			   s->inventory, open);
}

/* Which part of the log is meant by all that is said of it. */
static void share(const struct sample *s, char *to, size_t n)
{
	uint64_t lines = s->ev->n[EV_LINES], size = s->end.size, bytes = s->read - s->end.from + s->first_bytes;

	to[0] = '\0';
	if (s->both && s->end.from > s->first_bytes)
		snprintf(to, n, "; looked at the first %" PRIu64 " and the last %" PRIu64 " lines, %" PRIu64 " of %" PRIu64
			 " bytes (%.1f %%)", s->first, lines - s->first, bytes, size, 100.0 * (double)bytes / (double)size);
	else if (!s->plain && s->d->asked.lines && lines >= s->d->asked.lines)
		snprintf(to, n, "; looked at the first %" PRIu64 " lines, the end of a compressed file, a folder or a pipe not",
			 lines);
}

static void told(struct doctor *d, const struct sample *s, const char *path)
{
	const struct log_sight *sight = d->sight;
	char limit[160];

	share(s, limit, sizeof limit);
	if (!s->ev->n[EV_LINES]) {
		doctor_add(d, DOCTOR_UNCHECKED, "format.recognised", NULL, "%s: there is no line in it", path);
		return;
	}
	if (!s->flows)
		doctor_add(d, DOCTOR_PROBLEM, "format.recognised",
			   "give the gateway's own format with --format (meshConfig.accessLogFormat)",
			   "%s: none of %" PRIu64 " lines is understood", path, s->ev->n[EV_LINES]);
	else if (s->decided)
		doctor_add(d, DOCTOR_OK, "format.recognised", NULL, "%s: %s%s%s", path, sight->format,
			   sight->given ? ", as given" : ", recognised from its first lines", limit);
	understood(d, s->ev, path);
	if (!s->flows)
		return;
	times(d, s, path);
	inventory(d, s, path);
	if (s->keyed * 2 < s->flows && (d->asked.capture || d->asked.interface))
		doctor_add(d, DOCTOR_PROBLEM, "format.join",
			   "add %DOWNSTREAM_REMOTE_ADDRESS% and %DOWNSTREAM_LOCAL_ADDRESS% (with ports)",
			   "%s: %" PRIu64 " of %" PRIu64 " lines name both ends of the connection: the others cannot be "
			   "joined with packets", path, s->keyed, s->flows);
}

/* An attribute whose operator is there and that no line gives. */
static void never_seen(struct doctor *d, const struct sample *s, const char *path)
{
	for (size_t i = 0; i < d->needs.n && s->flows; i++) {
		const struct sight_need *n = &d->needs.list[i];
		if (n->field >= F_COUNT || n->part.n || s->known[n->field] || !d->sight ||
		    !log_sight_gives(d->sight, n->field, n->part))
			continue;
		doctor_add(d, DOCTOR_WARNING, "format.fields",
			   "look at a line: the operator may be printed under another name, or be empty",
			   "%s: the format has %s, and none of %" PRIu64 " lines gives it", path,
			   field_info[n->field].name, s->flows);
	}
}

/* A log that cannot be opened is found out again at the next turn; one that cannot be read, not. */
static void unreadable(struct doctor *d, const struct err *e)
{
	d->invalid |= e->kind == ERR_INPUT || e->kind == ERR_USAGE;
	doctor_add(d, DOCTOR_PROBLEM, e->kind == ERR_IO ? "format.readable" : "format.recognised",
		   e->kind == ERR_IO ? "check the path and its permissions"
		   : "say what the lines are: --format text, json, or the gateway's own format "
		     "(meshConfig.accessLogFormat)", "%s", e->msg);
}

/* The last lines, by the format that the first ones have. */
static int at_end(struct sample *s, struct log_options *o, struct err *e)
{
	uint64_t lines = s->ev->n[EV_LINES];
	/* Of how many bytes the rest of the lines are is guessed from the first. */
	double each = lines ? (double)s->read / (double)lines : 0;
	uint64_t rest = lines < s->d->asked.lines ? s->d->asked.lines - lines : s->limit;

	s->first = lines;
	s->first_bytes = s->read;
	s->both = !cli_stop && s->plain && lines >= s->limit &&
		  log_end_find(o->paths[0], s->read, (uint64_t)(each * (double)rest), &s->end);
	if (!s->both)
		return 0;
	if (s->decided && (!o->format || !strcmp(o->format, "auto")))
		o->format = s->d->sight->json ? "json" : "text";
	o->places = place;
	s->stop = 0;
	s->limit = 0;
	s->until = s->end.size;
	s->read = s->end.from;
	return log_run(o, &s->sink, s->ev, e);
}

static void one_log(struct doctor *d, const char *path, struct evidence *ev)
{
	struct sample s = {
		.sink = { look, NULL }, .d = d, .ev = ev, .now = clock_now(), .limit = d->asked.lines,
	};
	struct log_options o = {
		.paths = &path, .n_paths = 1, .format = d->asked.format, .key_map = d->asked.keys,
		.inventory = d->asked.inventory, .stop = &s.stop, .commit = read_so_far, .ctx = &s,
		.decided = decided, .say_ctx = &s,
	};
	struct err e = { 0 };

	memset(ev, 0, sizeof *ev);
	s.plain = s.limit && log_end_find(path, 0, UINT64_MAX, &s.end);
	if (s.plain)
		s.limit = (s.limit + 1) / 2;
	if (log_run(&o, &s.sink, ev, &e) || at_end(&s, &o, &e)) {
		unreadable(d, &e);
		return;
	}
	told(d, &s, path);
	never_seen(d, &s, path);
}

/* A format string or a JSON layout that was given.  NULL: none was, or *e says what is wrong with it. */
static struct log_format *own_format(const struct doctor *d, struct err *e)
{
	const char *given = d->asked.format;

	if (!given || !strcmp(given, "auto") || !strcmp(given, "text") || !strcmp(given, "json"))
		return NULL;
	return given[0] == '{' ? log_format_json(slice_of(given), d->asked.keys, e)
			       : log_format_new("custom text", slice_of(given), e);
}

static void unread(void *ctx, const char *text)
{
	doctor_add(ctx, DOCTOR_WARNING, "format.operators",
		   "look for a slip in it (Envoy, command operators); one that no policy needs does no harm", "%s", text);
}

/* What of a format that was given is not understood. */
static void operators(struct doctor *d)
{
	struct err e = { 0 };
	struct log_format *f = own_format(d, &e);

	if (f)
		log_formats_unread(f, unread, d);
	log_format_free(&f);
}

/* No log: what a format that was given, or else Istio's default, would show. */
static void format_alone(struct doctor *d)
{
	struct err e = { 0 };
	const char *given = d->asked.format;
	struct log_format *f = own_format(d, &e);
	bool own = f != NULL;

	if (!f && !e.kind && (d->asked.keys || (given && !strcmp(given, "json"))))
		f = log_format_json(SLICE(""), d->asked.keys, &e);
	else if (!f && !e.kind && d->judge && !d->asked.capture && !d->asked.interface)
		f = log_format_new(log_defaults[0].name, slice_of(log_defaults[0].text), &e);
	if (e.kind) {
		d->invalid = true;
		doctor_add(d, DOCTOR_PROBLEM, "format.recognised", "docs: access-logs; Envoy, command operators", "%s",
			   e.msg);
	}
	doctor_add(d, DOCTOR_UNCHECKED, "format.lines", "name the gateway's access log: egret doctor FILE ...",
		   "no access log was given: whether its lines are understood is not known");
	if (!f)
		return;
	d->sight = malloc(sizeof *d->sight);
	if (!d->sight)
		abort();
	log_sight_of(d->sight, f, NULL);
	if (own)
		doctor_add(d, DOCTOR_OK, "format.recognised", NULL, "%s, %" PRIu32 " operators", f->name,
			   log_format_operators(f));
	else
		doctor_add(d, DOCTOR_UNCHECKED, "format.recognised", NULL,
			   "what follows holds for Istio's default, %s", f->name);
	log_format_free(&f);
}

void doctor_logs(struct doctor *d)
{
	struct evidence *ev = malloc(sizeof *ev);

	if (!ev)
		abort();
	operators(d);
	for (size_t i = 0; i < d->asked.n_files && i < OPERANDS_MOST && !cli_stop; i++)
		one_log(d, d->asked.files[i], ev);
	if (d->asked.n_files > OPERANDS_MOST)
		doctor_add(d, DOCTOR_UNCHECKED, "format.lines", NULL, "%zu more files were not looked at",
			   d->asked.n_files - OPERANDS_MOST);
	free(ev);
	if (!d->asked.n_files)
		format_alone(d);
}

/* --- what the policies need */

/* What a join or an outcome hangs on, whatever the policies say (docs/access-logs.md). */
static const struct {
	enum flow_field field;
	const char *why;
} wanted[] = {
	{ F_STARTED_AT, "flows have no time: no order, no period, no revision of the policies to hold them against" },
	{ F_RESPONSE_CODE_DETAILS, "which policy and rule refused a request is said there" },
	{ F_CONNECTION_TERMINATION_DETAILS, "which policy refused a connection is said there" },
	{ F_RESPONSE_FLAGS, "why a request failed is said there" },
	{ F_UPSTREAM_CLUSTER, "where the gateway sent a request is held against the routes" },
	{ F_UPSTREAM_LOCAL_IP, "the gateway's own connection to the outside is found by it" },
	{ F_REQUEST_ID, "requests are joined with packets by it" },
	{ F_SNI, "the name that a connection asked for" },
	{ F_SOURCE_IP, "who it was, where nothing else says" },
	{ F_DESTINATION_IP, "connections are joined with packets by it" },
	{ F_SOURCE_IDENTITY, "the log's own word for who it was, beside the wire's" },
};

static bool needed(const struct doctor *d, enum flow_field k)
{
	for (size_t i = 0; i < d->needs.n; i++)
		if (d->needs.list[i].field == k)
			return true;
	return false;
}

static void useful(struct doctor *d)
{
	struct buf b;

	buf_init(&b, 3000);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		if (d->sight->gives[wanted[i].field] || needed(d, wanted[i].field))
			continue;
		buf_clear(&b);
		buf_str(&b, "add ");
		log_sight_advice(wanted[i].field, SLICE(""), d->sight->json, &b);
		buf_byte(&b, 0);
		doctor_add(d, DOCTOR_WARNING, "format.fields", (const char *)b.p, "the format lacks %s: %s",
			   field_info[wanted[i].field].name, wanted[i].why);
	}
	buf_release(&b);
}

void doctor_fields(struct doctor *d)
{
	const struct sight_evidence ev = {
		.log = d->sight, .inventory = d->asked.inventory, .keylog = d->asked.n_keylogs,
		.wire = d->asked.capture || d->asked.interface,
	};
	size_t missing = 0;
	struct buf what, fix;

	if (!d->judge || (!d->sight && !ev.wire)) {
		doctor_add(d, DOCTOR_UNCHECKED, "format.fields", NULL, d->judge
			   ? "the log's format is not known, so what it lacks for the policies is not either"
			   : "without policies nothing says which fields are needed");
		if (d->sight)
			useful(d);
		return;
	}
	buf_init(&what, 3000);
	buf_init(&fix, 3000);
	for (size_t i = 0; i < d->needs.n; i++) {
		if (sight_given(&ev, &d->needs.list[i]))
			continue;
		missing++;
		buf_clear(&what);
		buf_clear(&fix);
		sight_what(&d->needs.list[i], &what);
		sight_fix(&ev, &d->needs.list[i], &fix);
		buf_byte(&fix, 0);
		doctor_add(d, DOCTOR_PROBLEM, "format.fields", (const char *)fix.p, "%s %.*s",
			   sight_who(&ev), (int)what.n, (const char *)what.p);
	}
	buf_release(&what);
	buf_release(&fix);
	if (!missing)
		doctor_add(d, DOCTOR_OK, "format.fields", NULL, "all %zu attributes that the policies read can be seen",
			   d->needs.n);
	if (d->sight)
		useful(d);
}
