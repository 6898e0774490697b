/*
 * store_row: a flow as the cells of one row of table flow, BLOCK_ROWS of them inserted at once.
 *
 * The producer's bytes are only borrowed, so text that stays in the row is copied into the
 * block's own bytes; cells hold offsets until the block is full (the bytes may move), then
 * pointers.
 */
#include <math.h>
#include <stdlib.h>

#include "common/json.h"
#include "schema/flow_json.h"
#include "schema/store_part.h"

static void keep_bytes(struct store *s, struct cell *c)
{
	size_t n = c->n;

	if (s->bytes_room - s->bytes_used < n) {
		while (s->bytes_room - s->bytes_used < n)
			s->bytes_room = s->bytes_room ? s->bytes_room * 2 : 65536;
		s->bytes = realloc(s->bytes, s->bytes_room);
		if (!s->bytes)
			abort();
	}
	if (n)
		memcpy(s->bytes + s->bytes_used, c->p, n);
	c->num = (int64_t)s->bytes_used;
	s->bytes_used += n;
}

/* A lower-case hex digit's value; above 15 where the byte is none.  Without branches: ids are random. */
static uint8_t nibble(uint8_t c)
{
	uint8_t letter = (uint8_t)-(c > '9'), from = (uint8_t)('0' + (letter & ('a' - '0')));
	uint8_t most = (uint8_t)(9 - (letter & 4)), v = (uint8_t)(c - from);

	return (uint8_t)(v > most ? 0xff : v + (letter & 10));
}

bool store_uuid(struct slice t, uint8_t out[16])
{
	static const uint8_t at[16] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34 };
	uint8_t bad = 0;

	if (t.n != 36 || t.p[8] != '-' || t.p[13] != '-' || t.p[18] != '-' || t.p[23] != '-')
		return false;
	for (int k = 0; k < 16; k++) {
		uint8_t hi = nibble(t.p[at[k]]), lo = nibble(t.p[at[k] + 1]);
		bad |= (uint8_t)((hi | lo) & 0xf0);
		out[k] = (uint8_t)(hi << 4 | lo);
	}
	return !bad;
}

static int any_cell(struct store *s, struct slice t, struct hash128 hash, struct cell *c,
		    struct err *e)
{
	if (text_cell(s, t, hash, c, e))
		return -1;
	if (c->type != STORE_INT)
		keep_bytes(s, c);
	return 0;
}

static int id_cell(struct store *s, struct slice t, struct cell *c, struct err *e)
{
	const uint8_t *packed = s->now->uuid;
	uint8_t own[16];

	if (!s->now->grouped && store_uuid(t, own))
		packed = own;
	else if (!s->now->grouped || !s->now->packed)
		return any_cell(s, t, hash_sip13_128(s->key, t.p, t.n), c, e);
	*c = cell_blob((struct slice){ packed, 16 });
	keep_bytes(s, c);
	return 0;
}

/* Is `t` one valid JSON value?  SQL's JSON functions fail on anything else. */
static bool json_valid(struct slice t)
{
	struct json j;

	json_init(&j, t);
	return json_skip(&j, json_next(&j), NULL) && json_next(&j) == JSON_END;
}

static void more_value(struct buf *b, const struct flow *f, unsigned k)
{
	if (field_info[k].type == FLOW_JSON && !json_valid(f->v[k].text))
		buf_json_string(b, f->v[k].text);
	else
		flow_json_value(b, (enum flow_field)k, &f->v[k]);
}

/* The present fields that have no column, as one JSON object. */
static int more_cell(struct store *s, const struct flow *f, struct cell *c, struct err *e)
{
	struct buf *b = &s->scratch;

	*c = cell_null();
	if (!(f->present[0] & s->mask[PLACE_MORE][0]) && !(f->present[1] & s->mask[PLACE_MORE][1]))
		return 0;
	buf_clear(b);
	for (size_t i = 0; i < F_COUNT; i++) {
		enum flow_field k = flow_order[i];
		if (!flow_has(f, k) || !(s->mask[PLACE_MORE][k / 64] >> (k % 64) & 1))
			continue;
		buf_printf(b, "%s\"%s\":", b->n ? "," : "{", field_info[k].name);
		more_value(b, f, k);
	}
	buf_byte(b, '}');
	if (b->full)
		return err_set(e, ERR_LIMIT, "a flow's headers are larger than %zu bytes", b->max);
	*c = cell_text(buf_slice(b));
	keep_bytes(s, c);
	return 0;
}

