/*
 * log: which files there are, and one file from where it was left to its end.
 *
 * Exactly once: a file's place (device, inode, digest of its first line, offset, digest of what stands before
 * the offset) goes to `commit` after the flows up to it were pushed, and the pipeline stores both in one
 * transaction.  At start `places` says where a file may have been left, also when it was renamed
 * or compressed since; the bytes before the offset prove it.
 *
 * Source s of a rotated file keeps the name under which it was followed.
 */
#include "capture/log_run.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A writer that is faster than egret must not keep it from the other files. */
enum { READS_A_TURN = 64 };

/* --- which files */

static int glob_path(const char *path, glob_t *found, bool *named)
{
	struct stat st;
	char pattern[4096];

	*named = false;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		snprintf(pattern, sizeof pattern, "%s/*", path);
		return glob(pattern, 0, NULL, found);
	}
	*named = !strpbrk(path, "*?[");
	return glob(path, *named ? GLOB_NOCHECK | GLOB_NOMAGIC : 0, NULL, found);
}

/* The same from whichever folder egret is started; a link at the end stays one. */
static char *whole_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX], whole[PATH_MAX], *name;

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash + 1 - path) : 1, slash ? path : ".");
	if (!strcmp(path, "-") || !realpath(folder, whole))
		return strdup(path);
	bool root = !strcmp(whole, "/");
	return asprintf(&name, "%s/%s", root ? "" : whole, slash ? slash + 1 : path) < 0 ? NULL : name;
}

struct source *source_new(const char *path)
{
	struct source *s = calloc(1, sizeof *s);

	if (!s || !(s->path = strdup(path)) || !(s->whole = whole_path(path)))
		abort();
	s->file.fd = -1;
	log_state_init(&s->state);
	return s;
}

void source_free(struct source **s)
{
	source_close(*s);
	log_state_release(&(*s)->state);
	free((*s)->path);
	free((*s)->whole);
	free(*s);
	*s = NULL;
}

void run_too_many(struct run *r, const char *path)
{
	if (!r->said_full)
		evidence_note(r->ev, EV_LOG_UNREAD, 0, slice_of(path));
	r->said_full = true;
}

static int add_source(struct run *r, const char *path, bool named, struct err *e)
{
	struct stat st;

	if (map_get(&r->by_path, slice_of(path)) || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	if (r->n == FILES_MOST && !r->o->follow)
		return err_set(e, ERR_LIMIT, "more than %d log files", FILES_MOST);
	if (r->n == FILES_MOST) {
		run_too_many(r, path);
		return 0;
	}
	struct source *s = source_new(path);
	s->named = named;
	r->list[r->n++] = s;
	map_put(&r->by_path, slice_of(s->path), s);
	return 0;
}

void run_drop(struct run *r, struct source *s)
{
	size_t i = 0;

	while (r->list[i] != s)
		i++;
	r->list[i] = r->list[--r->n];
	map_take(&r->by_path, slice_of(s->path));
	source_free(&s);
	r->said_full = false;
}

/* Called again while following: a folder or a pattern may have new files. */
int run_expand(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->o->n_paths; i++) {
		const char *path = r->o->paths[i];
		glob_t found;
		bool named;
		if (!strcmp(path, "-")) {
			if (add_source(r, path, true, e))
				return -1;
			continue;
		}
		int rc = glob_path(path, &found, &named), bad = 0;
		for (size_t k = 0; !rc && k < found.gl_pathc && !bad; k++)
			bad = add_source(r, found.gl_pathv[k], named, e);
		if (!rc)
			globfree(&found);
		else if (!r->o->follow)
			bad = err_set(e, ERR_IO, "%s: no file in it, or none that matches", path);
		if (bad)
			return -1;
	}
	return 0;
}

/* --- one file */

static struct log_offset identity(const struct source *s)
{
	return (struct log_offset){
		.path = slice_of(s->whole), .device = s->file.device, .inode = s->file.inode,
		.digest = { s->file.digest, LOG_DIGEST },
	};
}

static void mark(struct source *s, const struct log_offset *at)
{
	struct log_place p = { .offset = at->offset, .tail_known = at->tail.n };

	if (!p.tail_known)
		return;
	memcpy(p.tail, at->tail.p, LOG_DIGEST);
	if (s->n_marks == MARKS)
		memmove(s->marks, s->marks + 1, (--s->n_marks) * sizeof *s->marks);
	s->marks[s->n_marks++] = p;
}

static int commit(struct run *r, struct source *s, struct err *e)
{
	uint64_t pending = log_reader_pending(r->reader);
	uint8_t tail[LOG_DIGEST];

	log_file_learn(&s->file);
	struct log_offset at = identity(s);
	/* A pipe cannot be come back to, but its lines too are judged and stored by and by. */
	if (!s->file.digest_known) {
		at.digest.n = 0;
		return r->o->commit ? r->o->commit(r->o->ctx, &at, e) : 0;
	}
	at.offset = s->file.offset - pending;
	if (log_file_tail(&s->file, pending, tail))
		at.tail = (struct slice){ tail, LOG_DIGEST };
	mark(s, &at);
	if (r->places)
		log_places_put(r->places, &at);
	return r->o->commit ? r->o->commit(r->o->ctx, &at, e) : 0;
}

