/*
 * tls: records out of the stream.
 *
 * The body of a record is treated in one of three ways, decided when its
 * header is complete: passed over (ciphertext without keys: a subtraction for
 * each segment, no copy), handed on as it comes (handshake in the clear), or
 * collected whole (what a key opens).  A record that lies whole in the bytes
 * given is not copied for that.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/tls_layer.h"

enum { HEAD = 5, BUF_LEAST = 512, RECORD_LEAST = HEAD + 17 };

bool tls_buf_add(struct tls_layer *t, struct tls_buf *b, struct slice s, size_t max)
{
	if (s.n > max - b->n)
		return false;
	if (!s.n)
		return true;
	if (b->n + s.n > b->size) {
		size_t size = b->size ? b->size : BUF_LEAST;
		while (size < b->n + s.n)
			size *= 2;
		uint8_t *p = realloc(b->p, size);
		if (!p)
			abort();
		t->sh->copied += b->n;
		t->l.s->outside += size - b->size;
		b->p = p;
		b->size = (uint32_t)size;
	}
	memcpy(b->p + b->n, s.p, s.n);
	b->n += (uint32_t)s.n;
	t->sh->copied += s.n;
	return true;
}

void tls_buf_drop(struct tls_layer *t, struct tls_buf *b)
{
	t->l.s->outside -= b->size;
	free(b->p);
	*b = (struct tls_buf){ 0 };
}

/*
 * Nobody needs a byte more: TCP may stop reassembling.  Before 1.3 a client that showed no
 * certificate may still do so in a renegotiation: its side is listened to for handshake records.
 */
void tls_deaf(struct tls_layer *t)
{
	bool settled = t->v13 || t->f->n_client || t->f->resumed || t->f->failed;
	bool done = t->keys == KEYS_NEVER && !t->wait && (t->f->established || t->f->failed);

	for (int d = 0; d < 2; d++)
		t->l.deaf[d] |= t->dir[d].lost ||
			(done && (settled || tls_role(t, (enum dir)d) == 1));
}

void tls_give_up(struct tls_layer *t, enum dir d)
{
	struct tls_dir *r = &t->dir[d];

	r->lost = true;
	tls_buf_drop(t, &r->record);
	tls_buf_drop(t, &r->hs);
	tls_deaf(t);
}

void tls_malformed(struct tls_layer *t, enum dir d)
{
	if (!t->f->malformed)
		tls_count(t, EV_TLS_MALFORMED);
	t->f->malformed = true;
	tls_give_up(t, d);
}

void tls_established(struct tls_layer *t)
{
	if (t->f->established || t->f->failed)
		return;
	t->f->established = true;
	tls_deaf(t);
}

void tls_app_data(struct tls_layer *t, enum dir d, struct slice plain, int64_t ts)
{
	if (!t->l.above) {
		tls_facts_ask_again(t, ts);
		t->l.above = layer_detect(t->l.s, &t->l);
	}
	layer_data(t->l.above, d, plain, ts);
	if (!t->l.above || t->l.above->deaf[d])
		t->l.deaf[d] = true;	/* what is opened has no reader */
}

void tls_app_gap(struct tls_layer *t, enum dir d, int64_t ts)
{
	layer_gap(t->l.above, d, 0, ts);
}

void tls_app_end(struct tls_layer *t, enum dir d, enum end_why why, int64_t ts)
{
	if (t->dir[d].ended)
		return;
	t->dir[d].ended = true;
	layer_end(t->l.above, d, why, ts);
}

/* RFC 8446 section 6: in 1.3 the level says nothing; close_notify and user_canceled close. */
void tls_alert(struct tls_layer *t, enum dir d, struct slice body, int64_t ts)
{
	enum { CLOSE_NOTIFY = 0, USER_CANCELED = 90, FATAL = 2 };

	if (body.n != 2)
		return;
	uint8_t level = body.p[0], what = body.p[1];
	t->f->alert = (uint8_t)(what + 1);
	if (what == CLOSE_NOTIFY) {
		tls_app_end(t, d, END_FIN, ts);
	} else if (what != USER_CANCELED && (t->f->version == TLS_V13 || level == FATAL)) {
		/*
		 * A server of 1.3 that refuses the client's certificate says so after both
		 * Finished: nothing but alerts has come under its traffic key then.
		 */
		if (t->f->version == TLS_V13 && tls_role(t, d) == 1 && !t->after_client)
			t->f->established = false;
		t->f->failed |= !t->f->established;
		tls_deaf(t);
	}
}

