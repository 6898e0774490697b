/*
 * log_file - one log file as bytes: plain or gzip, from an offset.
 *
 * A file is known by device, inode and a digest of its first line; the digest tells a
 * file that was truncated and written anew (or copied, or compressed) from the one before.
 * Offsets count uncompressed bytes.
 */
#ifndef CAPTURE_LOG_FILE_H
#define CAPTURE_LOG_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/log_gzip.h"
#include "common/cursor.h"
#include "common/err.h"
#include "schema/log_place.h"

enum { LOG_READ_SIZE = 1024 * 1024, LOG_TAIL = 1024 };

struct log_file {
	const char *path;		/* borrowed; "-" is standard input */
	int fd;
	struct log_gzip *gz;		/* where the file is, or may be, compressed */
	bool regular, damaged;		/* damaged: said once, nothing more comes */
	uint64_t device, inode;
	uint64_t offset;		/* of the byte after the last one consumed */
	uint8_t digest[LOG_DIGEST];
	bool digest_known;		/* the first line is whole */
	uint8_t *buf;			/* bytes read and not consumed */
	size_t n, size;
	uint8_t window[LOG_TAIL];	/* the last bytes consumed */
	size_t n_window;
};

/* 0; or -1 and *e, with nothing open. */
int log_file_open(struct log_file *f, const char *path, struct err *e);
void log_file_close(struct log_file *f);

/*
 * Go to an offset (uncompressed) where the bytes before it have this tail (NULL: whatever they are).  -1: they
 * have not, or the file is shorter; it then stands at its beginning.
 */
int log_file_seek(struct log_file *f, uint64_t offset, const uint8_t *tail);

/* The digest of the bytes before the place `back` bytes before the offset.  False: they are not at hand. */
bool log_file_tail(const struct log_file *f, uint64_t back, uint8_t tail[LOG_DIGEST]);

/* Plain files: what was read last still stands in the file.  False: it was written anew, or cut. */
bool log_file_same(const struct log_file *f);

/* Read more after what is left.  1: something came; 0: nothing now; -1: *e (damaged, I/O). */
int log_file_read(struct log_file *f, struct err *e);
void log_file_consume(struct log_file *f, size_t n);
/* Plain files: give the last n bytes that were read and not consumed back.  -1: the file cannot be moved in. */
int log_file_unread(struct log_file *f, size_t n);

/* Somebody has it open to write to it.  False also where the system does not say. */
bool log_file_written(const struct log_file *f);

/* Nothing is to be read for a while: memory that holds nothing is given back. */
void log_file_rest(struct log_file *f);

/* Compute the digest if it is not known yet and the first line is whole. */
void log_file_learn(struct log_file *f);

#endif
