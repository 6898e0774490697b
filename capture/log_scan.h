/*
 * log_scan - one pass over a line: where its blanks and quotes are, and whether it holds bytes that
 * a line may not hold.
 *
 * Values end at blanks and quotes, so the text reader (log_line.c) steps through this list and does
 * not search.  Sixteen bytes at a time where the machine has SSE2, else one by one.
 */
#ifndef CAPTURE_LOG_SCAN_H
#define CAPTURE_LOG_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"

enum { LOG_MARKS = 512 };

struct log_marks {
	uint32_t n;			/* of at[]; LOG_MARKS where there are more */
	uint32_t quotes;
	bool nul, high;			/* a NUL byte; a byte of 0x80 or more */
	bool more;			/* at[] was too small: quotes and at[] are not whole */
	uint32_t at[LOG_MARKS + 16];
};

void log_scan(struct log_marks *m, struct slice line);

/* Only nul and high, for lines whose reader needs no marks. */
void log_scan_bytes(struct log_marks *m, struct slice line);

/* RFC 3629. */
bool log_is_utf8(struct slice s);

#endif
