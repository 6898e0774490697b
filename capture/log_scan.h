/*
 * log_scan - one pass over a line: where its blanks and quotes are, and whether it holds bytes that
 * a line may not hold.
 *
 * Values end at blanks and quotes, so the text reader (log_line.c) steps through this list and does
 * not search.  Sixty-four bytes at a time where the machine has SSE2, else one by one; both give the same.
 *
 * All readers of lines may read LOG_SLACK bytes after a line's end, and after that of every value in
 * it: who hands out a line sees to it.  The first of them is no blank and no quote.
 */
#ifndef CAPTURE_LOG_SCAN_H
#define CAPTURE_LOG_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"

enum { LOG_MARKS = 4096, LOG_SLACK = 64 };

struct log_marks {
	uint32_t n;			/* of at[]; LOG_MARKS where there are more.  at[n]: the line's length */
	bool nul, high;			/* a NUL byte; perhaps bytes of 0x80 or more */
	bool more;			/* at[] was too small */
	uint32_t at[LOG_MARKS + 72];
};

void log_scan(struct log_marks *m, struct slice line);
/* What log_scan is on older machines; for tests. */
void log_scan_sse2(struct log_marks *m, struct slice line);
void log_scan_bytewise(struct log_marks *m, struct slice line);

/* Only nul and high, for lines whose reader needs no marks. */
void log_scan_bytes(struct log_marks *m, struct slice line);

/* RFC 3629. */
bool log_is_utf8(struct slice s);

#endif
