/* lint_gateway: Gateways against workloads, Services, Secrets, and one another. */
#include "analyze/lint_build.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

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

/* 1: a Service has it; 0: none of its Services has; -1: no Service selects the workload. */
static int on_service(const struct lint *l, const struct workload *w, int64_t port)
{
	int any = -1;

	EACH(l, SERVICE, s) {
		const struct node *selector = node_get(s->spec, "selector");

		if (!slice_eq(s->ns, w->ns) || !is_map(selector) || !selector->n ||
		    !workload_selected(w, selector))
			continue;
		if (service_has(s, port))
			return 1;
		any = 0;
	}
	return any;
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
			for (const struct workload *w = first; w < l->workload + l->n_real; w++) {
				int has = workload_selected(w, node_get(g->spec, "selector"))
					? on_service(l, w, port) : -2;

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

static bool contains(const struct node *whole, const struct node *part)
{
	return selects_node(part, whole);
}

static bool meet(const struct lint *l, const struct node *a, const struct node *b)
{
	bool ab = contains(a, b), ba = contains(b, a);

	if (ab && ba)
		return true;
	for (size_t i = 0; (ab || ba) && i < l->n_workload; i++)
		if (workload_selected(&l->workload[i], a) &&
		    workload_selected(&l->workload[i], b))
			return true;
	return false;
}

static const struct node *shared_host(const struct node *a, const struct node *b)
{
	if (!slice_eq(text_at(a, "bind"), text_at(b, "bind")) ||
	    !slice_eq(text_at(a, "port.number"), text_at(b, "port.number")))
		return NULL;
	EACH_ITEM(node_get(a, "hosts"), x)
		EACH_ITEM(node_get(b, "hosts"), y)
			if (slice_eq(node_text(x), node_text(y)))
				return x;
	return NULL;
}

void lint_gateway_conflict(struct lint *l)
{
	EACH(l, GATEWAY, a)
		EACH(l, GATEWAY, b) {
			if (a == b || !meet(l, node_get(a->spec, "selector"),
					    node_get(b->spec, "selector")))
				continue;
			EACH_ITEM(node_get(a->spec, "servers"), x)
				EACH_ITEM(node_get(b->spec, "servers"), y) {
					const struct node *host = shared_host(x, y);

					if (host)
						report(l, LINT_GATEWAY_CONFLICT, a, host,
						       "port %s host %s is also in %s",
						       say(text_at(x, "port.number")),
						       say_node(host), say_object(b));
				}
		}
}

/* --- certificates --------------------------------------------------------------------- */

static bool same_text(const struct node *a, const struct node *b, const char *key)
{
	return text_at(a, key).n && slice_eq(text_at(a, key), text_at(b, key));
}

static bool same_certificate(const struct node *a, const struct node *b)
{
	if (text_at(a, "credentialName").n || text_at(b, "credentialName").n)
		return same_text(a, b, "credentialName");
	return same_text(a, b, "serverCertificate") && same_text(a, b, "privateKey");
}

void lint_gateway_cert(struct lint *l)
{
	EACH(l, GATEWAY, a)
		EACH(l, GATEWAY, b) {
			if (a == b || !contains(node_get(b->spec, "selector"),
						node_get(a->spec, "selector")))
				continue;
			EACH_ITEM(node_get(a->spec, "servers"), x)
				EACH_ITEM(node_get(b->spec, "servers"), y) {
					const struct node *tx = node_get(x, "tls"),
							  *ty = node_get(y, "tls");

					if (is_map(tx) && is_map(ty) && same_certificate(tx, ty))
						report(l, LINT_GATEWAY_CERT, a, tx,
						       "the certificate is also used by %s",
						       say_object(b));
				}
		}
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