static struct cell duration_cell(const struct flow *f)
{
	double d = flow_has(f, F_DURATION_MS) ? f->v[F_DURATION_MS].real : NAN;

	if (isnan(d))
		return cell_null();
	if (fabs(d) < 9e15 && d == floor(d))
		return cell_int((int64_t)d);
	return (struct cell){ .real = d, .type = STORE_REAL };
}

/* The end as flow.ended holds it (0001_store.sql). */
static struct cell ended_cell(const struct flow *f)
{
	int64_t start = flow_num(f, F_STARTED_AT), end = flow_num(f, F_ENDED_AT), span;

	if (!flow_has(f, F_ENDED_AT) || __builtin_sub_overflow(end, start, &span) ||
	    span < -INT64_MAX + 1)
		return cell_null();
	if (span < 0)
		return cell_int(span - 1);
	double d = flow_has(f, F_DURATION_MS) ? f->v[F_DURATION_MS].real * 1e6 : -1;
	return cell_int(d >= 0 && d < 9e15 && llround(d) == span ? -1 : span);
}

static struct cell num_cell(const struct flow *f, enum flow_field k)
{
	return flow_has(f, k) ? cell_int(f->v[k].num) : cell_null();
}

static int text_columns(struct store *s, const struct flow *f, struct cell *c, struct err *e)
{
	static const struct { enum flow_field k; enum flow_column col; } any[] = {
		{ F_PATH, COL_PATH },
		{ F_CONNECTION_ID, COL_CONNECTION_ID },
		{ F_COMMUNITY_ID, COL_COMMUNITY_ID },
	};

	for (size_t i = 0; i < sizeof any / sizeof *any; i++) {
		struct slice t = flow_text(f, any[i].k);
		bool known = any[i].k == F_PATH && s->now->grouped;

		c[any[i].col] = cell_null();
		if (flow_has(f, any[i].k) &&
		    any_cell(s, t, known ? s->now->path : hash_sip13_128(s->key, t.p, t.n),
			     &c[any[i].col], e))
			return -1;
	}
	c[COL_REQUEST_ID] = cell_null();
	if (flow_has(f, F_REQUEST_ID) &&
	    id_cell(s, f->v[F_REQUEST_ID].text, &c[COL_REQUEST_ID], e))
		return -1;
	return more_cell(s, f, &c[COL_MORE], e);
}

static int remote_cell(struct store *s, const struct flow *f, struct cell *c, struct err *e)
{
	if (flow_has(f, F_REMOTE_IP) && flow_has(f, F_SOURCE_IP) &&
	    ip_eq(&f->v[F_REMOTE_IP].ip, &f->v[F_SOURCE_IP].ip)) {
		*c = cell_int(REMOTE_IS_SOURCE);
		return 0;
	}
	if (ip_cell(s, f, F_REMOTE_IP, c, e))
		return -1;
	if (c->type == STORE_INT && c->num == REMOTE_IS_SOURCE)
		c->num = REMOTE_ONE;
	return 0;
}

static int ref_columns(struct store *s, const struct flow *f, const struct flow_refs *r,
		       struct cell *c, struct err *e)
{
	struct group_row row;

	for (unsigned g = 0; g < GROUPS; g++) {
		row.id = r->group[g];
		if (!row.id && group_get(s, g, f, &row, e))
			return -1;
		c[COL_PEER + g] = cell_int(row.id);
	}
	return ip_cell(s, f, F_UPSTREAM_IP, &c[COL_UPSTREAM_IP], e) ||
	       ip_cell(s, f, F_UPSTREAM_LOCAL_IP, &c[COL_UPSTREAM_LOCAL_IP], e) ||
	       remote_cell(s, f, &c[COL_REMOTE_IP], e) ? -1 : 0;
}

/* An access log gives none of these: a block without them goes in by a statement that leaves them out. */
static const enum flow_column wire_columns[] = {
	COL_PACKETS_SENT, COL_PACKETS_RECEIVED, COL_CONNECTION_ID, COL_COMMUNITY_ID, COL_MORE,
};

