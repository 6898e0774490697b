/*
 * fuzz_http2: both directions in pieces.  Input: records of (side and kind, length, bytes);
 * what is emitted must not depend on memory that is gone, and nothing may be left over.
 */
#include <stdlib.h>

#include "tests/http_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void one(struct rig *r, enum dir d, bool gap, struct slice bytes, int64_t ts)
{
	if (gap)
		layer_gap(r->s.bottom, d, bytes.n, ts);
	else
		layer_data(r->s.bottom, d, bytes, ts);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cursor c = cur_of((struct slice){ p, n });
	struct rig r;
	int64_t ts = 1;

	rig_init(&r, layer_http2);
	r.env.want_header = rig_want;
	while (cur_left(&c)) {
		uint32_t kind = cur_be(&c, 1), len = cur_be(&c, 2);
		size_t left = cur_left(&c);

		one(&r, kind & 1 ? FROM_SERVER : FROM_CLIENT, (kind & 6) == 6,
		    cur_take(&c, len < left ? len : left), ts++);
	}
	rig_end(&r, ts);
	layer_release(&r.s.bottom);
	if (r.s.outside)
		abort();
	rig_release(&r);
	return 0;
}
