/* judge_outcome: the sentences of verdicts, and what to do about attributes that are missing. */
#include "analyze/judge_outcome.h"

#include <stdlib.h>
#include <string.h>

enum { FIXED_NONE, FIXED_OPEN, FIXED_IMPLICIT, FIXED_CASES };

/* How to get an attribute that a verdict needed. */
static const struct {
	enum flow_field field;
	const char *how;
} advice[] = {
	{ F_SOURCE_IDENTITY, "the client certificate was not seen (TLS 1.3 without key log, or a log "
	  "without it): add %DOWNSTREAM_PEER_URI_SAN% to the access log or configure the key log" },
	{ F_SNI, "the ClientHello was not seen: tap the gateway's interface, or log "
	  "%REQUESTED_SERVER_NAME%" },
	{ F_METHOD, "HTTP was not seen: configure the key log, or ingest the access log" },
	{ F_AUTHORITY, "HTTP was not seen: configure the key log, or log %REQ(:AUTHORITY)%" },
	{ F_PATH, "HTTP was not seen: configure the key log, or log "
	  "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%" },
	{ F_REQUEST_HEADERS, "headers that a policy reads were not seen: configure the key log, or "
	  "log them with %REQ(NAME)%" },
	{ F_REQUEST_CLAIMS, "JWT claims were not seen: log them with "
	  "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%" },
	{ F_METADATA, "dynamic metadata was not seen: log it with %DYNAMIC_METADATA(FILTER:KEY)%" },
	{ F_SOURCE_IP, "log %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% or tap the gateway's interface" },
	{ F_REMOTE_IP, "log %DOWNSTREAM_REMOTE_ADDRESS%" },
	{ F_DESTINATION_IP, "log %DOWNSTREAM_LOCAL_ADDRESS% or tap the gateway's interface" },
	{ F_DESTINATION_PORT, "log %DOWNSTREAM_LOCAL_ADDRESS% or tap the gateway's interface" },
	{ F_CHAIN, "whether the listener speaks HTTP or TCP is not known: give the Gateway objects "
	  "to the policies" },
};

static bool listed(const struct decision *d, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (d->essential[k] == d->essential[i] ||
		    (d->essential[k]->field < F_COUNT &&
		     d->essential[k]->field == d->essential[i]->field))
			return true;
	return false;
}

static void name(struct buf *b, const struct var *v)
{
	if (v->field < F_COUNT)
		buf_str(b, field_info[v->field].name);
	else
		buf_add(b, v->name);
}

static void missing_json(struct buf *b, const struct decision *d)
{
	bool comma = false;

	buf_byte(b, '[');
	for (uint32_t i = 0; i < d->n_essential; i++) {
		struct buf one;

		if (listed(d, i))
			continue;
		buf_str(b, comma ? "," : "");
		comma = true;
		buf_init(&one, 4096);
		name(&one, d->essential[i]);
		buf_json_string(b, buf_slice(&one));
		buf_release(&one);
	}
	buf_byte(b, ']');
}

static void advise(struct buf *b, enum flow_field k)
{
	for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
		if (advice[i].field == k) {
			buf_str(b, "; ");
			buf_str(b, advice[i].how);
		}
}

/* "depends on source_identity and sni, which nobody observed; ..." */
static void why_unknown(struct buf *b, const struct decision *d)
{
	uint32_t n = 0, left;

	for (uint32_t i = 0; i < d->n_essential; i++)
		n += !listed(d, i);
	left = n;
	buf_str(b, "the verdict depends on ");
	for (uint32_t i = 0; i < d->n_essential; i++) {
		if (listed(d, i))
			continue;
		buf_str(b, left == n ? "" : left == 1 ? " and " : ", ");
		left--;
		name(b, d->essential[i]);
		if (d->essential[i]->source >= VAR_HEADER && d->essential[i]->field < F_COUNT) {
			buf_str(b, " (");
			buf_add(b, d->essential[i]->name);
			buf_byte(b, ')');
		}
	}
	buf_str(b, ", which nobody observed");
	if (!d->exact)
		buf_str(b, " (or not on all of them: there were too many cases to try)");
	for (uint32_t i = 0; i < d->n_essential; i++)
		if (!listed(d, i))
			advise(b, d->essential[i]->field);
}

static void why_custom(struct buf *b, const struct authz_rule *r)
{
	buf_str(b, "CUSTOM ");
	buf_add(b, r->title);
	buf_str(b, " may ask the external authorizer ");
	buf_add(b, r->policy->provider);
	buf_str(b, ", whose answer egret cannot know");
}

static bool only_provider(const struct decision *d)
{
	for (uint32_t i = 0; i < d->n_essential; i++)
		if (d->essential[i]->source != VAR_PROVIDER)
			return false;
	return d->n_essential > 0;
}

