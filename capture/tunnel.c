/*
 * tunnel: what carries packets inside IP or UDP.
 */
#include "capture/unwrap.h"

enum {
	GRE_CSUM = 0x8000, GRE_ROUTING = 0x4000, GRE_KEY = 0x2000, GRE_SEQ = 0x1000, GRE_ACK = 0x80,
	GRE_ERSPAN = 0x88be, GRE_ERSPAN3 = 0x22eb,
};

/* Its version says which header it has; switches send III under II's number, too. */
static enum proto erspan(struct unwrap *u)
{
	struct slice rest = cur_rest(&u->c);

	if (!rest.n)
		return unwrap_short(u);
	return rest.p[0] >> 4 == 2 ? PROTO_ERSPAN3 : PROTO_ERSPAN2;
}

/* RFC 2784 and 2890; version 1 is PPTP's (RFC 2637). */
enum proto tunnel_gre(struct unwrap *u)
{
	uint32_t flags = cur_be(&u->c, 2);

	u->type = (uint16_t)cur_be(&u->c, 2);
	if (flags & (GRE_CSUM | GRE_ROUTING))
		cur_take(&u->c, 4);
	if (flags & GRE_KEY)
		cur_take(&u->c, 4);
	if (flags & GRE_SEQ)
		cur_take(&u->c, 4);
	if ((flags & 7) == 1 && flags & GRE_ACK)
		cur_take(&u->c, 4);
	if (u->c.bad)
		return unwrap_short(u);
	if (u->type == GRE_ERSPAN || u->type == GRE_ERSPAN3)
		return flags & GRE_SEQ ? erspan(u) : PROTO_ERSPAN1;
	return PROTO_ETHERTYPE;
}

/* ERSPAN (draft-foschiano-erspan): type I has no header of its own. */
enum proto tunnel_erspan1(struct unwrap *u)
{
	(void)u;
	return PROTO_ETHER;
}

enum proto tunnel_erspan2(struct unwrap *u)
{
	cur_take(&u->c, 8);
	return u->c.bad ? unwrap_short(u) : PROTO_ETHER;
}

enum proto tunnel_erspan3(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 12);

	if (u->c.bad)
		return unwrap_short(u);
	if (h.p[11] & 1)		/* the optional platform header follows */
		cur_take(&u->c, 8);
	uint8_t type = h.p[10] >> 2 & 31;
	if (type == 2)			/* the frame is a bare IP packet */
		return PROTO_IP;
	return u->c.bad ? unwrap_short(u) : PROTO_ETHER;
}

enum proto tunnel_etherip(struct unwrap *u)
{
	cur_take(&u->c, 2);		/* RFC 3378 */
	return u->c.bad ? unwrap_short(u) : PROTO_ETHER;
}

/* The numbers of VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe) and of NSH are the same. */
static enum proto by_number(struct unwrap *u, uint8_t n)
{
	switch (n) {
	case 1: return PROTO_IP4;
	case 2: return PROTO_IP6;
	case 3: return PROTO_ETHER;
	case 4: return PROTO_NSH;
	case 5: return PROTO_MPLS;
	}
	return unwrap_skip(u, EV_PACKET_NOT_IP);
}

/* RFC 8300; the length counts words of four bytes, all of them. */
enum proto tunnel_nsh(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 4);
	uint32_t words = h.n ? h.p[1] & 63 : 0;

	if (words > 1)
		cur_take(&u->c, (words - 1) * 4);
	return u->c.bad ? unwrap_short(u) : by_number(u, h.p[3]);
}

/* RFC 7348: the reserved bits mean nothing. */
enum proto tunnel_vxlan(struct unwrap *u)
{
	cur_take(&u->c, 8);
	return u->c.bad ? unwrap_short(u) : PROTO_ETHER;
}

/* The generic extension, on a port of its own, names what follows. */
enum proto tunnel_vxlan_gpe(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	return h.p[0] & 4 ? by_number(u, h.p[3]) : PROTO_ETHER;
}

/* RFC 8926. */
enum proto tunnel_geneve(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	cur_take(&u->c, (h.p[0] & 63u) * 4);
	u->type = (uint16_t)(h.p[2] << 8 | h.p[3]);
	return u->c.bad ? unwrap_short(u) : PROTO_ETHERTYPE;
}

