/* log_read - a whole log through the reader at once, for tests: flows as JSON in `got`, counts in `ev`. */
#ifndef TESTS_LOG_READ_H
#define TESTS_LOG_READ_H

#include <stdlib.h>
#include <string.h>

#include "capture/log_reader.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

struct collect {
	struct sink sink;
	struct buf out;
	size_t n;
};

static inline int collect(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	struct collect *c = (struct collect *)sink;

	(void)e;
	for (size_t i = 0; i < n; i++, c->n++) {
		flow_json_write(&c->out, &flows[i]);
		buf_byte(&c->out, '\n');
	}
	return 0;
}

static struct evidence ev;
static struct collect got;
static struct err err;
static char said[256];

static inline void say(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(said, sizeof said, "%s", text);
}

/* Everything at once; the answer is in got and ev.  A copy of exact size: ASan guards the end. */
static inline int read_all(const char *format, const char *keys, struct slice text, enum log_query query)
{
	struct log_options o = { .query = query, .say = say };
	struct log_formats f;
	size_t used;
	uint8_t *copy = malloc(text.n ? text.n : 1);

	memcpy(copy, text.p, text.n);
	memset(&ev, 0, sizeof ev);
	buf_clear(&got.out);
	got.n = 0;
	err = (struct err){ 0 };
	int rc = log_formats_init(&f, format, keys, &err);
	if (!rc) {
		struct log_reader *r = log_reader_new(&f, &o, NULL, &got.sink, &ev);
		rc = log_reader_feed(r, (struct slice){ copy, text.n }, true, &used, &err);
		log_reader_free(&r);
	}
	log_formats_release(&f);
	free(copy);
	buf_byte(&got.out, 0);
	return rc;
}

static inline bool has(const char *part)
{
	bool found = got.out.p && strstr((char *)got.out.p, part);

	if (!found)
		printf("# wanted %s\n# in %s\n", part, got.out.p ? (char *)got.out.p : "");
	return found;
}

static inline void read_start(void)
{
	got.sink.push = collect;
	buf_init(&got.out, 64 * 1024 * 1024);
}

static inline int read_end(void)
{
	buf_release(&got.out);
	return tap_end();
}

#endif
