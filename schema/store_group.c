/*
 * store_group: peer, target and result: what many flows share is one row.
 *
 * The digest of a flow's part of a group (store_ahead.c; SipHash under the database's own key) finds
 * the row in the cache, or, where that forgot it, in the table; there the values
 * themselves are compared, so a collision never joins two different rows.
 */
#include <stdlib.h>

#include "common/hash.h"
#include "schema/store_part.h"

enum { CACHE_GROUPS = 1 << 16, CACHE_TEXTS = 1 << 17, LONG_TEXT = 1024 };

void group_init(struct store *s)
{
	recent_init(&s->text, CACHE_TEXTS);
	recent_init(&s->ip, CACHE_GROUPS);
	for (int g = 0; g < GROUPS; g++)
		recent_init(&s->group[g], CACHE_GROUPS);
	buf_init(&s->scratch, 64 << 20);
	s->seen = calloc(SEEN_SLOTS, sizeof *s->seen);
	if (!s->seen)
		abort();
	for (size_t k = 0; k < n_columns; k++) {
		unsigned f = columns[k].field;
		s->mask[columns[k].place][f / 64] |= UINT64_C(1) << (f % 64);
	}
	for (unsigned f = 0; f < F_COUNT; f++) {
		uint64_t placed = 0;
		for (int p = 0; p <= PLACE_FLOW; p++)
			placed |= s->mask[p][f / 64] >> (f % 64) & 1;
		if (!placed)
			s->mask[PLACE_MORE][f / 64] |= UINT64_C(1) << (f % 64);
	}
	s->mask[PLACE_MORE][F_ID / 64] &= ~(UINT64_C(1) << (F_ID % 64));
}

/* Names of the fields of `mask` that are known to be absent, as one text. */
static int absent_cell(struct store *s, const struct flow *f, const uint64_t mask[2],
		       struct cell *c, struct err *e)
{
	struct buf b;
	int64_t id;

	*c = cell_null();
	buf_init(&b, 8192);
	for (size_t i = 0; i < F_COUNT; i++) {
		enum flow_field k = flow_order[i];
		if (!(mask[k / 64] >> (k % 64) & 1) || flow_state(f, k) != FLOW_ABSENT)
			continue;
		if (b.n)
			buf_byte(&b, ' ');
		buf_str(&b, field_info[k].name);
	}
	int rc = b.n ? text_id(s, buf_slice(&b), &id, e) : 0;
	if (!rc && b.n)
		*c = cell_int(id);
	buf_release(&b);
	return rc;
}

static int findings_cell(struct store *s, const struct flow *f, struct cell *c, struct err *e)
{
	struct buf b;
	int64_t id;
	int rc = 0;

	*c = cell_null();
	if (!f->n_findings)
		return 0;
	buf_init(&b, 65536);
	for (uint32_t k = 0; k < f->n_findings; k++)
		buf_printf(&b, "%s\"%s\"", k ? "," : "[", finding_info[f->findings[k].code].code);
	buf_byte(&b, ']');
	rc = text_id(s, buf_slice(&b), &id, e);
	if (!rc)
		*c = cell_int(id);
	buf_release(&b);
	return rc;
}

static int long_or_ref(struct store *s, struct slice t, struct cell *c, struct err *e)
{
	int64_t id;

	if (t.n > LONG_TEXT && text_clean(t)) {
		*c = cell_text(t);
		return 0;
	}
	if (text_id(s, t, &id, e))
		return -1;
	*c = cell_int(id);
	return 0;
}

static int value_cell(struct store *s, const struct flow *f, unsigned k, struct cell *c,
		      struct err *e)
{
	const union flow_value *v = &f->v[k];
	int64_t id;

	*c = cell_null();
	if (!flow_has(f, (enum flow_field)k))
		return 0;
	switch (field_info[k].type) {
	case FLOW_TEXT:
	case FLOW_JSON:
		return long_or_ref(s, v->text, c, e);
	case FLOW_IP:
		if (ip_id(s, &v->ip, &id, e))
			return -1;
		*c = cell_int(id);
		return 0;
	case FLOW_REAL:
		*c = (struct cell){ .real = v->real, .type = STORE_REAL };
		return 0;
	case FLOW_INT:
	case FLOW_BOOL:
	case FLOW_TIME:
	case FLOW_ENUM:
		break;
	}
	*c = cell_int(v->num);
	return 0;
}

