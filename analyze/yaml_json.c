/*
 * yaml_json: JSON texts (one, or several one after another) into the same trees.
 * Strings are `quoted`; numbers, true and false are plain scalars.
 *
 * Two passes: yaml_json_valid decides that the whole text is JSON (else it is read as YAML, whose
 * messages then name the fault), so that yaml_json can only fail by a limit.
 * Lines and columns are counted once, forward, as the tokens come.
 */
#include "analyze/yaml_build.h"

#include <assert.h>

#include "common/buf.h"
#include "common/json.h"

static bool valid_utf8(struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t code;
		size_t len = s.p[i] < 0x80 ? 1 : utf8_len(s.p + i, s.n - i, &code);

		if (!len)
			return false;
		i += len;
	}
	return true;
}

static struct slice skip_blank(struct slice s)
{
	size_t n = 0;

	while (n < s.n && memchr(" \t\r\n", s.p[n], 4))
		n++;
	return slice_from(s, n);
}

/* The length of the JSON value at the start of s; 0: not JSON. */
static size_t value_length(struct slice s)
{
	struct json j;

	json_init(&j, s);
	do {
		enum json_token t = json_next(&j);
		if (t == JSON_BAD || t == JSON_END)
			return 0;
	} while (j.depth);
	return j.at;
}

bool yaml_json_valid(struct slice text)
{
	if (!valid_utf8(text))
		return false;
	for (text = skip_blank(text); text.n; text = skip_blank(text)) {
		size_t n = value_length(text);
		if (!n)
			return false;
		text = slice_from(text, n);
	}
	return true;
}

struct place {
	size_t at;		/* counted up to here */
	uint32_t line, column;
};

static void advance(struct place *p, struct slice text, size_t to)
{
	for (; p->at < to; p->at++) {
		if (text.p[p->at] == '\n') {
			p->line++;
			p->column = 1;
		} else if ((text.p[p->at] & 0xc0) != 0x80) {
			p->column++;
		}
	}
}

static bool scalar(struct yaml_build *b, struct json *j, enum json_token t, struct node *n)
{
	n->kind = t == JSON_NULL ? NODE_NULL : NODE_SCALAR;
	n->quoted = t == JSON_STRING || t == JSON_KEY;
	if (n->quoted)
		n->text = json_unescape(j, b->arena);
	else
		n->text = (struct slice){ j->in.p + j->start, j->at - j->start };
	/* Unescaped text is new in the arena already; the rest borrows from the input. */
	if (!(n->quoted && j->escaped))
		n->text = arena_copy(b->arena, n->text);
	yaml_add(b, (struct yaml_child){ n, 1, 0 });
	return n->text.p != NULL;
}

static bool token(struct yaml_build *b, struct json *j, enum json_token t, struct place *at)
{
	struct yaml_child c;
	struct node *n;

	if (t == JSON_OBJECT_END || t == JSON_ARRAY_END) {
		c = yaml_close(b);
		if (c.node)
			yaml_add(b, c);
		return c.node != NULL;
	}
	n = yaml_node(b, at->line, at->column);
	if (!n)
		return false;
	if (t != JSON_OBJECT && t != JSON_ARRAY)
		return scalar(b, j, t, n);
	n->kind = t == JSON_OBJECT ? NODE_MAP : NODE_LIST;
	yaml_open(b, n);
	return true;
}

int yaml_json(struct yaml_build *b, struct err *e)
{
	struct place at = { 0, 1, 1 };
	struct slice rest = skip_blank(b->text);

	while (rest.n) {
		struct json j;
		size_t base = b->text.n - rest.n;

		json_init(&j, rest);
		yaml_restart(b);
		do {
			enum json_token t = json_next(&j);

			assert(t != JSON_BAD && t != JSON_END);
			advance(&at, b->text, base + j.start);
			if (!token(b, &j, t, &at))
				return yaml_fail(b->text, at.line, at.column, YAML_TOO_LARGE, e);
		} while (j.depth);
		struct node *root = yaml_root(b);
		if (root->kind != NODE_NULL && b->each(b->ctx, root, e))
			return -1;
		rest = skip_blank(slice_from(rest, j.at));
	}
	return 0;
}
