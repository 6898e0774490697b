/*
 * conn - one TCP connection: its session and the state of both directions.
 *
 * Shared by tcp.c (events), stream.c (order) and conn.c (table, lists, budget).
 */
#ifndef CAPTURE_CONN_H
#define CAPTURE_CONN_H

#include "capture/held.h"
#include "capture/segment.h"
#include "capture/session.h"
#include "capture/tcp.h"
#include "common/hash.h"

/* Bytes handed on and not yet acknowledged: [next - n, next). */
struct recent {
	uint32_t n, cap;
	uint8_t bytes[];
};

struct half {
	uint32_t next;			/* the byte expected next */
	uint32_t una;			/* highest acknowledgement by the other side */
	uint32_t top, low;		/* highest end, and lowest beginning, of data seen */
	uint32_t fin_seq, fin_ack;
	uint32_t isn;			/* of its SYN; before that was seen, what it would be */
	uint32_t at;			/* lowest seq without payload, before any; where `placed` */
	uint32_t again;			/* of a SYN that is not the same, where `asks` */
	uint32_t window;		/* largest offered by this side, scaled */
	uint8_t shift;
	uint8_t strange;		/* segments in a row outside the window */
	bool known;			/* next is */
	bool syn, fin, fin_has_ack, acked, topped, ended, window_known, fed;
	bool placed;
	bool asks;			/* see tcp.c: reused */
	bool sums;			/* this side's checksums are filled in: one was right */
	struct held *held;
	struct held *doubt;		/* segments with a wrong checksum: see stream_doubt */
	struct recent *recent;
};

/*
 * OPENING: no payload yet.  STALLED: holds segments that wait for others.  CLOSING: reset, or both
 * sides have sent FIN.  WAITING: over, but a layer waits for keys.
 * GONE: its flows are out; the shell catches late packets.
 */
enum conn_list { LIST_OPENING, LIST_OPEN, LIST_STALLED, LIST_CLOSING, LIST_WAITING, LIST_GONE, LISTS };

/* The first cache line is what finding and listing it touches; then the session's addresses. */
struct conn {
	struct conn *chain;		/* in the hash bucket */
	uint32_t hash;
	struct conn *older, *newer;	/* in its list */
	int64_t touched, stalled;
	size_t accounted;
	uint8_t list;			/* enum conn_list */
	uint8_t why;			/* enum end_why, once over */
	bool oriented;			/* who is the client is settled */
	bool reset;
	bool tried;			/* a bottom layer was asked for */
	struct session s;
	struct half half[2];
};

struct conn_lru {
	struct conn *oldest, *newest;
};

/* base <= n < 2 * base, base a power of two; used: connections in them. */
struct conn_buckets {
	struct conn **at;
	size_t n, base, room, used;
};

struct tcp {
	struct session_env *env;
	struct tcp_options o;
	uint64_t memory, work;
	uint64_t connections;
	int64_t now;
	int64_t quiet;			/* nothing times out up to then */
	struct conn_buckets buckets;
	struct hash_pairs secret;	/* of the buckets' hash */
	struct conn_lru lru[LISTS];
};

/* conn.c */
void conn_buckets_init(struct tcp *t);
struct conn *conn_find(struct tcp *t, const struct segment *s, uint32_t *hash);
struct conn *conn_new(struct tcp *t, const struct segment *s, uint32_t hash, bool src_is_client);
enum conn_list conn_list_of(const struct conn *c);	/* where an open one belongs */
void conn_touch(struct tcp *t, struct conn *c, enum conn_list list);
void conn_account(struct tcp *t, struct conn *c);
void conn_remove(struct tcp *t, struct conn *c);
/* Tell the layers that it is over; then to LIST_WAITING, or conn_close. */
void conn_finish(struct tcp *t, struct conn *c, enum end_why why);
/* Tell the table's owner; keeps an empty shell in LIST_GONE. */
void conn_close(struct tcp *t, struct conn *c);
static inline bool conn_over(const struct conn *c)
{
	return c->list == LIST_WAITING || c->list == LIST_GONE;
}
void conn_swap(struct conn *c);		/* the other side is the client */
void conn_expire(struct tcp *t);	/* ends what timed out; a few a call */
void conn_enforce(struct tcp *t, const struct conn *spare);	/* the budget */

/* stream.c */
void stream_add(struct tcp *t, struct conn *c, enum dir d, const struct segment *s, uint32_t seq);
void stream_acked(struct half *h, uint32_t ack);
/* A segment whose checksum is wrong: put aside.  False: no room, it is dropped. */
bool stream_doubt(struct tcp *t, struct conn *c, enum dir d, const struct segment *s);
/* The receiver acknowledged up to h->una: take, or forget, what was put aside. */
void stream_resolve(struct tcp *t, struct conn *c, enum dir d);
/* Hand on what can be; force: also what waits for bytes that will not come. */
void stream_settle(struct tcp *t, struct conn *c, bool force);
bool stream_deaf(const struct conn *c, enum dir d);	/* nobody needs its bytes */
void stream_release(struct half *h);

#endif
