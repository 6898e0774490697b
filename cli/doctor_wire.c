/*
 * doctor_wire: key logs, and a capture read as `capture` would read it, into a database that is thrown away;
 * with logs beside it wire and log are joined there, and looked at as a stored join is.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/log.h"
#include "capture/tls_keylog.h"
#include "capture/wire.h"
#include "cli/cli.h"
#include "cli/join.h"
#include "common/clock.h"

/* --- key logs */

static void labels(const struct tls_keys *k, struct buf *b)
{
	const char *label;
	uint64_t n;
	bool any = false;

	for (size_t i = 0; (label = tls_keys_label(k, i, &n)); i++) {
		if (!n)
			continue;
		buf_printf(b, "%s%s %" PRIu64, any ? ", " : "", label, n);
		any = true;
	}
}

static void contents(struct doctor *d, const char *path, const struct tls_keys *k, const struct evidence *ev)
{
	size_t partial, sessions = tls_keys_sessions(k, &partial);
	struct buf b;

	buf_init(&b, 2048);
	labels(k, &b);
	if (!sessions)
		doctor_add(d, DOCTOR_PROBLEM, "keylog.lines",
			   "set key_log in the gateway's TLS contexts (Envoy: common_tls_context.key_log.path), or "
			   "SSLKEYLOGFILE for a client", "%s: no line of %" PRIu64 " names a session's secret", path,
			   ev->n[EV_KEYLOG_LINES]);
	else
		doctor_add(d, DOCTOR_OK, "keylog.lines", NULL, "%s: %zu sessions (%.*s)", path, sessions, (int)b.n,
			   (const char *)b.p);
	if (ev->n[EV_KEYLOG_BAD])
		doctor_add(d, DOCTOR_WARNING, "keylog.lines",
			   "let one process write it, whole lines at once; the lines are not shown, they may hold secrets",
			   "%s: %" PRIu64 " of %" PRIu64 " lines are not key log lines", path, ev->n[EV_KEYLOG_BAD],
			   ev->n[EV_KEYLOG_LINES]);
	if (partial)
		doctor_add(d, DOCTOR_WARNING, "keylog.lines",
			   "do not rotate or filter the key log between the lines of one session",
			   "%s: %zu TLS 1.3 sessions lack some of their four secrets and open only in part", path, partial);
	buf_release(&b);
}

static void state_of(struct doctor *d, const char *path, const struct stat *st)
{
	int64_t age = (clock_now() - (int64_t)st->st_mtim.tv_sec * NS_PER_S) / NS_PER_S;

	if (st->st_mode & (S_IRWXO))
		doctor_add(d, DOCTOR_WARNING, "keylog.secret", "chmod o-rwx: who reads it can read the traffic",
			   "%s: everybody on this machine may open it", path);
	if (d->asked.interface && age > 600)
		doctor_add(d, DOCTOR_WARNING, "keylog.grows",
			   "look whether the gateway still writes it: a rotated or deleted key log is not reopened by Envoy",
			   "%s: nothing was written to it for %" PRId64 " minutes", path, age / 60);
	else
		doctor_add(d, DOCTOR_OK, "keylog.grows", NULL, "%s: last written %" PRId64 " s ago", path,
			   age > 0 ? age : 0);
}

static void one_keylog(struct doctor *d, const char *path, struct evidence *ev)
{
	struct err e = { 0 };
	struct stat st;

	if (stat(path, &st)) {
		doctor_add(d, DOCTOR_PROBLEM, "keylog.readable",
			   "let the gateway write it where egret can read it (a shared volume), and check the path",
			   "key log %s: %s", path, strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		doctor_add(d, DOCTOR_UNCHECKED, "keylog.readable", NULL,
			   "%s is a pipe: reading it here would take its lines from the agent", path);
		return;
	}
	memset(ev, 0, sizeof *ev);
	struct tls_keys *k = tls_keys_new(ev, 0);
	if (tls_keys_file(k, path, false, &e)) {
		doctor_add(d, DOCTOR_PROBLEM, "keylog.readable", "give egret's user the right to read it", "%s", e.msg);
	} else {
		doctor_add(d, DOCTOR_OK, "keylog.readable", NULL, "%s can be read", path);
		contents(d, path, k, ev);
		state_of(d, path, &st);
	}
	tls_keys_free(&k);
}

void doctor_keylogs(struct doctor *d)
{
	struct evidence *ev = malloc(sizeof *ev);

	if (!ev)
		abort();
	for (size_t i = 0; i < d->asked.n_keylogs; i++)
		one_keylog(d, d->asked.keylogs[i], ev);
	free(ev);
	if (!d->asked.n_keylogs)
		doctor_add(d, DOCTOR_UNCHECKED, "keylog.readable",
			   d->asked.capture || d->asked.interface
			   ? "--keylog FILE (capture.keylog): what Envoy's common_tls_context.key_log writes" : NULL,
			   "no key log was given: TLS 1.3 stays closed, and with it who the client is");
}

/* --- a capture */

struct trial {
	struct doctor *d;
	struct join join;
	char dir[PATH_MAX], db[PATH_MAX + 16];
	volatile sig_atomic_t stop;
	uint64_t lines;
};

/* Held in memory until both sources are read, so neither may be large. */
enum { TRIAL_LINES = 30000 };

static int trial_lines(void *ctx, const struct log_offset *at, struct err *e)
{
	struct trial *t = ctx;

	(void)at, (void)e;
	if (cli_stop || t->join.evidence->n[EV_LINES] >= TRIAL_LINES)
		t->stop = 1;
	return 0;
}

static bool regular(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, R_OK);
}

