/* Hostile streams: work and memory stay in proportion to the bytes.  Counted, not timed. */
#include "capture/tls_layer.h"
#include "tests/tls_rig.h"

#include "tests/tap.h"

static void rig_one(struct tls_rig *r)
{
	tls_rig_init(r, &(struct tls_options){ 0 });
	r->s[0] = (struct session){ .env = &r->env };
	buf_init(&r->http[0], 1 << 16);
	r->n = 1;
	r->s[0].bottom = layer_tls(&r->s[0], NULL);
}

static void rig_end(struct tls_rig *r)
{
	layer_end(r->s[0].bottom, FROM_CLIENT, END_FIN, rig_now());
	layer_end(r->s[0].bottom, FROM_SERVER, END_FIN, rig_now());
	tls_rig_close(r);
	ok(tls_rig_clean(r));
	tls_rig_release(r);
}

static void feed(struct tls_rig *r, enum dir d, struct slice b)
{
	tls_rig_bytes(r, &r->s[0], d, b);
}

/* A record around `body`. */
static void record(struct tls_rig *r, enum dir d, uint8_t type, struct slice body)
{
	uint8_t head[5] = { type, 3, 1, (uint8_t)(body.n >> 8), (uint8_t)body.n };

	feed(r, d, (struct slice){ head, 5 });
	feed(r, d, body);
}

/* A ClientHello of n bytes, most of it one extension that nobody knows. */
static void hello(struct buf *b, size_t n)
{
	size_t ext = n - 4 - 2 - 32 - 1 - 4 - 2 - 2 - 4;

	buf_add(b, SLICE("\1\0\0\0\3\3"));
	b->p[1] = (uint8_t)((n - 4) >> 16);
	b->p[2] = (uint8_t)((n - 4) >> 8);
	b->p[3] = (uint8_t)(n - 4);
	for (int i = 0; i < 32; i++)
		buf_byte(b, 7);
	buf_add(b, SLICE("\0\0\2\x13\1\1\0"));
	const uint8_t head[] = { (uint8_t)((ext + 4) >> 8), (uint8_t)(ext + 4), 0x77, 0x77,
				 (uint8_t)(ext >> 8), (uint8_t)ext };
	buf_add(b, (struct slice){ head, 6 });
	for (size_t i = 0; i < ext; i++)
		buf_byte(b, 0);
}

/* Each byte in a record of its own: collected once, amortised. */
static void test_tiny_records(void)
{
	struct tls_rig r;
	struct buf b;

	buf_init(&b, 1 << 17);
	hello(&b, 60000);
	rig_one(&r);
	for (size_t i = 0; i < b.n; i++)
		record(&r, FROM_CLIENT, CONTENT_HANDSHAKE, (struct slice){ b.p + i, 1 });
	ok(r.s[0].tls[0]->client_hello);
	ok(r.sh->copied < 4 * b.n);
	ok(r.most_outside <= 2 * 65536);
	is(r.s[0].outside, 0);
	rig_end(&r);
	buf_release(&b);
}

static void test_empty_records(void)
{
	struct tls_rig r;

	rig_one(&r);
	for (int i = 0; i < 100000; i++)
		record(&r, FROM_CLIENT, i % 2 ? CONTENT_HANDSHAKE : CONTENT_DATA,
		       (struct slice){ NULL, 0 });
	is(r.sh->copied, 0);
	is(r.most_outside, 0);
	rig_end(&r);
}

/* A message that claims much and brings little takes little; one that claims too much, none. */
static void test_claims(void)
{
	struct tls_rig r;

	rig_one(&r);
	record(&r, FROM_CLIENT, CONTENT_HANDSHAKE, SLICE("\1\1\xff\xff\3\3"));
	ok(r.most_outside < 1024);
	rig_end(&r);
	rig_one(&r);
	record(&r, FROM_CLIENT, CONTENT_HANDSHAKE, SLICE("\1\xff\xff\xff\3\3"));
	is(r.most_outside, 0);
	is(r.ev.n[EV_TLS_TOO_LARGE], 1);
	rig_end(&r);
}

