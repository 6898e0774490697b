/*
 * tls_facts: what messages say, put where the session keeps it.
 *
 * The first ClientHello is the one that a gateway routes by, so its name and
 * fingerprints stay; the second one after a HelloRetryRequest, and those of a
 * renegotiation, only move the handshake on.
 *
 * Identity: `chain[0]` of this handshake, or by `origin` that of the session
 * it resumes.  Unknown is never turned into absent: "no certificate" is said
 * only where the client's turn to send one was seen to pass.
 */
#include <string.h>

#include <zlib.h>

#include "capture/tls_layer.h"
#include "common/clock.h"
#include "common/hash.h"

enum { PSK_KEEP = 16 * 1024, PSK_TRIES = 8, ALPN_KEEP = 32, TELL_AGAIN = 3600 };

static struct arena *arena_of(struct tls_layer *t)
{
	return session_arena(t->l.s);
}

static void offered_drop(struct tls_layer *t)
{
	cert_chain_drop(&t->offered.client);
	cert_chain_drop(&t->offered.server);
	t->offered = (struct tls_origin){ 0 };
}

/* New handshake on this connection (the first, or a renegotiation). */
static void handshake_reset(struct tls_layer *t)
{
	t->seen_hello_done = t->seen_cert[0] = t->seen_cert[1] = false;
	t->origin.keyed = false;
	offered_drop(t);
}

static void alpn_offer(struct tls_layer *t, struct slice list)
{
	struct cursor count = cur_of(list), c = cur_of(arena_copy(arena_of(t), list));
	struct strings *out = &t->f->alpn_offered;
	size_t n = 0;

	for (; cur_left(&count) && n < ALPN_KEEP; n++)
		cur_block(&count, 1);
	if (!n)
		return;
	out->item = arena_new_array(arena_of(t), struct slice, n);
	while (out->item && cur_left(&c) && out->n < n) {
		struct cursor name = cur_block(&c, 1);
		out->item[out->n++] = cur_rest(&name);
	}
}

static void first_hello(struct tls_layer *t, const struct tls_client_hello *h)
{
	struct tls_facts *f = t->f;

	f->client_hello = true;
	f->sslv2_hello = h->sslv2;
	f->sni = arena_copy(arena_of(t), h->sni);
	f->sni_present = h->sni_present;
	f->sni_repeated = h->sni_repeated;
	f->sni_invalid = h->sni_invalid;
	f->early_data = h->early_data;
	f->malformed |= h->odd;
	t->early_offered = h->early_data;
	alpn_offer(t, h->alpn);
	ja_client(&t->sh->ja, &t->sh->crypto, h, f->ja3, f->ja4);
	f->ech = tls_ech_settle(&t->sh->ech, h, tls_ech_kind(h, TLS_HELLO_FIRST));
	t->ech = hash_bytes(h->ech);
}

/* SSL 2.0's challenge stands right-aligned for the random (RFC 5246 appendix E.2). */
static struct slice random_copy(struct tls_layer *t, struct slice random)
{
	uint8_t full[TLS_RANDOM] = { 0 };

	memcpy(full + TLS_RANDOM - random.n, random.p, random.n);
	return arena_copy(arena_of(t), (struct slice){ full, TLS_RANDOM });
}

static void origin_take(struct tls_origin *to, const struct tls_origin *from)
{
	if (!from)
		return;
	*to = *from;
	cert_chain_keep(to->client);
	cert_chain_keep(to->server);
}

