/*
 * store_query: one statement that only reads, with limits.
 *
 * Three guards stand one behind the other: the connection is read-only, the authorizer lets only reading
 * through, and a progress handler ends what runs too long.
 */
#include <string.h>

#include "common/ip.h"
#include "schema/store_part.h"

enum { MAX_COLUMNS = 512, PROGRESS_STEPS = 2000, VALUE_MAX = 16 << 20 };

static int allow(void *ctx, int what, const char *a, const char *b, const char *db, const char *in)
{
	static const char *const pragmas[] = { "table_info", "table_xinfo", "table_list",
					       "index_list", "index_info", "user_version" };

	(void)ctx;
	(void)db;
	(void)in;
	switch (what) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return !strcmp(b, "load_extension") ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		for (size_t k = 0; k < sizeof pragmas / sizeof *pragmas; k++)
			if (!strcmp(a, pragmas[k]))
				return SQLITE_OK;
		return SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int too_late(void *deadline)
{
	return clock_monotonic() > *(int64_t *)deadline;
}

/* in_cidr(address, block): 1, 0, or NULL where either is not one. */
static void in_cidr(sqlite3_context *out, int n, sqlite3_value **v)
{
	struct slice s[2];
	struct ip ip;
	struct cidr block;

	(void)n;
	for (int k = 0; k < 2; k++) {
		s[k].p = sqlite3_value_text(v[k]);
		s[k].n = s[k].p ? (size_t)sqlite3_value_bytes(v[k]) : 0;
	}
	if (ip_parse(s[0], &ip) && cidr_parse(s[1], &block))
		sqlite3_result_int(out, cidr_has(&block, &ip));
}

/*
 * Table-valued functions that people may use.  SQLite sets each up at its first use by what the
 * authorizer would take for writing, so that is done before it stands.
 */
static int set_up_functions(sqlite3 *db, struct err *e)
{
	return db_run(db, "SELECT 1 FROM json_each('[]'); SELECT 1 FROM json_tree('[]');"
			  "SELECT 1 FROM pragma_table_info('flow') LIMIT 1;"
			  "SELECT 1 FROM pragma_table_list() LIMIT 1", e);
}

int store_reader(struct store *s, struct err *e)
{
	if (!s->reader)
		s->reader = db_open_reader(s->path, e);
	if (!s->reader)
		return err_at(e, "database %s", s->path);
	if (s->reader_ready)
		return 0;
	if (set_up_functions(s->reader, e))
		return err_at(e, "database %s", s->path);
	sqlite3_limit(s->reader, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_limit(s->reader, SQLITE_LIMIT_ATTACHED, 0);
	if (sqlite3_create_function_v2(s->reader, "in_cidr", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC |
				       SQLITE_INNOCUOUS, NULL, in_cidr, NULL, NULL, NULL) !=
	    SQLITE_OK || sqlite3_set_authorizer(s->reader, allow, NULL) != SQLITE_OK)
		return db_error(s->reader, e);
	s->reader_ready = true;
	return 0;
}

static struct store_value value_of(sqlite3_stmt *q, int k)
{
	struct store_value v = { .type = STORE_NULL };

	switch (sqlite3_column_type(q, k)) {
	case SQLITE_INTEGER:
		v.type = STORE_INT;
		v.num = sqlite3_column_int64(q, k);
		break;
	case SQLITE_FLOAT:
		v.type = STORE_REAL;
		v.real = sqlite3_column_double(q, k);
		break;
	case SQLITE_TEXT:
		v.type = STORE_TEXT;
		v.text.p = sqlite3_column_text(q, k);
		v.text.n = (size_t)sqlite3_column_bytes(q, k);
		break;
	case SQLITE_BLOB:
		v.type = STORE_BLOB;
		v.text.p = sqlite3_column_blob(q, k);
		v.text.n = (size_t)sqlite3_column_bytes(q, k);
		break;
	default:
		break;
	}
	return v;
}

void store_bind(sqlite3_stmt *q, const struct store_param *p, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		int at = sqlite3_bind_parameter_index(q, p[k].name);
		struct cell c = { .num = p[k].value.num, .type = p[k].value.type };

		if (!at)
			continue;
		if (c.type == STORE_REAL)
			c.real = p[k].value.real;
		else if (c.type == STORE_TEXT || c.type == STORE_BLOB)
			c = (struct cell){ .p = p[k].value.text.p, .type = c.type,
					   .n = (uint32_t)p[k].value.text.n };
		db_bind(q, at, &c);
	}
}

/* Step through the rows.  The code that ended it. */
static int step_all(sqlite3_stmt *q, uint64_t most, store_row_fn *row, void *ctx,
		    struct store_result *result)
{
	const char *names[MAX_COLUMNS];
	struct store_value values[MAX_COLUMNS];
	int n = sqlite3_column_count(q), rc;

	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		for (int k = 0; !result->rows && k < n; k++)	/* the first step may prepare anew */
			names[k] = sqlite3_column_name(q, k);
		if (most && result->rows == most) {
			result->cut_rows = true;
			return SQLITE_DONE;
		}
		for (int k = 0; k < n; k++)
			values[k] = value_of(q, k);
		result->rows++;
		if (row && row(ctx, (size_t)n, names, values))
			return SQLITE_DONE;
	}
	return rc;
}

