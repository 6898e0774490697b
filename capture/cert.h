/*
 * cert - certificate chains seen on the wire, parsed once and shared.
 *
 * A chain is found again by its bytes, so that the thousandth handshake with
 * the same certificate costs a hash and a comparison, not an ASN.1 parser.
 * Chains are immutable and counted: cert_chain_get gives a reference that the
 * caller returns by cert_chain_drop.  The cache is bounded in bytes; the
 * oldest chain leaves it first and lives on while somebody refers to it.
 */
#ifndef CAPTURE_CERT_H
#define CAPTURE_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "capture/session.h"
#include "capture/tls_crypto.h"
#include "common/cursor.h"
#include "common/err.h"
#include "schema/certificate.h"
#include "schema/evidence.h"

enum { CERT_CHAIN_MAX = 10 };	/* certificates after that are counted, not parsed */

struct certs;

struct cert_chain {
	uint32_t refs;
	uint8_t n;
	struct cert_facts *facts;	/* n */
	int64_t told[2];	/* when its certificates were last told, by role; 0: never */
	bool tls13;		/* private from here */
	uint8_t trust;
	int64_t valid_from, valid_to;	/* ns; of the leaf, or of the whole path to a root */
	size_t bytes;
	struct slice list;
	struct arena *arena;
};

/* trust: PEM file of roots or NULL.  NULL and *e: it cannot be used. */
struct certs *certs_new(const char *trust, struct tls_crypto *crypto, struct evidence *ev,
			struct err *e);
void certs_free(struct certs **c);

/*
 * The chain in a TLS certificate_list: 24-bit lengths, and where `tls13` extensions after each
 * certificate.  NULL: the list is malformed.  An empty list is a chain of 0.
 */
struct cert_chain *cert_chain_get(struct certs *c, struct slice list, bool tls13);
/* Only the leaf is taken apart by cert_chain_get (of the others, der); this does the others. */
void cert_chain_rest(struct certs *c, struct cert_chain *chain);

struct cert_chain *cert_chain_keep(struct cert_chain *chain);	/* one more reference; NULL-safe */
void cert_chain_drop(struct cert_chain **chain);		/* NULL-safe */

/*
 * enum flow_enum_value CERT_* of a client's chain at time `at` (ns); 0: not known, because no
 * roots were given and nothing else is wrong with it.  Asks the roots on first use.
 */
uint8_t cert_chain_status(struct certs *c, struct cert_chain *chain, int64_t at);

/* SPIFFE-ID 1.0 section 2: spiffe://trust-domain/path, lower-case authority, clean path. */
bool spiffe_valid(struct slice uri);

/* Of an OpenSSL certificate, in ns.  False: not readable times. */
bool cert_validity(const X509 *x, int64_t *not_before, int64_t *not_after);

/* What the store keeps of it, without role and time; texts in `a` or borrowed from the facts. */
void cert_describe(const struct cert_facts *f, struct arena *a, struct certificate *out);

/* One certificate alone.  False: not X.509 (facts->sha256 and der are set all the same). */
bool cert_parse(struct slice der, struct tls_crypto *crypto, struct arena *a,
		struct cert_facts *facts);

#endif
