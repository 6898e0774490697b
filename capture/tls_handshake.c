/*
 * tls_handshake: messages out of handshake records, and the order they come in.
 *
 * A message that lies whole in the bytes given is read in place; one that is
 * split over segments or records is collected, if anybody wants it, up to
 * MESSAGE_MAX.  Each byte is looked at once, so records of one byte each cost
 * what one large record does.
 *
 * What a message means depends on who sent it, on the version, and on whether
 * it was opened with keys.  In TLS 1.3 only hellos travel in the clear: an
 * unprotected Certificate there is forged, and is not believed.
 */
#include <string.h>

#include "capture/tls_layer.h"

/* Messages whose body is read; of the others only the type counts. */
static bool wanted(uint8_t type)
{
	return type == CLIENT_HELLO || type == SERVER_HELLO || type == NEW_TICKET ||
		type == RETRY_REQUEST || type == ENCRYPTED_EXTENSIONS || type == CERTIFICATE ||
		type == COMPRESSED_CERTIFICATE;
}

static void hello(struct tls_layer *t, enum dir d, uint8_t type, struct slice body, int64_t ts)
{
	if (!t->f->client_hello && !t->f->server_hello)
		t->reversed = (d == FROM_SERVER) == (type == CLIENT_HELLO);
	if (tls_role(t, d) != (type == CLIENT_HELLO ? 0 : 1)) {
		tls_malformed(t, d);
		return;
	}
	if (type == CLIENT_HELLO)
		tls_facts_client_hello(t, body, false);
	else
		tls_facts_server_hello(t, body, type == RETRY_REQUEST, ts);
	tls_wait_try(t, ts);
}

/*
 * In TLS 1.2 the server's ticket or ChangeCipherSpec without a certificate or ServerHelloDone before it
 * says that the session is resumed, also where the client's session id was empty (RFC 5077
 * section 3.4).  Then its keys may be found under another name.
 */
static void settle_resumption(struct tls_layer *t, int64_t ts)
{
	bool keyed = t->origin.keyed;

	if (t->seen_cert[1] || t->seen_hello_done || t->renegotiating || !t->f->server_hello)
		return;
	tls_facts_resumed(t, ts);
	if (t->origin.keyed && !keyed && t->keys == KEYS_NEVER) {
		t->keys = KEYS_UNKNOWN;
		tls_sealed_look(t);
	}
}

/* RFC 5077 section 3.3 (1.2), RFC 8446 section 4.6.1 (1.3). */
static void new_ticket(struct tls_layer *t, struct slice body, int64_t ts)
{
	struct cursor c = cur_of(body);

	if (t->f->version != TLS_V13)
		settle_resumption(t, ts);
	cur_be(&c, 4);			/* lifetime */
	if (t->f->version == TLS_V13) {
		cur_be(&c, 4);		/* age_add */
		cur_block(&c, 1);	/* nonce */
	}
	struct cursor ticket = cur_block(&c, 2);
	if (!c.bad)
		tls_facts_remember(t, TOKEN_TICKET, cur_rest(&ticket));
}

static void finished12(struct tls_layer *t, enum dir d)
{
	t->dir[d].finished = true;
	if (t->dir[0].finished && t->dir[1].finished)
		tls_established(t);
}

static void finished13(struct tls_layer *t, enum dir d, int64_t ts)
{
	if (t->dir[d].finished)
		return;		/* authentication after the handshake: no new keys */
	if (tls_role(t, d) == 0)
		tls_facts_finished13(t, ts);
	tls_sealed_epoch(t, d, EPOCH_TRAFFIC);
	finished12(t, d);
}

static void message12(struct tls_layer *t, enum dir d, uint8_t type, struct slice body, int64_t ts)
{
	unsigned role = tls_role(t, d);

	switch (type) {
	case NEW_TICKET:
		if (role == 1)
			new_ticket(t, body, ts);
		break;
	case CERTIFICATE:
		t->seen_cert[role] = true;
		tls_facts_certificate(t, role, body, ts);
		break;
	case CERTIFICATE_REQUEST:
		t->f->certificate_request |= role == 1;
		break;
	case SERVER_KEY:
	case HELLO_DONE:
		t->seen_hello_done |= role == 1;
		break;
	case CLIENT_KEY:
		if (role == 0)
			tls_facts_no_certificate(t);
		break;
	case FINISHED:
		finished12(t, d);
		break;
	}
}

