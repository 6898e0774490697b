/*
 * report: a period as a page to keep, and exit codes for whoever schedules it.
 */
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "schema/finding.h"
#include "web/report.h"

enum { MOST = 192 * 1024 * 1024 };

struct wanted {
	const char *db, *period, *format, *gateway, *fail_on;
	unsigned long min_coverage;
};

/* SOURCE_DATE_EPOCH, so that the same database gives the same bytes. */
static int report_now(int64_t *now, struct err *e)
{
	const char *s = getenv("SOURCE_DATE_EPOCH");
	int64_t seconds = 0;

	if (!s || !*s) {
		*now = clock_now();
		return 0;
	}
	for (const char *c = s; *c; c++) {
		if (*c < '0' || *c > '9' || seconds > 9000000000)
			return err_set(e, ERR_USAGE, "SOURCE_DATE_EPOCH is no number of seconds: \"%s\"", s);
		seconds = seconds * 10 + (*c - '0');
	}
	if (seconds > 9000000000)
		return err_set(e, ERR_USAGE, "SOURCE_DATE_EPOCH is too far ahead: \"%s\"", s);
	*now = seconds * NS_PER_S;
	return 0;
}

static int check(const struct wanted *w, struct report_scope *scope, struct err *e)
{
	if (strcmp(w->format, "html") && strcmp(w->format, "json"))
		return err_set(e, ERR_USAGE, "-o wants html or json, not \"%s\"", w->format);
	if (w->fail_on && !severity_by_name(slice_of(w->fail_on)))
		return err_set(e, ERR_USAGE, "--fail-on wants info, low, medium, high or critical, not \"%s\"",
			       w->fail_on);
	if (w->min_coverage > 100)
		return err_set(e, ERR_USAGE, "--min-coverage wants a percentage, 0 to 100");
	scope->gateway = w->gateway;
	if (report_now(&scope->generated, e))
		return -1;
	return report_period(w->period, scope->generated, scope, e);
}

static int print(const struct wanted *w, const struct report_scope *scope, struct report_facts *f, struct err *e)
{
	struct store *db = store_open(w->db, STORE_READ, e);
	bool html = !strcmp(w->format, "html");
	struct buf out;

	if (!db)
		return -1;
	buf_init(&out, MOST);
	int rc = report_make(db, scope, html ? &out : NULL, html ? NULL : &out, f, e);
	if (!rc && (!buf_write(&out, stdout) || fflush(stdout)))
		rc = err_set(e, ERR_IO, "standard output: cannot be written");
	buf_release(&out);
	store_close(&db, &(struct err){ 0 });
	return rc;
}

static int exit_code(const struct wanted *w, const struct report_facts *f)
{
	if (w->fail_on && f->worst >= (int64_t)severity_by_name(slice_of(w->fail_on)))
		return EXIT_FINDINGS;
	if (w->min_coverage && (!f->judged || 100.0 * (double)f->sure < (double)w->min_coverage * (double)f->judged))
		return EXIT_COVERAGE;
	return EXIT_CLEAN;
}

int verb_report(int argc, char **argv)
{
	struct wanted w = { .db = "egret.db", .period = "all", .format = "html" };
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &w.db, "FILE", "the database, default egret.db" },
		{ "period", 0, OPT_TEXT, &w.period, "PERIOD", "2026, 2026-10, 2026-10-31, 24h, FROM/TO or all (default)" },
		{ "output", 'o', OPT_TEXT, &w.format, "FORMAT", "html (default) or json" },
		{ "gateway", 0, OPT_TEXT, &w.gateway, "NAME", "of this gateway only, where it is counted by gateway" },
		{ "fail-on", 0, OPT_TEXT, &w.fail_on, "SEVERITY", "exit 3 where an open finding of the period is as severe" },
		{ "min-coverage", 0, OPT_UINT, &w.min_coverage, "PERCENT",
		  "exit 5 where fewer of the judged flows have a verdict other than unknown, or none was judged" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret report run --db FILE [flags]",
		.summary = "Print a report of what was observed and judged in a period.",
		.examples = "  egret report run --db egret.db --period 2026-10 > october.html\n"
			    "  egret report run --db egret.db --period 24h -o json --fail-on high --min-coverage 99\n",
		.notes = "Times are UTC. SOURCE_DATE_EPOCH sets the time of the report.\n",
		.opts = opts,
	};
	struct err e = { 0 };
	struct report_scope scope = { 0 };
	struct report_facts facts = { 0 };
	int operands, code = cli_parse("report", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	if (operands != 1 || strcmp(argv[0], "run"))
		err_set(&e, ERR_USAGE, "wanted: egret report run (see --help)");
	else if (!check(&w, &scope, &e) && !print(&w, &scope, &facts, &e))
		return exit_code(&w, &facts);
	return cli_fail("report", &e);
}
