/* A format string in the first line, lines read by it in the rest. */
#include <stdlib.h>

#include "tests/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *nl = n ? memchr(p, '\n', n) : NULL;
	size_t len = nl ? (size_t)(nl - p) : n;
	char *format = malloc(len + 1);

	memcpy(format, p, len);
	format[len] = 0;
	fuzz_read(format, slice_from((struct slice){ p, n }, len + (nl != NULL)));
	free(format);
	return 0;
}
