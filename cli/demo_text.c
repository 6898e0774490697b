/*
 * demo_text: a few questions to the database, each one SQL statement over the documented views.
 */
#include "cli/demo_text.h"

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "common/buf.h"
#include "schema/store.h"

static const char who_sql[] =
	"SELECT coalesce(source_namespace || '/' || source_service_account,"
	" source_ip || ' (nobody named)') AS who,"
	" coalesce(authority, inner_sni, sni, destination_ip) AS whom, count(*),"
	" count(nullif(verdict = 'allow', 0)), count(nullif(verdict = 'deny', 0)),"
	" count(nullif(verdict = 'unknown', 0)), count(nullif(outcome = 'served', 0)),"
	" count(nullif(outcome = 'refused', 0)), count(nullif(outcome = 'failed', 0))"
	" FROM flows WHERE leg = 'downstream' GROUP BY who, whom ORDER BY who, whom";

static const char violations_sql[] =
	"SELECT f.severity, f.code, coalesce(w.source_namespace || '/' || w.source_service_account,"
	" w.source_ip), coalesce(w.method || ' ' || w.authority || w.path,"
	" 'TLS to ' || nullif(w.inner_sni, w.sni) || ' in a tunnel for ' || w.sni,"
	" 'TLS to ' || w.sni, f.host), f.sentence, f.flows, w.id"
	" FROM findings AS f LEFT JOIN flows AS w ON w.id ="
	" (SELECT min(flow_id) FROM finding_flows WHERE finding_id = f.id)"
	" ORDER BY f.severity_rank DESC, f.first_seen_ns, f.code";

static const char agree_sql[] =
	"SELECT sum(verdict = 'allow' AND outcome = 'served'), sum(verdict = 'deny' AND outcome = 'refused'),"
	" sum(leg = 'downstream'), sum(leg = 'upstream'), sum(observed_by = 'wire+log') FROM flows";

enum { AGREE_SERVED, AGREE_REFUSED, DOWNSTREAM, UPSTREAM, BOTH, AGREE_COLUMNS };

struct report {
	FILE *out;
	const char *db;
	bool explain;			/* the verb is there */
	uint64_t agree[AGREE_COLUMNS];
};

/* A value made safe for a terminal, at least `width` wide (negative: to the left). */
static void put(FILE *out, const struct store_value *v, int width)
{
	struct buf b;

	buf_init(&b, 4096);
	if (v->type == STORE_INT)
		buf_int(&b, v->num);
	else if (v->type == STORE_TEXT)
		buf_quote(&b, v->text);
	else
		buf_str(&b, "-");
	fprintf(out, "%*.*s", width, (int)b.n, (const char *)b.p);
	buf_release(&b);
}

static int who_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	static const int width[] = { -29, -24, 6, 8, 7, 8, 7, 8, 7 };
	struct report *r = ctx;

	(void)names;
	fputs("  ", r->out);
	for (size_t i = 0; i < n && i < sizeof width / sizeof *width; i++)
		put(r->out, &v[i], width[i]);
	fputs("\n", r->out);
	return 0;
}

static int violation_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct report *r = ctx;

	(void)names, (void)n;
	fputs("  ", r->out);
	put(r->out, &v[0], -10);
	put(r->out, &v[1], -20);
	put(r->out, &v[2], 0);
	fputs(": ", r->out);
	put(r->out, &v[3], 0);
	if (v[5].num > 1)
		fprintf(r->out, " (%" PRId64 " flows)", v[5].num);
	fputs("\n            ", r->out);
	put(r->out, &v[4], 0);
	if (r->explain && v[6].type == STORE_INT)
		fprintf(r->out, "\n            egret explain --db %s %" PRId64, r->db, v[6].num);
	fputs("\n", r->out);
	return 0;
}

static int agree_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct report *r = ctx;

	(void)names;
	for (size_t i = 0; i < n && i < AGREE_COLUMNS; i++)
		r->agree[i] = v[i].type == STORE_INT ? (uint64_t)v[i].num : 0;
	return 0;
}

static bool verb_exists(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return true;
	return false;
}

static void what_was_read(FILE *out, const struct policy_set *set, const struct evidence *ev)
{
	fprintf(out, "  %-11s%" PRIu64 " packets in %" PRIu64 " TCP connections; %" PRIu64 " of %" PRIu64
		" TLS connections opened with the key log\n", "wire", ev->n[EV_PACKETS],
		ev->n[EV_CONNECTIONS], ev->n[EV_TLS_DECRYPTED], ev->n[EV_TLS_HANDSHAKES]);
	fprintf(out, "  %-11s%" PRIu64 " access-log lines, %" PRIu64 " understood\n", "log",
		ev->n[EV_LINES], ev->n[EV_LINES_PARSED]);
	fprintf(out, "  %-11s%zu objects, revision %.12s\n", "policies", set->n, set->revision);
	for (int k = 0; k < EV_COUNT; k++)
		if (ev->n[k] && !strcmp(evidence_info[k].kind, "lost"))
			fprintf(out, "  %-11s%" PRIu64 " %s\n", "missing", ev->n[k],
				evidence_info[k].meaning);
}

static int ask(struct store *s, const char *sql, store_row_fn *row, struct report *r, struct err *e)
{
	struct store_result result;

	return store_query(s, sql, NULL, 0, (struct store_limits){ 0 }, row, r, &result, e);
}

static int tell(struct store *s, struct report *r, const struct analysis_count *count, struct err *e)
{
	FILE *out = r->out;

	if (ask(s, agree_sql, agree_row, r, e))
		return -1;
	fprintf(out, "\n%" PRIu64 " flows: %" PRIu64 " from workloads to the gateway, %" PRIu64
		" from the gateway to the outside; %" PRIu64 " told by wire and log together\n\n",
		count->flows, r->agree[DOWNSTREAM], r->agree[UPSTREAM], r->agree[BOTH]);
	fprintf(out, "  %-29s%-24s%6s%8s%7s%8s%7s%8s%7s\n", "who", "to whom", "flows", "allowed",
		"denied", "unknown", "served", "refused", "failed");
	if (ask(s, who_sql, who_row, r, e))
		return -1;
	fprintf(out, "\nAs declared: %" PRIu64 " allowed and served, %" PRIu64 " denied and refused.\n"
		"Not as it should be, worst first:\n", r->agree[AGREE_SERVED], r->agree[AGREE_REFUSED]);
	return ask(s, violations_sql, violation_row, r, e);
}

int demo_text(FILE *out, const char *db, const char *dir, const struct policy_set *set,
	      const struct evidence *ev, const struct analysis_count *count, struct err *e)
{
	struct report r = { .out = out, .db = db, .explain = verb_exists("explain") };
	struct store *s = store_open(db, STORE_READ, e);
	int failed;

	if (!s)
		return -1;
	fprintf(out, "Recorded at an egress gateway (%s)\n", dir);
	what_was_read(out, set, ev);
	failed = tell(s, &r, count, e);
	store_close(&s, &(struct err){ 0 });
	if (!failed)
		fprintf(out, "\ndatabase: %s\n", db);
	return failed;
}
