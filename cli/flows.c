/*
 * flows: stored flows, by the filter language.
 */
#include "cli/verbs.h"

#include "cli/list.h"

int verb_flows(int argc, char **argv)
{
	static const char *const json[] = { "findings", "missing", "tls_alpn_offered", "request_headers",
					    "metadata", "request_audiences", "request_claims", NULL };
	struct list l = { .of = WHERE_FLOWS, .verb = "flows", .db = "egret.db", .format = "table",
			  .limit = 50, .json = json,
			  .table_columns = "v.id, v.started_at, coalesce(v.source_namespace || '/' ||"
				" v.source_service_account, v.source_identity, v.source_ip) AS source,"
				" v.method, v.host, v.path, v.transport, v.status, v.outcome, v.verdict,"
				" v.policy, v.findings",
			  .empty = "no flow matches" };
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &l.db, "FILE", "the database, default egret.db" },
		{ "output", 'o', OPT_TEXT, &l.format, "FORMAT", "table, json, jsonl, csv, or test: a file for egret test" },
		{ "since", 0, OPT_TEXT, &l.since, "TIME", "24h, 30d, 2026-11-24, 2026-11-24T08:00:00Z" },
		{ "until", 0, OPT_TEXT, &l.until, "TIME", "started before" },
		{ "limit", 'n', OPT_UINT, &l.limit, "N", "at most so many, default 50; 0: all" },
		{ "sort", 0, OPT_TEXT, &l.sort, "COLUMN",
		  "id, started_at, bytes_sent, bytes_received or duration_ms" },
		{ "ascending", 0, OPT_FLAG, &l.ascending, NULL, "smallest or oldest first" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret flows --db FILE [flags] [TERM]...",
		.summary = "List stored flows, newest first.",
		.examples = "  egret flows --db egret.db verdict:deny since:24h\n"
			    "  egret flows --db egret.db ns:default 'host:*.org' -o jsonl\n"
			    "  egret flows --db egret.db is:gap --sort bytes_sent\n"
			    "  egret flows --db egret.db verdict:allow -n 0 -o test >must-allow.yaml\n",
		.notes = "Terms: KEY:VALUE, all must hold, -KEY:VALUE turns one round.  The language: docs/filter.md.\n",
		.opts = opts,
	};
	uint64_t rows;
	int operands, code = cli_parse("flows", &verb, argc, argv, &operands);

	return code >= 0 ? code : list_run(&l, argv, operands, &rows);
}
