/*
 * lint: every fixture says in comments what is to be found on which line ("# want: CODE CODE"); nothing
 * else may be found.  Together the fixtures hit every rule.
 */
#include "analyze/lint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/clock.h"
#include "tests/tap.h"

static const char *const fixtures[] = {
	"clean-two-hop", "clean-threads", "traps", "routes", "names", "untold", "gateways",
	"policies", "asked", "open", "mesh", "suppress",
};
static bool hit[LINT_RULES];
static char *text;	/* of the fixture */

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *s = calloc(1, 1 << 16);

	if (f) {
		size_t n = fread(s, 1, (1 << 16) - 1, f);
		s[n] = 0;
		fclose(f);
	}
	return s;
}

/* The comment of a line of the fixture; empty: none. */
static const char *wanted(uint32_t line)
{
	static char out[400];
	const char *p = text, *end, *mark;

	for (uint32_t i = 1; p && i < line; i++) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	end = p ? strchrnul(p, '\n') : NULL;
	mark = p ? memmem(p, (size_t)(end - p), "# want:", 7) : NULL;
	snprintf(out, sizeof out, "%.*s ", mark ? (int)(end - mark - 7) : 0, mark ? mark + 7 : "");
	return out;
}

static bool has_word(const char *list, const char *code)
{
	char word[80];

	snprintf(word, sizeof word, " %s ", code);
	return strstr(list, word) != NULL;
}

static bool found(const struct lint_result *r, uint32_t line, const char *code)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->finding[i].line == line && !strcmp(lint_rules[r->finding[i].id].code, code))
			return true;
	return false;
}

static void every_wanted(const char *name, const struct lint_result *r)
{
	char *copy = strdup(text), *save = NULL;
	uint32_t line = 1;

	for (char *p = copy; p; line++) {
		char *nl = strchr(p, '\n'), *mark;

		if (nl)
			*nl = 0;
		mark = strstr(p, "# want:");
		for (char *w = mark ? strtok_r(mark + 7, " ", &save) : NULL; w; w = strtok_r(NULL, " ", &save))
			if (!ok(found(r, line, w)))
				printf("# %s:%u: %s was not found\n", name, line, w);
		p = nl ? nl + 1 : NULL;
	}
	free(copy);
}

static void complete(const struct lint_finding *f, const char *path)
{
	ok(f->line && f->column && f->message.n && f->name.n && !strcmp(f->file, path));
	hit[f->id] = true;
}

static struct lint_result *run(const struct policy_set *p)
{
	struct lint_options o = { .now = clock_days(2026, 11, 24) * 86400 * NS_PER_S };
	struct err e = { 0 };

	return lint_run(p, &o, &e);
}

static void fixture(const char *name)
{
	const char *dir = getenv("srcdir");
	char path[400];
	const char *paths[] = { path };
	struct err e = { 0 };
	struct policy_set *p;
	struct lint_result *r;

	snprintf(path, sizeof path, "%s/tests/fixtures/lint/%s.yaml", dir ? dir : ".", name);
	p = policy_load(paths, 1, NULL, &e);
	if (!ok(p != NULL)) {
		printf("# %s\n", e.msg);
		return;
	}
	text = slurp(path);
	r = run(p);
	for (size_t i = 0; i < r->n; i++) {
		const struct lint_finding *f = &r->finding[i];

		complete(f, path);
		if (!ok(has_word(wanted(f->line), lint_rules[f->id].code)))
			printf("# %s:%u: %s was not expected: %.*s\n", name, f->line, lint_rules[f->id].code,
			       (int)f->message.n, (const char *)f->message.p);
	}
	for (size_t i = 1; i < r->n; i++)
		ok(r->finding[i - 1].severity >= r->finding[i].severity);
	every_wanted(name, r);
	lint_result_free(&r);
	policy_free(&p);
	free(text);
}

static void table(void)
{
	for (int k = 0; k < LINT_RULES; k++) {
		const struct lint_rule *r = &lint_rules[k];

		ok(r->severity >= SEV_INFO && r->severity <= SEV_CRITICAL && r->run && *r->title);
		ok(r->why[strlen(r->why) - 1] == '.' && r->fix[strlen(r->fix) - 1] == '.');
		for (int j = 0; j < k; j++)
			if (!strcmp(r->code, lint_rules[j].code))
				ok(!"a code stands twice");
		if (!ok(hit[k]))
			printf("# no fixture has %s\n", r->code);
	}
}

/* Objects whose parts have other shapes than expected: nothing may be found out by crashing. */
static void odd_shapes(void)
{
	static const char *const kinds[] = { "AuthorizationPolicy", "Gateway", "VirtualService",
		"DestinationRule", "ServiceEntry", "Sidecar", "Service", "Pod", "Deployment",
		"RequestAuthentication", "EnvoyFilter" };
	static const char *const bodies[] = {
		"spec: {}", "spec: {rules: {}, servers: x, http: [1, [2], {match: x, route: {}}], hosts: {a: b}}",
		"spec: {rules: [~, 1, {from: x, to: [1], when: {}}], servers: [1, {port: x, tls: [], hosts: x}], "
		"selector: [], http: [{match: [1, ~, {uri: x, headers: []}], route: [1, {destination: x}]}], "
		"hosts: [~, 1, {}], gateways: [{}, [], ~], subsets: [1, {labels: x, trafficPolicy: []}], "
		"trafficPolicy: x, host: {}, ports: [1, {number: {}, name: []}], exportTo: [1, {}], tls: [[]], "
		"tcp: [{}, {route: [{}], match: [{}]}], workloadSelector: [x], configPatches: [1, {patch: x}], "
		"template: {metadata: {labels: x}, spec: {containers: {}}}}",
		"metadata: {name: n, labels: [], annotations: x}\nspec: {selector: {matchLabels: [a]}}",
	};
	struct buf b;

	for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
		struct err e = { 0 };
		struct policy_set *p;
		struct lint_result *r;

		buf_init(&b, 1 << 16);
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
			buf_printf(&b, "---\nkind: %s\n%s%s\n", kinds[i],
				   strstr(bodies[k], "metadata") ? "" : "metadata: {name: n}\n", bodies[k]);
		p = policy_load_text(buf_slice(&b), "odd", NULL, &e);
		r = p ? run(p) : NULL;
		if (!ok(r != NULL))
			printf("# %s\n", e.msg);
		lint_result_free(&r);
		if (p)
			policy_free(&p);
		buf_release(&b);
	}
}

