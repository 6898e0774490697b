/*
 * log_follow: looking at every file again and again.
 *
 * By polling: every POLL_MS each file is read to its end, then looked at by path: another inode there (rename and
 * create, a symbolic link that points elsewhere now) means the old one is drained, beside the new one, until
 * nothing came for DRAIN_POLLS turns, since its writer may be late to reopen.  A file in which what was read
 * no longer stands (copy and truncate, also where more was written since than there was, and
 * where the first lines are the same) is begun anew after its copy was read to the end; one that was cut to
 * a part of what was read goes on from the last place that still stands.  One that is gone is kept
 * until nothing came for DRAIN_POLLS turns, and taken up again when the path comes back.
 * Polling also works where no notification comes (network file systems).
 *
 * A file whose size and time have not changed since all of it was read costs two system calls.
 */
#include "capture/log_run.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 200, SCAN_EVERY = 10, DRAIN_POLLS = 50 };

enum change {
	UNCHANGED,		/* and so is what it holds */
	GROWN,
	GONE,			/* the path names no file */
	OTHER,			/* the path names another file */
	ANEW,			/* the same file holds something else */
};

static int64_t mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static bool is_anew(const struct source *s, const struct stat *own)
{
	return !s->file.gz && ((uint64_t)own->st_size < s->file.offset + s->file.n || !log_file_same(&s->file));
}

static enum change look(struct source *s, struct stat *own)
{
	struct stat st;

	if (!s->file.regular)
		return GROWN;
	if (fstat(s->file.fd, own))
		return OTHER;		/* a stale handle of a network file system */
	if (stat(s->path, &st))
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? GONE : UNCHANGED;
	if (st.st_ino != own->st_ino || st.st_dev != own->st_dev)
		return OTHER;
	if (s->looked && (uint64_t)own->st_size == s->size && mtime_of(own) == s->mtime)
		return UNCHANGED;
	return is_anew(s, own) ? ANEW : GROWN;
}

/* The file was cut to a part of what was read: go on behind it.  False: it is another now. */
static bool was_cut(struct source *s)
{
	struct log_file now = { .path = s->path, .fd = s->file.fd, .regular = true };

	log_file_learn(&now);
	if (!s->file.digest_known || !now.digest_known || memcmp(now.digest, s->file.digest, LOG_DIGEST) != 0)
		return false;
	while (s->n_marks) {
		const struct log_place *p = &s->marks[--s->n_marks];
		if (!log_file_seek(&s->file, p->offset, p->tail))
			return true;
	}
	return false;
}

/* The old file goes on beside the new one; where there are too many, it ends now. */
static int drain(struct run *r, struct source *s, const struct stat *own, struct err *e)
{
	/* Cut before it was renamed: it is found beside the log, as one that nobody read. */
	if (is_anew(s, own)) {
		source_close(s);
		return 0;
	}
	if (r->n_draining == DRAIN_MOST) {
		if (source_read(r, s, true, e) < 0)
			return -1;
		source_close(s);
		return 0;
	}
	struct source *old = source_new(s->path);
	struct log_state fresh = old->state;
	old->file = s->file;
	old->state = s->state;
	old->file.path = old->path;
	old->open = true;
	s->file = (struct log_file){ .fd = -1 };
	s->state = fresh;
	s->open = false;
	s->n_marks = 0;
	r->draining[r->n_draining++] = old;
	return 0;
}

/* 1: it is over. */
static int poll_leaving(struct run *r, struct source *s, struct err *e)
{
	int got = source_read(r, s, false, e);

	if (got < 0)
		return -1;
	s->idle = got ? 0 : s->idle + 1;
	if (s->idle < DRAIN_POLLS)
		return 0;
	return source_read(r, s, true, e) < 0 ? -1 : !run_stopped(r);
}

static int poll_draining(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->n_draining && !run_stopped(r);) {
		int over = poll_leaving(r, r->draining[i], e);
		if (over < 0)
			return -1;
		if (!over) {
			i++;
			continue;
		}
		source_free(&r->draining[i]);
		r->draining[i] = r->draining[--r->n_draining];
	}
	return 0;
}

/* Deleted.  Its space is given back to the disk once its writer has gone too.  1: the source is no more. */
static int poll_gone(struct run *r, struct source *s, struct err *e)
{
	int over = poll_leaving(r, s, e);

	if (over <= 0)
		return over;
	source_close(s);
	if (s->named)
		return 0;
	run_drop(r, s);
	return 1;
}

static int read_on(struct run *r, struct source *s, const struct stat *own, struct err *e)
{
	s->idle = 0;
	int got = source_read(r, s, false, e);
	if (got < 0)
		return -1;
	/* Looked at before it was read: what was written since is seen the next time. */
	s->looked = !got && s->file.regular;
	s->size = (uint64_t)own->st_size;
	s->mtime = mtime_of(own);
	if (!got)
		log_file_rest(&s->file);
	return 0;
}

/* Is there something at the path?  Looked for with what stands beside it the first time, and when it comes back. */
static int open_source(struct run *r, struct source *s, struct err *e)
{
	struct err ignored;

	if (s->begun && source_open(r, s, &ignored))
		return 1;		/* not there (yet); too many open files are counted */
	return source_take_up(r, s, e);
}

/* What its change asks for.  1: there is nothing to read; -1: *e. */
static int follow_change(struct run *r, struct source *s, enum change what, const struct stat *own, struct err *e)
{
	switch (what) {
	case UNCHANGED:
		return 1;
	case OTHER:
		return drain(r, s, own, e) ? -1 : source_take_up(r, s, e);
	case ANEW:
		/* What was not read yet is in the copy, where one was made. */
		return was_cut(s) ? 0 : source_take_up(r, s, e);
	case GONE:
	case GROWN:
		break;
	}
	return 0;
}

/* 1: the source is no more. */
static int poll_source(struct run *r, struct source *s, struct err *e)
{
	struct stat own = { 0 };
	int rc = s->open ? 0 : open_source(r, s, e);

	if (rc)
		return rc < 0 ? -1 : 0;
	enum change what = look(s, &own);
	if (what == GONE)
		return poll_gone(r, s, e);
	rc = follow_change(r, s, what, &own, e);
	if (rc || !s->open || (s->file.regular && fstat(s->file.fd, &own)))
		return rc < 0 ? -1 : 0;
	return read_on(r, s, &own, e);
}

int run_follow(struct run *r, struct err *e)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };

	for (unsigned turn = 0; !run_stopped(r); turn++) {
		if (turn % SCAN_EVERY == 0 && run_expand(r, e))
			return -1;
		for (size_t i = 0; i < r->n && !run_stopped(r);) {
			int rc = poll_source(r, r->list[i], e);
			if (rc < 0)
				return -1;
			i += !rc;
		}
		if (poll_draining(r, e))
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}
