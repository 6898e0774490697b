/*
 * store_chain: every committed batch extends a SHA-256 chain.
 *
 * Over each table that is only ever appended to, a batch's sum is SHA-256 over its new rows
 * in the order of their ids.  content = SHA-256 over these sums; chain = SHA-256 over the chain before,
 * content, and the batch's own numbers.  A row is encoded as its id, the number of its cells up to the last that is not NULL,
 * and these cells; a cell as one byte
 * (type, number of bytes) and its bytes, so no two different rows have one encoding.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "schema/store_part.h"

enum { SUM_BUFFER = 16384 };

const char *const sum_table[SUMS] = {
	[SUM_TEXT] = "text", [SUM_PEER] = "peer", [SUM_TARGET] = "target",
	[SUM_RESULT] = "result", [SUM_POLICY] = "policy_revision", [SUM_FLOW] = "flow",
};

static void sum_drain(struct sum *s)
{
	EVP_DigestUpdate(s->md, s->buf.p, s->buf.n);
	buf_clear(&s->buf);
}

/* A number as its shortest two's complement, little end first. */
static void put_num(struct buf *b, unsigned type, int64_t v)
{
	uint64_t folded = (uint64_t)(v < 0 ? ~v : v), le = (uint64_t)v;
	unsigned bits = folded ? 65 - (unsigned)__builtin_clzll(folded) : 1;
	unsigned n = v ? (bits + 7) / 8 : 0;

	b->p[b->n] = (uint8_t)(type << 4 | n);
	memcpy(b->p + b->n + 1, &le, 8);
	b->n += 1 + n;
}

static void put_bytes(struct sum *s, unsigned type, const uint8_t *p, uint32_t n)
{
	put_num(&s->buf, type, n);
	if (n > 1024) {
		sum_drain(s);
		EVP_DigestUpdate(s->md, p, n);
	} else if (n) {
		memcpy(s->buf.p + s->buf.n, p, n);
		s->buf.n += n;
	}
}

static void put_cell(struct sum *s, const struct cell *c)
{
	int64_t bits;

	switch ((enum store_type)c->type) {
	case STORE_NULL:
		s->buf.p[s->buf.n++] = STORE_NULL;
		return;
	case STORE_INT:
		put_num(&s->buf, STORE_INT, c->num);
		return;
	case STORE_REAL:
		memcpy(&bits, &c->real, 8);
		put_num(&s->buf, STORE_REAL, bits);
		return;
	case STORE_TEXT:
	case STORE_BLOB:
		put_bytes(s, c->type, c->p, c->n);
		return;
	}
}

static void sum_ready(struct sum *s)
{
	if (s->md)
		return;
	s->md = EVP_MD_CTX_new();
	buf_init(&s->buf, SUM_BUFFER);
	if (!s->md || !EVP_DigestInit_ex(s->md, EVP_sha256(), NULL) ||
	    !buf_room(&s->buf, SUM_BUFFER))
		abort();
}

void sum_row(struct sum *s, int64_t id, const struct cell *cell, size_t n)
{
	sum_ready(s);
	while (n && cell[n - 1].type == STORE_NULL)	/* a column added later changes nothing */
		n--;
	if (s->buf.n > SUM_BUFFER - 2048)
		sum_drain(s);
	put_num(&s->buf, STORE_INT, id);
	put_num(&s->buf, STORE_INT, (int64_t)n);
	for (size_t k = 0; k < n; k++) {
		if (s->buf.n > SUM_BUFFER - 2048)
			sum_drain(s);
		put_cell(s, &cell[k]);
	}
}

void sum_digest(struct sum *s, uint8_t out[32])
{
	sum_ready(s);
	sum_drain(s);
	if (!EVP_DigestFinal_ex(s->md, out, NULL) || !EVP_DigestInit_ex(s->md, EVP_sha256(), NULL))
		abort();
}

static void copy_column(sqlite3_stmt *q, int k, void *to, size_t n)
{
	if ((size_t)sqlite3_column_bytes(q, k) >= n)
		memcpy(to, sqlite3_column_blob(q, k), n);
}

