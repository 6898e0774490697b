/*
 * route - where Istio would have sent a flow: Gateway -> VirtualService -> DestinationRule ->
 * ServiceEntry replayed for one gateway workload, and for the sidecar before it.
 *
 * Compiled once from a policy_set, which must outlive it; one route_set a thread (it keeps
 * scratch).  Semantics: docs/semantics.md, "Routes".
 *
 * What cannot be told is said: an attribute that decides between routes and is unknown gives
 * ROUTE_UNKNOWN and names it; no Gateway for the workload at all gives ROUTE_UNDECLARED.
 */
#ifndef ANALYZE_ROUTE_H
#define ANALYZE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/judge.h"
#include "analyze/policy.h"
#include "common/arena.h"
#include "common/buf.h"
#include "schema/flow.h"

enum route_outcome {
	ROUTE_UNDECLARED,	/* no Gateway selects the workload: nothing can be said */
	ROUTE_UNKNOWN,		/* `missing` names what would settle it */
	ROUTE_NO_SERVER,	/* no server on this port */
	ROUTE_NO_CHAIN,		/* servers on the port, none for this SNI: connection closed, NR */
	ROUTE_NONE,		/* a server, no route: 404 NR, or the connection is reset */
	ROUTE_ANSWERED,		/* redirect or direct response: nothing goes upstream */
	ROUTE_NO_CLUSTER,	/* the route's destination is not visible or its subset missing: NC */
	ROUTE_CHOSEN,		/* `target` holds where it goes */
};

/* What a Gateway server (or a DestinationRule) declares for the bytes on a port. */
enum route_tls {
	ROUTE_TLS_NONE,		/* plaintext */
	ROUTE_TLS_SIMPLE,	/* TLS without client certificate */
	ROUTE_TLS_OPTIONAL,	/* client certificate asked for, not required */
	ROUTE_TLS_MUTUAL,	/* client certificate required, not the mesh's */
	ROUTE_TLS_ISTIO,	/* mTLS with mesh identities */
	ROUTE_TLS_PASSTHROUGH,	/* TLS not terminated here */
	ROUTE_TLS_UNKNOWN,
};
const char *route_tls_name(enum route_tls t);

enum route_block { ROUTE_HTTP, ROUTE_TLS, ROUTE_TCP };
const char *route_block_name(enum route_block b);

struct route_target {
	struct slice cluster;		/* "outbound|443||httpbin.org" */
	struct slice host;		/* full name */
	struct slice subset;		/* empty: none */
	uint32_t port;
	int64_t weight;
	enum route_tls tls;		/* what this proxy does towards it; UNKNOWN: auto mTLS */
	struct slice sni;		/* server name it sends; empty: none, or the request's */
	bool from_request;		/* tls, and the server name is taken from the request (auto_sni) */
	const struct object *rule;	/* the DestinationRule, or NULL */
	const struct object *entry;	/* ServiceEntry or Service that knows host:port, or NULL */
	bool external;			/* MESH_EXTERNAL */
	bool exists;			/* the cluster exists for this proxy */
	bool secure;			/* TLS leaves this proxy: its own, or the port's protocol */
	bool unsure;			/* a rule for some of the client's pods may stand in `rule`'s place */
};

/* One step of the explanation, in order. */
enum route_step_kind {
	STEP_PORT, STEP_SERVER, STEP_VIRTUAL_SERVICE, STEP_ROUTE, STEP_DESTINATION,
	STEP_DESTINATION_RULE, STEP_SERVICE_ENTRY, STEP_END
};
struct route_step {
	enum route_step_kind kind;
	bool taken;			/* false: looked at and passed over, or dead */
	const struct object *object;	/* or NULL */
	const char *file;		/* NULL: no place */
	uint32_t line;
	struct slice text;		/* one plain sentence */
};

