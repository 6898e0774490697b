/*
 * doctor_store: what a database says about the evidence that filled it.
 *
 * Counts come from rollups; why flows were not joined is asked of the newest rows alone, so that the
 * time does not grow with the database.
 */
#include "cli/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

enum { VERIFY_MOST = 2000000, LOST_SHOWN = 20, OFFSETS_SHOWN = 20 };

/* The newest flows, as few columns as the questions need. */
#define NEWEST \
	"WITH f AS (SELECT observed_by, leg, verdict, missing, started_at_ns AS at, source_ip, source_port," \
	" destination_ip, destination_port, connection_id, tls_version, tls_decrypted FROM flows WHERE id > (SELECT max(id) FROM flows) - 50000) "

static const struct store_limits limits = { .time_ns = 10 * NS_PER_S };

static int ask(struct doctor *d, struct store *s, const char *sql, store_row_fn *row, void *ctx)
{
	struct store_result result = { 0 };
	struct err e = { 0 };

	if (!store_query(s, sql, NULL, 0, limits, row, ctx, &result, &e) && !result.cut_time)
		return 0;
	doctor_add(d, DOCTOR_UNCHECKED, "database.read", NULL, "%s", e.kind ? e.msg
		   : "a question took longer than 10 s: the database is large");
	return -1;
}

