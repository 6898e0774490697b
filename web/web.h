/*
 * web - the dashboard and its API on a read-only database.
 *
 * Pages are rendered by the server and read without JavaScript; their state is in the URL.
 * Only GET and HEAD; on loopback the Host header must name loopback (DNS rebinding).
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct web_options {
	const char *db;
	const char *address;	/* NULL: 127.0.0.1 */
	uint16_t port;		/* 8080 where 0 */
	bool next_port;		/* taken: try the next ones */
	/*
	 * Why the stored flow was judged as it was: a JSON object (docs/dashboard.md).  web/ may not know the
	 * judge, so whoever starts it brings this.  NULL: pages go without.  Called by one thread at a time.
	 */
	int (*explain)(void *ctx, int64_t flow_id, struct buf *json, struct err *e);
	void *explain_ctx;
};

struct web;

struct web *web_start(const struct web_options *o, struct err *e);
uint16_t web_port(const struct web *w);
void web_stop(struct web **w);		/* NULL-safe */

#endif
