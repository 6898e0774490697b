/*
 * store: opening, upgrading and closing the database.
 *
 * The writer holds a lock on PATH-lock for as long as it lives: its caches of ids are only
 * true while nobody else writes.  SQLite's own locks guard each transaction; readers need
 * neither.  After any failed write the open transaction is rolled back and the store is broken
 * (its caches may name rows that are gone): every later write fails with the same words.
 */
#include "schema/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "schema/asset.h"
#include "schema/store_part.h"

enum { APPLICATION_ID = 0x65677274 };	/* "egrt" in the file's header */

extern const struct asset migrations[];

int64_t clock_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static const char *advice(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ": free some space; nothing of this batch was stored";
	case SQLITE_IOERR:
		return ": check the disk, its free space and the limit on a file's size";
	case SQLITE_BUSY:
		return ": another process is writing to it";
	case SQLITE_NOTADB:
		return ": give the path of an egret database, or of a new file";
	case SQLITE_CORRUPT:
		return ": restore it from a copy";
	case SQLITE_READONLY:
		return ": check its permissions and those of its folder";
	case SQLITE_CANTOPEN:
		return ": check the path, its permissions and those of its folder";
	default:
		return "";
	}
}

int db_error(sqlite3 *db, struct err *e)
{
	int code = sqlite3_extended_errcode(db);

	return err_set(e, ERR_DB, "%s%s", sqlite3_errmsg(db), advice(code));
}

int db_run(sqlite3 *db, const char *sql, struct err *e)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return db_error(db, e);
}

int db_done(struct store *s, enum statement st, struct err *e)
{
	int rc;

	while ((rc = sqlite3_step(s->st[st])) == SQLITE_ROW)
		;
	if (rc != SQLITE_DONE) {
		db_error(s->db, e);
		sqlite3_reset(s->st[st]);
		return -1;
	}
	sqlite3_reset(s->st[st]);
	return 0;
}

void db_bind(sqlite3_stmt *q, int k, const struct cell *c)
{
	switch ((enum store_type)c->type) {
	case STORE_NULL:
		sqlite3_bind_null(q, k);
		return;
	case STORE_INT:
		sqlite3_bind_int64(q, k, c->num);
		return;
	case STORE_REAL:
		sqlite3_bind_double(q, k, c->real);
		return;
	case STORE_TEXT:	/* a NULL pointer would bind NULL */
		sqlite3_bind_text64(q, k, c->n ? (const char *)c->p : "", c->n,
				    SQLITE_STATIC, SQLITE_UTF8);
		return;
	case STORE_BLOB:
		sqlite3_bind_blob64(q, k, c->n ? (const void *)c->p : "", c->n,
				    SQLITE_STATIC);
		return;
	}
}

static int64_t pragma(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q = NULL;
	int64_t v = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

static int newest(void)
{
	int n = 0;

	while (migrations[n].name)
		n++;
	return n;
}

/* A version that this program can work with?  -1: *e. */
static int check_version(sqlite3 *db, int *have, struct err *e)
{
	int64_t v = pragma(db, "PRAGMA user_version");
	int64_t app = pragma(db, "PRAGMA application_id");

	if (v < 0 || app < 0)
		return db_error(db, e);
	if (v > 0 ? app != APPLICATION_ID : pragma(db, "SELECT count(*) FROM sqlite_schema") > 0)
		return err_set(e, ERR_DB, "is an SQLite database, but not one of egret's: "
			       "give another path");
	if (v > newest())
		return err_set(e, ERR_DB, "was written by a newer egret (version %d, this one "
			       "knows up to %d): use that one, or another database",
			       (int)v, newest());
	*have = (int)v;
	return 0;
}

/* What a new database starts with: the key of its digests. */
static int found(sqlite3 *db, struct err *e)
{
	uint8_t key[16];
	char hex[33], sql[200];

	if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
		abort();
	for (size_t i = 0; i < sizeof key; i++)
		sqlite3_snprintf(3, hex + 2 * i, "%02x", key[i]);
	sqlite3_snprintf(sizeof sql, sql,
			 "PRAGMA application_id = %d; INSERT INTO meta VALUES ('key', x'%s')",
			 APPLICATION_ID, hex);
	return db_run(db, sql, e);
}

/*
 * Bring the database to the newest version.  The list is append-only: entry k takes version
 * k to k + 1.  One write transaction, so failure changes nothing.  Views are not data: they are
 * made anew.
 */
static int migrate(sqlite3 *db, struct err *e)
{
	char sql[64];
	int have, want = newest();

	if (db_run(db, "BEGIN IMMEDIATE", e))
		return -1;
	/* Views of another version stand in the way of tables that change; they are made anew below. */
	if (check_version(db, &have, e) || (have > 0 && have < want && view_drop(db, e)))
		goto undo;
	for (int k = have; k < want; k++) {
		if (db_run(db, (const char *)migrations[k].data, e)) {
			err_at(e, "migration %s", migrations[k].name);
			goto undo;
		}
	}
	sqlite3_snprintf(sizeof sql, sql, "PRAGMA user_version = %d", want);
	if ((have == 0 && found(db, e)) || view_make(db, e) || db_run(db, sql, e) ||
	    db_run(db, "COMMIT", e))
		goto undo;
	return 0;
undo:
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/* One writer: an advisory lock beside the database, as -wal and -shm stand beside it. */
static int lock_writer(struct store *s, struct err *e)
{
	char *name = sqlite3_mprintf("%s-lock", s->path);
	struct stat now, held;

	if (!name)
		abort();
	for (;;) {
		s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (s->lock_fd < 0) {
			err_set(e, ERR_DB, "%s: %s", name, strerror(errno));
			break;
		}
		if (flock(s->lock_fd, LOCK_EX | LOCK_NB)) {
			err_set(e, ERR_DB, "another egret is writing to it: "
				"stop that one, or use another database");
			break;
		}
		/* The one before us may have removed it between our open and our lock. */
		if (!fstat(s->lock_fd, &held) && !stat(name, &now) && held.st_ino == now.st_ino) {
			sqlite3_free(name);
			return 0;
		}
		close(s->lock_fd);
	}
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
	sqlite3_free(name);
	return -1;
}

static void unlock_writer(struct store *s)
{
	if (s->lock_fd < 0)
		return;
	char *name = sqlite3_mprintf("%s-lock", s->path);
	if (name)
		unlink(name);
	sqlite3_free(name);
	close(s->lock_fd);
	s->lock_fd = -1;
}

/* Connections are used by one thread each. */
static void configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void configure_once(void)
{
	static once_flag done = ONCE_FLAG_INIT;

	call_once(&done, configure);
}

static int open_writer(struct store *s, struct err *e)
{
	static const char pragmas[] =
		"PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		"PRAGMA cache_size = -32768;"
		"PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;"
		"PRAGMA trusted_schema = OFF";
	int have;

	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return db_error(s->db, e);
	if (lock_writer(s, e))
		return -1;
	sqlite3_busy_timeout(s->db, 5000);
	/* Look before anything is written: not ours, or newer, stays as it is. */
	if (check_version(s->db, &have, e) || db_run(s->db, pragmas, e) || migrate(s->db, e))
		return -1;
	checkpoint_init(s);
	group_init(s);
	ahead_init(&s->ahead, s);
	roll_init(s);
	if (feed_register(s, e) || prepare_all(s, e) || chain_load(s, e) || chain_caches(s, e) ||
	    roll_load(s, e) || finding_load(s, e))
		return -1;
	return 0;
}

/*
 * A database in a folder where nothing can be written has no -wal; SQLite then wants to be told
 * that nobody writes.
 */
static sqlite3 *open_immutable(const char *path)
{
	sqlite3 *db = NULL;
	char *uri, *quoted = sqlite3_mprintf("%s", path), *wal = sqlite3_mprintf("%s-wal", path);

	if (!quoted || !wal)
		abort();
	if (access(wal, F_OK) == 0 || strpbrk(path, "?#%")) {
		sqlite3_free(quoted);
		sqlite3_free(wal);
		return NULL;
	}
	uri = sqlite3_mprintf("file:%s?immutable=1", quoted);
	if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
			    SQLITE_OPEN_URI, NULL) != SQLITE_OK) {
		sqlite3_close(db);
		db = NULL;
	}
	sqlite3_free(uri);
	sqlite3_free(quoted);
	sqlite3_free(wal);
	return db;
}

