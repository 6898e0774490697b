/* A compressed file: bounded output a byte, an end, and a reason for every other end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/log_gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static int fd = -1;
	static uint8_t out[65536];
	const char *why = NULL;
	ssize_t got = 1;

	if (fd < 0) {
		FILE *nameless = tmpfile();
		fd = nameless ? fileno(nameless) : -1;
	}
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, p, n, 0) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
		abort();
	struct log_gzip *z = log_gzip_new(fd);
	for (int k = 0; got > 0 && k < 64; k++) {
		got = log_gzip_read(z, out, n % 7 ? sizeof out : 1 + n % 5, &why);
		assert(got <= (ssize_t)sizeof out);
	}
	assert(got >= 0 || why);
	assert(log_gzip_at(z) <= n);
	log_gzip_free(&z);
	return 0;
}
