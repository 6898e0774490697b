/*
 * store_view: the views that people query; docs/schema.md describes them.
 *
 * `flows` is made from field.def and column.def, the rest from views.sql, where {what:expr} stands
 * for the ways in which a stored number is shown.  Views hold no data: they are made anew when
 * this program's differ from the database's.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/asset.h"
#include "schema/store_part.h"

extern const struct asset views[];

static void ref_sql(struct buf *b, struct slice x)
{
	int n = (int)x.n;
	const char *p = (const char *)x.p;

	buf_printf(b, "CASE %.*s WHEN 0 THEN NULL WHEN -1 THEN '(none)' WHEN -2 THEN '(other)'"
		      " ELSE (SELECT text FROM text WHERE id = %.*s) END", n, p, n, p);
}

/* RFC 3339 with as many digits as needed. */
static void time_sql(struct buf *b, struct slice x)
{
	int n = (int)x.n;
	const char *p = (const char *)x.p;

	buf_printf(b, "strftime('%%Y-%%m-%%dT%%H:%%M:%%S', %.*s / 1000000000, 'unixepoch') ||"
		      " CASE WHEN %.*s %% 1000000000 = 0 THEN '' ELSE"
		      " rtrim(printf('.%%09d', %.*s %% 1000000000), '0') END || 'Z'",
		   n, p, n, p, n, p);
}

static void enum_sql(struct buf *b, enum flow_enum t, struct slice x)
{
	buf_printf(b, "CASE %.*s", (int)x.n, (const char *)x.p);
	for (int v = 1; v <= FLOW_ENUM_MAX; v++)
		if (flow_enum_name(t, v))
			buf_printf(b, " WHEN %d THEN '%s'", v, flow_enum_name(t, v));
	buf_str(b, " END");
}

static void severity_sql(struct buf *b, struct slice x)
{
	buf_printf(b, "CASE %.*s", (int)x.n, (const char *)x.p);
	for (int v = SEV_INFO; v <= SEV_CRITICAL; v++)
		buf_printf(b, " WHEN %d THEN '%s'", v, severity_name((enum severity)v));
	buf_str(b, " END");
}

/* Text, or the ref of one. */
static void any_sql(struct buf *b, const char *x)
{
	buf_printf(b, "CASE typeof(%s) WHEN 'integer' THEN (SELECT text FROM text WHERE id = %s)"
		      " ELSE %s END", x, x, x);
}

/* A column of table flow: an IPv4 address as a number, or 2^32 + ref. */
static void ip_sql(struct buf *b, const char *x)
{
	buf_printf(b, "CASE WHEN %s IS NULL THEN NULL WHEN %s >= 4294967296 THEN"
		      " (SELECT text FROM text WHERE id = %s - 4294967296) ELSE"
		      " printf('%%d.%%d.%%d.%%d', %s >> 24 & 255, %s >> 16 & 255, %s >> 8 & 255,"
		      " %s & 255) END", x, x, x, x, x, x, x);
}

static void remote_ip_sql(struct buf *b, const char *x)
{
	buf_printf(b, "CASE %s WHEN %lld THEN '0.0.0.1' WHEN %d THEN ", x, (long long)REMOTE_ONE,
		   REMOTE_IS_SOURCE);
	any_sql(b, "p.source_ip");
	buf_str(b, " ELSE ");
	ip_sql(b, x);
	buf_str(b, " END");
}

static void uuid_sql(struct buf *b, const char *x)
{
	static const int at[][2] = { { 1, 8 }, { 9, 4 }, { 13, 4 }, { 17, 4 }, { 21, 12 } };

	buf_printf(b, "CASE typeof(%s) WHEN 'blob' THEN lower(", x);
	for (int k = 0; k < 5; k++)
		buf_printf(b, "%ssubstr(hex(%s), %d, %d)", k ? " || '-' || " : "", x, at[k][0],
			   at[k][1]);
	buf_printf(b, ") WHEN 'integer' THEN (SELECT text FROM text WHERE id = %s) ELSE %s END", x, x);
}

