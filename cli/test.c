/*
 * test: policy unit tests: flows that must be allowed, denied or left open.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/judge.h"
#include "analyze/route.h"
#include "cli/test_file.h"
#include "cli/verbs.h"

/* What the command line says wins over what the file says. */
static void merge(struct policy_opts *p, const struct policy_opts *file,
		  const struct policy_opts *line)
{
	*p = *file;
	p->paths.n = file->paths.n + line->paths.n;
	p->paths.item = calloc(p->paths.n + 1, sizeof *p->paths.item);
	if (!p->paths.item)
		abort();
	for (size_t i = 0; i < p->paths.n; i++)
		p->paths.item[i] = i < file->paths.n ? file->paths.item[i] :
				   line->paths.item[i - file->paths.n];
	if (line->aliases.n)
		p->aliases = line->aliases;
	p->workload = line->workload ? line->workload : file->workload;
	p->trust_domain = line->trust_domain ? line->trust_domain : file->trust_domain;
	p->root_namespace = line->root_namespace ? line->root_namespace : file->root_namespace;
	p->normalization = line->normalization ? line->normalization : file->normalization;
}

/* `none` is allowed by Istio, so it satisfies `allow`. */
static bool verdict_fits(const struct test_case *c, int64_t got)
{
	return got == c->expect || (c->expect == VERDICT_ALLOW && got == VERDICT_NONE);
}

static bool fits(const struct test_case *c)
{
	const struct flow *f = &c->flow;
	int64_t rule = flow_has(f, F_RULE) ? flow_num(f, F_RULE) : -1;

	return verdict_fits(c, flow_num(f, F_VERDICT)) &&
	       (!c->wants_policy || slice_eq(flow_text(f, F_POLICY), c->policy)) &&
	       (!c->wants_rule || rule == c->rule);
}

static void describe(struct test_file *t, struct test_case *c, struct judge *j)
{
	const struct flow *f = &c->flow;
	struct buf b;

	buf_init(&b, 64 * 1024);
	buf_printf(&b, "expected %s", flow_enum_name(ENUM_VERDICT, c->expect));
	if (c->wants_policy) {
		buf_str(&b, c->policy.n ? " by " : " by no policy");
		buf_add(&b, c->policy);
	}
	if (c->wants_rule && c->rule >= 0)
		buf_printf(&b, " rule %lld", (long long)c->rule);
	buf_printf(&b, ", got %s: ", flow_enum_name(ENUM_VERDICT, flow_num(f, F_VERDICT)));
	buf_add(&b, flow_text(f, F_REASON));
	c->got = arena_copy(t->arena, buf_slice(&b));
	buf_release(&b);
	buf_init(&b, 1024 * 1024);
	judge_trace_text(j, f, &b);
	c->trace = arena_copy(t->arena, buf_slice(&b));
	buf_release(&b);
}

static void run_case(struct test_file *t, struct test_case *c, struct judge *j,
		     struct route_set *routes)
{
	struct route r;

	if (route_replay(routes, &c->flow, &r, t->arena))
		route_expect(&r, &c->flow);
	judge_flow(j, &c->flow, t->arena);
	c->passed = fits(c);
	if (!c->passed)
		describe(t, c, j);
}

static int run_file(struct test_file *t, const struct policy_opts *line, struct err *e)
{
	struct policy_opts p;
	struct judge_options o;
	struct policy_set *set = NULL;
	struct judge *j = NULL;
	struct route_set *routes = NULL;
	int rc = -1;

	merge(&p, &t->policies, line);
	if (!p.paths.n)
		err_set(e, ERR_USAGE, "%s: no policies: name them in the file or give -p PATH",
			t->path);
	else if (!policy_opts_load(&p, "test", NULL, &set, &o, e))
		j = judge_new(set, &o, e);
	if (j)
		routes = route_set_new(set, &o, e);
	if (routes) {
		route_guide(routes, j);
		for (size_t i = 0; i < t->n; i++)
			run_case(t, &t->cases[i], j, routes);
		rc = 0;
	}
	/* Reasons are borrowed from the judge: nothing of it is printed after this. */
	route_set_free(&routes);
	judge_free(&j);
	policy_free(&set);
	free(p.paths.item);
	return rc;
}

struct totals {
	size_t run, failed;
};

static struct totals count(struct test_file *const *files, size_t n)
{
	struct totals t = { 0, 0 };

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < files[i]->n; k++) {
			t.run++;
			t.failed += !files[i]->cases[k].passed;
		}
	return t;
}

static int run_all(const struct policy_opts *p, char **paths, size_t n, test_printer *print,
		   struct err *e)
{
	struct test_file **files = calloc(n, sizeof *files);
	size_t loaded = 0;
	int code = EXIT_CLEAN;

	if (!files)
		abort();
	while (loaded < n) {
		files[loaded] = test_file_load(paths[loaded], e);
		if (!files[loaded])
			break;
		if (run_file(files[loaded++], p, e)) {
			n = SIZE_MAX;	/* not all ran */
			break;
		}
	}
	if (loaded == n) {
		struct totals t = count(files, n);

		print(files, n, stdout);
		fprintf(stderr, "egret test: %zu passed, %zu failed\n", t.run - t.failed, t.failed);
		code = t.failed ? EXIT_FINDINGS : EXIT_CLEAN;
	} else {
		code = cli_fail("test", e);
	}
	for (size_t i = 0; i < loaded; i++)
		test_file_free(&files[i]);
	free(files);
	return code;
}

static const char notes[] =
	"A test file is YAML:\n\n"
	"  policies: [policies/]          # beside the file; -p adds\n"
	"  flows:\n"
	"  - name: another namespace must not reach httpbin\n"
	"    flow:\n"
	"      source_identity: spiffe://cluster.local/ns/other/sa/x\n"
	"      sni: httpbin.org\n"
	"      destination_port: 8443\n"
	"      chain: tcp\n"
	"    expect: deny                 # allow, deny, unknown, none\n"
	"    policy: istio-system/egress  # optional, and so is rule\n\n"
	"A field that is left out is unknown; null means absent.  Also: workload, trust_domain,\n"
	"trust_domain_aliases, root_namespace, path_normalization.  Exit 3 where a test failed.\n";

int verb_test(int argc, char **argv)
{
	struct policy_opts p = { 0 };
	const char *format = "table";
	int operands;
	const struct opt opts[] = {
		POLICY_OPT_ROWS(p),
		{ "output", 'o', OPT_TEXT, &format, "FORMAT", "table (default), json, junit" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret test [flags] FILE...",
		.summary = "Policy unit tests: flows that must be allowed, denied or left open.",
		.examples = "  egret test egress-test.yaml\n"
			    "  egret test -p policies/ -o junit tests/*.yaml > junit.xml\n",
		.notes = notes,
		.opts = opts,
	};
	struct err e = { 0 };
	int code = cli_parse("test", &verb, argc, argv, &operands);

	if (code >= 0)
		goto out;
	test_printer *print = test_printer_by_name(format);
	if (!operands)
		err_set(&e, ERR_USAGE, "name a test file (see --help)");
	else if (!print)
		err_set(&e, ERR_USAGE, "-o %s: expected table, json or junit", format);
	if (e.kind)
		code = cli_fail("test", &e);
	else
		code = run_all(&p, argv, (size_t)operands, print, &e);
out:
	policy_opts_free(&p);
	return code;
}
