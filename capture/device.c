/*
 * device: a libpcap handle with a ring large enough for bursts.
 */
#include "capture/device.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum {
	SNAPLEN = 262144,
	RING = 32 * 1024 * 1024,
	WAIT_MS = 100,
	AT_ONCE = 4096,		/* packets before timeouts and the stop flag are looked at again */
};

struct device {
	pcap_t *pcap;
	uint16_t link;
	bool nano;
	uint64_t number;
	uint32_t dropped;	/* libpcap's counter, which wraps */
	void (*packet)(void *ctx, const struct packet *p);
	void *ctx;
};

static int fail(const char *name, int code, pcap_t *p, struct err *e)
{
	const char *why = p && code == PCAP_ERROR ? pcap_geterr(p) : pcap_statustostr(code);
	const char *hint = code == PCAP_ERROR_PERM_DENIED
		? " (root or the capability CAP_NET_RAW is needed)"
		: code == PCAP_ERROR_NO_SUCH_DEVICE ? " (ip link shows the interfaces)" : "";

	return err_set(e, ERR_IO, "interface %s: %s%s", name, why, hint);
}

static int configure(struct device *d, const char *name, const char *bpf, unsigned snaplen,
		     struct err *e)
{
	struct bpf_program program;

	pcap_set_snaplen(d->pcap, snaplen ? (int)snaplen : SNAPLEN);
	pcap_set_promisc(d->pcap, 1);
	pcap_set_timeout(d->pcap, WAIT_MS);
	pcap_set_buffer_size(d->pcap, RING);
	pcap_set_tstamp_precision(d->pcap, PCAP_TSTAMP_PRECISION_NANO);
	int r = pcap_activate(d->pcap);
	if (r < 0)
		return fail(name, r, d->pcap, e);
	d->nano = pcap_get_tstamp_precision(d->pcap) == PCAP_TSTAMP_PRECISION_NANO;
	d->link = (uint16_t)pcap_datalink(d->pcap);
	/* Waiting is ours: libpcap's own wait goes on through signals. */
	char why[PCAP_ERRBUF_SIZE];
	if (pcap_setnonblock(d->pcap, 1, why))
		return err_set(e, ERR_IO, "interface %s: %s", name, why);
	if (!bpf)
		return 0;
	if (pcap_compile(d->pcap, &program, bpf, 1, PCAP_NETMASK_UNKNOWN))
		return err_set(e, ERR_USAGE, "filter \"%s\": %s", bpf, pcap_geterr(d->pcap));
	r = pcap_setfilter(d->pcap, &program);
	pcap_freecode(&program);
	return r ? fail(name, r, d->pcap, e) : 0;
}

struct device *device_open(const char *name, const char *bpf, unsigned snaplen, struct err *e)
{
	char why[PCAP_ERRBUF_SIZE];
	struct device *d = calloc(1, sizeof *d);

	if (!d)
		abort();
	d->pcap = pcap_create(name, why);
	if (!d->pcap)
		err_set(e, ERR_IO, "interface %s: %s", name, why);
	if (!d->pcap || configure(d, name, bpf, snaplen, e))
		device_close(&d);
	return d;
}

void device_close(struct device **d)
{
	if (!*d)
		return;
	if ((*d)->pcap)
		pcap_close((*d)->pcap);
	free(*d);
	*d = NULL;
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct device *d = (struct device *)(void *)user;
	struct packet p = {
		.bytes = { bytes, h->caplen },
		.wire_len = h->len > h->caplen ? h->len : h->caplen,
		.link = d->link,
		.ts = (int64_t)h->ts.tv_sec * NS_PER_S +
			(int64_t)h->ts.tv_usec * (d->nano ? 1 : 1000),
		.number = ++d->number,
	};

	d->packet(d->ctx, &p);
}

int device_poll(struct device *d, void (*packet)(void *ctx, const struct packet *p), void *ctx,
		struct err *e)
{
	struct pollfd fd = { .fd = pcap_get_selectable_fd(d->pcap), .events = POLLIN };

	d->packet = packet;
	d->ctx = ctx;
	if (poll(&fd, fd.fd < 0 ? 0 : 1, WAIT_MS) < 0 && errno != EINTR)
		return err_set(e, ERR_IO, "%s", strerror(errno));
	int n = pcap_dispatch(d->pcap, AT_ONCE, on_packet, (u_char *)d);
	if (n == PCAP_ERROR)
		return err_set(e, ERR_IO, "%s", pcap_geterr(d->pcap));
	return n < 0 ? 0 : n;
}

uint64_t device_dropped(struct device *d)
{
	struct pcap_stat st;

	if (pcap_stats(d->pcap, &st))
		return 0;
	uint32_t fresh = st.ps_drop - d->dropped;
	d->dropped = st.ps_drop;
	return fresh;
}
