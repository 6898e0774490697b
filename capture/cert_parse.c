/*
 * cert_parse: one certificate into facts of our own.
 *
 * We walk the outer structure (RFC 5280 section 4.1) and give OpenSSL the
 * parts that are hard: names, times, alternative names.  Its d2i_X509 also
 * decodes the public key through the provider machinery, which costs ten times
 * as much as everything that we want to know; cert.c lets it, but only where a
 * chain is verified.
 *
 * Bounded: so many names, so many bytes of text; the arena is the caller's.
 * What does not fit is left out, and `parsed` stays true as long as the
 * certificate itself could be read.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "capture/cert.h"
#include "common/clock.h"

enum { NAMES_MAX = 64, NAME_BYTES = 2048, TEXT_BYTES = 1024 };

static struct slice name_text(X509_NAME *name, struct arena *a)
{
	BIO *out = BIO_new(BIO_s_mem());
	struct slice text = { NULL, 0 };
	char *p;

	/* RFC 2253 form; control bytes and non-ASCII are escaped by OpenSSL. */
	if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0) {
		long n = BIO_get_mem_data(out, &p);
		size_t take = n > TEXT_BYTES ? TEXT_BYTES : (size_t)n;
		text = arena_copy(a, (struct slice){ (const uint8_t *)p, take });
	}
	BIO_free(out);
	return text;
}

static struct slice serial_text(struct slice serial, struct arena *a)
{
	static const char digits[] = "0123456789abcdef";

	while (serial.n > 1 && !*serial.p)	/* the sign's zero is not part of the number */
		serial = slice_from(serial, 1);
	const unsigned char *p = serial.p;
	size_t n = serial.n > 64 ? 64 : serial.n;
	uint8_t *out = arena_bytes(a, 2 * n);
	if (!out)
		return (struct slice){ NULL, 0 };
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = (uint8_t)digits[p[i] >> 4];
		out[2 * i + 1] = (uint8_t)digits[p[i] & 15];
	}
	return (struct slice){ out, 2 * n };
}

static bool when(const ASN1_TIME *t, int64_t *ns)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	int64_t s = clock_days(tm.tm_year + 1900, (unsigned)tm.tm_mon + 1,
			       (unsigned)tm.tm_mday) * 86400 +
		tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	/* RFC 5280 section 4.1.2.5: 99991231235959Z says "no end"; ns end in 2262. */
	if (s > INT64_MAX / NS_PER_S)
		*ns = INT64_MAX;
	else if (s < INT64_MIN / NS_PER_S)
		*ns = INT64_MIN;
	else
		*ns = s * NS_PER_S;
	return true;
}

bool cert_validity(const X509 *x, int64_t *not_before, int64_t *not_after)
{
	int64_t from, to;

	if (!when(X509_get0_notBefore(x), &from) || !when(X509_get0_notAfter(x), &to))
		return false;
	*not_before = from;
	*not_after = to;
	return true;
}

static void add(struct strings *list, const ASN1_IA5STRING *s, struct arena *a)
{
	struct slice text = { ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };

	if (list->n == NAMES_MAX || text.n > NAME_BYTES)
		return;
	if (!list->item)
		list->item = arena_new_array(a, struct slice, NAMES_MAX);
	if (!list->item)
		return;
	struct slice copy = arena_copy(a, text);
	if (copy.n == text.n)
		list->item[list->n++] = copy;
}

static void alternative_names(struct slice value, struct arena *a, struct cert_facts *facts)
{
	const unsigned char *p = value.p;
	GENERAL_NAMES *names = d2i_GENERAL_NAMES(NULL, &p, (long)value.n);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type == GEN_URI)
			add(&facts->uri, g->d.uniformResourceIdentifier, a);
		else if (g->type == GEN_DNS)
			add(&facts->dns, g->d.dNSName, a);
	}
	GENERAL_NAMES_free(names);
	for (int i = 0; i < facts->uri.n; i++) {
		struct slice uri = facts->uri.item[i];
		if (!slice_starts(uri, SLICE("spiffe:")))
			continue;
		facts->n_spiffe++;
		facts->spiffe_bad |= !spiffe_valid(uri);
	}
}

/* X.690 section 8.1: one element; its whole bytes in *all where that is not NULL. */
static struct cursor element(struct cursor *c, uint8_t tag, struct slice *all)
{
	const uint8_t *from = c->at;
	uint32_t got = cur_be(c, 1), n = cur_be(c, 1);

	if (n > 0x84 || n == 0x80)
		c->bad = true;
	else if (n > 0x80)
		n = cur_be(c, n - 0x80);
	c->bad |= got != tag;
	struct cursor body = cur_of(cur_take(c, n));
	body.bad = c->bad;
	if (all)
		*all = (struct slice){ from, (size_t)(c->at - from) };
	return body;
}

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04,
	DER_OID = 0x06, DER_SEQUENCE = 0x30,
	DER_VERSION = 0xa0, DER_EXTENSIONS = 0xa3, DER_ISSUER_ID = 0x81, DER_SUBJECT_ID = 0x82,
};

static bool next_is(const struct cursor *c, uint8_t tag)
{
	return cur_left(c) && *c->at == tag;
}

