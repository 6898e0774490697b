/*
 * match_path - what Envoy does to :path before a policy or a route looks at it.
 */
#ifndef ANALYZE_MATCH_PATH_H
#define ANALYZE_MATCH_PATH_H

#include "common/arena.h"
#include "common/cursor.h"

/* meshConfig.pathNormalization; PATH_DEFAULT: what the mesh configuration says, else BASE. */
enum path_normalization {
	PATH_DEFAULT, PATH_NONE, PATH_BASE, PATH_MERGE_SLASHES, PATH_DECODE_AND_MERGE
};

/* Istio's word for it; PATH_DEFAULT: no such word. */
enum path_normalization path_normalization_by_name(struct slice name);

const char *path_normalization_name(enum path_normalization mode);	/* the same, back */

/*
 * The normalised path, query kept; PATH_DEFAULT is BASE.  Borrowed where nothing changes.
 * A path that Envoy refuses (%00) comes back as it is.
 */
struct slice path_normalize(struct slice path, enum path_normalization mode, struct arena *a);
/* Query and fragment cut off. */
struct slice path_only(struct slice path);

#endif
