#include "cli/ring.h"

#include <errno.h>
#include <time.h>

void ring_init(struct ring *r, size_t depth)
{
	*r = (struct ring){ .depth = depth };
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->filled, NULL);
	pthread_cond_init(&r->emptied, NULL);
}

void ring_release(struct ring *r)
{
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->filled);
	pthread_cond_destroy(&r->emptied);
}

enum ring_put ring_put(struct ring *r, void *item, bool may_wait)
{
	enum ring_put how = RING_PUT;

	pthread_mutex_lock(&r->lock);
	while (r->n == r->depth && may_wait && !r->stopped)
		pthread_cond_wait(&r->emptied, &r->lock);
	if (r->stopped)
		how = RING_STOPPED;
	else if (r->n == r->depth)
		how = RING_FULL;
	else
		r->item[(r->head + r->n++) % RING_MOST] = item;
	if (how == RING_PUT && r->n == 1)	/* the taker sleeps only on an empty ring */
		pthread_cond_signal(&r->filled);
	pthread_mutex_unlock(&r->lock);
	return how;
}

static void *pop(struct ring *r)
{
	void *item = r->item[r->head];

	r->head = (r->head + 1) % RING_MOST;
	r->n--;
	return item;
}

void *ring_take(struct ring *r, bool patient, bool *woken, bool *ended)
{
	void *item = NULL;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&r->lock);
	while (!r->n && !r->closed && !r->woken)
		if (patient)
			pthread_cond_wait(&r->filled, &r->lock);
		else if (pthread_cond_timedwait(&r->filled, &r->lock, &until) == ETIMEDOUT)
			break;
	*woken = r->woken;
	r->woken = false;
	if (r->n) {
		item = pop(r);
		/* Half empty, so that the putters and the taker do not change places at each item. */
		if (r->n <= r->depth / 2)
			pthread_cond_broadcast(&r->emptied);
	}
	*ended = !item && r->closed;
	pthread_mutex_unlock(&r->lock);
	return item;
}

bool ring_low(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	bool low = r->n < r->depth / 2;
	pthread_mutex_unlock(&r->lock);
	return low;
}

void *ring_drain(struct ring *r)
{
	return r->n ? pop(r) : NULL;
}

static void tell(struct ring *r, bool *flag)
{
	pthread_mutex_lock(&r->lock);
	*flag = true;
	pthread_cond_broadcast(&r->filled);
	pthread_cond_broadcast(&r->emptied);
	pthread_mutex_unlock(&r->lock);
}

void ring_wake(struct ring *r)
{
	tell(r, &r->woken);
}

void ring_close(struct ring *r)
{
	tell(r, &r->closed);
}

void ring_stop(struct ring *r)
{
	tell(r, &r->stopped);
}
