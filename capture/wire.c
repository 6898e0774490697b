/*
 * wire: one source, one table of connections, one sink.
 */
#include "capture/wire.h"

#include <string.h>

#include "capture/emit.h"
#include "capture/pcap_file.h"
#include "capture/tcp.h"
#include "capture/unwrap.h"

enum { BUDGET = 256 * 1024 * 1024, FRAGMENT_SHARE = 32 };

struct wire {
	const struct wire_options *o;
	struct evidence *ev;
	struct session_env env;
	struct emit *emit;
	struct tcp *tcp;
	struct fragments *fragments;
	struct err sink_error;
};

static void start(struct wire *w, struct sink *out)
{
	uint64_t budget = w->o->budget ? w->o->budget : BUDGET;

	w->emit = emit_new(out, w->ev, &w->sink_error);
	w->env = (struct session_env){
		.ev = w->ev, .want_header = w->o->want_header, .want_ctx = w->o->want_ctx,
		.emit = emit_exchange, .emit_ctx = w->emit,
	};
	w->fragments = fragments_new(budget / FRAGMENT_SHARE, w->ev);
	w->tcp = tcp_new(&w->env, budget - budget / FRAGMENT_SHARE, emit_end);
}

static void stop(struct wire *w)
{
	tcp_end(w->tcp);
	tcp_free(&w->tcp);
	fragments_free(&w->fragments);
	emit_free(&w->emit);
}

static void on_packet(struct wire *w, const struct packet *p)
{
	struct segment s;

	evidence_add(w->ev, EV_PACKETS, 1);
	evidence_add(w->ev, EV_PACKET_BYTES, p->wire_len);
	if (unwrap_packet(p, w->fragments, w->ev, &s))
		tcp_segment(w->tcp, &s);
}

static bool stopped(const struct wire *w)
{
	return (w->o->stop && *w->o->stop) || emit_failed(w->emit);
}

static int run_file(struct wire *w, struct err *e)
{
	struct pcap_file_options o = { 0 };
	struct pcap_file *f = pcap_file_open(w->o->file, &o, e);
	struct packet p;
	int got = -1;

	if (!f)
		return err_at(e, "%s", w->o->file);
	while (!stopped(w) && (got = pcap_file_next(f, &p, e)) > 0)
		on_packet(w, &p);
	if (got < 0 && e->kind)
		err_at(e, "%s", w->o->file);
	if (pcap_file_cut(f))
		evidence_add(w->ev, EV_FILE_CUT, 1);
	evidence_add(w->ev, EV_PACKET_DROPPED, pcap_file_dropped(f));
	pcap_file_close(&f);
	return got < 0 && e->kind ? -1 : 0;
}

int wire_run(const struct wire_options *o, struct sink *out, struct evidence *ev, struct err *e)
{
	struct wire w = { .o = o, .ev = ev };

	start(&w, out);
	int r = run_file(&w, e);
	stop(&w);
	if (w.sink_error.kind) {
		*e = w.sink_error;
		return -1;
	}
	return r;
}
