/*
 * log: files in order, once; or followed for ever.
 *
 * Exactly once: a file's place (device, inode, digest of its first line, offset) goes to `commit` after
 * the flows up to it were pushed, and the pipeline stores both in one transaction.  At start `resume`
 * says where a file was left, also when it was renamed or compressed since: its first
 * line is the same.
 *
 * A rotated file keeps the name under which it was followed: its place is one row.
 *
 * Following is by polling: every POLL_MS each file is read to its end, then looked at by path:
 * another inode there (rename and create) means the old one is drained, beside the new one, until
 * nothing came for DRAIN_POLLS turns, since its writer may be late to reopen; a file shorter than
 * the offset, or with another first line (copy and truncate), is begun anew after its copy
 * was read to the end; one that is gone is kept until its end and taken up again when the path comes
 * back.  Polling also works where no notification comes (network file systems).
 */
#include "capture/log.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture/log_file.h"
#include "capture/log_inventory.h"
#include "capture/log_reader.h"

enum { POLL_MS = 200, FILES_MOST = 4096, SCAN_EVERY = 10, DRAIN_POLLS = 50, DRAIN_MOST = 64 };

struct source {
	char *path;			/* also of a rotated file: the one it was followed under */
	struct log_file file;
	struct log_reader *reader;
	bool open;
	unsigned idle;			/* draining: turns in which nothing came */
};

struct run {
	const struct log_options *o;
	struct sink *out;
	struct evidence *ev;
	struct log_formats formats;
	struct log_inventory *inventory;
	struct source *list;
	size_t n;
	struct source draining[DRAIN_MOST];	/* renamed away, perhaps still written; paths are list's */
	size_t n_draining;
	struct err damage;
};

static bool stopped(const struct run *r)
{
	return r->o->stop && *r->o->stop;
}

/* --- which files */

static bool is_pattern(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

static int glob_path(const char *path, glob_t *found)
{
	struct stat st;
	char pattern[4096];

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		snprintf(pattern, sizeof pattern, "%s/*", path);
		return glob(pattern, 0, NULL, found);
	}
	return glob(path, is_pattern(path) ? 0 : GLOB_NOCHECK | GLOB_NOMAGIC, NULL, found);
}

static bool listed(const struct run *r, const char *path)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->list[i].path, path))
			return true;
	return false;
}

static int add_source(struct run *r, const char *path, struct err *e)
{
	struct stat st;

	if (listed(r, path) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	if (r->n == FILES_MOST)
		return err_set(e, ERR_LIMIT, "more than %d log files", FILES_MOST);
	r->list = realloc(r->list, (r->n + 1) * sizeof *r->list);
	if (!r->list)
		abort();
	r->list[r->n] = (struct source){ .path = strdup(path) };
	r->list[r->n].file.fd = -1;
	if (!r->list[r->n++].path)
		abort();
	return 0;
}

/* Called again while following: a folder or a pattern may have new files. */
static int expand(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->o->n_paths; i++) {
		glob_t found;
		int rc = strcmp(r->o->paths[i], "-") ? glob_path(r->o->paths[i], &found) : GLOB_NOMATCH;
		if (rc && !strcmp(r->o->paths[i], "-")) {
			if (add_source(r, "-", e))
				return -1;
			continue;
		}
		for (size_t k = 0; !rc && k < found.gl_pathc; k++)
			if (add_source(r, found.gl_pathv[k], e)) {
				globfree(&found);
				return -1;
			}
		if (!rc)
			globfree(&found);
		else if (!r->o->follow)
			return err_set(e, ERR_IO, "%s: no file in it, or none that matches", r->o->paths[i]);
	}
	return 0;
}

/* --- one file */

static struct log_offset place(const struct source *s)
{
	return (struct log_offset){
		.path = slice_of(s->path), .device = s->file.device, .inode = s->file.inode,
		.offset = s->file.offset, .digest = { s->file.digest, LOG_DIGEST },
	};
}

