/*
 * tls_layer - the TLS layer's own struct; private to capture/tls_*.c.
 *
 * tls.c             records out of the stream, the layer's operations
 * tls_handshake.c   messages out of records
 * tls_facts.c       facts and resumption out of messages
 * tls_sealed.c      which key opens which record
 * tls_early.c       early data, until the server takes it
 * tls_wait.c        records that came before their keys
 *
 * A direction goes CLEAR -> SEALED (ChangeCipherSpec, or TLS 1.3's first
 * protected record), and LOST from either: framing broken, bytes missing.
 */
#ifndef CAPTURE_TLS_LAYER_H
#define CAPTURE_TLS_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/cert.h"
#include "capture/ja.h"
#include "capture/layer.h"
#include "capture/session.h"
#include "capture/tls_crypto.h"
#include "capture/tls_hello.h"
#include "capture/tls_keylog.h"
#include "capture/tls_memory.h"
#include "capture/tls_open.h"
#include "capture/tls_shared.h"

enum content { CONTENT_CCS = 20, CONTENT_ALERT, CONTENT_HANDSHAKE, CONTENT_DATA, CONTENT_HEARTBEAT };

enum tls_message {
	CLIENT_HELLO = 1, SERVER_HELLO = 2, NEW_TICKET = 4, END_OF_EARLY_DATA = 5,
	RETRY_REQUEST = 6, ENCRYPTED_EXTENSIONS = 8, CERTIFICATE = 11, SERVER_KEY = 12,
	CERTIFICATE_REQUEST = 13, HELLO_DONE = 14, CLIENT_KEY = 16, FINISHED = 20,
	KEY_UPDATE = 24, COMPRESSED_CERTIFICATE = 25,
};

enum { TLS_V13 = 0x0304, MESSAGE_MAX = 128 * 1024, SEEK_MAX = 64 };

enum tls_keys_state {
	KEYS_UNKNOWN,		/* no ServerHello yet: nobody looked */
	KEYS_AWAITED,		/* not in the log, which may still grow */
	KEYS_HAVE,
	KEYS_NEVER,		/* ciphertext is passed over, not copied */
};

enum tls_epoch { EPOCH_EARLY, EPOCH_HANDSHAKE, EPOCH_TRAFFIC, EPOCHS };

enum tls_body { BODY_SKIP, BODY_CLEAR, BODY_WHOLE, BODY_SSLV2 };

/* A buffer outside the arena, counted in s->outside. */
struct tls_buf {
	uint8_t *p;
	uint32_t n, size;
};

struct tls_dir {
	bool lost, ccs, finished, ended, started;
	uint8_t n_head, head[5];
	uint8_t body;			/* enum tls_body of the record at hand */
	uint32_t left;			/* bytes of it to come */
	struct tls_buf record;		/* what came of it, where it must be whole */
	uint32_t sealed;		/* protected records seen */
	uint32_t skipped;		/* of those, not kept while waiting for keys */
	bool lossy;			/* records are missing in this direction */
	bool hunting;			/* framing was lost to a gap: looking for a record's header */
	uint8_t hunts;			/* headers that were none */
	uint16_t seek;			/* records that the gap may have swallowed */
	/* handshake reassembly */
	uint8_t n_hs_head, hs_head[4];
	bool hs_skip, hs_sealed;
	bool hs_lost;			/* a record is missing: where messages begin is not known */
	uint32_t hs_left;
	struct tls_buf hs;
};

/* Made when the first key is found. */
struct tls_crypt {
	struct tls_opener open[2];
	uint8_t epoch[2];		/* of the key in open[d] (TLS 1.3) */
	uint8_t expect[2];		/* what the handshake says is in force */
	uint8_t failures[2], trials[2];
	uint8_t secret[2][TLS_SECRET_MAX];
	uint8_t n_secret[2];
	struct tls_buf early;		/* early data, until the server accepted it */
};

struct tls_waiting;

struct tls_layer {
	struct layer l;
	struct tls_shared *sh;
	struct tls_facts *f;
	struct tls_dir dir[2];
	struct tls_crypt *x;		/* NULL: no keys */
	struct tls_waiting *wait;	/* NULL: no record waits */
	bool reversed;			/* the TCP server is the TLS client */
	bool retry_pending;		/* HelloRetryRequest seen, second ClientHello not */
	bool v13;			/* TLS 1.3, by ServerHello or HelloRetryRequest */
	bool early_offered, early_settled, early_accepted, etm, draft, renegotiating;
	bool seen_hello_done, seen_cert[2];
	bool told[2];			/* evidence counted once: mismatch, partial */
	uint8_t keys;			/* enum tls_keys_state */
	uint32_t after_client;		/* TLS 1.3: the server's records after the client's Finished, no alerts */
	uint16_t psk_chosen;		/* by the server, of those in psk */
	uint16_t cipher;		/* of the last ServerHello */
	uint8_t server_random[32];
	uint64_t ech;			/* hash of the first hello's extension */
	struct slice client_random, psk;	/* of the last ClientHello, in the arena */
	struct slice ticket;		/* the same, where it was not known then */
	struct slice session_id;	/* the client's, then the server's; in the arena */
	struct tls_origin offered;	/* found under its ticket or session id; own references */
	struct tls_origin origin;	/* of the session that this one resumes; own references */
	struct cert_chain *chain[2];	/* [client, server] of this handshake */
};

