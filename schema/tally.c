/* tally: rows in the order of arrival, found through open addressing at most half full. */
#include "schema/tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

void tally_init(struct tally *t, unsigned keys)
{
	*t = (struct tally){ .keys = keys };
}

void tally_release(struct tally *t)
{
	free(t->row);
	free(t->slot);
	tally_init(t, t->keys);
}

void tally_clear(struct tally *t)
{
	if (t->n)
		memset(t->slot, 0, t->size * sizeof *t->slot);
	t->n = t->last = 0;
}

/* Multiply and fold under the process's key: keys are refs and times, not bytes from outside. */
static size_t place(const struct tally *t, const int64_t *key)
{
	const uint64_t *k = hash_key();
	uint64_t h = k[0];

	for (unsigned i = 0; i < t->keys; i++) {
		h = (h ^ (uint64_t)key[i]) * (k[1] | 1);
		h ^= h >> 32;
	}
	return (size_t)h & (t->size - 1);
}

static void grow(struct tally *t)
{
	t->size = t->size ? t->size * 2 : 256;
	free(t->slot);
	t->slot = calloc(t->size, sizeof *t->slot);
	t->room = t->size / 2;
	t->row = realloc(t->row, t->room * sizeof *t->row);
	if (!t->slot || !t->row)
		abort();
	for (size_t r = 0; r < t->n; r++) {
		size_t i = place(t, t->row[r].key);
		while (t->slot[i])
			i = (i + 1) & (t->size - 1);
		t->slot[i] = (uint32_t)r + 1;
	}
}

static bool same(const int64_t *a, const int64_t *b, unsigned n)
{
	int64_t differ = 0;

	for (unsigned k = 0; k < n; k++)
		differ |= a[k] ^ b[k];
	return !differ;
}

/* The slot of `key`, or the empty one where it would go; `last` is its row where it has one. */
static size_t probe(struct tally *t, const int64_t *key)
{
	size_t i = place(t, key);

	for (; t->slot[i]; i = (i + 1) & (t->size - 1)) {
		t->last = t->slot[i] - 1;
		if (same(t->row[t->last].key, key, t->keys))
			break;
	}
	return i;
}

static bool is_last(const struct tally *t, const int64_t *key)
{
	return t->n && same(t->row[t->last].key, key, t->keys);
}

int64_t *tally_find(struct tally *t, const int64_t *key)
{
	if (is_last(t, key))
		return t->row[t->last].count;
	return t->n && t->slot[probe(t, key)] ? t->row[t->last].count : NULL;
}

int64_t *tally_at(struct tally *t, const int64_t *key)
{
	if (is_last(t, key))
		return t->row[t->last].count;
	if (t->n >= t->room)
		grow(t);
	size_t i = probe(t, key);
	if (t->slot[i])
		return t->row[t->last].count;
	t->last = t->n++;
	t->slot[i] = (uint32_t)t->n;
	struct tally_row *r = &t->row[t->last];
	memset(r, 0, sizeof *r);
	memcpy(r->key, key, t->keys * sizeof *key);
	return r->count;
}
