/*
 * emit_finding: findings that the bytes alone prove.  What needs a policy, a configuration or the
 * log is analyze's.
 */
#include "capture/emit_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "capture/tls_crypto.h"
#include "common/buf.h"

static void add(struct emit *x, enum finding_code code, const char *sentence)
{
	if (x->n_findings == EMIT_FINDINGS)
		return;
	x->finding[x->n_findings++] = (struct finding){
		.code = code, .severity = finding_info[code].severity,
		.sentence = slice_of(sentence),
	};
}

/* As add, with a text from the wire in the sentence's place of %s, made harmless. */
static void add_about(struct emit *x, enum finding_code code, const char *before,
		      struct slice wire, const char *after)
{
	struct buf b;

	buf_init(&b, 2048);
	buf_str(&b, before);
	buf_quote(&b, wire.n > 300 ? (struct slice){ wire.p, 300 } : wire);
	buf_str(&b, after);
	add(x, code, "");
	if (x->n_findings)
		x->finding[x->n_findings - 1].sentence = arena_copy(x->scratch, buf_slice(&b));
	buf_release(&b);
}

static void certificate(struct emit *x, const struct tls_facts *t)
{
	bool resumed = !t->client_certs_known && t->resumed_known;
	const struct cert_facts *leaf = resumed ? t->resumed_from : t->client_chain;

	if (!leaf || !(resumed ? t->n_resumed : t->n_client))
		return;
	if (!leaf->parsed) {
		add(x, FINDING_ID_MALFORMED, "The client certificate is not valid X.509.");
		return;
	}
	if (leaf->uri.n > 1)
		add_about(x, FINDING_ID_MALFORMED,
			  "The client certificate carries several URI identities; the first is ",
			  leaf->uri.item[0], ".");
	else if (leaf->spiffe_bad)
		add_about(x, FINDING_ID_MALFORMED, "The client certificate's identity ",
			  leaf->uri.n ? leaf->uri.item[0] : (struct slice){ NULL, 0 },
			  " breaks the SPIFFE rules.");
	switch (t->client_status) {
	case CERT_EXPIRED:
		add_about(x, FINDING_ID_EXPIRED, "The client certificate of ",
			  leaf->uri.n ? leaf->uri.item[0] : leaf->subject,
			  " had expired when the connection was made.");
		break;
	case CERT_NOT_YET_VALID:
		add_about(x, FINDING_ID_NOTYET, "The client certificate of ",
			  leaf->uri.n ? leaf->uri.item[0] : leaf->subject,
			  " was not yet valid when the connection was made.");
		break;
	case CERT_UNTRUSTED:
		add_about(x, FINDING_ID_UNTRUSTED, "The client certificate of ",
			  leaf->uri.n ? leaf->uri.item[0] : leaf->subject,
			  " does not chain to a root that was given.");
		break;
	}
}

static bool is_address(struct slice s)
{
	struct ip ip;

	return ip_parse(s, &ip);
}

/*
 * What the suite's IANA name says: no encryption, no authentication, a broken cipher, or RSA key
 * exchange, whose key opens every recording (RFC 9325 section 4.1).
 */
static const char *weakness(uint16_t cipher)
{
	static const struct { const char *part, *sentence; } weak[] = {
		{ "_NULL_", "The negotiated suite does not encrypt." },
		{ "_anon_", "The negotiated suite authenticates nobody." },
		{ "EXPORT", "The negotiated suite was weakened for export." },
		{ "_RC4_", "The negotiated suite uses the broken cipher RC4." },
		{ "_RC2_", "The negotiated suite uses the broken cipher RC2." },
		{ "DES_", "The negotiated suite uses a cipher with blocks of 64 bits (DES)." },
		{ "_IDEA_", "The negotiated suite uses a cipher with blocks of 64 bits (IDEA)." },
		{ "TLS_RSA_WITH_", "The negotiated suite has no forward secrecy." },
	};
	const struct tls_suite *suite = tls_suite(cipher);

	for (size_t i = 0; suite && i < sizeof weak / sizeof *weak; i++)
		if (strstr(suite->name, weak[i].part))
			return weak[i].sentence;
	return NULL;
}

static void handshake(struct emit *x, const struct tls_facts *t)
{
	if (t->sni_repeated)
		add_about(x, FINDING_SNI_ODD, "The ClientHello names several servers; the first is ",
			  t->sni, ".");
	else if (t->sni_invalid)
		add_about(x, FINDING_SNI_ODD, "The server name ", t->sni,
			  " holds bytes that no host name has.");
	else if (t->sni_present && is_address(t->sni))
		add_about(x, FINDING_SNI_ODD, "The server name ", t->sni,
			  " is an address, not a name.");
	if (t->ech == ECH_OFFERED)
		add_about(x, FINDING_SNI_ECH, "The true server name is encrypted; the outer one is ",
			  t->sni, ".");
	if (t->server_hello && t->version && t->version < 0x0303)
		add(x, FINDING_TLS_WEAK_VERSION, t->version == 0x0300
		    ? "SSL 3.0 was negotiated." : "A TLS version older than 1.2 was negotiated.");
	const char *weak = t->server_hello ? weakness(t->cipher) : NULL;
	if (weak)
		add(x, FINDING_TLS_WEAK_CIPHER, weak);
	if (t->malformed)
		add(x, FINDING_TLS_MALFORMED, "The TLS bytes break the protocol's rules.");
	if (t->key_mismatch)
		add(x, FINDING_TLS_KEY_MISMATCH,
		    "Key log lines name this session and their keys fail authentication.");
	if (t->early_data)
		add(x, FINDING_TLS_0RTT, "The client sent early data, which can be replayed.");
}

static void request(struct emit *x, const struct layer *l, const struct http_exchange *h)
{
	if (h->ambiguous_length)
		add(x, FINDING_HTTP_SMUGGLE,
		    "Two readers of the request can disagree about where its body ends.");
	else if (h->bad_chunk)
		add(x, FINDING_HTTP_SMUGGLE, "The body's chunks break the protocol's rules.");
	else if (h->odd_header)
		add(x, FINDING_HTTP_SMUGGLE, "A header line can be read in two ways.");
	if (h->several_hosts)
		add_about(x, FINDING_HOST_EVASION, "The request names several hosts; the first is ",
			  h->authority, ".");
	if (!l->tls && (h->authorization || h->cookie))
		add(x, FINDING_DAT_CLEAR_CRED, h->authorization
		    ? "An Authorization header crossed the network unencrypted."
		    : "A Cookie header crossed the network unencrypted.");
}

static void worst_first(struct emit *x)
{
	for (uint32_t i = 1; i < x->n_findings; i++) {
		struct finding f = x->finding[i];
		uint32_t k = i;
		for (; k && x->finding[k - 1].severity < f.severity; k--)
			x->finding[k] = x->finding[k - 1];
		x->finding[k] = f;
	}
}

void emit_findings(struct emit *x, const struct session *s, const struct layer *l,
		   const struct http_exchange *h)
{
	const struct tls_facts *t = s->tls[0];

	if (s->contested && t && t->sni_present)
		add_about(x, FINDING_TCP_OVERLAP, "The ClientHello was sent twice with different "
			  "contents, so its server name is in doubt; the first says ", t->sni, ".");
	else if (s->overlap_conflict)
		add(x, FINDING_TCP_OVERLAP,
		    "The same bytes of the stream were sent twice with different contents.");
	if (t && (!l || l->tls)) {
		certificate(x, t);
		handshake(x, t);
	}
	if (h)
		request(x, l, h);
	worst_first(x);
}
