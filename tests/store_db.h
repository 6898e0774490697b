/* store_db - a scratch database for a test program, and queries as text. */
#ifndef TESTS_STORE_DB_H
#define TESTS_STORE_DB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/store.h"

static inline void db_remove(const char *path)
{
	static const char *const tail[] = { "", "-wal", "-shm", "-lock", "-journal" };
	char name[4096];

	for (int k = 0; k < 5; k++) {
		snprintf(name, sizeof name, "%s%s", path, tail[k]);
		unlink(name);
	}
}

static inline int db_print_row(void *ctx, size_t n, const char *const *names,
			       const struct store_value *v)
{
	struct buf *b = ctx;

	(void)names;
	for (size_t k = 0; k < n; k++) {
		buf_str(b, k ? "|" : "");
		if (v[k].type == STORE_INT)
			buf_int(b, v[k].num);
		else if (v[k].type == STORE_REAL)
			buf_printf(b, "%.15g", v[k].real);
		else if (v[k].type != STORE_NULL)
			buf_quote(b, v[k].text);
	}
	buf_byte(b, '\n');
	return 0;
}

/* Rows as lines of values with | between; the error's text when it fails.  Ended by a NUL. */
static inline const char *db_text(struct store *s, const char *sql, struct buf *b)
{
	struct err e = { 0 };

	buf_release(b);
	buf_init(b, 64 << 20);
	if (store_query(s, sql, NULL, 0, (struct store_limits){ 0 }, db_print_row, b, NULL, &e))
		buf_printf(b, "error: %s\n", e.msg);
	buf_byte(b, 0);
	return (const char *)b->p;
}

static inline long long db_number(struct store *s, const char *sql)
{
	struct buf b = { 0 };
	long long v = strtoll(db_text(s, sql, &b), NULL, 10);

	buf_release(&b);
	return v;
}

#endif
