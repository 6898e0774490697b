/*
 * istio - the small rules that routes and lint share: host patterns, scopes, selectors,
 * references, protocols, and the registry of services that a namespace sees.
 *
 * Pure functions over objects of a policy_set; nothing is kept but by struct registry.
 */
#ifndef ANALYZE_ISTIO_H
#define ANALYZE_ISTIO_H

#include "analyze/istio_names.h"
#include "analyze/judge.h"
#include "analyze/policy.h"
#include "analyze/route.h"
#include "common/map.h"

/* --- hosts (istio/istio pkg/config/host/name.go) */

bool host_is_wildcard(struct slice h);
/* Either may be a wildcard: do they share a name?  Case is folded. */
bool host_overlaps(struct slice a, struct slice b);
/* Every name of `part` is one of `whole`. */
bool host_within(struct slice part, struct slice whole);
bool host_equal(struct slice a, struct slice b);	/* case folded */
/* Which of two patterns that both match is the more specific: exact, then longer. */
bool host_beats(struct slice a, struct slice b);
/* "reviews" in namespace ns -> "reviews.ns.svc.cluster.local"; names with a dot stay. */
struct slice host_full(struct arena *a, struct slice host, struct slice ns);
enum { HOST_FULL_MAX = 600 };
/* The same in the caller's bytes. */
struct slice host_full_in(uint8_t to[HOST_FULL_MAX], struct slice host, struct slice ns);
/* The namespace in NAME.NS.svc.cluster.local; empty: no such form. */
struct slice host_service_ns(struct slice host);
struct slice host_lower(struct arena *a, struct slice s);
/* Authority or Host without its port and trailing dot. */
struct slice host_without_port(struct slice authority);
bool host_same(struct slice a, struct slice b);		/* without them, case folded */

/* --- objects */

struct slice text_at(const struct node *map, const char *dotted);
bool list_has(const struct node *list, const char *text);
/* May namespace ns see it?  spec.exportTo, or a Service's networking.istio.io/exportTo. */
bool object_exported(const struct object *o, struct slice ns);
bool object_exported_to_all(const struct object *o);
/* istiod lists what is private to the namespace first (0), then exported to it, then public (2). */
int export_rank(const struct object *o, struct slice ns);

/* istiod's order: by creation, then by name and namespace; in a. */
const struct object **objects_by_age(const struct policy_set *p, enum object_kind k,
				     struct arena *a, size_t *n);
/* An arena's list with n items has room for one more: doubled at every power of two. */
void *list_grow(struct arena *a, void *list, size_t n, size_t size);

/* selector (a map of labels) is a subset; an absent or empty selector selects everything. */
bool selects_labels(const struct node *selector, const struct label *l, size_t n);
bool selects_node(const struct node *selector, const struct node *labels);
/* "NS,k=v,..." into parts, in a.  NULL workload: the default egress gateway. */
bool workload_parse(const char *text, struct arena *a, struct slice *ns, struct label **labels,
		    size_t *n, struct err *e);

/* Does `ref`, written in a VirtualService of namespace ns, name this gateway?  (c.1) */
bool gateway_ref_is(struct slice ref, struct slice ns, const struct object *gateway);
/* The same, to its parts; false for "mesh". */
bool gateway_ref_parts(struct slice ref, struct slice ns, struct slice *gw_ns,
		       struct slice *gw_name);
/* VirtualService bound to the mesh: no gateways, or "mesh" among them. */
bool on_mesh(const struct object *vs);

/* --- gateway servers (section b of docs/semantics.md) */

enum istio_protocol { PROTO_NONE, PROTO_HTTP, PROTO_HTTPS, PROTO_TLS, PROTO_TCP, PROTO_OTHER };
enum istio_protocol protocol_of(struct slice name);

struct server_facts {
	const struct node *node;	/* spec.servers[i] */
	int64_t port;			/* 0: none */
	enum istio_protocol protocol;
	enum route_tls tls;
	bool terminates;		/* TLS ends here */
	bool http;			/* HTTP chain */
	bool has_block;			/* false: AUTO_PASSTHROUGH, no VirtualService is read */
	enum route_block block;		/* which block of a VirtualService is read */
	const struct node *hosts;	/* list, or NULL */
};
void server_read(const struct node *server, struct server_facts *f);
bool server_redirects(const struct server_facts *f);	/* tls.httpsRedirect */
/* A host of server.hosts to namespace ("" = any) and pattern; `.` is the gateway's own. */
void server_host(const struct node *host, const struct object *gateway, struct slice *ns,
		 struct slice *pattern);
