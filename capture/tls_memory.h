/*
 * tls_memory - who made the session that a later handshake resumes.
 *
 * A resumed session carries no certificate.  Its ticket, session id or PSK
 * identity was handed out in an earlier handshake; where that was seen, its
 * chains are found here.  Up to TLS 1.2 it also goes on with that session's
 * master secret, which some libraries write to the key log only once.
 * Bounded: the oldest entry leaves first, counted.
 */
#ifndef CAPTURE_TLS_MEMORY_H
#define CAPTURE_TLS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/cert.h"
#include "capture/tls_keylog.h"
#include "common/cursor.h"
#include "schema/evidence.h"

enum { TLS_MEMORY_MAX = 64 * 1024 };

enum tls_token { TOKEN_SESSION_ID, TOKEN_TICKET };	/* PSK identities of TLS 1.3 are tickets */

struct tls_origin {
	bool client_known;		/* client == NULL then means: it had no certificate */
	bool keyed;			/* random: under which the key log has the master secret */
	uint8_t random[TLS_RANDOM];
	struct cert_chain *client, *server;
};

struct tls_memory;

struct tls_memory *tls_memory_new(struct evidence *ev, size_t max);
void tls_memory_free(struct tls_memory **m);

/* Takes its own references to the chains.  The same token again replaces. */
void tls_memory_put(struct tls_memory *m, enum tls_token kind, struct slice token,
		    const struct tls_origin *origin);

/* Borrowed until the next put.  NULL: not seen, or forgotten. */
const struct tls_origin *tls_memory_get(struct tls_memory *m, enum tls_token kind,
					struct slice token);

#endif
