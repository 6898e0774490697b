/*
 * ja - fingerprints of hellos: JA3, JA3S (salesforce/ja3) and JA4 (FoxIO, the client method only).
 *
 * Each writes a terminated string; "" where it has none to give.
 */
#ifndef CAPTURE_JA_H
#define CAPTURE_JA_H

#include "capture/tls_crypto.h"
#include "capture/tls_hello.h"

void ja3(struct tls_crypto *c, const struct tls_client_hello *h, char out[33]);
void ja3s(struct tls_crypto *c, const struct tls_server_hello *h, char out[33]);
void ja4(struct tls_crypto *c, const struct tls_client_hello *h, char out[37]);

/*
 * The same for clients and servers of a kind seen before: found by a keyed hash of all that the
 * fingerprints are made of, in a table of fixed size.
 */
enum { JA_CACHE = 512 };
struct ja_cache {
	struct {
		uint64_t key;
		char ja3[33], ja4[37];
	} client[JA_CACHE];
	struct {
		uint64_t key;
		char ja3s[33];
	} server[JA_CACHE];
};

void ja_client(struct ja_cache *cache, struct tls_crypto *c, const struct tls_client_hello *h,
	       char out3[33], char out4[37]);
void ja_server(struct ja_cache *cache, struct tls_crypto *c, const struct tls_server_hello *h,
	       char out[33]);

#endif
