/*
 * route_service: the Services that select the workload, and on which of the pod's ports a Gateway's port is
 * served (b.2).  Where no Service was given, Istio's charts are assumed, and that is said.
 */
#include "analyze/route_build.h"

/* b.2: such a Service's ports are not translated. */
static bool keeps_ports(const struct object *service)
{
	const struct node *labels = node_get(service->metadata, "labels");

	return slice_is(node_text(node_get(labels,
				"experimental.istio.io/disable-gateway-port-translation")), "true");
}

bool service_is_of(const struct object *o, struct slice ns, const struct label *labels, size_t n)
{
	const struct node *selector = node_get(o->spec, "selector");

	return selector && selector->n && slice_eq(o->ns, ns) && selects_labels(selector, labels, n) &&
	       !keeps_ports(o);
}

void find_services(struct route_set *s)
{
	for (size_t i = 0; i < s->p->n_of_kind[OBJ_SERVICE]; i++) {
		const struct object *o = s->p->of_kind[OBJ_SERVICE][i];

		if (!service_is_of(o, s->ns, s->labels, s->n_labels))
			continue;
		s->service = list_grow(s->arena, s->service, s->n_service, sizeof *s->service);
		s->service[s->n_service++] = o;
	}
}

/* What Istio's charts have for an egress gateway: used only where no Service was given. */
static uint32_t usual_target(int64_t port)
{
	return port == 80 ? 8080 : port == 443 ? 8443 : 0;
}

/* A named targetPort: the container port of that name in a workload that the Service selects. */
static int64_t named_target(const struct route_set *s, const struct object *service,
			    struct slice name)
{
	const struct node *selector = node_get(service->spec, "selector");
	static const enum object_kind kinds[] = { OBJ_POD, OBJ_DEPLOYMENT };

	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < s->p->n_of_kind[kinds[k]]; i++) {
			const struct object *o = s->p->of_kind[kinds[k]][i];
			const struct node *pod = k ? node_at(o->spec, "template") : o->root;
			const struct node *list = node_at(pod, "spec.containers");

			if (!slice_eq(o->ns, service->ns) ||
			    !selects_node(selector, node_at(pod, "metadata.labels")))
				continue;
			for (uint32_t c = 0; list && c < list->n; c++) {
				const struct node *ports = node_get(list->item[c], "ports");
				int64_t n;

				for (uint32_t j = 0;
				     ports && ports->kind == NODE_LIST && j < ports->n; j++)
					if (slice_eq(node_text(node_get(ports->item[j],
									"name")),
						     name) &&
					    node_int(node_get(ports->item[j],
							      "containerPort"),
						     &n))
						return n;
			}
		}
	return 0;
}

static int64_t target_of(const struct route_set *s, const struct object *service,
			 const struct node *port, int64_t number)
{
	const struct node *target = node_get(port, "targetPort");
	int64_t n;

	if (!target || node_int(target, &n))
		return target ? n : number;
	return named_target(s, service, node_text(target));
}

uint32_t service_listen(const struct route_set *s, int64_t number, uint32_t out[2],
			const struct object **service, bool *assumed)
{
	*assumed = false;
	*service = NULL;
	out[0] = (uint32_t)number;
	for (size_t i = 0; i < s->n_service; i++) {
		const struct node *ports = node_get(s->service[i]->spec, "ports");
		int64_t n, to;

		for (uint32_t k = 0; ports && ports->kind == NODE_LIST && k < ports->n; k++) {
			if (!node_int(node_get(ports->item[k], "port"), &n) || n != number)
				continue;
			*service = s->service[i];
			to = target_of(s, s->service[i], ports->item[k], number);
			out[0] = (uint32_t)(to ? to : number);
			return 1;
		}
	}
	if (s->n_service || !usual_target(number))
		return 1;
	*assumed = true;
	out[0] = usual_target(number);
	out[1] = (uint32_t)number;
	return 2;
}
