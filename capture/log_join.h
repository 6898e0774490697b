/*
 * log_join - parts of wrapped lines (log_wrap.h) to whole lines, each stream's for itself.
 *
 * While a line of one stream is open, lines of the other that end meanwhile are held back: so there is always a
 * place in the file with all lines before it taken and none behind it, from which a run that
 * was killed goes on.  Bounded: a line whose rest does not come within LOG_HELD_MOST bytes of the file is given
 * up and counted as cut; a rest that comes later is no line.
 */
#ifndef CAPTURE_LOG_JOIN_H
#define CAPTURE_LOG_JOIN_H

#include "capture/log_wrap.h"
#include "common/buf.h"

enum { LOG_LINE_MOST = 1024 * 1024, LOG_HELD_MOST = 4 * LOG_LINE_MOST };

/* Zeroed but for its buffers; the fields are its own. */
struct log_join {
	struct buf partial[LOG_STREAMS];	/* lines whose rest is to come */
	bool open[LOG_STREAMS];
	bool dropping[LOG_STREAMS];		/* until its line ends: that was given up */
	struct buf held;			/* lines that wait, each behind a struct log_joined */
	size_t taken;				/* of held */
	uint64_t bytes, lines;			/* of the file, since the first that is open began */
};

enum log_joining { LOG_JOINED, LOG_JOINED_TOO_LONG, LOG_JOINED_CUT, LOG_JOINED_NOT };

struct log_joined {
	enum log_joining how;
	size_t n;		/* bytes of the line; of one that is no LOG_JOINED, of its beginning */
};

void log_join_init(struct log_join *j);
void log_join_release(struct log_join *j);

/* False: a whole line needs no log_join_add. */
static inline bool log_join_busy(const struct log_join *j)
{
	return j->open[0] || j->open[1] || j->dropping[0] || j->dropping[1];
}

/* `bytes`: what a line of the file took, with its end. */
void log_join_add(struct log_join *j, const struct log_part *part, uint64_t bytes);

/* A line of the file that is no part of anything: it comes out in its turn, as `how` says. */
void log_join_add_bad(struct log_join *j, enum log_joining how, struct slice line, uint64_t bytes);

/* Lines of the file that were added and need not be read again; each is told once. */
uint64_t log_join_lines(struct log_join *j);

/* The file ends: open lines are cut. */
void log_join_end(struct log_join *j);

/* Nothing more will come: what waits is dropped.  The number of lines of the file. */
uint64_t log_join_give_up(struct log_join *j);

/* The next line that need not wait; borrowed until the next call of another function.  False: none. */
bool log_join_next(struct log_join *j, struct log_joined *what, struct slice *line);

/* Bytes of the file that are to be read again by a run that goes on here. */
static inline uint64_t log_join_pending(const struct log_join *j)
{
	return j->bytes;
}

#endif
