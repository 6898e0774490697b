/*
 * judge: flow JSON lines in, the same objects plus the judgement out, in order.
 *
 * A line that is no flow gets one error line (file:line) and no output; the others are
 * judged, and the exit code is 4.
 */
#include "cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/route.h"
#include "cli/policy_opts.h"
#include "schema/flow_json.h"

enum { LINE_ARENA = 64 * 1024 * 1024, OUT_AT = 64 * 1024 };

struct run {
	struct judge *judge;
	struct route_set *routes;
	bool explain;
	struct arena *arena;		/* of one line */
	struct buf out, extra, object;
	uint64_t bad;
};

static int flush(struct run *r, struct err *e)
{
	if (r->out.full)
		return err_set(e, ERR_LIMIT, "a judged line is larger than egret writes");
	if (!buf_write(&r->out, stdout) || fflush(stdout))
		return err_set(e, ERR_IO, "standard output: %s", strerror(errno));
	buf_clear(&r->out);
	return 0;
}

/* The routes say which chain the port has, and what the flow should have looked like. */
static void replay(struct run *r, struct flow *f, struct route *route)
{
	int64_t leg = flow_num(f, F_LEG);
	bool known = r->explain ? route_explain(r->routes, f, route, r->arena)
				: route_replay(r->routes, f, route, r->arena);

	if (known && (!leg || leg == LEG_DOWNSTREAM))
		route_expect(route, f);
}

/* The object, with keys that are no fields of ours where they came from: in front. */
static void write_flow(struct run *r, const struct flow *f, const struct route *route)
{
	buf_clear(&r->object);
	flow_json_write(&r->object, f);
	buf_byte(&r->out, '{');
	buf_add(&r->out, buf_slice(&r->extra));
	if (r->explain) {
		buf_add(&r->out, (struct slice){ r->object.p + 1, r->object.n - 2 });
		buf_str(&r->out, ",\"trace\":");
		judge_trace_json(r->judge, f, &r->out);
		buf_str(&r->out, ",\"route\":");
		route_trace_json(route, &r->out);
		buf_str(&r->out, "}\n");
		return;
	}
	buf_add(&r->out, (struct slice){ r->object.p + 1, r->object.n - 1 });
	buf_byte(&r->out, '\n');
}

static bool blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
			return false;
	return true;
}

static int judge_line(struct run *r, struct slice line, const char *file, uint64_t number,
		      struct err *e)
{
	struct flow f;
	struct route route;
	struct err why = { 0 };

	arena_reset(r->arena);
	buf_clear(&r->extra);
	if (blank(line))
		return 0;
	if (flow_json_read(&f, line, r->arena, &r->extra, &why)) {
		fprintf(stderr, "egret judge: %s:%llu: %s\n", file, (unsigned long long)number,
			why.msg);
		r->bad++;
		return 0;
	}
	replay(r, &f, &route);
	judge_flow(r->judge, &f, r->arena);
	write_flow(r, &f, &route);
	return r->out.n >= OUT_AT ? flush(r, e) : 0;
}

static int judge_stream(struct run *r, FILE *in, const char *file, struct err *e)
{
	char *line = NULL;
	size_t size = 0;
	uint64_t number = 0;
	ssize_t n;
	int rc = 0;

	while (!rc && !cli_stop && (n = getline(&line, &size, in)) > 0) {
		struct slice s = { (const uint8_t *)line, (size_t)n };

		if (s.p[s.n - 1] == '\n')
			s.n--;
		rc = judge_line(r, s, file, ++number, e);
	}
	if (!rc && ferror(in))
		rc = err_set(e, ERR_IO, "%s: %s", file, strerror(errno));
	free(line);
	return rc;
}

static int judge_file(struct run *r, const char *path, struct err *e)
{
	bool standard = !strcmp(path, "-");
	FILE *in = standard ? stdin : fopen(path, "r");
	int rc;

	if (!in)
		return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	rc = judge_stream(r, in, standard ? "<stdin>" : path, e);
	if (!standard)
		fclose(in);
	return rc;
}

static int run_all(struct run *r, char **paths, int n, struct err *e)
{
	r->arena = arena_new(LINE_ARENA);
	buf_init(&r->out, SIZE_MAX);
	buf_init(&r->extra, LINE_ARENA);
	buf_init(&r->object, SIZE_MAX);
	cli_catch_signals();
	int rc = n ? 0 : judge_file(r, "-", e);
	for (int i = 0; i < n && !rc; i++)
		rc = judge_file(r, paths[i], e);
	if (!rc)
		rc = flush(r, e);
	buf_release(&r->out);
	buf_release(&r->extra);
	buf_release(&r->object);
	arena_free(&r->arena);
	return rc;
}

static const char notes[] =
	"Each object out is the object in plus verdict, policy, rule, action, reason, missing,\n"
	"policy_revision, and, where the policies hold the gateway's routes, chain, expected_cluster\n"
	"and expected_sni (and trace and route with --explain).  A key that is missing in the input means\n"
	"that nobody observed it; null means that it is known to be absent.\n";

int verb_judge(int argc, char **argv)
{
	struct policy_opts p = { 0 };
	struct run r = { 0 };
	int operands;
	const struct opt opts[] = {
		POLICY_OPT_ROWS(p),
		{ "explain", 0, OPT_FLAG, &r.explain, NULL,
		  "add `trace`: every policy, rule and condition, expected beside actual; and `route`" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret judge -p POLICIES [flags] [FILE|-]",
		.summary = "Judge flows (JSON lines) by Istio policies: what Istio would have said.",
		.examples = "  egret decode -r gateway.pcap | egret judge -p policies/\n"
			    "  egret judge -p policies.yaml --explain flows.jsonl\n"
			    "  kubectl get authorizationpolicies,gateways,services -A -o yaml |\n"
			    "      egret judge -p - flows.jsonl\n",
		.notes = notes,
		.opts = opts,
	};
	struct judge_options o;
	struct policy_set *set = NULL;
	struct err e = { 0 };
	int code = cli_parse("judge", &verb, argc, argv, &operands);

	if (code >= 0)
		goto out;
	if (!p.paths.n)
		err_set(&e, ERR_USAGE, "no policies: give -p FILE or a folder (see --help)");
	else if (!policy_opts_load(&p, "judge", NULL, &set, &o, &e))
		r.judge = judge_new(set, &o, &e);
	if (r.judge)
		r.routes = route_set_new(set, &o, &e);
	if (r.routes)
		route_guide(r.routes, r.judge);
	code = r.routes && !run_all(&r, argv, operands, &e) ? EXIT_CLEAN : cli_fail("judge", &e);
	if (code == EXIT_CLEAN && r.bad)
		code = EXIT_INPUT;
	judge_free(&r.judge);
	route_set_free(&r.routes);
	policy_free(&set);
out:
	policy_opts_free(&p);
	return code;
}
