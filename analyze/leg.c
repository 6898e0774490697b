#include "analyze/leg.h"

#include <stdlib.h>
#include <string.h>

/* RFC 1918, RFC 4193, RFC 6598, loopback and link-local: addresses inside some site. */
static const char *const private_ranges[] = {
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
	"127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1",
};
enum { PRIVATE_RANGES = sizeof private_ranges / sizeof *private_ranges };

void leg_init(struct leg_map *m, const struct cidr *mesh, size_t n_mesh)
{
	memset(m, 0, sizeof *m);
	m->mesh = mesh;
	m->n_mesh = n_mesh;
	map_init(&m->workloads, LEG_WORKLOADS);
}

void leg_release(struct leg_map *m)
{
	struct slice key;
	void *ip;

	for (size_t i = 0; (ip = map_next(&m->workloads, &i, &key));)
		free(ip);
	map_release(&m->workloads);
}

static bool is_gateway(const struct leg_map *m, const struct ip *ip)
{
	for (size_t i = 0; i < m->n_gateway; i++)
		if (ip_eq(&m->gateway[i], ip))
			return true;
	return false;
}

void leg_add_gateway(struct leg_map *m, struct ip ip)
{
	if (m->n_gateway < LEG_GATEWAYS && !is_gateway(m, &ip))
		m->gateway[m->n_gateway++] = ip;
}

static bool in_mesh(const struct leg_map *m, const struct ip *ip)
{
	struct cidr c;

	for (size_t i = 0; i < m->n_mesh; i++)
		if (cidr_has(&m->mesh[i], ip))
			return true;
	for (size_t i = 0; i < PRIVATE_RANGES && !m->n_mesh; i++)
		if (cidr_parse(slice_of(private_ranges[i]), &c) && cidr_has(&c, ip))
			return true;
	return false;
}

static struct slice ip_slice(const struct ip *ip)
{
	return (struct slice){ ip->b, sizeof ip->b };
}

static void remember_workload(struct leg_map *m, const struct ip *ip)
{
	if (map_get(&m->workloads, ip_slice(ip)))
		return;
	struct ip *own = malloc(sizeof *own);
	if (!own)
		abort();
	*own = *ip;
	if (!map_put(&m->workloads, ip_slice(own), own))
		free(own);	/* full: bypass is then told by mesh ranges alone */
}

static int64_t leg_of(struct leg_map *m, const struct flow *f, bool listener)
{
	const struct ip *from = &f->v[F_SOURCE_IP].ip, *to = &f->v[F_DESTINATION_IP].ip;
	bool tls = flow_has(f, F_TRANSPORT) && flow_num(f, F_TRANSPORT) != TRANSPORT_PLAINTEXT;

	/* The access log is the gateway's own: its lines are what reached its listeners. */
	if (flow_num(f, F_OBSERVED_BY) != OBSERVED_WIRE) {
		leg_add_gateway(m, *to);
		if (flow_has(f, F_UPSTREAM_LOCAL_IP))	/* its address towards the outside */
			leg_add_gateway(m, f->v[F_UPSTREAM_LOCAL_IP].ip);
		remember_workload(m, from);
		return LEG_DOWNSTREAM;
	}
	if (listener && tls && in_mesh(m, to))
		leg_add_gateway(m, *to);
	if (is_gateway(m, from))
		return LEG_UPSTREAM;
	if (is_gateway(m, to) || (listener && in_mesh(m, to))) {
		remember_workload(m, from);
		return LEG_DOWNSTREAM;
	}
	if (!m->n_gateway && !listener)
		return 0;		/* nothing says where the gateway is */
	bool workload = in_mesh(m, from) || map_get(&m->workloads, ip_slice(from));
	return workload && !in_mesh(m, to) ? LEG_BYPASS : LEG_OTHER;
}

void leg_set(struct leg_map *m, struct flow *f, bool listener)
{
	if (flow_has(f, F_LEG))
		return;
	if (!flow_has(f, F_SOURCE_IP) || !flow_has(f, F_DESTINATION_IP)) {
		if (flow_num(f, F_OBSERVED_BY) == OBSERVED_LOG)
			flow_set_num(f, F_LEG, LEG_DOWNSTREAM);
		return;
	}
	int64_t leg = leg_of(m, f, listener);
	if (leg)
		flow_set_num(f, F_LEG, leg);
}
