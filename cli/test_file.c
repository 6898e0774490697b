/*
 * test_file: YAML to flows by way of their JSON, so that a test reads a flow exactly as `judge` does.
 */
#include "cli/test_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/yaml.h"
#include "common/json.h"
#include "schema/flow_json.h"

enum { FILE_MOST = 64 * 1024 * 1024 };

/* What stands there, for the end of a message. */
static void print_found(struct buf *b, const struct node *n)
{
	if (!n || n->kind == NODE_NULL)
		buf_str(b, "nothing");
	else if (n->kind == NODE_MAP)
		buf_str(b, "a mapping");
	else if (n->kind == NODE_LIST)
		buf_str(b, n->n ? "a list" : "an empty list");
	else {
		buf_byte(b, '"');
		buf_quote(b, n->text);
		buf_byte(b, '"');
	}
}

static int bad(struct err *e, const struct test_file *t, const struct node *at,
	       const char *what, const struct node *found)
{
	struct buf b;

	buf_init(&b, 4096);
	print_found(&b, found);
	err_set(e, ERR_INPUT, "%s:%u:%u: %s %.*s", t->path, at->line, at->column, what,
		(int)b.n, (const char *)b.p);
	buf_release(&b);
	return -1;
}

/* --- a flow */

static bool is_number(struct slice s)
{
	struct json j;

	json_init(&j, s);
	return s.n && json_next(&j) == JSON_NUMBER && json_next(&j) == JSON_END;
}

/* Inside headers, claims, metadata: as YAML reads it. */
static void write_node(struct buf *b, const struct node *n)
{
	bool list = n->kind == NODE_LIST;

	if (n->kind == NODE_NULL) {
		buf_str(b, "null");
	} else if (n->kind == NODE_SCALAR) {
		bool word = slice_is(n->text, "true") || slice_is(n->text, "false");

		if (!n->quoted && (word || is_number(n->text)))
			buf_add(b, n->text);
		else
			buf_json_string(b, n->text);
	} else {
		buf_byte(b, list ? '[' : '{');
		for (uint32_t i = 0; i < n->n; i++) {
			buf_str(b, i ? "," : "");
			if (!list) {
				buf_json_string(b, node_text(n->key[i]));
				buf_byte(b, ':');
			}
			write_node(b, n->item[i]);
		}
		buf_byte(b, list ? ']' : '}');
	}
}

/* A field: its type, not its look, says whether it is text. */
static void write_field(struct buf *b, int k, const struct node *n)
{
	enum flow_type t = field_info[k].type;
	bool text = t == FLOW_TEXT || t == FLOW_TIME || t == FLOW_IP || t >= FLOW_ENUM;

	buf_printf(b, "%s\"%s\":", b->n > 1 ? "," : "", field_info[k].name);
	if (n->kind == NODE_SCALAR && text)
		buf_json_string(b, n->text);
	else if (n->kind == NODE_SCALAR && t != FLOW_JSON && !n->quoted)
		buf_add(b, n->text);
	else
		write_node(b, n);
}

