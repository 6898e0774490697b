/*
 * config: one row a key; a value is read by its type.  Relative paths are taken from
 * the configuration file's folder, so the agent can be started from anywhere.
 */
#include "cli/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/yaml.h"
#include "capture/log_formats.h"
#include "common/buf.h"
#include "common/clock.h"

enum key_type { KEY_TEXT, KEY_PATH, KEY_LIST, KEY_PATHS, KEY_SIZE, KEY_DURATION, KEY_CHOICE };

static const struct key {
	const char *name;
	enum key_type type;
	size_t at;
	const char *choices;		/* KEY_CHOICE: "a|b" */
	const char *meaning;
} keys[] = {
#define AT(field) offsetof(struct config, field)
	{ "gateway.name", KEY_TEXT, AT(gateway_name), NULL, "name of the gateway in every flow" },
	{ "gateway.addresses", KEY_LIST, AT(gateway_ips), NULL, "its pod addresses; more are learned from its log" },
	{ "gateway.workload", KEY_TEXT, AT(workload), NULL, "NAMESPACE,label=value,...: what selectors are matched against" },
	{ "gateway.mesh", KEY_LIST, AT(mesh), NULL, "address ranges of workloads (default: private ranges)" },
	{ "capture.interface", KEY_TEXT, AT(interface), NULL, "device to tap" },
	{ "capture.filter", KEY_TEXT, AT(filter), NULL, "BPF expression" },
	{ "capture.snaplen", KEY_SIZE, AT(snaplen), NULL, "bytes kept of a packet (default: all)" },
	{ "capture.memory", KEY_SIZE, AT(memory), NULL, "memory for connections (default 256MiB)" },
	{ "capture.keylog", KEY_PATHS, AT(keylogs), NULL, "TLS key log files, followed while they grow" },
	{ "capture.trust", KEY_PATH, AT(trust), NULL, "PEM file of the mesh's roots" },
	{ "capture.user", KEY_TEXT, AT(user), NULL, "user to become once the device is open" },
	{ "logs.paths", KEY_PATHS, AT(logs), NULL, "access logs: files, folders, globs; followed" },
	{ "logs.format", KEY_TEXT, AT(log_format), NULL, "auto, text, json, an Envoy format string, or a JSON layout of operators" },
	{ "logs.keys", KEY_TEXT, AT(key_map), NULL, "JSON under other keys: ours=theirs,..., Istio's key or an operator, and the key in the log" },
	{ "logs.inventory", KEY_PATH, AT(inventory), NULL, "pod inventory, kubectl get pods -A -o json" },
	{ "policies.paths", KEY_PATHS, AT(policies), NULL, "policy files and folders" },
	{ "policies.trust_domain", KEY_TEXT, AT(trust_domain), NULL, "default cluster.local" },
	{ "policies.trust_domain_aliases", KEY_LIST, AT(aliases), NULL, "further trust domains of the mesh" },
	{ "policies.root_namespace", KEY_TEXT, AT(root_namespace), NULL, "default istio-system" },
	{ "policies.path_normalization", KEY_CHOICE, AT(path_normalization),
	  "NONE|BASE|MERGE_SLASHES|DECODE_AND_MERGE_SLASHES", "meshConfig.pathNormalization" },
	{ "policies.settle", KEY_DURATION, AT(settle_ns), NULL, "how long wire and log wait for each other (default 30s)" },
	{ "privacy.query", KEY_CHOICE, AT(query), "drop|keep|hash", "query strings of paths (default drop)" },
	{ "store.path", KEY_PATH, AT(db), NULL, "the database" },
	{ "store.rows", KEY_CHOICE, AT(rows), "all|notable|none", "which flows are kept as rows (counts always hold all)" },
	{ "web.listen", KEY_TEXT, AT(listen), NULL, "address:port of the dashboard (default 127.0.0.1:8080), or off" },
};
enum { KEYS = sizeof keys / sizeof *keys };

void config_print_keys(void)
{
	for (size_t i = 0; i < KEYS; i++) {
		printf("  %-30s %s", keys[i].name, keys[i].meaning);
		if (keys[i].choices)
			printf(" (%s)", keys[i].choices);
		putchar('\n');
	}
}

