/*
 * cert: the cache and the status; cert_parse.c reads one certificate.
 *
 * Trust does not depend on time here: a chain is verified against the roots
 * once, with OpenSSL's time check off, and its validity is compared with each
 * flow's own time.  So a capture of last year is judged as of last year.
 */
#include "capture/cert.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "common/map.h"

enum {
	CACHE_BYTES = 32 * 1024 * 1024,
	CACHE_CHAINS = 16 * 1024,
	CHAIN_BYTES = 512 * 1024,
};

enum trust { TRUST_UNASKED, TRUST_YES, TRUST_NO };

struct certs {
	struct tls_crypto *crypto;
	struct evidence *ev;
	X509_STORE *roots;		/* NULL: none given */
	struct map map[2];		/* [tls13]: the same bytes read differently */
	struct cert_chain **order;	/* ring, oldest first */
	size_t head, n, bytes;
};

/* Every certificate in the PEM file is a root, also one that is not self-signed. */
static int roots_load(struct certs *c, const char *path, struct err *e)
{
	BIO *in = BIO_new_file(path, "r");
	X509 *x;
	int n = 0;

	if (!in) {
		ERR_clear_error();
		return err_set(e, ERR_IO, "trust roots %s: cannot be read", path);
	}
	c->roots = X509_STORE_new();
	if (!c->roots)
		abort();
	X509_STORE_set_flags(c->roots, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
	while ((x = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(c->roots, x);
		X509_free(x);
	}
	BIO_free(in);
	/* The end of the file is also told as an error: no start line. */
	unsigned long why = ERR_peek_last_error();
	ERR_clear_error();
	if (ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		return err_set(e, ERR_INPUT, "trust roots %s: certificate %d is not valid PEM",
			       path, n + 1);
	if (!n)
		return err_set(e, ERR_INPUT, "trust roots %s: no certificate in it; PEM is expected",
			       path);
	return 0;
}

struct certs *certs_new(const char *trust, struct tls_crypto *crypto, struct evidence *ev,
			struct err *e)
{
	struct certs *c = calloc(1, sizeof *c);

	if (!c || !(c->order = calloc(CACHE_CHAINS, sizeof *c->order)))
		abort();
	c->crypto = crypto;
	c->ev = ev;
	map_init(&c->map[0], CACHE_CHAINS);
	map_init(&c->map[1], CACHE_CHAINS);
	if (trust && roots_load(c, trust, e))
		certs_free(&c);
	return c;
}

static void oldest_out(struct certs *c)
{
	struct cert_chain *chain = c->order[c->head];

	map_take(&c->map[chain->tls13], chain->list);
	c->head = (c->head + 1) % CACHE_CHAINS;
	c->n--;
	c->bytes -= chain->bytes;
	cert_chain_drop(&chain);
}

void certs_free(struct certs **cp)
{
	struct certs *c = *cp;

	if (!c)
		return;
	while (c->n)
		oldest_out(c);
	map_release(&c->map[0]);
	map_release(&c->map[1]);
	X509_STORE_free(c->roots);
	free(c->order);
	free(c);
	*cp = NULL;
}

/* RFC 5246 section 7.4.2, RFC 8446 section 4.4.2.  False: malformed; n > CERT_CHAIN_MAX: more. */
static bool list_split(struct slice bytes, bool tls13, struct slice der[CERT_CHAIN_MAX], uint8_t *n)
{
	struct cursor list = cur_of(bytes);

	for (*n = 0; cur_left(&list); ++*n) {
		struct cursor one = cur_block(&list, 3);
		struct slice s = cur_rest(&one);
		if (tls13)
			cur_block(&list, 2);
		if (list.bad || !s.n)
			return false;
		if (*n == CERT_CHAIN_MAX) {
			++*n;
			return true;
		}
		der[*n] = s;
	}
	return true;
}

/* NULL: the list is malformed. */
static struct cert_chain *chain_new(struct certs *c, struct slice list, bool tls13)
{
	enum { NAMES = 512 };		/* texts out of a usual leaf */
	struct slice der[CERT_CHAIN_MAX];
	uint8_t n;

	if (!list_split(list, tls13, der, &n))
		return NULL;
	if (n > CERT_CHAIN_MAX) {
		evidence_add(c->ev, EV_CERT_CHAIN_LONG, 1);
		n = CERT_CHAIN_MAX;
	}
	struct arena *a = arena_new(CHAIN_BYTES);
	arena_expect(a, sizeof(struct cert_chain) + n * sizeof(struct cert_facts) + list.n + NAMES);
	struct cert_chain *chain = arena_new_object(a, struct cert_chain);
	chain->arena = a;
	chain->refs = 1;
	chain->tls13 = tls13;
	chain->n = n;
	chain->facts = arena_new_array(a, struct cert_facts, n);
	chain->list = arena_copy(a, list);
	for (uint8_t i = 0; i < n; i++)
		chain->facts[i].der = (struct slice){ chain->list.p + (der[i].p - list.p), der[i].n };
	if (!n)
		return chain;
	/* Whoever speaks is in the leaf; the others wait for somebody to ask. */
	if (!cert_parse(chain->facts[0].der, c->crypto, a, &chain->facts[0]))
		evidence_add(c->ev, EV_CERT_MALFORMED, 1);
	chain->valid_from = chain->facts[0].not_before;
	chain->valid_to = chain->facts[0].not_after;
	return chain;
}

static void cache(struct certs *c, struct cert_chain *chain)
{
	while (c->n && (c->n == CACHE_CHAINS || c->bytes + chain->bytes > CACHE_BYTES))
		oldest_out(c);
	map_put(&c->map[chain->tls13], chain->list, cert_chain_keep(chain));
	c->order[(c->head + c->n++) % CACHE_CHAINS] = chain;
	c->bytes += chain->bytes;
}

struct cert_chain *cert_chain_get(struct certs *c, struct slice list, bool tls13)
{
	if (list.n > CHAIN_BYTES / 4)
		return NULL;
	struct cert_chain *chain = map_get(&c->map[tls13], list);
	if (chain)
		return cert_chain_keep(chain);
	chain = chain_new(c, list, tls13);
	if (!chain)
		return NULL;
	chain->bytes = arena_held(chain->arena);
	cache(c, chain);
	return chain;
}

void cert_chain_rest(struct certs *c, struct cert_chain *chain)
{
	for (int i = 1; i < chain->n; i++)
		if (!chain->facts[i].sha256.n)
			cert_parse(chain->facts[i].der, c->crypto, chain->arena, &chain->facts[i]);
	if (map_get(&c->map[chain->tls13], chain->list) != chain)
		return;
	c->bytes += arena_held(chain->arena) - chain->bytes;
	chain->bytes = arena_held(chain->arena);
}

struct cert_chain *cert_chain_keep(struct cert_chain *chain)
{
	if (chain)
		chain->refs++;
	return chain;
}

void cert_chain_drop(struct cert_chain **chainp)
{
	struct cert_chain *chain = *chainp;

	*chainp = NULL;
	if (!chain || --chain->refs)
		return;
	struct arena *a = chain->arena;		/* it holds the chain itself */
	arena_free(&a);
}

static X509 *decode(struct slice der)
{
	const unsigned char *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	ERR_clear_error();
	return x;
}

/* The flow's time must lie in the validity of every certificate on the path that was found. */
static void path_narrow(struct cert_chain *chain, X509_STORE_CTX *v)
{
	STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(v);

	for (int i = 0; i < sk_X509_num(path); i++) {
		int64_t from, to;
		if (!cert_validity(sk_X509_value(path, i), &from, &to))
			continue;
		chain->valid_from = from > chain->valid_from ? from : chain->valid_from;
		chain->valid_to = to < chain->valid_to ? to : chain->valid_to;
	}
}

static enum trust verify(struct certs *c, struct cert_chain *chain)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE_CTX *v = X509_STORE_CTX_new();
	X509 *leaf = decode(chain->facts[0].der);
	enum trust t = TRUST_NO;

	if (!others || !v)
		abort();
	for (int i = 1; i < chain->n; i++) {
		X509 *x = decode(chain->facts[i].der);
		if (x && !sk_X509_push(others, x))
			abort();
	}
	if (leaf && X509_STORE_CTX_init(v, c->roots, leaf, others) == 1 &&
	    X509_verify_cert(v) == 1) {
		path_narrow(chain, v);
		t = TRUST_YES;
	}
	X509_STORE_CTX_free(v);
	X509_free(leaf);
	sk_X509_pop_free(others, X509_free);
	ERR_clear_error();
	return t;
}

uint8_t cert_chain_status(struct certs *c, struct cert_chain *chain, int64_t at)
{
	if (!chain->n)
		return 0;
	if (!chain->facts[0].parsed)
		return CERT_MALFORMED;
	if (c->roots && chain->trust == TRUST_UNASKED)
		chain->trust = (uint8_t)verify(c, chain);
	if (chain->trust == TRUST_NO)
		return CERT_UNTRUSTED;
	if (at <= 0)			/* packets without a time (pcapng's simple blocks) */
		return 0;
	if (at > chain->valid_to)
		return CERT_EXPIRED;
	if (at < chain->valid_from)
		return CERT_NOT_YET_VALID;
	return chain->trust == TRUST_YES ? CERT_VALID : 0;
}
