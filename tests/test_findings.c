/* test_findings: which facts make which finding, and that a missing fact makes none. */
#include <string.h>

#include "analyze/findings.h"
#include "analyze/leg.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

enum { MTLS = 1, TCP = 2, PORT = 4, ROUTES = 8, REGISTRY = 16, LOG = 32, WIRE = 64, UP_TLS = 128,
       UNASKED = 256 };

#define DOWN "\"leg\":\"downstream\","

static const struct {
	const char *flow;
	unsigned scene;
	const char *codes;	/* worst first */
} cases[] = {
	/* enforcement: verdict against outcome */
	{ "{" DOWN "\"verdict\":\"deny\",\"outcome\":\"served\"}", 0, "ENF-GAP " },
	{ "{" DOWN "\"verdict\":\"deny\"}", 0, "" },
	{ "{" DOWN "\"verdict\":\"deny\",\"outcome\":\"failed\"}", 0, "" },
	{ "{" DOWN "\"verdict\":\"allow\",\"outcome\":\"refused\"}", 0, "ENF-OVER " },
	{ "{" DOWN "\"verdict\":\"allow\",\"outcome\":\"served\"}", 0, "" },
	{ "{" DOWN "\"verdict\":\"none\",\"outcome\":\"served\"}", 0, "ENF-NOPOLICY " },
	{ "{" DOWN "\"verdict\":\"none\",\"outcome\":\"refused\"}", 0, "ENF-UNEXPECTED-DENY " },
	{ "{" DOWN "\"verdict\":\"none\",\"outcome\":\"served\"}", UNASKED, "" },
	{ "{" DOWN "\"verdict\":\"none\",\"outcome\":\"refused\"}", UNASKED, "ENF-UNEXPECTED-DENY " },
	{ "{" DOWN "\"verdict\":\"unknown\",\"outcome\":\"served\"}", 0, "ENF-UNKNOWN " },
	{ "{\"leg\":\"upstream\",\"verdict\":\"deny\",\"outcome\":\"served\"}", 0, "" },
	{ "{\"verdict\":\"deny\",\"policy\":\"a/b\",\"rule\":0,\"outcome\":\"refused\",\"outcome_policy\":\"a/c\"}", 0, "ENF-MISATTR " },
	{ "{\"verdict\":\"deny\",\"policy\":\"a/b\",\"rule\":0,\"outcome\":\"refused\",\"outcome_policy\":\"a/b\",\"outcome_rule\":0}", 0, "" },
	{ "{\"verdict\":\"deny\",\"policy\":\"\",\"outcome\":\"refused\"}", 0, "" },
	/* identity */
	{ "{" DOWN "\"transport\":\"tls\",\"tls_established\":true,\"source_identity\":null}", MTLS, "ID-NONE " },
	{ "{" DOWN "\"transport\":\"tls\",\"tls_established\":true}", MTLS, "" },
	{ "{" DOWN "\"source_identity\":\"spiffe://other/ns/a/sa/b\"}", 0, "ID-TRUSTDOMAIN " },
	{ "{" DOWN "\"source_identity\":\"spiffe://cluster.local/ns/a/sa/b\"}", 0, "" },
	{ "{" DOWN "\"certificate_status\":\"expired\"}", 0, "ID-EXPIRED " },
	{ "{" DOWN "\"certificate_status\":\"untrusted\"}", 0, "ID-UNTRUSTED " },
	/* names */
	{ "{" DOWN "\"sni\":\"a.example\",\"authority\":\"B.example:80\"}", 0, "SNI-HOST " },
	{ "{" DOWN "\"sni\":\"a.example\",\"authority\":\"A.example:80\"}", 0, "" },
	{ "{" DOWN "\"sni\":\"a.example\",\"authority\":\"a.example.\"}", 0, "" },
	{ "{" DOWN "\"sni\":\"www.far.a.example\",\"authority\":\"www.far.A.EXAMPLE:8443\"}", 0, "" },
	{ "{" DOWN "\"sni\":\"www.far.a.example\",\"authority\":\"www.far.b.EXAMPLE\"}", 0, "SNI-HOST " },
	{ "{" DOWN "\"sni\":\"www.far.a.example\",\"authority\":\"www.far.a.examplf\"}", 0, "SNI-HOST " },
	{ "{" DOWN "\"sni\":\"outbound_.80_._.gw\",\"authority\":\"a.example\"}", 0, "" },
	{ "{" DOWN "\"sni\":\"a.example\",\"inner_sni\":\"b.example\"}", TCP, "SNI-OUTER-INNER " },
	{ "{" DOWN "\"sni\":\"a.example\",\"inner_sni\":\"a.example\"}", TCP, "" },
	{ "{" DOWN "\"sni\":\"a.example\"}", TCP, "" },
	{ "{" DOWN "\"sni\":\"x\",\"expected_sni\":\"y\",\"transport\":\"mtls\"}", 0, "SNI-DRIFT-DR " },
	{ "{" DOWN "\"sni\":null,\"transport\":\"mtls\"}", PORT, "SNI-MISSING " },
	{ "{" DOWN "\"transport\":\"mtls\"}", PORT, "" },
	{ "{" DOWN "\"inner_sni\":\"b\",\"sni\":\"b\",\"upstream_cluster\":\"outbound|443||a\"}", 0, "SNI-UPSTREAM " },
	{ "{" DOWN "\"tls_ech\":\"offered\"}", 0, "SNI-ECH " },
	{ "{" DOWN "\"tls_ech\":\"grease\"}", 0, "" },
	{ "{" DOWN "\"authority\":\"evil.example\",\"outcome\":\"served\"}", REGISTRY, "HOST-UNREGISTERED " },
	{ "{" DOWN "\"authority\":\"a.example:80\",\"outcome\":\"served\"}", REGISTRY, "" },
	{ "{" DOWN "\"method\":\"CONNECT\",\"authority\":\"a:1\"}", 0, "HOST-CONNECT " },
	/* routes */
	{ "{\"leg\":\"bypass\",\"source_ip\":\"10.0.0.1\",\"destination_ip\":\"192.0.2.1\"}", 0, "RTE-BYPASS " },
	{ "{\"leg\":\"bypass\",\"observed_by\":\"log\",\"source_ip\":\"10.0.0.1\",\"upstream_ip\":\"192.0.2.1\",\"upstream_port\":443,"
	  "\"upstream_cluster\":\"PassthroughCluster\",\"outcome\":\"served\"}", 0, "RTE-BYPASS " },
	{ "{\"leg\":\"bypass\",\"observed_by\":\"log\",\"source_ip\":\"10.0.0.1\",\"upstream_ip\":\"192.0.2.1\","
	  "\"upstream_cluster\":\"outbound|443||a\",\"outcome\":\"failed\"}", 0, "" },
	{ "{\"leg\":\"other\",\"observed_by\":\"log\",\"upstream_cluster\":\"BlackHoleCluster\",\"response_flags\":\"NR\"}", 0, "" },
	{ "{" DOWN "\"upstream_cluster\":\"outbound|80||a\",\"expected_cluster\":\"outbound|80||b\"}", 0, "RTE-DRIFT " },
	{ "{" DOWN "\"upstream_cluster\":\"outbound|80||a\"}", 0, "" },
	{ "{" DOWN "\"destination_port\":9000}", ROUTES, "RTE-PORT " },
	{ "{" DOWN "\"destination_port\":9000}", 0, "" },
	{ "{" DOWN "\"upstream_cluster\":\"PassthroughCluster\",\"outcome\":\"served\"}", 0, "RTE-PASSTHROUGH " },
	{ "{" DOWN "\"response_flags\":\"NR\"}", 0, "RTE-BLACKHOLE " },
	/* transport */
	{ "{" DOWN "\"transport\":\"plaintext\"}", MTLS, "TLS-PLAIN-ON-MTLS " },
	{ "{" DOWN "\"transport\":\"plaintext\"}", 0, "" },
	{ "{\"leg\":\"upstream\",\"transport\":\"plaintext\",\"method\":\"GET\"}", 0, "TLS-CLEAR-UPSTREAM " },
	{ "{" DOWN "\"tls_decrypted\":true,\"method\":\"GET\"}", TCP | UP_TLS, "TLS-INNER-PLAIN " },
	{ "{\"tls_established\":true,\"tls_version\":\"TLS1.0\",\"tls_cipher\":\"TLS_RSA_WITH_RC4_128_SHA\"}", 0, "TLS-WEAK-VERSION TLS-WEAK-CIPHER " },
	{ "{\"tls_version\":\"TLS1.0\"}", 0, "" },
	/* evidence */
	{ "{" DOWN "\"observed_by\":\"wire\",\"status\":200}", LOG, "EVD-WIRE-NO-LOG " },
	{ "{" DOWN "\"observed_by\":\"wire\"}", LOG, "" },
	{ "{" DOWN "\"observed_by\":\"log\",\"source_port\":4000}", WIRE, "EVD-LOG-NO-WIRE " },
	{ "{" DOWN "\"observed_by\":\"log\",\"source_port\":0}", WIRE, "" },
};

