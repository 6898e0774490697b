/*
 * tls_ech: is this encrypted_client_hello real, or GREASE?
 *
 * The two are made to look alike, so what tells them apart is circumstance:
 *   - after a HelloRetryRequest a real client seals a new inner hello under the
 *     same HPKE context, whose `enc` is then empty; GREASE is repeated as it was;
 *   - a real offer's outer SNI is the provider's public name, GREASE's is the
 *     name of the site itself;
 *   - browsers' GREASE offers one KEM and KDF only (X25519, HKDF-SHA256);
 *   - a provider's configuration has one id for all clients, GREASE draws a random
 *     byte for each connection: the third in a row to one name is no chance.
 * Where nothing speaks for a real offer we say GREASE: the name in the clear is
 * then taken for what it says it is, and the answer is a judgement, not a proof.
 */
#include "capture/tls_hello.h"
#include "common/hash.h"
#include "schema/flow.h"

enum { ECH_OUTER = 0, KDF_SHA256 = 1, AEAD_AES128 = 1, AEAD_CHACHA = 3, X25519_ENC = 32,
       ID_REPEATS = 3 };

/* Public names that providers publish in their ECH configurations. */
static const char *const public_names[] = {
	"cloudflare-ech.com", "cover.defo.ie", "public.tls-ech.dev", "tls-outer.browserleaks.com",
};

static bool is_public_name(struct slice sni)
{
	for (size_t i = 0; i < sizeof public_names / sizeof *public_names; i++)
		if (slice_is(sni, public_names[i]))
			return true;
	return false;
}

uint8_t tls_ech_kind(const struct tls_client_hello *h, enum tls_hello_turn turn)
{
	struct cursor c = cur_of(h->ech);

	if (h->has_esni)
		return ECH_OFFERED;	/* the draft before ECH; it was not sent as GREASE */
	if (!h->has_ech)
		return 0;
	uint32_t type = cur_be(&c, 1);
	uint32_t kdf = cur_be(&c, 2), aead = cur_be(&c, 2);
	cur_be(&c, 1);			/* config_id: random in GREASE */
	struct cursor enc = cur_block(&c, 2);
	struct cursor payload = cur_block(&c, 2);
	if (type != ECH_OUTER || !cur_done(&c) || !cur_left(&payload))
		return ECH_GREASE;	/* nothing that a server could decrypt */
	if (turn != TLS_HELLO_FIRST)
		return turn == TLS_HELLO_SAME_ECH ? ECH_GREASE : ECH_OFFERED;
	if (is_public_name(h->sni))
		return ECH_OFFERED;
	bool browser = kdf == KDF_SHA256 && (aead == AEAD_AES128 || aead == AEAD_CHACHA) &&
		cur_left(&enc) == X25519_ENC;
	return browser ? ECH_GREASE : ECH_OFFERED;
}

uint8_t tls_ech_settle(struct tls_ech_memory *m, const struct tls_client_hello *h, uint8_t kind)
{
	uint64_t hash = hash_bytes(h->sni);
	struct tls_ech_slot *slot = &m->slot[hash % TLS_ECH_SLOTS];
	struct cursor c = cur_of(h->ech);

	if (kind != ECH_GREASE || !h->sni.n)
		return kind;
	cur_take(&c, 5);
	uint8_t id = (uint8_t)cur_be(&c, 1);
	if (slot->name != hash || slot->id != id)
		*slot = (struct tls_ech_slot){ .name = hash, .id = id };
	if (slot->seen < ID_REPEATS)
		slot->seen++;
	return slot->seen == ID_REPEATS ? ECH_OFFERED : ECH_GREASE;
}
