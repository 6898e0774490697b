/*
 * verify: the integrity chain of a database.
 */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>

#include "schema/store.h"

int verb_verify(int argc, char **argv)
{
	const char *db = "egret.db", *head = NULL;
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &db, "FILE", "the database, default egret.db" },
		{ "head", 0, OPT_TEXT, &head, "HEX", "the head that was noted: nothing was cut off since" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret verify --db FILE [flags]",
		.summary = "Check that no stored row was altered, added or removed.",
		.examples = "  egret verify --db egret.db\n",
		.notes = "Exit 6 where the chain does not hold.  The chain proves the database against itself: who can\n"
			 "rewrite it all can make a new chain.  Note the head outside (reports print it) and give it\n"
			 "with --head.\n",
		.opts = opts,
	};
	struct store_verified v;
	struct err e = { 0 };
	int operands, code = cli_parse("verify", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	struct store *s = store_open(db, STORE_READ, &e);
	int rc = s ? store_verify(s, &v, &e) : -1;
	if (!rc && head) {
		struct store_result found = { 0 };
		struct store_param p = { ":head", { .type = STORE_TEXT, .text = slice_of(head) } };
		rc = store_query(s, "SELECT 1 FROM batches WHERE chain = lower(:head)", &p, 1,
				 (struct store_limits){ 0 }, NULL, NULL, &found, &e);
		if (!rc && !found.rows)
			rc = err_set(&e, ERR_INTEGRITY, "database %s: the head %s is no link of its chain",
				     db, head);
	}
	store_close(&s, &(struct err){ 0 });
	if (rc)
		return cli_fail("verify", &e);
	printf("%s: %" PRIu64 " batches with %" PRIu64 " flows are as they were stored\nhead %s\n", db,
	       v.batches, v.flows, v.head);
	return EXIT_CLEAN;
}