static double share(int64_t part, int64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

struct counted {
	int64_t n[4];
};

static int numbers(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct counted *c = ctx;

	(void)names;
	for (size_t i = 0; i < n && i < 4; i++)
		c->n[i] = v[i].num;
	return 0;
}

/* --- joins */

struct side {
	int64_t n, from, to, no_ports;
};

struct joins {
	struct side wire, log, both;
	int64_t outside_wire, outside_log;	/* log lines outside the wire's time, and the reverse */
	int64_t pairs, offset;			/* not joined, same addresses: log's time less the wire's */
};

static int by_evidence(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct joins *j = ctx;
	struct side *to = slice_is(v[0].text, "wire") ? &j->wire : slice_is(v[0].text, "log") ? &j->log : &j->both;

	(void)n, (void)names;
	*to = (struct side){ v[1].num, v[2].num, v[3].num, v[4].num };
	return 0;
}

static int outside(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct joins *j = ctx;

	(void)n, (void)names;
	j->outside_log = v[0].num;
	j->outside_wire = v[1].num;
	return 0;
}

static int offset(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct joins *j = ctx;

	(void)n, (void)names;
	j->pairs = v[0].num;
	j->offset = v[1].num;
	return 0;
}

#define MINE "(observed_by <> 'wire' OR leg IS NULL OR leg = 'downstream')"

static int read_joins(struct doctor *d, struct store *s, struct joins *j)
{
	static const char counts[] = NEWEST
		"SELECT observed_by, count(*), min(at), max(at), sum(coalesce(source_port, 0) = 0 OR"
		" coalesce(destination_port, 0) = 0) FROM f WHERE " MINE " GROUP BY 1";
	static const char periods[] = NEWEST
		", lp AS (SELECT min(at) AS a, max(at) AS b FROM f WHERE observed_by <> 'wire')"
		", wp AS (SELECT min(at) AS a, max(at) AS b FROM f WHERE observed_by <> 'log') "
		"SELECT coalesce(sum(observed_by = 'wire' AND (at < lp.a OR at > lp.b)), 0),"
		" coalesce(sum(observed_by = 'log' AND (at < wp.a OR at > wp.b)), 0) FROM f, lp, wp WHERE " MINE;
	static const char offsets[] = NEWEST
		", d AS (SELECT l.at - w.at AS x FROM (SELECT * FROM f WHERE observed_by = 'wire') AS w"
		" JOIN (SELECT * FROM f WHERE observed_by = 'log') AS l USING"
		" (source_port, source_ip, destination_ip, destination_port)) "
		"SELECT count(*), (SELECT x FROM d ORDER BY x LIMIT 1 OFFSET (SELECT count(*) / 2 FROM d)) FROM d";

	if (ask(d, s, counts, by_evidence, j))
		return -1;
	if (!(j->wire.n + j->both.n) || !(j->log.n + j->both.n))
		return 0;
	if (ask(d, s, periods, outside, j))
		return -1;
	return j->wire.n && j->log.n ? ask(d, s, offsets, offset, j) : 0;
}

static const char *offset_words(char *to, size_t n, int64_t ns)
{
	double s = (double)(ns < 0 ? -ns : ns) / 1e9;

	snprintf(to, n, "%.3g %s %s", s < 120 ? s : s < 7200 ? s / 60 : s / 3600,
		 s < 120 ? "s" : s < 7200 ? "minutes" : "hours", ns < 0 ? "behind" : "ahead of");
	return to;
}

static void join_side(struct doctor *d, const char *of, const char *name, const char *what, int64_t joined, int64_t alone,
		      const char *why, const char *fix)
{
	double p = share(joined, joined + alone);

	doctor_add(d, p < 50 ? DOCTOR_PROBLEM : p < 95 ? DOCTOR_WARNING : DOCTOR_OK, name, p < 95 ? fix : NULL,
		   "%s: %.1f %% of %" PRId64 " %s%s", of, p, joined + alone, what, why);
}

static void join_shares(struct doctor *d, const struct joins *j, const char *of)
{
	char why[256] = "", t[64];
	bool shifted = j->pairs > 2 && (j->offset > NS_PER_S || j->offset < -NS_PER_S);

	if (j->wire.n)
		snprintf(why, sizeof why, "; of the others %" PRId64 " lie outside the time that the log covers, and for %"
			 PRId64 " the log has a line of the same addresses at another time", j->outside_log, j->pairs);
	join_side(d, of, "join.wire", "flows on the wire have a log line", j->both.n, j->wire.n, why,
		  j->outside_log * 2 > j->wire.n ? "give the log of the same time as the packets"
		  : "log every listener (meshConfig.accessLogFile, Telemetry), without filters");
	why[0] = 0;
	if (j->log.n)
		snprintf(why, sizeof why, "; of the others %" PRId64 " name no ports, and %" PRId64
			 " lie outside the time that the tap covers", j->log.no_ports, j->outside_wire);
	join_side(d, of, "join.log", "log lines have their packets", j->both.n, j->log.n, why,
		  j->log.no_ports * 2 > j->log.n
		  ? "add %DOWNSTREAM_REMOTE_ADDRESS% and %DOWNSTREAM_LOCAL_ADDRESS% (with ports) to the format"
		  : "tap the interface of the same gateway pod, and of all its workers");
	if (shifted)
		doctor_add(d, DOCTOR_PROBLEM, "clock.offset",
			   "set both clocks by NTP; flows join only where they differ by less than 2 s",
			   "%s: the log's clock is %s the wire's (the median of %" PRId64 " flows with the same addresses)",
			   of, offset_words(t, sizeof t, j->offset), j->pairs);
}

/* --- keys */

/* What goes to the gateway: the inner and upstream TLS of others has keys of its own. */
static void keys(struct doctor *d, struct store *s, const char *of)
{
	static const char sql[] = NEWEST
		"SELECT count(DISTINCT connection_id), count(DISTINCT connection_id) FILTER (WHERE tls_decrypted)"
		" FROM f WHERE tls_version IS NOT NULL AND observed_by <> 'log' AND (leg IS NULL OR leg = 'downstream')";
	static const char wrong[] =
		"SELECT coalesce(sum(n), 0) FROM coverage WHERE source = 'tls' AND reason = 'key_mismatch'";
	struct counted c = { { 0 } }, w = { { 0 } };

	if (ask(d, s, sql, numbers, &c) || ask(d, s, wrong, numbers, &w))
		return;
	if (w.n[0])
		doctor_add(d, DOCTOR_PROBLEM, "keylog.opens",
			   "the key log is of another process, or its lines were cut or mixed",
			   "%s: the keys of %" PRId64 " TLS connections are wrong: they do not open them", of, w.n[0]);
	if (!c.n[0]) {
		doctor_add(d, DOCTOR_UNCHECKED, "keylog.opens", NULL, "%s: no TLS to the gateway was seen on the wire",
			   of);
		return;
	}
	bool all = c.n[1] == c.n[0];
	doctor_add(d, all ? DOCTOR_OK : c.n[1] ? DOCTOR_WARNING : DOCTOR_PROBLEM, "keylog.opens", all ? NULL
		   : "--keylog FILE (capture.keylog): what the gateway's key_log wrote; it must cover the same time",
		   "%s: the keys opened %" PRId64 " of %" PRId64 " TLS connections to the gateway", of, c.n[1], c.n[0]);
}

/* --- clocks of what was joined: counted while it was */

struct clocks {
	int64_t timed, early, late;
};

static int clock_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct clocks *c = ctx;
	int64_t *to = slice_is(v[0].text, "timed") ? &c->timed : slice_is(v[0].text, "log_early") ? &c->early : &c->late;

	(void)n, (void)names;
	*to = v[1].num;
	return 0;
}

