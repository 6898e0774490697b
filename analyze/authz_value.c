/*
 * authz_value: one value of a policy as tests of a variable, a function for each kind of field.
 *
 * Istio: pilot/pkg/security/authz/model/generator.go, trustdomain/bundle.go; docs/semantics.md, a.4.
 */
#include "analyze/authz_value.h"

#include <string.h>

struct atom *value_atoms(const struct value_in *in, struct value *out, size_t n)
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

void value_principal(const struct value_in *in, struct value *out)
{
	struct slice *p = arena_new_array(in->z->arena, struct slice, in->z->n_trust + 1);
	size_t n = expand(in, p);
	struct atom *a = value_atoms(in, out, n);

	for (size_t i = 0; i < n; i++)
		a[i].match = match_principal(p[i], in->z->arena);
}

void value_namespace(const struct value_in *in, struct value *out)
{
	struct slice v = in->text;

	value_atoms(in, out, 1)->match = match_namespace(v, in->z->arena);
	out->hinted = v.n && !memchr(v.p, '*', v.n) && !memchr(v.p, '/', v.n);
	out->hint_type = HINT_NS;
	out->hint = v;
}

void value_service_account(const struct value_in *in, struct value *out)
{
	const uint8_t *slash = in->text.n ? memchr(in->text.p, '/', in->text.n) : NULL;
	struct slice ns = in->policy->object->ns, sa = in->text;
	struct match m[4];
	struct atom *a = value_atoms(in, out, 4);

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

void value_trust_domain(const struct value_in *in, struct value *out)
{
	const struct authz *z = in->z;
	bool known = false;

	for (size_t i = 0; i < z->n_trust; i++)
		known |= slice_eq(in->text, z->trust[i]);
	struct atom *a = value_atoms(in, out, known ? z->n_trust : 1);
	for (size_t i = 0; i < out->n_atoms; i++)
		a[i].match = match_trust_domain(known ? z->trust[i] : in->text, z->arena);
}

/* --- addresses and ports */

void value_ip(const struct value_in *in, struct value *out)
{
	struct atom *a = value_atoms(in, out, 1);

	a->type = ATOM_CIDR;
	a->v6 = in->text.n && memchr(in->text.p, ':', in->text.n);
	if (!cidr_parse(in->text, &a->cidr))
		out->bad = "an address in it is no IP address or CIDR block";
}

void value_port(const struct value_in *in, struct value *out)
{
	struct atom *a = value_atoms(in, out, 1);

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

void value_text(const struct value_in *in, struct value *out)
{
	value_atoms(in, out, 1)->match = match_string(in->text, MATCH_NONEMPTY, false);
}

/* Header matchers: "*" is "the header is there". */
void value_header(const struct value_in *in, struct value *out)
{
	value_atoms(in, out, 1)->match = match_string(in->text, MATCH_PRESENT, false);
}

void value_host(const struct value_in *in, struct value *out)
{
	value_atoms(in, out, 1)->match = match_string(in->text, MATCH_PRESENT, true);
}

void value_path(const struct value_in *in, struct value *out)
{
	struct atom *a = value_atoms(in, out, 1);

	a->no_query = true;
	a->match = path_is_template(in->text) ? match_template(in->text, in->z->arena) :
		   match_string(in->text, MATCH_NONEMPTY, false);
}

/* --- JWT and metadata */

void value_claim(const struct value_in *in, struct value *out)
{
	value_text(in, out);
	out->atoms->on_list = true;
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

	*iss = match_exact(i);
	*sub = match_exact(s);
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

void value_request_principal(const struct value_in *in, struct value *out)
{
	struct slice sub = SLICE("sub");
	struct atom *a = value_atoms(in, out, 2);

	a[1].var = authz_var(in->z, VAR_CLAIM, &sub, 1);
	out->all = true;
	issuer_and_subject(in->text, &a[0].match, &a[1].match);
}

/* "[v]": a list that holds v; else a string. */
void value_metadata(const struct value_in *in, struct value *out)
{
	struct slice v = in->text;
	struct atom *a = value_atoms(in, out, 1);

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
