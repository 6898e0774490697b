/*
 * capture: packets of a file or an interface, judged and stored.
 */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/join.h"
#include "cli/policy_opts.h"
#include "cli/privilege.h"
#include "cli/wire_opts.h"

/* Live: nothing that needs a privilege is left to do. */
static int opened(void *ctx, struct err *e)
{
	const struct wire_options *o = ctx;

	fprintf(stderr, "egret capture: listening on %s, Ctrl-C ends\n", o->device);
	return privilege_drop(e);
}

static int capture(struct wire_options *o, struct join_options *jo, struct err *e)
{
	struct join j;
	struct err late = { 0 };
	int r = join_start(&j, jo, e);

	if (!r) {
		/* A file waits for the store; a device cannot, and says what it dropped. */
		struct pipeline_input *in = join_input(&j, !o->device, j.evidence);
		o->want_header = analysis_wants_header;
		o->want_ctx = j.analysis;
		o->certificate = pipeline_certificate;
		o->certificate_ctx = in;
		if (o->device) {
			o->opened = opened;
			o->opened_ctx = o;
		}
		r = wire_run(o, pipeline_sink(in), j.evidence, e);
		/* What was read before a failure is judged and stored all the same. */
		if (sink_finish(pipeline_sink(in), r ? &late : e))
			r = -1;
		if (join_finish(&j, o->device ? o->device : o->file, r ? &late : e))
			r = -1;
		if (!r || j.evidence->n[EV_PACKETS])
			join_summary(&j, j.evidence, stdout);
	}
	if (r && j.evidence && !j.evidence->n[EV_PACKETS])
		join_discard(&j);
	join_release(&j);
	return r;
}

int verb_capture(int argc, char **argv)
{
	struct wire_opts w = { 0 };
	struct policy_opts p = { 0 };
	const char *db = "egret.db", *device = NULL, *gateway = NULL;
	unsigned long snaplen = 0;
	const struct opt opts[] = {
		{ "interface", 'i', OPT_TEXT, &device, "IFACE", "network interface, until Ctrl-C; or" },
		WIRE_OPT_ROWS(w),
		{ "snaplen", 's', OPT_UINT, &snaplen, "BYTES", "bytes taken of each packet, default all" },
		{ "db", 0, OPT_TEXT, &db, "FILE", "the database, default egret.db" },
		POLICY_OPT_ROWS(p),
		{ "gateway", 0, OPT_TEXT, &gateway, "NAME", "name of the gateway in every flow, default egress" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret capture -i IFACE | -r FILE [flags]",
		.summary = "Tap an interface or read a capture, judge each flow, store it.",
		.examples = "  egret capture -r gateway.pcap --keylog keys.log -p policies/ --db egret.db\n"
			    "  egret capture -i eth0 --bpf 'tcp port 8443' --keylog keys.log -p policies/\n",
		.opts = opts,
	};
	struct err e = { 0 };
	struct wire_options o = { 0 };
	struct join_options jo = { .db = NULL, .analysis = { .wire = true } };
	struct policy_set *set = NULL;
	static struct evidence policy_ev;
	int operands, code = cli_parse("capture", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	int r = 0;
	if (operands || !w.file == !device)
		r = err_set(&e, ERR_USAGE, "one source is wanted: -i IFACE or -r FILE (see --help)");
	if (!r)
		r = policy_opts_load(&p, "capture", &policy_ev, &set, &jo.analysis.judge, &e);
	if (!r) {
		cli_catch_signals();
		wire_opts_fill(&w, &o);
		o.device = device;
		o.snaplen = (unsigned)snaplen;
		jo.db = db;
		jo.live = device;
		jo.source = device;
		jo.policies = set;
		jo.analysis.gateway = gateway;
		r = capture(&o, &jo, &e);
	}
	policy_free(&set);
	policy_opts_free(&p);
	wire_opts_free(&w);
	return r ? cli_fail("capture", &e) : EXIT_CLEAN;
}
