/*
 * tls_keylog: lines are "LABEL CLIENT_RANDOM SECRET" in hex (NSS key log
 * format).  A file is re-read from where it was left; the bytes after its last
 * newline wait in `partial`, since a writer may be in the middle of a line and
 * a shortened secret would be a wrong one.
 *
 * Invariant: `order` is a ring of the entries of `map`, oldest first.
 */
#include "capture/tls_keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/map.h"

enum { LINE_MAX_BYTES = 512, READ_BYTES = 64 * 1024 };

struct entry {
	uint8_t random[TLS_RANDOM];
	struct tls_secrets secrets;
};

struct keylog_file {
	struct keylog_file *next;
	char *path;
	bool growing, overlong;		/* overlong: skip to the next newline */
	int fd;				/* a pipe stays open; -1: none */
	uint64_t device, inode, offset;
	size_t n_partial;
	uint8_t partial[LINE_MAX_BYTES];
};

enum { LABELS = 15 };

struct tls_keys {
	struct evidence *ev;
	uint64_t lines[LABELS + 1];	/* understood, by label; the last: QUIC's */
	struct map map;
	struct entry **order;
	size_t head, n, max;
	struct keylog_file *files;
	uint64_t generation;
};

static const struct {
	const char *name;
	enum tls_secret which;		/* SECRETS: known, and of no use to us */
} labels[LABELS] = {
	{ "CLIENT_RANDOM", SECRET_MASTER },
	{ "CLIENT_EARLY_TRAFFIC_SECRET", SECRET_EARLY },
	{ "CLIENT_HANDSHAKE_TRAFFIC_SECRET", SECRET_CLIENT_HANDSHAKE },
	{ "SERVER_HANDSHAKE_TRAFFIC_SECRET", SECRET_SERVER_HANDSHAKE },
	{ "CLIENT_TRAFFIC_SECRET_0", SECRET_CLIENT_TRAFFIC },
	{ "SERVER_TRAFFIC_SECRET_0", SECRET_SERVER_TRAFFIC },
	{ "CLIENT_TRAFFIC_SECRET_N", SECRETS },	/* after a KeyUpdate: we derive them */
	{ "SERVER_TRAFFIC_SECRET_N", SECRETS },
	{ "RSA", SECRETS },			/* by encrypted premaster; CLIENT_RANDOM says more */
	{ "EXPORTER_SECRET", SECRETS },
	{ "EARLY_EXPORTER_SECRET", SECRETS },
	{ "EARLY_EXPORTER_MASTER_SECRET", SECRETS },
	{ "ECH_SECRET", SECRETS },
	{ "ECH_CONFIG", SECRETS },
	{ "PMS_CLIENT_RANDOM", SECRETS },
};

struct tls_keys *tls_keys_new(struct evidence *ev, size_t max)
{
	struct tls_keys *k = calloc(1, sizeof *k);

	if (!k)
		abort();
	k->ev = ev;
	k->max = max ? max : KEYLOG_MAX;
	map_init(&k->map, k->max);
	return k;
}

void tls_keys_free(struct tls_keys **kp)
{
	struct tls_keys *k = *kp;

	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++) {
		struct entry *e = k->order[(k->head + i) % k->max];
		explicit_bzero(e, sizeof *e);
		free(e);
	}
	while (k->files) {
		struct keylog_file *f = k->files;
		k->files = f->next;
		if (f->fd >= 0)
			close(f->fd);
		free(f->path);
		free(f);
	}
	map_release(&k->map);
	free(k->order);
	free(k);
	*kp = NULL;
}

static struct entry *entry_of(struct tls_keys *k, struct slice random)
{
	struct entry *e = map_get(&k->map, random);

