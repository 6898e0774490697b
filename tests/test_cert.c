/* Certificates: read as OpenSSL reads them, chains judged at a time, SPIFFE ids, hostile bytes. */
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "capture/cert.h"
#include "capture/cert_text.h"
#include "common/buf.h"
#include "common/clock.h"
#include "tests/tap.h"

enum { DAY = 86400 };

static struct tls_crypto crypto;

struct pair {
	X509 *x;
	EVP_PKEY *key;
};

static void extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);

	ok(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* Valid from `from` to `to` (days after 2030-01-01). */
static struct pair issue(const char *cn, const char *san, const struct pair *ca, int from, int to)
{
	struct pair p = { X509_new(), EVP_EC_gen("P-256") };
	time_t base = (time_t)clock_days(2030, 1, 1) * DAY;
	X509_NAME *name = X509_get_subject_name(p.x);

	X509_set_version(p.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.x), 0x4711);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0);
	X509_set_issuer_name(p.x, ca ? X509_get_subject_name(ca->x) : name);
	ASN1_TIME_set(X509_getm_notBefore(p.x), base + from * DAY);
	ASN1_TIME_set(X509_getm_notAfter(p.x), base + to * DAY);
	X509_set_pubkey(p.x, p.key);
	if (!ca)
		extension(p.x, NID_basic_constraints, "critical,CA:TRUE");
	if (san)
		extension(p.x, NID_subject_alt_name, san);
	ok(X509_sign(p.x, ca ? ca->key : p.key, EVP_sha256()) > 0);
	return p;
}

static void drop(struct pair *p)
{
	X509_free(p->x);
	EVP_PKEY_free(p->key);
}

static void add_der(struct buf *b, X509 *x, bool tls13)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);

	buf_byte(b, 0);
	buf_byte(b, (uint8_t)(n >> 8));
	buf_byte(b, (uint8_t)n);
	buf_add(b, (struct slice){ der, (size_t)n });
	if (tls13)
		buf_add(b, SLICE("\0\0"));
	OPENSSL_free(der);
}

static int64_t day(int n)
{
	return (clock_days(2030, 1, 1) + n) * DAY * NS_PER_S;
}

static void test_facts(const struct pair *ca)
{
	struct pair p = issue("sleep", "URI:spiffe://cluster.local/ns/default/sa/sleep,DNS:a.example,"
		"DNS:b.example,IP:10.0.0.1", ca, 0, 10);
	struct buf b;
	struct evidence ev = { 0 };
	struct err e;
	struct certs *c = certs_new(NULL, &crypto, &ev, &e);

	buf_init(&b, 1 << 16);
	add_der(&b, p.x, true);
	struct cert_chain *chain = cert_chain_get(c, buf_slice(&b), true);
	ok(chain && chain->n == 1);
	const struct cert_facts *f = &chain->facts[0];
	ok(f->parsed);
	ok(slice_is(f->subject, "CN=sleep") && slice_is(f->issuer, "CN=root"));
	ok(slice_is(f->serial, "4711"));
	is(f->not_before, day(0));
	is(f->not_after, day(10));
	ok(f->uri.n == 1 && slice_is(f->uri.item[0], "spiffe://cluster.local/ns/default/sa/sleep"));
	ok(f->dns.n == 2 && slice_is(f->dns.item[1], "b.example"));
	ok(f->n_spiffe == 1 && !f->spiffe_bad);
	unsigned char digest[32];
	X509_digest(p.x, EVP_sha256(), digest, NULL);
	ok(slice_eq(f->sha256, (struct slice){ digest, 32 }));

	struct arena *a = arena_new(1 << 16);
	struct certificate shown;
	cert_describe(f, a, &shown);
	ok(shown.sha256.n == 64 && slice_is(shown.key_type, "EC P-256") && shown.key_bits == 256);
	ok(slice_is(shown.signature, "ecdsa-with-SHA256") && !shown.is_ca && !shown.self_signed);
	ok(slice_is(shown.uri_sans, "[\"spiffe://cluster.local/ns/default/sa/sleep\"]"));
	arena_free(&a);

	/* The same bytes are the same chain; without roots only time can speak against it. */
	struct cert_chain *again = cert_chain_get(c, buf_slice(&b), true);
	ok(again == chain);
	is(cert_chain_status(c, chain, day(5)), 0);
	is(cert_chain_status(c, chain, day(11)), CERT_EXPIRED);
	is(cert_chain_status(c, chain, day(-1)), CERT_NOT_YET_VALID);
	is(cert_chain_status(c, chain, 0), 0);	/* no time, no judgement */
	cert_chain_drop(&again);
	certs_free(&c);		/* we hold ours still */
	ok(slice_is(chain->facts[0].subject, "CN=sleep"));
	cert_chain_drop(&chain);
	buf_release(&b);
	drop(&p);
}

