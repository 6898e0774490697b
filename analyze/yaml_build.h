/*
 * yaml_build - the tree under construction; private to yaml.c and yaml_json.c.
 *
 * Containers are opened, children added, containers closed.  A map's children
 * alternate key, value.  Weight counts a node and everything below it, aliases
 * expanded; height is the number of container levels.
 */
#ifndef ANALYZE_YAML_BUILD_H
#define ANALYZE_YAML_BUILD_H

#include "analyze/yaml.h"

enum {
	YAML_BYTES = 64 << 20,		/* of one stream */
	YAML_DEPTH = 64,		/* containers inside one another */
	YAML_NODES = 6 << 20,		/* of one stream */
	YAML_SHARED = 2 << 20,		/* of one stream: nodes that aliases stand for */
	YAML_ANCHORS = 1 << 16,		/* of one document */
};

#define YAML_TOO_DEEP "nested deeper than 64 levels"
#define YAML_TOO_LARGE "too many nodes"
#define YAML_LAUGHS "aliases stand for too many nodes"

struct yaml_child {
	struct node *node;
	uint32_t weight, height;
};

struct yaml_build {
	struct slice text;
	struct arena *arena;
	int (*each)(void *ctx, struct node *root, struct err *e);
	void *ctx;
	struct node *open[YAML_DEPTH];
	uint32_t from[YAML_DEPTH];	/* where an open container's children begin in done[] */
	uint32_t depth;
	struct yaml_child *done;
	uint32_t n_done, room;
	uint32_t nodes, shared;		/* of the stream: made, and stood for by aliases */
	const struct node *twice;	/* of the document: the first key that its map had before */
};

void yaml_build_init(struct yaml_build *b, struct slice text, struct arena *a,
		     int (*each)(void *, struct node *, struct err *), void *ctx);
void yaml_build_release(struct yaml_build *b);
void yaml_restart(struct yaml_build *b);		/* a new document */
struct node *yaml_node(struct yaml_build *b, uint32_t line, uint32_t column); /* NULL: limit */
void yaml_open(struct yaml_build *b, struct node *n);	/* depth checked by the caller */
struct yaml_child yaml_close(struct yaml_build *b);	/* node NULL: limit */
void yaml_add(struct yaml_build *b, struct yaml_child c);
struct node *yaml_root(struct yaml_build *b);		/* NULL: empty document */

/* "line:column: what, at "text"" as an error; -1. */
int yaml_fail(struct slice text, uint32_t line, uint32_t column, const char *what,
	      struct err *e);

bool yaml_json_valid(struct slice text);		/* one or more JSON texts, nothing else */
int yaml_json(struct yaml_build *b, struct err *e);	/* text is valid */

#endif
