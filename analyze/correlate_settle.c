/*
 * correlate_settle: connections that go on and on.  Their lines and requests do not wait
 * for the end: what the other side has said within twice the settle time is what they get.
 */
#include "analyze/correlate_build.h"

#include <stdlib.h>
#include <string.h>

static int64_t end_of(const struct flow *f)
{
	return flow_has(f, F_ENDED_AT) ? flow_num(f, F_ENDED_AT) : flow_num(f, F_STARTED_AT);
}

/* The wire's word about this line as far as it is there: its request, or the connection. */
static struct flow *find_wire(struct pair *p, const struct flow *log, size_t *at)
{
	for (size_t i = 0; i < p->wire.n; i++) {
		struct flow *wire = p->wire.item[i];
		bool http = is_http(wire);
		if (http == is_http(log) ? http ? correlate_same_request(wire, log) : correlate_same_time(wire, log)
		    : !http && correlate_same_time(wire, log)) {
			*at = i;
			return wire;
		}
	}
	return NULL;
}

static struct flow *list_take(struct correlate *c, struct list *l, size_t i)
{
	struct flow *f = l->item[i];

	memmove(l->item + i, l->item + i + 1, (--l->n - i) * sizeof *l->item);
	c->held--;
	return f;
}

static int let_line_go(struct correlate *c, struct pair *p, struct flow *log, struct err *e)
{
	size_t at;
	struct flow *wire = find_wire(p, log, &at);
	int r;

	if (!wire)
		return correlate_emit(c, p, log, &c->count.log_only, e);
	if (!is_http(wire) && is_http(log)) {
		p->lent = true;
		correlate_lend(c, wire, log);
		return correlate_emit(c, p, log, &c->count.joined, e);
	}
	wire = list_take(c, &p->wire, at);
	correlate_compare_clocks(c, wire, log);
	correlate_merge(c, wire, log);
	r = correlate_emit(c, p, wire, &c->count.joined, e);
	free(wire);
	return r;
}

/*
 * What is older than `limit` has waited long enough; the wire's connection flow stays for
 * later lines.
 */
static int let_go(struct correlate *c, struct pair *p, int64_t limit, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < p->log.n && !r;) {
		if (end_of(p->log.item[i]) >= limit) {
			i++;
			continue;
		}
		struct flow *log = list_take(c, &p->log, i);
		r = let_line_go(c, p, log, e);
		free(log);
	}
	for (size_t i = 0; i < p->wire.n && !r;) {
		if (!is_http(p->wire.item[i]) || end_of(p->wire.item[i]) >= limit) {
			i++;
			continue;
		}
		struct flow *wire = list_take(c, &p->wire, i);
		r = correlate_emit(c, p, wire, &c->count.wire_only, e);
		free(wire);
	}
	return r;
}

/*
 * The list is by first arrival: behind one that began within the settle time nothing is
 * due.  Looked through sixteen times in a settle time, so that the cost for a flow does not
 * grow with their number.
 */
int correlate_release_old(struct correlate *c, int64_t mark, struct err *e)
{
	int64_t once = mark - c->o.settle_ns, twice = once - c->o.settle_ns;

	if (mark - c->looked < c->o.settle_ns / 16)
		return 0;
	c->looked = mark;
	for (struct pair *p = c->oldest, *next; p && p->since < once; p = next) {
		next = p->newer;
		if (p->last < once ? correlate_close(c, p, e)
				   : p->since < twice && let_go(c, p, twice, e))
			return -1;
	}
	return 0;
}
