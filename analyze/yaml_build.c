/*
 * yaml_build: see yaml_build.h.
 *
 * Merge keys (`<<: *base`, https://yaml.org/type/merge.html) are resolved when a map closes: the
 * merged pairs are put before the map's own, so that "the last of duplicates" gives a map's own
 * keys precedence; of several merged maps the first wins, so they are put in reverse.
 */
#include "analyze/yaml_build.h"

#include <stdlib.h>

#include "common/map.h"

void yaml_build_init(struct yaml_build *b, struct slice text, struct arena *a,
		     int (*each)(void *, struct node *, struct err *), void *ctx)
{
	*b = (struct yaml_build){ .text = text, .arena = a, .each = each, .ctx = ctx };
}

void yaml_build_release(struct yaml_build *b)
{
	free(b->done);
	b->done = NULL;
}

void yaml_restart(struct yaml_build *b)
{
	b->depth = b->n_done = 0;
	b->twice = NULL;
}

struct node *yaml_node(struct yaml_build *b, uint32_t line, uint32_t column)
{
	struct node *n = b->nodes < YAML_NODES ? arena_new_object(b->arena, struct node) : NULL;

	if (!n)
		return NULL;
	b->nodes++;
	n->line = line;
	n->column = column;
	return n;
}

void yaml_open(struct yaml_build *b, struct node *n)
{
	b->open[b->depth] = n;
	b->from[b->depth++] = b->n_done;
}

void yaml_add(struct yaml_build *b, struct yaml_child c)
{
	if (b->n_done == b->room) {
		b->room = b->room ? b->room * 2 : 256;
		b->done = realloc(b->done, b->room * sizeof *b->done);
		if (!b->done)
			abort();
	}
	b->done[b->n_done++] = c;
}

/* --- merge keys ---------------------------------------------------------------------- */

static bool is_merge(const struct node *key, const struct node *value)
{
	return key->kind == NODE_SCALAR && !key->quoted && slice_is(key->text, "<<") &&
	       (value->kind == NODE_MAP || value->kind == NODE_LIST);
}

static uint32_t merged_count(const struct node *from)
{
	uint32_t n = 0;

	if (from->kind == NODE_MAP)
		return from->n;
	for (uint32_t i = 0; i < from->n; i++)
		n += from->item[i]->kind == NODE_MAP ? from->item[i]->n : 0;
	return n;
}

static void merge_map(struct node *into, const struct node *from)
{
	for (uint32_t i = 0; from->kind == NODE_MAP && i < from->n; i++) {
		into->key[into->n] = from->key[i];
		into->item[into->n++] = from->item[i];
	}
}

static void merge(struct node *into, const struct node *from)
{
	merge_map(into, from);
	for (uint32_t i = from->kind == NODE_LIST ? from->n : 0; i-- > 0;)
		merge_map(into, from->item[i]);
}

/* --- keys that stand twice ----------------------------------------------------------- */

enum { FEW = 12 };	/* so many keys are compared with one another, more are hashed */

static const struct node *twice_of_few(const struct yaml_child *c, uint32_t pairs)
{
	for (uint32_t i = 1; i < pairs; i++)
		for (uint32_t k = 0; k < i; k++)
			if (c[2 * i].node->kind == NODE_SCALAR &&
			    slice_eq(c[2 * i].node->text, c[2 * k].node->text))
				return c[2 * i].node;
	return NULL;
}

static const struct node *twice_of_many(const struct yaml_child *c, uint32_t pairs)
{
	const struct node *found = NULL;
	struct map seen;

	map_init(&seen, pairs);
	for (uint32_t i = 0; i < pairs && !found; i++) {
		struct node *key = c[2 * i].node;

		if (key->kind == NODE_SCALAR && map_get(&seen, key->text))
			found = key;
		else if (key->kind == NODE_SCALAR)
			map_put(&seen, key->text, key);
	}
	map_release(&seen);
	return found;
}

/* --- closing ------------------------------------------------------------------------- */

static bool close_map(struct yaml_build *b, struct node *n, const struct yaml_child *c,
		      uint32_t pairs)
{
	uint32_t more = 0;

	for (uint32_t i = 0; i < pairs; i++)
		if (is_merge(c[2 * i].node, c[2 * i + 1].node))
			more += merged_count(c[2 * i + 1].node);
	if (pairs + more == 0)
		return true;
	if (!b->twice)
		b->twice = pairs <= FEW ? twice_of_few(c, pairs) : twice_of_many(c, pairs);
	n->key = arena_new_array(b->arena, struct node *, pairs + more);
	n->item = arena_new_array(b->arena, struct node *, pairs + more);
	if (!n->key || !n->item)
		return false;
	for (uint32_t i = 0; more && i < pairs; i++)
		if (is_merge(c[2 * i].node, c[2 * i + 1].node))
			merge(n, c[2 * i + 1].node);
	for (uint32_t i = 0; i < pairs; i++) {
		if (is_merge(c[2 * i].node, c[2 * i + 1].node))
			continue;
		n->key[n->n] = c[2 * i].node;
		n->item[n->n++] = c[2 * i + 1].node;
	}
	return true;
}

static bool close_list(struct yaml_build *b, struct node *n, const struct yaml_child *c,
		       uint32_t items)
{
	n->item = items ? arena_new_array(b->arena, struct node *, items) : NULL;
	if (items && !n->item)
		return false;
	for (n->n = 0; n->n < items; n->n++)
		n->item[n->n] = c[n->n].node;
	return true;
}

struct yaml_child yaml_close(struct yaml_build *b)
{
	uint32_t from = b->from[--b->depth], n = b->n_done - from;
	struct yaml_child got = { b->open[b->depth], 1, 0 };
	const struct yaml_child *c = n ? b->done + from : NULL;
	uint64_t weight = 1;

	for (uint32_t i = 0; i < n; i++) {
		weight += c[i].weight;
		if (c[i].height > got.height)
			got.height = c[i].height;
	}
	got.height++;
	got.weight = weight > UINT32_MAX ? UINT32_MAX : (uint32_t)weight;
	if (!(got.node->kind == NODE_MAP ? close_map(b, got.node, c, n / 2)
					 : close_list(b, got.node, c, n)))
		got.node = NULL;
	b->n_done = from;
	return got;
}

struct node *yaml_root(struct yaml_build *b)
{
	struct node *root = b->n_done ? b->done[0].node : NULL;

	if (root)
		root->twice = b->twice;
	return root;
}
