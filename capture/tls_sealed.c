/*
 * tls_sealed: which key opens which record.
 *
 * TLS 1.2: one key a direction, from ChangeCipherSpec on; a renegotiation
 * brings another.  TLS 1.3: early, handshake and traffic keys follow one
 * another, and the messages inside say when.  Where a log lacks some of the
 * secrets those messages cannot be read; so a record that the key in force
 * does not open is tried with the later keys before it counts as a failure.
 * Both are bounded: FAILURES records that should have opened, TRIALS records
 * tried for a later key, then the direction is given up.
 *
 * Nothing is skipped once keys are there: in TLS 1.3 a record's type, its
 * padding and so its length inside are themselves encrypted, and any record
 * may hold a KeyUpdate, without which all later ones stay shut.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "capture/tls_layer.h"

enum { FAILURES = 3, TRIALS = 64, HUNTS = 32 };

/* Its own line; else, up to TLS 1.2, that of the session which it resumes. */
static const struct tls_secrets *secrets_of(const struct tls_layer *t)
{
	const struct tls_secrets *s = tls_keys_find(t->sh->keys, t->client_random);

	if (s || !t->origin.keyed)
		return s;
	return tls_keys_find(t->sh->keys, (struct slice){ t->origin.random, TLS_RANDOM });
}

static bool usable(const struct tls_layer *t, const struct tls_secrets *s)
{
	if (!s)
		return false;
	if (t->f->version != TLS_V13)
		return s->n[SECRET_MASTER] > 0;
	for (int i = SECRET_EARLY; i < SECRETS; i++)
		if (s->n[i])
			return true;
	return false;
}

static bool suite_opens(const struct tls_layer *t)
{
	const struct tls_suite *suite = tls_suite(t->cipher);

	return suite && suite->cipher != CIPHER_NONE && !t->draft && t->f->version > 0x0300;
}

void tls_sealed_look(struct tls_layer *t)
{
	if (!t->f->client_hello || !t->f->server_hello || t->keys == KEYS_HAVE ||
	    t->keys == KEYS_NEVER)
		return;
	bool have = usable(t, secrets_of(t));
	if (have && !suite_opens(t)) {
		tls_count(t, EV_TLS_CIPHER_UNSUPPORTED);
		t->keys = KEYS_NEVER;
	} else if (!have) {
		t->keys = t->sh->growing && suite_opens(t) ? KEYS_AWAITED : KEYS_NEVER;
	} else {
		t->keys = KEYS_HAVE;
		t->x = calloc(1, sizeof *t->x);
		if (!t->x)
			abort();
		t->l.s->outside += sizeof *t->x;
		t->after_client = 0;	/* from here on messages tell, not lengths */
		for (int d = 0; d < 2; d++)
			t->dir[d].finished = false;
		for (int d = 0; d < 2; d++)
			t->x->expect[d] = t->early_offered && tls_role(t, (enum dir)d) == 0 ?
				EPOCH_EARLY : EPOCH_HANDSHAKE;
	}
}

/* As long as an alert with its type, sealed in TLS 1.3 without padding. */
static bool alert_sized(const struct tls_layer *t, size_t n)
{
	const struct tls_suite *suite = tls_suite(t->cipher);

	return suite && n == 2 + 1 + tls_tag_size(suite);
}

/*
 * Without keys lengths still speak: who answers the client's flight with data has accepted it.  Not
 * where the client may be sending early data, which looks like that flight.
 */
void tls_sealed_note(struct tls_layer *t, enum dir d, uint8_t type, size_t n)
{
	struct tls_dir *r = &t->dir[d];

	if (t->keys == KEYS_HAVE || !t->f->server_hello)
		return;
	if (t->f->version != TLS_V13) {
		/* A renegotiation, and what it shows: "no certificate" is not known any more. */
		if (r->finished && type == CONTENT_HANDSHAKE && !t->f->n_client)
			t->f->client_certs_known = false;
		r->finished |= type == CONTENT_HANDSHAKE;
		if (type == CONTENT_DATA || (t->dir[0].finished && t->dir[1].finished))
			tls_established(t);
		return;
	}
	if (alert_sized(t, n) || t->early_offered)
		return;
	if (tls_role(t, d) == 0)
		r->finished = true;	/* Finished is longer than an alert */
	else if (t->dir[dir_other(d)].finished && ++t->after_client)
		tls_established(t);
}

static enum tls_secret secret_for(unsigned role, enum tls_epoch e)
{
	static const enum tls_secret table[2][EPOCHS] = {
		{ SECRET_EARLY, SECRET_CLIENT_HANDSHAKE, SECRET_CLIENT_TRAFFIC },
		{ SECRETS, SECRET_SERVER_HANDSHAKE, SECRET_SERVER_TRAFFIC },
	};

