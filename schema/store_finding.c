/*
 * store_finding: one row a finding, however many flows show it.
 *
 * Two flows show the same finding when code, gateway, identity, host and policy are the
 * same; `key` is made of these, so a link to a finding stays good in another database too.  The
 * number of rows is capped: above it, a code's findings are counted in one row whose
 * identity, host and policy are (other).
 *
 * Of the flows that show it, the first few are kept as samples in table finding_flow, and of the later ones
 * the first of a batch, ten seconds after the last sample or where the flows have doubled
 * since: the newest replaces the oldest of these.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/store_part.h"

enum { FIRST_SAMPLES = 4, NEW_SAMPLES = 4, TABLE_MIN = 1024 };
#define SAMPLE_AGE_NS (10 * NS_PER_S)

struct store_finding {
	int64_t part[5];		/* code, gateway, identity, host, policy */
	int64_t id;			/* 0: empty */
	int64_t stored;			/* flows counted in the row */
	int64_t flows, first, last;	/* since the last commit */
	int64_t severity;
	int64_t sampled_at, sampled;	/* the last sample: monotonic; flows by then; 0: not in this run */
};

static size_t place(const struct store *s, const int64_t part[5])
{
	uint64_t h = s->key[1];

	for (int k = 0; k < 5; k++)
		h = (h ^ (uint64_t)part[k]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
	return (size_t)(h >> 20) & (s->finding_size - 1);
}

static struct store_finding *slot_of(const struct store *s, const int64_t part[5])
{
	size_t i = place(s, part);

	while (s->finding[i].id && memcmp(s->finding[i].part, part, sizeof s->finding[i].part) != 0)
		i = (i + 1) & (s->finding_size - 1);
	return &s->finding[i];
}

static void grow(struct store *s)
{
	struct store_finding *was = s->finding;
	size_t n = s->finding_size;

	s->finding_size = n ? n * 2 : TABLE_MIN;
	s->finding = calloc(s->finding_size, sizeof *s->finding);
	if (!s->finding)
		abort();
	for (size_t k = 0; k < n; k++)
		if (was[k].id)
			*slot_of(s, was[k].part) = was[k];
	free(was);
}

static void key_part(struct buf *b, const struct flow *f, enum flow_field k)
{
	buf_byte(b, (uint8_t)('0' + flow_state(f, k)));
	buf_add(b, flow_text(f, k));
	buf_byte(b, 0);
}

/* 16 hex digits of SHA-256 over what makes the finding itself. */
static void key_of(struct buf *key, enum finding_code code, const struct flow *f,
		   struct slice host, bool other)
{
	uint8_t digest[32];
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_str(&b, finding_info[code].code);
	buf_byte(&b, 0);
	key_part(&b, f, F_GATEWAY);
	if (other) {
		buf_str(&b, "other");
	} else {
		key_part(&b, f, F_SOURCE_IDENTITY);
		key_part(&b, f, F_POLICY);
		buf_add(&b, host);
	}
	if (!EVP_Digest(b.p, b.n, digest, NULL, EVP_sha256(), NULL))
		abort();
	buf_clear(key);
	buf_hex(key, (struct slice){ digest, 8 });
	buf_release(&b);
}

static int find(struct store *s, struct slice key, struct store_finding *row, struct err *e)
{
	sqlite3_stmt *q = s->st[ST_FINDING_FIND];
	struct cell c = cell_text(key);
	int rc;

	db_bind(q, 1, &c);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		row->id = sqlite3_column_int64(q, 0);
		row->stored = sqlite3_column_int64(q, 1);
	}
	sqlite3_reset(q);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_error(s->db, e);
}

/* Text that a person reads: what is not plain is made visible. */
static struct cell shown(struct buf *b, struct slice t, bool optional)
{
	if (!t.n && optional)
		return cell_null();
	if (text_clean(t))
		return cell_text(t);
	buf_clear(b);
	buf_quote(b, t);
	return cell_text(buf_slice(b));
}

static int add_row(struct store *s, struct slice key, const struct finding *fi, int64_t at,
		   struct store_finding *row, struct err *e)
{
	sqlite3_stmt *q = s->st[ST_FINDING_ADD];
	struct buf b[3];
	struct cell c[12] = { cell_text(key), cell_text(slice_of(finding_info[fi->code].code)),
			      cell_int(fi->severity) };

	for (int k = 0; k < 3; k++)
		buf_init(&b[k], 1 << 20);
	for (int k = 1; k < 5; k++)
		c[2 + k] = cell_int(row->part[k]);
	c[7] = shown(&b[0], fi->sentence, false);
	c[8] = shown(&b[1], fi->evidence, true);
	c[9] = shown(&b[2], fi->ruled_out, true);
	c[10] = c[11] = cell_int(at);
	for (int k = 0; k < 12; k++)
		db_bind(q, k + 1, &c[k]);
	int rc = db_done(s, ST_FINDING_ADD, e);
	row->id = sqlite3_last_insert_rowid(s->db);
	s->findings_stored++;
	for (int k = 0; k < 3; k++)
		buf_release(&b[k]);
	return rc;
}

