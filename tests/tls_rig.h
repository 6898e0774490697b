/*
 * tls_rig - recorded TLS conversations (tests/tls/NAME.txt) through a TLS layer, told as text.
 *
 * A connection becomes one line: version, suite, what was learnt, and each request that came out:
 *	TLS1.3 TLS_AES_128_GCM_SHA256 alpn=http/1.1 established client=sleep | /1 200 | /2 200
 */
#ifndef TESTS_TLS_RIG_H
#define TESTS_TLS_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/detect.h"
#include "capture/session.h"
#include "capture/tls_crypto.h"
#include "capture/tls_shared.h"
#include "common/buf.h"
#include "common/clock.h"

enum { TALK_EVENTS = 256, RIG_SESSIONS = 4 };

struct talk_event {
	char kind;			/* '>' '<' 'c'onnection 'k'ey 'e'nd */
	struct slice bytes;
};

struct talk {
	struct arena *a;
	struct talk_event event[TALK_EVENTS];
	size_t n;
	struct buf keys;		/* the key log, as a file */
};

static inline const char *rig_path(const char *name)
{
	static char path[512];
	const char *dir = getenv("srcdir");

	snprintf(path, sizeof path, "%s/tests/tls/%s", dir ? dir : ".", name);
	return path;
}

static inline struct slice rig_unhex(struct arena *a, const char *s)
{
	size_t n = strcspn(s, "\r\n") / 2;
	uint8_t *p = arena_bytes(a, n);

	for (size_t i = 0; i < n; i++) {
		unsigned v;
		sscanf(s + 2 * i, "%2x", &v);
		p[i] = (uint8_t)v;
	}
	return (struct slice){ p, n };
}

static inline void talk_load(struct talk *t, const char *name)
{
	char *line = NULL, path[64];
	size_t size = 0;

	snprintf(path, sizeof path, "%s.txt", name);
	FILE *f = fopen(rig_path(path), "r");
	if (!f) {
		perror(rig_path(path));
		exit(1);
	}
	*t = (struct talk){ .a = arena_new(4 << 20) };
	buf_init(&t->keys, 1 << 20);
	while (getline(&line, &size, f) > 0 && t->n < TALK_EVENTS) {
		struct talk_event *e = &t->event[t->n++];
		e->kind = line[0];
		if (line[0] == '>' || line[0] == '<')
			e->bytes = rig_unhex(t->a, line + 2);
		else if (line[0] == 'k')
			buf_str(&t->keys, line + 4);
	}
	free(line);
	fclose(f);
}

static inline void talk_free(struct talk *t)
{
	arena_free(&t->a);
	buf_release(&t->keys);
}

struct tls_rig {
	struct tls_shared *sh;
	struct evidence ev;
	struct session_env env;
	struct session s[RIG_SESSIONS];
	struct buf http[RIG_SESSIONS];
	size_t n, chunk, budget;	/* chunk: bytes a call, 0: as recorded; budget: bytes in all */
	struct buf out;
	size_t most_outside;
};

static inline void tls_rig_emit(struct session *s, const struct layer *l,
				const struct http_exchange *x)
{
	struct tls_rig *r = s->env->emit_ctx;
	struct buf *b = &r->http[s->id];

	buf_str(b, l->tls > 1 ? " | inner " : " | ");
	buf_quote(b, x->target);
	buf_printf(b, " %d", x->status);
}

static inline void tls_rig_init(struct tls_rig *r, const struct tls_options *o)
{
	struct err e;

	*r = (struct tls_rig){ .budget = SIZE_MAX };
	r->sh = tls_shared_new(o, &r->ev, &e);
	if (!r->sh) {
		printf("# %s\n", e.msg);
		exit(1);
	}
	r->env = (struct session_env){ .ev = &r->ev, .tls = r->sh, .emit = tls_rig_emit, .emit_ctx = r };
	buf_init(&r->out, 1 << 16);
}

/* The time of the recordings: within the validity of their certificates. */
static inline int64_t rig_now(void)
{
	return clock_days(2030, 1, 1) * 86400 * NS_PER_S;
}