	return table[role][e];
}

static bool load13(struct tls_layer *t, enum dir d, struct slice secret, enum tls_epoch e)
{
	struct tls_crypt *x = t->x;

	if (!secret.n || !tls_opener_init13(&x->open[d], &t->sh->crypto, tls_suite(t->cipher),
					    secret))
		return false;
	memmove(x->secret[d], secret.p, secret.n);
	x->n_secret[d] = (uint8_t)secret.n;
	x->epoch[d] = (uint8_t)e;
	return true;
}

static bool load_epoch(struct tls_layer *t, enum dir d, enum tls_epoch e)
{
	const struct tls_secrets *s = secrets_of(t);
	enum tls_secret which = secret_for(tls_role(t, d), e);

	return s && which != SECRETS && load13(t, d, tls_secret(s, which), e);
}

static bool open_with(struct tls_layer *t, enum dir d, struct tls_record *r)
{
	t->sh->tried++;
	return tls_open(&t->x->open[d], &t->sh->crypto, r,
			tls_crypto_scratch(&t->sh->crypto, t->l.depth));
}

/* A direction's key, to come back to when a later one was tried in vain. */
struct tls_saved {
	bool loaded;
	uint8_t epoch, n, secret[TLS_SECRET_MAX];
	uint64_t seq;
};

static void save(const struct tls_crypt *x, enum dir d, struct tls_saved *to)
{
	*to = (struct tls_saved){ x->open[d].suite != NULL, x->epoch[d], x->n_secret[d], { 0 },
				  x->open[d].seq };
	memcpy(to->secret, x->secret[d], sizeof to->secret);
}

static void restore(struct tls_layer *t, enum dir d, struct tls_saved *from)
{
	struct tls_crypt *x = t->x;

	x->open[d].suite = NULL;
	if (from->loaded) {
		load13(t, d, (struct slice){ from->secret, from->n }, (enum tls_epoch)from->epoch);
		x->open[d].seq = from->seq;
	}
	OPENSSL_cleanse(from, sizeof *from);
}

/* The key in force did not open it (or is not in the log): one of the later ones? */
static bool open_later(struct tls_layer *t, enum dir d, struct tls_record *r)
{
	struct tls_crypt *x = t->x;
	struct tls_saved now;

	save(x, d, &now);
	for (int e = now.loaded ? now.epoch + 1 : x->expect[d]; e < EPOCHS; e++) {
		struct tls_record attempt = *r;
		if (!load_epoch(t, d, (enum tls_epoch)e) || !open_with(t, d, &attempt))
			continue;
		*r = attempt;
		x->expect[d] = (uint8_t)e;
		t->dir[d].hs_lost = false;	/* RFC 8446 section 5.1: keys change between messages */
		return true;
	}
	restore(t, d, &now);
	return false;
}

/* A record that was lost may have been a KeyUpdate. */
static bool open_updated(struct tls_layer *t, enum dir d, struct tls_record *r)
{
	struct tls_saved now;
	struct tls_record attempt = *r;

	if (!t->dir[d].lossy || !t->x->open[d].suite || t->x->epoch[d] != EPOCH_TRAFFIC)
		return false;
	save(t->x, d, &now);
	tls_sealed_update(t, d);
	if (open_with(t, d, &attempt)) {
		*r = attempt;
		return true;
	}
	restore(t, d, &now);
	return false;
}

static bool open_13(struct tls_layer *t, enum dir d, struct tls_record *r)
{
	struct tls_crypt *x = t->x;
	struct tls_record attempt = *r;

	if (!x->open[d].suite)
		load_epoch(t, d, (enum tls_epoch)x->expect[d]);
	if (x->open[d].suite && open_with(t, d, &attempt)) {
		*r = attempt;
		return true;
	}
	return open_later(t, d, r) || open_updated(t, d, r);
}

static bool load_12(struct tls_layer *t, enum dir d)
{
	const struct tls_secrets *s = secrets_of(t);
	const struct tls_suite *suite = tls_suite(t->cipher);
	struct tls_key_sizes z = tls_key_sizes(suite, t->f->version);
	uint8_t block[2 * (48 + 32 + 16)];
	unsigned role = tls_role(t, d);

	if (!s || !s->n[SECRET_MASTER])
		return false;
	tls_key_block(&t->sh->crypto, t->f->version, suite->hash, tls_secret(s, SECRET_MASTER),
		      t->client_random, (struct slice){ t->server_random, TLS_RANDOM },
		      block, 2 * ((size_t)z.mac + z.key + z.iv));
	bool done = tls_opener_init12(&t->x->open[d], &t->sh->crypto, suite, t->f->version, t->etm,
				      block + role * z.mac,
				      block + 2 * z.mac + role * z.key,
				      block + 2 * (z.mac + z.key) + role * z.iv);
	OPENSSL_cleanse(block, sizeof block);
	return done;
}

