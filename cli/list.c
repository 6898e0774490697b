/* list: the operands are one filter; limits of time keep a terminal from hanging. */
#include "cli/list.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/flows_test.h"
#include "cli/rows.h"
#include "common/clock.h"

static struct where *filter(const struct list *l, char **terms, int n, struct err *e)
{
	struct buf b;
	struct where *w;

	buf_init(&b, WHERE_TEXT_MAX * 2);
	for (int k = 0; k < n; k++) {
		buf_str(&b, k ? " " : "");
		buf_str(&b, terms[k]);
	}
	w = where_parse(l->of, buf_slice(&b), clock_now(), e);
	buf_release(&b);
	if (w && ((l->since && where_and(w, "since", slice_of(l->since), e)) ||
		  (l->until && where_and(w, "until", slice_of(l->until), e))))
		where_free(&w);
	return w;
}

static int run(const struct list *l, struct store *s, struct where *w, enum rows_format f,
	       struct store_result *result, struct err *e)
{
	struct store_limits limits = { l->limit, 60 * NS_PER_S };
	struct where_page page = { .columns = f == ROWS_TABLE ? l->table_columns : NULL,
				   .sort = l->sort, .ascending = l->ascending,
				   .limit = l->limit ? (unsigned)l->limit + 1 : 0 };
	const char *sql = where_select(w, &page, e);
	size_t n;
	const struct store_param *p = where_params(w, &n);

	if (!sql)
		return -1;
	struct rows *r = rows_new(f, stdout, l->json);
	int rc = store_query(s, sql, p, n, limits, rows_row, r, result, e);
	if (rows_end(&r, e) || rc)
		return -1;
	if (!result->rows && f == ROWS_TABLE)
		fprintf(stderr, "egret %s: %s\n", l->verb, l->empty);
	rows_say_cut(l->verb, result, limits);
	return 0;
}

int list_run(const struct list *l, char **terms, int n, uint64_t *rows)
{
	struct store_result result = { 0 };
	struct err e = { 0 };
	enum rows_format f = ROWS_TABLE;
	struct store *s = NULL;
	struct where *w = NULL;
	bool tests = l->of == WHERE_FLOWS && !strcmp(l->format, "test");
	int rc = -1;

	if (l->limit > 1000000000)
		err_set(&e, ERR_USAGE, "--limit: at most 1000000000");
	else if ((tests || !rows_format(l->format, &f, &e)) && (w = filter(l, terms, n, &e)) &&
		 (s = store_open(l->db, STORE_READ, &e)))
		rc = tests ? flows_test_write(s, w, l->limit, stdout, &e)
			   : run(l, s, w, f, &result, &e);
	where_free(&w);
	store_close(&s, &(struct err){ 0 });
	*rows = result.rows;
	return rc ? cli_fail(l->verb, &e) : EXIT_CLEAN;
}
