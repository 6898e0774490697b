/*
 * where: the text to terms.  The grammar is regular: one pass, no recursion, every error names
 * the character.
 */
#include "schema/where.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/where_part.h"

/* Longer ones first: "!=" is not "!". */
static const struct { const char *text; enum where_op op; } ops[] = {
	{ "!=", OP_NOT }, { "<=", OP_LESS_EQ }, { ">=", OP_MORE_EQ }, { "<", OP_LESS },
	{ ">", OP_MORE }, { "=", OP_EXACT }, { "~", OP_HAS }, { ":", OP_IS },
};

enum { N_OPS = sizeof ops / sizeof *ops };

int where_wrong(const struct where_term *t, struct err *e, const char *fmt, ...)
{
	char what[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_USAGE, "filter, character %zu: %s", t->at, what);
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool key_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-' || c == '*' || c == '?' || c == '/';
}

static bool read_op(struct cursor *c, enum where_op *op)
{
	for (size_t k = 0; k < N_OPS; k++) {
		struct slice text = slice_of(ops[k].text);
		if (!slice_starts(cur_rest(c), text))
			continue;
		cur_take(c, text.n);
		*op = ops[k].op;
		return true;
	}
	return false;
}

/* "..." with \" and \\; the cursor stands behind the first quote. */
static bool read_quoted(struct where *w, struct cursor *c, struct slice *out)
{
	uint8_t *to = arena_bytes(w->arena, cur_left(c) + 1);
	size_t n = 0;

	if (!to)
		return false;
	while (cur_left(c)) {
		uint8_t b = cur_take(c, 1).p[0];
		if (b == '"') {
			*out = (struct slice){ to, n };
			return true;
		}
		if (b == '\\' && cur_left(c))
			b = cur_take(c, 1).p[0];
		to[n++] = b;
	}
	return false;
}

static int read_value(struct where *w, struct cursor *c, struct where_term *t, struct err *e)
{
	struct slice rest = cur_rest(c);

	if (rest.n && rest.p[0] == '"') {
		cur_take(c, 1);
		t->quoted = true;
		if (!read_quoted(w, c, &t->value))
			return where_wrong(t, e, "the quote is never closed");
		if (cur_left(c) && !blank(*c->at))
			return where_wrong(t, e, "expected a blank after the closing quote");
		return 0;
	}
	size_t n = 0;
	while (n < rest.n && !blank(rest.p[n]))
		n++;
	t->value = arena_copy(w->arena, cur_take(c, n));
	if (!n)
		return where_wrong(t, e, "%.*s has no value", (int)t->key.n, (const char *)t->key.p);
	return 0;
}

/*
 * Who writes SQL means a condition, and would be told that no host is called so: "verdict = deny",
 * "a:b and c:d".  In quotes it is a word like any other.
 */
static int refuse_sql(const struct where_term *t, struct err *e)
{
	static const char *const joins[] = { "and", "or", "not" };
	const struct slice word = t->value;
	struct cursor c = cur_of(word);
	enum where_op op;

	if (t->quoted)
		return 0;
	if (read_op(&c, &op))
		return where_wrong(t, e, "%.*s has no key: write KEY:VALUE without blanks", (int)word.n,
				   (const char *)word.p);
	for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
		if (word.n == strlen(joins[i]) && !strncasecmp((const char *)word.p, joins[i], word.n))
			return where_wrong(t, e, "%s joins nothing here: all terms must hold, - before a term turns "
					   "it round; \"%s\" in quotes is a word", joins[i], joins[i]);
	return 0;
}

static int read_term(struct where *w, struct cursor *c, struct where_term *t, struct err *e)
{
	struct slice rest;
	size_t n = 0;

	if (*c->at == '-' || *c->at == '!') {
		t->negated = true;
		cur_take(c, 1);
	}
	rest = cur_rest(c);
	while (n < rest.n && key_byte(rest.p[n]))
		n++;
	t->key = arena_copy(w->arena, (struct slice){ rest.p, n });
	if (n && n < rest.n && !blank(rest.p[n])) {
		cur_take(c, n);
		if (!read_op(c, &t->op))
			return where_wrong(t, e, "expected : = != ~ < <= > or >= after %.*s", (int)n,
					   (const char *)rest.p);
		return read_value(w, c, t, e);
	}
	if (!rest.n || blank(rest.p[0]))
		return where_wrong(t, e, "expected KEY:VALUE");
	/* A bare word: part of a host. */
	t->key = SLICE("host");
	t->op = OP_HAS;
	return read_value(w, c, t, e) || refuse_sql(t, e) ? -1 : 0;
}

