/*
 * route_auto: AUTO_PASSTHROUGH servers.  They read no VirtualService: istiod gives them a filter chain for each
 * service and subset of the mesh that their hosts take, named by the default SNI (c.9), which Envoy prefers to any
 * wildcard of another server.  Nothing outside the mesh is reached, and no policy is asked.
 *
 * Istio: pilot/pkg/networking/core/gateway.go, builtAutoPassthroughFilterChains.  Up to 1.19 its chains had the
 * policies' filters as every TCP chain has; since 1.20 (istio/istio #46899) they are built without.
 */
#include <string.h>

#include "analyze/route_build.h"

/* outbound_.PORT_.SUBSET_.HOST */
static bool parts_of(struct slice sni, struct slice part[4])
{
	for (size_t n = 0; n < 3; n++) {
		const uint8_t *p = sni.n ? memmem(sni.p, sni.n, "_.", 2) : NULL;

		if (!p)
			return false;
		part[n] = (struct slice){ sni.p, (size_t)(p - sni.p) };
		sni = slice_from(sni, part[n].n + 2);
	}
	part[3] = sni;
	return slice_is(part[0], "outbound");
}

bool auto_target(const struct route_set *s, struct slice sni, struct arena *a,
		 struct route_target *t)
{
	struct slice part[4];

	if (!parts_of(sni, part) ||
	    !target_by_name(&s->registry, part[1], part[2], part[3], s->ns, a, t) || t->external ||
	    !t->exists)
		return false;
	t->cluster = target_default_sni(a, t);	/* these clusters are named as their chains are */
	return true;
}

const struct server *auto_server(const struct route_set *s, const struct listener *l,
				 struct slice sni)
{
	struct route_target t;

	return l->autos.n && auto_target(s, host_lower(s->scratch, sni), s->scratch, &t)
		? names_find(&l->autos.names, t.host) : NULL;
}

bool auto_only(const struct listener *l)
{
	return l && l->autos.n && l->autos.n == l->declared.n;
}

/* --- whether policies are asked (b.10) --------------------------------------------------- */

static bool has_autos(const struct route_set *s)
{
	for (size_t i = 0; i < s->n_listener; i++)
		if (s->listener[i].autos.n)
			return true;
	return false;
}

static enum judge_asked asked(void *ctx, const struct flow *f)
{
	const struct route_set *s = ctx;
	const struct listener *l;

	if (!flow_has(f, F_DESTINATION_PORT))
		return JUDGE_ASKED_BY_PORT;
	l = listener_at(s, flow_num(f, F_DESTINATION_PORT));
	if (!l || !l->autos.n)
		return JUDGE_ASKED;
	if (auto_only(l))
		return JUDGE_UNASKED;
	if (flow_state(f, F_SNI) == FLOW_UNKNOWN)
		return JUDGE_ASKED_BY_SNI;
	arena_reset(s->scratch);
	return auto_server(s, l, flow_text(f, F_SNI)) ? JUDGE_UNASKED : JUDGE_ASKED;
}

void route_guide(struct route_set *s, struct judge *j)
{
	if (has_autos(s))
		judge_asked_from(j, asked, s);
}
