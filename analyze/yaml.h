/*
 * yaml - YAML (and JSON) documents as trees that remember where each node stood.
 *
 * libyaml's events, bounded: depth, nodes, aliases and bytes have limits, so no
 * document can take more memory than a small multiple of its size.  Trees
 * live in the arena given; text borrows from it.
 */
#ifndef ANALYZE_YAML_H
#define ANALYZE_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/cursor.h"
#include "common/err.h"

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	bool quoted;			/* scalar was quoted: "8443" is text, 8443 a number */
	uint32_t line, column;		/* 1-based */
	struct slice text;		/* of a scalar */
	uint32_t n;			/* children: list items, or map pairs */
	struct node **item;		/* list: n items; map: n values */
	struct node **key;		/* map: n keys */
	const struct node *twice;	/* of a root: a key somewhere in it that its map had before */
};

/* The value of a key, NULL where the node is NULL, no map, or lacks it.  The last of duplicates. */
struct node *node_get(const struct node *map, const char *key);
/* The same through "spec.selector.matchLabels". */
struct node *node_at(const struct node *map, const char *dotted);
/* A scalar's text; empty for anything else, NULL included. */
struct slice node_text(const struct node *n);
bool node_int(const struct node *n, int64_t *v);	/* a decimal integer, quoted or not */
bool node_bool(const struct node *n, bool *v);		/* true/false only */

/* One more pair in a map; as the last of its key it is the one that counts.  It stands where the map does. */
void node_set(struct arena *a, struct node *map, struct slice key, struct slice value);

/*
 * Parse one stream.  `each` is called with every document's root in order; it returns 0, or -1 with
 * *e set to stop.  -1: *e names line:column and what was expected; documents before were delivered.
 */
int yaml_parse(struct slice text, struct arena *a,
	       int (*each)(void *ctx, struct node *root, struct err *e), void *ctx, struct err *e);

#endif
