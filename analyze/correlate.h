/*
 * correlate - a wire connection and its log lines become one flow.
 *
 * Matched on the downstream 4-tuple and time; requests of one connection by
 * x-request-id, else by method and path in order.  A connection whose HTTP could not be
 * read lends its TLS facts to each of its log lines.  Where both say
 * something and differ, the wire's value is kept and a finding holds both.
 *
 * Flows are held until both sources' clocks have passed their connection's last by `settle_ns`,
 * until `cap` flows are held (then the oldest connection goes), or until
 * correlate_flush.  Of a connection that goes on and on, log lines wait twice that long at
 * most: what the wire has said by then is what they get.
 *
 * A flow keeps its log line's number (flow.line); each line goes out in one flow.
 */
#ifndef ANALYZE_CORRELATE_H
#define ANALYZE_CORRELATE_H

#include "common/arena.h"
#include "schema/evidence.h"
#include "schema/flow.h"

struct correlate_options {
	int64_t settle_ns;
	size_t cap;		/* flows held; 0: 65,536 */
	struct evidence *ev;	/* how the two clocks compare is counted here; may be NULL */
};

struct correlate_count {
	uint64_t joined, wire_only, log_only, conflicts, evicted;
};

struct correlate;

/* `out` is called with every flow that is finished; it may change it, and keeps nothing. */
struct correlate *correlate_new(const struct correlate_options *o,
				int (*out)(void *ctx, struct flow *f, struct err *e), void *ctx);
void correlate_free(struct correlate **c);

int correlate_push(struct correlate *c, const struct flow *f, struct err *e);
int correlate_tick(struct correlate *c, int64_t now, struct err *e);	/* live: time has come to now */
int correlate_flush(struct correlate *c, struct err *e);
int correlate_give_up(struct correlate *c, struct err *e);	/* the oldest goes; 0: there is none, 1, -1 */
const struct correlate_count *correlate_counts(const struct correlate *c);

/*
 * Add a finding to f; text in a.  Used by everything in analyze/ that finds something.  NULL: f has one
 * of that code already, or too many, or the arena is full.  Of printf's conversions: %s and %d.
 */
struct finding *finding_note(struct flow *f, enum finding_code code, struct arena *a,
			    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
struct finding *finding_note_text(struct flow *f, enum finding_code code, struct arena *a,
				  struct slice text);

#endif
