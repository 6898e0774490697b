/*
 * istio_names - host patterns to values: a name finds its own pattern first, then the longest
 * wildcard.  A look-up costs a hash a label of the name, however many patterns there are.
 */
#ifndef ANALYZE_ISTIO_NAMES_H
#define ANALYZE_ISTIO_NAMES_H

#include "common/arena.h"
#include "common/map.h"

struct names {
	struct map map;
	struct slice *odd;	/* wildcards whose star no dot follows: Istio refuses them */
	size_t n_odd;
	bool wild;		/* there is a wildcard at all */
	uint64_t lengths;	/* bit n % 64: there is a pattern of n bytes */
};

void names_init(struct names *n);
void names_release(struct names *n);

/* The value of this very pattern; NULL: none. */
void *names_get(const struct names *n, struct slice pattern);
/* Replaces.  The pattern, in lower case, is borrowed; a is for what the table grows by. */
void names_put(struct names *n, struct arena *a, struct slice pattern, void *value);

/*
 * What takes a name (or a wildcard as a whole), most specific first:
 *     struct names_walk w = names_walk(n, host);
 *     while ((value = names_next(&w)))
 */
enum { NAME_MAX_BYTES = 255 };
struct names_walk {
	const struct names *names;
	struct slice host;		/* lower case */
	size_t at, odd;			/* label and odd wildcard to look at next */
	enum { WALK_EXACT, WALK_LABELS, WALK_ODD, WALK_STAR, WALK_END } step;
	uint8_t key[NAME_MAX_BYTES + 1];
};
struct names_walk names_walk(const struct names *n, struct slice host);
void *names_next(struct names_walk *w);
/* The first of them. */
void *names_find(const struct names *n, struct slice host);

#endif
