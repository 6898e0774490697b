#include "cli/wire_opts.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"

void wire_opts_fill(const struct wire_opts *w, struct wire_options *o)
{
	o->file = w->file;
	o->bpf = w->bpf;
	o->trust = w->trust;
	o->keylogs = w->keylogs.item;
	o->n_keylogs = w->keylogs.n;
	o->budget = (uint64_t)w->memory << 20;
	o->stop = &cli_stop;
}

void wire_opts_free(struct wire_opts *w)
{
	opt_list_free(&w->keylogs);
}

static bool lost_something(const struct evidence *ev)
{
	for (int r = 0; r < EV_COUNT; r++)
		if (ev->n[r] && slice_is(slice_of(evidence_info[r].kind), "lost"))
			return true;
	return false;
}

void wire_opts_warn(const char *verb, const struct evidence *ev)
{
	if (ev->n[EV_FILE_CUT])
		fprintf(stderr, "egret %s: warning: the file ends inside packet %" PRIu64
			"; what came before it was decoded\n", verb, ev->n[EV_PACKETS] + 1);
	if (lost_something(ev))
		fprintf(stderr, "egret %s: warning: some evidence is missing; "
			"-v says what and why\n", verb);
}
