/*
 * log_run - the run over the files (private to log.c, log_follow.c and log_rotated.c).
 */
#ifndef CAPTURE_LOG_RUN_H
#define CAPTURE_LOG_RUN_H

#include "capture/log.h"
#include "capture/log_file.h"
#include "capture/log_folder.h"
#include "capture/log_inventory.h"
#include "capture/log_places.h"
#include "capture/log_reader.h"
#include "capture/log_writer.h"
#include "common/map.h"

enum { FILES_MOST = 8192, DRAIN_MOST = 64, MARKS = 16 };

struct source {
	char *path;			/* also of a rotated file: the one it was followed under */
	char *whole;			/* from the root: the name by which places are stored */
	struct log_file file;
	struct log_state state;
	bool open;
	bool named;			/* by whoever started this, not by a folder or a pattern */
	bool begun;			/* looked for before, in this run */
	unsigned idle;			/* turns in which nothing came, where the file is on its way out */
	/* The file as it was when all of it was read: nothing is to be done while it stays so. */
	bool looked;
	uint64_t size;
	int64_t mtime;
	/* The last places up to which it was read: where a file that was cut goes on. */
	struct log_place marks[MARKS];
	unsigned n_marks;
};

struct run {
	const struct log_options *o;
	struct evidence *ev;
	struct log_formats formats;
	struct log_inventory *inventory;
	struct log_writer gateway;
	struct log_reader *reader;	/* one for all files */
	struct log_places *places;	/* NULL: no file can come back under another name */
	struct log_folders *folders;
	struct source **list;
	size_t n;
	struct map by_path;		/* of list */
	struct source *draining[DRAIN_MOST];	/* renamed away, perhaps still written */
	size_t n_draining;
	bool said_full;
	struct err damage;		/* the first, of a compressed file */
};

static inline bool run_stopped(const struct run *r)
{
	return r->o->stop && *r->o->stop;
}

/* log.c */
int run_expand(struct run *r, struct err *e);
void run_too_many(struct run *r, const char *path);	/* counted, the first time */
struct source *source_new(const char *path);
void source_free(struct source **s);
int source_open(struct run *r, struct source *s, struct err *e);
void source_close(struct source *s);
/* Stand where this file was left, by this run or an earlier one. */
enum resumed {
	UNREAD,			/* nobody read it */
	LEFT,			/* it stands there */
	COVERED,		/* a copy, perhaps still being written, of less than was read */
};
enum resumed source_resume(struct run *r, struct source *s);
/* What is there now, or a good part of it.  1: something was read.  `last`: the rest is a line too. */
int source_read(struct run *r, struct source *s, bool last, struct err *e);
void run_drop(struct run *r, struct source *s);

/* log_rotated.c */
/*
 * Read what was rotated away since the log was last read, then open it at its place.  0; 1: it cannot be opened
 * (*e); -1: *e of a read.
 */
int source_take_up(struct run *r, struct source *s, struct err *e);

/* log_follow.c */
int run_follow(struct run *r, struct err *e);

#endif
