/*
 * err - why an operation failed, in words an operator can act on.
 *
 * Functions that can fail for more than one reason take `struct err *e` last
 * and return 0 or -1.  The callee states the cause, each caller may add where:
 *     policy egress.yaml: line 14: unknown key "prots"
 * Nothing below the verbs (cli/) prints; they print the one finished line.
 *
 * The kind decides the exit code (err_exit): see egret(1).
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

enum err_kind {
	ERR_NONE,
	ERR_IO,		/* the system said no: file, socket, device	-> 1 */
	ERR_DB,		/* the database said no				-> 1 */
	ERR_LIMIT,	/* a limit of ours was reached			-> 1 */
	ERR_USAGE,	/* the command line is wrong			-> 2 */
	ERR_INPUT,	/* input or configuration is not valid		-> 4 */
	ERR_INTEGRITY	/* the integrity chain does not hold		-> 6 */
};

/* Exit codes: the same for every verb and every output format. */
enum exit_code {
	EXIT_CLEAN = 0,
	EXIT_RUNTIME = 1,
	EXIT_USAGE = 2,
	EXIT_FINDINGS = 3,	/* findings at or above --fail-on */
	EXIT_INPUT = 4,
	EXIT_COVERAGE = 5,	/* evidence below --min-coverage */
	EXIT_INTEGRITY = 6
};

struct err {
	enum err_kind kind;
	char msg[512];
};

/* Record a cause.  Always returns -1, so `return err_set(...)` reads well. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put context in front of a cause already recorded.  Returns -1. */
int err_at(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The exit code that stands for this kind of failure. */
int err_exit(const struct err *e);

#endif