/* Ciphertext without keys: not one byte is put together, however it is cut. */
static void test_bulk(void)
{
	static uint8_t body[16384];
	struct talk t;
	struct tls_rig r;

	talk_load(&t, "13-nocert");
	tls_rig_init(&r, &(struct tls_options){ 0 });
	for (size_t i = 0; i < t.n && t.event[i].kind != 'e'; i++)
		if (t.event[i].kind == 'c') {
			r.s[0] = (struct session){ .env = &r.env };
			buf_init(&r.http[0], 1 << 16);
			r.n = 1;
			r.s[0].bottom = layer_tls(&r.s[0], NULL);
		} else if (t.event[i].kind != 'k') {
			feed(&r, t.event[i].kind == '<', t.event[i].bytes);
		}
	uint64_t before = r.sh->copied;
	r.s[0].bottom->deaf[0] = r.s[0].bottom->deaf[1] = false;	/* even if TCP went on */
	r.chunk = 1448;
	for (int i = 0; i < 500; i++)
		record(&r, FROM_SERVER, CONTENT_DATA, (struct slice){ body, sizeof body });
	is(r.sh->copied, before);
	is(r.s[0].outside, 0);
	rig_end(&r);
	talk_free(&t);
}

/* TLS 1.3 refuses a client under the traffic key: an alert there is no answer, whatever its tag. */
static void test_sealed_alert(void)
{
	static const struct { const char *talk; size_t alert; bool established; } list[] = {
		{ "13-aes128gcm", 19, false }, { "13-aes128gcm", 11, true },
		{ "13-ccm8", 11, false }, { "13-ccm8", 19, true },
	};
	static const uint8_t body[64];

	for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
		struct talk t;
		struct tls_rig r;
		talk_load(&t, list[k].talk);
		rig_one(&r);
		for (size_t i = 0; i < t.n && !r.s[0].tls[0]->server_hello; i++)
			if (t.event[i].kind == '>' || t.event[i].kind == '<')
				feed(&r, t.event[i].kind == '<', t.event[i].bytes);
		record(&r, FROM_CLIENT, CONTENT_DATA, (struct slice){ body, 60 });
		record(&r, FROM_SERVER, CONTENT_DATA, (struct slice){ body, list[k].alert });
		is(r.s[0].tls[0]->established, list[k].established);
		rig_end(&r);
		talk_free(&t);
	}
}

/* A wrong key is tried on a few records, then no more. */
static void test_wrong_key(void)
{
	static uint8_t body[1000];
	struct talk t;
	struct tls_rig r;

	talk_load(&t, "13-aes128gcm");
	for (size_t i = 0; i < t.keys.n; i++)
		if (i && t.keys.p[i] == '\n')
			t.keys.p[i - 1] = t.keys.p[i - 1] == '0' ? '1' : '0';
	tls_rig_init(&r, &(struct tls_options){ 0 });
	tls_shared_add_keys(r.sh, buf_slice(&t.keys));
	struct talk head = t;
	head.n--;	/* without its end */
	tls_rig_play(&r, &head);
	for (int i = 0; i < 10000; i++)
		record(&r, i % 2 ? FROM_SERVER : FROM_CLIENT, CONTENT_DATA,
		       (struct slice){ body, sizeof body });
	ok(r.s[0].tls[0]->key_mismatch && !r.s[0].tls[0]->decrypted);
	ok(r.sh->tried < 50);
	ok(r.s[0].bottom->deaf[0] && r.s[0].bottom->deaf[1]);
	rig_end(&r);
	talk_free(&t);
}

