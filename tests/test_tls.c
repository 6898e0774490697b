/* Recorded conversations through the TLS layer: every suite, every way a handshake goes. */
#include "tests/tls_rig.h"

#include <unistd.h>

#include "tests/tap.h"

static const struct {
	const char *name;
	const char *with_keys, *without;
} talks[] = {
#include "tests/tls_talks.h"
};

static void told_is(struct tls_rig *r, const char *want, const char *name, const char *how)
{
	char what[128];
	const char *got = tls_rig_told(r);

	snprintf(what, sizeof what, "%s, %s", name, how);
	if (!tap_ok(strcmp(got, want) == 0, what, __FILE__, __LINE__))
		printf("# got  %s# want %s", got, want);
}

static void rig_keys(struct tls_rig *r, const struct talk *t)
{
	tls_rig_init(r, &(struct tls_options){ 0 });
	tls_shared_add_keys(r->sh, buf_slice(&t->keys));
}

static void each_chunk(const struct talk *t, size_t i)
{
	static const size_t chunks[] = { 0, 1, 7, 1400 };
	char how[32];

	for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++) {
		struct tls_rig r;
		rig_keys(&r, t);
		r.chunk = chunks[k];
		snprintf(how, sizeof how, "chunks of %zu", chunks[k]);
		tls_rig_play(&r, t);
		tls_shared_drain(r.sh, rig_now());
		told_is(&r, talks[i].with_keys, talks[i].name, how);
		tls_rig_close(&r);
		ok(tls_rig_clean(&r));
		tls_rig_release(&r);
	}
}

static void no_keys(const struct talk *t, size_t i)
{
	struct tls_rig r;

	tls_rig_init(&r, &(struct tls_options){ 0 });
	tls_rig_play(&r, t);
	told_is(&r, talks[i].without, talks[i].name, "without keys");
	/* Nothing protected is copied, and what was collected is gone. */
	ok(tls_rig_clean(&r));
	tls_rig_release(&r);
}

/* The key log is written after the connections have ended. */
static void late_keys(const struct talk *t, size_t i)
{
	char path[] = "tls-late-XXXXXX";
	int fd = mkstemp(path);
	const char *const paths[] = { path };
	struct tls_rig r;

	tls_rig_init(&r, &(struct tls_options){ .keylogs = paths, .n_keylogs = 1, .growing = true });
	tls_rig_play(&r, t);
	size_t half = t->keys.n / 2;	/* in the middle of a line */
	ok(write(fd, t->keys.p, half) == (ssize_t)half);
	tls_shared_poll(r.sh, rig_now());
	ok(write(fd, t->keys.p + half, t->keys.n - half) == (ssize_t)(t->keys.n - half));
	tls_shared_poll(r.sh, rig_now() + NS_PER_S);
	tls_shared_drain(r.sh, rig_now());
	told_is(&r, talks[i].with_keys, talks[i].name, "keys after the end");
	ok(!r.s[0].waiting);
	tls_rig_release(&r);
	close(fd);
	unlink(path);
}

/* Every secret is wrong in its last digit: nothing comes out, and that is said. */
static void wrong_keys(const struct talk *t, size_t i)
{
	struct tls_rig r;

	for (size_t k = 1; k < t->keys.n; k++)
		if (t->keys.p[k] == '\n')
			t->keys.p[k - 1] ^= 1;	/* '0' and '1', 'a' and '`': hex or a bad line */
	rig_keys(&r, t);
	tls_rig_play(&r, t);
	tls_shared_drain(r.sh, rig_now());
	const char *got = tls_rig_told(&r);
	ok(!strstr(got, "decrypted") && !strstr(got, " | /"));
	ok(r.ev.n[EV_TLS_KEY_MISMATCH] || r.ev.n[EV_KEYLOG_BAD] || r.ev.n[EV_TLS_KEYS_PARTIAL]);
	tls_rig_release(&r);
	(void)i;
}