void tls_facts_client_hello(struct tls_layer *t, struct slice body, bool sslv2)
{
	struct tls_client_hello h;
	bool good = sslv2 ? tls_sslv2_hello_parse(&h, body) : tls_client_hello_parse(&h, body);
	bool again = t->f->client_hello;

	if (!good) {
		tls_malformed(t, t->reversed ? FROM_SERVER : FROM_CLIENT);
		return;
	}
	if (!again) {
		tls_count(t, EV_TLS_HANDSHAKES);
		first_hello(t, &h);
	} else if (t->retry_pending) {
		t->early_offered = false;	/* RFC 8446 section 4.1.2: not in the second hello */
		if (t->f->ech && h.has_ech)
			t->f->ech = tls_ech_kind(&h, t->ech == hash_bytes(h.ech) ?
				TLS_HELLO_SAME_ECH : TLS_HELLO_NEW_ECH);
	} else if (!t->f->established && !t->renegotiating) {
		t->f->malformed = true;		/* a second hello that nobody asked for */
		return;
	}
	t->renegotiating = again && !t->retry_pending;
	t->retry_pending &= !again;	/* seen before the hello that it answers: another comes */
	handshake_reset(t);
	t->client_random = random_copy(t, h.random);
	if (!again)
		t->f->client_random = t->client_random;
	t->session_id = arena_copy(arena_of(t), h.session_id);
	t->psk = h.psk.n <= PSK_KEEP ? arena_copy(arena_of(t), h.psk) : (struct slice){ NULL, 0 };
	const struct tls_origin *o = tls_memory_get(t->sh->memory, TOKEN_TICKET, h.ticket);
	if (!o)
		o = tls_memory_get(t->sh->memory, TOKEN_SESSION_ID, h.session_id);
	origin_take(&t->offered, o);
	t->ticket = o || h.ticket.n > PSK_KEEP ? (struct slice){ NULL, 0 }
					       : arena_copy(arena_of(t), h.ticket);
}

/* RFC 5246 section 7.4.1.3: the client's own session id comes back. */
static bool id_comes_back(const struct tls_layer *t, const struct tls_server_hello *h)
{
	return h->session_id.n && slice_eq(h->session_id, t->session_id);
}

void tls_facts_resumed(struct tls_layer *t, int64_t ts)
{
	struct tls_facts *f = t->f;

	f->resumed = true;
	if (f->resumed_known || t->origin.keyed ||
	    (!t->offered.client_known && !t->offered.server && !t->offered.keyed))
		return;
	struct tls_origin old = t->origin;	/* of an earlier answer: a server's chain, perhaps */
	if (old.server && f->server_chain == old.server->facts) {
		f->server_chain = NULL;
		f->n_server = 0;
	}
	cert_chain_drop(&old.client);
	cert_chain_drop(&old.server);
	t->origin = t->offered;
	t->offered = (struct tls_origin){ 0 };
	f->resumed_known = t->origin.client_known;
	if (t->origin.client) {
		f->resumed_from = t->origin.client->facts;
		f->n_resumed = t->origin.client->n;
		f->client_status = cert_chain_status(t->sh->certs, t->origin.client, ts);
	}
	if (t->origin.server && !f->server_chain) {
		f->server_chain = t->origin.server->facts;
		f->n_server = t->origin.server->n;
	}
}

/*
 * Where packets come out of order, the session that is resumed may be understood later than the one
 * that resumes it.  (TLS 1.3 asks again at the client's Finished.)
 */
void tls_facts_ask_again(struct tls_layer *t, int64_t ts)
{
	const struct tls_origin *o;

	if (!t->f->resumed || t->f->resumed_known || t->v13 || t->origin.client || t->origin.server)
		return;
	o = tls_memory_get(t->sh->memory, TOKEN_TICKET, t->ticket);
	if (!o)
		o = tls_memory_get(t->sh->memory, TOKEN_SESSION_ID, t->session_id);
	if (!o || !o->client_known)
		return;
	offered_drop(t);
	origin_take(&t->offered, o);
	t->origin.keyed = false;
	tls_facts_resumed(t, ts);
}

/*
 * The identity that the server chose among those offered (RFC 8446 section 4.2.11).  Asked again
 * when the handshake is done: the session that made it may itself have waited for its keys.
 */
