/*
 * join - evidence to judged rows: what `capture`, `ingest`, `demo` and `run` have in common.
 *
 *     sources -> queue -> analysis (correlate, judge, findings) -> store      two sources, or live
 *     source -> queue -> judge, findings -> queue -> store                    one source, read to its end
 *
 * With one source nothing is correlated, so a thread of its own judges between the source's and the
 * store's.
 *
 * join_start opens the database, keeps the policy revision there, and starts the
 * consumer; the verb then runs its sources into join_input()s, and join_finish
 * stores what is held, the evidence, and closes.
 */
#ifndef CLI_JOIN_H
#define CLI_JOIN_H

#include <stdio.h>

#include "analyze/analysis.h"
#include "cli/pipeline.h"
#include "schema/store.h"

struct join_options {
	const char *db;			/* NULL: nothing is stored (flows are only judged and counted) */
	enum store_rows rows;
	const struct policy_set *policies;	/* NULL: none were given */
	struct analysis_options analysis;	/* which evidence, gateway, judge options */
	bool live;
	const char *source;		/* evidence is stored under it meanwhile; that of join_finish */
	/* Called by the consumer between batches after pipeline_wake; may replace the policies. */
	int (*on_wake)(void *ctx, struct err *e);
	void *ctx;
};

struct join {
	struct store *store;
	struct store_ahead *ahead;	/* the stage's; NULL: no stage, or no store */
	struct analysis *analysis;
	struct pipeline *pipeline;
	struct order *order;		/* NULL: nothing is held back */
	struct sink end;		/* where there is no store */
	const char *fresh;		/* the database that join_start made; NULL: it was there */
	struct evidence *evidence;	/* owned; sources count here, one at a time */
};

int join_start(struct join *j, const struct join_options *o, struct err *e);

/* Keep this revision's text and the options it is judged with; by whoever uses the store. */
int join_remember(struct join *j, const struct policy_set *p, const struct judge_options *o, struct err *e);

/* An input for one source, which pushes into its pipeline_sink; see pipeline_input. */
struct pipeline_input *join_input(struct join *j, bool may_wait, struct evidence *ev);

/*
 * Every source has ended (well or not): drain, store the evidence under `source` ("FILE",
 * "eth0"), close.
 */
int join_finish(struct join *j, const char *source, struct err *e);
void join_release(struct join *j);

/* The input was refused before anything of it was read: no database is left behind where none was. */
void join_discard(struct join *j);

/* What was read, skipped, judged and found: one screen for a person. */
void join_summary(const struct join *j, const struct evidence *ev, FILE *out);

#endif