/* Being read already under another name: a folder or a pattern also names the rotated file. */
static bool same_file(const struct run *r, const struct source *s)
{
	for (size_t i = 0; i < r->n + r->n_draining; i++) {
		const struct source *o = i < r->n ? r->list[i] : r->draining[i - r->n];
		if (o != s && o->open && o->file.regular && s->file.regular &&
		    o->file.device == s->file.device && o->file.inode == s->file.inode)
			return true;
	}
	return false;
}

/* The longest of the places that the file's own bytes prove. */
static bool resume_at(struct source *s, const struct log_place *places, size_t n)
{
	uint64_t best = 0;
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		if (found && places[i].offset <= best)
			continue;
		if (log_file_seek(&s->file, places[i].offset, places[i].tail_known ? places[i].tail : NULL))
			continue;
		found = true;
		best = places[i].offset;
	}
	/* A later one that failed left it at the beginning. */
	if (found && s->file.offset != best)
		log_file_seek(&s->file, best, NULL);
	return found;
}

/*
 * What was read so far does not stand in this file, but a part of it does.  A shorter one of another name
 * is a copy, perhaps still being written; else the file was cut, and goes on behind that part.
 */
static enum resumed resume_inside(const struct run *r, struct source *s, const struct log_offset *at, uint64_t most)
{
	struct log_place before[8 * LOG_PLACES];
	enum { N = sizeof before / sizeof *before };
	const char *own = strcmp(s->file.path, s->path) != 0 ? "" : s->whole;
	bool shorter = log_file_seek(&s->file, most, NULL) != 0;

	if (shorter && resume_at(s, before, log_places_before(r->places, at, own, before, N)))
		return COVERED;
	return resume_at(s, before, log_places_before(r->places, at, NULL, before, N)) ? LEFT : UNREAD;
}

static enum resumed resume_here(const struct run *r, struct source *s, const struct log_offset *at)
{
	struct log_place places[LOG_PLACES];
	size_t n = log_places_of(r->places, at, places);
	uint64_t most = 0;

	if (!n)
		return UNREAD;
	if (resume_at(s, places, n))
		return LEFT;
	for (size_t i = 0; i < n; i++)
		most = places[i].offset > most ? places[i].offset : most;
	return resume_inside(r, s, at, most);
}

enum resumed source_resume(struct run *r, struct source *s)
{
	struct log_place places[LOG_PLACES];
	struct log_offset at = identity(s);

	if (!s->file.regular || !s->file.digest_known)
		return UNREAD;
	enum resumed here = r->places ? resume_here(r, s, &at) : UNREAD;
	if (here != UNREAD)
		return here;
	log_file_seek(&s->file, 0, NULL);
	return r->o->places && resume_at(s, places, r->o->places(r->o->ctx, &at, places)) ? LEFT : UNREAD;
}

int source_open(struct run *r, struct source *s, struct err *e)
{
	if (log_file_open(&s->file, s->path, e)) {
		if (r->o->follow && (errno == EMFILE || errno == ENFILE))
			run_too_many(r, s->path);
		return -1;
	}
	if (r->o->follow && same_file(r, s)) {
		log_file_close(&s->file);
		return err_set(e, ERR_INPUT, "%s: is read under another name", s->path);
	}
	if (source_resume(r, s) == COVERED) {
		log_file_close(&s->file);
		return err_set(e, ERR_INPUT, "%s: is a copy of less than was read", s->path);
	}
	s->open = true;
	s->looked = false;
	s->idle = 0;
	return 0;
}

void source_close(struct source *s)
{
	if (s->open)
		log_file_close(&s->file);
	s->open = false;
	s->n_marks = 0;
	log_state_release(&s->state);
	log_state_init(&s->state);
}

/* A byte-order mark at the file's beginning is no part of its first line; offsets and digests are of all bytes. */
static int feed(struct run *r, struct source *s, bool last, struct err *e)
{
	struct slice bytes = { s->file.buf, s->file.n };
	size_t mark = s->file.offset ? 0 : slice_order_mark(bytes), used = 0;
	int rc;

	s->state.writer = log_writer_of_path(&r->gateway, s->path);
	log_reader_of(r->reader, &s->state);
	uint64_t pending = log_reader_pending(r->reader);
	rc = log_reader_feed(r->reader, slice_from(bytes, mark), last, &used, e);
	used += used ? mark : 0;
	log_file_consume(&s->file, used);
	/* At the end lines that waited are taken, though no byte is. */
	if (!rc && (used || pending != log_reader_pending(r->reader)))
		rc = commit(r, s, e);
	else if (rc)
		err_at(e, "%s", s->path);
	log_reader_of(r->reader, NULL);
	return rc;
}

