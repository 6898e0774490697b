/* lint_gateway: Gateways against workloads, Services, Secrets, and one another. */
#include "analyze/lint_build.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static bool given(const struct lint *l, const struct workload *w)
{
	return w < l->workload + l->n_given;
}

/* Not the stand-in that lint_world adds for a Gateway that selects nobody. */
static bool exists(const struct lint *l, const struct workload *w)
{
	return w && w < l->workload + l->n_real;
}

void lint_gateway_selector(struct lint *l)
{
	EACH(l, GATEWAY, g) {
		const struct node *selector = node_get(g->spec, "selector");
		const struct workload *w = gateway_workload(l, g);

		if (exists(l, w))
			continue;
		report_as(
			l, LINT_GATEWAY_SELECTOR, l->pods_given ? SEV_HIGH : SEV_INFO, g,
			selector,
			l->pods_given
				? "no workload has the labels %s"
				: "no workload was given, and Istio's own gateways do not have the labels %s",
			say_selector(selector));
	}
}

/* --- ports (IST0162) ------------------------------------------------------------------ */

static bool service_has(const struct object *service, int64_t port)
{
	EACH_ITEM(node_get(service->spec, "ports"), p) {
		struct slice proto = text_at(p, "protocol");
		const struct node *target = node_get(p, "targetPort");
		int64_t n = 0, t = 0;

		if (proto.n && !slice_is(proto, "TCP"))
			continue;
		node_int(node_get(p, "port"), &n);
		if (n == port || (node_int(target, &t) && t == port))
			return true;
	}
	return false;
}

/* Ports of the Services of Istio's own gateways, where none was given. */
static bool usual_port(const struct workload *w, int64_t port)
{
	bool ingress = slice_is(w->label[0].value, "ingressgateway");

	return port == 80 || port == 443 || port == 15443 || (ingress && port == 31400);
}

struct port_look {
	const struct workload *w;
	int64_t port;
	int has;
};

static void look_for_port(void *ctx, const struct object *s)
{
	struct port_look *l = ctx;

	if (!slice_eq(s->ns, l->w->ns) || !workload_selected(l->w, node_get(s->spec, "selector")))
		return;
	if (service_has(s, l->port))
		l->has = 1;
	else if (l->has < 0)
		l->has = 0;
}

/* 1: a Service has it; 0: none of its Services has; -1: no Service selects the workload. */
static int on_service(const struct lint *l, const struct workload *w, int64_t port)
{
	struct port_look look = { w, port, -1 };

	each_service(l, w, look_for_port, &look);
	return look.has;
}

void lint_gateway_port(struct lint *l)
{
	EACH(l, GATEWAY, g) {
		const struct workload *first = gateway_workload(l, g);

		EACH_ITEM(node_get(g->spec, "servers"), server) {
			const struct node *at = node_at(server, "port.number");
			bool ok = false, told = false;
			int64_t port = 0;

			if (!node_int(at, &port) || !exists(l, first))
				continue;
			struct workloads_walk walk = workloads(l, node_get(g->spec, "selector"));
			for (const struct workload *w; (w = workloads_next(&walk));) {
				int has = exists(l, w) ? on_service(l, w, port) : -2;

				told |= has >= 0 || (has == -1 && given(l, w));
				ok |= has == 1 ||
				      (has == -1 && !given(l, w) && usual_port(w, port));
			}
			if (!ok)
				report_as(
					l, LINT_GATEWAY_PORT, told ? SEV_MEDIUM : SEV_INFO,
					g, at,
					told ? "no Service of the gateway has port %lld"
					     : "no Service of the gateway was given, and Istio's own has no port %lld",
					(long long)port);
		}
	}
}

/* --- conflicts (IST0145) --------------------------------------------------------------- */

/*
 * Two Gateways conflict where one's selector is the other's or a part of it.  So every server's host is looked
 * up, for its port and bind, under each part of its own Gateway's selector: what stands there has that
 * part as its whole selector.
 */
