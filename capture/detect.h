/*
 * detect - what protocol do these first bytes begin?
 *
 * The layer itself is layer_detect (layer.h); here is the part that TCP asks,
 * too, where it did not see who opened the connection.
 */
#ifndef CAPTURE_DETECT_H
#define CAPTURE_DETECT_H

#include <stdbool.h>

#include "capture/layer.h"

enum detect_side { DETECT_NEITHER, DETECT_CLIENT, DETECT_SERVER };

/* Which side sends bytes that begin so? */
enum detect_side detect_side(struct slice first);

enum detect_kind {
	KIND_OPAQUE, KIND_PROXY, KIND_TLS, KIND_HTTP2, KIND_HTTP1, KIND_COUNT
};

/* What these bytes begin; *more: too few to say (the answer is then KIND_OPAQUE). */
enum detect_kind detect_kind(enum dir d, struct slice first, bool *more);

#endif
