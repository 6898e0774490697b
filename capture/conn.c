/*
 * conn: the table of connections.
 *
 * Hash chains under a keyed hash of both endpoints in a fixed order, so both directions meet in
 * one bucket.  The buckets grow with the connections, one split for each new connection
 * (Litwin's linear hashing), so that no packet pays for a whole table and the table stays as small
 * as what is in it.  Every
 * connection stands in one of four lists by last use, so what is idle longest is at the front:
 * timeouts and eviction look only there.
 */
#include "capture/conn.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/hash.h"

enum { EXPIRE_AT_ONCE = 8, BUCKETS_LEAST = 1024 };

/* How long a connection may be silent in each list. */
static const int64_t timeout[LISTS] = {
	[LIST_OPENING] = 130 * NS_PER_S,	/* Linux retries a SYN for 127 s */
	[LIST_OPEN] = 3600 * NS_PER_S,		/* Envoy's default idle timeout of TCP */
	[LIST_STALLED] = 10 * NS_PER_S,
	[LIST_CLOSING] = 5 * NS_PER_S,		/* late, reordered segments */
	[LIST_WAITING] = INT64_MAX,		/* who waits says when to stop */
	[LIST_GONE] = 30 * NS_PER_S,		/* last acknowledgements find their connection */
};

static uint32_t word_at(const struct ip *a, size_t i)
{
	uint32_t x;

	memcpy(&x, a->b + 4 * i, sizeof x);
	return x;
}

/* Of two IPv4 addresses only what tells them apart is hashed; those of one kind have one length. */
static uint32_t hash_of(const struct tcp *t, const struct segment *s)
{
	uint32_t x[HASH_PAIRS_WORDS];
	bool v4 = ip_is_v4(&s->src) && ip_is_v4(&s->dst);
	size_t from = v4 ? 3 : 0, n = 0;
	uint32_t src = word_at(&s->src, 3), dst = word_at(&s->dst, 3);
	int order = v4 ? (src > dst) - (src < dst) : memcmp(s->src.b, s->dst.b, sizeof s->src.b);
	/* The sides in one order, whoever sends. */
	bool src_first = order < 0 || (order == 0 && s->src_port < s->dst_port);
	const struct ip *first = src_first ? &s->src : &s->dst, *last = src_first ? &s->dst : &s->src;

	for (size_t i = from; i < 4; i++) {
		x[n++] = word_at(first, i);
		x[n++] = word_at(last, i);
	}
	x[n++] = src_first ? s->src_port : s->dst_port;
	x[n++] = src_first ? s->dst_port : s->src_port;
	return hash_pairs(&t->secret, x, n / 2);
}

static bool side_is(const struct conn *c, enum dir d, const struct ip *ip, uint16_t port)
{
	return c->s.port[d] == port && ip_eq(&c->s.ip[d], ip);
}

static bool same(const struct conn *c, const struct segment *s)
{
	return (side_is(c, FROM_CLIENT, &s->src, s->src_port) &&
		side_is(c, FROM_SERVER, &s->dst, s->dst_port)) ||
	       (side_is(c, FROM_SERVER, &s->src, s->src_port) &&
		side_is(c, FROM_CLIENT, &s->dst, s->dst_port));
}

void conn_buckets_init(struct tcp *t)
{
	struct conn_buckets *b = &t->buckets;

	hash_pairs_init(&t->secret);
	b->n = b->base = b->room = BUCKETS_LEAST;
	b->at = calloc(b->room, sizeof *b->at);
	if (!b->at)
		abort();
	t->memory += b->room * sizeof *b->at;
}

/* Buckets below `n - base` are split by one more bit of the hash than the others. */
static struct conn **bucket_of(const struct conn_buckets *b, uint32_t hash)
{
	size_t k = hash & (2 * b->base - 1);

	return &b->at[k < b->n ? k : k & (b->base - 1)];
}

