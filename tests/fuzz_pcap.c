/*
 * fuzz_pcap - a whole capture file to flows.  Every flow must be writable as JSON that reads back,
 * memory must stay inside the budget, and every connection must come out as a flow.
 */
#include <stdlib.h>

#include "capture/wire.h"
#include "schema/flow_json.h"

struct check {
	struct sink sink;
	struct buf line;
	struct arena *arena;
};

static int push(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	struct check *c = (struct check *)sink;

	(void)e;
	for (size_t i = 0; i < n; i++) {
		struct flow back;
		struct err why = { 0 };
		buf_clear(&c->line);
		arena_reset(c->arena);
		flow_json_write(&c->line, &flows[i]);
		if (!c->line.full &&
		    flow_json_read(&back, buf_slice(&c->line), c->arena, NULL, &why))
			abort();
		if (!flow_has(&flows[i], F_SOURCE_IP) || !flow_has(&flows[i], F_STARTED_AT) ||
		    !flow_has(&flows[i], F_PROTOCOL))
			abort();
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct evidence ev;
	struct check c = { .sink = { .push = push } };
	struct wire_options o = { .bytes = { p, n }, .budget = 8 << 20 };
	struct err e = { 0 };

	ev = (struct evidence){ 0 };
	buf_init(&c.line, 4 << 20);
	c.arena = arena_new(16 << 20);
	wire_run(&o, &c.sink, &ev, &e);
	if (ev.n[EV_CONNECTIONS] && !ev.n[EV_FLOWS])
		abort();
	arena_free(&c.arena);
	buf_release(&c.line);
	return 0;
}
