/* correlate_build - what the parts of correlate share; private to correlate*.c. */
#ifndef ANALYZE_CORRELATE_BUILD_H
#define ANALYZE_CORRELATE_BUILD_H

#include "analyze/correlate.h"
#include "common/map.h"

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
	/* The connection's wire flow has gone out in lines of its log. */
	bool lent;
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

static inline struct slice key_slice(const struct key *k)
{
	return (struct slice){ (const uint8_t *)k, sizeof *k };
}

static inline bool is_http(const struct flow *f)
{
	return flow_has(f, F_METHOD) || flow_has(f, F_STATUS);
}

/* correlate.c */
bool correlate_key(const struct flow *f, struct key *k);	/* false: no whole 4-tuple is known */
int correlate_emit(struct correlate *c, struct pair *p, struct flow *f, uint64_t *counter,
		   struct err *e);
/* All of p goes out; p is freed. */
int correlate_close(struct correlate *c, struct pair *p, struct err *e);

/* correlate_merge.c: a wire flow and a log line that are one. */
bool correlate_same_time(const struct flow *wire, const struct flow *log);
bool correlate_same_request(const struct flow *wire, const struct flow *log);
void correlate_compare_clocks(const struct correlate *c, const struct flow *wire,
			      const struct flow *log);
void correlate_merge(struct correlate *c, struct flow *wire, const struct flow *log);
void correlate_lend(struct correlate *c, const struct flow *conn, struct flow *log);

/* correlate_leg.c: upstream legs that log lines name.  p may be NULL for upstream_hello. */
void correlate_want_leg(struct correlate *c, struct pair *p, const struct flow *log);
void correlate_upstream_hello(struct correlate *c, struct pair *p, struct flow *f);

/* correlate_settle.c: what has waited long enough at `mark` goes, of connections that go on too. */
int correlate_release_old(struct correlate *c, int64_t mark, struct err *e);

#endif
