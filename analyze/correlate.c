/*
 * correlate: a map from the downstream 4-tuple to what was held for it.
 *
 * An entry (struct pair) holds clones of the wire flows and log flows of one
 * 4-tuple.  Entries also stand in a list by first arrival, which gives the
 * oldest in O(1).  Port reuse: a flow that begins `reuse` after the entry's
 * last one closes the entry first.
 */
#include "analyze/correlate.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/correlate_build.h"

enum { CAP = 65536, PAIR_MOST = 4096, LEGS_MOST = 64 };

static const int64_t reuse = 60 * INT64_C(1000000000);

struct correlate *correlate_new(const struct correlate_options *o,
				int (*out)(void *, struct flow *, struct err *), void *ctx)
{
	struct correlate *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->o = *o;
	if (!c->o.cap)
		c->o.cap = CAP;
	c->out = out;
	c->ctx = ctx;
	c->arena = arena_new(1024 * 1024);
	map_init(&c->pairs, c->o.cap);
	map_init(&c->wanted, c->o.cap);
	return c;
}

/* Takes the flow over. */
static void list_add(struct list *l, struct flow *f)
{
	if (l->n == l->size) {
		l->size = l->size ? l->size * 2 : 2;
		l->item = realloc(l->item, l->size * sizeof *l->item);
		if (!l->item)
			abort();
	}
	l->item[l->n++] = f;
}

static void list_release(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i]);
	free(l->item);
}

bool correlate_key(const struct flow *f, struct key *k)
{
	if (!flow_has(f, F_SOURCE_IP) || !flow_has(f, F_DESTINATION_IP) ||
	    flow_num(f, F_SOURCE_PORT) <= 0 || !flow_has(f, F_DESTINATION_PORT))
		return false;
	*k = (struct key){
		f->v[F_SOURCE_IP].ip, f->v[F_DESTINATION_IP].ip,
		(uint16_t)flow_num(f, F_SOURCE_PORT), (uint16_t)flow_num(f, F_DESTINATION_PORT), 0,
	};
	return true;
}

int correlate_emit(struct correlate *c, struct pair *p, struct flow *f, uint64_t *counter,
		struct err *e)
{
	(*counter)++;
	correlate_upstream_hello(c, p, f);
	int r = c->out(c->ctx, f, e);
	arena_reset(c->arena);
	return r;
}

/* The log line of this wire request: by id, else the first that fits and is not taken. */
static struct flow *take_log(struct pair *p, const struct flow *wire)
{
	for (size_t i = 0; i < p->log.n; i++) {
		struct flow *log = p->log.item[i];
		bool fits = log && is_http(log) == is_http(wire) &&
			    (is_http(wire) ? correlate_same_request(wire, log) : correlate_same_time(wire, log));
		if (fits) {
			p->log.item[i] = NULL;
			return log;
		}
	}
	return NULL;
}

static int close_wire(struct correlate *c, struct pair *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < p->wire.n && !r; i++) {
		struct flow *wire = p->wire.item[i], *log = take_log(p, wire);
		if (log) {
			correlate_compare_clocks(c, wire, log);
			correlate_merge(c, wire, log);
			r = correlate_emit(c, p, wire, &c->count.joined, e);
			free(log);
			continue;
		}
		bool lent = p->lent && !is_http(wire);
		for (size_t k = 0; k < p->log.n && !r && !is_http(wire); k++) {
			struct flow *line = p->log.item[k];
			if (!line || !is_http(line) || !correlate_same_time(wire, line))
				continue;
			correlate_lend(c, wire, line);
			r = correlate_emit(c, p, line, &c->count.joined, e);
			lent = true;
			free(line);
			p->log.item[k] = NULL;
		}
		if (!lent && !r)
			r = correlate_emit(c, p, wire, &c->count.wire_only, e);
	}
	return r;
}

static void unlink_pair(struct correlate *c, struct pair *p)
{
	*(p->older ? &p->older->newer : &c->oldest) = p->newer;
	*(p->newer ? &p->newer->older : &c->newest) = p->older;
	map_take(&c->pairs, key_slice(&p->key));
	c->held -= p->wire.n + p->log.n;
}

static void pair_free(struct correlate *c, struct pair *p)
{
	for (size_t i = 0; i < p->wants.n; i++) {
		map_take(&c->wanted, key_slice(p->wants.item[i]));
		free(p->wants.item[i]);
	}
	free(p->wants.item);
	list_release(&p->legs);
	list_release(&p->wire);
	list_release(&p->log);
	free(p);
}

