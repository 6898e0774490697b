/*
 * judge_cache: two places for each key, the older entry goes.  An entry is 32 bytes, so that the whole
 * cache is a part of the processor's own.
 */
#include "analyze/judge_cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/huge.h"

enum { ENTRIES = 1 << 14, KEY_MAX = 2048 };

struct entry {
	struct hash128 hash;
	const void *decision;		/* NULL: empty */
	uint64_t older;			/* of the two in a pair: the next to go */
};

struct judge_cache {
	enum flow_field field[F_COUNT];	/* what the policies in force read */
	uint32_t n_fields;
	struct entry *entry;
	uint32_t n;			/* of the key being made */
	uint8_t bytes[KEY_MAX];
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

	if (!c)
		abort();
	c->entry = huge_new(ENTRIES * sizeof *c->entry);
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
	if (z->header_used || z->metadata_used) {	/* flow_object_whole */
		add(c, F_OBSERVED_BY);
		add(c, F_TLS_DECRYPTED);
		add(c, F_TRANSPORT);
	}
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

size_t judge_cache_bytes(const struct judge_cache *c)
{
	return sizeof *c + ENTRIES * sizeof *c->entry;
}

static bool put(struct judge_cache *c, const void *p, size_t n)
{
	if (n > KEY_MAX - c->n)
		return false;
	if (n)
		memcpy(c->bytes + c->n, p, n);
	c->n += (uint32_t)n;
	return true;
}

/* State and length, then the bytes: no two tuples have the same key. */
static bool put_field(struct judge_cache *c, const struct flow *f, enum flow_field id)
{
	enum flow_state s = flow_state(f, id);
	const union flow_value *v = &f->v[id];
	uint8_t head[3] = { (uint8_t)s, 0, 0 };

	if (s != FLOW_PRESENT)
		return put(c, head, 1);
	switch (field_info[id].type) {
	case FLOW_TEXT: case FLOW_JSON:
		if (v->text.n > KEY_MAX)
			return false;
		head[1] = (uint8_t)v->text.n;
		head[2] = (uint8_t)(v->text.n >> 8);
		return put(c, head, 3) && put(c, v->text.p, v->text.n);
	case FLOW_IP:
		return put(c, head, 1) && put(c, v->ip.b, sizeof v->ip.b);
	case FLOW_INT: case FLOW_BOOL: case FLOW_TIME: case FLOW_REAL: case FLOW_ENUM:
		break;
	}
	return put(c, head, 1) && put(c, &v->num, sizeof v->num);
}

static struct entry *pair(const struct judge_cache *c, const struct cache_key *k)
{
	return &c->entry[k->hash.a & (ENTRIES - 2)];
}

void judge_cache_key(struct judge_cache *c, const struct flow *f, uint8_t chain,
		     enum judge_asked asked, struct cache_key *k)
{
	const uint8_t place[] = { chain, (uint8_t)asked };
	bool fits = true;

	c->n = 0;
	put(c, place, sizeof place);
	for (uint32_t i = 0; fits && i < c->n_fields; i++) {
		enum flow_field id = c->field[i];

		fits = put_field(c, f, id);
		if (id != F_SOURCE_IDENTITY || flow_state(f, id) != FLOW_UNKNOWN)
			continue;
		for (size_t m = 0; fits && m < sizeof identity_fields / sizeof *identity_fields; m++)
			fits = put_field(c, f, identity_fields[m]);
	}
	k->fits = fits;
	if (!fits)
		return;
	k->hash = hash_sip13_128(hash_key(), c->bytes, c->n);
	__builtin_prefetch(pair(c, k), 1);
}

static bool same(const struct entry *e, const struct cache_key *k)
{
	return e->hash.a == k->hash.a && e->hash.b == k->hash.b;
}

const void *judge_cache_get(const struct judge_cache *c, const struct cache_key *k)
{
	const struct entry *e;

	if (!k->fits)
		return NULL;
	e = pair(c, k);
	return same(e, k) ? e->decision : same(e + 1, k) ? e[1].decision : NULL;
}

void judge_cache_put(struct judge_cache *c, const struct cache_key *k, const void *decision)
{
	struct entry *e;

	if (!k->fits)
		return;
	e = pair(c, k);
	bool second = e[1].older || !e[1].decision;
	e[second] = (struct entry){ .hash = k->hash, .decision = decision };
	e[!second].older = 1;
}
