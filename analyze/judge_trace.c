/*
 * judge_trace: a decision shown step by step, for programs and for people.
 *
 * Nothing is decided here: the same structure that was compiled is evaluated again by Kleene's logic,
 * without index and cache, dry runs and AUDIT included.  For a flow that no ALLOW rule lets
 * through, the rules that came nearest stand first.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/judge_outcome.h"

enum { NEAREST = 3, VALUES_SHOWN = 8, TEXT_SHOWN = 200, LEFT_OUT_SHOWN = 20 };

/* --- what was seen */

static void actual_text(struct buf *b, const struct var_value *v)
{
	if (v->is_list) {
		buf_byte(b, '[');
		for (uint32_t i = 0; i < v->n_list; i++) {
			buf_str(b, i ? ", " : "");
			buf_add(b, v->list[i]);
		}
		buf_byte(b, ']');
		return;
	}
	buf_add(b, v->text);
}

static void actual(struct buf *b, const struct view *v, const struct cond *c)
{
	const struct var_value *val = &v->value[c->var->index];

	switch (c->var->source) {
	case VAR_SOURCE_IP: case VAR_REMOTE_IP: case VAR_DESTINATION_IP:
		ip_print(b, &val->ip);
		return;
	case VAR_DESTINATION_PORT:
		buf_int(b, val->port);
		return;
	case VAR_IDENTITY: case VAR_SNI: case VAR_METHOD: case VAR_AUTHORITY: case VAR_PATH:
	case VAR_CHAIN: case VAR_HEADER: case VAR_CLAIM: case VAR_METADATA: case VAR_PROVIDER:
	case VAR_SERVICE: case VAR_SOURCES:
		break;
	}
	actual_text(b, val);
	/* A request principal is issuer and subject. */
	if (c->n && c->values[0].n_atoms == 2 && c->values[0].all) {
		const struct var_value *sub = &v->value[c->values[0].atoms[1].var->index];

		buf_byte(b, '/');
		if (sub->state == FLOW_PRESENT)
			actual_text(b, sub);
	}
}

static enum flow_state actual_state(const struct view *v, const struct cond *c)
{
	const struct var_value *val = &v->value[c->var->index];

	if (c->var->source == VAR_SNI && val->state == FLOW_PRESENT && !val->text.n)
		return FLOW_ABSENT;	/* Envoy sees "" */
	return val->state;
}

static const char *result_name(enum tri t)
{
	return t == YES ? "match" : t == NO ? "no match" : "unknown";
}

static bool takes_part(const struct view *v, const struct cond *c)
{
	return c->active >> v->chain & 1;
}

static const char *ignored(const struct view *v, const struct cond *c)
{
	if (takes_part(v, c))
		return NULL;
	for (uint32_t i = 0; i < c->n; i++)
		if (!c->values[i].bad)
			return "only HTTP has it, and the chain is TCP";
	return c->n ? c->values[0].bad : "it has no values";
}

/* --- how near a rule came */

/* What keeps a rule, or an alternative of it, from matching. */
struct miss {
	const struct authz_rule *rule;
	const struct cond *cond;	/* the last that failed; else the last that is open */
	bool open;			/* `cond` is: nobody saw what it wants */
	uint32_t n;			/* conditions that do not match */
	uint32_t distance;		/* an open one is half as far as one that failed */
};

static void add_miss(struct miss *to, const struct miss *m)
{
	to->n += m->n;
	to->distance += m->distance;
	if (m->cond && (!to->cond || to->open || !m->open)) {
		to->cond = m->cond;
		to->open = m->open;
	}
}

static struct miss failing(const struct view *v, const struct alt *a)
{
	struct miss m = { .n = 0 };

	for (uint32_t i = 0; i < a->n; i++) {
		enum tri t = takes_part(v, &a->conds[i]) ? cond_eval(v, &a->conds[i]) : YES;
		struct miss one = { .cond = &a->conds[i], .open = t == MAYBE, .n = 1,
				    .distance = t == MAYBE ? 1 : 2 };

		if (t != YES)
			add_miss(&m, &one);
	}
	return m;
}

static struct miss nearest_alt(const struct view *v, const struct alt *a, uint32_t n)
{
	struct miss best = { .n = 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct miss m = failing(v, &a[i]);

		if (!i || m.distance < best.distance)
			best = m;
	}
	return best;
}

static struct miss miss_of(const struct view *v, const struct authz_rule *r)
{
	struct miss m = nearest_alt(v, r->to, r->n_to), from = nearest_alt(v, r->from, r->n_from);
	struct miss when = failing(v, &r->when);

