/*
 * log_reader - lines to flows: unwrapping, format, batch.
 *
 * Fed with bytes of one file in order; cuts lines, takes them out of their wrappers (log_wrap.h), reads
 * them by the format, and pushes flows in batches.  What is not understood is
 * counted by reason, with masked samples.  Bounded: a line of more than LOG_LINE_MOST
 * bytes is skipped to its end.
 */
#ifndef CAPTURE_LOG_READER_H
#define CAPTURE_LOG_READER_H

#include "capture/log.h"
#include "capture/log_formats.h"
#include "capture/log_join.h"

struct log_inventory;

enum { LOG_BEGINNING = 512 };

/* What is kept of a file from feed to feed, so that one reader serves many files. */
struct log_state {
	unsigned current;		/* the format that read the last line */
	enum log_wrapper wrapper;
	bool wrapper_known;
	uint64_t skipped;		/* bytes of a line that is too long: we are inside it */
	size_t n_beginning;
	uint8_t beginning[LOG_BEGINNING];	/* of that line: enough for a sample */
	struct log_join join;		/* of wrapped lines */
	uint64_t line;			/* number of the line at hand */
	enum flow_writer writer;	/* of the file, as its name says */
};

void log_state_init(struct log_state *s);
void log_state_release(struct log_state *s);

struct log_reader;

struct log_reader *log_reader_new(struct log_formats *f, const struct log_options *o,
				  const struct log_inventory *inv, struct sink *out,
				  struct evidence *ev);
void log_reader_free(struct log_reader **r);

/* From here on bytes are of this file; NULL: of the reader's own, one alone.  *s lives until the next call. */
void log_reader_of(struct log_reader *r, struct log_state *s);

/*
 * Take whole lines of bytes; *used = how many bytes were consumed (up to the last line's end).  With
 * `last` the rest is a line too, where it is one.  Where the formats are not decided and these lines do not
 * decide them: -1, ERR_INPUT.
 */
int log_reader_feed(struct log_reader *r, struct slice bytes, bool last, size_t *used, struct err *e);

/* The file breaks off inside a line: these bytes of it are counted, and no line. */
void log_reader_cut(struct log_reader *r, struct slice rest);

/* Bytes of the file that are not finished with: a wrapped line whose rest has not come, and what is behind it. */
uint64_t log_reader_pending(const struct log_reader *r);

/* Flows of the batch so far go out now. */
int log_reader_flush(struct log_reader *r, struct err *e);

#endif
