/*
 * findings: a table of small functions; each looks at one flow and says one thing.
 *
 * Sentences name the two facts that disagree.  Text from outside goes through buf_quote.
 */
#include "analyze/findings.h"

#include <string.h>

#include "analyze/correlate.h"
#include "analyze/istio.h"
#include "analyze/words.h"
#include "common/buf.h"

static const char *show_text(const struct flow *f, enum flow_field k)
{
	return say(flow_text(f, k));
}

static bool is_enum(const struct flow *f, enum flow_field k, int value)
{
	return flow_has(f, k) && f->v[k].num == value;
}

static bool absent(const struct flow *f, enum flow_field k)
{
	return flow_state(f, k) == FLOW_ABSENT;
}

static bool downstream(const struct flow *f)
{
	return !flow_has(f, F_LEG) || is_enum(f, F_LEG, LEG_DOWNSTREAM);
}

/* Istio's own form: outbound_.PORT_.SUBSET_.HOST (model/service.go BuildDNSSrvSubsetKey). */
static bool default_form(struct slice sni)
{
	return slice_starts(sni, SLICE("outbound_."));
}

static struct slice cluster_host(struct slice cluster)
{
	const uint8_t *bar = NULL;

	for (size_t i = 0; i < cluster.n; i++)
		if (cluster.p[i] == '|')
			bar = cluster.p + i;
	if (!bar || !slice_starts(cluster, SLICE("outbound|")))
		return (struct slice){ NULL, 0 };
	return slice_from(cluster, (size_t)(bar - cluster.p) + 1);
}

static const char *who(const struct flow *f)
{
	if (flow_has(f, F_SOURCE_IDENTITY))
		return show_text(f, F_SOURCE_IDENTITY);
	return absent(f, F_SOURCE_IDENTITY) ? "a client without identity"
					    : "a client of unknown identity";
}

static const char *policy_name(const struct flow *f)
{
	return flow_text(f, F_POLICY).n ? show_text(f, F_POLICY) : "no ALLOW rule matched";
}

/* --- enforcement: verdict against outcome (docs/semantics.md) */

static void enforcement(struct scene *s)
{
	struct flow *f = s->f;

	bool served = is_enum(f, F_OUTCOME, OUTCOME_SERVED);
	bool refused = is_enum(f, F_OUTCOME, OUTCOME_REFUSED);
	if (is_enum(f, F_VERDICT, VERDICT_DENY) && served)
		finding_note(f, FINDING_ENF_GAP, s->a,
			    "the declared policy denies this (%s), and the gateway served %s",
			    policy_name(f), who(f));
	if (is_enum(f, F_VERDICT, VERDICT_ALLOW) && refused)
		finding_note(f, FINDING_ENF_OVER, s->a,
			    "policy %s allows this, and the gateway refused it by %s",
			    policy_name(f), flow_text(f, F_OUTCOME_POLICY).n
				? show_text(f, F_OUTCOME_POLICY) : "the implicit deny");
	if (is_enum(f, F_VERDICT, VERDICT_NONE) && served && !s->unasked)
		finding_note(f, FINDING_ENF_NOPOLICY, s->a,
			    "no policy selects the gateway, and it served %s", who(f));
	if (is_enum(f, F_VERDICT, VERDICT_NONE) && refused)
		finding_note(f, FINDING_ENF_UNEXPECTED_DENY, s->a,
			    "%s, and the gateway refused by %s",
			    s->unasked ? "on an AUTO_PASSTHROUGH server Istio asks no policy since 1.20"
				       : "no declared policy applies",
			    flow_text(f, F_OUTCOME_POLICY).n
				? show_text(f, F_OUTCOME_POLICY) : "the implicit deny");
	if (is_enum(f, F_VERDICT, VERDICT_UNKNOWN))
		finding_note(f, FINDING_ENF_UNKNOWN, s->a, "%s", show_text(f, F_REASON));
}

