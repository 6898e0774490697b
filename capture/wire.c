/*
 * wire: one source, one table of connections, one sink.
 */
#include "capture/wire.h"

#include <string.h>

#include "capture/device.h"
#include "capture/emit.h"
#include "capture/filter.h"
#include "capture/pcap_file.h"
#include "capture/tcp.h"
#include "capture/tls_shared.h"
#include "capture/unwrap.h"
#include "common/clock.h"

enum { BUDGET = 256 * 1024 * 1024, FRAGMENT_SHARE = 32, WAIT_SHARE = 4 };

#define POLL_NS (NS_PER_S / 4)
#define BACK_NS (30 * NS_PER_S)

struct wire {
	const struct wire_options *o;
	struct evidence *ev;
	struct session_env env;
	struct emit *emit;
	struct tcp *tcp;
	struct tls_shared *tls;
	int64_t polled;		/* capture time when key logs were last looked at */
	struct fragments *fragments;
	struct err sink_error;
};

static int start(struct wire *w, struct sink *out, struct err *e)
{
	uint64_t budget = w->o->budget ? w->o->budget : BUDGET;
	struct tls_options tls = {
		.keylogs = w->o->keylogs, .n_keylogs = w->o->n_keylogs, .trust = w->o->trust,
		.certificate = w->o->certificate, .certificate_ctx = w->o->certificate_ctx,
		.growing = w->o->device || (w->o->file && !strcmp(w->o->file, "-")),
		.room = budget / WAIT_SHARE,
	};

	w->tls = tls_shared_new(&tls, w->ev, e);
	if (!w->tls)
		return -1;

	w->emit = emit_new(out, w->ev, &w->sink_error);
	w->env = (struct session_env){
		.ev = w->ev, .tls = w->tls, .want_header = w->o->want_header, .want_ctx = w->o->want_ctx,
		.emit = emit_exchange, .emit_ctx = w->emit,
	};
	w->fragments = fragments_new(budget / FRAGMENT_SHARE, w->ev);
	struct tcp_options tcp = { budget - budget / FRAGMENT_SHARE, emit_end, layer_detect };
	w->tcp = tcp_new(&w->env, &tcp);
	return 0;
}

static void stop(struct wire *w)
{
	tls_shared_drain(w->tls, w->polled);
	tcp_settled(w->tcp);
	tcp_end(w->tcp);
	tcp_free(&w->tcp);
	fragments_free(&w->fragments);
	emit_free(&w->emit);
	tls_shared_free(&w->tls);
}

/* Look at the key logs; sessions that waited for them may be over now. */
static void poll_keys(struct wire *w, int64_t ts)
{
	w->polled = ts;
	if (tls_shared_poll(w->tls, ts))
		tcp_settled(w->tcp);
}

static void on_packet(void *ctx, const struct packet *p)
{
	struct wire *w = ctx;
	struct segment s;

	evidence_add(w->ev, EV_PACKETS, 1);
	evidence_add(w->ev, EV_PACKET_BYTES, p->wire_len);
	if (unwrap_packet(p, w->fragments, w->ev, &s))
		tcp_segment(w->tcp, &s);
	/* Time that runs back a little is reordering; much is another file's, merged or appended. */
	if (p->ts - w->polled > POLL_NS || w->polled - p->ts > BACK_NS)
		poll_keys(w, p->ts);
}

static bool stopped(const struct wire *w)
{
	return (w->o->stop && *w->o->stop) || emit_failed(w->emit);
}

static int opened(const struct wire *w, struct err *e)
{
	return w->o->opened ? w->o->opened(w->o->opened_ctx, e) : 0;
}

/* Every packet that the filter takes; the file's own end, good or bad, is *got. */
static void read_packets(struct wire *w, struct pcap_file *f, struct filter *filter, int *got,
			 struct err *e)
{
	struct packet p;

	while (!stopped(w) && (*got = pcap_file_next(f, &p, e)) > 0)
		if (!filter || filter_match(filter, &p))
			on_packet(w, &p);
}

static void on_secrets(void *ctx, struct slice lines)
{
	struct wire *w = ctx;

	tls_shared_add_keys(w->tls, lines);
}

/*
 * Decryption secrets may stand anywhere in a pcapng file, also behind the packets that they open:
 * a file that can be read twice is searched for them first.
 */
static struct pcap_file *open_file(struct wire *w, const char *name, struct err *e)
{
	struct pcap_file_options o = { on_secrets, w };
	struct pcap_file *f = w->o->file ? pcap_file_open(name, &o, e)
					 : pcap_file_over(w->o->bytes, &o, e);
	struct err unread = { 0 };
	struct packet p;

	if (!f || !pcap_file_rewinds(f))
		return f;
	while (!stopped(w) && pcap_file_next(f, &p, &unread) > 0)
		;
	pcap_file_close(&f);
	o = (struct pcap_file_options){ 0 };
	return w->o->file ? pcap_file_open(name, &o, e) : pcap_file_over(w->o->bytes, &o, e);
}

static int run_file(struct wire *w, struct err *e)
{
	struct filter *filter = NULL;
	int got = 0;

	if (w->o->bpf && !(filter = filter_new(w->o->bpf, e)))
		return -1;
	const char *name = w->o->file ? w->o->file : "capture";
	struct pcap_file *f = open_file(w, name, e);
	if (!f) {
		got = err_at(e, "%s", name);
		goto out;
	}
	if (opened(w, e)) {
		got = -1;
		goto out;
	}
	read_packets(w, f, filter, &got, e);
	if (got < 0)
		err_at(e, "%s", name);
	if (pcap_file_cut(f))
		evidence_add(w->ev, EV_FILE_CUT, 1);
	evidence_add(w->ev, EV_PACKET_DROPPED, pcap_file_dropped(f));
out:
	pcap_file_close(&f);
	filter_free(&filter);
	return got < 0 ? -1 : 0;
}

static int run_device(struct wire *w, struct err *e)
{
	struct device *d = device_open(w->o->device, w->o->bpf, w->o->snaplen, e);
	int r = 0;

	if (!d)
		return -1;
	if (opened(w, e))
		r = -1;
	while (r >= 0 && !stopped(w)) {
		r = device_poll(d, on_packet, w, e);
		evidence_add(w->ev, EV_PACKET_DROPPED, device_dropped(d));
		/* Behind the clock by more than any packet still in the ring. */
		if (r == 0) {
			poll_keys(w, clock_now() - NS_PER_S);
			tcp_idle(w->tcp, clock_now() - NS_PER_S);
		}
	}
	if (r < 0 && e->kind)
		err_at(e, "interface %s", w->o->device);
	device_close(&d);
	return r < 0 ? -1 : 0;
}

int wire_run(const struct wire_options *o, struct sink *out, struct evidence *ev, struct err *e)
{
	struct wire w = { .o = o, .ev = ev };

	if (start(&w, out, e))
		return -1;
	int r = o->device ? run_device(&w, e) : run_file(&w, e);
	stop(&w);
	if (w.sink_error.kind) {
		*e = w.sink_error;
		return -1;
	}
	return r;
}
