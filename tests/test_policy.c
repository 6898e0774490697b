/* policy: kinds, lists, duplicates, revision, canonical text, errors, size. */
#include "analyze/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/tap.h"

static struct policy_set *load(const char *text, struct evidence *ev, struct err *e)
{
	return policy_load_text(slice_of(text), "f.yaml", ev, e);
}

static const char ap[] =
	"apiVersion: security.istio.io/v1\n"
	"kind: AuthorizationPolicy\n"
	"metadata: {name: a, namespace: n}\n"
	"spec:\n"
	"  rules: [{to: [{operation: {ports: ['8443']}}]}]\n";
static const char gw[] =
	"apiVersion: networking.istio.io/v1beta1\n"
	"kind: Gateway\n"
	"metadata: {name: g}\n"
	"spec: {selector: {istio: egressgateway}}\n";

static bool warned(const struct policy_set *s, const char *what)
{
	for (size_t i = 0; i < s->n_warnings; i++)
		if (memmem(s->warnings[i].p, s->warnings[i].n, what, strlen(what)))
			return true;
	for (size_t i = 0; i < s->n_warnings; i++)
		printf("# warning: %.*s\n", (int)s->warnings[i].n, s->warnings[i].p);
	return false;
}

static void kinds(void)
{
	static const char text[] =
		"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: k}\n---\n"
		"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\n---\n"
		"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: d}\n---\n"
		"values: only\n---\n"
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n"
		"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: s}}\n---\n"
		"apiVersion: networking.istio.io/v1\nkind: ServiceEntryList\nitems:\n- metadata: {name: e}\n";
	static struct evidence ev;
	struct err e = { 0 };
	struct policy_set *s = load(text, &ev, &e);

	ok(s != NULL);
	is(s->n, 4);
	is(s->n_of_kind[OBJ_GATEWAY], 0);	/* of another API group */
	is(s->n_of_kind[OBJ_OTHER], 1);
	is(s->n_of_kind[OBJ_SERVICE], 1);
	is(s->n_of_kind[OBJ_SERVICE_ENTRY], 1);
	is(s->of_kind[OBJ_NAMESPACE][0]->ns.n, 0);
	is(ev.n[EV_DOCUMENTS], 7);
	is(ev.n[EV_DOCUMENT_UNKNOWN], 3);
	ok(warned(s, "f.yaml:5: 2 objects (first here) of kind CronJob ignored"));
	ok(warned(s, "1 object of kind (no kind) ignored"));
	policy_free(&s);
	ok(!s);
}

/* What a typed list says of its items they say themselves: in the revision, and in the text that is stored. */
static void typed_list(void)
{
	static const char items[] = "apiVersion: networking.istio.io/v1\nkind: ServiceEntryList\nitems:\n- &e {metadata: {name: e}}\n"
				    "---\napiVersion: v1\nkind: ServiceList\nitems: [{metadata: {name: s}}]\n";
	static const char whole[] = "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: e}}\n---\n"
				    "{apiVersion: v1, kind: Service, metadata: {name: s}}\n";
	struct err e = { 0 };
	struct policy_set *a = load(items, NULL, &e), *b = load(whole, NULL, &e);
	struct policy_set *again = a ? policy_load_text(a->text, "stored", NULL, &e) : NULL;

	ok(a && b && again);
	is(again->n_of_kind[OBJ_SERVICE_ENTRY], 1);
	is(again->n_of_kind[OBJ_SERVICE], 1);
	ok(!strcmp(a->revision, b->revision) && !strcmp(a->revision, again->revision));
	policy_free(&a);
	policy_free(&b);
	policy_free(&again);
}

static void names(void)
{
	struct err e = { 0 };
	struct policy_set *s = load(gw, NULL, &e);
	struct buf b;

	buf_init(&b, 100);
	object_print(&b, s->objects[0]);
	ok(slice_is(buf_slice(&b), "Gateway g"));
	ok(slice_is(s->objects[0]->ns, "default"));
	is(s->objects[0]->line, 1);
	buf_release(&b);
	policy_free(&s);
}

