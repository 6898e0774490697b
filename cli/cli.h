/*
 * cli - the verbs.  One file a verb: it reads its command line (common/opt.h),
 * joins the rooms, prints, and returns the exit code (common/err.h).
 *
 * Results go to standard output, diagnostics to standard error.  Only here
 * are errors printed.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <signal.h>

#include "common/err.h"
#include "common/opt.h"

struct verb {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);	/* argv[0] is the verb; returns the exit code */
};
extern const struct verb verbs[];		/* ended by a NULL name */

/* "egret VERB: message" on standard error; returns the exit code of the error's kind. */
int cli_fail(const char *verb, const struct err *e);

/*
 * opt_parse with its usual ending: -1 = go on, else the exit code to return.
 * Operands are then argv[0..*operands).
 */
int cli_parse(const char *verb, const struct opt_verb *v, int argc, char **argv, int *operands);

/* Set once by SIGINT or SIGTERM: finish cleanly. */
extern volatile sig_atomic_t cli_stop;
void cli_catch_signals(void);

/* Following many logs needs as many open files as the system lets this process have. */
void cli_raise_files(void);

#endif
