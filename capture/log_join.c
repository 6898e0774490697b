/*
 * log_join: `held` is one buffer of lines and their lengths, in the order in which the lines ended.  It is
 * given out when nothing is open, which is after every line where streams do not interleave.  What it holds is
 * less than what the lines take in the file: a wrapper is longer than a struct log_joined.
 */
#include "capture/log_join.h"

#include <string.h>

enum { BEGINNING = 4096, HELD_ROOM = 2 * LOG_HELD_MOST };

void log_join_init(struct log_join *j)
{
	*j = (struct log_join){ 0 };
	for (unsigned k = 0; k < LOG_STREAMS; k++)
		buf_init(&j->partial[k], LOG_LINE_MOST);
	buf_init(&j->held, HELD_ROOM);
}

void log_join_release(struct log_join *j)
{
	for (unsigned k = 0; k < LOG_STREAMS; k++)
		buf_release(&j->partial[k]);
	buf_release(&j->held);
}

static void hold(struct log_join *j, enum log_joining how, struct slice line)
{
	struct log_joined what = { how, line.n };

	if (how != LOG_JOINED && what.n > BEGINNING)
		what.n = BEGINNING;
	buf_add(&j->held, (struct slice){ (const uint8_t *)&what, sizeof what });
	buf_add(&j->held, (struct slice){ line.p, what.n });
}

static bool any_open(const struct log_join *j)
{
	return j->open[0] || j->open[1];
}

/* The stream's line is over. */
static void finish(struct log_join *j, unsigned stream, bool cut)
{
	struct buf *b = &j->partial[stream];

	hold(j, b->full ? LOG_JOINED_TOO_LONG : cut ? LOG_JOINED_CUT : LOG_JOINED, buf_slice(b));
	buf_clear(b);
	j->open[stream] = false;
}

void log_join_end(struct log_join *j)
{
	for (unsigned k = 0; k < LOG_STREAMS; k++)
		if (j->open[k])
			finish(j, k, true);
	j->bytes = 0;
}

static void give_up(struct log_join *j)
{
	for (unsigned k = 0; k < LOG_STREAMS; k++)
		j->dropping[k] |= j->open[k];
	log_join_end(j);
}

static void take(struct log_join *j, const struct log_part *part)
{
	unsigned k = part->stream;

	if (j->dropping[k]) {
		j->dropping[k] = part->more;
		return;
	}
	buf_add(&j->partial[k], part->text);
	j->open[k] = true;
	if (!part->more)
		finish(j, k, false);
}

static void count(struct log_join *j, uint64_t bytes)
{
	j->lines++;
	j->bytes += bytes;
	if (j->bytes > LOG_HELD_MOST)
		give_up(j);
	if (!any_open(j))
		j->bytes = 0;
}

void log_join_add(struct log_join *j, const struct log_part *part, uint64_t bytes)
{
	take(j, part);
	count(j, bytes);
}

void log_join_add_bad(struct log_join *j, enum log_joining how, struct slice line, uint64_t bytes)
{
	hold(j, how, line);
	count(j, bytes);
}

uint64_t log_join_lines(struct log_join *j)
{
	uint64_t n = any_open(j) ? 0 : j->lines;

	j->lines -= n;
	return n;
}

uint64_t log_join_give_up(struct log_join *j)
{
	uint64_t n = j->lines;

	log_join_release(j);
	log_join_init(j);
	return n;
}

bool log_join_next(struct log_join *j, struct log_joined *what, struct slice *line)
{
	if (any_open(j))
		return false;
	if (j->taken == j->held.n) {
		buf_clear(&j->held);
		j->taken = 0;
		return false;
	}
	memcpy(what, j->held.p + j->taken, sizeof *what);
	j->taken += sizeof *what;
	*line = (struct slice){ j->held.p + j->taken, what->n };
	j->taken += what->n;
	return true;
}