static void test_several_ids(const struct pair *ca)
{
	struct pair p = issue("two", "URI:spiffe://a/ns/x/sa/y,URI:spiffe://A/ns/x/sa/y", ca, 0, 10);
	struct buf b;
	struct evidence ev = { 0 };
	struct err e;
	struct certs *c = certs_new(NULL, &crypto, &ev, &e);

	buf_init(&b, 1 << 16);
	add_der(&b, p.x, false);
	struct cert_chain *chain = cert_chain_get(c, buf_slice(&b), false);
	ok(chain && chain->facts[0].n_spiffe == 2 && chain->facts[0].spiffe_bad);
	cert_chain_drop(&chain);
	certs_free(&c);
	buf_release(&b);
	drop(&p);
}

static struct cert_chain *chain_of(struct certs *c, struct buf *b, X509 *leaf, X509 *other)
{
	buf_clear(b);
	add_der(b, leaf, false);
	if (other)
		add_der(b, other, false);
	return cert_chain_get(c, buf_slice(b), false);
}

static void test_trust(const struct pair *ca)
{
	struct pair stranger = issue("root", NULL, NULL, -100, 1000);
	struct pair middle = issue("middle", NULL, ca, -100, 4);
	struct pair good = issue("good", NULL, ca, 0, 10), bad = issue("bad", NULL, &stranger, 0, 10);
	struct pair far;
	struct buf b;
	struct evidence ev = { 0 };
	struct err e;
	FILE *f = fopen("test-roots.pem", "w");

	X509_free(middle.x);	/* an intermediate is a CA below a CA */
	EVP_PKEY_free(middle.key);
	middle = issue("middle", NULL, ca, -100, 4);
	extension(middle.x, NID_basic_constraints, "critical,CA:TRUE");
	ok(X509_sign(middle.x, ca->key, EVP_sha256()) > 0);
	far = issue("far", NULL, &middle, 0, 10);

	PEM_write_X509(f, ca->x);
	fclose(f);
	struct certs *c = certs_new("test-roots.pem", &crypto, &ev, &e);
	ok(c != NULL);
	buf_init(&b, 1 << 16);
	const struct {
		X509 *leaf, *other;
		int at, status;
	} cases[] = {
		{ good.x, NULL, 5, CERT_VALID },
		{ good.x, NULL, 20, CERT_EXPIRED },
		{ good.x, NULL, -5, CERT_NOT_YET_VALID },
		{ good.x, stranger.x, 5, CERT_VALID },
		{ bad.x, NULL, 5, CERT_UNTRUSTED },
		{ bad.x, stranger.x, 5, CERT_UNTRUSTED },
		{ bad.x, NULL, 20, CERT_UNTRUSTED },
		{ far.x, middle.x, 2, CERT_VALID },
		{ far.x, NULL, 2, CERT_UNTRUSTED },
		{ far.x, middle.x, 5, CERT_EXPIRED },	/* the one in the middle */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cert_chain *chain = chain_of(c, &b, cases[i].leaf, cases[i].other);
		printf("# case %zu\n", i);
		is(cert_chain_status(c, chain, day(cases[i].at)), cases[i].status);
		cert_chain_drop(&chain);
	}
	certs_free(&c);

	f = fopen("test-roots.pem", "w");
	fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", f);
	fclose(f);
	ok(!certs_new("test-roots.pem", &crypto, &ev, &e) && e.kind == ERR_INPUT);
	f = fopen("test-roots.pem", "w");
	fclose(f);
	ok(!certs_new("test-roots.pem", &crypto, &ev, &e) && strstr(e.msg, "no certificate"));
	remove("test-roots.pem");
	ok(!certs_new("no-such-file.pem", &crypto, &ev, &e) && e.kind == ERR_IO);
	buf_release(&b);
	drop(&stranger);
	drop(&middle);
	drop(&good);
	drop(&bad);
	drop(&far);
}

