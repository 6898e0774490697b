/* authz_walk - the classes of strings that globs tell apart (private to authz_class.c). */
#ifndef ANALYZE_AUTHZ_WALK_H
#define ANALYZE_AUTHZ_WALK_H

#include "analyze/authz.h"

enum { ATOMS_MAX = 48 };		/* tests in one walk */
enum { CLASSES_MAX = 256 };

struct text_class {
	uint64_t accepts;		/* bit by test */
	struct slice text;		/* a shortest string that exactly these accept */
};

struct text_classes {
	struct text_class *class;
	uint32_t n;
	bool partial;			/* there may be more */
};

/* n <= ATOMS_MAX.  `must`: NULL, or what every string matches.  The strings are such as `var` can have. */
void text_walk(struct text_classes *out, const struct var *var, const struct atom *const *atoms,
	       uint32_t n, const struct match *must, struct arena *a);

/* A byte of `among` that is not in have[256]; -1: none. */
int stranger(const bool *have, const char *among);

#endif
