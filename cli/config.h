/*
 * config - egret.yaml: what the agent taps, follows, judges by, keeps and serves.
 *
 * A table of keys (config.c) gives reading, the check for unknown keys and the
 * list in docs/configuration.md.  Strings live in the config's arena.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/err.h"

struct config_list {
	const char **item;
	size_t n;
};

struct config {
	struct arena *arena;
	const char *gateway_name;
	struct config_list gateway_ips, mesh;
	const char *workload;
	const char *interface, *filter, *user;
	uint64_t snaplen, memory;
	struct config_list keylogs;
	const char *trust;
	struct config_list logs;
	const char *log_format, *key_map, *inventory;
	struct config_list policies, aliases;
	const char *trust_domain, *root_namespace, *path_normalization;
	const char *query;		/* drop, keep, hash */
	const char *db, *rows;
	int64_t settle_ns;
	const char *listen;		/* "127.0.0.1:8080"; "off" */
};

/* NULL: *e says file:line:column, what was found and what was expected. */
struct config *config_load(const char *path, struct err *e);
void config_free(struct config **c);

/* Every key with its meaning, one a line: for --help and docs. */
void config_print_keys(void);

#endif
