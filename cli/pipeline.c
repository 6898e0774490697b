/*
 * pipeline: one ring, or two with a stage between.  An item is a batch (cli/batch.h).
 *
 * Offsets: one may be stored only when every flow of its log before it has left the
 * analysis (which may hold flows back).  The consumer numbers a log's flows as they
 * come and keeps the offsets that wait; cli/order.c brings the flows back into that order.
 * What the log's reader had counted there goes with the offset, and is stored with it: a line that is read
 * again after a kill was not counted before.
 *
 * The first error of the consumer is kept; every later push of an input returns it, so
 * sources stop.
 */
#include "cli/pipeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/batch.h"
#include "cli/order.h"
#include "cli/ring.h"
#include "common/clock.h"

enum { INPUTS = 4, DEPTH = 8, ORDER_MOST = 256 * 1024 };

struct waiting {
	struct waiting *next;
	uint64_t tracked;		/* tracked flows before it */
	struct batch *batch;
};

struct pipeline_input {
	struct sink sink;
	struct pipeline *p;
	struct batch *open;
	bool may_wait;
	bool tracked;			/* it gives offsets: pipeline_track */
	struct evidence *ev;
	struct evidence *told;		/* a copy of it, some seconds old; p->lock */
	int64_t told_at;
	uint64_t odd;			/* tracked: how much of what is told has samples; the source's own */
	uint64_t settled[EV_COUNT];	/* tracked: what it had counted at the last offset stored; the consumer's */
};

struct pipeline {
	struct pipeline_options o;
	struct pipeline_input inputs[INPUTS];
	size_t n_inputs;
	pthread_t thread, stage;
	pthread_mutex_t lock, storing;	/* lock: failed, told; storing: held while the consumer uses the store */
	struct ring in, staged;		/* staged: what the stage has done; the consumer's, where there is a stage */
	struct ring *last_ring;		/* that which the consumer takes from */
	struct batches batches;
	struct err failed;		/* kind != ERR_NONE: the consumer stopped */

	/* the consumer's own */
	uint64_t tracked, settled;	/* tracked flows taken; up to the last offset stored */
	struct waiting *first, **last;
};

static int failure(struct pipeline *p, struct err *e)
{
	pthread_mutex_lock(&p->lock);
	*e = p->failed;
	pthread_mutex_unlock(&p->lock);
	return -1;
}

/* 0: queued.  1: full, and the caller may not wait.  -1: the consumer failed. */
static int enqueue(struct pipeline *p, struct batch *b, bool may_wait, struct err *e)
{
	enum ring_put how = ring_put(&p->in, b, may_wait);

	return how == RING_STOPPED ? failure(p, e) : how == RING_FULL;
}

/* Only the source's thread may read what it counts: it leaves a copy for the consumer now and then. */
static void tell_evidence(struct pipeline_input *in)
{
	if (!in->told)
		return;
	in->told_at = clock_now();
	pthread_mutex_lock(&in->p->lock);
	*in->told = *in->ev;
	pthread_mutex_unlock(&in->p->lock);
}

/* A log's counts go with its offsets; what is told of it beside them is samples, and few lines make any. */
static void tell_samples(struct pipeline_input *in)
{
	uint64_t odd = 0;

	for (int r = 0; in->told && r < EV_COUNT; r++)
		odd += evidence_info[r].kind[0] != 't' ? in->ev->n[r] : 0;
	if (odd != in->odd)
		tell_evidence(in);
	in->odd = odd;
}

static int hand_over(struct pipeline_input *in, struct err *e)
{
	struct batch *b = in->open;

	if (in->told && !in->tracked && clock_now() - in->told_at >= NS_PER_S)
		tell_evidence(in);
	if (!b || (!b->n && !b->n_certificates))
		return 0;
	in->open = NULL;
	b->tracked = in->tracked;
	int r = enqueue(in->p, b, in->may_wait, e);
	if (r == 0)
		return 0;
	if (r > 0)
		evidence_add(in->ev, EV_FLOWS_DROPPED, b->n);
	batch_give_back(&in->p->batches, b);
	return r < 0 ? -1 : 0;
}

