/*
 * log_outcome: from Envoy's response flags and details to served, refused or failed.
 *
 * Sources: Envoy, "Response flags" and "Response code details"; Istio's pilot/pkg/security/authz for the names
 * of RBAC policies.
 */
#include "capture/log_outcome.h"

#include "capture/log_value.h"
#include "common/buf.h"

static const struct flag {
	const char *name, *longer, *text;
} flags[] = {
	{ "DC", "DownstreamConnectionTermination", "downstream connection closed" },
	{ "LH", "FailedLocalHealthCheck", "local health check failed" },
	{ "UH", "NoHealthyUpstream", "no healthy upstream" },
	{ "UT", "UpstreamRequestTimeout", "upstream request timeout" },
	{ "LR", "LocalReset", "local reset" },
	{ "UR", "UpstreamRemoteReset", "upstream remote reset" },
	{ "UF", "UpstreamConnectionFailure", "upstream connection failed" },
	{ "UC", "UpstreamConnectionTermination", "upstream connection closed" },
	{ "UO", "UpstreamOverflow", "upstream overflow" },
	{ "URX", "UpstreamRetryLimitExceeded", "retry or connect attempt limit" },
	{ "NR", "NoRouteFound", "no route or no filter chain" },
	{ "NC", "NoClusterFound", "no such cluster" },
	{ "DI", "DelayInjected", "delay injected" },
	{ "FI", "FaultInjected", "fault injected" },
	{ "RL", "RateLimited", "rate limited" },
	{ "RLSE", "RateLimitServiceError", "rate limit service error" },
	{ "UAEX", "UnauthorizedExternalService", "refused by external authorization" },
	{ "SI", "StreamIdleTimeout", "stream idle timeout" },
	{ "IH", "InvalidEnvoyRequestHeaders", "invalid Envoy header" },
	{ "DPE", "DownstreamProtocolError", "downstream protocol error" },
	{ "UPE", "UpstreamProtocolError", "upstream protocol error" },
	{ "UMSDR", "UpstreamMaxStreamDurationReached", "upstream max stream duration" },
	{ "RFCF", "ResponseFromCacheFilter", "response from cache" },
	{ "NFCF", "NoFilterConfigFound", "no filter configuration" },
	{ "DT", "DurationTimeout", "duration timeout" },
	{ "OM", "OverloadManagerTerminated", "overload manager" },
	{ "DF", "DnsResolutionFailed", "DNS resolution failed" },
	{ "DO", "DropOverload", "drop overload" },
	{ "DR", "DownstreamRemoteReset", "downstream remote reset" },
	{ "UDO", "UnconditionalDropOverload", "unconditional drop overload" },
};

static const struct flag *flag_of(struct slice name)
{
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (slice_is(name, flags[i].name) || slice_is(name, flags[i].longer))
			return &flags[i];
	return NULL;
}

const char *log_flag_text(struct slice flag)
{
	const struct flag *f = flag_of(flag);

	return f ? f->text : NULL;
}

/* The next of a list joined by commas. */
static struct slice next_flag(struct slice *rest)
{
	const uint8_t *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
	struct slice one = { rest->p, comma ? (size_t)(comma - rest->p) : rest->n };

	*rest = slice_from(*rest, one.n + 1);
	return one;
}

struct slice log_flags_short(struct slice list, struct arena *a)
{
	uint8_t *to = arena_bytes(a, list.n);
	struct slice rest = list;
	size_t n = 0;

	while (to && rest.n) {
		struct slice one = next_flag(&rest);
		const struct flag *f = flag_of(one);
		if (f)
			one = slice_of(f->name);
		if (n)
			to[n++] = ',';
		memcpy(to + n, one.p, one.n);
		n += one.n;
	}
	return to ? (struct slice){ to, n } : list;
}

static bool has_flag(struct slice list, const char *flag)
{
	while (list.n)
		if (slice_is(next_flag(&list), flag))
			return true;
	return false;
}

/* A flag other than those that a request bears which was answered all the same: delayed, or from a cache. */
static bool tells_failure(struct slice list)
{
	while (list.n) {
		struct slice one = next_flag(&list);
		if (!slice_is(one, "RFCF") && !slice_is(one, "DI"))
			return true;
	}
	return false;
}

/* "[...]" after `name`, to the matching bracket. */
static bool bracket(struct slice s, const char *name, struct slice *in, struct slice *rest)
{
	struct slice n = slice_of(name);
	const uint8_t *at = s.n >= n.n ? memmem(s.p, s.n, n.p, n.n) : NULL;
	int depth = 1;

	if (!at)
		return false;
	struct slice body = slice_from(s, (size_t)(at - s.p) + n.n);
	for (size_t i = 0; i < body.n; i++) {
		depth += body.p[i] == '[';
		depth -= body.p[i] == ']';
		if (!depth) {
			*in = (struct slice){ body.p, i };
			*rest = slice_from(body, i + 1);
			return true;
		}
	}
	return false;
}