static int commit(struct run *r, struct source *s, struct err *e)
{
	log_file_learn(&s->file);
	if (!r->o->commit || !s->file.digest_known)
		return 0;
	struct log_offset at = place(s);
	at.offset -= log_reader_pending(s->reader);
	return r->o->commit(r->o->ctx, &at, e);
}

/* Being read already under another name: a folder or a pattern also names the rotated file. */
static bool same_file(const struct run *r, const struct source *s)
{
	for (size_t i = 0; i < r->n + r->n_draining; i++) {
		const struct source *o = i < r->n ? &r->list[i] : &r->draining[i - r->n];
		if (o != s && o->open && o->file.regular && s->file.regular &&
		    o->file.device == s->file.device && o->file.inode == s->file.inode)
			return true;
	}
	return false;
}

static int open_source(struct run *r, struct source *s, struct err *e)
{
	uint64_t offset;

	if (log_file_open(&s->file, s->path, e))
		return -1;
	if (r->o->follow && same_file(r, s)) {
		log_file_close(&s->file);
		return err_set(e, ERR_INPUT, "%s: is read under another name", s->path);
	}
	s->open = true;
	if (!s->reader)
		s->reader = log_reader_new(&r->formats, r->o, r->inventory, r->out, r->ev);
	if (!s->file.regular || !s->file.digest_known || !r->o->resume)
		return 0;
	struct log_offset at = place(s);
	if (r->o->resume(r->o->ctx, &at, &offset))
		log_file_seek(&s->file, offset);	/* shorter than it was: from the start */
	return 0;
}

static void close_source(struct source *s)
{
	if (s->open)
		log_file_close(&s->file);
	s->open = false;
	log_reader_free(&s->reader);
}

static int feed(struct run *r, struct source *s, bool last, struct err *e)
{
	size_t used = 0;
	int rc = log_reader_feed(s->reader, (struct slice){ s->file.buf, s->file.n }, last, &used, e);

	log_file_consume(&s->file, used);
	if (rc)
		return err_at(e, "%s", s->path);
	return used ? commit(r, s, e) : 0;
}

/* What came before is good; the line that breaks off is none.  The first damage is the run's answer. */
static int damaged(struct run *r, struct source *s, const struct err *e)
{
	evidence_note(r->ev, EV_LOG_DAMAGED, s->file.offset, slice_of(e->msg));
	log_reader_cut(s->reader, (struct slice){ s->file.buf, s->file.n });
	log_file_consume(&s->file, s->file.n);
	if (r->damage.kind == ERR_NONE)
		r->damage = *e;
	return 0;
}

/* Everything that is there now.  1: something was read. */
static int read_out(struct run *r, struct source *s, bool last, struct err *e)
{
	bool any = false;
	int got = 1;

	while (got > 0 && !stopped(r)) {
		got = log_file_read(&s->file, e);
		if (got < 0 && e->kind == ERR_INPUT)
			return damaged(r, s, e);
		if (got < 0 || (got > 0 && feed(r, s, false, e)))
			return -1;
		any |= got > 0;
	}
	if (last && !stopped(r) && feed(r, s, true, e))
		return -1;
	return any;
}

/* --- what was rotated away while nobody looked */

struct rotated {
	char *path;
	int64_t mtime;
	bool known;
	uint64_t offset;		/* where it was left, where known */
};

struct rotated_list {
	struct rotated *item;
	size_t n;
};

static int by_mtime(const void *a, const void *b)
{
	int64_t x = ((const struct rotated *)a)->mtime, y = ((const struct rotated *)b)->mtime;

	return (x > y) - (x < y);
}

/*
 * Is this file one that was followed as `as`?  By `of`, where that is not NULL: the source that was
 * following it; else by the stored place.
 */
