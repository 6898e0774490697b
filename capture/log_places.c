/*
 * log_places: entries by digest, those of one digest in a chain, newest first; a ring gives the
 * oldest.
 */
#include "capture/log_places.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"

enum { BEFORE = 8 };

struct entry {
	struct entry *next;		/* the same digest */
	uint8_t digest[LOG_DIGEST];
	char *path;
	uint64_t device, inode;
	struct log_place place;
	struct log_place before[BEFORE];	/* rising; ever fewer, the older they are */
	size_t n_before;
};

struct log_places {
	struct map first;		/* digest -> struct entry */
	struct entry *ring[PLACES_MOST];
	size_t head, n;
};

struct log_places *log_places_new(void)
{
	struct log_places *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	map_init(&m->first, PLACES_MOST);
	return m;
}

static struct slice key_of(const struct entry *e)
{
	return (struct slice){ e->digest, LOG_DIGEST };
}

/* The map's key is borrowed from the first of a chain: it is put anew with the chain's new first. */
static void set_first(struct log_places *m, struct entry *old, struct entry *new)
{
	if (old)
		map_take(&m->first, key_of(old));
	if (new)
		map_put(&m->first, key_of(new), new);
}

static void forget_oldest(struct log_places *m)
{
	struct entry *e = m->ring[m->head], *first = map_get(&m->first, key_of(e));

	m->head = (m->head + 1) % PLACES_MOST;
	m->n--;
	if (first == e) {
		set_first(m, e, e->next);
	} else {
		while (first->next != e)
			first = first->next;
		first->next = e->next;
	}
	free(e->path);
	free(e);
}

void log_places_free(struct log_places **m)
{
	if (!*m)
		return;
	while ((*m)->n)
		forget_oldest(*m);
	map_release(&(*m)->first);
	free(*m);
	*m = NULL;
}

static struct entry *entry_of(struct log_places *m, const struct log_offset *at)
{
	struct entry *first = map_get(&m->first, at->digest);

	for (struct entry *e = first; e; e = e->next)
		if (e->device == at->device && e->inode == at->inode && slice_is(at->path, e->path))
			return e;
	if (m->n == PLACES_MOST) {
		forget_oldest(m);
		first = map_get(&m->first, at->digest);
	}
	struct entry *e = calloc(1, sizeof *e);
	if (!e || !(e->path = strndup((const char *)at->path.p, at->path.n)))
		abort();
	memcpy(e->digest, at->digest.p, LOG_DIGEST);
	e->device = at->device;
	e->inode = at->inode;
	e->next = first;
	set_first(m, first, e);
	m->ring[(m->head + m->n++) % PLACES_MOST] = e;
	return e;
}

static void keep_before(struct entry *e)
{
	if (e->n_before == BEFORE) {
		e->n_before = BEFORE / 2;
		for (size_t i = 1; i < e->n_before; i++)
			e->before[i] = e->before[2 * i];
	}
	e->before[e->n_before++] = e->place;
}

void log_places_put(struct log_places *m, const struct log_offset *at)
{
	struct entry *e = entry_of(m, at);

	if (e->place.tail_known && e->place.offset < at->offset)
		keep_before(e);
	if (at->offset < e->place.offset)
		e->n_before = 0;	/* it was cut */
	e->place.offset = at->offset;
	e->place.tail_known = at->tail.n == LOG_DIGEST;
	if (e->place.tail_known)
		memcpy(e->place.tail, at->tail.p, LOG_DIGEST);
}

static bool may_be(const struct entry *e, const struct log_offset *file, bool *own)
{
	*own = e->device == file->device && e->inode == file->inode;
	return *own || log_place_related(file->path, slice_of(e->path));
}

/* The same file first. */
size_t log_places_of(const struct log_places *m, const struct log_offset *file, struct log_place *places)
{
	size_t n = 0;

	for (int same = 1; same >= 0; same--)
		for (struct entry *e = map_get(&m->first, file->digest); e && n < LOG_PLACES; e = e->next) {
			bool own = e->device == file->device && e->inode == file->inode;
			if (own == same && (own || slice_is(file->path, e->path)))
				places[n++] = e->place;
		}
	return n;
}

size_t log_places_before(const struct log_places *m, const struct log_offset *file, const char *other,
			 struct log_place *places, size_t most)
{
	size_t n = 0;
	bool own;

	for (struct entry *e = map_get(&m->first, file->digest); e; e = e->next)
		for (size_t i = 0; i < e->n_before && n < most && may_be(e, file, &own); i++)
			if (!other || strcmp(e->path, other) != 0)
				places[n++] = e->before[i];
	return n;
}