/* Cut anywhere, and each byte changed: read or refused, never half. */
static void test_hostile(const struct pair *ca)
{
	struct pair p = issue("sleep", "URI:spiffe://cluster.local/ns/default/sa/sleep", ca, 0, 10);
	uint8_t *der = NULL;
	size_t n = (size_t)i2d_X509(p.x, &der);
	unsigned half = 0, prefixes = 0;

	for (size_t i = 0; i < 2 * n; i++) {
		struct arena *a = arena_new(1 << 20);
		struct cert_facts f;
		uint8_t *copy = malloc(n);
		memcpy(copy, der, n);
		if (i >= n)
			copy[i - n] ^= (uint8_t)(1 + i % 255);
		bool read = cert_parse((struct slice){ copy, i < n ? i : n }, &crypto, a, &f);
		prefixes += read && i < n;
		half += !read && (f.uri.n || f.subject.n || f.parsed);
		half += f.sha256.n != 32;
		free(copy);
		arena_free(&a);
	}
	is(prefixes, 0);
	is(half, 0);
	OPENSSL_free(der);
	drop(&p);
}

/* Names in the plain form and others: always what OpenSSL prints. */
static void test_names(void)
{
	static const struct {
		const char *type, *value;
		int encoding, set;		/* V_ASN1_*; 0: RDN of its own, -1: with the one before */
	} entries[][3] = {
		{ { "CN", "sleep", V_ASN1_UTF8STRING, 0 } },
		{ { "C", "DE", V_ASN1_PRINTABLESTRING, 0 }, { "O", "cluster.local", V_ASN1_UTF8STRING, 0 },
		  { "CN", "a b", V_ASN1_IA5STRING, 0 } },
		{ { "OU", "x", V_ASN1_UTF8STRING, 0 }, { "CN", "y", V_ASN1_UTF8STRING, -1 } },
		{ { "ST", "a,b", V_ASN1_UTF8STRING, 0 } },
		{ { "ST", "a+b", V_ASN1_UTF8STRING, 0 } },
		{ { "L", " lead", V_ASN1_UTF8STRING, 0 } },
		{ { "O", "trail ", V_ASN1_UTF8STRING, 0 } },
		{ { "CN", "#1", V_ASN1_UTF8STRING, 0 } },
		{ { "O", "\xc3\xa9", V_ASN1_UTF8STRING, 0 } },
		{ { "O", "\x01", V_ASN1_UTF8STRING, 0 } },
		{ { "O", "\x7f", V_ASN1_UTF8STRING, 0 } },
		{ { "CN", "q\"", V_ASN1_UTF8STRING, 0 } },
		{ { "CN", "\\", V_ASN1_UTF8STRING, 0 } },
		{ { "CN", "<>;", V_ASN1_UTF8STRING, 0 } },
		{ { "serialNumber", "12", V_ASN1_UTF8STRING, 0 } },
		{ { "DC", "example", V_ASN1_IA5STRING, 0 } },
		{ { "CN", "latin", V_ASN1_T61STRING, 0 } },
		{ { "street", "Way 1", V_ASN1_UTF8STRING, 0 } },
		{ { NULL } },
	};
	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
		X509_NAME *name = X509_NAME_new();
		BIO *out = BIO_new(BIO_s_mem());
		struct arena *a = arena_new(1 << 16);
		uint8_t *der = NULL, *p;
		bool good = true;

		for (int k = 0; k < 3 && entries[i][k].type; k++)
			X509_NAME_add_entry_by_txt(name, entries[i][k].type, entries[i][k].encoding,
						   (const uint8_t *)entries[i][k].value, -1, -1,
						   entries[i][k].set);
		size_t n = (size_t)i2d_X509_NAME(name, &der);
		const unsigned char *at = der;
		X509_NAME_free(name);
		name = d2i_X509_NAME(NULL, &at, (long)n);	/* DER may sort what it encodes */
		X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253);
		size_t want = (size_t)BIO_get_mem_data(out, &p);
		struct slice got = cert_text_name((struct slice){ der, n }, a, &good);
		ok(good && slice_eq(got, (struct slice){ p, want }));
		printf("# %.*s\n", (int)got.n, (const char *)got.p);
		ok(!cert_text_name((struct slice){ der, n - 1 }, a, &good).n && !good);
		OPENSSL_free(der);
		BIO_free(out);
		X509_NAME_free(name);
		arena_free(&a);
	}
}

