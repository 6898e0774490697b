/*
 * layer - one protocol seen on a connection's two byte streams.
 *
 * A connection is a stack of layers.  TCP reassembly (tcp.c) feeds the lowest
 * one; a layer that carries another protocol (TLS with keys, PROXY, CONNECT)
 * makes the next by layer_detect and feeds it the bytes it unwrapped.  A
 * layer turns bytes into facts of the session (session.h) and never into
 * flows: emit.c alone does that.
 *
 * Contract of `data`: bytes of one direction, in stream order, each byte once;
 * borrowed until return.  A loss is told by `gap`, never bridged: after it the
 * layer resynchronises or stops looking.  `end` comes at most once a
 * direction.  No call takes more than time linear in the bytes given, and
 * state held between calls is bounded by the session's arena.
 */
#ifndef CAPTURE_LAYER_H
#define CAPTURE_LAYER_H

#include <stdint.h>

#include "common/cursor.h"

enum dir { FROM_CLIENT, FROM_SERVER };	/* client: who sent the SYN (or best guess) */

enum { LAYER_DEPTH = 6 };		/* nesting limit; deeper bytes are counted, not decoded */

enum end_why { END_FIN, END_RST, END_IDLE, END_EOF, END_EVICTED };

struct layer;
struct session;

struct layer_ops {
	const char *name;
	void (*data)(struct layer *l, enum dir d, struct slice bytes, int64_t ts);
	void (*gap)(struct layer *l, enum dir d, uint64_t n, int64_t ts);	/* n = 0: length unknown */
	void (*end)(struct layer *l, enum dir d, enum end_why why, int64_t ts);
	void (*release)(struct layer *l);	/* frees what is not in the session's arena */
};

/* First member of every layer's own struct; lives in the session's arena. */
struct layer {
	const struct layer_ops *ops;
	struct session *s;
	struct layer *above;	/* what this layer feeds, or NULL */
	uint8_t depth;		/* 0: directly on TCP */
};

static inline void layer_data(struct layer *l, enum dir d, struct slice bytes, int64_t ts)
{
	if (l && bytes.n)
		l->ops->data(l, d, bytes, ts);
}

static inline void layer_gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	if (l)
		l->ops->gap(l, d, n, ts);
}

static inline void layer_end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	if (l)
		l->ops->end(l, d, why, ts);
}

void layer_release(struct layer **l);	/* NULL-safe; releases those above first */

/*
 * The layer that looks at the first bytes and becomes the right one: PROXY preamble, TLS, HTTP/2
 * preface, HTTP/1, else opaque (detect.c).  NULL at LAYER_DEPTH or where the arena is full.
 */
struct layer *layer_detect(struct session *s, uint8_t depth);

/* The protocols.  Each takes over at a stream position where the protocol begins. */
struct layer *layer_tls(struct session *s, uint8_t depth);
struct layer *layer_http1(struct session *s, uint8_t depth);
struct layer *layer_http2(struct session *s, uint8_t depth);
struct layer *layer_proxy(struct session *s, uint8_t depth);

#endif