static void misattribution(struct scene *s)
{
	struct flow *f = s->f;

	if (!is_enum(f, F_VERDICT, VERDICT_DENY) || !is_enum(f, F_OUTCOME, OUTCOME_REFUSED) ||
	    flow_state(f, F_OUTCOME_POLICY) == FLOW_UNKNOWN)
		return;
	bool same_policy = slice_eq(flow_text(f, F_POLICY), flow_text(f, F_OUTCOME_POLICY));
	bool same_rule = !flow_has(f, F_RULE) || !flow_has(f, F_OUTCOME_RULE) ||
			 flow_num(f, F_RULE) == flow_num(f, F_OUTCOME_RULE);
	if (same_policy && same_rule)
		return;
	finding_note(f, FINDING_ENF_MISATTR, s->a,
		    "the declared policy refuses by %s, the gateway names %s",
		    policy_name(f), flow_text(f, F_OUTCOME_POLICY).n
			? show_text(f, F_OUTCOME_POLICY) : "the implicit deny");
}

/* --- identity */

static void no_identity(struct scene *s)
{
	if (s->mtls_declared && absent(s->f, F_SOURCE_IDENTITY) &&
	    is_enum(s->f, F_TRANSPORT, TRANSPORT_TLS) && flow_num(s->f, F_TLS_ESTABLISHED))
		finding_note(s->f, FINDING_ID_NONE, s->a,
			    "mTLS is declared on this port, and TLS was completed without a client certificate");
}

static void foreign_trust_domain(struct scene *s)
{
	struct slice td = flow_text(s->f, F_SOURCE_TRUST_DOMAIN);

	if (!td.n || !s->n_trust_domains)
		return;
	for (size_t i = 0; i < s->n_trust_domains; i++)
		if (slice_is(td, s->trust_domains[i]))
			return;
	finding_note(s->f, FINDING_ID_TRUSTDOMAIN, s->a,
		    "the identity belongs to trust domain %s, the mesh's is %s", say(td),
		    s->trust_domains[0]);
}

static void certificate(struct scene *s)
{
	static const struct { int status; enum finding_code code; const char *what; } of[] = {
		{ CERT_EXPIRED, FINDING_ID_EXPIRED, "had expired when the connection began" },
		{ CERT_NOT_YET_VALID, FINDING_ID_NOTYET, "was not yet valid when the connection began" },
		{ CERT_UNTRUSTED, FINDING_ID_UNTRUSTED, "does not chain to a given root" },
		{ CERT_MALFORMED, FINDING_ID_MALFORMED, "does not carry exactly one SPIFFE URI" },
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		if (!is_enum(s->f, F_CERTIFICATE_STATUS, of[i].status))
			continue;
		struct finding *g = finding_note(s->f, of[i].code, s->a,
			"the client certificate of %s %s", who(s->f), of[i].what);
		if (g && is_enum(s->f, F_OUTCOME, OUTCOME_SERVED) && g->severity < SEV_CRITICAL)
			g->severity = SEV_CRITICAL;
	}
}

/* --- names */

static void host_against_sni(struct scene *s)
{
	struct slice sni = flow_text(s->f, F_SNI), host = flow_text(s->f, F_AUTHORITY);

	if (!sni.n || !host.n || default_form(sni) || s->tcp_chain ||
	    host_same(sni, host))
		return;
	struct finding *g = finding_note(s->f, FINDING_SNI_HOST, s->a,
		"the connection was opened for %s and the request asks for %s", say(sni), say(host));
	if (g && is_enum(s->f, F_STATUS, 421))
		g->severity = SEV_INFO;		/* the gateway refused the misdirection */
}

static void outer_against_inner(struct scene *s)
{
	struct slice outer = flow_text(s->f, F_SNI), inner = flow_text(s->f, F_INNER_SNI);
	struct slice wanted = default_form(outer) || !outer.n ? s->upstream_host : outer;

	if (!inner.n || !wanted.n || host_same(inner, wanted))
		return;
	finding_note(s->f, FINDING_SNI_OUTER_INNER, s->a,
		    "%s says %s, the TLS inside the tunnel asks for %s",
		    default_form(outer) || !outer.n ? "the declared route" : "the outer SNI",
		    say(wanted), say(inner));
}

static void sni_against_rule(struct scene *s)
{
	struct slice want = flow_text(s->f, F_EXPECTED_SNI), sni = flow_text(s->f, F_SNI);

	if (!want.n || flow_state(s->f, F_SNI) == FLOW_UNKNOWN ||
	    is_enum(s->f, F_TRANSPORT, TRANSPORT_PLAINTEXT) || host_same(want, sni))
		return;
	finding_note(s->f, FINDING_SNI_DRIFT_DR, s->a, "the DestinationRule sets SNI %s, the client sent %s",
		    say(want), sni.n ? say(sni) : "none");
}

