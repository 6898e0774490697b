/*
 * log_op - which operator a name and its arguments are.
 */
#ifndef CAPTURE_LOG_OP_H
#define CAPTURE_LOG_OP_H

#include "capture/log_format.h"

/*
 * NAME or NAME(args) to p's op, shape, name and time.  One that is not known is LOG_OP_OTHER, with its name.
 * Text is borrowed, or in the arena.
 */
void log_op_classify(struct slice name, struct slice args, bool has_args, struct log_piece *p,
		     struct arena *a);

#endif