static void message13(struct tls_layer *t, enum dir d, uint8_t type, struct slice body, int64_t ts)
{
	unsigned role = tls_role(t, d);

	switch (type) {
	case NEW_TICKET:
		if (role == 1)
			new_ticket(t, body, ts);
		break;
	case END_OF_EARLY_DATA:
		if (role == 0) {
			tls_early_settle(t, true, ts);
			tls_sealed_epoch(t, d, EPOCH_HANDSHAKE);
		}
		break;
	case ENCRYPTED_EXTENSIONS:
		if (role == 1) {
			tls_facts_encrypted(t, body);
			tls_early_settle(t, t->early_accepted, ts);
		}
		break;
	case CERTIFICATE:
		t->seen_cert[role] = true;
		tls_facts_certificate(t, role, body, ts);
		break;
	case COMPRESSED_CERTIFICATE:
		t->seen_cert[role] = true;
		tls_facts_compressed(t, role, body, ts);
		break;
	case CERTIFICATE_REQUEST:
		t->f->certificate_request |= role == 1;
		break;
	case FINISHED:
		finished13(t, d, ts);
		break;
	case KEY_UPDATE:
		tls_sealed_update(t, d);
		break;
	}
}

static void message(struct tls_layer *t, enum dir d, uint8_t type, struct slice body,
		    bool sealed, int64_t ts)
{
	if (type == CLIENT_HELLO || type == SERVER_HELLO || type == RETRY_REQUEST)
		hello(t, d, type, body, ts);
	else if (t->f->version != TLS_V13)
		message12(t, d, type, body, ts);
	else if (sealed)
		message13(t, d, type, body, ts);
	else
		tls_malformed(t, d);
}

/* The header is complete: is the body wanted, and can it be held? */
static void head_read(struct tls_layer *t, enum dir d)
{
	struct tls_dir *r = &t->dir[d];

	r->hs_left = (uint32_t)(r->hs_head[1] << 16 | r->hs_head[2] << 8 | r->hs_head[3]);
	r->hs_skip = !wanted(r->hs_head[0]);
	if (!r->hs_skip && r->hs_left > MESSAGE_MAX) {
		r->hs_skip = true;
		t->seen_cert[tls_role(t, d)] |= r->hs_head[0] == CERTIFICATE;	/* not absent */
		tls_count(t, EV_TLS_TOO_LARGE);
	}
}

static void body_done(struct tls_layer *t, enum dir d, struct slice body, bool sealed, int64_t ts)
{
	struct tls_dir *r = &t->dir[d];
	uint8_t type = r->hs_head[0];

	r->n_hs_head = 0;
	if (!r->hs_skip || !wanted(type))
		message(t, d, type, body, sealed, ts);
}

static void body_read(struct tls_layer *t, enum dir d, struct slice part, bool sealed, int64_t ts)
{
	struct tls_dir *r = &t->dir[d];

	if (r->hs_skip || (!r->hs.n && !r->hs_left)) {
		if (!r->hs_left)
			body_done(t, d, part, sealed, ts);
		return;
	}
	tls_buf_add(t, &r->hs, part, MESSAGE_MAX);
	if (r->hs_left)
		return;
	struct tls_buf whole = r->hs;	/* reading it may give the direction up */
	r->hs = (struct tls_buf){ 0 };
	body_done(t, d, (struct slice){ whole.p, whole.n }, sealed, ts);
	tls_buf_drop(t, &whole);
}

void tls_handshake(struct tls_layer *t, enum dir d, struct slice bytes, bool sealed, int64_t ts)
{
	struct tls_dir *r = &t->dir[d];

	if (r->n_hs_head && r->hs_sealed != sealed) {	/* RFC 8446 section 5.1 */
		tls_malformed(t, d);
		return;
	}
	r->hs_sealed = sealed;
	while (bytes.n && !r->lost) {
		if (r->n_hs_head < 4) {
			r->hs_head[r->n_hs_head++] = *bytes.p;
			bytes = slice_from(bytes, 1);
			if (r->n_hs_head < 4)
				continue;
			head_read(t, d);
		}
		struct slice part = { bytes.p, bytes.n < r->hs_left ? bytes.n : r->hs_left };
		bytes = slice_from(bytes, part.n);
		r->hs_left -= (uint32_t)part.n;
		body_read(t, d, part, sealed, ts);
	}
}

/* What is not seen is not known to be absent: a certificate may have been in it. */
void tls_handshake_lost(struct tls_layer *t, enum dir d)
{
	struct tls_dir *r = &t->dir[d];

	tls_buf_drop(t, &r->hs);
	r->n_hs_head = 0;
	r->hs_lost = r->lossy = true;
	t->seen_cert[tls_role(t, d)] = true;
}

static void server_ccs(struct tls_layer *t, int64_t ts)
{
	if (!t->f->server_hello || t->renegotiating)
		return;
	settle_resumption(t, ts);
	if (!t->f->resumed)
		tls_facts_remember(t, TOKEN_SESSION_ID, t->session_id);
}

void tls_ccs(struct tls_layer *t, enum dir d, int64_t ts)
{
	struct tls_dir *r = &t->dir[d];

	if (t->v13 || r->ccs)
		return;
	r->ccs = true;
	tls_buf_drop(t, &r->hs);
	r->n_hs_head = 0;
	if (tls_role(t, d) == 1)
		server_ccs(t, ts);
}
