/*
 * correlate: a map from the downstream 4-tuple to what was held for it.
 *
 * An entry (struct pair) holds clones of the wire flows and log flows of one
 * 4-tuple.  Entries also stand in a list by first arrival, which gives the
 * oldest in O(1).  Port reuse: a flow that begins `reuse` after the entry's
 * last one closes the entry first.
 *
 * Upstream legs: a log line names the gateway's own address on the upstream leg
 * (UPSTREAM_LOCAL_ADDRESS).  The ClientHello seen there is the one that was inside the
 * tunnel of a passed-through connection.  `wanted` maps that leg's 4-tuple to the
 * downstream entry; whichever of the two entries closes first, the leg's flow
 * is kept until the downstream one has gone out.
 */
#include "analyze/correlate.h"

#include <stdlib.h>
#include <string.h>

#include "common/map.h"

enum { CAP = 65536, PAIR_MOST = 4096, LEGS_MOST = 64 };

static const int64_t slack = 2 * INT64_C(1000000000);
static const int64_t reuse = 60 * INT64_C(1000000000);

struct key {
	struct ip source, destination;
	uint16_t source_port, destination_port;
	uint32_t pad;
};

struct list {
	struct flow **item;
	size_t n, size;
};

struct pair {
	struct key key;
	struct pair *newer, *older;
	struct list wire, log;
	struct list legs;		/* upstream legs that closed before this one */
	struct list_keys {
		struct key **item;
		size_t n;
	} wants;			/* keys of upstream legs in `wanted` */
	int64_t last;			/* latest time in any of its flows */
	int64_t since;			/* of the first flow that came */
	bool lent;			/* the connection's wire flow has gone out in lines of its log */
};

struct correlate {
	struct correlate_options o;
	int (*out)(void *, struct flow *, struct err *);
	void *ctx;
	struct map pairs, wanted;
	struct pair *oldest, *newest;
	size_t held;
	int64_t wire_time, log_time, now;
	int64_t looked;			/* when connections that go on were last looked at */
	struct arena *arena;		/* findings of the flow going out */
	struct correlate_count count;
};

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

static bool make_key(const struct flow *f, struct key *k)
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

static struct slice key_slice(const struct key *k)
{
	return (struct slice){ (const uint8_t *)k, sizeof *k };
}

static bool is_http(const struct flow *f)
{
	return flow_has(f, F_METHOD) || flow_has(f, F_STATUS);
}

/* The path without its query: the log may have dropped it. */
static struct slice path_only(const struct flow *f)
{
	struct slice p = flow_text(f, F_PATH);
	const uint8_t *q = p.n ? memchr(p.p, '?', p.n) : NULL;

	return q ? (struct slice){ p.p, (size_t)(q - p.p) } : p;
}

static bool same_time(const struct flow *wire, const struct flow *log)
{
	if (!flow_has(wire, F_STARTED_AT) || !flow_has(log, F_STARTED_AT))
		return true;
	int64_t from = flow_num(wire, F_STARTED_AT), at = flow_num(log, F_STARTED_AT);
	int64_t to = flow_has(wire, F_ENDED_AT) ? flow_num(wire, F_ENDED_AT) : from;

	return at >= from - slack && at <= to + slack;
}

static bool same_request(const struct flow *wire, const struct flow *log)
{
	if (flow_has(wire, F_REQUEST_ID) && flow_has(log, F_REQUEST_ID))
		return flow_same(wire, log, F_REQUEST_ID);
	return flow_same(wire, log, F_METHOD) &&
	       slice_eq(path_only(wire), path_only(log)) && same_time(wire, log);
}

