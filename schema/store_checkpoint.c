/*
 * store_checkpoint: pages go from the write-ahead log into the database while the writer works on the next batch.
 *
 * A thread with a connection of its own, begun with the first commit that leaves enough to do.  The writer never
 * waits for it, unless the log has grown to LOG_MOST pages: then it does the work itself.  What the thread
 * could not do (a full disk) the next commit says.
 */
#include <pthread.h>
#include <stdlib.h>

#include "schema/store_part.h"

enum { LOG_ENOUGH = 256, LOG_MOST = 3072 };	/* pages: 4 MB, 48 MB */

struct checkpointer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	sqlite3 *db;
	bool wanted, ended;
	struct err failed;		/* kind != ERR_NONE: the last try */
};

static int move_pages(sqlite3 *db, struct err *e)
{
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	/* A reader that looks at an older state, or another who does the same: the next time. */
	return rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED ? 0 : db_error(db, e);
}

static void *work(void *ctx)
{
	struct checkpointer *c = ctx;

	pthread_mutex_lock(&c->lock);
	while (!c->ended) {
		if (!c->wanted) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		c->wanted = false;
		pthread_mutex_unlock(&c->lock);
		struct err e = { 0 };
		move_pages(c->db, &e);
		pthread_mutex_lock(&c->lock);
		c->failed = e;
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static struct checkpointer *start(struct store *s)
{
	struct checkpointer *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	if (sqlite3_open_v2(s->path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
	    sqlite3_exec(c->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL) == SQLITE_OK &&
	    pthread_create(&c->thread, NULL, work, c) == 0)
		return c;
	sqlite3_close(c->db);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c);
	return NULL;
}

/* After each commit, by the writer: so many pages are in the log.  In the place of SQLite's own checkpoints. */
static int committed(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct store *s = ctx;
	struct err ignored;

	(void)name;
	if (pages < LOG_ENOUGH)
		return SQLITE_OK;
	if (!s->checkpointer)
		s->checkpointer = start(s);
	/* No thread, or one that cannot keep up.  A failure is found again by the thread, or at the end. */
	if (!s->checkpointer || pages >= LOG_MOST)
		move_pages(db, &ignored);
	if (!s->checkpointer)
		return SQLITE_OK;
	pthread_mutex_lock(&s->checkpointer->lock);
	s->checkpointer->wanted = true;
	pthread_cond_signal(&s->checkpointer->changed);
	pthread_mutex_unlock(&s->checkpointer->lock);
	return SQLITE_OK;
}

void checkpoint_init(struct store *s)
{
	sqlite3_wal_hook(s->db, committed, s);
}

int checkpoint_failed(struct store *s, struct err *e)
{
	if (!s->checkpointer)
		return 0;
	pthread_mutex_lock(&s->checkpointer->lock);
	struct err failed = s->checkpointer->failed;
	pthread_mutex_unlock(&s->checkpointer->lock);
	if (failed.kind == ERR_NONE)
		return 0;
	*e = failed;
	return -1;
}

void checkpoint_release(struct store *s)
{
	struct checkpointer *c = s->checkpointer;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	sqlite3_close(c->db);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c);
	s->checkpointer = NULL;
}
