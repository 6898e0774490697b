/*
 * rows - rows of a query, printed: -o table, json, jsonl or csv.
 *
 * Text comes from the wire: a table shows it through buf_quote, JSON through buf_json_string, and CSV
 * (RFC 4180) puts a ' before what a spreadsheet would take for a formula.
 */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <stdio.h>

#include "schema/store.h"

enum rows_format { ROWS_TABLE, ROWS_JSON, ROWS_JSONL, ROWS_CSV };

struct rows;

/* -1: *e says which formats there are. */
int rows_format(const char *name, enum rows_format *f, struct err *e);

/* `json` names the columns whose text is JSON itself, ended by NULL; or NULL. */
struct rows *rows_new(enum rows_format f, FILE *out, const char *const *json);
int rows_row(void *rows, size_t n, const char *const *names, const struct store_value *values);

/* Print what is held back, free.  -1: writing failed. */
int rows_end(struct rows **r, struct err *e);

/* On standard error, where a limit cut the result. */
void rows_say_cut(const char *verb, const struct store_result *r, struct store_limits l);

#endif
