/*
 * authz_cond: fields and `when` keys of a policy as conditions over variables.
 *
 * One row a field; what its values mean is authz_value.c's.  Istio:
 * pilot/pkg/security/authz/model/model.go; docs/semantics.md.
 */
#include <string.h>

#include "analyze/authz_value.h"
#include "common/lower.h"

struct field {
	const char *key, *not_key;
	enum var_source var;
	bool http_only;
	read_value *read;
};

static const struct field source_fields[] = {
	{ "principals", "notPrincipals", VAR_IDENTITY, false, value_principal },
	{ "requestPrincipals", "notRequestPrincipals", VAR_CLAIM, true, value_request_principal },
	{ "namespaces", "notNamespaces", VAR_IDENTITY, false, value_namespace },
	{ "serviceAccounts", "notServiceAccounts", VAR_IDENTITY, false, value_service_account },
	{ "trustDomains", "notTrustDomains", VAR_IDENTITY, false, value_trust_domain },
	{ "ipBlocks", "notIpBlocks", VAR_SOURCE_IP, false, value_ip },
	{ "remoteIpBlocks", "notRemoteIpBlocks", VAR_REMOTE_IP, false, value_ip },
};

static const struct field operation_fields[] = {
	{ "hosts", "notHosts", VAR_AUTHORITY, true, value_host },
	{ "methods", "notMethods", VAR_METHOD, true, value_header },
	{ "paths", "notPaths", VAR_PATH, true, value_path },
	{ "ports", "notPorts", VAR_DESTINATION_PORT, false, value_port },
};

/* `when` keys with a fixed name; `key` is the whole key. */
static const struct field when_fields[] = {
	{ "source.ip", NULL, VAR_SOURCE_IP, false, value_ip },
	{ "remote.ip", NULL, VAR_REMOTE_IP, false, value_ip },
	{ "source.namespace", NULL, VAR_IDENTITY, false, value_namespace },
	{ "source.principal", NULL, VAR_IDENTITY, false, value_principal },
	{ "source.serviceAccount", NULL, VAR_IDENTITY, false, value_service_account },
	{ "source.trustDomain", NULL, VAR_IDENTITY, false, value_trust_domain },
	{ "destination.ip", NULL, VAR_DESTINATION_IP, false, value_ip },
	{ "destination.port", NULL, VAR_DESTINATION_PORT, false, value_port },
	{ "connection.sni", NULL, VAR_SNI, false, value_text },
	{ "request.auth.principal", NULL, VAR_CLAIM, true, value_request_principal },
	{ "request.auth.audiences", NULL, VAR_CLAIM, true, value_claim },
	{ "request.auth.presenter", NULL, VAR_CLAIM, true, value_claim },
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct cond *authz_cond_add(struct authz *z, struct alt *to)
{
	if ((to->n & (to->n - 1)) == 0) {	/* 0, 1, 2, 4 ...: no room */
		struct cond *more = arena_new_array(z->arena, struct cond, to->n ? 2 * to->n : 1);

		if (to->n)
			memcpy(more, to->conds, to->n * sizeof *more);
		to->conds = more;
	}
	return &to->conds[to->n++];
}

static struct var *var_of(struct authz *z, const struct field *f)
{
	struct slice claim = f->read == value_request_principal ? SLICE("iss") :
		slice_is(slice_of(f->key), "request.auth.audiences") ? SLICE("aud") : SLICE("azp");

	return f->var < VAR_FIXED ? z->vars[f->var] : authz_var(z, VAR_CLAIM, &claim, 1);
}

/* A list of values as one condition; nothing where the list is empty. */
static void add_values(struct authz *z, const struct authz_policy *p, const struct field *f,
		       struct var *var, const char *bad, const struct node *list, bool negate,
		       struct slice key, struct alt *to)
{
	if (!list || list->kind != NODE_LIST || !list->n)
		return;
	struct cond *c = authz_cond_add(z, to);
	*c = (struct cond){ .key = key, .line = list->line, .n = list->n, .negate = negate,
			    .http_only = f->http_only, .var = var };
	c->values = arena_new_array(z->arena, struct value, list->n);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct node *n = list->item[i];
		struct value_in in = { z, p, var, node_text(n) };

		c->values[i].text = in.text;
		c->values[i].line = n->line;
		c->values[i].bad = n->kind == NODE_SCALAR ? bad : "a value in it is not text";
		if (!c->values[i].bad)
			f->read(&in, &c->values[i]);
	}
}

static void add_fields(struct authz *z, const struct authz_policy *p, const struct field *f,
		       size_t n, const struct node *node, struct alt *to)
{
	for (size_t i = 0; i < n; i++) {
		const struct node *yes = node_get(node, f[i].key);
		const struct node *no = node_get(node, f[i].not_key);

		if (!yes && !no)
			continue;
		struct var *var = var_of(z, &f[i]);
		add_values(z, p, &f[i], var, NULL, yes, false, slice_of(f[i].key), to);
		add_values(z, p, &f[i], var, NULL, no, true, slice_of(f[i].not_key), to);
	}
}

void authz_source(struct authz *z, const struct authz_policy *p, const struct node *source,
		  struct alt *to)
{
	add_fields(z, p, source_fields, COUNT(source_fields), source, to);
}

