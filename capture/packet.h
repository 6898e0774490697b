/*
 * packet - one captured packet, as a source (pcap_file.h, device.h) hands it on.
 */
#ifndef CAPTURE_PACKET_H
#define CAPTURE_PACKET_H

#include <stdint.h>

#include "common/cursor.h"

struct packet {
	struct slice bytes;	/* borrowed until the next packet is asked for */
	uint32_t wire_len;	/* length on the wire; more than bytes.n where snaplen cut it */
	uint16_t link;		/* LINKTYPE_* of www.tcpdump.org/linktypes.html */
	int64_t ts;		/* ns since 1970 */
	uint64_t number;	/* 1.. in this source */
};

#endif
