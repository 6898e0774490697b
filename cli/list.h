/* list - what `flows` and `findings` share: filter, order, page, print. */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "schema/where.h"

struct list {
	enum where_of of;
	const char *verb, *db, *format, *sort, *since, *until;
	unsigned long limit;
	bool ascending;
	const char *table_columns;	/* of -o table; the other formats have all */
	const char *const *json;	/* columns that hold JSON */
	const char *empty;		/* said where nothing matches */
};

/* Terms: argv[0..n), each part of one filter.  Returns the exit code. */
int list_run(const struct list *l, char **terms, int n, uint64_t *rows);

#endif
