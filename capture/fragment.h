/*
 * fragment - IP datagrams put together from their fragments.
 *
 * A table with a fixed budget.  A fragment that overlaps another with
 * different bytes condemns its datagram (RFC 5722; an attack, or garbage);
 * exact repeats are ignored.  Datagrams not complete after 30 s, or pushed
 * out by the budget, are counted as lost.
 */
#ifndef CAPTURE_FRAGMENT_H
#define CAPTURE_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"
#include "common/ip.h"
#include "schema/evidence.h"

struct fragments;

struct fragment_key {
	struct ip src, dst;
	uint32_t id;
	uint8_t proto;
};

struct fragments *fragments_new(size_t budget, struct evidence *ev);
void fragments_free(struct fragments **f);	/* counts what was not complete; NULL-safe */

/* True: *whole is the datagram's payload, borrowed until the next call. */
bool fragments_add(struct fragments *f, const struct fragment_key *k, uint32_t offset,
		   struct slice bytes, bool more, int64_t ts, struct slice *whole);

#endif