void authz_operation(struct authz *z, const struct authz_policy *p, const struct node *op,
		     struct alt *to)
{
	add_fields(z, p, operation_fields, COUNT(operation_fields), op, to);
}

/* --- `when` keys with a name in brackets */

/* "[name]" to name. */
static bool bracketed(struct slice s, struct slice *name)
{
	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	*name = (struct slice){ s.p + 1, s.n - 2 };
	return true;
}

/* "[a][b]" to its parts; where brackets do not pair up the whole is one name. */
static bool nested(struct slice s, struct slice *part, uint8_t *n)
{
	struct slice name;
	size_t at = 0;

	*n = 0;
	while (at < s.n && *n < CLAIM_PARTS) {
		size_t end = at + 1;

		while (end < s.n && s.p[end] != '[' && s.p[end] != ']')
			end++;
		if (s.p[at] != '[' || end >= s.n || s.p[end] != ']')
			break;
		part[(*n)++] = (struct slice){ s.p + at + 1, end - at - 1 };
		at = end + 1;
	}
	if (at == s.n)
		return true;
	*n = 1;
	if (!bracketed(s, &name))
		return false;
	part[0] = name;
	return true;
}

static struct slice lower(struct authz *z, struct slice s)
{
	uint8_t *p = arena_bytes(z->arena, s.n + 1);

	if (p)
		lower_copy(p, s.p, s.n);
	return (struct slice){ p, s.n };
}

/* Envoy keeps the method, the path and Host (as :authority) among the headers. */
static struct var *header_var(struct authz *z, struct slice name)
{
	name = lower(z, name);
	if (slice_is(name, ":method"))
		return z->vars[VAR_METHOD];
	if (slice_is(name, ":path"))
		return z->vars[VAR_PATH];
	if (slice_is(name, ":authority") || slice_is(name, "host"))
		return z->vars[VAR_AUTHORITY];
	return authz_var(z, VAR_HEADER, &name, 1);
}

static const char malformed[] = "a key in it has malformed brackets";

/* "experimental.envoy.filters.a.b[c]": filter and key. */
static struct var *metadata_var(struct authz *z, struct slice key, const char **bad)
{
	struct slice part[2] = { slice_from(key, sizeof "experimental." - 1) };
	size_t at = 0;

	if (part[0].n && part[0].p[part[0].n - 1] == ']')
		part[0].n--;
	while (at < part[0].n && part[0].p[at] != '[')
		at++;
	if (at == part[0].n) {
		*bad = malformed;
		return z->vars[0];
	}
	part[1] = slice_from(part[0], at + 1);
	part[0].n = at;
	return authz_var(z, VAR_METADATA, part, 2);
}

static struct var *claim_var(struct authz *z, struct slice brackets, const char **bad)
{
	struct slice part[CLAIM_PARTS];
	uint8_t n;

	/* The outermost too: what is known of it tells of the inner one (authz_unknown.c). */
	if (nested(brackets, part, &n)) {
		if (n > 1)
			authz_var(z, VAR_CLAIM, part, 1);
		return authz_var(z, VAR_CLAIM, part, n);
	}
	*bad = malformed;
	return z->vars[0];
}

bool authz_when(struct authz *z, const struct authz_policy *p, const struct node *entry,
		struct alt *to)
{
	static const struct field header = { "", NULL, VAR_HEADER, true, value_header };
	static const struct field claim = { "", NULL, VAR_CLAIM, true, value_claim };
	static const struct field metadata = { "", NULL, VAR_METADATA, false, value_metadata };
	struct slice key = node_text(node_get(entry, "key")), name;
	const struct node *yes = node_get(entry, "values"), *no = node_get(entry, "notValues");
	const struct field *f = NULL;
	struct var *var = NULL;
	const char *bad = NULL;

	for (size_t i = 0; i < COUNT(when_fields) && !f; i++)
		if (slice_is(key, when_fields[i].key)) {
			f = &when_fields[i];
			var = var_of(z, f);
		}
	if (f)
		;
	else if (slice_starts(key, SLICE("request.headers"))) {
		f = &header;
		if (!bracketed(slice_from(key, 15), &name))
			bad = malformed;
		var = bad ? z->vars[0] : header_var(z, name);
	} else if (slice_starts(key, SLICE("request.auth.claims"))) {
		f = &claim;
		var = claim_var(z, slice_from(key, 19), &bad);
	} else if (slice_starts(key, SLICE("experimental.envoy.filters."))) {
		f = &metadata;
		var = metadata_var(z, key, &bad);
	} else {
		return false;
	}
	add_values(z, p, f, var, bad, yes, false, key, to);
	add_values(z, p, f, var, bad, no, true, key, to);
	return true;
}

void authz_provider_cond(struct authz *z, struct slice provider, struct alt *to)
{
	struct cond *c = authz_cond_add(z, to);
	struct var *var = authz_var(z, VAR_PROVIDER, &provider, 1);
	struct value_in in = { z, NULL, var, SLICE("denies") };

	*c = (struct cond){ .key = var->name, .line = to->line, .n = 1, .active = 3, .var = var };
	c->values = arena_new_object(z->arena, struct value);
	c->values->text = in.text;
	c->values->line = to->line;
	value_atoms(&in, c->values, 1)->match = match_exact(in.text);
}
