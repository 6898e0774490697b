/*
 * tls_streams - record what two OpenSSL peers say to each other, with their key log.
 *
 * Writes one file a case under DIR: lines "connection", "> hex" (client), "< hex" (server) in the
 * order they were sent, "key ..." (NSS key log), "end".  Not built by make: the files it wrote are
 * part of the tests, and this is how they were made (tls_streams.sh).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct kind {
	const char *name;
	int version;
	const char *ciphers;		/* of the version */
	int server_verify;		/* SSL_VERIFY_* */
	int client_cert;
	int no_etm, hrr, padding, update, renegotiate, resume, no_ticket, early, post_auth, large;
	const char *pair;		/* key pair of the server */
};

static const struct kind kinds[] = {
	{ "13-aes128gcm", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 1, 1 },
	{ "13-aes256gcm", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", 1, 1 },
	{ "13-chacha", TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", 1, 1 },
	{ "13-ccm", TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", 1, 1 },
	{ "13-ccm8", TLS1_3_VERSION, "TLS_AES_128_CCM_8_SHA256", 1, 1 },
	{ "13-nocert", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 0, 0 },
	{ "13-hrr", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 1, 1, .hrr = 1 },
	{ "13-padding", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 1, 1, .padding = 512 },
	{ "13-update", TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", 1, 1, .update = 1 },
	{ "13-resume", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 1, 1, .resume = 1 },
	{ "13-early", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 1, 1, .resume = 1, .early = 1 },
	{ "13-early-refused", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 1, 1, .resume = 1, .early = 2 },
	{ "13-postauth", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 0, 1, .post_auth = 1 },
	{ "12-aes128gcm", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 1, 1 },
	{ "12-aes256gcm", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", 1, 1 },
	{ "12-chacha", TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", 1, 1 },
	{ "12-ccm", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM", 1, 1 },
	{ "12-ccm8", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-CCM8", 1, 1 },
	{ "12-aria", TLS1_2_VERSION, "ECDHE-ECDSA-ARIA128-GCM-SHA256", 1, 1 },
	{ "12-cbc-sha", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", 1, 1 },
	{ "12-cbc-sha256", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", 1, 1 },
	{ "12-cbc-sha384", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", 1, 1 },
	{ "12-cbc-sha-mte", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA", 1, 1, .no_etm = 1 },
	{ "12-cbc-sha256-mte", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", 1, 1, .no_etm = 1 },
	{ "12-cbc-sha384-mte", TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", 1, 1, .no_etm = 1 },
	{ "12-camellia", TLS1_2_VERSION, "ECDHE-ECDSA-CAMELLIA128-SHA256", 1, 1 },
	{ "12-rsa", TLS1_2_VERSION, "AES128-GCM-SHA256", 1, 1, .pair = "rsa" },
	{ "12-nocert", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 0, 0 },
	{ "12-empty", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 1, 0 },
	{ "12-refused", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 2, 0 },
	{ "13-refused", TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 2, 0 },
	{ "12-ticket", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 1, 1, .resume = 1 },
	{ "12-session-id", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 1, 1, .resume = 1,
	  .no_ticket = 1 },
	{ "12-renegotiate", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 0, 1,
	  .renegotiate = 1 },
	{ "12-large", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", 1, 1, .large = 20000 },
	{ "11-cbc-sha", TLS1_1_VERSION, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", 1, 1 },
	{ "11-cbc-sha-mte", TLS1_1_VERSION, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", 1, 1, .no_etm = 1 },
	{ "10-cbc-sha", TLS1_VERSION, "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0", 1, 1 },
	{ "10-cbc-sha-mte", TLS1_VERSION, "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0", 1, 1, .no_etm = 1 },
};

static FILE *out;

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void key_line(const SSL *s, const char *line)
{
	(void)s;
	fprintf(out, "key %s\n", line);
}

/* All that one side has written becomes one line, and goes to the other. */
static int carry(SSL *from, SSL *to, char mark)
{
	unsigned char buf[65536];
	int n = BIO_read(SSL_get_wbio(from), buf, sizeof buf);

	if (n <= 0)
		return 0;
	fprintf(out, "%c ", mark);
	for (int i = 0; i < n; i++)
		fprintf(out, "%02x", buf[i]);
	fprintf(out, "\n");
	BIO_write(SSL_get_rbio(to), buf, n);
	return 1;
}

static void pump(SSL *c, SSL *s)
{
	char drop[65536];
	size_t n;

	for (int i = 0; i < 20; i++) {
		int moved;
		SSL_do_handshake(c);
		moved = carry(c, s, '>');
		SSL_do_handshake(s);
		moved |= carry(s, c, '<');
		if (!moved)
			break;
	}
	while (SSL_read_ex(c, drop, sizeof drop, &n))
		;
	ERR_clear_error();
}

/* What is not a first handshake moves only when both sides read. */
static void settle(SSL *c, SSL *s)
{
	char drop[1024];
	size_t n;

	for (int i = 0; i < 10; i++) {
		carry(s, c, '<');
		SSL_read_ex(c, drop, sizeof drop, &n);
		carry(c, s, '>');
		SSL_read_ex(s, drop, sizeof drop, &n);
	}
	ERR_clear_error();
}

static void exchange(SSL *c, SSL *s, int nth, int large)
{
	static char buf[65536];
	size_t n;
	int len = snprintf(buf, sizeof buf, "GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n", nth);

	if (SSL_write(c, buf, len) != len)
		return;
	carry(c, s, '>');
	if (SSL_read_ex(s, buf, sizeof buf, &n) != 1)
		return;
	len = snprintf(buf, sizeof buf, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
		       large ? large : 2);
	memset(buf + len, 'x', large ? (size_t)large : 2);
	len += large ? large : 2;
	SSL_write(s, buf, len);
	carry(s, c, '<');
	for (int i = 0; i < 8; i++)
		SSL_read_ex(c, buf, sizeof buf, &n);
	carry(c, s, '>');
	ERR_clear_error();
}

static SSL_CTX *context(const struct kind *k, int server)
{
	SSL_CTX *x = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	const char *pair = server ? (k->pair ? k->pair : "server") : "client";
	char path[64];

	SSL_CTX_set_min_proto_version(x, k->version);
	SSL_CTX_set_max_proto_version(x, k->version);
	if (k->version == TLS1_3_VERSION)
		SSL_CTX_set_ciphersuites(x, k->ciphers);
	else if (!SSL_CTX_set_cipher_list(x, k->ciphers))
		die(k->ciphers);
	if (server || k->client_cert) {
		snprintf(path, sizeof path, "%s.pem", pair);
		if (SSL_CTX_use_certificate_chain_file(x, path) != 1)
			die(path);
		snprintf(path, sizeof path, "%s.key", pair);
		if (SSL_CTX_use_PrivateKey_file(x, path, SSL_FILETYPE_PEM) != 1)
			die(path);
	}
	SSL_CTX_load_verify_locations(x, "ca.pem", NULL);
	if (k->no_etm)
		SSL_CTX_set_options(x, SSL_OP_NO_ENCRYPT_THEN_MAC);
	if (k->no_ticket)
		SSL_CTX_set_options(x, SSL_OP_NO_TICKET);
	SSL_CTX_set_options(x, SSL_OP_ALLOW_CLIENT_RENEGOTIATION |
			    SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
	if (k->padding)
		SSL_CTX_set_block_padding(x, (size_t)k->padding);
	SSL_CTX_set1_groups_list(x, k->hrr && server ? "P-384" : "X25519:P-256:P-384");
	return x;
}

static int alpn(SSL *s, const unsigned char **to, unsigned char *n, const unsigned char *in,
		unsigned int in_n, void *ctx)
{
	(void)s;
	(void)ctx;
	return SSL_select_next_proto((unsigned char **)to, n, (const unsigned char *)"\x08http/1.1",
		9, in, in_n) == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static SSL_SESSION *kept;

static int keep(SSL *s, SSL_SESSION *session)
{
	(void)s;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

static void talk(const struct kind *k, SSL_CTX *cx, SSL_CTX *sx, int nth)
{
	static char buf[65536];
	SSL *c = SSL_new(cx), *s = SSL_new(sx);
	size_t n;

	fprintf(out, "connection\n");
	SSL_set0_rbio(c, BIO_new(BIO_s_mem()));
	SSL_set0_wbio(c, BIO_new(BIO_s_mem()));
	SSL_set0_rbio(s, BIO_new(BIO_s_mem()));
	SSL_set0_wbio(s, BIO_new(BIO_s_mem()));
	SSL_set_tlsext_host_name(c, "a.example");
	SSL_set_alpn_protos(c, (const unsigned char *)"\x05istio\x08http/1.1", 15);
	SSL_set_connect_state(c);
	SSL_set_accept_state(s);
	if (nth && kept)
		SSL_set_session(c, kept);
	if (nth && k->early) {
		int len = snprintf(buf, sizeof buf, "GET /early HTTP/1.1\r\nHost: a.example\r\n\r\n");
		if (SSL_write_early_data(c, buf, (size_t)len, &n) != 1)
			die("early data");
		carry(c, s, '>');
		if (k->early == 1) {
			SSL_read_early_data(s, buf, sizeof buf, &n);
			len = snprintf(buf, sizeof buf,
				       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
			SSL_write_early_data(s, buf, (size_t)len, &n);
			carry(s, c, '<');
			SSL_do_handshake(c);
			SSL_read_ex(c, buf, sizeof buf, &n);
			carry(c, s, '>');
			SSL_read_early_data(s, buf, sizeof buf, &n);
		}
	}
	pump(c, s);
	exchange(c, s, 2 * nth + 1, k->large);
	if (k->update) {
		SSL_key_update(c, SSL_KEY_UPDATE_REQUESTED);
		pump(c, s);
		exchange(c, s, 5, 0);
		SSL_key_update(s, SSL_KEY_UPDATE_NOT_REQUESTED);
		pump(c, s);
	}
	if (k->renegotiate) {
		SSL_set_verify(s, SSL_VERIFY_PEER, NULL);
		SSL_renegotiate(s);
		SSL_do_handshake(s);
		settle(c, s);
	}
	if (k->post_auth) {
		SSL_set_verify(s, SSL_VERIFY_PEER, NULL);
		SSL_verify_client_post_handshake(s);
		SSL_do_handshake(s);
		settle(c, s);
	}
	exchange(c, s, 2 * nth + 2, 0);
	SSL_shutdown(c);
	carry(c, s, '>');
	SSL_shutdown(s);
	carry(s, c, '<');
	fprintf(out, "end\n");
	ERR_clear_error();
	SSL_free(c);
	SSL_free(s);
}

static void record(const struct kind *k, const char *dir)
{
	SSL_CTX *cx = context(k, 0), *sx = context(k, 1);
	char path[256];
	static const int verify[] = { SSL_VERIFY_NONE, SSL_VERIFY_PEER,
		SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT };

	snprintf(path, sizeof path, "%s/%s.txt", dir, k->name);
	out = fopen(path, "w");
	if (!out)
		die(path);
	SSL_CTX_set_verify(sx, verify[k->server_verify], NULL);
	SSL_CTX_set_session_id_context(sx, (const unsigned char *)"t", 1);
	SSL_CTX_set_alpn_select_cb(sx, alpn, NULL);
	SSL_CTX_set_keylog_callback(cx, key_line);
	SSL_CTX_set_session_cache_mode(cx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(cx, keep);
	if (k->early)
		SSL_CTX_set_max_early_data(sx, 16384);
	if (k->post_auth)
		SSL_CTX_set_post_handshake_auth(cx, 1);
	talk(k, cx, sx, 0);
	if (k->resume) {
		if (k->early == 2)
			SSL_CTX_set_max_early_data(sx, 0);
		talk(k, cx, sx, 1);
	}
	SSL_SESSION_free(kept);
	kept = NULL;
	fclose(out);
	SSL_CTX_free(cx);
	SSL_CTX_free(sx);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		record(&kinds[i], argv[1]);
	return 0;
}
