#include "analyze/leg.h"

#include <stdlib.h>
#include <string.h>

/* RFC 1918, RFC 4193, RFC 6598, loopback and link-local: addresses inside some site. */
static const char *const private_ranges[] = {
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
	"127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1",
};
_Static_assert(sizeof private_ranges / sizeof *private_ranges == LEG_PRIVATE, "leg.h has their number");

static const char *const assigned[] = { "240.240.0.0/16", "2001:2::/48" };

void leg_init(struct leg_map *m, const struct cidr *mesh, size_t n_mesh, bool learns)
{
	memset(m, 0, sizeof *m);
	for (size_t i = 0; i < LEG_PRIVATE; i++)
		if (!cidr_parse(slice_of(private_ranges[i]), &m->private_ranges[i]))
			abort();
	m->mesh = n_mesh ? mesh : m->private_ranges;
	m->n_mesh = n_mesh ? n_mesh : LEG_PRIVATE;
	m->learns = learns;
	for (size_t i = 0; i < 2; i++)
		if (!cidr_parse(slice_of(assigned[i]), &m->assigned[i]))
			abort();
	map_init(&m->workloads, LEG_WORKLOADS);
	map_init(&m->others, LEG_WORKLOADS);
}

static void forget(struct map *set)
{
	struct slice key;
	void *ip;

	for (size_t i = 0; (ip = map_next(set, &i, &key));)
		free(ip);
	map_release(set);
}

void leg_release(struct leg_map *m)
{
	forget(&m->workloads);
	forget(&m->others);
}

static bool is_among(const struct leg_map *m, size_t n, const struct ip *ip)
{
	for (size_t i = 0; i < n; i++)
		if (ip_eq(&m->gateway[i], ip))
			return true;
	return false;
}

static bool is_gateway(const struct leg_map *m, const struct ip *ip)
{
	return is_among(m, m->n_gateway, ip);
}

static void learn_gateway(struct leg_map *m, const struct ip *ip)
{
	if (m->n_gateway < LEG_GATEWAYS && !is_gateway(m, ip))
		m->gateway[m->n_gateway++] = *ip;
}

void leg_add_gateway(struct leg_map *m, struct ip ip)
{
	learn_gateway(m, &ip);
	m->n_configured = m->n_gateway;
}

static bool in_mesh(const struct leg_map *m, const struct ip *ip)
{
	for (size_t i = 0; i < m->n_mesh; i++)
		if (cidr_has(&m->mesh[i], ip))
			return true;
	return false;
}

static struct slice ip_slice(const struct ip *ip)
{
	return (struct slice){ ip->b, sizeof ip->b };
}

/* In *set, if there is room. */
static void remember(struct map *set, const struct ip *ip)
{
	if (map_get(set, ip_slice(ip)))
		return;
	struct ip *own = malloc(sizeof *own);
	if (!own)
		abort();
	*own = *ip;
	if (!map_put(set, ip_slice(own), own))
		free(own);
}

/* The address of field k; NULL where it is not known. */
static const struct ip *ip_of(const struct flow *f, enum flow_field k)
{
	return flow_has(f, k) ? &f->v[k].ip : NULL;
}

/* Only an address that somebody configured outweighs what a line shows of itself. */
static bool is_configured(const struct leg_map *m, const struct ip *ip)
{
	return ip && is_among(m, m->n_configured, ip);
}

static bool is_inbound(const struct flow *f)
{
	struct slice cluster = flow_text(f, F_UPSTREAM_CLUSTER);

	return slice_starts(cluster, SLICE("inbound|")) || slice_starts(cluster, SLICE("InboundPassthroughCluster"));
}

/* Where istiod takes addresses for hosts that have none: no pod has one (240.240.0.0/16, 2001:2::/48). */
static bool is_assigned(const struct leg_map *m, const struct ip *ip)
{
	return cidr_has(&m->assigned[0], ip) || cidr_has(&m->assigned[1], ip);
}

/* The upstream host is the very address that the client meant to reach: a gateway's listener is not its own upstream. */
static bool passes_on(const struct flow *f)
{
	const struct ip *to = ip_of(f, F_DESTINATION_IP), *reached = ip_of(f, F_UPSTREAM_IP);

	return to && reached && ip_eq(to, reached) && flow_has(f, F_UPSTREAM_PORT) &&
	       flow_has(f, F_DESTINATION_PORT) &&
	       flow_num(f, F_DESTINATION_PORT) == flow_num(f, F_UPSTREAM_PORT);
}

/*
 * A client meant to reach something outside, and came nowhere.  Pods of IPv6 often have public addresses: that one
 * is outside is only known where somebody said what is inside.
 */
static bool is_outside(const struct leg_map *m, const struct flow *f, const struct ip *to)
{
	return flow_state(f, F_UPSTREAM_LOCAL_IP) == FLOW_ABSENT && !in_mesh(m, to) &&
	       (ip_is_v4(to) || m->mesh != m->private_ranges);
}

/* The listener's address was shown to be another's, or cannot be a gateway's. */
static bool is_others_listener(const struct leg_map *m, const struct flow *f, bool listens)
{
	const struct ip *to = ip_of(f, F_DESTINATION_IP);

	if (!to || is_gateway(m, to))
		return false;
	return is_assigned(m, to) || map_get(&m->others, ip_slice(to)) || (!listens && is_outside(m, f, to));
}

/* Policies hold where traffic comes in: a proxy that refused what it would have sent on outwards is a gateway. */
static bool is_refused_at_gateway(const struct flow *f)
{
	return flow_has(f, F_OUTCOME) && flow_num(f, F_OUTCOME) == OUTCOME_REFUSED &&
	       slice_starts(flow_text(f, F_UPSTREAM_CLUSTER), SLICE("outbound|"));
}

