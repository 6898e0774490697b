/* fuzz_tls_keylog: text in one piece, then as a file read in two. */
#include <stdlib.h>
#include <unistd.h>

#include "capture/tls_keylog.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void whole_put(int fd, const uint8_t *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char path[] = "fuzz-keylog-XXXXXX";
	struct evidence ev = { 0 }, ev2 = { 0 };
	struct tls_keys *k = tls_keys_new(&ev, 4), *k2 = tls_keys_new(&ev2, 4);
	struct err e;
	int fd = mkstemp(path);

	tls_keys_text(k, (struct slice){ p, n });
	tls_keys_file(k2, path, true, &e);
	whole_put(fd, p, n / 2);
	tls_keys_poll(k2);
	whole_put(fd, p + n / 2, n - n / 2);
	whole_put(fd, (const uint8_t *)"\n", 1);
	tls_keys_poll(k2);
	/* Both ways read the same lines. */
	if (ev.n[EV_KEYLOG_LINES] != ev2.n[EV_KEYLOG_LINES] ||
	    ev.n[EV_KEYLOG_BAD] != ev2.n[EV_KEYLOG_BAD] ||
	    tls_keys_generation(k) != tls_keys_generation(k2))
		abort();
	close(fd);
	unlink(path);
	tls_keys_free(&k);
	tls_keys_free(&k2);
	return 0;
}
