#include "capture/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"

enum { FIRST_LINE = 1024, SKIP = 64 * 1024, BUFFER_MOST = 4 * LOG_READ_SIZE };

static bool is_gzip(int fd)
{
	uint8_t magic[2];

	return pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

int log_file_open(struct log_file *f, const char *path, struct err *e)
{
	struct stat st;

	memset(f, 0, sizeof *f);
	f->path = path;
	f->fd = !strcmp(path, "-") ? dup(0) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &st)) {
		err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
		if (f->fd >= 0)
			close(f->fd);
		return -1;
	}
	f->regular = S_ISREG(st.st_mode);
	f->device = st.st_dev;
	f->inode = st.st_ino;
	/* A pipe may be compressed too: its first bytes say so. */
	if (!f->regular || is_gzip(f->fd))
		f->gz = log_gzip_new(f->fd);
	log_file_learn(f);
	return 0;
}

void log_file_close(struct log_file *f)
{
	log_gzip_free(&f->gz);
	if (f->fd >= 0)
		close(f->fd);
	free(f->buf);
	memset(f, 0, sizeof *f);
	f->fd = -1;
}

/* The first bytes of a compressed file, read beside the reader of all of it. */
static ssize_t first_unpacked(const struct log_file *f, uint8_t *line)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	struct log_gzip *gz = fd >= 0 ? log_gzip_new(fd) : NULL;
	const char *why;
	ssize_t n = 0, got = 1;

	while (gz && got > 0 && n < FIRST_LINE) {
		got = log_gzip_read(gz, line + n, (size_t)(FIRST_LINE - n), &why);
		n += got > 0 ? got : 0;
	}
	log_gzip_free(&gz);
	if (fd >= 0)
		close(fd);
	return n;
}

/* Up to FIRST_LINE bytes of the first line, as they are uncompressed. */
static size_t first_line(const struct log_file *f, uint8_t *line)
{
	ssize_t n = f->gz ? first_unpacked(f, line) : pread(f->fd, line, FIRST_LINE, 0);

	if (n <= 0)
		return 0;
	const uint8_t *nl = memchr(line, '\n', (size_t)n);
	return nl ? (size_t)(nl - line) + 1 : n == FIRST_LINE ? (size_t)n : 0;
}

void log_file_learn(struct log_file *f)
{
	static const uint64_t key[2][2] = {
		{ 0x65677265742d6c31, 0x6f672d6469676573 }, { 0x65677265742d6c32, 0x6f672d6469676574 },
	};
	uint8_t line[FIRST_LINE];

	if (f->digest_known || !f->regular)
		return;
	size_t n = first_line(f, line);
	if (!n)
		return;
	for (int k = 0; k < 2; k++) {
		uint64_t h = hash_sip13(key[k], line, n);
		memcpy(f->digest + 8 * k, &h, 8);
	}
	f->digest_known = true;
}

/* Forward only: a compressed file is read from its start. */
static int skip_unpacked(struct log_file *f, uint64_t offset)
{
	uint8_t *scratch = malloc(SKIP);
	const char *why;
	ssize_t got = 1;

	if (!scratch)
		abort();
	while (offset && got > 0) {
		got = log_gzip_read(f->gz, scratch, offset < SKIP ? (size_t)offset : SKIP, &why);
		offset -= got > 0 ? (uint64_t)got : 0;
	}
	free(scratch);
	return offset ? -1 : 0;
}

int log_file_seek(struct log_file *f, uint64_t offset)
{
	struct stat st;

	f->n = 0;
	if (f->gz) {
		if (skip_unpacked(f, offset) == 0) {
			f->offset = offset;
			return 0;
		}
		/* Shorter: from the start again. */
		log_gzip_free(&f->gz);
		f->gz = log_gzip_new(f->fd);
		(void)lseek(f->fd, 0, SEEK_SET);	/* a regular file: it can */
		return -1;
	}
	if (fstat(f->fd, &st) || (uint64_t)st.st_size < offset || lseek(f->fd, (off_t)offset, SEEK_SET) < 0)
		return -1;
	f->offset = offset;
	return 0;
}

static bool make_room(struct log_file *f)
{
	if (f->size - f->n >= LOG_READ_SIZE)
		return true;
	if (f->size >= BUFFER_MOST)
		return false;
	f->size = f->size ? f->size * 2 : LOG_READ_SIZE;
	f->buf = realloc(f->buf, f->size);
	if (!f->buf)
		abort();
	return f->size > f->n;
}

int log_file_read(struct log_file *f, struct err *e)
{
	size_t room;
	ssize_t got;

	if (f->damaged || (!make_room(f) && f->size == f->n))
		return 0;
	room = f->size - f->n;
	if (room > LOG_READ_SIZE)
		room = LOG_READ_SIZE;
	if (f->gz) {
		const char *why;
		got = log_gzip_read(f->gz, f->buf + f->n, room, &why);
		f->damaged = got < 0 && why;
		if (f->damaged)
			return err_set(e, ERR_INPUT, "%s: the compressed data %s, at byte %" PRIu64
				       "; what came before is read", f->path, why, log_gzip_at(f->gz));
	} else {
		do
			got = read(f->fd, f->buf + f->n, room);
		while (got < 0 && errno == EINTR);
	}
	if (got < 0)
		return err_set(e, ERR_IO, "%s: %s", f->path, strerror(errno));
	f->n += (size_t)got;
	return got > 0;
}

void log_file_consume(struct log_file *f, size_t n)
{
	f->n -= n;
	f->offset += n;
	if (f->n && n)
		memmove(f->buf, f->buf + n, f->n);
}
