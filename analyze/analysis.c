/*
 * analysis: joins the rooms of analyze/ in the order that the header gives.
 *
 * With one kind of evidence flows are judged where they lie, a batch at a
 * time, with no copy.  With two they go through correlate, which hands back one
 * flow at a time; those are passed on at once, since their text lives only until
 * correlate goes on.
 */
#include "analyze/analysis.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/correlate.h"
#include "analyze/findings.h"
#include "analyze/leg.h"
#include "analyze/route.h"

enum { ARENA_MOST = 256 * 1024 * 1024, RESET_AT = 1024 * 1024 };

struct analysis {
	struct sink sink;		/* first: the sink is the analysis */
	struct sink *next;
	struct analysis_options o;
	struct judge *judge;		/* NULL: nothing was declared */
	struct route_set *routes;
	struct correlate *correlate;	/* NULL: one kind of evidence */
	struct leg_map legs;
	struct arena *arena;		/* text of the batch at hand */
	const char **trust_domains;
	size_t n_trust_domains;
	int64_t first[3], last[3];	/* by OBSERVED_WIRE, OBSERVED_LOG: time covered */
	struct analysis_count count;
	struct evidence *ev;
};

static int push(struct sink *s, struct flow *flows, size_t n, struct err *e);
static int finish(struct sink *s, struct err *e);
static int correlated(void *ctx, struct flow *f, struct err *e);

static void trust_domains(struct analysis *a)
{
	const struct judge_options *o = &a->o.judge;

	a->trust_domains = calloc(o->n_aliases + 1, sizeof *a->trust_domains);
	if (!a->trust_domains)
		abort();
	a->trust_domains[0] = o->trust_domain ? o->trust_domain : "cluster.local";
	for (size_t i = 0; i < o->n_aliases; i++)
		a->trust_domains[i + 1] = o->aliases[i];
	a->n_trust_domains = o->n_aliases + 1;
}

int analysis_replace(struct analysis *a, const struct policy_set *p, struct err *e)
{
	struct judge *judge = judge_new(p, &a->o.judge, e);
	struct route_set *routes = judge ? route_set_new(p, &a->o.judge, e) : NULL;

	if (!routes) {
		judge_free(&judge);
		return -1;
	}
	judge_free(&a->judge);
	route_set_free(&a->routes);
	a->judge = judge;
	a->routes = routes;
	route_guide(routes, judge);
	return 0;
}

struct analysis *analysis_new(const struct policy_set *p, const struct analysis_options *o,
			      struct evidence *ev, struct err *e)
{
	struct analysis *a = calloc(1, sizeof *a);

	if (!a)
		abort();
	a->sink = (struct sink){ push, finish };
	a->o = *o;
	a->ev = ev;
	if (!a->o.gateway)
		a->o.gateway = "egress";
	a->arena = arena_new(ARENA_MOST);
	leg_init(&a->legs, o->mesh, o->n_mesh, o->wire);
	for (size_t i = 0; i < o->n_gateway_ips; i++)
		leg_add_gateway(&a->legs, o->gateway_ips[i]);
	trust_domains(a);
	if (p && analysis_replace(a, p, e))
		analysis_free(&a);
	if (a && o->wire && o->log) {
		struct correlate_options c = {
			.settle_ns = o->settle_ns ? o->settle_ns : 30 * INT64_C(1000000000),
			.ev = ev,
		};
		a->correlate = correlate_new(&c, correlated, a);
	}
	return a;
}

void analysis_free(struct analysis **a)
{
	if (!*a)
		return;
	judge_free(&(*a)->judge);
	route_set_free(&(*a)->routes);
	correlate_free(&(*a)->correlate);
	leg_release(&(*a)->legs);
	arena_free(&(*a)->arena);
	free((*a)->trust_domains);
	free(*a);
	*a = NULL;
}

/* Evidence of this kind existed at the flow's time. */
static bool covers(const struct analysis *a, int kind, const struct flow *f)
{
	int64_t at = flow_num(f, F_STARTED_AT);

	return a->correlate && a->first[kind] && at >= a->first[kind] && at <= a->last[kind];
}

/*
 * A tunnel's inner ServerHello came from beyond the gateway: it was served.  Nothing else about a
 * connection proves that by itself.
 */
static void infer_outcome(struct flow *f)
{
	if (flow_state(f, F_OUTCOME) == FLOW_UNKNOWN && flow_has(f, F_INNER_TLS_VERSION))
		flow_set_num(f, F_OUTCOME, OUTCOME_SERVED);
}

/* The gateway's policies judge what reached its listeners, and no other leg. */
static bool is_gateways(const struct flow *f)
{
	return !flow_has(f, F_LEG) || flow_num(f, F_LEG) == LEG_DOWNSTREAM;
}

/* Of use where a line names no upstream connection. */
static struct leg_hint hint_of_line(const struct analysis *a, const struct flow *f)
{
	if (!a->routes || flow_has(f, F_UPSTREAM_LOCAL_IP))
		return (struct leg_hint){ .listens = false };
	return (struct leg_hint){
		.listens = flow_has(f, F_DESTINATION_PORT) && route_listens(a->routes, flow_num(f, F_DESTINATION_PORT)),
		.leads_here = route_leads_here(a->routes, flow_text(f, F_UPSTREAM_CLUSTER)),
	};
}

/* One flow between its route and its findings. */
struct pass {
	struct scene scene;
	bool judged;
};

