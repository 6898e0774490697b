/*
 * log_line - one access-log line to one value an operator: text (JSON: log_json.h).
 *
 * A line is anchored from both ends: a value that a client wrote (User-Agent) may hold
 * anything, also what looks like the rest of the line.  Where two readings remain the line is
 * ambiguous and gives no values.  Values borrow the line, or the arena.
 */
#ifndef CAPTURE_LOG_LINE_H
#define CAPTURE_LOG_LINE_H

#include "capture/log_format.h"
#include "capture/log_scan.h"

enum log_read {
	LOG_READ,		/* values are good */
	LOG_MISMATCH,		/* the line does not have the format's shape */
	LOG_AMBIGUOUS,		/* it has it in two ways */
	LOG_NOT_JSON,
	LOG_DUPLICATE_KEY,	/* a JSON key twice, with two values */
	LOG_NUL,		/* a value holds an escaped NUL */
	LOG_BAD_TEXT,		/* half of an escaped surrogate pair */
	LOG_TOO_DEEP,		/* nested JSON where a plain value is wanted */
};

struct log_values {
	struct slice v[LOG_PIECES];	/* by piece */
	bool known[LOG_PIECES];		/* JSON: the key was there; text: always */
	bool null[LOG_PIECES];		/* JSON null, or "-" */
};

/* `m`: of this line, by log_scan.  LOG_SLACK bytes after the line are readable (log_scan.h). */
enum log_read log_line_text(const struct log_format *f, struct slice line, const struct log_marks *m,
			    struct log_values *v);

/*
 * Of an Envoy that leaves empty what others print as "-" (omit_empty_values); for lines that the above does not
 * read.  A line that only lacks its last value is cut.
 */
enum log_read log_line_sparse(const struct log_format *f, struct slice line, struct log_values *v);

/* log_line_text without marks: all readings are looked for. */
enum log_read log_line_search(const struct log_format *f, struct slice line, struct log_values *v);

#endif