static int input_push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	struct pipeline_input *in = (struct pipeline_input *)s;

	for (size_t i = 0; i < n; i++) {
		if (!in->open)
			in->open = batch_take(&in->p->batches);
		if (batch_flow(in->open, &flows[i]))
			continue;
		if (!in->open->n)
			return err_set(e, ERR_LIMIT, "one flow is larger than a batch");
		if (hand_over(in, e))
			return -1;
		i--;
	}
	/* A source that pushes little is a slow one: do not let its flows lie. */
	return in->p->o.live ? hand_over(in, e) : 0;
}

static int input_finish(struct sink *s, struct err *e)
{
	return hand_over((struct pipeline_input *)s, e);
}

struct pipeline_input *pipeline_input(struct pipeline *p, bool may_wait, struct evidence *ev)
{
	if (p->n_inputs == INPUTS)
		abort();
	struct pipeline_input *in = &p->inputs[p->n_inputs++];
	*in = (struct pipeline_input){ { input_push, input_finish }, p, .may_wait = may_wait, .ev = ev };
	if (p->o.source && p->o.store && !(in->told = calloc(1, sizeof *in->told)))
		abort();
	return in;
}

void pipeline_track(struct pipeline_input *in)
{
	in->tracked = true;
}

struct sink *pipeline_sink(struct pipeline_input *in)
{
	return &in->sink;
}

int pipeline_offset(void *ctx, const struct log_offset *at, struct err *e)
{
	struct pipeline_input *in = ctx;

	if (!in->p->o.store)
		return 0;
	if (hand_over(in, e))
		return -1;
	tell_samples(in);
	struct batch *b = batch_take(&in->p->batches);
	batch_offset(b, at);
	memcpy(b->counted, in->ev->n, sizeof b->counted);
	b->input = (size_t)(in - in->p->inputs);
	int r = enqueue(in->p, b, true, e);
	if (r)
		batch_give_back(&in->p->batches, b);
	return r;
}

void pipeline_certificate(void *ctx, const struct certificate *c)
{
	struct pipeline_input *in = ctx;
	struct err late;	/* the consumer's failure is told by the next push */

	if (!in->p->o.store)
		return;
	for (int tries = 0; tries < 2; tries++) {
		if (!in->open)
			in->open = batch_take(&in->p->batches);
		if (batch_certificate(in->open, c))
			return;
		if (hand_over(in, &late))
			return;
	}
}

size_t pipeline_places(void *ctx, const struct log_offset *file, struct log_place *places)
{
	struct pipeline_input *in = ctx;
	struct pipeline *p = in->p;
	size_t n;

	if (!p->o.store)
		return 0;
	pthread_mutex_lock(&p->storing);
	n = store_log_places(p->o.store, file, places);
	pthread_mutex_unlock(&p->storing);
	return n;
}

int64_t pipeline_last_read(void *ctx, struct slice path)
{
	struct pipeline_input *in = ctx;
	struct pipeline *p = in->p;
	int64_t seen;

	if (!p->o.store)
		return 0;
	pthread_mutex_lock(&p->storing);
	seen = store_log_seen(p->o.store, path);
	pthread_mutex_unlock(&p->storing);
	return seen;
}

/* --- the consumer */

/* Offsets behind lines up to this one, whose flows have all gone to the store. */
static int store_offsets(struct pipeline *p, uint64_t line, struct err *e)
{
	while (p->first && p->first->tracked <= line) {
		struct waiting *w = p->first;
		/* A pipe has no place to come back to. */
		if (w->batch->offset.digest.n && store_log_offset(p->o.store, &w->batch->offset, e))
			return -1;
		p->first = w->next;
		if (!p->first)
			p->last = &p->first;
		p->settled = w->tracked;
		memcpy(p->inputs[w->batch->input].settled, w->batch->counted, sizeof w->batch->counted);
		batch_give_back(&p->batches, w->batch);
		free(w);
	}
	return 0;
}

