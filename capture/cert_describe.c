/*
 * cert_describe: what the store keeps of a certificate, for people to look up.
 *
 * Here, once for each certificate and hour, OpenSSL's whole decoder is worth its price: key,
 * signature algorithm, CA flag.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "capture/cert.h"
#include "common/buf.h"

static struct slice json_array(const struct strings *list, struct arena *a)
{
	struct buf b;

	buf_init(&b, 64 * 1024);
	buf_byte(&b, '[');
	for (uint16_t i = 0; i < list->n; i++) {
		if (i)
			buf_byte(&b, ',');
		buf_json_string(&b, list->item[i]);
	}
	buf_byte(&b, ']');
	struct slice s = b.full ? SLICE("[]") : arena_copy(a, buf_slice(&b));
	buf_release(&b);
	return s;
}

static struct slice text(struct arena *a, const char *s)
{
	return arena_copy(a, slice_of(s ? s : ""));
}

/* "RSA", "EC P-256": as operators name them. */
static void key(const X509 *x, struct arena *a, struct certificate *out)
{
	EVP_PKEY *k = X509_get0_pubkey(x);
	char group[64] = "", name[96];

	if (!k)
		return;
	out->key_bits = EVP_PKEY_get_bits(k);
	if (EVP_PKEY_get_base_id(k) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(k, group, sizeof group, NULL) == 1) {
		const char *nist = EC_curve_nid2nist(OBJ_sn2nid(group));
		snprintf(name, sizeof name, "EC %s", nist ? nist : group);
		out->key_type = text(a, name);
	} else {
		out->key_type = text(a, EVP_PKEY_get0_type_name(k));
	}
}

void cert_describe(const struct cert_facts *f, struct arena *a, struct certificate *out)
{
	const unsigned char *p = f->der.p;
	X509 *x = d2i_X509(NULL, &p, (long)f->der.n);
	struct buf hex;

	buf_init(&hex, 64);
	buf_hex(&hex, f->sha256);
	*out = (struct certificate){
		.sha256 = arena_copy(a, buf_slice(&hex)), .subject = f->subject, .issuer = f->issuer,
		.serial = f->serial, .not_before = f->not_before, .not_after = f->not_after,
		.uri_sans = json_array(&f->uri, a), .dns_sans = json_array(&f->dns, a), .der = f->der,
	};
	buf_release(&hex);
	if (x) {
		key(x, a, out);
		out->signature = text(a, OBJ_nid2ln(X509_get_signature_nid(x)));
		out->is_ca = X509_check_ca(x) == 1;
		out->self_signed = X509_self_signed(x, 0) == 1;
	}
	X509_free(x);
	ERR_clear_error();
}
