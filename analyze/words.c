#include "analyze/words.h"

#include <stdio.h>

#include "common/buf.h"

char *say_buffer(void)
{
	static _Thread_local char text[8][WORD_MAX];
	static _Thread_local unsigned turn;

	return text[turn++ % 8];
}

/* What a buffer holds, cut to a word's length. */
static const char *word(struct buf *b)
{
	char *t = say_buffer();

	snprintf(t, WORD_MAX, "%.*s", (int)b->n, b->n ? (const char *)b->p : "");
	buf_release(b);
	return t;
}

const char *say(struct slice s)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_quote(&b, (struct slice){ s.p, s.n < 800 ? s.n : 800 });
	return word(&b);
}

const char *say_node(const struct node *n)
{
	return say(node_text(n));
}

const char *say_object(const struct object *o)
{
	struct buf b;

	buf_init(&b, 4096);
	object_print(&b, o);
	return word(&b);
}
