/*
 * log_gzip - bytes of a file or pipe that may be compressed (RFC 1952), as they were before.
 *
 * Members one after the other are one text, zero bytes after the last are padding.  What is not gzip from its
 * first byte on is passed on as it is.  What comes before a damage is good, and is given first.
 */
#ifndef CAPTURE_LOG_GZIP_H
#define CAPTURE_LOG_GZIP_H

#include <stdint.h>
#include <sys/types.h>

struct log_gzip;

/* A reason: bytes are not what they were.  It is found out late: up to a member before it may be wrong. */
#define LOG_GZIP_DAMAGED "is damaged"

struct log_gzip *log_gzip_new(int fd);		/* fd stays the caller's */
void log_gzip_free(struct log_gzip **z);	/* NULL-safe */

/*
 * > 0: bytes; 0: the end; -1: the text ends here, *why says how ("ends early", ...), or is NULL where
 * reading failed (errno).
 */
ssize_t log_gzip_read(struct log_gzip *z, uint8_t *to, size_t room, const char **why);

/* Compressed bytes that were taken so far. */
uint64_t log_gzip_at(const struct log_gzip *z);

#endif