static char *join(const char *a, const char *b, const char *c)
{
	char *out = malloc(strlen(a) + strlen(b) + strlen(c) + 20);

	sprintf(out, "%s---\n%s---\n%s", a, b, c);
	return out;
}

/* Order, duplicates that lose, server-made fields and quoting of keys do not change the revision. */
static void revision(void)
{
	static const char ap_live[] =
		"{\"kind\":\"AuthorizationPolicy\",\"apiVersion\":\"security.istio.io/v1\",\"metadata\":"
		"{\"namespace\":\"n\",\"name\":\"a\",\"uid\":\"1\",\"annotations\":{"
		"\"kubectl.kubernetes.io/last-applied-configuration\":\"x\"}},\"status\":{},\"spec\":"
		"{\"selector\":null,\"rules\":[{\"to\":[{\"operation\":{\"ports\":[\"8443\"]}}]}]}}";
	static const char other[] = "apiVersion: security.istio.io/v1\n"
		"kind: AuthorizationPolicy\nmetadata: {name: a, namespace: n}\nspec: {}\n";
	char *one = join(ap, gw, ""), *two = join(gw, other, ap);
	struct err e = { 0 };
	struct policy_set *a = load(one, NULL, &e), *b = load(two, NULL, &e);
	struct policy_set *c = load(ap, NULL, &e), *d = load(ap_live, NULL, &e);

	ok(a && b && c && d);
	ok(!strcmp(a->revision, b->revision));
	ok(strcmp(a->revision, c->revision) != 0);
	ok(!strcmp(c->revision, d->revision));
	is(b->n, 2);
	ok(warned(b, "f.yaml:11: AuthorizationPolicy n/a replaces the one at f.yaml:6"));
	is(strlen(a->revision), 64);
	policy_free(&a);
	policy_free(&b);
	policy_free(&c);
	policy_free(&d);
	free(one);
	free(two);
}

static void stored(void)
{
	char *text = join(gw, ap, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
				  "data: {tls.key: c2VjcmV0}\n---\napiVersion: apps/v1\nkind: Deployment\n"
				  "metadata: {name: d}\nspec: {template: {metadata: {labels: {env: e}}, spec: "
				  "{containers: [{env: [{name: P, value: c2VjcmV0}]}]}}}\n");
	struct err e = { 0 };
	struct policy_set *s = load(text, NULL, &e), *t;
	struct node *rules;

	ok(s && !memmem(s->text.p, s->text.n, "c2VjcmV0", 8));
	t = policy_load_text(s->text, "revision", NULL, &e);
	ok(t && !strcmp(s->revision, t->revision) && slice_eq(s->text, t->text));
	ok(!strcmp(t->of_kind[OBJ_AUTHORIZATION_POLICY][0]->file, "f.yaml"));
	is(t->of_kind[OBJ_AUTHORIZATION_POLICY][0]->line, 6);
	ok(memmem(t->text.p, t->text.n, "{\"env\":\"e\"}", 11) != NULL);
	rules = node_at(t->of_kind[OBJ_AUTHORIZATION_POLICY][0]->spec, "rules");
	is(rules->line, 10);
	is(rules->column, 10);
	policy_free(&s);
	policy_free(&t);
	free(text);
}

static void mesh(void)
{
	struct err e = { 0 };
	struct policy_set *s = load("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\n"
		"data:\n  mesh: |-\n    trustDomain: td\n    trustDomainAliases: [old]\n"
		"    rootNamespace: root\n    outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"
		"    pathNormalization: {normalization: MERGE_SLASHES}\n", NULL, &e);

	ok(s && slice_is(s->mesh.trust_domain, "td"));
	ok(s->mesh.aliases && s->mesh.aliases->n == 1);
	ok(slice_is(s->mesh.root_namespace, "root"));
	ok(slice_is(s->mesh.outbound_policy, "REGISTRY_ONLY"));
	ok(slice_is(s->mesh.path_normalization, "MERGE_SLASHES"));
	policy_free(&s);
}

