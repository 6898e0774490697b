/*
 * log_end - where the last lines of a log begin, for whoever looks at a part of it.
 */
#ifndef CLI_LOG_END_H
#define CLI_LOG_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/log_place.h"

struct log_end {
	uint64_t device, inode, size;	/* of the file, when it was looked at */
	uint64_t from;			/* the first byte of a line */
};

/*
 * About `bytes` before the end, and not before `read`, up to which the file was read.  False: it is no file
 * that can be read from its middle (a pipe, a folder, compressed), or nothing is left.
 */
bool log_end_find(const char *path, uint64_t read, uint64_t bytes, struct log_end *end);

/* log_options.places: ctx is a struct log_end; that file is gone on with there. */
size_t log_end_place(void *ctx, const struct log_offset *file, struct log_place *places);

#endif
