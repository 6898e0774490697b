/*
 * findings: what is wrong, worst first; an exit code for scripts.
 */
#include "cli/verbs.h"

#include <stdio.h>

#include "cli/list.h"
#include "schema/finding.h"

/* Findings at or above the severity that would fail a script. */
static int count_at(const char *db, const char *severity, bool *any, struct err *e)
{
	enum severity s = severity_by_name(slice_of(severity));
	struct store_result result = { 0 };
	struct store_param p = { ":s", { .type = STORE_INT, .num = s } };
	struct store *store;

	if (!s)
		return err_set(e, ERR_USAGE, "--fail-on wants info, low, medium, high or critical, "
			       "not \"%s\"", severity);
	store = store_open(db, STORE_READ, e);
	if (!store)
		return -1;
	int rc = store_query(store, "SELECT 1 FROM findings WHERE severity_rank >= :s AND status IN"
			     " ('open', 'acknowledged') LIMIT 1", &p, 1, (struct store_limits){ 0 },
			     NULL, NULL, &result, e);
	store_close(&store, &(struct err){ 0 });
	*any = result.rows > 0;
	return rc;
}

int verb_findings(int argc, char **argv)
{
	static const char *const json[] = { "evidence", "ruled_out", NULL };
	const char *fail_on = NULL;
	struct list l = { .of = WHERE_FINDINGS, .verb = "findings", .db = "egret.db",
			  .format = "table", .limit = 100, .sort = "severity", .json = json,
			  .table_columns = "v.severity, v.code, v.flows, v.last_seen, v.identity,"
				" v.host, v.sentence",
			  .empty = "no finding matches" };
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &l.db, "FILE", "the database, default egret.db" },
		{ "output", 'o', OPT_TEXT, &l.format, "FORMAT", "table, json, jsonl or csv" },
		{ "since", 0, OPT_TEXT, &l.since, "TIME", "seen at or after" },
		{ "until", 0, OPT_TEXT, &l.until, "TIME", "first seen before" },
		{ "limit", 'n', OPT_UINT, &l.limit, "N", "at most so many, default 100; 0: all" },
		{ "sort", 0, OPT_TEXT, &l.sort, "COLUMN", "severity, last_seen, first_seen, flows or id" },
		{ "ascending", 0, OPT_FLAG, &l.ascending, NULL, "mildest or oldest first" },
		{ "fail-on", 0, OPT_TEXT, &fail_on, "SEVERITY",
		  "exit 3 where an open finding is as severe, whatever the filter" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret findings --db FILE [flags] [TERM]...",
		.summary = "List findings, worst first.",
		.examples = "  egret findings --db egret.db\n"
			    "  egret findings --db egret.db 'severity>=high' ns:default since:7d\n"
			    "  egret findings --db egret.db --fail-on high -o json\n",
		.notes = "Keys: code severity status identity ns host policy gateway key sentence since until.\n",
		.opts = opts,
	};
	struct err e = { 0 };
	bool any = false;
	uint64_t rows;
	int operands, code = cli_parse("findings", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	code = list_run(&l, argv, operands, &rows);
	if (code != EXIT_CLEAN || !fail_on)
		return code;
	if (count_at(l.db, fail_on, &any, &e))
		return cli_fail("findings", &e);
	return any ? EXIT_FINDINGS : EXIT_CLEAN;
}
