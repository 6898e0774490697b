/* explain - a stored flow judged again, with its trace, as JSON. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/*
 * {flow's fields..., "trace": {...}, "route": [...]} of row `id`, by the policies that were in force and the
 * options they were judged with.  web_options.explain; `db` is the database's path.
 */
int explain_json(void *db, int64_t id, struct buf *out, struct err *e);

#endif
