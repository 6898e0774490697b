/*
 * store_read: stored rows back to flows, exactly as they came in: every field unknown, absent or
 * present, every byte.  For replay, explain, suggest and tests; pages read the views.
 *
 * Side rows are decoded once and kept: many flows share one.  What a batch of flows borrows lives
 * until its push returns; only then may the cache be dropped.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/map.h"
#include "schema/flow_json.h"
#include "schema/store_part.h"
#include "schema/where_part.h"

enum { BATCH = 256, SIDE_MAX = 20000, ARENA_MAX = 256 << 20, FINDINGS_OF_ONE = 64 };

enum { Q_TEXT, Q_PEER, Q_TARGET, Q_RESULT, Q_COUNT };

struct side {
	int64_t id;			/* the map's key */
	struct flow part;		/* the fields of this group */
	struct slice absent_row, findings;
};

struct reading {
	sqlite3 *db;
	sqlite3_stmt *q[Q_COUNT], *rows;
	struct map side[GROUPS];
	struct arena *keep, *batch;
	struct flow flows[BATCH];
	size_t n;
	struct sink *out;
};

static int read_error(struct reading *r, struct err *e)
{
	return db_error(r->db, e);
}

static struct slice column_bytes(struct arena *a, sqlite3_stmt *q, int k)
{
	struct slice s = { sqlite3_column_blob(q, k), (size_t)sqlite3_column_bytes(q, k) };

	return s.n ? arena_copy(a, s) : SLICE("");
}

static int text_of(struct reading *r, struct arena *a, int64_t id, struct slice *out, struct err *e)
{
	sqlite3_stmt *q = r->q[Q_TEXT];
	int rc;

	sqlite3_bind_int64(q, 1, id);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*out = column_bytes(a, q, sqlite3_column_type(q, 1) == SQLITE_NULL ? 0 : 1);
	sqlite3_reset(q);
	if (rc == SQLITE_DONE)
		return err_set(e, ERR_INTEGRITY, "text %lld is not there", (long long)id);
	return rc == SQLITE_ROW ? 0 : read_error(r, e);
}

static int any_of(struct reading *r, struct arena *a, sqlite3_stmt *q, int k, struct slice *out,
		  struct err *e)
{
	if (sqlite3_column_type(q, k) == SQLITE_INTEGER)
		return text_of(r, a, sqlite3_column_int64(q, k), out, e);
	*out = column_bytes(a, q, k);
	return 0;
}

static int ip_of(struct reading *r, sqlite3_stmt *q, int k, bool numbers, struct ip *out,
		 struct err *e)
{
	int64_t v = sqlite3_column_int64(q, k);
	struct slice text;

	if (numbers && v < INT64_C(1) << 32) {
		uint32_t n = (uint32_t)v;
		*out = ip_v4((uint8_t[]){ (uint8_t)(n >> 24), (uint8_t)(n >> 16),
					  (uint8_t)(n >> 8), (uint8_t)n });
		return 0;
	}
	if (text_of(r, r->batch, numbers ? v - (INT64_C(1) << 32) : v, &text, e))
		return -1;
	return ip_parse(text, out) ? 0 : err_set(e, ERR_INTEGRITY, "an address is not one");
}

/* Column k of q is field f. */
static int field_of(struct reading *r, struct arena *a, sqlite3_stmt *q, int k, struct flow *out,
		    enum flow_field f, bool row, struct err *e)
{
	struct slice text;
	struct ip ip;

	if (sqlite3_column_type(q, k) == SQLITE_NULL)
		return 0;
	switch (field_info[f].type) {
	case FLOW_TEXT:
	case FLOW_JSON:
		if (any_of(r, a, q, k, &text, e))
			return -1;
		flow_set_text(out, f, text);
		return 0;
	case FLOW_IP:
		if (ip_of(r, q, k, row, &ip, e))
			return -1;
		flow_set_ip(out, f, ip);
		return 0;
	case FLOW_REAL:
		flow_set_real(out, f, sqlite3_column_double(q, k));
		return 0;
	case FLOW_INT:
	case FLOW_BOOL:
	case FLOW_TIME:
	case FLOW_ENUM:
		break;
	}
	flow_set_num(out, f, sqlite3_column_int64(q, k));
	return 0;
}