static void psk_chosen(struct tls_layer *t, int64_t ts)
{
	struct cursor list = cur_of(t->psk);
	bool resumption = true;		/* not among those we kept: the usual case */

	for (unsigned i = 0; cur_left(&list) && i <= t->psk_chosen && i < PSK_TRIES; i++) {
		struct cursor id = cur_block(&list, 2);
		uint32_t age = cur_be(&list, 4);
		if (i != t->psk_chosen)
			continue;
		const struct tls_origin *o = tls_memory_get(t->sh->memory, TOKEN_TICKET,
							    cur_rest(&id));
		offered_drop(t);
		origin_take(&t->offered, o);
		/* "For identities established externally, an obfuscated_ticket_age of 0". */
		resumption = o || age;
	}
	if (resumption)
		tls_facts_resumed(t, ts);
}

void tls_facts_finished13(struct tls_layer *t, int64_t ts)
{
	if (t->f->resumed && !t->f->resumed_known)
		psk_chosen(t, ts);
	tls_facts_no_certificate(t);
}

static void server_chose(struct tls_layer *t, const struct tls_server_hello *h, int64_t ts)
{
	struct tls_facts *f = t->f;

	f->server_hello = true;
	f->handshakes++;
	f->malformed |= h->odd;
	if (!t->renegotiating) {
		f->version = h->version;
		f->cipher = h->cipher;
		ja_server(&t->sh->ja, &t->sh->crypto, h, f->ja3s);
		if (h->version != TLS_V13) {
			f->alpn = arena_copy(arena_of(t), h->alpn);
			f->alpn_known = true;
		}
	}
	t->v13 = h->version == TLS_V13;
	t->draft = h->draft;
	t->cipher = h->cipher;
	t->etm = h->encrypt_then_mac;
	memcpy(t->server_random, h->random.p, TLS_RANDOM);
	if (h->version == TLS_V13) {
		t->psk_chosen = h->psk;
		if (h->has_psk)
			psk_chosen(t, ts);
		f->client_certs_known = false;
		f->client_chain = NULL;		/* what came in the clear is not of this handshake */
		f->n_client = 0;
	} else if (id_comes_back(t, h) && !t->renegotiating) {
		tls_facts_resumed(t, ts);
	}
	t->session_id = arena_copy(arena_of(t), h->session_id);
}

void tls_facts_server_hello(struct tls_layer *t, struct slice body, bool draft_retry, int64_t ts)
{
	struct tls_server_hello h;
	bool good = draft_retry ? tls_retry_parse(&h, body) : tls_server_hello_parse(&h, body);

	if (!good) {
		tls_malformed(t, t->reversed ? FROM_CLIENT : FROM_SERVER);
		return;
	}
	if (h.retry) {
		t->f->retry = t->retry_pending = t->v13 = true;
		if (h.has_ech)
			t->f->ech = ECH_OFFERED;	/* the server took it */
		return;
	}
	if (t->f->server_hello && !t->renegotiating) {
		t->f->malformed = true;
		return;
	}
	t->retry_pending = false;
	server_chose(t, &h, ts);
	tls_sealed_look(t);
}

/* To the store, where there is one. */
static void chain_tell(struct tls_layer *t, unsigned role, struct cert_chain *chain, int64_t ts)
{
	static const struct slice roles[] = { { (const uint8_t *)"client", 6 },
					      { (const uint8_t *)"server", 6 } };

	if (!t->sh->certificate || (chain->told[role] && ts - chain->told[role] < TELL_AGAIN * NS_PER_S))
		return;
	chain->told[role] = ts;
	cert_chain_rest(t->sh->certs, chain);
	for (int i = 0; i < chain->n; i++) {
		struct certificate c;
		struct arena *a = arena_new(MESSAGE_MAX);
		if (chain->facts[i].parsed) {
			cert_describe(&chain->facts[i], a, &c);
			c.role = i ? SLICE("issuer") : roles[role];
			c.seen = ts;
			t->sh->certificate(t->sh->certificate_ctx, &c);
		}
		arena_free(&a);
	}
}

static void chain_set(struct tls_layer *t, unsigned role, struct cert_chain *chain, int64_t ts)
{
	struct tls_facts *f = t->f;

	if (role == 0) {
		f->client_certs_known = true;
		f->client_chain = chain->n ? chain->facts : NULL;
		f->n_client = chain->n;
		f->client_status = cert_chain_status(t->sh->certs, chain, ts);
	} else {
		f->server_chain = chain->n ? chain->facts : NULL;
		f->n_server = chain->n;
	}
	cert_chain_drop(&t->chain[role]);
	t->chain[role] = chain;
	chain_tell(t, role, chain, ts);
}

