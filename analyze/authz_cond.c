/*
 * authz_cond: fields and `when` keys of a policy as conditions over variables.
 *
 * One row a field; what its values mean is one function each.  Istio:
 * pilot/pkg/security/authz/model/generator.go, trustdomain/bundle.go; docs/semantics.md.
 */
#include <string.h>

#include "analyze/authz.h"

struct value_in {
	struct authz *z;
	const struct authz_policy *policy;
	struct var *var;
	struct slice text;
};

typedef void read_value(const struct value_in *in, struct value *out);

static struct atom *atoms(const struct value_in *in, struct value *out, size_t n)
{
	out->atoms = arena_new_array(in->z->arena, struct atom, n);
	for (size_t i = 0; i < n; i++)
		out->atoms[i] = (struct atom){ .var = in->var, .on_text = true };
	out->n_atoms = (uint32_t)n;
	return out->atoms;
}

/* --- identities */

static size_t parts(struct slice s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

/* "x*" covers s, or "*x" does. */
static bool covers(struct slice pattern, struct slice s)
{
	if (!pattern.n)
		return false;
	if (pattern.p[pattern.n - 1] == '*' &&
	    slice_starts(s, (struct slice){ pattern.p, pattern.n - 1 }))
		return true;
	return pattern.p[0] == '*' && slice_ends(s, slice_from(pattern, 1));
}

static bool in_trust(const struct authz *z, struct slice td)
{
	if (slice_is(td, "cluster.local"))
		return true;
	for (size_t i = 0; i < z->n_trust; i++)
		if (slice_eq(td, z->trust[i]) || covers(td, z->trust[i]) || covers(z->trust[i], td))
			return true;
	return false;
}

static struct slice join(struct arena *a, struct slice x, struct slice y)
{
	uint8_t *p = arena_bytes(a, x.n + y.n + 1);

	if (x.n)
		memcpy(p, x.p, x.n);
	if (y.n)
		memcpy(p + x.n, y.p, y.n);
	return (struct slice){ p, x.n + y.n };
}

/* Trust domain aliases: one principal becomes one for each trust domain (a.4). */
static size_t expand(const struct value_in *in, struct slice *out)
{
	struct slice v = in->text;
	const uint8_t *slash = v.n ? memchr(v.p, '/', v.n) : NULL;
	struct slice td = { v.p, slash ? (size_t)(slash - v.p) : v.n };
	size_t n = 0;

	out[0] = v;
	if (parts(v) != 5 || slice_is(td, "*") || !in_trust(in->z, td))
		return 1;
	for (size_t i = 0; i < in->z->n_trust; i++) {
		struct slice t = in->z->trust[i];
		bool kept = td.n && td.p[0] == '*' && slice_ends(t, slice_from(td, 1));
		struct slice p = kept ? v : join(in->z->arena, t, slice_from(v, td.n));
		bool have = false;

		for (size_t k = 0; k < n; k++)
			have |= slice_eq(out[k], p);
		if (!have)
			out[n++] = p;
	}
	return n;
}

static void read_principal(const struct value_in *in, struct value *out)
{
	struct slice *p = arena_new_array(in->z->arena, struct slice, in->z->n_trust + 1);
	size_t n = expand(in, p);
	struct atom *a = atoms(in, out, n);

	for (size_t i = 0; i < n; i++)
		a[i].match = match_principal(p[i], in->z->arena);
}

static void read_namespace(const struct value_in *in, struct value *out)
{
	struct slice v = in->text;

	atoms(in, out, 1)->match = match_namespace(v, in->z->arena);
	out->hinted = v.n && !memchr(v.p, '*', v.n) && !memchr(v.p, '/', v.n);
	out->hint_type = HINT_NS;
	out->hint = v;
}

static void read_service_account(const struct value_in *in, struct value *out)
{
	const uint8_t *slash = in->text.n ? memchr(in->text.p, '/', in->text.n) : NULL;
	struct slice ns = in->policy->object->ns, sa = in->text;
	struct match m[4];
	struct atom *a = atoms(in, out, 4);

	if (slash) {
		ns = (struct slice){ sa.p, (size_t)(slash - sa.p) };
		sa = slice_from(sa, ns.n + 1);
	}
	match_service_account(ns, sa, in->z->arena, m);
	for (int i = 0; i < 4; i++)
		a[i].match = m[i];
	out->hinted = ns.n && sa.n && !memchr(sa.p, '/', sa.n);
	out->hint_type = HINT_NS_SA;
	out->hint = join(in->z->arena, join(in->z->arena, ns, SLICE("/")), sa);
}

static void read_trust_domain(const struct value_in *in, struct value *out)
{
	const struct authz *z = in->z;
	bool known = false;

	for (size_t i = 0; i < z->n_trust; i++)
		known |= slice_eq(in->text, z->trust[i]);
	struct atom *a = atoms(in, out, known ? z->n_trust : 1);
	for (size_t i = 0; i < out->n_atoms; i++)
		a[i].match = match_trust_domain(known ? z->trust[i] : in->text, z->arena);
}

/* --- addresses and ports */

static void read_ip(const struct value_in *in, struct value *out)
{
	struct atom *a = atoms(in, out, 1);

	a->type = ATOM_CIDR;
	a->v6 = in->text.n && memchr(in->text.p, ':', in->text.n);
	if (!cidr_parse(in->text, &a->cidr))
		out->bad = "an address in it is no IP address or CIDR block";
}

static void read_port(const struct value_in *in, struct value *out)
{
	struct atom *a = atoms(in, out, 1);

	a->type = ATOM_PORT;
	for (size_t i = 0; i < in->text.n && a->port <= 65535; i++) {
		uint8_t c = in->text.p[i];

		if (c < '0' || c > '9')
			a->port = 65536;
		else
			a->port = a->port * 10 + (c - '0');
	}
	if (!in->text.n || a->port > 65535)
		out->bad = "a port in it is not 0 to 65535";
}

/* --- text */

static void read_text(const struct value_in *in, struct value *out)
{
	atoms(in, out, 1)->match = match_string(in->text, MATCH_NONEMPTY, false);
}

/* Header matchers: "*" is "the header is there". */
static void read_header(const struct value_in *in, struct value *out)
{
	atoms(in, out, 1)->match = match_string(in->text, MATCH_PRESENT, false);
}

static void read_host(const struct value_in *in, struct value *out)
{
	atoms(in, out, 1)->match = match_string(in->text, MATCH_PRESENT, true);
}

static void read_path(const struct value_in *in, struct value *out)
{
	struct atom *a = atoms(in, out, 1);

	a->no_query = true;
	a->match = path_is_template(in->text) ? match_template(in->text, in->z->arena) :
		   match_string(in->text, MATCH_NONEMPTY, false);
}

/* --- JWT and metadata */

static void read_claim(const struct value_in *in, struct value *out)
{
	read_text(in, out);
	out->atoms->on_list = true;
}

static struct match exact(struct slice s)
{
	return (struct match){ .kind = MATCH_EXACT, .text = s };
}

/* The issuer may be a URL, so the last slash divides (a.4). */
static void issuer_and_subject(struct slice v, struct match *iss, struct match *sub)
{
	struct match any = { .kind = MATCH_NONEMPTY };
	size_t at = v.n;

	while (at && v.p[at - 1] != '/')
		at--;
	bool found = at > 0;
	struct slice i = found ? (struct slice){ v.p, at - 1 } : v;
	struct slice s = found ? slice_from(v, at) : SLICE("");
	bool lead = v.n && v.p[0] == '*', trail = v.n && v.p[v.n - 1] == '*';

	*iss = exact(i);
	*sub = exact(s);
	if (slice_is(v, "*")) {
		*iss = *sub = any;
	} else if (lead && found) {
		*iss = slice_is(i, "*") ? any :
		       (struct match){ .kind = MATCH_SUFFIX, .text = slice_from(i, 1) };
	} else if (lead) {
		*iss = any;
		*sub = (struct match){ .kind = MATCH_SUFFIX, .text = slice_from(v, 1) };
	} else if (trail && found) {
		*sub = slice_is(s, "*") ? any :
		       (struct match){ .kind = MATCH_PREFIX, .text = { s.p, s.n - 1 } };
	} else if (trail) {
		*iss = (struct match){ .kind = MATCH_PREFIX, .text = { v.p, v.n - 1 } };
		*sub = any;
	}
}

static void read_request_principal(const struct value_in *in, struct value *out)
{
	struct slice sub = SLICE("sub");
	struct atom *a = atoms(in, out, 2);

	a[1].var = authz_var(in->z, VAR_CLAIM, &sub, 1);
	out->all = true;
	issuer_and_subject(in->text, &a[0].match, &a[1].match);
}

/* "[v]": a list that holds v; else a string. */
static void read_metadata(const struct value_in *in, struct value *out)
{
	struct slice v = in->text;
	struct atom *a = atoms(in, out, 1);

	if (v.n > 1 && v.p[0] == '[' && v.p[v.n - 1] == ']') {
		a->on_text = false;
		a->on_list = true;
		while (v.n && (v.p[0] == '[' || v.p[0] == ']'))
			v = slice_from(v, 1);
		while (v.n && (v.p[v.n - 1] == '[' || v.p[v.n - 1] == ']'))
			v.n--;
	}
	a->match = match_string(v, MATCH_NONEMPTY, false);
}

/* --- conditions */

struct field {
	const char *key, *not_key;
	enum var_source var;
	bool http_only;
	read_value *read;
};

static const struct field source_fields[] = {
	{ "principals", "notPrincipals", VAR_IDENTITY, false, read_principal },
	{ "requestPrincipals", "notRequestPrincipals", VAR_CLAIM, true, read_request_principal },
	{ "namespaces", "notNamespaces", VAR_IDENTITY, false, read_namespace },
	{ "serviceAccounts", "notServiceAccounts", VAR_IDENTITY, false, read_service_account },
	{ "trustDomains", "notTrustDomains", VAR_IDENTITY, false, read_trust_domain },
	{ "ipBlocks", "notIpBlocks", VAR_SOURCE_IP, false, read_ip },
	{ "remoteIpBlocks", "notRemoteIpBlocks", VAR_REMOTE_IP, false, read_ip },
};

static const struct field operation_fields[] = {
	{ "hosts", "notHosts", VAR_AUTHORITY, true, read_host },
	{ "methods", "notMethods", VAR_METHOD, true, read_header },
	{ "paths", "notPaths", VAR_PATH, true, read_path },
	{ "ports", "notPorts", VAR_DESTINATION_PORT, false, read_port },
};

/* `when` keys with a fixed name; `key` is the whole key. */
static const struct field when_fields[] = {
	{ "source.ip", NULL, VAR_SOURCE_IP, false, read_ip },
	{ "remote.ip", NULL, VAR_REMOTE_IP, false, read_ip },
	{ "source.namespace", NULL, VAR_IDENTITY, false, read_namespace },
	{ "source.principal", NULL, VAR_IDENTITY, false, read_principal },
	{ "source.serviceAccount", NULL, VAR_IDENTITY, false, read_service_account },
	{ "source.trustDomain", NULL, VAR_IDENTITY, false, read_trust_domain },
	{ "destination.ip", NULL, VAR_DESTINATION_IP, false, read_ip },
	{ "destination.port", NULL, VAR_DESTINATION_PORT, false, read_port },
	{ "connection.sni", NULL, VAR_SNI, false, read_text },
	{ "request.auth.principal", NULL, VAR_CLAIM, true, read_request_principal },
	{ "request.auth.audiences", NULL, VAR_CLAIM, true, read_claim },
	{ "request.auth.presenter", NULL, VAR_CLAIM, true, read_claim },
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct cond *add_cond(struct authz *z, struct alt *to)
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
	struct slice claim = f->read == read_request_principal ? SLICE("iss") :
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
	struct cond *c = add_cond(z, to);
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

	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] | 0x20) : s.p[i];
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
	static const struct field header = { "", NULL, VAR_HEADER, true, read_header };
	static const struct field claim = { "", NULL, VAR_CLAIM, true, read_claim };
	static const struct field metadata = { "", NULL, VAR_METADATA, false, read_metadata };
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
	struct cond *c = add_cond(z, to);
	struct var *var = authz_var(z, VAR_PROVIDER, &provider, 1);
	struct value_in in = { z, NULL, var, SLICE("denies") };

	*c = (struct cond){ .key = var->name, .line = to->line, .n = 1, .active = 3, .var = var };
	c->values = arena_new_object(z->arena, struct value);
	c->values->text = in.text;
	c->values->line = to->line;
	atoms(&in, c->values, 1)->match = exact(in.text);
}
