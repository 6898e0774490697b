/*
 * where - the filter language of the command line, the URL and the dashboard, as SQL.
 *
 *     ns:default host:*.org verdict:deny sni!=api.example.com since:24h
 *
 * Terms separated by blanks must all hold.  A term is KEY OP VALUE, with `-` before it to
 * turn it round.  OP is `:` (equal; * and ? are wildcards; a,b is either; a..b is a range; an address may be a
 * block), `=` (equal, to the letter), `!=`, `~` (contains), `<` `<=` `>` `>=`.  VALUE may stand in double
 * quotes, with \" and \\.  A word without OP looks for a host that contains it.  docs/filter.md.
 *
 * Values never become SQL text: they are bound as parameters.
 */
#ifndef SCHEMA_WHERE_H
#define SCHEMA_WHERE_H

#include "common/buf.h"
#include "schema/store.h"

enum where_of { WHERE_FLOWS, WHERE_FINDINGS };

enum { WHERE_TERMS_MAX = 64, WHERE_TEXT_MAX = 8192, WHERE_PARAMS_MAX = 256 };

struct where;

/* NULL: ERR_USAGE, *e says at which character and what was expected.  `now` is what since:24h counts from. */
struct where *where_parse(enum where_of of, struct slice text, int64_t now, struct err *e);
void where_free(struct where **w);		/* NULL-safe */

/* One term more, as if it had been written.  For a verb's own options. */
int where_and(struct where *w, const char *key, struct slice value, struct err *e);

/* The terms as a person would write them, for "copy as CLI". */
void where_print(const struct where *w, struct buf *out);

struct where_page {
	const char *columns;		/* of the view, trusted text; NULL: * */
	const char *sort;		/* id, started_at, bytes_sent, ... ; NULL: id, findings: last_seen */
	bool ascending;
	bool after;			/* only rows that follow this one in the order */
	int64_t after_id;
	unsigned limit;			/* 0: none */
};

/*
 * The whole SELECT over view `flows` or `findings`, ended by a NUL, and its parameters.  Borrowed until the
 * next call on `w`.  NULL: no such sort column.
 */
const char *where_select(struct where *w, const struct where_page *p, struct err *e);
const struct store_param *where_params(const struct where *w, size_t *n);

/* Keys for help and completion: name and meaning; NULL ends.  Field names are keys too. */
struct where_key_info {
	const char *name, *meaning;
};
extern const struct where_key_info where_keys[];

#endif
