/*
 * leg - on which side of the gateway a flow was seen.
 *
 * Knows the gateway's addresses: those configured, and those learned from the
 * gateway's own log (its listener address) and from TLS that reached a declared
 * listener port.  Bounded: at most LEG_GATEWAYS addresses and LEG_WORKLOADS workloads.
 *
 * A line with an upstream connection teaches in any case whose its listener is: later lines that failed before they
 * had one are told by that.
 *
 * An access log may hold the lines of other proxies: every sidecar of the mesh writes the same format.
 * A line that a sidecar wrote (docs/semantics.md, "Whose line it is") is not the gateway's: its leg is
 * `bypass` where the client went straight to the outside, else `other`.
 */
#ifndef ANALYZE_LEG_H
#define ANALYZE_LEG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/ip.h"
#include "common/map.h"
#include "schema/flow.h"

enum { LEG_GATEWAYS = 64, LEG_WORKLOADS = 65536, LEG_PRIVATE = 9 };

struct leg_map {
	struct ip gateway[LEG_GATEWAYS];
	size_t n_gateway, n_configured;	/* the first ones were configured, the rest learned */
	const struct cidr *mesh;	/* borrowed, or private_ranges */
	size_t n_mesh;
	struct cidr private_ranges[LEG_PRIVATE];
	struct cidr assigned[2];
	struct map workloads;		/* addresses seen as clients of the gateway */
	struct map others;		/* addresses that sidecars' lines showed to be no gateway's */
	bool learns;
};

/* `learns`: there are flows of the wire too, for which the log's lines teach addresses. */
void leg_init(struct leg_map *m, const struct cidr *mesh, size_t n_mesh, bool learns);
void leg_release(struct leg_map *m);
void leg_add_gateway(struct leg_map *m, struct ip ip);	/* configured: before any flow */

/* What the declared policy says of a flow; nothing where none is loaded. */
struct leg_hint {
	bool listens;			/* a Gateway has a server on the destination port */
	bool leads_here;		/* its cluster is the gateway's own service (route_leads_here) */
};

/* Set F_LEG where it is unknown and can be told. */
void leg_set(struct leg_map *m, struct flow *f, struct leg_hint hint);

#endif
