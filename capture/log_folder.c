/*
 * log_folder: a few listings, the least used of which goes.
 *
 * A folder's time moves in steps of the system's clock tick: one that was changed within RACY_NS of being listed
 * may change again without showing it, so that listing is not used a second time.
 */
#include "capture/log_folder.h"

#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"

/* The folder of the names, those that they point to, and one to spare. */
enum { LISTINGS = 4, RACY_NS = 50 * 1000 * 1000 };

struct listing {
	struct log_folder folder;
	char *path;
	uint64_t device, inode, used;
	int64_t mtime;
	bool settled;			/* may be used again */
};

struct log_folders {
	struct listing list[LISTINGS];
	uint64_t turn;
};

struct log_folders *log_folders_new(void)
{
	struct log_folders *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	return m;
}

static void forget(struct listing *l)
{
	for (size_t i = 0; i < l->folder.n; i++)
		free(l->folder.name[i]);
	free(l->folder.name);
	free(l->path);
	*l = (struct listing){ 0 };
}

void log_folders_free(struct log_folders **m)
{
	for (size_t i = 0; *m && i < LISTINGS; i++)
		forget(&(*m)->list[i]);
	free(*m);
	*m = NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(struct log_folder *f, const char *name)
{
	if (f->n == NAMES_MOST) {
		f->full = true;
		return;
	}
	/* A power of two: there is no more room. */
	if (!(f->n & (f->n - 1))) {
		f->name = realloc(f->name, (f->n ? 2 * f->n : 1) * sizeof *f->name);
		if (!f->name)
			abort();
	}
	if (!(f->name[f->n++] = strdup(name)))
		abort();
}

static void read_names(struct log_folder *f, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *x;

	if (!d)
		return;
	while ((x = readdir(d)))
		add(f, x->d_name);
	closedir(d);
	if (f->n)
		qsort(f->name, f->n, sizeof *f->name, by_name);
}

static int64_t time_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
}

/* The listing of this path, or the one that makes room for it. */
static struct listing *place_of(struct log_folders *m, const char *path)
{
	struct listing *least = &m->list[0];

	for (size_t i = 0; i < LISTINGS; i++) {
		struct listing *l = &m->list[i];
		if (l->path && !strcmp(l->path, path))
			return l;
		if (l->used < least->used)
			least = l;
	}
	return least;
}

const struct log_folder *log_folders_of(struct log_folders *m, const char *path)
{
	struct listing *l = place_of(m, path);
	struct stat st = { 0 };
	bool there = stat(path, &st) == 0;

	if (!l->path || strcmp(l->path, path) != 0 || !l->settled || !there || l->device != st.st_dev ||
	    l->inode != st.st_ino || l->mtime != time_of(&st)) {
		forget(l);
		if (!(l->path = strdup(path)))
			abort();
		l->device = st.st_dev;
		l->inode = st.st_ino;
		l->mtime = time_of(&st);
		int64_t age = clock_now() - l->mtime;
		l->settled = there && (age > RACY_NS || age < -RACY_NS);
		if (there)
			read_names(&l->folder, path);
	}
	l->used = ++m->turn;
	return &l->folder;
}

size_t log_folder_from(const struct log_folder *f, const char *name)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(f->name[mid], name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
