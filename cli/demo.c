/*
 * demo: the bundled evidence through the real pipeline, told as a person wants to read it.
 *
 * Nothing here is special to the bundled files: --from takes any folder with the same names.  What
 * is printed comes from the database that was just written.
 */
#include "cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/log.h"
#include "capture/wire.h"
#include "cli/demo_text.h"
#include "cli/explain.h"
#include "cli/join.h"
#include "cli/serve.h"

static const char default_db[] = "egret-demo.db";

struct demo {
	char dir[4096], capture[4200], keylog[4200], trust[4200], log[4200], policies[4200];
	const char *db;
	struct policy_set *set;
	struct evidence policy_ev;
};

static bool readable(const char *dir)
{
	char path[4200];

	snprintf(path, sizeof path, "%s/capture.pcap", dir);
	return access(path, R_OK) == 0;
}

/* The build tree's files where egret runs from it, else the installed ones. */
static int find_dir(struct demo *d, const char *from, struct err *e)
{
	static const char *const near[] = {
		"examples/demo", "../examples/demo", "../share/egret/demo",
	};
	char self[2048];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (from) {
		snprintf(d->dir, sizeof d->dir, "%s", from);
		return readable(from) ? 0 : err_set(e, ERR_INPUT, "%s/capture.pcap: cannot be read", from);
	}
	self[n > 0 ? n : 0] = 0;
	if (strrchr(self, '/'))
		strrchr(self, '/')[1] = 0;
	for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
		snprintf(d->dir, sizeof d->dir, "%s%s", self, near[i]);
		if (readable(d->dir))
			return 0;
	}
	snprintf(d->dir, sizeof d->dir, "%s/demo", PKGDATADIR);
	if (readable(d->dir))
		return 0;
	return err_set(e, ERR_IO, "the bundled evidence is not in %s; say where it is with --from", d->dir);
}

static void name_files(struct demo *d)
{
	static const char *const names[] = {
		"capture.pcap", "keylog", "mesh-ca.pem", "access.log", "policies",
	};
	char *const to[] = { d->capture, d->keylog, d->trust, d->log, d->policies };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		snprintf(to[i], sizeof d->capture, "%s/%s", d->dir, names[i]);
}

/* A database of an earlier demo is replaced only under the name that the demo itself chose. */
static int fresh_db(struct demo *d, struct err *e)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char path[64];

	if (d->db)
		return access(d->db, F_OK) ? 0 : err_set(e, ERR_USAGE,
			"%s exists already; remove it, or name another with --db", d->db);
	d->db = default_db;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(path, sizeof path, "%s%s", default_db, parts[i]);
		if (unlink(path) && errno != ENOENT)
			return err_set(e, ERR_IO, "%s: %s; name another database with --db", path,
				       strerror(errno));
	}
	return 0;
}

static int read_wire(struct demo *d, struct join *j, struct err *e)
{
	const char *keylog = d->keylog;
	struct pipeline_input *in = join_input(j, true, j->evidence);
	struct wire_options o = {
		.certificate = pipeline_certificate, .certificate_ctx = in,
		.file = d->capture, .keylogs = &keylog, .n_keylogs = 1, .trust = d->trust,
		.stop = &cli_stop, .want_header = analysis_wants_header, .want_ctx = j->analysis,
	};

	return wire_run(&o, pipeline_sink(in), j->evidence, e) ||
	       sink_finish(pipeline_sink(in), e) ? -1 : 0;
}

static int read_log(struct demo *d, struct join *j, struct err *e)
{
	const char *path = d->log;
	struct log_options o = { .paths = &path, .n_paths = 1, .query = LOG_QUERY_KEEP, .stop = &cli_stop };
	struct pipeline_input *in = join_input(j, true, j->evidence);

	return log_run(&o, pipeline_sink(in), j->evidence, e) ||
	       sink_finish(pipeline_sink(in), e) ? -1 : 0;
}

static int judge_and_store(struct demo *d, struct err *e)
{
	const char *path = d->policies;
	struct join j = { 0 };
	struct err late = { 0 };
	int r;

	d->set = policy_load(&path, 1, &d->policy_ev, e);
	if (!d->set)
		return -1;
	struct join_options o = {
		.db = d->db, .policies = d->set, .analysis = { .wire = true, .log = true },
	};
	r = join_start(&j, &o, e);
	if (!r) {
		r = read_wire(d, &j, e) || read_log(d, &j, e) ? -1 : 0;
		if (join_finish(&j, d->capture, r ? &late : e))
			r = -1;
	}
	if (!r)
		r = demo_text(stdout, d->db, d->dir, d->set, j.evidence, analysis_counts(j.analysis), e);
	join_release(&j);
	return r;
}

/* On loopback alone; where 8080 is taken, the next free port. */
static int serve(const struct demo *d, struct err *e)
{
	const struct web_options o = {
		.db = d->db, .next_port = true, .explain = explain_json,
		.explain_ctx = (void *)(uintptr_t)d->db,
	};

	printf("dashboard, until Ctrl-C: ");
	fflush(stdout);
	return serve_until_stopped(&o, e);
}

int verb_demo(int argc, char **argv)
{
	static struct demo d;
	const char *from = NULL;
	bool no_serve = false;
	const struct opt opts[] = {
		{ "no-serve", 0, OPT_FLAG, &no_serve, NULL, "stop before the dashboard" },
		{ "db", 0, OPT_TEXT, &d.db, "FILE",
		  "where the database goes; default egret-demo.db, made anew each time" },
		{ "from", 0, OPT_TEXT, &from, "DIR",
		  "another folder with capture.pcap, keylog, mesh-ca.pem, access.log and policies/" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret demo [flags]",
		.summary = "Run the bundled evidence of an egress gateway through the whole program, then serve "
			   "the dashboard on it.",
		.examples = "  egret demo\n"
			    "  egret demo --no-serve --db demo.db\n",
		.opts = opts,
	};
	struct err e = { 0 };
	int operands, code = cli_parse("demo", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	int r = operands ? err_set(&e, ERR_USAGE, "takes no operands (see --help)") : 0;
	cli_catch_signals();
	if (!r)
		r = find_dir(&d, from, &e) || fresh_db(&d, &e) ? -1 : 0;
	if (!r) {
		name_files(&d);
		r = judge_and_store(&d, &e);
	}
	policy_free(&d.set);
	if (!r && !no_serve && !cli_stop)
		r = serve(&d, &e);
	return r ? cli_fail("demo", &e) : EXIT_CLEAN;
}
