/*
 * http2_part - what the files of the HTTP/2 layer share.
 *
 * http2.c cuts frames, http2_hpack.c decodes header blocks, http2_stream.c keeps the streams,
 * http2_tunnel.c looks into those of an accepted CONNECT.
 */
#ifndef CAPTURE_HTTP2_PART_H
#define CAPTURE_HTTP2_PART_H

#include <nghttp2/nghttp2.h>

#include "capture/http2.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/map.h"

/* RFC 9113 section 6. */
enum { H2_DATA, H2_HEADERS, H2_PRIORITY, H2_RST_STREAM, H2_SETTINGS, H2_PUSH_PROMISE, H2_PING,
       H2_GOAWAY, H2_WINDOW_UPDATE, H2_CONTINUATION };
enum { H2_END_STREAM = 0x1, H2_ACK = 0x1, H2_END_HEADERS = 0x4, H2_PADDED = 0x8,
       H2_PRIORITY_FLAG = 0x20 };

/* What an accepted CONNECT carries: a byte stream with layers, and memory, of its own. */
struct h2_tunnel {
	struct layer *above;		/* NULL: not accepted yet, or not looked into */
	struct arena *arena;		/* in place of the session's while it is fed or told */
	size_t counted;			/* of it and of early, in session.outside */
	struct tls_facts *inner[2];	/* TLS seen in it: session.tls meanwhile */
	uint8_t tls_told;		/* session.tls_told meanwhile */
	bool ended[2];			/* told to `above` */
	bool overrun;			/* more early bytes than are held */
	struct buf early;		/* sent before the answer */
};

struct h2_stream {
	struct h2_stream *prev, *next;	/* by age */
	struct http_slot *k;
	uint32_t id;
	uint8_t key[4];			/* id, for the map */
	bool told_length, regular;	/* content-length was sent; a field that is no pseudo-header */
	bool interim;			/* the response block being read is a 1xx */
	bool protocol;			/* RFC 8441: CONNECT for something other than a byte tunnel */
	uint64_t length;
	uint32_t pseudo;		/* pseudo-headers seen, bits */
	struct h2_tunnel *tunnel;	/* NULL: none */
};

/* What a header block says, and of which stream. */
enum h2_block { BLOCK_NONE, BLOCK_REQUEST, BLOCK_RESPONSE, BLOCK_TRAILERS, BLOCK_IGNORED };

struct h2_side {
	enum { H2_PREFACE, H2_HEAD, H2_PREFIX, H2_BODY, H2_PADDING, H2_RESYNC, H2_LOST } st;
	uint8_t buf[9];			/* frame header, prefix or settings entry begun */
	uint8_t n, need;
	uint8_t type, flags, pad;
	uint32_t stream, left;		/* of the frame; left: payload not yet read, padding included */
	bool ended;
	/* header block */
	nghttp2_hd_inflater *inflater;
	enum h2_block block;
	bool in_block, block_end_stream, block_bad, unsure;
	uint32_t block_stream, block_bytes, block_frames, block_decoded;
	uint32_t last_id;		/* highest stream begun by this side */
};

struct http2 {
	struct layer l;
	struct h2_side side[2];
	struct map streams;		/* by id */
	struct h2_stream *oldest, *newest, *spare;
	uint32_t n;
	size_t counted;			/* of the map, in session.outside */
	nghttp2_mem mem;		/* of the decoders: counted in session.outside */
};

/* http2.c */
void h2_lose(struct http2 *h, enum dir d);

/* http2_hpack.c: begin, bytes of it as they come, end. */
void h2_hpack_init(struct http2 *h);
void h2_block_begin(struct http2 *h, enum dir d, int64_t ts);
void h2_block_data(struct http2 *h, enum dir d, struct slice bytes);
void h2_block_end(struct http2 *h, enum dir d, int64_t ts);
void h2_table_size(struct http2 *h, uint32_t size);	/* SETTINGS_HEADER_TABLE_SIZE */
void h2_forget_table(struct http2 *h, enum dir d);	/* bytes were lost: references may dangle */

/* http2_stream.c */
struct h2_stream *h2_stream_get(struct http2 *h, uint32_t id);		/* NULL: not open */
enum h2_block h2_stream_headers(struct http2 *h, enum dir d, uint32_t id, int64_t ts);
void h2_stream_field(struct http2 *h, enum h2_block b, uint32_t id, struct slice name,
		     struct slice value);
void h2_stream_headers_done(struct http2 *h, enum dir d, enum h2_block b, uint32_t id, bool bad,
			    int64_t ts);
void h2_stream_data(struct http2 *h, enum dir d, uint32_t id, struct slice bytes, int64_t ts);
void h2_stream_hole(struct http2 *h, enum dir d, uint32_t id, uint64_t n, int64_t ts);
void h2_stream_end(struct http2 *h, enum dir d, uint32_t id, int64_t ts);
void h2_stream_reset(struct http2 *h, uint32_t id, int64_t ts);
void h2_stream_gap(struct http2 *h, enum dir d, int64_t ts);	/* unknown streams lost bytes */
void h2_stream_all(struct http2 *h, enum end_why why, int64_t ts);	/* tell and close all */
void h2_stream_release(struct http2 *h);

/* http2_tunnel.c: of a stream whose method is CONNECT; all but early and open are NULL-safe. */
void h2_tunnel_early(struct http2 *h, struct h2_stream *st, struct slice bytes);
void h2_tunnel_open(struct http2 *h, struct h2_stream *st, int64_t ts);	/* it was accepted */
void h2_tunnel_data(struct http2 *h, struct h2_stream *st, enum dir d, struct slice bytes,
		    int64_t ts);
void h2_tunnel_gap(struct http2 *h, struct h2_stream *st, enum dir d, uint64_t n, int64_t ts);
void h2_tunnel_end(struct http2 *h, struct h2_stream *st, enum dir d, enum end_why why, int64_t ts);
/* Around whatever looks at the session on its behalf: the two change places with the session's. */
void h2_tunnel_swap(struct http2 *h, struct h2_stream *st);
void h2_tunnel_free(struct http2 *h, struct h2_stream *st);

#endif
