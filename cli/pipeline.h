/*
 * pipeline - sources on their own threads, one consumer at the end.
 *
 *     wire_run ─► input ┐
 *                       ├─ ring of batches ─► (stage thread ─ ring ─►) consumer thread ─► end sink
 *     log_run  ─► input ┘
 *
 * The stage works on each batch where it lies.  With it three threads share the work, and two cores
 * are equally busy however it divides.
 *
 * An input copies flows into a batch of its own and queues it when it is full, or
 * when the source goes quiet.  A full queue makes a file reader wait; an input
 * that may not wait (a live tap) drops the batch and counts its flows.
 * Log offsets travel in the same queue and reach the store in the
 * transaction of the rows they stand for.
 */
#ifndef CLI_PIPELINE_H
#define CLI_PIPELINE_H

#include "analyze/analysis.h"
#include "capture/log.h"
#include "common/err.h"
#include "schema/evidence.h"
#include "schema/flow.h"
#include "schema/store.h"

struct pipeline;
struct pipeline_input;

struct pipeline_options {
	struct sink *end;		/* judges, stores; used by the consumer thread alone */
	struct store *store;		/* offsets go here; NULL: none are kept */
	struct analysis *analysis;	/* that `end` begins with, told the time; NULL: it holds nothing back */
	struct order *order;		/* between it and the store, where it holds flows of a log back */
	/*
	 * On a thread of its own, before the end sink; text that it adds goes into `text`.  `awaited`: the
	 * consumer soon has nothing else to do, so what it can do as well is left to it.
	 */
	void (*stage)(void *stage_ctx, struct flow *flows, size_t n, struct arena *text, bool awaited);
	void *stage_ctx;
	bool live;			/* commit and tick once a second while nothing comes */
	/* What inputs and analysis counted is stored with each commit, under this name.  NULL: by whoever ends. */
	const char *source;
	const struct evidence *evidence;	/* the analysis's */
	unsigned depth;			/* batches in the queue; 0: 8 */
	/* Called by the consumer between batches when `wake` was called; may replace the policies. */
	int (*on_wake)(void *ctx, struct err *e);
	void *ctx;
};

/* Starts the consumer. */
struct pipeline *pipeline_start(const struct pipeline_options *o);

/*
 * A source's own input: used by one thread.  `may_wait` false: a full queue drops, counted in *ev as
 * FLOWS_DROPPED.  Lives as long as the pipeline.
 */
struct pipeline_input *pipeline_input(struct pipeline *p, bool may_wait, struct evidence *ev);
struct sink *pipeline_sink(struct pipeline_input *in);	/* finish hands over the open batch */

/* This input gives offsets (log_options.commit is set): commits wait for them.  Before its source starts. */
void pipeline_track(struct pipeline_input *in);

/* log_options.commit: ctx is the pipeline_input. */
int pipeline_offset(void *ctx, const struct log_offset *at, struct err *e);

/* log_options.places, last_read: likewise; they ask the store while the consumer leaves it alone. */
size_t pipeline_places(void *ctx, const struct log_offset *file, struct log_place *places);
int64_t pipeline_last_read(void *ctx, struct slice path);

/* wire_options.certificate: ctx is the pipeline_input.  Stored beside the batch it comes with. */
void pipeline_certificate(void *ctx, const struct certificate *c);

void pipeline_wake(struct pipeline *p);

/* After every input finished: drain, finish the end sink, join, free.  -1: the first error. */
int pipeline_finish(struct pipeline **p, struct err *e);

#endif
