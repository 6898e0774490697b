/*
 * fuzz: policies, a line of only "%%", then flows, one JSON object a line.  Each flow is judged twice
 * (the second time out of the cache) and explained; a known flow gets what the straight loop
 * over all rules gives it.  Once for the egress gateway, once for a waypoint.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/judge_outcome.h"
#include "analyze/route.h"
#include "schema/flow_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool loop_allows(struct judge *j)
{
	const struct stage *s = j->z->stage[j->view.chain];

	for (uint32_t i = 0; i < s[STAGE_BAD_CUSTOM].n; i++)
		if (rule_eval(&j->view, s[STAGE_BAD_CUSTOM].rules[i]) == YES)
			return false;
	for (uint32_t i = 0; i < s[STAGE_DENY].n; i++)
		if (rule_eval(&j->view, s[STAGE_DENY].rules[i]) == YES)
			return false;
	for (uint32_t i = 0; i < s[STAGE_ALLOW].n; i++)
		if (rule_eval(&j->view, s[STAGE_ALLOW].rules[i]) == YES)
			return true;
	return allow_exists(&j->view) == NO;
}

static void check(struct judge *j, struct flow *f, struct arena *a, struct buf *out)
{
	int64_t verdict;

	judge_flow(j, f, a);
	verdict = flow_num(f, F_VERDICT);
	judge_flow(j, f, a);
	if (verdict != flow_num(f, F_VERDICT))
		abort();
	buf_clear(out);
	judge_trace_json(j, f, out);
	judge_trace_text(j, f, out);
	if (judge_asked(j, f) != JUDGE_ASKED) {
		if (verdict != (judge_asked(j, f) == JUDGE_UNASKED ? VERDICT_NONE : VERDICT_UNKNOWN))
			abort();
		return;
	}
	uint8_t chain = judge_chain(f);
	if (!chain || j->lane[0].unknown || verdict == VERDICT_UNKNOWN)
		return;
	arena_reset(j->scratch);
	view_fill(&j->view, f);
	j->view.chain = chain == CHAIN_TCP ? ON_TCP : ON_HTTP;
	for (uint32_t i = 0; i < j->z->n_vars; i++)
		if (j->z->vars[i]->used && j->view.value[i].state == FLOW_UNKNOWN)
			return;
	if (loop_allows(j) != (verdict != VERDICT_DENY))
		abort();
}

static void judge_lines(struct judge *j, struct slice text)
{
	struct arena *a = arena_new(1 << 22);
	struct buf out;

	buf_init(&out, 1 << 22);
	while (text.n) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		size_t len = nl ? (size_t)(nl - text.p) : text.n;
		struct err e = { 0 };
		struct flow f;

		if (!flow_json_read(&f, (struct slice){ text.p, len }, a, NULL, &e))
			check(j, &f, a, &out);
		text = slice_from(text, len + 1);
	}
	buf_release(&out);
	arena_free(&a);
}

static void judge_as(const char *workload, const struct policy_set *s, struct slice flows)
{
	const struct judge_options o = { .workload = workload };
	struct err e = { 0 };
	struct judge *j = judge_new(s, &o, &e);
	struct route_set *r = route_set_new(s, &o, &e);

	if (!j || !r)
		abort();
	route_guide(r, j);
	judge_lines(j, flows);
	judge_free(&j);
	route_set_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char waypoint[] = "istio-system,gateway.networking.k8s.io/gateway-name=w,"
				       "gateway.istio.io/managed=istio.io-mesh-controller";
	static const char mark[] = "\n%%\n";
	const uint8_t *cut = n ? memmem(p, n, mark, sizeof mark - 1) : NULL;
	struct err e = { 0 };
	struct policy_set *s;

	if (!cut || n > 64 * 1024)
		return 0;
	size_t at = (size_t)(cut - p);
	s = policy_load_text((struct slice){ p, at }, "f", NULL, &e);
	if (!s)
		return 0;
	judge_as(NULL, s, (struct slice){ p + at + 4, n - at - 4 });
	judge_as(waypoint, s, (struct slice){ p + at + 4, n - at - 4 });
	policy_free(&s);
	return 0;
}
