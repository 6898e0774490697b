/*
 * emit - flows from sessions: the only place that fills struct flow from the wire.
 *
 * One flow for each HTTP exchange, and one for the connection where it showed
 * no HTTP, or TLS that no exchange's flow carries (TLS in a CONNECT tunnel).
 * A field is set only where the bytes say so: unknown and absent are kept
 * apart (schema/flow.h).
 */
#ifndef CAPTURE_EMIT_H
#define CAPTURE_EMIT_H

#include "capture/session.h"
#include "common/err.h"

struct emit;

struct emit *emit_new(struct sink *out, struct evidence *ev, struct err *e);
void emit_free(struct emit **x);	/* NULL-safe */

/* session_env.emit, with emit_ctx = the struct emit. */
void emit_exchange(struct session *s, const struct layer *l, const struct http_exchange *x);

/* The connection is over (a tcp_done). */
void emit_end(struct session *s, enum end_why why);

/* The sink refused a flow: *e of emit_new holds why, and nothing more is pushed. */
bool emit_failed(const struct emit *x);

#endif
