/* Key logs: lines good and bad, files that grow, are replaced, end in the middle of a line. */
#include <stdlib.h>
#include <unistd.h>

#include <string.h>
#include "capture/tls_keylog.h"
#include "tests/tap.h"

#define R1 "1111111111111111111111111111111111111111111111111111111111111111"
#define R2 "2222222222222222222222222222222222222222222222222222222222222222"
#define S32 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define S48 S32 "0123456789abcdef0123456789abcdef"

static const struct {
	const char *line;
	int secrets, lines, bad;	/* secrets: of R1 */
} cases[] = {
	{ "CLIENT_RANDOM " R1 " " S48 "\n", 1, 1, 0 },
	{ "CLIENT_RANDOM " R1 " " S48 "\r\n", 1, 1, 0 },
	{ "CLIENT_RANDOM " R1 " " S48, 1, 1, 0 },
	{ "\xef\xbb\xbf" "CLIENT_RANDOM " R1 " " S48 "\n", 1, 1, 0 },
	{ "  CLIENT_RANDOM\t" R1 "  " S48 "  \n", 1, 1, 0 },
	{ "# CLIENT_RANDOM " R1 " " S48 "\n\n\r\n", 0, 0, 0 },
	{ "CLIENT_RANDOM " R1 " " S32 "\n", 0, 1, 1 },		/* a master secret is 48 bytes */
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "\n", 1, 1, 0 },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " " S48 "\n", 1, 1, 0 },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " " S48 "00\n", 0, 1, 1 },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " 0011\n", 0, 1, 1 },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 "\n", 0, 1, 1 },
	{ "CLIENT_TRAFFIC_SECRET_0 11 " S32 "\n", 0, 1, 1 },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 " x\n", 0, 1, 1 },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " g" S32 "\n", 0, 1, 1 },
	{ "EXPORTER_SECRET " R1 " " S32 "\n", 0, 1, 0 },
	{ "QUIC_CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "\n", 0, 1, 0 },
	{ "RSA 0011223344556677 " S48 "\n", 0, 1, 0 },
	{ "client_random " R1 " " S48 "\n", 0, 1, 1 },
	{ "SECRET_OF_TOMORROW " R1 " " S48 "\n", 0, 1, 1 },
	{ "\x00\x01\x02\n", 0, 0, 0 },
	{ "CLIENT_RANDOM " R1 " " S48 "\nCLIENT_EARLY_TRAFFIC_SECRET " R1 " " S32 "\n", 2, 2, 0 },
};

static struct slice random_of(struct slice *into, uint8_t fill)
{
	static uint8_t r[TLS_RANDOM];

	memset(r, fill, sizeof r);
	*into = (struct slice){ r, sizeof r };
	return *into;
}

static int secrets(const struct tls_keys *k, uint8_t fill)
{
	struct slice r;
	const struct tls_secrets *s = tls_keys_find(k, random_of(&r, fill));
	int n = 0;

	for (int i = 0; s && i < SECRETS; i++)
		n += s->n[i] > 0;
	return n;
}

static void test_lines(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct evidence ev = { 0 };
		struct tls_keys *k = tls_keys_new(&ev, 0);
		tls_keys_text(k, slice_of(cases[i].line));
		printf("# case %zu\n", i);
		is(secrets(k, 0x11), cases[i].secrets);
		is(ev.n[EV_KEYLOG_LINES], cases[i].lines);
		is(ev.n[EV_KEYLOG_BAD], cases[i].bad);
		/* A bad line may hold a secret: none is kept as a sample. */
		is(ev.sample[EV_KEYLOG_BAD][0].n, 0);
		tls_keys_free(&k);
	}
}

static void append(int fd, const char *s)
{
	ok(write(fd, s, strlen(s)) == (ssize_t)strlen(s));
}

