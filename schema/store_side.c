/*
 * store_side: what comes beside the flows, in the same transaction: policy texts, certificates,
 * evidence, log offsets.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "schema/store_part.h"

#define NS_PER_HOUR (3600 * NS_PER_S)

static int run(struct store *s, enum statement st, const struct cell *c, int n, struct err *e)
{
	if (batch_begin(s, e))
		return -1;
	for (int k = 0; k < n; k++)
		db_bind(s->st[st], k + 1, &c[k]);
	return db_done(s, st, e) ? batch_fail(s, e) : 0;
}

int store_policy(struct store *s, const char *revision, struct slice text, struct err *e)
{
	struct cell c[3] = { cell_text(slice_of(revision)), cell_text(text),
			     cell_int(clock_now()) };

	if (!text_clean(text))
		return err_set(e, ERR_INPUT, "policy revision %s: its text is not UTF-8", revision);
	if (run(s, ST_POLICY, c, 3, e))
		return -1;
	if (sqlite3_changes(s->db))
		sum_row(&s->sum[SUM_POLICY], sqlite3_last_insert_rowid(s->db), c, 3);
	return 0;
}

int store_certificate(struct store *s, const struct certificate *t, struct err *e)
{
	const struct slice text[] = { t->sha256, t->role, t->subject, t->issuer, t->serial,
				      t->uri_sans, t->dns_sans, t->key_type, t->signature };
	enum { N_TEXT = sizeof text / sizeof *text };
	struct buf shown[N_TEXT];
	struct cell x[N_TEXT];
	int rc;

	for (int k = 0; k < N_TEXT; k++) {
		buf_init(&shown[k], 1 << 20);
		x[k] = cell_text(text[k]);
		if (text_clean(text[k]))
			continue;
		buf_quote(&shown[k], text[k]);
		x[k] = cell_text(buf_slice(&shown[k]));
	}
	struct cell c[16] = { x[0], x[1], x[2], x[3], x[4], cell_int(t->not_before),
			      cell_int(t->not_after), x[5], x[6], x[7], cell_int(t->key_bits),
			      x[8], cell_int(t->is_ca), cell_int(t->self_signed),
			      cell_int(t->seen), t->der.n ? cell_blob(t->der) : cell_null() };
	rc = run(s, ST_CERTIFICATE, c, 16, e);
	for (int k = 0; k < N_TEXT; k++)
		buf_release(&shown[k]);
	return rc;
}

static struct evidence_mark *mark_of(struct store *s, const char *input)
{
	for (size_t k = 0; k < s->n_mark; k++)
		if (!strcmp(s->mark[k].input, input))
			return &s->mark[k];
	s->mark = realloc(s->mark, (s->n_mark + 1) * sizeof *s->mark);
	if (!s->mark)
		abort();
	struct evidence_mark *m = &s->mark[s->n_mark++];
	memset(m, 0, sizeof *m);
	m->input = strdup(input);
	if (!m->input)
		abort();
	return m;
}

static int write_samples(struct store *s, const char *input, enum evidence_reason r,
			 const struct evidence_sample *sample, struct err *e)
{
	const struct evidence_info *i = &evidence_info[r];
	struct buf b;
	int rc = 0;

	buf_init(&b, 8192);
	for (int k = 0; k < EVIDENCE_SAMPLES && !rc && sample[k].n; k++) {
		buf_clear(&b);
		buf_quote(&b, (struct slice){ sample[k].text, sample[k].n });
		struct cell c[6] = { cell_text(slice_of(input)), cell_text(slice_of(i->source)),
				     cell_text(slice_of(i->name)), cell_int(k),
				     cell_int((int64_t)sample[k].where), cell_text(buf_slice(&b)) };
		rc = run(s, ST_SAMPLE, c, 6, e);
	}
	buf_release(&b);
	return rc;
}

int store_evidence(struct store *s, const char *input, const struct evidence *ev, struct err *e)
{
	struct evidence_mark *m = mark_of(s, input);
	int64_t hour = (s->newest ? s->newest : clock_now()) / NS_PER_HOUR;

	for (int r = 0; r < EV_COUNT; r++) {
		const struct evidence_info *i = &evidence_info[r];
		uint64_t more = ev->n[r] - m->n[r];

		if (!more)
			continue;
		struct cell c[6] = { cell_int(hour), cell_text(slice_of(input)),
				     cell_text(slice_of(i->source)), cell_text(slice_of(i->name)),
				     cell_text(slice_of(i->kind)), cell_int((int64_t)more) };
		if (run(s, ST_EVIDENCE, c, 6, e) ||
		    write_samples(s, input, (enum evidence_reason)r, ev->sample[r], e))
			return -1;
		m->n[r] = ev->n[r];
	}
	return 0;
}

static struct cell path_cell(struct buf *b, struct slice path)
{
	if (text_clean(path))
		return cell_text(path);
	buf_quote(b, path);
	return cell_text(buf_slice(b));
}

int store_log_offset(struct store *s, const struct log_offset *o, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 65536);
	struct cell c[7] = { path_cell(&b, o->path), cell_int((int64_t)o->device),
			     cell_int((int64_t)o->inode), cell_blob(o->digest), cell_int((int64_t)o->offset),
			     o->tail.n ? cell_blob(o->tail) : cell_null(), cell_int(clock_now()) };
	rc = run(s, ST_OFFSET, c, 7, e);
	buf_release(&b);
	return rc;
}

/* False: a file of another name. */
static bool read_place(sqlite3_stmt *q, struct slice path, struct log_place *p)
{
	struct slice of = { sqlite3_column_text(q, 0), (size_t)sqlite3_column_bytes(q, 0) };

	if (!sqlite3_column_int(q, 3) && !log_place_related(path, of))
		return false;
	*p = (struct log_place){ .offset = (uint64_t)sqlite3_column_int64(q, 1) };
	p->tail_known = sqlite3_column_bytes(q, 2) == LOG_DIGEST;
	if (p->tail_known)
		memcpy(p->tail, sqlite3_column_blob(q, 2), LOG_DIGEST);
	return true;
}

size_t store_log_places(struct store *s, const struct log_offset *file, struct log_place *places)
{
	sqlite3_stmt *q = s->st[ST_RESUME];
	struct buf b;
	size_t n = 0;

	buf_init(&b, 65536);
	struct cell path = path_cell(&b, file->path);
	struct cell c[3] = { cell_int((int64_t)file->device), cell_int((int64_t)file->inode),
			     cell_blob(file->digest) };
	for (int k = 0; k < 3; k++)
		db_bind(q, k + 1, &c[k]);
	while (n < LOG_PLACES && sqlite3_step(q) == SQLITE_ROW)
		n += read_place(q, (struct slice){ path.p, path.n }, &places[n]);
	sqlite3_reset(q);
	buf_release(&b);
	return n;
}

int64_t store_log_seen(struct store *s, struct slice path)
{
	sqlite3_stmt *q = s->st[ST_SEEN];
	struct buf b;

	buf_init(&b, 65536);
	struct cell c = path_cell(&b, path);
	db_bind(q, 1, &c);
	int64_t seen = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_reset(q);
	buf_release(&b);
	return seen;
}

void side_release(struct store *s)
{
	for (size_t k = 0; k < s->n_mark; k++)
		free(s->mark[k].input);
	free(s->mark);
	s->mark = NULL;
	s->n_mark = 0;
}
