/* recent: each half is open addressing, linear probing, at most half full. */
#include "schema/recent.h"

#include <stdlib.h>

#include "common/huge.h"

enum { FIRST_SLOTS = 1024 };

void recent_init(struct recent *r, size_t max)
{
	*r = (struct recent){ .max = max };
}

static void half_free(struct recent_half *h)
{
	free(h->slot);
	*h = (struct recent_half){ 0 };
}

void recent_release(struct recent *r)
{
	half_free(&r->young);
	half_free(&r->old);
}

/* The slot of `key`, or the empty one where it would go. */
static struct recent_slot *probe(const struct recent_half *t, struct hash128 h)
{
	for (size_t i = h.a & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
		struct recent_slot *s = &t->slot[i];
		if (!s->value || (s->hash.a == h.a && s->hash.b == h.b))
			return s;
	}
}

static void grow(struct recent_half *t)
{
	struct recent_half was = *t;

	t->size = was.size ? was.size * 2 : FIRST_SLOTS;
	t->slot = huge_new(t->size * sizeof *t->slot);
	for (size_t k = 0; k < was.size; k++)
		if (was.slot[k].value)
			*probe(t, was.slot[k].hash) = was.slot[k];
	free(was.slot);
}

void recent_put(struct recent *r, struct hash128 h, int64_t value)
{
	struct recent_half *t = &r->young;

	if (t->n >= r->max) {
		r->complete &= !r->old.n;
		half_free(&r->old);
		r->old = *t;
		*t = (struct recent_half){ 0 };
	}
	if (t->n >= t->size / 2)
		grow(t);
	struct recent_slot *s = probe(t, h);
	t->n += !s->value;
	*s = (struct recent_slot){ h, value };
}

int64_t recent_get(struct recent *r, struct hash128 h)
{
	int64_t value = r->young.size ? probe(&r->young, h)->value : 0;

	if (value || !r->old.size)
		return value;
	value = probe(&r->old, h)->value;
	if (value)
		recent_put(r, h, value);
	return value;
}
