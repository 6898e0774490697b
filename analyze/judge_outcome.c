/* judge_outcome: the sentences of verdicts, and what to do about attributes that are missing. */
#include "analyze/judge_outcome.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/correlate.h"

enum { FIXED_NONE, FIXED_UNASKED, FIXED_OPEN, FIXED_IMPLICIT, FIXED_CASES };

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

static void advise(struct buf *b, const struct var *v)
{
	if (v->source == VAR_SERVICE)
		buf_str(b, "; a waypoint tells services apart by their addresses: give egret the Service or "
			   "ServiceEntry with them");
	for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
		if (advice[i].field == v->field) {
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
	if (d->perhaps_asked)
		buf_str(b, "; an AUTO_PASSTHROUGH server, where Istio asks no policy, may have taken it");
	for (uint32_t i = 0; i < d->n_essential; i++)
		if (!listed(d, i))
			advise(b, d->essential[i]);
}

static void why_custom(struct buf *b, const struct authz_rule *r)
{
	buf_str(b, "CUSTOM ");
	buf_add(b, r->title);
	buf_str(b, " may ask the external authorizer ");
	buf_add(b, r->policy->provider);
	buf_str(b, ", whose answer egret cannot know");
	if (r->policy->doubt) {
		buf_str(b, "; ");
		buf_str(b, r->policy->doubt);
	}
}

static bool only_provider(const struct decision *d)
{
	for (uint32_t i = 0; i < d->n_essential; i++)
		if (d->essential[i]->source != VAR_PROVIDER)
			return false;
	return d->n_essential > 0;
}

/* The sentence is the key: equal ones are made once.  `missing` and `flip` are copied. */
static const struct outcome *keep(struct judge *j, struct full_outcome x, struct slice policy,
				  struct slice reason, struct arena *a)
{
	struct full_outcome *o = map_get(&j->outcomes, reason);
	struct buf text;

	if (o)
		return &o->outcome;
	bool kept = j->outcomes.n < OUTCOMES_MAX;
	struct arena *in = kept ? j->z->arena : a;
	o = arena_new_object(in, struct full_outcome);
	if (!o)
		abort();
	*o = x;
	o->missing = arena_copy(in, x.missing);
	o->flip = arena_copy(in, x.flip);
	o->outcome.kept = kept;
	o->outcome.full = true;
	o->outcome.policy_n = (uint32_t)policy.n;
	o->outcome.reason_n = (uint32_t)reason.n;
	buf_init(&text, SIZE_MAX);
	buf_add(&text, policy);
	buf_add(&text, reason);
	o->outcome.text = arena_copy(in, buf_slice(&text)).p;
	buf_release(&text);
	if (kept)
		map_put(&j->outcomes, outcome_reason(&o->outcome), o);
	return &o->outcome;
}

static const struct outcome *unknown(struct judge *j, const struct decision *d, struct arena *a)
{
	struct full_outcome x = { .outcome = { .verdict = VERDICT_UNKNOWN, .rule = -1 } };
	struct slice policy = { NULL, 0 };
	struct buf missing, why;

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
	x.missing = buf_slice(&missing);
	if (d->custom) {
		policy = outcome_policy(&d->custom->outcome);
		x.outcome.action = ACTION_CUSTOM;
		x.outcome.named = true;
		x.outcome.rule = d->custom->outcome.rule;
	}
	const struct outcome *o = keep(j, x, policy, buf_slice(&why), a);
	buf_release(&missing);
	buf_release(&why);
	return o;
}

/* --- what decides nothing and is told all the same: AUDIT and dry runs (a.2) */

static bool same_decision(const struct outcome *a, const struct outcome *b)
{
	return a->verdict == b->verdict && a->rule == b->rule && a->named == b->named &&
	       slice_eq(outcome_policy(a), outcome_policy(b));
}

static bool settled(const struct outcome *o)
{
	return o->verdict != VERDICT_UNKNOWN;
}

/* "enforcing what is in dry run would deny this: DENY ns/name rule 0 matches" */
static void flip_sentence(struct buf *b, const struct outcome *o, const struct outcome *shadow)
{
	bool allows = o->verdict != VERDICT_DENY, would = shadow->verdict != VERDICT_DENY;

	if (!settled(o) || !settled(shadow) || allows == would)
		return;
	buf_printf(b, "enforcing what is in dry run would %s this: ", would ? "allow" : "deny");
	buf_add(b, outcome_reason(shadow));
}

const struct outcome *outcome_with(struct judge *j, const struct outcome *o,
				   const struct packed *audit, const struct outcome *shadow,
				   struct arena *a)
{
	struct full_outcome x = { .outcome = *o };
	struct buf why, flip;

	if (shadow && (same_decision(o, shadow) || (!settled(o) && !settled(shadow))))
		shadow = NULL;
	if (!audit && !shadow)
		return o;
	buf_init(&why, 64 * 1024);
	buf_init(&flip, 64 * 1024);
	buf_add(&why, outcome_reason(o));
	if (audit) {
		buf_str(&why, "; ");
		buf_add(&why, outcome_reason(&audit->outcome));
	}
	if (shadow) {
		buf_printf(&why, "; with dry runs enforced: %s (",
			   flow_enum_name(ENUM_VERDICT, shadow->verdict));
		buf_add(&why, outcome_reason(shadow));
		buf_byte(&why, ')');
		flip_sentence(&flip, o, shadow);
	}
	if (o->full)
		x.missing = ((const struct full_outcome *)o)->missing;
	x.flip = buf_slice(&flip);
	o = keep(j, x, outcome_policy(o), buf_slice(&why), a);
	buf_release(&why);
	buf_release(&flip);
	return o;
}

/* --- fixed verdicts */

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

const struct outcome *outcome_unasked(struct judge *j)
{
	return j->fixed[FIXED_UNASKED] ? j->fixed[FIXED_UNASKED] :
	       fixed(j, FIXED_UNASKED, VERDICT_NONE,
		     "the Gateway server on this port is AUTO_PASSTHROUGH: Istio (since 1.20) asks no "
		     "AuthorizationPolicy there");
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

void outcome_fill(const struct outcome *o, struct slice revision, struct flow *f, struct arena *a)
{
	const struct full_outcome *full = o->full ? (const struct full_outcome *)o : NULL;

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
	if (full && full->missing.n)
		flow_set_text(f, F_MISSING, full->missing);
	else
		flow_forget(f, F_MISSING);
	if (full && full->flip.n)
		finding_note_text(f, FINDING_ENF_DRYRUN_FLIP, a, full->flip);
}
