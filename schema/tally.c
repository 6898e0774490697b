/* tally: rows in the order of arrival, found through open addressing at most half full. */
#include "schema/tally.h"

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

static size_t place(const struct tally *t, const int64_t *key)
{
	return (size_t)hash_sip13(hash_key(), key, t->keys * sizeof *key) & (t->size - 1);
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

int64_t *tally_at(struct tally *t, const int64_t *key)
{
	size_t bytes = t->keys * sizeof *key, i;

	if (t->n && !memcmp(t->row[t->last].key, key, bytes))
		return t->row[t->last].count;
	if (t->n >= t->room)
		grow(t);
	for (i = place(t, key); t->slot[i]; i = (i + 1) & (t->size - 1)) {
		t->last = t->slot[i] - 1;
		if (!memcmp(t->row[t->last].key, key, bytes))
			return t->row[t->last].count;
	}
	t->last = t->n++;
	t->slot[i] = (uint32_t)t->n;
	struct tally_row *r = &t->row[t->last];
	memset(r, 0, sizeof *r);
	memcpy(r->key, key, bytes);
	return r->count;
}
