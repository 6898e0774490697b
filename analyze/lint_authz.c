/* lint_authz: AuthorizationPolicies against the gateways that they guard. */
#include "analyze/lint_build.h"

/* --- ports and chains ------------------------------------------------------------------- */

/* The server's port in the Gateway that ends up on this pod port, or the other way round. */
static const struct server *server_number(const struct route_set *s, int64_t port)
{
	for (size_t i = 0; i < s->n_server; i++)
		if (s->server[i].f.port == port)
			return &s->server[i];
	return NULL;
}

static const struct server *server_listening(const struct route_set *s, int64_t port)
{
	for (size_t i = 0; i < s->n_server; i++)
		if (server_listens(&s->server[i], port))
			return &s->server[i];
	return NULL;
}

static void check_port(struct lint *l, const struct object *p, const struct node *at,
		       const struct workload *w)
{
	const struct server *v, *n;
	int64_t port;

	if (!node_int(at, &port))
		return;
	v = server_listening(w->routes, port);
	n = server_number(w->routes, port);
	if (v && v->assumed && v->listen[0] == port)
		report_as(
			l, LINT_PORT_NAMESPACE, SEV_INFO, p, at,
			"cannot tell whether port %lld is right: it is the pod's port only if the Service "
			"maps %lld to it, and no Service was given",
			(long long)port, (long long)v->f.port);
	else if (n && !(v && v->listen[0] == port))
		report(l, LINT_PORT_NAMESPACE, p, at,
		       "%lld is the port of the Gateway and its Service; the pod listens on %u",
		       (long long)port, n->listen[0]);
	else if (!v)
		report_as(l, LINT_PORT_NAMESPACE, SEV_MEDIUM, p, at,
			  "no Gateway server listens on port %lld of the gateway pod",
			  (long long)port);
}

void lint_port_namespace(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p)
		EACH_GUARDED(l, p, w)
			EACH_ITEM(node_get(p->spec, "rules"), rule) {
				EACH_OPERATION(rule, op)
					EACH_ITEM(node_get(op, "ports"), port)
						check_port(l, p, port, w);
				EACH_WHEN(rule, "destination.port", values)
					EACH_ITEM(values, port)
						check_port(l, p, port, w);
			}
}

void lint_http_on_tcp(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		enum policy_action a = policy_action(p);

		if (a != POLICY_ALLOW && a != POLICY_DENY)
			continue;
		EACH_GUARDED(l, p, w)
			EACH_ITEM(node_get(p->spec, "rules"), rule)
				EACH_OPERATION(rule, op) {
					const struct node *field = http_field(op), *ports;

					field = field ? field : http_source(rule);
					if (!field || !named_ports(rule, op, &ports))
						continue;
					EACH_ITEM(ports, at) {
						int64_t port = 0;

						if (!node_int(at, &port) ||
						    route_chain(w->routes, port, NULL) !=
							    CHAIN_TCP)
							continue;
						report(l, LINT_HTTP_FIELD_ON_TCP, p, field,
						       a == POLICY_ALLOW
							       ? "rules[%u] tests HTTP fields, and port %lld is a TCP chain: it never matches there"
							       : "rules[%u] tests HTTP fields, and port %lld is a TCP chain: there it denies without them",
						       rule_i, (long long)port);
					}
				}
	}
}

/* --- hosts ------------------------------------------------------------------------------ */

static bool names_host(const struct node *rule, const struct node *op)
{
	static const char *const keys[] = { "request.headers[:authority]",
					    "request.headers[host]",
					    "request.headers[Host]" };
	bool named = has_items(node_get(op, "hosts"));

	for (size_t i = 0; i < 3; i++)
		EACH_WHEN(rule, keys[i], values)
			named |= has_items(values);
	return named;
}

static bool reaches_http(const struct route_set *s, const struct node *ports)
{
	for (size_t i = 0; i < s->n_server; i++) {
		const struct server *v = &s->server[i];

		if (!v->f.http || v->dropped || !server_is_egress(v))
			continue;
		if (!has_items(ports))
			return true;
		EACH_ITEM(ports, at) {
			int64_t port;

			if (node_int(at, &port) && server_listens(v, port))
				return true;
		}
	}
	return false;
}

static bool tests_sni(const struct node *rule)
{
	bool any = false;

	EACH_WHEN(rule, "connection.sni", values)
		any |= has_items(values);
	return any;
}