static bool registered(const void *ctx, struct slice host)
{
	return slice_is(host, ctx);
}

static void codes_of(const struct flow *f, char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < f->n_findings; i++)
		n += (size_t)snprintf(out + n, size - n, "%s ", finding_info[f->findings[i].code].code);
}

static void table(struct arena *a)
{
	static const char *const domains[] = { "cluster.local" };
	struct flow f;
	struct err e;
	char got[400];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned s = cases[i].scene;
		printf("# %s\n", cases[i].flow);
		if (!ok(flow_json_read(&f, slice_of(cases[i].flow), a, NULL, &e) == 0))
			continue;
		struct scene scene = {
			.f = &f, .a = a, .mtls_declared = s & MTLS, .tcp_chain = s & TCP, .unasked = s & UNASKED,
			.port_declared = s & PORT, .routes = s & ROUTES, .registry = s & REGISTRY,
			.log_covers = s & LOG, .wire_covers = s & WIRE, .upstream_tls = s & UP_TLS,
			.registered = registered, .registry_ctx = "a.example",
			.trust_domains = domains, .n_trust_domains = 1,
		};
		findings_add(&scene);
		findings_sort(&f);
		codes_of(&f, got, sizeof got);
		if (!ok(!strcmp(got, cases[i].codes)))
			printf("# got %s, want %s\n", got, cases[i].codes);
		arena_reset(a);
	}
}