static void sni_missing(struct scene *s)
{
	if (s->port_declared && absent(s->f, F_SNI) && flow_has(s->f, F_TRANSPORT) &&
	    !is_enum(s->f, F_TRANSPORT, TRANSPORT_PLAINTEXT))
		finding_note(s->f, FINDING_SNI_MISSING, s->a,
			    "TLS reached a declared port without naming a server");
}

static void sni_upstream(struct scene *s)
{
	struct slice inner = flow_text(s->f, F_INNER_SNI);
	struct slice host = inner.n ? cluster_host(flow_text(s->f, F_UPSTREAM_CLUSTER)) : inner;

	if (inner.n && host.n && !host_same(inner, host))
		finding_note(s->f, FINDING_SNI_UPSTREAM, s->a,
			    "the gateway routed to %s, the name sent to the outside is %s",
			    say(host), say(inner));
}

static void ech(struct scene *s)
{
	if (is_enum(s->f, F_TLS_ECH, ECH_OFFERED))
		finding_note(s->f, FINDING_SNI_ECH, s->a,
			    "the client offered Encrypted ClientHello; the visible name is %s",
			    flow_text(s->f, F_SNI).n ? show_text(s->f, F_SNI) : "none");
}

static void unregistered(struct scene *s)
{
	struct slice host = flow_text(s->f, F_INNER_SNI);

	if (!s->registry || !is_enum(s->f, F_OUTCOME, OUTCOME_SERVED))
		return;
	if (!host.n)
		host = host_without_port(flow_text(s->f, F_AUTHORITY));
	if (!host.n && !default_form(flow_text(s->f, F_SNI)))
		host = flow_text(s->f, F_SNI);
	if (host.n && !s->registered(s->registry_ctx, host))
		finding_note(s->f, FINDING_HOST_UNREGISTERED, s->a,
			    "%s is in no ServiceEntry, and the gateway served it", say(host));
}

static void connect_method(struct scene *s)
{
	if (slice_is(flow_text(s->f, F_METHOD), "CONNECT"))
		finding_note(s->f, FINDING_HOST_CONNECT, s->a, "CONNECT to %s was asked for",
			    show_text(s->f, F_AUTHORITY));
}

/* --- routes */

/* A sidecar's log says by which cluster; what did not arrive went nowhere. */
static void bypass_logged(struct scene *s, const char *from, const char *to)
{
	struct flow *f = s->f;
	struct slice cluster = flow_text(f, F_UPSTREAM_CLUSTER);
	bool declared = slice_starts(cluster, SLICE("outbound|"));

	if (!is_enum(f, F_OUTCOME, OUTCOME_SERVED))
		return;
	struct finding *g = declared
		? finding_note(f, FINDING_RTE_BYPASS, s->a, "workload %s reached %s without the gateway, "
			       "as the mesh's own configuration sends it: its sidecar chose %s",
			       from, to, say(cluster))
		: finding_note(f, FINDING_RTE_BYPASS, s->a, "workload %s reached %s without the gateway: "
			       "its sidecar passed it on by %s", from, to,
			       cluster.n ? say(cluster) : "a cluster that the log does not name");
	if (g && declared)
		g->severity = SEV_HIGH;		/* declared for all to see, not gone around */
}

/* "192.0.2.1:443"; without the port where it is negative. */
static void address(char *text, size_t size, const struct ip *ip, int64_t port)
{
	struct buf b = { .p = (uint8_t *)text, .size = size, .max = size };

	ip_print(&b, ip);
	if (port >= 0) {
		buf_byte(&b, ':');
		buf_int(&b, port);
	}
	buf_byte(&b, 0);
	text[size - 1] = 0;
}

static void bypass(struct scene *s)
{
	const struct flow *f = s->f;
	bool logged = flow_has(f, F_OBSERVED_BY) && !is_enum(f, F_OBSERVED_BY, OBSERVED_WIRE);
	bool up = logged && flow_has(f, F_UPSTREAM_IP);
	char from[64], to[96];

	if (!is_enum(f, F_LEG, LEG_BYPASS))
		return;
	address(from, sizeof from, &f->v[F_SOURCE_IP].ip, -1);
	address(to, sizeof to, &f->v[up ? F_UPSTREAM_IP : F_DESTINATION_IP].ip,
		flow_num(f, up ? F_UPSTREAM_PORT : F_DESTINATION_PORT));
	if (logged)
		bypass_logged(s, from, to);
	else
		finding_note(s->f, FINDING_RTE_BYPASS, s->a, "workload %s reached %s without the gateway",
			     from, to);
}

