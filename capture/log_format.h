/*
 * log_format - an Envoy access-log format, compiled.
 *
 * A text format is a list of pieces: fixed text, then an operator, then fixed text ...; a JSON
 * layout is a list of keys, each with an operator, or with a text format whose pieces follow it.  Both give,
 * for a line, one value an operator; log_meaning.h makes a flow of the values.
 *
 * Source: Envoy, "Access logging: command operators"; Istio's defaults:
 * pilot/pkg/model/telemetry_logging.go.
 */
#ifndef CAPTURE_LOG_FORMAT_H
#define CAPTURE_LOG_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/cursor.h"
#include "common/err.h"

/* What a value means.  LOG_OP_OTHER is read and not used. */
enum log_op {
#define LOG_OP(id, name, shape, meaning) LOG_OP_##id,
#include "capture/log_op.def"
#undef LOG_OP
	LOG_OPS
};

/* How a value looks; decides where it may end and whether it is believed. */
enum log_shape {
	LOG_WORD,	/* no blanks */
	LOG_NUMBER,	/* digits or "-" */
	LOG_ADDRESS,	/* ip:port, or "-" */
	LOG_TIME,	/* START_TIME */
	LOG_TOKEN,	/* no blanks, quotes and slashes */
	LOG_NAME,	/* an authority: as LOG_WORD, may be empty (Envoy refuses others) */
	LOG_LIST,	/* addresses: no quotes */
	LOG_FREE,	/* written by a client: anything */
};

struct log_op_info {
	const char *name;	/* "REQ(:METHOD)", "START_TIME" */
	enum log_shape shape;
	const char *meaning;
};
extern const struct log_op_info log_op_info[LOG_OPS];

struct log_piece {
	struct slice before;	/* fixed text before the value */
	enum log_op op;
	enum log_shape shape;
	struct slice time;	/* START_TIME(...)'s own format, else empty */
	bool local;		/* of START_TIME_LOCAL */
	/* Of another request header, lower-case; metadata: NAMESPACE:KEY...; OTHER: the operator's. */
	struct slice name;
	uint32_t max;		/* :n, 0: none.  A value of n bytes may be a longer one's beginning */
	/* JSON only.  TEXTS: how the key's value is read; its pieces stand behind this one, as parts. */
	struct log_format *texts;
	bool part;
	struct slice why;	/* the layout's value is not understood, and why */
};

/*
 * Text: how to find a value's end among the line's blanks and quotes (log_scan.h).  The fixed text
 * after it, of eight bytes at most, is compared as one number.
 */
struct log_step {
	uint64_t text, mask;
	uint8_t n, marks;	/* bytes of it; how many of them are blanks or quotes */
	uint8_t mark;		/* which is the first */
	bool number, free;	/* digits or "-"; may hold blanks */
	uint32_t least, span;	/* bytes of the value: least..least + span */
};

enum { LOG_PIECES = 96, LOG_TIME_LEAST = 19, LOG_TIME_MOST = 47 };

struct log_format {
	struct arena *arena;
	const char *name;		/* "istio text", "custom text" ... */
	bool json, texts;		/* texts: some piece has them */
	uint32_t times;			/* pieces that are a part of the time; 1: all of it */
	uint32_t n;
	struct log_piece piece[LOG_PIECES];	/* JSON: before = the key */
	struct log_step step[LOG_PIECES];	/* where anchored */
	uint32_t first_marks;		/* blanks and quotes before the first value */
	struct slice after;		/* fixed text at the end */
	unsigned quotes;		/* quote characters in the fixed text */
	/*
	 * A line with as many quotes as the format can be read in one way only: every value's end
	 * is marked by a blank or a quote, and between two quotes stands one free value at most.
	 */
	bool anchored;
	uint64_t has[(LOG_OPS + 63) / 64];	/* operators that the format holds */
};

static inline bool log_format_has(const struct log_format *f, enum log_op op)
{
	return f->has[op / 64] >> (op % 64) & 1;
}

/* How many of them it has. */
uint32_t log_format_operators(const struct log_format *f);

/* Compile a format string (one line; a trailing newline is allowed).  NULL: *e says at which byte. */
struct log_format *log_format_new(const char *name, struct slice text, struct err *e);

/*
 * A JSON layout.  `json_format` is an Envoy json_format object ({"key":"%OP%",...}), or `map` is
 * "ours=theirs,..." over Istio's default keys.  Both NULL: Istio's default.
 */
struct log_format *log_format_json(struct slice json_format, const char *map, struct err *e);
void log_format_free(struct log_format **f);	/* NULL-safe */

/* Istio's defaults, newest first; ended by NULL. */
struct log_default {
	const char *name, *text;
};
extern const struct log_default log_defaults[];

#endif