sqlite3 *db_open_reader(const char *path, struct err *e)
{
	sqlite3 *db = NULL;
	struct stat st;
	int have = 0, rc;

	/* SQLite opens a folder and then calls it an I/O error. */
	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		err_set(e, ERR_DB, "is a folder: give the path of an egret database");
		return NULL;
	}
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK && pragma(db, "PRAGMA user_version") < 0 &&
	    (sqlite3_errcode(db) == SQLITE_CANTOPEN || sqlite3_errcode(db) == SQLITE_READONLY)) {
		sqlite3 *fixed = open_immutable(path);
		if (fixed) {
			sqlite3_close(db);
			db = fixed;
		}
	}
	sqlite3_busy_timeout(db, 5000);
	if (rc != SQLITE_OK) {
		db_error(db, e);
	} else if (!check_version(db, &have, e)) {
		if (have > 0)
			return db;
		err_set(e, ERR_DB, "is empty: fill it with egret capture or egret ingest");
	}
	sqlite3_close(db);
	return NULL;
}

struct store *store_open(const char *path, enum store_mode mode, struct err *e)
{
	struct store *s = calloc(1, sizeof *s);

	configure_once();
	if (!s)
		abort();
	s->mode = mode;
	s->patience = 1;
	s->lock_fd = -1;
	s->path = strdup(path);
	if (!s->path)
		abort();
	if (mode == STORE_READ)
		s->reader = db_open_reader(path, e);
	if (mode == STORE_READ ? s->reader != NULL : !open_writer(s, e))
		return s;
	err_at(e, "database %s", path);
	store_close(&s, &(struct err){ 0 });
	return NULL;
}

void store_rows_kept(struct store *s, enum store_rows rows)
{
	s->keep = s->ahead.keep = rows;
}

static void release_writer(struct store *s)
{
	for (int k = 0; k < ST_COUNT; k++)
		sqlite3_finalize(s->st[k]);
	recent_release(&s->text);
	recent_release(&s->ip);
	for (int g = 0; g < GROUPS; g++)
		recent_release(&s->group[g]);
	roll_release(s);
	finding_release(s);
	side_release(s);
	chain_release(s);
	buf_release(&s->scratch);
	ahead_release(&s->ahead);
	free(s->seen);
	free(s->block);
	free(s->bytes);
}

int store_close(struct store **at, struct err *e)
{
	struct store *s = *at;
	int rc = 0;

	if (!s)
		return 0;
	if (s->db && s->in_batch)
		rc = store_commit(s, e);
	release_writer(s);
	checkpoint_release(s);
	sqlite3_close(s->reader);
	sqlite3_close(s->db);	/* the last one out moves the WAL into the database */
	unlock_writer(s);
	free(s->path);
	free(s);
	*at = NULL;
	return rc;
}
