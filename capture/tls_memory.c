/*
 * tls_memory: entries in a ring, oldest first, found by SHA-256 of the token.
 *
 * Tickets run from 100 bytes to some kilobytes (Envoy seals the peer's chain
 * into them), so keys are digests, all of one size.
 */
#include "capture/tls_memory.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"

enum { DIGEST = 32 };

struct entry {
	uint8_t key[DIGEST];
	struct tls_origin origin;
};

struct tls_memory {
	struct evidence *ev;
	struct tls_crypto *crypto;
	struct map map;
	struct entry *ring;
	size_t next, n, max;
};

struct tls_memory *tls_memory_new(struct evidence *ev, struct tls_crypto *crypto, size_t max)
{
	struct tls_memory *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	m->ev = ev;
	m->crypto = crypto;
	m->max = max ? max : TLS_MEMORY_MAX;
	map_init(&m->map, m->max);
	return m;
}

static void forget(struct tls_origin *o)
{
	cert_chain_drop(&o->client);
	cert_chain_drop(&o->server);
}

void tls_memory_free(struct tls_memory **mp)
{
	struct tls_memory *m = *mp;

	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		forget(&m->ring[i].origin);
	map_release(&m->map);
	free(m->ring);
	free(m);
	*mp = NULL;
}

static void key_of(struct tls_memory *m, enum tls_token kind, struct slice token,
		   uint8_t key[DIGEST])
{
	uint8_t k = (uint8_t)kind;

	tls_digest_begin(m->crypto, HASH_SHA256);
	tls_digest_add(m->crypto, HASH_SHA256, (struct slice){ &k, 1 });
	tls_digest_add(m->crypto, HASH_SHA256, token);
	tls_digest_end(m->crypto, HASH_SHA256, key);
}

static struct entry *entry_new(struct tls_memory *m, const uint8_t key[DIGEST])
{
	struct entry *e;

	if (!m->ring && !(m->ring = calloc(m->max, sizeof *m->ring)))
		abort();
	e = &m->ring[m->next];
	m->next = (m->next + 1) % m->max;
	if (m->n == m->max) {
		map_take(&m->map, (struct slice){ e->key, DIGEST });
		forget(&e->origin);
		evidence_add(m->ev, EV_TLS_MEMORY_EVICTED, 1);
	} else {
		m->n++;
	}
	memcpy(e->key, key, DIGEST);
	map_put(&m->map, (struct slice){ e->key, DIGEST }, e);
	return e;
}

void tls_memory_put(struct tls_memory *m, enum tls_token kind, struct slice token,
		    const struct tls_origin *origin)
{
	uint8_t key[DIGEST];
	struct tls_origin old = { 0 };
	struct entry *e;

	if (!token.n)
		return;
	key_of(m, kind, token, key);
	e = map_get(&m->map, (struct slice){ key, DIGEST });
	if (e)
		old = e->origin;
	else
		e = entry_new(m, key);
	e->origin = *origin;
	cert_chain_keep(e->origin.client);
	cert_chain_keep(e->origin.server);
	forget(&old);		/* last: it may be what `origin` borrows from */
}

const struct tls_origin *tls_memory_get(struct tls_memory *m, enum tls_token kind,
					struct slice token)
{
	uint8_t key[DIGEST];

	if (!token.n || !m->n)
		return NULL;
	key_of(m, kind, token, key);
	const struct entry *e = map_get(&m->map, (struct slice){ key, DIGEST });
	return e ? &e->origin : NULL;
}
