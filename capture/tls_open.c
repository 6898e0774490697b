/*
 * tls_open: one function a construction, chosen by the suite's row in `kinds`.
 *
 * We only read, and the reader is not an oracle to anybody: checking CBC
 * padding and MAC need not take constant time.
 */
#include "capture/tls_open.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

enum { TLS10 = 0x0301, TLS13 = 0x0304, CONTENT_LEAST = 1 };

enum form { FORM_NONE, FORM_EXPLICIT, FORM_CHACHA, FORM_CBC };

static const struct kind {
	uint8_t form, key, tag, block;
	bool ccm;
} kinds[CIPHERS] = {
	[CIPHER_AES128_GCM] = { FORM_EXPLICIT, 16, 16, 0, false },
	[CIPHER_AES256_GCM] = { FORM_EXPLICIT, 32, 16, 0, false },
	[CIPHER_ARIA128_GCM] = { FORM_EXPLICIT, 16, 16, 0, false },
	[CIPHER_ARIA256_GCM] = { FORM_EXPLICIT, 32, 16, 0, false },
	[CIPHER_AES128_CCM] = { FORM_EXPLICIT, 16, 16, 0, true },
	[CIPHER_AES256_CCM] = { FORM_EXPLICIT, 32, 16, 0, true },
	[CIPHER_AES128_CCM8] = { FORM_EXPLICIT, 16, 8, 0, true },
	[CIPHER_AES256_CCM8] = { FORM_EXPLICIT, 32, 8, 0, true },
	[CIPHER_CHACHA] = { FORM_CHACHA, 32, 16, 0, false },
	[CIPHER_AES128_CBC] = { FORM_CBC, 16, 0, 16, false },
	[CIPHER_AES256_CBC] = { FORM_CBC, 32, 0, 16, false },
	[CIPHER_DES3_CBC] = { FORM_CBC, 24, 0, 8, false },
	[CIPHER_CAMELLIA128_CBC] = { FORM_CBC, 16, 0, 16, false },
	[CIPHER_CAMELLIA256_CBC] = { FORM_CBC, 32, 0, 16, false },
};

size_t tls_tag_size(const struct tls_suite *suite)
{
	return kinds[suite->cipher].tag;
}

struct tls_key_sizes tls_key_sizes(const struct tls_suite *suite, uint16_t version)
{
	const struct kind *k = &kinds[suite->cipher];
	struct tls_key_sizes z = { 0, k->key, 0 };

	switch ((enum form)k->form) {
	case FORM_NONE:
		break;
	case FORM_EXPLICIT:
		z.iv = 4;
		break;
	case FORM_CHACHA:
		z.iv = 12;
		break;
	case FORM_CBC:
		z.mac = (uint8_t)tls_digest_size(suite->mac);
		z.iv = version <= TLS10 ? k->block : 0;
		break;
	}
	return z;
}