struct reading {
	struct config *c;
	const char *file;
	struct slice folder;		/* of the file, with its slash; empty: here */
	const struct node *log_format, *log_keys;	/* where they stand */
	size_t documents;
};

static int wrong(const struct reading *r, const struct node *n, struct err *e, const char *what,
		 const char *name)
{
	return err_set(e, ERR_INPUT, "%s:%u:%u: %s %s", r->file, n->line, n->column, name, what);
}

static const char *text_of(const struct reading *r, struct slice s, bool path)
{
	bool relative = path && s.n && s.p[0] != '/' && !slice_is(s, "-");
	size_t before = relative ? r->folder.n : 0;
	char *t = arena_bytes(r->c->arena, before + s.n + 1);

	if (!t)
		return NULL;
	if (before)
		memcpy(t, r->folder.p, before);
	memcpy(t + before, s.p, s.n);
	t[before + s.n] = 0;
	return t;
}

static bool size_of(struct slice s, uint64_t *v)
{
	static const struct { const char *unit; unsigned shift; } units[] = {
		{ "", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 },
	};
	uint64_t n = 0;
	size_t i = 0;

	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && n < UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	for (size_t k = 0; i && k < sizeof units / sizeof *units; k++)
		if (slice_is(slice_from(s, i), units[k].unit)) {
			*v = n << units[k].shift;
			return true;
		}
	return false;
}

static bool chosen(struct slice s, const char *choices)
{
	for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (slice_eq(s, (struct slice){ (const uint8_t *)at, strcspn(at, "|") }))
			return true;
	return false;
}

/* A scalar stands for a list of one. */
static int read_list(const struct reading *r, const struct key *k, const struct node *n, struct err *e)
{
	struct config_list *l = (struct config_list *)((char *)r->c + k->at);
	size_t count = n->kind == NODE_LIST ? n->n : 1;

	l->item = arena_new_array(r->c->arena, const char *, count);
	for (size_t i = 0; i < count; i++) {
		const struct node *item = n->kind == NODE_LIST ? n->item[i] : n;
		if (item->kind != NODE_SCALAR || !l->item)
			return wrong(r, item, e, "wants a list of text", k->name);
		l->item[l->n++] = text_of(r, item->text, k->type == KEY_PATHS);
	}
	return 0;
}

