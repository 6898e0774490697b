/*
 * log_rotated: what was rotated away while nobody looked.
 *
 * Beside PATH (and beside what a symbolic link points to) stand PATH.1, PATH-20260101, PATH.2.gz ...  One that was
 * left in its middle is read from there.  One that nobody read is read whole where it is younger than one
 * that was, or was written since PATH was last read: it came and went in between.  Files older than the
 * first that was ever followed are nobody's wish, and so are names that are no rotated log's.
 *
 * A rotation may be going on meanwhile: what was copied or renamed after the look at the folder, and before the
 * log itself was open, stands in neither.  So the folder is looked at again with the log open, and where it
 * changed, all is done once more.
 */
#include "capture/log_run.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"

/* Looks at a folder that changes all the time. */
enum { TAKES = 16 };

/* What nobody has written to for so long, nobody will. */
#define QUIET_NS (10 * NS_PER_S)

struct rotated {
	char *path;
	uint64_t device, inode, size;
	int64_t mtime;
	bool numbered;			/* named as a rotated log is: read whole where it must be */
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

	if (l->n == FILES_MOST || map_get(&r->by_path, slice_of(path)) || has(l, path) || stat(path, &st) ||
	    !S_ISREG(st.st_mode))
		return;
	l->item = realloc(l->item, (l->n + 1) * sizeof *l->item);
	if (!l->item)
		abort();
	l->item[l->n++] = (struct rotated){
		.path = strdup(path), .numbered = numbered, .device = st.st_dev, .inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
	if (!l->item[l->n - 1].path)
		abort();
}

/* The folder of a path, "." where it names none; the name is returned. */
static const char *split(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		strcpy(folder, ".");
	else
		snprintf(folder, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return slash ? slash + 1 : path;
}

static bool begins(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* A file in the folder of this path. */
static void add_name(struct run *r, const char *path, const char *name, bool numbered, struct rotated_list *l)
{
	const char *slash = strrchr(path, '/');
	char full[PATH_MAX + 1];

	int n = snprintf(full, sizeof full, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name);
	if (n > 0 && n <= PATH_MAX)
		add(r, full, numbered, l);
}

/* HEAD.*, HEAD-*; with an ending, those names alone in which it follows a number. */
static void add_matching(struct run *r, const char *path, const char *head, const char *ending, struct rotated_list *l)
{
	char folder[PATH_MAX];

	split(path, folder);
	const struct log_folder *f = log_folders_of(r->folders, folder);
	for (size_t i = log_folder_from(f, head); i < f->n && begins(f->name[i], head); i++) {
		const char *tail = f->name[i] + strlen(head);
		if ((*tail != '.' && *tail != '-') ||
		    (*ending && (!isdigit((unsigned char)tail[1]) || !strstr(tail + 1, ending))))
			continue;
		add_name(r, path, f->name[i], is_number(tail, ending), l);
	}
	if (f->full)
		run_too_many(r, folder);
}

/* PATH.*, PATH-*; where the name has an ending, as in access.log, access-20260101.log too. */
static void add_beside(struct run *r, const char *path, struct rotated_list *l)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
	char stem[PATH_MAX];

	add_matching(r, path, name, "", l);
	if (!dot || dot == name)
		return;
	snprintf(stem, sizeof stem, "%.*s", (int)(dot - name), name);
	add_matching(r, path, stem, dot, l);
}

/* A container's log: RESTARTS.log, its folder holds those of the restarts before. */
static void add_restarts(struct run *r, const char *target, struct rotated_list *l)
{
	char folder[PATH_MAX];
	const char *own = split(target, folder);

	if (!isdigit((unsigned char)*own) || strcmp(own + strspn(own, "0123456789"), ".log") != 0)
		return;
	const struct log_folder *f = log_folders_of(r->folders, folder);
	for (size_t i = log_folder_from(f, "0"); i < f->n && isdigit((unsigned char)*f->name[i]); i++)
		if (strcmp(f->name[i], own) != 0 && strstr(f->name[i], ".log"))
			add_name(r, target, f->name[i], true, l);
}

/* A copy that is being compressed: its source is there until the last byte is written. */
static bool unfinished(const struct rotated_list *l, const struct rotated *x)
{
	char source[PATH_MAX];
	size_t n = strlen(x->path);

	if (n < 4 || n >= sizeof source || strcmp(x->path + n - 3, ".gz") != 0 ||
	    clock_now() - x->mtime > QUIET_NS)
		return false;
	snprintf(source, sizeof source, "%.*s", (int)(n - 3), x->path);
	return has(l, source);
}

static void find_rotated(struct run *r, const char *path, struct rotated_list *l)
{
	char target[PATH_MAX];

	add_beside(r, path, l);
	if (realpath(path, target) && strcmp(target, path) != 0) {
		add_beside(r, target, l);
		add_restarts(r, target, l);
	}
	if (l->n)
		qsort(l->item, l->n, sizeof *l->item, by_age);
}

static void forget(struct rotated_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i].path);
	free(l->item);
	*l = (struct rotated_list){ NULL, 0 };
}

