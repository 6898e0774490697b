/* fuzz_http2: the HTTP/2 layer (fuzz_http.h). */
#include "tests/fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	return fuzz_http((struct slice){ p, n }, layer_http2);
}