static bool look_up(struct run *r, const char *path, char *as, const struct source *of, uint64_t *offset)
{
	struct source s = { .path = as };
	struct err ignored;
	bool known;

	if (log_file_open(&s.file, path, &ignored))
		return false;		/* gone between glob and open */
	struct log_offset at = place(&s);
	known = s.file.digest_known;
	if (known && of) {
		known = !memcmp(s.file.digest, of->file.digest, LOG_DIGEST);
		*offset = of->file.offset;
	} else if (known) {
		known = r->o->resume && r->o->resume(r->o->ctx, &at, offset);
	}
	log_file_close(&s.file);
	return known;
}

/* PATH.1, PATH-20260101, PATH.1.gz ..., oldest first. */
static void find_rotated(struct run *r, char *path, const struct source *of, struct rotated_list *l)
{
	static const char *const tails[] = { ".*", "-*" };
	char pattern[4096];

	for (size_t i = 0; i < 2; i++) {
		glob_t found;
		snprintf(pattern, sizeof pattern, "%s%s", path, tails[i]);
		if (glob(pattern, 0, NULL, &found))
			continue;
		for (size_t k = 0; k < found.gl_pathc && l->n < FILES_MOST; k++) {
			struct stat st;
			if (listed(r, found.gl_pathv[k]) || stat(found.gl_pathv[k], &st) || !S_ISREG(st.st_mode))
				continue;
			struct rotated x = { .path = strdup(found.gl_pathv[k]) };
			l->item = realloc(l->item, (l->n + 1) * sizeof *l->item);
			if (!x.path || !l->item)
				abort();
			x.mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
			x.known = look_up(r, x.path, path, of, &x.offset);
			l->item[l->n++] = x;
		}
		globfree(&found);
	}
	if (l->n)
		qsort(l->item, l->n, sizeof *l->item, by_mtime);
}

static int read_rotated(struct run *r, const struct rotated *x, char *as, const struct source *of, struct err *e)
{
	struct source s = { .path = as };
	int rc = 0;

	if (log_file_open(&s.file, x->path, e))
		return 0;
	if (log_file_seek(&s.file, x->offset) == 0) {
		s.reader = of ? of->reader : log_reader_new(&r->formats, r->o, r->inventory, r->out, r->ev);
		rc = read_out(r, &s, true, e) < 0 ? -1 : 0;
		if (!of)
			log_reader_free(&s.reader);
	}
	log_file_close(&s.file);
	return rc;
}

/*
 * The end of a file that was left in its middle, and whole files that came and were rotated away after it
 * while nobody looked.  Files older than the first that was ever followed are nobody's wish.
 */
static int catch_up(struct run *r, char *path, const struct source *of, struct err *e)
{
	struct rotated_list l = { NULL, 0 };
	uint64_t offset;
	size_t last = SIZE_MAX;
	int rc = 0;

	if (!r->o->resume && !of)
		return 0;
	find_rotated(r, path, of, &l);
	for (size_t i = 0; i < l.n; i++)
		if (l.item[i].known)
			last = i;
	bool current = !of && look_up(r, path, path, NULL, &offset);
	for (size_t i = 0; i < l.n && !rc; i++)
		if (l.item[i].known || (last != SIZE_MAX && i > last && !current && !of))
			rc = read_rotated(r, &l.item[i], path, of, e);
	for (size_t i = 0; i < l.n; i++)
		free(l.item[i].path);
	free(l.item);
	return rc;
}

/* --- following */

/* The path no longer names this file, or the file was begun anew. */
static bool replaced(struct source *s, bool *anew)
{
	struct log_file now;
	struct stat st, own;
	bool other;

	*anew = false;
	if (!s->file.regular || fstat(s->file.fd, &own))
		return false;
	if ((uint64_t)own.st_size < s->file.offset + s->file.n && !s->file.gz) {
		*anew = true;
		return true;
	}
	if (stat(s->path, &st))
		return false;		/* gone: keep ours, its end may still be written */
	if (st.st_ino != own.st_ino || st.st_dev != own.st_dev)
		return true;
	if (!s->file.digest_known)
		return false;
	now = s->file;
	now.digest_known = false;
	log_file_learn(&now);
	other = now.digest_known && memcmp(now.digest, s->file.digest, LOG_DIGEST) != 0;
	*anew = other;
	return other;
}

