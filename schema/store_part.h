/*
 * store_part - what the store's files share; nobody else includes it.
 *
 * store.c         open, close, migrations, the writer's lock
 * store_text.c    interned text
 * store_group.c   side rows that many flows share: peer, target, result
 * store_ahead.c   what needs no database: hosts and digests
 * store_row.c     a flow as cells; blocks of them into table flow
 * store_feed.c    the virtual table through which memory is inserted in bulk
 * store_roll.c    rollups and what is notable
 * store_finding.c findings, deduplicated
 * store_side.c    policies, certificates, evidence, log offsets
 * store_sink.c    batches: begin, push, commit
 * store_chain.c   the integrity chain
 * store_verify.c  the chain, checked
 * store_view.c    the views
 * store_query.c   reading by SQL
 * store_read.c    rows back to flows
 */
#ifndef SCHEMA_STORE_PART_H
#define SCHEMA_STORE_PART_H

#include <openssl/evp.h>
#include <sqlite3.h>

#include "common/clock.h"
#include "schema/recent.h"
#include "schema/store.h"
#include "schema/tally.h"

/* Refs that are no text. */
enum { REF_UNKNOWN = 0, REF_ABSENT = -1, REF_OTHER = -2 };

/* In flow.remote_ip: the same as peer.source_ip, and what stands for 0.0.0.1 (0003_remote_ip.sql). */
enum { REMOTE_IS_SOURCE = 1 };
#define REMOTE_ONE (INT64_C(1) << 32)

/* What is notable about a flow: bits of flow.notable. */
enum {
	NOTABLE_REFUSED = 1, NOTABLE_DENIED = 2, NOTABLE_UNKNOWN = 4, NOTABLE_FINDING = 8,
	NOTABLE_FIRST = 16
};

/* One value on its way to SQLite; the types are store_value's.  Text and blobs borrow. */
struct cell {
	union {
		int64_t num;
		double real;
		const uint8_t *p;
	};
	uint32_t n;
	uint32_t type;		/* enum store_type */
};

static inline struct cell cell_int(int64_t v)
{
	return (struct cell){ .num = v, .type = STORE_INT };
}

static inline struct cell cell_text(struct slice s)
{
	return (struct cell){ .p = s.p, .n = (uint32_t)s.n, .type = STORE_TEXT };
}

static inline struct cell cell_blob(struct slice s)
{
	return (struct cell){ .p = s.p, .n = (uint32_t)s.n, .type = STORE_BLOB };
}

static inline struct cell cell_null(void)
{
	return (struct cell){ .type = STORE_NULL };
}

/* Columns of table flow after its id, in the table's order. */
enum flow_column {
	COL_STARTED_AT, COL_ENDED, COL_DURATION_MS, COL_PEER, COL_TARGET, COL_RESULT, COL_NOTABLE,
	COL_SOURCE_PORT, COL_BYTES_SENT, COL_BYTES_RECEIVED, COL_PACKETS_SENT,
	COL_PACKETS_RECEIVED, COL_UPSTREAM_IP, COL_UPSTREAM_LOCAL_IP, COL_UPSTREAM_LOCAL_PORT,
	COL_REMOTE_IP, COL_PATH, COL_REQUEST_ID, COL_CONNECTION_ID, COL_COMMUNITY_ID, COL_MORE,
	COL_COUNT
};

enum { GROUP_PEER, GROUP_TARGET, GROUP_RESULT, GROUPS, PLACE_FLOW = GROUPS, PLACE_MORE };
enum { GROUP_CELLS = 40 };	/* no side row has more columns */

struct column {
	uint8_t field;		/* enum flow_field */
	uint8_t place;		/* GROUP_*, PLACE_FLOW */
};
extern const struct column columns[];
extern const size_t n_columns;
extern const char *const group_name[GROUPS];

/* Statements that a writer keeps prepared: store_sql.c. */
enum statement {
#define STATEMENT(id, sql) ST_##id,
#include "schema/statement.def"
#undef STATEMENT
	ST_PEER_FIND, ST_TARGET_FIND, ST_RESULT_FIND, ST_PEER_ADD, ST_TARGET_ADD, ST_RESULT_ADD,
	ST_COUNT
};

/* What the virtual table egret_feed shows while one statement runs. */
struct feed {
	size_t rows;
	void (*column)(const struct feed *f, size_t row, int column, sqlite3_context *out);
	const void *of;
};

