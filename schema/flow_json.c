/*
 * flow_json: both directions are loops over the field table; only the
 * types know how a value looks.
 */
#include "schema/flow_json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"

/* `"name":` of each field, ready to be copied. */
static const struct slice key[F_COUNT] = {
#define FIELD(heat, id, name, type, meaning) \
	[F_##id] = { (const uint8_t *)"\"" name "\":", sizeof("\"" name "\":") - 1 },
#include "schema/field.def"
#undef FIELD
};

/* Times in ms are whole ns: written without printf where six decimals hold the value. */
static void write_real(struct buf *b, double d)
{
	double micro = d * 1e6;

	if (!(micro >= 0 && micro < 9e15) || (double)(int64_t)(micro + 0.5) / 1e6 != d) {
		buf_printf(b, "%.15g", isfinite(d) ? d : 0.0);
		return;
	}
	int64_t v = (int64_t)(micro + 0.5), frac = v % 1000000;
	uint8_t text[7] = { '.' };
	size_t n = frac ? 7 : 0;
	for (int k = 6; k > 0; k--, frac /= 10)
		text[k] = (uint8_t)('0' + frac % 10);
	while (n && text[n - 1] == '0')
		n--;
	buf_int(b, v / 1000000);
	buf_add(b, (struct slice){ text, n });
}

void flow_json_value(struct buf *b, enum flow_field k, const union flow_value *v)
{
	enum flow_type t = field_info[k].type;

	switch (t) {
	case FLOW_TEXT:
		buf_json_string(b, v->text);
		return;
	case FLOW_JSON:
		buf_add(b, v->text);
		return;
	case FLOW_INT:
		buf_int(b, v->num);
		return;
	case FLOW_BOOL:
		buf_add(b, v->num ? SLICE("true") : SLICE("false"));
		return;
	case FLOW_TIME:
		buf_byte(b, '"');
		clock_print(b, v->num);
		buf_byte(b, '"');
		return;
	case FLOW_REAL:
		write_real(b, v->real);
		return;
	case FLOW_IP:
		buf_byte(b, '"');
		ip_print(b, &v->ip);
		buf_byte(b, '"');
		return;
	case FLOW_ENUM:
		break;
	}
	const char *name = flow_enum_name((enum flow_enum)(t - FLOW_ENUM), v->num);
	if (!name) {
		buf_add(b, SLICE("null"));
		return;
	}
	buf_byte(b, '"');
	buf_str(b, name);
	buf_byte(b, '"');
}

static void comma(struct buf *b)
{
	if (b->n && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[')
		buf_byte(b, ',');
}

void flow_json_write(struct buf *b, const struct flow *f)
{
	buf_byte(b, '{');
	for (size_t i = 0; i < F_COUNT; i++) {
		enum flow_field k = flow_order[i];
		enum flow_state state = flow_state(f, k);
		if (state == FLOW_UNKNOWN)
			continue;
		comma(b);
		buf_add(b, key[k]);
		if (state == FLOW_PRESENT)
			flow_json_value(b, k, &f->v[k]);
		else
			buf_add(b, SLICE("null"));
	}
	if (f->n_findings || flow_has(f, F_VERDICT)) {
		comma(b);
		buf_str(b, "\"findings\":[");
		for (uint32_t i = 0; i < f->n_findings; i++) {
			comma(b);
			buf_json_string(b, slice_of(finding_info[f->findings[i].code].code));
		}
		buf_byte(b, ']');
	}
	buf_byte(b, '}');
}

static bool read_number(struct flow *f, enum flow_field k, const struct json *j)
{
	int64_t i;
	double d;

	if (field_info[k].type == FLOW_INT && json_int(j, &i)) {
		flow_set_num(f, k, i);
		return true;
	}
	if (field_info[k].type == FLOW_REAL && json_real(j, &d)) {
		flow_set_real(f, k, d);
		return true;
	}
	return false;
}

static bool read_string(struct flow *f, enum flow_field k, struct slice s)
{
	enum flow_type t = field_info[k].type;
	int64_t ns;
	struct ip ip;

	if (t == FLOW_TEXT) {
		flow_set_text(f, k, s);
		return true;
	}
	if (t == FLOW_TIME && clock_parse(s, &ns)) {
		flow_set_num(f, k, ns);
		return true;
	}
	if (t == FLOW_IP && ip_parse(s, &ip)) {
		flow_set_ip(f, k, ip);
		return true;
	}
	if (t >= FLOW_ENUM) {
		int n = flow_enum_value((enum flow_enum)(t - FLOW_ENUM), s);
		if (n)
			flow_set_num(f, k, n);
		return n != 0;
	}
	return false;
}

const char *flow_json_wants(enum flow_field k)
{
	enum flow_type t = field_info[k].type;
	static const char *const name[] = {
		[FLOW_TEXT] = "a string",	[FLOW_INT] = "an integer",
		[FLOW_BOOL] = "true or false",	[FLOW_TIME] = "an RFC 3339 time",
		[FLOW_REAL] = "a number",	[FLOW_IP] = "an IP address",
		[FLOW_JSON] = "a value",
	};
	return t < FLOW_ENUM ? name[t] : "one of the field's names";
}

/* One value of field k, whose first token is t. */
static bool read_value(struct flow *f, enum flow_field k, struct json *j,
		       enum json_token t, struct arena *a)
{
	struct slice raw;

	if (t == JSON_NULL) {
		flow_set_absent(f, k);
		return true;
	}
	if (field_info[k].type == FLOW_JSON) {
		if (!json_skip(j, t, &raw))
			return false;
		flow_set_text(f, k, raw);
		return true;
	}
	if (t == JSON_STRING) {
		struct slice s = json_unescape(j, a);
		return s.p && read_string(f, k, s);
	}
	if (t == JSON_NUMBER)
		return read_number(f, k, j);
	if (field_info[k].type == FLOW_BOOL && (t == JSON_TRUE || t == JSON_FALSE)) {
		flow_set_num(f, k, t == JSON_TRUE);
		return true;
	}
	return false;
}

int flow_json_read(struct flow *f, struct slice line, struct arena *a, struct buf *extra,
		   struct err *e)
{
	struct json j;
	enum json_token t;

	flow_init(f);
	json_init(&j, line);
	if (json_next(&j) != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "byte %zu: expected a JSON object", j.start + 1);
	while ((t = json_next(&j)) == JSON_KEY) {
		struct slice quoted = { line.p + j.start, j.at - j.start };
		int k = flow_field_by_name(j.text);
		size_t at;

		t = json_next(&j);
		at = j.start;
		if (k >= 0) {
			if (!read_value(f, (enum flow_field)k, &j, t, a) && !j.why)
				return err_set(e, ERR_INPUT, "byte %zu: %s wants %s", at + 1,
					       field_info[k].name, flow_json_wants((enum flow_field)k));
		} else {
			struct slice raw;
			if (json_skip(&j, t, &raw) && extra && !slice_is(quoted, "\"findings\":")) {
				buf_add(extra, quoted);
				buf_add(extra, raw);
				buf_byte(extra, ',');
			}
		}
		if (j.why)
			break;
	}
	if (t != JSON_OBJECT_END || json_next(&j) != JSON_END)
		return err_set(e, ERR_INPUT, "byte %zu: %s", j.at + 1,
			       j.why ? j.why : "expected the end of the object");
	if (flow_has(f, F_SOURCE_IDENTITY))
		flow_set_identity(f, f->v[F_SOURCE_IDENTITY].text);
	else if (flow_state(f, F_SOURCE_IDENTITY) == FLOW_ABSENT)
		flow_set_no_identity(f);
	return 0;
}

static int push(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	struct flow_json_sink *s = (struct flow_json_sink *)sink;

	for (size_t i = 0; i < n; i++) {
		if (s->array)
			buf_str(&s->buf, s->any ? ",\n " : "[\n ");
		s->any = true;
		flow_json_write(&s->buf, &flows[i]);
		if (!s->array)
			buf_byte(&s->buf, '\n');
		if (s->buf.n < 64 * 1024 && i + 1 < n)
			continue;
		if (!buf_write(&s->buf, s->out))
			return err_set(e, ERR_IO, "write: %s", strerror(errno));
		buf_clear(&s->buf);
	}
	return 0;
}

static int finish(struct sink *sink, struct err *e)
{
	struct flow_json_sink *s = (struct flow_json_sink *)sink;

	if (s->array && fputs(s->any ? "\n]\n" : "[]\n", s->out) < 0)
		return err_set(e, ERR_IO, "write: %s", strerror(errno));
	return fflush(s->out) ? err_set(e, ERR_IO, "write: %s", strerror(errno)) : 0;
}

void flow_json_sink_init(struct flow_json_sink *s, FILE *out)
{
	*s = (struct flow_json_sink){ .sink = { push, finish }, .out = out };
	buf_init(&s->buf, 64 * 1024 * 1024);
}

void flow_json_sink_release(struct flow_json_sink *s)
{
	buf_release(&s->buf);
}
