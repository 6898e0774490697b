/*
 * Wrapped lines, by every wrapper: what comes out lies in the line or in the arena, and a whole file goes through
 * the reader by the format that its lines decide.
 */
#include "capture/log_wrap.h"
#include "tests/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void unwrap(enum log_wrapper w, struct slice line)
{
	struct arena *a = arena_new(4 * 1024 * 1024);
	struct log_part part;

	if (log_unwrap(w, line, &part, a)) {
		assert(part.stream < LOG_STREAMS);
		assert(part.text.n <= line.n);
		assert(w == LOG_DOCKER || !part.text.n ||
		       (part.text.p >= line.p && part.text.p + part.text.n == line.p + line.n));
	}
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum log_wrapper all[] = { LOG_PLAIN, LOG_CRI, LOG_DOCKER, LOG_KUBECTL };
	const uint8_t *nl = n ? memchr(p, '\n', n) : NULL;
	struct slice line = { p, nl ? (size_t)(nl - p) : n };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		unwrap(all[i], line);
	enum log_wrapper w = log_wrapper_of(line, true);
	assert(w == LOG_KUBECTL || w == log_wrapper_of(line, false));
	fuzz_read("auto", (struct slice){ p, n });
	return 0;
}
