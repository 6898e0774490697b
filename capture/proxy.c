/*
 * proxy: the PROXY protocol's preamble (haproxy's doc/proxy-protocol.txt), versions 1 and 2.
 *
 * Only the client's first bytes are its; everything after them, and all that the server sends,
 * goes to a fresh detect above.  A preamble that is malformed makes the rest opaque: a receiver
 * would refuse it.
 */
#include <string.h>

#include "capture/session.h"

enum { V1_MAX = 107, V2_HEAD = 16, V2_MAX = V2_HEAD + 65535, KEEP = 4096 };

struct proxy {
	struct layer l;
	bool done, bad;
	uint16_t n;
	uint32_t skip;		/* of a version 2 header, past what was kept */
	uint8_t kept[KEEP];
};

/* The next word up to a space; the space is consumed. */
static struct slice word(struct cursor *c)
{
	struct slice rest = cur_rest(c);
	const uint8_t *sp = rest.n ? memchr(rest.p, ' ', rest.n) : NULL;
	struct slice w = cur_take(c, sp ? (size_t)(sp - rest.p) : rest.n);

	if (sp)
		cur_take(c, 1);
	return w;
}

/* "PROXY TCP4 SRC DST SPORT DPORT" or "PROXY UNKNOWN ..." */
static bool version1(struct session *s, struct slice line)
{
	struct cursor c = cur_of(slice_from(line, 6));
	struct slice family = word(&c);
	struct ip src;

	if (slice_is(family, "UNKNOWN"))
		return true;
	if (!slice_is(family, "TCP4") && !slice_is(family, "TCP6"))
		return false;
	if (!ip_parse(word(&c), &src))
		return false;
	s->proxied = src;
	s->proxied_known = true;
	return true;
}

/* Version and command, family, length, addresses; the TLVs after them are passed over. */
static bool version2(struct session *s, struct slice h)
{
	uint8_t command = h.p[12] & 15, family = h.p[13] >> 4;
	struct slice addresses = slice_from(h, V2_HEAD);

	if (h.p[12] >> 4 != 2 || command > 1)
		return false;
	if (command == 0)		/* LOCAL: the proxy's own connection */
		return true;
	if (family == 1 && addresses.n >= 12)
		s->proxied = ip_v4(addresses.p);
	else if (family == 2 && addresses.n >= 36)
		memcpy(s->proxied.b, addresses.p, 16);
	else
		return family != 1 && family != 2;
	s->proxied_known = true;
	return true;
}

/* Length of the preamble where it is whole; 0: more is needed; sets bad. */
static size_t whole(struct proxy *x)
{
	struct slice k = { x->kept, x->n };

	if (x->kept[0] == 'P') {
		const uint8_t *nl = memchr(k.p, '\n', k.n);
		if (!nl) {
			x->bad = k.n >= V1_MAX;
			return 0;
		}
		size_t n = (size_t)(nl - k.p) + 1;
		x->bad = n > V1_MAX || n < 8 || k.p[n - 2] != '\r' ||
			!version1(x->l.s, (struct slice){ k.p, n - 2 });
		return x->bad ? 0 : n;
	}
	if (k.n < V2_HEAD)
		return 0;
	size_t n = V2_HEAD + (size_t)(k.p[14] << 8 | k.p[15]);
	if (k.n < n && k.n < KEEP)
		return 0;
	x->bad = !version2(x->l.s, (struct slice){ k.p, n < k.n ? n : k.n });
	if (x->bad)
		return 0;
	x->skip = n > k.n ? (uint32_t)(n - k.n) : 0;
	return n < k.n ? n : k.n;
}

static void pass_on(struct proxy *x, enum dir d, struct slice s, int64_t ts)
{
	if (!x->l.above)
		return;
	layer_data(x->l.above, d, s, ts);
	x->l.deaf[0] = x->done && x->l.above->deaf[0];
	x->l.deaf[1] = x->l.above->deaf[1];
}

static void data(struct layer *l, enum dir d, struct slice bytes, int64_t ts)
{
	struct proxy *x = (struct proxy *)l;

	if (d == FROM_CLIENT && !x->done && !x->bad) {
		size_t had = x->n, n = bytes.n < KEEP - had ? bytes.n : KEEP - had;
		memcpy(x->kept + had, bytes.p, n);
		x->n = (uint16_t)(had + n);
		size_t len = whole(x);
		if (x->bad)
			evidence_add(l->s->env->ev, EV_PROXY_MALFORMED, 1);
		if (!len)
			return;
		x->done = true;
		bytes = slice_from(bytes, len > had ? len - had : 0);
	}
	if (x->bad)
		return;
	if (d == FROM_CLIENT && x->skip) {
		size_t n = bytes.n < x->skip ? bytes.n : x->skip;
		x->skip -= (uint32_t)n;
		bytes = slice_from(bytes, n);
	}
	pass_on(x, d, bytes, ts);
}

static void gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	struct proxy *x = (struct proxy *)l;

	if (d == FROM_CLIENT && (!x->done || x->skip))
		x->bad = true;
	else
		layer_gap(l->above, d, n, ts);
}

static void end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	layer_end(l->above, d, why, ts);
}

static const struct layer_ops ops = { .name = "proxy", .data = data, .gap = gap, .end = end };

struct layer *layer_proxy(struct session *s, struct layer *below)
{
	struct layer *l = layer_make(sizeof(struct proxy), &ops, s, below);

	if (l)
		l->above = layer_detect(s, l);
	return l;
}
