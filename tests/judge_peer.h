/*
 * judge_peer - random flows and policies as values, and as the JSON and YAML that the judge reads.
 */
#ifndef TESTS_JUDGE_PEER_H
#define TESTS_JUDGE_PEER_H

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "tests/rnd.h"

enum { POLICIES = 5, RULES = 3, ENTRIES = 2, CONDS = 2, VALUES = 3 };

/* --- flows: text by attribute; NULL is absent, "[a,b" a list */

enum attr { IDENTITY, SOURCE_IP, REMOTE_IP, LOCAL_IP, PORT, SNI, METHOD, HOST, PATH, TEAM, GROUPS, AUD, AZP,
	    ISS, SUB, META, ATTRS };

static const char *const pool[ATTRS][12] = {
	[IDENTITY] = { NULL, "spiffe://td1/ns/foo/sa/a", "spiffe://td2/ns/foo/sa/a", "spiffe://td1/ns/bar/sa/b",
		       "spiffe://other/ns/foo/sa/a", "spiffe://td1/ns/fox/sa/ab", "spiffe://td1/ns/foo/x/sa/a/y",
		       "spiffe://td1/x", "td1/ns/foo/sa/a", "spiffe://td1/ns/istio-system/sa/a" },
	[SOURCE_IP] = { "10.0.0.5", "10.0.0.6", "10.1.0.1", "192.168.1.1", "2001:db8::1" },
	[REMOTE_IP] = { "10.0.0.5", "8.8.8.8", "2001:db8::1" },
	[LOCAL_IP] = { "10.0.0.2", "10.9.0.2" },
	[PORT] = { "80", "8443", "8080", "0", "65535" },
	[SNI] = { NULL, "a.example", "b.example", "x.a.example", "a.exampleb" },
	[METHOD] = { "GET", "POST", "get", "PUT" },
	[HOST] = { "h.example", "H.Example", "h.example:443", "other", "" },
	[PATH] = { "/", "/a", "/a/b", "/a/b/c", "/a?x=/b", "/A", "/a/x/c?y", "/v/", "/v", "/a//c" },
	[TEAM] = { NULL, "red", "blue", "", "redder" },
	[GROUPS] = { NULL, "g1", "g2", "[g1,g2", "[g10", "[", "" },
	[AUD] = { NULL, "a1", "[a1,a2", "a10" },
	[AZP] = { NULL, "p" , "[p,q" },
	[ISS] = { NULL, "https://i/x", "i" },
	[SUB] = { NULL, "s", "", "st" },
	[META] = { NULL, "v", "[v,w", "w" },
};

static const char *flow[ATTRS];
static bool tcp;

static void make_flow(void)
{
	for (int i = 0; i < ATTRS; i++) {
		uint32_t n = 0;

		while (n < 12 && (n == 0 || pool[i][n]))
			n++;
		flow[i] = pool[i][rnd(n)];
	}
	tcp = rnd(3) == 0;
}

/* --- policies */

enum kind { PRINCIPAL, NAMESPACE, ACCOUNT, TRUST, ADDRESS, TEXT, HEADER, HOSTNAME, PATHS, NUMBER, TOKEN, CLAIM,
	    METADATA };

struct field {
	const char *key;		/* of a source or operation; else of `when` */
	enum kind kind;
	enum attr attr;
	bool http_only;
	const char *value[10];
};