static bool set_key(struct tls_opener *o, struct tls_crypto *c, const uint8_t *key)
{
	const struct kind *k = &kinds[o->suite->cipher];
	EVP_CIPHER *cipher = tls_crypto_cipher(c, o->suite->cipher);

	if (!cipher)
		return false;
	/* The same cipher again (handshake, then application keys): only the key is new. */
	if (o->ctx && EVP_CIPHER_CTX_get0_cipher(o->ctx) != cipher) {
		EVP_CIPHER_CTX_free(o->ctx);
		o->ctx = NULL;
	}
	if (!o->ctx) {
		o->ctx = EVP_CIPHER_CTX_new();
		if (!o->ctx || EVP_DecryptInit_ex2(o->ctx, cipher, NULL, NULL, NULL) != 1)
			return false;
	}
	if (k->ccm && (EVP_CIPHER_CTX_ctrl(o->ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(o->ctx, EVP_CTRL_AEAD_SET_TAG, k->tag, NULL) != 1))
		return false;
	if (EVP_DecryptInit_ex2(o->ctx, NULL, key, NULL, NULL) != 1)
		return false;
	return k->form != FORM_CBC || EVP_CIPHER_CTX_set_padding(o->ctx, 0) == 1;
}

bool tls_opener_init13(struct tls_opener *o, struct tls_crypto *c, const struct tls_suite *suite,
		       struct slice secret)
{
	uint8_t key[TLS_SECRET_MAX];
	const struct kind *k = &kinds[suite->cipher];

	o->suite = NULL;
	if ((k->form != FORM_EXPLICIT && k->form != FORM_CHACHA) || suite->hash == HASH_NONE ||
	    secret.n != tls_digest_size(suite->hash))
		return false;
	tls_expand_label(c, suite->hash, secret, "key", key, k->key);
	tls_expand_label(c, suite->hash, secret, "iv", o->iv, 12);
	o->suite = suite;
	o->version = TLS13;
	o->seq = 0;
	if (set_key(o, c, key))
		return true;
	o->suite = NULL;
	return false;
}

bool tls_opener_init12(struct tls_opener *o, struct tls_crypto *c, const struct tls_suite *suite,
		       uint16_t version, bool etm, const uint8_t *mac_key, const uint8_t *key,
		       const uint8_t *iv)
{
	struct tls_key_sizes z = tls_key_sizes(suite, version);

	o->suite = NULL;
	if (kinds[suite->cipher].form == FORM_NONE)
		return false;
	memcpy(o->mac_key, mac_key, z.mac);
	memcpy(o->iv, iv, z.iv);
	o->suite = suite;
	o->version = version;
	o->etm = etm;
	o->seq = 0;
	if (set_key(o, c, key))
		return true;
	o->suite = NULL;
	return false;
}

void tls_opener_release(struct tls_opener *o)
{
	EVP_CIPHER_CTX_free(o->ctx);
	OPENSSL_cleanse(o, sizeof *o);
}

/* seq_num + type + version + length: what MACs and the AEADs of TLS 1.2 cover. */
static void header12(const struct tls_opener *o, const struct tls_record *r, size_t n,
		     uint8_t out[13])
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(o->seq >> (56 - 8 * i));
	out[8] = r->type;
	out[9] = (uint8_t)(r->version >> 8);
	out[10] = (uint8_t)r->version;
	out[11] = (uint8_t)(n >> 8);
	out[12] = (uint8_t)n;
}

/* in: ciphertext and tag; the plaintext goes to out. */
static bool aead(struct tls_opener *o, const uint8_t nonce[12], struct slice aad, struct slice in,
		 uint8_t *out)
{
	const struct kind *k = &kinds[o->suite->cipher];
	int n = 0, m, plain = (int)in.n - k->tag;
	uint8_t tag[16];

	memcpy(tag, in.p + plain, k->tag);
	if (k->ccm) {	/* SP 800-38C wants the tag and the length first */
		return EVP_CIPHER_CTX_ctrl(o->ctx, EVP_CTRL_AEAD_SET_TAG, k->tag, tag) == 1 &&
			EVP_DecryptInit_ex2(o->ctx, NULL, NULL, nonce, NULL) == 1 &&
			EVP_DecryptUpdate(o->ctx, NULL, &n, NULL, plain) == 1 &&
			EVP_DecryptUpdate(o->ctx, NULL, &n, aad.p, (int)aad.n) == 1 &&
			EVP_DecryptUpdate(o->ctx, out, &n, in.p, plain) == 1;
	}
	return EVP_DecryptInit_ex2(o->ctx, NULL, NULL, nonce, NULL) == 1 &&
		EVP_CIPHER_CTX_ctrl(o->ctx, EVP_CTRL_AEAD_SET_TAG, k->tag, tag) == 1 &&
		EVP_DecryptUpdate(o->ctx, NULL, &n, aad.p, (int)aad.n) == 1 &&
		(!plain || EVP_DecryptUpdate(o->ctx, out, &n, in.p, plain) == 1) &&
		EVP_DecryptFinal_ex(o->ctx, out + plain, &m) == 1;
}

static void nonce_xor(const struct tls_opener *o, uint8_t nonce[12])
{
	memcpy(nonce, o->iv, 12);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(o->seq >> (56 - 8 * i));
}

/* RFC 8446 section 5.2: the record header is the additional data; padding, then the true type. */
static bool open13(struct tls_opener *o, struct tls_record *r, uint8_t *out)
{
	uint8_t nonce[12];
	uint8_t head[5] = { r->type, (uint8_t)(r->version >> 8), (uint8_t)r->version,
			    (uint8_t)(r->body.n >> 8), (uint8_t)r->body.n };
	size_t n, tag = kinds[o->suite->cipher].tag;

	if (r->body.n < tag + CONTENT_LEAST)
		return false;
	nonce_xor(o, nonce);
	if (!aead(o, nonce, (struct slice){ head, sizeof head }, r->body, out))
		return false;
	n = r->body.n - tag;
	while (n && !out[n - 1])
		n--;
	if (!n)
		return false;	/* no type at all: the sender broke the protocol */
	r->type = out[n - 1];
	r->body = (struct slice){ out, n - 1 };
	return true;
}

