/*
 * ingest of a file that does not grow, killed at random moments until it is through; then ingest --follow, killed a
 * hundred times while its log grows and rotates (renamed, copied and truncated, compressed): every line is stored
 * and counted exactly once, also one that is not understood.  Then a container runtime's log of two
 * streams, whose lines lie in parts among each other's; and the agent with a tap beside the log, where lines
 * wait for packets and leave in another order than they came in.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "schema/store.h"
#include "tests/run_tool.h"
#include "tests/tap.h"

enum { KILLS = 100, CRI_KILLS = 25, TAP_KILLS = 25, MOMENT_US = 60000, LONG_US = 1500000, TAP_US = 3000000, LARGE = 1500000,
	FILE_LINES = 250000, FILE_US = 400000 };

static char dir[] = "egret-kill-XXXXXX";
static bool tap;			/* lines of now, of several connections */
static bool cri;			/* as a container runtime wraps them */
static unsigned seed, written, rotated;
static unsigned lines, bad, large;	/* lines of the file; those that are no access lines; longer than any may be */
static FILE *log_file;

static unsigned draw(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

static void print_time(char *to, size_t n)
{
	struct timespec t = { 0 };
	struct tm tm;

	if (tap)
		clock_gettime(CLOCK_REALTIME, &t);
	else
		t = (struct timespec){ 1767607200 + written / 1000, written % 1000 * 1000000L };
	gmtime_r(&t.tv_sec, &tm);
	strftime(to, n, "%Y-%m-%dT%H:%M:%S", &tm);
	size_t at = strlen(to);
	snprintf(to + at, n - at, ".%03ldZ", t.tv_nsec / 1000000);
}

/* The next access line, without its end. */
static void next_line(char *to, size_t n)
{
	char at[40];

	written++;
	print_time(at, sizeof at);
	snprintf(to, n, "[%s] \"GET /a/%u HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" "
			"\"u\" \"id-%u\" \"h.example\" \"1.2.3.4:443\" outbound|443||h.example 10.0.0.1:1 10.0.0.1:8443 "
			"10.0.0.2:%u h.example -", at, written % 7, written, 5 + (tap ? draw(40) : 0));
}

#define CRI_AT "2026-01-05T10:00:00.123456789Z "

static char rest[512];			/* of the line that is open */
static const char *rest_of;		/* its stream */

/* It counts; and may be one that is read in pieces. */
static void not_a_line(void)
{
	lines++;
	if (draw(50)) {
		fputs("Envoy says something else\n", log_file);
		bad++;
		return;
	}
	for (unsigned k = 0; k < LARGE / 64; k++) {
		fputs("................................................................", log_file);
		if (draw(LARGE / 64) < 2) {
			fflush(log_file);
			usleep(draw(MOMENT_US));
		}
	}
	fputc('\n', log_file);
	large++;
}

/* A line of one stream begins, and some of the other come after it. */
static void begin_parts(void)
{
	static const char *const streams[] = { "stdout", "stderr" };
	char line[512];
	unsigned stream = draw(2), between = draw(3);

	next_line(line, sizeof line);
	int first = (int)draw((unsigned)strlen(line));
	strcpy(rest, line + first);
	rest_of = streams[stream];
	fprintf(log_file, CRI_AT "%s P %.*s\n", rest_of, first, line);
	lines += 2 + between;
	while (between--) {
		next_line(line, sizeof line);
		fprintf(log_file, CRI_AT "%s F %s\n", streams[!stream], line);
		if (draw(4) == 0)
			not_a_line();
	}
	fflush(log_file);
}

static void end_parts(void)
{
	fprintf(log_file, CRI_AT "%s F %s\n", rest_of, rest);
}

static void append(unsigned n)
{
	char line[512];

	while (n--) {
		if (cri) {
			begin_parts();
			end_parts();
		} else {
			next_line(line, sizeof line);
			fprintf(log_file, "%s\n", line);
			lines++;
		}
		if (draw(64) == 0)
			not_a_line();
		/* The stream's buffer ends inside a line now and then. */
		if (draw(16) == 0)
			fflush(log_file);
	}
	fflush(log_file);
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
		if (follow && tap)
			execl(egret, "egret", "run", "-c", "egret.yaml", NULL);
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

/* One life of it, and what happens meanwhile and after. */
static void kill_once(const char *egret)
{
	int status;
	pid_t p = start(egret, true);

	append(draw(300));
	usleep(draw(MOMENT_US));
	append(draw(300));
	/* A commit a second: some runs live to see one. */
	if (tap || draw(5) == 0)
		usleep(draw(tap ? TAP_US : LONG_US));
	append(draw(10));
	if (draw(5) == 0)
		rotate();
	usleep(draw(MOMENT_US));
	if (cri) {
		begin_parts();
		usleep(draw(LONG_US));
	}
	kill(p, SIGKILL);
	waitpid(p, &status, 0);
	if (cri)
		end_parts();
	append(draw(50));
	if (draw(8) == 0)
		rotate();
}

static void begin(void)
{
	written = rotated = lines = bad = large = 0;
	if (!mkdtemp(strcpy(dir, "egret-kill-XXXXXX")) || chdir(dir) || !(log_file = fopen("access.log", "a")))
		abort();
}

static void end(void)
{
	if (chdir("..") == 0 && !tap_failed)
		run_tool("rm", "-rf", dir);
}

/* A file that does not grow: at any moment as many lines are counted as are stored. */
static void one_file(const char *egret)
{
	static const char sum[] = "SELECT coalesce((SELECT sum(n) FROM coverage WHERE reason = '%s'), 0)";
	char sql[120];
	struct err e;
	int status = 1;

	begin();
	append(FILE_LINES);
	fclose(log_file);
	for (unsigned kill_us = FILE_US; status; kill_us += FILE_US / 4) {
		pid_t p = start(egret, false);
		usleep(draw(kill_us));
		kill(p, SIGKILL);
		waitpid(p, &status, 0);
		struct store *s = access("kill.db", F_OK) ? NULL : store_open("kill.db", STORE_READ, &e);
		if (!s)
			continue;
		int64_t rows = ask(s, "SELECT count(*) FROM flows");
		snprintf(sql, sizeof sql, sum, "lines_parsed");
		is(ask(s, sql), rows);
		snprintf(sql, sizeof sql, sum, "lines");
		ok(ask(s, sql) >= rows && (status || (rows == written && ask(s, sql) == lines)));
		store_close(&s, &e);
	}
	end();
}

static void every_line_once(const char *egret, int kills)
{
	struct err e = { 0 };
	int status;

	begin();
	FILE *config = fopen("egret.yaml", "w");
	if (!config)
		abort();
	fputs("capture: {interface: lo, filter: tcp port 9}\nlogs: {paths: [access.log], format: text}\n"
	      "policies: {settle: 1s}\nstore: {path: kill.db}\nweb: {listen: 'off'}\n", config);
	fclose(config);
	append(10);
	/* Files rotated away before the first commit ever are nobody's: begin with one. */
	waitpid(start(egret, false), &status, 0);
	for (int k = 0; k < kills; k++)
		kill_once(egret);
	fclose(log_file);
	waitpid(start(egret, false), &status, 0);
	is(status, 0);
	struct store *s = store_open("kill.db", STORE_READ, &e);
	ok(s != NULL);
	if (s) {
		is(ask(s, "SELECT count(*) FROM flows"), written);
		is(ask(s, "SELECT count(DISTINCT request_id) FROM flows"), written);
		is(ask(s, "SELECT sum(n) FROM coverage WHERE reason = 'lines'"), lines);
		is(ask(s, "SELECT sum(n) FROM coverage WHERE reason = 'lines_parsed'"), written);
		is(ask(s, "SELECT sum(n) FROM coverage WHERE reason = 'not_the_format'"), bad);
		is(ask(s, "SELECT sum(n) FROM coverage WHERE reason = 'too_long'"), large);
		ok(ask(s, "SELECT count(*) FROM batches") > 2);
		printf("# %u lines of %u, %u rotations, %lld batches\n", written, lines, rotated,
		       (long long)ask(s, "SELECT count(*) FROM batches"));
		store_close(&s, &e);
	}
	end();
}

int main(void)
{
	const char *given = getenv("EGRET"), *fixed = getenv("EGRET_SEED");
	char *egret = realpath(given ? given : "./egret", NULL);

	if (!egret) {
		printf("1..0 # SKIP egret is not built\n");
		return 0;
	}
	seed = fixed ? (unsigned)strtoul(fixed, NULL, 10) : (unsigned)time(NULL);
	printf("# EGRET_SEED=%u\n", seed);
	one_file(egret);
	every_line_once(egret, KILLS);
	cri = true;
	every_line_once(egret, CRI_KILLS);
	cri = false;
	tap = true;
	if (geteuid() == 0)
		every_line_once(egret, TAP_KILLS);
	else
		printf("ok %d - # SKIP a tap needs a right to capture\n", ++tap_count);
	free(egret);
	return tap_end();
}
