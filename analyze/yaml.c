/*
 * yaml: libyaml's events into trees.
 *
 * Open containers stand on a stack (`open`), their finished children on
 * another (`done`); when a container ends its children are copied into the arena.
 * An alias shares the anchored node.  So that walking a tree stays as cheap
 * as building it, every alias is charged the whole weight of what it stands for
 * ("billion laughs" fails at YAML_SHARED), and an alias to a container that is
 * still open (a cycle) is refused.
 *
 * A text that begins with { or [ is read as JSON first (yaml_json.c): libyaml
 * refuses some JSON (surrogate escapes, long keys), and kubectl prints much of it.
 */
#include "analyze/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "analyze/yaml_build.h"
#include "common/buf.h"
#include "common/map.h"

struct anchor {
	struct slice name;
	struct node *node;	/* NULL: still open */
	uint32_t weight, height;
};

struct reader {
	struct yaml_build b;
	yaml_parser_t parser;
	struct map anchors;	/* of this document */
	struct anchor *waiting[YAML_DEPTH];	/* the anchor of each open container */
};

/* The line that a mark points into, from the mark on, made safe and short. */
static void excerpt(struct slice text, size_t line, size_t column, struct buf *out)
{
	struct slice s = text;

	for (; line; line--) {
		const uint8_t *nl = s.n ? memchr(s.p, '\n', s.n) : NULL;
		if (!nl)
			return;
		s = slice_from(s, (size_t)(nl - s.p) + 1);
	}
	for (size_t left = column; left && s.n && *s.p != '\n'; left--) {
		size_t len = utf8_len(s.p, s.n, &(uint32_t){ 0 });
		s = slice_from(s, len ? len : 1);
	}
	size_t n = 0;
	while (n < s.n && n < 60 && s.p[n] != '\n' && s.p[n] != '\r')
		n++;
	buf_quote(out, (struct slice){ s.p, n });
}

int yaml_fail(struct slice text, uint32_t line, uint32_t column, const char *what, struct err *e)
{
	struct buf near;

	buf_init(&near, 400);
	excerpt(text, line - 1, column - 1, &near);
	err_set(e, ERR_INPUT, near.n ? "%u:%u: %s, at \"%.*s\"" : "%u:%u: %s", line, column,
		what, (int)near.n, near.n ? (const char *)near.p : "");
	buf_release(&near);
	return -1;
}

/* The line and column of a byte, for what is no text. */
static int byte_fail(struct slice text, size_t at, const char *problem, struct err *e)
{
	uint32_t line = 1, column = 1;
	char what[200];

	for (size_t i = 0; i < at && i < text.n; i++) {
		bool next = text.p[i] == '\n';

		line += next;
		column = next ? 1 : column + ((text.p[i] & 0xc0) != 0x80);
	}
	snprintf(what, sizeof what, "not UTF-8 text (%s)", problem);
	return yaml_fail(text, line, column, what, e);
}

static int parser_fail(struct reader *r, struct err *e)
{
	const yaml_parser_t *p = &r->parser;
	yaml_mark_t at = p->problem_mark;
	char what[200];

	if (p->error == YAML_READER_ERROR)	/* has an offset, no mark */
		return byte_fail(r->b.text, p->problem_offset, p->problem, e);
	if (p->error == YAML_MEMORY_ERROR)
		abort();
	snprintf(what, sizeof what, "YAML: %s%s%s", p->context ? p->context : "",
		 p->context ? ": " : "", p->problem ? p->problem : "malformed");
	return yaml_fail(r->b.text, (uint32_t)at.line + 1, (uint32_t)at.column + 1, what, e);
}

static int event_fail(struct reader *r, const yaml_event_t *ev, const char *what, struct err *e)
{
	return yaml_fail(r->b.text, (uint32_t)ev->start_mark.line + 1,
			 (uint32_t)ev->start_mark.column + 1, what, e);
}

/* --- anchors ------------------------------------------------------------------------- */

static struct anchor *anchor_new(struct reader *r, const yaml_char_t *name)
{
	struct anchor *a;
	struct slice copy;

	if (!name)
		return NULL;
	a = arena_new_object(r->b.arena, struct anchor);
	copy = arena_copy(r->b.arena, slice_of((const char *)name));
	if (!a || !copy.p)
		return NULL;
	a->name = copy;
	map_take(&r->anchors, copy);	/* a later anchor of the same name replaces it */
	return map_put(&r->anchors, copy, a) ? a : NULL;
}

static void anchor_set(struct anchor *a, const struct yaml_child *c)
{
	if (!a)
		return;
	a->node = c->node;
	a->weight = c->weight;
	a->height = c->height;
}

/* --- events -------------------------------------------------------------------------- */

static bool is_null(struct slice s)
{
	return s.n == 0 || slice_is(s, "~") || slice_is(s, "null") || slice_is(s, "Null") ||
	       slice_is(s, "NULL");
}

