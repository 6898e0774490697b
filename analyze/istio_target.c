/*
 * istio_target: a route's destination: its cluster's name, where it leads, and how the proxy speaks to it
 * (c.9, d.3 - d.5).
 */
#include "analyze/istio.h"

static struct slice keep(struct arena *a, struct buf *b)
{
	struct slice s = arena_copy(a, buf_slice(b));

	buf_release(b);
	return s;
}

/* c.9: outbound|PORT|SUBSET|HOST */
static struct slice cluster_name(struct arena *a, const struct route_target *t)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "outbound|%u|", t->port);
	buf_add(&b, t->subset);
	buf_byte(&b, '|');
	buf_add(&b, t->host);
	return keep(a, &b);
}

struct slice target_default_sni(struct arena *a, const struct route_target *t)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_printf(&b, "outbound_.%u_.", t->port);
	buf_add(&b, t->subset);
	buf_str(&b, "_.");
	buf_add(&b, t->host);
	return keep(a, &b);
}

static void target_tls(struct arena *a, const struct node *tls, struct route_target *t)
{
	if (!tls) {
		/* No rule: plaintext to what is outside, auto mTLS inside (d.3). */
		t->tls = t->external ? ROUTE_TLS_NONE : ROUTE_TLS_UNKNOWN;
		return;
	}
	t->tls = tls_mode(text_at(tls, "mode"), false);
	if (t->tls == ROUTE_TLS_NONE)
		return;
	t->sni = text_at(tls, "sni");
	if (t->sni.n)
		return;
	if (t->tls == ROUTE_TLS_ISTIO)
		t->sni = target_default_sni(a, t);
	else
		t->from_request = true;
}

static bool speaks_tls(const struct registry_entry *e, uint32_t number)
{
	const struct node *port = e ? entry_port(e, number) : NULL;
	enum istio_protocol p = port ? entry_protocol(e, port) : PROTO_NONE;

	return p == PROTO_TLS || p == PROTO_HTTPS;
}

/* t has host, subset and port; everything else is looked up. */
static void target_find(const struct registry *r, struct slice client_ns,
			const struct label *labels, size_t n_labels, struct arena *a,
			struct route_target *t)
{
	const struct registry_entry *e = registry_find(r, t->host, client_ns);
	struct slice service_ns = e ? e->object->ns : host_service_ns(t->host);
	const struct rule_entry *rule =
		rule_find(r, t->host, client_ns, service_ns, labels, n_labels);
	const struct node *subset = t->subset.n ? rule_subset(r, rule, t->subset) : NULL;

	t->entry = e ? e->object : NULL;
	t->external = e ? e->external : !host_service_ns(t->host).n;
	t->rule = rule ? rule->object : NULL;
	t->unsure = !labels && rule_selective(r, t->host, client_ns);
	/* A cluster service that was not given to us is taken to be there. */
	t->exists = (e ? entry_port(e, t->port) != NULL
		       : host_service_ns(t->host).n || !r->has_entries) &&
		    (!t->subset.n || subset);
	t->cluster = cluster_name(a, t);
	target_tls(a, rule ? rule_tls(r, rule, subset, t->port) : NULL, t);
	t->secure = (t->tls != ROUTE_TLS_NONE && t->tls != ROUTE_TLS_UNKNOWN) ||
		    speaks_tls(e, t->port);
}

void target_read(const struct registry *r, const struct node *destination, struct slice vs_ns,
		 struct slice client_ns, const struct label *labels, size_t n_labels,
		 int64_t listener_port, struct arena *a, struct route_target *t)
{
	const struct registry_entry *e;
	const struct node *port;
	int64_t number = 0;

	*t = (struct route_target){ .subset = text_at(destination, "subset") };
	t->host = host_lower(a, host_full(a, text_at(destination, "host"), vs_ns));
	e = registry_find(r, t->host, client_ns);
	if (!node_int(node_at(destination, "port.number"), &number)) {
		port = e ? entry_only_port(e) : NULL;
		if (!port || !node_int(node_get(port, e->service ? "port" : "number"), &number))
			number = listener_port;
	}
	t->port = number > 0 && number <= 65535 ? (uint32_t)number : 0;
	if (e && e->alias.n)	/* an ExternalName Service stands for the name that it points to */
		t->host = host_lower(a, e->alias);
	target_find(r, client_ns, labels, n_labels, a, t);
}

bool target_by_name(const struct registry *r, struct slice port, struct slice subset,
		    struct slice host, struct slice client_ns, struct arena *a,
		    struct route_target *t)
{
	struct node n = { .kind = NODE_SCALAR, .text = port };
	int64_t number;

	if (!node_int(&n, &number) || number < 1 || number > 65535)
		return false;
	*t = (struct route_target){ .subset = subset, .host = host_lower(a, host),
				    .port = (uint32_t)number };
	target_find(r, client_ns, NULL, 0, a, t);
	return true;
}
