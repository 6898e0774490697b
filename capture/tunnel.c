/*
 * tunnel: what carries packets inside IP or UDP.
 */
#include "capture/unwrap.h"

enum { GRE_CSUM = 0x8000, GRE_ROUTING = 0x4000, GRE_KEY = 0x2000, GRE_SEQ = 0x1000, GRE_ACK = 0x80 };

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
	switch (u->type) {
	case 0x88be: return flags & GRE_SEQ ? PROTO_ERSPAN2 : PROTO_ERSPAN1;
	case 0x22eb: return PROTO_ERSPAN3;
	}
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

/* RFC 7348; the generic extension (VXLAN-GPE) names what follows. */
enum proto tunnel_vxlan(struct unwrap *u)
{
	struct slice h = cur_take(&u->c, 8);

	if (u->c.bad)
		return unwrap_short(u);
	if (h.p[0] & 4)
		switch (h.p[3]) {
		case 1: return PROTO_IP4;
		case 2: return PROTO_IP6;
		}
	return PROTO_ETHER;
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

static bool has(uint16_t src, uint16_t dst, uint16_t port)
{
	return src == port || dst == port;
}

enum proto tunnel_by_port(uint16_t src, uint16_t dst, struct slice p)
{
	if (p.n < 8)
		return PROTO_DONE;
	if ((dst == 4789 || dst == 8472 || dst == 4790 || dst == 4799) && p.p[0] & 8)
		return PROTO_VXLAN;
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
	return PROTO_DONE;
}
