/*
 * store_sink: batches.  The first write opens a transaction; it is committed when it holds
 * BATCH_ROWS rows or BATCH_FLOWS flows, when it is older than a second at a push (unless store_commit_by_hand), or
 * when asked to; PATIENCE times as large and as old where nobody waits to see the rows.
 *
 * Order within a commit: rows of flow, rollups, findings, the row of table batch with its link
 * of the chain, COMMIT.  What fails anywhere rolls the whole batch back.
 */
#include <stdlib.h>

#include "schema/store_part.h"

static int broken(struct store *s, struct err *e)
{
	return err_set(e, ERR_DB, "database %s: an earlier write failed: open it again", s->path);
}

enum {
	EXPECT = 4,		/* flows between asking memory for an entry and using it */
	PATIENCE = 4,
};

int batch_begin(struct store *s, struct err *e)
{
	if (s->broken)
		return broken(s, e);
	if (s->in_batch)
		return 0;
	if (db_done(s, ST_BEGIN, e))
		return err_at(e, "database %s", s->path);
	s->in_batch = true;
	s->batch_began = clock_monotonic();
	s->batch_flows = s->batch_rows = s->batch_first = 0;
	s->min_started = INT64_MAX;
	s->max_started = INT64_MIN;
	return 0;
}

static int commit(struct store *s, struct err *e)
{
	if (checkpoint_failed(s, e) || row_flush(s, e) || roll_flush(s, e) || finding_flush(s, e) ||
	    chain_commit(s, e) || db_done(s, ST_COMMIT, e))
		return -1;
	s->in_batch = false;
	return 0;
}

int batch_fail(struct store *s, struct err *e)
{
	s->broken = true;
	s->in_batch = false;
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err_at(e, "database %s", s->path);
}

int store_commit(struct store *s, struct err *e)
{
	if (s->broken)
		return broken(s, e);
	return s->in_batch && commit(s, e) ? batch_fail(s, e) : 0;
}

static bool kept(const struct store *s, const struct flow_refs *r)
{
	return s->keep == STORE_ALL || (s->keep == STORE_NOTABLE && r->notable);
}

static int add(struct store *s, const struct flow *f, struct err *e)
{
	struct flow_refs r;

	s->now = f->ahead ? f->ahead : &s->own;
	if (!f->ahead)
		ahead_fill(&s->ahead, f, &s->own);
	if (roll_add(s, f, &r, e))
		return -1;
	s->batch_flows++;
	if (flow_num(f, F_STARTED_AT) > s->newest)
		s->newest = f->v[F_STARTED_AT].num;
	if (kept(s, &r)) {
		s->batch_rows++;
		if (row_add(s, f, &r, e))
			return -1;
	}
	return f->n_findings ? finding_add(s, f, &r, kept(s, &r), e) : 0;
}

void store_commit_by_hand(struct store *s, bool live)
{
	s->by_hand = true;
	s->patience = live ? 1 : PATIENCE;
}

/* As large as `times` batches, or as old as `ages`. */
static bool grown(const struct store *s, int64_t times, int64_t ages)
{
	times *= s->patience;
	ages *= s->patience;
	return s->in_batch && (s->batch_rows >= times * BATCH_ROWS ||
			       s->batch_flows >= times * BATCH_FLOWS ||
			       clock_monotonic() - s->batch_began > ages * BATCH_AGE_NS);
}

bool store_due(const struct store *s)
{
	return grown(s, 1, 1);
}

bool store_overdue(const struct store *s)
{
	return grown(s, 8, 5);
}

static int push(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	struct store *s = (struct store *)((char *)sink - offsetof(struct store, sink));

	if (batch_begin(s, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (i + EXPECT < n)
			ahead_expect(s, &flows[i + EXPECT]);
		if (add(s, &flows[i], e))
			return batch_fail(s, e);
	}
	return store_due(s) && !s->by_hand ? store_commit(s, e) : 0;
}

static int finish(struct sink *sink, struct err *e)
{
	struct store *s = (struct store *)((char *)sink - offsetof(struct store, sink));

	return s->by_hand ? 0 : store_commit(s, e);
}

struct sink *store_sink(struct store *s)
{
	s->sink = (struct sink){ push, finish };
	return &s->sink;
}
