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

static inline void fuzz_read(const char *format, struct slice in)
{
	static struct evidence ev;
	struct sink sink = { fuzz_push, NULL };
	struct log_options o = { .query = LOG_QUERY_HASH };
	struct log_formats f;
	struct err e;
	size_t used;

	memset(&ev, 0, sizeof ev);
	if (log_formats_init(&f, format, NULL, &e) == 0) {
		struct log_reader *r = log_reader_new(&f, &o, NULL, &sink, &ev);
		log_reader_feed(r, in, true, &used, &e);
		log_reader_free(&r);
		uint64_t lost = 0;
		for (int k = EV_LINE_MISMATCH; k <= EV_LINE_EMPTY; k++)
			lost += ev.n[k];
		assert(ev.n[EV_LINES_PARSED] <= ev.n[EV_LINES]);
		assert(ev.n[EV_LINES_PARSED] + lost <= ev.n[EV_LINES] + 1);
	}
	log_formats_release(&f);
}

#endif
