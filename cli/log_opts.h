/* log_opts - access logs on a command line: the same words for `parse` and `ingest`. */
#ifndef CLI_LOG_OPTS_H
#define CLI_LOG_OPTS_H

#include "capture/log.h"
#include "common/opt.h"

struct log_opts {
	const char *format, *keys, *inventory, *query;
	bool follow;
};

#define LOG_OPT_ROWS(l) \
	{ "format", 'f', OPT_TEXT, &(l).format, "FORMAT", \
	  "auto (default), text, json, an Envoy format string, or a JSON layout of operators" }, \
	{ "keys", 0, OPT_TEXT, &(l).keys, "OURS=THEIRS,...", \
	  "JSON under other keys: Istio's key or an operator, and the key in the log" }, \
	{ "inventory", 0, OPT_TEXT, &(l).inventory, "FILE", \
	  "whose pod an address is: kubectl get pods -A -o json" }, \
	{ "query", 0, OPT_TEXT, &(l).query, "drop|keep|hash", \
	  "query strings of paths, default drop" }

/* Fill *o for these files; -1: a word is wrong.  `verb` is for the one line about the format. */
int log_opts_fill(const struct log_opts *l, const char *verb, char **files, int n,
		  struct log_options *o, struct err *e);

/* "drop", "keep", "hash" or NULL (drop).  False: no such word. */
bool log_opts_query(const char *word, enum log_query *q);

#endif
