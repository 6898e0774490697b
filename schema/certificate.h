/*
 * certificate - what one X.509 certificate says, as capture read it and the store keeps it.
 *
 * Slices borrow; whoever takes a certificate copies.  Every text is as it stands in the
 * certificate: print it through buf_quote only.
 */
#ifndef SCHEMA_CERTIFICATE_H
#define SCHEMA_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"

struct certificate {
	struct slice sha256;		/* hex, lower case: the key */
	struct slice role;		/* "client", "server", "issuer" */
	struct slice subject, issuer;	/* RFC 2253 form */
	struct slice serial;		/* hex */
	int64_t not_before, not_after;	/* ns since 1970 */
	struct slice uri_sans, dns_sans;	/* JSON arrays */
	struct slice key_type;		/* "RSA", "EC P-256", ... */
	int64_t key_bits;
	struct slice signature;		/* signature algorithm */
	bool is_ca, self_signed;
	int64_t seen;			/* when, ns */
	struct slice der;		/* empty: not kept */
};

#endif
