/* lint_policy: AuthorizationPolicies by themselves, and what lint_authz.c needs of them. */
#include "analyze/lint_build.h"

#include <strings.h>

enum policy_action policy_action(const struct object *policy)
{
	struct slice s = text_at(policy->spec, "action");

	return slice_is(s, "DENY") ? POLICY_DENY : slice_is(s, "AUDIT") ? POLICY_AUDIT
	     : slice_is(s, "CUSTOM") ? POLICY_CUSTOM : POLICY_ALLOW;
}

static const struct node *first_of(const struct node *map, const char *const *keys)
{
	for (; *keys; keys++)
		if (node_get(map, *keys))
			return node_get(map, *keys);
	return NULL;
}

const struct node *http_field(const struct node *operation)
{
	static const char *const keys[] = { "hosts", "notHosts", "methods", "notMethods", "paths",
					    "notPaths", NULL };

	return first_of(operation, keys);
}

static bool is_http_key(struct slice key)
{
	return slice_starts(key, SLICE("request.headers")) ||
	       slice_starts(key, SLICE("request.auth."));
}

const struct node *http_source(const struct node *rule)
{
	static const char *const keys[] = { "requestPrincipals", "notRequestPrincipals", NULL };
	const struct node *found = NULL;

	EACH_ITEM(node_get(rule, "from"), from)
		found = found ? found : first_of(node_get(from, "source"), keys);
	EACH_ITEM(node_get(rule, "when"), when)
		if (!found && is_http_key(text_at(when, "key")))
			found = node_get(when, "key");
	return found;
}

bool named_ports(const struct node *rule, const struct node *operation, const struct node **ports)
{
	*ports = node_get(operation, "ports");
	if (has_items(*ports))
		return true;
	EACH_WHEN(rule, "destination.port", values)
		*ports = values;
	return has_items(*ports);
}

bool workload_is_egress(const struct workload *w)
{
	for (size_t i = 0; i < w->routes->n_server; i++)
		if (server_is_egress(&w->routes->server[i]))
			return true;
	return false;
}

/* --- what Istio's validation refuses (IST0106) ----------------------------------------- */

static void empty_values(struct lint *l, const struct object *p, const struct node *map)
{
	for (uint32_t i = 0; is_map(map) && i < map->n; i++)
		EACH_ITEM(map->item[i], value)
			if (value->kind == NODE_NULL ||
			    (value->kind == NODE_SCALAR && !value->text.n))
				report(l, LINT_AUTHZ_INVALID, p, value, "%s holds an empty value",
				       say_node(map->key[i]));
}

static void invalid_port(struct lint *l, const struct object *p, const struct node *ports)
{
	EACH_ITEM(ports, port) {
		int64_t n;

		if (!node_int(port, &n) || n < 0 || n > 65535)
			report(l, LINT_AUTHZ_INVALID, p, port, "\"%s\" is no port",
			       say_node(port));
	}
}

static void invalid_ip(struct lint *l, const struct object *p, const struct node *ips)
{
	EACH_ITEM(ips, ip) {
		struct cidr c;

		if (!cidr_parse(node_text(ip), &c))
			report(l, LINT_AUTHZ_INVALID, p, ip,
			       "\"%s\" is no address or block", say_node(ip));
	}
}

static void invalid_source(struct lint *l, const struct object *p, const struct node *from)
{
	static const char *const ips[] = { "ipBlocks", "notIpBlocks", "remoteIpBlocks",
					   "notRemoteIpBlocks" };
	static const char *const accounts[] = { "serviceAccounts", "notServiceAccounts", NULL };
	static const char *const others[] = { "principals", "notPrincipals", "namespaces",
					      "notNamespaces", NULL };
	const struct node *source = node_get(from, "source");

	if (!is_map(source) || !source->n) {
		report(l, LINT_AUTHZ_INVALID, p, from, "from.source is empty");
		return;
	}
	empty_values(l, p, source);
	if (first_of(source, accounts) && first_of(source, others))
		report(l, LINT_AUTHZ_INVALID, p, first_of(source, accounts),
		       "serviceAccounts cannot stand beside principals or namespaces");
	for (size_t i = 0; i < sizeof ips / sizeof *ips; i++)
		invalid_ip(l, p, node_get(source, ips[i]));
}

