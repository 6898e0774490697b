/*
 * segment - one TCP segment, taken out of whatever a packet wrapped it in.
 */
#ifndef CAPTURE_SEGMENT_H
#define CAPTURE_SEGMENT_H

#include <stdint.h>

#include "common/cursor.h"
#include "common/ip.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct segment {
	struct ip src, dst;		/* innermost addresses */
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;			/* TCP_* */
	uint8_t window_shift;		/* of a SYN's window scale option, else 0 */
	struct slice payload;		/* what was captured of it */
	struct slice raw;		/* header and payload, as captured: for the checksum */
	uint32_t missing;		/* bytes of the payload after that, cut off by snaplen */
	int64_t ts;
	uint64_t number;		/* of the packet */
};

/*
 * SUM_OFFLOADED: the sum of the pseudo header alone, or 0, as a host's own packets look before the
 * network card fills it in.  SUM_UNKNOWN: not all of the segment was captured.
 */
enum segment_sum { SUM_UNKNOWN, SUM_GOOD, SUM_OFFLOADED, SUM_BAD };

enum segment_sum segment_sum(const struct segment *s);

#endif
