/* fuzz_http1: the HTTP/1 layer (fuzz_http.h). */
#include "tests/fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	return fuzz_http((struct slice){ p, n }, layer_http1);
}
