/*
 * log_format_part - what the two kinds of format (a line of text, log_format.c; a JSON layout, log_layout.c)
 * share.  Not for others.
 */
#ifndef CAPTURE_LOG_FORMAT_PART_H
#define CAPTURE_LOG_FORMAT_PART_H

#include "capture/log_format.h"

struct log_format *log_format_empty(const char *name);

/* A format string as it stands.  NULL: *e says at which byte. */
struct log_format *log_format_text(const char *name, struct slice text, struct err *e);

/* One operator from after its '%'; the closing '%' is consumed.  False: not an operator. */
bool log_format_operator(struct cursor *c, struct log_piece *p, struct arena *a);

/* What is known of all pieces together; the last step. */
void log_format_finish(struct log_format *f);

#endif
