/*
 * ingest --follow, killed a hundred times at random moments while its log grows and rotates (renamed,
 * copied and truncated, compressed): every line is stored exactly once.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "schema/store.h"
#include "tests/tap.h"

enum { KILLS = 100, MOMENT_US = 60000, LONG_US = 1500000 };

static char dir[] = "egret-kill-XXXXXX";
static unsigned seed, written, rotated;
static FILE *log_file;

static unsigned draw(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

static void append(unsigned n)
{
	while (n--) {
		written++;
		fprintf(log_file, "[2026-01-05T10:00:%02u.%03uZ] \"GET /a/%u HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" "
			"\"u\" \"id-%u\" \"h.example\" \"1.2.3.4:443\" outbound|443||h.example 10.0.0.1:1 10.0.0.1:8443 "
			"10.0.0.2:5 h.example -\n", written / 1000 % 60, written % 1000, written % 7, written);
		/* The stream's buffer ends inside a line now and then. */
		if (draw(16) == 0)
			fflush(log_file);
	}
	fflush(log_file);
}

static void run_tool(const char *tool, const char *a, const char *b)
{
	pid_t p = fork();

	if (p == 0) {
		execlp(tool, tool, a, b, NULL);
		_exit(127);
	}
	waitpid(p, NULL, 0);
}

static void rotate(void)
{
	char to[32];

	snprintf(to, sizeof to, "access.log.%u", ++rotated);
	switch (draw(3)) {
	case 0:			/* rename and create */
	case 1:
		rename("access.log", to);
		append(draw(20));	/* the writer reopens late */
		fclose(log_file);
		log_file = fopen("access.log", "a");
		break;
	default:		/* copy and truncate */
		run_tool("cp", "access.log", to);
		if (truncate("access.log", 0))
			abort();
	}
	if (draw(4) == 0)
		run_tool("gzip", "-f", to);
	append(1 + draw(5));
}

static pid_t start(const char *egret, bool follow)
{
	pid_t p = fork();

	if (p == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		if (follow)
			dup2(null, 2);
		execl(egret, "egret", "ingest", "access.log", "--format", "text", "--db", "kill.db",
		      follow ? "--follow" : NULL, NULL);
		_exit(127);
	}
	return p;
}

static int64_t number;

static int take(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	(void)ctx, (void)n, (void)names;
	number = v[0].num;
	return 0;
}

static int64_t ask(struct store *s, const char *sql)
{
	struct store_result r;
	struct err e = { 0 };

	number = -1;
	if (store_query(s, sql, NULL, 0, (struct store_limits){ 0 }, take, NULL, &r, &e))
		printf("# %s\n", e.msg);
	return number;
}

int main(void)
{
	const char *given = getenv("EGRET"), *fixed = getenv("EGRET_SEED");
	char *egret = realpath(given ? given : "./egret", NULL);
	struct err e = { 0 };
	int status;

	if (!egret) {
		printf("1..0 # SKIP egret is not built\n");
		return 0;
	}
	seed = fixed ? (unsigned)strtoul(fixed, NULL, 10) : (unsigned)time(NULL);
	printf("# EGRET_SEED=%u\n", seed);
	if (!mkdtemp(dir) || chdir(dir) || !(log_file = fopen("access.log", "a")))
		abort();
	append(10);
	/* Files rotated away before the first commit ever are nobody's: begin with one. */
	waitpid(start(egret, false), &status, 0);
	for (int k = 0; k < KILLS; k++) {
		pid_t p = start(egret, true);
		append(draw(300));
		usleep(draw(MOMENT_US));
		append(draw(300));
		/* A commit a second: some runs live to see one. */
		if (draw(5) == 0)
			usleep(draw(LONG_US));
		if (draw(5) == 0)
			rotate();
		usleep(draw(MOMENT_US));
		kill(p, SIGKILL);
		waitpid(p, NULL, 0);
		append(draw(50));
		if (draw(8) == 0)
			rotate();
	}
	fclose(log_file);
	waitpid(start(egret, false), &status, 0);
	is(status, 0);
	struct store *s = store_open("kill.db", STORE_READ, &e);
	ok(s != NULL);
	if (s) {
		is(ask(s, "SELECT count(*) FROM flows"), written);
		is(ask(s, "SELECT count(DISTINCT request_id) FROM flows"), written);
		printf("# %u lines, %u rotations\n", written, rotated);
		store_close(&s, &e);
	}
	free(egret);
	if (chdir("..") == 0 && !tap_failed)
		run_tool("rm", "-rf", dir);
	return tap_end();
}
