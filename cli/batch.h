/*
 * batch - what travels between the threads of a pipeline: flows with their text, and
 * certificates; or a log's offset.
 *
 * Batches are recycled, so a steady run allocates nothing.  One is small enough that the few
 * under way stay in the processor's cache.  A batch is one thread's at a time; the pool is
 * everybody's.
 */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include <pthread.h>

#include "capture/log.h"
#include "schema/evidence.h"
#include "schema/flow.h"
#include "schema/store.h"

enum { BATCH_FLOWS = 256, BATCH_CERTIFICATES = 32 };

struct batch {
	struct batch *next;		/* in the pool */
	struct arena *text;
	size_t n;
	bool has_offset;		/* instead of flows */
	bool tracked;			/* flows whose offset follows */
	struct log_offset offset;	/* text in the arena */
	uint64_t counted[EV_COUNT];	/* with an offset: what its source had counted there */
	size_t input;			/* and which source that is */
	size_t n_certificates;
	struct certificate certificates[BATCH_CERTIFICATES];
	struct flow flows[BATCH_FLOWS];
};

struct batches {
	pthread_mutex_t lock;
	struct batch *spare;
};

void batches_init(struct batches *s);
void batches_release(struct batches *s);	/* those that were given back */

struct batch *batch_take(struct batches *s);	/* empty */
void batch_give_back(struct batches *s, struct batch *b);

/* Copies.  False: the batch has no room for it. */
static inline bool batch_flow(struct batch *b, const struct flow *f)
{
	if (b->n == BATCH_FLOWS || !flow_copy(&b->flows[b->n], f, b->text))
		return false;
	/* The thread that had this batch before may still have its bytes, on another core: ask for them in time. */
	if (++b->n + 1 < BATCH_FLOWS)
		flow_expect_write(&b->flows[b->n + 1]);
	return true;
}

bool batch_certificate(struct batch *b, const struct certificate *c);
void batch_offset(struct batch *b, const struct log_offset *at);

#endif
