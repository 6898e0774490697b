/*
 * yaml_node: reading a tree.  Pure; every function takes NULL for "not there".
 */
#include "analyze/yaml.h"

#include <stdlib.h>
#include <string.h>

static struct node *get(const struct node *map, struct slice key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (uint32_t i = map->n; i-- > 0;)
		if (map->key[i]->kind == NODE_SCALAR && slice_eq(map->key[i]->text, key))
			return map->item[i];
	return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
	return get(map, slice_of(key));
}

struct node *node_at(const struct node *map, const char *dotted)
{
	struct node *at = NULL;

	for (const char *part = dotted; part; map = at) {
		const char *dot = strchr(part, '.');
		struct slice key = { (const uint8_t *)part, dot ? (size_t)(dot - part) : strlen(part) };

		at = get(map, key);
		if (!at)
			return NULL;
		part = dot ? dot + 1 : NULL;
	}
	return at;
}

struct slice node_text(const struct node *n)
{
	return n && n->kind == NODE_SCALAR ? n->text : (struct slice){ NULL, 0 };
}

bool node_int(const struct node *n, int64_t *v)
{
	struct slice s = node_text(n);
	int64_t got = 0;
	size_t from = s.n && s.p[0] == '-';

	if (s.n == from || s.n - from > 18)
		return false;
	for (size_t i = from; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		got = got * 10 + (s.p[i] - '0');
	}
	*v = from ? -got : got;
	return true;
}

bool node_bool(const struct node *n, bool *v)
{
	struct slice s = node_text(n);

	if (!slice_is(s, "true") && !slice_is(s, "false"))
		return false;
	*v = s.n == 4;
	return true;
}

static struct node *scalar_at(struct arena *a, const struct node *place, struct slice text)
{
	struct node *n = arena_new_object(a, struct node);

	if (!n)
		abort();
	*n = (struct node){ .kind = NODE_SCALAR, .quoted = true, .line = place->line,
			    .column = place->column, .text = text };
	return n;
}

void node_set(struct arena *a, struct node *map, struct slice key, struct slice value)
{
	struct node **keys = arena_new_array(a, struct node *, (size_t)map->n + 1);
	struct node **items = arena_new_array(a, struct node *, (size_t)map->n + 1);

	if (!keys || !items)
		abort();
	if (map->n) {
		memcpy(keys, map->key, map->n * sizeof *keys);
		memcpy(items, map->item, map->n * sizeof *items);
	}
	keys[map->n] = scalar_at(a, map, key);
	items[map->n++] = scalar_at(a, map, value);
	map->key = keys;
	map->item = items;
}
