/*
 * log_wrap - lines as container runtimes wrap them.
 *
 * CRI: "TIME stdout|stderr P|F TEXT", P = the line goes on (Kubernetes, kubelet CRI logging).
 * Docker json-file: {"log":"TEXT\n","stream":"stdout","time":"TIME"}; no \n = the line goes on.
 */
#ifndef CAPTURE_LOG_WRAP_H
#define CAPTURE_LOG_WRAP_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/cursor.h"

enum log_wrapper { LOG_PLAIN, LOG_CRI, LOG_DOCKER };

/* What wraps this line.  LOG_PLAIN: nothing. */
enum log_wrapper log_wrapper_of(struct slice line);

/* The text inside; *more: the line goes on in the next.  False: not wrapped so. */
bool log_unwrap(enum log_wrapper w, struct slice line, struct slice *text, bool *more, struct arena *a);

#endif
