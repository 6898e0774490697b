/*
 * yaml_node: reading a tree.  Pure; every function takes NULL for "not there".
 */
#include "analyze/yaml.h"

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
