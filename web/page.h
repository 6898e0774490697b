/*
 * page - what every page has: the frame, and tables made from SQL.
 *
 * A page writes into a struct page; the server sends it.  A table is one SELECT and a row a column that
 * says how its values are shown; the same table answers as HTML, JSON and CSV.
 */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "common/buf.h"
#include "common/err.h"
#include "schema/store.h"
#include "web/request.h"

struct web;

enum page_form { PAGE_HTML, PAGE_JSON, PAGE_CSV };

struct page {
	struct web *web;
	struct store *db;
	const struct request *req;
	const struct store_limits *limits;	/* of its tables; NULL: page_limits */
	enum page_form form;
	struct buf body;
	unsigned status;		/* HTTP */
	const char *type;		/* content type */
	bool incomplete;		/* some number on it could not be had */
	int64_t last_id;		/* of the last row of page_table whose first column is id */
};

enum column_kind {
	COL_TEXT,	/* as it is, made harmless */
	COL_COUNT,	/* 1,234 */
	COL_BYTES,	/* 12.3 MB */
	COL_TIME,	/* RFC 3339 text, in <time> */
	COL_SEVERITY, COL_VERDICT, COL_OUTCOME,	/* a mark: icon and word */
	COL_FLOW,	/* an id: link to the flow */
	COL_FINDING,	/* an id: link to the finding */
	COL_CODES,	/* JSON array of finding codes */
	COL_HASH,	/* hex, shortened, whole in its title */
	COL_CHAIN,	/* verdict and outcome of a row agree or not: icon and word */
	COL_HIDDEN,	/* in JSON and CSV only */
};

struct column {
	const char *name;		/* in the SELECT; key in JSON, header in CSV */
	const char *label;
	enum column_kind kind;
	const char *filter;		/* a click filters /flows by it: "host"; NULL: no link */
	const char *unknown;		/* shown for NULL; NULL: "unknown" */
};

struct table {
	const char *caption;
	const char *sql;
	const struct column *columns;	/* ended by a NULL name */
	const char *empty;		/* why there may be nothing, and what to do */
};

/* SQL over view flows: the field, and where it is known not to be there "(none)", as the rollups say it. */
#define PAGE_OR_NONE(field) \
	"coalesce(" field ", CASE WHEN instr(' ' || absent || ' ', ' " field " ') THEN '(none)' END) AS " field

void page_begin(struct page *p, const char *title, const char *current);
void page_end(struct page *p);

/* Run t's SQL with these parameters, append it in the page's form.  *rows: how many.  -1: *e. */
int page_table(struct page *p, const struct table *t, const struct store_param *params, size_t n,
	       uint64_t *rows, struct err *e);

/* One value as its kind is shown. */
void page_value(struct buf *b, const struct column *c, const struct store_value *v);
void page_mark(struct buf *b, const char *class, const char *icon, struct slice word);

/*
 * The first column of the first row.  Where the question could not be answered (an error, the time limit)
 * p->incomplete is set, and the page says so: a false zero is worse than none.
 */
int64_t page_int(struct page *p, const char *sql);	/* NULL: 0 */
void page_scalar(struct page *p, const char *sql, struct buf *out);

/* A whole page that says what went wrong. */
void page_error(struct page *p, unsigned status, const char *title, struct slice what);

extern const struct store_limits page_limits;

#endif
