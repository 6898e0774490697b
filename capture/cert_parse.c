/*
 * cert_parse: one certificate into facts of our own.
 *
 * We walk the structure (RFC 5280 section 4.1) ourselves; what is hard in
 * names and times is given to OpenSSL (cert_text.c).  Its d2i_X509 also
 * decodes the public key through the provider machinery, which costs ten times
 * as much as everything that we want to know; cert.c lets it, but only where a
 * chain is verified.
 *
 * Bounded: so many names, so many bytes of text; the arena is the caller's.
 * What does not fit is left out, and `parsed` stays true as long as the
 * certificate itself could be read.
 */
#include <openssl/err.h>

#include "capture/cert.h"
#include "capture/cert_text.h"
#include "capture/der.h"

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

bool cert_validity(const X509 *x, int64_t *not_before, int64_t *not_after)
{
	int64_t from, to;

	if (!cert_text_when(X509_get0_notBefore(x), &from) || !cert_text_when(X509_get0_notAfter(x), &to))
		return false;
	*not_before = from;
	*not_after = to;
	return true;
}

static void identities(struct slice value, struct arena *a, struct cert_facts *facts)
{
	uint16_t before = facts->uri.n;		/* of an extension before, where there are two */

	cert_text_alternatives(value, a, facts);
	for (uint16_t i = before; i < facts->uri.n; i++) {
		struct slice uri = facts->uri.item[i];
		if (!slice_starts(uri, SLICE("spiffe:")))
			continue;
		facts->n_spiffe++;
		facts->spiffe_bad |= !spiffe_valid(uri);
	}
}

enum {
	TAG_VERSION = 0xa0, TAG_EXTENSIONS = 0xa3, TAG_ISSUER_ID = 0x81, TAG_SUBJECT_ID = 0x82,
};

static bool time_read(struct cursor *c, int64_t *ns)
{
	struct slice all;

	der_element(c, der_tag(c), &all);
	return !c->bad && cert_text_time(all, ns);
}

static struct slice name_read(struct cursor *c, struct arena *a, bool *good)
{
	struct slice all;

	der_element(c, DER_SEQUENCE, &all);
	if (!c->bad)
		return cert_text_name(all, a, good);
	*good = false;
	return (struct slice){ NULL, 0 };
}

/* RFC 5280 section 4.2: SEQUENCE OF { extnID, critical DEFAULT FALSE, extnValue }. */
static bool extensions_read(struct cursor c, struct arena *a, struct cert_facts *facts)
{
	static const uint8_t subject_alt_name[] = { 0x55, 0x1d, 0x11 };
	struct cursor list = der_element(&c, DER_SEQUENCE, NULL);

	while (cur_left(&list)) {
		struct cursor one = der_element(&list, DER_SEQUENCE, NULL);
		struct cursor id = der_element(&one, DER_OID, NULL);
		if (der_tag(&one) == DER_BOOLEAN)
			der_element(&one, DER_BOOLEAN, NULL);
		struct cursor value = der_element(&one, DER_OCTETS, NULL);
		if (!cur_done(&one))
			return false;
		if (slice_eq(cur_rest(&id), (struct slice){ subject_alt_name, 3 }))
			identities(cur_rest(&value), a, facts);
	}
	return !list.bad && cur_done(&c);
}

static bool to_be_signed(struct cursor c, struct arena *a, struct cert_facts *facts)
{
	bool good = true;

	if (der_tag(&c) == TAG_VERSION)
		der_element(&c, TAG_VERSION, NULL);
	struct cursor serial = der_element(&c, DER_INTEGER, NULL);
	facts->serial = serial_text(cur_rest(&serial), a);
	der_element(&c, DER_SEQUENCE, NULL);			/* signature algorithm */
	facts->issuer = name_read(&c, a, &good);
	struct cursor validity = der_element(&c, DER_SEQUENCE, NULL);
	good &= time_read(&validity, &facts->not_before) &&
		time_read(&validity, &facts->not_after) && cur_done(&validity);
	facts->subject = name_read(&c, a, &good);
	der_element(&c, DER_SEQUENCE, NULL);			/* public key */
	if (der_tag(&c) == TAG_ISSUER_ID)
		der_element(&c, TAG_ISSUER_ID, NULL);
	if (der_tag(&c) == TAG_SUBJECT_ID)
		der_element(&c, TAG_SUBJECT_ID, NULL);
	if (der_tag(&c) == TAG_EXTENSIONS)
		good &= extensions_read(der_element(&c, TAG_EXTENSIONS, NULL), a, facts);
	return good && cur_done(&c);
}

static bool certificate(struct slice der, struct arena *a, struct cert_facts *facts)
{
	struct cursor c = cur_of(der);
	struct cursor all = der_element(&c, DER_SEQUENCE, NULL);
	struct cursor signed_part = der_element(&all, DER_SEQUENCE, NULL);

	der_element(&all, DER_SEQUENCE, NULL);
	der_element(&all, DER_BITS, NULL);
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

	if (uri.n > CERT_NAME_BYTES || !slice_starts(uri, scheme))
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