/* The tables that the integrity chain covers. */
enum { SUM_TEXT, SUM_PEER, SUM_TARGET, SUM_RESULT, SUM_POLICY, SUM_FLOW, SUMS };

struct sum {
	EVP_MD_CTX *md;
	struct buf buf;
};

enum { SEEN_SLOTS = 1 << 16, BLOCK_ROWS = 512, BATCH_ROWS = 100000, BATCH_FLOWS = 4 * BATCH_ROWS, EDGES_MAX = 65536, FINDINGS_MAX = 65536 };
#define BATCH_AGE_NS NS_PER_S

struct store_finding;

enum { AHEAD_HOST, AHEAD_IDENTITY, AHEAD_POLICY, AHEAD_TEXTS };

/* Of one flow. */
struct flow_ahead {
	struct slice host;
	struct hash128 text[AHEAD_TEXTS];	/* of those that are present; unset where all rows are kept */
	bool grouped;				/* a row is wanted: what follows is set */
	bool packed;				/* the request id is a UUID: its bytes */
	uint8_t uuid[16];
	struct hash128 group[GROUPS], path;
};

/* Who works it out. */
struct ahead {
	const uint64_t (*mask)[2], *key;	/* the store's */
	uint64_t layout;			/* what numbers mean in a key */
	enum store_rows keep;
	struct buf scratch, host;
};

/* A run's evidence as last written, so that only the difference is added. */
struct evidence_mark {
	char *input;
	uint64_t n[EV_COUNT];
	bool sampled[EV_COUNT];
};

struct store {
	sqlite3 *db, *reader;
	enum store_mode mode;
	enum store_rows keep;
	bool reader_ready;
	char *path;
	int lock_fd;
	struct sink sink;
	sqlite3_stmt *st[ST_COUNT];
	struct feed feed;
	uint64_t key[2];			/* of the digests in the side tables */

	bool in_batch, broken, by_hand;
	int64_t patience;			/* batches are so many times larger than those that are awaited */
	int64_t batch_began;			/* monotonic */
	int64_t last_flow;			/* highest id given */
	int64_t batch_flows, batch_rows, batch_first, min_started, max_started;
	int64_t newest;				/* start of the newest flow seen; 0: none */
	struct sum sum[SUMS];
	uint8_t chain[32];

	struct recent text, ip, group[GROUPS];
	uint32_t *seen;				/* hashes of text met once */
	struct buf gateway;			/* of the last flow, and its ref */
	int64_t gateway_ref;
	uint64_t mask[PLACE_MORE + 1][2];	/* the fields of each place */
	struct buf scratch;
	struct ahead ahead;			/* for flows that nobody worked on ahead */
	struct flow_ahead own;
	const struct flow_ahead *now;		/* of the flow at hand */

	struct cell *block;			/* BLOCK_ROWS x COL_COUNT */
	size_t block_rows;
	bool block_wide;			/* some row has what only the wire gives */
	uint8_t *bytes;				/* text of the block's cells */
	size_t bytes_used, bytes_room;

	struct tally minute, edge, rule, found;
	uint64_t *edges;			/* every edge known, open addressing; 0: empty */
	size_t n_edges;

	struct store_finding *finding;		/* open addressing */
	size_t n_finding, finding_size;
	int64_t findings_stored;		/* rows of table finding */
	int64_t code_ref[FINDING_CODES];	/* 0: not asked yet */

	struct evidence_mark *mark;
	size_t n_mark;

	struct checkpointer *checkpointer;	/* NULL: not begun */
};

/* store.c */
int db_error(sqlite3 *db, struct err *e);	/* what SQLite said, as ERR_DB; -1 */
int db_run(sqlite3 *db, const char *sql, struct err *e);
int db_done(struct store *s, enum statement st, struct err *e);	/* step to the end, reset */
void db_bind(sqlite3_stmt *q, int k, const struct cell *c);
sqlite3 *db_open_reader(const char *path, struct err *e);
int64_t clock_monotonic(void);

/* store_sql.c */
int prepare_all(struct store *s, struct err *e);
void group_columns(struct buf *b, unsigned g);	/* in the order of a side row's cells */