	m.rule = r;
	add_miss(&m, &from);
	add_miss(&m, &when);
	return m;
}

/* The nearest few, nearest first; equal ones in Envoy's order. */
static uint32_t nearest(const struct judge *j, struct miss out[NEAREST])
{
	const struct stage *st = &j->z->stage[j->view.chain][STAGE_ALLOW];
	uint32_t n = 0;

	for (uint32_t i = 0; i < st->n; i++) {
		struct miss m = miss_of(&j->view, st->rules[i]);
		uint32_t at = n;

		if (!m.n)
			continue;
		while (at && out[at - 1].distance > m.distance)
			at--;
		if (at == NEAREST)
			continue;
		n += n < NEAREST;
		memmove(out + at + 1, out + at, (n - at - 1) * sizeof *out);
		out[at] = m;
	}
	return n;
}

static void expected(struct buf *b, const struct cond *c)
{
	uint32_t shown = c->n < VALUES_SHOWN ? c->n : VALUES_SHOWN;

	for (uint32_t i = 0; i < shown; i++) {
		buf_str(b, i ? ", " : "");
		buf_add(b, c->values[i].text);
	}
	if (shown < c->n)
		buf_printf(b, " and %u more", c->n - shown);
}

static void saw(struct buf *b, const struct view *v, const struct cond *c)
{
	struct buf text;

	switch (actual_state(v, c)) {
	case FLOW_UNKNOWN:
		buf_str(b, "not observed");
		return;
	case FLOW_ABSENT:
		buf_str(b, "saw none");
		return;
	case FLOW_PRESENT:
		break;
	}
	buf_init(&text, TEXT_SHOWN);
	actual(&text, v, c);
	buf_str(b, "saw ");
	buf_add(b, buf_slice(&text));
	buf_str(b, text.full ? "..." : "");
	buf_release(&text);
}

static bool says_not(const struct cond *c)
{
	return c->negate && slice_starts(c->key, SLICE("not"));
}

/* "ns/name rule 0 failed only on connection.sni: wants httpbin.org, saw evil.example" */
static void miss_sentence(struct buf *b, const struct view *v, const struct miss *m)
{
	buf_add(b, m->rule->title);
	if (m->n > 1) {
		buf_printf(b, " %s %u conditions, the last ", m->open ? "hangs on" : "failed on", m->n);
	} else {
		buf_str(b, m->open ? " hangs only on " : " failed only on ");
	}
	buf_add(b, m->cond->key);
	buf_str(b, m->cond->negate ? ": wants none of " : ": wants ");
	expected(b, m->cond);
	buf_str(b, ", ");
	saw(b, v, m->cond);
}

/* --- JSON */

static void json_text(struct buf *b, const char *key, struct slice s)
{
	buf_printf(b, "\"%s\":", key);
	buf_json_string(b, s);
}

static void json_actual(struct buf *b, const struct view *v, const struct cond *c)
{
	struct buf text;

	switch (actual_state(v, c)) {
	case FLOW_UNKNOWN:
		return;
	case FLOW_ABSENT:
		buf_str(b, ",\"actual\":null");
		return;
	case FLOW_PRESENT:
		break;
	}
	buf_init(&text, 64 * 1024);
	actual(&text, v, c);
	buf_byte(b, ',');
	json_text(b, "actual", buf_slice(&text));
	buf_release(&text);
}

static void json_cond(struct buf *b, const struct view *v, const struct cond *c,
		      const char *part, uint32_t index, const char *file)
{
	const char *why = ignored(v, c);

	buf_printf(b, "{\"part\":\"%s[%u]\",", part, index);
	json_text(b, "key", c->key);
	buf_printf(b, ",\"not\":%s,\"expected\":[", c->negate ? "true" : "false");
	for (uint32_t i = 0; i < c->n; i++) {
		buf_str(b, i ? "," : "");
		buf_json_string(b, c->values[i].text);
	}
	buf_byte(b, ']');
	json_actual(b, v, c);
	if (why)
		buf_printf(b, ",\"result\":\"ignored\",\"ignored\":\"%s\",", why);
	else
		buf_printf(b, ",\"result\":\"%s\",", result_name(cond_eval(v, c)));
	json_text(b, "file", slice_of(file));
	buf_printf(b, ",\"line\":%u}", c->line);
}

static void json_alt(struct buf *b, const struct view *v, const struct alt *a, const char *part,
		     uint32_t index, const char *file)
{
	for (uint32_t i = 0; i < a->n; i++) {
		if (b->n && b->p[b->n - 1] == '}')
			buf_byte(b, ',');
		json_cond(b, v, &a->conds[i], part, index, file);
	}
}

