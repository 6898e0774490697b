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
		buf_str(b, v->num ? "true" : "false");
		return;
	case FLOW_TIME:
		buf_byte(b, '"');
		clock_print(b, v->num);
		buf_byte(b, '"');
		return;
	case FLOW_REAL:
		buf_printf(b, "%.15g", isfinite(v->real) ? v->real : 0.0);
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
	if (name)
		buf_json_string(b, slice_of(name));
	else
		buf_str(b, "null");
}

static void comma(struct buf *b)
{
	if (b->n && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[')
		buf_byte(b, ',');
}

void flow_json_write(struct buf *b, const struct flow *f)
{
	buf_byte(b, '{');
	for (int k = 0; k < F_COUNT; k++) {
		enum flow_state s = flow_state(f, (enum flow_field)k);
		if (s == FLOW_UNKNOWN)
			continue;
		comma(b);
		buf_byte(b, '"');
		buf_str(b, field_info[k].name);
		buf_str(b, "\":");
		if (s == FLOW_ABSENT)
			buf_str(b, "null");
		else
			flow_json_value(b, (enum flow_field)k, &f->v[k]);
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

static const char *wanted(enum flow_type t)
{
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
					       field_info[k].name, wanted(field_info[k].type));
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
		flow_json_write(&s->buf, &flows[i]);
		buf_byte(&s->buf, '\n');
		if (s->buf.n < 64 * 1024 && i + 1 < n)
			continue;
		if (fwrite(s->buf.p, 1, s->buf.n, s->out) != s->buf.n)
			return err_set(e, ERR_IO, "write: %s", strerror(errno));
		buf_clear(&s->buf);
	}
	return 0;
}

static int finish(struct sink *sink, struct err *e)
{
	struct flow_json_sink *s = (struct flow_json_sink *)sink;

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
