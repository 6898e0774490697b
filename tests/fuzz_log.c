/*
 * fuzz_log - any bytes as an access log: the first byte chooses the format, the second how they are cut
 * into reads.  Every line is a flow or a counted reason.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/log_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t flows;

static int count(struct sink *s, struct flow *f, size_t n, struct err *e)
{
	(void)s;
	(void)f;
	(void)e;
	flows += n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const formats[] = {
		"text", "json", "auto", "%START_TIME(%s)% %REQ(X?Y):9% \"%REQ(USER-AGENT)%\" %DOWNSTREAM_PEER_URI_SAN%",
	};
	static const struct log_options o = { .query = LOG_QUERY_HASH };
	static struct evidence ev;
	struct sink out = { count, NULL };
	struct log_formats f;
	struct err e;

	if (n < 2)
		return 0;
	size_t step = p[1] ? p[1] : 100000;
	struct slice text = { p + 2, n - 2 };
	memset(&ev, 0, sizeof ev);
	flows = 0;
	/* Above 250 the bytes are a format themselves. */
	char *own = p[0] > 250 ? strndup((const char *)text.p, text.n) : NULL;
	int bad = log_formats_init(&f, own ? own : formats[p[0] % 4], NULL, &e);
	struct log_reader *r = bad ? NULL : log_reader_new(&f, &o, NULL, &out, &ev);
	for (size_t at = 0, fed = 0; !bad && fed < text.n;) {
		size_t used;
		fed = text.n - fed > step ? fed + step : text.n;
		bad = log_reader_feed(r, (struct slice){ text.p + at, fed - at }, fed == text.n, &used, &e);
		if (used > fed - at)
			abort();
		at += used;
	}
	if (flows != ev.n[EV_LINES_PARSED] || ev.n[EV_LINES_PARSED] > ev.n[EV_LINES])
		abort();
	log_reader_free(&r);
	log_formats_release(&f);
	free(own);
	return 0;
}
