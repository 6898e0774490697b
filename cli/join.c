#include "cli/join.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/order.h"
#include "cli/policy_opts.h"

static int swallow(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	(void)s, (void)flows, (void)n, (void)e;
	return 0;
}

int join_remember(struct join *j, const struct policy_set *p, const struct judge_options *o, struct err *e)
{
	struct buf text;

	buf_init(&text, SIZE_MAX / 2);
	policy_opts_remember(o, &text);
	buf_add(&text, p->text);
	int r = store_policy(j->store, p->revision, buf_slice(&text), e);
	buf_release(&text);
	return r;
}

static void judge_stage(void *ctx, struct flow *flows, size_t n, struct arena *text, bool awaited)
{
	struct join *j = ctx;

	analysis_judge_batch(j->analysis, flows, n, text);
	if (j->ahead && !awaited)
		store_ahead(j->ahead, flows, n, text);
}

int join_start(struct join *j, const struct join_options *o, struct err *e)
{
	memset(j, 0, sizeof *j);
	j->evidence = calloc(1, sizeof *j->evidence);
	if (!j->evidence)
		abort();
	j->analysis = analysis_new(o->policies, &o->analysis, j->evidence, e);
	if (!j->analysis)
		return -1;
	j->end.push = swallow;
	if (o->db) {
		j->fresh = access(o->db, F_OK) ? o->db : NULL;
		j->store = store_open(o->db, STORE_WRITE, e);
		if (!j->store)
			return -1;
		store_rows_kept(j->store, o->rows);
		if (o->policies && join_remember(j, o->policies, &o->analysis.judge, e))
			return -1;
	}
	struct sink *last = j->store ? store_sink(j->store) : &j->end;
	struct pipeline_options p = {
		.store = j->store, .live = o->live, .source = o->source, .evidence = j->evidence, .on_wake = o->on_wake, .ctx = o->ctx,
	};
	if (o->analysis.wire && o->analysis.log)
		p.order = j->order = order_new(last);
	if (o->live || p.order) {
		p.end = analysis_sink(j->analysis, p.order ? order_sink(p.order) : last);
		p.analysis = j->analysis;
	} else {
		p.end = last;
		p.stage = judge_stage;
		p.stage_ctx = j;
		j->ahead = j->store ? store_ahead_new(j->store) : NULL;
	}
	j->pipeline = pipeline_start(&p);
	return 0;
}

struct pipeline_input *join_input(struct join *j, bool may_wait, struct evidence *ev)
{
	return pipeline_input(j->pipeline, may_wait, ev);
}

int join_finish(struct join *j, const char *source, struct err *e)
{
	int r = j->pipeline ? pipeline_finish(&j->pipeline, e) : 0;
	struct err late;

	store_ahead_free(&j->ahead);
	if (j->store && store_evidence(j->store, source, j->evidence, r ? &late : e))
		r = -1;
	if (store_close(&j->store, r ? &late : e))
		r = -1;
	return r;
}

void join_release(struct join *j)
{
	struct err ignored;

	if (j->pipeline)
		pipeline_finish(&j->pipeline, &ignored);
	order_free(&j->order);
	store_ahead_free(&j->ahead);
	store_close(&j->store, &ignored);
	analysis_free(&j->analysis);
	free(j->evidence);
	j->evidence = NULL;
}

void join_discard(struct join *j)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	struct err ignored;
	char name[4096];

	if (j->pipeline)
		pipeline_finish(&j->pipeline, &ignored);
	store_close(&j->store, &ignored);
	for (size_t i = 0; j->fresh && i < sizeof tails / sizeof *tails; i++)
		if ((size_t)snprintf(name, sizeof name, "%s%s", j->fresh, tails[i]) < sizeof name)
			unlink(name);
}

/* --- the summary */

static void print_evidence(const struct evidence *ev, const char *kind, const char *title, FILE *out)
{
	bool any = false;

	for (int r = 0; r < EV_COUNT; r++) {
		if (!ev->n[r] || strcmp(evidence_info[r].kind, kind) != 0)
			continue;
		if (!any)
			fprintf(out, "%s\n", title);
		any = true;
		fprintf(out, "  %12" PRIu64 "  %s\n", ev->n[r], evidence_info[r].meaning);
	}
}

static void print_enum(FILE *out, const char *title, enum flow_enum t, const uint64_t *n, int most,
		       const char *unset)
{
	uint64_t all = 0;

	for (int k = 0; k <= most; k++)
		all += n[k];
	fprintf(out, "%s\n", title);
	for (int k = 0; k <= most; k++) {
		int v = k == most ? 0 : k + 1;
		if (n[v])
			fprintf(out, "  %12" PRIu64 "  %-10s %5.1f %%\n", n[v],
				v ? flow_enum_name(t, v) : unset,
				100.0 * (double)n[v] / (double)all);
	}
}

static void print_findings(const struct analysis_count *c, FILE *out)
{
	bool any = false;

	for (int sev = SEV_CRITICAL; sev >= SEV_INFO; sev--)
		for (int k = 1; k < FINDING_CODES; k++) {
			if (!c->findings[k] || finding_info[k].severity != (enum severity)sev)
				continue;
			if (!any)
				fprintf(out, "findings\n");
			any = true;
			fprintf(out, "  %12" PRIu64 "  %-18s %-9s %s\n", c->findings[k],
				finding_info[k].code, severity_name((enum severity)sev),
				finding_info[k].title);
		}
	if (!any)
		fprintf(out, "findings\n             0  nothing was found\n");
}

void join_summary(const struct join *j, const struct evidence *ev, FILE *out)
{
	const struct analysis_count *c = analysis_counts(j->analysis);

	print_evidence(ev, "total", "read", out);
	print_evidence(ev, "lost", "lost or not understood", out);
	print_evidence(ev, "odd", "worth knowing", out);
	fprintf(out, "flows\n  %12" PRIu64 "  flows\n", c->flows);
	if (c->joined)
		fprintf(out, "  %12" PRIu64 "  seen by wire and log, %" PRIu64 " by the wire alone, %" PRIu64
			" by the log alone\n", c->joined, c->wire_only, c->log_only);
	if (analysis_judge(j->analysis))
		print_enum(out, "verdicts", ENUM_VERDICT, c->verdicts, VERDICT_NONE, "(not the gateway's to judge)");
	else
		fprintf(out, "verdicts\n  no policies were given (-p): nothing was judged\n");
	if (c->sidecars)
		fprintf(out, "  warning: %" PRIu64 " of %" PRIu64 " lines were written by sidecars, not by the "
			"gateway: the gateway's policies do not judge them\n",
			c->sidecars, c->joined + c->log_only);
	print_enum(out, "outcomes", ENUM_OUTCOME, c->outcomes, OUTCOME_FAILED, "(not seen)");
	print_findings(c, out);
}