/* "sni authority": these are known to be absent. */
static void mark_absent(struct flow *f, struct slice names)
{
	for (size_t at = 0; at < names.n;) {
		size_t n = 0;
		while (at + n < names.n && names.p[at + n] != ' ')
			n++;
		int k = flow_field_by_name((struct slice){ names.p + at, n });
		if (k >= 0)
			flow_set_absent(f, (enum flow_field)k);
		at += n + 1;
	}
}

/* The names of column.def for this group, behind the fixed ones. */
static void side_sql(struct buf *b, unsigned g)
{
	buf_clear(b);
	buf_printf(b, "SELECT absent, %s", g == GROUP_RESULT ? "absent_row, findings" : "NULL, NULL");
	for (size_t k = 0; k < n_columns; k++)
		if (columns[k].place == g)
			buf_printf(b, ", %s", field_info[columns[k].field].name);
	buf_printf(b, " FROM %s WHERE id = ?1", group_name[g]);
	buf_byte(b, 0);
}

static int side_fill(struct reading *r, unsigned g, struct side *s, struct err *e)
{
	sqlite3_stmt *q = r->q[Q_PEER + g];
	struct slice names = { NULL, 0 };
	int k = 3;

	flow_init(&s->part);
	for (size_t i = 0; i < n_columns; i++)
		if (columns[i].place == g &&
		    field_of(r, r->keep, q, k++, &s->part, (enum flow_field)columns[i].field, false, e))
			return -1;
	if (sqlite3_column_type(q, 0) != SQLITE_NULL && any_of(r, r->keep, q, 0, &names, e))
		return -1;
	mark_absent(&s->part, names);
	if (sqlite3_column_type(q, 1) != SQLITE_NULL && any_of(r, r->keep, q, 1, &s->absent_row, e))
		return -1;
	if (sqlite3_column_type(q, 2) != SQLITE_NULL && any_of(r, r->keep, q, 2, &s->findings, e))
		return -1;
	return 0;
}

static int side_of(struct reading *r, unsigned g, int64_t id, struct side **out, struct err *e)
{
	struct side *s = map_get(&r->side[g], (struct slice){ (const uint8_t *)&id, sizeof id });
	sqlite3_stmt *q = r->q[Q_PEER + g];
	int rc;

	*out = s;
	if (s)
		return 0;
	*out = s = arena_new_object(r->keep, struct side);
	if (!s)
		return err_set(e, ERR_LIMIT, "rows are larger than %d bytes", ARENA_MAX);
	s->id = id;
	sqlite3_bind_int64(q, 1, id);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		rc = side_fill(r, g, s, e) ? -1 : SQLITE_ROW;
	else if (rc == SQLITE_DONE)
		rc = err_set(e, ERR_INTEGRITY, "%s %lld is not there", group_name[g], (long long)id);
	else
		rc = read_error(r, e);
	sqlite3_reset(q);
	if (rc != SQLITE_ROW)
		return -1;
	map_put(&r->side[g], (struct slice){ (const uint8_t *)&s->id, sizeof s->id }, s);
	return 0;
}

static void merge(struct flow *f, const struct flow *part)
{
	for (unsigned w = 0; w < 2; w++) {
		f->known[w] |= part->known[w];
		f->present[w] |= part->present[w];
		for (uint64_t bits = part->present[w]; bits; bits &= bits - 1) {
			unsigned k = w * 64 + (unsigned)__builtin_ctzll(bits);
			f->v[k] = part->v[k];
		}
	}
}

static void set_findings(struct reading *r, struct flow *f, struct slice codes)
{
	struct finding *list = arena_new_array(r->batch, struct finding, FINDINGS_OF_ONE);
	struct json j;

	if (!list || !codes.n)
		return;
	json_init(&j, codes);
	for (enum json_token t = json_next(&j); t != JSON_BAD && t != JSON_END; t = json_next(&j)) {
		enum finding_code code = t == JSON_STRING ? finding_by_code(j.text) : FINDING_NO_CODE;
		if (!code || f->n_findings == FINDINGS_OF_ONE)
			continue;
		list[f->n_findings++] = (struct finding){ .code = code,
			.severity = finding_info[code].severity,
			.sentence = slice_of(finding_info[code].title) };
	}
	f->findings = list;
}

