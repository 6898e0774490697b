/* Istio's text lines, plain and wrapped. */
#include "tests/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	fuzz_read("text", (struct slice){ p, n });
	return 0;
}
