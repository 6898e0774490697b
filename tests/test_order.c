/* test_order: whatever order lines come back in, they go on in their own, in stretches that end at offsets. */
#include "cli/order.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"

enum { LINES = 20000 };

struct end {
	struct sink sink;
	uint64_t next, wrong, others, reached;
	bool finished;
};

static int end_push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	struct end *end = (struct end *)s;

	(void)e;
	for (size_t i = 0; i < n; i++) {
		if (!flows[i].line) {
			end->others++;
			continue;
		}
		end->wrong += flows[i].line != end->next;
		end->wrong += flow_num(&flows[i], F_STATUS) != (int64_t)flows[i].line;
		end->next++;
	}
	return 0;
}

static int end_finish(struct sink *s, struct err *e)
{
	(void)e;
	((struct end *)s)->finished = true;
	return 0;
}

/* At an offset exactly the lines before it have gone on. */
static int reached(void *ctx, uint64_t line, struct err *e)
{
	struct end *end = ctx;

	(void)e;
	end->wrong += end->next != line + 1;
	end->reached = line;
	return 0;
}

static struct flow flow_of(uint64_t line)
{
	struct flow f;

	flow_init(&f);
	f.line = line;
	flow_set_num(&f, F_STATUS, (int64_t)line);
	return f;
}

/* Lines come in blocks, shuffled within a window; offsets at random places, told when their line was read. */
static void shuffled(unsigned seed, uint64_t window)
{
	struct end end = { .sink = { end_push, end_finish }, .next = 1 };
	struct order *o = order_new(&end.sink);
	uint64_t *line = malloc(LINES * sizeof *line), offsets = 0, last = 0;
	struct err e = { 0 };

	if (!line)
		abort();
	order_on_reached(o, reached, &end);
	for (uint64_t i = 0; i < LINES; i++)
		line[i] = i + 1;
	for (uint64_t i = 0; i < LINES; i++) {
		uint64_t with = i + (uint64_t)rand_r(&seed) % window, was = line[i];
		if (with >= LINES)
			continue;
		line[i] = line[with];
		line[with] = was;
	}
	for (uint64_t i = 0; i < LINES; i++) {
		struct flow f = flow_of(line[i]), wire = flow_of(0);
		end.wrong += order_sink(o)->push(order_sink(o), &f, 1, &e) != 0;
		if (rand_r(&seed) % 50 == 0)
			sink_push(order_sink(o), &wire, 1, &e);
		/* What was read is ahead of what has come back. */
		if (rand_r(&seed) % 100 == 0 && i + window > last) {
			last = i + window > LINES ? LINES : i + window;
			offsets++;
			order_offset(o, last, &e);
		}
	}
	ok(offsets > 0 && end.reached > 0);
	ok(end.others > 0);
	is((int64_t)(LINES - end.next + 1), (int64_t)order_held(o));
	is(sink_finish(order_sink(o), &e), 0);
	is((int64_t)end.next, LINES + 1);
	is((int64_t)end.wrong, 0);
	ok(end.finished);
	order_free(&o);
	ok(!o);
	free(line);
}

/* A line that never comes back holds those behind it only until the end. */
static void missing(void)
{
	struct end end = { .sink = { end_push, end_finish }, .next = 1 };
	struct order *o = order_new(&end.sink);
	struct err e = { 0 };

	for (uint64_t line = 2; line < 5000; line++) {
		struct flow f = flow_of(line);
		sink_push(order_sink(o), &f, 1, &e);
	}
	order_offset(o, 4000, &e);
	is((int64_t)end.next, 1);
	is((int64_t)order_held(o), 4998);
	end.next = 2;
	is(sink_finish(order_sink(o), &e), 0);
	is((int64_t)end.next, 5000);
	is((int64_t)end.wrong, 0);
	order_free(&o);
}

int main(void)
{
	shuffled(1, 1);
	shuffled(2, 10);
	shuffled(3, 5000);
	missing();
	return tap_end();
}