static int read_value(struct reading *r, const struct key *k, const struct node *n, struct err *e)
{
	void *to = (char *)r->c + k->at;
	struct slice s = node_text(n);

	if (k->type == KEY_LIST || k->type == KEY_PATHS)
		return read_list(r, k, n, e);
	if (n->kind != NODE_SCALAR)
		return wrong(r, n, e, "wants one value", k->name);
	if (to == &r->c->log_format)
		r->log_format = n;
	if (to == &r->c->key_map)
		r->log_keys = n;
	switch (k->type) {
	case KEY_CHOICE:
		if (!chosen(s, k->choices))
			return err_set(e, ERR_INPUT, "%s:%u:%u: %s wants one of %s", r->file,
				       n->line, n->column, k->name, k->choices);
		/* fall through */
	case KEY_TEXT:
	case KEY_PATH:
		*(const char **)to = text_of(r, s, k->type == KEY_PATH);
		return 0;
	case KEY_SIZE:
		return size_of(s, to) ? 0 : wrong(r, n, e, "wants a size such as 256MiB", k->name);
	case KEY_DURATION:
		return clock_duration(s, to) ? 0
			: wrong(r, n, e, "wants a duration such as 30s", k->name);
	case KEY_LIST:
	case KEY_PATHS:
		break;
	}
	return 0;
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static bool is_section(struct slice s)
{
	for (size_t i = 0; i < KEYS; i++)
		if (slice_eq(s, (struct slice){ (const uint8_t *)keys[i].name,
						strcspn(keys[i].name, ".") }))
			return true;
	return false;
}

static int read_section(struct reading *r, const struct node *key, const struct node *map,
			struct err *e)
{
	for (uint32_t i = 0; map->kind == NODE_MAP && i < map->n; i++) {
		char name[128];
		snprintf(name, sizeof name, "%.*s.%.*s", (int)key->text.n, (const char *)key->text.p,
			 (int)(map->key[i]->text.n < 64 ? map->key[i]->text.n : 64),
			 map->key[i]->kind == NODE_SCALAR ? (const char *)map->key[i]->text.p : "");
		const struct key *k = find_key(name);
		if (!k)
			return wrong(r, map->key[i], e, "is no key (egret run --keys lists them)", name);
		if (map->item[i]->kind != NODE_NULL && read_value(r, k, map->item[i], e))
			return -1;
	}
	return map->kind == NODE_MAP || map->kind == NODE_NULL ? 0
		: wrong(r, map, e, "this section wants keys below it:", "");
}

/* A format that cannot be read is said with its place, before anything starts. */
static int check_logs(const struct reading *r, struct err *e)
{
	struct log_formats f;
	struct err why = { 0 };
	int bad = log_formats_init(&f, r->c->log_format, r->c->key_map, &why);

	log_formats_release(&f);
	if (!bad)
		return 0;
	const struct node *at = !r->log_format || (r->log_keys && !strncmp(why.msg, "keys", 4)) ? r->log_keys
											    : r->log_format;
	return err_set(e, ERR_INPUT, "%s:%u:%u: logs.%s", r->file, at->line, at->column, why.msg);
}

static int document(void *ctx, struct node *root, struct err *e)
{
	struct reading *r = ctx;

	if (r->documents++ || root->kind != NODE_MAP)
		return wrong(r, root, e, "expected one document of sections", "");
	if (root->twice)
		return err_set(e, ERR_INPUT, "%s:%u:%u: the key \"%.*s\" is given twice", r->file, root->twice->line,
			       root->twice->column, (int)root->twice->text.n, (const char *)root->twice->text.p);
	for (uint32_t i = 0; i < root->n; i++) {
		struct slice section = node_text(root->key[i]);
		if (slice_is(section, "version")) {
			if (!slice_is(node_text(root->item[i]), "1"))
				return wrong(r, root->item[i], e, "must be 1", "version");
			continue;
		}
		if (!is_section(section))
			return wrong(r, root->key[i], e, "has an unknown section here",
				     "the configuration");
		if (read_section(r, root->key[i], root->item[i], e))
			return -1;
	}
	return check_logs(r, e);
}

enum { CONFIG_MOST = 1024 * 1024 };

static int read_file(const char *path, struct buf *text, struct err *e)
{
	FILE *f = fopen(path, "rb");
	size_t got;

	if (!f)
		return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
	while (buf_room(text, 4096) && (got = fread(text->p + text->n, 1, 4096, f)) > 0)
		text->n += got;
	bool failed = ferror(f) != 0;
	fclose(f);
	if (failed)
		return err_set(e, ERR_IO, "%s: cannot be read", path);
	return text->full ? err_set(e, ERR_INPUT, "%s: larger than 1 MiB", path) : 0;
}

struct config *config_load(const char *path, struct err *e)
{
	struct config *c = calloc(1, sizeof *c);
	const char *slash = strrchr(path, '/');
	struct buf text;

	if (!c)
		abort();
	c->arena = arena_new(64 * 1024 * 1024);
	c->db = "egret.db";
	c->listen = "127.0.0.1:8080";
	struct reading r = { c, path, { (const uint8_t *)path, slash ? (size_t)(slash - path) + 1 : 0 }, .documents = 0 };
	buf_init(&text, CONFIG_MOST);
	int bad = read_file(path, &text, e);
	if (!bad) {
		bad = yaml_parse(buf_slice(&text), c->arena, document, &r, e);
		if (bad && strncmp(e->msg, path, strlen(path)) != 0) {
			struct err place = *e;	/* "line:column: ..." */
			err_set(e, ERR_INPUT, "%s:%s", path, place.msg);
		}
	}
	buf_release(&text);
	if (bad)
		config_free(&c);
	return c;
}

void config_free(struct config **c)
{
	if (!*c)
		return;
	arena_free(&(*c)->arena);
	free(*c);
	*c = NULL;
}