static int add_term(struct where *w, const struct where_term *t, struct err *e)
{
	if (w->n_terms == WHERE_TERMS_MAX)
		return where_wrong(t, e, "more than %d terms", WHERE_TERMS_MAX);
	buf_str(&w->sql, w->n_terms ? " AND (" : "(");
	if (where_compile(w, t, e))
		return -1;
	buf_byte(&w->sql, ')');
	if (w->full || w->sql.full)
		return where_wrong(t, e, "the filter is too long");
	w->term[w->n_terms++] = *t;
	w->n_term_params = w->n_params;
	return 0;
}

static int read_all(struct where *w, struct slice text, struct err *e)
{
	struct cursor c = cur_of(text);

	while (cur_left(&c)) {
		if (blank(*c.at)) {
			cur_take(&c, 1);
			continue;
		}
		struct where_term t = { .at = (size_t)(c.at - text.p) + 1 };
		if (read_term(w, &c, &t, e) || add_term(w, &t, e))
			return -1;
	}
	return 0;
}

struct where *where_parse(enum where_of of, struct slice text, int64_t now, struct err *e)
{
	struct where *w = calloc(1, sizeof *w);

	if (!w)
		abort();
	w->of = of;
	w->now = now;
	w->arena = arena_new(1 << 20);
	buf_init(&w->sql, 1 << 18);
	buf_init(&w->select, 1 << 19);
	if (text.n > WHERE_TEXT_MAX)
		err_set(e, ERR_USAGE, "filter: longer than %d bytes", WHERE_TEXT_MAX);
	else if (!read_all(w, text, e))
		return w;
	where_free(&w);
	return NULL;
}

void where_free(struct where **w)
{
	if (!*w)
		return;
	arena_free(&(*w)->arena);
	buf_release(&(*w)->sql);
	buf_release(&(*w)->select);
	free(*w);
	*w = NULL;
}

int where_and(struct where *w, const char *key, struct slice value, struct err *e)
{
	struct where_term t = { .key = arena_copy(w->arena, slice_of(key)),
				.value = arena_copy(w->arena, value), .op = OP_IS };

	if (add_term(w, &t, e)) {
		err_set(e, ERR_USAGE, "%s: %.*s is not a value for it", key, (int)value.n,
			(const char *)value.p);
		return -1;
	}
	return 0;
}

static void print_value(struct buf *out, const struct where_term *t)
{
	bool quote = t->quoted;

	for (size_t i = 0; i < t->value.n; i++)
		quote |= blank(t->value.p[i]) || t->value.p[i] == '"';
	if (!quote) {
		buf_add(out, t->value);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < t->value.n; i++) {
		if (t->value.p[i] == '"' || t->value.p[i] == '\\')
			buf_byte(out, '\\');
		buf_byte(out, t->value.p[i]);
	}
	buf_byte(out, '"');
}

void where_print(const struct where *w, struct buf *out)
{
	for (size_t i = 0; i < w->n_terms; i++) {
		const struct where_term *t = &w->term[i];

		buf_str(out, i ? " " : "");
		buf_str(out, t->negated ? "-" : "");
		buf_add(out, t->key);
		for (size_t k = 0; k < N_OPS; k++)
			if (ops[k].op == t->op)
				buf_str(out, ops[k].text);
		print_value(out, t);
	}
}

static const char *bind(struct where *w, struct store_value v)
{
	if (w->n_params == WHERE_PARAMS_MAX) {
		w->full = true;
		return ":w0";
	}
	char *name = w->name[w->n_params];
	snprintf(name, sizeof w->name[0], ":w%u", (unsigned)w->n_params);
	w->param[w->n_params++] = (struct store_param){ name, v };
	return name;
}

const char *where_bind_text(struct where *w, struct slice v)
{
	struct slice own = arena_copy(w->arena, v);

	w->full |= v.n && !own.n;
	return bind(w, (struct store_value){ .type = STORE_TEXT, .text = own });
}

const char *where_bind_blob(struct where *w, struct slice v)
{
	return bind(w, (struct store_value){ .type = STORE_BLOB, .text = arena_copy(w->arena, v) });
}

const char *where_bind_int(struct where *w, int64_t v)
{
	return bind(w, (struct store_value){ .type = STORE_INT, .num = v });
}

const char *where_bind_real(struct where *w, double v)
{
	return bind(w, (struct store_value){ .type = STORE_REAL, .real = v });
}

const struct store_param *where_params(const struct where *w, size_t *n)
{
	*n = w->n_params;
	return w->param;
}
