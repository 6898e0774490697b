/*
 * where_value: KEY OP VALUE of one field as SQL, by the field's type and by where the store keeps it.
 *
 * A condition on a side row's column becomes f.peer IN (SELECT id FROM peer WHERE ...): SQLite
 * works the few side rows out once and then only looks numbers up.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/ip.h"
#include "common/lower.h"
#include "schema/store_part.h"
#include "schema/where_part.h"

enum { STARS_MAX = 6 };

static const char *const signs[] = {
	[OP_IS] = "=", [OP_EXACT] = "=", [OP_NOT] = "=", [OP_HAS] = "=", [OP_LESS] = "<",
	[OP_LESS_EQ] = "<=", [OP_MORE] = ">", [OP_MORE_EQ] = ">=",
};

bool where_next(struct slice *rest, struct slice *one, bool whole)
{
	size_t n = 0;

	if (!rest->p)
		return false;
	while (n < rest->n && (whole || rest->p[n] != ','))
		n++;
	*one = (struct slice){ rest->p, n };
	if (n == rest->n)
		*rest = (struct slice){ NULL, 0 };
	else
		*rest = slice_from(*rest, n + 1);
	return true;
}

/* The value as a GLOB pattern; SQLite's [] are no wildcards here.  False: too many stars. */
static bool glob(struct slice v, bool anywhere, bool wild, struct buf *out)
{
	unsigned stars = 0;

	buf_str(out, anywhere ? "*" : "");
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		bool special = c == '[' || (!wild && (c == '*' || c == '?'));
		stars += c == '*' && !special;
		if (special)
			buf_printf(out, "[%c]", c);
		else
			buf_byte(out, c);
	}
	buf_str(out, anywhere ? "*" : "");
	return stars <= STARS_MAX;
}

static bool has_wildcard(struct slice v)
{
	return v.n && (memchr(v.p, '*', v.n) || memchr(v.p, '?', v.n));
}

static void lower_case(struct where *w, struct slice *v)
{
	uint8_t *p = arena_bytes(w->arena, v->n + 1);

	if (!p)
		return;
	lower_copy(p, v->p, v->n);
	v->p = p;
}

static int text_one(struct where *w, const struct where_term *t, const char *column, bool interned,
		    struct slice v, struct err *e)
{
	bool pattern = t->op == OP_HAS || (t->op == OP_IS && !t->quoted && has_wildcard(v));
	const char *sign = pattern ? "GLOB" : signs[t->op], *p;
	struct buf b;

	buf_init(&b, 4 * WHERE_TEXT_MAX);
	if (pattern) {
		bool ok = glob(v, t->op == OP_HAS, t->op == OP_IS, &b);
		if (!ok || b.full) {
			buf_release(&b);
			return where_wrong(t, e, "more than %d stars", STARS_MAX);
		}
		v = buf_slice(&b);
	}
	p = where_bind_text(w, v);
	if (interned)
		buf_printf(&w->sql, "%s IN (SELECT id FROM text WHERE text %s %s) OR ", column, sign, p);
	if (interned)
		buf_printf(&w->sql, "typeof(%s) = 'text' AND ", column);
	buf_printf(&w->sql, "%s %s %s", column, sign, p);
	buf_release(&b);
	return 0;
}

int where_text(struct where *w, const struct where_term *t, const char *column, bool interned,
	       bool lower, struct err *e)
{
	bool whole = t->quoted || t->op != OP_IS, first = true;
	struct slice rest = t->value, one;

	if (!text_clean(t->value))
		return where_wrong(t, e, "the value is not UTF-8");
	if (!rest.p)
		rest = SLICE("");
	while (where_next(&rest, &one, whole)) {
		if (lower)
			lower_case(w, &one);
		buf_str(&w->sql, first ? "" : " OR ");
		if (text_one(w, t, column, interned, one, e))
			return -1;
		first = false;
	}
	return 0;
}

/* "2026-11-24", RFC 3339, or a duration before now. */
int where_time(struct where *w, const struct where_term *t, int64_t *ns, struct err *e)
{
	char day[32];
	int64_t ago;

	if (clock_duration(t->value, &ago)) {
		*ns = w->now - ago;
		return 0;
	}
	if (t->value.n == 10) {
		snprintf(day, sizeof day, "%.10sT00:00:00Z", (const char *)t->value.p);
		if (clock_parse(slice_of(day), ns))
			return 0;
	}
	if (clock_parse(t->value, ns))
		return 0;
	return where_wrong(t, e, "%.*s takes a span (24h, 30d), a day (2026-11-24) or a time "
			   "(2026-11-24T08:00:00Z)", (int)t->key.n, (const char *)t->key.p);
}

static bool number(struct slice v, double *d)
{
	char text[40], *end;

	if (!v.n || v.n >= sizeof text)
		return false;
	memcpy(text, v.p, v.n);
	text[v.n] = 0;
	if (strspn(text, "0123456789.-+eE") != v.n)
		return false;
	*d = strtod(text, &end);
	return *end == 0 && isfinite(*d);
}

