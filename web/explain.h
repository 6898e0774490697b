/* explain - the judge's trace (web_options.explain) as a section of the flow's page. */
#ifndef WEB_EXPLAIN_H
#define WEB_EXPLAIN_H

#include "web/page.h"

void explain_section(struct page *p, int64_t flow);

/* The section's markup from the trace's JSON. */
void explain_render(struct buf *b, struct slice json);

#endif
