/*
 * log_gzip: zlib's own file reader takes whatever stands after a member for padding and says nothing; a log
 * of which the second half was overwritten would look whole.  So the members are walked here.
 */
#include "capture/log_gzip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { INPUT = 64 * 1024, GZIP_WINDOW = 15 + 16 };

struct log_gzip {
	int fd;
	bool begun, plain, inside;	/* inside: a member */
	bool end;			/* of the input */
	z_stream z;
	uint64_t taken;			/* from fd */
	uint8_t in[INPUT];
};

struct log_gzip *log_gzip_new(int fd)
{
	struct log_gzip *g = calloc(1, sizeof *g);

	if (!g || inflateInit2(&g->z, GZIP_WINDOW) != Z_OK)
		abort();
	g->fd = fd;
	return g;
}

void log_gzip_free(struct log_gzip **g)
{
	if (!*g)
		return;
	inflateEnd(&(*g)->z);
	free(*g);
	*g = NULL;
}

uint64_t log_gzip_at(const struct log_gzip *g)
{
	return g->taken - g->z.avail_in;
}

/* At least `want` bytes of input, unless there are no more.  -1: errno. */
static int fill(struct log_gzip *g, size_t want)
{
	if (g->z.avail_in >= want)
		return 0;
	if (g->z.avail_in)
		memmove(g->in, g->z.next_in, g->z.avail_in);
	g->z.next_in = g->in;
	while (g->z.avail_in < want && !g->end) {
		ssize_t n = read(g->fd, g->in + g->z.avail_in, INPUT - g->z.avail_in);
		if (n < 0 && errno != EINTR)
			return -1;
		g->end = n == 0;
		g->z.avail_in += n > 0 ? (unsigned)n : 0;
		g->taken += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static ssize_t pass_on(struct log_gzip *g, uint8_t *to, size_t room)
{
	if (fill(g, 1))
		return -1;
	size_t n = g->z.avail_in < room ? g->z.avail_in : room;
	if (n)
		memcpy(to, g->z.next_in, n);
	g->z.next_in += n;
	g->z.avail_in -= (unsigned)n;
	return (ssize_t)n;
}

static bool magic(const struct log_gzip *g)
{
	return g->z.avail_in >= 2 && g->z.next_in[0] == 0x1f && g->z.next_in[1] == 0x8b;
}

/* Between two members.  1: another begins; 0: the end; -1: errno, or *why. */
static int next_member(struct log_gzip *g, const char **why)
{
	for (;;) {
		if (fill(g, 2))
			return -1;
		if (magic(g)) {
			inflateReset(&g->z);
			g->inside = true;
			return 1;
		}
		if (!g->z.avail_in)
			return 0;
		if (*g->z.next_in) {
			*why = "is followed by bytes that are not compressed data";
			return -1;
		}
		g->z.next_in++;
		g->z.avail_in--;
	}
}

static ssize_t inflate_some(struct log_gzip *g, uint8_t *to, size_t room, const char **why)
{
	g->z.next_out = to;
	g->z.avail_out = (unsigned)room;
	while (g->z.avail_out == room) {
		if (!g->inside) {
			int more = next_member(g, why);
			if (more <= 0)
				return more;
		}
		if (fill(g, 1))
			return -1;
		if (!g->z.avail_in) {
			*why = "ends early";
			return -1;
		}
		int r = inflate(&g->z, Z_NO_FLUSH);
		if (r == Z_STREAM_END)
			g->inside = false;
		else if (r != Z_OK && r != Z_BUF_ERROR && g->z.avail_out == room) {
			*why = LOG_GZIP_DAMAGED;
			return -1;
		} else if (r != Z_OK && r != Z_BUF_ERROR) {
			break;		/* what came before it first */
		}
	}
	return (ssize_t)(room - g->z.avail_out);
}

ssize_t log_gzip_read(struct log_gzip *g, uint8_t *to, size_t room, const char **why)
{
	*why = NULL;
	if (!g->begun) {
		if (fill(g, 2))
			return -1;
		g->begun = true;
		g->plain = !magic(g);
		g->inside = !g->plain;
	}
	return g->plain ? pass_on(g, to, room) : inflate_some(g, to, room, why);
}
