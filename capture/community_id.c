#include "capture/community_id.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* The algorithm is fetched once: OpenSSL's one-call form costs more than the hash. */
struct community_id {
	EVP_MD *sha1;
	EVP_MD_CTX *ctx;
};

struct community_id *community_id_new(void)
{
	struct community_id *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	c->ctx = EVP_MD_CTX_new();
	if (!c->sha1 || !c->ctx)
		abort();
	return c;
}

void community_id_free(struct community_id **c)
{
	if (!*c)
		return;
	EVP_MD_free((*c)->sha1);
	EVP_MD_CTX_free((*c)->ctx);
	free(*c);
	*c = NULL;
}

void community_id_tcp(struct community_id *c, const struct ip ip[2], const uint16_t port[2],
		      char out[COMMUNITY_ID_LEN])
{
	enum { SEED = 2, TCP = 6 };
	uint8_t in[SEED + 16 + 16 + 2 + 4] = { 0 }, md[20], text[COMMUNITY_ID_LEN + 1];
	bool v4 = ip_is_v4(&ip[0]) && ip_is_v4(&ip[1]);
	size_t from = v4 ? 12 : 0, len = 16 - from, at = SEED;
	int order = memcmp(ip[0].b, ip[1].b, 16);
	int first = order > 0 || (order == 0 && port[0] > port[1]);

	memcpy(in + at, ip[first].b + from, len);
	memcpy(in + at + len, ip[!first].b + from, len);
	at += 2 * len;
	in[at++] = TCP;
	in[at++] = 0;
	in[at++] = (uint8_t)(port[first] >> 8);
	in[at++] = (uint8_t)port[first];
	in[at++] = (uint8_t)(port[!first] >> 8);
	in[at++] = (uint8_t)port[!first];
	if (EVP_DigestInit_ex2(c->ctx, c->sha1, NULL) != 1 ||
	    EVP_DigestUpdate(c->ctx, in, at) != 1 || EVP_DigestFinal_ex(c->ctx, md, NULL) != 1)
		abort();
	EVP_EncodeBlock(text, md, sizeof md);
	out[0] = '1';
	out[1] = ':';
	memcpy(out + 2, text, COMMUNITY_ID_LEN - 2);
}