/* Two clocks looked at one beginning. */
static void compare_clocks(const struct correlate *c, const struct flow *wire, const struct flow *log)
{
	static const int64_t near = 100 * INT64_C(1000000);

	if (!c->o.ev || !flow_has(wire, F_STARTED_AT) || !flow_has(log, F_STARTED_AT))
		return;
	int64_t at = flow_num(wire, F_STARTED_AT), said = flow_num(log, F_STARTED_AT);
	evidence_add(c->o.ev, EV_JOIN_TIMED, 1);
	if (said < at - near)
		evidence_add(c->o.ev, EV_JOIN_LOG_EARLY, 1);
	else if (said > at + near)
		evidence_add(c->o.ev, EV_JOIN_LOG_LATE, 1);
}

/* Fields that wire and log both observe by themselves: a difference is a finding. */
static const struct { enum flow_field k; enum finding_code code; const char *what; } both[] = {
	{ F_SOURCE_IDENTITY, FINDING_ID_WIRE_LOG, "identity" },
	{ F_SNI, FINDING_EVD_CONFLICT, "SNI" },
	{ F_METHOD, FINDING_EVD_CONFLICT, "method" },
	{ F_AUTHORITY, FINDING_EVD_CONFLICT, "authority" },
	{ F_STATUS, FINDING_EVD_CONFLICT, "status" },
	{ F_TLS_VERSION, FINDING_EVD_CONFLICT, "TLS version" },
};

static void print_value(struct buf *b, const struct flow *f, enum flow_field k)
{
	enum flow_type t = field_info[k].type;

	if (!flow_has(f, k))
		buf_str(b, "none");
	else if (t == FLOW_TEXT)
		buf_quote(b, f->v[k].text);
	else if (t >= FLOW_ENUM)
		buf_str(b, flow_enum_name((enum flow_enum)(t - FLOW_ENUM), f->v[k].num));
	else
		buf_int(b, f->v[k].num);
}

static bool conflict(const struct flow *wire, const struct flow *log, enum flow_field k)
{
	enum flow_state w = flow_state(wire, k), l = flow_state(log, k);

	if (w == FLOW_UNKNOWN || l == FLOW_UNKNOWN || (w == FLOW_ABSENT && l == FLOW_ABSENT))
		return false;
	/* The log's "-" also stands for what Envoy could not tell (a failed handshake). */
	if (l == FLOW_ABSENT)
		return k == F_SOURCE_IDENTITY && flow_num(log, F_OUTCOME) == OUTCOME_SERVED;
	return !flow_same(wire, log, k);
}

/* Everything that the log knows and the wire does not; what both know is compared. */
static void merge(struct correlate *c, struct flow *wire, const struct flow *log)
{
	struct buf said;

	buf_init(&said, 4096);
	for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
		if (!conflict(wire, log, both[i].k))
			continue;
		c->count.conflicts++;
		buf_clear(&said);
		buf_str(&said, "the wire shows ");
		print_value(&said, wire, both[i].k);
		buf_str(&said, ", the log says ");
		print_value(&said, log, both[i].k);
		buf_byte(&said, 0);
		finding_note(wire, both[i].code, c->arena, "%s differs: %s", both[i].what,
			    said.full ? "the values are too long to be shown" : (const char *)said.p);
	}
	buf_release(&said);
	bool agree = flow_same(wire, log, F_SOURCE_IDENTITY);
	for (int k = 0; k < F_COUNT; k++)
		if (flow_state(wire, (enum flow_field)k) == FLOW_UNKNOWN)
			flow_take(wire, (enum flow_field)k, log);
	/* The log saw the request itself: what it counts is of the request, not of the connection. */
	static const enum flow_field logs[] = {
		F_RESPONSE_FLAGS, F_OUTCOME, F_OUTCOME_POLICY, F_OUTCOME_RULE, F_FAILURE,
		F_UPSTREAM_IP, F_UPSTREAM_PORT, F_DURATION_MS,
	};
	for (size_t i = 0; i < sizeof logs / sizeof *logs; i++)
		if (flow_state(log, logs[i]) != FLOW_UNKNOWN)
			flow_take(wire, logs[i], log);
	flow_set_num(wire, F_OBSERVED_BY, OBSERVED_BOTH);
	wire->line = log->line;
	if (agree)
		flow_set_num(wire, F_IDENTITY_SOURCE, IDENTITY_BOTH);
}