	if (e)
		return e;
	if (!k->order) {
		k->order = calloc(k->max, sizeof *k->order);
		if (!k->order)
			abort();
	}
	if (k->n == k->max) {
		e = k->order[k->head];
		map_take(&k->map, (struct slice){ e->random, TLS_RANDOM });
		k->head = (k->head + 1) % k->max;
		k->n--;
		evidence_add(k->ev, EV_KEYLOG_EVICTED, 1);
	} else {
		e = malloc(sizeof *e);
		if (!e)
			abort();
	}
	memset(e, 0, sizeof *e);
	memcpy(e->random, random.p, TLS_RANDOM);
	map_put(&k->map, (struct slice){ e->random, TLS_RANDOM }, e);
	k->order[(k->head + k->n++) % k->max] = e;
	return e;
}

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: not hex, an odd number of digits, or more than `max` bytes. */
static bool unhex(struct slice s, uint8_t *out, size_t max, size_t *n)
{
	if (s.n % 2 || s.n / 2 > max)
		return false;
	for (size_t i = 0; i < s.n; i += 2) {
		int high = nibble(s.p[i]), low = nibble(s.p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	*n = s.n / 2;
	return true;
}

static struct slice word(struct slice *rest)
{
	struct slice w = *rest;

	while (w.n && (*w.p == ' ' || *w.p == '\t')) {
		w.p++;
		w.n--;
	}
	size_t n = 0;
	while (n < w.n && w.p[n] != ' ' && w.p[n] != '\t')
		n++;
	*rest = slice_from(w, n);
	w.n = n;
	return w;
}

/* RFC 8446 hashes are 32 or 48 bytes; a master secret is 48 (RFC 5246 section 8.1). */
static bool length_fits(enum tls_secret which, size_t n)
{
	return n == 48 || (n == 32 && which != SECRET_MASTER);
}

/* QUIC's secrets have labels of their own in older logs; its packets are not opened. */
static bool is_quic(struct slice label)
{
	return slice_starts(label, SLICE("QUIC_"));
}

static bool line_add(struct tls_keys *k, struct slice line)
{
	struct slice label = word(&line), random = word(&line), secret = word(&line);
	uint8_t id[TLS_RANDOM], value[TLS_SECRET_MAX];
	size_t n_id, n;
	size_t i = 0;

	while (i < LABELS && !slice_is(label, labels[i].name))
		i++;
	if (i == LABELS) {
		k->lines[LABELS] += is_quic(label);
		return is_quic(label);
	}
	if (labels[i].which == SECRETS) {
		k->lines[i]++;
		return true;
	}
	if (word(&line).n || !unhex(random, id, sizeof id, &n_id) || n_id != sizeof id ||
	    !unhex(secret, value, sizeof value, &n) || !length_fits(labels[i].which, n))
		return false;

	struct entry *e = entry_of(k, (struct slice){ id, sizeof id });
	e->secrets.n[labels[i].which] = (uint8_t)n;
	memcpy(e->secrets.secret[labels[i].which], value, n);
	k->lines[i]++;
	k->generation++;
	return true;
}

static struct slice without_bom(struct slice line)
{
	return slice_starts(line, SLICE("\xef\xbb\xbf")) ? slice_from(line, 3) : line;
}

/* Only its beginning may be at hand: a long comment is a comment all the same. */
static void too_long(struct tls_keys *k, struct slice beginning)
{
	beginning = without_bom(beginning);
	if (beginning.n && *beginning.p == '#')
		return;
	evidence_add(k->ev, EV_KEYLOG_LINES, 1);
	evidence_add(k->ev, EV_KEYLOG_BAD, 1);
}

static void line_read(struct tls_keys *k, struct slice line)
{
	if (line.n > LINE_MAX_BYTES) {
		too_long(k, line);
		return;
	}
	while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' ' ||
	       line.p[line.n - 1] == '\t'))
		line.n--;
	line = without_bom(line);
	if (!line.n || *line.p == '#')
		return;
	evidence_add(k->ev, EV_KEYLOG_LINES, 1);
	if (!line_add(k, line))
		evidence_add(k->ev, EV_KEYLOG_BAD, 1);
}

/* Whole lines of `text` are read; returns how many bytes they took. */
static size_t lines_read(struct tls_keys *k, struct slice text)
{
	size_t at = 0;

	for (;;) {
		const uint8_t *end = text.n > at ? memchr(text.p + at, '\n', text.n - at) : NULL;
		if (!end)
			return at;
		size_t n = (size_t)(end - (text.p + at));
		line_read(k, (struct slice){ text.p + at, n });
		at += n + 1;
	}
}

void tls_keys_text(struct tls_keys *k, struct slice text)
{
	size_t at = lines_read(k, text);

	line_read(k, slice_from(text, at));
}

/* Join with what waits from before, read whole lines, keep the rest. */
static void chunk_read(struct tls_keys *k, struct keylog_file *f, struct slice s)
{
	while (s.n && (f->n_partial || f->overlong)) {
		const uint8_t *end = memchr(s.p, '\n', s.n);
		size_t n = end ? (size_t)(end - s.p) : s.n;
		size_t room = sizeof f->partial - f->n_partial, take = n < room ? n : room;
		if (!f->overlong) {
			memcpy(f->partial + f->n_partial, s.p, take);
			f->n_partial += take;
		}
		if (!f->overlong && take < n) {
			f->overlong = true;
			too_long(k, (struct slice){ f->partial, f->n_partial });
		}
		if (!end)
			return;
		if (!f->overlong)
			line_read(k, (struct slice){ f->partial, f->n_partial });
		f->overlong = false;
		f->n_partial = 0;
		s = slice_from(s, n + 1);
	}
	s = slice_from(s, lines_read(k, s));
	if (s.n > sizeof f->partial) {
		f->overlong = true;
		too_long(k, s);
	} else if (s.n) {
		memcpy(f->partial, s.p, s.n);
		f->n_partial = s.n;
	}
}