static bool same(const struct rotated_list *a, const struct rotated_list *b)
{
	bool equal = a->n == b->n;

	for (size_t i = 0; equal && i < a->n; i++) {
		const struct rotated *x = &a->item[i], *y = &b->item[i];
		equal = x->device == y->device && x->inode == y->inode && x->size == y->size &&
			x->mtime == y->mtime && !strcmp(x->path, y->path);
	}
	return equal;
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

/* Renamed away and still open, or compressed since: whoever reads it goes on. */
static bool being_read(const struct run *r, const struct source *t)
{
	for (size_t i = 0; i < r->n_draining; i++) {
		const struct source *d = r->draining[i];
		if (!strcmp(d->path, t->path) &&
		    ((d->file.device == t->file.device && d->file.inode == t->file.inode) ||
		     (d->file.digest_known && t->file.digest_known &&
		      !memcmp(d->file.digest, t->file.digest, LOG_DIGEST))))
			return true;
	}
	return false;
}

/* To its end; one that may still be written, as far as it goes now, and then beside the log. */
static int read_rotated(struct run *r, struct source **t, const struct rotated *x, struct err *e)
{
	bool leaving = r->o->follow && !(*t)->file.gz && r->n_draining < DRAIN_MOST &&
		       clock_now() - x->mtime < QUIET_NS;

	if (source_read(r, *t, !leaving, e) < 0)
		return -1;
	if (!leaving)
		return 0;
	(*t)->file.path = (*t)->path;
	r->draining[r->n_draining++] = *t;
	*t = NULL;
	return 0;
}

/* What a look at the folder goes by. */
struct look {
	bool others;			/* the log itself is new: files nobody read came and went before it */
	bool known;			/* an older one was read */
	int64_t since;			/* when the log was last read; 0: nobody knows */
};

static int take(struct run *r, const struct source *s, const struct rotated *x, struct look *k, struct err *e)
{
	enum resumed how;
	struct source *t = open_as(r, s, x->path, &how);
	int rc = 0;

	if (!t)
		return 0;
	bool younger = k->known || (k->since && x->mtime > k->since), own = being_read(r, t);
	k->known |= own || how != UNREAD;
	if (!own && (how == LEFT || (how == UNREAD && k->others && x->numbered && younger)))
		rc = read_rotated(r, &t, x, e);
	if (t)
		source_free(&t);
	return rc;
}

static bool is_new(struct run *r, const struct source *s)
{
	enum resumed how = UNREAD;
	struct source *t = open_as(r, s, s->path, &how);

	if (t)
		source_free(&t);
	return how == UNREAD;
}

static int take_all(struct run *r, const struct source *s, const struct rotated_list *l, int64_t since, struct err *e)
{
	struct look k = { .others = is_new(r, s), .since = since };
	int rc = 0;

	for (size_t i = 0; i < l->n && !rc && !run_stopped(r); i++)
		if (!unfinished(l, &l->item[i]))
			rc = take(r, s, &l->item[i], &k, e);
	return rc;
}

/* The log goes on where its copy, perhaps still being made, was left: one of the two is enough. */
static void end_copy(struct run *r, const struct source *s)
{
	for (size_t i = 0; s->open && i < r->n_draining; i++) {
		struct source *d = r->draining[i];
		if (strcmp(d->path, s->path) != 0 || !s->file.offset ||
		    s->file.offset != d->file.offset - log_join_pending(&d->state.join) ||
		    memcmp(s->file.digest, d->file.digest, LOG_DIGEST) != 0)
			continue;
		source_free(&r->draining[i]);
		r->draining[i--] = r->draining[--r->n_draining];
	}
}

int source_take_up(struct run *r, struct source *s, struct err *e)
{
	struct rotated_list before = { NULL, 0 }, now = { NULL, 0 };
	bool calm = false;
	int rc = 0, opened = -1;

	/* Which line another begins with is not known of a pipe, nor what was read where nobody keeps it. */
	if (!strcmp(s->path, "-") || !r->places || (!r->o->places && !s->begun)) {
		s->begun = true;
		return source_open(r, s, e) ? 1 : 0;
	}
	s->begun = true;
	int64_t since = r->o->last_read ? r->o->last_read(r->o->ctx, slice_of(s->whole)) : 0;
	find_rotated(r, s->path, &before);
	for (unsigned takes = 0; !calm && !rc && takes < TAKES && !run_stopped(r); takes++) {
		source_close(s);
		rc = take_all(r, s, &before, since, e);
		if (rc)
			break;
		opened = source_open(r, s, e);
		end_copy(r, s);
		find_rotated(r, s->path, &now);
		calm = same(&before, &now);
		forget(&before);
		before = now;
		now = (struct rotated_list){ NULL, 0 };
	}
	forget(&before);
	return rc ? -1 : opened ? 1 : 0;
}