void lint_rule_no_host(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		if (!policy_is_allow(p))
			continue;
		EACH_GUARDED(l, p, w)
			EACH_ITEM(node_get(p->spec, "rules"), rule)
				EACH_OPERATION(rule, op) {
					const struct node *ports;
					bool some = named_ports(rule, op, &ports);

					if (names_host(rule, op) || (!some && tests_sni(rule)) ||
					    !reaches_http(w->routes, some ? ports : NULL))
						continue;
					report(l, LINT_RULE_NO_HOST, p, op ? op : rule,
					       "rules[%u] allows HTTP to any host", rule_i);
				}
	}
}

/* --- sources ---------------------------------------------------------------------------- */

static bool tests_source(const struct node *rule)
{
	bool any = has_items(node_get(rule, "from"));

	EACH_ITEM(node_get(rule, "when"), when)
		any |= slice_starts(text_at(when, "key"), SLICE("source.")) ||
		       slice_starts(text_at(when, "key"), SLICE("request.auth."));
	return any;
}

void lint_broad_source(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		if (!policy_is_allow(p))
			continue;
		EACH_GUARDED(l, p, w) {
			if (!workload_is_egress(w))
				continue;
			EACH_ITEM(node_get(p->spec, "rules"), rule) {
				if (!tests_source(rule))
					report(l, LINT_BROAD_SOURCE, p, rule,
					       "rules[%u] allows everybody", rule_i);
				EACH_ITEM(node_get(rule, "from"), from) {
					const struct node *s = node_get(from, "source");
					const struct node *ns = node_get(s, "namespaces");

					if (has_items(ns) &&
					    !has_items(node_get(s, "principals")))
						report(l, LINT_BROAD_SOURCE, p, ns,
						       "rules[%u] allows every workload of namespace %s",
						       rule_i, say_node(ns->item[0]));
				}
			}
		}
	}
}

static const struct node *identity_field(const struct node *rule)
{
	static const char *const fields[] = { "principals", "namespaces", "serviceAccounts",
					      "trustDomains" };
	static const char *const keys[] = { "source.principal", "source.namespace",
					    "source.serviceAccount", "source.trustDomain" };
	const struct node *found = NULL;

	EACH_ITEM(node_get(rule, "from"), from)
		for (size_t i = 0; i < 4 && !found; i++)
			if (has_items(node_get(node_get(from, "source"), fields[i])))
				found = node_get(node_get(from, "source"), fields[i]);
	for (size_t i = 0; i < 4 && !found; i++)
		EACH_WHEN(rule, keys[i], values)
			found = values;
	return found;
}

static bool asks_certificate(const struct server *v)
{
	return v->f.tls == ROUTE_TLS_ISTIO || v->f.tls == ROUTE_TLS_MUTUAL ||
	       v->f.tls == ROUTE_TLS_OPTIONAL;
}

/*
 * No server that the ports reach asks for a certificate; false where no server is reached.  AUTO_PASSTHROUGH
 * servers ask nothing at all: lint_asked.c tells of those.
 */
static bool never_identified(const struct route_set *s, const struct node *ports)
{
	bool any = false;

	for (size_t i = 0; i < s->n_server; i++) {
		bool reached = !has_items(ports);

		if (!s->server[i].f.has_block)
			continue;
		EACH_ITEM(ports, at) {
			int64_t port;

			reached |= node_int(at, &port) && server_listens(&s->server[i], port);
		}
		if (reached && asks_certificate(&s->server[i]))
			return false;
		any |= reached;
	}
	return any;
}

void lint_mtls_field(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p)
		EACH_GUARDED(l, p, w)
			EACH_ITEM(node_get(p->spec, "rules"), rule)
				EACH_OPERATION(rule, op) {
					const struct node *field = identity_field(rule), *ports;
					bool some = named_ports(rule, op, &ports);

					if (field && never_identified(w->routes,
								      some ? ports : NULL))
						report(l, LINT_MTLS_FIELD, p, field,
						       "rules[%u] tests the client's identity on %s%s, where no client certificate is asked for",
						       rule_i, some ? "port " : "ports",
						       some ? say_node(ports->item[0])
							    : "");
				}
}

/* --- server names ------------------------------------------------------------------------- */

