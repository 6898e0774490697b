/*
 * map: linear probing at most three quarters full, deleted slots marked and
 * swept when the table is rebuilt.
 */
#include "common/map.h"

#include <stdlib.h>

#include "common/hash.h"

static char gone_mark;
#define MAP_GONE ((void *)&gone_mark)

void map_init(struct map *m, size_t cap)
{
	*m = (struct map){ .cap = cap };
}

void map_release(struct map *m)
{
	free(m->slot);
	*m = (struct map){ .cap = m->cap };
}

static struct map_slot *find(const struct map *m, struct slice key, uint64_t hash)
{
	struct map_slot *free_slot = NULL;

	for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
		struct map_slot *s = &m->slot[i];
		if (!s->value)
			return free_slot ? free_slot : s;
		if (s->value == MAP_GONE) {
			if (!free_slot)
				free_slot = s;
		} else if (s->hash == hash && slice_eq(s->key, key)) {
			return s;
		}
	}
}

static bool live(const struct map_slot *s)
{
	return s->value && s->value != MAP_GONE;
}

void *map_get(const struct map *m, struct slice key)
{
	if (!m->size)
		return NULL;
	struct map_slot *s = find(m, key, hash_bytes(key));
	return live(s) ? s->value : NULL;
}

static void rebuild(struct map *m)
{
	struct map old = *m;

	m->size = 16;
	while (m->size / 2 <= m->n)
		m->size *= 2;
	m->slot = calloc(m->size, sizeof *m->slot);
	if (!m->slot)
		abort();
	m->used = m->n;
	for (size_t i = 0; i < old.size; i++)
		if (live(&old.slot[i]))
			*find(m, old.slot[i].key, old.slot[i].hash) = old.slot[i];
	free(old.slot);
}

bool map_put(struct map *m, struct slice key, void *value)
{
	uint64_t hash = hash_bytes(key);

	if (m->size) {
		struct map_slot *s = find(m, key, hash);
		if (live(s)) {
			s->key = key;
			s->value = value;
			return true;
		}
	}
	if (m->n >= m->cap)
		return false;
	if (!m->size || m->used >= m->size / 4 * 3)
		rebuild(m);
	struct map_slot *s = find(m, key, hash);
	m->used += !s->value;
	*s = (struct map_slot){ key, hash, value };
	m->n++;
	return true;
}

void *map_take(struct map *m, struct slice key)
{
	if (!m->size)
		return NULL;
	struct map_slot *s = find(m, key, hash_bytes(key));
	if (!live(s))
		return NULL;
	void *value = s->value;
	s->value = MAP_GONE;
	m->n--;
	return value;
}

void *map_next(const struct map *m, size_t *i, struct slice *key)
{
	while (*i < m->size) {
		struct map_slot *s = &m->slot[(*i)++];
		if (live(s)) {
			*key = s->key;
			return s->value;
		}
	}
	return NULL;
}
