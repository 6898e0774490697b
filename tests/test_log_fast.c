/* What the log reader does fast, held to the plain form of the same: equal answers on odd and on random input. */
#include <stdlib.h>
#include <string.h>

#include "capture/log_json.h"
#include "capture/log_line.h"
#include "capture/log_time.h"
#include "capture/log_value.h"
#include "common/clock.h"
#include "tests/rnd.h"
#include "tests/tap.h"

enum { ROUNDS = 200000, MOST = 400 };

/* Bytes of `from`, with the slack that all readers ask for. */
static struct slice random_text(uint8_t *to, size_t n, const char *from)
{
	size_t kinds = strlen(from);

	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)from[rnd((uint32_t)kinds)];
	memset(to + n, rnd(2) ? 0 : '\n', LOG_SLACK);
	return (struct slice){ to, n };
}

static bool same_marks(const struct log_marks *a, const struct log_marks *b)
{
	return a->n == b->n && a->nul == b->nul && a->more == b->more && (a->high || !b->high) &&
	       (a->more || !memcmp(a->at, b->at, (a->n + 1) * sizeof *a->at));
}

static void test_scan(void)
{
	static uint8_t text[LOG_MARKS + 1 + LOG_SLACK];
	static struct log_marks a, b;
	unsigned equal = 0;

	for (unsigned i = 0; i < ROUNDS / 20; i++) {
		struct slice s = random_text(text, rnd(2000), i % 3 ? "abcdefghij \"" : "ab\x80 \"");
		if (s.n && rnd(4) == 0)
			text[rnd((uint32_t)s.n)] = 0;
		log_scan_bytewise(&b, s);
		log_scan(&a, s);
		bool same = same_marks(&a, &b);
		log_scan_sse2(&a, s);
		equal += same && same_marks(&a, &b);
	}
	is(equal, ROUNDS / 20);
	/* As many marks as there is room for, and one more. */
	for (unsigned n = LOG_MARKS - 1; n <= LOG_MARKS + 1; n++) {
		struct slice s = random_text(text, n, " ");
		log_scan(&a, s);
		log_scan_bytewise(&b, s);
		ok(same_marks(&a, &b));
		is(a.more, n > LOG_MARKS);
	}
}

static void test_numbers(void)
{
	static uint8_t text[MOST + LOG_SLACK];
	unsigned equal = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct slice s = random_text(text, rnd(21), i % 5 ? "0123456789" : "0123456789/:-a");
		int64_t a = 0, b = 0;
		bool x = log_number(s, &a), y = log_number_plain(s, &b);
		equal += x == y && (!x || a == b) && log_digits(s) == log_digits_plain(s);
	}
	is(equal, ROUNDS);
}

static void test_endpoints(void)
{
	static const char *const odd[] = {
		"1.2.3.4:5", "1.2.3.4:", "1.2.3.4", "1.2.3:4", "1.2.3.4.5:6", "01.2.3.4:5", "0.0.0.0:0", "255.255.255.255:65535",
		"256.1.1.1:1", "1.1.1.1:65536", "1.1.1.1:00080", "1.1.1.1:123456", "1..1.1:1", ".1.1.1:1", "1.1.1.:1", "1.1.1.1:-1",
		"[::1]:80", "[2001:db8::1]:443", "::1:80", "[::1]", "1.1.1.1 :1", "1111.1.1.1:1", "100.100.100.100:1", "1.1.1.1::1",
		"1.1.1.1:1:1", "a.1.1.1:1", "", ":", "-", "00.0.0.0:1", "1.00.0.0:1",
	};
	static uint8_t text[MOST + LOG_SLACK];
	unsigned equal = 0, good = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct slice s;
		struct ip a, b;
		uint16_t p = 0, q = 0;
		if (i < sizeof odd / sizeof *odd) {
			s = random_text(text, strlen(odd[i]), "x");
			memcpy(text, odd[i], s.n);
		} else if (i % 2) {
			s = random_text(text, rnd(24), "0123456789..::1");
		} else {
			int n = snprintf((char *)text, sizeof text, "%u.%u.%u.%u:%u", rnd(300), rnd(300), rnd(260), rnd(260), rnd(70000));
			s = (struct slice){ text, (size_t)n };
		}
		bool x = log_endpoint(s, &a, &p), y = ip_port_parse(s, &b, &q);
		equal += x == y && (!x || (ip_eq(&a, &b) && p == q));
		good += y;
	}
	is(equal, ROUNDS);
	ok(good > ROUNDS / 10);
}

static void test_times(void)
{
	static const char *const odd[] = {
		"2026-01-05T10:00:00.000Z", "2026-01-05T10:00:59.999Z", "2026-01-05T10:00:60.000Z", "2026-01-05T10:00:61.000Z",
		"2026-01-05T10:01:00.000Z", "2026-01-05T10:00:0a.000Z", "2026-01-05T10:00:00.000z", "2026-01-05t10:00:00.000Z",
		"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:01.001Z", "2026-02-30T10:00:00.000Z", "2026-01-05T24:00:00.000Z",
		"2026-01-05T10:00:00Z", "2026-01-05T10:00:00.123456Z", "2026-01-05T10:00:00.5+01:00", "2026-01-05 10:00:00.000Z", "",
	};
	struct log_minute m = { { 0 }, 0 };
	size_t n = sizeof odd / sizeof *odd;
	unsigned equal = 0;

	for (unsigned i = 0; i < 1000; i++) {
		uint8_t text[40 + LOG_SLACK] = { 0 };
		const char *from = odd[rnd((uint32_t)n)];
		struct slice s = { text, strlen(from) };
		int64_t a = 0, b = 0;
		memcpy(text, from, s.n);
		bool x = log_time_default(&m, s, &a), y = clock_parse(s, &b);
		equal += x == y && (!x || a == b);
	}
	is(equal, 1000);
}