int correlate_close(struct correlate *c, struct pair *p, struct err *e)
{
	unlink_pair(c, p);
	for (size_t i = 0; i < p->wire.n && map_get(&c->wanted, key_slice(&p->key)); i++)
		flow_set_num(p->wire.item[i], F_LEG, LEG_UPSTREAM);
	int r = close_wire(c, p, e);
	for (size_t i = 0; i < p->log.n && !r; i++)
		if (p->log.item[i])
			r = correlate_emit(c, p, p->log.item[i], &c->count.log_only, e);
	struct pair *down = map_get(&c->wanted, key_slice(&p->key));
	if (down && down != p) {
		for (size_t i = 0; i < p->wire.n; i++)
			if (down->legs.n < LEGS_MOST)
				list_add(&down->legs, p->wire.item[i]);
			else
				free(p->wire.item[i]);
		p->wire.n = 0;
	}
	pair_free(c, p);
	return r;
}

static struct pair *pair_of(struct correlate *c, const struct key *k)
{
	struct pair *p = map_get(&c->pairs, key_slice(k));

	if (p)
		return p;
	p = calloc(1, sizeof *p);
	if (!p)
		abort();
	p->key = *k;
	p->last = INT64_MIN;
	p->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = p;
	c->newest = p;
	map_put(&c->pairs, key_slice(&p->key), p);
	return p;
}

static int release_settled(struct correlate *c, struct err *e)
{
	int64_t both_at = c->wire_time < c->log_time ? c->wire_time : c->log_time;
	int64_t mark = both_at > c->now ? both_at : c->now;

	while (c->oldest && mark && c->oldest->last < mark - c->o.settle_ns)
		if (correlate_close(c, c->oldest, e))
			return -1;
	return mark ? correlate_release_old(c, mark, e) : 0;
}

int correlate_push(struct correlate *c, const struct flow *f, struct err *e)
{
	struct key k;
	bool log = flow_num(f, F_OBSERVED_BY) == OBSERVED_LOG;
	int64_t from = flow_num(f, F_STARTED_AT);
	int64_t to = flow_has(f, F_ENDED_AT) ? flow_num(f, F_ENDED_AT) : from;
	int64_t *clock = log ? &c->log_time : &c->wire_time;

	if (to > *clock)
		*clock = to;
	if (!correlate_key(f, &k)) {
		struct flow copy = *f;
		return correlate_emit(c, NULL, &copy, log ? &c->count.log_only : &c->count.wire_only, e);
	}
	/* Connections that go on may have nothing held: they count too. */
	if (c->pairs.n >= c->o.cap && !map_get(&c->pairs, key_slice(&k)) && correlate_give_up(c, e) < 0)
		return -1;
	struct pair *p = pair_of(c, &k);
	if (p->last == INT64_MIN)
		p->since = to;
	bool other = (log ? p->log.n : p->wire.n) && from > p->last && from - p->last > reuse;
	if (other || p->wire.n + p->log.n >= PAIR_MOST) {
		if (correlate_close(c, p, e))
			return -1;
		p = pair_of(c, &k);
		p->since = to;
	}
	list_add(log ? &p->log : &p->wire, flow_clone(f));
	if (log)
		correlate_want_leg(c, p, f);
	if (to > p->last)
		p->last = to;
	c->held++;
	while (c->held > c->o.cap) {
		c->count.evicted++;
		if (correlate_close(c, c->oldest, e))
			return -1;
	}
	return release_settled(c, e);
}

int correlate_tick(struct correlate *c, int64_t now, struct err *e)
{
	c->now = now;
	return release_settled(c, e);
}

int correlate_flush(struct correlate *c, struct err *e)
{
	while (c->oldest)
		if (correlate_close(c, c->oldest, e))
			return -1;
	return 0;
}

int correlate_give_up(struct correlate *c, struct err *e)
{
	if (!c->oldest)
		return 0;
	c->count.evicted++;
	return correlate_close(c, c->oldest, e) ? -1 : 1;
}

const struct correlate_count *correlate_counts(const struct correlate *c)
{
	return &c->count;
}

void correlate_free(struct correlate **c)
{
	if (!*c)
		return;
	while ((*c)->oldest) {
		struct pair *p = (*c)->oldest;
		unlink_pair(*c, p);
		pair_free(*c, p);
	}
	map_release(&(*c)->pairs);
	map_release(&(*c)->wanted);
	arena_free(&(*c)->arena);
	free(*c);
	*c = NULL;
}
