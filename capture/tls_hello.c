#include "capture/tls_hello.h"

#include "common/ip.h"
#include "schema/flow.h"

/* RFC 6066 section 3: a list of (type, name); the first host_name is the one that counts. */
static bool ext_server_name(struct tls_client_hello *h, struct cursor *c)
{
	struct cursor list = cur_block(c, 2);

	h->sni_repeated |= h->has_server_name;
	h->has_server_name = true;
	while (cur_left(&list)) {
		uint32_t type = cur_be(&list, 1);
		struct cursor name = cur_block(&list, 2);
		struct slice text = cur_rest(&name);
		if (list.bad)
			return false;
		if (type != 0) {
			h->sni_invalid = true;
		} else if (h->sni_present) {
			h->sni_repeated = true;
		} else {
			h->sni_present = true;
			h->sni = text;
			h->sni_invalid |= !tls_sni_valid(text);
		}
	}
	return !list.bad && cur_done(c);
}

/* A list of names with 8-bit lengths, each not empty (RFC 7301 section 3.1). */
static bool ext_alpn(struct tls_client_hello *h, struct cursor *c)
{
	struct cursor list = cur_block(c, 2);
	struct slice all = cur_rest(&list);

	while (cur_left(&list)) {
		struct cursor name = cur_block(&list, 1);
		if (list.bad || !cur_left(&name))
			return false;
	}
	if (list.bad || !cur_done(c))
		return false;
	h->alpn = all;
	return true;
}

/* A list of fixed-size items behind a length. */
static bool bare_list(struct cursor *c, size_t prefix, size_t item, struct slice *out)
{
	struct cursor list = cur_block(c, prefix);

	if (list.bad || !cur_done(c) || cur_left(&list) % item)
		return false;
	*out = cur_rest(&list);
	return true;
}

static bool ext_groups(struct tls_client_hello *h, struct cursor *c)
{
	return bare_list(c, 2, 2, &h->groups);
}

static bool ext_formats(struct tls_client_hello *h, struct cursor *c)
{
	return bare_list(c, 1, 1, &h->formats);
}

static bool ext_signatures(struct tls_client_hello *h, struct cursor *c)
{
	return bare_list(c, 2, 2, &h->signatures);
}

static bool ext_versions(struct tls_client_hello *h, struct cursor *c)
{
	return bare_list(c, 1, 2, &h->versions);
}

static bool ext_ticket(struct tls_client_hello *h, struct cursor *c)
{
	h->has_ticket = true;
	h->ticket = cur_take(c, cur_left(c));
	return true;
}

/* RFC 8446 section 4.2.11: identities with an age each, then binders. */
static bool ext_psk(struct tls_client_hello *h, struct cursor *c)
{
	struct cursor list = cur_block(c, 2);
	struct slice all = cur_rest(&list);

	cur_block(c, 2);
	while (cur_left(&list)) {
		cur_block(&list, 2);
		cur_take(&list, 4);
	}
	if (list.bad || !cur_done(c))
		return false;
	h->psk = all;
	return true;
}

static bool ext_early_data(struct tls_client_hello *h, struct cursor *c)
{
	h->early_data = true;
	return cur_done(c);
}

static bool ext_ech(struct tls_client_hello *h, struct cursor *c)
{
	h->has_ech = true;
	h->ech = cur_take(c, cur_left(c));
	return true;
}

static bool ext_esni(struct tls_client_hello *h, struct cursor *c)
{
	h->has_esni = true;
	cur_take(c, cur_left(c));
	return true;
}

/* Everything we understand.  Unknown extensions are skipped by their length. */
static const struct {
	uint16_t type;
	bool (*parse)(struct tls_client_hello *, struct cursor *);
} extensions[] = {
	{ EXT_SERVER_NAME, ext_server_name },
	{ EXT_GROUPS, ext_groups },
	{ EXT_POINT_FORMATS, ext_formats },
	{ EXT_SIGNATURES, ext_signatures },
	{ EXT_ALPN, ext_alpn },
	{ EXT_TICKET, ext_ticket },
	{ EXT_PSK, ext_psk },
	{ EXT_EARLY_DATA, ext_early_data },
	{ EXT_VERSIONS, ext_versions },
	{ EXT_ECH, ext_ech },
	{ EXT_ESNI, ext_esni },
};

static bool client_extensions(struct tls_client_hello *h, struct cursor list)
{
	while (cur_left(&list)) {
		uint32_t type = cur_be(&list, 2);
		struct cursor body = cur_block(&list, 2);
		if (list.bad)
			return false;
		for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
			if (extensions[i].type == type && !extensions[i].parse(h, &body))
				h->odd = true;
	}
	return true;
}

bool tls_client_hello_parse(struct tls_client_hello *h, struct slice body)
{
	struct cursor c = cur_of(body);

	*h = (struct tls_client_hello){ 0 };
	h->version = (uint16_t)cur_be(&c, 2);
	h->random = cur_take(&c, 32);
	struct cursor id = cur_block(&c, 1);
	struct cursor ciphers = cur_block(&c, 2);
	struct cursor compression = cur_block(&c, 1);
	h->session_id = cur_rest(&id);
	h->ciphers = cur_rest(&ciphers);
	h->odd = h->session_id.n > 32 || h->ciphers.n % 2 || !cur_left(&compression);
	if (c.bad)
		return false;
	if (cur_done(&c))
		return true;	/* extensions are optional before 1.3 */
	struct cursor list = cur_block(&c, 2);
	h->extensions = cur_rest(&list);
	if (c.bad || !client_extensions(h, list))
		return false;
	h->odd |= !cur_done(&c);
	return true;
}