/* `joined`: of the newest flows. */
static void joined_clocks(struct doctor *d, struct store *s, const char *of, int64_t joined)
{
	struct clocks c = { 0 };

	if (ask(d, s, "SELECT reason, sum(n) FROM coverage WHERE source = 'join' GROUP BY reason", clock_row, &c))
		return;
	if (!c.timed && joined)
		doctor_add(d, DOCTOR_UNCHECKED, "clock.offset",
			   "a key log (--keylog) opens the connections: their requests then have times of their own",
			   "%s: %" PRId64 " flows were seen by both, none with a time of its own on the wire: each line"
			   " lies within its connection's time, give or take 2 s, and closer the clocks cannot be compared",
			   of, joined);
	else if (!c.timed)
		doctor_add(d, DOCTOR_UNCHECKED, "clock.offset", NULL,
			   "%s: no flow was seen by both, so the two clocks cannot be compared", of);
	else if ((c.early + c.late) * 10 > c.timed)
		doctor_add(d, DOCTOR_WARNING, "clock.offset", "set both clocks by NTP",
			   "%s: of %" PRId64 " joined flows with both times %" PRId64 " began in the log over 0.1 s before, and %"
			   PRId64 " over 0.1 s after they did on the wire", of, c.timed, c.early, c.late);
	else
		doctor_add(d, DOCTOR_OK, "clock.offset", NULL,
			   "%s: wire and log agree within 0.1 s on %.1f %% of %" PRId64 " joined flows with both times", of,
			   100 - share(c.early + c.late, c.timed), c.timed);
}

void doctor_stored(struct doctor *d, struct store *s, const char *of)
{
	struct joins j = { 0 };

	keys(d, s, of);
	if (read_joins(d, s, &j))
		return;
	if (!(j.wire.n + j.both.n) || !(j.log.n + j.both.n)) {
		bool wire = j.wire.n > 0, log = j.log.n > 0;
		doctor_add(d, DOCTOR_UNCHECKED, "join.wire", wire || log
			   ? "let egret run see both: capture.interface and logs.paths of the same gateway" : NULL,
			   "%s: %s, so there is nothing to join", of, wire ? "only the wire was seen"
			   : log ? "only a log was read" : "no flow is kept");
	} else {
		join_shares(d, &j, of);
	}
	joined_clocks(d, s, of, j.both.n);
}

/* --- a database that was filled before */

static void integrity(struct doctor *d, struct store *s)
{
	struct counted c = { { 0 } };
	struct store_verified v;
	struct err e = { 0 };

	if (ask(d, s, "SELECT coalesce(sum(flows), 0) FROM batches", numbers, &c))
		return;
	if (c.n[0] > VERIFY_MOST) {
		doctor_add(d, DOCTOR_UNCHECKED, "database.integrity", "egret verify --db FILE checks it all",
			   "%" PRId64 " flows are too many to be checked in passing", c.n[0]);
		return;
	}
	if (!store_verify(s, &v, &e)) {
		doctor_add(d, DOCTOR_OK, "database.integrity", NULL,
			   "%" PRIu64 " batches with %" PRIu64 " flows are as they were stored", v.batches, v.flows);
		return;
	}
	d->damaged = e.kind == ERR_INTEGRITY;
	doctor_add(d, DOCTOR_PROBLEM, "database.integrity", "restore it from a copy, and find out who changed it", "%s",
		   e.msg);
}

static int lost_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	static const struct { const char *source, *fix; } fixes[] = {
		{ "packet", "whole packets (snaplen), both directions, and a tap that keeps up" },
		{ "connection", "more memory for connections (capture.memory), and a tap where both directions pass" },
		{ "tls", "a key log that covers the same time, each session whole" },
		{ "http", "a tap from the beginning of the connections on, without gaps" },
		{ "log", "see the sample; --format with the gateway's own format, or JSON" },
	};
	const char *fix = "docs: schema, view coverage";

	(void)n, (void)names;
	for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
		if (slice_is(v[0].text, fixes[i].source))
			fix = fixes[i].fix;
	doctor_add(ctx, DOCTOR_WARNING, "database.evidence", fix,
		   "%.*s.%.*s: %" PRId64 " %.*s%s%.*s", (int)v[0].text.n, (const char *)v[0].text.p,
		   (int)v[1].text.n, (const char *)v[1].text.p, v[2].num, (int)v[3].text.n,
		   (const char *)v[3].text.p, v[4].text.n ? "; the first: " : "", (int)v[4].text.n,
		   (const char *)v[4].text.p);
	return 0;
}

static void not_understood(struct doctor *d, struct store *s)
{
	static const char sql[] =
		"SELECT source, reason, sum(n), max(meaning), coalesce((SELECT group_concat(place || ': ' || sample, ' | ')"
		" FROM (SELECT place, sample FROM evidence_samples AS x WHERE x.source = c.source AND"
		" x.reason = c.reason ORDER BY place LIMIT 3)), '')"
		" FROM coverage AS c WHERE kind = 'lost' GROUP BY source, reason ORDER BY 3 DESC LIMIT 20";
	size_t before = d->n;

	if (!ask(d, s, sql, lost_row, d) && d->n == before)
		doctor_add(d, DOCTOR_OK, "database.evidence", NULL, "nothing that was read was lost or not understood");
}