static void invalid_rule(struct lint *l, const struct object *p, const struct node *rule)
{
	static const char *const lists[] = { "from", "to", "when" };

	for (size_t i = 0; i < 2; i++)
		if (is_list(node_get(rule, lists[i])) && !node_get(rule, lists[i])->n)
			report(l, LINT_AUTHZ_INVALID, p, node_get(rule, lists[i]),
			       "%s is empty", lists[i]);
	EACH_ITEM(node_get(rule, "from"), from)
		invalid_source(l, p, from);
	EACH_ITEM(node_get(rule, "to"), to) {
		const struct node *op = node_get(to, "operation");

		if (!is_map(op) || !op->n)
			report(l, LINT_AUTHZ_INVALID, p, to, "to.operation is empty");
		empty_values(l, p, op);
		invalid_port(l, p, node_get(op, "ports"));
		invalid_port(l, p, node_get(op, "notPorts"));
	}
	EACH_ITEM(node_get(rule, "when"), when) {
		if (!text_at(when, "key").n)
			report(l, LINT_AUTHZ_INVALID, p, when, "a condition without key");
		else if (!has_items(node_get(when, "values")) &&
			 !has_items(node_get(when, "notValues")))
			report(l, LINT_AUTHZ_INVALID, p, when,
			       "condition %s has neither values nor notValues",
			       say(text_at(when, "key")));
	}
}

void lint_authz_invalid(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		enum policy_action a = policy_action(p);
		const struct node *rules = node_get(p->spec, "rules");
		struct slice dry = note_of(p, "istio.io/dry-run");

		if (a == POLICY_DENY && !rules)
			report(l, LINT_AUTHZ_INVALID, p, p->spec,
			       "action DENY without rules never denies; an empty rule {} denies everything");
		if (a == POLICY_CUSTOM && !rules)
			report(l, LINT_AUTHZ_INVALID, p, p->spec,
			       "action CUSTOM without rules is never asked");
		if (a == POLICY_CUSTOM && rules && !text_at(p->spec, "provider.name").n)
			report(l, LINT_AUTHZ_INVALID, p, p->spec,
			       "action CUSTOM needs provider.name");
		if (a != POLICY_CUSTOM && node_get(p->spec, "provider"))
			report(l, LINT_AUTHZ_INVALID, p, node_get(p->spec, "provider"),
			       "provider is for action CUSTOM only");
		if (node_get(p->spec, "selector") && (node_get(p->spec, "targetRef") ||
						      has_items(node_get(p->spec, "targetRefs"))))
			report(l, LINT_AUTHZ_INVALID, p, node_get(p->spec, "selector"),
			       "selector and targetRefs exclude each other");
		if (dry.n && a != POLICY_ALLOW && a != POLICY_DENY)
			report(l, LINT_AUTHZ_INVALID, p, NULL,
			       "dry run is for ALLOW and DENY only");
		EACH_ITEM(rules, rule)
			invalid_rule(l, p, rule);
	}
}

/* --- unknown names ---------------------------------------------------------------------- */

static void unknown_fields(struct lint *l, const struct object *p, const struct node *map,
			   const char *where, const char *const *known)
{
	for (uint32_t i = 0; is_map(map) && i < map->n; i++) {
		const char *const *k = known;

		while (*k && !slice_is(node_text(map->key[i]), *k))
			k++;
		if (!*k)
			report(l, LINT_UNKNOWN_KEY, p, map->key[i],
			       "%s has no field \"%s\"", where, say_node(map->key[i]));
	}
}

static bool known_condition(struct slice key)
{
	static const char *const exact[] = { "source.ip", "remote.ip", "source.namespace",
		"source.principal", "source.serviceAccount", "source.trustDomain",
		"request.auth.principal", "request.auth.audiences", "request.auth.presenter",
		"destination.ip", "destination.port", "connection.sni" };
	static const char *const indexed[] = { "request.headers[", "request.auth.claims[",
					       "experimental.envoy.filters." };

	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
		if (slice_is(key, exact[i]))
			return true;
	for (size_t i = 0; i < sizeof indexed / sizeof *indexed; i++)
		if (slice_starts(key, slice_of(indexed[i])))
			return i == 2 || key.p[key.n - 1] == ']';
	return false;
}