static void json_rule(struct buf *b, const struct view *v, const struct authz_rule *r)
{
	const char *file = r->policy->object->file, *why = r->dropped[v->chain];

	buf_printf(b, "{\"rule\":%u,\"line\":%u,", r->index, r->line);
	if (why)
		buf_printf(b, "\"result\":\"ignored\",\"ignored\":\"%s\"", why);
	else
		buf_printf(b, "\"result\":\"%s\"", result_name(rule_eval(v, r)));
	buf_str(b, ",\"conditions\":[");
	for (uint32_t i = 0; i < r->n_from; i++)
		json_alt(b, v, &r->from[i], "from", i, file);
	for (uint32_t i = 0; i < r->n_to; i++)
		json_alt(b, v, &r->to[i], "to", i, file);
	json_alt(b, v, &r->when, "when", 0, file);
	buf_str(b, "]}");
}

static void json_policy(struct buf *b, const struct view *v, const struct authz_policy *p)
{
	buf_byte(b, '{');
	json_text(b, "policy", p->full);
	buf_printf(b, ",\"action\":\"%s\",\"dry_run\":%s,", flow_enum_name(ENUM_ACTION, p->action),
		   p->dry_run ? "true" : "false");
	if (p->action == ACTION_CUSTOM) {
		json_text(b, "provider", p->provider);
		buf_byte(b, ',');
	}
	json_text(b, "file", slice_of(p->object->file));
	buf_printf(b, ",\"line\":%u,\"rules\":[", p->object->line);
	for (uint32_t i = 0; i < p->n; i++) {
		buf_str(b, i ? "," : "");
		json_rule(b, v, &p->rules[i]);
	}
	buf_str(b, "]}");
}

static uint32_t left_out_shown(const struct authz *z)
{
	return z->n_left_out < LEFT_OUT_SHOWN ? z->n_left_out : LEFT_OUT_SHOWN;
}

static void json_left_out(struct buf *b, const struct left_out *l)
{
	struct buf name;

	buf_init(&name, 4096);
	buf_add(&name, l->object->ns);
	buf_byte(&name, '/');
	buf_add(&name, l->object->name);
	buf_byte(b, '{');
	json_text(b, "policy", buf_slice(&name));
	buf_release(&name);
	buf_printf(b, ",\"why\":\"%s\",", l->why);
	json_text(b, "file", slice_of(l->object->file));
	buf_printf(b, ",\"line\":%u}", l->object->line);
}

/* The view of this flow with everything in it.  False: the chain is unknown, HTTP is shown. */
static bool prepare(struct judge *j, const struct flow *f)
{
	uint8_t chain = judge_chain(f);

	arena_reset(j->scratch);
	j->view.all = true;
	view_fill(&j->view, f);
	j->view.all = false;
	j->view.chain = chain == CHAIN_TCP ? ON_TCP : ON_HTTP;
	return chain != 0;
}

static bool looks_for_misses(const struct flow *f)
{
	return (flow_num(f, F_VERDICT) == VERDICT_DENY && !flow_text(f, F_POLICY).n) ||
	       flow_num(f, F_VERDICT) == VERDICT_UNKNOWN;
}

void judge_trace_json(struct judge *j, const struct flow *f, struct buf *out)
{
	bool known = prepare(j, f);
	enum judge_asked asked = judge_asked(j, f);
	struct miss near_by[NEAREST];
	uint32_t n = looks_for_misses(f) ? nearest(j, near_by) : 0;
	struct buf text;

	buf_printf(out, "{\"chain\":%s,\"asked\":%s,\"nearest\":[",
		   !known ? "null" : j->view.chain == ON_TCP ? "\"tcp\"" : "\"http\"",
		   asked == JUDGE_ASKED ? "true" : asked == JUDGE_UNASKED ? "false" : "null");
	buf_init(&text, 16 * 1024);
	for (uint32_t i = 0; i < n; i++) {
		buf_clear(&text);
		miss_sentence(&text, &j->view, &near_by[i]);
		buf_str(out, i ? "," : "");
		buf_json_string(out, buf_slice(&text));
	}
	buf_release(&text);
	buf_str(out, "],\"policies\":[");
	for (uint32_t i = 0; i < j->z->n; i++) {
		buf_str(out, i ? "," : "");
		json_policy(out, &j->view, &j->z->policies[i]);
	}
	buf_printf(out, "],\"n_left_out\":%u,\"left_out\":[", j->z->n_left_out);
	for (uint32_t i = 0; i < left_out_shown(j->z); i++) {
		buf_str(out, i ? "," : "");
		json_left_out(out, &j->z->left_out[i]);
	}
	buf_str(out, "]}");
}

