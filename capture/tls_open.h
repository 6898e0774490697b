/*
 * tls_open - opens the sealed records of one direction under one key.
 *
 * AEAD suites of TLS 1.2 and 1.3, and CBC suites of TLS 1.0 to 1.2 in both
 * orders (MAC then encrypt, RFC 7366 encrypt then MAC).  Nothing comes out of
 * a record that does not authenticate.
 */
#ifndef CAPTURE_TLS_OPEN_H
#define CAPTURE_TLS_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/tls_crypto.h"
#include "common/cursor.h"

struct tls_opener {
	const struct tls_suite *suite;	/* NULL: no key */
	EVP_CIPHER_CTX *ctx;
	uint64_t seq;			/* number of the next record */
	uint16_t version;		/* 0x0304: TLS 1.3 */
	bool etm;
	uint8_t iv[16];			/* AEAD: static part; TLS 1.0 CBC: last block seen */
	uint8_t mac_key[TLS_SECRET_MAX];
};

/* Lengths in the key block of TLS 1.2 and before. */
struct tls_key_sizes {
	uint8_t mac, key, iv;
};

struct tls_record {
	uint8_t type;			/* in: of the header; out: of the content */
	uint16_t version;		/* of the header */
	struct slice body;
};

/* False: the cipher is not one that this build opens. */
bool tls_opener_init13(struct tls_opener *o, struct tls_crypto *c, const struct tls_suite *suite,
		       struct slice secret);
bool tls_opener_init12(struct tls_opener *o, struct tls_crypto *c, const struct tls_suite *suite,
		       uint16_t version, bool etm, const uint8_t *mac_key, const uint8_t *key,
		       const uint8_t *iv);
void tls_opener_release(struct tls_opener *o);
size_t tls_tag_size(const struct tls_suite *suite);	/* of an AEAD; else 0 */
struct tls_key_sizes tls_key_sizes(const struct tls_suite *suite, uint16_t version);

/*
 * Open one record; the plaintext is written to `out` (TLS_SEALED_MAX bytes, not overlapping the
 * record) and replaces r->body.  False: it does not authenticate; o->seq stays.
 */
bool tls_open(struct tls_opener *o, struct tls_crypto *c, struct tls_record *r, uint8_t *out);

#endif
