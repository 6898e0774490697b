/*
 * policy_canon: the canonical form of a set, and its hash.
 *
 * An object's canonical form is JSON with sorted keys, of duplicate keys the last, null members
 * left out, and without what the API server adds for itself (status, managedFields, ...).
 * The revision is sha256 over the sorted canonical objects, one a line.
 *
 * The text goes into the store, so what decides no verdict stays out of both: Secrets, Pods and
 * Nodes (which come and go), and of Deployments the containers' environment and commands.
 *
 * The set's text is one line an object, {"file":F,"at":[line,column,...],"object":O}: `at` holds
 * the places of O's nodes in the order in which they are written (a map's key, then its
 * value), so that a stored set read back explains itself with its original file and line.
 */
#include "analyze/policy_build.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { TEXT_MAX = 512 << 20 };

struct writer {
	struct buf json, at;
	const struct object *o;		/* being written */
};

/* One object's part of both buffers. */
struct line {
	const struct object *o;
	struct slice json, at;
};

/* --- writing ------------------------------------------------------------------------- */

struct pair {
	const struct node *key, *value;
	uint32_t order;
};

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	struct slice s = x->key->text, t = y->key->text;
	size_t n = s.n < t.n ? s.n : t.n;
	int c = n ? memcmp(s.p, t.p, n) : 0;

	if (!c)
		c = s.n < t.n ? -1 : s.n > t.n;
	return c ? c : x->order < y->order ? -1 : 1;
}

static bool is_stored(const struct object *o)
{
	return o->kind != OBJ_SECRET && o->kind != OBJ_POD && !slice_is(o->kind_text, "Node");
}

/* Lists only: a label may be called "env". */
static bool is_private(const struct writer *w, const struct pair *p)
{
	static const char *const keys[] = { "env", "envFrom", "args", "command", "volumes",
					    "volumeMounts" };

	if (w->o->kind != OBJ_DEPLOYMENT || p->value->kind != NODE_LIST)
		return false;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (slice_is(p->key->text, keys[i]))
			return true;
	return false;
}

/* What the API server writes, or what says nothing. */
static bool is_dropped(const struct writer *w, const struct node *map, const struct pair *p)
{
	static const char *const top[] = { "status", NULL };
	static const char *const meta[] = { "managedFields", "resourceVersion", "uid",
					    "generation", "selfLink", NULL };
	const char *const *drop = map == w->o->root ? top : map == w->o->metadata ? meta : NULL;

	for (; drop && *drop; drop++)
		if (slice_is(p->key->text, *drop))
			return true;
	return p->value->kind == NODE_NULL || is_private(w, p) ||
	       slice_is(p->key->text, "kubectl.kubernetes.io/last-applied-configuration") ||
	       (map == w->o->metadata && slice_is(p->key->text, "annotations") &&
		p->value->n == 1 && node_get(p->value,
			"kubectl.kubernetes.io/last-applied-configuration"));
}

/* Sorted pairs that are written; the caller frees. */
static struct pair *pairs_of(const struct writer *w, const struct node *map, uint32_t *n)
{
	struct pair *p = malloc((map->n + 1) * sizeof *p);
	uint32_t got = 0, kept = 0;

	if (!p)
		abort();
	for (uint32_t i = 0; i < map->n; i++)
		if (map->key[i]->kind == NODE_SCALAR)
			p[got++] = (struct pair){ map->key[i], map->item[i], i };
	qsort(p, got, sizeof *p, by_key);
	for (uint32_t i = 0; i < got; i++) {
		bool last = i + 1 == got || !slice_eq(p[i].key->text, p[i + 1].key->text);
		if (last && !is_dropped(w, map, &p[i]))
			p[kept++] = p[i];
	}
	*n = kept;
	return p;
}

static void write_place(struct writer *w, const struct node *n)
{
	buf_printf(&w->at, "%u,%u,", n->line, n->column);
}

static size_t digits(struct slice s, size_t i)
{
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i;
}

/* -?int(.digits)?: a plain scalar that JSON would read as a number. */
static bool is_number(struct slice s)
{
	size_t from = s.n && s.p[0] == '-', i = digits(s, from);

	if (i == from || (s.p[from] == '0' && i - from > 1))
		return false;
	if (i < s.n && s.p[i] == '.') {
		from = i + 1;
		i = digits(s, from);
	}
	return i == s.n && i > from;
}

static void write_scalar(struct writer *w, const struct node *n)
{
	if (!n->quoted && (slice_is(n->text, "true") || slice_is(n->text, "false") ||
				is_number(n->text)))
		buf_add(&w->json, n->text);
	else
		buf_json_string(&w->json, n->text);
}

static void write_node(struct writer *w, const struct node *n);

static void write_map(struct writer *w, const struct node *map)
{
	uint32_t n;
	struct pair *p = pairs_of(w, map, &n);

	buf_byte(&w->json, '{');
	for (uint32_t i = 0; i < n; i++) {
		struct slice key = p[i].key->text;

		if (i)
			buf_byte(&w->json, ',');
		buf_json_string(&w->json, key);
		buf_byte(&w->json, ':');
		write_place(w, p[i].key);
		write_node(w, p[i].value);
	}
	buf_byte(&w->json, '}');
	free(p);
}

