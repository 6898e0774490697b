/* A START_TIME format in the first line, a text by it in the second; the text by the default; and both together. */
#include <assert.h>
#include <string.h>

#include "capture/log_scan.h"
#include "capture/log_time.h"
#include "common/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct log_minute m;
	uint8_t padded[256 + LOG_SLACK] = { 0 };
	const uint8_t *nl = n ? memchr(p, '\n', n) : NULL;
	struct slice in = { p, n }, format = { p, nl ? (size_t)(nl - p) : n };
	struct slice text = slice_from(in, format.n + (nl != NULL));
	const struct log_time_part parts[] = { { format, text }, { format, text }, { { NULL, 0 }, text } };
	int64_t a = 0, b = 0;

	/* The same part twice says nothing new. */
	bool one = log_time(format, text, &a);
	assert(!one || a < 0 || (log_time_joined(parts, 2, true, &b) && a == b));
	if (log_time_joined(parts, 3, true, &b))
		assert(log_time_joined(parts + 1, 2, true, &a) && a == b);
	log_time_is_word(format);
	log_time_is_of_zone(format);
	if (text.n > 256)
		return 0;
	if (text.n)
		memcpy(padded, text.p, text.n);
	/* The minute that is kept from time to time changes no answer. */
	bool fast = log_time_default(&m, (struct slice){ padded, text.n }, &a);
	bool plain = log_time((struct slice){ NULL, 0 }, text, &b);
	assert(fast == plain && (!fast || a == b));
	return 0;
}
