/* istio_server: what a Gateway's server becomes (docs/semantics.md, routes, section b). */
#include "analyze/istio.h"

#include <string.h>
#include <strings.h>

static bool is_any(struct slice s, const char *const *names)
{
	for (; *names; names++)
		if (s.n == strlen(*names) && strncasecmp((const char *)s.p, *names, s.n) == 0)
			return true;
	return false;
}

/* istio/istio pkg/config/protocol: names are read without regard to case. */
enum istio_protocol protocol_of(struct slice name)
{
	static const struct {
		const char *names[8];
		enum istio_protocol is;
	} table[] = {
		{ { "http", "http2", "grpc", "grpc-web", "http_proxy", NULL }, PROTO_HTTP },
		{ { "https", NULL }, PROTO_HTTPS },
		{ { "tls", NULL }, PROTO_TLS },
		{ { "tcp", "mongo", "redis", "mysql", NULL }, PROTO_TCP },
	};

	for (size_t i = 0; name.n && i < sizeof table / sizeof *table; i++)
		if (is_any(name, table[i].names))
			return table[i].is;
	return name.n ? PROTO_OTHER : PROTO_NONE;
}

enum route_tls tls_mode(struct slice mode, bool server)
{
	static const struct {
		const char *name;
		enum route_tls is;
	} table[] = {
		{ "SIMPLE", ROUTE_TLS_SIMPLE }, { "MUTUAL", ROUTE_TLS_MUTUAL },
		{ "OPTIONAL_MUTUAL", ROUTE_TLS_OPTIONAL }, { "ISTIO_MUTUAL", ROUTE_TLS_ISTIO },
		{ "PASSTHROUGH", ROUTE_TLS_PASSTHROUGH },
		{ "AUTO_PASSTHROUGH", ROUTE_TLS_PASSTHROUGH }, { "DISABLE", ROUTE_TLS_NONE },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (slice_is(mode, table[i].name))
			return table[i].is;
	/* The enum's zero value: PASSTHROUGH for a server, DISABLE for a client. */
	return server ? ROUTE_TLS_PASSTHROUGH : ROUTE_TLS_NONE;
}

void server_read(const struct node *server, struct server_facts *f)
{
	const struct node *tls = node_get(server, "tls");
	struct slice mode = text_at(tls, "mode");
	bool secure;

	*f = (struct server_facts){ .node = server, .hosts = node_get(server, "hosts") };
	if (f->hosts && f->hosts->kind != NODE_LIST)
		f->hosts = NULL;
	node_int(node_at(server, "port.number"), &f->port);
	f->protocol = protocol_of(text_at(server, "port.protocol"));
	secure = f->protocol == PROTO_HTTPS || f->protocol == PROTO_TLS;
	f->tls = secure && tls && tls->kind == NODE_MAP ? tls_mode(mode, true) : ROUTE_TLS_NONE;
	f->terminates = f->tls != ROUTE_TLS_NONE && f->tls != ROUTE_TLS_PASSTHROUGH;
	f->http = f->protocol == PROTO_HTTP || (f->protocol == PROTO_HTTPS && f->terminates);
	f->has_block = f->protocol == PROTO_HTTP || !slice_is(mode, "AUTO_PASSTHROUGH");
	f->block = f->http ? ROUTE_HTTP : f->tls == ROUTE_TLS_PASSTHROUGH ? ROUTE_TLS : ROUTE_TCP;
}

bool server_redirects(const struct server_facts *f)
{
	bool yes = false;

	return f->tls == ROUTE_TLS_NONE && node_bool(node_at(f->node, "tls.httpsRedirect"), &yes) &&
	       yes;
}

void server_host(const struct node *host, const struct object *gateway, struct slice *ns,
		 struct slice *pattern)
{
	struct slice s = node_text(host);
	const uint8_t *slash = s.n ? memchr(s.p, '/', s.n) : NULL;

	*ns = (struct slice){ s.p, 0 };
	*pattern = s;
	if (!slash)
		return;
	ns->n = (size_t)(slash - s.p);
	*pattern = slice_from(s, ns->n + 1);
	if (slice_is(*ns, "."))
		*ns = gateway->ns;
	else if (slice_is(*ns, "*"))
		ns->n = 0;
}

bool server_takes(const struct server_facts *f, const struct object *gateway,
		  const struct object *vs)
{
	const struct node *hosts = node_get(vs->spec, "hosts");

	for (uint32_t i = 0; f->hosts && i < f->hosts->n; i++) {
		struct slice ns, pattern;

		server_host(f->hosts->item[i], gateway, &ns, &pattern);
		if (ns.n && !slice_eq(ns, vs->ns))
			continue;
		for (uint32_t k = 0; hosts && hosts->kind == NODE_LIST && k < hosts->n; k++) {
			uint8_t full[HOST_FULL_MAX];

			if (host_overlaps(pattern, host_full_in(full, node_text(hosts->item[k]),
								vs->ns)))
				return true;
		}
	}
	return false;
}
