/* log_gzip, log_file: compressed logs, whole, cut at every byte, damaged at every byte, and what is none. */
#include "capture/log_gzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "capture/log_file.h"
#include "tests/tap.h"

enum { LINES = 20000, SIZE = LINES * 12 };

static char path[] = "test_log_gzip.XXXXXX";
static char text[SIZE + 1];

static void put(const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		abort();
}

/* The first n bytes of the text, compressed, at `to`. */
static size_t pack(uint8_t *to, size_t room, size_t n)
{
	z_stream z = { 0 };

	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (Bytef *)text;
	z.avail_in = (uInt)n;
	z.next_out = to;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return room - z.avail_out;
}

/* The bytes that come out before the end (0) or the damage (-1), held against the text. */
static int drain(size_t *total, bool *same, struct err *e)
{
	struct log_file f;
	int r = log_file_open(&f, path, e);

	*total = 0;
	*same = true;
	if (r)
		return -2;
	while ((r = log_file_read(&f, e)) > 0) {
		*same &= *total + f.n <= SIZE && !memcmp(f.buf, text + *total, f.n);
		*total += f.n;
		log_file_consume(&f, f.n);
	}
	/* Said once. */
	*same &= r == 0 || log_file_read(&f, e) == 0;
	log_file_close(&f);
	return r;
}

static void test_whole(void)
{
	static uint8_t packed[2 * SIZE];
	struct err e = { 0 };
	size_t total, n = pack(packed, sizeof packed, SIZE);
	bool same;

	put(packed, n);
	is(drain(&total, &same, &e), 0);
	is(total, SIZE);
	ok(same);

	put(packed, n / 2);
	is(drain(&total, &same, &e), -1);
	is(e.kind, ERR_INPUT);
	ok(strstr(e.msg, "ends early, at byte") != NULL);
	ok(same && total > SIZE / 4 && total < SIZE);

	packed[n - 6] ^= 0xff;		/* the checksum */
	put(packed, n);
	e = (struct err){ 0 };
	is(drain(&total, &same, &e), -1);
	is(e.kind, ERR_INPUT);
	ok(strstr(e.msg, "is damaged, at byte") != NULL);
}

/* Two members: each prefix ends early, but those that end where a member does. */
static void test_prefixes(void)
{
	static uint8_t packed[4096];
	size_t first = pack(packed, sizeof packed, 600), n = first, good = 0, total;
	bool same;

	n += pack(packed + n, sizeof packed - n, 600);
	for (size_t k = 2; k <= n; k++) {
		struct err e = { 0 };
		put(packed, k);
		int r = drain(&total, &same, &e);
		bool whole = k == first || k == n;
		/* One byte of the next member's magic is no padding. */
		good += r == (whole ? 0 : -1) && total <= 1200 && (k < first || total >= 600) && (k > first || same);
	}
	is(good, n - 1);
}

/* Whatever byte is wrong, what comes out is the beginning of the text, or it is said that it may not be. */
static void test_damage(void)
{
	static uint8_t packed[4096];
	size_t n = pack(packed, sizeof packed, 600), told = 0, harmless = 0, total;
	bool same;

	for (size_t k = 2; k < n; k++) {
		struct err e = { 0 };
		packed[k] ^= 0x55;
		put(packed, n);
		int r = drain(&total, &same, &e);
		packed[k] ^= 0x55;
		told += r == -1;
		harmless += r == 0 && same && total == 600;	/* the header's time, flags, system */
	}
	is(told + harmless, n - 2);
	ok(told > n / 2);
}

static void test_around(void)
{
	static uint8_t packed[4096];
	size_t n = pack(packed, sizeof packed - 100, 600), total;
	struct err e = { 0 };
	bool same;

	memset(packed + n, 0, 64);
	put(packed, n + 64);
	is(drain(&total, &same, &e), 0);
	is(total, 600);
	packed[n + 64] = 'x';
	put(packed, n + 65);
	is(drain(&total, &same, &e), -1);
	is(total, 600);
	ok(strstr(e.msg, "not compressed data") != NULL);
	/* Not compressed at all. */
	put(text, 600);
	is(drain(&total, &same, &e), 0);
	ok(same && total == 600);
	put("", 0);
	is(drain(&total, &same, &e), 0);
	is(total, 0);
}

/* An offset is one of the text; beyond its end the file is at its start again. */
static void test_seek(void)
{
	static uint8_t packed[2 * SIZE];
	struct log_file f;
	struct err e = { 0 };

	put(packed, pack(packed, sizeof packed, SIZE));
	if (log_file_open(&f, path, &e))
		abort();
	is(log_file_seek(&f, SIZE - 12, NULL), 0);
	ok(log_file_read(&f, &e) == 1 && f.n == 12 && !memcmp(f.buf, text + SIZE - 12, 12));
	log_file_close(&f);
	if (log_file_open(&f, path, &e))
		abort();
	is(log_file_seek(&f, SIZE + 1, NULL), -1);
	ok(log_file_read(&f, &e) == 1 && f.n >= 12 && !memcmp(f.buf, text, 12));
	log_file_close(&f);
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 99;
	close(fd);
	for (unsigned i = 0; i < LINES; i++)
		snprintf(text + 12 * (size_t)i, 13, "%011u\n", i * 2654435761U % 1000003U);
	test_whole();
	test_prefixes();
	test_damage();
	test_around();
	test_seek();
	unlink(path);
	return tap_end();
}
