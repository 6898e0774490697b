/* The integrity chain: what was altered, added or removed after the fact is found; a kill is not. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/store_db.h"
#include "tests/tap.h"

static const char *path = "test_store_chain.db";

static int push(struct store *s, int64_t n, struct err *e)
{
	char text[64];
	struct flow f;

	for (int64_t k = 0; k < n; k++) {
		snprintf(text, sizeof text, "host-%lld.example", (long long)(k % 50));
		flow_init(&f);
		flow_set_num(&f, F_STARTED_AT, INT64_C(1767607200000000000) + k * 1000000);
		flow_set_text(&f, F_AUTHORITY, slice_of(text));
		flow_set_num(&f, F_BYTES_SENT, k);
		flow_set_num(&f, F_VERDICT, VERDICT_ALLOW);
		if (sink_push(store_sink(s), &f, 1, e))
			return -1;
	}
	return store_commit(s, e);
}

static void fill(void)
{
	struct err e = { 0 };
	struct store *s;

	db_remove(path);
	for (int run = 0; run < 2; run++) {
		s = store_open(path, STORE_WRITE, &e);
		ok(s && !store_policy(s, run ? "b" : "a", SLICE("kind: x\n"), &e));
		ok(s && !push(s, 600, &e) && !push(s, 10, &e));
		is(store_close(&s, &e), 0);
	}
}

static int verify(uint64_t *flows)
{
	struct store_verified v = { 0 };
	struct err e = { 0 };
	struct store *s = store_open(path, STORE_READ, &e);
	int rc = s ? store_verify(s, &v, &e) : -2;

	if (rc)
		printf("# %s\n", e.msg);
	*flows = v.flows;
	store_close(&s, &(struct err){ 0 });
	return rc ? (int)e.kind : 0;
}

static void tamper(const char *sql)
{
	sqlite3 *db = NULL;
	uint64_t flows;

	fill();
	is(verify(&flows), 0);
	is(flows, 1220);
	is(sqlite3_open(path, &db), SQLITE_OK);
	is(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	tap_is(verify(&flows), ERR_INTEGRITY, sql, __FILE__, __LINE__);
}

/* Killed at any moment: what was committed is whole, the rest is not there. */
static void killed(void)
{
	struct err e = { 0 };
	uint64_t flows;
	int status;

	db_remove(path);
	for (int run = 0; run < 20; run++) {
		pid_t child = fork();
		if (child == 0) {
			struct store *s = store_open(path, STORE_WRITE, &e);
			while (s && !push(s, 300, &e))
				;
			_exit(1);
		}
		usleep((useconds_t)(20000 + run * 3137));
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		struct store *s = store_open(path, STORE_WRITE, &e);
		if (!ok(s != NULL))
			printf("# %s\n", e.msg);
		else
			is(db_number(s, "SELECT (SELECT count(*) FROM flow) % 300 +"
				     " ((SELECT sum(flows) FROM rollup_minute) <> (SELECT count(*) FROM flow))"), 0);
		store_close(&s, &e);
		is(verify(&flows), 0);
	}
}

/* No room: one clear line, and the batches before it stay. */
static void full(void)
{
	struct err e = { 0 };
	uint64_t flows;
	int status;

	fill();
	pid_t child = fork();
	if (child == 0) {
		struct rlimit most = { 2 << 20, 2 << 20 };
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &most);
		struct store *s = store_open(path, STORE_WRITE, &e);
		if (!s)
			_exit(2);
		int rc = push(s, 200000, &e);
		store_close(&s, &(struct err){ 0 });
		_exit(rc && e.kind == ERR_DB && strstr(e.msg, path) ? 0 : 1);
	}
	waitpid(child, &status, 0);
	is(WEXITSTATUS(status), 0);
	is(verify(&flows), 0);
	ok(flows >= 1220);
}

int main(void)
{
	tamper("UPDATE flow SET bytes_sent = 7 WHERE id = 300");
	tamper("DELETE FROM flow WHERE id = 300");
	tamper("INSERT INTO flow (peer, target, result) VALUES (1, 1, 1)");
	tamper("UPDATE text SET text = 'other' WHERE id = (SELECT max(id) FROM text)");
	tamper("UPDATE target SET host = NULL WHERE id = 3");
	tamper("UPDATE policy_revision SET text = 'kind: y' WHERE revision = 'a'");
	tamper("UPDATE batch SET flows = 5 WHERE id = 2");
	tamper("DELETE FROM batch WHERE id = 2");
	killed();
	full();
	db_remove(path);
	return tap_end();
}
