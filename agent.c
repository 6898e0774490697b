/*
 * agent - the joined rooms as a service.
 *
 *     parent: tap thread ─┐
 *             log thread ─┼─► pipeline ─► judge ─► store        (the only writer)
 *     child:  dashboard on the database, opened read-only
 *
 * The child is forked before any thread starts and before a device is opened, so
 * it never holds a capture handle.  The tap becomes `capture.user` once the device is open
 * (wire_options.opened), before it parses a byte.
 *
 * SIGHUP: load the policies again; a load that fails leaves the old revision in force
 * and says why; what the new ones read and the evidence lacks is said where it is other
 * than before.  SIGTERM, SIGINT: sources end, what is held is stored, then the
 * dashboard goes.
 */
#include "agent.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/log.h"
#include "capture/wire.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/join.h"
#include "cli/sight_live.h"
#include "cli/verbs.h"

static volatile sig_atomic_t reload;

/* Request headers that the policies read.  The tap asks while the consumer takes new policies. */
struct headers {
	struct headers *older;		/* kept to the end: the tap may be looking at it */
	struct arena *arena;
	struct slice *name;
	size_t n, room;
};

struct agent {
	_Atomic(struct headers *) headers;
	struct config *config;
	struct policy_set *policies;
	struct sight_live *sight;	/* what the policies read and nothing shows */
	struct join join;
	struct pipeline_input *wire_in, *log_in;
	struct evidence *wire_ev, *log_ev, *policy_ev;	/* one a thread */
	pthread_t wire_thread, log_thread;
	struct err wire_err, log_err;
	bool wire_failed, log_failed;
	pid_t web;
};

static void on_hup(int sig)
{
	(void)sig;
	reload = 1;
}

static void say(const char *what, const struct err *e)
{
	fprintf(stderr, "egret run: %s%s%s\n", what, e ? ": " : "", e ? e->msg : "");
}

/* --- headers */

static void add_header(void *ctx, struct slice name)
{
	struct headers *h = ctx;

	if (h->n == h->room) {
		h->room = h->room ? 2 * h->room : 16;
		h->name = realloc(h->name, h->room * sizeof *h->name);
		if (!h->name)
			abort();
	}
	h->name[h->n++] = arena_copy(h->arena, name);
}

static void remember_headers(struct agent *a)
{
	struct headers *h = calloc(1, sizeof *h);

	if (!h)
		abort();
	h->arena = arena_new(SIZE_MAX);
	h->older = a->headers;
	if (analysis_judge(a->join.analysis))
		judge_headers(analysis_judge(a->join.analysis), add_header, h);
	a->headers = h;
}

static bool want_header(void *ctx, struct slice name)
{
	const struct agent *a = ctx;
	const struct headers *h = a->headers;

	for (size_t i = 0; i < h->n; i++)
		if (slice_eq(h->name[i], name))
			return true;
	return false;
}

static void headers_free(struct agent *a)
{
	for (struct headers *h = a->headers, *older; h; h = older) {
		older = h->older;
		arena_free(&h->arena);
		free(h->name);
		free(h);
	}
}

/* --- sources */

/* Called by wire_run when the device is open: from here on nothing needs a privilege. */
static int drop_privileges(void *ctx, struct err *e)
{
	const struct agent *a = ctx;
	const char *user = a->config->user;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(e, ERR_IO, "no_new_privs: %s", strerror(errno));
	if (!user)
		return 0;
	const struct passwd *pw = getpwnam(user);
	if (!pw)
		return err_set(e, ERR_INPUT, "capture.user: there is no user %s", user);
	if (setgroups(0, NULL) || setgid(pw->pw_gid) || setuid(pw->pw_uid))
		return err_set(e, ERR_IO, "cannot become user %s: %s", user, strerror(errno));
	return 0;
}

static void *tap(void *ctx)
{
	struct agent *a = ctx;
	const struct config *c = a->config;
	const struct wire_options o = {
		.device = c->interface, .bpf = c->filter, .snaplen = (unsigned)c->snaplen,
		.keylogs = c->keylogs.item, .n_keylogs = c->keylogs.n, .trust = c->trust,
		.budget = c->memory, .stop = &cli_stop, .opened = drop_privileges, .opened_ctx = a,
		.certificate = pipeline_certificate, .certificate_ctx = a->wire_in,
		.want_header = want_header, .want_ctx = a,
	};
	struct sink *in = pipeline_sink(a->wire_in);
	struct err late;

	a->wire_failed = wire_run(&o, in, a->wire_ev, &a->wire_err) != 0;
	/* What the source gave before it failed is judged and stored all the same. */
	if (sink_finish(in, a->wire_failed ? &late : &a->wire_err))
		a->wire_failed = true;
	if (a->wire_failed)
		cli_stop = 1;
	return NULL;
}

static enum log_query query_of(const char *s)
{
	if (s && !strcmp(s, "keep"))
		return LOG_QUERY_KEEP;
	return s && !strcmp(s, "hash") ? LOG_QUERY_HASH : LOG_QUERY_DROP;
}

static void say_log(void *ctx, const char *text)
{
	(void)ctx;
	say(text, NULL);
}

