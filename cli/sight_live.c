/* sight_live: the notice as it was said last is kept, and what equals it is not said again. */
#include "cli/sight_live.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct sight_live {
	pthread_mutex_t lock;
	struct sight_evidence ev;
	struct log_sight log;
	struct sight_needs needs;
	bool log_known, judge_known;	/* both: it can be said */
	struct buf said;
};

struct sight_live *sight_live_new(const struct sight_evidence *ev, bool log)
{
	struct sight_live *l = calloc(1, sizeof *l);

	if (!l)
		abort();
	pthread_mutex_init(&l->lock, NULL);
	l->ev = *ev;
	l->log_known = !log;
	buf_init(&l->said, SIZE_MAX / 2);
	return l;
}

static void say_if_other(struct sight_live *l)
{
	struct buf now;

	if (!l->log_known || !l->judge_known)
		return;
	buf_init(&now, SIZE_MAX / 2);
	sight_notice("run", &l->ev, &l->needs, &now);
	if (slice_eq(buf_slice(&now), buf_slice(&l->said))) {
		buf_release(&now);
		return;
	}
	if (now.n)
		fwrite(now.p, 1, now.n, stderr);
	else
		fputs("egret run: the evidence now gives all that the policies read\n", stderr);
	buf_release(&l->said);
	l->said = now;
}

void sight_live_judge(struct sight_live *l, const struct judge *j)
{
	pthread_mutex_lock(&l->lock);
	sight_needs_release(&l->needs);
	if (j)
		sight_needs_of(&l->needs, j);
	l->judge_known = true;
	say_if_other(l);
	pthread_mutex_unlock(&l->lock);
}

void sight_live_log(struct sight_live *l, const struct log_sight *log)
{
	pthread_mutex_lock(&l->lock);
	l->log = *log;
	l->ev.log = &l->log;
	l->log_known = true;
	say_if_other(l);
	pthread_mutex_unlock(&l->lock);
}

void sight_live_free(struct sight_live **l)
{
	if (!*l)
		return;
	pthread_mutex_destroy(&(*l)->lock);
	sight_needs_release(&(*l)->needs);
	buf_release(&(*l)->said);
	free(*l);
	*l = NULL;
}
