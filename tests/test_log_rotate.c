/*
 * A log that is rotated at every moment at which its reader looks at something, in every way in which logs are
 * rotated, once and twice: every line arrives once, at the latest with the next run.
 *
 * The reader asks its owner for places and hands it flows and offsets: rotation number N happens inside
 * the Nth of these calls, so no moment is left to chance.  Each case is a process in a folder of its own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/log.h"
#include "common/clock.h"
#include "tests/run_tool.h"
#include "tests/tap.h"

enum { LINES_MOST = 400, PLACES = 64, MOMENTS = 24, FOLLOWED_S = 2 };

struct kept {
	char path[256];
	uint64_t device, inode;
	uint8_t digest[LOG_DIGEST];
	struct log_place place;
	int64_t seen;
};

/* What a database keeps. */
static struct kept kept[PLACES];
static size_t n_kept;

static unsigned written, rotated, arrived[LINES_MOST + 1], calls, moment;
static void (*rotation)(void);
static volatile sig_atomic_t stop;

static void append(const char *path, unsigned n)
{
	FILE *f = fopen(path, "a");

	if (!f || written + n > LINES_MOST)
		abort();
	while (n--) {
		written++;
		fprintf(f, "[2026-01-05T10:00:%02u.%03uZ] \"GET /a HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" "
			"\"u\" \"%u\" \"h.example\" \"1.2.3.4:443\" outbound|443||h.example 10.0.0.1:1 10.0.0.1:8443 "
			"10.0.0.2:5 h.example -\n", written / 1000, written % 1000, written);
	}
	fclose(f);
}

/* --- the ways */

static const char *next_name(void)
{
	static char name[32];

	snprintf(name, sizeof name, "a.log.%u", ++rotated);
	return name;
}

static void copy_truncate(void)
{
	run_tool("cp", "a.log", next_name());
	if (truncate("a.log", 0))
		abort();
	append("a.log", 3);
}

static void rename_create(void)
{
	const char *to = next_name();

	rename("a.log", to);
	append(to, 2);
	append("a.log", 3);
}

static void rename_compress(void)
{
	const char *to = next_name();

	rename("a.log", to);
	append("a.log", 3);
	run_tool("gzip", "-f", to);
}

static void copy_compress(void)
{
	const char *to = next_name();

	run_tool("cp", "a.log", to);
	if (truncate("a.log", 0))
		abort();
	run_tool("gzip", "-f", to);
	append("a.log", 30);
}

/* The copy is made; that the file is cut comes with the next look, as where the copy is large. */
static void copy_alone(void)
{
	run_tool("cp", "a.log", next_name());
}

static void cut(void)
{
	if (truncate("a.log", 0))
		abort();
	append("a.log", 4);
}

static void copy_then_rename(void)
{
	copy_truncate();
	rename_create();
}

static void rename_twice(void)
{
	rename_create();
	rename_compress();
}

static void copy_twice(void)
{
	copy_truncate();
	copy_truncate();
}

static const struct way {
	const char *name;
	void (*rotate)(void);
	bool twice;			/* nobody sees what came and went within one poll of a running reader */
} ways[] = {
	{ "copy and truncate", copy_truncate, false },
	{ "rename and create", rename_create, false },
	{ "rename and compress", rename_compress, false },
	{ "copy, truncate and compress", copy_compress, false },
	{ "copied, not yet cut", copy_alone, false },
	{ "copy and truncate, then rename", copy_then_rename, true },
	{ "renamed twice", rename_twice, true },
	{ "copied twice", copy_twice, true },
};

enum { WAYS = sizeof ways / sizeof *ways };

/* --- the reader's owner */

static void call(void)
{
	if (calls++ == moment)
		rotation();
	if (calls == moment + 4 && rotation == copy_alone)
		cut();
}

static size_t places(void *ctx, const struct log_offset *file, struct log_place *to)
{
	size_t n = 0;

	(void)ctx;
	call();
	for (size_t i = 0; i < n_kept && n < LOG_PLACES; i++)
		if (!memcmp(kept[i].digest, file->digest.p, LOG_DIGEST))
			to[n++] = kept[i].place;
	return n;
}

static int64_t last_read(void *ctx, struct slice path)
{
	int64_t last = 0;

	(void)ctx;
	call();
	for (size_t i = 0; i < n_kept; i++)
		if (slice_is(path, kept[i].path) && kept[i].seen > last)
			last = kept[i].seen;
	return last;
}

