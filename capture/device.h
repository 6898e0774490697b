/*
 * device - packets of a network interface, through libpcap.
 */
#ifndef CAPTURE_DEVICE_H
#define CAPTURE_DEVICE_H

#include "capture/packet.h"
#include "common/err.h"

struct device;

/* NULL: *e.  snaplen 0: whole packets; bpf may be NULL. */
struct device *device_open(const char *name, const char *bpf, unsigned snaplen, struct err *e);
void device_close(struct device **d);		/* NULL-safe */

/*
 * Wait up to a tenth of a second and hand over what came.  The number of packets; 0: none;
 * -1: *e (the interface went down, say).
 */
int device_poll(struct device *d, void (*packet)(void *ctx, const struct packet *p), void *ctx,
		struct err *e);

/* Packets that the kernel dropped since the last call, for want of room. */
uint64_t device_dropped(struct device *d);

#endif