static int missing_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	(void)n, (void)names;
	doctor_add(ctx, DOCTOR_WARNING, "database.verdicts",
		   "egret explain FLOW says how to get it; egret doctor -p POLICIES LOG says what to add to the format",
		   "%" PRId64 " of the newest verdicts are unknown for want of %.*s", v[1].num, (int)v[0].text.n,
		   (const char *)v[0].text.p);
	return 0;
}

static void verdicts(struct doctor *d, struct store *s)
{
	struct counted c = { { 0 } };

	if (ask(d, s, "SELECT coalesce(sum(flows), 0), coalesce(sum(flows) FILTER (WHERE verdict IS NOT NULL), 0),"
		" coalesce(sum(flows) FILTER (WHERE verdict = 'unknown'), 0),"
		" coalesce(sum(flows) FILTER (WHERE verdict = 'none'), 0) FROM traffic", numbers, &c) || !c.n[0])
		return;
	if (!c.n[1])
		doctor_add(d, DOCTOR_WARNING, "database.verdicts", "give the policies: -p PATH (policies.paths)",
			   "none of %" PRId64 " flows was judged", c.n[0]);
	else if (c.n[3] == c.n[1])
		doctor_add(d, DOCTOR_PROBLEM, "database.verdicts", "--workload NS,k=v,... (gateway.workload)",
			   "no policy selected the gateway when these %" PRId64 " flows were judged", c.n[1]);
	else
		doctor_add(d, c.n[2] * 20 > c.n[1] ? DOCTOR_WARNING : DOCTOR_OK, "database.verdicts",
			   c.n[2] * 20 > c.n[1] ? "see what they lack, below" : NULL,
			   "%" PRId64 " of %" PRId64 " verdicts are unknown (%.1f %%)", c.n[2], c.n[1],
			   share(c.n[2], c.n[1]));
	if (c.n[2])
		ask(d, s, NEWEST "SELECT missing, count(*) FROM f WHERE verdict = 'unknown' AND missing IS NOT NULL"
		    " GROUP BY missing ORDER BY 2 DESC LIMIT 5", missing_row, d);
}

static int offset_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct doctor *d = ctx;
	struct stat st;
	char path[4096];

	(void)n, (void)names;
	snprintf(path, sizeof path, "%.*s", (int)v[0].text.n, (const char *)v[0].text.p);
	if (stat(path, &st)) {
		doctor_add(d, DOCTOR_UNCHECKED, "database.following", NULL, "%s: is not there any more", path);
		return 0;
	}
	int64_t idle = clock_now() / NS_PER_S - (int64_t)st.st_mtim.tv_sec;
	bool same = (uint64_t)v[1].num == (uint64_t)st.st_dev && (uint64_t)v[2].num == (uint64_t)st.st_ino;
	bool gz = v[0].text.n > 3 && slice_ends(v[0].text, SLICE(".gz"));
	if (same && !gz && st.st_size > v[3].num && idle > 60)
		doctor_add(d, DOCTOR_WARNING, "database.following", "egret run -c, or egret ingest, reads it on",
			   "%s: %" PRId64 " bytes were not read yet; nobody follows it", path,
			   (int64_t)st.st_size - v[3].num);
	else
		doctor_add(d, DOCTOR_OK, "database.following", NULL, "%s: read up to byte %" PRId64, path, v[3].num);
	return 0;
}

void doctor_database(struct doctor *d)
{
	struct err e = { 0 };
	const char *db = d->asked.db;

	if (access(db, F_OK) && (!d->asked.db_given || d->asked.config)) {
		doctor_add(d, DOCTOR_UNCHECKED, "database.version", "egret ingest or egret capture --db FILE makes one",
			   "there is no database %s: what was stored is not known", db);
		return;
	}
	struct store *s = store_open(db, STORE_READ, &e);
	struct counted version = { { 0 } };
	if (!s) {
		doctor_add(d, DOCTOR_PROBLEM, "database.version", "give the path of an egret database (--db)", "%s", e.msg);
		return;
	}
	if (!ask(d, s, "PRAGMA user_version", numbers, &version))
		doctor_add(d, DOCTOR_OK, "database.version", NULL, "%s is of version %" PRId64 ", which this egret knows",
			   db, version.n[0]);
	integrity(d, s);
	not_understood(d, s);
	verdicts(d, s);
	doctor_stored(d, s, db);
	ask(d, s, "SELECT path, device, inode, offset FROM log_offsets ORDER BY path LIMIT 20", offset_row, d);
	store_close(&s, &e);
}