/* RFC 5288 section 3: four static bytes, then eight explicit ones before the ciphertext. */
static bool open_explicit(struct tls_opener *o, struct tls_record *r, uint8_t *out)
{
	uint8_t nonce[12], head[13];
	size_t tag = kinds[o->suite->cipher].tag;

	if (r->body.n < 8 + tag)
		return false;
	memcpy(nonce, o->iv, 4);
	memcpy(nonce + 4, r->body.p, 8);
	header12(o, r, r->body.n - 8 - tag, head);
	if (!aead(o, nonce, (struct slice){ head, sizeof head }, slice_from(r->body, 8), out))
		return false;
	r->body = (struct slice){ out, r->body.n - 8 - tag };
	return true;
}

/* RFC 7905. */
static bool open_chacha(struct tls_opener *o, struct tls_record *r, uint8_t *out)
{
	uint8_t nonce[12], head[13];

	if (r->body.n < 16)
		return false;
	nonce_xor(o, nonce);
	header12(o, r, r->body.n - 16, head);
	if (!aead(o, nonce, (struct slice){ head, sizeof head }, r->body, out))
		return false;
	r->body = (struct slice){ out, r->body.n - 16 };
	return true;
}

static bool mac_holds(struct tls_opener *o, struct tls_crypto *c, const struct tls_record *r,
		      struct slice covered, const uint8_t *mac)
{
	uint8_t head[13], want[TLS_SECRET_MAX];
	size_t n = tls_digest_size(o->suite->mac);
	struct slice parts[] = { { head, sizeof head }, covered };

	header12(o, r, covered.n, head);
	tls_hmac(c, o->suite->mac, (struct slice){ o->mac_key, n }, parts, 2, want);
	return memcmp(want, mac, n) == 0;
}

/* Strip the padding: content (and its MAC where that is inside). False: not padding. */
static bool unpad(const uint8_t *p, size_t *n)
{
	size_t pad = p[*n - 1];

	if (pad + 1 > *n)
		return false;
	for (size_t i = 0; i < pad; i++)
		if (p[*n - 2 - i] != pad)
			return false;
	*n -= pad + 1;
	return true;
}

/* RFC 5246 section 6.2.3.2, and RFC 7366 where the extension was agreed. */
static bool open_cbc(struct tls_opener *o, struct tls_crypto *c, struct tls_record *r, uint8_t *out)
{
	size_t block = kinds[o->suite->cipher].block, mac = tls_digest_size(o->suite->mac);
	size_t explicit_iv = o->version > TLS10 ? block : 0;
	struct slice in = r->body;
	uint8_t iv[16];
	int got = 0;

	if (o->etm) {
		if (in.n < mac || !mac_holds(o, c, r, (struct slice){ in.p, in.n - mac },
					     in.p + in.n - mac))
			return false;
		in.n -= mac;
	}
	if (in.n < explicit_iv + block || in.n % block)
		return false;
	memcpy(iv, explicit_iv ? in.p : o->iv, block);
	struct slice text = slice_from(in, explicit_iv);
	if (EVP_DecryptInit_ex2(o->ctx, NULL, NULL, iv, NULL) != 1 ||
	    EVP_DecryptUpdate(o->ctx, out, &got, text.p, (int)text.n) != 1)
		return false;
	size_t n = text.n;
	if (!unpad(out, &n))
		return false;
	if (!o->etm) {
		if (n < mac || !mac_holds(o, c, r, (struct slice){ out, n - mac }, out + n - mac))
			return false;
		n -= mac;
	}
	memcpy(o->iv, in.p + in.n - block, block);
	r->body = (struct slice){ out, n };
	return true;
}

bool tls_open(struct tls_opener *o, struct tls_crypto *c, struct tls_record *r, uint8_t *out)
{
	bool opened = false;

	if (!o->suite || r->body.n > TLS_SEALED_MAX)
		return false;
	if (o->version == TLS13) {
		opened = open13(o, r, out);
	} else switch ((enum form)kinds[o->suite->cipher].form) {
	case FORM_NONE:
		break;
	case FORM_EXPLICIT:
		opened = open_explicit(o, r, out);
		break;
	case FORM_CHACHA:
		opened = open_chacha(o, r, out);
		break;
	case FORM_CBC:
		opened = open_cbc(o, c, r, out);
		break;
	}
	if (opened)
		o->seq++;
	return opened;
}
