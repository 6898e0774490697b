/*
 * http1 - limits of the HTTP/1 layer (layer.h has its constructor).
 */
#ifndef CAPTURE_HTTP1_H
#define CAPTURE_HTTP1_H

enum {
	HTTP1_LINE = 64 * 1024,		/* of a line; the rest is skipped and the request marked */
	HTTP1_PENDING = 1024,		/* unanswered requests of one connection */
	HTTP1_HELD = 256 * 1024,	/* their text, bytes */
};

#endif
