/* flows_test - stored flows as a file that `egret test` reads: what was judged is expected again. */
#ifndef CLI_FLOWS_TEST_H
#define CLI_FLOWS_TEST_H

#include <stdio.h>

#include "schema/where.h"

int flows_test_write(struct store *s, const struct where *w, uint64_t most, FILE *out, struct err *e);

#endif
