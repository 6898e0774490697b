/*
 * log - access-log lines in, flows out: the face of the log half of capture/.
 *
 * Formats: Istio's default text (all ages), its JSON, any Envoy format
 * string, any JSON layout; each optionally in CRI or Docker wrappers or
 * gzip.  Nothing is lost silently: a line not understood is counted by reason
 * with samples.
 */
#ifndef CAPTURE_LOG_H
#define CAPTURE_LOG_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/log_sight.h"
#include "common/err.h"
#include "schema/evidence.h"
#include "schema/flow.h"
#include "schema/log_place.h"

enum log_query { LOG_QUERY_DROP, LOG_QUERY_KEEP, LOG_QUERY_HASH };

struct log_options {
	const char *const *paths;	/* files, folders, globs, "-" */
	size_t n_paths;
	const char *format;		/* NULL or "auto", "text", "json", or a format string */
	const char *key_map;		/* JSON layouts: "ours=theirs,..." or NULL */
	const char *inventory;		/* pod inventory file or NULL */
	const char *trust_domain;	/* of its identities; NULL: cluster.local */
	const char *workload;		/* the gateway, "NAMESPACE,label=value,..."; NULL: the default one */
	enum log_query query;
	bool follow;
	const volatile sig_atomic_t *stop;
	/*
	 * What an earlier run stored: places: where this file may have been left, likeliest first, up to
	 * LOG_PLACES; last_read: when a file of this name was last read (ns), 0: never.  commit: called with the
	 * offset behind the flows that were pushed (a pipe's has no digest).  Each may be NULL.
	 */
	size_t (*places)(void *ctx, const struct log_offset *file, struct log_place *places);
	int64_t (*last_read)(void *ctx, struct slice path);
	int (*commit)(void *ctx, const struct log_offset *file, struct err *e);
	void *ctx;
	/* One line for the person who started this (the format that was recognised).  May be NULL. */
	void (*say)(void *ctx, const char *text);
	/* The format is decided, and what its lines can tell: once, before the first flow.  May be NULL. */
	void (*decided)(void *ctx, const struct log_sight *sight);
	void *say_ctx;			/* of both */
};

/*
 * 0, or -1 and *e.  A damaged file is ERR_INPUT, and said when all files were read: what came before the
 * damage, and the other files, went to `out`.
 */
int log_run(const struct log_options *o, struct sink *out, struct evidence *ev, struct err *e);

#endif
