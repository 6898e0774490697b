/*
 * order: a ring of flows by line number; slot k holds line passed + 1 + k.
 *
 * Offsets wait in a queue.  Invariant: passed <= ready; lines up to ready are all there; `passed` is the line of the
 * last offset reached.
 */
#include "cli/order.h"

#include <stdlib.h>
#include <string.h>

struct order {
	struct sink sink, *next;
	int (*reached)(void *, uint64_t, struct err *);
	void *ctx;
	struct flow **ring;
	size_t size, head;		/* size: a power of two; head: of line passed + 1 */
	size_t held;
	uint64_t passed, ready, top;	/* top: the highest line in the ring */
	uint64_t *offset;		/* lines with an offset behind them, rising */
	size_t n_offset, room;
};

static struct flow **slot(const struct order *o, uint64_t line)
{
	return &o->ring[(o->head + (line - o->passed - 1)) & (o->size - 1)];
}

static void grow(struct order *o, uint64_t span)
{
	size_t size = o->size;

	while (size <= span)
		size *= 2;
	struct flow **ring = calloc(size, sizeof(struct flow *));
	if (!ring)
		abort();
	for (size_t k = 0; k < o->size; k++)
		ring[k] = o->ring[(o->head + k) & (o->size - 1)];
	free(o->ring);
	o->ring = ring;
	o->size = size;
	o->head = 0;
}

/* Lines up to this one go on, those that are there. */
static int pass(struct order *o, uint64_t line, struct err *e)
{
	int r = 0;

	while (o->passed < line && !r) {
		struct flow **at = slot(o, o->passed + 1), *f = *at;
		*at = NULL;
		o->head = (o->head + 1) & (o->size - 1);
		o->passed++;
		if (!f)
			continue;
		o->held--;
		r = sink_push(o->next, f, 1, e);
		free(f);
	}
	return r;
}

/* Every stretch that is whole. */
static int advance(struct order *o, struct err *e)
{
	while (o->ready < o->top && *slot(o, o->ready + 1))
		o->ready++;
	while (o->n_offset && o->offset[0] <= o->ready) {
		uint64_t line = o->offset[0];
		memmove(o->offset, o->offset + 1, --o->n_offset * sizeof *o->offset);
		if (pass(o, line, e) || (o->reached && o->reached(o->ctx, line, e)))
			return -1;
	}
	return 0;
}

static int keep(struct order *o, const struct flow *f)
{
	if (f->line <= o->passed)
		return -1;
	if (f->line - o->passed >= o->size)
		grow(o, f->line - o->passed);
	struct flow **at = slot(o, f->line);
	if (*at)
		return -1;
	*at = flow_clone(f);
	(*at)->line = f->line;
	o->held++;
	if (f->line > o->top)
		o->top = f->line;
	return 0;
}

static int push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	struct order *o = (struct order *)s;

	for (size_t i = 0; i < n; i++) {
		/* A line that comes twice (a request told by two connections) has passed, or waits: so does this. */
		if ((!flows[i].line || keep(o, &flows[i])) && sink_push(o->next, &flows[i], 1, e))
			return -1;
	}
	return advance(o, e);
}

static int finish(struct sink *s, struct err *e)
{
	struct order *o = (struct order *)s;

	return pass(o, o->top, e) || sink_finish(o->next, e) ? -1 : 0;
}

struct order *order_new(struct sink *next)
{
	struct order *o = calloc(1, sizeof *o);

	if (!o)
		abort();
	o->sink = (struct sink){ push, finish };
	o->next = next;
	o->size = 1024;
	o->ring = calloc(o->size, sizeof(struct flow *));
	if (!o->ring)
		abort();
	return o;
}

void order_free(struct order **at)
{
	struct order *o = *at;

	if (!o)
		return;
	for (size_t k = 0; k < o->size; k++)
		free(o->ring[k]);
	free(o->ring);
	free(o->offset);
	free(o);
	*at = NULL;
}

struct sink *order_sink(struct order *o)
{
	return &o->sink;
}

void order_on_reached(struct order *o, int (*reached)(void *ctx, uint64_t line, struct err *e), void *ctx)
{
	o->reached = reached;
	o->ctx = ctx;
}

int order_offset(struct order *o, uint64_t line, struct err *e)
{
	if (o->n_offset == o->room) {
		o->room = o->room ? 2 * o->room : 64;
		o->offset = realloc(o->offset, o->room * sizeof *o->offset);
		if (!o->offset)
			abort();
	}
	o->offset[o->n_offset++] = line;
	return advance(o, e);
}

size_t order_held(const struct order *o)
{
	return o->held;
}
