/*
 * fuzz: any bytes as a policy file.  What loads must load again from its own canonical
 * text, with the same revision and the same text.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct policy_set *s = policy_load_text((struct slice){ p, n }, "f", NULL, &e), *again;

	if (!s) {
		if (!e.msg[0])
			abort();
		return 0;
	}
	again = policy_load_text(s->text, "g", NULL, &e);
	if (!again || strcmp(s->revision, again->revision) || !slice_eq(s->text, again->text))
		abort();
	policy_free(&again);
	policy_free(&s);
	return 0;
}