static bool is_catch_all(struct slice cluster)
{
	return slice_is(cluster, "PassthroughCluster") || slice_is(cluster, "BlackHoleCluster") ||
	       slice_starts(cluster, SLICE("InboundPassthroughCluster"));
}

static void route_drift(struct scene *s)
{
	struct slice got = flow_text(s->f, F_UPSTREAM_CLUSTER);
	struct slice want = flow_text(s->f, F_EXPECTED_CLUSTER);

	if (got.n && want.n && !slice_eq(got, want) && !is_catch_all(got))
		finding_note(s->f, FINDING_RTE_DRIFT, s->a, "the routes choose %s, the gateway chose %s",
			    say(want), say(got));
}

static void undeclared_port(struct scene *s)
{
	if (s->routes && !s->port_declared && is_enum(s->f, F_LEG, LEG_DOWNSTREAM) &&
	    flow_has(s->f, F_DESTINATION_PORT))
		finding_note(s->f, FINDING_RTE_PORT, s->a, "no Gateway server is declared for port %d",
			    (int)flow_num(s->f, F_DESTINATION_PORT));
}

static void catch_all(struct scene *s)
{
	struct slice cluster = flow_text(s->f, F_UPSTREAM_CLUSTER);

	if (slice_is(cluster, "PassthroughCluster") && is_enum(s->f, F_OUTCOME, OUTCOME_SERVED))
		finding_note(s->f, FINDING_RTE_PASSTHROUGH, s->a,
			    "the flow left by PassthroughCluster, not by a declared route");
	if (slice_is(cluster, "BlackHoleCluster") || slice_is(flow_text(s->f, F_RESPONSE_FLAGS), "NR"))
		finding_note(s->f, FINDING_RTE_BLACKHOLE, s->a, "the gateway had no route for it");
}

/* --- transport */

static void plain_on_mtls(struct scene *s)
{
	if (!s->mtls_declared || !is_enum(s->f, F_LEG, LEG_DOWNSTREAM) ||
	    !is_enum(s->f, F_TRANSPORT, TRANSPORT_PLAINTEXT))
		return;
	bool served = is_enum(s->f, F_OUTCOME, OUTCOME_SERVED);
	struct finding *g = finding_note(s->f, FINDING_TLS_PLAIN_ON_MTLS, s->a,
		"mTLS is declared on port %d, and the first bytes are not TLS",
		(int)flow_num(s->f, F_DESTINATION_PORT));
	if (g)
		g->severity = served ? SEV_CRITICAL : SEV_MEDIUM;
}

static void clear_upstream(struct scene *s)
{
	if (is_enum(s->f, F_LEG, LEG_UPSTREAM) && is_enum(s->f, F_TRANSPORT, TRANSPORT_PLAINTEXT) &&
	    flow_has(s->f, F_METHOD))
		finding_note(s->f, FINDING_TLS_CLEAR_UPSTREAM, s->a,
			    "the request to %s left the gateway unencrypted",
			    flow_text(s->f, F_AUTHORITY).n ? show_text(s->f, F_AUTHORITY) : "the outside");
}

static void inner_plain(struct scene *s)
{
	if (s->tcp_chain && s->upstream_tls && flow_num(s->f, F_TLS_DECRYPTED) &&
	    flow_has(s->f, F_METHOD) && !flow_has(s->f, F_INNER_TLS_VERSION))
		finding_note(s->f, FINDING_TLS_INNER_PLAIN, s->a,
			    "the tunnel is meant for TLS and carries a clear %s request",
			    show_text(s->f, F_METHOD));
}

