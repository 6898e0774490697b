/*
 * link: the headers beneath IP.
 */
#include "capture/unwrap.h"

enum {
	ETH_IP4 = 0x0800, ETH_IP6 = 0x86dd, ETH_TEB = 0x6558, ETH_VLAN = 0x8100, ETH_QINQ = 0x88a8,
	ETH_QINQ_OLD = 0x9100, ETH_QINQ_OLD2 = 0x9200, ETH_MPLS = 0x8847, ETH_MPLS_MULTI = 0x8848,
	ETH_PPPOE = 0x8864, ETH_PPP = 0x880b, ETH_BACKBONE = 0x88e7, ETH_ARP = 0x0806,
	ETH_NSH = 0x894f,
	SLL_LLC = 4,			/* in place of an EtherType: 802.2 follows */
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* 802.2 LLC; of interest where it is SNAP. */
static enum proto llc(struct unwrap *u)
{
	struct slice head = cur_take(&u->c, 8);

	if (u->c.bad || head.p[0] != 0xaa || head.p[1] != 0xaa || head.p[2] != 3)
		return unwrap_skip(u, EV_PACKET_NOT_IP);
	u->type = be16(head.p + 6);
	return PROTO_ETHERTYPE;
}

enum proto link_ethertype(struct unwrap *u)
{
	switch (u->type) {
	case ETH_IP4:
		return PROTO_IP4;
	case ETH_IP6:
		return PROTO_IP6;
	case ETH_VLAN: case ETH_QINQ: case ETH_QINQ_OLD: case ETH_QINQ_OLD2:
		cur_take(&u->c, 2);
		u->type = (uint16_t)cur_be(&u->c, 2);
		return u->c.bad ? unwrap_short(u) : PROTO_ETHERTYPE;
	case ETH_MPLS: case ETH_MPLS_MULTI:
		return PROTO_MPLS;
	case ETH_PPPOE:
		return PROTO_PPPOE;
	case ETH_PPP:
		return PROTO_PPP;
	case ETH_TEB:
		return PROTO_ETHER;
	case ETH_BACKBONE:		/* 802.1ah: I-TAG, then the customer's frame */
		cur_take(&u->c, 4);
		return PROTO_ETHER;
	case ETH_NSH:
		return PROTO_NSH;
	}
	if (u->type >= 0x600)		/* below, it is a length */
		return unwrap_skip(u, EV_PACKET_NOT_IP);
	unwrap_limit(u, u->type);
	return llc(u);
}

enum proto link_ether(struct unwrap *u)
{
	struct slice head = cur_take(&u->c, 14);

	if (u->c.bad)
		return unwrap_short(u);
	u->type = be16(head.p + 12);
	if (u->type == ETH_IP4)
		return PROTO_IP4;
	return PROTO_ETHERTYPE;
}

static enum proto cooked(struct unwrap *u)
{
	if (u->c.bad)
		return unwrap_short(u);
	if (u->type == SLL_LLC)
		return llc(u);
	return u->type < 0x600 ? unwrap_skip(u, EV_PACKET_NOT_IP) : PROTO_ETHERTYPE;
}

enum proto link_sll(struct unwrap *u)
{
	cur_take(&u->c, 14);
	u->type = (uint16_t)cur_be(&u->c, 2);
	return cooked(u);
}

enum proto link_sll2(struct unwrap *u)
{
	u->type = (uint16_t)cur_be(&u->c, 2);
	cur_take(&u->c, 18);
	return cooked(u);
}

/* An address family in the byte order of whoever captured; the IP version says enough. */
enum proto link_null(struct unwrap *u)
{
	cur_take(&u->c, 4);
	return u->c.bad ? unwrap_short(u) : PROTO_IP;
}

enum proto link_ppp(struct unwrap *u)
{
	uint32_t proto = cur_be(&u->c, 1);

	if (proto == 0xff && cur_left(&u->c) >= 3) {	/* HDLC-like framing (RFC 1662) */
		cur_take(&u->c, 1);
		proto = cur_be(&u->c, 1);
	}
	if (!(proto & 1))				/* not compressed to one byte */
		proto = proto << 8 | cur_be(&u->c, 1);
	if (u->c.bad)
		return unwrap_short(u);
	switch (proto) {
	case 0x21: return PROTO_IP4;
	case 0x57: return PROTO_IP6;
	case 0x281: return PROTO_MPLS;
	}
	return unwrap_skip(u, EV_PACKET_NOT_IP);
}

enum proto link_ppp_hdlc(struct unwrap *u)
{
	struct slice rest = cur_rest(&u->c);