static const struct field sources[] = {
	{ "principals", PRINCIPAL, IDENTITY, false, { "td1/ns/foo/sa/a", "td2/ns/bar/sa/b", "td1/*", "*/sa/a", "*",
	  "cluster.local/ns/foo/sa/a", "other/ns/foo/sa/a", "*", NULL } },
	{ "namespaces", NAMESPACE, IDENTITY, false, { "foo", "bar", "fo*", "*o", "*", "f.o", NULL } },
	{ "serviceAccounts", ACCOUNT, IDENTITY, false, { "foo/a", "bar/b", "a", "fo/a", NULL } },
	{ "trustDomains", TRUST, IDENTITY, false, { "td1", "other", "td*", "*", "*er", NULL } },
	{ "ipBlocks", ADDRESS, SOURCE_IP, false, { "10.0.0.0/24", "10.0.0.5", "0.0.0.0/0", "2001:db8::/32", "::/0", NULL } },
	{ "remoteIpBlocks", ADDRESS, REMOTE_IP, false, { "10.0.0.5/32", "8.0.0.0/6", "2001:db8::1", NULL } },
	{ "requestPrincipals", TOKEN, ISS, true, { "https://i/x/s", "i/s", "*", "i/*", "*/s", "i", "*s", "https*", "*x/st", NULL } },
};
static const struct field operations[] = {
	{ "hosts", HOSTNAME, HOST, true, { "h.example", "h.example:*", "*.EXAMPLE", "*", NULL } },
	{ "methods", HEADER, METHOD, true, { "GET", "P*", "*T", "*", NULL } },
	{ "paths", PATHS, PATH, true, { "/a", "/a*", "*/c", "*", "/a/{*}/c", "/v/{**}", "/{*}", NULL } },
	{ "ports", NUMBER, PORT, false, { "80", "8443", "08080", "65535", NULL } },
};
static const struct field whens[] = {
	{ "connection.sni", TEXT, SNI, false, { "a.example", "*.example", "a.*", "*", "A.example", NULL } },
	{ "source.principal", PRINCIPAL, IDENTITY, false, { "td2/ns/foo/sa/a", "td1/*", "*", NULL } },
	{ "source.namespace", NAMESPACE, IDENTITY, false, { "foo", "bar", NULL } },
	{ "destination.ip", ADDRESS, LOCAL_IP, false, { "10.0.0.0/16", "10.9.0.2", NULL } },
	{ "destination.port", NUMBER, PORT, false, { "80", "0", NULL } },
	{ "remote.ip", ADDRESS, REMOTE_IP, false, { "8.8.8.8", NULL } },
	{ "request.headers[X-Team]", HEADER, TEAM, true, { "red", "red*", "*", "*e", NULL } },
	{ "request.auth.claims[groups]", CLAIM, GROUPS, true, { "g1", "g*", "*2", "*", NULL } },
	{ "request.auth.audiences", CLAIM, AUD, true, { "a1", "a*", NULL } },
	{ "request.auth.presenter", CLAIM, AZP, true, { "p", NULL } },
	{ "experimental.envoy.filters.x[k]", METADATA, META, false, { "v", "[v]", "*", "[*]", NULL } },
};

struct cond {
	const struct field *field;
	bool negate;
	uint32_t n;
	const char *value[VALUES];
};

struct entry {
	uint32_t n;
	struct cond cond[CONDS];
};

struct rule {
	uint32_t n_from, n_to, n_when;
	struct entry from[ENTRIES], to[ENTRIES], when;
};

enum action { ALLOW, DENY, CUSTOM, AUDIT };
static const char *const action_name[] = { "ALLOW", "DENY", "CUSTOM", "AUDIT" };

struct policy {
	char name[8];
	enum action action;
	bool dry_run;
	uint32_t n;
	struct rule rule[RULES];
};

static struct policy set[POLICIES];
static uint32_t n_set;

static void make_cond(struct cond *c, const struct field *f)
{
	uint32_t n = 0;

	while (f->value[n])
		n++;
	*c = (struct cond){ .field = f, .negate = rnd(4) == 0, .n = 1 + rnd(VALUES) };
	for (uint32_t i = 0; i < c->n; i++)
		c->value[i] = f->value[rnd(n)];
}

static void make_entry(struct entry *e, const struct field *fields, uint32_t n)
{
	uint32_t first = rnd(n), second = rnd(n);

	e->n = first != second && rnd(2) ? 2 : 1;
	make_cond(&e->cond[0], &fields[first]);
	make_cond(&e->cond[1], &fields[second]);
}

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof *(a)))

static void make_rule(struct rule *r)
{
	uint32_t shape = rnd(8);

	*r = (struct rule){ .n_from = shape & 1 ? 1 + rnd(ENTRIES) : 0, .n_to = shape & 2 ? 1 + rnd(ENTRIES) : 0,
			    .n_when = shape & 4 ? 1 : 0 };
	for (uint32_t i = 0; i < r->n_from; i++)
		make_entry(&r->from[i], sources, COUNT(sources));
	for (uint32_t i = 0; i < r->n_to; i++)
		make_entry(&r->to[i], operations, COUNT(operations));
	if (r->n_when)
		make_entry(&r->when, whens, COUNT(whens));
}

static void make_set(void)
{
	static const enum action actions[] = { ALLOW, ALLOW, ALLOW, DENY, DENY, CUSTOM, AUDIT };

	n_set = 1 + rnd(POLICIES);
	for (uint32_t i = 0; i < n_set; i++) {
		struct policy *p = &set[i];

		*p = (struct policy){ .action = actions[rnd(COUNT(actions))], .n = rnd(RULES + 1) };
		p->dry_run = p->action <= DENY && rnd(6) == 0;
		/* Names in another order than that of the file. */
		snprintf(p->name, sizeof p->name, "p%u%c", rnd(12), 'a' + (int)i);
		for (uint32_t k = 0; k < p->n; k++)
			make_rule(&p->rule[k]);
	}
}