static int64_t leg(struct leg_map *m, const char *from, const char *to, bool listener, int by)
{
	struct flow f;

	flow_init(&f);
	flow_mark(&f, F_SOURCE_IP);
	flow_mark(&f, F_DESTINATION_IP);
	ip_parse(slice_of(from), &f.v[F_SOURCE_IP].ip);
	ip_parse(slice_of(to), &f.v[F_DESTINATION_IP].ip);
	flow_set_num(&f, F_TRANSPORT, TRANSPORT_MTLS);
	flow_set_num(&f, F_OBSERVED_BY, by);
	leg_set(m, &f, (struct leg_hint){ .listens = listener });
	return flow_num(&f, F_LEG);
}

static void legs(void)
{
	struct leg_map m;

	leg_init(&m, NULL, 0, true);
	is(leg(&m, "10.0.0.1", "192.0.2.1", false, OBSERVED_WIRE), 0);	/* no gateway known */
	is(leg(&m, "10.0.0.1", "10.0.0.9", true, OBSERVED_WIRE), LEG_DOWNSTREAM);
	is(leg(&m, "10.0.0.9", "192.0.2.1", false, OBSERVED_WIRE), LEG_UPSTREAM);
	is(leg(&m, "10.0.0.1", "192.0.2.1", false, OBSERVED_WIRE), LEG_BYPASS);
	is(leg(&m, "10.0.0.1", "10.0.0.2", false, OBSERVED_WIRE), LEG_OTHER);
	is(leg(&m, "192.0.2.1", "192.0.2.2", true, OBSERVED_WIRE), LEG_OTHER);	/* not in the mesh */
	is(leg(&m, "10.0.0.1", "10.0.0.8", false, OBSERVED_LOG), LEG_DOWNSTREAM);
	is(leg(&m, "10.0.0.8", "192.0.2.1", false, OBSERVED_WIRE), LEG_UPSTREAM);
	leg_release(&m);
}

/* What a finding's evidence is said to be are fields of the flow; each code has some. */
static void facts(void)
{
	for (int k = 1; k < FINDING_CODES; k++) {
		bool all = finding_fact[k].fields && *finding_fact[k].fields;
		for (const char *at = all ? finding_fact[k].fields : ""; *at;) {
			size_t n = strcspn(at, ",");
			all &= flow_field_by_name((struct slice){ (const uint8_t *)at, n }) >= 0;
			at += n + (at[n] != 0);
		}
		if (!ok(all && finding_fact[k].ruled_out))
			printf("# %s\n", finding_info[k].code);
	}
}

int main(void)
{
	facts();
	struct arena *a = arena_new(1 << 20);

	table(a);
	legs();
	arena_free(&a);
	return tap_end();
}
