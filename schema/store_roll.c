/*
 * store_roll: the rollups, and what makes a flow notable.
 *
 * Each question that a page or a report asks has one narrow table, kept by tallies that are added
 * to it at commit (tally.h).  They count every flow, kept or not.  The number of edges
 * (identity x host) is capped: what comes after is counted in the edge (other, other).
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "schema/store_part.h"

enum { EDGE_SLOTS = 1 << 18 };
#define NS_PER_MINUTE (60 * NS_PER_S)
#define NS_PER_HOUR (3600 * NS_PER_S)

/* Counters of an edge, in the order of its columns. */
enum {
	EDGE_FLOWS, EDGE_ALLOWED, EDGE_DENIED, EDGE_UNKNOWN, EDGE_SERVED, EDGE_REFUSED,
	EDGE_FAILED, EDGE_GAPS, EDGE_FOUND, EDGE_SENT, EDGE_RECEIVED, EDGE_FIRST, EDGE_LAST,
	EDGE_COUNTS
};
_Static_assert((int)EDGE_COUNTS <= (int)TALLY_COUNTS, "an edge's counters fit a tally");

void roll_init(struct store *s)
{
	tally_init(&s->minute, 7);
	tally_init(&s->edge, 3);
	tally_init(&s->rule, 5);
	tally_init(&s->found, 2);
	buf_init(&s->gateway, 4096);
	s->edges = calloc(EDGE_SLOTS, sizeof *s->edges);
	if (!s->edges)
		abort();
}

void roll_release(struct store *s)
{
	tally_release(&s->minute);
	tally_release(&s->edge);
	tally_release(&s->rule);
	tally_release(&s->found);
	buf_release(&s->gateway);
	free(s->edges);
	s->edges = NULL;
}

/* Two refs as one word; REF_UNKNOWN and REF_ABSENT have room below.  Never 0. */
static uint64_t edge_word(int64_t identity, int64_t host)
{
	return (uint64_t)(identity + 4) << 32 | (uint64_t)((host + 4) & 0xffffffff);
}

static uint64_t *edge_slot(const struct store *s, uint64_t word)
{
	uint64_t h = (word ^ s->key[0]) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 40) & (EDGE_SLOTS - 1);

	while (s->edges[i] && s->edges[i] != word)
		i = (i + 1) & (EDGE_SLOTS - 1);
	return &s->edges[i];
}

/* An edge never seen before is remembered; above the cap the flow goes to (other). */
static bool edge_first(struct store *s, struct flow_refs *r)
{
	uint64_t word = edge_word(r->identity, r->host), *slot = edge_slot(s, word);

	if (*slot)
		return false;
	if (s->n_edges >= EDGES_MAX) {
		r->identity = r->host = REF_OTHER;
		return false;
	}
	*slot = word;
	s->n_edges++;
	return true;
}

int roll_load(struct store *s, struct err *e)
{
	sqlite3_stmt *q = s->st[ST_EDGE_ALL];
	int rc;

	while ((rc = sqlite3_step(q)) == SQLITE_ROW && s->n_edges < EDGES_MAX) {
		uint64_t word = edge_word(sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1));
		uint64_t *slot = edge_slot(s, word);
		s->n_edges += !*slot;
		*slot = word;
	}
	sqlite3_reset(q);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_error(s->db, e);
}

/* The gateway is nearly always that of the flow before. */
static int gateway_ref(struct store *s, const struct flow *f, int64_t *ref, struct err *e)
{
	if (!flow_has(f, F_GATEWAY) || s->gateway.full ||
	    !slice_eq(f->v[F_GATEWAY].text, buf_slice(&s->gateway)) || s->gateway_ref <= 0) {
		if (text_ref(s, f, F_GATEWAY, &s->gateway_ref, e))
			return -1;
		buf_clear(&s->gateway);
		buf_add(&s->gateway, flow_text(f, F_GATEWAY));
	}
	*ref = s->gateway_ref;
	return 0;
}

/* A text whose hash was worked out ahead: unknown, absent, or its id. */
static int ahead_ref(struct store *s, const struct flow *f, enum flow_field k, unsigned which,
		     int64_t *ref, struct err *e)
{
	enum flow_state state = flow_state(f, k);

	*ref = state == FLOW_ABSENT ? REF_ABSENT : REF_UNKNOWN;
	return state == FLOW_PRESENT ? text_id_of(s, f->v[k].text, s->now->text[which], ref, e) : 0;
}

/* Where every row is kept the side rows are looked for anyway, and hold the refs. */
static int refs(struct store *s, const struct flow *f, struct flow_refs *r, struct err *e)
{
	struct slice host = s->now->host;
	struct group_row row[GROUPS];

	if (gateway_ref(s, f, &r->gateway, e))
		return -1;
	if (s->keep != STORE_ALL) {
		memset(r->group, 0, sizeof r->group);
		r->host = REF_UNKNOWN;
		return ahead_ref(s, f, F_SOURCE_IDENTITY, AHEAD_IDENTITY, &r->identity, e) ||
		       ahead_ref(s, f, F_POLICY, AHEAD_POLICY, &r->policy, e) ||
		       (host.n && text_id_of(s, host, s->now->text[AHEAD_HOST], &r->host, e)) ? -1 : 0;
	}
	for (unsigned g = 0; g < GROUPS; g++) {
		if (group_get(s, g, f, &row[g], e))
			return -1;
		r->group[g] = row[g].id;
	}
	r->identity = row[GROUP_PEER].ref;
	r->host = row[GROUP_TARGET].ref;
	r->policy = row[GROUP_RESULT].ref;
	return 0;
}