/* Records that wait for keys: so many bytes a session, so many in all, so long. */
static void test_waiting(void)
{
	static uint8_t body[16000];
	const char *const none[] = { "no-such-key-log" };
	struct talk t;
	struct tls_rig r;

	talk_load(&t, "13-aes128gcm");
	for (int small = 0; small < 2; small++) {
		tls_rig_init(&r, &(struct tls_options){ .keylogs = none, .n_keylogs = 1,
			.growing = true, .room = small ? 100000 : 0 });
		struct talk head = t;
		head.n--;
		tls_rig_play(&r, &head);
		for (int i = 0; i < 200; i++)
			record(&r, FROM_SERVER, CONTENT_DATA, (struct slice){ body, sizeof body });
		ok(r.most_outside < (small ? 140000u : (1u << 20) + 40000));
		ok(r.ev.n[EV_TLS_WAIT_FULL] > 100);
		ok(r.s[0].waiting);
		ok(!tls_shared_poll(r.sh, rig_now() + 29 * NS_PER_S));	/* nobody to look at */
		ok(r.s[0].waiting);
		ok(tls_shared_poll(r.sh, rig_now() + 31 * NS_PER_S));
		ok(!r.s[0].waiting);
		is(r.ev.n[EV_TLS_WAITED], 1);
		is(r.sh->held, 0);
		rig_end(&r);
	}
	talk_free(&t);
}

/* Keys come for a session of which not all records were kept: what was kept, then a gap. */
static void test_overflow(void)
{
	static uint8_t body[16000];
	const char *const none[] = { "no-such-key-log" };
	struct talk t;
	struct tls_rig r;

	talk_load(&t, "13-aes128gcm");
	tls_rig_init(&r, &(struct tls_options){ .keylogs = none, .n_keylogs = 1, .growing = true });
	struct talk head = t;
	head.n--;
	tls_rig_play(&r, &head);
	for (int i = 0; i < 100; i++)
		record(&r, FROM_SERVER, CONTENT_DATA, (struct slice){ body, sizeof body });
	tls_shared_add_keys(r.sh, buf_slice(&t.keys));
	tls_shared_poll(r.sh, rig_now());
	ok(strstr(tls_rig_told(&r), "client=sleep | /1 200 | /2 200") != NULL);
	is(r.sh->held, 0);
	rig_end(&r);
	talk_free(&t);
}

/* A gap costs the records it touches; the next header is found again, and proved by its MAC. */
static void test_gaps(void)
{
	struct talk t;
	struct tls_rig r;

	talk_load(&t, "13-update");
	for (int whole = 0; whole < 2; whole++) {
		size_t answers = 0;
		tls_rig_init(&r, &(struct tls_options){ 0 });
		tls_shared_add_keys(r.sh, buf_slice(&t.keys));
		for (size_t i = 0; i < t.n; i++) {
			const struct talk_event *e = &t.event[i];
			if (e->kind == 'c' || e->kind == 'e') {
				struct talk one = { .event = { *e }, .n = 1 };
				if (e->kind == 'c')
					tls_rig_play(&r, &one);
			} else if (e->kind == '<' && e->bytes.p[0] == CONTENT_DATA && ++answers == 2) {
				/* The first answer: its record's middle is missing, or all of it. */
				size_t from = whole ? 0 : 20, n = e->bytes.n - from - (whole ? 0 : 4);
				feed(&r, FROM_SERVER, (struct slice){ e->bytes.p, from });
				layer_gap(r.s[0].bottom, FROM_SERVER, n, rig_now());
				feed(&r, FROM_SERVER, slice_from(e->bytes, from + n));
			} else if (e->kind != 'k') {
				feed(&r, e->kind == '<' ? FROM_SERVER : FROM_CLIENT, e->bytes);
			}
		}
		ok(!r.s[0].tls[0]->key_mismatch && !r.s[0].tls[0]->malformed);
		ok(strstr(tls_rig_told(&r), "client=sleep | /1 0 | /5 200 | /2 200\n") != NULL);
		is(r.ev.n[EV_TLS_LOST], 1);
		ok(!r.s[0].bottom->deaf[FROM_SERVER]);
		rig_end(&r);
	}
	talk_free(&t);
}

