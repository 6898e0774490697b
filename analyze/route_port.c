/*
 * route_port: which server takes a connection: by the pod's port, then by server name (b.6).
 *
 * Envoy chooses among the filter chains that exist.  A server whose VirtualServices give it none (no tcp route,
 * no passthrough route for the name) takes nothing, whatever its hosts say: it is found only
 * where no chain is, to say who declared the name.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/route_build.h"
#include "common/lower.h"

enum { PORTS_MAX = 1 << 17, SNI_MAX = 256 };

bool server_listens(const struct server *v, int64_t port)
{
	for (uint32_t i = 0; i < v->n_listen; i++)
		if (v->listen[i] == port)
			return !v->dropped;
	return false;
}

/* --- building ------------------------------------------------------------------------ */

static struct slice port_key(uint32_t port, uint8_t key[sizeof port])
{
	memcpy(key, &port, sizeof port);
	return (struct slice){ key, sizeof port };
}

static struct listener *listener_for(struct route_set *s, uint32_t port)
{
	uint8_t key[sizeof port];
	struct listener *l = map_get(&s->listener_at, port_key(port, key));

	if (l)
		return l;
	l = &s->listener[s->n_listener++];
	*l = (struct listener){ .port = port, .mutual = true, .passthrough = true };
	names_init(&l->chains.names);
	names_init(&l->autos.names);
	names_init(&l->declared.names);
	map_put(&s->listener_at, arena_copy(s->arena, port_key(port, key)), l);
	return l;
}

/* The first server with a name keeps it. */
static void put(struct route_set *s, struct names *n, struct slice name, struct server *v)
{
	if (!names_get(n, name))
		names_put(n, s->arena, name, v);
}

static void put_all(struct route_set *s, struct names *to, const struct names *from,
		    struct server *v)
{
	struct slice name;

	/* `*` sets no condition at all. */
	if (names_get(from, SLICE("*"))) {
		put(s, to, SLICE("*"), v);
		return;
	}
	for (size_t i = 0; map_next(&from->map, &i, &name);)
		put(s, to, name, v);
}

/* The server names of the chains that VirtualServices gave a server; NULL: none. */
static const struct names *chains_of(const struct server *v)
{
	if (v->f.block == ROUTE_HTTP)
		return &v->hosts;
	if (v->f.block == ROUTE_TCP)
		return v->tcp ? &v->hosts : NULL;
	return v->snis.map.n ? &v->snis : NULL;
}

static void add_names(struct route_set *s, struct chain_names *c, const struct names *names,
		      struct server *v)
{
	c->n++;
	c->only = c->n == 1 ? v : NULL;
	c->http |= v->f.http;
	c->tcp |= !v->f.http;
	if (v->f.tls == ROUTE_TLS_NONE) {	/* no server name to ask for */
		put(s, &c->names, SLICE("*"), v);
		return;
	}
	c->conditional |= !names_get(names, SLICE("*"));
	put_all(s, &c->names, names, v);
}

static void add_server(struct route_set *s, struct listener *l, struct server *v)
{
	const struct names *chains = v->f.has_block ? chains_of(v) : NULL;

	l->mutual &= v->f.tls == ROUTE_TLS_ISTIO || v->f.tls == ROUTE_TLS_MUTUAL;
	l->passthrough &= v->f.tls == ROUTE_TLS_PASSTHROUGH;
	l->assumed |= v->assumed;
	add_names(s, &l->declared, &v->hosts, v);
	if (!v->f.has_block)
		add_names(s, &l->autos, &v->hosts, v);
	if (chains)
		add_names(s, &l->chains, chains, v);
}

void listeners_index(struct route_set *s)
{
	map_init(&s->listener_at, PORTS_MAX);
	s->listener = arena_new_array(s->arena, struct listener, 2 * s->n_server + 1);
	if (!s->listener)
		abort();
	for (struct server *v = s->server; v < s->server + s->n_server; v++)
		for (uint32_t i = 0; !v->dropped && i < v->n_listen; i++)
			add_server(s, listener_for(s, v->listen[i]), v);
}

void listeners_release(struct route_set *s)
{
	for (size_t i = 0; i < s->n_listener; i++) {
		names_release(&s->listener[i].chains.names);
		names_release(&s->listener[i].autos.names);
		names_release(&s->listener[i].declared.names);
	}
	map_release(&s->listener_at);
}

/* --- asking -------------------------------------------------------------------------- */

const struct listener *listener_at(const struct route_set *s, int64_t port)
{
	uint8_t key[sizeof(uint32_t)];

	return port < 0 || port > 65535 ? NULL
		: map_get(&s->listener_at, port_key((uint32_t)port, key));
}

static struct slice lowered(struct slice s, uint8_t to[SNI_MAX])
{
	if (s.n > SNI_MAX)
		return s;
	lower_copy(to, s.p, s.n);
	return (struct slice){ to, s.n };
}

const struct chain_names *listener_chains(const struct listener *l)
{
	return l->chains.n ? &l->chains : &l->declared;
}

/* Nobody saw the server name. */
static const struct server *server_unnamed(const struct listener *l, bool *ambiguous)
{
	const struct chain_names *c = listener_chains(l);
	bool others = c == &l->chains && l->autos.n;

	*ambiguous = others || (c->conditional && c->n > 1);
	return *ambiguous ? NULL : c->conditional ? c->only : names_find(&c->names, SLICE(""));
}

const struct server *server_for(const struct route_set *s, int64_t port, const struct slice *sni,
				bool *ambiguous)
{
	const struct listener *l = listener_at(s, port);
	const struct server *v;
	uint8_t low[SNI_MAX];
	struct slice name;

	*ambiguous = false;
	if (!l)
		return NULL;
	if (!sni)
		return server_unnamed(l, ambiguous);
	name = lowered(*sni, low);
	v = auto_server(s, l, *sni);
	v = v ? v : names_find(&listener_chains(l)->names, name);
	return v ? v : names_find(&l->declared.names, name);
}

bool route_listens(const struct route_set *s, int64_t port)
{
	return listener_at(s, port) != NULL;
}

int route_chain(const struct route_set *s, int64_t port, const struct slice *sni)
{
	bool ambiguous;
	const struct server *v = server_for(s, port, sni, &ambiguous);
	const struct listener *l = ambiguous ? listener_at(s, port) : NULL;
	const struct chain_names *c = l ? listener_chains(l) : NULL;
	bool tcp = c && (c->tcp || l->autos.n);

	if (v)
		return v->f.http ? CHAIN_HTTP : CHAIN_TCP;
	return !c || c->http == tcp ? 0 : c->http ? CHAIN_HTTP : CHAIN_TCP;
}
