/*
 * judge_cache: two places for each key, the older entry goes.  An entry holds the key's bytes, so
 * a hash collision is a miss, never a wrong decision.
 */
#include "analyze/judge_cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { ENTRIES = 1 << 14 };

struct entry {
	uint64_t hash;
	const void *decision;		/* NULL: empty */
	uint32_t n;
	uint8_t bytes[CACHE_KEY_MAX];
};

struct judge_cache {
	enum flow_field field[F_COUNT];	/* what the policies in force read */
	uint32_t n_fields;
	struct entry *entry;
};

static const enum flow_field identity_fields[] = {
	F_SOURCE_PRINCIPAL, F_SOURCE_NAMESPACE, F_SOURCE_SERVICE_ACCOUNT, F_SOURCE_TRUST_DOMAIN,
	F_TRANSPORT,
};

static void add(struct judge_cache *c, enum flow_field k)
{
	for (uint32_t i = 0; i < c->n_fields; i++)
		if (c->field[i] == k)
			return;
	c->field[c->n_fields++] = k;
}

struct judge_cache *judge_cache_new(const struct authz *z)
{
	struct judge_cache *c = calloc(1, sizeof *c);

	if (!c || !(c->entry = calloc(ENTRIES, sizeof *c->entry)))
		abort();
	for (uint32_t i = 0; i < z->n_vars; i++)
		if (z->vars[i]->used && z->vars[i]->field < F_COUNT)
			add(c, z->vars[i]->field);
	if (z->vars[VAR_SNI]->used)
		add(c, F_TRANSPORT);
	if (z->header_used) {
		add(c, F_USER_AGENT);
		add(c, F_REQUEST_ID);
	}
	if (z->claim_used) {
		add(c, F_REQUEST_PRINCIPAL);
		add(c, F_REQUEST_PRESENTER);
		add(c, F_REQUEST_AUDIENCES);
	}
	if (z->metadata_used)
		add(c, F_OBSERVED_BY);
	return c;
}

void judge_cache_free(struct judge_cache **c)
{
	if (!*c)
		return;
	free((*c)->entry);
	free(*c);
	*c = NULL;
}

size_t judge_cache_bytes(void)
{
	return ENTRIES * sizeof(struct entry);
}

static bool put(struct cache_key *k, const void *p, size_t n)
{
	if (n > CACHE_KEY_MAX - k->n)
		return false;
	if (n)
		memcpy(k->bytes + k->n, p, n);
	k->n += (uint32_t)n;
	return true;
}

/* State and length, then the bytes: no two tuples have the same key. */
static bool put_field(struct cache_key *k, const struct flow *f, enum flow_field id)
{
	enum flow_state s = flow_state(f, id);
	const union flow_value *v = &f->v[id];
	uint8_t head[3] = { (uint8_t)s, 0, 0 };

	if (s != FLOW_PRESENT)
		return put(k, head, 1);
	switch (field_info[id].type) {
	case FLOW_TEXT: case FLOW_JSON:
		if (v->text.n > CACHE_KEY_MAX)
			return false;
		head[1] = (uint8_t)v->text.n;
		head[2] = (uint8_t)(v->text.n >> 8);
		return put(k, head, 3) && put(k, v->text.p, v->text.n);
	case FLOW_IP:
		return put(k, head, 1) && put(k, v->ip.b, sizeof v->ip.b);
	case FLOW_INT: case FLOW_BOOL: case FLOW_TIME: case FLOW_REAL: case FLOW_ENUM:
		break;
	}
	return put(k, head, 1) && put(k, &v->num, sizeof v->num);
}

void judge_cache_key(const struct judge_cache *c, const struct flow *f, uint8_t chain,
		     struct cache_key *k)
{
	bool fits = true;

	k->n = 0;
	put(k, &chain, 1);
	for (uint32_t i = 0; fits && i < c->n_fields; i++) {
		enum flow_field id = c->field[i];

		fits = put_field(k, f, id);
		if (id != F_SOURCE_IDENTITY || flow_state(f, id) != FLOW_UNKNOWN)
			continue;
		for (size_t m = 0; fits && m < sizeof identity_fields / sizeof *identity_fields; m++)
			fits = put_field(k, f, identity_fields[m]);
	}
	if (!fits)
		k->n = 0;
	else
		k->hash = hash_bytes((struct slice){ k->bytes, k->n });
}

static struct entry *place(const struct judge_cache *c, const struct cache_key *k, int way)
{
	return &c->entry[(k->hash ^ (uint64_t)way) & (ENTRIES - 1)];
}

const void *judge_cache_get(const struct judge_cache *c, const struct cache_key *k)
{
	for (int way = 0; k->n && way < 2; way++) {
		const struct entry *e = place(c, k, way);

		if (e->decision && e->hash == k->hash && e->n == k->n &&
		    memcmp(e->bytes, k->bytes, k->n) == 0)
			return e->decision;
	}
	return NULL;
}

void judge_cache_put(struct judge_cache *c, const struct cache_key *k, const void *decision)
{
	struct entry *e = place(c, k, 0), *other = place(c, k, 1);

	if (!k->n)
		return;
	if (e->decision)
		*other = *e;
	*e = (struct entry){ .hash = k->hash, .decision = decision, .n = k->n };
	memcpy(e->bytes, k->bytes, k->n);
}
