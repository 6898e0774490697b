/*
 * ja: the text that is hashed is never stored; it flows through a small buffer
 * into the digest, so a hello of 64 kB costs no memory.  JA4 sorts, which a
 * hello of thousands of suites must not make quadratic: qsort above SMALL.
 */
#include "capture/ja.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { SMALL = 64, JA4_HASH = 12 };

struct text {
	struct tls_crypto *c;
	enum tls_hash hash;
	size_t n;
	bool any;		/* something was written since the list began */
	uint8_t p[256];
};

static void flush(struct text *t)
{
	tls_digest_add(t->c, t->hash, (struct slice){ t->p, t->n });
	t->n = 0;
}

static void put(struct text *t, uint8_t c)
{
	if (t->n == sizeof t->p)
		flush(t);
	t->p[t->n++] = c;
}

static void decimal(struct text *t, uint32_t v)
{
	uint8_t digits[10];
	size_t n = 0;

	do
		digits[n++] = (uint8_t)('0' + v % 10);
	while (v /= 10);
	while (n)
		put(t, digits[--n]);
}

/* JA3 joins values with '-'. */
static void value3(struct text *t, uint32_t v)
{
	if (t->any)
		put(t, '-');
	t->any = true;
	decimal(t, v);
}

static void next_list(struct text *t)
{
	put(t, ',');
	t->any = false;
}

static void list3(struct text *t, struct slice list, size_t width)
{
	struct cursor c = cur_of(list);

	next_list(t);
	while (cur_left(&c) >= width) {
		uint32_t v = cur_be(&c, width);
		if (width == 1 || !tls_is_grease(v))
			value3(t, v);
	}
}

static void extensions3(struct text *t, struct slice list)
{
	struct cursor c = cur_of(list);

	next_list(t);
	while (cur_left(&c)) {
		uint32_t type = cur_be(&c, 2);
		cur_block(&c, 2);
		if (!tls_is_grease(type))
			value3(t, type);
	}
}

static void hex(const uint8_t *digest, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++)
		out[i] = digits[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
	out[n] = '\0';
}

static void md5_end(struct text *t, char out[33])
{
	uint8_t digest[16];

	flush(t);
	tls_digest_end(t->c, HASH_MD5, digest);
	hex(digest, 32, out);
}

static bool md5_begin(struct text *t, struct tls_crypto *c)
{
	t->c = c;
	t->hash = HASH_MD5;
	t->n = 0;
	t->any = false;
	if (!c->md[HASH_MD5])
		return false;
	tls_digest_begin(c, HASH_MD5);
	return true;
}

void ja3(struct tls_crypto *c, const struct tls_client_hello *h, char out[33])
{
	struct text t;

	out[0] = '\0';
	if (h->sslv2 || !md5_begin(&t, c))
		return;
	decimal(&t, h->version);
	list3(&t, h->ciphers, 2);
	extensions3(&t, h->extensions);
	list3(&t, h->groups, 2);
	list3(&t, h->formats, 1);
	md5_end(&t, out);
}

void ja3s(struct tls_crypto *c, const struct tls_server_hello *h, char out[33])
{
	struct text t;

	out[0] = '\0';
	if (!md5_begin(&t, c))
		return;
	decimal(&t, h->legacy_version);
	put(&t, ',');
	decimal(&t, h->cipher);
	extensions3(&t, h->extensions);
	md5_end(&t, out);
}

