/*
 * tls_keylog - secrets by client random, from key logs in the NSS format.
 *
 * Reads files (again as they grow, from the start when they were replaced) and
 * text handed over.  Bounded: past KEYLOG_MAX sessions the oldest is dropped
 * and counted.  A line that is not understood is counted, never guessed at,
 * and never kept as a sample: it may hold a secret.
 */
#ifndef CAPTURE_TLS_KEYLOG_H
#define CAPTURE_TLS_KEYLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/tls_crypto.h"
#include "common/cursor.h"
#include "common/err.h"
#include "schema/evidence.h"

enum { KEYLOG_MAX = 256 * 1024, TLS_RANDOM = 32 };

enum tls_secret {
	SECRET_MASTER,			/* CLIENT_RANDOM: TLS 1.2 and before */
	SECRET_EARLY,
	SECRET_CLIENT_HANDSHAKE, SECRET_SERVER_HANDSHAKE,
	SECRET_CLIENT_TRAFFIC, SECRET_SERVER_TRAFFIC,
	SECRETS
};

struct tls_secrets {
	uint8_t n[SECRETS];		/* 0: not in the log */
	uint8_t secret[SECRETS][TLS_SECRET_MAX];
};

static inline struct slice tls_secret(const struct tls_secrets *s, enum tls_secret which)
{
	return (struct slice){ s->secret[which], s->n[which] };
}

struct tls_keys;

struct tls_keys *tls_keys_new(struct evidence *ev, size_t max);	/* max sessions; 0: KEYLOG_MAX */
void tls_keys_free(struct tls_keys **k);

/*
 * Follow this file.  -1: it cannot be read (where `growing`, a file that does not exist yet is
 * awaited).  Not growing: it is read now, once, last line included.
 */
int tls_keys_file(struct tls_keys *k, const char *path, bool growing, struct err *e);

void tls_keys_poll(struct tls_keys *k);			/* read what files have grown by */
void tls_keys_text(struct tls_keys *k, struct slice text);	/* whole lines */

/* Borrowed until the next poll or text.  NULL: no line names this client random. */
const struct tls_secrets *tls_keys_find(const struct tls_keys *k, struct slice client_random);

/* Lines understood so far, by label, for i = 0, 1, ...; NULL past the last label. */
const char *tls_keys_label(const struct tls_keys *k, size_t i, uint64_t *lines);

/* Sessions that are known; of these, TLS 1.3 ones that lack one of the four secrets that open them. */
size_t tls_keys_sessions(const struct tls_keys *k, size_t *partial);

bool tls_keys_any(const struct tls_keys *k);		/* some line was understood */
uint64_t tls_keys_generation(const struct tls_keys *k);	/* rises with every secret added */

#endif
