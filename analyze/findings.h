/*
 * findings - what policy, wire and log show together about one judged flow.
 *
 * Each finding of the catalogue that needs more than bytes is one small
 * function in a table (findings.c).  A finding is made only from fields that are known:
 * where something was not observed there is no finding.
 */
#ifndef ANALYZE_FINDINGS_H
#define ANALYZE_FINDINGS_H

#include <stdbool.h>

#include "common/arena.h"
#include "schema/flow.h"

/* What the declared routes say of this flow; everything false/empty where it is not known. */
struct scene {
	struct flow *f;
	struct arena *a;
	bool routes;			/* Gateway objects were declared */
	bool port_declared;		/* a Gateway server accepts on this port */
	bool mtls_declared;		/* and demands client certificates */
	bool tcp_chain;			/* and its chain is TCP */
	bool unasked;			/* and is AUTO_PASSTHROUGH, where Istio asks no policy */
	struct slice upstream_host;	/* where the routes send it */
	bool upstream_tls;		/* the ServiceEntry's port is TLS or HTTPS */
	bool registry;			/* ServiceEntries were declared */
	bool (*registered)(const void *ctx, struct slice host);
	const void *registry_ctx;
	const char *const *trust_domains;	/* the mesh's and its aliases */
	size_t n_trust_domains;
	bool wire_covers, log_covers;	/* that evidence existed at the flow's time */
};

void findings_add(struct scene *s);

/* Worst first; stable among equals. */
void findings_sort(struct flow *f);

#endif
