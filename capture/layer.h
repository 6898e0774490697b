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
 * borrowed until return.  Between the directions the order is causal as far
 * as the packets tell (what a peer answers comes after what it answers to),
 * but not where packets were lost or one side was not captured: a layer must
 * stand server bytes that come first.  A loss is told by `gap`, never bridged:
 * after it the layer resynchronises or stops looking.  `end` comes at most
 * once a direction.  No call takes more than time linear in the bytes given,
 * and state held between calls is bounded by the session's arena.
 *
 * A layer that needs no more bytes of a direction sets deaf[d]: who feeds it
 * may then skip them (no copy, no decryption; gaps are not told), and still
 * calls `end`.
 */
#ifndef CAPTURE_LAYER_H
#define CAPTURE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

enum dir { FROM_CLIENT, FROM_SERVER };	/* client: who sent the SYN (or best guess) */

static inline enum dir dir_other(enum dir d)
{
	return d == FROM_CLIENT ? FROM_SERVER : FROM_CLIENT;
}

enum { LAYER_DEPTH = 6 };		/* nesting limit; deeper bytes are counted, not decoded */

enum end_why { END_FIN, END_RST, END_IDLE, END_EOF, END_EVICTED };

struct layer;
struct session;

struct layer_ops {
	const char *name;
	bool tls;		/* what stands above is inside TLS */
	void (*data)(struct layer *l, enum dir d, struct slice bytes, int64_t ts);
	void (*gap)(struct layer *l, enum dir d, uint64_t n, int64_t ts);	/* n = 0: length unknown */
	void (*end)(struct layer *l, enum dir d, enum end_why why, int64_t ts);
	void (*release)(struct layer *l);	/* frees what is not in the session's arena; may be NULL */
};

/* First member of every layer's own struct; lives in the session's arena. */
struct layer {
	const struct layer_ops *ops;
	struct session *s;
	struct layer *above;	/* what this layer feeds, or NULL */
	uint8_t depth;		/* 0: directly on TCP */
	uint8_t tls;		/* TLS layers beneath: a TLS layer's facts are session_tls(s, l->tls) */
	bool deaf[2];
};

static inline void layer_data(struct layer *l, enum dir d, struct slice bytes, int64_t ts)
{
	if (l && bytes.n && !l->deaf[d])
		l->ops->data(l, d, bytes, ts);
}

static inline void layer_gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	if (l && !l->deaf[d])
		l->ops->gap(l, d, n, ts);
}

static inline void layer_end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	if (l)
		l->ops->end(l, d, why, ts);
}

/*
 * A zeroed object of `size` whose first member is its struct layer, filled in, standing on `below`
 * (NULL: on TCP).  The caller puts it into below->above.  NULL at LAYER_DEPTH or where the arena
 * is full (counted).
 */
struct layer *layer_make(size_t size, const struct layer_ops *ops, struct session *s,
			 struct layer *below);

void layer_release(struct layer **l);	/* NULL-safe; releases those above first */

/*
 * The layer that looks at the first bytes and becomes the right one: PROXY preamble, TLS, HTTP/2
 * preface, HTTP/1, else opaque (detect.c).
 */
struct layer *layer_detect(struct session *s, struct layer *below);

/* The protocols.  Each takes over at a stream position where the protocol begins. */
struct layer *layer_tls(struct session *s, struct layer *below);
struct layer *layer_http1(struct session *s, struct layer *below);
struct layer *layer_http2(struct session *s, struct layer *below);
struct layer *layer_proxy(struct session *s, struct layer *below);

#endif
