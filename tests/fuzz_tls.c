/*
 * fuzz_tls: both directions in pieces, key log lines before or between them.
 *
 * Input: records of (kind, length, bytes).  Kind, bit 0: side; bits 1-2 both set: a gap of `length`
 * bytes; bits 3-4 both set: the bytes are key log lines; bits 5-6 both set: time passes.
 * Whatever comes, what the layer held outside the arena is given back, and the arena has its limit.
 */
#include "tests/tls_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void one(struct tls_rig *r, uint32_t kind, struct slice bytes, int64_t *ts)
{
	struct layer *l = r->s[0].bottom;
	enum dir d = kind & 1 ? FROM_SERVER : FROM_CLIENT;

	if ((kind & 6) == 6) {
		layer_gap(l, d, bytes.n, *ts);
	} else if ((kind & 0x18) == 0x18) {
		tls_shared_add_keys(r->sh, bytes);
		tls_shared_poll(r->sh, *ts);
	} else if ((kind & 0x60) == 0x60) {
		*ts += (int64_t)bytes.n * NS_PER_S;
		tls_shared_poll(r->sh, *ts);
	} else {
		layer_data(l, d, bytes, *ts);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cursor c = cur_of((struct slice){ p, n });
	struct tls_rig r;
	int64_t ts = rig_now();

	tls_rig_init(&r, &(struct tls_options){ .room = 1 << 20 });
	r.s[0] = (struct session){ .env = &r.env };
	buf_init(&r.http[0], 1 << 16);
	r.n = 1;
	r.s[0].bottom = layer_tls(&r.s[0], NULL);
	while (cur_left(&c)) {
		uint32_t kind = cur_be(&c, 1), len = cur_be(&c, 2);
		size_t left = cur_left(&c);

		one(&r, kind, cur_take(&c, len < left ? len : left), &ts);
	}
	layer_end(r.s[0].bottom, FROM_CLIENT, END_FIN, ts);
	layer_end(r.s[0].bottom, FROM_SERVER, END_RST, ts);
	tls_shared_drain(r.sh, ts);
	tls_rig_told(&r);
	tls_rig_close(&r);
	if (!tls_rig_clean(&r))
		abort();
	tls_rig_release(&r);
	return 0;
}
