/*
 * tls_crypto - digests and key derivation, with everything fetched once.
 *
 * OpenSSL 3 looks algorithms up by name on each fetch, which costs more than
 * hashing a ClientHello; so one tls_crypto a run holds the fetched algorithms
 * and a context for each.  Not for threads.
 */
#ifndef CAPTURE_TLS_CRYPTO_H
#define CAPTURE_TLS_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "capture/layer.h"
#include "common/cursor.h"

enum tls_hash { HASH_NONE, HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_SHA384, HASHES };

enum tls_cipher {
	CIPHER_NONE,
	CIPHER_AES128_GCM, CIPHER_AES256_GCM, CIPHER_ARIA128_GCM, CIPHER_ARIA256_GCM,
	CIPHER_AES128_CCM, CIPHER_AES256_CCM, CIPHER_AES128_CCM8, CIPHER_AES256_CCM8,
	CIPHER_CHACHA,
	CIPHER_AES128_CBC, CIPHER_AES256_CBC, CIPHER_DES3_CBC,
	CIPHER_CAMELLIA128_CBC, CIPHER_CAMELLIA256_CBC,
	CIPHERS
};

enum { TLS_SECRET_MAX = 48, TLS_PLAIN_MAX = 16384, TLS_SEALED_MAX = TLS_PLAIN_MAX + 2048 };

struct tls_suite {
	const char *name;	/* IANA's */
	uint16_t code;
	uint8_t cipher, mac, hash;
};

const struct tls_suite *tls_suite(uint16_t code);	/* NULL: not in the registry */

struct tls_crypto {
	EVP_MD *md[HASHES];
	EVP_MD_CTX *ctx[HASHES];
	EVP_CIPHER *cipher[CIPHERS];		/* fetched on first use */
	uint8_t *scratch[LAYER_DEPTH];		/* plaintext of one record at each depth */
};

void tls_crypto_init(struct tls_crypto *c);
void tls_crypto_release(struct tls_crypto *c);
EVP_CIPHER *tls_crypto_cipher(struct tls_crypto *c, enum tls_cipher which);	/* NULL: not built in */
uint8_t *tls_crypto_scratch(struct tls_crypto *c, unsigned depth);	/* TLS_SEALED_MAX bytes */

/* begin, add..., end: one at a time for each hash. */
void tls_digest_begin(struct tls_crypto *c, enum tls_hash h);
void tls_digest_add(struct tls_crypto *c, enum tls_hash h, struct slice s);
void tls_digest_end(struct tls_crypto *c, enum tls_hash h, uint8_t *out);
size_t tls_digest_size(enum tls_hash h);

void tls_hmac(struct tls_crypto *c, enum tls_hash h, struct slice key,
	      const struct slice *parts, size_t n_parts, uint8_t *out);

/* RFC 8446 section 7.1: HKDF-Expand-Label with an empty context; n at most the hash's size. */
void tls_expand_label(struct tls_crypto *c, enum tls_hash h, struct slice secret,
		      const char *label, uint8_t *out, size_t n);

/* RFC 5246 section 6.3, before 1.2 RFC 2246: the key block of a master secret. */
void tls_key_block(struct tls_crypto *c, uint16_t version, enum tls_hash h, struct slice master,
		   struct slice client_random, struct slice server_random,
		   uint8_t *out, size_t n);

#endif
