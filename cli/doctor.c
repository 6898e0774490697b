/*
 * doctor: the verb.  Reads the command line and the configuration, runs the areas in the order in which they
 * build on each other, prints.
 */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/doctor_out.h"
#include "cli/log_opts.h"
#include "cli/policy_opts.h"
#include "cli/verbs.h"

void doctor_add(struct doctor *d, enum doctor_state state, const char *name, const char *fix, const char *fmt, ...)
{
	char says[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(says, sizeof says, fmt, ap);
	va_end(ap);
	if (d->n == d->room) {
		d->room = d->room ? 2 * d->room : 64;
		d->list = realloc(d->list, d->room * sizeof *d->list);
		if (!d->list)
			abort();
	}
	d->list[d->n++] = (struct doctor_check){
		name, state, arena_copy(d->arena, slice_of(says)), arena_copy(d->arena, slice_of(fix ? fix : "")),
	};
}

/* --- what is asked */

struct doctor_opts {
	const char *config, *capture, *interface, *trust, *db, *output, *fail_on;
	struct opt_list keylogs;
	unsigned long lines;
	struct log_opts log;
	struct policy_opts policy;
};

#define PREFER(mine, theirs) do { if (!(mine)) (mine) = (theirs); } while (0)

static void prefer_list(const char *const **item, size_t *n, const struct config_list *l)
{
	if (*n)
		return;
	*item = l->item;
	*n = l->n;
}

/* The command line wins, key by key. */
static void from_config(struct doctor_asked *a, const struct config *c)
{
	prefer_list(&a->files, &a->n_files, &c->logs);
	prefer_list(&a->keylogs, &a->n_keylogs, &c->keylogs);
	prefer_list(&a->policies, &a->n_policies, &c->policies);
	if (!a->judge.n_aliases) {
		a->judge.aliases = c->aliases.item;
		a->judge.n_aliases = c->aliases.n;
	}
	PREFER(a->format, c->log_format);
	PREFER(a->keys, c->key_map);
	PREFER(a->inventory, c->inventory);
	PREFER(a->interface, c->interface);
	PREFER(a->bpf, c->filter);
	PREFER(a->trust, c->trust);
	PREFER(a->judge.workload, c->workload);
	PREFER(a->judge.trust_domain, c->trust_domain);
	PREFER(a->judge.root_namespace, c->root_namespace);
	if (a->judge.paths == PATH_DEFAULT && c->path_normalization)
		a->judge.paths = path_normalization_by_name(slice_of(c->path_normalization));
	if (!a->db) {
		a->db = c->db;
		a->db_given = true;
	}
}

static int asked(struct doctor_opts *o, char **files, int n, struct doctor_asked *a, struct err *e)
{
	*a = (struct doctor_asked){
		.config = o->config, .files = (const char *const *)files, .n_files = (size_t)n,
		.format = o->log.format, .keys = o->log.keys, .inventory = o->log.inventory,
		.capture = o->capture, .interface = o->interface, .trust = o->trust,
		.keylogs = o->keylogs.item, .n_keylogs = o->keylogs.n,
		.policies = o->policy.paths.item, .n_policies = o->policy.paths.n,
		.db = o->db, .db_given = o->db, .lines = o->lines,
	};
	return policy_opts_judge(&o->policy, &a->judge, e);
}

/* Checks of one area stand together, areas in the order in which they were first looked at. */
static void group(struct doctor *d)
{
	struct doctor_check *out = malloc((d->n + 1) * sizeof *out);
	size_t n = 0;

	if (!out)
		abort();
	for (size_t i = 0; i < d->n; i++) {
		size_t area = strcspn(d->list[i].name, ".");
		bool first = true;
		for (size_t k = 0; k < n && first; k++)
			first = strncmp(out[k].name, d->list[i].name, area + 1) != 0;
		for (size_t k = i; k < d->n && first; k++)
			if (!strncmp(d->list[k].name, d->list[i].name, area + 1))
				out[n++] = d->list[k];
	}
	free(d->list);
	d->list = out;
}

/* --- exit code */

/* 0: --fail-on not given.  DOCTOR_STATES: no such word. */
static enum doctor_state fail_level(const char *word)
{
	static const struct { const char *word; enum doctor_state at; } words[] = {
		{ "warning", DOCTOR_WARNING }, { "problem", DOCTOR_PROBLEM },
		{ "info", DOCTOR_WARNING }, { "low", DOCTOR_WARNING }, { "medium", DOCTOR_WARNING },
		{ "high", DOCTOR_PROBLEM }, { "critical", DOCTOR_PROBLEM },
	};
	for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
		if (!strcmp(word, words[i].word))
			return words[i].at;
	return word ? DOCTOR_STATES : DOCTOR_OK;
}

static int code_of(const struct doctor *d, enum doctor_state fail)
{
	if (d->invalid)
		return EXIT_INPUT;
	if (d->damaged)
		return EXIT_INTEGRITY;
	for (size_t i = 0; fail && i < d->n; i++)
		if (d->list[i].state >= fail)
			return EXIT_FINDINGS;
	return EXIT_CLEAN;
}

/* --- */

static void configuration(struct doctor *d, struct config **c)
{
	struct err e = { 0 };

	if (!d->asked.config) {
		doctor_add(d, DOCTOR_UNCHECKED, "configuration.load", NULL,
			   "no configuration was given (-c FILE): what the command line names is looked at");
		return;
	}
	*c = config_load(d->asked.config, &e);
	if (!*c) {
		d->invalid = true;
		doctor_add(d, DOCTOR_PROBLEM, "configuration.load", "egret run --keys lists every key",
			   "%s", e.msg);
		return;
	}
	from_config(&d->asked, *c);
	doctor_add(d, DOCTOR_OK, "configuration.load", NULL, "%s is read", d->asked.config);
	if (!(*c)->interface && !(*c)->logs.n)
		doctor_add(d, DOCTOR_PROBLEM, "configuration.sources", "set capture.interface, logs.paths or both",
			   "neither an interface nor a log is configured: egret run has nothing to read");
}

static void examine(struct doctor *d)
{
	struct config *c = NULL;

	d->arena = arena_new(SIZE_MAX);
	configuration(d, &c);
	PREFER(d->asked.db, "egret.db");
	doctor_policies(d);
	doctor_inventory(d);
	doctor_logs(d);
	doctor_fields(d);
	doctor_keylogs(d);
	doctor_capture(d);
	doctor_host(d);
	doctor_database(d);
	sight_needs_release(&d->needs);
	judge_free(&d->judge);
	policy_free(&d->set);
	config_free(&c);
	free(d->sight);
}

static int doctor(struct doctor_opts *o, char **files, int n, struct err *e)
{
	struct doctor d = { 0 };
	enum doctor_state fail = fail_level(o->fail_on);
	doctor_printer *print = doctor_printer_by_name(o->output);
	int code = -1;

	if (!print)
		return err_set(e, ERR_USAGE, "-o wants table, json, jsonl or csv, not \"%s\"", o->output);
	if (fail == DOCTOR_STATES)
		return err_set(e, ERR_USAGE, "--fail-on wants warning or problem, not \"%s\"", o->fail_on);
	if (asked(o, files, n, &d.asked, e))
		return -1;
	examine(&d);
	group(&d);
	if (!print(&d, stdout, e))
		code = code_of(&d, fail);
	free(d.list);
	arena_free(&d.arena);
	return code;
}

int verb_doctor(int argc, char **argv)
{
	struct doctor_opts o = { .output = "table", .lines = 200000 };
	const struct opt opts[] = {
		{ "config", 'c', OPT_TEXT, &o.config, "FILE", "what egret run is started with; what follows wins over it" },
		POLICY_OPT_ROWS(o.policy),
		LOG_OPT_ROWS(o.log),
		{ "lines", 0, OPT_UINT, &o.lines, "N", "lines looked at of each log, half at its beginning and half at its end, default 200000; 0: all" },
		{ "read", 'r', OPT_TEXT, &o.capture, "FILE", "a capture: do the keys open it, does the log join it" },
		{ "keylog", 'k', OPT_LIST, &o.keylogs, "FILE", "NSS key log (SSLKEYLOGFILE); repeats" },
		{ "trust", 0, OPT_TEXT, &o.trust, "FILE", "PEM file of the mesh's roots" },
		{ "interface", 'i', OPT_TEXT, &o.interface, "IFACE", "can this interface be tapped" },
		{ "db", 0, OPT_TEXT, &o.db, "FILE", "the database, default egret.db" },
		{ "output", 'o', OPT_TEXT, &o.output, "FORMAT", "table (default), json, jsonl or csv" },
		{ "fail-on", 0, OPT_TEXT, &o.fail_on, "STATE", "exit 3 on a problem, or on a warning or problem" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret doctor [FILE...] [flags]",
		.summary = "Say what evidence is missing and how to get it: formats, policies, key log, clocks,\n"
			   "permissions, joins, database.  Nothing is changed.",
		.examples = "  egret doctor -c /etc/egret/egret.yaml\n"
			    "  egret doctor access.log -p policies/\n"
			    "  egret doctor -r gateway.pcap --keylog keys.log access.log -p policies/\n"
			    "  egret doctor --db egret.db -o json\n",
		.notes = "Each check is ok, a warning, a problem, or not checked and why.\n"
			 "Exit 4 where the configuration, the policies or a log's format are invalid, 6 where the\n"
			 "database's integrity chain does not hold.\n",
		.opts = opts,
	};
	struct err e = { 0 };
	int operands, code = cli_parse("doctor", &verb, argc, argv, &operands);

	if (code < 0) {
		cli_catch_signals();
		code = doctor(&o, argv, operands, &e);
		code = code < 0 ? cli_fail("doctor", &e) : code;
	}
	policy_opts_free(&o.policy);
	opt_list_free(&o.keylogs);
	return code;
}