bool tls_sslv2_hello_parse(struct tls_client_hello *h, struct slice body)
{
	struct cursor c = cur_of(body);

	*h = (struct tls_client_hello){ .sslv2 = true };
	if (cur_be(&c, 1) != 1)
		return false;
	h->version = (uint16_t)cur_be(&c, 2);
	uint32_t ciphers = cur_be(&c, 2), id = cur_be(&c, 2), challenge = cur_be(&c, 2);
	h->ciphers = cur_take(&c, ciphers);
	h->session_id = cur_take(&c, id);
	h->random = cur_take(&c, challenge);
	return cur_done(&c) && ciphers % 3 == 0 && challenge >= 16 && challenge <= 32;
}

struct slice tls_alpn_selected(struct slice extension)
{
	struct cursor c = cur_of(extension);
	struct cursor list = cur_block(&c, 2);
	struct cursor name = cur_block(&list, 1);

	if (name.bad || !cur_done(&c) || cur_left(&list))
		return (struct slice){ NULL, 0 };
	return cur_rest(&name);
}

static void server_extension(struct tls_server_hello *h, uint32_t type, struct cursor c)
{
	switch (type) {
	case EXT_ALPN:
		h->alpn = tls_alpn_selected(cur_rest(&c));
		h->odd |= !h->alpn.n;
		return;
	case EXT_VERSIONS:
		h->version = (uint16_t)cur_be(&c, 2);
		h->odd |= !cur_done(&c);
		return;
	case EXT_PSK:
		h->has_psk = true;
		h->psk = (uint16_t)cur_be(&c, 2);
		h->odd |= !cur_done(&c);
		return;
	case EXT_ENCRYPT_THEN_MAC:
		h->encrypt_then_mac = true;
		return;
	case EXT_ECH:
		h->has_ech = true;
		return;
	}
}

static bool server_extensions(struct tls_server_hello *h, struct cursor *c)
{
	struct cursor list = cur_block(c, 2);

	h->extensions = cur_rest(&list);
	while (cur_left(&list)) {
		uint32_t type = cur_be(&list, 2);
		struct cursor body = cur_block(&list, 2);
		if (list.bad)
			return false;
		server_extension(h, type, body);
	}
	h->odd |= !cur_done(c);
	return !c->bad && !list.bad;
}

/* Drafts said 0x7fNN, and Facebook's 0xfbNN, until the RFC was out. */
static bool is_draft(uint16_t v)
{
	return v >> 8 == 0x7f || v >> 8 == 0xfb;
}

/* Only the first drafts put 1.3's own number into the field of the older versions. */
static bool is_early_draft(uint16_t legacy_version)
{
	return is_draft(legacy_version) || legacy_version == 0x0304;
}

static void version_settle(struct tls_server_hello *h)
{
	h->draft = is_early_draft(h->legacy_version) ||
		(is_draft(h->version) && (h->version & 0xff) < 26);
	if (is_draft(h->version))
		h->version = 0x0304;
}

bool tls_server_hello_parse(struct tls_server_hello *h, struct slice body)
{
	/* RFC 8446 section 4.1.3: SHA-256 of "HelloRetryRequest" in the place of the random. */
	static const uint8_t retry[32] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e,
		0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e,
		0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
	};
	struct cursor c = cur_of(body);

	*h = (struct tls_server_hello){ 0 };
	h->version = h->legacy_version = (uint16_t)cur_be(&c, 2);
	h->random = cur_take(&c, 32);
	bool short_form = is_early_draft(h->version);	/* before draft 22 */
	if (!short_form) {
		struct cursor id = cur_block(&c, 1);
		h->session_id = cur_rest(&id);
		h->odd = h->session_id.n > 32;
	}
	h->cipher = (uint16_t)cur_be(&c, 2);
	if (!short_form)
		cur_be(&c, 1);		/* compression */
	if (c.bad)
		return false;
	h->retry = slice_eq(h->random, (struct slice){ retry, sizeof retry });
	if (cur_left(&c) && !server_extensions(h, &c))
		return false;
	version_settle(h);
	return true;
}

bool tls_retry_parse(struct tls_server_hello *h, struct slice body)
{
	struct cursor c = cur_of(body);

	*h = (struct tls_server_hello){ .retry = true };
	h->version = h->legacy_version = (uint16_t)cur_be(&c, 2);
	if ((h->version & 0xff) >= 19)	/* the cipher came with draft 19 */
		h->cipher = (uint16_t)cur_be(&c, 2);
	if (c.bad || !server_extensions(h, &c))
		return false;
	version_settle(h);
	return true;
}

bool tls_sni_valid(struct slice name)
{
	struct ip ip;

	if (!name.n || name.n > 255 || name.p[name.n - 1] == '.' || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
			return false;
		if (c == '.' && i && name.p[i - 1] == '.')
			return false;
	}
	return !ip_parse(name, &ip);
}
