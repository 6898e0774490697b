/*
 * http2 - limits of the HTTP/2 layer (layer.h has its constructor), and the way in from an upgrade.
 */
#ifndef CAPTURE_HTTP2_H
#define CAPTURE_HTTP2_H

#include "capture/http_slot.h"
#include "capture/layer.h"

enum {
	HTTP2_STREAMS = 1024,		/* open streams kept of a connection; the oldest goes */
	HTTP2_BLOCK = 256 * 1024,	/* bytes of a header block, as sent and as decoded */
	HTTP2_CONTINUATIONS = 512,	/* frames of a header block */
	HTTP2_TABLE = 64 * 1024,	/* largest HPACK table followed */
};

/* The request that asked for the upgrade to h2c: its answer comes on stream 1.  Takes k over. */
void http2_adopt(struct layer *l, struct http_slot *k);

#endif
