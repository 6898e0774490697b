/*
 * decode: a capture file to flow JSON lines.  No policy, no store.
 */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>

#include "capture/wire.h"
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

static bool lost_something(const struct evidence *ev)
{
	for (int r = 0; r < EV_COUNT; r++)
		if (ev->n[r] && slice_is(slice_of(evidence_info[r].kind), "lost"))
			return true;
	return false;
}

/* Without -v, one line for each kind of loss that makes the flows incomplete. */
static void warn(const struct evidence *ev)
{
	if (ev->n[EV_FILE_CUT])
		fprintf(stderr, "egret decode: warning: the file ends inside packet %" PRIu64
			"; what came before it was decoded\n", ev->n[EV_PACKETS] + 1);
	if (lost_something(ev))
		fprintf(stderr, "egret decode: warning: some evidence is missing; "
			"-v says what and why\n");
}

int verb_decode(int argc, char **argv)
{
	struct wire_options o = { .stop = &cli_stop };
	struct opt_list keylogs = { 0 };
	unsigned long budget = 0;
	bool verbose = false;
	int operands;
	const struct opt opts[] = {
		{ "read", 'r', OPT_TEXT, &o.file, "FILE",
		  "pcap or pcapng file, - for standard input" },
		{ "keylog", 'k', OPT_LIST, &keylogs, "FILE",
		  "NSS key log (SSLKEYLOGFILE); repeats" },
		{ "trust", 0, OPT_TEXT, &o.trust, "FILE",
		  "PEM file of the mesh's roots, to verify client certificates" },
		{ "bpf", 'f', OPT_TEXT, &o.bpf, "EXPR", "only packets that match (pcap-filter(7))" },
		{ "memory", 0, OPT_UINT, &budget, "MIB", "memory for connections, default 256" },
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
	if (!o.file && operands == 1)
		o.file = argv[0];
	else if (operands || !o.file) {
		err_set(&e, ERR_USAGE, "one capture file is wanted: -r FILE (see --help)");
		code = cli_fail("decode", &e);
		goto out;
	}
	o.keylogs = keylogs.item;
	o.n_keylogs = keylogs.n;
	o.budget = (uint64_t)budget << 20;
	cli_catch_signals();
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
		warn(&ev);
	code = r ? cli_fail("decode", &e) : EXIT_CLEAN;
out:
	opt_list_free(&keylogs);
	return code;
}