/* rbac_access_denied_matched_policy[none|ns[N]-policy[P]-rule[I]]; the oldest say only rbac_access_denied. */
static bool refused_by_rbac(struct flow *f, struct slice details, struct arena *a)
{
	struct slice key, ns, name, rule, rest;
	int64_t n;

	if (!slice_starts(details, SLICE("rbac_access_denied")))
		return false;
	flow_set_num(f, F_OUTCOME, OUTCOME_REFUSED);
	if (!bracket(details, "matched_policy[", &key, &rest))
		return true;
	if (slice_is(key, "none")) {
		flow_set_absent(f, F_OUTCOME_POLICY);
		flow_set_absent(f, F_OUTCOME_RULE);
		return true;
	}
	if (!bracket(key, "ns[", &ns, &rest) || !bracket(rest, "policy[", &name, &rest))
		return true;
	uint8_t *p = arena_bytes(a, ns.n + name.n + 1);
	if (p) {
		memcpy(p, ns.p, ns.n);
		p[ns.n] = '/';
		memcpy(p + ns.n + 1, name.p, name.n);
		flow_set_text(f, F_OUTCOME_POLICY, (struct slice){ p, ns.n + name.n + 1 });
	}
	if (bracket(rest, "rule[", &rule, &rest) && log_number_plain(rule, &n))
		flow_set_num(f, F_OUTCOME_RULE, n);
	return true;
}

/* What all flags of the list stand for; one that is not known stands for itself. */
static struct slice flags_text(struct slice list, struct arena *a)
{
	struct buf b;

	buf_init(&b, 4096);
	while (list.n) {
		struct slice one = next_flag(&list);
		const char *text = log_flag_text(one);
		buf_str(&b, b.n ? ", " : "");
		buf_add(&b, text ? slice_of(text) : one);
	}
	struct slice all = arena_copy(a, buf_slice(&b));
	buf_release(&b);
	return all;
}

static void failed(struct flow *f, struct slice why)
{
	flow_set_num(f, F_OUTCOME, OUTCOME_FAILED);
	if (why.n && !flow_has(f, F_FAILURE))
		flow_set_text(f, F_FAILURE, why);
}

/*
 * Refused: the details name RBAC or external authorization.  Served: the answer came from upstream, or
 * the gateway itself answered (a redirect, a direct response, a cache).  A 403 that no details explain and that no upstream gave
 * was the gateway's own: refused.  Nothing from upstream, no answer, and a reason why the connection was ended (a
 * handshake that failed has no flag): failed.  Else nothing is said: an error may have been the upstream's answer.
 */
void log_outcome(struct flow *f, struct arena *a)
{
	struct slice details = flow_text(f, F_RESPONSE_CODE_DETAILS);
	struct slice end = flow_text(f, F_CONNECTION_TERMINATION_DETAILS);
	struct slice list = flow_text(f, F_RESPONSE_FLAGS);
	int64_t code = flow_num(f, F_STATUS);

	/* By far the most usual. */
	if (!end.n && !list.n && slice_eq(details, SLICE("via_upstream"))) {
		flow_set_num(f, F_OUTCOME, OUTCOME_SERVED);
		return;
	}
	if (refused_by_rbac(f, details, a) || refused_by_rbac(f, end, a))
		return;
	if (slice_starts(details, SLICE("ext_authz_denied")) || has_flag(list, "UAEX")) {
		flow_set_num(f, F_OUTCOME, OUTCOME_REFUSED);
		return;
	}
	if (slice_is(details, "via_upstream")) {
		flow_set_num(f, F_OUTCOME, OUTCOME_SERVED);
		return;
	}
	if (tells_failure(list)) {
		failed(f, flags_text(list, a));
		return;
	}
	bool own = details.n || flow_state(f, F_UPSTREAM_IP) == FLOW_ABSENT;
	bool upstream = flow_has(f, F_UPSTREAM_IP), answered = code >= 100 && code < 400;
	if (slice_is(details, "direct_response") || has_flag(list, "RFCF") || upstream || answered) {
		flow_set_num(f, F_OUTCOME, OUTCOME_SERVED);
	} else if (code == 403 && own && !details.n) {
		flow_set_num(f, F_OUTCOME, OUTCOME_REFUSED);
	} else if (code >= 400 && own) {
		failed(f, details);
	} else if (!code && (end.n || flow_has(f, F_FAILURE))) {
		failed(f, end);
	}
}