int row_add(struct store *s, const struct flow *f, const struct flow_refs *r, struct err *e)
{
	static const struct { enum flow_field k; enum flow_column col; } num[] = {
		{ F_STARTED_AT, COL_STARTED_AT }, { F_SOURCE_PORT, COL_SOURCE_PORT },
		{ F_BYTES_SENT, COL_BYTES_SENT }, { F_BYTES_RECEIVED, COL_BYTES_RECEIVED },
		{ F_PACKETS_SENT, COL_PACKETS_SENT },
		{ F_PACKETS_RECEIVED, COL_PACKETS_RECEIVED },
		{ F_UPSTREAM_LOCAL_PORT, COL_UPSTREAM_LOCAL_PORT },
	};

	if (!s->block) {
		s->block = malloc(sizeof *s->block * BLOCK_ROWS * COL_COUNT);
		if (!s->block)
			abort();
	}
	struct cell *c = s->block + s->block_rows * COL_COUNT;
	if (ref_columns(s, f, r, c, e) || text_columns(s, f, c, e))
		return -1;
	for (size_t k = 0; k < sizeof num / sizeof *num; k++)
		c[num[k].col] = num_cell(f, num[k].k);
	c[COL_ENDED] = ended_cell(f);
	c[COL_DURATION_MS] = duration_cell(f);
	c[COL_NOTABLE] = r->notable ? cell_int(r->notable) : cell_null();
	for (size_t k = 0; k < sizeof wire_columns / sizeof *wire_columns; k++)
		s->block_wide |= c[wire_columns[k]].type != STORE_NULL;
	s->block_rows++;
	s->last_flow++;
	if (flow_has(f, F_STARTED_AT)) {
		int64_t at = f->v[F_STARTED_AT].num;
		s->min_started = at < s->min_started ? at : s->min_started;
		s->max_started = at > s->max_started ? at : s->max_started;
	}
	return s->block_rows == BLOCK_ROWS || s->bytes_used > (4u << 20) ? row_flush(s, e) : 0;
}

static void flow_column(const struct feed *feed, size_t row, int column, sqlite3_context *out)
{
	const struct store *s = feed->of;
	const struct cell *c = &s->block[row * COL_COUNT + (size_t)column];

	switch ((enum store_type)c->type) {
	case STORE_NULL:
		return;
	case STORE_INT:
		sqlite3_result_int64(out, c->num);
		return;
	case STORE_REAL:
		sqlite3_result_double(out, c->real);
		return;
	case STORE_TEXT:
		sqlite3_result_text64(out, (const char *)c->p, c->n, SQLITE_STATIC, SQLITE_UTF8);
		return;
	case STORE_BLOB:
		sqlite3_result_blob64(out, c->p, c->n, SQLITE_STATIC);
		return;
	}
}

/* Offsets become pointers: no more bytes come in. */
static void settle(struct store *s)
{
	for (size_t k = 0; k < s->block_rows * COL_COUNT; k++) {
		struct cell *c = &s->block[k];
		if (c->type == STORE_TEXT || c->type == STORE_BLOB)
			c->p = c->n ? s->bytes + c->num : (const uint8_t *)"";
	}
}

/*
 * New ids follow the highest row.  Where retention emptied the table, a row with the last id given
 * stands in for a moment, so that no id is ever given twice.
 */
static int insert(struct store *s, int64_t before, struct err *e)
{
	static const struct feed shape = { .column = flow_column };
	struct feed f = shape;
	sqlite3_stmt *at = s->st[ST_FLOW_AT], *drop = s->st[ST_FLOW_DROP];
	bool stand_in = s->batch_first == 0 && before > 0;

	if (stand_in) {
		sqlite3_bind_int64(at, 1, before);
		int rc = sqlite3_step(at);
		sqlite3_reset(at);
		if (rc == SQLITE_CONSTRAINT)
			stand_in = false;	/* it is there: nothing to do */
		else if (rc != SQLITE_DONE)
			return db_error(s->db, e);
	}
	f.rows = s->block_rows;
	f.of = s;
	if (feed_run(s, s->block_wide ? ST_FLOW_ADD : ST_FLOW_ADD_LOG, &f, e))
		return -1;
	if (stand_in) {
		sqlite3_bind_int64(drop, 1, before);
		if (db_done(s, ST_FLOW_DROP, e))
			return -1;
	}
	return 0;
}

int row_flush(struct store *s, struct err *e)
{
	int64_t before = s->last_flow - (int64_t)s->block_rows;

	if (!s->block_rows)
		return 0;
	settle(s);
	if (insert(s, before, e))
		return -1;
	for (size_t r = 0; r < s->block_rows; r++)
		sum_row(&s->sum[SUM_FLOW], before + 1 + (int64_t)r, s->block + r * COL_COUNT,
			COL_COUNT);
	if (!s->batch_first)
		s->batch_first = before + 1;
	s->block_rows = 0;
	s->block_wide = false;
	s->bytes_used = 0;
	return 0;
}
