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

enum { SIGHT_PARTS = LOG_PIECES, SIGHT_PART_MOST = 128 };

struct log_sight {
	char format[64];		/* "istio text", "istio JSON", "custom text" */
	bool json;
	bool given;			/* by whoever started this, not recognised from lines */
	bool gives[F_COUNT];
	/* Which of a field that has many: lower-case names of request headers, metadata as "FILTER:KEY". */
	uint32_t n_parts;
	struct {
		enum flow_field field;
		char name[SIGHT_PART_MOST];
	} part[SIGHT_PARTS];
};

/* Of one format.  `seen` NULL, or by piece: the keys that lines of a JSON layout really had. */
void log_sight_of(struct log_sight *s, const struct log_format *f, const bool *seen);

/* Can a line give this field?  Of F_REQUEST_HEADERS this header, of F_METADATA this "FILTER:KEY". */
bool log_sight_gives(const struct log_sight *s, enum flow_field field, struct slice part);

/*
 * What to add to the format, as that format writes it: "%DOWNSTREAM_PEER_URI_SAN%", or the key and the operator
 * of a JSON layout.  False: no operator that egret reads gives this field.
 */
bool log_sight_advice(enum flow_field field, struct slice part, bool json, struct buf *out);

#endif