static int ascending(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static void sort(uint16_t *v, size_t n)
{
	if (n > SMALL) {
		qsort(v, n, sizeof *v, ascending);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		uint16_t x = v[i];
		size_t k = i;
		for (; k && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

static void hex16(struct text *t, uint16_t v)
{
	static const char digits[] = "0123456789abcdef";

	if (t->any)
		put(t, ',');
	t->any = true;
	for (int shift = 12; shift >= 0; shift -= 4)
		put(t, (uint8_t)digits[v >> shift & 15]);
}

/*
 * Sort, hash, and write the first twelve digits.  No values: zeros.  The tail (signature algorithms)
 * keeps its order; GREASE is left out of it, too: Chromium draws one for each hello since 152.
 */
static void hash4(struct tls_crypto *c, uint16_t *v, size_t n, struct slice tail, char *out)
{
	struct text t = { .c = c, .hash = HASH_SHA256 };
	struct cursor more = cur_of(tail);
	uint8_t digest[32];

	if (!n) {
		memcpy(out, "000000000000", JA4_HASH);
		return;
	}
	sort(v, n);
	tls_digest_begin(c, HASH_SHA256);
	for (size_t i = 0; i < n; i++)
		hex16(&t, v[i]);
	t.any = false;
	while (cur_left(&more) >= 2) {
		uint16_t x = (uint16_t)cur_be(&more, 2);
		if (tls_is_grease(x))
			continue;
		if (!t.any)
			put(&t, '_');
		hex16(&t, x);
	}
	flush(&t);
	tls_digest_end(c, HASH_SHA256, digest);
	char digits[65];
	hex(digest, 64, digits);
	memcpy(out, digits, JA4_HASH);
}

static const char *version4(const struct tls_client_hello *h)
{
	static const struct {
		uint16_t version;
		const char *text;
	} names[] = {
		{ 0x0304, "13" }, { 0x0303, "12" }, { 0x0302, "11" }, { 0x0301, "10" },
		{ 0x0300, "s3" }, { 0x0002, "s2" },
	};
	struct cursor c = cur_of(h->versions);
	uint16_t best = 0;

	while (cur_left(&c)) {
		uint16_t v = (uint16_t)cur_be(&c, 2);
		if (!tls_is_grease(v) && v > best)
			best = v;
	}
	if (!h->versions.n)
		best = h->version;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].version == best)
			return names[i].text;
	return "00";
}

static bool alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* First and last character of the first protocol; of its hex form where one is not plain. */
static void alpn4(const struct tls_client_hello *h, char out[2])
{
	static const char digits[] = "0123456789abcdef";
	struct cursor c = cur_of(h->alpn);
	struct cursor name = cur_block(&c, 1);
	size_t n = cur_left(&name);

	out[0] = out[1] = '0';
	if (!n)
		return;
	uint8_t first = name.at[0], last = name.at[n - 1];
	bool plain = alphanumeric(first) && alphanumeric(last);
	out[0] = plain ? (char)first : digits[first >> 4];
	out[1] = plain ? (char)last : digits[last & 15];
}

static void two_digits(char *out, size_t n)
{
	n = n > 99 ? 99 : n;
	out[0] = (char)('0' + n / 10);
	out[1] = (char)('0' + n % 10);
}

/* Values of a list without GREASE. */
static size_t ciphers4(const struct tls_client_hello *h, uint16_t *v)
{
	struct cursor c = cur_of(h->ciphers);
	size_t n = 0;

	while (cur_left(&c) >= 2) {
		uint16_t x = (uint16_t)cur_be(&c, 2);
		if (!tls_is_grease(x))
			v[n++] = x;
	}
	return n;
}

/* Extensions without GREASE; *count counts also SNI and ALPN, which the hash leaves out. */
static size_t extensions4(const struct tls_client_hello *h, uint16_t *v, size_t *count)
{
	struct cursor c = cur_of(h->extensions);
	size_t n = 0;

	*count = 0;
	while (cur_left(&c)) {
		uint16_t x = (uint16_t)cur_be(&c, 2);
		cur_block(&c, 2);
		if (tls_is_grease(x))
			continue;
		++*count;
		if (x != EXT_SERVER_NAME && x != EXT_ALPN)
			v[n++] = x;
	}
	return n;
}

void ja4(struct tls_crypto *c, const struct tls_client_hello *h, char out[37])
{
	uint16_t few[SMALL], *v = few;
	size_t most = h->ciphers.n / 2 > h->extensions.n / 4 + 1 ?
		h->ciphers.n / 2 : h->extensions.n / 4 + 1;
	size_t count;

	out[0] = '\0';
	if (h->sslv2)
		return;
	if (most > SMALL && !(v = malloc(most * sizeof *v)))
		abort();
	memcpy(out, "tvvsccxxaa_------------_", 24);
	memcpy(out + 1, version4(h), 2);
	out[3] = h->has_server_name ? 'd' : 'i';
	size_t n = ciphers4(h, v);
	two_digits(out + 4, n);
	hash4(c, v, n, (struct slice){ NULL, 0 }, out + 11);
	n = extensions4(h, v, &count);
	two_digits(out + 6, count);
	alpn4(h, out + 8);
	hash4(c, v, n, h->signatures, out + 24);
	out[36] = '\0';
	if (v != few)
		free(v);
}

/* What a fingerprint is made of, packed; past its size the fingerprint is made each time. */
struct traits {
	size_t n;
	bool full;
	uint8_t p[1024];
};

static void trait(struct traits *t, struct slice s)
{
	if (t->full || s.n + 2 > sizeof t->p - t->n) {
		t->full = true;
		return;
	}
	t->p[t->n++] = (uint8_t)(s.n >> 8);
	t->p[t->n++] = (uint8_t)s.n;
	if (s.n)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

static void trait16(struct traits *t, uint16_t v)
{
	trait(t, (struct slice){ (const uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2 });
}

static void trait_extensions(struct traits *t, struct slice list)
{
	struct cursor c = cur_of(list);

	while (cur_left(&c) && !t->full) {
		trait16(t, (uint16_t)cur_be(&c, 2));
		cur_block(&c, 2);
	}
}

/* Never 0, which marks an empty slot. */
static uint64_t key_of(const struct traits *t)
{
	return t->full ? 0 : hash_bytes((struct slice){ t->p, t->n }) | 1;
}

void ja_client(struct ja_cache *cache, struct tls_crypto *c, const struct tls_client_hello *h,
	       char out3[33], char out4[37])
{
	struct traits t;

	t.n = 0;
	t.full = false;
	struct cursor alpn = cur_of(h->alpn);
	struct cursor first = cur_block(&alpn, 1);

	trait16(&t, h->version);
	trait16(&t, h->sslv2);
	trait(&t, h->ciphers);
	trait(&t, h->groups);
	trait(&t, h->formats);
	trait(&t, h->signatures);
	trait(&t, h->versions);
	trait(&t, cur_rest(&first));
	trait_extensions(&t, h->extensions);
	uint64_t key = key_of(&t);
	size_t slot = key / 2 % JA_CACHE;
	if (!key || cache->client[slot].key != key) {
		ja3(c, h, out3);
		ja4(c, h, out4);
		cache->client[slot].key = key;
		memcpy(cache->client[slot].ja3, out3, 33);
		memcpy(cache->client[slot].ja4, out4, 37);
		return;
	}
	memcpy(out3, cache->client[slot].ja3, 33);
	memcpy(out4, cache->client[slot].ja4, 37);
}

void ja_server(struct ja_cache *cache, struct tls_crypto *c, const struct tls_server_hello *h,
	       char out[33])
{
	struct traits t;

	t.n = 0;
	t.full = false;
	trait16(&t, h->legacy_version);
	trait16(&t, h->cipher);
	trait_extensions(&t, h->extensions);
	uint64_t key = key_of(&t);
	size_t slot = key / 2 % JA_CACHE;
	if (!key || cache->server[slot].key != key) {
		ja3s(c, h, out);
		cache->server[slot].key = key;
		memcpy(cache->server[slot].ja3s, out, 33);
		return;
	}
	memcpy(out, cache->server[slot].ja3s, 33);
}