/* Some of the secrets only: what they open is told, the rest is unknown, nobody is blamed. */
static const struct {
	const char *talk, *labels, *want;	/* labels: beginnings of the lines that are kept */
} partial[] = {
	{ "13-aes128gcm", "CLIENT_TRAFFIC SERVER_TRAFFIC",
	  "0304 AES_128_GCM_SHA256 established decrypted | /1 200 | /2 200\n" },
	{ "13-aes128gcm", "CLIENT_HANDSHAKE SERVER_HANDSHAKE",
	  "0304 AES_128_GCM_SHA256 alpn=http/1.1 established asked decrypted client=sleep\n" },
	{ "13-aes128gcm", "CLIENT_TRAFFIC",
	  "0304 AES_128_GCM_SHA256 established decrypted | /1 0 | /2 0\n" },
	{ "13-aes128gcm", "SERVER_HANDSHAKE", "0304 AES_128_GCM_SHA256 alpn=http/1.1 asked decrypted\n" },
	{ "13-nocert", "SERVER_HANDSHAKE SERVER_TRAFFIC CLIENT_TRAFFIC",
	  "0304 AES_128_GCM_SHA256 alpn=http/1.1 established decrypted | /1 200 | /2 200\n" },
};

static bool kept(struct slice line, const char *labels)
{
	while (*labels) {
		size_t n = strcspn(labels, " ");
		if (slice_starts(line, (struct slice){ (const uint8_t *)labels, n }))
			return true;
		labels += n + (labels[n] == ' ');
	}
	return false;
}

static void partial_keys(size_t i)
{
	struct talk t;
	struct tls_rig r;
	struct slice keys;

	talk_load(&t, partial[i].talk);
	tls_rig_init(&r, &(struct tls_options){ 0 });
	for (keys = buf_slice(&t.keys); keys.n;) {
		size_t n = (size_t)((const uint8_t *)memchr(keys.p, '\n', keys.n) + 1 - keys.p);
		struct slice line = { keys.p, n };
		if (kept(line, partial[i].labels))
			tls_shared_add_keys(r.sh, line);
		keys = slice_from(keys, n);
	}
	tls_rig_play(&r, &t);
	tls_shared_drain(r.sh, rig_now());
	told_is(&r, partial[i].want, partial[i].talk, partial[i].labels);
	ok(r.ev.n[EV_TLS_KEYS_PARTIAL] && !r.ev.n[EV_TLS_KEY_MISMATCH]);
	tls_rig_release(&r);
	talk_free(&t);
}

/* The bytes of the nth connection's first flight: its ClientHello. */
static struct slice hello_of(const struct talk *t, unsigned nth)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->event[i].kind == 'c' && !nth--)
			return t->event[i + 1].bytes;
	return (struct slice){ NULL, 0 };
}

/*
 * Some libraries log a master secret once, not again where it is resumed.  `another_id`: the client
 * does not get its session id back, and only what the server leaves out says that it resumes.
 */
static void logged_once(const char *name, const char *want, bool another_id)
{
	enum { SESSION_ID = 5 + 4 + 2 + 32 + 1 };
	struct talk t;
	struct tls_rig r;

	talk_load(&t, name);
	struct slice line = buf_slice(&t.keys), hello = hello_of(&t, 1);
	line.n = (size_t)((const uint8_t *)memchr(line.p, '\n', line.n) + 1 - line.p);
	if (another_id)
		((uint8_t *)(uintptr_t)hello.p)[SESSION_ID] ^= 1;
	tls_rig_init(&r, &(struct tls_options){ 0 });
	tls_shared_add_keys(r.sh, line);
	tls_rig_play(&r, &t);
	tls_shared_drain(r.sh, rig_now());
	told_is(&r, want, name, another_id ? "one line of keys, another id" : "one line of keys");
	tls_rig_release(&r);
	talk_free(&t);
}

