/* sight: needs grouped by attribute, and the sentences about those that nothing meets. */
#include "cli/sight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gather {
	struct sight_needs *s;
	struct sight_need **of;		/* by attribute */
	struct slice *last;		/* by attribute: the policy counted last */
};

/* The header, or "FILTER:KEY". */
static struct slice part_of(struct arena *a, const struct need *n)
{
	uint8_t *p = n->key.n ? arena_bytes(a, n->header.n + 1 + n->key.n) : NULL;

	if (!p)
		return arena_copy(a, n->header);
	memcpy(p, n->header.p, n->header.n);
	p[n->header.n] = ':';
	memcpy(p + n->header.n + 1, n->key.p, n->key.n);
	return (struct slice){ p, n->header.n + 1 + n->key.n };
}

static struct sight_need *new_need(struct sight_needs *s, const struct need *n)
{
	struct sight_need *to = &s->list[s->n++];

	*to = (struct sight_need){ .field = n->field, .name = arena_copy(s->arena, n->name),
				   .part = part_of(s->arena, n) };
	return to;
}

static void gather(void *ctx, const struct need *n)
{
	struct gather *g = ctx;
	struct sight_need *to = g->of[n->attribute];

	if (!to)
		to = g->of[n->attribute] = new_need(g->s, n);
	if (to->rules < SIGHT_USERS)
		to->user[to->rules] = (struct sight_user){
			.policy = arena_copy(g->s->arena, n->policy), .rule = n->rule, .line = n->line,
			.file = arena_copy(g->s->arena, slice_of(n->file ? n->file : "")),
		};
	to->rules++;
	to->policies += !slice_eq(g->last[n->attribute], n->policy);
	g->last[n->attribute] = n->policy;
}

void sight_needs_of(struct sight_needs *s, const struct judge *j)
{
	size_t most = judge_attributes(j);
	struct gather g = { .s = s, .of = calloc(most + 1, sizeof *g.of), .last = calloc(most + 1, sizeof *g.last) };

	*s = (struct sight_needs){ .arena = arena_new(SIZE_MAX) };
	s->list = arena_new_array(s->arena, struct sight_need, most + 1);
	if (!g.of || !g.last)
		abort();
	judge_needs(j, gather, &g);
	free(g.of);
	free(g.last);
}

void sight_needs_release(struct sight_needs *s)
{
	arena_free(&s->arena);
	*s = (struct sight_needs){ 0 };
}

/* What packets show: the addresses and the ClientHello always; what is inside TLS 1.3 with its keys. */
static bool wire_gives(const struct sight_evidence *ev, enum flow_field k)
{
	switch ((int)k) {
	case F_SOURCE_IP: case F_DESTINATION_IP: case F_DESTINATION_PORT: case F_SNI:
		return ev->wire;
	case F_REMOTE_IP: case F_SOURCE_IDENTITY: case F_METHOD: case F_AUTHORITY: case F_PATH: case F_REQUEST_HEADERS:
		return ev->wire && ev->keylog;
	}
	return false;
}

bool sight_given(const struct sight_evidence *ev, const struct sight_need *n)
{
	if (wire_gives(ev, n->field) || (n->field == F_SOURCE_IDENTITY && ev->inventory))
		return true;
	return ev->log && log_sight_gives(ev->log, n->field, n->part);
}

void sight_what(const struct sight_need *n, struct buf *out)
{
	uint32_t shown = n->rules < SIGHT_USERS ? n->rules : SIGHT_USERS;

	buf_str(out, n->field < F_COUNT ? field_info[n->field].name : "an attribute");
	buf_str(out, ", which policies read as ");
	buf_quote(out, n->name);
	buf_str(out, " (");
	for (uint32_t i = 0; i < shown; i++) {
		buf_str(out, i ? ", " : "");
		buf_quote(out, n->user[i].policy);
		buf_printf(out, " rule %" PRIu32, n->user[i].rule);
	}
	if (n->rules > shown)
		buf_printf(out, " and %" PRIu32 " more rules; %" PRIu32 " policies in all", n->rules - shown,
			   n->policies);
	buf_byte(out, ')');
}

void sight_fix(const struct sight_evidence *ev, const struct sight_need *n, struct buf *out)
{
	bool json = ev->log && ev->log->json, or = false;

	if (ev->log || !ev->wire) {
		size_t before = out->n;
		buf_str(out, "add ");
		or = log_sight_advice(n->field, n->part, json, out);
		if (!or)
			out->n = before;
		else if (json && (n->part.n || n->field == F_REQUEST_CLAIMS))
			buf_str(out, " to the access log's layout, and give egret the layout (--format)");
		else if (json)
			buf_str(out, " to the access log's layout");
		else
			buf_str(out, " to the access log's format, and give egret that format (--format)");
	}
	if (n->field == F_SOURCE_IDENTITY && !ev->inventory && (ev->log || !ev->wire)) {
		buf_str(out, or ? "; or " : "");
		buf_str(out, "name pods by address: --inventory with kubectl get pods -A -o json");
		or = true;
	}
	if (ev->wire && !ev->keylog && wire_gives(&(struct sight_evidence){ .wire = true, .keylog = true }, n->field)) {
		buf_str(out, or ? "; or " : "");
		buf_str(out, "let egret read the gateway's key log (--keylog)");
		or = true;
	}
	if (!or)
		buf_str(out, "no evidence that egret reads gives it: verdicts that depend on it stay unknown");
}

const char *sight_who(const struct sight_evidence *ev)
{
	if (!ev->wire)
		return "the format lacks";
	if (ev->log)
		return "neither the format nor the wire gives";
	return ev->keylog ? "the wire does not show" : "the wire without TLS 1.3's keys does not show";
}

void sight_notice(const char *verb, const struct sight_evidence *ev, const struct sight_needs *s,
		  struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		if (sight_given(ev, &s->list[i]))
			continue;
		buf_printf(out, "egret %s: %s ", verb, sight_who(ev));
		sight_what(&s->list[i], out);
		buf_str(out, ": ");
		sight_fix(ev, &s->list[i], out);
		buf_byte(out, '\n');
	}
}

void sight_say(const char *verb, const struct sight_evidence *ev, const struct sight_needs *s)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	sight_notice(verb, ev, s, &b);
	if (b.n)
		fwrite(b.p, 1, b.n, stderr);
	buf_release(&b);
}