static bool open_12(struct tls_layer *t, enum dir d, struct tls_record *r)
{
	return (t->x->open[d].suite || load_12(t, d)) && open_with(t, d, r);
}

static void not_opened(struct tls_layer *t, enum dir d)
{
	struct tls_crypt *x = t->x;
	/*
	 * A rejected client may have sealed early data under a suite that is not this one, and
	 * after a loss it may be the wrong record, not the wrong key.
	 */
	bool blame = !t->dir[d].lossy && x->open[d].suite && (t->f->version != TLS_V13 ||
		(x->epoch[d] == x->expect[d] && x->epoch[d] != EPOCH_EARLY));

	if (blame) {
		if (!t->f->key_mismatch)
			tls_count(t, EV_TLS_KEY_MISMATCH);
		t->f->key_mismatch = true;
		if (++x->failures[d] >= FAILURES)
			tls_give_up(t, d);
		return;
	}
	if (!t->told[d] && !t->dir[d].lossy)
		tls_count(t, EV_TLS_KEYS_PARTIAL);
	t->told[d] = true;
	if (++x->trials[d] >= TRIALS)
		tls_give_up(t, d);
}

/*
 * After a loss: does a message begin here?  Yes where something else came between ("Handshake messages
 * MUST NOT be interleaved with other record types"), and where a record is exactly one message
 * of those that come under traffic keys, a ticket or a KeyUpdate.
 */
static bool message_boundary(const struct tls_layer *t, enum dir d, const struct tls_record *r)
{
	struct cursor c = cur_of(r->body);

	if (t->f->version != TLS_V13 || t->x->epoch[d] != EPOCH_TRAFFIC)
		return false;
	if (r->type != CONTENT_HANDSHAKE)
		return true;
	uint32_t type = cur_be(&c, 1);
	cur_block(&c, 3);
	return cur_done(&c) && (type == NEW_TICKET || type == KEY_UPDATE);
}

static void opened(struct tls_layer *t, enum dir d, const struct tls_record *r, int64_t ts)
{
	bool server = tls_role(t, d) == 1;

	if (!t->f->decrypted)
		tls_count(t, EV_TLS_DECRYPTED);
	t->f->decrypted = true;
	if (server && r->type != CONTENT_ALERT && t->dir[dir_other(d)].finished)
		t->after_client++;
	if (t->dir[d].hs_lost && message_boundary(t, d, r))
		t->dir[d].hs_lost = false;
	switch (r->type) {
	case CONTENT_HANDSHAKE:
		if (!t->dir[d].hs_lost)
			tls_handshake(t, d, r->body, true, ts);
		break;
	case CONTENT_ALERT:
		tls_alert(t, d, r->body, ts);
		break;
	case CONTENT_CCS:
		tls_sealed_rekey(t, d);
		break;
	case CONTENT_DATA:
		if (t->f->version == TLS_V13 && !server && t->x->epoch[d] == EPOCH_EARLY) {
			tls_early_add(t, d, r->body, ts);
			break;
		}
		if (!server)	/* after its Finished, which may have had no key of ours */
			tls_established(t);
		tls_app_data(t, d, r->body, ts);
		break;
	}
}

/* A secret for the epoch in force, or a later one to try. */
static bool secret_there(const struct tls_layer *t, enum dir d)
{
	const struct tls_secrets *s = secrets_of(t);

	if (t->x->open[d].suite)
		return true;
	if (t->f->version != TLS_V13)
		return s && s->n[SECRET_MASTER];
	for (int e = t->x->expect[d]; s && e < EPOCHS; e++) {
		enum tls_secret which = secret_for(tls_role(t, d), (enum tls_epoch)e);
		if (which != SECRETS && s->n[which])
			return true;
	}
	return false;
}

bool tls_sealed_ready(struct tls_layer *t, enum dir d)
{
	tls_sealed_look(t);
	if (t->keys == KEYS_HAVE)
		return !t->sh->growing || secret_there(t, d);
	return t->keys == KEYS_NEVER;
}

/* TLS 1.0 chains records by their last block, so after a loss the next one stays shut. */
static bool chained(const struct tls_layer *t)
{
	return t->f->version <= 0x0301;
}

bool tls_sealed_can_seek(const struct tls_layer *t, enum dir d)
{
	return t->x && !chained(t) && (t->v13 || t->dir[d].ccs);
}