/* The old file goes on beside the new one; where there are too many, it ends now. */
static int drain(struct run *r, struct source *s, struct err *e)
{
	if (r->n_draining == DRAIN_MOST) {
		if (read_out(r, s, true, e) < 0)
			return -1;
		close_source(s);
		return 0;
	}
	r->draining[r->n_draining] = *s;
	r->draining[r->n_draining++].idle = 0;
	s->file = (struct log_file){ .fd = -1 };
	s->reader = NULL;
	s->open = false;
	return 0;
}

static int poll_draining(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->n_draining && !stopped(r);) {
		struct source *s = &r->draining[i];
		int got = read_out(r, s, false, e);
		if (got < 0)
			return -1;
		s->idle = got ? 0 : s->idle + 1;
		if (s->idle < DRAIN_POLLS) {
			i++;
			continue;
		}
		if (read_out(r, s, true, e) < 0)
			return -1;
		if (stopped(r))
			return 0;
		close_source(s);
		*s = r->draining[--r->n_draining];
	}
	return 0;
}

static int poll_source(struct run *r, struct source *s, struct err *e)
{
	struct err ignored;
	bool anew;

	if (!s->open && open_source(r, s, &ignored))
		return 0;		/* not there (yet) */
	bool other = replaced(s, &anew);
	if (other && anew) {
		/* Truncated: what was not read yet is in the copy, where one was made. */
		if (s->file.digest_known && catch_up(r, s->path, s, e))
			return -1;
		close_source(s);
	} else if (other) {
		if (drain(r, s, e))
			return -1;
	}
	if (other && open_source(r, s, &ignored))
		return 0;
	return read_out(r, s, false, e) < 0 ? -1 : 0;
}

static int follow(struct run *r, struct err *e)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };

	for (unsigned turn = 0; !stopped(r); turn++) {
		if (turn % SCAN_EVERY == 0 && expand(r, e))
			return -1;
		for (size_t i = 0; i < r->n && !stopped(r); i++)
			if (poll_source(r, &r->list[i], e))
				return -1;
		if (poll_draining(r, e))
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int once(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->n && !stopped(r); i++) {
		struct source *s = &r->list[i];
		if (open_source(r, s, e) || read_out(r, s, true, e) < 0)
			return -1;
		close_source(s);
	}
	if (r->damage.kind != ERR_NONE) {
		*e = r->damage;
		return -1;
	}
	return 0;
}

int log_run(const struct log_options *o, struct sink *out, struct evidence *ev, struct err *e)
{
	struct run r = { .o = o, .out = out, .ev = ev };
	int rc = log_formats_init(&r.formats, o->format, o->key_map, e);

	if (!rc)
		log_formats_tell(&r.formats, o);
	if (!rc && o->inventory) {
		r.inventory = log_inventory_load(o->inventory, o->trust_domain, e);
		rc = r.inventory ? 0 : -1;
	}
	if (!rc)
		rc = expand(&r, e);
	for (size_t i = 0; i < r.n && !rc; i++)
		if (strcmp(r.list[i].path, "-"))
			rc = catch_up(&r, r.list[i].path, NULL, e);
	if (!rc)
		rc = o->follow ? follow(&r, e) : once(&r, e);
	for (size_t i = 0; i < r.n_draining; i++)
		close_source(&r.draining[i]);
	for (size_t i = 0; i < r.n; i++) {
		close_source(&r.list[i]);
		free(r.list[i].path);
	}
	free(r.list);
	log_inventory_free(&r.inventory);
	log_formats_release(&r.formats);
	return rc;
}