static struct node *node_of(struct reader *r, const yaml_event_t *ev)
{
	return yaml_node(&r->b, (uint32_t)ev->start_mark.line + 1,
			 (uint32_t)ev->start_mark.column + 1);
}

static int on_scalar(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	struct slice text = { ev->data.scalar.value, ev->data.scalar.length };
	const char *tag = (const char *)ev->data.scalar.tag;
	struct node *n = node_of(r, ev);
	struct yaml_child c = { n, 1, 0 };

	if (!n)
		return event_fail(r, ev, YAML_TOO_LARGE, e);
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
		    (tag && !strcmp(tag, YAML_STR_TAG));
	n->kind = !n->quoted && is_null(text) ? NODE_NULL : NODE_SCALAR;
	n->text = arena_copy(r->b.arena, text);
	if (!n->text.p && text.n)
		return event_fail(r, ev, YAML_TOO_LARGE, e);
	anchor_set(anchor_new(r, ev->data.scalar.anchor), &c);
	yaml_add(&r->b, c);
	return 0;
}

static int on_open(struct reader *r, const yaml_event_t *ev, enum node_kind kind,
		   const yaml_char_t *anchor, struct err *e)
{
	struct node *n;

	if (r->b.depth == YAML_DEPTH)
		return event_fail(r, ev, YAML_TOO_DEEP, e);
	n = node_of(r, ev);
	if (!n)
		return event_fail(r, ev, YAML_TOO_LARGE, e);
	n->kind = kind;
	r->waiting[r->b.depth] = anchor_new(r, anchor);
	yaml_open(&r->b, n);
	return 0;
}

static int on_close(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	struct yaml_child c = yaml_close(&r->b);

	if (!c.node)
		return event_fail(r, ev, YAML_TOO_LARGE, e);
	anchor_set(r->waiting[r->b.depth], &c);
	yaml_add(&r->b, c);
	return 0;
}

static int on_alias(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	struct anchor *a = map_get(&r->anchors, slice_of((const char *)ev->data.alias.anchor));
	struct yaml_child c;

	if (!a)
		return event_fail(r, ev, "alias to an anchor that is not there", e);
	if (!a->node)
		return event_fail(r, ev, "alias to the node that it stands in", e);
	if (r->b.depth + a->height > YAML_DEPTH)
		return event_fail(r, ev, YAML_TOO_DEEP, e);
	if (a->weight > YAML_SHARED - r->b.shared)
		return event_fail(r, ev, YAML_LAUGHS, e);
	r->b.shared += a->weight;
	c = (struct yaml_child){ a->node, a->weight, a->height };
	yaml_add(&r->b, c);
	return 0;
}

static int on_event(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	struct node *root;

	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, ev, NODE_LIST, ev->data.sequence_start.anchor, e);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, ev, NODE_MAP, ev->data.mapping_start.anchor, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(r, ev, e);
	case YAML_ALIAS_EVENT:
		return on_alias(r, ev, e);
	case YAML_DOCUMENT_START_EVENT:
		yaml_restart(&r->b);
		map_release(&r->anchors);
		map_init(&r->anchors, YAML_ANCHORS);
		return 0;
	case YAML_DOCUMENT_END_EVENT:
		root = yaml_root(&r->b);
		return root && root->kind != NODE_NULL ? r->b.each(r->b.ctx, root, e) : 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
		return 0;
	}
	return 0;
}

static int read_events(struct reader *r, struct err *e)
{
	for (bool more = true; more;) {
		yaml_event_t ev;
		int rc;

		if (!yaml_parser_parse(&r->parser, &ev))
			return parser_fail(r, e);
		rc = on_event(r, &ev, e);
		more = ev.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
		if (rc)
			return -1;
	}
	return 0;
}

static bool looks_like_json(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr(" \t\r\n", text.p[i]))
			return text.p[i] == '{' || text.p[i] == '[';
	return false;
}

int yaml_parse(struct slice text, struct arena *a,
	       int (*each)(void *ctx, struct node *root, struct err *e), void *ctx, struct err *e)
{
	struct reader r = { 0 };
	int rc;

	if (text.n > YAML_BYTES)
		return err_set(e, ERR_LIMIT, "1:1: larger than %d bytes", (int)YAML_BYTES);
	yaml_build_init(&r.b, text, a, each, ctx);
	if (looks_like_json(text) && yaml_json_valid(text)) {
		rc = yaml_json(&r.b, e);
	} else {
		if (!yaml_parser_initialize(&r.parser))
			abort();
		map_init(&r.anchors, YAML_ANCHORS);
		yaml_parser_set_input_string(&r.parser, text.p ? text.p : (const uint8_t *)"",
					     text.n);
		rc = read_events(&r, e);
		map_release(&r.anchors);
		yaml_parser_delete(&r.parser);
	}
	yaml_build_release(&r.b);
	return rc;
}