/* The next bucket in turn gives half of its connections to a new one. */
static void split(struct tcp *t)
{
	struct conn_buckets *b = &t->buckets;

	if (b->n == b->room) {
		t->memory += b->room * sizeof *b->at;
		b->room *= 2;
		b->at = realloc(b->at, b->room * sizeof *b->at);
		if (!b->at)
			abort();
	}
	struct conn **from = &b->at[b->n - b->base], *c = *from;
	*from = b->at[b->n] = NULL;
	if (++b->n == 2 * b->base)
		b->base *= 2;
	for (struct conn *next; c; c = next) {
		struct conn **to = bucket_of(b, c->hash);
		next = c->chain;
		c->chain = *to;
		*to = c;
	}
}

struct conn *conn_find(struct tcp *t, const struct segment *s, uint32_t *hash)
{
	*hash = hash_of(t, s);
	struct conn *c = *bucket_of(&t->buckets, *hash);
	while (c && !(c->hash == *hash && same(c, s))) {
		c = c->chain;
		t->work++;
	}
	return c;
}

static void unlist(struct tcp *t, struct conn *c)
{
	struct conn_lru *l = &t->lru[c->list];

	*(c->older ? &c->older->newer : &l->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &l->newest) = c->older;
}

/* The last moment at which a connection of that list is not yet timed out. */
static int64_t due(int64_t touched, enum conn_list list)
{
	int64_t at;

	return __builtin_add_overflow(touched, timeout[list], &at) ? INT64_MAX : at;
}

static void enlist(struct tcp *t, struct conn *c, enum conn_list list)
{
	struct conn_lru *l = &t->lru[list];

	if (due(c->touched, list) < t->quiet)
		t->quiet = due(c->touched, list);
	c->list = (uint8_t)list;
	c->older = l->newest;
	c->newer = NULL;
	*(c->older ? &c->older->newer : &l->oldest) = c;
	l->newest = c;
}

enum conn_list conn_list_of(const struct conn *c)
{
	const struct half *h = c->half;

	if (c->reset || (h[0].fin && h[1].fin) || (h[0].fin && !c->s.packets[1]) ||
	    (h[1].fin && !c->s.packets[0]))
		return LIST_CLOSING;
	if (c->stalled)
		return LIST_STALLED;
	return c->s.bytes[0] || c->s.bytes[1] || c->s.client_guessed ? LIST_OPEN : LIST_OPENING;
}

void conn_touch(struct tcp *t, struct conn *c, enum conn_list list)
{
	c->touched = t->now;
	if (c->list == list && !c->newer)
		return;
	unlist(t, c);
	enlist(t, c, list);
}

struct conn *conn_new(struct tcp *t, const struct segment *s, uint32_t hash, bool src_is_client)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->s.env = t->env;
	c->s.ip[src_is_client ? FROM_CLIENT : FROM_SERVER] = s->src;
	c->s.ip[src_is_client ? FROM_SERVER : FROM_CLIENT] = s->dst;
	c->s.port[src_is_client ? FROM_CLIENT : FROM_SERVER] = s->src_port;
	c->s.port[src_is_client ? FROM_SERVER : FROM_CLIENT] = s->dst_port;
	c->s.first_ts = c->s.last_ts = s->ts;
	c->s.id = ++t->connections;
	c->hash = hash;
	c->touched = t->now;
	if (++t->buckets.used > t->buckets.n / 2)
		split(t);
	struct conn **bucket = bucket_of(&t->buckets, hash);
	c->chain = *bucket;
	*bucket = c;
	enlist(t, c, LIST_OPENING);
	conn_account(t, c);
	evidence_add(t->env->ev, EV_CONNECTIONS, 1);
	return c;
}

static size_t half_memory(const struct half *h)
{
	return held_memory(h->held) + held_memory(h->doubt) +
	       (h->recent ? sizeof *h->recent + h->recent->cap : 0);
}

void conn_account(struct tcp *t, struct conn *c)
{
	size_t n = sizeof *c + c->s.outside + half_memory(&c->half[0]) +
		half_memory(&c->half[1]) + (c->s.arena ? arena_held(c->s.arena) : 0);

	t->memory += n - c->accounted;
	c->accounted = n;
}

void conn_remove(struct tcp *t, struct conn *c)
{
	struct conn **at = bucket_of(&t->buckets, c->hash);

	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	t->buckets.used--;
	unlist(t, c);
	t->memory -= c->accounted;
	free(c);
}

