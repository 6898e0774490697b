/*
 * The judge against a second evaluator that shares nothing with it: policies are made as values, written as
 * YAML for the judge, and read as values by a straight loop after the rules of docs/semantics.md, with
 * the C library's regular expressions.  Every known flow must get the same verdict, policy and rule.
 *
 * test_judge_peer [FIRST_SEED [SETS]]
 */
#include <arpa/inet.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "analyze/judge.h"
#include "schema/flow_json.h"
#include "tests/judge_peer.h"
#include "tests/tap.h"

enum { SETS = 150, FLOWS = 25 };

/* --- the second evaluator */

/* before, then `quoted` with each star as `star`, then after: as one regular expression. */
static bool regex(const char *text, const char *before, const char *quoted, const char *star,
		  const char *after)
{
	struct buf b;
	regex_t re;

	buf_init(&b, 4096);
	buf_printf(&b, "^(%s", before);
	for (const char *c = quoted; *c; c++)
		if (*c == '*')
			buf_str(&b, star);
		else
			buf_printf(&b, "[%c]", *c);
	buf_printf(&b, "%s)$", after);
	buf_byte(&b, 0);
	if (regcomp(&re, (const char *)b.p, REG_EXTENDED | REG_NOSUB))
		abort();
	bool yes = !regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	buf_release(&b);
	return yes;
}

/* "*" (any: also what is empty), "*x", "x*", "x". */
static bool text(const char *v, const char *s, bool any, bool fold)
{
	size_t n = strlen(v), m = strlen(s);
	int (*same)(const char *, const char *, size_t) = fold ? strncasecmp : strncmp;

	if (!strcmp(v, "*"))
		return any || m > 0;
	if (*v == '*')
		return m >= n - 1 && !same(v + 1, s + m - (n - 1), n - 1);
	if (v[n - 1] == '*')
		return !same(v, s, n - 1);
	return n == m && !same(v, s, n);
}

static bool principal_is(const char *v, const char *s)
{
	char full[128];

	if (!strcmp(v, "*"))
		return *s != 0;
	if (*v == '*')
		return regex(s, "spiffe://.*", v + 1, "", "");
	snprintf(full, sizeof full, "spiffe://%s", v);
	return text(full, s, false, false);
}

/* td1 and td2 are the mesh's; five parts of either, or of cluster.local, mean both. */
static bool principal(const char *v, const char *s)
{
	size_t td = strcspn(v, "/"), slashes = 0;
	char other[128];

	for (const char *c = v; *c; c++)
		slashes += *c == '/';
	if (slashes != 4 || !(!strncmp(v, "td1/", 4) || !strncmp(v, "td2/", 4) ||
			      !strncmp(v, "cluster.local/", 14)))
		return principal_is(v, s);
	for (int i = 1; i <= 2; i++) {
		snprintf(other, sizeof other, "td%d%s", i, v + td);
		if (principal_is(other, s))
			return true;
	}
	return false;
}

static bool account(const char *v, const char *s)
{
	char tail[128];
	const char *slash = strchr(v, '/');

	snprintf(tail, sizeof tail, "/(.+/|)sa/%s(/.+)?", slash ? slash + 1 : v);
	char ns[64] = "istio-system";
	if (slash)
		snprintf(ns, sizeof ns, "%.*s", (int)(slash - v), v);
	return regex(s, "spiffe://.+/ns/", ns, "", tail);
}

static bool trust(const char *v, const char *s)
{
	if (!strcmp(v, "*"))
		return !strncmp(s, "spiffe://", 9);
	if (!strcmp(v, "td1"))
		return regex(s, "spiffe://(td1|td2)/.*", "", "", "");
	return regex(s, "spiffe://", v, "[^/]*", "/.*");
}

