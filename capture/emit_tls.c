/*
 * emit_tls: the transport and identity fields.
 *
 * Each field knows three answers.  Not seen: left unknown.  Seen not to be there: absent.  A
 * plaintext connection has no server name and no peer identity: known, so absent.
 */
#include "capture/emit_part.h"

#include <string.h>

#include "capture/tls_crypto.h"
#include "common/buf.h"

static int64_t version_of(uint16_t wire)
{
	return wire >= 0x0300 && wire <= 0x0304 ? TLS_SSL30 + (wire - 0x0300) : 0;
}

static struct slice lower(struct emit *x, struct slice s)
{
	uint8_t *p = arena_bytes(x->scratch, s.n ? s.n : 1);

	if (!p)
		return (struct slice){ NULL, 0 };
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] + 32) : s.p[i];
	return (struct slice){ p, s.n };
}

static struct slice hex(struct emit *x, struct slice s)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t *p = arena_bytes(x->scratch, s.n * 2);

	for (size_t i = 0; p && i < s.n; i++) {
		p[2 * i] = (uint8_t)digit[s.p[i] >> 4];
		p[2 * i + 1] = (uint8_t)digit[s.p[i] & 15];
	}
	return (struct slice){ p, p ? s.n * 2 : 0 };
}

static struct slice json_array(struct emit *x, const struct strings *l)
{
	struct buf b;

	buf_init(&b, 16 * 1024);
	buf_byte(&b, '[');
	for (uint16_t i = 0; i < l->n; i++) {
		if (i)
			buf_byte(&b, ',');
		buf_json_string(&b, l->item[i]);
	}
	buf_byte(&b, ']');
	struct slice s = b.full ? (struct slice){ NULL, 0 } : arena_copy(x->scratch, buf_slice(&b));
	buf_release(&b);
	return s;
}

static void fingerprint(struct flow *f, enum flow_field k, const char *s)
{
	if (*s)
		flow_set_text(f, k, slice_of(s));
}

static void hello(struct emit *x, const struct session *s, const struct tls_facts *t)
{
	struct flow *f = &x->flow;

	/* Two ClientHellos at the same place: which one the server took, the bytes do not say. */
	if (t->client_hello && !s->contested) {
		if (t->sni_present)
			emit_text(f, F_SNI, lower(x, t->sni));
		else
			flow_set_absent(f, F_SNI);
		if (t->alpn_offered.n) {
			struct slice list = json_array(x, &t->alpn_offered);
			if (list.n)
				flow_set_text(f, F_TLS_ALPN_OFFERED, list);
		} else {
			flow_set_absent(f, F_TLS_ALPN_OFFERED);
		}
		if (t->ech)
			flow_set_num(f, F_TLS_ECH, t->ech);
		else
			flow_set_absent(f, F_TLS_ECH);
		fingerprint(f, F_JA3, t->ja3);
		fingerprint(f, F_JA4, t->ja4);
	}
	if (!t->server_hello)
		return;
	if (version_of(t->version))
		flow_set_num(f, F_TLS_VERSION, version_of(t->version));
	if (tls_suite(t->cipher))
		flow_set_text(f, F_TLS_CIPHER, slice_of(tls_suite(t->cipher)->name));
	fingerprint(f, F_JA3S, t->ja3s);
	flow_set_num(f, F_TLS_RESUMED, t->resumed);
	if (t->alpn_known)
		emit_text(f, F_TLS_ALPN, t->alpn);
}

static void state(struct flow *f, const struct tls_facts *t)
{
	if (t->established || t->failed)
		flow_set_num(f, F_TLS_ESTABLISHED, t->established);
	flow_set_num(f, F_TLS_DECRYPTED, t->decrypted);
	if (t->failed) {
		flow_set_num(f, F_OUTCOME, OUTCOME_FAILED);
		flow_set_text(f, F_FAILURE, SLICE("TLS handshake failed: fatal alert"));
	}
}

/*
 * Exactly one URI SAN is an identity.  With several the first is what Istio's telemetry takes;
 * the finding ID-MALFORMED says that there are more.
 */