/* One key, and the numbers that the next record may have. */
static bool open_within(struct tls_layer *t, enum dir d, struct tls_record *r)
{
	uint64_t base = t->x->open[d].seq;

	for (unsigned k = 0; k <= t->dir[d].seek; k++) {
		struct tls_record attempt = *r;
		t->x->open[d].seq = base + k;
		if (open_with(t, d, &attempt)) {
			*r = attempt;
			t->dir[d].seek = 0;
			return true;
		}
	}
	t->x->open[d].seq = base;
	return false;
}

/*
 * The first record after a gap: its number is not known, in 1.3 not even its key, but only the
 * true ones authenticate.  False: it was no record, or too many are missing.
 */
static bool open_after_gap(struct tls_layer *t, enum dir d, struct tls_record *r)
{
	struct tls_crypt *x = t->x;

	if (!t->v13)
		return (x->open[d].suite || load_12(t, d)) && open_within(t, d, r);
	if (x->open[d].suite && open_within(t, d, r))
		return true;
	struct tls_saved now;
	save(x, d, &now);
	for (int e = now.loaded ? now.epoch + 1 : x->expect[d]; e < EPOCHS; e++)
		if (load_epoch(t, d, (enum tls_epoch)e) && open_within(t, d, r)) {
			x->expect[d] = (uint8_t)e;
			t->dir[d].hs_lost = true;	/* where in that flight, is not known */
			return true;
		}
	restore(t, d, &now);
	return open_updated(t, d, r);
}

static void not_found(struct tls_layer *t, enum dir d)
{
	t->dir[d].hunting = true;
	if (++t->dir[d].hunts >= HUNTS)
		tls_give_up(t, d);
}

void tls_sealed_now(struct tls_layer *t, enum dir d, struct tls_record r, int64_t ts)
{
	if (t->keys != KEYS_HAVE || t->dir[d].lost)
		return;
	if (t->dir[d].seek) {
		if (open_after_gap(t, d, &r))
			opened(t, d, &r, ts);
		else
			not_found(t, d);
	} else if (t->f->version == TLS_V13 ? open_13(t, d, &r) : open_12(t, d, &r)) {
		opened(t, d, &r, ts);
	} else {
		not_opened(t, d);
	}
}

void tls_sealed(struct tls_layer *t, enum dir d, struct tls_record r, int64_t ts)
{
	if (t->wait || !tls_sealed_ready(t, d))
		tls_wait_record(t, d, &r, ts);
	else
		tls_sealed_now(t, d, r, ts);
}

void tls_sealed_epoch(struct tls_layer *t, enum dir d, enum tls_epoch e)
{
	struct tls_crypt *x = t->x;

	x->expect[d] = (uint8_t)e;
	t->dir[d].hs_lost = false;
	if (!load_epoch(t, d, e))
		x->open[d].suite = NULL;
}

/* RFC 8446 section 7.2. */
void tls_sealed_update(struct tls_layer *t, enum dir d)
{
	struct tls_crypt *x = t->x;
	const struct tls_suite *suite = x->open[d].suite;
	uint8_t next[TLS_SECRET_MAX];

	if (!suite || x->epoch[d] != EPOCH_TRAFFIC)
		return;
	tls_expand_label(&t->sh->crypto, suite->hash, (struct slice){ x->secret[d], x->n_secret[d] },
			 "traffic upd", next, x->n_secret[d]);
	load13(t, d, (struct slice){ next, x->n_secret[d] }, EPOCH_TRAFFIC);
	OPENSSL_cleanse(next, sizeof next);
}

/* RFC 5246 section 7.1: what follows is under the keys of the handshake inside. */
void tls_sealed_rekey(struct tls_layer *t, enum dir d)
{
	t->x->open[d].suite = NULL;
}

void tls_sealed_missed(struct tls_layer *t, enum dir d, uint32_t n)
{
	struct tls_dir *r = &t->dir[d];

	tls_handshake_lost(t, d);
	if (!t->v13 && chained(t))
		tls_give_up(t, d);
	else if (t->x && t->x->open[d].suite)
		t->x->open[d].seq += n;
	else
		r->seek = (uint16_t)(n < SEEK_MAX && r->seek + n < SEEK_MAX ? r->seek + n : SEEK_MAX);
}

void tls_crypt_release(struct tls_layer *t)
{
	struct tls_crypt *x = t->x;

	if (!x)
		return;
	tls_opener_release(&x->open[0]);
	tls_opener_release(&x->open[1]);
	tls_buf_drop(t, &x->early);
	OPENSSL_cleanse(x, sizeof *x);
	free(x);
	t->l.s->outside -= sizeof *x;
	t->x = NULL;
}