static const char *bind_number(struct where *w, double d)
{
	return fabs(d) < 9e15 && d == floor(d) ? where_bind_int(w, (int64_t)d)
					      : where_bind_real(w, d);
}

/* "5", "1..5" */
static int number_one(struct where *w, const struct where_term *t, const char *column,
		      struct slice v, struct err *e)
{
	double from, to;

	if (number(v, &from)) {
		buf_printf(&w->sql, "%s %s %s", column, signs[t->op], bind_number(w, from));
		return 0;
	}
	for (size_t i = 1; i + 2 < v.n && t->op == OP_IS; i++) {
		if (v.p[i] != '.' || v.p[i + 1] != '.')
			continue;
		if (!number((struct slice){ v.p, i }, &from) || !number(slice_from(v, i + 2), &to))
			break;
		const char *lo = bind_number(w, from);
		buf_printf(&w->sql, "%s BETWEEN %s AND %s", column, lo, bind_number(w, to));
		return 0;
	}
	return where_wrong(t, e, "%.*s takes a number, or a range like 500..599", (int)t->key.n,
			   (const char *)t->key.p);
}

static int enum_one(struct where *w, const struct where_term *t, const char *column, enum flow_enum of,
		    struct slice v, struct err *e)
{
	char names[200] = "";
	int value = flow_enum_value(of, v);
	size_t n = 0;

	if (value && (t->op == OP_IS || t->op == OP_EXACT)) {
		buf_printf(&w->sql, "%s = %d", column, value);
		return 0;
	}
	for (int k = 1; k <= FLOW_ENUM_MAX && n < sizeof names; k++)
		if (flow_enum_name(of, k))
			n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "",
					      flow_enum_name(of, k));
	return where_wrong(t, e, "%.*s is one of %s", (int)t->key.n, (const char *)t->key.p, names);
}

static int bool_one(struct where *w, const struct where_term *t, const char *column, struct slice v,
		    struct err *e)
{
	static const struct { const char *name; int value; } words[] = {
		{ "true", 1 }, { "yes", 1 }, { "1", 1 }, { "false", 0 }, { "no", 0 }, { "0", 0 },
	};

	for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
		if (!slice_is(v, words[k].name) || (t->op != OP_IS && t->op != OP_EXACT))
			continue;
		buf_printf(&w->sql, "%s = %d", column, words[k].value);
		return 0;
	}
	return where_wrong(t, e, "%.*s is true or false", (int)t->key.n, (const char *)t->key.p);
}

static uint32_t v4_of(const struct ip *ip)
{
	return (uint32_t)ip->b[12] << 24 | (uint32_t)ip->b[13] << 16 | (uint32_t)ip->b[14] << 8 |
	       ip->b[15];
}

/* A column of table flow: IPv4 is a number, so a block is a range; IPv6 is a text. */
static void ip_number(struct where *w, const char *column, const struct cidr *c, const char *text)
{
	if (ip_is_v4(&c->net) && c->bits >= 96) {
		uint32_t size = c->bits == 96 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (128 - c->bits)) - 1);
		uint32_t lo = v4_of(&c->net);
		if (c->bits == 96)
			buf_printf(&w->sql, "%s < 4294967296", column);
		else
			buf_printf(&w->sql, "%s BETWEEN %d AND %d", column, (int32_t)lo,
				   (int32_t)(lo + size));
		return;
	}
	buf_printf(&w->sql, "%s >= 4294967296 AND %s - 4294967296 IN (SELECT id FROM text WHERE"
		   " in_cidr(text, %s))", column, column, text);
}

/* One address, written as the store writes it. */
static void ip_text(struct where *w, const char *column, const struct ip *ip)
{
	struct buf b;

	buf_init(&b, 64);
	ip_print(&b, ip);
	buf_printf(&w->sql, "%s IN (SELECT id FROM text WHERE text = %s)", column,
		   where_bind_text(w, buf_slice(&b)));
	buf_release(&b);
}

static int ip_one(struct where *w, const struct where_term *t, const char *column, bool numbers,
		  struct slice v, struct err *e)
{
	struct cidr c;

	if (t->op > OP_EXACT || !cidr_parse(v, &c))
		return where_wrong(t, e, "%.*s takes an address or a block like 10.0.0.0/8",
				   (int)t->key.n, (const char *)t->key.p);
	if (numbers)
		ip_number(w, column, &c, where_bind_text(w, v));
	else if (c.bits == 128)
		ip_text(w, column, &c.net);
	else
		buf_printf(&w->sql, "%s IN (SELECT id FROM text WHERE in_cidr(text, %s))", column,
			   where_bind_text(w, v));
	return 0;
}

