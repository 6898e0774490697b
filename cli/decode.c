/*
 * decode: a capture file to flow JSON lines.  No policy, no store.
 */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/wire_opts.h"
#include "schema/flow_json.h"

/* What was read and what was lost, one line a reason that occurred. */
static void print_evidence(const struct evidence *ev)
{
	for (int r = 0; r < EV_COUNT; r++)
		if (ev->n[r])
			fprintf(stderr, "%-10s %-5s %-22s %12" PRIu64 "  %s\n",
				evidence_info[r].source, evidence_info[r].kind, evidence_info[r].name,
				ev->n[r], evidence_info[r].meaning);
}

int verb_decode(int argc, char **argv)
{
	struct wire_options o = { 0 };
	struct wire_opts w = { 0 };
	bool verbose = false;
	int operands;
	const struct opt opts[] = {
		WIRE_OPT_ROWS(w),
		{ "verbose", 'v', OPT_FLAG, &verbose, NULL,
		  "count what was read and what was lost, on standard error" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret decode -r FILE [flags]",
		.summary = "Decode a capture into flows, one JSON object a line.",
		.examples = "  egret decode -r gateway.pcap\n"
			    "  egret decode -r gateway.pcapng --keylog keys.log --trust roots.pem\n"
			    "  tcpdump -i eth0 -w - | egret decode -r - --bpf 'port 8443'\n",
		.opts = opts,
	};
	struct err e = { 0 };
	int code = cli_parse("decode", &verb, argc, argv, &operands);

	if (code >= 0)
		goto out;
	if (!w.file && operands == 1)
		w.file = argv[0];
	else if (operands || !w.file) {
		err_set(&e, ERR_USAGE, "one capture file is wanted: -r FILE (see --help)");
		code = cli_fail("decode", &e);
		goto out;
	}
	wire_opts_fill(&w, &o);
	cli_catch_signals();
	/* Of a file nobody waits for the first lines; a pipe's reader may. */
	if (strcmp(w.file, "-"))
		setvbuf(stdout, NULL, _IOFBF, 64 * 1024);
	static struct evidence ev;
	struct flow_json_sink sink;
	flow_json_sink_init(&sink, stdout);
	int r = wire_run(&o, &sink.sink, &ev, &e);
	struct err late = { 0 };
	if (sink_finish(&sink.sink, &late) && !r) {
		e = late;
		r = -1;
	}
	flow_json_sink_release(&sink);
	if (verbose)
		print_evidence(&ev);
	else
		wire_opts_warn("decode", &ev);
	code = r ? cli_fail("decode", &e) : EXIT_CLEAN;
out:
	wire_opts_free(&w);
	return code;
}