enum { PARTS_MAX = 8 };			/* labels of a selector that are combined: 256 parts */

struct claimant {
	const struct object *gateway;
	const struct node *host;
	struct claimant *next;		/* same port, bind, host and selector */
};

struct claim_key {
	const struct node *server, *host, *selector;
	uint32_t labels;		/* bits: those of the selector that are in the part */
};

static int by_bytes(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int c = n ? memcmp(x->p, y->p, n) : 0;

	return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

/* "PORT|BIND|HOST|k=v,k=v", labels in order; in a. */
static struct slice claim_text(struct arena *a, const struct claim_key *k)
{
	struct slice pair[PARTS_MAX], got;
	size_t n = 0;
	struct buf b;

	buf_init(&b, 16384);
	for (uint32_t i = 0; is_map(k->selector) && i < k->selector->n && i < PARTS_MAX; i++) {
		if (!(k->labels >> i & 1))
			continue;
		buf_add(&b, node_text(k->selector->key[i]));
		buf_byte(&b, '=');
		buf_add(&b, node_text(k->selector->item[i]));
		pair[n++] = arena_copy(a, buf_slice(&b));
		buf_clear(&b);
	}
	qsort(pair, n, sizeof *pair, by_bytes);
	buf_add(&b, text_at(k->server, "port.number"));
	buf_byte(&b, '|');
	buf_add(&b, text_at(k->server, "bind"));
	buf_byte(&b, '|');
	buf_add(&b, node_text(k->host));
	for (size_t i = 0; i < n; i++) {
		buf_byte(&b, '|');
		buf_add(&b, pair[i]);
	}
	if (is_map(k->selector) && k->selector->n > PARTS_MAX)
		buf_printf(&b, "|and %u more", k->selector->n - PARTS_MAX);
	got = arena_copy(a, buf_slice(&b));
	buf_release(&b);
	return got;
}

static uint32_t all_labels(const struct node *selector)
{
	uint32_t n = is_map(selector) ? selector->n : 0;

	return (1u << (n < PARTS_MAX ? n : PARTS_MAX)) - 1;
}

static void tell_conflict(struct lint *l, const struct object *a, const struct node *host,
			  const struct node *server, const struct object *b)
{
	report(l, LINT_GATEWAY_CONFLICT, a, host, "port %s host %s is also in %s",
	       say(text_at(server, "port.number")), say_node(host), say_object(b));
}

/* The first other Gateway under this key. */
static const struct claimant *other(const struct claimant *c, const struct object *g)
{
	while (c && c->gateway == g)
		c = c->next;
	return c;
}

static void claim_host(struct lint *l, struct map *claims, const struct object *g,
		       const struct claim_key *k)
{
	struct slice key = claim_text(l->arena, k);
	struct claimant *c = arena_new_object(l->arena, struct claimant);

	if (!c)
		return;
	*c = (struct claimant){ g, k->host, map_get(claims, key) };
	map_put(claims, key, c);
}

static void find_conflict(struct lint *l, const struct map *claims, const struct object *g,
			  struct claim_key k)
{
	uint32_t all = k.labels;

	for (uint32_t part = 0; part <= all; part++) {
		const struct claimant *c;

		/* A wider selector conflicts only where some pod has both: one that g selects. */
		k.labels = part;
		if ((c = other(map_get(claims, claim_text(l->arena, &k)), g)) &&
		    (part == all || gateway_workload(l, g))) {
			tell_conflict(l, g, k.host, k.server, c->gateway);
			if (part != all)
				tell_conflict(l, c->gateway, c->host, k.server, g);
		}
	}
}

#define EACH_CLAIM(l, g, k_) \
	EACH(l, GATEWAY, g) \
		EACH_ITEM(node_get(g->spec, "servers"), server_) \
			EACH_ITEM(node_get(server_, "hosts"), host_) \
				for (struct claim_key k_ = { server_, host_, \
					node_get(g->spec, "selector"), \
					all_labels(node_get(g->spec, "selector")) }; \
				     k_.server; k_.server = NULL)

void lint_gateway_conflict(struct lint *l)
{
	struct map claims;

	map_init(&claims, 1 << 20);
	EACH_CLAIM(l, g, k)
		claim_host(l, &claims, g, &k);
	EACH_CLAIM(l, g, k)
		find_conflict(l, &claims, g, k);
	map_release(&claims);
}

/* --- certificates --------------------------------------------------------------------- */

struct cert_user {
	const struct object *gateway;
	struct cert_user *next;
};

/* What names a server's certificate; empty: nothing does. */
static struct slice cert_key(struct arena *a, const struct node *tls)
{
	struct slice credential = text_at(tls, "credentialName"), got = { NULL, 0 };
	struct buf b;

	if (!is_map(tls) || (!credential.n && (!text_at(tls, "serverCertificate").n ||
					       !text_at(tls, "privateKey").n)))
		return got;
	buf_init(&b, 16384);
	buf_byte(&b, credential.n ? 'c' : 'f');
	buf_add(&b, credential.n ? credential : text_at(tls, "serverCertificate"));
	buf_byte(&b, '\n');
	if (!credential.n)
		buf_add(&b, text_at(tls, "privateKey"));
	got = arena_copy(a, buf_slice(&b));
	buf_release(&b);
	return got;
}

/* The first other Gateway with the certificate whose selector is this one's or wider. */
static const struct object *same_certificate(const struct cert_user *u, const struct object *g)
{
	enum { LOOKED_AT = 1000 };	/* of many with one certificate the first are enough */
	int most = LOOKED_AT;

	for (; u && most; u = u->next, most--)
		if (u->gateway != g && selects_node(node_get(g->spec, "selector"),
						    node_get(u->gateway->spec, "selector")))
			return u->gateway;
	return NULL;
}

void lint_gateway_cert(struct lint *l)
{
	struct map users;

	map_init(&users, 1 << 20);
	EACH(l, GATEWAY, g)
		EACH_ITEM(node_get(g->spec, "servers"), server) {
			struct slice key = cert_key(l->arena, node_get(server, "tls"));
			struct cert_user *u = key.n ? arena_new_object(l->arena, struct cert_user)
						    : NULL;

			if (!u)
				continue;
			*u = (struct cert_user){ g, map_get(&users, key) };
			map_put(&users, key, u);
		}
	EACH(l, GATEWAY, g)
		EACH_ITEM(node_get(g->spec, "servers"), server) {
			const struct node *tls = node_get(server, "tls");
			struct slice key = cert_key(l->arena, tls);
			const struct object *by =
				key.n ? same_certificate(map_get(&users, key), g) : NULL;

			if (by)
				report(l, LINT_GATEWAY_CERT, g, tls,
				       "the certificate is also used by %s", say_object(by));
		}
	map_release(&users);
}

/* data (base64) or stringData of a Secret. */
static struct slice secret_value(struct lint *l, const struct object *s, const char *key)
{
	struct slice plain = node_text(node_get(node_get(s->root, "stringData"), key));
	struct slice coded = node_text(node_get(node_get(s->root, "data"), key));
	uint8_t *out;
	int n;

	if (plain.n || !coded.n || coded.n > 1 << 20)
		return plain;
	out = arena_bytes(l->arena, coded.n);
	n = out ? EVP_DecodeBlock(out, coded.p, (int)coded.n) : -1;
	return n > 0 ? (struct slice){ out, (size_t)n } : plain;
}

static const char *certificate_fault(struct lint *l, struct slice pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	time_t now = (time_t)(l->now / 1000000000);
	const char *fault = NULL;

	if (!x)
		fault = "its certificate is no PEM certificate";
	else if (l->now && X509_cmp_time(X509_get0_notAfter(x), &now) < 0)
		fault = "its certificate has expired";
	else if (l->now && X509_cmp_time(X509_get0_notBefore(x), &now) > 0)
		fault = "its certificate is not yet valid";
	X509_free(x);
	BIO_free(bio);
	return fault;
}

static const char *secret_fault(struct lint *l, const struct object *s)
{
	struct slice cert = secret_value(l, s, "tls.crt"), key = secret_value(l, s, "tls.key");

	if (!cert.n && !key.n) {
		cert = secret_value(l, s, "cert");
		key = secret_value(l, s, "key");
	}
	if (!cert.n || !key.n)
		return "it has no tls.crt and tls.key";
	return certificate_fault(l, cert);
}

void lint_credential(struct lint *l)
{
	EACH(l, GATEWAY, g) {
		const struct workload *w = gateway_workload(l, g);

		EACH_ITEM(node_get(g->spec, "servers"), server) {
			const struct node *name = node_at(server, "tls.credentialName");
			const struct object *s;
			const char *fault;

			if (!node_text(name).n || !exists(l, w))
				continue;
			s = object_find(l, OBJ_SECRET, w->ns, node_text(name));
			if (!s) {
				report_as(l, LINT_CREDENTIAL_MISSING,
					  l->p->n_of_kind[OBJ_SECRET] ? SEV_HIGH : SEV_INFO,
					  g, name, "Secret %s/%s was not given", say(w->ns),
					  say_node(name));
				continue;
			}
			fault = secret_fault(l, s);
			if (fault)
				report(l, LINT_CREDENTIAL_INVALID, g, name,
				       "Secret %s/%s: %s", say(w->ns), say_node(name),
				       fault);
		}
	}
}

/* --- servers -------------------------------------------------------------------------- */

static bool only_redirect(const struct node *tls)
{
	for (uint32_t i = 0; is_map(tls) && i < tls->n; i++)
		if (!slice_is(node_text(tls->key[i]), "httpsRedirect"))
			return false;
	return true;
}

void lint_server_invalid(struct lint *l)
{
	EACH(l, GATEWAY, g)
		EACH_ITEM(node_get(g->spec, "servers"), server) {
			const struct node *tls = node_get(server, "tls");
			struct server_facts f;
			bool secure;

			server_read(server, &f);
			secure = f.protocol == PROTO_HTTPS || f.protocol == PROTO_TLS;
			if (secure && !tls)
				report(l, LINT_SERVER_INVALID, g, server,
				       "servers[%u] has protocol %s and no tls", server_i,
				       say(text_at(server, "port.protocol")));
			else if (f.protocol == PROTO_TCP && tls)
				report(l, LINT_SERVER_INVALID, g, tls,
				       "servers[%u] has protocol %s and tls", server_i,
				       say(text_at(server, "port.protocol")));
			else if (f.protocol == PROTO_HTTP && !only_redirect(tls))
				report(l, LINT_SERVER_INVALID, g, tls,
				       "servers[%u] has protocol HTTP: tls may hold httpsRedirect only",
				       server_i);
			if (node_at(server, "port.targetPort"))
				report(l, LINT_SERVER_INVALID, g,
				       node_at(server, "port.targetPort"),
				       "servers[%u]: targetPort is not supported",
				       server_i);
			if (!has_items(f.hosts))
				report(l, LINT_SERVER_INVALID, g, server,
				       "servers[%u] has no hosts", server_i);
		}
}

void lint_tls_ignored(struct lint *l)
{
	static const char *const ignored[] = { "minProtocolVersion", "maxProtocolVersion",
		"cipherSuites", "ecdhCurves", "serverCertificate", "privateKey", "caCertificates",
		"credentialName" };

	EACH(l, GATEWAY, g)
		EACH_ITEM(node_get(g->spec, "servers"), server) {
			const struct node *tls = node_get(server, "tls");

			if (!slice_is(text_at(tls, "mode"), "ISTIO_MUTUAL"))
				continue;
			for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
				if (node_get(tls, ignored[i]))
					report(l, LINT_TLS_IGNORED, g,
					       node_get(tls, ignored[i]),
					       "servers[%u] is ISTIO_MUTUAL, which does not use tls.%s",
					       server_i, ignored[i]);
		}
}
