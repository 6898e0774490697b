/* Hellos: names, versions, fingerprints, ECH; every prefix. */
#include <stdlib.h>
#include <string.h>

#include "capture/ja.h"
#include "common/buf.h"
#include "schema/flow.h"
#include "tests/tap.h"

static struct tls_crypto crypto;

/* "03 03 [2:" opens a block with a 16-bit length, "]" closes it, 'text' is itself, "*32" 32 zeros. */
static struct slice build(struct buf *b, const char *s)
{
	size_t open[8], width[8], depth = 0;
	unsigned v;

	buf_clear(b);
	while (*s) {
		if (*s == '[') {
			width[depth] = (size_t)(s[1] - '0');
			open[depth++] = b->n;
			for (size_t i = 0; i < width[depth - 1]; i++)
				buf_byte(b, 0);
			s += 3;
		} else if (*s == ']') {
			size_t at = open[--depth], n = b->n - at - width[depth];
			for (size_t i = 0; i < width[depth]; i++)
				b->p[at + i] = (uint8_t)(n >> 8 * (width[depth] - 1 - i));
			s++;
		} else if (*s == '\'') {
			for (s++; *s != '\''; s++)
				buf_byte(b, (uint8_t)*s);
			s++;
		} else if (*s == '*') {
			for (long n = strtol(s + 1, (char **)&s, 10); n; n--)
				buf_byte(b, 0);
		} else if (*s == ' ' || *s == '\n') {
			s++;
		} else if (sscanf(s, "%2x", &v) == 1) {
			buf_byte(b, (uint8_t)v);
			s += 2;
		}
	}
	return buf_slice(b);
}

#define HELLO(ext) "03 03 *32 [1: ] [2: 13 01 0a 0a c0 2b ] [1: 00 ] [2: " ext " ]"
#define SNI(names) "00 00 [2: [2: " names " ] ]"
#define NAME(n) "00 [2: '" n "' ]"

static const struct {
	const char *what, *hello;
	const char *sni;	/* NULL: none */
	bool repeated, invalid, odd;
} names[] = {
	{ "plain", HELLO(SNI(NAME("a.example"))), "a.example", false, false, false },
	{ "istio", HELLO(SNI(NAME("outbound_.80_.x_.y.svc.cluster.local"))),
	  "outbound_.80_.x_.y.svc.cluster.local", false, false, false },
	{ "none", HELLO("00 17 [2: ]"), NULL, false, false, false },
	{ "two names", HELLO(SNI(NAME("a.example") NAME("b.example"))), "a.example", true, false, false },
	{ "two extensions", HELLO(SNI(NAME("a.example")) SNI(NAME("b.example"))), "a.example", true,
	  false, false },
	{ "IPv4", HELLO(SNI(NAME("10.0.0.1"))), "10.0.0.1", false, true, false },
	{ "IPv6", HELLO(SNI(NAME("2001:db8::1"))), "2001:db8::1", false, true, false },
	{ "empty", HELLO(SNI("00 [2: ]")), "", false, true, false },
	{ "trailing dot", HELLO(SNI(NAME("a.example."))), "a.example.", false, true, false },
	{ "NUL inside", HELLO(SNI("00 [2: 'a' 00 'b' ]")), NULL, false, true, false },
	{ "another type", HELLO(SNI("01 [2: 'a' ]" NAME("b.example"))), "b.example", false, true, false },
	{ "bytes after the list", HELLO("00 00 [2: [2: " NAME("a.example") " ] 00 ]"), "a.example",
	  false, false, true },
	{ "empty list", HELLO("00 00 [2: ]"), NULL, false, false, true },
};

static void test_names(struct buf *b)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct tls_client_hello h;
		printf("# %s\n", names[i].what);
		ok(tls_client_hello_parse(&h, build(b, names[i].hello)));
		if (names[i].sni)
			ok(h.sni_present && slice_is(h.sni, names[i].sni));
		is(h.sni_repeated, names[i].repeated);
		is(h.sni_invalid, names[i].invalid);
		is(h.odd, names[i].odd);
	}
}

#define ECH(kdf, aead, enc, payload) \
	"fe 0d [2: 00 00 " kdf " 00 " aead " 2a [2: *" enc " ] [2: *" payload " ] ]"

