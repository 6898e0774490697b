/*
 * cert_parse: one certificate, by OpenSSL's parser, into facts of our own.
 *
 * Bounded: so many names, so many bytes of text; the arena is the caller's.
 * What does not fit or does not decode is left out, and `parsed` stays true as
 * long as the certificate itself could be read.
 */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
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

static struct slice serial_text(const X509 *x, struct arena *a)
{
	static const char digits[] = "0123456789abcdef";
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	size_t n = (size_t)ASN1_STRING_length(serial);
	const unsigned char *p = ASN1_STRING_get0_data(serial);

	n = n > 64 ? 64 : n;
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

static void alternative_names(const X509 *x, struct arena *a, struct cert_facts *facts)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

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

bool cert_parse(struct slice der, struct tls_crypto *crypto, struct arena *a,
		struct cert_facts *facts)
{
	uint8_t *digest = arena_bytes(a, 32);
	const unsigned char *p = der.p;

	*facts = (struct cert_facts){ .der = der };
	if (!digest)
		return false;
	tls_digest_begin(crypto, HASH_SHA256);
	tls_digest_add(crypto, HASH_SHA256, der);
	tls_digest_end(crypto, HASH_SHA256, digest);
	facts->sha256 = (struct slice){ digest, 32 };

	X509 *x = d2i_X509(NULL, &p, (long)der.n);
	if (x && p == der.p + der.n && cert_validity(x, &facts->not_before, &facts->not_after)) {
		facts->subject = name_text(X509_get_subject_name(x), a);
		facts->issuer = name_text(X509_get_issuer_name(x), a);
		facts->serial = serial_text(x, a);
		alternative_names(x, a, facts);
		facts->parsed = true;
	}
	X509_free(x);
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
