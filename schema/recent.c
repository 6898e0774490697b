/* recent: each half is open addressing, linear probing, at most half full; keys in one block. */
#include "schema/recent.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 1024 };

void recent_init(struct recent *r, size_t max_n, size_t max_bytes)
{
	*r = (struct recent){ .max_n = max_n, .max_bytes = max_bytes };
}

static void half_free(struct recent_half *h)
{
	free(h->slot);
	free(h->bytes);
	*h = (struct recent_half){ 0 };
}

void recent_release(struct recent *r)
{
	half_free(&r->young);
	half_free(&r->old);
}

/* The slot of `key`, or the empty one where it would go. */
static struct recent_slot *probe(const struct recent_half *h, struct slice key, uint64_t hash)
{
	for (size_t i = hash & (h->size - 1);; i = (i + 1) & (h->size - 1)) {
		struct recent_slot *s = &h->slot[i];
		if (!s->value || (s->hash == hash && s->n == key.n &&
				  (!key.n || !memcmp(h->bytes + s->at, key.p, key.n))))
			return s;
	}
}

static void resize(struct recent_half *h)
{
	struct recent_slot *was = h->slot;
	size_t n = h->size;

	h->size = n ? n * 2 : FIRST_SLOTS;
	h->slot = calloc(h->size, sizeof *h->slot);
	if (!h->slot)
		abort();
	for (size_t k = 0; k < n; k++) {
		if (!was[k].value)
			continue;
		size_t i = was[k].hash & (h->size - 1);
		while (h->slot[i].value)
			i = (i + 1) & (h->size - 1);
		h->slot[i] = was[k];
	}
	free(was);
}

static void bytes_room(struct recent_half *h, size_t n)
{
	if (h->room - h->used >= n)
		return;
	while (h->room - h->used < n)
		h->room = h->room ? h->room * 2 : 64 * 1024;
	h->bytes = realloc(h->bytes, h->room);
	if (!h->bytes)
		abort();
}

void recent_put(struct recent *r, struct slice key, uint64_t hash, int64_t value)
{
	struct recent_half *h = &r->young;

	if (key.n > r->max_bytes / 4)
		return;
	if (h->n >= r->max_n || h->used + key.n > r->max_bytes) {
		half_free(&r->old);
		r->old = r->young;
		*h = (struct recent_half){ 0 };
	}
	if (h->n >= h->size / 2)
		resize(h);
	struct recent_slot *s = probe(h, key, hash);
	if (!s->value) {
		bytes_room(h, key.n);
		if (key.n)
			memcpy(h->bytes + h->used, key.p, key.n);
		*s = (struct recent_slot){ hash, (uint32_t)h->used, (uint32_t)key.n, 0 };
		h->used += key.n;
		h->n++;
	}
	s->value = value;
}

int64_t recent_get(struct recent *r, struct slice key, uint64_t hash)
{
	struct recent_slot *s;

	if (r->young.size) {
		s = probe(&r->young, key, hash);
		if (s->value)
			return s->value;
	}
	if (!r->old.size)
		return 0;
	s = probe(&r->old, key, hash);
	int64_t value = s->value;
	if (value)
		recent_put(r, key, hash, value);
	return value;
}