/* store_text.c */
bool text_clean(struct slice t);		/* UTF-8 without NUL: can be shown as it is */
int text_id(struct store *s, struct slice t, int64_t *id, struct err *e);
int text_id_of(struct store *s, struct slice t, struct hash128 hash, int64_t *id, struct err *e);
int ip_id(struct store *s, const struct ip *ip, int64_t *id, struct err *e);
/* For a column of table flow: an IPv4 address as a 32-bit number, else 2^32 + ref. */
int ip_cell(struct store *s, const struct flow *f, enum flow_field k, struct cell *c, struct err *e);
/* A ref where the text is met again, the text itself at first. */
int text_cell(struct store *s, struct slice t, struct hash128 hash, struct cell *c, struct err *e);

/* store_group.c */
/* Unknown, absent, or the text's id. */
int text_ref(struct store *s, const struct flow *f, enum flow_field k, int64_t *ref, struct err *e);
void group_init(struct store *s);
/* The row's id, and the ref of the one text of it that rollups count by: identity, host, policy. */
struct group_row {
	int64_t id, ref;
};
int group_get(struct store *s, unsigned g, const struct flow *f, struct group_row *r, struct err *e);

/* What the rollups need to know of a flow. */
struct flow_refs {
	int64_t gateway, identity, host, policy;
	int64_t group[GROUPS];		/* ids; 0: not looked for, the row is not kept */
	unsigned notable;
};


/* store_ahead.c */
void ahead_init(struct ahead *a, const struct store *s);
void ahead_release(struct ahead *a);
bool ahead_group(struct ahead *a, unsigned g, const struct flow *f, struct slice host, struct hash128 *out);
void ahead_fill(struct ahead *a, const struct flow *f, struct flow_ahead *h);	/* host: until the next */
void ahead_expect(struct store *s, const struct flow *f);	/* its entries will be asked for */
unsigned flow_notable(const struct flow *f);	/* NOTABLE_*, all but NOTABLE_FIRST */

/* store_row.c */
int row_add(struct store *s, const struct flow *f, const struct flow_refs *r, struct err *e);
/* "60d19c7d-5ece-b7fb-3a52-781272ab3c66", lower case, to its 16 bytes. */
bool store_uuid(struct slice t, uint8_t out[16]);
int row_flush(struct store *s, struct err *e);

/* store_feed.c */
int feed_register(struct store *s, struct err *e);
int feed_run(struct store *s, enum statement st, const struct feed *f, struct err *e);

/* store_roll.c */
void roll_init(struct store *s);
void roll_release(struct store *s);
int roll_load(struct store *s, struct err *e);
int roll_add(struct store *s, const struct flow *f, struct flow_refs *r, struct err *e);
int roll_flush(struct store *s, struct err *e);

/* store_finding.c */
int finding_add(struct store *s, const struct flow *f, const struct flow_refs *r, bool kept,
		struct err *e);
int finding_flush(struct store *s, struct err *e);
int finding_load(struct store *s, struct err *e);
void finding_release(struct store *s);

/* store_checkpoint.c */
void checkpoint_init(struct store *s);
int checkpoint_failed(struct store *s, struct err *e);	/* -1: *e, of the last one */
void checkpoint_release(struct store *s);

/* store_side.c */
void side_release(struct store *s);

/* store_sink.c */
int batch_begin(struct store *s, struct err *e);
int batch_fail(struct store *s, struct err *e);	/* roll back; the store is broken; -1 */

/* store_chain.c */
extern const char *const sum_table[SUMS];
void sum_row(struct sum *s, int64_t id, const struct cell *cell, size_t n);
void sum_digest(struct sum *s, uint8_t out[32]);	/* and begin anew */
/* One link: chain = SHA-256(chain, content, the batch's numbers in the table's order). */
enum { CHAIN_NUMBERS = 11 };
void chain_link(uint8_t chain[32], const struct cell *numbers, size_t n, const uint8_t content[32]);
void chain_content(struct sum sums[SUMS], uint8_t content[32]);
int chain_load(struct store *s, struct err *e);
int chain_caches(struct store *s, struct err *e);	/* which caches are complete: of tables without rows */
int chain_commit(struct store *s, struct err *e);	/* the row of table batch */
void chain_release(struct store *s);

/* store_query.c */
int store_reader(struct store *s, struct err *e);	/* s->reader is open and guarded */
void store_bind(sqlite3_stmt *q, const struct store_param *p, size_t n);

/* store_view.c */
extern const char store_ended_sql[];		/* the end in ns, over flow AS f */
int view_make(sqlite3 *db, struct err *e);
int view_drop(sqlite3 *db, struct err *e);	/* all; view_make makes them again */

#endif
