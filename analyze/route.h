/*
 * route - what Istio's routing objects say should happen to a flow at the gateway.
 *
 * Gateway -> VirtualService -> DestinationRule -> ServiceEntry, replayed for one
 * workload.  Semantics: docs/semantics.md.  A route_set is compiled once a policy
 * set and caches answers by what routing reads (port, SNI, authority, method, path,
 * headers that a match names); one route_set a thread.
 */
#ifndef ANALYZE_ROUTE_H
#define ANALYZE_ROUTE_H

#include <stdbool.h>

#include "analyze/judge.h"
#include "analyze/policy.h"
#include "schema/flow.h"

struct route_set;

struct route {
	bool routes_declared;		/* there is a Gateway that selects the workload */
	bool port_declared;		/* one of its servers accepts on the flow's port (and SNI) */
	bool mtls_declared;		/* that server demands a client certificate */
	bool passthrough;		/* and does not terminate TLS */
	int chain;			/* CHAIN_HTTP, CHAIN_TCP, 0: not known */
	struct slice cluster, sni;	/* expected; empty: not known, or the routes choose none */
	struct slice upstream_host;
	int64_t upstream_port;
	bool upstream_tls;		/* the ServiceEntry's port speaks TLS or HTTPS, or TLS is originated */
	bool registry_declared;		/* ServiceEntries were given */
};

struct route_set *route_set_new(const struct policy_set *p, const struct judge_options *o,
				struct err *e);
void route_set_free(struct route_set **r);	/* NULL-safe */

/* Fill *r.  False: the flow's port is unknown.  Text is borrowed from the set or put in a. */
bool route_replay(struct route_set *s, const struct flow *f, struct route *r, struct arena *a);

/* Set EXPECTED_CLUSTER and EXPECTED_SNI, and CHAIN where it is unknown. */
void route_expect(const struct route *r, struct flow *f);

/* Some ServiceEntry (or Service) has this host.  ctx is a route_set. */
bool route_registered(const void *ctx, struct slice host);

#endif
