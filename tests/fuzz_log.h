/* fuzz_log - bytes through the reader by one format; each flow is looked at, each line is counted. */
#ifndef TESTS_FUZZ_LOG_H
#define TESTS_FUZZ_LOG_H

#include <assert.h>
#include <string.h>

#include "capture/log_reader.h"
#include "schema/flow_json.h"

static int fuzz_push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	struct buf b;

	(void)s, (void)e;
	buf_init(&b, 16 * 1024 * 1024);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&b);
		flow_json_write(&b, &flows[i]);
		assert(b.n > 2);
	}
	buf_release(&b);
	return 0;
}

/* In two pieces as a file that grows gives them, the first of which ends anywhere.  1: the format is none. */
static inline int fuzz_feed(const char *format, struct slice in, size_t first, struct evidence *ev)
{
	struct sink sink = { fuzz_push, NULL };
	struct log_options o = { .query = LOG_QUERY_HASH };
	struct log_formats f;
	struct err e;
	size_t used = 0;
	int bad = log_formats_init(&f, format, NULL, &e);

	memset(ev, 0, sizeof *ev);
	if (!bad) {
		struct log_reader *r = log_reader_new(&f, &o, NULL, &sink, ev);
		if (first)
			bad = log_reader_feed(r, (struct slice){ in.p, first }, false, &used, &e);
		assert(used <= first);
		if (!bad)
			bad = log_reader_feed(r, slice_from(in, used), true, &used, &e);
		assert(bad || !log_reader_pending(r));
		log_reader_free(&r);
	}
	log_formats_release(&f);
	return bad != 0;
}

/* Every line is a flow or counted by a reason; several of a wrapped log may be one. */
static inline void fuzz_read(const char *format, struct slice in)
{
	static struct evidence ev, again;
	uint64_t lost = 0;

	if (fuzz_feed(format, in, 0, &ev))
		return;
	for (int k = EV_LINE_MISMATCH; k <= EV_LINE_EMPTY; k++)
		lost += ev.n[k];
	assert(ev.n[EV_LINES_PARSED] + lost <= ev.n[EV_LINES]);
	/* What the first lines decide, they decide alone. */
	if (strcmp(format, "auto") != 0 && in.n) {
		assert(!fuzz_feed(format, in, in.p[in.n / 2] * in.n / 256, &again));
		assert(!memcmp(ev.n, again.n, sizeof ev.n));
	}
}

#endif
