/* The filter: whatever the text, the SQL that comes out is prepared and runs. */
#include <stdlib.h>

#include "schema/where.h"
#include "tests/store_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct store *scratch(void)
{
	static struct store *s;
	struct err e = { 0 };

	if (s)
		return s;
	db_remove("fuzz_where.db");
	s = store_open("fuzz_where.db", STORE_WRITE, &e);
	if (!s || store_close(&s, &e))
		abort();
	s = store_open("fuzz_where.db", STORE_READ, &e);
	if (!s)
		abort();
	db_remove("fuzz_where.db");	/* the open file stays readable */
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	for (int of = WHERE_FLOWS; of <= WHERE_FINDINGS; of++) {
		struct where_page page = { .after = true, .after_id = 5, .limit = 2 };
		struct slice text = { p, n };
		struct err e = { 0 };
		struct where *w = where_parse((enum where_of)of, text, 1000, &e);

		if (!w)
			continue;
		size_t k;
		const char *sql = where_select(w, &page, &e);
		const struct store_param *params = where_params(w, &k);
		struct buf out;
		if (!sql || store_query(scratch(), sql, params, k, (struct store_limits){ 0 }, NULL, NULL,
					NULL, &e)) {
			fprintf(stderr, "%s\n%s\n", e.msg, sql);
			abort();
		}
		buf_init(&out, 1 << 20);
		where_print(w, &out);
		buf_release(&out);
		where_free(&w);
	}
	return 0;
}