/*
 * What everybody has counted so far, in the transaction at hand: what is lost or not understood must not wait
 * for the end to be seen.  Of a log it is what was counted up to the last offset in this transaction.
 */
static int store_counts(struct pipeline *p, struct err *e)
{
	struct evidence *all;
	bool own = p->o.evidence != NULL;

	if (!p->o.source)
		return 0;
	all = calloc(1, sizeof *all);
	if (!all)
		abort();
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n_inputs; i++) {
		struct pipeline_input *in = &p->inputs[i];
		own &= in->ev != p->o.evidence;
		if (in->told && in->tracked)
			memcpy(in->told->n, in->settled, sizeof in->settled);
		if (in->told)
			evidence_merge(all, in->told);
	}
	pthread_mutex_unlock(&p->lock);
	if (own)
		evidence_merge(all, p->o.evidence);
	int r = store_evidence(p->o.store, p->o.source, all, e);
	free(all);
	return r;
}

/*
 * Commit where rows and offsets agree: a transaction must not hold the rows of a log and not the offset
 * behind them, or a kill after it would have them stored twice.  With an order they always agree.
 */
static int commit_if_due(struct pipeline *p, bool now, struct err *e)
{
	if (!p->o.store || !(now || store_due(p->o.store)))
		return 0;
	if (!p->o.order && p->settled != p->tracked && !store_overdue(p->o.store))
		return 0;
	return store_counts(p, e) || store_commit(p->o.store, e) ? -1 : 0;
}

static int reached(void *ctx, uint64_t line, struct err *e)
{
	return store_offsets(ctx, line, e) || commit_if_due(ctx, false, e) ? -1 : 0;
}

static int store_certificates(struct pipeline *p, const struct batch *b, struct err *e)
{
	for (size_t i = 0; p->o.store && i < b->n_certificates; i++)
		if (store_certificate(p->o.store, &b->certificates[i], e))
			return -1;
	return 0;
}

static int consume_offset(struct pipeline *p, struct batch *b, struct err *e)
{
	struct waiting *w = calloc(1, sizeof *w);

	if (!w)
		abort();
	w->tracked = p->tracked;
	w->batch = b;
	*p->last = w;
	p->last = &w->next;
	return p->o.order ? order_offset(p->o.order, w->tracked, e) : reached(p, w->tracked, e);
}

/* What waits for its turn is bounded: the oldest connections are given up before their time. */
static int bound_order(struct pipeline *p, struct err *e)
{
	while (p->o.order && order_held(p->o.order) > ORDER_MOST) {
		int r = analysis_give_up(p->o.analysis, e);
		if (r <= 0)
			return r;
	}
	return 0;
}

static int consume(struct pipeline *p, struct batch *b, struct err *e)
{
	if (b->has_offset)
		return consume_offset(p, b, e);
	for (size_t i = 0; b->tracked && i < b->n; i++)
		b->flows[i].line = ++p->tracked;
	int r = store_certificates(p, b, e);
	if (!r)
		r = sink_push(p->o.end, b->flows, b->n, e);
	batch_give_back(&p->batches, b);
	return r ? r : bound_order(p, e);
}

static int idle(struct pipeline *p, struct err *e)
{
	if (p->o.analysis && analysis_tick(p->o.analysis, clock_now(), e))
		return -1;
	return commit_if_due(p, true, e);
}

/* The consumer failed: sources stop, and the stage too. */
static void give_up(struct pipeline *p, const struct err *e)
{
	pthread_mutex_lock(&p->lock);
	p->failed = *e;
	pthread_mutex_unlock(&p->lock);
	ring_stop(&p->in);
	ring_stop(&p->staged);
}