static int commit(void *ctx, const struct log_offset *at, struct err *e)
{
	size_t i = 0;

	(void)ctx, (void)e;
	call();
	if (!at->digest.n)
		return 0;
	while (i < n_kept && (kept[i].inode != at->inode || memcmp(kept[i].digest, at->digest.p, LOG_DIGEST) != 0))
		i++;
	if (i == PLACES)
		abort();
	n_kept += i == n_kept;
	kept[i] = (struct kept){ .device = at->device, .inode = at->inode, .seen = clock_now(),
				 .place = { at->offset, at->tail.n == LOG_DIGEST, { 0 } } };
	snprintf(kept[i].path, sizeof kept[i].path, "%.*s", (int)at->path.n, at->path.p);
	memcpy(kept[i].digest, at->digest.p, LOG_DIGEST);
	if (at->tail.n == LOG_DIGEST)
		memcpy(kept[i].place.tail, at->tail.p, LOG_DIGEST);
	return 0;
}

static int take(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	(void)sink, (void)e;
	call();
	for (size_t i = 0; i < n; i++) {
		struct slice text = flows[i].v[F_REQUEST_ID].text;
		unsigned id = 0;
		for (size_t k = 0; k < text.n; k++)
			id = id * 10 + (text.p[k] - '0');
		arrived[id <= LINES_MOST ? id : 0]++;
	}
	return 0;
}

static int finish(struct sink *sink, struct err *e)
{
	(void)sink, (void)e;
	return 0;
}

static void read_log(bool follow)
{
	static const char *const path[] = { "a.log" };
	static struct evidence ev;
	struct sink out = { take, finish };
	struct log_options o = { .paths = path, .n_paths = 1, .format = "text", .follow = follow, .stop = &stop,
				 .places = places, .last_read = last_read, .commit = commit };
	struct err e = { 0 };

	if (log_run(&o, &out, &ev, &e))
		printf("# %s\n", e.msg);
	stop = 0;
}

static void on_alarm(int sig)
{
	(void)sig;
	stop = 1;
}

/* 0: every line arrived once. */
static int one_case(const struct way *w, bool follow, unsigned at)
{
	unsigned wrong = 0;

	rotation = NULL;
	moment = (unsigned)-1;
	append("a.log", 20);
	read_log(false);
	append("a.log", 5);
	rename("a.log", next_name());
	append("a.log", 10);
	rotation = w->rotate;
	moment = calls + at;
	if (follow) {
		signal(SIGALRM, on_alarm);
		alarm(FOLLOWED_S);
	}
	read_log(follow);
	/* One that looks on finds all by itself. */
	for (unsigned i = 1; follow && !w->twice && i <= written; i++) {
		if (arrived[i] != 1 && wrong < 5)
			fprintf(stderr, "# %s, moment %u: line %u, followed, arrived %u times\n", w->name, at, i, arrived[i]);
		wrong += arrived[i] != 1;
	}
	read_log(false);
	read_log(false);
	for (unsigned i = 1; i <= written; i++) {
		if (arrived[i] != 1 && wrong < 5)
			fprintf(stderr, "# %s, %s, moment %u: line %u arrived %u times\n", w->name,
				follow ? "followed" : "once", at, i, arrived[i]);
		wrong += arrived[i] != 1;
	}
	return wrong || arrived[0];
}

static pid_t start(const struct way *w, bool follow, unsigned at)
{
	fflush(NULL);
	pid_t p = fork();

	if (p)
		return p;
	char dir[] = "egret-rotate-XXXXXX";
	if (!mkdtemp(dir) || chdir(dir))
		_exit(2);
	int bad = one_case(w, follow, at);
	if (chdir("..") == 0)
		run_tool("rm", "-rf", dir);
	_exit(bad);
}

/* Each moment in a process; how many of them lost or doubled a line? */
static unsigned moments(const struct way *w, bool follow)
{
	unsigned bad = 0;
	int status;

	for (unsigned at = 0; at < MOMENTS; at++)
		start(w, follow, at);
	while (wait(&status) > 0)
		bad += status != 0;
	return bad;
}

int main(void)
{
	for (int follow = 0; follow <= 1; follow++)
		for (size_t i = 0; i < WAYS; i++) {
			printf("# %s, %s\n", ways[i].name, follow ? "followed" : "once");
			is(moments(&ways[i], follow), 0);
		}
	return tap_end();
}
