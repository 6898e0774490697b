/*
 * ingest: access logs, judged and stored.
 */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#include "cli/join.h"
#include "cli/log_opts.h"
#include "cli/policy_opts.h"
#include "cli/sight.h"

struct starting {
	struct sight_needs needs;
	bool inventory;
};

static bool rows_word(const char *word, enum store_rows *rows)
{
	static const char *const names[] = {
		[STORE_ALL] = "all", [STORE_NOTABLE] = "notable", [STORE_NONE] = "none",
	};
	*rows = STORE_ALL;
	for (int k = STORE_ALL; word && k <= STORE_NONE; k++)
		if (!strcmp(word, names[k])) {
			*rows = (enum store_rows)k;
			return true;
		}
	return !word;
}

/* What the policies read and this format lacks: said before the first line is judged. */
static void decided(void *ctx, const struct log_sight *log)
{
	const struct starting *s = ctx;
	const struct sight_evidence ev = { .log = log, .inventory = s->inventory };

	sight_say("ingest", &ev, &s->needs);
}

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "egret ingest: %s\n", text);
}

static int ingest(struct log_options *o, struct join_options *jo, const struct policy_set *set,
		  struct err *e)
{
	struct starting start = { .inventory = o->inventory };
	struct join j;
	struct err late = { 0 };

	jo->policies = set;
	jo->source = o->paths[0];
	int r = join_start(&j, jo, e);
	if (!r && analysis_judge(j.analysis)) {
		sight_needs_of(&start.needs, analysis_judge(j.analysis));
		o->decided = decided;
		o->say = say;
		o->say_ctx = &start;
	}
	if (!r) {
		struct pipeline_input *in = join_input(&j, true, j.evidence);
		pipeline_track(in);
		o->places = pipeline_places;
		o->last_read = pipeline_last_read;
		o->commit = pipeline_offset;
		o->ctx = in;
		r = log_run(o, pipeline_sink(in), j.evidence, e);
		/* What was read before a failure is judged and stored all the same. */
		if (sink_finish(pipeline_sink(in), r ? &late : e))
			r = -1;
		if (join_finish(&j, o->paths[0], r ? &late : e))
			r = -1;
		/* Not where the database refused: the counts would be of flows that are not stored. */
		if (!r || (j.evidence->n[EV_LINES] && e->kind != ERR_DB && late.kind != ERR_DB))
			join_summary(&j, j.evidence, stdout);
	}
	if (r && j.evidence && !j.evidence->n[EV_LINES])
		join_discard(&j);
	join_release(&j);
	sight_needs_release(&start.needs);
	return r;
}

int verb_ingest(int argc, char **argv)
{
	struct log_opts l = { 0 };
	struct policy_opts p = { 0 };
	const char *db = "egret.db", *rows = NULL, *gateway = NULL;
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &db, "FILE", "the database, default egret.db" },
		POLICY_OPT_ROWS(p),
		LOG_OPT_ROWS(l),
		{ "follow", 0, OPT_FLAG, &l.follow, NULL, "go on as the files grow and rotate, until Ctrl-C" },
		{ "rows", 0, OPT_TEXT, &rows, "all|notable|none",
		  "which flows are kept as rows; counts always hold all" },
		{ "gateway", 0, OPT_TEXT, &gateway, "NAME", "name of the gateway in every flow, default egress" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret ingest FILE...|- [flags]",
		.summary = "Read access logs, judge each flow, store it.  A file read before is read on from "
			   "where it was left.",
		.examples = "  egret ingest access.log -p policies/ --db egret.db\n"
			    "  egret ingest --follow /var/log/containers/istio-egressgateway-*.log -p policies/\n"
			    "  zcat old.gz | egret ingest - --db egret.db\n",
		.opts = opts,
	};
	struct err e = { 0 };
	struct log_options o;
	struct join_options jo = { .analysis = { .log = true } };
	struct policy_set *set = NULL;
	static struct evidence policy_ev;
	int operands, code = cli_parse("ingest", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	int r = log_opts_fill(&l, "ingest", argv, operands, &o, &e);
	if (!r && !rows_word(rows, &jo.rows))
		r = err_set(&e, ERR_USAGE, "--rows wants all, notable or none, not \"%s\"", rows);
	if (!r)
		r = policy_opts_load(&p, "ingest", &policy_ev, &set, &jo.analysis.judge, &e);
	if (!r) {
		cli_catch_signals();
		jo.db = db;
		jo.live = l.follow;
		jo.analysis.gateway = gateway;
		o.trust_domain = p.trust_domain;
		o.workload = p.workload;
		r = ingest(&o, &jo, set, &e);
	}
	policy_free(&set);
	policy_opts_free(&p);
	return r ? cli_fail("ingest", &e) : EXIT_CLEAN;
}
