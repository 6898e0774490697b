/*
 * demo_text - what the demo says about the database it wrote: who spoke to whom, how it was
 * judged, and each violation in a sentence.
 */
#ifndef CLI_DEMO_TEXT_H
#define CLI_DEMO_TEXT_H

#include <stdio.h>

#include "analyze/analysis.h"
#include "analyze/policy.h"

int demo_text(FILE *out, const char *db, const char *dir, const struct policy_set *set,
	      const struct evidence *ev, const struct analysis_count *count, struct err *e);

#endif
