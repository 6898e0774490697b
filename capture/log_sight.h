/*
 * log_sight - what lines of a format can tell: which fields of a flow its operators give, and what to
 * add to a format for those they do not.
 */
#ifndef CAPTURE_LOG_SIGHT_H
#define CAPTURE_LOG_SIGHT_H

#include <stdbool.h>

#include "capture/log_format.h"
#include "common/buf.h"
#include "schema/flow.h"

enum { SIGHT_HEADERS = LOG_PIECES, SIGHT_HEADER_MOST = 128 };

struct log_sight {
	char format[64];		/* "istio text", "istio JSON", "custom text" */
	bool json;
	bool given;			/* by whoever started this, not recognised from lines */
	bool gives[F_COUNT];
	uint32_t n_headers;
	char header[SIGHT_HEADERS][SIGHT_HEADER_MOST];	/* lower-case names of request headers */
};

/* Of one format.  `seen` NULL, or by piece: the keys that lines of a JSON layout really had. */
void log_sight_of(struct log_sight *s, const struct log_format *f, const bool *seen);

/* Can a line give this field (F_REQUEST_HEADERS: this header)? */
bool log_sight_gives(const struct log_sight *s, enum flow_field field, struct slice header);

/*
 * What to add to the format, as that format writes it: "%DOWNSTREAM_PEER_URI_SAN%", or the key and the operator
 * of a JSON layout.  False: no operator that egret reads gives this field.
 */
bool log_sight_advice(enum flow_field field, struct slice header, bool json, struct buf *out);

#endif
