#include "cli/log_end.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK = 64 * 1024 };

static bool is_plain(int fd, struct stat *st)
{
	uint8_t magic[2];

	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	       !(pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b);
}

/* The beginning of the first line that begins behind `at`; the file's size where none does. */
static uint64_t next_line(int fd, uint64_t at, uint64_t size)
{
	uint8_t bytes[LOOK];
	ssize_t n;

	/* A line's end right before it counts too. */
	for (at--; at < size && (n = pread(fd, bytes, LOOK, (off_t)at)) > 0; at += (uint64_t)n) {
		const uint8_t *nl = memchr(bytes, '\n', (size_t)n);
		if (nl)
			return at + (uint64_t)(nl - bytes) + 1;
	}
	return size;
}

bool log_end_find(const char *path, uint64_t read, uint64_t bytes, struct log_end *end)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	bool plain = fd >= 0 && is_plain(fd, &st);

	if (plain) {
		uint64_t size = (uint64_t)st.st_size;
		*end = (struct log_end){ st.st_dev, st.st_ino, size, read };
		if (size > bytes && size - bytes > read)
			end->from = next_line(fd, size - bytes, size);
		plain = end->from < size;
	}
	if (fd >= 0)
		close(fd);
	return plain;
}

size_t log_end_place(void *ctx, const struct log_offset *file, struct log_place *places)
{
	const struct log_end *end = ctx;

	if (file->device != end->device || file->inode != end->inode)
		return 0;
	places[0] = (struct log_place){ .offset = end->from };
	return 1;
}