/*
 * A line that names no upstream connection: it failed before there was one, or the format leaves it out.
 */
static bool without_upstream(const struct leg_map *m, const struct flow *f, struct leg_hint hint)
{
	if (f->writer != WRITER_UNKNOWN)
		return f->writer == WRITER_OTHER;
	if (is_refused_at_gateway(f))
		return false;
	/* istiod gives gateways no such cluster; of a format without upstreams the line may be any. */
	if (flow_state(f, F_UPSTREAM_LOCAL_IP) == FLOW_ABSENT &&
	    slice_is(flow_text(f, F_UPSTREAM_CLUSTER), "PassthroughCluster"))
		return true;
	return hint.leads_here || passes_on(f) || is_configured(m, ip_of(f, F_UPSTREAM_IP)) ||
	       is_configured(m, ip_of(f, F_SOURCE_IP)) || is_others_listener(m, f, hint.listens);
}

/*
 * A sidecar wrote this line if the cluster is an inbound one, which only the proxy beside a workload has,
 * or if the proxy's address towards the upstream is the client's own: then the two share a pod.
 * The listener's address tells that apart from a client on the gateway's own host: there it is the
 * same again; a sidecar logs the address that its client meant to reach.
 */
static bool is_sidecars(const struct leg_map *m, const struct flow *f, struct leg_hint hint)
{
	const struct ip *from = ip_of(f, F_SOURCE_IP), *to = ip_of(f, F_DESTINATION_IP);
	const struct ip *own = ip_of(f, F_UPSTREAM_LOCAL_IP);

	if (is_configured(m, to) || is_configured(m, own))
		return false;
	if (is_inbound(f))
		return true;
	if (!own)
		return without_upstream(m, f, hint);
	return from && to && ip_eq(own, from) && !ip_eq(to, from);
}

/*
 * Where a sidecar's client went.  The upstream host says it; where the log has none, the listener's address
 * does for the cluster that passes on to it.  Towards the egress gateway the upstream is a pod:
 * that line is the client's view of what the gateway logs as its downstream leg.
 */
static int64_t sidecar_leg(const struct leg_map *m, const struct flow *f)
{
	struct slice cluster = flow_text(f, F_UPSTREAM_CLUSTER);
	const struct ip *reached = ip_of(f, F_UPSTREAM_IP);

	if (is_inbound(f))
		return LEG_OTHER;
	if (!reached && flow_state(f, F_UPSTREAM_IP) == FLOW_UNKNOWN &&
	    slice_is(cluster, "PassthroughCluster"))
		reached = ip_of(f, F_DESTINATION_IP);
	return reached && !in_mesh(m, reached) && !is_configured(m, reached) ? LEG_BYPASS : LEG_OTHER;
}

/*
 * A sidecar's line shows an address that is no gateway's: its pod's own, where it is inbound; else a service's, where
 * the client meant to reach it and was sent to another.
 */
static void learn_other(struct leg_map *m, const struct flow *f)
{
	const struct ip *to = ip_of(f, F_DESTINATION_IP), *reached = ip_of(f, F_UPSTREAM_IP);

	if (to && (is_inbound(f) || (reached && flow_has(f, F_UPSTREAM_LOCAL_IP) && !ip_eq(to, reached))))
		remember(&m->others, to);
}

/* The gateway's own lines are what reached its listeners; they teach its addresses. */
static int64_t log_leg(struct leg_map *m, const struct flow *f, struct leg_hint hint)
{
	const struct ip *own = ip_of(f, F_UPSTREAM_LOCAL_IP);	/* its address towards the outside */

	if (is_sidecars(m, f, hint)) {
		learn_other(m, f);
		return sidecar_leg(m, f);
	}
	if (!flow_has(f, F_DESTINATION_IP) || !flow_has(f, F_SOURCE_IP))
		return flow_num(f, F_OBSERVED_BY) == OBSERVED_LOG ? LEG_DOWNSTREAM : 0;
	if (own || m->learns)
		learn_gateway(m, &f->v[F_DESTINATION_IP].ip);
	if (!m->learns)
		return LEG_DOWNSTREAM;
	if (own)
		learn_gateway(m, own);
	remember(&m->workloads, &f->v[F_SOURCE_IP].ip);
	return LEG_DOWNSTREAM;
}

static int64_t wire_leg(struct leg_map *m, const struct flow *f, bool listener)
{
	const struct ip *from = ip_of(f, F_SOURCE_IP), *to = ip_of(f, F_DESTINATION_IP);
	bool tls = flow_has(f, F_TRANSPORT) && flow_num(f, F_TRANSPORT) != TRANSPORT_PLAINTEXT;

	if (!from || !to)
		return 0;
	if (listener && tls && in_mesh(m, to))
		learn_gateway(m, to);
	if (is_gateway(m, from))
		return LEG_UPSTREAM;
	if (is_gateway(m, to) || (listener && in_mesh(m, to))) {
		remember(&m->workloads, from);
		return LEG_DOWNSTREAM;
	}
	if (!m->n_gateway && !listener)
		return 0;		/* nothing says where the gateway is */
	bool workload = in_mesh(m, from) || map_get(&m->workloads, ip_slice(from));
	return workload && !in_mesh(m, to) ? LEG_BYPASS : LEG_OTHER;
}

void leg_set(struct leg_map *m, struct flow *f, struct leg_hint hint)
{
	bool wire = flow_num(f, F_OBSERVED_BY) == OBSERVED_WIRE;

	if (flow_has(f, F_LEG))
		return;
	int64_t leg = wire ? wire_leg(m, f, hint.listens) : log_leg(m, f, hint);
	if (leg)
		flow_set_num(f, F_LEG, leg);
}
