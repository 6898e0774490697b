/*
 * tally - counters by key, gathered in memory between two commits.
 *
 * One tally a rollup table.  Keys are a few integers, counters a few more.  At commit the store
 * adds each row to its table and clears the tally; so a rollup costs an upsert a key and
 * batch, not a flow.
 */
#ifndef SCHEMA_TALLY_H
#define SCHEMA_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum { TALLY_KEYS = 7, TALLY_COUNTS = 13 };

struct tally_row {
	int64_t key[TALLY_KEYS], count[TALLY_COUNTS];
};

struct tally {
	struct tally_row *row;
	uint32_t *slot;			/* row number + 1; 0: empty */
	size_t n, room, size;		/* rows, rows allocated, slots */
	size_t last;			/* row found last: the next flow is often alike */
	unsigned keys;			/* how many of key[] are used */
};

void tally_init(struct tally *t, unsigned keys);
void tally_release(struct tally *t);
void tally_clear(struct tally *t);

/* The counters of `key` (keys integers), all 0 when new.  Borrowed until the next call. */
int64_t *tally_at(struct tally *t, const int64_t *key);
int64_t *tally_find(struct tally *t, const int64_t *key);	/* NULL: not there */

#endif
