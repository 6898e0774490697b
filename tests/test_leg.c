/* test_leg: whose line it is, and on which side of the gateway a flow was seen. */
#include <string.h>

#include "analyze/leg.h"
#include "schema/flow_json.h"
#include "tests/tap.h"

#define LOG "{\"observed_by\":\"log\","
#define ADDRESSES(from, to, own) \
	"\"source_ip\":\"" from "\",\"destination_ip\":\"" to "\",\"upstream_local_ip\":\"" own "\","
#define FAILED(from, to) \
	"\"source_ip\":\"" from "\",\"destination_ip\":\"" to "\",\"upstream_local_ip\":null,"
#define UPSTREAM(ip, port) "\"upstream_ip\":\"" ip "\",\"upstream_port\":" port
#define CLUSTER(c, up) "\"upstream_cluster\":\"" c "\",\"upstream_ip\":\"" up "\"}"

static const struct {
	const char *what, *flow;
	int leg, configured;		/* leg: with 10.0.0.9, 2001:db8::9 and 10.0.0.5 configured */
} cases[] = {
	/* the gateway's own lines */
	{ "mTLS from a sidecar, HTTP inside",
	  LOG ADDRESSES("10.0.0.1", "10.0.0.9", "10.0.0.9") CLUSTER("outbound|443||a.example", "192.0.2.1"),
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "TLS passed through by SNI",
	  LOG "\"protocol\":\"tls\",\"sni\":\"a.example\","
	  ADDRESSES("10.0.0.1", "10.0.0.9", "10.0.0.9") CLUSTER("outbound|443||a.example", "192.0.2.1"),
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "IPv6",
	  LOG ADDRESSES("2001:db8::1", "2001:db8::9", "2001:db8::9") CLUSTER("outbound|443||a.example", "2001:db8:1::1"),
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "on the host's network, the client on the same host",
	  LOG ADDRESSES("10.0.0.7", "10.0.0.7", "10.0.0.7") CLUSTER("outbound|443||a.example", "192.0.2.1"),
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "all on loopback",
	  LOG ADDRESSES("127.0.0.1", "127.0.0.1", "127.0.0.1") CLUSTER("outbound|80||a.example", "127.0.0.1"),
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "two addresses of one gateway",
	  LOG ADDRESSES("10.0.0.1", "10.0.0.9", "10.1.0.9") CLUSTER("outbound|443||a.example", "192.0.2.1"),
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "refused, so without an upstream",
	  LOG "\"source_ip\":\"10.0.0.1\",\"destination_ip\":\"10.0.0.9\",\"upstream_ip\":null,"
	  "\"upstream_local_ip\":null,\"upstream_cluster\":\"outbound|443||a.example\",\"outcome\":\"refused\"}",
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	/* nothing is proved: the log is taken to be the gateway's, as it was given */
	{ "no addresses", LOG "\"upstream_cluster\":\"outbound|443||a.example\"}", LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "no listener address",
	  LOG "\"source_ip\":\"10.0.0.1\",\"upstream_local_ip\":\"10.0.0.1\"}", LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "no upstream connection, a Service's address",
	  LOG "\"source_ip\":\"10.0.0.1\",\"destination_ip\":\"10.96.0.3\",\"upstream_local_ip\":null,"
	  CLUSTER("outbound|80||b.ns.svc.cluster.local", "10.0.0.3"), LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "a cluster whose name only resembles an inbound one",
	  LOG ADDRESSES("10.0.0.1", "10.0.0.9", "10.0.0.9") CLUSTER("inbound-proxy", "192.0.2.1"),
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	/* (a) a sidecar in front of its workload */
	{ "inbound", LOG ADDRESSES("10.0.0.1", "10.0.0.2", "127.0.0.6") CLUSTER("inbound|8080||", "10.0.0.2"),
	  LEG_OTHER, LEG_OTHER },
	{ "inbound, refused: no upstream",
	  LOG "\"source_ip\":\"10.0.0.1\",\"destination_ip\":\"10.0.0.2\",\"upstream_ip\":null,"
	  "\"upstream_cluster\":\"inbound|8080||\"}", LEG_OTHER, LEG_OTHER },
	{ "inbound, no addresses", LOG "\"upstream_cluster\":\"inbound|8080||\"}", LEG_OTHER, LEG_OTHER },
	{ "inbound, from outside the mesh to an address outside the mesh's ranges",
	  LOG ADDRESSES("192.0.2.8", "192.0.2.2", "127.0.0.6") CLUSTER("InboundPassthroughClusterIpv4", "192.0.2.2"),
	  LEG_OTHER, LEG_OTHER },
	{ "inbound at a configured gateway's address: the configuration wins",
	  LOG ADDRESSES("10.0.0.1", "10.0.0.9", "127.0.0.6") CLUSTER("inbound|8080||", "10.0.0.9"),
	  LEG_OTHER, LEG_DOWNSTREAM },
	/* (b) a sidecar beside its client */
	{ "to a service of the mesh",
	  LOG ADDRESSES("10.0.0.1", "10.96.0.3", "10.0.0.1") CLUSTER("outbound|80||b.ns.svc.cluster.local", "10.0.0.3"),
	  LEG_OTHER, LEG_OTHER },
	{ "to the egress gateway: the client's view of the downstream leg",
	  LOG ADDRESSES("10.0.0.1", "192.0.2.1", "10.0.0.1")
	  CLUSTER("outbound|443|a|istio-egressgateway.istio-system.svc.cluster.local", "10.0.0.9"),
	  LEG_OTHER, LEG_OTHER },
	{ "to the egress gateway at an address outside the mesh's ranges",
	  LOG ADDRESSES("10.0.0.1", "192.0.2.1", "10.0.0.1")
	  CLUSTER("outbound|443|a|istio-egressgateway.istio-system.svc.cluster.local", "198.51.100.9"),
	  LEG_BYPASS, LEG_OTHER },
	{ "straight out by the catch-all",
	  LOG ADDRESSES("10.0.0.1", "192.0.2.1", "10.0.0.1") CLUSTER("PassthroughCluster", "192.0.2.1"),
	  LEG_BYPASS, LEG_BYPASS },
	{ "by the catch-all to a pod",
	  LOG ADDRESSES("10.0.0.1", "10.0.0.4", "10.0.0.1") CLUSTER("PassthroughCluster", "10.0.0.4"),
	  LEG_OTHER, LEG_OTHER },
	{ "straight out by a declared host, reached by its virtual address",
	  LOG ADDRESSES("10.0.0.1", "240.240.0.5", "10.0.0.1") CLUSTER("outbound|443||a.example", "192.0.2.1"),
	  LEG_BYPASS, LEG_BYPASS },
	{ "IPv6, straight out",
	  LOG ADDRESSES("fd00::1", "2001:db8:1::1", "fd00::1") CLUSTER("PassthroughCluster", "2001:db8:1::1"),
	  LEG_BYPASS, LEG_BYPASS },
	{ "the log has no upstream host: the catch-all goes where the client meant to",
	  LOG "\"source_ip\":\"10.0.0.1\",\"destination_ip\":\"192.0.2.1\",\"upstream_local_ip\":\"10.0.0.1\","
	  "\"upstream_cluster\":\"PassthroughCluster\"}", LEG_BYPASS, LEG_BYPASS },
	{ "the log has no upstream host, and another cluster: not known to be outside",
	  LOG "\"source_ip\":\"10.0.0.1\",\"destination_ip\":\"192.0.2.1\",\"upstream_local_ip\":\"10.0.0.1\","
	  "\"upstream_cluster\":\"outbound|443||a.example\"}", LEG_OTHER, LEG_OTHER },
	{ "a client in the configured gateway's pod",
	  LOG ADDRESSES("10.0.0.5", "192.0.2.1", "10.0.0.5") CLUSTER("PassthroughCluster", "192.0.2.1"),
	  LEG_BYPASS, LEG_DOWNSTREAM },
	/* (c) no upstream connection */
	{ "UF by the catch-all", LOG FAILED("10.0.0.1", "192.0.2.1") "\"destination_port\":443,"
	  UPSTREAM("192.0.2.1", "443") ",\"upstream_cluster\":\"PassthroughCluster\"}", LEG_BYPASS, LEG_BYPASS },
	{ "by the catch-all, no address known", LOG "\"upstream_local_ip\":null,\"upstream_cluster\":\"PassthroughCluster\"}",
	  LEG_OTHER, LEG_OTHER },
	{ "the catch-all at a configured gateway: the configuration wins",
	  LOG FAILED("10.0.0.1", "10.0.0.9") "\"upstream_cluster\":\"PassthroughCluster\"}", LEG_OTHER, LEG_DOWNSTREAM },
	{ "the log tells of no upstreams: it may be the gateway's",
	  LOG "\"source_ip\":\"10.0.0.1\",\"destination_ip\":\"10.0.0.3\",\"upstream_cluster\":\"PassthroughCluster\"}",
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "UF to the very pod that the client meant", LOG FAILED("10.0.0.1", "10.0.0.3") "\"destination_port\":80,"
	  UPSTREAM("10.0.0.3", "80") ",\"upstream_cluster\":\"outbound|80||b.ns.svc.cluster.local\"}", LEG_OTHER, LEG_OTHER },
	{ "UF, the upstream on the listener's address at another port", LOG FAILED("10.0.0.7", "10.0.0.7")
	  "\"destination_port\":8443," UPSTREAM("10.0.0.7", "443") "}", LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "UH, no cluster, an address outside the mesh", LOG FAILED("10.0.0.1", "192.0.2.1")
	  "\"upstream_cluster\":null,\"upstream_ip\":null}", LEG_OTHER, LEG_OTHER },
	{ "the same, a gateway's that is configured", LOG FAILED("10.0.0.1", "198.51.100.9")
	  "\"upstream_cluster\":null,\"upstream_ip\":null}", LEG_OTHER, LEG_DOWNSTREAM },
	{ "NR at a virtual address that istiod assigned", LOG FAILED("10.0.0.1", "240.240.0.5") "\"upstream_ip\":null}",
	  LEG_OTHER, LEG_OTHER },
	{ "the same, where the log tells of no upstreams",
	  LOG "\"source_ip\":\"fd00::1\",\"destination_ip\":\"2001:2::5\"}", LEG_OTHER, LEG_OTHER },
	{ "the same, a public address of IPv6: a pod may have it", LOG FAILED("2001:db8::1", "2001:db8::8")
	  "\"upstream_cluster\":null,\"upstream_ip\":null}", LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "refused by a policy at an address outside the mesh", LOG FAILED("10.0.0.1", "192.0.2.1")
	  "\"outcome\":\"refused\",\"upstream_cluster\":\"outbound|443||a.example\"}", LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	{ "UF towards the gateway", LOG FAILED("10.0.0.1", "10.96.0.8") UPSTREAM("10.0.0.9", "8443") "}",
	  LEG_DOWNSTREAM, LEG_OTHER },
	{ "from the gateway, to a workload that fails it", LOG FAILED("10.0.0.9", "10.0.0.3") "\"upstream_ip\":null}",
	  LEG_DOWNSTREAM, LEG_OTHER },
	{ "refused at the gateway", LOG FAILED("10.0.0.1", "10.0.0.9") "\"upstream_cluster\":\"BlackHoleCluster\"}",
	  LEG_DOWNSTREAM, LEG_DOWNSTREAM },
	/* joined with the wire it is still the sidecar's */
	{ "wire and log", "{\"observed_by\":\"wire+log\","
	  ADDRESSES("10.0.0.1", "192.0.2.1", "10.0.0.1") CLUSTER("PassthroughCluster", "192.0.2.1"),
	  LEG_BYPASS, LEG_BYPASS },
	/* what is given stays */
	{ "given", LOG "\"leg\":\"upstream\"," ADDRESSES("10.0.0.1", "10.0.0.9", "10.0.0.9") CLUSTER("x", "192.0.2.1"),
	  LEG_UPSTREAM, LEG_UPSTREAM },
	{ "no evidence and no addresses: unknown", "{\"sni\":\"a.example\"}", 0, 0 },
};

static void configure(struct leg_map *m)
{
	static const char *const of[] = { "10.0.0.9", "2001:db8::9", "10.0.0.5", "198.51.100.9" };
	struct ip ip;

	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		ip_parse(slice_of(of[i]), &ip);
		leg_add_gateway(m, ip);
	}
}

static int64_t leg_once(const char *json, bool configured, struct arena *a)
{
	struct leg_map m;
	struct flow f;
	struct err e;

	leg_init(&m, NULL, 0, true);
	if (configured)
		configure(&m);
	if (!ok(!flow_json_read(&f, slice_of(json), a, NULL, &e)))
		printf("# %s\n", e.msg);
	leg_set(&m, &f, (struct leg_hint){ .listens = false });
	leg_release(&m);
	return flow_num(&f, F_LEG);
}

static void rules(struct arena *a)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		printf("# %s\n", cases[i].what);
		is(leg_once(cases[i].flow, false, a), cases[i].leg);
		is(leg_once(cases[i].flow, true, a), cases[i].configured);
		arena_reset(a);
	}
}