static const struct {
	const char *what, *hello;
	int kind;
} offers[] = {
	{ "none", HELLO(SNI(NAME("a.example"))), 0 },
	{ "as browsers grease", HELLO(SNI(NAME("a.example")) ECH("01", "01", "32", "176")),
	  ECH_GREASE },
	{ "a provider's public name",
	  HELLO(SNI(NAME("cloudflare-ech.com")) ECH("01", "01", "32", "208")), ECH_OFFERED },
	{ "a suite that no GREASE has", HELLO(ECH("02", "02", "32", "208")), ECH_OFFERED },
	{ "another KEM", HELLO(ECH("01", "01", "65", "208")), ECH_OFFERED },
	{ "nothing inside", HELLO(ECH("01", "01", "32", "0")), ECH_GREASE },
	{ "the draft before it", HELLO("ff ce [2: *64 ]"), ECH_OFFERED },
};

static void test_ech(struct buf *b)
{
	struct tls_client_hello h;

	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		printf("# %s\n", offers[i].what);
		ok(tls_client_hello_parse(&h, build(b, offers[i].hello)));
		is(tls_ech_kind(&h, TLS_HELLO_FIRST), offers[i].kind);
	}
	/* After a HelloRetryRequest: repeated as it was, or sealed anew. */
	tls_client_hello_parse(&h, build(b, HELLO(ECH("01", "01", "32", "176"))));
	is(tls_ech_kind(&h, TLS_HELLO_SAME_ECH), ECH_GREASE);
	tls_client_hello_parse(&h, build(b, HELLO(ECH("01", "01", "0", "208"))));
	is(tls_ech_kind(&h, TLS_HELLO_NEW_ECH), ECH_OFFERED);
}

/* The third offer of one configuration to one name is no GREASE. */
static void test_ech_memory(struct buf *b)
{
	static struct tls_ech_memory m;
	static const int want[] = { ECH_GREASE, ECH_GREASE, ECH_OFFERED, ECH_OFFERED };
	struct tls_client_hello h;

	tls_client_hello_parse(&h, build(b, HELLO(SNI(NAME("b.example")) ECH("01", "01", "32", "176"))));
	for (int i = 0; i < 4; i++)
		is(tls_ech_settle(&m, &h, tls_ech_kind(&h, TLS_HELLO_FIRST)), want[i]);
	((uint8_t *)(uintptr_t)h.ech.p)[5] ^= 1;	/* another id */
	is(tls_ech_settle(&m, &h, ECH_GREASE), ECH_GREASE);
	is(tls_ech_settle(&m, &h, 0), 0);
}

/* The examples that the methods' own authors publish. */
static void test_fingerprints(struct buf *b)
{
	struct tls_client_hello h;
	struct tls_server_hello s;
	char text[37];

	ok(tls_client_hello_parse(&h, build(b, "03 01 *32 [1: ] "
		"[2: 002f 0035 0005 000a c009 c00a c013 c014 0032 0038 0013 0004 ] [1: 00 ] "
		"[2: 00 00 [2: ] 00 0a [2: [2: 0017 0018 0019 ] ] 00 0b [2: [1: 00 ] ] ]")));
	ja3(&crypto, &h, text);
	ok(strcmp(text, "ada70206e40642a3e4461f35503241d5") == 0);

	ok(tls_client_hello_parse(&h, build(b, "03 03 *32 [1: ] [2: 4a4a 1301 1302 1303 c02b c02f "
		"c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035 ] [1: 00 ] [2: "
		"1a1a [2: ] 001b [2: 02 0002 ] 0000 [2: [2: 00 [2: 'a.example' ] ] ] 0033 [2: ] "
		"0010 [2: [2: [1: 'h2' ] [1: 'http/1.1' ] ] ] 4469 [2: ] 0017 [2: ] 002d [2: ] "
		"000d [2: [2: 0403 0804 0401 0503 0805 0501 0806 0601 ] ] 0005 [2: ] 0023 [2: ] "
		"0012 [2: ] 002b [2: [1: 2a2a 0304 0303 ] ] ff01 [2: ] 000b [2: [1: 00 ] ] "
		"000a [2: [2: 001d ] ] 0015 [2: *9 ] ]")));
	ja4(&crypto, &h, text);
	ok(strcmp(text, "t13d1516h2_8daaf6152771_e5627efa2ab1") == 0);
	printf("# %s\n", text);

	/* Chromium 152 and later: GREASE among the signature algorithms, too. */
	ok(tls_client_hello_parse(&h, build(b, "03 03 *32 [1: ] [2: 4a4a 1301 1302 1303 c02b c02f "
		"c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035 ] [1: 00 ] [2: "
		"7a7a [2: ] 0033 [2: ] 000d [2: [2: fafa 0904 0905 0906 0403 0804 0401 0503 0805 "
		"0501 0806 0601 ] ] 44cd [2: ] 0012 [2: ] ca34 [2: ] 000b [2: [1: 00 ] ] 002b [2: [1: "
		"2a2a 0304 0303 ] ] 001b [2: 02 0002 ] 0017 [2: ] fe0d [2: ] 0000 [2: [2: 00 [2: "
		"'a.example' ] ] ] 0010 [2: [2: [1: 'h2' ] [1: 'http/1.1' ] ] ] 002d [2: ] ff01 [2: 00 ] "
		"0005 [2: ] 000a [2: [2: 1a1a 11ec 001d ] ] 0023 [2: ] 6a6a [2: 00 ] ]")));
	ja4(&crypto, &h, text);
	ok(strcmp(text, "t13d1517h2_8daaf6152771_cb7bf5808d99") == 0);

	ok(tls_server_hello_parse(&s, build(b, "03 03 *32 [1: ] c0 2f 00 [2: ff01 [2: 00 ] ]")));
	ja3s(&crypto, &s, text);
	is(strlen(text), 32);
	is(s.version, 0x0303);
	is(s.cipher, 0xc02f);
}

