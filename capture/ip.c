/*
 * ip: IPv4, IPv6 with its extension headers, fragments, and the TCP and UDP headers.
 */
#include "capture/unwrap.h"

enum {
	IPPROTO_4IN = 4, IPPROTO_6IN = 41, IPPROTO_GRE_ = 47, IPPROTO_AH_ = 51, IPPROTO_ETHERIP = 97,
	IPPROTO_MPLS_ = 137,
	IP6_HOP = 0, IP6_ROUTING = 43, IP6_FRAGMENT = 44, IP6_DEST = 60, IP6_MOBILITY = 135,
	IP6_HIP = 139, IP6_SHIM = 140,
};

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

enum proto ip_any(struct unwrap *u)
{
	struct slice rest = cur_rest(&u->c);

	if (!rest.n)
		return unwrap_short(u);
	if (rest.p[0] >> 4 == 4)
		return PROTO_IP4;
	return rest.p[0] >> 4 == 6 ? PROTO_IP6 : unwrap_skip(u, EV_PACKET_NOT_IP);
}

/* One fragment: the whole datagram's payload takes its place once it is complete. */
static enum proto fragment(struct unwrap *u, struct fragment_key *k, uint32_t offset, bool more)
{
	struct slice whole;

	k->proto = (uint8_t)u->type;
	evidence_add(u->ev, EV_FRAGMENTS, 1);
	if (u->missing)
		return unwrap_skip(u, EV_FRAGMENT_LOST);
	if (!fragments_add(u->fragments, k, offset, cur_rest(&u->c), more, u->packet->ts, &whole))
		return PROTO_DONE;
	u->c = cur_of(whole);
	return PROTO_NEXT_HEADER;
}

enum proto ip_4(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 20);

	if (u->c.bad)
		return unwrap_short(u);
	uint32_t head = (h.p[0] & 15u) * 4, total = be16(h.p + 2);
	if (h.p[0] >> 4 != 4 || head < 20 || (total && total < head))
		return unwrap_skip(u, EV_PACKET_MALFORMED);
	if (total)			/* 0: a segment that the card would have cut (TSO) */
		unwrap_limit(u, total - 20);
	cur_take(&u->c, head - 20);
	if (u->c.bad)
		return unwrap_short(u);
	u->out->src = ip_v4(h.p + 12);
	u->out->dst = ip_v4(h.p + 16);
	u->type = h.p[9];
	uint16_t off = be16(h.p + 6);
	if (off & 0x3fff) {		/* more-fragments flag or an offset */
		struct fragment_key k = { u->out->src, u->out->dst, be16(h.p + 4), 0 };
		return fragment(u, &k, (off & 0x1fffu) * 8, off & 0x2000);
	}
	return u->type == 6 ? PROTO_TCP : PROTO_NEXT_HEADER;
}

enum proto ip_6(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 40);

	if (u->c.bad)
		return unwrap_short(u);
	if (h.p[0] >> 4 != 6)
		return unwrap_skip(u, EV_PACKET_MALFORMED);
	uint32_t n = be16(h.p + 4);
	if (n)				/* 0: jumbogram or TSO */
		unwrap_limit(u, n);
	memcpy(u->out->src.b, h.p + 8, 16);
	memcpy(u->out->dst.b, h.p + 24, 16);
	u->type = h.p[6];
	return PROTO_NEXT_HEADER;
}

static enum proto ip6_fragment(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	uint16_t off = be16(h.p + 2);
	u->type = h.p[0];
	if (!(off & 0xfff9))		/* an atomic fragment (RFC 6946) */
		return PROTO_NEXT_HEADER;
	struct fragment_key k = { u->out->src, u->out->dst, be32(h.p + 4), 0 };
	return fragment(u, &k, off & 0xfff8u, off & 1);
}

/* RFC 8200 section 4; the authentication header counts its length in other units. */
static enum proto ip6_extension(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	cur_take(&u->c, u->type == IPPROTO_AH_ ? h.p[1] * 4u : h.p[1] * 8u);
	u->type = h.p[0];
	return u->c.bad ? unwrap_short(u) : PROTO_NEXT_HEADER;
}

enum proto ip_next_header(struct unwrap *u)
{
	switch (u->type) {
	case 6:
		return PROTO_TCP;
	case 17:
		return PROTO_UDP;
	case IP6_HOP: case IP6_ROUTING: case IP6_DEST: case IP6_MOBILITY: case IP6_HIP:
	case IP6_SHIM: case IPPROTO_AH_:
		return ip6_extension(u);
	case IP6_FRAGMENT:
		return ip6_fragment(u);
	}
	u->tunnel = true;
	switch (u->type) {
	case IPPROTO_4IN: return PROTO_IP4;
	case IPPROTO_6IN: return PROTO_IP6;
	case IPPROTO_GRE_: return PROTO_GRE;
	case IPPROTO_ETHERIP: return PROTO_ETHERIP;
	case IPPROTO_MPLS_: return PROTO_MPLS;
	}
	return unwrap_skip(u, EV_PACKET_OTHER_IP);
}

enum proto ip_udp(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	uint32_t n = be16(h.p + 4);
	if (n >= 8)
		unwrap_limit(u, n - 8);
	enum proto next = tunnel_by_port(be16(h.p), be16(h.p + 2), cur_rest(&u->c));
	if (next == PROTO_DONE) {
		evidence_add(u->ev, EV_PACKET_UDP, 1);
		return PROTO_DONE;
	}
	u->tunnel = true;
	return next;
}

/* The window scale (RFC 7323 section 2) of a SYN. */
static uint8_t window_shift(struct slice options)
{
	struct cursor c = cur_of(options);

	while (cur_left(&c)) {
		uint32_t kind = cur_be(&c, 1);
		if (kind == 0)
			break;
		if (kind == 1)
			continue;
		uint32_t n = cur_be(&c, 1);
		struct slice v = cur_take(&c, n >= 2 ? n - 2 : cur_left(&c));
		if (kind == 3 && v.n == 1)
			return v.p[0] < 14 ? v.p[0] : 14;
	}
	return 0;
}

/* PROTO_TCP: u->out is complete. */
enum proto ip_tcp(struct unwrap *u)
{
	struct slice raw = cur_rest(&u->c), h = cur_take(&u->c, 20);
	struct segment *s = u->out;

	if (u->c.bad)
		return unwrap_short(u);
	uint32_t head = (uint32_t)(h.p[12] >> 4) * 4;
	if (head < 20)
		return unwrap_skip(u, EV_PACKET_MALFORMED);
	struct slice options = cur_take(&u->c, head - 20);
	if (u->c.bad)
		return unwrap_short(u);
	s->src_port = be16(h.p);
	s->dst_port = be16(h.p + 2);
	s->seq = be32(h.p + 4);
	s->ack = be32(h.p + 8);
	s->flags = h.p[13];
	s->window = be16(h.p + 14);
	s->window_shift = s->flags & TCP_SYN ? window_shift(options) : 0;
	s->payload = cur_rest(&u->c);
	s->raw = raw;
	s->missing = u->missing;
	s->ts = u->packet->ts;
	s->number = u->packet->number;
	if (u->missing)
		evidence_add(u->ev, EV_PACKET_SNAPLEN, 1);
	if (u->tunnel)
		evidence_add(u->ev, EV_PACKET_TUNNELED, 1);
	return PROTO_TCP;
}
