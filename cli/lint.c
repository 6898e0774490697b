/* lint: static checks of the policies. */
#include <stdio.h>

#include "analyze/lint.h"
#include "cli/lint_out.h"
#include "cli/policy_opts.h"
#include "cli/verbs.h"
#include "common/clock.h"

struct lint_run_opts {
	struct policy_opts policy;
	const char *format, *fail_on;
	lint_printer *print;
	enum severity level;		/* 0: --fail-on not given */
};

static int check(struct lint_run_opts *o, int operands, struct err *e)
{
	if (operands)
		return err_set(e, ERR_USAGE, "policies are given with -p PATH (see --help)");
	if (!o->policy.paths.n)
		return err_set(e, ERR_USAGE, "no policies: -p PATH names a file, a folder or -");
	o->print = lint_printer_by_name(o->format);
	if (!o->print)
		return err_set(e, ERR_USAGE, "-o %s: expected table, json, jsonl, sarif or junit",
			       o->format);
	if (!o->fail_on)
		return 0;
	o->level = severity_by_name(slice_of(o->fail_on));
	if (!o->level)
		return err_set(e, ERR_USAGE,
			       "--fail-on %s: expected info, low, medium, high or critical",
			       o->fail_on);
	return 0;
}

/* What a person wants to know last, on standard error. */
static void summary(const struct policy_set *p, const struct lint_result *r)
{
	size_t by[SEV_CRITICAL + 1] = { 0 };
	const char *sep = ": ";

	for (size_t i = 0; i < r->n; i++)
		by[r->finding[i].severity]++;
	if (r->n)
		fprintf(stderr, "egret lint: %zu finding%s in %zu objects", r->n,
			r->n == 1 ? "" : "s", p->n);
	else
		fprintf(stderr, "egret lint: no findings in %zu objects (%d rules)", p->n,
			LINT_RULES);
	for (int s = SEV_CRITICAL; s >= SEV_INFO; s--)
		if (by[s]) {
			fprintf(stderr, "%s%zu %s", sep, by[s], severity_name((enum severity)s));
			sep = ", ";
		}
	if (r->n_suppressed)
		fprintf(stderr, "; %zu suppressed", r->n_suppressed);
	if (r->n_dropped)
		fprintf(stderr, "; %zu more are not listed", r->n_dropped);
	fputc('\n', stderr);
}

static int code_of(const struct lint_run_opts *o, const struct lint_result *r)
{
	for (size_t i = 0; o->level && i < r->n; i++)
		if (r->finding[i].severity >= o->level)
			return EXIT_FINDINGS;
	return EXIT_CLEAN;
}

static int run(struct lint_run_opts *o, struct err *e)
{
	struct lint_options opts = { .now = clock_now() };
	struct policy_set *set;
	struct lint_result *r;
	int code;

	if (policy_opts_load(&o->policy, "lint", NULL, &set, &opts.judge, e))
		return -1;
	r = lint_run(set, &opts, e);
	if (!r) {
		policy_free(&set);
		return -1;
	}
	o->print(r, stdout);
	summary(set, r);
	code = code_of(o, r);
	lint_result_free(&r);
	policy_free(&set);
	return code;
}

int verb_lint(int argc, char **argv)
{
	struct lint_run_opts o = { .format = "table" };
	bool rules = false;
	const struct opt opts[] = {
		POLICY_OPT_ROWS(o.policy),
		{ "output", 'o', OPT_TEXT, &o.format, "FORMAT",
		  "table (default), json, jsonl, sarif or junit" },
		{ "fail-on", 0, OPT_TEXT, &o.fail_on, "SEVERITY",
		  "exit 3 on a finding of this severity or worse: info, low, medium, high, critical" },
		{ "rules", 0, OPT_FLAG, &rules, NULL, "print the table of rules and stop" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret lint -p POLICIES [flags]",
		.summary = "Check the policies, without any traffic.",
		.examples =
			"  egret lint -p policies/\n"
			"  kubectl get gw,vs,dr,se,svc,authorizationpolicy -A -o yaml | egret lint -p -\n"
			"  egret lint -p policies/ --fail-on high -o sarif >lint.sarif\n",
		.notes =
			"A finding is suppressed by an annotation on its object, with a reason and a date:\n"
			"  egret.io/suppress: \"LINT-SE-EXPORT until=2027-01-01 reason=shared by design\"\n",
		.opts = opts,
	};
	struct err e = { 0 };
	int operands, code = cli_parse("lint", &verb, argc, argv, &operands);

	if (code < 0 && rules) {
		lint_print_rules(stdout);
		code = EXIT_CLEAN;
	} else if (code < 0) {
		code = check(&o, operands, &e) ? -1 : run(&o, &e);
		code = code < 0 ? cli_fail("lint", &e) : code;
	}
	policy_opts_free(&o.policy);
	return code;
}
