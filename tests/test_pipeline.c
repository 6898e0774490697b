/*
 * test_pipeline: the queue between sources and the store: order, the stage, failures, and that a
 * transaction never holds the rows of a log without the offset behind them.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/pipeline.h"
#include "common/clock.h"
#include "tests/tap.h"

enum { FLOWS = 5000 };

struct end {
	struct sink sink;
	uint64_t seen, wrong, fail_after;
	bool finished;
};

static int end_push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	struct end *end = (struct end *)s;

	for (size_t i = 0; i < n; i++, end->seen++)
		end->wrong += flow_num(&flows[i], F_SOURCE_PORT) != (int64_t)(end->seen % 60000);
	return end->fail_after && end->seen > end->fail_after ? err_set(e, ERR_DB, "the end is full") : 0;
}

static int end_finish(struct sink *s, struct err *e)
{
	(void)e;
	((struct end *)s)->finished = true;
	return 0;
}

static int feed(struct pipeline_input *in, uint64_t n, struct err *e)
{
	char name[32];
	struct flow f;

	for (uint64_t i = 0; i < n; i++) {
		flow_init(&f);
		snprintf(name, sizeof name, "host-%u.example", (unsigned)i);
		flow_set_num(&f, F_OBSERVED_BY, OBSERVED_LOG);
		flow_set_num(&f, F_SOURCE_PORT, (int64_t)(i % 60000));
		flow_set_text(&f, F_AUTHORITY, slice_of(name));
		if (sink_push(pipeline_sink(in), &f, 1, e))
			return -1;
	}
	return sink_finish(pipeline_sink(in), e);
}

static void staged(void *ctx, struct flow *flows, size_t n, struct arena *text, bool awaited)
{
	(void)awaited;
	*(uint64_t *)ctx += n;
	for (size_t i = 0; i < n; i++)
		flow_set_text(&flows[i], F_REASON, arena_copy(text, SLICE("seen")));
}

static void order(void)
{
	struct end end = { .sink = { end_push, end_finish } };
	struct evidence *ev = calloc(1, sizeof *ev);
	struct err e = { 0 };
	uint64_t through = 0;

	for (int with = 0; with < 2; with++) {
		struct pipeline_options o = { .end = &end.sink, .depth = 2 };
		if (with) {
			o.stage = staged;
			o.stage_ctx = &through;
		}
		end.seen = end.wrong = end.finished = 0;
		struct pipeline *p = pipeline_start(&o);
		is(feed(pipeline_input(p, true, ev), FLOWS, &e), 0);
		is(pipeline_finish(&p, &e), 0);
		ok(end.seen == FLOWS && !end.wrong && end.finished);
	}
	is((int64_t)through, FLOWS);
	free(ev);
}

/* What the end refuses, the source hears, with or without a stage between; nobody waits for ever. */
static void refused(void)
{
	struct evidence *ev = calloc(1, sizeof *ev);

	for (int with = 0; with < 2; with++) {
		struct end end = { .sink = { end_push, end_finish }, .fail_after = 1000 };
		struct err e = { 0 }, last = { 0 };
		uint64_t through = 0;
		struct pipeline_options o = { .end = &end.sink, .depth = 1 };
		if (with) {
			o.stage = staged;
			o.stage_ctx = &through;
		}
		struct pipeline *p = pipeline_start(&o);
		is(feed(pipeline_input(p, true, ev), UINT64_C(1) << 40, &e), -1);
		ok(e.kind == ERR_DB && !strcmp(e.msg, "the end is full"));
		is(pipeline_finish(&p, &last), -1);
		ok(last.kind == ERR_DB && !end.finished);
	}
	free(ev);
}

static int number_of(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	(void)n, (void)names;
	*(int64_t *)ctx = v[0].num;
	return 0;
}

static int64_t rows(const char *path)
{
	struct store_result r;
	struct err e;
	int64_t n = -1;
	struct store *s = store_open(path, STORE_READ, &e);

	if (s)
		store_query(s, "SELECT count(*) FROM flow", NULL, 0, (struct store_limits){ 0 }, number_of,
			    &n, &r, &e);
	store_close(&s, &e);
	return n;
}

/* Idle for more than a second, which commits: but not the rows of a log whose offset has not come. */
static void offsets(void)
{
	char dir[] = "egret-pipeline-XXXXXX", path[64];
	struct evidence *ev = calloc(1, sizeof *ev);
	struct err e = { 0 };
	int64_t began = clock_now();

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof path, "%s/db", dir);
	struct store *s = store_open(path, STORE_WRITE, &e);
	ok(s != NULL);
	struct pipeline_options o = { .end = store_sink(s), .store = s, .live = true };
	struct pipeline *p = pipeline_start(&o);
	struct pipeline_input *in = pipeline_input(p, true, ev);
	pipeline_track(in);
	is(feed(in, 10, &e), 0);
	usleep(2200000);
	int64_t before = rows(path);
	if (clock_now() - began < 4 * NS_PER_S)	/* a batch that old is committed all the same */
		is(before, 0);
	struct log_offset at = { .path = SLICE("a.log"), .digest = SLICE("0123456789abcdef"), .offset = 10 };
	is(pipeline_offset(in, &at, &e), 0);
	usleep(2200000);
	is(rows(path), 10);
	is(pipeline_finish(&p, &e), 0);
	is(store_close(&s, &e), 0);
	remove(path);
	rmdir(dir);
	free(ev);
}

int main(void)
{
	order();
	refused();
	offsets();
	return tap_end();
}