	/* Cisco's framing may stand under this link type: 0x0f unicast, 0x8f broadcast. */
	if (rest.n && (rest.p[0] == 0x0f || rest.p[0] == 0x8f))
		return PROTO_CISCO_HDLC;
	return PROTO_PPP;
}

enum proto link_cisco_hdlc(struct unwrap *u)
{
	cur_take(&u->c, 2);
	u->type = (uint16_t)cur_be(&u->c, 2);
	return u->c.bad ? unwrap_short(u) : PROTO_ETHERTYPE;
}

enum proto link_pppoe(struct unwrap *u)
{
	cur_take(&u->c, 4);			/* version, code, session (RFC 2516) */
	uint32_t n = cur_be(&u->c, 2);
	if (u->c.bad)
		return unwrap_short(u);
	unwrap_limit(u, n);
	return PROTO_PPP;
}

/* An EtherType that frames in a pseudowire are likely to have. */
static bool ether_at(struct slice s, size_t at)
{
	static const uint16_t likely[] = {
		ETH_IP4, ETH_IP6, ETH_ARP, ETH_VLAN, ETH_QINQ, ETH_QINQ_OLD, ETH_MPLS, ETH_PPPOE,
	};

	for (size_t i = 0; at + 2 <= s.n && i < sizeof likely / sizeof *likely; i++)
		if (be16(s.p + at) == likely[i])
			return true;
	return false;
}

/*
 * What a label stack carries is agreed out of band; its first nibble is all that the packet says
 * (RFC 4928).  So an address that begins like an IP version, or like a control word, has to be
 * told from one by what stands where a type or a length would.
 */
static enum proto label_payload(struct unwrap *u)
{
	struct slice s = cur_rest(&u->c);
	size_t on_wire = s.n + u->missing;

	if (!s.n)
		return unwrap_short(u);
	bool ether = ether_at(s, 12);
	switch (s.p[0] >> 4) {
	case 0:					/* control word (RFC 4385) */
		if (!ether || ether_at(s, 16))
			cur_take(&u->c, 4);
		return PROTO_ETHER;
	case 1:					/* its associated channel: not user data */
		return ether ? PROTO_ETHER : unwrap_skip(u, EV_PACKET_NOT_IP);
	case 4:
		return ether && be16(s.p + 2) > on_wire ? PROTO_ETHER : PROTO_IP4;
	case 6:
		return ether && be16(s.p + 4) + 40u > on_wire ? PROTO_ETHER : PROTO_IP6;
	}
	return PROTO_ETHER;
}

enum proto link_mpls(struct unwrap *u)
{
	uint32_t label = cur_be(&u->c, 4);

	if (u->c.bad)
		return unwrap_short(u);
	return label & 0x100 ? label_payload(u) : PROTO_MPLS;	/* the bottom of the stack */
}

/* NFLOG: family, version, resource id, then TLVs in host order, padded to 4; 9 is the packet. */
enum proto link_nflog(struct unwrap *u)
{
	cur_take(&u->c, 4);
	while (cur_left(&u->c) >= 4) {
		struct slice head = cur_take(&u->c, 4);
		uint16_t n = (uint16_t)(head.p[0] | head.p[1] << 8);
		uint16_t type = (uint16_t)(head.p[2] | head.p[3] << 8);
		if (n > 255 && n % 256 == 0 && n / 256 >= 4) {	/* a big-endian host */
			n = n >> 8;
			type = type >> 8;
		}
		if (n < 4)
			break;
		if ((type & 0x7fff) == 9) {
			unwrap_limit(u, (uint32_t)n - 4);
			return PROTO_IP;
		}
		cur_take(&u->c, (n - 4u + 3u) & ~3u);
	}
	return unwrap_skip(u, EV_PACKET_NOT_IP);
}

/* RFC 2427: Q.922 address of two bytes, control 03, perhaps padding, NLPID. */
enum proto link_frame_relay(struct unwrap *u)
{
	cur_take(&u->c, 2);
	cur_take(&u->c, 1);
	uint32_t nlpid = cur_be(&u->c, 1);
	if (nlpid == 0)
		nlpid = cur_be(&u->c, 1);
	if (u->c.bad)
		return unwrap_short(u);
	if (nlpid == 0xcc)
		return PROTO_IP4;
	if (nlpid == 0x8e)
		return PROTO_IP6;
	if (nlpid == 0x80) {			/* SNAP */
		cur_take(&u->c, 3);
		u->type = (uint16_t)cur_be(&u->c, 2);
		return u->c.bad ? unwrap_short(u) : PROTO_ETHERTYPE;
	}
	return unwrap_skip(u, EV_PACKET_NOT_IP);
}