/* --- whole lines */

#define TEXT "[2025-01-01T00:00:00.000Z] \"GET /a HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" \"curl 8 x\" \"id\" " \
	"\"h.example\" \"1.2.3.4:443\" outbound|443||h.example 10.0.0.1:1 10.0.0.1:8443 10.0.0.2:5 h.example -"
#define JSON "{\"authority\":\"h.example\",\"bytes_sent\":12,\"duration\":null,\"method\":\"-\",\"path\":\"/a\",\"other\":\"x\"}"

/* A line with a few of its bytes changed, taken out or doubled. */
static struct slice mutant(uint8_t *to, const char *line, const char *bytes)
{
	size_t n = strlen(line);

	memcpy(to, line, n);
	for (uint32_t k = rnd(4); k > 0 && n > 1; k--) {
		size_t at = rnd((uint32_t)n);
		switch (rnd(3)) {
		case 0:
			to[at] = (uint8_t)bytes[rnd((uint32_t)strlen(bytes))];
			break;
		case 1:
			memmove(to + at, to + at + 1, n - at - 1);
			n--;
			break;
		default:
			memmove(to + at + 1, to + at, n - at);
			n++;
		}
	}
	memset(to + n, 0, LOG_SLACK);
	return (struct slice){ to, n };
}

static bool same_values(const struct log_format *f, const struct log_values *a, const struct log_values *b)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (a->known[i] != b->known[i] || (a->known[i] && (a->null[i] != b->null[i] ||
		    (!a->null[i] && !slice_eq(a->v[i], b->v[i])))))
			return false;
	return true;
}

/* The first reading, where it is taken, is the only one that the search of all of them finds. */
static void test_text(void)
{
	static uint8_t text[MOST + 10 + LOG_SLACK];
	static struct log_values a, b;
	static struct log_marks m;
	struct err e = { 0 };
	unsigned equal = 0, read = 0;
	struct log_format *f = log_format_new("fast", slice_of(log_defaults[0].text), &e);
	struct log_format *slow = log_format_new("slow", slice_of(log_defaults[0].text), &e);

	ok(f && slow && f->anchored);
	slow->anchored = false;
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		struct slice s = mutant(text, TEXT, " \"-a1.:[]");
		log_scan(&m, s);
		enum log_read x = log_line_text(f, s, &m, &a), y = log_line_text(slow, s, &m, &b);
		equal += x == y && (x != LOG_READ || same_values(f, &a, &b));
		read += x == LOG_READ;
	}
	is(equal, ROUNDS / 10);
	ok(read > ROUNDS / 40);
	log_format_free(&f);
	log_format_free(&slow);
}

/* A line with the expected keys is read as the grammar reads it. */
static void test_json(void)
{
	static uint8_t text[MOST + 10 + LOG_SLACK];
	static struct log_values a, b;
	static struct log_order order, scratch;
	struct err e = { 0 };
	struct arena *arena = arena_new(1024 * 1024);
	struct log_format *f = log_format_json((struct slice){ NULL, 0 }, NULL, &e);
	unsigned equal = 0, read = 0;

	memcpy(text, JSON, sizeof JSON);
	struct slice first = { text, sizeof JSON - 1 };
	ok(!log_json_expected(f, &order, first, &a));
	is(log_json_read(f, &order, first, &a, arena), LOG_READ);
	ok(log_json_expected(f, &order, first, &b) && same_values(f, &a, &b));
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		struct slice s = mutant(text, JSON, "{}\",:\\n01-e. \x01\x80");
		bool fast = log_json_expected(f, &order, s, &a);
		enum log_read plain = log_json_read(f, &scratch, s, &b, arena);
		equal += !fast || (plain == LOG_READ && same_values(f, &a, &b) && !memchr(s.p, 0, s.n) && log_is_utf8(s));
		read += fast;
		arena_reset(arena);
	}
	is(equal, ROUNDS / 10);
	ok(read > ROUNDS / 40);
	/* Keys left out are no other order. */
	static const char few[] = "{\"bytes_sent\":7,\"path\":\"/b\"}";
	memset(text, 0, sizeof text);
	memcpy(text, few, sizeof few);
	ok(log_json_expected(f, &order, (struct slice){ text, sizeof few - 1 }, &a));
	/* A key twice, and a key written in another way, are the grammar's to judge. */
	static const char twice[] = "{\"path\":\"/a\",\"path\":\"/b\"}", other[] = "{\"pat\\u0068\":\"/a\",\"path\":\"/b\"}";
	memcpy(text, twice, sizeof twice);
	ok(!log_json_expected(f, &order, (struct slice){ text, sizeof twice - 1 }, &a));
	memcpy(text, other, sizeof other);
	ok(!log_json_expected(f, &order, (struct slice){ text, sizeof other - 1 }, &a));
	is(log_json_read(f, &order, (struct slice){ text, sizeof other - 1 }, &a, arena), LOG_DUPLICATE_KEY);
	log_format_free(&f);
	arena_free(&arena);
}

int main(void)
{
	test_scan();
	test_numbers();
	test_endpoints();
	test_times();
	test_text();
	test_json();
	return tap_end();
}