/* --- as YAML */

static void write_values(struct buf *b, const struct cond *c)
{
	buf_byte(b, '[');
	for (uint32_t i = 0; i < c->n; i++)
		buf_printf(b, "%s'%s'", i ? ", " : "", c->value[i]);
	buf_byte(b, ']');
}

static void write_entries(struct buf *b, const char *list, const char *one, const struct entry *e, uint32_t n)
{
	if (n)
		buf_printf(b, ", %s: [", list);
	for (uint32_t i = 0; i < n; i++) {
		buf_printf(b, "%s{%s: {", i ? ", " : "", one);
		for (uint32_t k = 0; k < e[i].n; k++) {
			const struct cond *c = &e[i].cond[k];

			buf_printf(b, "%s%s%c%s: ", k ? ", " : "", c->negate ? "not" : "",
				   c->negate ? toupper(c->field->key[0]) : c->field->key[0],
				   c->field->key + 1);
			write_values(b, c);
		}
		buf_str(b, "}}");
	}
	if (n)
		buf_byte(b, ']');
}

static void write_rule(struct buf *b, const struct rule *r)
{
	buf_str(b, "{x: y");
	write_entries(b, "from", "source", r->from, r->n_from);
	write_entries(b, "to", "operation", r->to, r->n_to);
	if (r->n_when)
		buf_str(b, ", when: [");
	for (uint32_t k = 0; r->n_when && k < r->when.n; k++) {
		const struct cond *c = &r->when.cond[k];

		buf_printf(b, "%s{key: '%s', %s: ", k ? ", " : "", c->field->key,
			   c->negate ? "notValues" : "values");
		write_values(b, c);
		buf_byte(b, '}');
	}
	buf_str(b, r->n_when ? "]}" : "}");
}

static void write_set(struct buf *b)
{
	for (uint32_t i = 0; i < n_set; i++) {
		const struct policy *p = &set[i];

		buf_printf(b, "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n"
			   "  name: %s\n  namespace: istio-system\n%sspec:\n  action: %s\n%s  rules: [", p->name,
			   p->dry_run ? "  annotations: {istio.io/dry-run: 'true'}\n" : "",
			   action_name[p->action],
			   p->action == CUSTOM ? "  provider: {name: ext}\n" : "");
		for (uint32_t k = 0; k < p->n; k++) {
			buf_str(b, k ? ",\n    " : "");
			write_rule(b, &p->rule[k]);
		}
		buf_str(b, "]\n");
	}
}

static void write_value(struct buf *b, const char *s)
{
	if (!s) {
		buf_str(b, "null");
		return;
	}
	if (*s != '[') {
		buf_printf(b, "\"%s\"", s);
		return;
	}
	buf_byte(b, '[');
	for (const char *p = s + 1; *p;) {
		size_t n = strcspn(p, ",");

		buf_printf(b, "%s\"%.*s\"", p > s + 1 ? "," : "", (int)n, p);
		p += n + (p[n] == ',');
	}
	buf_byte(b, ']');
}

static void write_flow(struct buf *b)
{
	static const char *const key[] = {
		[IDENTITY] = "source_identity", [SOURCE_IP] = "source_ip", [REMOTE_IP] = "remote_ip",
		[LOCAL_IP] = "destination_ip", [SNI] = "sni", [METHOD] = "method", [HOST] = "authority",
		[PATH] = "path",
	};
	static const char *const claim[] = { [GROUPS] = "groups", [AUD] = "aud", [AZP] = "azp", [ISS] = "iss",
					     [SUB] = "sub" };

	buf_printf(b, "{\"chain\":\"%s\",\"destination_port\":%s", tcp ? "tcp" : "http", flow[PORT]);
	for (int i = 0; i <= PATH; i++)
		if (i != PORT) {
			buf_printf(b, ",\"%s\":", key[i]);
			write_value(b, flow[i]);
		}
	buf_str(b, ",\"request_headers\":{");
	if (flow[TEAM])
		buf_printf(b, "\"x-team\":\"%s\"", flow[TEAM]);
	buf_str(b, "},\"request_claims\":{\"other\":1");
	for (int i = GROUPS; i <= SUB; i++)
		if (flow[i]) {
			buf_printf(b, ",\"%s\":", claim[i]);
			write_value(b, flow[i]);
		}
	buf_str(b, "},\"metadata\":{\"envoy.filters.x\":{");
	if (flow[META]) {
		buf_str(b, "\"k\":");
		write_value(b, flow[META]);
	}
	buf_str(b, "}}}");
}

#endif