static int time_one(struct where *w, const struct where_term *t, const char *column, struct err *e)
{
	int64_t ns;

	if (where_time(w, t, &ns, e))
		return -1;
	buf_printf(&w->sql, "%s %s %s", column, signs[t->op], where_bind_int(w, ns));
	return 0;
}

/* A lower-case UUID is kept as its 16 bytes. */
static int request_id(struct where *w, const struct where_term *t, const char *column, struct err *e)
{
	uint8_t packed[16];

	if (store_uuid(t->value, packed) && t->op <= OP_EXACT) {
		buf_printf(&w->sql, "%s = %s", column,
			   where_bind_blob(w, (struct slice){ packed, sizeof packed }));
		return 0;
	}
	return where_text(w, t, column, true, false, e);
}

static bool lower_field(int field)
{
	return field == F_SNI || field == F_INNER_SNI || field == F_EXPECTED_SNI;
}

static int value_sql(struct where *w, const struct where_term *t, int field, unsigned place,
		     const char *column, struct err *e)
{
	enum flow_type type = field_info[field].type;
	struct slice rest = t->value, one;
	bool first = true;
	int rc = 0;

	if (field == F_REQUEST_ID)
		return request_id(w, t, column, e);
	if (type == FLOW_TEXT || type == FLOW_JSON)
		return where_text(w, t, column, place != PLACE_MORE, lower_field(field), e);
	if (type == FLOW_TIME)
		return time_one(w, t, column, e);
	if (t->op == OP_HAS)
		return where_wrong(t, e, "~ is for texts; %.*s is none", (int)t->key.n,
				   (const char *)t->key.p);
	while (!rc && where_next(&rest, &one, t->op != OP_IS)) {
		buf_str(&w->sql, first ? "" : " OR ");
		first = false;
		if (type == FLOW_IP)
			rc = ip_one(w, t, column, place == PLACE_FLOW, one, e);
		else if (type == FLOW_BOOL)
			rc = bool_one(w, t, column, one, e);
		else if (type >= FLOW_ENUM)
			rc = enum_one(w, t, column, (enum flow_enum)(type - FLOW_ENUM), one, e);
		else
			rc = number_one(w, t, column, one, e);
	}
	return rc;
}

/* The row's own, or the peer's where the row says that they are the same. */
static int remote_ip(struct where *w, const struct where_term *t, struct err *e)
{
	char column[80];

	snprintf(column, sizeof column, "(CASE f.remote_ip WHEN %lld THEN 1 ELSE f.remote_ip END)",
		 (long long)REMOTE_ONE);
	buf_printf(&w->sql, "(f.remote_ip <> %d AND (", REMOTE_IS_SOURCE);
	if (value_sql(w, t, F_REMOTE_IP, PLACE_FLOW, column, e))
		return -1;
	buf_printf(&w->sql, ") OR f.remote_ip = %d AND f.peer IN (SELECT id FROM peer WHERE ",
		   REMOTE_IS_SOURCE);
	if (value_sql(w, t, F_SOURCE_IP, GROUP_PEER, "source_ip", e))
		return -1;
	buf_str(&w->sql, "))");
	return 0;
}

/* Rows that only the partial index holds, when all alternatives are such. */
static void use_notable(struct where *w, const struct where_term *t, int field)
{
	bool refused = field == F_OUTCOME && slice_is(t->value, "refused");
	bool denied = field == F_VERDICT && slice_is(t->value, "deny");
	bool unknown = field == F_VERDICT && slice_is(t->value, "unknown");

	if (t->negated || !(refused || denied || unknown))
		return;
	w->notable = true;
	buf_printf(&w->sql, "f.notable & %d AND ", refused ? NOTABLE_REFUSED
						   : denied ? NOTABLE_DENIED : NOTABLE_UNKNOWN);
}

int where_field(struct where *w, const struct where_term *t, int field, struct err *e)
{
	const char *name = field_info[field].name;
	unsigned place = PLACE_MORE;
	char column[400];

	for (size_t i = 0; i < n_columns; i++)
		if (columns[i].field == field)
			place = columns[i].place;
	use_notable(w, t, field);
	if (place < GROUPS) {
		buf_printf(&w->sql, "f.%s IN (SELECT id FROM %s WHERE ", group_name[place],
			   group_name[place]);
		if (value_sql(w, t, field, place, name, e))
			return -1;
		buf_byte(&w->sql, ')');
		return 0;
	}
	if (field == F_ID)
		return number_one(w, t, "f.id", t->value, e);
	if (field == F_REMOTE_IP)
		return remote_ip(w, t, e);
	if (field == F_ENDED_AT)
		snprintf(column, sizeof column, "%s", store_ended_sql);
	else if (place == PLACE_FLOW)
		snprintf(column, sizeof column, "f.%s", name);
	else
		snprintf(column, sizeof column, "json_extract(f.more, '$.%s')", name);
	buf_byte(&w->sql, '(');
	if (value_sql(w, t, field, place, column, e))
		return -1;
	buf_byte(&w->sql, ')');
	return 0;
}
