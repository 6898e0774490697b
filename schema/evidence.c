#include "schema/evidence.h"

const struct evidence_info evidence_info[EV_COUNT] = {
#define EVIDENCE(id, source, kind, name, meaning) [EV_##id] = { source, kind, name, meaning },
#include "schema/evidence.def"
#undef EVIDENCE
};

static void keep(struct evidence *ev, enum evidence_reason r, uint64_t where, struct slice text)
{
	for (int k = 0; k < EVIDENCE_SAMPLES; k++) {
		struct evidence_sample *s = &ev->sample[r][k];
		if (s->n)
			continue;
		s->n = (uint16_t)(text.n < EVIDENCE_SAMPLE_BYTES ? text.n : EVIDENCE_SAMPLE_BYTES);
		s->where = where;
		memcpy(s->text, text.p, s->n);
		return;
	}
}

void evidence_note(struct evidence *ev, enum evidence_reason r, uint64_t where, struct slice text)
{
	if (ev->n[r]++ < EVIDENCE_SAMPLES && text.n)
		keep(ev, r, where, text);
}

void evidence_merge(struct evidence *into, const struct evidence *from)
{
	for (int r = 0; r < EV_COUNT; r++) {
		into->n[r] += from->n[r];
		for (int k = 0; k < EVIDENCE_SAMPLES; k++) {
			const struct evidence_sample *s = &from->sample[r][k];
			if (s->n)
				keep(into, (enum evidence_reason)r, s->where, (struct slice){ s->text, s->n });
		}
	}
}