const char store_ended_sql[] =
	"(CASE WHEN f.ended = -1 THEN f.started_at + CAST(round(f.duration_ms * 1000000) AS INTEGER)"
	" WHEN f.ended < -1 THEN f.started_at + f.ended + 1 ELSE f.started_at + f.ended END)";

static char alias(unsigned place)
{
	return "ptrf"[place];
}

/* How the flows view shows field k, without its name. */
static void field_sql(struct buf *b, enum flow_field k, unsigned place)
{
	char x[64];
	struct slice s;

	sqlite3_snprintf(sizeof x, x, "%c.%s", alias(place), field_info[k].name);
	s = slice_of(x);
	if (k == F_REQUEST_ID)
		uuid_sql(b, x);
	else if (k == F_REMOTE_IP)
		remote_ip_sql(b, x);
	else if (k == F_ENDED_AT)
		time_sql(b, slice_of(store_ended_sql));
	else if (field_info[k].type == FLOW_IP && place == PLACE_FLOW)
		ip_sql(b, x);
	else if (field_info[k].type >= FLOW_ENUM)
		enum_sql(b, (enum flow_enum)(field_info[k].type - FLOW_ENUM), s);
	else if (field_info[k].type == FLOW_TIME)
		time_sql(b, s);
	else if (field_info[k].type == FLOW_TEXT || field_info[k].type == FLOW_JSON ||
		 field_info[k].type == FLOW_IP)
		any_sql(b, x);
	else
		buf_str(b, x);
}

static unsigned place_of(enum flow_field k)
{
	for (size_t i = 0; i < n_columns; i++)
		if (columns[i].field == k)
			return columns[i].place;
	return PLACE_MORE;
}

static void absent_sql(struct buf *b)
{
	static const char *const from[] = { "p.absent", "t.absent", "r.absent", "r.absent_row" };

	buf_str(b, "trim(");
	for (size_t k = 0; k < sizeof from / sizeof *from; k++)
		buf_printf(b, "%scoalesce((SELECT text FROM text WHERE id = %s), '')",
			   k ? " || ' ' || " : "", from[k]);
	buf_str(b, ")");
}

static void flows_view(struct buf *b)
{
	buf_str(b, "CREATE VIEW flows AS SELECT f.id AS id");
	for (size_t i = 0; i < F_COUNT; i++) {
		enum flow_field field = flow_order[i];
		unsigned place = place_of(field);
		const char *name = field_info[field].name;

		if (field == F_ID)
			continue;
		buf_str(b, ",\n ");
		if (place == PLACE_MORE)
			buf_printf(b, "json_extract(f.more, '$.%s')", name);
		else
			field_sql(b, field, place);
		buf_printf(b, " AS %s", name);
		if (field == F_STARTED_AT)
			buf_str(b, ", f.started_at AS started_at_ns");
		else if (field == F_ENDED_AT)
			buf_printf(b, ", %s AS ended_at_ns", store_ended_sql);
	}
	buf_str(b, ",\n CASE WHEN r.findings IS NOT NULL THEN (SELECT text FROM text WHERE"
		   " id = r.findings) WHEN r.verdict IS NOT NULL THEN '[]' END AS findings,\n ");
	any_sql(b, "t.host");
	buf_str(b, " AS host,\n ");
	absent_sql(b);
	buf_str(b, " AS absent\nFROM flow AS f LEFT JOIN peer AS p ON p.id = f.peer"
		   " LEFT JOIN target AS t ON t.id = f.target"
		   " LEFT JOIN result AS r ON r.id = f.result;\n");
}

static void quoted(struct buf *b, struct slice s)
{
	buf_byte(b, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'')
			buf_byte(b, '\'');
		buf_byte(b, s.p[i]);
	}
	buf_byte(b, '\'');
}

