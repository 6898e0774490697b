#include "cli/log_opts.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

bool log_opts_query(const char *word, enum log_query *q)
{
	static const char *const names[] = {
		[LOG_QUERY_DROP] = "drop", [LOG_QUERY_KEEP] = "keep", [LOG_QUERY_HASH] = "hash",
	};
	*q = LOG_QUERY_DROP;
	for (int k = LOG_QUERY_DROP; word && k <= LOG_QUERY_HASH; k++)
		if (!strcmp(word, names[k])) {
			*q = (enum log_query)k;
			return true;
		}
	return !word;
}

static void say(void *verb, const char *text)
{
	fprintf(stderr, "egret %s: %s\n", (const char *)verb, text);
}

int log_opts_fill(const struct log_opts *l, const char *verb, char **files, int n,
		  struct log_options *o, struct err *e)
{
	*o = (struct log_options){
		.paths = (const char *const *)files, .n_paths = (size_t)n, .format = l->format,
		.key_map = l->keys, .inventory = l->inventory, .follow = l->follow,
		.stop = &cli_stop, .say = say, .say_ctx = (void *)(uintptr_t)verb,
	};
	if (l->follow)
		cli_raise_files();
	if (!n)
		return err_set(e, ERR_USAGE, "an access log is wanted, or - for standard input (see --help)");
	if (!log_opts_query(l->query, &o->query))
		return err_set(e, ERR_USAGE, "--query wants drop, keep or hash, not \"%s\"", l->query);
	return 0;
}
