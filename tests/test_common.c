/* test_common: cases for the helpers that read untrusted bytes or print them. */
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/hash.h"
#include "common/ip.h"
#include "common/json.h"
#include "common/lower.h"
#include "common/map.h"
#include "tests/tap.h"

static bool printed(struct buf *b, const char *want)
{
	bool same = slice_is(buf_slice(b), want);

	if (!same)
		printf("# got %.*s\n# want %s\n", (int)b->n, (const char *)b->p, want);
	buf_clear(b);
	return same;
}

static void clocks(struct buf *b)
{
	static const struct { const char *in; bool good; const char *out; } cases[] = {
		{ "2026-11-24T08:24:00Z", true, "2026-11-24T08:24:00Z" },
		{ "2026-11-24T08:24:00.5+01:30", true, "2026-11-24T06:54:00.5Z" },
		{ "2024-02-29T23:59:60.000000001Z", true, "2024-03-01T00:00:00.000000001Z" },
		{ "2023-02-29T00:00:00Z", false, "" },
		{ "1969-12-31T23:59:59.25Z", true, "1969-12-31T23:59:59.25Z" },
		{ "2026-11-24T08:24:00", false, "" },
		{ "2026-11-24T08:24:00.Z", false, "" },
		{ "2026-13-24T08:24:00Z", false, "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ns = 0;
		printf("# %s\n", cases[i].in);
		is(clock_parse(slice_of(cases[i].in), &ns), cases[i].good);
		if (cases[i].good) {
			clock_print(b, ns);
			ok(printed(b, cases[i].out));
		}
	}
}

/* At each length: the last bit of the prefix counts, the first one behind it does not. */
static void cidr_lengths(void)
{
	for (unsigned bits = 0; bits <= 128; bits++) {
		struct ip a = { { 0 } }, far, near;
		struct cidr c;

		for (unsigned i = 0; i < 16; i++)
			a.b[i] = (uint8_t)(i * 37 + 11);
		c = (struct cidr){ a, (uint8_t)bits };
		cidr_mask(&c.net, bits);
		far = near = a;
		if (bits)
			far.b[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
		if (bits < 128)
			near.b[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
		ok(cidr_has(&c, &a) && cidr_has(&c, &near) && cidr_has(&c, &far) == !bits);
	}
}

static void ips(struct buf *b)
{
	static const struct { const char *in; bool good; const char *out; } cases[] = {
		{ "10.0.0.1", true, "10.0.0.1" }, { "256.0.0.1", false, "" },
		{ "01.0.0.1", false, "" }, { "1.2.3", false, "" }, { "1.2.3.4 ", false, "" },
		{ "2001:DB8::0:1", true, "2001:db8::1" }, { "", false, "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip a;
		printf("# %s\n", cases[i].in);
		is(ip_parse(slice_of(cases[i].in), &a), cases[i].good);
		if (cases[i].good) {
			ip_print(b, &a);
			ok(printed(b, cases[i].out));
		}
	}
	struct cidr c;
	struct ip in, out;
	ip_parse(SLICE("10.1.255.255"), &in);
	ip_parse(SLICE("10.2.0.0"), &out);
	ok(cidr_parse(SLICE("10.1.2.3/16"), &c) && cidr_has(&c, &in) && !cidr_has(&c, &out));
	ok(!cidr_parse(SLICE("10.0.0.0/33"), &c));
	uint16_t port;
	ok(ip_port_parse(SLICE("[::1]:443"), &in, &port) && port == 443);
	ok(!ip_port_parse(SLICE("::1:443"), &in, &port));
	ok(!ip_port_parse(SLICE("1.2.3.4:65536"), &in, &port));
}

static void quoting(struct buf *b)
{
	buf_quote(b, SLICE("a\x1b[31m\xe2\x80\xae\xff\xc3\xa9"));
	ok(printed(b, "a\\x1b[31m\\u{202e}\\xff\xc3\xa9"));
	buf_json_string(b, SLICE("\"\\\n\x7f\xff\xc3\xa9"));
	ok(printed(b, "\"\\\"\\\\\\u000a\\u007f\xef\xbf\xbd\xc3\xa9\""));
	/* C1 controls, and what YAML refuses to read. */
	buf_json_string(b, SLICE("\xc2\x9b" "1m\xef\xbb\xbf\xef\xbf\xbf"));
	ok(printed(b, "\"\\u009b1m\\ufeff\\uffff\""));
}

/* Text is looked at eight bytes at once: each byte at each place is still written as it is alone. */
static void json_places(void)
{
	struct buf alone, among;
	unsigned wrong = 0;

	buf_init(&alone, 64);
	buf_init(&among, 64);
	for (unsigned c = 0; c < 256; c++)
		for (size_t at = 0; at < 20; at++) {
			uint8_t text[20], one = (uint8_t)c;
			memset(text, 'x', sizeof text);
			text[at] = one;
			buf_clear(&alone);
			buf_clear(&among);
			buf_json_string(&alone, (struct slice){ &one, 1 });
			buf_json_string(&among, (struct slice){ text, sizeof text });
			struct slice inner = { alone.p + 1, alone.n - 2 };
			wrong += among.n != inner.n + 21 ||
				memcmp(among.p + 1 + at, inner.p, inner.n) != 0 ||
				among.p[1 + at + inner.n] != (at < 19 ? 'x' : '"');
		}
	is(wrong, 0);
	buf_release(&alone);
	buf_release(&among);
}

/* Every byte is looked at by json_next until it says END or BAD; no prefix may pass as whole. */
static enum json_token drain(struct slice s)
{
	struct json j;
	enum json_token t;

	json_init(&j, s);
	do
		t = json_next(&j);
	while (t != JSON_BAD && t != JSON_END);
	return t;
}

static void json(void)
{
	static const struct { const char *in; bool good; } cases[] = {
		{ "{}", true }, { "[1,-2.5e+3,\"x\\u00e9\",true,false,null,{\"a\":[]}]", true },
		{ "{\"a\":1,}", false }, { "[1,]", false }, { "01", false }, { "1.", false },
		{ "\"\\x\"", false }, { "{\"a\" 1}", false }, { "[}", false }, { "nul", false },
		{ "1 2", false }, { "\"a\nb\"", false }, { "", false }, { "-", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		printf("# %s\n", cases[i].in);
		is(drain(slice_of(cases[i].in)) == JSON_END, cases[i].good);
	}
	const char *whole = "{\"k\":[1,{\"x\":\"\\ud83d\\ude00\"}],\"z\":null}";
	size_t wrong = 0;
	for (size_t n = 0; n < strlen(whole); n++) {
		uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, whole, n);
		wrong += drain((struct slice){ copy, n }) == JSON_END;
		free(copy);
	}
	is(wrong, 0);
	char deep[200];
	memset(deep, '[', sizeof deep);
	is(drain((struct slice){ (uint8_t *)deep, sizeof deep }), JSON_BAD);
	struct json j;
	struct arena *a = arena_new(1000);
	json_init(&j, SLICE("\"a\\n\\ud83d\\ude00\\ud800\""));
	json_next(&j);
	ok(slice_is(json_unescape(&j, a), "a\n\xf0\x9f\x98\x80\xef\xbf\xbd"));
	int64_t v;
	json_init(&j, SLICE("-9223372036854775808"));
	json_next(&j);
	ok(json_int(&j, &v) && v == INT64_MIN);
	json_init(&j, SLICE("9223372036854775808"));
	json_next(&j);
	ok(!json_int(&j, &v));
	arena_free(&a);
}

static void maps(void)
{
	struct map m;
	static char keys[1000][16];
	size_t found = 0;

	map_init(&m, 900);
	for (int i = 0; i < 1000; i++) {
		snprintf(keys[i], sizeof keys[i], "k%d", i);
		map_put(&m, slice_of(keys[i]), keys[i]);
	}
	is(m.n, 900);
	for (int i = 0; i < 450; i++)
		found += map_take(&m, slice_of(keys[i])) == keys[i];
	is(found, 450);
	ok(map_put(&m, slice_of(keys[950]), keys[950]));
	ok(map_get(&m, slice_of("k950")) == keys[950] && !map_get(&m, slice_of("k1")));
	map_release(&m);
}

static void arenas(void)
{
	struct arena *a = arena_new(100000);

	ok(arena_alloc(a, 90000) && !arena_alloc(a, 20000) && arena_alloc(a, 100));
	arena_reset(a);
	ok(arena_alloc(a, 90000) != NULL);
	arena_free(&a);
	ok(a == NULL);
}

/* Ports in a row, under a secret that makes them steps of 2^12: still every bucket gets its share. */
static void hash_of_a_row(void)
{
	enum { BUCKETS = 4096 };
	static unsigned full[BUCKETS];
	const struct hash_pairs h = { .secret = { 0, UINT64_C(1) << 44 } };
	unsigned most = 0;

	for (uint32_t i = 0; i < BUCKETS; i++) {
		uint32_t key[2] = { 0, i };
		unsigned *bucket = &full[hash_pairs(&h, key, 1) % BUCKETS];
		if (++*bucket > most)
			most = *bucket;
	}
	ok(most < 16);
}

/* Every byte at every place of a short run, against the letters one by one. */
static void lower_case(void)
{
	uint8_t from[19], to[19];
	unsigned wrong = 0;

	for (size_t n = 0; n <= sizeof from; n++)
		for (size_t at = 0; at < n; at++)
			for (unsigned c = 0; c < 256; c++) {
				memset(from, 0xff, sizeof from);
				from[at] = (uint8_t)c;
				bool capital = c >= 'A' && c <= 'Z';
				uint8_t want = (uint8_t)(capital ? c + 'a' - 'A' : c);
				lower_copy(to, from, n);
				wrong += to[at] != want || lower_is(from, n) == capital || !lower_same(from, to, n);
				to[at] ^= 1;
				wrong += lower_same(from, to, n) && lower_byte(to[at]) != want;
				memset(to, 0xff, sizeof to);
				to[at] = want;
				wrong += lower_byte(from[at]) != want || !lower_same(to, from, n);
			}
	is(wrong, 0);
}

int main(void)
{
	struct buf b;

	buf_init(&b, 10000);
	clocks(&b);
	ips(&b);
	quoting(&b);
	lower_case();
	json_places();
	json();
	maps();
	hash_of_a_row();
	arenas();
	buf_release(&b);
	cidr_lengths();
	return tap_end();
}
