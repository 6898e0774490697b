/*
 * fuzz_http - both directions of an HTTP layer in pieces.  Input: records of (side and kind, length,
 * bytes); bit 0 is the side, bits 1 and 2 both set a gap.  What is emitted must not depend on memory that
 * is gone, and nothing may be left over.
 */
#ifndef TESTS_FUZZ_HTTP_H
#define TESTS_FUZZ_HTTP_H

#include <stdlib.h>

#include "tests/http_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static inline int fuzz_http(struct slice in, struct layer *(*make)(struct session *, struct layer *))
{
	struct cursor c = cur_of(in);
	struct rig r;
	int64_t ts = 1;

	rig_init(&r, make);
	r.env.want_header = rig_want;
	while (cur_left(&c)) {
		uint32_t kind = cur_be(&c, 1), len = cur_be(&c, 2);
		size_t left = cur_left(&c);
		struct slice bytes = cur_take(&c, len < left ? len : left);
		enum dir d = kind & 1 ? FROM_SERVER : FROM_CLIENT;

		if ((kind & 6) == 6)
			layer_gap(r.s.bottom, d, bytes.n, ts++);
		else
			layer_data(r.s.bottom, d, bytes, ts++);
	}
	rig_end(&r, ts);
	layer_release(&r.s.bottom);
	if (r.s.outside)
		abort();
	rig_release(&r);
	return 0;
}

#endif