void lint_unknown_key(struct lint *l)
{
	static const char *const spec[] = { "selector", "targetRef", "targetRefs", "rules",
					    "action",	"provider",  NULL };
	static const char *const in_rule[] = { "from", "to", "when", NULL };
	static const char *const source[] = {
		"principals",		"notPrincipals",      "requestPrincipals",
		"notRequestPrincipals", "namespaces",	      "notNamespaces",
		"serviceAccounts",	"notServiceAccounts", "trustDomains",
		"notTrustDomains",	"ipBlocks",	      "notIpBlocks",
		"remoteIpBlocks",	"notRemoteIpBlocks",  NULL
	};
	static const char *const op[] = { "hosts", "notHosts", "ports", "notPorts", "methods",
					  "notMethods", "paths", "notPaths", NULL };
	static const char *const when[] = { "key", "values", "notValues", NULL };

	EACH(l, AUTHORIZATION_POLICY, p) {
		unknown_fields(l, p, p->spec, "spec", spec);
		EACH_ITEM(node_get(p->spec, "rules"), rule) {
			unknown_fields(l, p, rule, "a rule", in_rule);
			EACH_ITEM(node_get(rule, "from"), from)
				unknown_fields(l, p, node_get(from, "source"), "source", source);
			EACH_ITEM(node_get(rule, "to"), to)
				unknown_fields(l, p, node_get(to, "operation"), "operation", op);
			EACH_ITEM(node_get(rule, "when"), w) {
				struct slice key = text_at(w, "key");

				unknown_fields(l, p, w, "a condition", when);
				if (key.n && !known_condition(key))
					report(l, LINT_UNKNOWN_KEY, p, node_get(w, "key"),
					       "Istio knows no condition \"%s\"", say(key));
			}
		}
	}
}

/* --- values ----------------------------------------------------------------------------- */

void lint_principal_form(struct lint *l)
{
	static const char *const keys[] = { "principals", "notPrincipals" };

	EACH(l, AUTHORIZATION_POLICY, p)
		EACH_ITEM(node_get(p->spec, "rules"), rule) {
			EACH_ITEM(node_get(rule, "from"), from)
				for (size_t i = 0; i < 2; i++)
					EACH_ITEM(
						node_get(node_get(from, "source"), keys[i]),
						value)
						if (slice_starts(node_text(value),
								 SLICE("spiffe://")))
							report(l, LINT_PRINCIPAL_FORM, p,
							       value,
							       "\"%s\" begins with spiffe://",
							       say_node(value));
			EACH_WHEN(rule, "source.principal", values)
				EACH_ITEM(values, value)
					if (slice_starts(node_text(value), SLICE("spiffe://")))
						report(l, LINT_PRINCIPAL_FORM, p, value,
						       "\"%s\" begins with spiffe://",
						       say_node(value));
		}
}

void lint_wildcard_principal(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		if (policy_action(p) != POLICY_ALLOW)
			continue;
		EACH_ITEM(node_get(p->spec, "rules"), rule)
			EACH_ITEM(node_get(rule, "from"), from)
				EACH_ITEM(node_get(node_get(from, "source"), "principals"), value)
					if (slice_is(node_text(value), "*"))
						report(l, LINT_WILDCARD_PRINCIPAL, p, value,
						       "principals \"*\" is every identity of the mesh");
	}
}

static bool only_negative(const struct node *source)
{
	bool any = false;

	for (uint32_t i = 0; is_map(source) && i < source->n; i++) {
		any = true;
		if (!slice_starts(node_text(source->key[i]), SLICE("not")))
			return false;
	}
	return any;
}

void lint_negative_allow(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p) {
		if (policy_action(p) != POLICY_ALLOW)
			continue;
		EACH_ITEM(node_get(p->spec, "rules"), rule)
			EACH_ITEM(node_get(rule, "from"), from) {
				const struct node *source = node_get(from, "source");
				bool positive = false;

				EACH_WHEN(rule, "source.principal", v)
					positive |= has_items(v);
				EACH_WHEN(rule, "source.namespace", v)
					positive |= has_items(v);
				if (!positive && only_negative(source))
					report(l, LINT_NEGATIVE_ALLOW, p, source,
					       "this source has only %s: a client without identity passes",
					       say_node(source->key[0]));
			}
	}
}

static bool odd_sni(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == ':')
			return !slice_starts(s, SLICE("outbound_"));
	return false;
}

