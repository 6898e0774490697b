/* fuzz_cert: a certificate list in the form of 1.2 or 1.3 (first byte), judged against a root. */
#include <stdlib.h>

#include "capture/cert.h"
#include "common/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct certs *with_root(struct tls_crypto *crypto, struct evidence *ev)
{
	char path[512];
	struct err e;
	const char *dir = getenv("srcdir");

	snprintf(path, sizeof path, "%s/tests/tls/ca.pem", dir ? dir : ".");
	struct certs *c = certs_new(path, crypto, ev, &e);
	return c ? c : certs_new(NULL, crypto, ev, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct tls_crypto crypto;
	struct evidence ev = { 0 };

	if (!n)
		return 0;
	if (!crypto.ctx[HASH_MD5])
		tls_crypto_init(&crypto);
	struct certs *c = with_root(&crypto, &ev);
	struct cert_chain *chain = cert_chain_get(c, (struct slice){ p + 1, n - 1 }, *p & 1);
	if (chain) {
		cert_chain_status(c, chain, clock_days(2030, 1, 1) * 86400 * NS_PER_S);
		struct cert_chain *again =
			cert_chain_get(c, (struct slice){ p + 1, n - 1 }, *p & 1);
		if (again != chain)
			abort();
		cert_chain_drop(&again);
		cert_chain_drop(&chain);
	}
	certs_free(&c);
	return 0;
}
