/*
 * tls_hello - ClientHello and ServerHello messages, taken apart.
 *
 * Pure: bytes in, slices of the same bytes out.  A structure that breaks the
 * outer lengths is refused; an extension that is malformed inside is left out
 * and sets `odd`, since the peer may have accepted what was around it.
 */
#ifndef CAPTURE_TLS_HELLO_H
#define CAPTURE_TLS_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"

enum tls_extension {
	EXT_SERVER_NAME = 0, EXT_GROUPS = 10, EXT_POINT_FORMATS = 11, EXT_SIGNATURES = 13,
	EXT_ALPN = 16, EXT_ENCRYPT_THEN_MAC = 22, EXT_TICKET = 35, EXT_PSK = 41,
	EXT_EARLY_DATA = 42, EXT_VERSIONS = 43, EXT_KEY_SHARE = 51, EXT_ECH = 0xfe0d,
	EXT_ESNI = 0xffce,
};

struct tls_client_hello {
	uint16_t version;		/* legacy_version; 0x0304 and above in early drafts */
	struct slice random;		/* 32 bytes; SSL 2.0: the challenge, as short as it is */
	struct slice session_id;
	struct slice ciphers;		/* 16-bit each; SSL 2.0: 24-bit */
	struct slice extensions;	/* the whole list */
	struct slice sni;		/* first host_name */
	struct slice alpn;		/* ProtocolNameList, checked */
	struct slice versions, groups, formats, signatures;	/* bare lists, checked */
	struct slice ticket;
	struct slice psk;		/* identities list, checked */
	struct slice ech;		/* encrypted_client_hello's body */
	bool sslv2, odd;
	bool has_server_name, sni_present, sni_repeated, sni_invalid;
	bool has_ech, has_esni, has_ticket, early_data;
};

struct tls_server_hello {
	uint16_t version;		/* negotiated; drafts of 1.3 as 0x0304 */
	uint16_t legacy_version, cipher;
	bool draft;			/* a draft of 1.3: its record protection differs */
	bool retry;			/* HelloRetryRequest */
	bool odd, has_ech, has_psk, encrypt_then_mac;
	uint16_t psk;			/* selected identity */
	struct slice random, session_id, extensions;
	struct slice alpn;		/* selected, or empty */
};

/* `body` is the handshake message without its 4-byte header. */
bool tls_client_hello_parse(struct tls_client_hello *h, struct slice body);
bool tls_server_hello_parse(struct tls_server_hello *h, struct slice body);

/* HelloRetryRequest of the drafts before 22, a message of its own. */
bool tls_retry_parse(struct tls_server_hello *h, struct slice body);

/* `body` from the message type on (1), without the record header. */
bool tls_sslv2_hello_parse(struct tls_client_hello *h, struct slice body);

/* The one name in a ProtocolNameList that a server answers with; empty: not exactly one. */
struct slice tls_alpn_selected(struct slice extension);

/* RFC 8701: values that clients send to keep servers tolerant. */
static inline bool tls_is_grease(uint32_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* The SNI holds what a host name in TLS may hold (RFC 6066 section 3; underscores are in use). */
bool tls_sni_valid(struct slice name);

/* Which hello this is; the second one comes after a HelloRetryRequest. */
enum tls_hello_turn { TLS_HELLO_FIRST, TLS_HELLO_SAME_ECH, TLS_HELLO_NEW_ECH };

/* What its encrypted_client_hello is: enum flow_enum_value ECH_*, 0 where it has none. */
uint8_t tls_ech_kind(const struct tls_client_hello *h, enum tls_hello_turn turn);

/* Configuration ids seen lately, by outer name; a slot is taken over by whoever comes. */
enum { TLS_ECH_SLOTS = 1024 };
struct tls_ech_memory {
	struct tls_ech_slot {
		uint64_t name;
		uint8_t id, seen;
	} slot[TLS_ECH_SLOTS];
};

/* The kind of a first hello, after what earlier connections to the same name offered. */
uint8_t tls_ech_settle(struct tls_ech_memory *m, const struct tls_client_hello *h, uint8_t kind);

#endif
