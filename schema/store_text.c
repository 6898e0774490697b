/*
 * store_text: text that repeats stands once in table `text`.
 *
 * The cache in front of it is bounded (recent.h).  Text of columns that rarely repeat (paths,
 * ids) is interned only when it is met often: `seen` holds hashes of texts and how often they were met
 * lately; a collision there only interns a little early or late.
 */
#include <stdlib.h>

#include "common/hash.h"
#include "schema/store_part.h"

enum { INTERN_MAX = 1024 };

static bool ascii_clean(const uint8_t *p, size_t n)
{
	uint64_t w, bad = 0;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		bad |= w | (w - UINT64_C(0x0101010101010101));	/* high bit, or a zero byte */
	}
	for (size_t i = 0; i < n; i++)
		bad |= (uint64_t)(uint8_t)(p[i] | (uint8_t)(p[i] - 1));
	return !(bad & UINT64_C(0x8080808080808080));
}

bool text_clean(struct slice t)
{
	uint32_t code;

	if (ascii_clean(t.p, t.n))
		return true;
	for (size_t i = 0; i < t.n;) {
		size_t n = utf8_len(t.p + i, t.n - i, &code);
		if (!n || !code)
			return false;
		i += n;
	}
	return true;
}

/* The row of `t`, found or added. */
static int text_row(struct store *s, struct slice t, int64_t *id, struct err *e)
{
	struct cell c[2] = { cell_text(t), cell_null() };
	sqlite3_stmt *find = s->st[ST_TEXT_FIND], *add = s->st[ST_TEXT_ADD];
	struct buf shown;
	int rc;

	buf_init(&shown, t.n * 8 + 16);
	if (!text_clean(t)) {
		buf_quote(&shown, t);
		c[0] = cell_text(buf_slice(&shown));
		c[1] = cell_blob(t);
	}
	rc = SQLITE_DONE;
	if (!s->text.complete) {
		db_bind(find, 1, &c[0]);
		db_bind(find, 2, &c[1]);
		rc = sqlite3_step(find);
		*id = rc == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
		sqlite3_reset(find);
	}
	if (rc == SQLITE_DONE) {
		db_bind(add, 1, &c[0]);
		db_bind(add, 2, &c[1]);
		rc = db_done(s, ST_TEXT_ADD, e) ? SQLITE_ERROR : SQLITE_OK;
		*id = sqlite3_last_insert_rowid(s->db);
		if (rc == SQLITE_OK)
			sum_row(&s->sum[SUM_TEXT], *id, c, 2);
	} else if (rc != SQLITE_ROW) {
		db_error(s->db, e);
	}
	buf_release(&shown);
	return rc == SQLITE_ROW || rc == SQLITE_OK ? 0 : -1;
}

/*
 * After this the cache knows the text, or a complete cache would not be one.  Every text that is added goes
 * through here.
 */
static int intern(struct store *s, struct slice t, struct hash128 hash, int64_t *id, struct err *e)
{
	if (text_row(s, t, id, e))
		return -1;
	recent_put(&s->text, hash, *id);
	return 0;
}

int text_id_of(struct store *s, struct slice t, struct hash128 hash, int64_t *id, struct err *e)
{
	*id = recent_get(&s->text, hash);
	return *id ? 0 : intern(s, t, hash, id, e);
}

int text_id(struct store *s, struct slice t, int64_t *id, struct err *e)
{
	return text_id_of(s, t, hash_sip13_128(s->key, t.p, t.n), id, e);
}

int text_cell(struct store *s, struct slice t, struct hash128 hash, struct cell *c, struct err *e)
{
	uint32_t *met = &s->seen[hash.b & (SEEN_SLOTS - 1)], mark = (uint32_t)(hash.b >> 34) << 2;
	int64_t id;

	if ((*met != (mark | 3) || t.n > INTERN_MAX) && text_clean(t)) {
		*met = (*met & ~3u) == mark ? *met + 1 : mark;
		*c = cell_text(t);
		return 0;
	}
	id = recent_get(&s->text, hash);
	if (!id && intern(s, t, hash, &id, e))
		return -1;
	*c = cell_int(id);
	return 0;
}

int ip_id(struct store *s, const struct ip *ip, int64_t *id, struct err *e)
{
	struct hash128 hash = hash_sip13_128(s->key, ip->b, sizeof ip->b);
	uint8_t text[64];
	struct buf b = { .p = text, .size = sizeof text, .max = sizeof text };

	*id = recent_get(&s->ip, hash);
	if (*id)
		return 0;
	ip_print(&b, ip);
	if (text_id(s, buf_slice(&b), id, e))
		return -1;
	recent_put(&s->ip, hash, *id);
	return 0;
}

int ip_cell(struct store *s, const struct flow *f, enum flow_field k, struct cell *c, struct err *e)
{
	const uint8_t *b = f->v[k].ip.b;
	uint32_t v4;
	int64_t id;

	*c = cell_null();
	if (!flow_has(f, k))
		return 0;
	if (ip_is_v4(&f->v[k].ip)) {
		v4 = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
		*c = cell_int((int32_t)v4);
		return 0;
	}
	if (ip_id(s, &f->v[k].ip, &id, e))
		return -1;
	*c = cell_int((INT64_C(1) << 32) + id);
	return 0;
}