/* The object in `more`: the fields that have no column. */
static int set_more(struct reading *r, struct flow *f, sqlite3_stmt *q, int k, struct err *e)
{
	struct slice text = column_bytes(r->batch, q, k);
	struct flow *more = arena_new_object(r->batch, struct flow);

	if (!text.n || !more)
		return 0;
	if (flow_json_read(more, text, r->batch, NULL, e))
		return -1;
	merge(f, more);
	return 0;
}

enum { ROW_ID, ROW_STARTED, ROW_ENDED, ROW_DURATION, ROW_PEER, ROW_TARGET, ROW_RESULT, ROW_MORE,
       ROW_REQUEST, ROW_FIELDS };

static const char row_columns[] = "f.id, f.started_at, f.ended, f.duration_ms, f.peer, f.target,"
	" f.result, f.more, f.request_id";

static bool own_column(unsigned field)
{
	return field == F_STARTED_AT || field == F_ENDED_AT || field == F_DURATION_MS ||
	       field == F_REQUEST_ID;
}

static void set_request_id(struct reading *r, struct flow *f, struct slice packed)
{
	static const uint8_t dash[] = { 4, 6, 8, 10 };
	struct buf b;

	buf_init(&b, 64);
	for (size_t i = 0, d = 0; i < packed.n; i++) {
		if (d < sizeof dash && dash[d] == i) {
			buf_byte(&b, '-');
			d++;
		}
		buf_hex(&b, (struct slice){ packed.p + i, 1 });
	}
	flow_set_text(f, F_REQUEST_ID, arena_copy(r->batch, buf_slice(&b)));
	buf_release(&b);
}

static int64_t end_of(const struct flow *f, int64_t ended)
{
	int64_t start = flow_num(f, F_STARTED_AT);

	if (ended == -1)
		return start + llround(f->v[F_DURATION_MS].real * 1e6);
	return ended < -1 ? start + ended + 1 : start + ended;
}

static int set_own(struct reading *r, struct flow *f, struct err *e)
{
	sqlite3_stmt *q = r->rows;
	struct buf id;

	buf_init(&id, 32);
	buf_int(&id, sqlite3_column_int64(q, ROW_ID));
	flow_set_text(f, F_ID, arena_copy(r->batch, buf_slice(&id)));
	buf_release(&id);
	if (sqlite3_column_type(q, ROW_STARTED) != SQLITE_NULL)
		flow_set_num(f, F_STARTED_AT, sqlite3_column_int64(q, ROW_STARTED));
	if (sqlite3_column_type(q, ROW_DURATION) != SQLITE_NULL)
		flow_set_real(f, F_DURATION_MS, sqlite3_column_double(q, ROW_DURATION));
	if (sqlite3_column_type(q, ROW_ENDED) != SQLITE_NULL)
		flow_set_num(f, F_ENDED_AT, end_of(f, sqlite3_column_int64(q, ROW_ENDED)));
	if (sqlite3_column_type(q, ROW_REQUEST) == SQLITE_BLOB)
		set_request_id(r, f, column_bytes(r->batch, q, ROW_REQUEST));
	else if (field_of(r, r->batch, q, ROW_REQUEST, f, F_REQUEST_ID, true, e))
		return -1;
	return set_more(r, f, q, ROW_MORE, e);
}

static int row(struct reading *r, struct err *e)
{
	struct flow *f = &r->flows[r->n];
	struct side *s = NULL;
	int64_t remote = 0;
	int k = ROW_FIELDS;

	flow_init(f);
	if (set_own(r, f, e))
		return -1;
	for (size_t i = 0; i < n_columns; i++) {
		if (columns[i].place != PLACE_FLOW || own_column(columns[i].field))
			continue;
		if (columns[i].field == F_REMOTE_IP) {
			remote = sqlite3_column_int64(r->rows, k);
			if (remote == REMOTE_ONE) {
				flow_set_ip(f, F_REMOTE_IP, ip_v4((uint8_t[]){ 0, 0, 0, 1 }));
				k++;
				continue;
			}
		}
		if (field_of(r, r->batch, r->rows, k++, f, (enum flow_field)columns[i].field, true, e))
			return -1;
	}
	for (unsigned g = 0; g < GROUPS; g++) {
		if (side_of(r, g, sqlite3_column_int64(r->rows, ROW_PEER + (int)g), &s, e))
			return -1;
		merge(f, &s->part);
	}
	if (remote == REMOTE_IS_SOURCE)
		f->v[F_REMOTE_IP].ip = f->v[F_SOURCE_IP].ip;
	mark_absent(f, s->absent_row);
	set_findings(r, f, s->findings);
	r->n++;
	return 0;
}