struct route {
	bool routes_declared;		/* there is a Gateway that selects the workload */
	bool port_declared;		/* one of its servers accepts on the flow's port (and SNI) */
	bool mtls_declared;		/* that server demands a client certificate */
	bool passthrough;		/* and does not terminate TLS */
	bool unasked;			/* and is AUTO_PASSTHROUGH: Istio asks no policy there (b.10) */
	int chain;			/* CHAIN_HTTP, CHAIN_TCP, 0: not known */
	struct slice cluster, sni;	/* expected; empty: not known, or the routes choose none */
	struct slice upstream_host;
	int64_t upstream_port;
	bool upstream_tls;		/* the ServiceEntry's port speaks TLS or HTTPS, or TLS is originated */
	bool registry_declared;		/* ServiceEntries were given */

	enum route_outcome outcome;
	const char *missing;		/* a flow field's name, where outcome is ROUTE_UNKNOWN */
	/* The server that accepts. */
	const struct object *gateway;
	uint32_t server;		/* its index in spec.servers */
	uint32_t server_port;		/* its port.number: the Service's port */
	enum route_tls tls;		/* declared for it; ROUTE_TLS_UNKNOWN: cannot be told */
	bool port_assumed;		/* no Service was given: 443->8443 as Istio's charts have it */
	/* The route. */
	const struct object *virtual_service;
	enum route_block block;
	uint32_t index;			/* in spec.http, spec.tls or spec.tcp */
	uint32_t n_targets;		/* several where the route is weighted, heaviest first */
	const struct route_target *target;
	/*
	 * What the client's sidecar should have sent as outer SNI: every name that a mesh route
	 * to this port sends.  `sni` is set where the route is known, or where there is but one.
	 */
	uint32_t n_snis;
	const struct slice *snis;
	/* The explanation; route_explain only. */
	const struct route_step *steps;
	uint32_t n_steps;
};

struct route_set;

/* The workload, the root namespace, ... are the judge's. */
struct route_set *route_set_new(const struct policy_set *p, const struct judge_options *o,
				struct err *e);
void route_set_free(struct route_set **r);	/* NULL-safe */

/* Let the judge, which the set must outlive, know where policies are not asked. */
void route_guide(struct route_set *s, struct judge *j);

/*
 * Fill *r for a flow at the gateway.  False: the flow's port is unknown (then *r still says what is
 * declared at all).  Text is borrowed from the set or put in a.
 */
bool route_replay(struct route_set *s, const struct flow *f, struct route *r, struct arena *a);

/* The same with the steps. */
bool route_explain(struct route_set *s, const struct flow *f, struct route *r, struct arena *a);

/*
 * The same flow as the client's sidecar should have routed it before, with steps: F_SOURCE_NAMESPACE is the
 * client's; the port is the one that the application asked for, the SNI the application's own
 * (empty: none).
 */
bool route_explain_sidecar(struct route_set *s, const struct flow *f, int64_t port,
			   struct slice sni, struct route *r, struct arena *a);

/*
 * Set EXPECTED_CLUSTER and EXPECTED_SNI, CHAIN where it is unknown, and the identity to absent where it is
 * unknown and TLS passes through: the gateway sees no certificate there (b.10).
 */
void route_expect(const struct route *r, struct flow *f);

/* Headers that some route's match reads: capture keeps these too. */
bool route_wants_header(const struct route_set *s, struct slice lower_name);

/* May the flow have gone to this cluster?  True for each destination of a weighted route. */
bool route_accepts(const struct route *r, struct slice cluster);

/* This cluster is the gateway's own service: clients' sidecars are sent there, the gateway itself is not. */
bool route_leads_here(const struct route_set *s, struct slice cluster);

/* Some Gateway's server, whatever name it wants, listens on this port of the pod. */
bool route_listens(const struct route_set *s, int64_t port);

/* Some ServiceEntry (or Service) has this host.  ctx is a route_set. */
bool route_registered(const void *ctx, struct slice host);

/*
 * The filter chain that takes a connection to the gateway's port: CHAIN_HTTP or CHAIN_TCP; 0 where it
 * cannot be told (no server there, or the SNI decides and is unknown).  sni NULL: unknown; n == 0: none.
 */
int route_chain(const struct route_set *s, int64_t port, const struct slice *sni);

/* The steps as a JSON array, and as lines for people. */
void route_trace_json(const struct route *r, struct buf *out);
void route_trace_text(const struct route *r, struct buf *out);

#endif