static void *stage(void *ctx)
{
	struct pipeline *p = ctx;
	bool ended = false, woken, stopped = false;

	while (!ended) {
		struct batch *b = ring_take(&p->in, true, &woken, &ended);
		if (woken)
			ring_wake(&p->staged);
		if (!b)
			continue;
		if (!b->has_offset && !stopped)
			p->o.stage(p->o.stage_ctx, b->flows, b->n, b->text, ring_low(&p->staged));
		if (stopped || ring_put(&p->staged, b, true) != RING_PUT) {
			stopped = true;
			batch_give_back(&p->batches, b);
		}
	}
	ring_close(&p->staged);
	return NULL;
}

static void *consumer(void *ctx)
{
	struct pipeline *p = ctx;
	struct err e = { 0 };
	int64_t ticked = clock_now();
	int r = 0;

	for (bool ended = false, woken = false; !r && !ended;) {
		struct batch *b = ring_take(p->last_ring, !p->o.live, &woken, &ended);
		pthread_mutex_lock(&p->storing);
		if (woken && p->o.on_wake)
			r = p->o.on_wake(p->o.ctx, &e);
		if (b && !r)
			r = consume(p, b, &e);
		if (p->o.live && !r && clock_now() - ticked >= NS_PER_S) {
			r = idle(p, &e);
			ticked = clock_now();
		}
		pthread_mutex_unlock(&p->storing);
	}
	if (!r)
		r = sink_finish(p->o.end, &e);
	if (!r)
		r = store_offsets(p, p->tracked, &e);
	if (!r && p->o.store)
		r = store_counts(p, &e) || store_commit(p->o.store, &e) ? -1 : 0;
	if (r)
		give_up(p, &e);
	return NULL;
}

struct pipeline *pipeline_start(const struct pipeline_options *o)
{
	struct pipeline *p = calloc(1, sizeof *p);

	if (!p)
		abort();
	p->o = *o;
	if (!p->o.depth || p->o.depth > RING_MOST)
		p->o.depth = DEPTH;
	p->last = &p->first;
	if (p->o.order)
		order_on_reached(p->o.order, reached, p);
	if (p->o.store)
		store_commit_by_hand(p->o.store, p->o.live);
	batches_init(&p->batches);
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->storing, NULL);
	ring_init(&p->in, p->o.depth);
	ring_init(&p->staged, p->o.depth);
	p->last_ring = p->o.stage ? &p->staged : &p->in;
	if (pthread_create(&p->thread, NULL, consumer, p) ||
	    (p->o.stage && pthread_create(&p->stage, NULL, stage, p)))
		abort();
	return p;
}

void pipeline_wake(struct pipeline *p)
{
	ring_wake(&p->in);
}

int pipeline_finish(struct pipeline **pp, struct err *e)
{
	struct pipeline *p = *pp;
	struct batch *b;
	int r = 0;

	ring_close(&p->in);
	if (p->o.stage)
		pthread_join(p->stage, NULL);
	pthread_join(p->thread, NULL);
	if (p->failed.kind)
		r = failure(p, e);
	for (size_t i = 0; i < p->n_inputs; i++)
		if (p->inputs[i].open)
			batch_give_back(&p->batches, p->inputs[i].open);
	while ((b = ring_drain(&p->in)) || (b = ring_drain(&p->staged)))
		batch_give_back(&p->batches, b);
	while (p->first) {
		struct waiting *w = p->first;
		p->first = w->next;
		batch_give_back(&p->batches, w->batch);
		free(w);
	}
	for (size_t i = 0; i < p->n_inputs; i++)
		free(p->inputs[i].told);
	batches_release(&p->batches);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->storing);
	ring_release(&p->in);
	ring_release(&p->staged);
	free(p);
	*pp = NULL;
	return r;
}
