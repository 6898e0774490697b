/* doctor_policy: do the policies load, what of them is ignored, and do any select the gateway. */
#include "cli/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WARNINGS_SHOWN = 10, ELSEWHERE_SHOWN = 5 };

static const char default_workload[] = "istio-system,app=istio-egressgateway,istio=egressgateway";

static void loaded(struct doctor *d)
{
	const struct policy_set *s = d->set;

	doctor_add(d, DOCTOR_OK, "policies.load", NULL,
		   "%zu objects (%zu AuthorizationPolicies, %zu Gateways, %zu VirtualServices), revision %.12s", s->n,
		   s->n_of_kind[OBJ_AUTHORIZATION_POLICY], s->n_of_kind[OBJ_GATEWAY],
		   s->n_of_kind[OBJ_VIRTUAL_SERVICE], s->revision);
	for (size_t i = 0; i < s->n_warnings && i < WARNINGS_SHOWN; i++)
		doctor_add(d, DOCTOR_WARNING, "policies.kinds",
			   "remove what does not belong there; egret lint says more", "%.*s",
			   (int)s->warnings[i].n, (const char *)s->warnings[i].p);
	if (s->n_warnings > WARNINGS_SHOWN)
		doctor_add(d, DOCTOR_WARNING, "policies.kinds", "egret lint -p names them all", "%zu more warnings",
			   s->n_warnings - WARNINGS_SHOWN);
}

/* Where the policies are that do not select this workload. */
static void elsewhere(const struct doctor *d, struct buf *b)
{
	size_t n = d->set->n_of_kind[OBJ_AUTHORIZATION_POLICY];

	for (size_t i = 0; i < n && i < ELSEWHERE_SHOWN; i++) {
		const struct object *o = d->set->of_kind[OBJ_AUTHORIZATION_POLICY][i];
		const struct node *labels = node_at(o->spec, "selector.matchLabels");
		buf_str(b, i ? "; " : "");
		buf_add(b, o->ns);
		buf_byte(b, '/');
		buf_add(b, o->name);
		buf_str(b, " selects ");
		for (uint32_t k = 0; labels && labels->kind == NODE_MAP && k < labels->n; k++) {
			buf_str(b, k ? "," : "");
			buf_add(b, node_text(labels->key[k]));
			buf_byte(b, '=');
			buf_add(b, node_text(labels->item[k]));
		}
		if (!labels)
			buf_str(b, node_get(o->spec, "targetRefs") || node_get(o->spec, "targetRef")
				? "by targetRefs" : "every workload of its namespace");
	}
	if (n > ELSEWHERE_SHOWN)
		buf_printf(b, "; and %zu more", n - ELSEWHERE_SHOWN);
}

static void nothing_selects(struct doctor *d, const char *workload)
{
	struct buf b;

	buf_init(&b, 3000);
	if (d->set->n_of_kind[OBJ_AUTHORIZATION_POLICY])
		elsewhere(d, &b);
	else
		buf_str(&b, "there is no AuthorizationPolicy at all");
	doctor_add(d, DOCTOR_PROBLEM, "policies.selection",
		   "give the namespace and labels of the gateway's pod: --workload NS,k=v,... (gateway.workload); "
		   "kubectl get pod -n NS --show-labels prints them",
		   "no policy in force selects the workload %s, so nothing is judged: %.*s", workload,
		   (int)b.n, (const char *)b.p);
	buf_release(&b);
}

static void selection(struct doctor *d)
{
	const char *workload = d->asked.judge.workload ? d->asked.judge.workload : default_workload;
	struct judge_scope s;

	judge_scope(d->judge, &s);
	doctor_add(d, DOCTOR_OK, "policies.workload", NULL, "judged as the gateway: %s%s", workload,
		   d->asked.judge.workload ? "" : " (the default)");
	if (!s.enforced)
		nothing_selects(d, workload);
	else
		doctor_add(d, DOCTOR_OK, "policies.selection", NULL,
			   "%" PRIu32 " policies with %" PRIu32 " rules select it; %s%s", s.enforced, s.rules,
			   s.allow ? "what none allows is denied" : "there is no ALLOW: what none denies is allowed",
			   s.audit || s.dry_run ? "; AUDIT and dry-run policies decide nothing" : "");
	if (s.dropped)
		doctor_add(d, DOCTOR_WARNING, "policies.rules", "egret lint -p says which and why",
			   "%" PRIu32 " of %" PRIu32 " rules are left out by istiod: they hold what Istio cannot use",
			   s.dropped, s.rules);
	if (!d->set->n_of_kind[OBJ_GATEWAY])
		doctor_add(d, DOCTOR_WARNING, "policies.routes",
			   "kubectl get gw,vs,dr,se,svc,authorizationpolicy -A -o yaml gives all that egret uses",
			   "no Gateway object: whether a listener speaks HTTP or TCP is taken from each flow, and routes "
			   "are not checked");
}

void doctor_policies(struct doctor *d)
{
	static struct evidence ev;
	struct err e = { 0 };

	if (!d->asked.n_policies) {
		doctor_add(d, DOCTOR_UNCHECKED, "policies.load", "-p PATH names a file or a folder",
			   "no policies were given: nothing can be judged");
		return;
	}
	d->set = policy_load(d->asked.policies, d->asked.n_policies, &ev, &e);
	if (d->set)
		d->judge = judge_new(d->set, &d->asked.judge, &e);
	if (!d->judge) {
		d->invalid = true;
		doctor_add(d, DOCTOR_PROBLEM, "policies.load",
			   d->set ? "NAMESPACE,label=value,..." : "correct it; until then the old policies stay in force",
			   "%s", e.msg);
		return;
	}
	loaded(d);
	selection(d);
	sight_needs_of(&d->needs, d->judge);
}
