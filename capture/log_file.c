#include "capture/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
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
		int why = errno;
		err_set(e, ERR_IO, "%s: %s", path, strerror(why));
		if (f->fd >= 0)
			close(f->fd);
		errno = why;
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

/* Not secret: the same on every machine, since it is stored. */
static void digest(const uint8_t *p, size_t n, uint8_t out[LOG_DIGEST])
{
	static const uint64_t key[2][2] = {
		{ 0x65677265742d6c31, 0x6f672d6469676573 }, { 0x65677265742d6c32, 0x6f672d6469676574 },
	};

	for (int k = 0; k < 2; k++) {
		uint64_t h = hash_sip13(key[k], p, n);
		memcpy(out + 8 * k, &h, 8);
	}
}

void log_file_learn(struct log_file *f)
{
	uint8_t line[FIRST_LINE];

	if (f->digest_known || !f->regular)
		return;
	size_t n = first_line(f, line);
	if (!n)
		return;
	digest(line, n, f->digest);
	f->digest_known = true;
}

/* These bytes still stand there in the file. */
static bool stands(const struct log_file *f, const uint8_t *p, size_t n, uint64_t at)
{
	uint8_t now[LOG_TAIL];

	return pread(f->fd, now, n, (off_t)at) == (ssize_t)n && !memcmp(now, p, n);
}

/* Nothing was read yet, and the first line is what it was. */
static bool begins_alike(const struct log_file *f)
{
	uint8_t line[FIRST_LINE], now[LOG_DIGEST];

	if (f->offset || !f->digest_known)
		return true;
	size_t n = first_line(f, line);
	digest(line, n, now);
	return n && !memcmp(now, f->digest, LOG_DIGEST);
}

bool log_file_same(const struct log_file *f)
{
	size_t unread = f->n < LOG_TAIL ? f->n : LOG_TAIL;

	return begins_alike(f) && stands(f, f->window, f->n_window, f->offset - f->n_window) &&
	       (!unread || stands(f, f->buf + f->n - unread, unread, f->offset + f->n - unread));
}

bool log_file_tail(const struct log_file *f, uint64_t back, uint8_t tail[LOG_DIGEST])
{
	size_t want = f->offset - back < LOG_TAIL ? (size_t)(f->offset - back) : LOG_TAIL;
	uint8_t before[LOG_TAIL];

	if (f->n_window >= want && f->n_window - want >= back) {
		digest(f->window + f->n_window - back - want, want, tail);
		return true;
	}
	/* Further back than is kept.  Where the last bytes still stand, so do those before them. */
	if (f->gz || !f->regular || pread(f->fd, before, want, (off_t)(f->offset - back - want)) != (ssize_t)want ||
	    !log_file_same(f))
		return false;
	digest(before, want, tail);
	return true;
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

/* A compressed file is read from its start again. */
static int go_to(struct log_file *f, uint64_t at)
{
	if (!f->gz)
		return lseek(f->fd, (off_t)at, SEEK_SET) < 0 ? -1 : 0;
	log_gzip_free(&f->gz);
	f->gz = log_gzip_new(f->fd);
	f->damaged = false;
	return lseek(f->fd, 0, SEEK_SET) < 0 ? -1 : skip_unpacked(f, at);
}

/* n bytes from here, no fewer. */
static bool read_whole(struct log_file *f, uint8_t *to, size_t n)
{
	size_t have = 0;
	ssize_t got = 1;
	const char *why;

	while (have < n && got > 0) {
		got = f->gz ? log_gzip_read(f->gz, to + have, n - have, &why) : read(f->fd, to + have, n - have);
		have += got > 0 ? (size_t)got : 0;
	}
	return have == n;
}

/* The bytes before the offset are read again: they are the proof, and the window from here on. */
int log_file_seek(struct log_file *f, uint64_t offset, const uint8_t *tail)
{
	size_t before = offset < LOG_TAIL ? (size_t)offset : LOG_TAIL;
	uint8_t found[LOG_DIGEST];

	f->n = f->n_window = 0;
	f->offset = offset;
	if (!go_to(f, offset - before) && read_whole(f, f->window, before)) {
		f->n_window = before;
		if (!tail || (log_file_tail(f, 0, found) && !memcmp(found, tail, LOG_DIGEST)))
			return 0;
	}
	f->n_window = 0;
	f->offset = 0;
	go_to(f, 0);
	return -1;
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
				       "; what came before is read%s", f->path, why, log_gzip_at(f->gz),
				       strcmp(why, LOG_GZIP_DAMAGED) ? "" : ", though some of it may be wrong");
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

static void keep_window(struct log_file *f, const uint8_t *p, size_t n)
{
	size_t keep = n < LOG_TAIL ? LOG_TAIL - n : 0;

	if (keep > f->n_window)
		keep = f->n_window;
	if (keep)
		memmove(f->window, f->window + f->n_window - keep, keep);
	if (n > LOG_TAIL) {
		p += n - LOG_TAIL;
		n = LOG_TAIL;
	}
	memcpy(f->window + keep, p, n);
	f->n_window = keep + n;
}

int log_file_unread(struct log_file *f, size_t n)
{
	f->n -= n;
	return lseek(f->fd, (off_t)(f->offset + f->n), SEEK_SET) < 0 ? -1 : 0;
}

void log_file_consume(struct log_file *f, size_t n)
{
	if (n)
		keep_window(f, f->buf, n);
	f->n -= n;
	f->offset += n;
	if (f->n && n)
		memmove(f->buf, f->buf + n, f->n);
}

/*
 * A lease for reading is given only where nobody writes (fcntl(2)).  Whoever opens the file to write in that moment
 * waits for its end, and we are told by a signal: by one that nobody minds.
 */
bool log_file_written(const struct log_file *f)
{
	if (fcntl(f->fd, F_SETSIG, SIGURG) || (fcntl(f->fd, F_SETLEASE, F_RDLCK) && errno == EAGAIN))
		return errno == EAGAIN;
	fcntl(f->fd, F_SETLEASE, F_UNLCK);
	return false;
}

void log_file_rest(struct log_file *f)
{
	if (f->n)
		return;
	free(f->buf);
	f->buf = NULL;
	f->size = 0;
}
