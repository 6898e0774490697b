/*
 * store_verify: the integrity chain computed anew from the rows, batch by batch.
 *
 * All in one read transaction, so a writer at work does not disturb it.  What is found: a row
 * altered, added or removed, a batch altered, added or removed anywhere but at the end.  Cutting
 * batches off the end leaves a shorter chain that holds: that is what the head, noted
 * elsewhere, is for.
 */
#include <string.h>

#include "schema/store_part.h"

struct walk {
	sqlite3 *db;
	sqlite3_stmt *batch, *rows[SUMS];
	struct sum sum[SUMS];
	int64_t last[SUMS];		/* highest id that an earlier batch covers */
	int64_t next;			/* id of the next batch */
	uint8_t chain[32];
};

static int prepare(struct walk *w, const char *sql, sqlite3_stmt **q, struct err *e)
{
	return sqlite3_prepare_v2(w->db, sql, -1, q, NULL) == SQLITE_OK ? 0 : db_error(w->db, e);
}

static int prepare_all_rows(struct walk *w, struct err *e)
{
	static const char *const fixed[SUMS] = {
		[SUM_TEXT] = "text, raw", [SUM_POLICY] = "revision, text, loaded_at",
		[SUM_FLOW] = "started_at, ended, duration_ms, peer, target, result, notable,"
			" source_port, bytes_sent, bytes_received, packets_sent, packets_received,"
			" upstream_ip, upstream_local_ip, upstream_local_port, remote_ip, path,"
			" request_id, connection_id, community_id, more",
	};
	struct buf b;
	int rc = 0;

	buf_init(&b, 8192);
	for (unsigned k = 0; k < SUMS && !rc; k++) {
		buf_clear(&b);
		buf_str(&b, "SELECT id, ");
		if (fixed[k])
			buf_str(&b, fixed[k]);
		else
			group_columns(&b, k - SUM_PEER);
		buf_printf(&b, " FROM %s WHERE id > ?1 AND id <= ?2 ORDER BY id", sum_table[k]);
		buf_byte(&b, 0);
		rc = prepare(w, (const char *)b.p, &w->rows[k], e);
	}
	buf_release(&b);
	return rc;
}

static struct cell cell_of(sqlite3_stmt *q, int k)
{
	struct slice s = { NULL, 0 };

	switch (sqlite3_column_type(q, k)) {
	case SQLITE_INTEGER:
		return cell_int(sqlite3_column_int64(q, k));
	case SQLITE_FLOAT:
		return (struct cell){ .real = sqlite3_column_double(q, k), .type = STORE_REAL };
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		s.p = sqlite3_column_blob(q, k);
		s.n = (size_t)sqlite3_column_bytes(q, k);
		return sqlite3_column_type(q, k) == SQLITE_TEXT ? cell_text(s) : cell_blob(s);
	default:
		return cell_null();
	}
}

static int sum_rows(struct walk *w, unsigned k, int64_t to, uint64_t *n, struct err *e)
{
	sqlite3_stmt *q = w->rows[k];
	struct cell c[GROUP_CELLS];
	int cells = sqlite3_column_count(q) - 1, rc;

	sqlite3_bind_int64(q, 1, w->last[k]);
	sqlite3_bind_int64(q, 2, to);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		for (int i = 0; i < cells; i++)
			c[i] = cell_of(q, i + 1);
		sum_row(&w->sum[k], sqlite3_column_int64(q, 0), c, (size_t)cells);
		++*n;
	}
	sqlite3_reset(q);
	w->last[k] = to > w->last[k] ? to : w->last[k];
	return rc == SQLITE_DONE ? 0 : db_error(w->db, e);
}

static bool same(sqlite3_stmt *q, int k, const uint8_t want[32])
{
	return sqlite3_column_bytes(q, k) == 32 && !memcmp(sqlite3_column_blob(q, k), want, 32);
}

enum { B_ID, B_NUMBERS, B_CONTENT = B_NUMBERS + CHAIN_NUMBERS, B_CHAIN };
enum { N_LAST_FLOW = 3, N_LAST_TEXT = 6 };

static int check_batch(struct walk *w, struct store_verified *v, struct err *e)
{
	static const int order[] = { SUM_TEXT, SUM_PEER, SUM_TARGET, SUM_RESULT, SUM_POLICY };
	struct cell number[CHAIN_NUMBERS];
	long long id = sqlite3_column_int64(w->batch, B_ID);
	uint64_t other = 0, flows = 0;
	uint8_t content[32];

	if (id != w->next)
		return err_set(e, ERR_INTEGRITY, "batch %lld is missing", (long long)w->next);
	w->next++;
	for (int k = 0; k < CHAIN_NUMBERS; k++)
		number[k] = cell_of(w->batch, B_NUMBERS + k);
	for (int k = 0; k < 5; k++)
		if (sum_rows(w, (unsigned)order[k], number[N_LAST_TEXT + k].num, &other, e))
			return -1;
	if (number[N_LAST_FLOW].type == STORE_INT &&
	    sum_rows(w, SUM_FLOW, number[N_LAST_FLOW].num, &flows, e))
		return -1;
	chain_content(w->sum, content);
	chain_link(w->chain, number, CHAIN_NUMBERS, content);
	if (!same(w->batch, B_CONTENT, content))
		return err_set(e, ERR_INTEGRITY, "batch %lld: its rows (flows up to %lld) are not those "
			       "that were stored", id, (long long)w->last[SUM_FLOW]);
	if (!same(w->batch, B_CHAIN, w->chain))
		return err_set(e, ERR_INTEGRITY, "batch %lld: the chain does not hold here", id);
	v->batches++;
	v->flows += flows;
	return 0;
}

/* Rows that no batch covers were added by somebody else. */
static int check_rest(struct walk *w, struct err *e)
{
	for (unsigned k = 0; k < SUMS; k++) {
		uint64_t n = 0;
		if (sum_rows(w, k, INT64_MAX, &n, e))
			return -1;
		if (n)
			return err_set(e, ERR_INTEGRITY, "%llu rows of %s belong to no batch",
				       (unsigned long long)n, sum_table[k]);
	}
	return 0;
}

static int walk(struct walk *w, struct store_verified *v, struct err *e)
{
	int rc;

	while ((rc = sqlite3_step(w->batch)) == SQLITE_ROW)
		if (check_batch(w, v, e))
			return -1;
	if (rc != SQLITE_DONE)
		return db_error(w->db, e);
	return check_rest(w, e);
}

int store_verify(struct store *s, struct store_verified *v, struct err *e)
{
	struct walk w = { .next = 1 };
	struct buf hex;
	int rc = store_reader(s, e);

	*v = (struct store_verified){ 0 };
	w.db = s->reader;
	rc = rc || prepare_all_rows(&w, e) ||
	     prepare(&w, "SELECT id, committed_at, flows, first_flow, last_flow, min_started, max_started,"
		     " last_text, last_peer, last_target, last_result, last_policy, content, chain"
		     " FROM batch ORDER BY id", &w.batch, e) || walk(&w, v, e) ? -1 : 0;
	buf_init(&hex, 80);
	buf_hex(&hex, (struct slice){ w.chain, sizeof w.chain });
	memcpy(v->head, hex.p, 64);
	buf_release(&hex);
	for (int k = 0; k < SUMS; k++) {
		sqlite3_finalize(w.rows[k]);
		EVP_MD_CTX_free(w.sum[k].md);
		buf_release(&w.sum[k].buf);
	}
	sqlite3_finalize(w.batch);
	return rc ? err_at(e, "database %s", s->path) : 0;
}
