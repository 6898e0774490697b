/*
 * store - the only door to the database; nobody else includes <sqlite3.h>.
 *
 * One writer a database.  Flows come in through the sink, batched in transactions:
 * rows, dictionary, findings, rollups, evidence, log offsets and the hash chain of
 * one batch are committed together or not at all.  Readers open read-only and
 * ask in SQL (views: docs/schema.md), with limits on time and rows.
 */
#ifndef SCHEMA_STORE_H
#define SCHEMA_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/buf.h"
#include "schema/certificate.h"
#include "schema/evidence.h"
#include "schema/flow.h"
#include "schema/log_place.h"

struct store;

enum store_mode { STORE_READ, STORE_WRITE };
enum store_rows { STORE_ALL, STORE_NOTABLE, STORE_NONE };

/* NULL: *e.  STORE_WRITE creates and upgrades; a newer database is refused (both modes). */
struct store *store_open(const char *path, enum store_mode mode, struct err *e);
int store_close(struct store **s, struct err *e);	/* commits what is open; NULL-safe */
void store_rows_kept(struct store *s, enum store_rows rows);

/*
 * The store as a sink: push adds to the open batch, which is committed when it is large, or at a
 * push when it is older than a second.  Who waits for packets or lines calls store_commit
 * from time to time.  After an error the batch is gone and the store takes no more.
 */
struct sink *store_sink(struct store *s);
int store_commit(struct store *s, struct err *e);	/* now */

/*
 * From here on push and finish do not commit: whoever stores log offsets does, where rows and offset agree.
 * live: somebody waits to see the rows; else batches are larger, which is faster, and a kill costs more work.
 * store_due: the open batch is large or old enough.  store_overdue: it must not wait any longer.
 */
void store_commit_by_hand(struct store *s, bool live);
bool store_due(const struct store *s);
bool store_overdue(const struct store *s);

/*
 * Work that needs no database, done for flows that are on their way to the store, on any one thread; text in
 * `text`, which lives as long as theirs.  Whoever changes a flow after it sets its `ahead` to NULL.  After
 * store_rows_kept; free it before the store is closed.
 */
struct store_ahead;
struct store_ahead *store_ahead_new(const struct store *s);
void store_ahead_free(struct store_ahead **a);
void store_ahead(struct store_ahead *a, struct flow *flows, size_t n, struct arena *text);

/* Beside the flows, in the same transaction as the batch that is open. */
int store_policy(struct store *s, const char *revision, struct slice text, struct err *e);

/* `ev` holds a run's totals so far; what is new since the last call for this input is added. */
int store_evidence(struct store *s, const char *input, const struct evidence *ev, struct err *e);
int store_certificate(struct store *s, const struct certificate *c, struct err *e);
int store_log_offset(struct store *s, const struct log_offset *o, struct err *e);

/* Where this file (all but its offset and tail) may have been left, likeliest first: up to LOG_PLACES. */
size_t store_log_places(struct store *s, const struct log_offset *file, struct log_place *places);

/* When a file of this name was last read (ns); 0: never. */
int64_t store_log_seen(struct store *s, struct slice path);

/* Reading. */
enum store_type { STORE_NULL, STORE_INT, STORE_REAL, STORE_TEXT, STORE_BLOB };

struct store_value {
	enum store_type type;
	int64_t num;
	double real;
	struct slice text;	/* TEXT, BLOB: borrowed until the callback returns */
};

void store_value_number(struct buf *b, const struct store_value *v);	/* INT, REAL */
void store_value_json(struct buf *b, const struct store_value *v);	/* anything not a number is a string */

struct store_param {
	const char *name;	/* ":since"; a name that the statement lacks is ignored */
	struct store_value value;
};

struct store_limits {
	uint64_t rows;		/* 0: none */
	int64_t time_ns;	/* 0: none */
};

struct store_result {
	uint64_t rows;
	bool cut_rows, cut_time;	/* stopped at a limit: say so */
};

/* One row.  names and values have n columns.  Non-zero stops the query. */
typedef int store_row_fn(void *ctx, size_t n, const char *const *names,
			 const struct store_value *values);

/*
 * Run one statement that only reads (anything else is refused by the authorizer).  ERR_INPUT: the
 * SQL is wrong; ERR_LIMIT is never an error: see *result.
 */
int store_query(struct store *s, const char *sql, const struct store_param *params, size_t n_params,
		struct store_limits limits, store_row_fn *row, void *ctx,
		struct store_result *result, struct err *e);

/*
 * Stored flows back, exactly as they came in, in the order of their ids, ID set: those that match
 * `w` (schema/where.h; NULL: all), at most `most` (0: all).  finish is not called on `out`.
 * Findings come with their codes and titles; their sentences are in view finding_flows.
 */
struct where;
int store_flows(struct store *s, const struct where *w, uint64_t most, struct sink *out,
		struct store_result *result, struct err *e);

/*
 * Walk the integrity chain from the first batch to the last, over every row of the tables that are
 * only appended to.  ERR_INTEGRITY: the first batch that does not hold, and how.
 */
struct store_verified {
	uint64_t batches, flows;
	char head[65];			/* the chain's last link, hex: note it outside the database */
};
int store_verify(struct store *s, struct store_verified *v, struct err *e);

#endif