static int group_cells(struct store *s, unsigned g, const struct flow *f, uint64_t digest,
		       struct cell *c, size_t *ret_n, struct err *e)
{
	uint64_t rest[2] = { s->mask[PLACE_FLOW][0] | s->mask[PLACE_MORE][0],
			     s->mask[PLACE_FLOW][1] | s->mask[PLACE_MORE][1] };
	size_t n = 0;

	c[n++] = cell_int((int64_t)digest);
	if (absent_cell(s, f, s->mask[g], &c[n++], e))
		return -1;
	if (g == GROUP_TARGET) {
		c[n] = cell_null();
		if (s->now->host.n && long_or_ref(s, s->now->host, &c[n], e))
			return -1;
		n++;
	} else if (g == GROUP_RESULT) {
		if (absent_cell(s, f, rest, &c[n++], e) || findings_cell(s, f, &c[n++], e))
			return -1;
	}
	for (size_t k = 0; k < n_columns; k++)
		if (columns[k].place == g && value_cell(s, f, columns[k].field, &c[n++], e))
			return -1;
	*ret_n = n;
	return 0;
}

static int group_row(struct store *s, unsigned g, const struct flow *f, uint64_t digest,
		     int64_t *id, struct err *e)
{
	enum statement add = (enum statement)(ST_PEER_ADD + g);
	sqlite3_stmt *find = s->st[ST_PEER_FIND + g];
	struct cell c[GROUP_CELLS];
	size_t n;
	int rc;

	if (group_cells(s, g, f, digest, c, &n, e))
		return -1;
	rc = SQLITE_DONE;
	if (!s->group[g].complete) {
		for (size_t k = 0; k < n; k++)
			db_bind(find, (int)k + 1, &c[k]);
		rc = sqlite3_step(find);
		*id = rc == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
		sqlite3_reset(find);
	}
	if (rc == SQLITE_ROW)
		return 0;
	if (rc != SQLITE_DONE)
		return db_error(s->db, e);
	for (size_t k = 0; k < n; k++)
		db_bind(s->st[add], (int)k + 1, &c[k]);
	if (db_done(s, add, e))
		return -1;
	*id = sqlite3_last_insert_rowid(s->db);
	sum_row(&s->sum[SUM_PEER + g], *id, c, n);
	return 0;
}

int text_ref(struct store *s, const struct flow *f, enum flow_field k, int64_t *ref, struct err *e)
{
	enum flow_state state = flow_state(f, k);

	*ref = state == FLOW_ABSENT ? REF_ABSENT : REF_UNKNOWN;
	return state == FLOW_PRESENT ? text_id(s, f->v[k].text, ref, e) : 0;
}

static int main_ref(struct store *s, unsigned g, const struct flow *f, int64_t *ref, struct err *e)
{
	if (g != GROUP_TARGET)
		return text_ref(s, f, g == GROUP_PEER ? F_SOURCE_IDENTITY : F_POLICY, ref, e);
	*ref = REF_UNKNOWN;
	return s->now->host.n ? text_id(s, s->now->host, ref, e) : 0;
}

int group_get(struct store *s, unsigned g, const struct flow *f, struct group_row *r, struct err *e)
{
	struct hash128 digest;

	if (s->now->grouped)
		digest = s->now->group[g];
	else if (!ahead_group(&s->ahead, g, f, s->now->host, &digest))
		return err_set(e, ERR_LIMIT, "a flow's texts are larger than %zu bytes",
			       s->ahead.scratch.max);
	int64_t both = recent_get(&s->group[g], digest);

	if (!both) {
		if (group_row(s, g, f, digest.a, &r->id, e) || main_ref(s, g, f, &r->ref, e))
			return -1;
		recent_put(&s->group[g], digest, r->id << 32 | (r->ref - REF_OTHER));
		return 0;
	}
	r->id = both >> 32;
	r->ref = (both & 0xffffffff) + REF_OTHER;
	return 0;
}