/* Which records are protected; the version may not be known yet. */
static bool is_sealed(const struct tls_layer *t, enum dir d, uint8_t type)
{
	const struct tls_dir *r = &t->dir[d];

	if (type == CONTENT_DATA)
		return true;
	/* TLS 1.3's ChangeCipherSpec is decoration, and its protected records all say DATA. */
	return r->ccs && !t->v13;
}

static enum tls_body body_of(struct tls_layer *t, enum dir d, uint8_t type, int64_t ts)
{
	bool keyed = t->keys == KEYS_HAVE || t->keys == KEYS_AWAITED;

	if (is_sealed(t, d, type)) {
		t->dir[d].sealed++;
		tls_sealed_note(t, d, type, t->dir[d].left);
		if (t->keys == KEYS_UNKNOWN)	/* the ServerHello has not come yet */
			keyed = t->f->client_hello && (t->sh->growing ||
				tls_keys_find(t->sh->keys, t->client_random));
		return keyed ? BODY_WHOLE : BODY_SKIP;
	}
	if (type == CONTENT_CCS) {
		tls_ccs(t, d, ts);
		return BODY_SKIP;
	}
	if (type == CONTENT_ALERT)
		return BODY_WHOLE;
	return type == CONTENT_HANDSHAKE ? BODY_CLEAR : BODY_SKIP;
}

/* RFC 5246 appendix E.2: a 2-byte length with the high bit set, then CLIENT-HELLO. */
static bool is_sslv2(const struct tls_layer *t, enum dir d)
{
	const struct tls_dir *r = &t->dir[d];

	return !r->started && !t->f->client_hello && (r->head[0] & 0x80) && r->head[2] == 1;
}

static void head_read(struct tls_layer *t, enum dir d, int64_t ts)
{
	struct tls_dir *r = &t->dir[d];
	uint8_t type = r->head[0];

	r->left = (uint32_t)(r->head[3] << 8 | r->head[4]);
	if (is_sslv2(t, d)) {
		r->left = (uint32_t)((r->head[0] & 0x7f) << 8 | r->head[1]);
		r->body = BODY_SSLV2;
		if (r->left < 9)
			tls_malformed(t, d);
		else
			tls_buf_add(t, &r->record, (struct slice){ r->head + 2, 3 }, 3);
		r->left -= 3;
	} else if (type < CONTENT_CCS || type > CONTENT_HEARTBEAT || r->head[1] != 3 ||
		   r->left > TLS_SEALED_MAX) {
		/* Not TLS from the first byte: somebody guessed wrong, nobody broke a rule. */
		if (r->started || t->f->client_hello)
			tls_malformed(t, d);
		else
			tls_give_up(t, d);
	} else {
		r->body = (uint8_t)body_of(t, d, type, ts);
	}
	r->started = true;
}

/* A whole record, in r->record or straight from the segment. */
static void whole(struct tls_layer *t, enum dir d, struct slice body, int64_t ts)
{
	struct tls_dir *r = &t->dir[d];
	struct tls_record rec = { r->head[0], (uint16_t)(r->head[1] << 8 | r->head[2]), body };

	if (r->body == BODY_SSLV2)
		tls_facts_client_hello(t, body, true);
	else if (is_sealed(t, d, rec.type))
		tls_sealed(t, d, rec, ts);
	else
		tls_alert(t, d, body, ts);
}

static void body_read(struct tls_layer *t, enum dir d, struct slice part, int64_t ts)
{
	struct tls_dir *r = &t->dir[d];

	switch ((enum tls_body)r->body) {
	case BODY_SKIP:
		return;
	case BODY_CLEAR:
		tls_handshake(t, d, part, false, ts);
		return;
	case BODY_WHOLE:
	case BODY_SSLV2:
		if (!r->record.n && !r->left) {
			whole(t, d, part, ts);
			return;
		}
		tls_buf_add(t, &r->record, part, TLS_SEALED_MAX + 32768);
		if (!r->left && !r->lost) {
			struct tls_buf rec = r->record;	/* `whole` may give the direction up */
			r->record = (struct tls_buf){ 0 };
			whole(t, d, (struct slice){ rec.p, rec.n }, ts);
			tls_buf_drop(t, &rec);
		}
		return;
	}
}

/*
 * After a gap: from what looks like the header of a protected record.  Whether it is one, its
 * authentication says (tls_sealed_now); so a wrong guess costs work, which is bounded, not truth.
 */
static struct slice hunt(struct tls_dir *r, struct slice bytes)
{
	const struct slice sign = { (const uint8_t[]){ CONTENT_DATA, 3, 3 }, 3 };

