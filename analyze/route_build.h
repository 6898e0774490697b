/* route_build - the compiled routes; private to route*.c and lint*.c. */
#ifndef ANALYZE_ROUTE_BUILD_H
#define ANALYZE_ROUTE_BUILD_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "analyze/istio.h"
#include "analyze/route.h"

/* --- one HTTP match, its conditions ANDed (route_match.c) */

enum cond_what { ON_PATH, ON_METHOD, ON_AUTHORITY, ON_SCHEME, ON_HEADER, ON_QUERY, ON_CLAIM };
enum cond_how { BY_EXACT, BY_PREFIX, BY_REGEX, BY_PRESENCE, BY_NOTHING };

struct cond {
	enum cond_what what;
	enum cond_how how;	/* BY_NOTHING: a regex that Istio refuses; never true */
	bool fold, negated;
	struct slice name;	/* of header, parameter or claim */
	struct slice value;
	pcre2_code *re;
	const struct node *at;
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

struct http_match {
	const struct node *node;
	struct cond *cond;
	uint32_t n;
	enum answer fits;	/* port, gateways and source fit the place; unknown: by the client's labels */
};

/* Where routes are looked at: a gateway's server, or a sidecar's listener. */
struct place {
	const struct object *gateway;	/* NULL: the mesh */
	int64_t port;			/* server.port.number, or the port that the client asks for */
	struct slice ns;		/* of the proxy */
	const struct label *labels;	/* NULL: not known */
	size_t n_labels;
};

/* --- routes and servers (route_set.c) */

struct compiled {
	const struct object *vs;	/* the one that holds it (a delegate's, where delegated) */
	enum route_block block;
	uint32_t index;
	const struct node *node;
	struct route_target *target;
	uint32_t n_targets;
	bool answers;			/* redirect or direct response */
	bool catch_all;
	struct http_match *match;	/* ORed; none: everything */
	uint32_t n_match;
};

struct server;
struct vhosts;

struct vhost {
	struct slice domain;
	struct compiled **route;
	size_t n;
	bool redirect;			/* b.9: every request gets 301 */
	const struct server *server;	/* the first that brought it */
	const void *last;		/* the list added last: once per VirtualService */
};

/* The chain that a passthrough server has for one of a route's sniHosts. */
struct sni_chain {
	struct slice sni;
	struct compiled *route;
};

struct server {
	const struct object *gateway;
	uint32_t index;
	struct server_facts f;
	struct place at;
	uint32_t listen[2], n_listen;
	const struct object *service;	/* that maps the port, or NULL */
	bool assumed;
	const char *dropped;		/* why it makes no chain, or NULL */
	struct names hosts;		/* pattern -> struct server_name */
	struct vhosts *vhosts;		/* HTTP chains */
	struct compiled *tcp;		/* TCP chains */
	struct names snis;		/* passthrough: name -> struct sni_chain */
};

/* Server names of a port, and who has them. */
struct chain_names {
	struct names names;		/* pattern -> struct server */
	const struct server *only;	/* the one server, where there is but one */
	size_t n;
	bool conditional;		/* some server wants a name */
	bool http, tcp;			/* kinds of chain */
};

/* What listens on one port of the pod (route_port.c). */
struct listener {
	uint32_t port;
	struct chain_names chains;	/* filter chains that exist, autos' apart */
	struct chain_names autos;	/* AUTO_PASSTHROUGH servers, by the hosts of the services */
	struct chain_names declared;	/* what the Gateways' servers say */
	bool mutual;			/* every server demands a client certificate */
	bool passthrough;		/* no server ends TLS */
	bool assumed;			/* some server's port is */
};

/* Virtual hosts of one route configuration: an HTTPS server's own, or a plaintext port's (b.11). */
struct vhosts {
	struct names names;		/* domain -> struct vhost */
	uint32_t port;			/* plaintext only; else 0 */
	struct vhosts *next;
};

/* A mesh route that leads to this gateway (route_mesh.c). */
struct feed {
	const struct object *vs;
	const struct node *match;	/* of the VirtualService, or NULL */
	const struct node *destination;
	enum route_block block;
	int64_t port;			/* of the destination */
	struct slice sni;		/* that a client in the VirtualService's namespace sends */
	struct feed *next, *last;	/* same host; last: the first one's only */
};

struct feed_port {
	uint32_t listen;
	struct names hosts;		/* host that the application asks for -> struct feed */
	struct slice *snis, *low_snis;	/* distinct: as they are written, and as Envoy reads them */
	size_t n_snis;
	struct map sni_set;
};

/* A pod that was given: the client's labels, by its address. */
struct client_pod {
	struct ip ip;
	struct label *labels;
	size_t n;
};

struct route_set {
	const struct policy_set *p;
	struct arena *arena, *scratch;	/* scratch: emptied by every replay */
	struct slice path;		/* normalised, of the flow being replayed; p NULL: not yet */
	struct registry registry;
	bool shared;			/* the registry is another's */
	struct slice ns, root_ns;
	enum path_normalization paths;
	struct label *labels;
	size_t n_labels;
	const struct object **vs;	/* as istiod lists them for the gateway's namespace */
	const struct object **vs_by_age;
	size_t n_vs;
	struct map delegates;		/* NS/NAME -> VirtualService without hosts */
	const struct object **service;	/* that select the workload */
	size_t n_service;
	struct server *server;
	size_t n_server;
	struct listener *listener;
	size_t n_listener;
	struct map listener_at;		/* port -> struct listener */
	struct vhosts *vhosts;		/* all */
	struct feed_port *feeds;
	size_t n_feeds;
	struct map sni_for;		/* feed and client namespace -> struct slice */
	struct map fed;			/* the gateway's own services that mesh routes lead to */
	struct map pods;		/* address -> struct client_pod */
	struct map headers;		/* lower-case names that some match reads */
	bool ready;			/* compiled: nothing is added any more */
	pcre2_match_data *match_data;
	pcre2_match_context *match_limits;
	pcre2_code **codes;		/* to free */
	size_t n_codes;
	bool routes_declared;
};

/* route_match.c: compiles the conditions; whether it is possible is the caller's question. */
void match_compile(struct route_set *s, const struct node *match, struct http_match *m);
/* Both at once, as a delegate's match under its root's. */
void match_join(struct route_set *s, const struct http_match *a, const struct http_match *b,
		struct http_match *m);
bool match_takes_all(const struct http_match *m);
enum answer match_test(struct route_set *s, const struct compiled *c, const struct flow *f,
		       const char **missing);
/*
 * The first of routes, in order, that takes the flow; NULL: none, or *missing says what decides.  A route that
 * may match stands in the way only where it leads elsewhere.
 */
const struct compiled *match_first(struct route_set *s, struct compiled *const *routes, size_t n,
				   const struct flow *f, const char **missing);
/* The first condition that is not true, for the explanation; NULL: none. */
const struct cond *match_failing(struct route_set *s, const struct compiled *c,
				 const struct flow *f);
void cond_print(struct buf *b, const struct cond *c);

/* route_value.c: what a condition looks at; several texts only of a claim. */
enum { ROUTE_VALUES_MAX = 64 };
struct route_value {
	enum flow_state state;
	struct slice text[ROUTE_VALUES_MAX];
	size_t n;
};
void route_value(struct route_set *s, const struct cond *c, const struct flow *f,
		 struct route_value *v);

/* route_bind.c: VirtualServices to servers */
void bind_servers(struct route_set *s);
/* Does this match of a tls or tcp route (NULL: none) fit the server?  Port and gateways only. */
bool l4_match_fits(const struct node *match, const struct object *vs, const struct server *v);
bool vs_is_bound(const struct route_set *s, const struct object *vs, const struct server *v);
/*
 * Every name that a host of the VirtualService and a host of the server share, the more specific of
 * the two; once each pair.  False from `each` ends it.
 */
typedef bool each_shared(void *ctx, struct slice domain);
void shared_hosts(const struct route_set *s, const struct object *vs, const struct server *v,
		  each_shared *each, void *ctx);
struct compiled *route_compile(struct route_set *s, const struct object *vs,
			       enum route_block block, uint32_t index, const struct node *node,
			       const struct place *at);
/* Does a tls or tcp match fit the place, source and all? */
enum answer l4_match_at(const struct node *match, const struct object *vs,
			const struct place *at);
/* sourceLabels and sourceNamespace. */
enum answer source_fits(const struct node *match, const struct place *at);
bool names_place(const struct node *list, const struct object *vs, const struct place *at);
struct compiled *sni_find(const struct server *v, struct slice sni);

/* route_http.c */
struct http_list {
	struct compiled **c;
	size_t n;
	bool closed;		/* a catch-all is in it: the rest is dropped (c.4) */
};
/* The http routes of a VirtualService at a place, delegates in their roots' stead. */
struct http_list http_compile(struct route_set *s, const struct object *vs,
			      const struct place *at);
void bind_http(struct route_set *s, struct server *v, const struct object *vs);
void bind_redirects(struct route_set *s, struct server *v);
struct vhosts *vhosts_for(struct route_set *s, struct server *v);
const struct vhost *vhosts_find(const struct vhosts *v, struct slice host);

/* route_delegate.c: the matches of a delegate's route under those of its root (c.7) */
const struct object *delegate_of(const struct route_set *s, const struct node *route,
				 const struct object *vs);
void delegates_index(struct route_set *s);
/* May istiod join them?  A contradictory pair is dropped. */
bool matches_conflict(const struct node *root, const struct object *root_vs,
		      const struct node *leaf, const struct object *leaf_vs);

/* route_mesh.c */
void mesh_feeds(struct route_set *s);
void mesh_feeds_release(struct route_set *s);
void mesh_expect(struct route_set *s, const struct flow *f, int64_t port, struct route *r,
		 struct arena *a);
struct feed_port *mesh_port(const struct route_set *s, int64_t port);

/* route_service.c: the Services that select the workload, and the ports it listens on */
void find_services(struct route_set *s);
/* A Service in its namespace selects the workload, and has its ports translated. */
bool service_is_of(const struct object *o, struct slice ns, const struct label *labels, size_t n);
uint32_t service_listen(const struct route_set *s, int64_t number, uint32_t out[2],
			const struct object **service, bool *assumed);

/* route_auto.c */
/* Where an AUTO_PASSTHROUGH server sends this name, in lower case; false: it has no chain for it.  Text is put in a. */
bool auto_target(const struct route_set *s, struct slice sni, struct arena *a,
		 struct route_target *t);
/* The AUTO_PASSTHROUGH server of the port that takes this name; NULL: none. */
const struct server *auto_server(const struct route_set *s, const struct listener *l,
				 struct slice sni);
/* Every server of the port is AUTO_PASSTHROUGH.  NULL-safe. */
bool auto_only(const struct listener *l);

/* route_port.c */
void listeners_index(struct route_set *s);
void listeners_release(struct route_set *s);
const struct listener *listener_at(const struct route_set *s, int64_t port);
/* The chains, or, where none exists, what is declared. */
const struct chain_names *listener_chains(const struct listener *l);
/* NULL: none, or *ambiguous: the SNI decides and is not known. */
const struct server *server_for(const struct route_set *s, int64_t port, const struct slice *sni,
				bool *ambiguous);
bool server_listens(const struct server *v, int64_t port);

/*
 * route_sidecar.c: the Sidecar of a client and what it lets it reach.  labels NULL: not known; the
 * answer is then ANSWER_UNKNOWN where they would decide.
 */
const struct object *sidecar_of(const struct route_set *s, struct slice ns,
				const struct client_pod *client, bool *unsure);
enum answer sidecar_imports(const struct route_set *s, struct slice client_ns,
			    const struct client_pod *client, struct slice host,
			    struct slice host_ns);
enum answer sidecar_imports_vs(const struct route_set *s, struct slice client_ns,
			       const struct client_pod *client, const struct object *vs);
bool sidecar_registry_only(const struct route_set *s, const struct object *sidecar);
void pods_index(struct route_set *s);
const struct client_pod *client_of(const struct route_set *s, const struct flow *f);

/* route.c: the target is where the flow goes.  Text is borrowed. */
void route_to(struct route *r, const struct route_target *t);

/* route_set.c */
void route_begin(struct route_set *s);	/* forget what belongs to the last flow */
/* For any workload, with a registry that outlives it (lint). */
struct route_set *route_set_for(const struct policy_set *p, const struct registry *r, struct slice ns,
				struct label *labels, size_t n);

#endif
