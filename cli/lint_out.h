/* lint_out - findings of lint in the formats that people and CI read. */
#ifndef CLI_LINT_OUT_H
#define CLI_LINT_OUT_H

#include <stdio.h>

#include "analyze/lint.h"

/* NULL: no such format. */
typedef void lint_printer(const struct lint_result *r, FILE *out);
lint_printer *lint_printer_by_name(const char *name);

/* docs/lint.md: the table of rules as Markdown. */
void lint_print_rules(FILE *out);

#endif
