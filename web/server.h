/* server - what pages ask of the server that runs them. */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include "web/web.h"

/* web_options.explain, one call at a time. */
int server_explain(struct web *w, int64_t flow, struct buf *json, struct err *e);

#endif