/* "a|b" as a JSON array in SQL's quotes; NULL where there is nothing. */
static void ruled_out(struct buf *b, const char *list)
{
	struct slice rest = slice_of(list);

	if (!rest.n) {
		buf_str(b, "NULL");
		return;
	}
	buf_str(b, "json_array(");
	while (rest.n) {
		const uint8_t *bar = memchr(rest.p, '|', rest.n);
		size_t n = bar ? (size_t)(bar - rest.p) : rest.n;
		quoted(b, (struct slice){ rest.p, n });
		buf_str(b, bar ? ", " : ")");
		rest = slice_from(rest, n + (bar != NULL));
	}
}

/* The flow's fields that are the evidence of a finding: "{facts:code,flow}". */
static void facts_sql(struct buf *b, struct slice x)
{
	const uint8_t *comma = memchr(x.p, ',', x.n);
	int n = (int)(comma - x.p);

	buf_printf(b, "(SELECT json_patch('{}', CASE %.*s", n, (const char *)x.p);
	for (int k = 1; k < FINDING_CODES; k++) {
		buf_printf(b, "\n WHEN '%s' THEN json_object(", finding_info[k].code);
		for (const char *at = finding_fact[k].fields; *at;) {
			int len = (int)strcspn(at, ",");
			buf_printf(b, "'%.*s', w.%.*s%s", len, at, len, at, at[len] ? ", " : ")");
			at += len + (at[len] != 0);
		}
	}
	buf_printf(b, " END) FROM flows AS w WHERE w.id = %.*s)", (int)(x.n - (size_t)n - 1), (const char *)comma + 1);
}

/* "{ruled:code}" */
static void ruled_sql(struct buf *b, struct slice x)
{
	buf_printf(b, "CASE %.*s", (int)x.n, (const char *)x.p);
	for (int k = 1; k < FINDING_CODES; k++) {
		buf_printf(b, "\n WHEN '%s' THEN ", finding_info[k].code);
		ruled_out(b, finding_fact[k].ruled_out);
	}
	buf_str(b, " END");
}

static void row_sql(struct buf *b, bool first, const char *const *text, size_t n)
{
	buf_str(b, first ? " VALUES (" : ",\n (");
	for (size_t k = 0; k < n; k++) {
		if (k)
			buf_str(b, ", ");
		quoted(b, slice_of(text[k]));
	}
	buf_byte(b, ')');
}

static void catalogues(struct buf *b)
{
	buf_str(b, "CREATE VIEW finding_codes (code, severity, title, why, fix) AS");
	for (int k = 1; k < FINDING_CODES; k++) {
		const struct finding_info *i = &finding_info[k];
		row_sql(b, k == 1, (const char *const[]){ i->code, severity_name(i->severity),
							   i->title, i->why, i->fix }, 5);
	}
	buf_str(b, ";\nCREATE VIEW evidence_reasons (source, reason, kind, meaning) AS");
	for (int k = 0; k < EV_COUNT; k++) {
		const struct evidence_info *i = &evidence_info[k];
		row_sql(b, k == 0, (const char *const[]){ i->source, i->name, i->kind, i->meaning }, 4);
	}
	buf_str(b, ";\n");
}

/* "{ns:identity}" of views.sql: the part of a SPIFFE URI after /ns/ or /sa/. */
static void part_sql(struct buf *b, struct slice what)
{
	const char *p = (const char *)what.p, *mark = p + what.n - 2;
	int n = (int)what.n - 3;
	const char *of = "(SELECT text FROM text WHERE id = %.*s)";
	char x[128], y[400];

	sqlite3_snprintf(sizeof x, x, of, n, p);
	sqlite3_snprintf(sizeof y, y, "substr(%s, instr(%s, '/%.2s/') + 4)", x, x, mark);
	buf_printf(b, "CASE WHEN instr(%s, '/%.2s/') > 0 THEN substr(%s, 1, instr(%s || '/', '/') - 1) END",
		   x, mark, y, y);
}

static void spiffe_sql(struct buf *b, struct slice x)
{
	buf_printf(b, "(SELECT CASE WHEN text LIKE 'spiffe://%%' THEN substr(text, 10,"
		      " instr(substr(text, 10) || '/', '/') - 1) END FROM text WHERE id = %.*s)",
		   (int)x.n, (const char *)x.p);
}

