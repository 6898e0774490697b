/*
 * unwrap - from a packet to the TCP segment inside, through links and tunnels.
 *
 * Ethernet, 802.1Q/ad, MPLS, PPPoE, PPP, Linux cooked v1/v2, BSD null/loop,
 * raw IP, NFLOG, frame relay; IPv4 and IPv6 with extension headers and
 * fragments; GRE (also in UDP), ERSPAN, EtherIP, IP in IP, VXLAN, GENEVE, NSH,
 * GTP-U, L2TP, Teredo, AYIYA, MPLS in IP and UDP.  Each protocol is a row of one table: it takes
 * its header and names what comes next.
 *
 * Whatever is not TCP is counted by reason.  Checksums are not verified:
 * a tap before the network card sees them unfilled.
 */
#ifndef CAPTURE_UNWRAP_H
#define CAPTURE_UNWRAP_H

#include <stdbool.h>

#include "capture/fragment.h"
#include "capture/packet.h"
#include "capture/segment.h"
#include "schema/evidence.h"

enum { UNWRAP_STEPS = 64 };	/* taken of one packet, about two a header; more is an attack */

enum proto {
	PROTO_DONE,		/* not TCP: counted */
	PROTO_TCP, PROTO_UDP,
	PROTO_IP, PROTO_IP4, PROTO_IP6,
	PROTO_ETHER, PROTO_ETHERTYPE, PROTO_SLL, PROTO_SLL2, PROTO_NULL, PROTO_PPP, PROTO_PPP_HDLC,
	PROTO_CISCO_HDLC, PROTO_PPPOE, PROTO_MPLS, PROTO_NFLOG, PROTO_FRAME_RELAY,
	PROTO_NEXT_HEADER, PROTO_GRE, PROTO_ERSPAN1, PROTO_ERSPAN2, PROTO_ERSPAN3, PROTO_ETHERIP,
	PROTO_VXLAN, PROTO_GENEVE, PROTO_GTPU, PROTO_TEREDO, PROTO_AYIYA,
	PROTO_NSH, PROTO_L2TP, PROTO_VXLAN_GPE,
	PROTO_COUNT
};

/* State of one packet's unwrapping; the steps (link.c, ip.c, tunnel.c) work on it. */
struct unwrap {
	struct evidence *ev;
	struct fragments *fragments;
	const struct packet *packet;
	struct cursor c;		/* what is left */
	uint32_t missing;		/* bytes after it that were not captured */
	uint16_t type;			/* EtherType or IP next header, for the step that asks */
	struct segment *out;
	bool tunnel;
};

typedef enum proto unwrap_step(struct unwrap *u);

/* Give up on the packet, counted. */
enum proto unwrap_skip(struct unwrap *u, enum evidence_reason why);
/* The rest of the packet is `n` bytes on the wire: trims padding, or notes what is missing. */
void unwrap_limit(struct unwrap *u, uint32_t n);
/* As that, where the header was cut: an honest name for a short cursor. */
static inline enum proto unwrap_short(struct unwrap *u)
{
	return unwrap_skip(u, u->missing ? EV_PACKET_HEADER_CUT : EV_PACKET_MALFORMED);
}

unwrap_step link_ether, link_ethertype, link_sll, link_sll2, link_null, link_ppp, link_ppp_hdlc,
	link_cisco_hdlc, link_pppoe, link_mpls, link_nflog, link_frame_relay;
unwrap_step ip_any, ip_4, ip_6, ip_next_header, ip_tcp, ip_udp;
unwrap_step tunnel_gre, tunnel_erspan1, tunnel_erspan2, tunnel_erspan3, tunnel_etherip, tunnel_vxlan,
	tunnel_geneve, tunnel_gtpu, tunnel_teredo, tunnel_ayiya, tunnel_nsh, tunnel_l2tp,
	tunnel_vxlan_gpe;

/* How UDP port pairs name a tunnel; PROTO_DONE: none that we know. */
enum proto tunnel_by_port(uint16_t src, uint16_t dst, struct slice payload);

/* True: *out is a segment; its payload is borrowed until the next call. */
bool unwrap_packet(const struct packet *p, struct fragments *f, struct evidence *ev,
		   struct segment *out);

#endif
