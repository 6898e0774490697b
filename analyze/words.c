#include "analyze/words.h"

#include <stdio.h>
#include <string.h>

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

/* Nothing in it is to be quoted, and it fits: nearly always. */
static bool plain(struct slice s)
{
	uint8_t odd = 0;

	for (size_t i = 0; i < s.n && i < WORD_MAX; i++)
		odd |= (uint8_t)((uint8_t)(s.p[i] - 0x20) > 0x5e);
	return !odd && s.n < WORD_MAX;
}

const char *say(struct slice s)
{
	struct buf b;

	if (plain(s)) {
		char *t = say_buffer();
		if (s.n)
			memcpy(t, s.p, s.n);
		t[s.n] = 0;
		return t;
	}
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