/* Gateways with a selector each: every one has the findings that it has alone. */
static void apart(void)
{
	enum { GATEWAYS = 40 };
	size_t n[2] = { 0, 0 }, codes[2][LINT_RULES] = { { 0 }, { 0 } };

	for (int k = 0; k < 2; k++) {
		struct err e = { 0 };
		struct policy_set *p;
		struct lint_result *r;
		struct buf b;

		buf_init(&b, 1 << 20);
		for (int i = 0; i < (k ? GATEWAYS : 1); i++)
			buf_printf(&b, "---\nkind: Gateway\nmetadata: {name: g%d, namespace: egress}\nspec: {selector: {app: g%d}, "
				"servers: [{port: {number: 443, protocol: TLS, name: t}, hosts: [h%d.test], tls: {mode: ISTIO_MUTUAL}}]}\n"
				"---\nkind: Pod\nmetadata: {name: g%d, namespace: egress, labels: {app: g%d, x: y}}\nspec: {containers: "
				"[{name: c, ports: [{name: in, containerPort: 9443}]}]}\n"
				"---\nkind: Service\nmetadata: {name: g%d, namespace: egress}\nspec: {selector: {app: g%d}, ports: "
				"[{name: tls, port: 443, targetPort: in}]}\n"
				"---\nkind: AuthorizationPolicy\nmetadata: {name: p%d, namespace: egress}\nspec: {selector: {matchLabels: "
				"{app: g%d}}, rules: [{to: [{operation: {ports: ['443'], methods: [GET]}}]}]}\n"
				"---\nkind: VirtualService\nmetadata: {name: v%d, namespace: egress}\nspec: {hosts: [h%d.test], gateways: "
				"[mesh, g%d], tls: [{match: [{gateways: [mesh], port: 443, sniHosts: [h%d.test]}], route: [{destination: "
				"{host: g%d.egress.svc.cluster.local, port: {number: 443}, subset: s}}]}], tcp: [{match: [{gateways: [g%d]}], "
				"route: [{destination: {host: h%d.test, port: {number: 443}}}]}]}\n", i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i);
		p = policy_load_text(buf_slice(&b), "apart", NULL, &e);
		r = p ? run(p) : NULL;
		ok(r != NULL);
		n[k] = r ? r->n : 0;
		for (size_t i = 0; i < n[k]; i++)
			codes[k][r->finding[i].id]++;
		lint_result_free(&r);
		policy_free(&p);
		buf_release(&b);
	}
	ok(codes[0][LINT_PORT_NAMESPACE] == 1 && codes[0][LINT_HOST_MISSING] == 1);
	is(n[1], GATEWAYS * n[0]);
	for (int i = 0; i < LINT_RULES; i++)
		ok(codes[1][i] == GATEWAYS * codes[0][i]);
}

static void many(void)
{
	struct buf b;
	struct err e = { 0 };
	struct policy_set *p;
	struct lint_result *r;
	clock_t from;

	buf_init(&b, 64 << 20);
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "---\nkind: AuthorizationPolicy\nmetadata: {name: p%d, namespace: istio-system}\n"
			"spec: {selector: {matchLabels: {istio: egressgateway}}, rules: [{from: [{source: {principals: "
			"[cluster.local/ns/n/sa/s%d]}}], to: [{operation: {hosts: [h%d.example, 'h%d.example:*'], "
			"ports: ['8080']}}]}]}\n---\nkind: VirtualService\nmetadata: {name: v%d, namespace: istio-system}\n"
			"spec: {hosts: [h%d.example], gateways: [g], http: [{route: [{destination: {host: h%d.example, "
			"port: {number: 443}}}]}]}\n---\nkind: ServiceEntry\nmetadata: {name: e%d, namespace: istio-system}\n"
			"spec: {hosts: [h%d.example], exportTo: ['.'], resolution: DNS, ports: [{number: 443, protocol: TLS, "
			"name: t}]}\n", i, i, i, i, i, i, i, i, i);
	buf_str(&b, "---\nkind: Gateway\nmetadata: {name: g, namespace: istio-system}\nspec: {selector: {istio: "
		"egressgateway}, servers: [{port: {number: 80, protocol: HTTPS, name: h}, hosts: ['*'], tls: {mode: "
		"ISTIO_MUTUAL}}]}\n");
	p = policy_load_text(buf_slice(&b), "many", NULL, &e);
	from = clock();
	r = p ? run(p) : NULL;
	ok(r != NULL);
	printf("# 30,000 objects: %.2f s, %zu findings\n", (double)(clock() - from) / CLOCKS_PER_SEC,
	       r ? r->n : 0);
	lint_result_free(&r);
	policy_free(&p);
	buf_release(&b);
}

int main(void)
{
	for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++)
		fixture(fixtures[i]);
	table();
	odd_shapes();
	apart();
	many();
	return tap_end();
}