static void log_known(void *ctx, const struct log_sight *log)
{
	const struct agent *a = ctx;

	sight_live_log(a->sight, log);
}

static void *follow(void *ctx)
{
	struct agent *a = ctx;
	const struct config *c = a->config;
	const struct log_options o = {
		.paths = c->logs.item, .n_paths = c->logs.n, .format = c->log_format,
		.key_map = c->key_map, .inventory = c->inventory, .trust_domain = c->trust_domain, .workload = c->workload, .query = query_of(c->query),
		.follow = true, .stop = &cli_stop,
		.places = pipeline_places, .last_read = pipeline_last_read,
		.commit = pipeline_offset, .ctx = a->log_in,
		.say = say_log, .decided = log_known, .say_ctx = a,
	};
	struct sink *in = pipeline_sink(a->log_in);
	struct err late;

	a->log_failed = log_run(&o, in, a->log_ev, &a->log_err) != 0;
	if (sink_finish(in, a->log_failed ? &late : &a->log_err))
		a->log_failed = true;
	if (a->log_failed)
		cli_stop = 1;
	return NULL;
}

/* --- policies */

static int load_policies(struct agent *a, struct policy_set **to, struct err *e)
{
	const struct config *c = a->config;

	*to = NULL;
	if (!c->policies.n)
		return 0;
	*to = policy_load(c->policies.item, c->policies.n, a->policy_ev, e);
	return *to ? 0 : -1;
}

static struct judge_options judge_options(const struct config *c)
{
	return (struct judge_options){
		.workload = c->workload, .trust_domain = c->trust_domain,
		.aliases = c->aliases.item, .n_aliases = c->aliases.n,
		.root_namespace = c->root_namespace,
		.paths = c->path_normalization
			? path_normalization_by_name(slice_of(c->path_normalization)) : PATH_DEFAULT,
	};
}

/* By the consumer thread, between two batches. */
static int take_new_policies(void *ctx, struct err *e)
{
	struct agent *a = ctx;
	struct policy_set *fresh;
	struct err why = { 0 };

	if (load_policies(a, &fresh, &why)) {
		say("the policies were not loaded, the old ones stay in force", &why);
		return 0;
	}
	if (!fresh)
		return 0;
	if (analysis_replace(a->join.analysis, fresh, &why)) {
		say("the policies were not taken, the old ones stay in force", &why);
		policy_free(&fresh);
		return 0;
	}
	policy_free(&a->policies);
	a->policies = fresh;
	remember_headers(a);
	fprintf(stderr, "egret run: policy revision %.12s is in force\n", fresh->revision);
	sight_live_judge(a->sight, analysis_judge(a->join.analysis));
	const struct judge_options o = judge_options(a->config);
	return join_remember(&a->join, fresh, &o, e);
}

/* --- the dashboard */

static int start_web(struct agent *a, struct err *e)
{
	if (!strcmp(a->config->listen, "off"))
		return 0;
	/* The database must be there before the child opens it. */
	struct store *s = store_open(a->config->db, STORE_WRITE, e);
	if (!s || store_close(&s, e))
		return -1;
	a->web = fork();
	if (a->web < 0)
		return err_set(e, ERR_IO, "fork: %s", strerror(errno));
	if (a->web == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		const char *argv[] = { "serve", "--db", a->config->db, "--listen", a->config->listen, NULL };
		_exit(verb_serve(5, (char **)argv));
	}
	return 0;
}

static void stop_web(struct agent *a)
{
	if (a->web <= 0)
		return;
	kill(a->web, SIGTERM);
	waitpid(a->web, NULL, 0);
}

/* --- start, wait, stop */

enum { ADDRESSES = 64 };

struct addresses {
	struct ip gateway[ADDRESSES];
	struct cidr mesh[ADDRESSES];
};

static int read_addresses(const struct config *c, struct addresses *to, struct err *e)
{
	if (c->gateway_ips.n > ADDRESSES || c->mesh.n > ADDRESSES)
		return err_set(e, ERR_INPUT, "gateway: at most %d addresses and ranges", ADDRESSES);
	for (size_t i = 0; i < c->gateway_ips.n; i++)
		if (!ip_parse(slice_of(c->gateway_ips.item[i]), &to->gateway[i]))
			return err_set(e, ERR_INPUT, "gateway.addresses: %s is no address",
				       c->gateway_ips.item[i]);
	for (size_t i = 0; i < c->mesh.n; i++)
		if (!cidr_parse(slice_of(c->mesh.item[i]), &to->mesh[i]))
			return err_set(e, ERR_INPUT, "gateway.mesh: %s is no address range",
				       c->mesh.item[i]);
	return 0;
}

static enum store_rows rows_of(const char *s)
{
	if (s && !strcmp(s, "notable"))
		return STORE_NOTABLE;
	return s && !strcmp(s, "none") ? STORE_NONE : STORE_ALL;
}

static const char *source_of(const struct config *c)
{
	return c->interface ? c->interface : "logs";
}