static bool address(const char *v, const char *s)
{
	char net[64];
	const char *slash = strchr(v, '/');
	int family = strchr(v, ':') ? AF_INET6 : AF_INET;
	unsigned bits = slash ? (unsigned)atoi(slash + 1) : family == AF_INET ? 32 : 128;
	uint8_t a[16], b[16];

	snprintf(net, sizeof net, "%.*s", slash ? (int)(slash - v) : 63, v);
	if (inet_pton(family, net, a) != 1)
		abort();
	if (inet_pton(family, s, b) != 1)
		return false;
	for (unsigned i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

#define SEGMENT "[A-Za-z0-9._~%!$&'()+,;:@=-]"

static bool path(const char *v, const char *s)
{
	char plain[64];
	struct buf b;

	snprintf(plain, sizeof plain, "%.*s", (int)strcspn(s, "?"), s);
	if (!strchr(v, '{'))
		return text(v, plain, false, false);
	buf_init(&b, 4096);
	for (const char *c = v; *c; c++)
		if (!strncmp(c, "{*}", 3)) {
			buf_str(&b, SEGMENT "+");
			c += 2;
		} else if (!strncmp(c, "{**}", 4)) {
			buf_str(&b, "(" SEGMENT "|/)*");
			c += 3;
		} else {
			buf_printf(&b, "[%c]", *c);
		}
	buf_byte(&b, 0);
	bool yes = regex(plain, (const char *)b.p, "", "", "");
	buf_release(&b);
	return yes;
}

static bool token(const char *v)
{
	const char *iss = flow[ISS], *sub = flow[SUB], *slash = strrchr(v, '/');
	size_t n = strlen(v);
	char left[64], right[64] = "";

	if (!iss || !sub)
		return false;
	snprintf(left, sizeof left, "%.*s", slash ? (int)(slash - v) : (int)n, v);
	if (slash)
		snprintf(right, sizeof right, "%s", slash + 1);
	if (!strcmp(v, "*"))
		return *iss && *sub;
	if (*v == '*' && slash)
		return text(left, iss, false, false) && !strcmp(right, sub);
	if (*v == '*')
		return *iss && text(v, sub, false, false);
	if (v[n - 1] == '*' && slash)
		return !strcmp(left, iss) && text(right, sub, false, false);
	if (v[n - 1] == '*')
		return text(v, iss, false, false) && *sub;
	return !strcmp(left, iss) && !strcmp(right, sub);
}

static bool in_list(const char *v, const char *list)
{
	char one[64];

	for (const char *p = list + 1; *p;) {
		size_t n = strcspn(p, ",");

		snprintf(one, sizeof one, "%.*s", (int)n, p);
		if (text(v, one, false, false))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static bool metadata(const char *v, const char *s)
{
	char inner[64];

	if (*v != '[')
		return *s != '[' && text(v, s, false, false);
	snprintf(inner, sizeof inner, "%.*s", (int)strlen(v) - 2, v + 1);
	return *s == '[' && in_list(inner, s);
}

static bool value(const struct field *f, const char *v)
{
	const char *s = flow[f->attr];

	if (f->kind == TOKEN)
		return token(v);
	if (f->attr == SNI && !s)
		s = "";
	if (!s)
		return false;
	switch (f->kind) {
	case PRINCIPAL: return principal(v, s);
	case NAMESPACE: return regex(s, ".*/ns/", v, ".*", "/.*");
	case ACCOUNT: return account(v, s);
	case TRUST: return trust(v, s);
	case ADDRESS: return address(v, s);
	case TEXT: return text(v, s, false, false);
	case HEADER: return text(v, s, true, false);
	case HOSTNAME: return text(v, s, true, true);
	case PATHS: return path(v, s);
	case NUMBER: return atoi(v) == atoi(s);
	case CLAIM: return *s == '[' ? in_list(v, s) : text(v, s, false, false);
	case METADATA: return metadata(v, s);
	case TOKEN: break;
	}
	return false;
}

static bool entry(const struct entry *e)
{
	for (uint32_t i = 0; i < e->n; i++) {
		const struct cond *c = &e->cond[i];
		bool any = false;

		if (tcp && c->field->http_only)
			continue;	/* here only under DENY, AUDIT, CUSTOM: the rule gets wider */
		for (uint32_t k = 0; k < c->n; k++)
			any |= value(c->field, c->value[k]);
		if (any == c->negate)
			return false;
	}
	return true;
}

static bool http_only(const struct entry *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < e[i].n; k++)
			if (e[i].cond[k].field->http_only)
				return true;
	return false;
}

static bool matches(const struct policy *p, const struct rule *r)
{
	bool from = !r->n_from, to = !r->n_to;

	if (tcp && p->action == ALLOW && (http_only(r->from, r->n_from) || http_only(r->to, r->n_to) ||
					  http_only(&r->when, r->n_when)))
		return false;
	for (uint32_t i = 0; i < r->n_from; i++)
		from |= entry(&r->from[i]);
	for (uint32_t i = 0; i < r->n_to; i++)
		to |= entry(&r->to[i]);
	return from && to && (!r->n_when || entry(&r->when));
}

/* The match whose key is first in byte order; *who "" where none is.  False: no such policy at all. */
static bool first(enum action a, char who[64])
{
	char best[64] = "";
	bool exists = false;

	*who = 0;
	for (uint32_t i = 0; i < n_set; i++) {
		if (set[i].action != a || set[i].dry_run)
			continue;
		exists = true;
		for (uint32_t k = 0; k < set[i].n; k++) {
			char key[64];

			if (!matches(&set[i], &set[i].rule[k]))
				continue;
			snprintf(key, sizeof key, "policy[%.7s]-rule[%u]", set[i].name, k);
			if (*best && strcmp(key, best) > 0)
				continue;
			memcpy(best, key, sizeof best);
			snprintf(who, 64, "istio-system/%.7s %u", set[i].name, k);
		}
	}
	return exists;
}

static void expected(char out[96])
{
	char deny[64], allow[64], custom[64];

	first(DENY, deny);
	bool need = first(ALLOW, allow) && !*allow;
	first(CUSTOM, custom);
	if (*deny)
		snprintf(out, 96, "deny %.60s", deny);
	else if (need)
		snprintf(out, 96, *custom ? "deny ?" : "deny");
	else if (*custom)
		snprintf(out, 96, "unknown %.60s", custom);
	else
		snprintf(out, 96, "allow%s%.60s", *allow ? " " : "", allow);
}

/* --- comparing */

static void told(const struct flow *f, char out[96])
{
	struct slice p = flow_text(f, F_POLICY);
	const char *verdict = flow_enum_name(ENUM_VERDICT, flow_num(f, F_VERDICT));

	if (!flow_has(f, F_POLICY))
		snprintf(out, 96, "%s ?", verdict);
	else if (!p.n)
		snprintf(out, 96, "%s", verdict);
	else
		snprintf(out, 96, "%s %.*s %d", verdict, (int)p.n, (const char *)p.p,
			 (int)flow_num(f, F_RULE));
}

static uint32_t seen[16];		/* by verdict */

static bool compare(struct judge *j, struct arena *a)
{
	struct flow f[FLOWS], *at[FLOWS];
	char want[FLOWS][96], got[96];
	struct buf b;
	struct err e;
	bool fine = true;

	arena_reset(a);
	buf_init(&b, 64 * 1024);
	for (int i = 0; i < FLOWS; i++) {
		make_flow();
		expected(want[i]);
		buf_clear(&b);
		write_flow(&b);
		at[i] = &f[i];
		if (flow_json_read(&f[i], arena_copy(a, buf_slice(&b)), a, NULL, &e)) {
			printf("# %s: %s\n", e.msg, (const char *)b.p);
			abort();
		}
	}
	judge_flows(j, at, FLOWS, a);
	for (int i = 0; i < FLOWS; i++) {
		told(&f[i], got);
		seen[flow_num(&f[i], F_VERDICT)]++;
		if (!strcmp(got, want[i]))
			continue;
		buf_clear(&b);
		flow_json_write(&b, &f[i]);
		printf("# the peer says %s, the judge %s\n# %.*s\n", want[i], got, (int)b.n,
		       (const char *)b.p);
		fine = false;
	}
	buf_release(&b);
	return fine;
}

static bool one_set(uint32_t number, struct arena *a)
{
	static const char *const alias[] = { "td2" };
	struct judge_options o = { .trust_domain = "td1", .aliases = alias, .n_aliases = 1 };
	struct err e = { 0 };
	struct buf yaml;

	seed = 0x9e3779b97f4a7c15u * (number + 1);
	buf_init(&yaml, 1 << 20);
	make_set();
	write_set(&yaml);
	struct policy_set *p = policy_load_text(buf_slice(&yaml), "peer.yaml", NULL, &e);
	struct judge *j = p ? judge_new(p, &o, &e) : NULL;
	bool fine = j && compare(j, a);
	if (!fine)
		printf("# seed %u %s\n%.*s\n", number, e.msg, (int)yaml.n, (const char *)yaml.p);
	judge_free(&j);
	policy_free(&p);
	buf_release(&yaml);
	return fine;
}

int main(int argc, char **argv)
{
	uint32_t from = argc > 1 ? (uint32_t)atoi(argv[1]) : 0, wrong = 0;
	uint32_t sets = argc > 2 ? (uint32_t)atoi(argv[2]) : SETS;
	struct arena *a = arena_new(16 * 1024 * 1024);

	for (uint32_t i = from; i < from + sets && wrong < 3; i++)
		wrong += !one_set(i, a);
	is(wrong, 0);
	/* The test does test something. */
	ok(seen[VERDICT_ALLOW] > sets && seen[VERDICT_DENY] > sets && seen[VERDICT_UNKNOWN] > sets / 10);
	arena_free(&a);
	return tap_end();
}
