/*
 * parse: access-log lines to flow JSON lines.  No policy, no store.
 */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/log_opts.h"
#include "schema/flow_json.h"

/* -o none: every flow is made and looked at, nothing is printed. */
static int swallow(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	(void)s, (void)flows, (void)n, (void)e;
	return 0;
}

static void warn(const struct evidence *ev)
{
	uint64_t lost = ev->n[EV_LINES] - ev->n[EV_LINES_PARSED] - ev->n[EV_LINE_EMPTY];

	if (!lost)
		return;
	fprintf(stderr, "egret parse: %" PRIu64 " of %" PRIu64 " lines were not understood:\n", lost,
		ev->n[EV_LINES]);
	for (int r = 0; r < EV_COUNT; r++) {
		if (!ev->n[r] || strcmp(evidence_info[r].source, "log") || strcmp(evidence_info[r].kind, "lost"))
			continue;
		struct buf b;
		buf_init(&b, 4096);
		buf_quote(&b, (struct slice){ ev->sample[r][0].text, ev->sample[r][0].n });
		fprintf(stderr, "  %12" PRIu64 "  %s; line %" PRIu64 ": %.*s\n", ev->n[r],
			evidence_info[r].meaning, ev->sample[r][0].where, (int)b.n, b.n ? (char *)b.p : "");
		buf_release(&b);
	}
}

int verb_parse(int argc, char **argv)
{
	struct log_opts l = { 0 };
	const char *output = "jsonl", *trust_domain = NULL;
	const struct opt opts[] = {
		LOG_OPT_ROWS(l),
		{ "trust-domain", 0, OPT_TEXT, &trust_domain, "TD", "of the inventory's identities, default cluster.local" },
		{ "follow", 0, OPT_FLAG, &l.follow, NULL, "go on as the files grow and rotate, until Ctrl-C" },
		{ "output", 'o', OPT_TEXT, &output, "jsonl|json|none", "json: one array; none: parse, print nothing (to measure)" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret parse FILE...|- [flags]",
		.summary = "Parse access logs into flows, one JSON object a line.",
		.examples = "  egret parse access.log\n"
			    "  kubectl logs -n istio-system deploy/istio-egressgateway | egret parse -\n"
			    "  egret parse /var/log/containers/istio-egressgateway-*.log\n"
			    "  egret parse -f '%START_TIME% %DOWNSTREAM_PEER_URI_SAN% %REQ(:METHOD)%' my.log\n",
		.opts = opts,
	};
	struct err e = { 0 }, late = { 0 };
	struct log_options o;
	int operands, code = cli_parse("parse", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	if (log_opts_fill(&l, "parse", argv, operands, &o, &e))
		return cli_fail("parse", &e);
	if (strcmp(output, "jsonl") && strcmp(output, "json") && strcmp(output, "none")) {
		err_set(&e, ERR_USAGE, "-o wants jsonl, json or none, not \"%s\"", output);
		return cli_fail("parse", &e);
	}
	o.trust_domain = trust_domain;
	cli_catch_signals();
	static struct evidence ev;
	struct flow_json_sink json;
	struct sink none = { swallow, NULL };
	struct sink *out = strcmp(output, "none") ? &json.sink : &none;
	flow_json_sink_init(&json, stdout);
	json.array = !strcmp(output, "json");
	int r = log_run(&o, out, &ev, &e);
	if (sink_finish(out, &late) && !r) {
		e = late;
		r = -1;
	}
	flow_json_sink_release(&json);
	warn(&ev);
	return r ? cli_fail("parse", &e) : EXIT_CLEAN;
}
