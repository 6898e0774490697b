/*
 * log_cipher - a cipher suite as Envoy names it, by its IANA name: as the wire and the policies have it.
 */
#ifndef CAPTURE_LOG_CIPHER_H
#define CAPTURE_LOG_CIPHER_H

#include "common/cursor.h"

/* A name that is not known stays. */
struct slice log_cipher_name(struct slice name);

#endif
