/*
 * ring - a bounded queue of pointers between threads.
 *
 * Any number of threads put, one takes.  A full ring makes the putter wait, or tells it.  ring_close: no
 * more will come, what is in it is still taken.  ring_stop: nobody will take any more, every put fails.
 */
#ifndef CLI_RING_H
#define CLI_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { RING_MOST = 64 };

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	void *item[RING_MOST];
	size_t head, n, depth;
	bool closed, stopped, woken;
};

void ring_init(struct ring *r, size_t depth);		/* 1..RING_MOST */
void ring_release(struct ring *r);			/* no thread is in it any more */

enum ring_put { RING_PUT, RING_FULL, RING_STOPPED };
enum ring_put ring_put(struct ring *r, void *item, bool may_wait);

/* NULL: *ended, woken by ring_wake, or (patient false) nothing came for a second. */
void *ring_take(struct ring *r, bool patient, bool *woken, bool *ended);
bool ring_low(struct ring *r);				/* less than half full: the taker soon waits */
void *ring_drain(struct ring *r);			/* what is left, one at a time; NULL: nothing */

void ring_wake(struct ring *r);
void ring_close(struct ring *r);
void ring_stop(struct ring *r);

#endif
