/*
 * log_places - how far each file was read in this run, whatever of it is stored yet.
 *
 * What was committed is stored later (flows may wait for their packets), so a file that comes back under
 * another name, or compressed, is looked up here first.  Bounded: past PLACES_MOST the oldest place goes,
 * which then is the stored one.
 */
#ifndef CAPTURE_LOG_PLACES_H
#define CAPTURE_LOG_PLACES_H

#include "schema/log_place.h"

enum { PLACES_MOST = 16384 };

struct log_places;

struct log_places *log_places_new(void);
void log_places_free(struct log_places **m);	/* NULL-safe */
void log_places_put(struct log_places *m, const struct log_offset *at);

/* As log_options.places. */
size_t log_places_of(const struct log_places *m, const struct log_offset *file, struct log_place *places);

/*
 * Places before the last ones, up to `most`: where a file stands that holds a part of what was read.
 * `other`: only of files that do not have this name; NULL: of all.
 */
size_t log_places_before(const struct log_places *m, const struct log_offset *file, const char *other,
			 struct log_place *places, size_t most);

#endif
