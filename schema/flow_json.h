/*
 * flow_json - a flow as one JSON object (docs/schema.md), written and read.
 *
 * A field that is unknown is left out; an absent one is null.  Used by `decode`, `parse`
 * and `judge`, in both directions, so what one verb prints another reads.
 */
#ifndef SCHEMA_FLOW_JSON_H
#define SCHEMA_FLOW_JSON_H

#include <stdio.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "schema/flow.h"

/* One object, no newline.  Findings are written as codes, worst first. */
void flow_json_write(struct buf *b, const struct flow *f);

/* The value of one present field. */
void flow_json_value(struct buf *b, enum flow_field k, const union flow_value *v);

/*
 * Read one object into *f.  Values live in the line's bytes or in the arena.  Keys that are
 * no field are skipped and, where `extra` is not NULL, kept there as `"key":value,` text.
 * -1: not valid, *e says what was expected at which byte.
 */
int flow_json_read(struct flow *f, struct slice line, struct arena *a, struct buf *extra,
		   struct err *e);

/* What a field's value is, for a message: "an integer". */
const char *flow_json_wants(enum flow_field k);

/* A sink that writes JSON lines, or one array of them.  The stream stays the caller's; finish flushes it. */
struct flow_json_sink {
	struct sink sink;
	FILE *out;
	bool array;		/* may be set after the init */
	bool any;		/* a flow was written */
	struct buf buf;
};
void flow_json_sink_init(struct flow_json_sink *s, FILE *out);
void flow_json_sink_release(struct flow_json_sink *s);

#endif
