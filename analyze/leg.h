/*
 * leg - on which side of the gateway a flow was seen.
 *
 * Knows the gateway's addresses: those configured, and those learned from the
 * gateway's own log (its listener address) and from TLS that reached a declared
 * listener port.  Bounded: at most LEG_GATEWAYS addresses and LEG_WORKLOADS workloads.
 */
#ifndef ANALYZE_LEG_H
#define ANALYZE_LEG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/ip.h"
#include "common/map.h"
#include "schema/flow.h"

enum { LEG_GATEWAYS = 64, LEG_WORKLOADS = 65536 };

struct leg_map {
	struct ip gateway[LEG_GATEWAYS];
	size_t n_gateway;
	const struct cidr *mesh;	/* borrowed; none: private ranges */
	size_t n_mesh;
	struct map workloads;		/* addresses seen as clients of the gateway */
};

void leg_init(struct leg_map *m, const struct cidr *mesh, size_t n_mesh);
void leg_release(struct leg_map *m);
void leg_add_gateway(struct leg_map *m, struct ip ip);

/*
 * Set F_LEG where it is unknown and can be told.  `listener`: the declared policy has a Gateway
 * server on the destination port.
 */
void leg_set(struct leg_map *m, struct flow *f, bool listener);

#endif
