/*
 * http1_part - what the files of the HTTP/1 layer share: the two sides and the queue of exchanges.
 *
 * http1.c moves bytes, http1_message.c reads heads, http1_queue.c keeps what waits for its answer.
 */
#ifndef CAPTURE_HTTP1_PART_H
#define CAPTURE_HTTP1_PART_H

#include "capture/http1.h"
#include "capture/http1_head.h"
#include "capture/http_slot.h"
#include "common/buf.h"

enum state {
	S_START, S_HEAD, S_BODY, S_CLOSE, S_CHUNK_SIZE, S_CHUNK, S_CHUNK_END, S_TRAILER,
	S_HOLD, S_TUNNEL, S_RESYNC, S_LOST
};

struct side {
	enum state st;
	uint64_t left;			/* of the body or chunk */
	struct http1_framing f;
	struct buf line;		/* the beginning of a line; in HOLD, bytes held back */
	bool long_line;			/* its end is skipped */
	bool interim;			/* the head being read is a 1xx */
	bool seen, ended;		/* bytes or a gap; the end */
	struct http_slot *now;		/* the exchange this side's message belongs to */
};

struct http1 {
	struct layer l;
	struct side side[2];
	struct http_slot *first, *last, *spare;
	struct http_slot *asking, *answering;	/* all before have `asked`, `answered`: see http1_queue.c */
	unsigned pending, strays;
	size_t held;
	bool uncertain;			/* requests were lost and their answers not yet seen */
};

/* http1.c */
void http1_data(struct layer *l, enum dir d, struct slice bytes, int64_t ts);

/* http1_message.c */
void http1_request_start(struct http1 *h, struct slice line, int64_t ts);
void http1_response_start(struct http1 *h, struct slice line, bool bare, int64_t ts);
void http1_head_line(struct http1 *h, enum dir d, struct slice line, int64_t ts);
void http1_message_done(struct http1 *h, enum dir d, int64_t ts);
bool http1_simple_response(struct http1 *h);
/* A start line that a loss or the end cut off still tells the whole words of it. */
void http1_cut_request(struct http1 *h, int64_t ts);

/* http1_queue.c */
struct http_slot *http1_append(struct http1 *h);
struct http_slot *http1_take_first(struct http1 *h);
struct http_slot *http1_unasked(struct http1 *h);	/* the first without request, or NULL */
struct http_slot *http1_unanswered(struct http1 *h);	/* the first without answer, or NULL */
void http1_tell_done(struct http1 *h);		/* emit from the front whatever is complete */
void http1_give_up_answers(struct http1 *h);	/* nothing more will be known of them */
void http1_tell_all(struct http1 *h);
bool http1_queue_full(struct http1 *h);		/* counted */
void http1_lose(struct http1 *h, enum dir d);	/* the framing is broken: deaf from here on */
void http1_switch(struct http1 *h, struct http_slot *k, int64_t ts);	/* 101, or CONNECT and 2xx */
void http1_to_http2(struct http1 *h, int64_t ts);
void http1_refuse_connect(struct http1 *h, int64_t ts);
void http1_feed_above(struct http1 *h, enum dir d, struct slice bytes, int64_t ts);

static inline void http1_count_body(struct side *sd, enum dir d, uint64_t n)
{
	if (sd->now)
		*(d == FROM_CLIENT ? &sd->now->x.sent : &sd->now->x.received) += n;
}

#endif
