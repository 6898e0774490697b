/*
 * log_mask - a line as it may be shown: what could be a secret is taken out.
 *
 * Query strings, and what follows a name that announces a secret (authorization, cookie, token, password ...) or
 * an authentication scheme.  It shows that there was one, not what it held.
 */
#ifndef CAPTURE_LOG_MASK_H
#define CAPTURE_LOG_MASK_H

#include <stdint.h>

#include "common/cursor.h"

/* Into to[0..most); the number of bytes. */
size_t log_mask(struct slice line, uint8_t *to, size_t most);

#endif