static int code_ref(struct store *s, enum finding_code code, int64_t *ref, struct err *e)
{
	if (!s->code_ref[code] &&
	    text_id(s, slice_of(finding_info[code].code), &s->code_ref[code], e))
		return -1;
	*ref = s->code_ref[code];
	return 0;
}

/* A number that sums of millions of flows cannot overflow; no real flow has more. */
static int64_t bytes_of(const struct flow *f, enum flow_field k)
{
	int64_t n = flow_num(f, k), most = INT64_C(1) << 44;

	return n < 0 ? 0 : n > most ? most : n;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

unsigned flow_notable(const struct flow *f)
{
	int64_t verdict = flow_num(f, F_VERDICT);

	return (flow_num(f, F_OUTCOME) == OUTCOME_REFUSED ? NOTABLE_REFUSED : 0u) |
	       (verdict == VERDICT_DENY ? NOTABLE_DENIED : 0u) |
	       (verdict == VERDICT_UNKNOWN ? NOTABLE_UNKNOWN : 0u) |
	       (f->n_findings ? NOTABLE_FINDING : 0u);
}

static void add_minute(struct store *s, const struct flow *f, const struct flow_refs *r)
{
	int64_t key[7] = {
		floor_div(flow_num(f, F_STARTED_AT), NS_PER_MINUTE), r->gateway,
		flow_num(f, F_OBSERVED_BY), flow_num(f, F_LEG), flow_num(f, F_VERDICT),
		flow_num(f, F_OUTCOME), flow_num(f, F_IDENTITY_SOURCE),
	};
	int64_t *n = tally_at(&s->minute, key);

	n[0]++;
	n[1] += bytes_of(f, F_BYTES_SENT);
	n[2] += bytes_of(f, F_BYTES_RECEIVED);
}

/* The edge's counters of this hour.  One that this batch has already is not new: most are. */
static int64_t *edge_of(struct store *s, const struct flow_refs *r, int64_t hour, bool *first)
{
	struct flow_refs to = *r;
	int64_t *n = tally_find(&s->edge, (int64_t[]){ hour, r->identity, r->host });

	*first = !n && edge_first(s, &to);
	return n ? n : tally_at(&s->edge, (int64_t[]){ hour, to.identity, to.host });
}

static void add_edge(const struct flow *f, int64_t *n)
{
	int64_t verdict = flow_num(f, F_VERDICT), outcome = flow_num(f, F_OUTCOME);
	int64_t at = flow_num(f, F_STARTED_AT);

	if (!n[EDGE_FLOWS]++)
		n[EDGE_FIRST] = n[EDGE_LAST] = at;
	n[EDGE_ALLOWED] += verdict == VERDICT_ALLOW;
	n[EDGE_DENIED] += verdict == VERDICT_DENY;
	n[EDGE_UNKNOWN] += verdict == VERDICT_UNKNOWN;
	n[EDGE_SERVED] += outcome == OUTCOME_SERVED;
	n[EDGE_REFUSED] += outcome == OUTCOME_REFUSED;
	n[EDGE_FAILED] += outcome == OUTCOME_FAILED;
	n[EDGE_GAPS] += verdict == VERDICT_DENY && outcome == OUTCOME_SERVED;
	n[EDGE_FOUND] += f->n_findings > 0;
	n[EDGE_SENT] += bytes_of(f, F_BYTES_SENT);
	n[EDGE_RECEIVED] += bytes_of(f, F_BYTES_RECEIVED);
	n[EDGE_FIRST] = at < n[EDGE_FIRST] ? at : n[EDGE_FIRST];
	n[EDGE_LAST] = at > n[EDGE_LAST] ? at : n[EDGE_LAST];
}

int roll_add(struct store *s, const struct flow *f, struct flow_refs *r, struct err *e)
{
	int64_t hour = floor_div(flow_num(f, F_STARTED_AT), NS_PER_HOUR), code;

	bool first;

	if (refs(s, f, r, e))
		return -1;
	add_minute(s, f, r);
	add_edge(f, edge_of(s, r, hour, &first));
	r->notable = flow_notable(f) | (first ? NOTABLE_FIRST : 0u);
	if (flow_has(f, F_VERDICT)) {
		int64_t key[5] = { hour, r->policy, flow_has(f, F_RULE) ? f->v[F_RULE].num : -1,
				   flow_num(f, F_ACTION), f->v[F_VERDICT].num };
		tally_at(&s->rule, key)[0]++;
	}
	for (uint32_t k = 0; k < f->n_findings; k++) {
		if (code_ref(s, f->findings[k].code, &code, e))
			return -1;
		tally_at(&s->found, (int64_t[]){ hour, code })[0]++;
	}
	return 0;
}

static void tally_column(const struct feed *feed, size_t row, int column, sqlite3_context *out)
{
	const struct tally *t = feed->of;
	const struct tally_row *r = &t->row[row];
	unsigned c = (unsigned)column;

	sqlite3_result_int64(out, c < t->keys ? r->key[c] : r->count[c - t->keys]);
}

static int flush(struct store *s, struct tally *t, enum statement st, struct err *e)
{
	struct feed f = { .rows = t->n, .column = tally_column, .of = t };

	return feed_run(s, st, &f, e);
}

int roll_flush(struct store *s, struct err *e)
{
	if (flush(s, &s->minute, ST_MINUTE, e) || flush(s, &s->edge, ST_EDGE_HOUR, e) ||
	    flush(s, &s->edge, ST_EDGE, e) || flush(s, &s->rule, ST_RULE, e) ||
	    flush(s, &s->found, ST_FOUND, e))
		return -1;
	tally_clear(&s->minute);
	tally_clear(&s->edge);
	tally_clear(&s->rule);
	tally_clear(&s->found);
	return 0;
}