/* To the end of what is there now.  False: the system said no (errno). */
static bool fd_read(struct tls_keys *k, struct keylog_file *f, int fd)
{
	uint8_t *buf = malloc(READ_BYTES);
	ssize_t n;

	if (!buf)
		abort();
	while ((n = read(fd, buf, READ_BYTES)) > 0) {
		f->offset += (uint64_t)n;
		chunk_read(k, f, (struct slice){ buf, (size_t)n });
	}
	int why = errno;
	explicit_bzero(buf, READ_BYTES);
	free(buf);
	errno = why;
	return n == 0 || why == EAGAIN;
}

static bool file_open(struct keylog_file *f, int *fd, struct stat *st)
{
	*fd = open(f->path, O_RDONLY | O_CLOEXEC | (f->growing ? O_NONBLOCK : 0));
	if (*fd < 0)
		return false;
	if (fstat(*fd, st) == 0 && !S_ISDIR(st->st_mode))
		return true;
	int why = S_ISDIR(st->st_mode) ? EISDIR : errno;
	close(*fd);
	errno = why;
	return false;
}

/* Another file under this name, or one that was emptied: from the start. */
static void file_place(struct keylog_file *f, const struct stat *st)
{
	if (f->device == (uint64_t)st->st_dev && f->inode == (uint64_t)st->st_ino &&
	    f->offset <= (uint64_t)st->st_size)
		return;
	f->device = (uint64_t)st->st_dev;
	f->inode = (uint64_t)st->st_ino;
	f->offset = 0;
	f->n_partial = 0;
	f->overlong = false;
}

static bool file_read(struct tls_keys *k, struct keylog_file *f)
{
	struct stat st;
	int fd;

	if (f->fd >= 0)
		return fd_read(k, f, f->fd);
	if (stat(f->path, &st) == 0 && S_ISREG(st.st_mode) &&
	    f->device == (uint64_t)st.st_dev && f->inode == (uint64_t)st.st_ino &&
	    f->offset == (uint64_t)st.st_size)
		return true;	/* nothing new: no need to open it */
	if (!file_open(f, &fd, &st))
		return false;
	if (!S_ISREG(st.st_mode)) {
		bool done = fd_read(k, f, fd);
		if (f->growing)
			f->fd = fd;
		else
			close(fd);
		return done;
	}
	file_place(f, &st);
	bool done = lseek(fd, (off_t)f->offset, SEEK_SET) >= 0 && fd_read(k, f, fd);
	close(fd);
	return done;
}

int tls_keys_file(struct tls_keys *k, const char *path, bool growing, struct err *e)
{
	struct keylog_file *f = calloc(1, sizeof *f);

	if (!f || !(f->path = strdup(path)))
		abort();
	f->fd = -1;
	f->growing = growing;
	f->next = k->files;
	k->files = f;
	if (!file_read(k, f) && !(growing && errno == ENOENT))
		return err_set(e, ERR_IO, "key log %s: %s", path, strerror(errno));
	if (!growing && f->n_partial && !f->overlong) {
		line_read(k, (struct slice){ f->partial, f->n_partial });
		f->n_partial = 0;
	}
	return 0;
}

void tls_keys_poll(struct tls_keys *k)
{
	for (struct keylog_file *f = k->files; f; f = f->next)
		if (f->growing)
			file_read(k, f);	/* unreadable now: perhaps the next time */
}

const struct tls_secrets *tls_keys_find(const struct tls_keys *k, struct slice client_random)
{
	const struct entry *e = map_get(&k->map, client_random);

	return e ? &e->secrets : NULL;
}

const char *tls_keys_label(const struct tls_keys *k, size_t i, uint64_t *lines)
{
	if (i > LABELS)
		return NULL;
	*lines = k->lines[i];
	return i < LABELS ? labels[i].name : "QUIC_*";
}

size_t tls_keys_sessions(const struct tls_keys *k, size_t *partial)
{
	*partial = 0;
	for (size_t i = 0; i < k->n; i++) {
		const struct tls_secrets *s = &k->order[(k->head + i) % k->max]->secrets;
		unsigned of_13 = 0;

		for (int w = SECRET_CLIENT_HANDSHAKE; w <= SECRET_SERVER_TRAFFIC; w++)
			of_13 += s->n[w] > 0;
		*partial += of_13 > 0 && of_13 < 4;
	}
	return k->n;
}

bool tls_keys_any(const struct tls_keys *k)
{
	return k->n > 0;
}

uint64_t tls_keys_generation(const struct tls_keys *k)
{
	return k->generation;
}
