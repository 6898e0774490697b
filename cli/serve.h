/* serve - the dashboard for verbs that end by serving. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "web/web.h"

/* Serve until SIGINT or SIGTERM; prints the address on standard output once it listens. */
int serve_until_stopped(const struct web_options *o, struct err *e);

#endif
