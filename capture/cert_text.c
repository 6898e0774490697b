/*
 * cert_text: what nearly every certificate has is read here, a name of known
 * types in plain ASCII, a time in UTC, alternative names without nested
 * structure; whatever is not of that form is OpenSSL's, at some twenty times
 * the price.  Both ways give the same text.
 */
#include "capture/cert_text.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "capture/der.h"
#include "common/buf.h"
#include "common/clock.h"

enum { NAMES_MAX = 64, TEXT_BYTES = 1024, RDN_MAX = 16 };

/* --- names */

/* RFC 4519: attributes under 2.5.4, by their last number. */
static const char *attribute(struct slice oid)
{
	static const char *const name[] = {
		[3] = "CN", [5] = "serialNumber", [6] = "C", [7] = "L", [8] = "ST", [10] = "O",
		[11] = "OU",
	};

	if (oid.n != 3 || oid.p[0] != 0x55 || oid.p[1] != 0x04 ||
	    oid.p[2] >= sizeof name / sizeof *name)
		return NULL;
	return name[oid.p[2]];
}

/* Nothing in it that RFC 2253 section 2.4 would escape. */
static bool plain(struct slice s)
{
	if (!s.n || s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] >= 0x7f || strchr(",+\"\\<>;#", s.p[i]))
			return false;
	return true;
}

struct rdn {
	const char *name;
	struct slice value;
};

/* RelativeDistinguishedName: a SET of one { type, value }. */
static bool rdn_read(struct cursor *c, struct rdn *r)
{
	struct cursor set = der_element(c, DER_SET, NULL);
	struct cursor one = der_element(&set, DER_SEQUENCE, NULL);
	struct cursor oid = der_element(&one, DER_OID, NULL);
	uint8_t tag = der_tag(&one);

	if (tag != DER_UTF8 && tag != DER_PRINTABLE && tag != DER_IA5)
		return false;
	struct cursor value = der_element(&one, tag, NULL);
	r->name = attribute(cur_rest(&oid));
	r->value = cur_rest(&value);
	return cur_done(&one) && cur_done(&set) && !value.bad && r->name && plain(r->value);
}

static bool plain_name(struct slice der, struct arena *a, struct slice *text)
{
	struct rdn r[RDN_MAX];
	struct cursor c = cur_of(der), list = der_element(&c, DER_SEQUENCE, NULL);
	size_t n = 0, len = 0;

	while (cur_left(&list)) {
		if (n == RDN_MAX || !rdn_read(&list, &r[n]))
			return false;
		len += strlen(r[n].name) + 1 + r[n].value.n + (n > 0);
		n++;
	}
	if (list.bad || len > TEXT_BYTES)
		return false;
	uint8_t *p = arena_bytes(a, len);
	*text = (struct slice){ p, p ? len : 0 };
	for (size_t k = n; p && k--;) {		/* the last comes first */
		size_t name = strlen(r[k].name);
		memcpy(p, r[k].name, name);
		p[name] = '=';
		memcpy(p + name + 1, r[k].value.p, r[k].value.n);
		p += name + 1 + r[k].value.n;
		if (k)
			*p++ = ',';
	}
	return true;
}

/* RFC 2253 form; control bytes and non-ASCII are escaped by OpenSSL. */
static struct slice printed(X509_NAME *name, struct arena *a)
{
	BIO *out = BIO_new(BIO_s_mem());
	struct slice text = { NULL, 0 };
	char *p;

	if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0) {
		long n = BIO_get_mem_data(out, &p);
		size_t take = n > TEXT_BYTES ? TEXT_BYTES : (size_t)n;
		text = arena_copy(a, (struct slice){ (const uint8_t *)p, take });
	}
	BIO_free(out);
	return text;
}

struct slice cert_text_name(struct slice der, struct arena *a, bool *good)
{
	struct slice text = { NULL, 0 };
	const unsigned char *p = der.p;

	if (plain_name(der, a, &text))
		return text;
	X509_NAME *name = der.n ? d2i_X509_NAME(NULL, &p, (long)der.n) : NULL;
	*good &= name != NULL;
	if (name)
		text = printed(name, a);
	X509_NAME_free(name);
	return text;
}

/* --- times */

static int64_t ns_of(int64_t s)
{
	/* RFC 5280 section 4.1.2.5: 99991231235959Z says "no end"; ns end in 2262. */
	if (s > INT64_MAX / NS_PER_S)
		return INT64_MAX;
	return s < INT64_MIN / NS_PER_S ? INT64_MIN : s * NS_PER_S;
}

bool cert_text_when(const ASN1_TIME *t, int64_t *ns)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ns = ns_of(clock_days(tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday) *
		    86400 + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
	return true;
}