/* --- text */

static void text_alt(struct buf *b, const struct view *v, const struct alt *a, const char *part,
		     uint32_t index, const char *file)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const struct cond *c = &a->conds[i];
		const char *why = ignored(v, c);

		buf_printf(b, "    %-8s %s[%u] ", why ? "ignored" : result_name(cond_eval(v, c)),
			   part, index);
		buf_add(b, c->key);
		buf_str(b, c->negate && !says_not(c) ? ": none of " : ": ");
		expected(b, c);
		buf_str(b, "; ");
		saw(b, v, c);
		if (why)
			buf_printf(b, " (%s)", why);
		buf_printf(b, "  [%s:%u]\n", file, c->line);
	}
}

static void text_rule(struct buf *b, const struct view *v, const struct authz_rule *r)
{
	const char *file = r->policy->object->file, *why = r->dropped[v->chain];

	buf_printf(b, "  rule %u: %s", r->index, why ? "left out: " : result_name(rule_eval(v, r)));
	buf_printf(b, "%s  [%s:%u]\n", why ? why : "", file, r->line);
	for (uint32_t i = 0; i < r->n_from; i++)
		text_alt(b, v, &r->from[i], "from", i, file);
	for (uint32_t i = 0; i < r->n_to; i++)
		text_alt(b, v, &r->to[i], "to", i, file);
	text_alt(b, v, &r->when, "when", 0, file);
}

static void text_policy(struct buf *b, const struct view *v, const struct authz_policy *p)
{
	buf_printf(b, "%s ", flow_enum_name(ENUM_ACTION, p->action));
	buf_add(b, p->full);
	if (p->dry_run)
		buf_str(b, " (dry run: not enforced)");
	if (p->action == ACTION_CUSTOM) {
		buf_str(b, " (asks ");
		buf_add(b, p->provider);
		buf_byte(b, ')');
	}
	buf_printf(b, "  [%s:%u]\n", p->object->file, p->object->line);
	if (!p->n)
		buf_str(b, "  no rules: never matches\n");
	for (uint32_t i = 0; i < p->n; i++)
		text_rule(b, v, &p->rules[i]);
}

static void text_left_out(struct buf *b, const struct authz *z)
{
	for (uint32_t i = 0; i < left_out_shown(z); i++) {
		const struct object *o = z->left_out[i].object;

		buf_str(b, "not asked: ");
		buf_add(b, o->ns);
		buf_byte(b, '/');
		buf_add(b, o->name);
		buf_printf(b, ": %s  [%s:%u]\n", z->left_out[i].why, o->file, o->line);
	}
	if (z->n_left_out > LEFT_OUT_SHOWN)
		buf_printf(b, "not asked: %u more, by their targets\n", z->n_left_out - LEFT_OUT_SHOWN);
}

void judge_trace_text(struct judge *j, const struct flow *f, struct buf *out)
{
	bool known = prepare(j, f);
	struct miss near_by[NEAREST];
	uint32_t n = looks_for_misses(f) ? nearest(j, near_by) : 0;
	struct buf raw;

	buf_init(&raw, SIZE_MAX);
	if (flow_has(f, F_VERDICT)) {
		buf_printf(&raw, "%s: ", flow_enum_name(ENUM_VERDICT, flow_num(f, F_VERDICT)));
		buf_add(&raw, flow_text(f, F_REASON));
		buf_byte(&raw, '\n');
	}
	buf_printf(&raw, "filter chain: %s\n",
		   !known ? "unknown, shown as HTTP" : j->view.chain == ON_TCP ? "TCP" : "HTTP");
	if (judge_asked(j, f) == JUDGE_UNASKED)
		buf_str(&raw, "the policies below are not asked; this is what they would say:\n");
	for (uint32_t i = 0; i < n; i++) {
		buf_str(&raw, i ? "  then: " : "nearest: ");
		miss_sentence(&raw, &j->view, &near_by[i]);
		buf_byte(&raw, '\n');
	}
	for (uint32_t i = 0; i < j->z->n; i++)
		text_policy(&raw, &j->view, &j->z->policies[i]);
	text_left_out(&raw, j->z);
	/* Text from the wire and from files goes to a terminal: a line at a time, quoted. */
	for (size_t at = 0; at < raw.n;) {
		const uint8_t *nl = memchr(raw.p + at, '\n', raw.n - at);
		size_t end = nl ? (size_t)(nl - raw.p) : raw.n;

		buf_quote(out, (struct slice){ raw.p + at, end - at });
		buf_byte(out, '\n');
		at = end + 1;
	}
	buf_release(&raw);
}