/* `hint`: all that the policy may say. */
static int64_t leg(struct leg_map *m, const char *json, bool hint, struct arena *a)
{
	struct flow f;
	struct err e;

	ok(!flow_json_read(&f, slice_of(json), a, NULL, &e));
	leg_set(m, &f, (struct leg_hint){ .listens = hint, .leads_here = hint });
	return flow_num(&f, F_LEG);
}

#define WIRE(from, to) "{\"observed_by\":\"wire\",\"transport\":\"mtls\",\"source_ip\":\"" from \
	"\",\"destination_ip\":\"" to "\"}"

/* A gateway's line teaches its address; a sidecar's teaches none. */
static void learned(struct arena *a)
{
	struct leg_map m;

	leg_init(&m, NULL, 0, true);
	is(leg(&m, WIRE("10.0.0.1", "192.0.2.1"), false, a), 0);	/* no gateway known */
	is(leg(&m, LOG ADDRESSES("10.0.0.1", "192.0.2.1", "10.0.0.1")
	       CLUSTER("PassthroughCluster", "192.0.2.1"), false, a), LEG_BYPASS);
	is(leg(&m, LOG ADDRESSES("10.0.0.1", "10.0.0.2", "127.0.0.6") CLUSTER("inbound|80||", "10.0.0.2"),
	       false, a), LEG_OTHER);
	is((int64_t)m.n_gateway, 0);
	is(leg(&m, WIRE("10.0.0.1", "192.0.2.1"), false, a), 0);
	is(leg(&m, LOG ADDRESSES("10.0.0.1", "10.0.0.9", "10.1.0.9")
	       CLUSTER("outbound|443||a.example", "192.0.2.1"), false, a), LEG_DOWNSTREAM);
	is((int64_t)m.n_gateway, 2);
	is(leg(&m, WIRE("10.1.0.9", "192.0.2.1"), false, a), LEG_UPSTREAM);
	is(leg(&m, WIRE("10.0.0.1", "10.0.0.9"), false, a), LEG_DOWNSTREAM);
	is(leg(&m, WIRE("10.0.0.1", "192.0.2.1"), false, a), LEG_BYPASS);
	/* learned is not configured: the line decides */
	is(leg(&m, LOG ADDRESSES("10.0.0.9", "192.0.2.1", "10.0.0.9")
	       CLUSTER("PassthroughCluster", "192.0.2.1"), false, a), LEG_BYPASS);
	leg_release(&m);
}