void lint_sni_form(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p)
		EACH_ITEM(node_get(p->spec, "rules"), rule)
			EACH_ITEM(node_get(rule, "when"), when) {
				if (!slice_is(text_at(when, "key"), "connection.sni"))
					continue;
				EACH_ITEM(node_get(when, "values"), v)
					if (odd_sni(node_text(v)))
						report(l, LINT_SNI_FORM, p, v,
						       "no SNI is ever \"%s\"",
						       say_node(v));
				EACH_ITEM(node_get(when, "notValues"), v)
					if (odd_sni(node_text(v)))
						report(l, LINT_SNI_FORM, p, v,
						       "no SNI is ever \"%s\"",
						       say_node(v));
			}
}

static bool has_twin(const struct node *hosts, struct slice host)
{
	EACH_ITEM(hosts, h) {
		struct slice s = node_text(h);

		if (s.n > host.n + 1 && slice_starts(s, host) && s.p[host.n] == ':')
			return true;
	}
	return false;
}

void lint_host_twin(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p)
		EACH_ITEM(node_get(p->spec, "rules"), rule)
			EACH_ITEM(node_get(rule, "to"), to) {
				const struct node *hosts =
					node_get(node_get(to, "operation"), "hosts");

				EACH_ITEM(hosts, h) {
					struct slice s = node_text(h);

					if (!s.n || memchr(s.p, ':', s.n) ||
					    s.p[s.n - 1] == '*' || has_twin(hosts, s))
						continue;
					report(l, LINT_HOST_PORT_TWIN, p, h,
					       "a request for %s:80 does not match \"%s\"",
					       say(s), say(s));
				}
			}
}

/* istiod's own warning: a rule that on TCP has nothing left (IST0133). */
void lint_deny_all_tcp(struct lint *l)
{
	static const char *const tcp_source[] = { "principals",
						  "notPrincipals",
						  "ipBlocks",
						  "notIpBlocks",
						  "namespaces",
						  "notNamespaces",
						  "remoteIpBlocks",
						  "notRemoteIpBlocks",
						  "serviceAccounts",
						  "notServiceAccounts",
						  NULL };
	static const char *const tcp_op[] = { "ports", "notPorts", NULL };

	EACH(l, AUTHORIZATION_POLICY, p) {
		if (policy_action(p) != POLICY_DENY)
			continue;
		EACH_ITEM(node_get(p->spec, "rules"), rule) {
			const struct node *from = node_get(rule, "from"),
					  *to = node_get(rule, "to");
			bool source = false, op = false;

			EACH_ITEM(from, f)
				source |= first_of(node_get(f, "source"), tcp_source) != NULL;
			EACH_ITEM(to, t)
				op |= first_of(node_get(t, "operation"), tcp_op) != NULL;
			if ((has_items(from) && !has_items(to) && !source) ||
			    (has_items(to) && !op))
				report(l, LINT_DENY_ALL_TCP, p, rule,
				       "rules[%u] has only HTTP fields: on TCP ports it denies everything",
				       rule_i);
		}
	}
}

void lint_dry_run(struct lint *l)
{
	EACH(l, AUTHORIZATION_POLICY, p)
		if (is_dry_run(p))
			report(l, LINT_DRYRUN, p,
			       node_get(node_get(p->metadata, "annotations"), "istio.io/dry-run"),
			       "istio.io/dry-run is on: the policy is not enforced");
}

/* --- namespaces (IST0101) ---------------------------------------------------------------- */

static bool namespace_given(const struct lint *l, struct slice want)
{
	EACH(l, NAMESPACE, ns) {
		struct slice s = ns->name;

		if (slice_is(want, "*") || host_equal(s, want) ||
		    (want.n && want.p[0] == '*' && slice_ends(s, slice_from(want, 1))) ||
		    (want.n && want.p[want.n - 1] == '*' &&
		     slice_starts(s, (struct slice){ want.p, want.n - 1 })))
			return true;
	}
	return false;
}

void lint_namespace_missing(struct lint *l)
{
	static const char *const keys[] = { "namespaces", "notNamespaces" };

	EACH(l, AUTHORIZATION_POLICY, p) {
		if (!l->namespaces_given)
			return;
		EACH_ITEM(node_get(p->spec, "rules"), rule)
			EACH_ITEM(node_get(rule, "from"), from)
				for (size_t i = 0; i < 2; i++)
					EACH_ITEM(node_get(node_get(from, "source"), keys[i]), ns)
						if (!namespace_given(l, node_text(ns)))
							report(l, LINT_NAMESPACE_MISSING, p,
							       ns,
							       "there is no Namespace %s",
							       say_node(ns));
	}
}