/* The sentence and the list are the key: equal ones are made once. */
static const struct outcome *unknown(struct judge *j, const struct decision *d, struct arena *a)
{
	struct buf missing, why;
	struct open_outcome *open;

	buf_init(&missing, 64 * 1024);
	buf_init(&why, 64 * 1024);
	missing_json(&missing, d);
	if (d->custom && only_provider(d)) {
		why_custom(&why, d->custom->rule);
	} else {
		why_unknown(&why, d);
		if (d->custom) {
			buf_str(&why, "; ");
			why_custom(&why, d->custom->rule);
		}
	}
	open = map_get(&j->outcomes, buf_slice(&why));
	if (!open) {
		bool keep = j->outcomes.n < OUTCOMES_MAX;
		struct arena *in = keep ? j->z->arena : a;

		open = arena_new_object(in, struct open_outcome);
		if (!open)
			abort();
		struct outcome *o = &open->outcome;
		*o = (struct outcome){ .verdict = VERDICT_UNKNOWN, .kept = keep, .rule = -1 };
		open->missing = arena_copy(in, buf_slice(&missing));
		buf_clear(&missing);
		if (d->custom) {
			o->action = ACTION_CUSTOM;
			o->named = true;
			o->rule = d->custom->outcome.rule;
			buf_add(&missing, outcome_policy(&d->custom->outcome));
		}
		o->policy_n = (uint32_t)missing.n;
		o->reason_n = (uint32_t)why.n;
		buf_add(&missing, buf_slice(&why));
		o->text = arena_copy(in, buf_slice(&missing)).p;
		if (keep)
			map_put(&j->outcomes, outcome_reason(o), open);
	}
	buf_release(&missing);
	buf_release(&why);
	return &open->outcome;
}

static const struct outcome *fixed(struct judge *j, int which, enum flow_enum_value verdict,
				   const char *reason)
{
	struct outcome *o = j->z ? arena_new_object(j->z->arena, struct outcome) : NULL;

	if (!o)
		abort();
	*o = (struct outcome){ .verdict = (uint8_t)verdict, .kept = true, .rule = -1,
			       .named = which != FIXED_CASES, .text = (const uint8_t *)reason,
			       .reason_n = (uint32_t)strlen(reason) };
	j->fixed[which] = o;
	return o;
}

static const struct outcome *by_cases(struct judge *j, enum flow_enum_value verdict)
{
	static const char allow[] = "allowed whatever the unknown attributes are, by one rule or "
				    "another";
	static const char deny[] = "denied whatever the unknown attributes are, by one rule or "
				   "another";
	const struct outcome *o = j->fixed[FIXED_CASES];
	struct slice key = slice_of(verdict == VERDICT_ALLOW ? allow : deny);

	o = map_get(&j->outcomes, key);
	if (o)
		return o;
	o = fixed(j, FIXED_CASES, verdict, verdict == VERDICT_ALLOW ? allow : deny);
	map_put(&j->outcomes, key, (void *)(uintptr_t)o);
	return o;
}

const struct outcome *outcome_of(struct judge *j, struct decision d, struct arena *a)
{
	enum flow_enum_value verdict = d.allowed == YES ? VERDICT_ALLOW : VERDICT_DENY;

	if (d.allowed == MAYBE)
		return unknown(j, &d, a);
	if (d.rule)
		return &d.rule->outcome;
	if (d.by_cases)
		return by_cases(j, verdict);
	if (!j->z->n)
		return j->fixed[FIXED_NONE] ? j->fixed[FIXED_NONE] :
		       fixed(j, FIXED_NONE, VERDICT_NONE,
			     "no AuthorizationPolicy selects the gateway");
	if (d.allowed == YES)
		return j->fixed[FIXED_OPEN] ? j->fixed[FIXED_OPEN] :
		       fixed(j, FIXED_OPEN, VERDICT_ALLOW,
			     "no DENY rule matches and no ALLOW policy selects the gateway");
	return j->fixed[FIXED_IMPLICIT] ? j->fixed[FIXED_IMPLICIT] :
	       fixed(j, FIXED_IMPLICIT, VERDICT_DENY,
		     "no ALLOW rule matches: what is not allowed is denied");
}

void outcome_fill(const struct outcome *o, struct slice revision, struct flow *f)
{
	flow_set_num(f, F_VERDICT, o->verdict);
	flow_set_text(f, F_REASON, outcome_reason(o));
	flow_set_text(f, F_POLICY_REVISION, revision);
	if (o->named)
		flow_set_text(f, F_POLICY, outcome_policy(o));
	else
		flow_forget(f, F_POLICY);
	if (o->rule >= 0)
		flow_set_num(f, F_RULE, o->rule);
	else
		flow_set_absent(f, F_RULE);
	if (o->action)
		flow_set_num(f, F_ACTION, o->action);
	else
		flow_set_absent(f, F_ACTION);
	if (o->verdict == VERDICT_UNKNOWN)
		flow_set_text(f, F_MISSING, ((const struct open_outcome *)o)->missing);
	else
		flow_forget(f, F_MISSING);
}
