/*
 * evidence - counters of what was read and what was not understood, by reason.
 *
 * One per run, handed to everything that reads input.  Nothing is dropped
 * silently: whoever skips something counts it here.  A few samples a reason
 * are kept, cut to SAMPLE_BYTES.  The store writes it to table `evidence`; the
 * `coverage` view, the dashboard and the reports read that.
 * Counters may be written from one thread each; add by evidence_merge.
 */
#ifndef SCHEMA_EVIDENCE_H
#define SCHEMA_EVIDENCE_H

#include <stdint.h>

#include "common/cursor.h"

enum evidence_reason {
#define EVIDENCE(id, source, kind, name, meaning) EV_##id,
#include "schema/evidence.def"
#undef EVIDENCE
	EV_COUNT
};

struct evidence_info {
	const char *source, *kind, *name, *meaning;
};
extern const struct evidence_info evidence_info[EV_COUNT];

enum { EVIDENCE_SAMPLES = 3, EVIDENCE_SAMPLE_BYTES = 200 };

struct evidence_sample {
	uint16_t n;				/* 0: empty */
	uint64_t where;				/* packet number, line number */
	uint8_t text[EVIDENCE_SAMPLE_BYTES];	/* as read, not masked */
};

struct evidence {
	uint64_t n[EV_COUNT];
	struct evidence_sample sample[EV_COUNT][EVIDENCE_SAMPLES];
};

static inline void evidence_add(struct evidence *ev, enum evidence_reason r, uint64_t n)
{
	ev->n[r] += n;
}

/* Count one, and keep it as a sample where there is room. */
void evidence_note(struct evidence *ev, enum evidence_reason r, uint64_t where, struct slice text);

void evidence_merge(struct evidence *into, const struct evidence *from);

#endif