/* What lines with an upstream connection showed tells those that failed before they had one. */
static void failed(struct arena *a)
{
	static const char at_service[] = LOG FAILED("10.0.0.4", "10.96.0.3") "\"upstream_ip\":null}";
	static const char at_pod[] = LOG FAILED("10.0.0.4", "10.0.0.2") "\"upstream_ip\":null}";
	static const char at_gateway[] = LOG FAILED("10.0.0.4", "192.0.2.9") "\"upstream_ip\":null}";
	struct leg_map m;

	for (int wire = 0; wire < 2; wire++) {
		leg_init(&m, NULL, 0, wire);
		is(leg(&m, at_service, false, a), LEG_DOWNSTREAM);
		is(leg(&m, at_pod, false, a), LEG_DOWNSTREAM);
		is(leg(&m, at_gateway, false, a), LEG_OTHER);
		leg_release(&m);
		leg_init(&m, NULL, 0, wire);
		is(leg(&m, LOG ADDRESSES("10.0.0.1", "10.96.0.3", "10.0.0.1")
		       CLUSTER("outbound|80||b.ns.svc.cluster.local", "10.0.0.3"), false, a), LEG_OTHER);
		is(leg(&m, LOG ADDRESSES("10.0.0.1", "10.0.0.2", "127.0.0.6") CLUSTER("inbound|80||", "10.0.0.2"),
		       false, a), LEG_OTHER);
		is(leg(&m, LOG ADDRESSES("10.0.0.1", "192.0.2.9", "192.0.2.9") CLUSTER("outbound|443||a.example",
		       "192.0.2.1"), false, a), LEG_DOWNSTREAM);
		is(leg(&m, at_service, false, a), LEG_OTHER);
		is(leg(&m, at_pod, false, a), LEG_OTHER);
		is(leg(&m, at_gateway, false, a), LEG_DOWNSTREAM);
		/* A client that went to the gateway's own address through its sidecar does not take it away. */
		is(leg(&m, LOG ADDRESSES("10.0.0.1", "10.0.0.9", "10.0.0.1") CLUSTER("PassthroughCluster", "10.0.0.9"),
		       false, a), LEG_OTHER);
		is(leg(&m, LOG FAILED("10.0.0.4", "10.0.0.9") "\"upstream_ip\":null}", false, a), LEG_DOWNSTREAM);
		/* Of the gateway's own service: the routes say so. */
		is(leg(&m, LOG FAILED("10.0.0.4", "10.96.0.9") "\"upstream_ip\":null}", true, a), LEG_OTHER);
		leg_release(&m);
	}
}