void conn_finish(struct tcp *t, struct conn *c, enum end_why why)
{
	if (conn_over(c))
		return;
	c->why = (uint8_t)why;
	stream_settle(t, c, true);
	for (int d = 0; d < 2; d++)
		if (!c->half[d].ended && c->s.bottom)
			layer_end(c->s.bottom, (enum dir)d, why, c->s.last_ts);
	stream_release(&c->half[0]);
	stream_release(&c->half[1]);
	if (!c->s.packets[0] || !c->s.packets[1])
		evidence_add(t->env->ev, EV_CONNECTION_ONE_SIDED, 1);
	if (c->s.client_guessed)
		evidence_add(t->env->ev, EV_CONNECTION_MIDSTREAM, 1);
	if (c->s.waiting)
		conn_touch(t, c, LIST_WAITING);
	else
		conn_close(t, c);
}

void conn_close(struct tcp *t, struct conn *c)
{
	t->o.done(&c->s, (enum end_why)c->why);
	layer_release(&c->s.bottom);
	arena_free(&c->s.arena);
	c->s.outside = 0;
	c->s.waiting = false;
	conn_account(t, c);
	conn_touch(t, c, LIST_GONE);
}

void conn_swap(struct conn *c)
{
	struct half h = c->half[0];
	struct ip ip = c->s.ip[0];
	uint16_t port = c->s.port[0];
	uint64_t bytes = c->s.bytes[0], packets = c->s.packets[0];

	c->half[0] = c->half[1];
	c->half[1] = h;
	c->s.ip[0] = c->s.ip[1];
	c->s.ip[1] = ip;
	c->s.port[0] = c->s.port[1];
	c->s.port[1] = port;
	c->s.bytes[0] = c->s.bytes[1];
	c->s.bytes[1] = bytes;
	c->s.packets[0] = c->s.packets[1];
	c->s.packets[1] = packets;
}

static void timed_out(struct tcp *t, struct conn *c)
{
	switch ((enum conn_list)c->list) {
	case LIST_GONE:
		conn_remove(t, c);
		return;
	case LIST_STALLED:
		stream_settle(t, c, true);
		conn_account(t, c);
		conn_touch(t, c, conn_list_of(c));
		return;
	case LIST_CLOSING:
		conn_finish(t, c, c->reset ? END_RST : END_FIN);
		return;
	case LIST_OPENING: case LIST_OPEN: case LIST_WAITING: case LISTS:
		break;
	}
	conn_finish(t, c, END_IDLE);
}

void conn_expire(struct tcp *t)
{
	int left = EXPIRE_AT_ONCE;

	if (t->now <= t->quiet)
		return;
	t->quiet = INT64_MAX;
	for (int l = 0; l < LISTS; l++) {
		struct conn *c;
		while ((c = t->lru[l].oldest) && t->now > due(c->touched, (enum conn_list)l)) {
			if (!left--) {
				t->quiet = INT64_MIN;	/* the rest with the next packets */
				return;
			}
			timed_out(t, c);
		}
		if (c && due(c->touched, (enum conn_list)l) < t->quiet)
			t->quiet = due(c->touched, (enum conn_list)l);
	}
}

void conn_enforce(struct tcp *t, const struct conn *spare)
{
	static const enum conn_list order[LISTS] = {
		LIST_GONE, LIST_CLOSING, LIST_OPENING, LIST_WAITING, LIST_STALLED, LIST_OPEN,
	};

	while (t->memory > t->o.budget) {
		struct conn *c = NULL;
		for (int k = 0; k < LISTS && !c; k++) {
			c = t->lru[order[k]].oldest;
			if (c && c == spare)
				c = c->newer;
		}
		if (!c)
			return;
		if (c->list != LIST_GONE && c->list != LIST_CLOSING)
			evidence_add(t->env->ev, EV_CONNECTION_EVICTED, 1);
		conn_finish(t, c, c->reset ? END_RST : END_EVICTED);
		if (c->list == LIST_WAITING)
			conn_close(t, c);
		conn_remove(t, c);
	}
}