static int query_error(sqlite3 *db, const char *what, struct err *e)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_ERROR:
	case SQLITE_AUTH:
	case SQLITE_RANGE:
	case SQLITE_TOOBIG:
		return err_set(e, ERR_INPUT, "%s: %s", what, sqlite3_errmsg(db));
	default:
		return db_error(db, e);
	}
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **q, struct err *e)
{
	const char *rest = "";

	if (sqlite3_prepare_v2(db, sql, -1, q, &rest) != SQLITE_OK)
		return sqlite3_errcode(db) == SQLITE_AUTH
			? err_set(e, ERR_INPUT, "SQL: only reading is allowed here")
			: query_error(db, "SQL", e);
	if (!*q)
		return err_set(e, ERR_INPUT, "SQL: no statement");
	if (rest[strspn(rest, " \t\r\n;")])
		return err_set(e, ERR_INPUT, "SQL: one statement at a time");
	if (!sqlite3_stmt_readonly(*q))
		return err_set(e, ERR_INPUT, "SQL: only reading is allowed here");
	if (sqlite3_column_count(*q) > MAX_COLUMNS)
		return err_set(e, ERR_INPUT, "SQL: more than %d columns", MAX_COLUMNS);
	return 0;
}

int store_query(struct store *s, const char *sql, const struct store_param *params, size_t n_params,
		struct store_limits limits, store_row_fn *row, void *ctx,
		struct store_result *result, struct err *e)
{
	struct store_result own;
	sqlite3_stmt *q = NULL;
	int64_t deadline = clock_monotonic() + limits.time_ns;
	int rc = -1;

	result = result ? result : &own;
	*result = (struct store_result){ 0 };
	if (store_reader(s, e))
		return -1;
	if (prepare(s->reader, sql, &q, e))
		goto out;
	store_bind(q, params, n_params);
	if (limits.time_ns)
		sqlite3_progress_handler(s->reader, PROGRESS_STEPS, too_late, &deadline);
	rc = step_all(q, limits.rows, row, ctx, result);
	result->cut_time = rc == SQLITE_INTERRUPT;
	rc = rc == SQLITE_DONE || rc == SQLITE_INTERRUPT ? 0 : query_error(s->reader, "SQL", e);
out:
	sqlite3_progress_handler(s->reader, 0, NULL, NULL);
	sqlite3_finalize(q);
	return rc;
}

/* --- a value as text */

void store_value_number(struct buf *b, const struct store_value *v)
{
	if (v->type == STORE_INT)
		buf_int(b, v->num);
	else
		buf_printf(b, "%.15g", v->real);
}

void store_value_json(struct buf *b, const struct store_value *v)
{
	if (v->type == STORE_NULL)
		buf_str(b, "null");
	else if (v->type == STORE_INT || v->type == STORE_REAL)
		store_value_number(b, v);
	else
		buf_json_string(b, v->text);
}