/* A port that a Gateway listens on, and ranges that somebody gave. */
static void hints(struct arena *a)
{
	static const char v4[] = LOG FAILED("10.0.0.4", "192.0.2.9") "\"upstream_ip\":null}";
	static const char v6[] = LOG FAILED("fd00::4", "2001:db8::9") "\"upstream_ip\":null}";
	struct cidr mesh[2];
	struct flow f;
	struct err e;
	struct leg_map m;

	ok(cidr_parse(SLICE("10.0.0.0/8"), &mesh[0]) && cidr_parse(SLICE("fd00::/8"), &mesh[1]));
	leg_init(&m, NULL, 0, false);
	ok(!flow_json_read(&f, slice_of(v4), a, NULL, &e));
	leg_set(&m, &f, (struct leg_hint){ .listens = true });
	is(flow_num(&f, F_LEG), LEG_DOWNSTREAM);
	is(leg(&m, v6, false, a), LEG_DOWNSTREAM);
	leg_release(&m);
	leg_init(&m, mesh, 2, false);
	is(leg(&m, v6, false, a), LEG_OTHER);
	is(leg(&m, v4, false, a), LEG_OTHER);
	leg_release(&m);
}

/* What is known beside the line decides one that shows nothing, and no other. */
static void writers(struct arena *a)
{
	static const struct {
		const char *flow;
		enum flow_writer writer;
		int leg;
	} t[] = {
		{ LOG FAILED("10.0.0.4", "10.0.0.3") "\"upstream_ip\":null}", WRITER_OTHER, LEG_OTHER },
		{ LOG FAILED("10.0.0.4", "10.0.0.3") "\"upstream_ip\":null}", WRITER_GATEWAY, LEG_DOWNSTREAM },
		{ LOG FAILED("10.0.0.4", "192.0.2.3") "\"upstream_ip\":null}", WRITER_GATEWAY, LEG_DOWNSTREAM },
		{ LOG FAILED("10.0.0.4", "192.0.2.3") "\"upstream_ip\":null}", WRITER_UNKNOWN, LEG_OTHER },
		{ LOG ADDRESSES("10.0.0.1", "10.0.0.9", "10.0.0.9") CLUSTER("outbound|443||a.example", "192.0.2.1"),
		  WRITER_OTHER, LEG_DOWNSTREAM },
		{ LOG ADDRESSES("10.0.0.1", "10.0.0.2", "127.0.0.6") CLUSTER("inbound|80||", "10.0.0.2"), WRITER_GATEWAY,
		  LEG_OTHER },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct leg_map m;
		struct flow f;
		struct err e;
		leg_init(&m, NULL, 0, false);
		ok(!flow_json_read(&f, slice_of(t[i].flow), a, NULL, &e));
		f.writer = t[i].writer;
		leg_set(&m, &f, (struct leg_hint){ .listens = false });
		is(flow_num(&f, F_LEG), t[i].leg);
		leg_release(&m);
	}
}

int main(void)
{
	struct arena *a = arena_new(1 << 20);

	rules(a);
	learned(a);
	failed(a);
	hints(a);
	writers(a);
	arena_free(&a);
	return tap_end();
}
