/*
 * log_place - how far a log file was read: what is stored in the same transaction as the rows.
 *
 * A file is known by device, inode and a digest of its first line.  The tail, a digest of the bytes
 * just before the offset, proves that a file is still (or is a copy of) the one that was read so far: another
 * that begins with the same line, or one that was cut and written anew, has another tail.
 */
#ifndef SCHEMA_LOG_PLACE_H
#define SCHEMA_LOG_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"

enum { LOG_DIGEST = 16, LOG_PLACES = 8 };

struct log_offset {
	struct slice path;
	uint64_t device, inode, offset;
	struct slice digest;		/* of the first line */
	struct slice tail;		/* of the bytes before offset; empty: not known */
};

/*
 * Could these be one log and its rotated copy?  The same name, but for ".1", "-20260101", ".2.gz", or a date before
 * the ending ("access-20260101.log").
 */
bool log_place_related(struct slice a, struct slice b);

/* A place where a file may have been left. */
struct log_place {
	uint64_t offset;
	bool tail_known;
	uint8_t tail[LOG_DIGEST];
};

#endif
