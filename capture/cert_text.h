/*
 * cert_text - names, times and alternative names of a certificate; private to capture/cert_*.c.
 */
#ifndef CAPTURE_CERT_TEXT_H
#define CAPTURE_CERT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/asn1.h>

#include "capture/session.h"
#include "common/arena.h"
#include "common/cursor.h"

enum { CERT_NAME_BYTES = 2048 };	/* of one alternative name */

/* RFC 2253 form of a DER Name; {NULL, 0} and *good false where it is none. */
struct slice cert_text_name(struct slice der, struct arena *a, bool *good);

/* A DER Time in ns; 9999's "no end" and the like are the ends of int64_t. */
bool cert_text_time(struct slice der, int64_t *ns);
bool cert_text_when(const ASN1_TIME *t, int64_t *ns);

/* URI and DNS names out of a SubjectAltName's value, so many as there is room for. */
void cert_text_alternatives(struct slice value, struct arena *a, struct cert_facts *facts);

#endif
