/*
 * log_private - what of a line may be kept: no query strings (unless asked for), no secrets.
 *
 * The setting is privacy.query.  Samples of lines that were not understood: log_mask.h.
 */
#ifndef CAPTURE_LOG_PRIVATE_H
#define CAPTURE_LOG_PRIVATE_H

#include <stdbool.h>

#include "capture/log.h"
#include "common/arena.h"

/* A path or URL as the setting wants it; borrows it, or the arena. */
struct slice log_private_url(struct slice url, enum log_query query, struct arena *a);

/*
 * A header's value as the setting wants it, and nothing of a credential.  The name (lower case; empty: it has none)
 * or the value itself says that it is an address or a query.
 */
struct slice log_private_value(struct slice name, struct slice value, enum log_query query, struct arena *a);

/* A header whose value is a credential.  Lower case. */
bool log_private_is_secret(struct slice header);

/* A header that is a query without its path. */
bool log_private_is_query(struct slice header);

#endif
