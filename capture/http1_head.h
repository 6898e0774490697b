/*
 * http1_head - the lines of an HTTP/1 head, and what they say about the body's length.
 *
 * Pure: lines in (without their line end), facts out.  Readers differ over
 * malformed heads; here everything is read the way that shows most, and what
 * readers can disagree about is marked.
 */
#ifndef CAPTURE_HTTP1_HEAD_H
#define CAPTURE_HTTP1_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"

struct http1_request_line {
	struct slice method, target;
	uint8_t version;	/* 9, 10, 11, ...; 0: unreadable or cut off */
	bool odd;
};

/* False: no HTTP request line.  `cut`: the line's end is missing, only whole words count. */
bool http1_request_line(struct http1_request_line *r, struct slice line, bool cut);

/* "HTTP/1.1 200 OK": the status, 0: no HTTP status line. */
uint16_t http1_status_line(struct slice line);

/* The parts of "scheme://authority/path"; false: another form. */
bool http1_absolute_form(struct slice target, struct slice *scheme, struct slice *authority,
			 struct slice *path);

/* "Name: value" with blanks around the value cut off.  odd: no reader should take this line. */
bool http1_header_line(struct slice line, struct slice *name, struct slice *value, bool *odd);

struct slice http1_trim(struct slice s);

/* Gathered from the headers of one message; clear with = { 0 }. */
struct http1_framing {
	uint64_t length;
	uint16_t status;		/* of a response */
	uint8_t hosts;			/* Host headers: 0, 1, 2 and more */
	bool has_length, bad_length;
	bool has_coding, chunked, odd_coding, chunked_last;
	bool asks_upgrade, upgrade_h2c, upgrade_websocket;
	enum { FOLD_NOTHING, FOLD_LENGTH, FOLD_CODING, FOLD_HOST } fold;
};

void http1_content_length(struct http1_framing *f, struct slice value);
void http1_transfer_encoding(struct http1_framing *f, struct slice value);
void http1_upgrade(struct http1_framing *f, struct slice value);

enum http1_body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_CLOSE };

/* RFC 9112 section 6.3.  ambiguous is set, never cleared. */
enum http1_body http1_request_body(const struct http1_framing *f, uint8_t version, bool *ambiguous);
enum http1_body http1_response_body(const struct http1_framing *f, uint16_t status, bool head,
				    bool *ambiguous);

/* A chunk-size line; false: not readable.  odd: a strict reader would refuse it. */
bool http1_chunk_size(struct slice line, uint64_t *size, bool *odd);

#endif