static bool time_read(struct cursor *c, int64_t *ns)
{
	struct slice all;

	element(c, cur_left(c) ? *c->at : 0, &all);
	if (c->bad)
		return false;
	const unsigned char *p = all.p;
	ASN1_TIME *t = d2i_ASN1_TIME(NULL, &p, (long)all.n);
	bool good = when(t, ns);
	ASN1_TIME_free(t);
	return good;
}

static struct slice name_read(struct cursor *c, struct arena *a, bool *good)
{
	struct slice all, text = { NULL, 0 };

	element(c, DER_SEQUENCE, &all);
	const unsigned char *p = all.p;
	X509_NAME *name = c->bad ? NULL : d2i_X509_NAME(NULL, &p, (long)all.n);
	*good &= name != NULL;
	if (name)
		text = name_text(name, a);
	X509_NAME_free(name);
	return text;
}

/* RFC 5280 section 4.2: SEQUENCE OF { extnID, critical DEFAULT FALSE, extnValue }. */
static bool extensions_read(struct cursor c, struct arena *a, struct cert_facts *facts)
{
	static const uint8_t subject_alt_name[] = { 0x55, 0x1d, 0x11 };
	struct cursor list = element(&c, DER_SEQUENCE, NULL);

	while (cur_left(&list)) {
		struct cursor one = element(&list, DER_SEQUENCE, NULL);
		struct cursor id = element(&one, DER_OID, NULL);
		if (next_is(&one, DER_BOOLEAN))
			element(&one, DER_BOOLEAN, NULL);
		struct cursor value = element(&one, DER_OCTETS, NULL);
		if (!cur_done(&one))
			return false;
		if (slice_eq(cur_rest(&id), (struct slice){ subject_alt_name, 3 }))
			alternative_names(cur_rest(&value), a, facts);
	}
	return !list.bad && cur_done(&c);
}

static bool to_be_signed(struct cursor c, struct arena *a, struct cert_facts *facts)
{
	bool good = true;

	if (next_is(&c, DER_VERSION))
		element(&c, DER_VERSION, NULL);
	struct cursor serial = element(&c, DER_INTEGER, NULL);
	facts->serial = serial_text(cur_rest(&serial), a);
	element(&c, DER_SEQUENCE, NULL);			/* signature algorithm */
	facts->issuer = name_read(&c, a, &good);
	struct cursor validity = element(&c, DER_SEQUENCE, NULL);
	good &= time_read(&validity, &facts->not_before) &&
		time_read(&validity, &facts->not_after) && cur_done(&validity);
	facts->subject = name_read(&c, a, &good);
	element(&c, DER_SEQUENCE, NULL);			/* public key */
	if (next_is(&c, DER_ISSUER_ID))
		element(&c, DER_ISSUER_ID, NULL);
	if (next_is(&c, DER_SUBJECT_ID))
		element(&c, DER_SUBJECT_ID, NULL);
	if (next_is(&c, DER_EXTENSIONS))
		good &= extensions_read(element(&c, DER_EXTENSIONS, NULL), a, facts);
	return good && cur_done(&c);
}

static bool certificate(struct slice der, struct arena *a, struct cert_facts *facts)
{
	struct cursor c = cur_of(der);
	struct cursor all = element(&c, DER_SEQUENCE, NULL);
	struct cursor signed_part = element(&all, DER_SEQUENCE, NULL);

	element(&all, DER_SEQUENCE, NULL);
	element(&all, DER_BITS, NULL);
	return cur_done(&c) && cur_done(&all) && to_be_signed(signed_part, a, facts);
}

bool cert_parse(struct slice der, struct tls_crypto *crypto, struct arena *a,
		struct cert_facts *facts)
{
	uint8_t *digest = arena_bytes(a, 32);

	*facts = (struct cert_facts){ .der = der };
	if (!digest)
		return false;
	tls_digest_begin(crypto, HASH_SHA256);
	tls_digest_add(crypto, HASH_SHA256, der);
	tls_digest_end(crypto, HASH_SHA256, digest);
	facts->sha256 = (struct slice){ digest, 32 };
	facts->parsed = certificate(der, a, facts);
	if (!facts->parsed)	/* half a certificate is none: no identity out of it */
		*facts = (struct cert_facts){ .der = der, .sha256 = facts->sha256 };
	ERR_clear_error();
	return facts->parsed;
}

static bool trust_domain_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
		c == '_';
}

/* A path segment is not empty, not "." and not "..". */
static bool segment_clean(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!trust_domain_byte(s.p[i]) && !(s.p[i] >= 'A' && s.p[i] <= 'Z'))
			return false;
	return s.n && !slice_is(s, ".") && !slice_is(s, "..");
}

bool spiffe_valid(struct slice uri)
{
	struct slice scheme = SLICE("spiffe://");
	size_t n = 0;

	if (uri.n > NAME_BYTES || !slice_starts(uri, scheme))
		return false;
	struct slice rest = slice_from(uri, scheme.n);
	while (n < rest.n && trust_domain_byte(rest.p[n]))
		n++;
	if (!n || n > 255)
		return false;
	rest = slice_from(rest, n);
	while (rest.n) {
		if (*rest.p != '/')
			return false;
		rest = slice_from(rest, 1);
		n = 0;
		while (n < rest.n && rest.p[n] != '/')
			n++;
		if (!segment_clean((struct slice){ rest.p, n }))
			return false;
		rest = slice_from(rest, n);
	}
	return true;
}
