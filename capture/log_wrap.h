/*
 * log_wrap - lines as container runtimes and kubectl wrap them.
 *
 * CRI: "TIME stdout|stderr P|F TEXT", P = the line goes on (Kubernetes, kubelet CRI logging).
 * Docker json-file: {"log":"TEXT\n","stream":"stdout","time":"TIME"}; no \n = the line goes on.
 * kubectl logs --timestamps, --prefix: "TIME TEXT", "[pod/NAME/CONTAINER] TEXT", or both.
 */
#ifndef CAPTURE_LOG_WRAP_H
#define CAPTURE_LOG_WRAP_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/cursor.h"

enum log_wrapper { LOG_PLAIN, LOG_CRI, LOG_DOCKER, LOG_KUBECTL };
enum { LOG_STREAMS = 2 };

struct log_part {
	struct slice text;
	bool more;		/* the line goes on in the next of the same stream */
	unsigned stream;	/* 0: standard output, 1: standard error */
};

/*
 * What wraps this line.  LOG_PLAIN: nothing.  `kubectl`: a time in front may be kubectl's (the format is
 * not one that may begin so).
 */
enum log_wrapper log_wrapper_of(struct slice line, bool kubectl);

/* What is inside; borrows the line, or the arena.  False: not wrapped so. */
bool log_unwrap(enum log_wrapper w, struct slice line, struct log_part *part, struct arena *a);

#endif