/* A policy value against a name: exact, prefix*, *suffix, * (a.4). */
static bool value_matches(struct slice value, struct slice name)
{
	if (slice_is(value, "*"))
		return name.n > 0;
	if (value.n && value.p[0] == '*')
		return slice_ends(name, slice_from(value, 1));
	if (value.n && value.p[value.n - 1] == '*')
		return slice_starts(name, (struct slice){ value.p, value.n - 1 });
	return slice_eq(value, name);
}

static bool has_port(const struct node *ports, int64_t port)
{
	EACH_ITEM(ports, at) {
		int64_t n;

		if (node_int(at, &n) && n == port)
			return true;
	}
	return !has_items(ports);
}

static bool passes_through(const struct route_set *s, int64_t port)
{
	for (size_t i = 0; i < s->n_server; i++)
		if (server_listens(&s->server[i], port) && !s->server[i].f.terminates)
			return true;
	return false;
}

/* -1: no port tells; 0: no route sends it; 1: one does. */
static int sent(const struct route_set *s, const struct node *ports, struct slice value)
{
	int got = -1;

	for (size_t i = 0; i < s->n_feeds; i++) {
		const struct feed_port *f = &s->feeds[i];

		if (!f->n_snis || !has_port(ports, f->listen) || passes_through(s, f->listen) ||
		    !server_listening(s, f->listen))
			continue;
		got = got < 0 ? 0 : got;
		for (size_t k = 0; k < f->n_snis; k++)
			if (value_matches(value, f->low_snis[k]))
				return 1;
	}
	return got;
}

static const struct node *ports_of(const struct node *rule, const struct node *op)
{
	const struct node *ports;

	return named_ports(rule, op, &ports) ? ports : NULL;
}

/* Every connection.sni value of every rule, with the ports it is tested on. */
#define EACH_SNI(l, p, w, rule, ports_, value_)                                            \
	EACH_GUARDED(l, p, w)                                                              \
		EACH_ITEM(node_get(p->spec, "rules"), rule)                                \
			EACH_OPERATION(rule, op_)                                          \
				for (const struct node *ports_ = ports_of(rule, op_),      \
						       *once_ = rule;                      \
				     once_; once_ = NULL)                                  \
					EACH_WHEN(rule, "connection.sni", values_)         \
						EACH_ITEM(values_, value_)

void lint_sni_no_dr(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p)
		EACH_SNI(l, p, w, rule, ports, value)
			if (sent(w->routes, ports, node_text(value)) == 0)
				report(l, LINT_SNI_NO_DR, p, value,
				       "no mesh route to %s%s sends SNI %s",
				       has_items(ports) ? "port " : "the gateway",
				       has_items(ports) ? say_node(ports->item[0]) : "",
				       say_node(value));
}

static bool is_plain_name(struct slice s)
{
	return s.n && !memchr(s.p, '*', s.n) && !slice_starts(s, SLICE("outbound_"));
}

void lint_sni_route(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		if (policy_action(p) != POLICY_ALLOW)
			continue;
		EACH_SNI(l, p, w, rule, ports, value)
			for (size_t i = 0; has_items(ports) && i < w->routes->n_server; i++) {
				const struct server *v = &w->routes->server[i];
				const struct route_target *t = v->tcp && v->tcp->n_targets == 1
					? v->tcp->target : NULL;

				if (!t || v->dropped || !v->f.terminates ||
				    !has_port(ports, v->listen[0]) || !t->external ||
				    !is_plain_name(node_text(value)) ||
				    host_equal(t->host, node_text(value)))
					continue;
				report(l, LINT_SNI_ROUTE, p, value,
				       "the rule allows SNI %s on port %u, whose tcp route leads to %s",
				       say_node(value), v->listen[0], say(t->host));
			}
	}
}

void lint_sni_outer(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p)
		EACH_SNI(l, p, w, rule, ports, value)
			for (size_t i = 0; i < w->routes->n_server; i++) {
				const struct server *v = &w->routes->server[i];

				if (!v->f.terminates || v->f.http || v->dropped ||
				    !server_is_egress(v) || !has_port(ports, v->listen[0]))
					continue;
				report(l, LINT_SNI_OUTER, p, value,
				       "on port %u %s is the name of the outer tunnel, written by the client's "
				       "proxy; the TLS inside is not looked at",
				       v->listen[0], say_node(value));
			}
}
