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

#endif
