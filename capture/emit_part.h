/*
 * emit_part - what the parts of emit share: emit.c, emit_tls.c, emit_finding.c.
 */
#ifndef CAPTURE_EMIT_PART_H
#define CAPTURE_EMIT_PART_H

#include "capture/community_id.h"
#include "capture/emit.h"
#include "schema/flow.h"

enum { EMIT_FINDINGS = 16 };

struct emit {
	struct sink *out;
	struct evidence *ev;
	struct err *e;
	struct arena *scratch;		/* text of the flow being made */
	struct community_id *community_id;
	bool failed;
	uint32_t n_findings;
	char connection_id[16];
	struct finding finding[EMIT_FINDINGS];
	struct flow flow;
};

/* Present where it has bytes, else absent. */
void emit_text(struct flow *f, enum flow_field k, struct slice s);

/* The transport and identity fields, seen from inside `tls` TLS layers; 0: plaintext. */
void emit_tls(struct emit *x, const struct session *s, unsigned tls);
void emit_tls_inner(struct emit *x, const struct session *s);

/* What the bytes alone show.  l and h are NULL for a connection's own flow. */
void emit_findings(struct emit *x, const struct session *s, const struct layer *l,
		   const struct http_exchange *h);

#endif
