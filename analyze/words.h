/* words - bytes from outside and objects as text for messages: quoted, short, in a few turning buffers. */
#ifndef ANALYZE_WORDS_H
#define ANALYZE_WORDS_H

#include "analyze/policy.h"
#include "common/cursor.h"

/* The next buffer of the turn, WORD_MAX bytes: eight may be used in one sentence.  One turn a thread. */
enum { WORD_MAX = 300 };
char *say_buffer(void);

const char *say(struct slice s);
const char *say_node(const struct node *n);		/* a scalar's text */
const char *say_object(const struct object *o);		/* "Kind namespace/name" */

#endif
