/*
 * Pages leave the write-ahead log while the writer goes on, and readers see each batch whole; a failure to move
 * them is told by a later commit, and loses nothing that was committed.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/store.h"
#include "tests/store_db.h"
#include "tests/tap.h"

enum { BATCH = 20000, BATCHES = 8, WAIT_MS = 10000 };

static const char *path = "test_store_checkpoint.db";

static int add_batch(struct store *s, unsigned first, struct err *e)
{
	static struct flow f[100];
	static char id[100][24];

	for (unsigned k = 0; k < BATCH; k += 100) {
		for (unsigned i = 0; i < 100; i++) {
			flow_init(&f[i]);
			flow_set_num(&f[i], F_STARTED_AT, INT64_C(1767607200000000000) + (first + k + i) * INT64_C(1000000));
			snprintf(id[i], sizeof id[i], "request %u", first + k + i);
			flow_set_text(&f[i], F_REQUEST_ID, slice_of(id[i]));
			flow_set_text(&f[i], F_AUTHORITY, SLICE("example.org"));
		}
		if (sink_push(store_sink(s), f, 100, e))
			return -1;
	}
	return store_commit(s, e);
}

static long long rows(void)
{
	struct err e = { 0 };
	struct store *s = store_open(path, STORE_READ, &e);
	long long n = s ? db_number(s, "SELECT count(*) FROM flows") : -1;

	store_close(&s, &e);
	return n;
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? 0 : st.st_size;
}

/* The database file grows although nobody closed it. */
static void moves_meanwhile(void)
{
	struct err e = { 0 };
	struct store *s = store_open(path, STORE_WRITE, &e);
	unsigned waited = 0;

	ok(s != NULL);
	for (unsigned k = 0; s && k < BATCHES; k++) {
		if (add_batch(s, k * BATCH, &e))
			printf("# %s\n", e.msg);
		if (rows() != (k + 1) * BATCH)
			tap_ok(0, "a reader sees every batch", __FILE__, __LINE__);
	}
	while (size_of(path) < 2 * 1024 * 1024 && waited++ < WAIT_MS)
		usleep(1000);
	ok(size_of(path) >= 2 * 1024 * 1024);
	is(store_close(&s, &e), 0);
	is(size_of("test_store_checkpoint.db-wal"), 0);
	is(rows(), BATCH * BATCHES);
}

/*
 * The database may not grow, its log may: a limit on the size of files between the two.  In a process of its own,
 * which ends with 0 where a commit told.
 */
static int told_by_a_commit(off_t limit)
{
	struct err e = { 0 };
	struct store *s = store_open(path, STORE_WRITE, &e);

	if (!s)
		return 2;
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit r = { (rlim_t)limit, (rlim_t)limit };
	if (setrlimit(RLIMIT_FSIZE, &r))
		return 3;
	for (unsigned k = 0; k < 100; k++) {
		if (add_batch(s, k * BATCH, &e)) {
			printf("# after %u batches: %s\n", k, e.msg);
			/* Not for want of room in the log. */
			return strstr(e.msg, "disk") && size_of("test_store_checkpoint.db-wal") < limit * 3 / 4 ? 0 : 4;
		}
		usleep(20000);
	}
	return 5;
}

static void failure(void)
{
	int status = -1;
	long long before = rows();

	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		int rc = told_by_a_commit(size_of(path) + 4096);
		fflush(stdout);
		_exit(rc);
	}
	waitpid(p, &status, 0);
	is(status, 0);
	/* What was committed before is whole, and the next writer takes up. */
	long long after = rows();
	ok(after >= before && after % BATCH == 0);
	struct err e = { 0 };
	struct store *s = store_open(path, STORE_WRITE, &e);
	ok(s && !add_batch(s, 0, &e));
	is(store_close(&s, &e), 0);
	is(rows(), after + BATCH);
}

int main(void)
{
	db_remove(path);
	moves_meanwhile();
	failure();
	db_remove(path);
	return tap_end();
}
