/*
 * http_slot - one HTTP exchange while it is being read: its facts and the memory of their text.
 *
 * HTTP/1 and HTTP/2 layers keep a list of slots, fill the requests' and the
 * responses' facts in, emit, and use the slot again, so that a connection of a
 * million requests takes the memory of those in flight.  Slots live outside
 * the session's arena; session.outside holds what they take.
 */
#ifndef CAPTURE_HTTP_SLOT_H
#define CAPTURE_HTTP_SLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/session.h"

enum {
	HTTP_TEXT = 64 * 1024,		/* text kept of one exchange; past it fields stay empty */
	HTTP_WANTED = 64,		/* headers kept of one request for the policies */
};

/* Headers that say something to us. */
enum http_field {
	HF_OTHER, HF_HOST, HF_CONTENT_LENGTH, HF_TRANSFER_ENCODING, HF_CONNECTION, HF_UPGRADE,
	HF_USER_AGENT, HF_REQUEST_ID, HF_CONTENT_TYPE, HF_XFF, HF_AUTHORIZATION, HF_COOKIE,
	HF_GRPC_STATUS,
};
enum http_field http_field_of(struct slice name);	/* any case */

struct http_wanted {
	struct slice name, value;
};

struct http_slot {
	struct http_slot *next;
	struct http_exchange x;
	struct arena *text;		/* what x's slices borrow */
	size_t counted;			/* of it, already in session.outside */
	struct slice *last;		/* the field an obs-fold line continues, or NULL */
	struct http_wanted *wanted;
	unsigned n_wanted;
	bool asked, asked_all;		/* request begun, complete */
	bool answered, answered_all;	/* final response begun, complete */
	bool full;			/* HTTP_TEXT was reached: x.headers stays unknown */
	bool connect, head;		/* methods whose responses have no body */
	bool after_loss;		/* requests before it were lost */
	enum { SLOT_NO_UPGRADE, SLOT_UPGRADE, SLOT_H2C, SLOT_WEBSOCKET } upgrade;	/* asked for */
	uint32_t stream;		/* HTTP/2 */
};

struct http_slot *http_slot_new(struct session *s);
void http_slot_reset(struct session *s, struct http_slot *k);	/* ready for the next exchange */
void http_slot_free(struct session *s, struct http_slot **k);

/* A copy that lives as long as the exchange; empty where HTTP_TEXT is reached. */
struct slice http_slot_keep(struct http_slot *k, struct slice s);

/* A header of a request that is the same in both versions; returns its field. */
enum http_field http_slot_header(struct session *s, struct http_slot *k, struct slice name,
				 struct slice value);

/* More of the header seen last, on a line of its own (RFC 9112 section 5.2). */
void http_slot_fold(struct http_slot *k, struct slice more);

/* The request's head is complete: x.headers is written, memory is counted. */
void http_slot_settle(struct session *s, struct http_slot *k);

bool http_same_word(struct slice a, struct slice lower);	/* a, without case, equals lower */

#endif
