/*
 * correlate_leg: a log line names the gateway's own address on the upstream leg
 * (UPSTREAM_LOCAL_ADDRESS).  The ClientHello seen there is the one that was inside the
 * tunnel of a passed-through connection.  `wanted` maps that leg's 4-tuple to the
 * downstream entry; whichever of the two entries closes first, the leg's flow
 * is kept until the downstream one has gone out.
 */
#include "analyze/correlate_build.h"

#include <stdlib.h>
#include <string.h>

static bool leg_key(const struct flow *log, struct key *k)
{
	if (!flow_has(log, F_UPSTREAM_LOCAL_IP) || !flow_has(log, F_UPSTREAM_IP))
		return false;
	*k = (struct key){
		log->v[F_UPSTREAM_LOCAL_IP].ip, log->v[F_UPSTREAM_IP].ip,
		(uint16_t)flow_num(log, F_UPSTREAM_LOCAL_PORT),
		(uint16_t)flow_num(log, F_UPSTREAM_PORT), 0,
	};
	return true;
}

void correlate_want_leg(struct correlate *c, struct pair *p, const struct flow *log)
{
	struct key k, *own;

	if (!leg_key(log, &k) || map_get(&c->wanted, key_slice(&k)))
		return;
	own = malloc(sizeof *own);
	p->wants.item = realloc(p->wants.item, (p->wants.n + 1) * sizeof(struct key *));
	if (!own || !p->wants.item)
		abort();
	*own = k;
	p->wants.item[p->wants.n++] = own;
	map_put(&c->wanted, key_slice(own), p);
}

/* The wire flow of f's upstream leg: held still, or kept in f's entry after it closed. */
static struct flow *upstream_leg(struct correlate *c, struct pair *p, const struct flow *f)
{
	struct key k, at;

	if (!leg_key(f, &k))
		return NULL;
	for (size_t i = 0; i < p->legs.n; i++)
		if (correlate_key(p->legs.item[i], &at) && !memcmp(&at, &k, sizeof k))
			return p->legs.item[i];
	struct pair *up = map_get(&c->pairs, key_slice(&k));
	for (size_t i = 0; up && i < up->wire.n; i++)
		flow_set_num(up->wire.item[i], F_LEG, LEG_UPSTREAM);
	return up && up->wire.n ? up->wire.item[0] : NULL;
}

/*
 * The upstream leg's ClientHello belongs to the client where the gateway passed bytes through
 * (a connection flow, no HTTP): what was inside the tunnel is then known without keys.
 */
void correlate_upstream_hello(struct correlate *c, struct pair *p, struct flow *f)
{
	static const struct { enum flow_field inner, outer; } same[] = {
		{ F_INNER_SNI, F_SNI }, { F_INNER_TLS_VERSION, F_TLS_VERSION },
		{ F_INNER_TLS_ALPN, F_TLS_ALPN }, { F_INNER_JA4, F_JA4 },
	};
	struct flow *leg = p ? upstream_leg(c, p, f) : NULL;

	if (!leg)
		return;
	flow_set_num(leg, F_LEG, LEG_UPSTREAM);
	if (is_http(f) || flow_num(f, F_TRANSPORT) == TRANSPORT_PLAINTEXT)
		return;
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		if (flow_state(f, same[i].inner) != FLOW_UNKNOWN)
			continue;
		enum flow_state s = flow_state(leg, same[i].outer);
		if (s == FLOW_ABSENT)
			flow_set_absent(f, same[i].inner);
		if (s != FLOW_PRESENT)
			continue;
		flow_mark(f, same[i].inner);
		f->v[same[i].inner] = leg->v[same[i].outer];
	}
}
