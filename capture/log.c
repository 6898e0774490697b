/*
 * log: files in order, once; or followed for ever.
 *
 * Exactly once: a file's place (device, inode, digest of its first line, offset) goes to `commit` after
 * the flows up to it were pushed, and the pipeline stores both in one transaction.  At start `resume`
 * says where a file was left, also when it was renamed or compressed since: its first
 * line is the same.
 *
 * Following is by polling: every POLL_MS each file is read to its end, then looked at by path:
 * another inode there (rename and create) means the old one is read out and left; a file shorter than
 * the offset, or with another first line (copy and truncate), is begun anew; one that is gone is kept
 * until its end and taken up again when the path comes back.  Polling also works where no
 * notification comes (network file systems).
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

enum { POLL_MS = 200, FILES_MOST = 4096, SCAN_EVERY = 10 };

struct source {
	char *path;
	struct log_file file;
	struct log_reader *reader;
	bool open, ended;		/* ended: another file stands at the path; read out and leave */
};

struct run {
	const struct log_options *o;
	struct sink *out;
	struct evidence *ev;
	struct log_formats formats;
	struct log_inventory *inventory;
	struct source *list;
	size_t n;
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
			return err_set(e, ERR_INPUT, "%s: no such file", r->o->paths[i]);
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

static int open_source(struct run *r, struct source *s, struct err *e)
{
	uint64_t offset;

	if (log_file_open(&s->file, s->path, e))
		return -1;
	s->open = true;
	s->ended = false;
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

/* Everything that is there now.  1: something was read. */
static int read_out(struct run *r, struct source *s, bool last, struct err *e)
{
	bool any = false;
	int got = 1;

	while (got > 0 && !stopped(r)) {
		got = log_file_read(&s->file, e);
		if (got < 0 && e->kind == ERR_INPUT) {
			/* Damaged: what came before is good, the rest is counted. */
			evidence_note(r->ev, EV_LOG_DAMAGED, 0, slice_of(s->path));
			got = 0;
		}
		if (got < 0 || (got > 0 && feed(r, s, false, e)))
			return -1;
		any |= got > 0;
	}
	if (last && !stopped(r) && feed(r, s, true, e))
		return -1;
	return any;
}

/* --- what was rotated away while nobody looked */

static int catch_up_with(struct run *r, const char *path, const char *as, struct err *e)
{
	struct source s = { .path = (char *)path };
	uint64_t offset;
	int rc = 0;

	if (log_file_open(&s.file, path, e))
		return 0;		/* gone between glob and open */
	struct log_offset at = place(&s);
	at.path = slice_of(as);
	if (s.file.digest_known && r->o->resume(r->o->ctx, &at, &offset) &&
	    log_file_seek(&s.file, offset) == 0) {
		s.reader = log_reader_new(&r->formats, r->o, r->inventory, r->out, r->ev);
		rc = read_out(r, &s, true, e) < 0 ? -1 : 0;
		log_reader_free(&s.reader);
	}
	log_file_close(&s.file);
	return rc;
}

/* PATH.1, PATH-20260101, PATH.1.gz ...: the end of a file that was left in its middle. */
static int catch_up(struct run *r, const char *path, struct err *e)
{
	static const char *const tails[] = { ".*", "-*" };
	char pattern[4096];
	int rc = 0;

	for (size_t i = 0; i < 2 && r->o->resume && !rc; i++) {
		glob_t found;
		snprintf(pattern, sizeof pattern, "%s%s", path, tails[i]);
		if (glob(pattern, 0, NULL, &found))
			continue;
		for (size_t k = 0; k < found.gl_pathc && !rc; k++)
			if (!listed(r, found.gl_pathv[k]))
				rc = catch_up_with(r, found.gl_pathv[k], path, e);
		globfree(&found);
	}
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

static int poll_source(struct run *r, struct source *s, struct err *e)
{
	struct err ignored;
	bool anew;

	if (!s->open) {
		if (open_source(r, s, &ignored))
			return 0;	/* not there (yet) */
	}
	bool other = replaced(s, &anew);
	if (!anew) {
		/* Looked at first, read after: what was written before the rename is in this read. */
		int got = read_out(r, s, other, e);
		if (got < 0)
			return -1;
	}
	if (!other)
		return 0;
	close_source(s);
	if (open_source(r, s, &ignored))
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
	return 0;
}

int log_run(const struct log_options *o, struct sink *out, struct evidence *ev, struct err *e)
{
	struct run r = { .o = o, .out = out, .ev = ev };
	int rc = log_formats_init(&r.formats, o->format, o->key_map, e);

	if (!rc && o->inventory) {
		r.inventory = log_inventory_load(o->inventory, NULL, e);
		rc = r.inventory ? 0 : -1;
	}
	if (!rc)
		rc = expand(&r, e);
	for (size_t i = 0; i < r.n && !rc; i++)
		if (strcmp(r.list[i].path, "-"))
			rc = catch_up(&r, r.list[i].path, e);
	if (!rc)
		rc = o->follow ? follow(&r, e) : once(&r, e);
	for (size_t i = 0; i < r.n; i++) {
		close_source(&r.list[i]);
		free(r.list[i].path);
	}
	free(r.list);
	log_inventory_free(&r.inventory);
	log_formats_release(&r.formats);
	return rc;
}
