/*
 * tls_crypto: thin on purpose.  HMAC and HKDF stand on plain digests, because a
 * digest context can be re-initialised for about 100 ns where EVP_MAC and
 * EVP_KDF go through parameter arrays on every call.
 *
 * A missing digest or memory is an impossible state and aborts; a missing
 * cipher (a build of OpenSSL without ARIA) is only a suite that stays closed.
 */
#include "capture/tls_crypto.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MAX = 128 };

static const struct {
	const char *name;
	uint8_t size, block;
} hashes[HASHES] = {
	[HASH_MD5] = { "MD5", 16, 64 },
	[HASH_SHA1] = { "SHA1", 20, 64 },
	[HASH_SHA256] = { "SHA256", 32, 64 },
	[HASH_SHA384] = { "SHA384", 48, 128 },
};

static const char *const ciphers[CIPHERS] = {
	[CIPHER_AES128_GCM] = "AES-128-GCM",
	[CIPHER_AES256_GCM] = "AES-256-GCM",
	[CIPHER_ARIA128_GCM] = "ARIA-128-GCM",
	[CIPHER_ARIA256_GCM] = "ARIA-256-GCM",
	[CIPHER_AES128_CCM] = "AES-128-CCM",
	[CIPHER_AES256_CCM] = "AES-256-CCM",
	[CIPHER_AES128_CCM8] = "AES-128-CCM",
	[CIPHER_AES256_CCM8] = "AES-256-CCM",
	[CIPHER_CHACHA] = "ChaCha20-Poly1305",
	[CIPHER_AES128_CBC] = "AES-128-CBC",
	[CIPHER_AES256_CBC] = "AES-256-CBC",
	[CIPHER_DES3_CBC] = "DES-EDE3-CBC",
	[CIPHER_CAMELLIA128_CBC] = "CAMELLIA-128-CBC",
	[CIPHER_CAMELLIA256_CBC] = "CAMELLIA-256-CBC",
};