static void identity(struct emit *x, const struct tls_facts *t)
{
	struct flow *f = &x->flow;
	bool resumed = !t->client_certs_known && t->resumed_known;
	const struct cert_facts *leaf = resumed ? t->resumed_from : t->client_chain;
	bool presented = leaf && (resumed ? t->n_resumed : t->n_client);

	if (!t->client_certs_known && !t->resumed_known)
		return;			/* mutual or not: the bytes do not say */
	flow_set_num(f, F_TRANSPORT, presented ? TRANSPORT_MTLS : TRANSPORT_TLS);
	if (!presented) {
		flow_set_no_identity(f);
		flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_NONE);
		flow_set_absent(f, F_CLIENT_CERTIFICATE);
		flow_set_absent(f, F_CERTIFICATE_STATUS);
		return;
	}
	if (leaf->sha256.n)
		flow_set_text(f, F_CLIENT_CERTIFICATE, hex(x, leaf->sha256));
	if (t->client_status)
		flow_set_num(f, F_CERTIFICATE_STATUS, t->client_status);
	if (!leaf->parsed)
		return;
	if (leaf->uri.n)
		flow_set_identity(f, leaf->uri.item[0]);
	else
		flow_set_no_identity(f);
	flow_set_num(f, F_IDENTITY_SOURCE, !leaf->uri.n ? IDENTITY_NONE
		     : resumed ? IDENTITY_RESUMPTION : IDENTITY_CERTIFICATE);
}

static void server(struct emit *x, const struct tls_facts *t)
{
	const struct cert_facts *leaf = t->n_server ? t->server_chain : NULL;

	if (!leaf)
		return;
	if (leaf->sha256.n)
		flow_set_text(&x->flow, F_SERVER_CERTIFICATE, hex(x, leaf->sha256));
	if (leaf->parsed)
		emit_text(&x->flow, F_DESTINATION_IDENTITY,
			  leaf->uri.n ? leaf->uri.item[0] : (struct slice){ NULL, 0 });
}

static void plaintext(struct flow *f)
{
	static const enum flow_field none[] = {
		F_TLS_VERSION, F_TLS_CIPHER, F_TLS_ALPN, F_TLS_ALPN_OFFERED, F_TLS_ECH, F_SNI,
		F_JA3, F_JA3S, F_JA4, F_DESTINATION_IDENTITY, F_CLIENT_CERTIFICATE,
		F_SERVER_CERTIFICATE, F_CERTIFICATE_STATUS, F_INNER_SNI, F_INNER_TLS_VERSION,
		F_INNER_TLS_ALPN, F_INNER_JA4,
	};
	flow_set_num(f, F_TRANSPORT, TRANSPORT_PLAINTEXT);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		flow_set_absent(f, none[i]);
	flow_set_no_identity(f);
	flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_NONE);
	flow_set_num(f, F_TLS_ESTABLISHED, false);
	flow_set_num(f, F_TLS_DECRYPTED, false);
}

void emit_tls(struct emit *x, const struct session *s, unsigned tls)
{
	const struct tls_facts *t = s->tls[0];

	if (!tls) {
		plaintext(&x->flow);
		return;
	}
	if (!t)
		return;
	hello(x, s, t);
	state(&x->flow, t);
	identity(x, t);
	server(x, t);
}

void emit_tls_inner(struct emit *x, const struct session *s)
{
	const struct tls_facts *t = s->tls[1];
	struct flow *f = &x->flow;

	if (!t)
		return;
	if (t->client_hello) {
		if (t->sni_present)
			emit_text(f, F_INNER_SNI, lower(x, t->sni));
		else
			flow_set_absent(f, F_INNER_SNI);
		fingerprint(f, F_INNER_JA4, t->ja4);
	}
	if (t->server_hello && version_of(t->version))
		flow_set_num(f, F_INNER_TLS_VERSION, version_of(t->version));
	if (t->alpn_known)
		emit_text(f, F_INNER_TLS_ALPN, t->alpn);
}
