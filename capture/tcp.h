/*
 * tcp - connections out of segments: reassembly, and the table of all connections.
 *
 * Each connection is a session (session.h); its lowest layer is fed in stream
 * order.  Reordering is undone; repeats are dropped, and those that carry
 * other bytes are flagged; what was lost is told as a gap, never bridged.
 *
 * Memory: everything a connection holds (its facts, its layers' state, held
 * segments) counts against the budget; over it the connection idle longest is
 * ended (END_EVICTED) and counted.  Work for a segment is bounded: logarithmic
 * search among at most HELD_SEGMENTS held ones, and each byte is handed on at
 * most once.
 */
#ifndef CAPTURE_TCP_H
#define CAPTURE_TCP_H

#include "capture/segment.h"
#include "capture/session.h"

enum {
	HELD_SEGMENTS = 1024,		/* out-of-order segments kept for a direction */
	HELD_BYTES = 1024 * 1024,
	RECENT_BYTES = 64 * 1024,	/* bytes kept until acknowledged, to compare repeats with */
};

struct tcp;

/* What the table does at the end of a connection, before the session's memory goes. */
typedef void tcp_done(struct session *s, enum end_why why);

struct tcp_options {
	uint64_t budget;
	tcp_done *done;
	/* The lowest layer of a new stream: layer_detect in the program. */
	struct layer *(*bottom)(struct session *s, struct layer *below);
};

struct tcp *tcp_new(struct session_env *env, const struct tcp_options *o);
void tcp_segment(struct tcp *t, const struct segment *s);
void tcp_idle(struct tcp *t, int64_t now);	/* no packet came: let timeouts pass */
void tcp_end(struct tcp *t);			/* the source ended: END_EOF for all that is open */
void tcp_settled(struct tcp *t);		/* some session's `waiting` may have fallen */
void tcp_free(struct tcp **t);			/* NULL-safe */

/* For tests: bytes accounted now; segments compared or moved so far (work). */
uint64_t tcp_memory(const struct tcp *t);
uint64_t tcp_work(const struct tcp *t);

#endif
