/*
 * opt - a verb's command line as a table.
 *
 * The table gives parsing, --help (examples first) and the man page, so they
 * cannot disagree.  Long GNU options, short forms, --name=value, "--", "-" as
 * an operand.  An unknown option is a usage error (exit 2).
 */
#ifndef COMMON_OPT_H
#define COMMON_OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum opt_type {
	OPT_FLAG,	/* bool * : set to true */
	OPT_TEXT,	/* const char ** : the last one wins */
	OPT_LIST,	/* struct opt_list * : repeats */
	OPT_UINT,	/* unsigned long * */
};

struct opt_list {
	const char **item;	/* into argv */
	size_t n;
};

struct opt {
	const char *name;	/* without the dashes */
	char letter;		/* 0: none */
	enum opt_type type;
	void *to;
	const char *arg;	/* what the value is called in --help */
	const char *help;
};

struct opt_verb {
	const char *usage;	/* "egret decode -r FILE [flags]" */
	const char *summary;	/* one sentence */
	const char *examples;	/* lines, each ended by \n */
	const char *notes;	/* or NULL: further text after the options */
	const struct opt *opts;	/* ended by a NULL name */
};

enum opt_result { OPT_GO, OPT_HELPED, OPT_WRONG };

/*
 * Read argv[1..argc).  Operands are moved to the front of argv and counted in *operands
 * (argv[0] is the first).  OPT_HELPED: --help was printed to stdout.  OPT_WRONG: *e says why.
 */
enum opt_result opt_parse(const struct opt_verb *v, int argc, char **argv,
			  int *operands, struct err *e);
int opt_list_add(struct opt_list *l, const char *item);	/* borrows; always 0 */
void opt_list_free(struct opt_list *l);
void opt_help(const struct opt_verb *v);

#endif
