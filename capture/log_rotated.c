/*
 * log_rotated: what was rotated away while nobody looked.
 *
 * Beside PATH (and beside what a symbolic link points to) stand PATH.1, PATH-20260101, PATH.2.gz ...  One that was
 * left in its middle is read from there.  One that nobody read is read whole where it is younger than one
 * that was, or was written since PATH was last read: it came and went in between.  Files older than the
 * first that was ever followed are nobody's wish, and so are names that are no rotated log's.
 */
#include "capture/log_run.h"

#include <ctype.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct rotated {
	char *path;
	int64_t mtime;
	bool numbered;			/* named as a rotated log is: read whole where it must be */
	bool known;			/* left at a place of its own */
};

struct rotated_list {
	struct rotated *item;
	size_t n;
};

/* ".1", "-20260101-101500", ".2026-01-01T10.gz"; before an ending ".1.log", "-20260101.log.gz", but not "-1.log". */
static bool is_number(const char *tail, const char *ending)
{
	size_t n = strspn(tail, ".-_0123456789TZ"), digits = 0;

	for (size_t i = 0; i < n; i++)
		digits += isdigit((unsigned char)tail[i]) != 0;
	if (!digits || (*ending && *tail == '-' && digits < 6))
		return false;
	/* The ending's dot was taken for one of the number's. */
	if (*ending && strncmp(tail + n, ending + 1, strlen(ending + 1)) != 0)
		return false;
	n += *ending ? strlen(ending + 1) : 0;
	return !tail[n] || !strcmp(tail + n, "gz") || !strcmp(tail + n, ".gz");
}

/* Oldest first.  Of one time: a greater number is older, a later date is not. */
static int by_age(const void *pa, const void *pb)
{
	const struct rotated *a = pa, *b = pb;

	if (a->mtime != b->mtime)
		return a->mtime > b->mtime ? 1 : -1;
	return -strverscmp(a->path, b->path);
}

static bool has(const struct rotated_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->item[i].path, path))
			return true;
	return false;
}

static void add(struct run *r, const char *path, bool numbered, struct rotated_list *l)
{
	struct stat st;

	if (l->n == FILES_MOST || map_get(&r->by_path, slice_of(path)) || stat(path, &st) ||
	    !S_ISREG(st.st_mode) || has(l, path))
		return;
	l->item = realloc(l->item, (l->n + 1) * sizeof *l->item);
	if (!l->item)
		abort();
	l->item[l->n++] = (struct rotated){
		.path = strdup(path), .numbered = numbered,
		.mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
	if (!l->item[l->n - 1].path)
		abort();
}

/* A pattern that names exactly this text. */
static void quoted(char *to, size_t n, const char *path)
{
	size_t k = 0;

	for (; *path && k + 3 < n; path++) {
		if (strchr("*?[\\", *path))
			to[k++] = '\\';
		to[k++] = *path;
	}
	to[k] = 0;
}

static void add_matching(struct run *r, const char *pattern, size_t head, const char *ending, struct rotated_list *l)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t k = 0; k < found.gl_pathc; k++)
		add(r, found.gl_pathv[k], is_number(found.gl_pathv[k] + head, ending), l);
	globfree(&found);
}

/* PATH.*, PATH-*; where the name has an ending, as in access.log, access-20260101.log too. */
static void add_beside(struct run *r, const char *path, struct rotated_list *l)
{
	char name[PATH_MAX], pattern[2 * PATH_MAX + 16], stem[PATH_MAX];
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	const char *file = slash ? slash + 1 : path;

	quoted(name, sizeof name, path);
	snprintf(pattern, sizeof pattern, "%s[.-]*", name);
	add_matching(r, pattern, strlen(path), "", l);
	if (!dot || dot <= file)
		return;
	snprintf(stem, sizeof stem, "%.*s", (int)(dot - path), path);
	quoted(name, sizeof name, stem);
	snprintf(pattern, sizeof pattern, "%s[.-][0-9]*%s*", name, dot);
	add_matching(r, pattern, strlen(stem), dot, l);
}

/* A container's log: RESTARTS.log, its folder holds those of the restarts before. */
static void add_restarts(struct run *r, const char *target, struct rotated_list *l)
{
	char name[PATH_MAX], pattern[PATH_MAX + 32];
	const char *slash = strrchr(target, '/');

	if (!slash || !isdigit((unsigned char)slash[1]) || strcmp(slash + 1 + strspn(slash + 1, "0123456789"), ".log"))
		return;
	snprintf(name, sizeof name, "%.*s", (int)(slash - target), target);
	quoted(pattern, sizeof pattern - 32, name);
	strcat(pattern, "/[0-9]*.log*");
	glob_t found;
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t k = 0; k < found.gl_pathc; k++)
		if (strcmp(found.gl_pathv[k], target))
			add(r, found.gl_pathv[k], true, l);
	globfree(&found);
}

static void find_rotated(struct run *r, const char *path, struct rotated_list *l)
{
	char target[PATH_MAX];

	add_beside(r, path, l);
	if (realpath(path, target) && strcmp(target, path)) {
		add_beside(r, target, l);
		add_restarts(r, target, l);
	}
	if (l->n)
		qsort(l->item, l->n, sizeof *l->item, by_age);
}

/* The file under this name as one that was followed as s; NULL: gone between glob and open. */
static struct source *open_as(struct run *r, const struct source *s, const char *path, enum resumed *how)
{
	struct source *t = source_new(s->path);
	struct err ignored;

	if (log_file_open(&t->file, path, &ignored)) {
		source_free(&t);
		return NULL;
	}
	t->open = true;
	*how = source_resume(r, t);
	return t;
}

static bool is_known(struct run *r, const struct source *s, const char *path)
{
	enum resumed how = UNREAD;
	struct source *t = open_as(r, s, path, &how);

	if (t)
		source_free(&t);
	return how != UNREAD;
}

static int read_rotated(struct run *r, const struct source *s, const char *path, struct err *e)
{
	enum resumed how;
	struct source *t = open_as(r, s, path, &how);
	int rc = 0;

	if (!t)
		return 0;
	if (how != COVERED && source_read(r, t, true, e) < 0)
		rc = -1;
	source_free(&t);
	return rc;
}

int run_catch_up(struct run *r, struct source *s, struct err *e)
{
	struct rotated_list l = { NULL, 0 };
	size_t last = SIZE_MAX;
	int rc = 0;

	/* Which line another begins with is not known of a pipe, nor what was read where nobody keeps it. */
	if (!strcmp(s->path, "-") || (!r->o->places && !s->open))
		return 0;
	find_rotated(r, s->path, &l);
	for (size_t i = 0; i < l.n; i++) {
		l.item[i].known = is_known(r, s, l.item[i].path);
		if (l.item[i].known)
			last = i;
	}
	/* s is open where it was followed until now, and only its own copy is wanted. */
	bool others = !s->open && !is_known(r, s, s->path);
	int64_t since = others && r->o->last_read ? r->o->last_read(r->o->ctx, slice_of(s->path)) : 0;
	for (size_t i = 0; i < l.n && !rc && !run_stopped(r); i++) {
		const struct rotated *x = &l.item[i];
		bool younger = (last != SIZE_MAX && i > last) || (since && x->mtime > since);
		if (x->known || (others && x->numbered && younger))
			rc = read_rotated(r, s, x->path, e);
	}
	for (size_t i = 0; i < l.n; i++)
		free(l.item[i].path);
	free(l.item);
	return rc;
}
