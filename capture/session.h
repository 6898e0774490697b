/*
 * session - what is known of one TCP connection, and the place its layers put facts.
 *
 * A session is small until a layer finds something: facts are allocated in
 * the session's arena when first needed.  emit.c makes flows from it: one for
 * each HTTP exchange, or one for the connection where no HTTP was seen.
 */
#ifndef CAPTURE_SESSION_H
#define CAPTURE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/community_id.h"
#include "capture/layer.h"
#include "common/arena.h"
#include "common/ip.h"
#include "schema/evidence.h"
#include "schema/flow.h"

struct tls_shared;	/* tls_shared.h: keys, resumption memory, certificates, crypto of a run */

/* A list of byte strings in the session's arena (ALPN offers, URI SANs). */
struct strings {
	struct slice *item;
	uint16_t n;
};

struct cert_facts {
	struct slice sha256;		/* 32 raw bytes */
	struct slice der;
	struct slice subject, issuer;	/* RFC 4514-like text */
	struct slice serial;		/* hex */
	int64_t not_before, not_after;	/* ns */
	struct strings uri, dns;	/* SAN */
	uint8_t n_spiffe;		/* how many of uri begin with spiffe:// */
	bool spiffe_bad;		/* one of them breaks the SPIFFE-ID rules */
	bool parsed;			/* X.509 could be read */
};

/* One TLS handshake.  What was not seen keeps `false`/0/empty; the *_known flags say more. */
struct tls_facts {
	bool client_hello, server_hello;
	struct slice client_random;	/* 32 bytes */
	struct slice sni;		/* as sent; lower-cased by emit */
	bool sni_present, sni_repeated, sni_invalid;
	struct strings alpn_offered;
	uint16_t version;		/* wire value negotiated (0x0303); 0: unknown */
	uint16_t cipher;
	struct slice alpn;		/* selected */
	bool alpn_known;		/* EncryptedExtensions or ServerHello was readable */
	uint8_t ech;			/* enum flow_enum_value ECH_*, 0: none */
	char ja3[33], ja3s[33], ja4[37];	/* "" : not computed */
	bool established;		/* Finished seen both ways, or application data after it */
	bool failed;			/* fatal alert before that */
	bool resumed, early_data;
	bool certificate_request;
	bool client_certs_known;	/* the client's Certificate message was readable (n may be 0) */
	bool decrypted;			/* records were opened with keys */
	bool key_mismatch;		/* keys were there and failed authentication */
	/* Leaf first; of the others only der is sure.  Shared, alive while the session's layers are. */
	const struct cert_facts *client_chain, *server_chain;
	uint8_t n_client, n_server;
	uint8_t client_status;		/* enum flow_enum_value CERT_* of the client chain, 0: not known */
	/*
	 * Identity by resumption: the client chain of the session that made the ticket, session id or
	 * PSK.  resumed_known and n_resumed == 0: that session had no client certificate.
	 * Not resumed_known: that session was not seen, so the identity is unknown.
	 */
	bool resumed_known;
	const struct cert_facts *resumed_from;
	uint8_t n_resumed;
	bool malformed;
	bool sslv2_hello;		/* the ClientHello came in SSL 2.0's form */
	bool retry;			/* HelloRetryRequest */
	uint8_t handshakes;		/* ClientHellos answered: above 1, renegotiated */
	uint8_t alert;			/* last alert description + 1, 0: none */
};

struct http_exchange {
	uint8_t version;		/* 9, 10, 11, 20 */
	struct slice method, target, authority, scheme, user_agent, request_id, content_type;
	struct slice headers;		/* JSON object, lower-case names; only wanted ones */
	struct slice xff;
	uint16_t status;		/* 0: no response seen */
	struct slice grpc_status;
	int64_t started, ended;
	uint64_t sent, received;	/* body bytes */
	bool several_hosts, ambiguous_length, bad_chunk, odd_header;	/* findings */
	bool authorization, cookie;	/* such headers were there */
	bool headers_unknown;		/* HTTP/2 joined mid-stream: HPACK state is lost */
	bool head_partial;		/* the request's head was not seen to its end */
	bool upgraded;			/* CONNECT or upgrade was accepted */
};

/* What all sessions of a run share. */
struct session_env {
	struct evidence *ev;
	struct tls_shared *tls;		/* never NULL where a TLS layer is made */
	bool (*want_header)(void *ctx, struct slice lower_name);	/* NULL: none are kept */
	void *want_ctx;
	/*
	 * Makes a flow of this exchange and what is known of the session (emit.c in the program, a
	 * recorder in tests).  `l` is the HTTP layer: l->tls says which TLS facts apply.  HTTP layers
	 * call it once an exchange, when the response is complete or can no longer come; a CONNECT or
	 * upgrade that was accepted when the tunnel ends.  x is borrowed.
	 */
	void (*emit)(struct session *s, const struct layer *l, const struct http_exchange *x);
	void *emit_ctx;
	uint64_t work;			/* for tests: steps of searches above TCP */
};

struct session {
	struct session_env *env;
	struct ip ip[2];		/* [FROM_CLIENT] = client's */
	uint16_t port[2];
	struct arena *arena;		/* made on first use: session_arena() */
	size_t outside;			/* bytes that layers hold outside the arena: they keep it true */
	bool waiting;			/* a layer holds bytes whose keys may still come: keep the session
					   after its end until this falls (tls_shared_poll sees to it) */
	struct layer *bottom;
	int64_t first_ts, last_ts;
	uint64_t bytes[2], packets[2];	/* payload as sent by that side */
	uint64_t id;			/* number of the connection in this run */
	char community_id[COMMUNITY_ID_LEN];	/* filled by emit when needed; "" before */
	struct tls_facts *tls[2];	/* [0] outermost TLS, [1] TLS inside it; deeper: counted only */
	struct ip proxied;		/* source by PROXY protocol */
	bool proxied_known;
	bool client_guessed;		/* no SYN was seen */
	bool plaintext_seen;		/* first client bytes are not TLS */
	bool overlap_conflict;
	bool contested;			/* ... in the client's first flight: its hello is in doubt */
	bool syn, synack, gap[2], cut;	/* cut: payload lost to snaplen */
	uint32_t exchanges;		/* HTTP flows emitted */
	uint8_t tls_told;		/* TLS layers whose facts some emitted flow carries */
};

enum { SESSION_ARENA = 512 * 1024 };	/* limit of one session's facts and buffers */

struct arena *session_arena(struct session *s);
struct tls_facts *session_tls(struct session *s, unsigned nth);	/* made on first use; NULL: too deep or full */

#endif
