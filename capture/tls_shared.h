/*
 * tls_shared - what the TLS layers of one run have in common.
 *
 * The key log store, the memory of tickets and session ids, the cache of
 * certificate chains with the trust roots, the list of sessions that wait for
 * keys, and OpenSSL's fetched algorithms with their scratch memory.  One a
 * run, for one thread.
 */
#ifndef CAPTURE_TLS_SHARED_H
#define CAPTURE_TLS_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"
#include "common/err.h"
#include "schema/certificate.h"
#include "schema/evidence.h"

struct tls_shared;

struct tls_options {
	const char *const *keylogs;	/* NSS key log files; need not exist yet where `growing` */
	size_t n_keylogs;
	bool growing;			/* lines may come after the packets they open: live, or a pipe */
	const char *trust;		/* PEM file of roots, NULL: chains are not verified */
	/* A certificate was seen: the first time, and again when an hour has passed.  May be NULL. */
	void (*certificate)(void *ctx, const struct certificate *c);
	void *certificate_ctx;
	size_t room;			/* bytes held for records that wait for keys; 0: 64 MiB */
};

/* NULL: *e says which file is the cause.  `ev` is kept. */
struct tls_shared *tls_shared_new(const struct tls_options *o, struct evidence *ev, struct err *e);
void tls_shared_free(struct tls_shared **t);	/* after the sessions; NULL-safe */

/* Key log text from elsewhere (a pcapng decryption secrets block); whole lines. */
void tls_shared_add_keys(struct tls_shared *t, struct slice text);

/*
 * Read what key logs have grown by, open records of sessions whose keys came, and give up on those
 * that waited too long at capture time `ts`.  True: some s->waiting fell.  Makes flows (env->emit).
 * Call it a few times a second of capture time while `growing`, and after tls_shared_add_keys.
 */
bool tls_shared_poll(struct tls_shared *t, int64_t ts);

/* The source has ended: nothing more will come.  As poll, then nobody waits any longer. */
void tls_shared_drain(struct tls_shared *t, int64_t ts);

#endif
