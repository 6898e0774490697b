/*
 * store_feed: memory as a table, so that thousands of rows go in by one
 * INSERT ... SELECT.  A third faster than a bound INSERT a row: the statement's start and end
 * are paid once a block.  An eponymous virtual table; it shows s->feed and exists only
 * on the writer's connection.
 */
#include <stdlib.h>

#include "schema/store_part.h"

struct feed_table {
	sqlite3_vtab base;
	const struct store *store;
};

struct feed_cursor {
	sqlite3_vtab_cursor base;
	size_t row;
};

static const struct feed *feed_of(sqlite3_vtab *t)
{
	return &((struct feed_table *)t)->store->feed;
}

static int feed_connect(sqlite3 *db, void *store, int argc, const char *const *argv,
			sqlite3_vtab **out, char **why)
{
	struct feed_table *t;
	int rc = sqlite3_declare_vtab(db, "CREATE TABLE x (c0, c1, c2, c3, c4, c5, c6, c7, c8, "
		"c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20)");

	(void)argc;
	(void)argv;
	(void)why;
	if (rc != SQLITE_OK)
		return rc;
	t = sqlite3_malloc(sizeof *t);
	if (!t)
		return SQLITE_NOMEM;
	*t = (struct feed_table){ .store = store };
	*out = &t->base;
	return SQLITE_OK;
}

static int feed_disconnect(sqlite3_vtab *t)
{
	sqlite3_free(t);
	return SQLITE_OK;
}

static int feed_best_index(sqlite3_vtab *t, sqlite3_index_info *info)
{
	info->estimatedCost = 1e6;
	info->estimatedRows = (sqlite3_int64)feed_of(t)->rows;
	return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
	struct feed_cursor *c = sqlite3_malloc(sizeof *c);

	(void)t;
	if (!c)
		return SQLITE_NOMEM;
	*c = (struct feed_cursor){ 0 };
	*out = &c->base;
	return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *c)
{
	sqlite3_free(c);
	return SQLITE_OK;
}

static int feed_filter(sqlite3_vtab_cursor *c, int plan, const char *name, int argc,
		       sqlite3_value **argv)
{
	(void)plan;
	(void)name;
	(void)argc;
	(void)argv;
	((struct feed_cursor *)c)->row = 0;
	return SQLITE_OK;
}

static int feed_next(sqlite3_vtab_cursor *c)
{
	((struct feed_cursor *)c)->row++;
	return SQLITE_OK;
}

static int feed_eof(sqlite3_vtab_cursor *c)
{
	return ((struct feed_cursor *)c)->row >= feed_of(c->pVtab)->rows;
}

static int feed_column(sqlite3_vtab_cursor *c, sqlite3_context *out, int column)
{
	const struct feed *f = feed_of(c->pVtab);

	f->column(f, ((struct feed_cursor *)c)->row, column, out);
	return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *id)
{
	*id = (sqlite3_int64)((struct feed_cursor *)c)->row;
	return SQLITE_OK;
}

static const sqlite3_module feed_module = {
	.iVersion = 1,
	.xConnect = feed_connect,
	.xBestIndex = feed_best_index,
	.xDisconnect = feed_disconnect,
	.xOpen = feed_open,
	.xClose = feed_close,
	.xFilter = feed_filter,
	.xNext = feed_next,
	.xEof = feed_eof,
	.xColumn = feed_column,
	.xRowid = feed_rowid,
};

int feed_register(struct store *s, struct err *e)
{
	if (sqlite3_create_module(s->db, "egret_feed", &feed_module, s) != SQLITE_OK)
		return db_error(s->db, e);
	return 0;
}

int feed_run(struct store *s, enum statement st, const struct feed *f, struct err *e)
{
	if (!f->rows)
		return 0;
	s->feed = *f;
	int rc = db_done(s, st, e);
	s->feed = (struct feed){ 0 };
	return rc;
}
