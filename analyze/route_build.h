/* route_build - the compiled routes; private to route*.c. */
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

struct http_match {
	const struct node *node;
	struct cond *cond;
	uint32_t n;
	bool possible;		/* port, gateways and source fit this listener */
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

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
	struct http_match *match, *outer;	/* ORed; outer: the delegating route's */
	uint32_t n_match, n_outer;
};

struct vhost {
	struct slice domain;
	struct compiled **route;
	size_t n;
	const void *last;		/* the list added last: once per VirtualService */
};

struct vhosts {
	struct map exact;
	struct vhost **wild;	/* longest first */
	size_t n_wild;
};

struct sni_route {
	struct slice sni;
	struct compiled *route;
};

struct server {
	const struct object *gateway;
	uint32_t index;
	struct server_facts f;
	uint32_t listen[2], n_listen;
	const struct object *service;	/* that maps the port, or NULL */
	bool assumed;
	const char *dropped;		/* why it makes no chain, or NULL */
	struct vhosts *vhosts;		/* HTTP chains */
	struct compiled *tcp;		/* TCP chains */
	struct map snis;		/* passthrough: exact names to struct compiled */
	struct sni_route *wild;		/* passthrough: wildcards */
	size_t n_wild;
};

/* A mesh route that leads to this gateway (route_mesh.c). */
struct feed {
	const struct object *vs;
	const struct node *destination;
	int64_t port;			/* of the destination */
	struct slice sni;		/* that a client in the VirtualService's namespace sends */
	struct feed *next;		/* same host */
};

struct feed_wild {
	struct slice host;
	struct feed *feed;
};

struct feed_port {
	uint32_t listen;
	struct map hosts;		/* host that the application asks for -> struct feed */
	struct feed_wild *wild;
	size_t n_wild;
	struct slice *snis;		/* distinct */
	size_t n_snis;
	struct map sni_set;
};

struct route_set {
	const struct policy_set *p;
	struct arena *arena, *scratch;	/* scratch: emptied by every replay */
	struct registry registry;
	struct slice ns, root_ns;
	struct label *labels;
	size_t n_labels;
	const struct object **vs;	/* sorted as istiod does */
	size_t n_vs;
	const struct object **service;	/* that select the workload */
	size_t n_service;
	struct server *server;
	size_t n_server;
	struct feed_port *feeds;
	size_t n_feeds;
	struct map sni_for;		/* feed and client namespace -> struct slice */
	pcre2_match_data *match_data;
	pcre2_match_context *match_limits;
	pcre2_code **codes;		/* to free */
	size_t n_codes;
	bool routes_declared;
};

/* route_match.c */
void match_compile(struct route_set *s, const struct node *match, struct http_match *m);
enum answer match_test(struct route_set *s, const struct compiled *c, const struct flow *f,
		       const char **missing);
/* The first condition that is not true, for the explanation; NULL: none. */
const struct cond *match_failing(struct route_set *s, const struct compiled *c,
				 const struct flow *f);
bool match_is_catch_all(const struct node *match);
void cond_print(struct buf *b, const struct cond *c);

/* route_bind.c: VirtualServices to servers */
void bind_servers(struct route_set *s);
/* Does this match of a tls or tcp route (NULL: none) fit the server?  Port and gateways only. */
bool l4_match_fits(const struct node *match, const struct object *vs, const struct server *v);
bool vs_is_bound(const struct route_set *s, const struct object *vs, const struct server *v);
const struct vhost *vhosts_find(const struct vhosts *v, struct slice host);
struct compiled *sni_find(const struct server *v, struct slice sni);

/* route_mesh.c */
void mesh_feeds(struct route_set *s);
void mesh_feeds_release(struct route_set *s);
void mesh_expect(struct route_set *s, const struct flow *f, int64_t port, struct route *r,
		 struct arena *a);
struct feed_port *mesh_port(const struct route_set *s, int64_t port);
/* The ports on which the workload listens for a Service port; NULL-able outputs. */
uint32_t service_listen(const struct route_set *s, int64_t number, uint32_t out[2],
			const struct object **service, bool *assumed);

/* route_sidecar.c: the Sidecar of a namespace (NULL: none), and what it lets a client reach */
const struct object *sidecar_of(const struct route_set *s, struct slice ns);
bool sidecar_imports(const struct route_set *s, struct slice client_ns, struct slice host,
		     struct slice host_ns);
bool sidecar_registry_only(const struct route_set *s, struct slice client_ns);

/* route.c */
struct route_set *route_set_for(const struct policy_set *p, struct slice ns, struct label *labels,
				size_t n, struct slice root_ns);
const struct server *server_for(const struct route_set *s, int64_t port, const struct slice *sni,
				bool *ambiguous);

#endif