/* Two digits at p, at most `most`. */
static bool digits(const uint8_t *p, unsigned most, unsigned *v)
{
	unsigned tens = p[0] - (unsigned)'0', ones = p[1] - (unsigned)'0';

	*v = tens * 10 + ones;
	return tens <= 9 && ones <= 9 && *v <= most;
}

/* RFC 5280 section 4.1.2.5: YYMMDDHHMMSSZ, YYYYMMDDHHMMSSZ. */
static bool plain_time(struct slice der, int64_t *ns)
{
	struct cursor c = cur_of(der);
	uint8_t tag = der_tag(&c);
	struct cursor body = der_element(&c, tag, NULL);
	struct slice s = cur_rest(&body);
	unsigned century = 0, year, month, day, hour, minute, second;

	if ((tag != DER_UTC_TIME || s.n != 13) && (tag != DER_GENERALIZED_TIME || s.n != 15))
		return false;
	if (s.n == 15) {
		if (!digits(s.p, 99, &century))
			return false;
		s = slice_from(s, 2);
	}
	/* Days that not all months have are OpenSSL's. */
	if (!digits(s.p, 99, &year) || !digits(s.p + 2, 12, &month) || !month ||
	    !digits(s.p + 4, 28, &day) || !day || !digits(s.p + 6, 23, &hour) ||
	    !digits(s.p + 8, 59, &minute) || !digits(s.p + 10, 59, &second) || s.p[12] != 'Z')
		return false;
	year += tag == DER_GENERALIZED_TIME ? century * 100 : year < 50 ? 2000 : 1900;
	*ns = ns_of(clock_days((int)year, month, day) * 86400 +
		    (int64_t)(hour * 3600 + minute * 60 + second));
	return true;
}

bool cert_text_time(struct slice der, int64_t *ns)
{
	const unsigned char *p = der.p;

	if (plain_time(der, ns))
		return true;
	ASN1_TIME *t = der.n ? d2i_ASN1_TIME(NULL, &p, (long)der.n) : NULL;
	bool good = cert_text_when(t, ns);
	ASN1_TIME_free(t);
	return good;
}

/* --- alternative names */

/* Names as they stand in the certificate, until it is known how many there are. */
struct names {
	struct slice item[NAMES_MAX];
	uint16_t n;
};

static void gather(struct names *l, struct slice text)
{
	if (l->n < NAMES_MAX && text.n <= CERT_NAME_BYTES)
		l->item[l->n++] = text;
}

/* Behind those of an extension before, as far as NAMES_MAX and the arena go. */
static void keep(struct strings *list, const struct names *l, struct arena *a)
{
	size_t n = list->n + l->n < NAMES_MAX ? (size_t)list->n + l->n : NAMES_MAX;
	struct slice *item = n > list->n ? arena_new_array(a, struct slice, n) : NULL;

	if (!item)
		return;
	if (list->n)
		memcpy(item, list->item, list->n * sizeof *item);
	list->item = item;
	for (size_t i = 0; list->n < n; i++) {
		struct slice copy = arena_copy(a, l->item[i]);
		if (copy.n != l->item[i].n)
			return;
		item[list->n++] = copy;
	}
}

/* RFC 5280 section 4.2.1.6: context tags of the names that are one string. */
enum { NAME_EMAIL = 0x81, NAME_DNS = 0x82, NAME_URI = 0x86, NAME_IP = 0x87 };

static bool plain_alternatives(struct slice value, struct names *uri, struct names *dns)
{
	struct cursor c = cur_of(value), list = der_element(&c, DER_SEQUENCE, NULL);

	while (cur_left(&list)) {
		uint8_t tag = der_tag(&list);
		struct cursor name = der_element(&list, tag, NULL);
		if (tag == NAME_URI)
			gather(uri, cur_rest(&name));
		else if (tag == NAME_DNS)
			gather(dns, cur_rest(&name));
		else if (tag != NAME_EMAIL && tag != NAME_IP)
			return false;
	}
	return !list.bad;
}

static struct slice text_of(const ASN1_IA5STRING *s)
{
	return (struct slice){ ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };
}

static void gather_all(const GENERAL_NAMES *names, struct names *uri, struct names *dns)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type == GEN_URI)
			gather(uri, text_of(g->d.uniformResourceIdentifier));
		else if (g->type == GEN_DNS)
			gather(dns, text_of(g->d.dNSName));
	}
}

void cert_text_alternatives(struct slice value, struct arena *a, struct cert_facts *facts)
{
	const unsigned char *p = value.p;
	GENERAL_NAMES *names = NULL;
	struct names uri, dns;

	uri.n = dns.n = 0;
	if (!plain_alternatives(value, &uri, &dns)) {
		uri.n = dns.n = 0;
		names = d2i_GENERAL_NAMES(NULL, &p, (long)value.n);
		gather_all(names, &uri, &dns);
	}
	keep(&facts->uri, &uri, a);
	keep(&facts->dns, &dns, a);
	GENERAL_NAMES_free(names);
}