/* The two connections' bytes come in the wrong order: the resumed one's handshake first. */
static void resumed_first(const char *name, const char *without)
{
	struct talk t, late;
	struct tls_rig r;
	struct session *s = &r.s[0];
	size_t second = 1;

	talk_load(&t, name);
	tls_rig_init(&r, &(struct tls_options){ 0 });
	while (t.event[second].kind != 'c')
		second++;
	late = t;
	late.n -= second;
	memmove(late.event, t.event + second, late.n * sizeof *late.event);
	late.n -= late.event[late.n - 1].kind == 'e';	/* it ends last */
	t.n = second;
	tls_rig_play(&r, &late);
	tls_rig_play(&r, &t);
	layer_end(s->bottom, FROM_CLIENT, END_FIN, rig_now());
	layer_end(s->bottom, FROM_SERVER, END_FIN, rig_now());
	const char *told = tls_rig_told(&r);
	ok(strstr(told, "resumed=sleep") && strlen(told) == strlen(without));
	tls_rig_release(&r);
	talk_free(&t);
}

static void test_logged_once(void)
{
	for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
		bool ticket = !strcmp(talks[i].name, "12-ticket");
		if (ticket || !strcmp(talks[i].name, "12-session-id"))
			logged_once(talks[i].name, talks[i].with_keys, false);
		if (ticket || !strcmp(talks[i].name, "12-session-id"))
			resumed_first(talks[i].name, talks[i].without);
		if (ticket)
			logged_once(talks[i].name, talks[i].with_keys, true);
	}
}

/* The other direction was not captured: no crash, and nothing that it alone could say. */
static void one_side(const struct talk *t, char kind)
{
	struct talk half = *t;
	struct tls_rig r;

	for (size_t i = 0; i < half.n; i++)
		if (half.event[i].kind == kind)
			half.event[i].bytes.n = 0;
	rig_keys(&r, &half);
	tls_rig_play(&r, &half);
	tls_shared_drain(r.sh, rig_now());
	ok(!strstr(tls_rig_told(&r), "mismatch") && !strstr(tls_rig_told(&r), "malformed"));
	ok(kind == '>' ? !r.s[0].tls[0]->client_hello : !r.s[0].tls[0]->server_hello);
	tls_rig_close(&r);
	ok(tls_rig_clean(&r));
	tls_rig_release(&r);
}

static void count_certificate(void *ctx, const struct certificate *c)
{
	unsigned *n = ctx;

	n[slice_is(c->role, "client") ? 0 : slice_is(c->role, "server") ? 1 : 2]++;
}

/* Each chain is told when it is first seen, and not with every connection that shows it. */
static void test_told_certificates(void)
{
	struct talk t;
	struct tls_rig r;
	unsigned n[3] = { 0 };

	talk_load(&t, "12-aes128gcm");
	tls_rig_init(&r, &(struct tls_options){
		.certificate = count_certificate, .certificate_ctx = n });
	tls_rig_play(&r, &t);
	tls_rig_play(&r, &t);
	ok(n[0] == 1 && n[1] == 1 && n[2] == 2);
	tls_rig_release(&r);
	talk_free(&t);
}

/* A connection that stops anywhere: no crash, nothing that the whole does not say either. */
static void every_prefix(const struct talk *t, bool each)
{
	size_t total = 0, bad = 0, step;

	for (size_t i = 0; i < t->n; i++)
		total += t->event[i].bytes.n;
	step = each ? 1 : 61;
	for (size_t n = 0; n < total; n += step) {
		struct tls_rig r;
		rig_keys(&r, t);
		r.budget = n;
		tls_rig_play(&r, t);
		tls_shared_drain(r.sh, rig_now());
		bad += strstr(tls_rig_told(&r), "malformed") != NULL;
		bad += strstr(tls_rig_told(&r), "mismatch") != NULL;
		tls_rig_close(&r);
		bad += !tls_rig_clean(&r);
		tls_rig_release(&r);
	}
	is(bad, 0);
}

int main(void)
{
	for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
		struct talk t;
		talk_load(&t, talks[i].name);
		each_chunk(&t, i);
		no_keys(&t, i);
		late_keys(&t, i);
		every_prefix(&t, i % 16 == 0);
		one_side(&t, '>');
		one_side(&t, '<');
		wrong_keys(&t, i);
		talk_free(&t);
	}
	for (size_t i = 0; i < sizeof partial / sizeof *partial; i++)
		partial_keys(i);
	test_logged_once();
	test_told_certificates();
	return tap_end();
}