/* Times that are, that are not, and that only some months have: as OpenSSL reads them. */
static void test_times(void)
{
	static const char *const texts[] = {
		"300101000000Z", "490101000000Z", "491231235959Z", "500101000000Z", "240229120000Z", "230229120000Z",
		"230230000000Z", "230431000000Z", "230430000000Z", "231301000000Z", "230001000000Z",
		"230100000000Z", "230101240000Z", "230101006000Z", "230101000060Z", "23010100000aZ",
		"230101000000+0100", "2301010000Z", "20300101000000Z", "99991231235959Z",
		"19500101000000Z", "00000101000000Z", "20300101000000.5Z", "20300101000000", "",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		uint8_t der[40];
		size_t n = strlen(texts[i]);
		int64_t got = 0, want = 0;

		der[0] = n == 13 || n == 17 || n == 11 ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME;
		der[1] = (uint8_t)n;
		memcpy(der + 2, texts[i], n);
		const unsigned char *p = der;
		ASN1_TIME *t = d2i_ASN1_TIME(NULL, &p, (long)n + 2);
		bool is_time = cert_text_when(t, &want);
		if (!ok(cert_text_time((struct slice){ der, n + 2 }, &got) == is_time && got == want))
			printf("# %s\n", texts[i]);
		ASN1_TIME_free(t);
	}
}

/* A name of a kind that is not read takes nothing away; a broken list has no names. */
static void test_alternatives(void)
{
	static const struct {
		const char *der;
		size_t n;
		unsigned uri, dns;
	} cases[] = {
#define DER(s) (s), sizeof(s) - 1
		{ DER("\x30\x08\x86\x01u\x82\x01" "d\x87\x00"), 1, 1 },
		{ DER("\x30\x00"), 0, 0 },
		{ DER("\x30\x03\x86\x01u\x82"), 1, 0 },			/* more behind the list */
		{ DER("\x30\x06\x86\x01u\x88\x01*"), 1, 0 },		/* registered id */
		{ DER("\x30\x07\x86\x01u\xa4\x02\x30\x00"), 1, 0 },	/* directory name */
		{ DER("\x30\x07\x86\x01u\xa4\x02\x31\x00"), 0, 0 },	/* ... that is none */
		{ DER("\x30\x06\x86\x01u\x99\x01x"), 0, 0 },		/* no such kind */
		{ DER("\x30\x06\x86\x01u\x82\x09" "d"), 0, 0 },
		{ DER("\x30\x09\x86\x01u"), 0, 0 },
		{ DER("\x31\x03\x86\x01u"), 0, 0 },
#undef DER
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *a = arena_new(1 << 16);
		struct cert_facts f = { 0 };
		struct slice der = { (const uint8_t *)cases[i].der, cases[i].n };
		const unsigned char *p = der.p;
		GENERAL_NAMES *names = d2i_GENERAL_NAMES(NULL, &p, (long)der.n);

		cert_text_alternatives(der, a, &f);
		if (!ok(f.uri.n == cases[i].uri && f.dns.n == cases[i].dns &&
			(names || (!f.uri.n && !f.dns.n))))
			printf("# case %zu: %u %u\n", i, (unsigned)f.uri.n, (unsigned)f.dns.n);
		GENERAL_NAMES_free(names);
		arena_free(&a);
	}
}

/* An extension with these names, as often as it is asked for: X.509 forbids it, hostile bytes do not care. */
static void names_add(X509 *x, const char *name, int type, unsigned n)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	for (unsigned i = 0; i < n; i++) {
		GENERAL_NAME *g = GENERAL_NAME_new();
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();
		ASN1_STRING_set(s, name, -1);
		GENERAL_NAME_set0_value(g, type, s);
		sk_GENERAL_NAME_push(names, g);
	}
	ok(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1);
	GENERAL_NAMES_free(names);
}

/*
 * A hundred thousand names, and thousands of extensions with a name each behind one that is full: each
 * name is looked at once, so many are kept, and the certificate's memory is a few times its bytes.
 */
