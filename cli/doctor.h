/*
 * doctor - what evidence is missing and how to get it (private to the verb).
 *
 * Each doctor_*() looks at one area and adds its checks; what it learns on the way stands in struct doctor
 * for the areas after it.  A check that cannot be made says so: nothing is passed over in silence.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/sight.h"
#include "common/opt.h"
#include "schema/evidence.h"
#include "schema/store.h"

enum doctor_state { DOCTOR_OK, DOCTOR_UNCHECKED, DOCTOR_WARNING, DOCTOR_PROBLEM, DOCTOR_STATES };

struct doctor_check {
	const char *name;		/* "format.fields": area, then what */
	enum doctor_state state;
	struct slice says, fix;		/* raw text: quoted where it is shown; fix may be empty */
};

/* What is to be looked at: the command line over the configuration.  NULL, 0: not given. */
struct doctor_asked {
	const char *config;
	const char *const *files;
	size_t n_files;
	const char *format, *keys, *inventory;
	const char *capture, *interface, *bpf, *trust;
	const char *const *keylogs;
	size_t n_keylogs;
	const char *const *policies;
	size_t n_policies;
	struct judge_options judge;
	const char *db;
	bool db_given;			/* false: egret.db here, where there is one */
	uint64_t lines;			/* looked at of each log */
};

struct doctor {
	struct doctor_asked asked;
	struct policy_set *set;		/* NULL: none given, or it does not load */
	struct judge *judge;
	struct sight_needs needs;
	struct log_sight *sight;	/* NULL: no format is known */
	struct arena *arena;
	struct doctor_check *list;
	size_t n, room;
	bool invalid, damaged;		/* exit codes 4, 6 */
};

/* printf for `says`; `fix` NULL: nothing is to be done. */
void doctor_add(struct doctor *d, enum doctor_state state, const char *name, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

void doctor_policies(struct doctor *d);
void doctor_inventory(struct doctor *d);	/* before the logs */
void doctor_logs(struct doctor *d);	/* formats, lines, times, inventory */
void doctor_fields(struct doctor *d);	/* what the policies need */
void doctor_keylogs(struct doctor *d);
void doctor_capture(struct doctor *d);	/* packets, keys that open them; with logs: how the two join */
void doctor_host(struct doctor *d);	/* permissions, disk, the machine's clock */
void doctor_database(struct doctor *d);

/* Keys, joins and clock offsets in a database; `of` says which it is. */
void doctor_stored(struct doctor *d, struct store *s, const char *of);

#endif
