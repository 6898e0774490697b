#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analyze/correlate.h"

/*
 * The list is copied into the arena with one more place: it may belong to capture, whose
 * memory is not ours.  A flow has a handful of findings; MOST caps what odd input can make.
 */
enum { MOST = 24 };

struct finding *finding_note(struct flow *f, enum finding_code code, struct arena *a,
			    const char *fmt, ...)
{
	struct finding *list;
	char text[512];
	va_list ap;

	if (f->n_findings >= MOST)
		return NULL;
	for (uint32_t i = 0; i < f->n_findings; i++)
		if (f->findings[i].code == code)
			return NULL;	/* capture said it already, from the bytes */
	list = arena_new_array(a, struct finding, f->n_findings + 1);
	if (!list)
		return NULL;
	if (f->n_findings)
		memcpy(list, f->findings, f->n_findings * sizeof *list);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	struct finding *g = &list[f->n_findings];
	g->code = code;
	g->severity = finding_info[code].severity;
	g->sentence = arena_copy(a, slice_of(text));
	f->findings = list;
	f->n_findings++;
	return g;
}