static int trial_sources(struct trial *t, struct err *e)
{
	const struct doctor_asked *a = &t->d->asked;
	struct pipeline_input *log = join_input(&t->join, true, t->join.evidence);
	struct pipeline_input *wire = join_input(&t->join, true, t->join.evidence);
	const struct log_options lo = {
		.paths = a->files, .n_paths = a->n_files, .format = a->format, .key_map = a->keys,
		.inventory = a->inventory, .workload = a->judge.workload, .stop = &t->stop, .commit = trial_lines, .ctx = t,
	};
	/* What cannot be read was said where it was looked at. */
	struct wire_options wo = {
		.file = a->capture, .stop = &cli_stop,
		.trust = a->trust && !access(a->trust, R_OK) ? a->trust : NULL,
	};
	struct opt_list keylogs = { 0 };
	struct err ignored = { 0 };

	for (size_t i = 0; i < a->n_keylogs; i++)
		if (regular(a->keylogs[i]))
			opt_list_add(&keylogs, a->keylogs[i]);
	wo.keylogs = keylogs.item;
	wo.n_keylogs = keylogs.n;
	if (a->n_files)
		log_run(&lo, pipeline_sink(log), t->join.evidence, &ignored);
	int r = sink_finish(pipeline_sink(log), e);
	if (!r)
		r = wire_run(&wo, pipeline_sink(wire), t->join.evidence, e);
	opt_list_free(&keylogs);
	return sink_finish(pipeline_sink(wire), r ? &ignored : e) ? -1 : r;
}

static void lost_packets(struct doctor *d, const struct evidence *ev)
{
	static const struct { enum evidence_reason r; const char *fix; } of[] = {
		{ EV_PACKET_DROPPED, "a larger buffer, a narrower filter (--bpf), or more processor time for the tap" },
		{ EV_PACKET_SNAPLEN, "capture whole packets: tcpdump -s 0" },
		{ EV_PACKET_LINK_UNKNOWN, "capture on an Ethernet, cooked or raw IP interface" },
		{ EV_FILE_CUT, "the capture was still being written, or its copy is not whole" },
		{ EV_CONNECTION_ONE_SIDED, "capture where both directions pass: inside the gateway's network namespace" },
		{ EV_TCP_GAPS, "packets are missing: see dropped_by_kernel, and where the tap stands" },
	};
	bool any = false;

	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		if (!ev->n[of[i].r])
			continue;
		any = true;
		doctor_add(d, DOCTOR_WARNING, "capture.complete", of[i].fix, "%s: %" PRIu64 " %s", d->asked.capture,
			   ev->n[of[i].r], evidence_info[of[i].r].meaning);
	}
	if (!any)
		doctor_add(d, DOCTOR_OK, "capture.complete", NULL, "%s: %" PRIu64 " packets, %" PRIu64
			   " connections, nothing lost", d->asked.capture, ev->n[EV_PACKETS], ev->n[EV_CONNECTIONS]);
}

static void trial_looked_at(struct trial *t)
{
	struct doctor *d = t->d;
	struct err e = { 0 };
	struct store *s;

	lost_packets(d, t->join.evidence);
	s = store_open(t->db, STORE_READ, &e);
	if (s)
		doctor_stored(d, s, d->asked.n_files ? "this capture and log" : "this capture");
	store_close(&s, &e);
}

static void trial_run(struct trial *t)
{
	struct doctor *d = t->d;
	struct join_options o = {
		.db = t->db, .policies = d->set,
		.analysis = { .judge = d->asked.judge, .wire = true, .log = d->asked.n_files > 0 },
	};
	struct err e = { 0 }, late = { 0 };
	int r = join_start(&t->join, &o, &e);

	if (!r) {
		r = trial_sources(t, &e);
		if (join_finish(&t->join, "doctor", r ? &late : &e))
			r = -1;
	}
	if (r) {
		d->invalid |= e.kind == ERR_INPUT;
		doctor_add(d, DOCTOR_PROBLEM, "capture.readable", "tcpdump -s 0 -w FILE writes what egret reads", "%s",
			   e.msg);
	}
	if (t->join.evidence && t->join.evidence->n[EV_PACKETS])
		trial_looked_at(t);
	join_release(&t->join);
}

void doctor_capture(struct doctor *d)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-lock" };
	const char *tmp = getenv("TMPDIR");
	struct trial t = { .d = d };
	char name[PATH_MAX + 32];

	if (!d->asked.capture) {
		doctor_add(d, DOCTOR_UNCHECKED, "capture.readable", NULL,
			   "no capture was given (-r FILE): whether packets, keys and log fit together is only known "
			   "from the database");
		return;
	}
	snprintf(t.dir, sizeof t.dir, "%s/egret-doctor-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(t.dir)) {
		doctor_add(d, DOCTOR_UNCHECKED, "capture.readable", "set TMPDIR to a folder that can be written",
			   "%s: %s", t.dir, strerror(errno));
		return;
	}
	snprintf(t.db, sizeof t.db, "%s/trial.db", t.dir);
	trial_run(&t);
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(name, sizeof name, "%s%s", t.db, tails[i]);
		unlink(name);
	}
	rmdir(t.dir);
}