/* The n-th record of the conversation is lost: its body, or all of it.  False: there is none. */
static bool play_without(struct tls_rig *r, const struct talk *t, size_t n, bool whole)
{
	bool there = false;

	for (size_t i = 0; i < t->n; i++) {
		struct slice b = t->event[i].bytes;
		enum dir d = t->event[i].kind == '<' ? FROM_SERVER : FROM_CLIENT;
		while (b.n >= 5) {
			size_t len = 5 + (size_t)(b.p[3] << 8 | b.p[4]), skip = whole ? 0 : 5;
			struct layer *l = r->s[0].bottom;
			if (n-- == 0) {
				there = true;
				layer_data(l, d, (struct slice){ b.p, skip }, rig_now());
				layer_gap(l, d, len - skip, rig_now());
			} else {
				layer_data(l, d, (struct slice){ b.p, len }, rig_now());
			}
			b = slice_from(b, len);
		}
	}
	return there;
}

/* Whichever record is lost: nothing is told that the whole does not tell, nobody is blamed. */
static void test_each_loss(const char *name, bool certificate)
{
	struct talk t;
	unsigned bad = 0, before = 0, recovered = 0, n = 0;

	talk_load(&t, name);
	for (bool there = true; there; n++) {
		for (int whole = 0; whole < 2; whole++) {
			struct tls_rig r;
			rig_one(&r);
			tls_shared_add_keys(r.sh, buf_slice(&t.keys));
			there = play_without(&r, &t, n, whole);
			layer_end(r.s[0].bottom, FROM_CLIENT, END_FIN, rig_now());
			layer_end(r.s[0].bottom, FROM_SERVER, END_FIN, rig_now());
			tls_shared_drain(r.sh, rig_now());
			const char *told = tls_rig_told(&r);
			bad += strstr(told, "malformed") || strstr(told, "mismatch") ||
				(certificate && strstr(told, "client=-"));
			if (bad > before)
				printf("# without record %u%s: %s", n, whole ? "" : "'s body", told);
			before = bad;
			recovered += strstr(told, "/1") && strstr(told, "/2");
			tls_rig_close(&r);
			bad += !tls_rig_clean(&r);
			tls_rig_release(&r);
		}
	}
	printf("# %s: %u records, both requests seen in %u of %u\n", name, n, recovered, 2 * n);
	is(bad, 0);
	ok(recovered > n);
	talk_free(&t);
}

/* After a gap, garbage that looks like headers: so many tries and no more. */
static void test_hunt(void)
{
	static uint8_t body[100];
	struct talk t;
	struct tls_rig r;

	talk_load(&t, "12-aes128gcm");
	tls_rig_init(&r, &(struct tls_options){ 0 });
	tls_shared_add_keys(r.sh, buf_slice(&t.keys));
	struct talk head = t;
	head.n--;
	tls_rig_play(&r, &head);
	uint64_t before = r.sh->tried;
	for (int i = 0; i < 5000; i++) {
		layer_gap(r.s[0].bottom, FROM_CLIENT, 0, rig_now());
		feed(&r, FROM_CLIENT, SLICE("\x17\3\3\0\x64"));
		feed(&r, FROM_CLIENT, (struct slice){ body, sizeof body });
	}
	ok(r.sh->tried - before <= 32 * 65);
	ok(!r.s[0].tls[0]->key_mismatch);
	ok(r.s[0].bottom->deaf[FROM_CLIENT]);
	rig_end(&r);
	talk_free(&t);
}

int main(void)
{
	test_each_loss("13-aes128gcm", true);
	test_each_loss("13-padding", true);
	test_each_loss("13-nocert", false);
	test_each_loss("12-aes128gcm", true);
	test_each_loss("12-cbc-sha-mte", true);
	test_each_loss("11-cbc-sha", true);
	test_each_loss("13-update", true);
	test_each_loss("13-hrr", true);
	test_hunt();
	test_tiny_records();
	test_empty_records();
	test_claims();
	test_bulk();
	test_sealed_alert();
	test_wrong_key();
	test_waiting();
	test_overflow();
	test_gaps();
	return tap_end();
}