static void test_many_names(const struct pair *ca)
{
	static const struct { unsigned lists, uris, dns; } cases[] = {
		{ 1, 0, 100000 }, { 1, 100000, 0 }, { 4000, 1, 0 }, { 4000, 0, 1 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pair p = issue("many", NULL, ca, 0, 10);
		struct arena *a = arena_new(1 << 20);
		struct cert_facts f;
		uint8_t *der = NULL;

		for (unsigned k = 0; k < cases[i].lists; k++) {
			if (cases[i].uris)
				names_add(p.x, "spiffe://a/b", GEN_URI, cases[i].uris);
			if (cases[i].dns)
				names_add(p.x, "a.b", GEN_DNS, cases[i].dns);
		}
		ok(X509_sign(p.x, ca->key, EVP_sha256()) > 0);
		size_t n = (size_t)i2d_X509(p.x, &der);
		ok(cert_parse((struct slice){ der, n }, &crypto, a, &f));
		is(f.uri.n, cases[i].uris ? 64 : 0);
		is(f.dns.n, cases[i].dns ? 64 : 0);
		is(f.n_spiffe, f.uri.n);	/* more: somebody looked again at each */
		ok(arena_used(a) < 64 * 1024);
		OPENSSL_free(der);
		arena_free(&a);
		drop(&p);
	}
}

static void test_lists(const struct pair *ca)
{
	struct evidence ev = { 0 };
	struct err e;
	struct certs *c = certs_new(NULL, &crypto, &ev, &e);
	struct cert_chain *chain;
	struct buf b;

	buf_init(&b, 1 << 20);
	chain = cert_chain_get(c, (struct slice){ NULL, 0 }, false);
	ok(chain && !chain->n);			/* "I have none" */
	is(cert_chain_status(c, chain, 0), 0);
	cert_chain_drop(&chain);
	ok(!cert_chain_get(c, SLICE("\0\0\1"), false));		/* cut */
	ok(!cert_chain_get(c, SLICE("\0\0\0"), false));		/* a certificate of no bytes */
	chain = cert_chain_get(c, SLICE("\0\0\1x"), false);
	ok(chain && !chain->facts[0].parsed);
	is(cert_chain_status(c, chain, 0), CERT_MALFORMED);
	cert_chain_drop(&chain);
	for (int i = 0; i < 25; i++)
		add_der(&b, ca->x, false);
	chain = cert_chain_get(c, buf_slice(&b), false);
	ok(chain && chain->n == CERT_CHAIN_MAX && ev.n[EV_CERT_CHAIN_LONG] == 1);
	cert_chain_drop(&chain);
	certs_free(&c);
	buf_release(&b);
}

static const struct {
	const char *uri;
	bool valid;
} ids[] = {
	{ "spiffe://cluster.local/ns/default/sa/sleep", true },
	{ "spiffe://cluster.local", true },
	{ "spiffe://a_b-c.1/x", true },
	{ "spiffe://", false },
	{ "spiffe:///ns/x", false },
	{ "spiffe://Cluster.local/ns/x", false },
	{ "SPIFFE://cluster.local/ns/x", false },
	{ "spiffe://cluster.local/", false },
	{ "spiffe://cluster.local/ns//sa", false },
	{ "spiffe://cluster.local/ns/../sa", false },
	{ "spiffe://cluster.local/ns/./sa", false },
	{ "spiffe://cluster.local/ns/x/", false },
	{ "spiffe://cluster.local:80/ns/x", false },
	{ "spiffe://user@cluster.local/ns/x", false },
	{ "spiffe://cluster.local/ns/x?y", false },
	{ "spiffe://cluster.local/ns/x#y", false },
	{ "spiffe://cluster.local/ns/%41", false },
	{ "https://cluster.local/ns/x", false },
};

int main(void)
{
	tls_crypto_init(&crypto);
	struct pair ca = issue("root", NULL, NULL, -100, 1000);

	test_facts(&ca);
	test_several_ids(&ca);
	test_trust(&ca);
	test_hostile(&ca);
	test_lists(&ca);
	test_many_names(&ca);
	test_names();
	test_times();
	test_alternatives();
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (!ok(spiffe_valid(slice_of(ids[i].uri)) == ids[i].valid))
			printf("# %s\n", ids[i].uri);
	ok(!spiffe_valid(SLICE("spiffe://a/ns/\0/sa")));
	drop(&ca);
	tls_crypto_release(&crypto);
	return tap_end();
}