/* What the log line says of its request, on top of the connection's TLS facts. */
static void lend(struct correlate *c, const struct flow *conn, struct flow *log)
{
	struct flow joined = *conn;
	static const enum flow_field requests[] = {
		F_STARTED_AT, F_ENDED_AT, F_PROTOCOL, F_CHAIN, F_BYTES_SENT, F_BYTES_RECEIVED,
		F_METHOD, F_AUTHORITY, F_PATH, F_STATUS, F_USER_AGENT, F_REQUEST_ID,
		F_REQUEST_HEADERS, F_REMOTE_IP, F_ID,
	};

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (flow_state(log, requests[i]) != FLOW_UNKNOWN)
			flow_take(&joined, requests[i], log);
	merge(c, &joined, log);
	*log = joined;
}

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

static void want_leg(struct correlate *c, struct pair *p, const struct flow *log)
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
		if (make_key(p->legs.item[i], &at) && !memcmp(&at, &k, sizeof k))
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
static void upstream_hello(struct correlate *c, struct pair *p, struct flow *f)
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

static int emit(struct correlate *c, struct pair *p, struct flow *f, uint64_t *counter,
		struct err *e)
{
	(*counter)++;
	upstream_hello(c, p, f);
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
			    (is_http(wire) ? same_request(wire, log) : same_time(wire, log));
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
			compare_clocks(c, wire, log);
			merge(c, wire, log);
			r = emit(c, p, wire, &c->count.joined, e);
			free(log);
			continue;
		}
		bool lent = p->lent && !is_http(wire);
		for (size_t k = 0; k < p->log.n && !r && !is_http(wire); k++) {
			struct flow *line = p->log.item[k];
			if (!line || !is_http(line) || !same_time(wire, line))
				continue;
			lend(c, wire, line);
			r = emit(c, p, line, &c->count.joined, e);
			lent = true;
			free(line);
			p->log.item[k] = NULL;
		}
		if (!lent && !r)
			r = emit(c, p, wire, &c->count.wire_only, e);
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

static int close_pair(struct correlate *c, struct pair *p, struct err *e)
{
	unlink_pair(c, p);
	for (size_t i = 0; i < p->wire.n && map_get(&c->wanted, key_slice(&p->key)); i++)
		flow_set_num(p->wire.item[i], F_LEG, LEG_UPSTREAM);
	int r = close_wire(c, p, e);
	for (size_t i = 0; i < p->log.n && !r; i++)
		if (p->log.item[i])
			r = emit(c, p, p->log.item[i], &c->count.log_only, e);
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

/* --- connections that go on and on */

static int64_t end_of(const struct flow *f)
{
	return flow_has(f, F_ENDED_AT) ? flow_num(f, F_ENDED_AT) : flow_num(f, F_STARTED_AT);
}

/* The wire's word about this line as far as it is there: its request, or the connection. */
static struct flow *find_wire(struct pair *p, const struct flow *log, size_t *at)
{
	for (size_t i = 0; i < p->wire.n; i++) {
		struct flow *wire = p->wire.item[i];
		bool http = is_http(wire);
		if (http == is_http(log) ? http ? same_request(wire, log) : same_time(wire, log)
		    : !http && same_time(wire, log)) {
			*at = i;
			return wire;
		}
	}
	return NULL;
}

static struct flow *list_take(struct correlate *c, struct list *l, size_t i)
{
	struct flow *f = l->item[i];

	memmove(l->item + i, l->item + i + 1, (--l->n - i) * sizeof *l->item);
	c->held--;
	return f;
}

static int let_line_go(struct correlate *c, struct pair *p, struct flow *log, struct err *e)
{
	size_t at;
	struct flow *wire = find_wire(p, log, &at);
	int r;

	if (!wire)
		return emit(c, p, log, &c->count.log_only, e);
	if (!is_http(wire) && is_http(log)) {
		p->lent = true;
		lend(c, wire, log);
		return emit(c, p, log, &c->count.joined, e);
	}
	wire = list_take(c, &p->wire, at);
	compare_clocks(c, wire, log);
	merge(c, wire, log);
	r = emit(c, p, wire, &c->count.joined, e);
	free(wire);
	return r;
}

/* What is older than `limit` has waited long enough; the wire's connection flow stays for later lines. */
static int let_go(struct correlate *c, struct pair *p, int64_t limit, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < p->log.n && !r;) {
		if (end_of(p->log.item[i]) >= limit) {
			i++;
			continue;
		}
		struct flow *log = list_take(c, &p->log, i);
		r = let_line_go(c, p, log, e);
		free(log);
	}
	for (size_t i = 0; i < p->wire.n && !r;) {
		if (!is_http(p->wire.item[i]) || end_of(p->wire.item[i]) >= limit) {
			i++;
			continue;
		}
		struct flow *wire = list_take(c, &p->wire, i);
		r = emit(c, p, wire, &c->count.wire_only, e);
		free(wire);
	}
	return r;
}