static int join(struct agent *a, struct addresses *at, struct err *e)
{
	const struct config *c = a->config;
	struct join_options o = {
		.db = c->db, .rows = rows_of(c->rows), .live = true, .source = source_of(c), .policies = a->policies,
		.on_wake = take_new_policies, .ctx = a,
		.analysis = {
			.judge = judge_options(c),
			.gateway = c->gateway_name, .settle_ns = c->settle_ns,
			.gateway_ips = at->gateway, .n_gateway_ips = c->gateway_ips.n,
			.mesh = at->mesh, .n_mesh = c->mesh.n,
			.wire = c->interface != NULL, .log = c->logs.n > 0,
		},
	};

	return join_start(&a->join, &o, e);
}

static struct evidence *new_evidence(void)
{
	struct evidence *ev = calloc(1, sizeof *ev);

	if (!ev)
		abort();
	return ev;
}

static void start_sources(struct agent *a)
{
	const struct sight_evidence ev = {
		.inventory = a->config->inventory, .wire = a->config->interface, .keylog = a->config->keylogs.n,
	};

	remember_headers(a);
	a->sight = sight_live_new(&ev, a->config->logs.n > 0);
	sight_live_judge(a->sight, analysis_judge(a->join.analysis));
	if (a->config->interface) {
		a->wire_in = join_input(&a->join, false, a->wire_ev);
		if (pthread_create(&a->wire_thread, NULL, tap, a))
			abort();
	}
	if (a->config->logs.n) {
		a->log_in = join_input(&a->join, true, a->log_ev);
		pipeline_track(a->log_in);
		if (pthread_create(&a->log_thread, NULL, follow, a))
			abort();
	}
}

/* Signals are delivered to this thread: the sources' reads are interrupted by their own timeouts. */
static void wait_for_end(struct agent *a)
{
	while (!cli_stop) {
		if (reload) {
			reload = 0;
			pipeline_wake(a->join.pipeline);
		}
		if (a->web > 0 && waitpid(a->web, NULL, WNOHANG) == a->web) {
			say("the dashboard ended; judging and storing goes on", NULL);
			a->web = 0;
		}
		usleep(200 * 1000);
	}
}

static int stop_sources(struct agent *a, struct err *e)
{
	if (a->wire_in)
		pthread_join(a->wire_thread, NULL);
	if (a->log_in)
		pthread_join(a->log_thread, NULL);
	evidence_merge(a->join.evidence, a->wire_ev);
	evidence_merge(a->join.evidence, a->log_ev);
	evidence_merge(a->join.evidence, a->policy_ev);
	if (a->wire_failed)
		*e = a->wire_err;
	else if (a->log_failed)
		*e = a->log_err;
	return a->wire_failed || a->log_failed ? -1 : 0;
}

static int agent_run(struct agent *a, struct err *e)
{
	static struct addresses at;
	struct err late;

	if (!a->config->interface && !a->config->logs.n)
		return err_set(e, ERR_INPUT, "nothing to do: neither capture.interface nor logs.paths is set");
	if (read_addresses(a->config, &at, e) || load_policies(a, &a->policies, e) ||
	    start_web(a, e) || join(a, &at, e))
		return -1;
	start_sources(a);
	wait_for_end(a);
	int r = stop_sources(a, e);
	if (join_finish(&a->join, source_of(a->config), r ? &late : e))
		r = -1;
	join_summary(&a->join, a->join.evidence, stderr);
	return r;
}

int verb_run(int argc, char **argv)
{
	const char *path = NULL;
	bool list = false;
	const struct opt opts[] = {
		{ "config", 'c', OPT_TEXT, &path, "FILE", "the configuration (docs/configuration.md)" },
		{ "keys", 0, OPT_FLAG, &list, NULL, "list every key of the configuration and stop" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret run -c egret.yaml",
		.summary = "The agent: tap an interface and follow access logs, judge, store, and serve.",
		.examples = "  egret run -c /etc/egret/egret.yaml\n"
			    "  egret run --keys\n",
		.notes = "SIGHUP loads the policies again; SIGTERM and SIGINT store what is held and stop.\n",
		.opts = opts,
	};
	struct agent a = { 0 };
	struct err e = { 0 };
	int operands, code = cli_parse("run", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	if (list) {
		config_print_keys();
		return EXIT_CLEAN;
	}
	if (operands || !path) {
		err_set(&e, ERR_USAGE, "a configuration is wanted: -c FILE (see --help)");
		return cli_fail("run", &e);
	}
	cli_catch_signals();
	cli_raise_files();
	struct sigaction hup = { .sa_handler = on_hup };
	sigaction(SIGHUP, &hup, NULL);
	a.wire_ev = new_evidence();
	a.log_ev = new_evidence();
	a.policy_ev = new_evidence();
	a.config = config_load(path, &e);
	int r = a.config ? agent_run(&a, &e) : -1;
	stop_web(&a);
	join_release(&a.join);
	policy_free(&a.policies);
	sight_live_free(&a.sight);
	headers_free(&a);
	config_free(&a.config);
	free(a.wire_ev);
	free(a.log_ev);
	free(a.policy_ev);
	return r ? cli_fail("run", &e) : EXIT_CLEAN;
}