static void macro(struct buf *b, struct slice name, struct slice x)
{
	static const struct { const char *name; enum flow_enum t; } enums[] = {
		{ "observed_by", ENUM_OBSERVED_BY }, { "leg", ENUM_LEG },
		{ "verdict", ENUM_VERDICT }, { "outcome", ENUM_OUTCOME },
		{ "identity_source", ENUM_IDENTITY_SOURCE }, { "action", ENUM_ACTION },
	};
	static const struct { const char *name; void (*write)(struct buf *, struct slice); } ways[] = {
		{ "ref", ref_sql }, { "time", time_sql }, { "severity", severity_sql },
		{ "part", part_sql }, { "spiffe", spiffe_sql },
		{ "facts", facts_sql }, { "ruled", ruled_sql },
	};

	for (size_t k = 0; k < sizeof enums / sizeof *enums; k++)
		if (slice_is(name, enums[k].name))
			enum_sql(b, enums[k].t, x);
	for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
		if (slice_is(name, ways[k].name))
			ways[k].write(b, x);
}

static const uint8_t *find_byte(const uint8_t *p, const uint8_t *end, int c)
{
	const uint8_t *at = memchr(p, c, (size_t)(end - p));

	return at ? at : end;
}

static void expand(struct buf *b, struct slice in)
{
	const uint8_t *p = in.p, *end = in.p + in.n;

	while (p < end) {
		const uint8_t *open = find_byte(p, end, '{'), *colon, *close;

		buf_add(b, (struct slice){ p, (size_t)(open - p) });
		if (open == end)
			return;
		colon = find_byte(open, end, ':');
		close = find_byte(colon, end, '}');
		assert(close < end);
		macro(b, (struct slice){ open + 1, (size_t)(colon - open - 1) },
		      (struct slice){ colon + 1, (size_t)(close - colon - 1) });
		p = close + 1;
	}
}

static int drop_all(sqlite3 *db, struct err *e)
{
	sqlite3_stmt *q;
	struct buf b;
	int rc;

	if (sqlite3_prepare_v2(db, "SELECT 'DROP VIEW \"' || name || '\";' FROM sqlite_schema"
			       " WHERE type = 'view'", -1, &q, NULL) != SQLITE_OK)
		return db_error(db, e);
	buf_init(&b, 65536);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		buf_str(&b, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	buf_byte(&b, 0);
	rc = rc == SQLITE_DONE ? db_run(db, (const char *)b.p, e) : db_error(db, e);
	buf_release(&b);
	return rc;
}

/* Is `digest` (hex) the one that the database's views were made from? */
static bool current(sqlite3 *db, struct slice digest)
{
	sqlite3_stmt *q;
	bool same = false;

	if (sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = 'views'", -1, &q, NULL) ==
	    SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		same = slice_is(digest, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	return same;
}

int view_drop(sqlite3 *db, struct err *e)
{
	return drop_all(db, e) || db_run(db, "DELETE FROM meta WHERE name = 'views'", e) ? -1 : 0;
}

int view_make(sqlite3 *db, struct err *e)
{
	uint8_t digest[32];
	struct buf sql, hex;
	int rc = 0;

	buf_init(&sql, 1 << 20);
	buf_init(&hex, 256);
	flows_view(&sql);
	catalogues(&sql);
	for (const struct asset *a = views; a->name; a++)
		expand(&sql, (struct slice){ a->data, a->len });
	if (!EVP_Digest(sql.p, sql.n, digest, NULL, EVP_sha256(), NULL))
		abort();
	buf_hex(&hex, (struct slice){ digest, sizeof digest });
	if (!current(db, buf_slice(&hex))) {
		buf_printf(&sql, "INSERT OR REPLACE INTO meta VALUES ('views', '%.*s')",
			   (int)hex.n, (const char *)hex.p);
		buf_byte(&sql, 0);
		rc = drop_all(db, e) || db_run(db, (const char *)sql.p, e) ? -1 : 0;
		if (rc)
			err_at(e, "views");
	}
	buf_release(&sql);
	buf_release(&hex);
	return rc;
}
