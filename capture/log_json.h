/*
 * log_json - one JSON access-log line to one value an operator.
 *
 * A writer keeps the order of its keys, so a reader remembers the last line's: a line with these keys in
 * this order, some of them left out, is read at a fraction of the cost.  Any other
 * line is read by the grammar, with the same answer.
 */
#ifndef CAPTURE_LOG_JSON_H
#define CAPTURE_LOG_JSON_H

#include "capture/log_line.h"
#include "common/arena.h"
#include "common/json.h"

enum { LOG_KEYS = 128, LOG_KEY_BYTES = 8192 };

/* Keys in the order of a line before.  Zeroed: none is known. */
struct log_order {
	uint32_t n, used, misses;
	struct log_key {
		uint16_t at, n;		/* of text[]: "key": with its quotes and colon */
		int16_t piece;		/* -1: a key that the layout does not have */
	} key[LOG_KEYS];
	uint8_t text[LOG_KEY_BYTES + LOG_SLACK];
};

/*
 * False: read it by log_json_read.  True: *v is what that would give, and the line is UTF-8 without
 * NUL bytes.
 */
bool log_json_expected(const struct log_format *f, const struct log_order *o, struct slice line,
		       struct log_values *v);

/* Remembers the line's keys in *o, where it can be read.  LOG_SLACK as in log_scan.h. */
enum log_read log_json_read(const struct log_format *f, struct log_order *o, struct slice line,
			    struct log_values *v, struct arena *a);

/* A value of a line that one of these read: it is a string (not a number, true, false or a structure). */
static inline bool log_json_is_text(struct slice value)
{
	return value.p[-1] == '"';
}

#endif
