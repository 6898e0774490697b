/* store_sql: the writer's statements, prepared once; those of the side tables from column.def. */
#include "schema/store_part.h"

static const char *const fixed[] = {
#define STATEMENT(id, sql) [ST_##id] = sql,
#include "schema/statement.def"
#undef STATEMENT
};

enum { N_FIXED = sizeof fixed / sizeof *fixed };

const char *const group_name[GROUPS] = {
	[GROUP_PEER] = "peer", [GROUP_TARGET] = "target", [GROUP_RESULT] = "result",
};

const struct column columns[] = {
#define PLACE_PEER GROUP_PEER
#define PLACE_TARGET GROUP_TARGET
#define PLACE_RESULT GROUP_RESULT
#define COLUMN(field, table) { F_##field, PLACE_##table },
#include "schema/column.def"
#undef COLUMN
};
const size_t n_columns = sizeof columns / sizeof *columns;

/* The columns of a side row in the order of its cells: the fixed ones, then column.def's. */
static void names(struct buf *b, unsigned g, const char *before, const char *between)
{
	static const char *const first[GROUPS][3] = {
		[GROUP_PEER] = { "digest", "absent" },
		[GROUP_TARGET] = { "digest", "absent", "host" },
		[GROUP_RESULT] = { "digest", "absent", "absent_row" },
	};
	int n = 0;

	for (int k = 0; k < 3 && first[g][k]; k++)
		buf_printf(b, "%s%s%s", n++ ? between : "", first[g][k], before);
	if (g == GROUP_RESULT)
		buf_printf(b, "%sfindings%s", between, before);
	for (size_t k = 0; k < n_columns; k++)
		if (columns[k].place == g)
			buf_printf(b, "%s%s%s", n++ ? between : "",
				   field_info[columns[k].field].name, before);
}

void group_columns(struct buf *b, unsigned g)
{
	names(b, g, "", ", ");
}

static void group_sql(struct buf *b, unsigned g, bool find)
{
	struct buf marks;

	buf_init(&marks, 4096);
	buf_clear(b);
	if (find) {
		buf_printf(b, "SELECT id FROM %s WHERE ", group_name[g]);
		names(b, g, " IS ?", " AND ");
	} else {
		buf_printf(b, "INSERT INTO %s (", group_name[g]);
		names(b, g, "", ", ");
		for (size_t k = 0; k < b->n; k++)
			if (b->p[k] == ',')
				buf_str(&marks, ", ?");
		buf_printf(b, ") VALUES (?%.*s)", (int)marks.n, (const char *)marks.p);
	}
	buf_byte(b, 0);
	buf_release(&marks);
}

static int prepare(struct store *s, int k, const char *sql, struct err *e)
{
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->st[k], NULL) !=
	    SQLITE_OK)
		return db_error(s->db, e);
	return 0;
}

int prepare_all(struct store *s, struct err *e)
{
	struct buf b;
	int rc = 0;

	for (int k = 0; k < N_FIXED; k++)
		if (prepare(s, k, fixed[k], e))
			return -1;
	buf_init(&b, 16384);
	for (unsigned g = 0; g < GROUPS && !rc; g++) {
		group_sql(&b, g, true);
		rc = prepare(s, ST_PEER_FIND + (int)g, (const char *)b.p, e);
		group_sql(&b, g, false);
		if (!rc)
			rc = prepare(s, ST_PEER_ADD + (int)g, (const char *)b.p, e);
	}
	buf_release(&b);
	return rc;
}