/*
 * The list is by first arrival: behind one that began within the settle time nothing is due.  Looked through
 * sixteen times in a settle time, so that the cost for a flow does not grow with their number.
 */
static int release_old(struct correlate *c, int64_t mark, struct err *e)
{
	if (mark - c->looked < c->o.settle_ns / 16)
		return 0;
	c->looked = mark;
	for (struct pair *p = c->oldest, *next; p && p->since < mark - c->o.settle_ns; p = next) {
		next = p->newer;
		if (p->last < mark - c->o.settle_ns ? close_pair(c, p, e)
		    : p->since < mark - 2 * c->o.settle_ns && let_go(c, p, mark - 2 * c->o.settle_ns, e))
			return -1;
	}
	return 0;
}

static int release_settled(struct correlate *c, struct err *e)
{
	int64_t both_at = c->wire_time < c->log_time ? c->wire_time : c->log_time;
	int64_t mark = both_at > c->now ? both_at : c->now;

	while (c->oldest && mark && c->oldest->last < mark - c->o.settle_ns)
		if (close_pair(c, c->oldest, e))
			return -1;
	return mark ? release_old(c, mark, e) : 0;
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
	if (!make_key(f, &k)) {
		struct flow copy = *f;
		return emit(c, NULL, &copy, log ? &c->count.log_only : &c->count.wire_only, e);
	}
	/* Connections that go on may have nothing held: they count too. */
	if (c->pairs.n >= c->o.cap && !map_get(&c->pairs, key_slice(&k)) && correlate_give_up(c, e) < 0)
		return -1;
	struct pair *p = pair_of(c, &k);
	if (p->last == INT64_MIN)
		p->since = to;
	bool other = (log ? p->log.n : p->wire.n) && from > p->last && from - p->last > reuse;
	if (other || p->wire.n + p->log.n >= PAIR_MOST) {
		if (close_pair(c, p, e))
			return -1;
		p = pair_of(c, &k);
		p->since = to;
	}
	list_add(log ? &p->log : &p->wire, flow_clone(f));
	if (log)
		want_leg(c, p, f);
	if (to > p->last)
		p->last = to;
	c->held++;
	while (c->held > c->o.cap) {
		c->count.evicted++;
		if (close_pair(c, c->oldest, e))
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
		if (close_pair(c, c->oldest, e))
			return -1;
	return 0;
}

int correlate_give_up(struct correlate *c, struct err *e)
{
	if (!c->oldest)
		return 0;
	c->count.evicted++;
	return close_pair(c, c->oldest, e) ? -1 : 1;
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
