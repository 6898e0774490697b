/*
 * match - one value of a policy against one value of a flow, as Envoy's matchers do it.
 *
 * Everything Istio generates is exact, prefix, suffix, "not empty", "there", or one of a few regular
 * expressions; those are held as globs: literal bytes and stars over a class of bytes.  Text is
 * borrowed from the policy or from the arena given.
 *
 * Case folding is ASCII, as Envoy's is.
 */
#ifndef ANALYZE_MATCH_H
#define ANALYZE_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/cursor.h"

enum match_kind {
	MATCH_NEVER,
	MATCH_PRESENT,		/* any value, the empty one too */
	MATCH_NONEMPTY,		/* regex .+ */
	MATCH_EXACT, MATCH_PREFIX, MATCH_SUFFIX,
	MATCH_GLOB
};

/* What one glob item takes: a byte of text, or a run of a class. */
enum glob_class {
	GLOB_BYTE,		/* exactly `byte` */
	GLOB_ANY,		/* . */
	GLOB_NO_SLASH,		/* [^/] */
	GLOB_SEGMENT,		/* what a path template's {*} takes */
	GLOB_PATH		/* the same and / */
};

struct glob_item {
	uint8_t class, byte;
	bool star;		/* zero or more; else exactly one */
};

struct match {
	enum match_kind kind;
	bool fold;
	struct slice text;			/* EXACT, PREFIX, SUFFIX; GLOB: it ends so, or empty */
	const struct glob_item *item;		/* GLOB */
	uint32_t n_items;
};

enum { GLOB_ITEMS_MAX = 4095 };

bool glob_takes(const struct glob_item *i, uint8_t c, bool fold);

/* Text under .: valid UTF-8 without a newline. */
bool match_value(const struct match *m, struct slice v);

/* The four string forms: "*" (`star` tells what it means), "*x", "x*", "x". */
struct match match_string(struct slice v, enum match_kind star, bool fold);
/* Principals: the same over an identity, v written without spiffe://. */
struct match match_principal(struct slice v, struct arena *a);
struct match match_namespace(struct slice v, struct arena *a);
struct match match_trust_domain(struct slice v, struct arena *a);
/* Service accounts: the regex's two optional parts make four globs. */
void match_service_account(struct slice ns, struct slice sa, struct arena *a, struct match out[4]);

bool path_is_template(struct slice v);
/* MATCH_NEVER where Envoy would refuse it. */
struct match match_template(struct slice v, struct arena *a);

/* The match as a glob, whatever its kind: for the search over all values. */
struct match match_as_glob(const struct match *m, struct arena *a);

#endif