static inline void tls_rig_bytes(struct tls_rig *r, struct session *s, enum dir d, struct slice b)
{
	while (b.n && r->budget) {
		size_t n = r->chunk && r->chunk < b.n ? r->chunk : b.n;
		n = n < r->budget ? n : r->budget;
		layer_data(s->bottom, d, (struct slice){ b.p, n }, rig_now());
		b = slice_from(b, n);
		r->budget -= n;
		if (s->outside > r->most_outside)
			r->most_outside = s->outside;
	}
}

static inline void tls_rig_play(struct tls_rig *r, const struct talk *t)
{
	struct session *s = NULL;

	for (size_t i = 0; i < t->n; i++) {
		const struct talk_event *e = &t->event[i];
		switch (e->kind) {
		case 'c':
			s = &r->s[r->n];
			*s = (struct session){ .env = &r->env, .id = r->n };
			buf_init(&r->http[r->n++], 1 << 16);
			s->bottom = layer_tls(s, NULL);
			break;
		case '>':
			tls_rig_bytes(r, s, FROM_CLIENT, e->bytes);
			break;
		case '<':
			tls_rig_bytes(r, s, FROM_SERVER, e->bytes);
			break;
		case 'e':
			layer_end(s->bottom, FROM_CLIENT, END_FIN, rig_now());
			layer_end(s->bottom, FROM_SERVER, END_FIN, rig_now());
			break;
		}
	}
}

static inline void rig_identity(struct buf *b, const char *what, const struct cert_facts *leaf,
				unsigned n)
{
	struct slice uri = n && leaf->uri.n ? leaf->uri.item[0] : SLICE("-");
	size_t at = uri.n;

	while (at && uri.p[at - 1] != '/')
		at--;
	buf_printf(b, " %s=", what);
	buf_quote(b, slice_from(uri, at));
}

static inline void rig_facts(struct buf *b, const struct tls_facts *f)
{
	const struct { bool on; const char *word; } words[] = {
		{ f->established, "established" }, { f->failed, "failed" }, { f->resumed, "resumed" },
		{ f->retry, "retry" }, { f->early_data, "early" }, { f->certificate_request, "asked" },
		{ f->decrypted, "decrypted" }, { f->key_mismatch, "mismatch" },
		{ f->malformed, "malformed" },
	};

	buf_printf(b, "%04x", f->version);
	if (f->server_hello && tls_suite(f->cipher))
		buf_printf(b, " %s", tls_suite(f->cipher)->name + 4);
	if (f->alpn_known) {
		buf_str(b, " alpn=");
		buf_quote(b, f->alpn.n ? f->alpn : SLICE("-"));
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].on)
			buf_printf(b, " %s", words[i].word);
	if (f->client_certs_known)
		rig_identity(b, "client", f->client_chain, f->n_client);
	if (f->resumed_known)
		rig_identity(b, "resumed", f->resumed_from, f->n_resumed);
	if (f->handshakes > 1)
		buf_printf(b, " handshakes=%d", f->handshakes);
}

/* What came out, a line a connection; valid until tls_rig_release. */
static inline const char *tls_rig_told(struct tls_rig *r)
{
	buf_clear(&r->out);
	for (size_t i = 0; i < r->n; i++) {
		if (r->s[i].tls[0])
			rig_facts(&r->out, r->s[i].tls[0]);
		buf_add(&r->out, buf_slice(&r->http[i]));
		buf_byte(&r->out, '\n');
	}
	buf_byte(&r->out, 0);
	return (const char *)r->out.p;
}

static inline bool tls_rig_clean(const struct tls_rig *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->s[i].outside || r->s[i].waiting)
			return false;
	return true;
}

static inline void tls_rig_close(struct tls_rig *r)
{
	for (size_t i = 0; i < r->n; i++)
		layer_release(&r->s[i].bottom);
}

static inline void tls_rig_release(struct tls_rig *r)
{
	tls_rig_close(r);
	for (size_t i = 0; i < r->n; i++) {
		arena_free(&r->s[i].arena);
		buf_release(&r->http[i]);
	}
	buf_release(&r->out);
	tls_shared_free(&r->sh);
}

#endif