static int push(struct reading *r, struct err *e)
{
	int rc = sink_push(r->out, r->flows, r->n, e);

	r->n = 0;
	arena_reset(r->batch);
	for (unsigned g = 0; g < GROUPS; g++) {
		if (r->side[g].n < SIDE_MAX)
			continue;
		for (unsigned k = 0; k < GROUPS; k++)
			map_release(&r->side[k]);
		arena_reset(r->keep);
		break;
	}
	return rc;
}

static int read_rows(struct reading *r, struct store_result *result, struct err *e)
{
	int rc;

	while ((rc = sqlite3_step(r->rows)) == SQLITE_ROW) {
		if (row(r, e))
			return -1;
		result->rows++;
		if (r->n == BATCH && push(r, e))
			return -1;
	}
	return rc == SQLITE_DONE ? push(r, e) : read_error(r, e);
}

static int prepare(struct reading *r, const char *sql, sqlite3_stmt **q, struct err *e)
{
	return sqlite3_prepare_v2(r->db, sql, -1, q, NULL) == SQLITE_OK ? 0 : read_error(r, e);
}

static int prepare_rows(struct reading *r, const struct where *w, uint64_t most, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 1 << 19);
	buf_printf(&b, "SELECT %s", row_columns);
	for (size_t i = 0; i < n_columns; i++)
		if (columns[i].place == PLACE_FLOW && !own_column(columns[i].field))
			buf_printf(&b, ", f.%s", field_info[columns[i].field].name);
	buf_printf(&b, " FROM flow AS f%s WHERE %s", w && w->notable ? " INDEXED BY flow_notable" : "",
		   w && w->notable ? "f.notable IS NOT NULL AND " : "");
	if (w && w->n_terms)
		buf_add(&b, buf_slice(&w->sql));
	else
		buf_str(&b, "1");
	buf_str(&b, " ORDER BY f.id");
	if (most)
		buf_printf(&b, " LIMIT %llu", (unsigned long long)most);
	buf_byte(&b, 0);
	rc = prepare(r, (const char *)b.p, &r->rows, e);
	buf_release(&b);
	if (!rc && w)
		store_bind(r->rows, w->param, w->n_term_params);
	return rc;
}

static int prepare_side(struct reading *r, struct err *e)
{
	struct buf b;
	int rc = prepare(r, "SELECT text, raw FROM text WHERE id = ?1", &r->q[Q_TEXT], e);

	buf_init(&b, 8192);
	for (unsigned g = 0; g < GROUPS && !rc; g++) {
		side_sql(&b, g);
		rc = prepare(r, (const char *)b.p, &r->q[Q_PEER + g], e);
	}
	buf_release(&b);
	return rc;
}

int store_flows(struct store *s, const struct where *w, uint64_t most, struct sink *out,
		struct store_result *result, struct err *e)
{
	struct store_result own;
	struct reading *r;
	int rc;

	result = result ? result : &own;
	*result = (struct store_result){ 0 };
	if (store_reader(s, e))
		return -1;
	r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->db = s->reader;
	r->out = out;
	r->keep = arena_new(ARENA_MAX);
	r->batch = arena_new(ARENA_MAX);
	for (unsigned g = 0; g < GROUPS; g++)
		map_init(&r->side[g], SIDE_MAX * 2);
	rc = prepare_side(r, e) || prepare_rows(r, w, most, e) || read_rows(r, result, e) ? -1 : 0;
	if (rc)
		err_at(e, "database %s", s->path);
	for (unsigned g = 0; g < GROUPS; g++)
		map_release(&r->side[g]);
	for (int k = 0; k < Q_COUNT; k++)
		sqlite3_finalize(r->q[k]);
	sqlite3_finalize(r->rows);
	arena_free(&r->keep);
	arena_free(&r->batch);
	free(r);
	return rc;
}
