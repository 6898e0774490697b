/*
 * query: read-only SQL on a database, with limits.
 */
#include "cli/verbs.h"

#include <stdio.h>

#include "cli/rows.h"
#include "common/clock.h"

int verb_query(int argc, char **argv)
{
	const char *db = "egret.db", *format = "table";
	unsigned long seconds = 30, most = 10000;
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &db, "FILE", "the database, default egret.db" },
		{ "output", 'o', OPT_TEXT, &format, "FORMAT", "table, json, jsonl or csv" },
		{ "time-limit", 0, OPT_UINT, &seconds, "SECONDS", "stop after, default 30; 0: never" },
		{ "max-rows", 0, OPT_UINT, &most, "N", "stop after, default 10000; 0: never" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret query --db FILE [flags] 'SQL'",
		.summary = "Run one SQL statement that only reads.",
		.examples = "  egret query --db egret.db 'SELECT host, flows, denied FROM destinations ORDER BY 2 DESC'\n"
			    "  egret query --db egret.db -o csv \"SELECT * FROM flows WHERE verdict = 'deny'\"\n",
		.notes = "The views and their columns: docs/schema.md.\n",
		.opts = opts,
	};
	struct err e = { 0 };
	struct store_result result = { 0 };
	enum rows_format f;
	int operands, code = cli_parse("query", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	if (operands != 1) {
		err_set(&e, ERR_USAGE, "expected one SQL statement, in quotes");
		return cli_fail("query", &e);
	}
	if (seconds > 1000000)
		seconds = 1000000;
	struct store_limits l = { most, (int64_t)seconds * NS_PER_S };
	struct store *s = rows_format(format, &f, &e) ? NULL : store_open(db, STORE_READ, &e);
	if (!s)
		return cli_fail("query", &e);
	struct rows *r = rows_new(f, stdout, NULL);
	int rc = store_query(s, argv[0], NULL, 0, l, rows_row, r, &result, &e);
	if (rows_end(&r, &e) || rc)
		rc = -1;
	store_close(&s, &(struct err){ 0 });
	if (rc)
		return cli_fail("query", &e);
	rows_say_cut("query", &result, l);
	return EXIT_CLEAN;
}
