/*
 * tls_memory: entries in a ring, oldest first, found by a hash of the token.
 *
 * Tickets run from 100 bytes to some kilobytes (Envoy seals the peer's chain
 * into them), so keys are 128 bits of a hash under a secret key: nobody outside
 * can make two tokens meet.
 */
#include "capture/tls_memory.h"

#include <stdlib.h>

#include "common/hash.h"
#include "common/map.h"

struct entry {
	struct hash128 key;
	struct tls_origin origin;
};

struct tls_memory {
	struct evidence *ev;
	struct map map;
	struct entry *ring;
	size_t next, n, max;
};

struct tls_memory *tls_memory_new(struct evidence *ev, size_t max)
{
	struct tls_memory *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	m->ev = ev;
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

static struct hash128 key_of(enum tls_token kind, struct slice token)
{
	struct hash128 h = hash_sip13_128(hash_key(), token.p, token.n);

	h.a ^= kind;		/* a session id is no ticket, whatever its bytes */
	return h;
}

static struct slice bytes_of(const struct hash128 *key)
{
	return (struct slice){ (const uint8_t *)key, sizeof *key };
}

static struct entry *entry_new(struct tls_memory *m, struct hash128 key)
{
	struct entry *e;

	if (!m->ring && !(m->ring = calloc(m->max, sizeof *m->ring)))
		abort();
	e = &m->ring[m->next];
	m->next = (m->next + 1) % m->max;
	if (m->n == m->max) {
		map_take(&m->map, bytes_of(&e->key));
		forget(&e->origin);
		evidence_add(m->ev, EV_TLS_MEMORY_EVICTED, 1);
	} else {
		m->n++;
	}
	e->key = key;
	map_put(&m->map, bytes_of(&e->key), e);
	return e;
}

void tls_memory_put(struct tls_memory *m, enum tls_token kind, struct slice token,
		    const struct tls_origin *origin)
{
	struct tls_origin old = { 0 };

	if (!token.n)
		return;
	struct hash128 key = key_of(kind, token);
	struct entry *e = map_get(&m->map, bytes_of(&key));
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
	if (!token.n || !m->n)
		return NULL;
	struct hash128 key = key_of(kind, token);
	const struct entry *e = map_get(&m->map, bytes_of(&key));
	return e ? &e->origin : NULL;
}