/* Depth is bounded by the reader's. */
static void write_node(struct writer *w, const struct node *n)
{
	write_place(w, n);
	switch (n->kind) {
	case NODE_NULL:
		buf_str(&w->json, "null");
		break;
	case NODE_SCALAR:
		write_scalar(w, n);
		break;
	case NODE_LIST:
		buf_byte(&w->json, '[');
		for (uint32_t i = 0; i < n->n; i++) {
			if (i)
				buf_byte(&w->json, ',');
			write_node(w, n->item[i]);
		}
		buf_byte(&w->json, ']');
		break;
	case NODE_MAP:
		write_map(w, n);
		break;
	}
}

/* --- the whole set ------------------------------------------------------------------- */

static int by_json(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	size_t n = x->json.n < y->json.n ? x->json.n : y->json.n;
	int c = memcmp(x->json.p, y->json.p, n);

	return c ? c : x->json.n < y->json.n ? -1 : x->json.n > y->json.n;
}

/* Each object's lengths first; slices only once the buffers no longer move.  The number written. */
static size_t write_all(struct writer *w, const struct policy_set *set, struct line *l)
{
	size_t json = 0, at = 0, n = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (!is_stored(set->objects[i]))
			continue;
		w->o = l[n].o = set->objects[i];
		write_node(w, w->o->root);
		w->at.n -= w->at.n > at;	/* the last comma */
		l[n].json.n = w->json.n - json;
		l[n++].at.n = w->at.n - at;
		json = w->json.n;
		at = w->at.n;
	}
	json = at = 0;
	for (size_t i = 0; i < n; i++) {
		l[i].json.p = w->json.p + json;
		l[i].at.p = w->at.p + at;
		json += l[i].json.n;
		at += l[i].at.n;
	}
	return n;
}

static void revision(char out[65], const struct line *l, size_t n)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct buf hex;

	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		abort();
	for (size_t i = 0; i < n; i++) {
		EVP_DigestUpdate(md, l[i].json.p, l[i].json.n);
		EVP_DigestUpdate(md, "\n", 1);
	}
	EVP_DigestFinal_ex(md, sum, NULL);
	EVP_MD_CTX_free(md);
	buf_init(&hex, 64);
	buf_hex(&hex, (struct slice){ sum, 32 });
	assert(hex.n == 64);
	memcpy(out, hex.p, 64);
	out[64] = 0;
	buf_release(&hex);
}

static int text(struct policy_set *set, const struct line *l, size_t n, struct err *e)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < n; i++) {
		buf_str(&b, "{\"file\":");
		buf_json_string(&b, slice_of(l[i].o->file));
		buf_str(&b, ",\"at\":[");
		buf_add(&b, l[i].at);
		buf_str(&b, "],\"object\":");
		buf_add(&b, l[i].json);
		buf_str(&b, "}\n");
	}
	set->text = arena_copy(set->arena, buf_slice(&b));
	bool lost = b.full || (b.n && !set->text.p);
	buf_release(&b);
	return lost ? err_set(e, ERR_LIMIT, "policies too large to keep as text") : 0;
}

int policy_canon(struct policy_set *set, struct err *e)
{
	struct line *l = calloc(set->n + 1, sizeof *l);
	struct writer w = { 0 };
	size_t n;
	int rc;

	if (!l)
		abort();
	buf_init(&w.json, TEXT_MAX);
	buf_init(&w.at, TEXT_MAX);
	n = write_all(&w, set, l);
	if (n)
		qsort(l, n, sizeof *l, by_json);
	revision(set->revision, l, n);
	rc = w.json.full || w.at.full
		     ? err_set(e, ERR_LIMIT, "policies too large to keep as text")
		     : text(set, l, n, e);
	buf_release(&w.json);
	buf_release(&w.at);
	free(l);
	return rc;
}

/* --- reading a stored line ----------------------------------------------------------- */

struct places {
	const struct node *list;
	uint32_t next;
};

static void restore(struct places *p, struct node *n)
{
	int64_t line, column;

	if (p->next + 2 > p->list->n || !node_int(p->list->item[p->next], &line) ||
	    !node_int(p->list->item[p->next + 1], &column))
		return;
	p->next += 2;
	n->line = (uint32_t)line;
	n->column = (uint32_t)column;
}

static void restore_all(struct places *p, struct node *n)
{
	restore(p, n);
	for (uint32_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_MAP)
			restore(p, n->key[i]);
		restore_all(p, n->item[i]);
	}
}

struct node *policy_canon_object(struct node *root, struct slice *file)
{
	struct node *o = node_get(root, "object"), *at = node_get(root, "at");
	struct slice name = node_text(node_get(root, "file"));

	if (root->n != 3 || !o || o->kind != NODE_MAP || !at || at->kind != NODE_LIST)
		return NULL;
	restore_all(&(struct places){ at, 0 }, o);
	*file = name;
	return o;
}