struct tls_shared {
	struct evidence *ev;
	struct tls_crypto crypto;
	struct tls_keys *keys;
	struct tls_memory *memory;
	struct certs *certs;
	struct tls_ech_memory ech;
	struct ja_cache ja;
	void (*certificate)(void *ctx, const struct certificate *c);
	void *certificate_ctx;
	bool growing;
	size_t room, held;		/* of waiting records */
	uint64_t copied, tried;		/* work done: bytes put together, records tried with a key */
	struct tls_waiting *first, *last;	/* oldest first */
	uint64_t released, seen_released;	/* of them so far; at the last poll */
	uint64_t generation;		/* of keys, when waiting sessions were last tried */
};

/* 0: the TLS client's bytes, 1: the TLS server's. */
static inline unsigned tls_role(const struct tls_layer *t, enum dir d)
{
	return (unsigned)d ^ t->reversed;
}

static inline void tls_count(struct tls_layer *t, enum evidence_reason r)
{
	evidence_add(t->sh->ev, r, 1);
}

/* tls.c */
bool tls_buf_add(struct tls_layer *t, struct tls_buf *b, struct slice s, size_t max);
void tls_buf_drop(struct tls_layer *t, struct tls_buf *b);
void tls_malformed(struct tls_layer *t, enum dir d);	/* the direction is lost */
void tls_give_up(struct tls_layer *t, enum dir d);	/* lost, without blame */
void tls_app_data(struct tls_layer *t, enum dir d, struct slice plain, int64_t ts);
void tls_app_gap(struct tls_layer *t, enum dir d, int64_t ts);
void tls_app_end(struct tls_layer *t, enum dir d, enum end_why why, int64_t ts);
void tls_alert(struct tls_layer *t, enum dir d, struct slice body, int64_t ts);
void tls_established(struct tls_layer *t);
void tls_deaf(struct tls_layer *t);	/* where nobody needs a byte more */

/* tls_handshake.c: bytes of handshake records; `sealed`: they were opened with keys */
void tls_handshake(struct tls_layer *t, enum dir d, struct slice bytes, bool sealed, int64_t ts);
void tls_ccs(struct tls_layer *t, enum dir d, int64_t ts);

/* tls_facts.c */
void tls_facts_client_hello(struct tls_layer *t, struct slice body, bool sslv2);
void tls_facts_server_hello(struct tls_layer *t, struct slice body, bool draft_retry, int64_t ts);
void tls_facts_certificate(struct tls_layer *t, unsigned role, struct slice body, int64_t ts);
void tls_facts_compressed(struct tls_layer *t, unsigned role, struct slice body, int64_t ts);
void tls_facts_no_certificate(struct tls_layer *t);	/* the client's turn passed without one */
void tls_facts_finished13(struct tls_layer *t, int64_t ts);	/* the client's */
void tls_facts_encrypted(struct tls_layer *t, struct slice body);	/* EncryptedExtensions */
void tls_facts_remember(struct tls_layer *t, enum tls_token kind, struct slice token);
void tls_facts_resumed(struct tls_layer *t, int64_t ts);
void tls_facts_ask_again(struct tls_layer *t, int64_t ts);	/* whose session it resumes */
void tls_facts_release(struct tls_layer *t);

/* tls_sealed.c */
void tls_sealed_look(struct tls_layer *t);		/* for keys; sets t->keys */
void tls_sealed(struct tls_layer *t, enum dir d, struct tls_record r, int64_t ts);
void tls_sealed_now(struct tls_layer *t, enum dir d, struct tls_record r, int64_t ts);
bool tls_sealed_ready(struct tls_layer *t, enum dir d);	/* false: secrets may still come */
void tls_sealed_note(struct tls_layer *t, enum dir d, uint8_t type, size_t n);	/* without keys */
void tls_sealed_epoch(struct tls_layer *t, enum dir d, enum tls_epoch e);
void tls_sealed_update(struct tls_layer *t, enum dir d);	/* KeyUpdate */
void tls_sealed_rekey(struct tls_layer *t, enum dir d);	/* TLS 1.2: new keys from here on */
bool tls_sealed_can_seek(const struct tls_layer *t, enum dir d);
void tls_sealed_missed(struct tls_layer *t, enum dir d, uint32_t n);	/* records that were not seen */
void tls_handshake_lost(struct tls_layer *t, enum dir d);
void tls_crypt_release(struct tls_layer *t);

/* tls_early.c */
void tls_early_add(struct tls_layer *t, enum dir d, struct slice plain, int64_t ts);
void tls_early_settle(struct tls_layer *t, bool accepted, int64_t ts);

/* tls_wait.c */
void tls_wait_record(struct tls_layer *t, enum dir d, const struct tls_record *r, int64_t ts);
void tls_wait_gap(struct tls_layer *t, enum dir d, int64_t ts);
void tls_wait_end(struct tls_layer *t, enum dir d, enum end_why why, int64_t ts);
void tls_wait_try(struct tls_layer *t, int64_t ts);	/* open what waits, where that is possible now */
void tls_wait_forget(struct tls_layer *t, int64_t ts);	/* in vain */
bool tls_wait_over(const struct tls_waiting *w, int64_t ts);	/* it has waited long enough */
struct tls_layer *tls_wait_layer(const struct tls_waiting *w);
struct tls_waiting *tls_wait_next(const struct tls_waiting *w);
void tls_wait_release(struct tls_layer *t);

#endif
