/*
 * fragment: a map from (addresses, id, protocol) to a datagram in the making, and a list by age.
 *
 * A datagram's bytes lie in one buffer that grows to the highest end seen; `have` has one bit for
 * each 8-byte unit, so a fragment costs time linear in its own length whatever came before.
 * Invariant: sum of buffer sizes <= budget.
 */
#include "capture/fragment.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/map.h"

enum {
	DATAGRAM_MAX = 65536,
	UNITS = DATAGRAM_MAX / 8,
	DATAGRAMS_MAX = 4096,
	TIMEOUT_S = 30,
};

struct datagram {
	uint8_t key[37];
	struct datagram *older, *newer;
	int64_t since;
	uint8_t *bytes;
	uint32_t size;		/* of bytes */
	uint32_t units;		/* distinct units held */
	uint32_t total;		/* length, known once the last fragment came; 0: not yet */
	uint32_t top;		/* highest end of any fragment */
	bool conflict;
	uint64_t have[UNITS / 64];
};

struct fragments {
	struct map map;
	struct datagram *oldest, *newest, *done;
	size_t held, budget;
	struct evidence *ev;
};

struct fragments *fragments_new(size_t budget, struct evidence *ev)
{
	struct fragments *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->budget = budget;
	f->ev = ev;
	map_init(&f->map, DATAGRAMS_MAX);
	return f;
}

static void datagram_free(struct datagram *d)
{
	if (d) {
		free(d->bytes);
		free(d);
	}
}

static void take_out(struct fragments *f, struct datagram *d)
{
	map_take(&f->map, (struct slice){ d->key, sizeof d->key });
	*(d->older ? &d->older->newer : &f->oldest) = d->newer;
	*(d->newer ? &d->newer->older : &f->newest) = d->older;
	f->held -= d->size + sizeof *d;
}

static void lose(struct fragments *f, struct datagram *d)
{
	evidence_add(f->ev, EV_FRAGMENT_LOST, 1);
	take_out(f, d);
	datagram_free(d);
}

void fragments_free(struct fragments **f)
{
	if (!*f)
		return;
	while ((*f)->oldest)
		lose(*f, (*f)->oldest);
	datagram_free((*f)->done);
	map_release(&(*f)->map);
	free(*f);
	*f = NULL;
}

static struct datagram *find(struct fragments *f, const struct fragment_key *k, int64_t ts)
{
	uint8_t key[37];

	memcpy(key, k->src.b, 16);
	memcpy(key + 16, k->dst.b, 16);
	memcpy(key + 32, &k->id, 4);
	key[36] = k->proto;
	struct datagram *d = map_get(&f->map, (struct slice){ key, sizeof key });
	if (d)
		return d;
	if (f->map.n >= DATAGRAMS_MAX)
		lose(f, f->oldest);
	d = calloc(1, sizeof *d);
	if (!d)
		abort();
	memcpy(d->key, key, sizeof key);
	d->since = ts;
	d->older = f->newest;
	*(d->older ? &d->older->newer : &f->oldest) = d;
	f->newest = d;
	map_put(&f->map, (struct slice){ d->key, sizeof d->key }, d);
	f->held += sizeof *d;
	return d;
}

static void grow(struct fragments *f, struct datagram *d, uint32_t end)
{
	if (end <= d->size)
		return;
	uint32_t size = d->size ? d->size : 2048;
	while (size < end)
		size *= 2;
	d->bytes = realloc(d->bytes, size);
	if (!d->bytes)
		abort();
	memset(d->bytes + d->size, 0, size - d->size);
	f->held += size - d->size;
	d->size = size;
}

static bool unit_held(const struct datagram *d, uint32_t u)
{
	return d->have[u / 64] >> (u % 64) & 1;
}

/* Copy in, unit by unit; a unit that is held already must be the same. */
static void put(struct datagram *d, uint32_t offset, struct slice s)
{
	for (size_t at = 0; at < s.n; at += 8) {
		uint32_t u = (offset + (uint32_t)at) / 8;
		size_t n = s.n - at < 8 ? s.n - at : 8;
		if (unit_held(d, u)) {	/* what a short last one left of its unit is zero */
			d->conflict |= memcmp(d->bytes + u * 8, s.p + at, n) != 0;
			continue;
		}
		memcpy(d->bytes + u * 8, s.p + at, n);
		d->have[u / 64] |= UINT64_C(1) << (u % 64);
		d->units++;
	}
}

bool fragments_add(struct fragments *f, const struct fragment_key *k, uint32_t offset,
		   struct slice bytes, bool more, int64_t ts, struct slice *whole)
{
	datagram_free(f->done);
	f->done = NULL;
	while (f->oldest && (ts - f->oldest->since > TIMEOUT_S * NS_PER_S || f->held > f->budget))
		lose(f, f->oldest);
	uint32_t end = offset + (uint32_t)bytes.n;
	if (!bytes.n || end > DATAGRAM_MAX - 1 || (more && bytes.n % 8)) {
		evidence_add(f->ev, EV_PACKET_MALFORMED, 1);
		return false;
	}
	struct datagram *d = find(f, k, ts);
	grow(f, d, end);
	put(d, offset, bytes);
	if (!more && d->total && d->total != end)
		d->conflict = true;
	if (!more)
		d->total = end;
	d->top = end > d->top ? end : d->top;
	d->conflict |= d->total && d->top > d->total;	/* bytes behind the end */
	if (d->conflict) {
		evidence_add(f->ev, EV_FRAGMENT_CONFLICT, 1);
		take_out(f, d);
		datagram_free(d);
		return false;
	}
	if (!d->total || d->units != (d->total + 7) / 8)
		return false;
	take_out(f, d);
	f->done = d;
	*whole = (struct slice){ d->bytes, d->total };
	return true;
}