static const struct {
	const char *text, *want;
} wrong[] = {
	{ "kind: [\n", "f.yaml:2:1: YAML: " },
	{ "just text\n", "f.yaml:1:1: expected a mapping with apiVersion and kind" },
	{ "kind: Gateway\nmetadata: x\n", "f.yaml:2:11: metadata: expected a mapping" },
	{ "kind: Gateway\nmetadata: {name: [x]}\n", "f.yaml:2:18: metadata.name: expected text" },
	{ "kind: Gateway\nmetadata: {name: x}\nspec: [1]\n", "f.yaml:3:7: spec: expected a mapping" },
	{ "kind: ConfigMap\nmetadata: {name: istio}\ndata: {mesh: '{'}\n",
	  "f.yaml:3:14: data.mesh: " },
};

static void errors(void)
{
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err e = { 0 };
		struct policy_set *s = load(wrong[i].text, NULL, &e);

		ok(!s && e.kind == ERR_INPUT);
		if (!ok(!strncmp(e.msg, wrong[i].want, strlen(wrong[i].want))))
			printf("# got %s\n", e.msg);
	}
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static void folders(void)
{
	char dir[] = "policy-test-XXXXXX", sub[64], *names[] = { "b/x.yml", "a.yaml", "note.txt" };
	const char *paths[1];
	struct err e = { 0 };
	struct policy_set *s;

	ok(mkdtemp(dir) != NULL);
	snprintf(sub, sizeof sub, "%s/b", dir);
	mkdir(sub, 0700);
	paths[0] = dir;
	s = policy_load(paths, 1, NULL, &e);
	ok(s && s->n == 0 && warned(s, "no *.yaml"));
	policy_free(&s);
	put(dir, names[0], ap);
	put(dir, names[1], gw);
	put(dir, names[2], "not: read: at all");
	s = policy_load(paths, 1, NULL, &e);
	ok(s && s->n == 2);
	ok(s->objects[0]->kind == OBJ_GATEWAY);		/* a.yaml before b/ */
	policy_free(&s);
	put(dir, names[0], "kind: [\n");
	s = policy_load(paths, 1, NULL, &e);
	ok(!s && strstr(e.msg, "b/x.yml:2:1: YAML"));
	for (int i = 0; i < 3; i++) {
		char path[300];
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(sub);
	rmdir(dir);
	s = policy_load(paths, 1, NULL, &e);
	ok(!s && e.kind == ERR_IO);
}

static void many(void)
{
	struct buf b;
	struct err e = { 0 };
	struct policy_set *s;
	clock_t from;

	buf_init(&b, 32 << 20);
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
			"metadata:\n  name: p%d\n  namespace: istio-system\nspec:\n  selector:\n"
			"    matchLabels:\n      app: istio-egressgateway\n  rules:\n  - from:\n"
			"    - source:\n        principals:\n        - cluster.local/ns/n%d/sa/s\n"
			"    to:\n    - operation:\n        hosts:\n        - h%d.example\n"
			"        ports: [\"8443\"]\n", i, i, i);
	from = clock();
	s = policy_load_text(buf_slice(&b), "many", NULL, &e);
	ok(s && s->n == 10000);
	printf("# 10,000 policies, %zu bytes: %.3f s, %zu bytes of memory\n", b.n,
	       (double)(clock() - from) / CLOCKS_PER_SEC, arena_used(s->arena));
	policy_free(&s);
	buf_release(&b);
}

int main(void)
{
	kinds();
	typed_list();
	names();
	revision();
	stored();
	mesh();
	errors();
	folders();
	many();
	return tap_end();
}