/* 3GPP TS 29.281: user data only. */
enum proto tunnel_gtpu(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	if (h.p[0] & 7) {
		uint8_t next = 0;
		struct slice opt = cur_take(&u->c, 4);
		if (opt.n)
			next = h.p[0] & 4 ? opt.p[3] : 0;
		while (next && !u->c.bad) {	/* extension headers, in units of four bytes */
			uint32_t n = cur_be(&u->c, 1);
			struct slice ext = cur_take(&u->c, n ? n * 4 - 1 : cur_left(&u->c) + 1);
			next = ext.n ? ext.p[ext.n - 1] : 0;
		}
	}
	return u->c.bad ? unwrap_short(u) : PROTO_IP;
}

/* RFC 4380: authentication and origin indications may precede the IPv6 packet. */
enum proto tunnel_teredo(struct unwrap *u)
{
	struct slice rest = cur_rest(&u->c);

	if (rest.n >= 4 && rest.p[0] == 0 && rest.p[1] == 1)
		cur_take(&u->c, 13u + rest.p[2] + rest.p[3]);
	rest = cur_rest(&u->c);
	if (rest.n >= 8 && rest.p[0] == 0 && rest.p[1] == 0)
		cur_take(&u->c, 8);
	rest = cur_rest(&u->c);
	if (!rest.n || rest.p[0] >> 4 != 6) {
		evidence_add(u->ev, EV_PACKET_UDP, 1);
		return PROTO_DONE;
	}
	return PROTO_IP6;
}

/* draft-massar-v6ops-ayiya: identity and signature of stated lengths, then what next header says. */
enum proto tunnel_ayiya(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	cur_take(&u->c, (1u << (h.p[0] >> 4)) + (h.p[1] >> 4) * 4u);
	u->type = h.p[3];
	return u->c.bad ? unwrap_short(u) : PROTO_NEXT_HEADER;
}

/* RFC 2661: a data message's optional fields, then PPP. */
enum proto tunnel_l2tp(struct unwrap *u)
{
	enum { LENGTH = 0x4000, SEQUENCE = 0x0800, OFFSET = 0x0200 };
	uint32_t flags = cur_be(&u->c, 2);

	if (flags & LENGTH)
		cur_be(&u->c, 2);
	cur_take(&u->c, 4);
	if (flags & SEQUENCE)
		cur_take(&u->c, 4);
	if (flags & OFFSET)
		cur_take(&u->c, cur_be(&u->c, 2));
	return u->c.bad ? unwrap_short(u) : PROTO_PPP;
}

/*
 * Teredo's clients speak to each other and to relays on any port; there the whole datagram is an
 * IPv6 packet with an address of its own prefix, 2001::/32.
 */
static bool is_teredo_packet(struct slice p)
{
	static const uint8_t prefix[4] = { 0x20, 1, 0, 0 };

	return p.n >= 40 && p.p[0] >> 4 == 6 && (size_t)(p.p[4] << 8 | p.p[5]) + 40 == p.n &&
	       (memcmp(p.p + 8, prefix, 4) == 0 || memcmp(p.p + 24, prefix, 4) == 0);
}

static bool has(uint16_t src, uint16_t dst, uint16_t port)
{
	return src == port || dst == port;
}

enum proto tunnel_by_port(uint16_t src, uint16_t dst, struct slice p)
{
	if (p.n < 8)
		return PROTO_DONE;
	if ((dst == 4789 || dst == 8472 || dst == 4799) && p.p[0] & 8)
		return PROTO_VXLAN;
	if (dst == 4790 && p.p[0] & 8)
		return PROTO_VXLAN_GPE;
	if (dst == 6081 && p.p[0] >> 6 == 0)
		return PROTO_GENEVE;
	if (has(src, dst, 2152) && p.p[0] >> 5 == 1 && p.p[0] & 16 && p.p[1] == 255)
		return PROTO_GTPU;
	if (has(src, dst, 3544) && (p.p[0] >> 4 == 6 || (p.p[0] == 0 && p.p[1] <= 1)))
		return PROTO_TEREDO;
	if (dst == 6635)
		return PROTO_MPLS;
	if (dst == 4754 && !(p.p[1] & 7))		/* RFC 8086 */
		return PROTO_GRE;
	if (has(src, dst, 5072) && (p.p[2] & 15) == 1)
		return PROTO_AYIYA;
	if (has(src, dst, 1701) && (p.p[0] & 0x80) == 0 && (p.p[1] & 15) == 2)
		return PROTO_L2TP;
	return is_teredo_packet(p) ? PROTO_IP6 : PROTO_DONE;
}