static void weak_tls(struct scene *s)
{
	static const char *const weak[] = {
		"_RC4_", "_3DES_", "_DES_", "_NULL_", "_EXPORT_", "_anon_", "TLS_RSA_WITH_",
	};
	struct slice suite = flow_text(s->f, F_TLS_CIPHER);

	if (!flow_num(s->f, F_TLS_ESTABLISHED))
		return;		/* offered is not negotiated */
	if (flow_has(s->f, F_TLS_VERSION) && flow_num(s->f, F_TLS_VERSION) < TLS_12)
		finding_note(s->f, FINDING_TLS_WEAK_VERSION, s->a, "%s was negotiated",
			    flow_enum_name(ENUM_TLS_VERSION, flow_num(s->f, F_TLS_VERSION)));
	for (size_t i = 0; i < sizeof weak / sizeof *weak; i++)
		if (suite.n && memmem(suite.p, suite.n, weak[i], strlen(weak[i]))) {
			finding_note(s->f, FINDING_TLS_WEAK_CIPHER, s->a, "%s was negotiated", say(suite));
			return;
		}
}

/* --- evidence */

static void lonely(struct scene *s)
{
	bool handled = flow_has(s->f, F_STATUS) || (flow_num(s->f, F_TLS_ESTABLISHED) &&
						    flow_num(s->f, F_BYTES_RECEIVED) > 0);

	if (!is_enum(s->f, F_LEG, LEG_DOWNSTREAM))
		return;
	if (is_enum(s->f, F_OBSERVED_BY, OBSERVED_WIRE) && s->log_covers && handled)
		finding_note(s->f, FINDING_EVD_WIRE_NO_LOG, s->a,
			    "the wire shows this flow and the access log of that time does not");
	if (is_enum(s->f, F_OBSERVED_BY, OBSERVED_LOG) && s->wire_covers &&
	    flow_num(s->f, F_SOURCE_PORT) > 0)
		finding_note(s->f, FINDING_EVD_LOG_NO_WIRE, s->a,
			    "the access log has this flow and the packets of that time do not");
}

/*
 * What each looks at: the leg, and one field without which it has nothing to say (F_ID: it always may), so
 * that most are never called.
 */
enum { ANY_LEG, DOWNSTREAM };

static const struct {
	void (*look)(struct scene *);
	int leg;
	enum flow_field known;
} detectors[] = {
	{ enforcement, DOWNSTREAM, F_VERDICT },
	{ misattribution, ANY_LEG, F_VERDICT },
	{ no_identity, DOWNSTREAM, F_SOURCE_IDENTITY },
	{ foreign_trust_domain, DOWNSTREAM, F_SOURCE_TRUST_DOMAIN },
	{ certificate, DOWNSTREAM, F_CERTIFICATE_STATUS },
	{ host_against_sni, DOWNSTREAM, F_SNI },
	{ outer_against_inner, DOWNSTREAM, F_INNER_SNI },
	{ sni_against_rule, DOWNSTREAM, F_EXPECTED_SNI },
	{ sni_missing, DOWNSTREAM, F_SNI },
	{ sni_upstream, DOWNSTREAM, F_INNER_SNI },
	{ ech, ANY_LEG, F_TLS_ECH },
	{ unregistered, DOWNSTREAM, F_OUTCOME },
	{ connect_method, DOWNSTREAM, F_METHOD },
	{ bypass, ANY_LEG, F_LEG },
	{ route_drift, DOWNSTREAM, F_EXPECTED_CLUSTER },
	{ undeclared_port, DOWNSTREAM, F_DESTINATION_PORT },
	{ catch_all, DOWNSTREAM, F_ID },
	{ plain_on_mtls, DOWNSTREAM, F_TRANSPORT },
	{ clear_upstream, ANY_LEG, F_METHOD },
	{ inner_plain, DOWNSTREAM, F_TLS_DECRYPTED },
	{ weak_tls, ANY_LEG, F_TLS_ESTABLISHED },
	{ lonely, DOWNSTREAM, F_OBSERVED_BY },
};

void findings_add(struct scene *s)
{
	bool down = downstream(s->f);

	for (size_t i = 0; i < sizeof detectors / sizeof *detectors; i++) {
		if (detectors[i].leg == DOWNSTREAM && !down)
			continue;
		if (detectors[i].known == F_ID || flow_state(s->f, detectors[i].known) != FLOW_UNKNOWN)
			detectors[i].look(s);
	}
}

void findings_sort(struct flow *f)
{
	/* Insertion: a handful, and the list may be in an arena of ours only. */
	for (uint32_t i = 1; i < f->n_findings; i++)
		for (uint32_t k = i; k && f->findings[k].severity > f->findings[k - 1].severity; k--) {
			struct finding t = f->findings[k];
			f->findings[k] = f->findings[k - 1];
			f->findings[k - 1] = t;
		}
}