/* A first protocol of odd bytes shows as the hex of its ends (JA4 1.0, ALPN). */
static void test_ja4_alpn(struct buf *b)
{
	static const struct {
		const char *alpn, *want;
	} cases[] = {
		{ "'h2'", "h2" }, { "'http/1.1'", "h1" }, { "'x'", "xx" }, { "ab cd", "ad" },
		{ "'-'", "2d" }, { "'a' ff", "6f" },
	};
	char hello[256], text[37];
	struct tls_client_hello h;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(hello, sizeof hello, HELLO("0010 [2: [2: [1: %s ] ] ]"), cases[i].alpn);
		ok(tls_client_hello_parse(&h, build(b, hello)));
		ja4(&crypto, &h, text);
		ok(memcmp(text + 8, cases[i].want, 2) == 0);
	}
}

static void test_servers(struct buf *b)
{
	struct tls_server_hello s;

	ok(tls_server_hello_parse(&s, build(b, "03 03 cf21ad74e59a6111be1d8c021e65b891c2a211167abb"
		"8c5e079e09e2c8a8339c [1: ] 13 01 00 [2: 002b [2: 0304 ] ]")));
	ok(s.retry && s.version == 0x0304 && !s.draft);
	ok(tls_server_hello_parse(&s, build(b, "03 03 *32 [1: ] 13 01 00 [2: 002b [2: 7f17 ] ]")));
	ok(s.version == 0x0304 && s.draft);
	ok(tls_server_hello_parse(&s, build(b, "7f12 *32 13 01 [2: 0033 [2: ] ]")));
	ok(s.version == 0x0304 && s.draft && s.cipher == 0x1301);
	ok(tls_server_hello_parse(&s, build(b, "03 01 *32 [1: *32 ] 00 2f 00")));
	ok(s.version == 0x0301 && s.session_id.n == 32);
	ok(tls_retry_parse(&s, build(b, "7f12 [2: 0033 [2: 001d ] ]")));
	ok(s.retry && s.version == 0x0304);
	ok(!tls_server_hello_parse(&s, build(b, "03 03 *32 [1: ] 13 01 00 [2: 002b ]")));
}

static void test_sslv2(struct buf *b)
{
	struct tls_client_hello h;

	ok(tls_sslv2_hello_parse(&h, build(b, "01 03 01 0006 0000 0010 00002f 0700c0 *16")));
	ok(h.sslv2 && h.random.n == 16 && h.ciphers.n == 6);
	ok(!tls_sslv2_hello_parse(&h, build(b, "01 03 01 0005 0000 0010 00002f 0700 *16")));
	ok(!tls_sslv2_hello_parse(&h, build(b, "01 03 01 0006 0000 0008 00002f 0700c0 *8")));
}

/* A hello that ends anywhere is refused, except where extensions are optional. */
static void test_prefixes(struct buf *b)
{
	struct slice all = build(b, HELLO(SNI(NAME("a.example")) "0010 [2: [2: [1: 'h2' ] ] ]"
		"002b [2: [1: 0304 ] ] 0029 [2: [2: [2: 'ticket' ] *4 ] [2: [1: *32 ] ] ]"));
	struct tls_client_hello h;
	unsigned taken = 0;

	for (size_t n = 0; n < all.n; n++)
		taken += tls_client_hello_parse(&h, (struct slice){ all.p, n });
	is(taken, 1);
	ok(tls_client_hello_parse(&h, all) && h.psk.n && !h.odd);
}

int main(void)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	tls_crypto_init(&crypto);
	test_names(&b);
	test_ech(&b);
	test_ech_memory(&b);
	test_fingerprints(&b);
	test_ja4_alpn(&b);
	test_servers(&b);
	test_sslv2(&b);
	test_prefixes(&b);
	tls_crypto_release(&crypto);
	buf_release(&b);
	return tap_end();
}
