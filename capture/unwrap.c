/*
 * unwrap: the loop over the table.  Every step consumes at least one byte or ends, and there are
 * at most UNWRAP_STEPS, so a packet takes bounded time whatever it nests.
 */
#include "capture/unwrap.h"

static unwrap_step *const steps[PROTO_COUNT] = {
	[PROTO_TCP] = ip_tcp,		[PROTO_UDP] = ip_udp,
	[PROTO_IP] = ip_any,		[PROTO_IP4] = ip_4,
	[PROTO_IP6] = ip_6,		[PROTO_NEXT_HEADER] = ip_next_header,
	[PROTO_ETHER] = link_ether,	[PROTO_ETHERTYPE] = link_ethertype,
	[PROTO_SLL] = link_sll,		[PROTO_SLL2] = link_sll2,
	[PROTO_NULL] = link_null,	[PROTO_PPP] = link_ppp,
	[PROTO_PPP_HDLC] = link_ppp_hdlc, [PROTO_CISCO_HDLC] = link_cisco_hdlc,
	[PROTO_PPPOE] = link_pppoe,	[PROTO_MPLS] = link_mpls,
	[PROTO_NFLOG] = link_nflog,	[PROTO_FRAME_RELAY] = link_frame_relay,
	[PROTO_GRE] = tunnel_gre,	[PROTO_ERSPAN1] = tunnel_erspan1,
	[PROTO_ERSPAN2] = tunnel_erspan2, [PROTO_ERSPAN3] = tunnel_erspan3,
	[PROTO_ETHERIP] = tunnel_etherip, [PROTO_VXLAN] = tunnel_vxlan,
	[PROTO_GENEVE] = tunnel_geneve,	[PROTO_GTPU] = tunnel_gtpu,
	[PROTO_TEREDO] = tunnel_teredo,	[PROTO_AYIYA] = tunnel_ayiya,
	[PROTO_NSH] = tunnel_nsh,	[PROTO_L2TP] = tunnel_l2tp,
	[PROTO_VXLAN_GPE] = tunnel_vxlan_gpe,
};

/* LINKTYPE_* numbers, www.tcpdump.org/linktypes.html; the old DLT numbers of raw IP, too. */
static enum proto link_proto(uint16_t link)
{
	switch (link) {
	case 1: return PROTO_ETHER;
	case 0: case 108: return PROTO_NULL;
	case 12: case 14: case 101: return PROTO_IP;
	case 228: return PROTO_IP4;
	case 229: return PROTO_IP6;
	case 9: return PROTO_PPP;
	case 50: return PROTO_PPP_HDLC;
	case 51: return PROTO_PPPOE;
	case 104: return PROTO_CISCO_HDLC;
	case 107: return PROTO_FRAME_RELAY;
	case 113: return PROTO_SLL;
	case 276: return PROTO_SLL2;
	case 219: return PROTO_MPLS;
	case 239: return PROTO_NFLOG;
	}
	return PROTO_DONE;
}

enum proto unwrap_skip(struct unwrap *u, enum evidence_reason why)
{
	struct slice sample = u->packet->bytes;

	if (sample.n > 64)
		sample.n = 64;
	evidence_note(u->ev, why, u->packet->number, sample);
	return PROTO_DONE;
}

void unwrap_limit(struct unwrap *u, uint32_t n)
{
	size_t left = cur_left(&u->c);

	if (n <= left) {
		u->c.end = u->c.at + n;
		u->missing = 0;
	} else {
		u->missing = n - (uint32_t)left;
	}
}

bool unwrap_packet(const struct packet *p, struct fragments *f, struct evidence *ev,
		   struct segment *out)
{
	struct unwrap u = {
		.ev = ev, .fragments = f, .packet = p, .c = cur_of(p->bytes),
		.missing = p->wire_len - (uint32_t)p->bytes.n, .out = out,
	};
	enum proto next = link_proto(p->link);

	if (next == PROTO_DONE)
		unwrap_skip(&u, EV_PACKET_LINK_UNKNOWN);
	for (int k = 0; next != PROTO_DONE; k++) {
		if (k == UNWRAP_STEPS) {
			unwrap_skip(&u, EV_PACKET_TOO_DEEP);
			return false;
		}
		if (next == PROTO_TCP)
			return ip_tcp(&u) == PROTO_TCP;
		next = steps[next](&u);
	}
	return false;
}