static bool is_expectation(struct slice key)
{
	static const char *const keys[] = { "name", "flow", "expect", "policy", "rule" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (slice_is(key, keys[i]))
			return true;
	return false;
}

static int write_fields(struct buf *b, const struct test_file *t, const struct node *map,
			bool outer, struct err *e)
{
	for (uint32_t i = 0; i < map->n; i++) {
		struct slice key = node_text(map->key[i]);
		int k = flow_field_by_name(key);

		if (outer && is_expectation(key))
			continue;
		if (k < 0)
			return bad(e, t, map->key[i], "no such flow field:", map->key[i]);
		write_field(b, k, map->item[i]);
	}
	return 0;
}

/* The field that does not read: each is tried alone, with its own place. */
static bool blame(struct test_file *t, const struct node *map, bool outer, struct err *e)
{
	struct flow *alone = malloc(sizeof *alone);
	bool found = false;

	if (!alone)
		abort();
	for (uint32_t i = 0; !found && i < map->n; i++) {
		int k = flow_field_by_name(node_text(map->key[i]));
		char what[120];
		struct buf b;

		if (k < 0 || (outer && is_expectation(node_text(map->key[i]))))
			continue;
		buf_init(&b, FILE_MOST);
		buf_byte(&b, '{');
		write_field(&b, k, map->item[i]);
		buf_byte(&b, '}');
		found = flow_json_read(alone, buf_slice(&b), t->arena, NULL, &(struct err){ 0 });
		buf_release(&b);
		snprintf(what, sizeof what, "%s: expected %s, found", field_info[k].name,
			 flow_json_wants((enum flow_field)k));
		if (found)
			bad(e, t, map->item[i], what, map->item[i]);
	}
	free(alone);
	return found;
}

static int read_flow(struct test_file *t, const struct node *item, struct test_case *c,
		     struct err *e)
{
	const struct node *flow = node_get(item, "flow");
	struct err why = { 0 };
	struct buf b;
	int rc;

	if (flow && flow->kind != NODE_MAP)
		return bad(e, t, flow, "flow: expected a mapping of flow fields, found", flow);
	buf_init(&b, FILE_MOST);
	buf_byte(&b, '{');
	rc = write_fields(&b, t, item, true, e);
	if (!rc && flow)
		rc = write_fields(&b, t, flow, false, e);
	buf_byte(&b, '}');
	if (!rc && flow_json_read(&c->flow, arena_copy(t->arena, buf_slice(&b)), t->arena, NULL,
				  &why)) {
		if (!blame(t, item, true, e) && !(flow && blame(t, flow, false, e)))
			bad(e, t, item, why.msg, item);
		rc = -1;
	}
	buf_release(&b);
	return rc;
}

/* --- a case */

static int read_case(struct test_file *t, const struct node *item, struct test_case *c,
		     struct err *e)
{
	const struct node *policy = node_get(item, "policy"), *rule = node_get(item, "rule");
	const struct node *expect = node_get(item, "expect");

	if (item->kind != NODE_MAP)
		return bad(e, t, item, "expected a flow with `expect`, found", item);
	c->line = item->line;
	c->name = node_text(node_get(item, "name"));
	c->expect = (enum flow_enum_value)flow_enum_value(ENUM_VERDICT, node_text(expect));
	if (!c->expect)
		return bad(e, t, expect ? expect : item,
			   "expect: allow, deny, unknown or none is wanted, found", expect);
	if (policy && policy->kind != NODE_SCALAR && policy->kind != NODE_NULL)
		return bad(e, t, policy, "policy: expected NAMESPACE/NAME, \"\" or null, found", policy);
	c->wants_policy = policy != NULL;
	c->policy = node_text(policy);
	c->wants_rule = rule != NULL;
	c->rule = -1;
	if (rule && rule->kind != NODE_NULL && (!node_int(rule, &c->rule) || c->rule < 0))
		return bad(e, t, rule, "rule: expected a number from 0 on, or null, found", rule);
	return read_flow(t, item, c, e);
}

/* --- the file */

static const char *c_text(struct test_file *t, const struct node *n)
{
	struct slice s = node_text(n);
	char *p = s.n ? arena_alloc(t->arena, s.n + 1) : NULL;

	if (p)
		memcpy(p, s.p, s.n);
	return p;
}

static void add_text(struct opt_list *l, const char *text)
{
	const char **more = realloc(l->item, (l->n + 1) * sizeof *more);

	if (!more)
		abort();
	l->item = more;
	l->item[l->n++] = text;
}

/* Relative to the test file. */
static const char *beside(struct test_file *t, const char *path)
{
	const char *slash = strrchr(t->path, '/');
	size_t dir = slash ? (size_t)(slash - t->path) + 1 : 0, n = strlen(path);
	char *p;

	if (path[0] == '/' || !dir)
		return path;
	p = arena_alloc(t->arena, dir + n + 1);
	if (!p)
		abort();
	memcpy(p, t->path, dir);
	memcpy(p + dir, path, n);
	return p;
}

static void read_list(struct test_file *t, const struct node *n, struct opt_list *l, bool path)
{
	for (uint32_t i = 0; n && i < (n->kind == NODE_LIST ? n->n : 1); i++) {
		const char *text = c_text(t, n->kind == NODE_LIST ? n->item[i] : n);

		if (text)
			add_text(l, path ? beside(t, text) : text);
	}
}

static int read_head(struct test_file *t, const struct node *root, struct err *e)
{
	static const char *const keys[] = {
		"policies", "workload", "trust_domain", "trust_domain_aliases", "root_namespace",
		"path_normalization", "flows",
	};
	struct policy_opts *p = &t->policies;

	for (uint32_t i = 0; i < root->n; i++) {
		bool known = false;

		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			known |= slice_is(node_text(root->key[i]), keys[k]);
		if (!known)
			return bad(e, t, root->key[i], "no such key in a test file:",
				   root->key[i]);
	}
	read_list(t, node_get(root, "policies"), &p->paths, true);
	read_list(t, node_get(root, "trust_domain_aliases"), &p->aliases, false);
	p->workload = c_text(t, node_get(root, "workload"));
	p->trust_domain = c_text(t, node_get(root, "trust_domain"));
	p->root_namespace = c_text(t, node_get(root, "root_namespace"));
	p->normalization = c_text(t, node_get(root, "path_normalization"));
	return 0;
}

static int read_root(void *ctx, struct node *root, struct err *e)
{
	struct test_file *t = ctx;
	const struct node *flows = node_get(root, "flows");

	if (t->cases)
		return bad(e, t, root, "one document is wanted; a second one begins here with", root);
	if (!flows || flows->kind != NODE_LIST || !flows->n)
		return bad(e, t, flows ? flows : root, "expected `flows`, a list of flows, found", flows);
	if (read_head(t, root, e))
		return -1;
	t->cases = calloc(flows->n, sizeof *t->cases);
	if (!t->cases)
		abort();
	for (; t->n < flows->n; t->n++)
		if (read_case(t, flows->item[t->n], &t->cases[t->n], e))
			return -1;
	return 0;
}

static int read_all(struct test_file *t, struct buf *b, struct err *e)
{
	bool standard = !strcmp(t->path, "-");
	FILE *in = standard ? stdin : fopen(t->path, "r");
	size_t n = 1;

	if (!in)
		return err_set(e, ERR_IO, "%s: %s", t->path, strerror(errno));
	while (n && buf_room(b, 64 * 1024)) {
		n = fread(b->p + b->n, 1, 64 * 1024, in);
		b->n += n;
	}
	int failed = ferror(in) ? errno : 0;
	if (!standard)
		fclose(in);
	if (failed)
		return err_set(e, ERR_IO, "%s: %s", t->path, strerror(failed));
	return n ? err_set(e, ERR_INPUT, "%s: larger than %d MiB", t->path, FILE_MOST >> 20) : 0;
}

/* LINE:COLUMN of the reader, under the file's name. */
static void under(const char *path, struct err *e)
{
	struct err cause = *e;

	err_set(e, cause.kind, "%s:%s", path, cause.msg);
}

struct test_file *test_file_load(const char *path, struct err *e)
{
	struct test_file *t = calloc(1, sizeof *t);
	struct buf b;
	int rc;

	if (!t)
		abort();
	t->path = path;
	t->arena = arena_new(SIZE_MAX);
	buf_init(&b, FILE_MOST);
	rc = read_all(t, &b, e);
	if (!rc) {
		rc = yaml_parse(arena_copy(t->arena, buf_slice(&b)), t->arena, read_root, t, e);
		if (rc && strncmp(e->msg, path, strlen(path)) != 0)
			under(path, e);
		else if (!rc && !t->n)
			rc = err_set(e, ERR_INPUT, "%s: no document in it", path);
	}
	buf_release(&b);
	if (rc)
		test_file_free(&t);
	return t;
}

void test_file_free(struct test_file **t)
{
	if (!*t)
		return;
	free((*t)->cases);
	policy_opts_free(&(*t)->policies);
	arena_free(&(*t)->arena);
	free(*t);
	*t = NULL;
}