/* RFC 5246 section 7.4.2; RFC 8446 section 4.4.2 puts a context before the list. */
void tls_facts_certificate(struct tls_layer *t, unsigned role, struct slice body, int64_t ts)
{
	struct cursor c = cur_of(body);

	if (t->f->version == TLS_V13)
		cur_block(&c, 1);
	struct cursor list = cur_block(&c, 3);
	struct cert_chain *chain = cur_done(&c) ?
		cert_chain_get(t->sh->certs, cur_rest(&list), t->f->version == TLS_V13) : NULL;
	if (chain) {
		chain_set(t, role, chain, ts);
	} else {
		t->f->malformed = true;
		tls_count(t, EV_CERT_MALFORMED);
	}
}

/* RFC 8879.  zlib only; a chain packed with brotli or zstd stays unknown. */
void tls_facts_compressed(struct tls_layer *t, unsigned role, struct slice body, int64_t ts)
{
	enum { ZLIB = 1 };
	struct cursor c = cur_of(body);
	uint32_t how = cur_be(&c, 2), size = cur_be(&c, 3);
	struct cursor packed = cur_block(&c, 3);
	struct tls_buf room = { 0 };
	uLongf n = size;

	if (!cur_done(&c) || !size || size > MESSAGE_MAX || how != ZLIB) {
		tls_count(t, EV_CERT_COMPRESSED);
		return;
	}
	/* As large as is claimed, at most MESSAGE_MAX; more than that does not come out. */
	room.p = arena_bytes(arena_of(t), size);
	if (room.p && uncompress(room.p, &n, packed.at, cur_left(&packed)) == Z_OK && n == size)
		tls_facts_certificate(t, role, (struct slice){ room.p, n }, ts);
	else
		tls_count(t, EV_CERT_COMPRESSED);
}

void tls_facts_no_certificate(struct tls_layer *t)
{
	if (!t->seen_cert[0] && !t->f->resumed && t->f->server_hello && !t->f->client_certs_known)
		t->f->client_certs_known = true;
}

void tls_facts_encrypted(struct tls_layer *t, struct slice body)
{
	struct cursor c = cur_of(body);
	struct cursor list = cur_block(&c, 2);

	t->f->alpn_known = true;
	while (cur_left(&list)) {
		uint32_t type = cur_be(&list, 2);
		struct cursor one = cur_block(&list, 2);
		if (type == EXT_ALPN)
			t->f->alpn = arena_copy(arena_of(t), tls_alpn_selected(cur_rest(&one)));
		else if (type == EXT_EARLY_DATA)
			t->early_accepted = true;
	}
	t->f->malformed |= list.bad || !cur_done(&c);
}

void tls_facts_remember(struct tls_layer *t, enum tls_token kind, struct slice token)
{
	struct tls_facts *f = t->f;
	struct tls_origin o = { .client_known = f->client_certs_known, .client = t->chain[0],
				.server = t->chain[1] };

	if (f->resumed)		/* a resumed session hands on what it came from */
		o = t->origin;
	else if (o.client && !o.client->n)
		o.client = NULL;
	if (!o.keyed && f->version != TLS_V13 && t->client_random.n == TLS_RANDOM) {
		o.keyed = true;
		memcpy(o.random, t->client_random.p, TLS_RANDOM);
	}
	if (o.client_known || o.server || o.keyed)
		tls_memory_put(t->sh->memory, kind, token, &o);
}

void tls_facts_release(struct tls_layer *t)
{
	struct tls_origin *const origins[] = { &t->offered, &t->origin };

	for (int i = 0; i < 2; i++) {
		cert_chain_drop(&origins[i]->client);
		cert_chain_drop(&origins[i]->server);
		cert_chain_drop(&t->chain[i]);
	}
}
