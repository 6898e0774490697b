/*
 * web - the dashboard and its API on a read-only database.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct web_options {
	const char *db;
	const char *address;	/* NULL: 127.0.0.1 */
	uint16_t port;		/* 8080 where 0 */
	bool next_port;		/* taken: try the next ones */
	const volatile sig_atomic_t *stop;
};

struct web;

struct web *web_start(const struct web_options *o, struct err *e);
uint16_t web_port(const struct web *w);
void web_stop(struct web **w);

#endif