int chain_load(struct store *s, struct err *e)
{
	sqlite3_stmt *q;
	int rc;

	if (sqlite3_prepare_v2(s->db, "SELECT (SELECT value FROM meta WHERE name = 'key'),"
		" (SELECT chain FROM batch ORDER BY id DESC LIMIT 1),"
		" max(coalesce((SELECT max(id) FROM flow), 0),"
		" coalesce((SELECT max(last_flow) FROM batch), 0))", -1, &q, NULL) != SQLITE_OK)
		return db_error(s->db, e);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		copy_column(q, 0, s->key, sizeof s->key);
		copy_column(q, 1, s->chain, sizeof s->chain);
		s->last_flow = sqlite3_column_int64(q, 2);
	}
	sqlite3_finalize(q);
	return rc == SQLITE_ROW ? 0 : db_error(s->db, e);
}

/* The highest ids of text, peer, target, result, policy_revision; 0: no row. */
static int last_ids(struct store *s, struct cell last[5], struct err *e)
{
	sqlite3_stmt *q = s->st[ST_LAST];
	int rc = sqlite3_step(q);

	for (int k = 0; k < 5 && rc == SQLITE_ROW; k++)
		last[k] = cell_int(sqlite3_column_int64(q, k));
	sqlite3_reset(q);
	return rc == SQLITE_ROW ? 0 : db_error(s->db, e);
}

int chain_caches(struct store *s, struct err *e)
{
	struct cell last[5];

	if (last_ids(s, last, e))
		return -1;
	s->text.complete = !last[0].num;
	for (int g = 0; g < GROUPS; g++)
		s->group[g].complete = !last[1 + g].num;
	return 0;
}

void chain_link(uint8_t chain[32], const struct cell *numbers, size_t n, const uint8_t content[32])
{
	struct sum link = { 0 };
	struct cell c[2] = { cell_blob((struct slice){ chain, 32 }),
			     cell_blob((struct slice){ content, 32 }) };

	sum_row(&link, 0, c, 2);
	sum_row(&link, 0, numbers, n);
	sum_digest(&link, chain);
	EVP_MD_CTX_free(link.md);
	buf_release(&link.buf);
}

void chain_content(struct sum sums[SUMS], uint8_t content[32])
{
	struct sum all = { 0 };
	uint8_t digest[32];

	for (int k = 0; k < SUMS; k++) {
		struct cell c;
		sum_digest(&sums[k], digest);
		c = cell_blob((struct slice){ digest, 32 });
		sum_row(&all, k, &c, 1);
	}
	sum_digest(&all, content);
	EVP_MD_CTX_free(all.md);
	buf_release(&all.buf);
}

int chain_commit(struct store *s, struct err *e)
{
	struct cell c[13];
	uint8_t content[32];
	bool rows = s->batch_first != 0, timed = s->min_started <= s->max_started;
	sqlite3_stmt *q = s->st[ST_BATCH];

	c[0] = cell_int(clock_now());
	c[1] = cell_int(s->batch_flows);
	c[2] = rows ? cell_int(s->batch_first) : cell_null();
	c[3] = rows ? cell_int(s->last_flow) : cell_null();
	c[4] = rows && timed ? cell_int(s->min_started) : cell_null();
	c[5] = rows && timed ? cell_int(s->max_started) : cell_null();
	if (last_ids(s, &c[6], e))
		return -1;
	chain_content(s->sum, content);
	chain_link(s->chain, c, CHAIN_NUMBERS, content);
	c[11] = cell_blob((struct slice){ content, 32 });
	c[12] = cell_blob((struct slice){ s->chain, 32 });
	for (int k = 0; k < 13; k++)
		db_bind(q, k + 1, &c[k]);
	return db_done(s, ST_BATCH, e);
}

void chain_release(struct store *s)
{
	for (int k = 0; k < SUMS; k++) {
		EVP_MD_CTX_free(s->sum[k].md);
		buf_release(&s->sum[k].buf);
	}
}
