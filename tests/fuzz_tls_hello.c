/* fuzz_tls_hello: the first byte chooses the message; what parses is fingerprinted too. */
#include <stdlib.h>
#include <string.h>

#include "capture/ja.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void client(struct tls_crypto *c, const struct tls_client_hello *h)
{
	static struct ja_cache cache;
	char text3[33] = "", text4[37] = "", again3[33], again4[37];

	ja3(c, h, text3);
	ja4(c, h, text4);
	if (!h->sslv2 && strlen(text4) != 36)
		abort();
	for (int i = 0; i < 2; i++) {	/* made, then found */
		ja_client(&cache, c, h, again3, again4);
		if (strcmp(text3, again3) != 0 || strcmp(text4, again4) != 0)
			abort();
	}
	tls_ech_kind(h, TLS_HELLO_FIRST);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct tls_crypto crypto;
	struct slice body = { p + 1, n - 1 };
	struct tls_client_hello h;
	struct tls_server_hello s;
	char text[37];

	if (!n)
		return 0;
	if (!crypto.ctx[HASH_MD5])
		tls_crypto_init(&crypto);
	if (*p % 4 == 0 && tls_client_hello_parse(&h, body))
		client(&crypto, &h);
	else if (*p % 4 == 1 && tls_sslv2_hello_parse(&h, body))
		client(&crypto, &h);
	else if (*p % 4 == 2 && tls_server_hello_parse(&s, body))
		ja3s(&crypto, &s, text);
	else if (*p % 4 == 3 && tls_retry_parse(&s, body))
		ja3s(&crypto, &s, text);
	return 0;
}