static void test_growth(void)
{
	char path[] = "keylog-XXXXXX";
	struct evidence ev = { 0 };
	struct tls_keys *k = tls_keys_new(&ev, 0);
	struct err e;
	int fd = mkstemp(path);

	is(tls_keys_file(k, path, true, &e), 0);
	append(fd, "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32);	/* perhaps not the end of it */
	tls_keys_poll(k);
	is(secrets(k, 0x11), 0);
	append(fd, "0123456789abcdef0123456789abcdef\n# note\nCLIENT_RAN");
	tls_keys_poll(k);
	is(secrets(k, 0x11), 1);
	append(fd, "DOM " R2 " " S48 "\n");
	tls_keys_poll(k);
	is(secrets(k, 0x22), 1);
	uint64_t before = tls_keys_generation(k);
	tls_keys_poll(k);
	is(tls_keys_generation(k), before);

	/* Emptied and written anew: from the start. */
	ok(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	append(fd, "CLIENT_RANDOM " R1 " " S48 "\n");
	tls_keys_poll(k);
	is(secrets(k, 0x11), 2);
	close(fd);
	unlink(path);
	tls_keys_poll(k);	/* gone: no matter */
	is(ev.n[EV_KEYLOG_BAD], 0);
	tls_keys_free(&k);
}

static void test_files(void)
{
	char path[] = "keylog-XXXXXX";
	struct evidence ev = { 0 };
	struct tls_keys *k = tls_keys_new(&ev, 0);
	struct err e;
	int fd = mkstemp(path);

	is(tls_keys_file(k, "no-such-key-log", false, &e), -1);
	ok(strstr(e.msg, "no-such-key-log") != NULL);
	is(tls_keys_file(k, "no-such-key-log", true, &e), 0);	/* awaited */
	is(tls_keys_file(k, ".", false, &e), -1);
	append(fd, "CLIENT_RANDOM " R1 " " S48);	/* the last line of a finished file */
	is(tls_keys_file(k, path, false, &e), 0);
	is(secrets(k, 0x11), 1);
	close(fd);
	unlink(path);
	tls_keys_free(&k);
}

/* A line without end is given up after a while, and the next one is read. */
static void test_overlong(void)
{
	char path[] = "keylog-XXXXXX";
	struct evidence ev = { 0 };
	struct tls_keys *k = tls_keys_new(&ev, 0);
	struct err e;
	int fd = mkstemp(path);

	is(tls_keys_file(k, path, true, &e), 0);
	for (int i = 0; i < 100; i++) {
		append(fd, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
		tls_keys_poll(k);
	}
	append(fd, "\nCLIENT_RANDOM " R1 " " S48 "\n");
	tls_keys_poll(k);
	is(ev.n[EV_KEYLOG_BAD], 1);
	is(secrets(k, 0x11), 1);
	close(fd);
	unlink(path);
	tls_keys_free(&k);
}

static void test_bound(void)
{
	struct evidence ev = { 0 };
	struct tls_keys *k = tls_keys_new(&ev, 3);
	char line[256];

	for (unsigned i = 1; i <= 5; i++) {
		char hex[65];
		for (int n = 0; n < 32; n++)
			snprintf(hex + 2 * n, 3, "%02x", i);
		snprintf(line, sizeof line, "CLIENT_RANDOM %s " S48 "\n", hex);
		tls_keys_text(k, slice_of(line));
	}
	is(ev.n[EV_KEYLOG_EVICTED], 2);
	is(secrets(k, 2), 0);
	is(secrets(k, 3), 1);
	is(secrets(k, 5), 1);
	tls_keys_free(&k);
}

/* A log of many sessions, for one that keeps few: the newest stay, the others are counted. */
static void test_flood(void)
{
	enum { LINES = 200000, KEPT = 1000 };
	struct evidence ev = { 0 };
	struct tls_keys *k = tls_keys_new(&ev, KEPT);
	size_t partial;
	char line[256];

	for (unsigned i = 0; i < LINES; i++) {
		snprintf(line, sizeof line, "CLIENT_RANDOM %064x " S48 "\n# %u\nodd %u\n", i, i, i);
		tls_keys_text(k, slice_of(line));
	}
	is(tls_keys_sessions(k, &partial), KEPT);
	is(ev.n[EV_KEYLOG_EVICTED], LINES - KEPT);
	is(ev.n[EV_KEYLOG_LINES], 2 * LINES);
	is(ev.n[EV_KEYLOG_BAD], LINES);
	tls_keys_free(&k);
}

int main(void)
{
	test_flood();
	test_lines();
	test_growth();
	test_files();
	test_overlong();
	test_bound();
	return tap_end();
}
