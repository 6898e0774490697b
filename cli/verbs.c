/* verbs: the table.  A verb stands here when it works. */
#include "cli/verbs.h"

#include <stddef.h>

#include "agent.h"

const struct verb verbs[] = {
	{ "demo", "the bundled example end to end, then serves the dashboard on loopback", verb_demo },
	{ "run", "the agent: taps, follows logs, judges, stores, serves", verb_run },
	{ "capture", "tap an interface or read a capture, judge, store", verb_capture },
	{ "decode", "a capture file to flow JSON lines", verb_decode },
	{ "ingest", "access logs, judged and stored", verb_ingest },
	{ "parse", "access-log lines to flow JSON lines", verb_parse },
	{ "judge", "flow JSON lines to judged flow JSON lines", verb_judge },
	{ "flows", "list stored flows", verb_flows },
	{ "findings", "list what is wrong, worst first", verb_findings },
	{ "query", "read-only SQL with limits", verb_query },
	{ "report", "a period as a report to keep: HTML or JSON", verb_report },
	{ "serve", "dashboard and API", verb_serve },
	{ "lint", "static checks of the policies", verb_lint },
	{ "test", "policy unit tests: flows that must be allowed or denied", verb_test },
	{ "explain", "why a stored flow was judged as it was", verb_explain },
	{ "verify", "check the integrity chain of a database", verb_verify },
	{ "doctor", "what evidence is missing and how to get it", verb_doctor },
	{ NULL, NULL, NULL },
};