static const struct tls_suite suites[] = {
#define SUITE(code, name, cipher, mac, hash) \
	{ #name, code, CIPHER_##cipher, HASH_##mac, HASH_##hash },
#include "capture/tls_suite.def"
#undef SUITE
};

const struct tls_suite *tls_suite(uint16_t code)
{
	size_t low = 0, high = sizeof suites / sizeof *suites;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (suites[mid].code == code)
			return &suites[mid];
		if (suites[mid].code < code)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

void tls_crypto_init(struct tls_crypto *c)
{
	*c = (struct tls_crypto){ 0 };
	for (int h = HASH_NONE + 1; h < HASHES; h++) {
		c->md[h] = EVP_MD_fetch(NULL, hashes[h].name, NULL);
		c->ctx[h] = EVP_MD_CTX_new();
		/* MD5 may be forbidden by the system's policy: JA3 is then left out. */
		assert((c->md[h] || h == HASH_MD5) && c->ctx[h]);
	}
}

void tls_crypto_release(struct tls_crypto *c)
{
	for (int h = 0; h < HASHES; h++) {
		EVP_MD_CTX_free(c->ctx[h]);
		EVP_MD_free(c->md[h]);
	}
	for (int k = 0; k < CIPHERS; k++)
		EVP_CIPHER_free(c->cipher[k]);
	for (int d = 0; d < LAYER_DEPTH; d++)
		free(c->scratch[d]);
	*c = (struct tls_crypto){ 0 };
}

EVP_CIPHER *tls_crypto_cipher(struct tls_crypto *c, enum tls_cipher which)
{
	if (!c->cipher[which] && ciphers[which])
		c->cipher[which] = EVP_CIPHER_fetch(NULL, ciphers[which], NULL);
	return c->cipher[which];
}

uint8_t *tls_crypto_scratch(struct tls_crypto *c, unsigned depth)
{
	assert(depth < LAYER_DEPTH);
	if (!c->scratch[depth]) {
		c->scratch[depth] = malloc(TLS_SEALED_MAX + 64);
		if (!c->scratch[depth])
			abort();
	}
	return c->scratch[depth];
}

void tls_digest_begin(struct tls_crypto *c, enum tls_hash h)
{
	int done = EVP_DigestInit_ex2(c->ctx[h], c->md[h], NULL);
	assert(done == 1);
}

void tls_digest_add(struct tls_crypto *c, enum tls_hash h, struct slice s)
{
	int done = EVP_DigestUpdate(c->ctx[h], s.p, s.n);
	assert(done == 1);
}

void tls_digest_end(struct tls_crypto *c, enum tls_hash h, uint8_t *out)
{
	int done = EVP_DigestFinal_ex(c->ctx[h], out, NULL);
	assert(done == 1);
}

size_t tls_digest_size(enum tls_hash h)
{
	return hashes[h].size;
}

/* RFC 2104. */
void tls_hmac(struct tls_crypto *c, enum tls_hash h, struct slice key,
	      const struct slice *parts, size_t n_parts, uint8_t *out)
{
	size_t block = hashes[h].block, size = hashes[h].size;
	uint8_t pad[BLOCK_MAX] = { 0 };

	assert(key.n <= block);		/* all our keys are hash-sized secrets */
	memcpy(pad, key.p, key.n);
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36;
	tls_digest_begin(c, h);
	tls_digest_add(c, h, (struct slice){ pad, block });
	for (size_t i = 0; i < n_parts; i++)
		tls_digest_add(c, h, parts[i]);
	tls_digest_end(c, h, out);

	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	tls_digest_begin(c, h);
	tls_digest_add(c, h, (struct slice){ pad, block });
	tls_digest_add(c, h, (struct slice){ out, size });
	tls_digest_end(c, h, out);
}

void tls_expand_label(struct tls_crypto *c, enum tls_hash h, struct slice secret,
		      const char *label, uint8_t *out, size_t n)
{
	uint8_t full[TLS_SECRET_MAX];
	struct slice name = slice_of(label);
	uint8_t head[] = { (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)(6 + name.n) };
	uint8_t tail[] = { 0, 1 };	/* empty context; the first block of HKDF-Expand */
	struct slice parts[] = {
		{ head, sizeof head }, SLICE("tls13 "), name, { tail, sizeof tail },
	};

	assert(n <= hashes[h].size);
	tls_hmac(c, h, secret, parts, sizeof parts / sizeof *parts, full);
	memcpy(out, full, n);
}

/* P_hash of RFC 5246 section 5, xored into out. */
static void p_hash(struct tls_crypto *c, enum tls_hash h, struct slice secret,
		   struct slice label, struct slice seed1, struct slice seed2,
		   uint8_t *out, size_t n)
{
	uint8_t a[TLS_SECRET_MAX], t[TLS_SECRET_MAX];
	size_t size = hashes[h].size;
	struct slice seed[] = { label, seed1, seed2 };
	struct slice next[] = { { a, size }, label, seed1, seed2 };

	tls_hmac(c, h, secret, seed, 3, a);
	for (size_t at = 0; at < n;) {
		tls_hmac(c, h, secret, next, 4, t);
		for (size_t i = 0; i < size && at < n; i++)
			out[at++] ^= t[i];
		tls_hmac(c, h, secret, next, 1, a);
	}
}

void tls_key_block(struct tls_crypto *c, uint16_t version, enum tls_hash h, struct slice master,
		   struct slice client_random, struct slice server_random,
		   uint8_t *out, size_t n)
{
	struct slice label = SLICE("key expansion");

	memset(out, 0, n);
	if (version >= 0x0303) {
		p_hash(c, h, master, label, server_random, client_random, out, n);
		return;
	}
	/* RFC 2246 section 5: the halves of the secret, MD5 and SHA-1 xored. */
	size_t half = (master.n + 1) / 2;
	p_hash(c, HASH_MD5, (struct slice){ master.p, half }, label,
	       server_random, client_random, out, n);
	p_hash(c, HASH_SHA1, (struct slice){ master.p + master.n - half, half }, label,
	       server_random, client_random, out, n);
}