/* The entry of this finding, found in the table or made. */
static int entry(struct store *s, const struct flow *f, const struct finding *fi,
		 const struct flow_refs *r, int64_t at, struct store_finding **out, struct err *e)
{
	struct store_finding row = { .part = { fi->code, r->gateway, r->identity, r->host,
					       r->policy }, .first = at, .last = at };
	struct buf key;
	int rc = 0;

	if (s->n_finding >= s->finding_size / 2)
		grow(s);
	*out = slot_of(s, row.part);
	if ((*out)->id)
		return 0;
	buf_init(&key, 64);
	key_of(&key, fi->code, f, s->now->host, false);
	rc = find(s, buf_slice(&key), &row, e);
	if (!rc && !row.id && s->findings_stored >= FINDINGS_MAX) {
		row.part[2] = row.part[3] = row.part[4] = REF_OTHER;
		*out = slot_of(s, row.part);
		key_of(&key, fi->code, f, s->now->host, true);
		if ((*out)->id)
			goto out;
		rc = find(s, buf_slice(&key), &row, e);
	}
	if (!rc && !row.id)
		rc = add_row(s, buf_slice(&key), fi, at, &row, e);
	if (!rc) {
		**out = row;
		s->n_finding++;
	}
out:
	buf_release(&key);
	return rc;
}

static bool sample_due(const struct store *s, const struct store_finding *row, int64_t n)
{
	return !row->sampled_at || n >= 2 * row->sampled ||
	       s->batch_began - row->sampled_at >= SAMPLE_AGE_NS;
}

static int sample(struct store *s, struct store_finding *row, const struct finding *fi,
		  struct err *e)
{
	int64_t n = row->stored + row->flows;
	sqlite3_stmt *q = s->st[ST_FINDING_FLOW];
	struct buf b[3];
	struct cell c[6];

	if (n >= FIRST_SAMPLES && (row->flows || !sample_due(s, row, n)))
		return 0;
	row->sampled_at = s->batch_began;
	row->sampled = n;
	for (int k = 0; k < 3; k++)
		buf_init(&b[k], 1 << 20);
	c[0] = cell_int(row->id);
	c[1] = cell_int(n < FIRST_SAMPLES ? n : FIRST_SAMPLES + n % NEW_SAMPLES);
	c[2] = cell_int(s->last_flow);
	c[3] = shown(&b[0], fi->sentence, false);
	c[4] = shown(&b[1], fi->evidence, true);
	c[5] = shown(&b[2], fi->ruled_out, true);
	for (int k = 0; k < 6; k++)
		db_bind(q, k + 1, &c[k]);
	int rc = db_done(s, ST_FINDING_FLOW, e);
	for (int k = 0; k < 3; k++)
		buf_release(&b[k]);
	return rc;
}

int finding_add(struct store *s, const struct flow *f, const struct flow_refs *r, bool kept,
		struct err *e)
{
	int64_t at = flow_num(f, F_STARTED_AT);

	for (uint32_t k = 0; k < f->n_findings; k++) {
		const struct finding *fi = &f->findings[k];
		struct store_finding *row;

		if (entry(s, f, fi, r, at, &row, e) || (kept && sample(s, row, fi, e)))
			return -1;
		if (!row->flows++)
			row->first = row->last = at;
		row->first = at < row->first ? at : row->first;
		row->last = at > row->last ? at : row->last;
		row->severity = (int64_t)fi->severity > row->severity ? (int64_t)fi->severity
								      : row->severity;
	}
	return 0;
}

int finding_flush(struct store *s, struct err *e)
{
	sqlite3_stmt *q = s->st[ST_FINDING_SEEN];

	for (size_t k = 0; k < s->finding_size; k++) {
		struct store_finding *row = &s->finding[k];

		if (!row->id || !row->flows)
			continue;
		sqlite3_bind_int64(q, 1, row->id);
		sqlite3_bind_int64(q, 2, row->flows);
		sqlite3_bind_int64(q, 3, row->severity);
		sqlite3_bind_int64(q, 4, row->first);
		sqlite3_bind_int64(q, 5, row->last);
		if (db_done(s, ST_FINDING_SEEN, e))
			return -1;
		row->stored += row->flows;
		row->flows = 0;
	}
	if (s->n_finding > FINDINGS_MAX)
		finding_release(s);	/* looked up again where needed */
	return 0;
}

int finding_load(struct store *s, struct err *e)
{
	sqlite3_stmt *q = s->st[ST_FINDING_COUNT];
	int rc = sqlite3_step(q);

	s->findings_stored = rc == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : db_error(s->db, e);
}

void finding_release(struct store *s)
{
	free(s->finding);
	s->finding = NULL;
	s->n_finding = s->finding_size = 0;
}
