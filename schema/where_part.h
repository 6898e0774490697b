/* where_part - what the filter's parser hands to its compiler. */
#ifndef SCHEMA_WHERE_PART_H
#define SCHEMA_WHERE_PART_H

#include "common/arena.h"
#include "schema/where.h"

enum where_op { OP_IS, OP_EXACT, OP_NOT, OP_HAS, OP_LESS, OP_LESS_EQ, OP_MORE, OP_MORE_EQ };

struct where_term {
	struct slice key, value;	/* value: quotes taken off, escapes resolved */
	bool negated, quoted;
	enum where_op op;
	size_t at;			/* character of the text, from 1 */
};

struct where {
	enum where_of of;
	int64_t now;
	struct arena *arena;
	struct where_term term[WHERE_TERMS_MAX];
	size_t n_terms;
	struct buf sql, select;
	struct store_param param[WHERE_PARAMS_MAX];
	char name[WHERE_PARAMS_MAX][8];
	size_t n_params, n_term_params;	/* the terms' own come first */
	bool notable;			/* only rows of the partial index can match */
	bool full;			/* too many parameters */
};

/* Compile one term onto w->sql. */
int where_compile(struct where *w, const struct where_term *t, struct err *e);

/* ":w3" for a new parameter. */
const char *where_bind_text(struct where *w, struct slice v);
const char *where_bind_blob(struct where *w, struct slice v);
const char *where_bind_int(struct where *w, int64_t v);
const char *where_bind_real(struct where *w, double v);

/* where_value.c: `expr OP value` for a field kept at `column`; joined alternatives. */
int where_field(struct where *w, const struct where_term *t, int field, struct err *e);
int where_text(struct where *w, const struct where_term *t, const char *column, bool interned,
	       bool lower, struct err *e);
int where_time(struct where *w, const struct where_term *t, int64_t *ns, struct err *e);
int where_wrong(const struct where_term *t, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "a,b,c" one by one; false: no more. */
bool where_next(struct slice *rest, struct slice *one, bool whole);

#endif
