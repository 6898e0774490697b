/*
 * flow_host - the one name that a person would give to where a flow goes.
 *
 * In this order: inner SNI; authority without its port; SNI (of Istio's default form
 * `outbound_.443_.subset_.host` the host); the cluster's host; the upstream address; the destination
 * address where no gateway stands between.  Lower case, no final dot.  Never a port.
 */
#ifndef SCHEMA_FLOW_HOST_H
#define SCHEMA_FLOW_HOST_H

#include "common/buf.h"
#include "schema/flow.h"

enum { FLOW_HOST_MAX = 512 };

/* Written to `b` (cleared first).  False: the flow names nobody. */
bool flow_host(const struct flow *f, struct buf *b);

#endif
