/*
 * route - where Istio would have sent a flow: Gateway -> VirtualService -> DestinationRule ->
 * ServiceEntry replayed for one gateway workload, and for the sidecar before it.
 *
 * Compiled once from a policy_set (which must outlive it); read-only afterwards, so threads may
 * share it.  Semantics: docs/semantics.md, "Routes".
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

struct route_result {
	enum route_outcome outcome;
	/* The server that accepts.  Valid from ROUTE_NO_CHAIN on, fields NULL / 0 where not. */
	const struct object *gateway;
	uint32_t server;		/* its index in spec.servers */
	uint32_t server_port;		/* its port.number (Service port) */
	enum flow_enum_value chain;	/* CHAIN_HTTP, CHAIN_TCP, 0 unknown */
	enum route_tls tls;		/* declared for the port */
	bool port_assumed;		/* no Service in the policies: 443->8443 taken from Istio's charts */
	/* The route. */
	const struct object *virtual_service;
	enum route_block block;
	uint32_t route;			/* its index in spec.http, spec.tls or spec.tcp */
	struct slice route_name;	/* what Envoy calls it: http[].name[.match.name] */
	uint32_t n_targets;		/* several where the route is weighted, heaviest first */
	const struct route_target *target;
	/* What the client's sidecar should have sent: from the mesh route and its DestinationRule. */
	enum flow_state sni_state;	/* PRESENT: `sni`; ABSENT: no mesh route leads here; else unknown */
	struct slice sni;
	uint32_t n_snis;		/* all names that some mesh route to this port would send */
	const struct slice *snis;
	/* The host that the flow asks for (authority, else inner SNI, else SNI), without port. */
	struct slice asked;
	enum flow_state registered;	/* PRESENT: in a ServiceEntry or Service; ABSENT: in none */
	const char *missing;		/* a flow field's name, when outcome is UNKNOWN */
	const struct route_step *steps;	/* where asked for */
	uint32_t n_steps;
};

struct route_set;

/* The workload, root namespace, ... are the judge's. */
struct route_set *route_new(const struct policy_set *p, const struct judge_options *o,
			    struct err *e);
void route_free(struct route_set **r);

/*
 * The filter chain that takes a connection to the gateway's port: CHAIN_HTTP or CHAIN_TCP; 0 where it
 * cannot be told (no server there, or the SNI decides and is unknown).  sni NULL: unknown; n == 0: none.
 */
enum flow_enum_value route_chain(const struct route_set *r, int64_t port, const struct slice *sni);

/* What is declared for a port: ROUTE_TLS_UNKNOWN where servers differ or none is there. */
enum route_tls route_port_tls(const struct route_set *r, int64_t port);

enum route_want { ROUTE_PLAIN = 0, ROUTE_EXPLAIN = 1 };

/* A flow at the gateway.  Text and steps are put in `a` or borrowed from r. */
void route_replay(const struct route_set *r, const struct flow *f, enum route_want want,
		  struct arena *a, struct route_result *out);

/*
 * The same flow as the client's sidecar would have routed it before: F_SOURCE_NAMESPACE is the client's,
 * F_DESTINATION_PORT the port that the application asked for (80, 443), F_SNI the application's own.
 */
void route_replay_sidecar(const struct route_set *r, const struct flow *f, enum route_want want,
			  struct arena *a, struct route_result *out);

/* May the flow have gone to this cluster?  True for each destination of a weighted route. */
bool route_accepts(const struct route_result *r, struct slice cluster);

/* Set F_EXPECTED_CLUSTER, F_EXPECTED_SNI (absent where known to be none). */
void route_fill(const struct route_result *r, struct flow *f);

void route_trace_json(const struct route_result *r, struct buf *out);
void route_trace_text(const struct route_result *r, struct buf *out);

#endif