/* One of a server's hosts, where they are indexed by pattern. */
struct server_name {
	struct slice pattern, ns;	/* ns empty: any */
	struct server_name *next;	/* same pattern */
};
/* Some host of the VirtualService can bind to some host of the server. */
bool server_takes(const struct server_facts *f, const struct object *gateway,
		  const struct object *vs);
enum route_tls tls_mode(struct slice mode, bool server);

/* --- registry: ServiceEntry and Service hosts, DestinationRules */

struct registry_entry {
	const struct object *object;
	struct slice host;		/* full name or wildcard, lower case */
	struct slice alias;		/* an ExternalName Service's target; empty: none */
	const struct node *ports;
	bool service, external, resolution_none;
	struct registry_entry *next, *last;	/* same host; last: the first one's only */
};

struct rule_entry {
	const struct object *object;
	struct slice host;
	struct rule_entry *next, *last;		/* same host */
	struct rule_entry *next_own, *last_own;	/* same host and namespace */
	const struct rule_entry *head;		/* the one that istiod merges it into, or itself */
};

struct registry {
	const struct policy_set *p;
	struct arena *arena;
	struct slice root_ns;
	struct names hosts, rules;	/* pattern -> the oldest entry */
	struct map own, own_rules;	/* NAMESPACE/PATTERN -> the oldest entry */
	bool has_entries;		/* ServiceEntries were given */
	bool selective;			/* some DestinationRule has a workloadSelector */
};
void registry_init(struct registry *r, const struct policy_set *p, struct arena *a,
		   struct slice root_ns);
void registry_release(struct registry *r);
/* istio_rule.c's part of them. */
void rules_init(struct registry *r);
void rules_release(struct registry *r);

enum { LOCAL_KEY_MAX = 600 };
/* NS/HOST; empty: longer than names may be. */
struct slice local_key(uint8_t to[LOCAL_KEY_MAX], struct slice ns, struct slice host);
/* The same of any two texts. */
struct slice key_of_two(uint8_t to[LOCAL_KEY_MAX], struct slice a, char between, struct slice b);

/* What namespace ns knows under this host: exact first, then the longest wildcard.  NULL: nothing. */
const struct registry_entry *registry_find(const struct registry *r, struct slice host,
					   struct slice ns);
/* A port of the entry by number; NULL: none.  *only: the single port, where it has but one. */
const struct node *entry_port(const struct registry_entry *e, int64_t number);
const struct node *entry_only_port(const struct registry_entry *e);
enum istio_protocol entry_protocol(const struct registry_entry *e, const struct node *port);

/*
 * The DestinationRule that a client in namespace ns uses (d.1).  labels: the client's, NULL: unknown
 * (rules with a workloadSelector are then passed over).
 */
const struct rule_entry *rule_find(const struct registry *r, struct slice host, struct slice ns,
				   struct slice service_ns, const struct label *labels, size_t n);
/* Some rule of the namespace for this host is for some of its pods only. */
bool rule_selective(const struct registry *r, struct slice host, struct slice ns);
/* The subset, in this rule or in one that istiod merges into it. */
const struct node *rule_subset(const struct registry *r, const struct rule_entry *rule,
			       struct slice subset);
/* tls settings in force for a port and subset (d.2); NULL: none. */
const struct node *rule_tls(const struct registry *r, const struct rule_entry *rule,
			    const struct node *subset, int64_t port);

/* --- a route's destination (istio_target.c) */

/* From `route[].destination`: everything of struct route_target but weight; text in a. */
void target_read(const struct registry *r, const struct node *destination, struct slice vs_ns,
		 struct slice client_ns, const struct label *labels, size_t n_labels,
		 int64_t listener_port, struct arena *a, struct route_target *t);

/* c.9: outbound_.PORT_.SUBSET_.HOST */
struct slice target_default_sni(struct arena *a, const struct route_target *t);
/* The same from the parts of a default SNI.  False: PORT is no number. */
bool target_by_name(const struct registry *r, struct slice port, struct slice subset,
		    struct slice host, struct slice client_ns, struct arena *a,
		    struct route_target *t);

/* Why RE2 refuses what PCRE2 takes; NULL: it does not (or it is no regex at all). */
const char *re2_refuses(struct slice pattern);

#endif