	for (; bytes.n >= HEAD; bytes = slice_from(bytes, 1)) {
		const uint8_t *at = memchr(bytes.p, CONTENT_DATA, bytes.n);
		if (!at)
			break;
		bytes = slice_from(bytes, (size_t)(at - bytes.p));
		if (bytes.n >= HEAD && slice_starts(bytes, sign) &&
		    (bytes.p[3] << 8 | bytes.p[4]) <= TLS_SEALED_MAX) {
			r->hunting = false;
			return bytes;
		}
	}
	return (struct slice){ NULL, 0 };
}

static void on_data(struct layer *l, enum dir d, struct slice bytes, int64_t ts)
{
	struct tls_layer *t = (struct tls_layer *)l;
	struct tls_dir *r = &t->dir[d];

	while (bytes.n && !r->lost) {
		if (r->hunting) {
			bytes = hunt(r, bytes);
			if (r->hunting)
				return;
		}
		if (r->n_head < HEAD) {
			size_t n = HEAD - r->n_head < (int)bytes.n ? (size_t)(HEAD - r->n_head) : bytes.n;
			memcpy(r->head + r->n_head, bytes.p, n);
			r->n_head = (uint8_t)(r->n_head + n);
			bytes = slice_from(bytes, n);
			if (r->n_head < HEAD)
				return;
			head_read(t, d, ts);
			if (r->lost)
				return;
		}
		struct slice part = { bytes.p, bytes.n < r->left ? bytes.n : r->left };
		bytes = slice_from(bytes, part.n);
		r->left -= (uint32_t)part.n;
		if (!r->left)
			r->n_head = 0;
		body_read(t, d, part, ts);
	}
}

/* The gap swallowed a header: how many records it may have held, or the end of this direction. */
static void framing_lost(struct tls_layer *t, enum dir d, uint64_t n)
{
	struct tls_dir *r = &t->dir[d];

	if (t->wait || !tls_sealed_can_seek(t, d)) {
		tls_give_up(t, d);
		return;
	}
	tls_buf_drop(t, &r->record);
	r->n_head = 0;
	r->left = 0;
	r->hunting = true;
	tls_handshake_lost(t, d);
	uint64_t most = r->seek + (n ? n / RECORD_LEAST + 2 : SEEK_MAX);
	r->seek = (uint16_t)(most < SEEK_MAX ? most : SEEK_MAX);
}

/* A loss inside one record costs that record; one that swallows a header, all up to the next. */
static void on_gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	struct tls_layer *t = (struct tls_layer *)l;
	struct tls_dir *r = &t->dir[d];
	bool inside = r->n_head == HEAD && n && n <= r->left && r->body != BODY_CLEAR &&
		r->body != BODY_SSLV2;

	if (r->lost || (inside && r->body == BODY_SKIP)) {
		if (!r->lost) {
			r->left -= (uint32_t)n;
			r->n_head = r->left ? HEAD : 0;
		}
		return;
	}
	tls_count(t, EV_TLS_LOST);
	if (inside) {
		tls_buf_drop(t, &r->record);
		r->body = BODY_SKIP;
		r->left -= (uint32_t)n;
		r->n_head = r->left ? HEAD : 0;
		tls_sealed_missed(t, d, 1);
	} else {
		framing_lost(t, d, n);
	}
	if (t->wait)
		tls_wait_gap(t, d, ts);
	else
		tls_app_gap(t, d, ts);
}

static void on_end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	struct tls_layer *t = (struct tls_layer *)l;

	tls_facts_ask_again(t, ts);
	if (t->wait)
		tls_wait_end(t, d, why, ts);
	else
		tls_app_end(t, d, why, ts);
}

static void on_release(struct layer *l)
{
	struct tls_layer *t = (struct tls_layer *)l;

	tls_wait_release(t);
	tls_crypt_release(t);
	tls_facts_release(t);
	for (int d = 0; d < 2; d++) {
		tls_buf_drop(t, &t->dir[d].record);
		tls_buf_drop(t, &t->dir[d].hs);
	}
}

static const struct layer_ops tls_ops = {
	.name = "tls",
	.tls = true,
	.data = on_data,
	.gap = on_gap,
	.end = on_end,
	.release = on_release,
};

struct layer *layer_tls(struct session *s, struct layer *below)
{
	struct layer *l = layer_make(sizeof(struct tls_layer), &tls_ops, s, below);
	struct tls_layer *t = (struct tls_layer *)l;

	if (!l)
		return NULL;
	t->sh = s->env->tls;
	t->f = session_tls(s, l->tls);
	if (!t->f)	/* deeper than the session has room for: decoded, not told */
		t->f = arena_new_object(session_arena(s), struct tls_facts);
	if (!t->f) {
		tls_count(t, EV_SESSION_FULL);
		return NULL;
	}
	return l;
}
