/*
 * http_rig - a session for tests of the HTTP layers: no packets, emitted exchanges as text.
 *
 * One line an exchange:
 *	GET host /path -> 200 v11 sent=0 received=5 [marks]
 * A field that is not known is "?".
 */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include <string.h>

#include "capture/session.h"
#include "capture/tls_shared.h"
#include "common/buf.h"

struct rig {
	struct session s;
	struct session_env env;
	struct evidence ev;
	struct buf out;
	unsigned told;
	size_t most_outside;
};

static inline void rig_word(struct buf *b, struct slice s)
{
	if (s.n)
		buf_quote(b, s);
	else
		buf_str(b, "?");
}

static inline void rig_emit(struct session *s, const struct layer *l, const struct http_exchange *x)
{
	struct rig *r = s->env->emit_ctx;
	struct buf *b = &r->out;
	const struct { bool on; const char *mark; } marks[] = {
		{ x->several_hosts, "hosts" }, { x->ambiguous_length, "length" },
		{ x->bad_chunk, "chunk" }, { x->odd_header, "odd" },
		{ x->authorization, "authorization" }, { x->cookie, "cookie" },
		{ x->headers_unknown, "headers-unknown" }, { x->upgraded, "upgraded" },
		{ x->head_partial, "partial" },
	};

	r->told++;
	for (int i = 0; i < l->depth; i++)
		buf_byte(b, '+');
	rig_word(b, x->method);
	buf_byte(b, ' ');
	rig_word(b, x->authority);
	buf_byte(b, ' ');
	rig_word(b, x->target);
	if (x->status)
		buf_printf(b, " -> %d", x->status);
	else
		buf_str(b, " -> ?");
	buf_printf(b, " v%d sent=%llu received=%llu", x->version, (unsigned long long)x->sent,
		   (unsigned long long)x->received);
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (marks[i].on)
			buf_printf(b, " %s", marks[i].mark);
	if (x->grpc_status.n) {
		buf_str(b, " grpc-status=");
		buf_quote(b, x->grpc_status);
	}
	if (x->upgraded && s->tls[l->tls]) {
		buf_str(b, " inside=");
		buf_quote(b, s->tls[l->tls]->sni);
	}
	if (x->headers.n) {
		buf_byte(b, ' ');
		buf_quote(b, x->headers);
	}
	buf_byte(b, '\n');
}

/* The policies of the tests read headers whose names begin with "x-want". */
static inline bool rig_want(void *ctx, struct slice name)
{
	(void)ctx;
	return slice_starts(name, SLICE("x-want"));
}

/* Tunnels may carry TLS, whose layers share this; one for all rigs of a program. */
static inline struct tls_shared *rig_tls(void)
{
	static struct tls_shared *tls;
	static struct evidence ev;
	struct tls_options none = { 0 };
	struct err e;

	if (!tls)
		tls = tls_shared_new(&none, &ev, &e);
	return tls;
}

static inline void rig_init(struct rig *r, struct layer *(*make)(struct session *, struct layer *))
{
	memset(r, 0, sizeof *r);
	r->env.ev = &r->ev;
	r->env.tls = rig_tls();
	r->env.emit = rig_emit;
	r->env.emit_ctx = r;
	r->s.env = &r->env;
	r->s.syn = r->s.synack = true;
	buf_init(&r->out, 1 << 20);
	r->s.bottom = make(&r->s, NULL);
}

static inline void rig_end(struct rig *r, int64_t ts)
{
	layer_end(r->s.bottom, FROM_CLIENT, END_FIN, ts);
	layer_end(r->s.bottom, FROM_SERVER, END_FIN, ts);
}

static inline void rig_release(struct rig *r)
{
	layer_release(&r->s.bottom);
	arena_free(&r->s.arena);
	buf_release(&r->out);
}

#endif