static void before_verdict(struct analysis *a, struct flow *f, struct pass *p, struct arena *text)
{
	bool wire = flow_num(f, F_OBSERVED_BY) == OBSERVED_WIRE, routed = false;
	struct scene *s = &p->scene;
	struct route r;

	flow_set_text(f, F_GATEWAY, slice_of(a->o.gateway));
	if (!wire)
		leg_set(&a->legs, f, hint_of_line(a, f));
	if (a->routes && (wire || is_gateways(f)))
		routed = route_replay(a->routes, f, &r, text);
	if (wire)
		leg_set(&a->legs, f, (struct leg_hint){ .listens = routed && r.port_declared });
	p->judged = is_gateways(f);
	*s = (struct scene){
		.f = f, .a = text,
		.trust_domains = a->trust_domains, .n_trust_domains = a->n_trust_domains,
		.wire_covers = covers(a, OBSERVED_WIRE, f), .log_covers = covers(a, OBSERVED_LOG, f),
	};
	if (p->judged && routed) {
		route_expect(&r, f);
		s->routes = r.routes_declared;
		s->port_declared = r.port_declared;
		s->mtls_declared = r.mtls_declared;
		s->tcp_chain = r.chain == CHAIN_TCP;
		s->unasked = r.unasked;
		s->upstream_host = r.upstream_host;
		s->upstream_tls = r.upstream_tls;
		s->registry = r.registry_declared;
		s->registered = route_registered;
		s->registry_ctx = a->routes;
	}
	infer_outcome(f);
}

static void count(struct analysis *a, const struct flow *f)
{
	struct analysis_count *c = &a->count;

	c->flows++;
	c->legs[flow_num(f, F_LEG)]++;
	c->verdicts[flow_num(f, F_VERDICT)]++;
	c->outcomes[flow_num(f, F_OUTCOME)]++;
	for (uint32_t i = 0; i < f->n_findings; i++)
		c->findings[f->findings[i].code]++;
	int64_t by = flow_num(f, F_OBSERVED_BY);
	c->joined += by == OBSERVED_BOTH;
	c->wire_only += by == OBSERVED_WIRE;
	c->log_only += by == OBSERVED_LOG;
	c->sidecars += by != OBSERVED_WIRE && !is_gateways(f);
}

enum { PASS = 32 };

/* Verdicts come several at once: their waits for memory overlap. */
static void judge_some(struct analysis *a, struct flow *flows, size_t n, struct arena *text)
{
	struct pass pass[PASS];
	struct flow *to_judge[PASS];
	size_t judged = 0;

	for (size_t i = 0; i < n; i++) {
		before_verdict(a, &flows[i], &pass[i], text);
		if (pass[i].judged && a->judge)
			to_judge[judged++] = &flows[i];
	}
	if (judged)
		judge_flows(a->judge, to_judge, judged, text);
	for (size_t i = 0; i < n; i++) {
		findings_add(&pass[i].scene);
		findings_sort(&flows[i]);
		count(a, &flows[i]);
	}
}

void analysis_judge_batch(struct analysis *a, struct flow *flows, size_t n, struct arena *text)
{
	for (size_t at = 0; at < n; at += PASS)
		judge_some(a, flows + at, n - at < PASS ? n - at : PASS, text);
}

static int judge_batch(struct analysis *a, struct flow *flows, size_t n, struct err *e)
{
	analysis_judge_batch(a, flows, n, a->arena);
	int r = sink_push(a->next, flows, n, e);
	if (arena_used(a->arena) > RESET_AT || a->correlate)
		arena_reset(a->arena);
	return r;
}

static int correlated(void *ctx, struct flow *f, struct err *e)
{
	return judge_batch(ctx, f, 1, e);
}

static void remember_time(struct analysis *a, const struct flow *f)
{
	int64_t by = flow_num(f, F_OBSERVED_BY), at = flow_num(f, F_STARTED_AT);

	if (!at || by < OBSERVED_WIRE || by > OBSERVED_LOG)
		return;
	if (!a->first[by] || at < a->first[by])
		a->first[by] = at;
	if (at > a->last[by])
		a->last[by] = at;
}

static int push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	struct analysis *a = (struct analysis *)s;

	if (!a->correlate)
		return judge_batch(a, flows, n, e);
	for (size_t i = 0; i < n; i++) {
		remember_time(a, &flows[i]);
		if (correlate_push(a->correlate, &flows[i], e))
			return -1;
	}
	return 0;
}

static int finish(struct sink *s, struct err *e)
{
	struct analysis *a = (struct analysis *)s;

	if (a->correlate && correlate_flush(a->correlate, e))
		return -1;
	return sink_finish(a->next, e);
}

struct sink *analysis_sink(struct analysis *a, struct sink *next)
{
	a->next = next;
	return &a->sink;
}

int analysis_tick(struct analysis *a, int64_t now, struct err *e)
{
	return a->correlate ? correlate_tick(a->correlate, now, e) : 0;
}

int analysis_give_up(struct analysis *a, struct err *e)
{
	return a->correlate ? correlate_give_up(a->correlate, e) : 0;
}

bool analysis_wants_header(void *ctx, struct slice lower_name)
{
	const struct analysis *a = ctx;

	return (a->judge && judge_wants_header(a->judge, lower_name)) ||
	       (a->routes && route_wants_header(a->routes, lower_name));
}

struct judge *analysis_judge(struct analysis *a)
{
	return a->judge;
}

const struct analysis_count *analysis_counts(const struct analysis *a)
{
	return &a->count;
}