/* What came before is good; the line that breaks off is none.  The first damage is the run's answer. */
static int damaged(struct run *r, struct source *s, const struct err *e)
{
	evidence_note(r->ev, EV_LOG_DAMAGED, s->file.offset, slice_of(e->msg));
	log_reader_of(r->reader, &s->state);
	log_reader_cut(r->reader, (struct slice){ s->file.buf, s->file.n });
	log_reader_of(r->reader, NULL);
	log_file_consume(&s->file, s->file.n);
	if (r->damage.kind == ERR_NONE)
		r->damage = *e;
	return 0;
}

/* What was read just now may be of neither the file that it was nor the one that it is. */
static bool changed_meanwhile(struct source *s, size_t had)
{
	return s->file.regular && !s->file.gz && !log_file_same(&s->file) &&
	       !log_file_unread(&s->file, s->file.n - had);
}

/* Whoever looks again finds the rest, in a copy or behind another name. */
static void tell_changed(struct run *r, struct source *s, struct err *e)
{
	if (r->o->follow)
		return;
	err_set(e, ERR_INPUT, "%s: was cut or written anew while it was read, at byte %" PRIu64
		": the rest is left for the next run", s->path, s->file.offset);
	evidence_note(r->ev, EV_LOG_DAMAGED, s->file.offset, slice_of(e->msg));
	if (r->damage.kind == ERR_NONE)
		r->damage = *e;
}

/* Its last line, or a part of one, may go on: the next run finds it whole. */
static bool awaits_more(const struct run *r, const struct source *s)
{
	bool begun = s->file.n || log_join_pending(&s->state.join);

	return begun && r->o->places && !r->o->follow && s->file.regular && !s->file.gz && log_file_written(&s->file);
}

int source_read(struct run *r, struct source *s, bool last, struct err *e)
{
	bool any = false;
	int got = 1;

	for (unsigned reads = 0; got > 0 && !run_stopped(r) && (last || reads < READS_A_TURN); reads++) {
		size_t had = s->file.n;
		got = log_file_read(&s->file, e);
		if (got >= 0 && changed_meanwhile(s, had)) {
			tell_changed(r, s, e);
			return any;
		}
		if (got < 0 && e->kind == ERR_INPUT)
			return damaged(r, s, e);
		/* A file that is gone with its server must not end the others'. */
		if (got < 0 && r->o->follow) {
			evidence_note(r->ev, EV_LOG_DAMAGED, s->file.offset, slice_of(e->msg));
			return any;
		}
		if (got < 0 || (got > 0 && feed(r, s, false, e)))
			return -1;
		any |= got > 0;
	}
	if (last && !run_stopped(r) && !awaits_more(r, s) && feed(r, s, true, e))
		return -1;
	return any;
}

/* --- the run */

/* Or else somebody who reads a file again, by another format, wonders. */
static void say_nothing_new(const struct run *r, size_t before)
{
	char text[160];

	if (!before || r->ev->n[EV_LINES] || !r->o->say)
		return;
	snprintf(text, sizeof text, "nothing new: %zu of %zu files were read before, up to their end, into this database",
		 before, r->n);
	r->o->say(r->o->say_ctx, text);
}

static int once(struct run *r, struct err *e)
{
	size_t before = 0;

	for (size_t i = 0; i < r->n && !run_stopped(r); i++) {
		struct source *s = r->list[i];
		if (source_take_up(r, s, e))
			return -1;
		before += s->file.offset > 0;
		if (source_read(r, s, true, e) < 0)
			return -1;
		source_close(s);
	}
	say_nothing_new(r, before);
	if (r->damage.kind != ERR_NONE) {
		*e = r->damage;
		return -1;
	}
	return 0;
}

static int run_start(struct run *r, struct sink *out, struct err *e)
{
	r->list = calloc(FILES_MOST, sizeof(struct source *));
	if (!r->list)
		abort();
	map_init(&r->by_path, FILES_MOST);
	if (log_formats_init(&r->formats, r->o->format, r->o->key_map, e))
		return -1;
	log_formats_tell(&r->formats, r->o);
	log_writer_init(&r->gateway, r->o->workload);
	if (r->o->inventory &&
	    !(r->inventory = log_inventory_load(r->o->inventory, r->o->trust_domain, &r->gateway, e)))
		return -1;
	r->reader = log_reader_new(&r->formats, r->o, r->inventory, out, r->ev);
	if (r->o->follow || r->o->places)
		r->places = log_places_new();
	r->folders = log_folders_new();
	return run_expand(r, e);
}

static void run_end(struct run *r)
{
	for (size_t i = 0; i < r->n_draining; i++)
		source_free(&r->draining[i]);
	for (size_t i = 0; i < r->n; i++)
		source_free(&r->list[i]);
	free(r->list);
	map_release(&r->by_path);
	log_reader_free(&r->reader);
	log_places_free(&r->places);
	log_folders_free(&r->folders);
	log_inventory_free(&r->inventory);
	log_formats_release(&r->formats);
}

int log_run(const struct log_options *o, struct sink *out, struct evidence *ev, struct err *e)
{
	struct run r = { .o = o, .ev = ev };
	int rc = run_start(&r, out, e);

	if (!rc)
		rc = o->follow ? run_follow(&r, e) : once(&r, e);
	run_end(&r);
	return rc;
}
