/*
 * store_ahead: what the store needs of a flow and takes no database: its host, and the keyed digests by which
 * caches find texts and side rows.  A third of the store's work; store_ahead does it on another thread for
 * a batch, the store itself where nobody did.  Reads only what never changes while a store is open.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/flow_host.h"
#include "schema/store_part.h"

struct store_ahead {
	struct ahead own;
};

/* Keys are stored and hold numbers of fields and findings: where these mean something else, keys differ. */
static uint64_t layout(void)
{
	static const uint64_t key[2] = { 0x65677265742d6c61, 0x796f7574206f6620 };
	uint64_t h = 0;

	for (int k = 0; k < F_COUNT; k++)
		h = hash_sip13(key, field_info[k].name, strlen(field_info[k].name)) + h * 31;
	for (int k = 1; k < FINDING_CODES; k++)
		h = hash_sip13(key, finding_info[k].code, strlen(finding_info[k].code)) + h * 31;
	return h;
}

void ahead_init(struct ahead *a, const struct store *s)
{
	*a = (struct ahead){ .mask = s->mask, .key = s->key, .layout = layout(), .keep = s->keep };
	buf_init(&a->scratch, 64 << 20);
	buf_init(&a->host, 4096);
}

void ahead_release(struct ahead *a)
{
	buf_release(&a->scratch);
	buf_release(&a->host);
}

struct store_ahead *store_ahead_new(const struct store *s)
{
	struct store_ahead *a = calloc(1, sizeof *a);

	if (!a)
		abort();
	ahead_init(&a->own, s);
	return a;
}

void store_ahead_free(struct store_ahead **a)
{
	if (*a)
		ahead_release(&(*a)->own);
	free(*a);
	*a = NULL;
}

static uint8_t *put(uint8_t *at, const void *p, size_t n)
{
	if (n)
		memcpy(at, p, n);
	return at + n;
}

static uint8_t *put_u64(uint8_t *at, uint64_t v)
{
	return put(at, &v, sizeof v);
}

static bool is_text(unsigned k)
{
	return field_info[k].type == FLOW_TEXT || field_info[k].type == FLOW_JSON;
}

/* Bytes that the values of `bits` (fields of word w) take in a key, at most. */
static size_t value_room(const struct flow *f, unsigned w, uint64_t bits)
{
	size_t n = 0;

	for (; bits; bits &= bits - 1) {
		unsigned k = w * 64 + (unsigned)__builtin_ctzll(bits);
		n += 24 + (is_text(k) ? f->v[k].text.n : 0);
	}
	return n;
}

/* Number, length and bytes: no two different values are written alike. */
static uint8_t *put_value(uint8_t *at, unsigned k, const union flow_value *v)
{
	*at++ = (uint8_t)k;
	if (is_text(k)) {
		uint32_t n = (uint32_t)v->text.n;
		at = put(at, &n, sizeof n);
		return put(at, v->text.p, n);
	}
	if (field_info[k].type == FLOW_IP)
		return put(at, v->ip.b, sizeof v->ip.b);
	return put_u64(at, (uint64_t)v->num);
}

static uint8_t *put_fixed(uint8_t *at, const struct ahead *a, unsigned g, const struct flow *f,
			  struct slice host)
{
	at = put_u64(at, a->layout);
	for (int w = 0; w < 2; w++)
		at = put_u64(at, f->known[w] & ~f->present[w] & a->mask[g][w]);
	if (g == GROUP_TARGET) {
		at = put_u64(at, host.n);
		return put(at, host.p, host.n);
	}
	if (g != GROUP_RESULT)
		return at;
	for (int w = 0; w < 2; w++)
		at = put_u64(at, f->known[w] & ~f->present[w] &
				 (a->mask[PLACE_FLOW][w] | a->mask[PLACE_MORE][w]));
	at = put_u64(at, f->n_findings);
	for (uint32_t k = 0; k < f->n_findings; k++)
		*at++ = (uint8_t)f->findings[k].code;
	return at;
}

/*
 * A flow's part of a group as a key: which fields are absent, the host or the findings, then each
 * present field.  False: its texts are larger than any side row may be.
 */
bool ahead_group(struct ahead *a, unsigned g, const struct flow *f, struct slice host,
		 struct hash128 *out)
{
	size_t room = 64 + host.n + f->n_findings;
	uint8_t *at;

	for (unsigned w = 0; w < 2; w++)
		room += value_room(f, w, f->present[w] & a->mask[g][w]);
	buf_clear(&a->scratch);
	if (!buf_room(&a->scratch, room))
		return false;
	at = put_fixed(a->scratch.p, a, g, f, host);
	for (unsigned w = 0; w < 2; w++)
		for (uint64_t bits = f->present[w] & a->mask[g][w]; bits; bits &= bits - 1) {
			unsigned k = w * 64 + (unsigned)__builtin_ctzll(bits);
			at = put_value(at, k, &f->v[k]);
		}
	*out = hash_sip13_128(a->key, a->scratch.p, (size_t)(at - a->scratch.p));
	return true;
}

static struct hash128 text_hash(const struct ahead *a, struct slice t)
{
	return hash_sip13_128(a->key, t.p, t.n);
}

/* Will its row be kept, as far as the flow alone says? */
static bool row_wanted(const struct ahead *a, const struct flow *f)
{
	return a->keep == STORE_ALL || (a->keep == STORE_NOTABLE && flow_notable(f));
}

void ahead_fill(struct ahead *a, const struct flow *f, struct flow_ahead *h)
{
	flow_host(f, &a->host);
	h->host = buf_slice(&a->host);
	h->grouped = row_wanted(a, f);
	for (unsigned g = 0; h->grouped && g < GROUPS; g++)
		h->grouped = ahead_group(a, g, f, h->host, &h->group[g]);
	h->packed = h->grouped && flow_has(f, F_REQUEST_ID) &&
		    store_uuid(f->v[F_REQUEST_ID].text, h->uuid);
	if (h->grouped && flow_has(f, F_PATH))
		h->path = text_hash(a, f->v[F_PATH].text);
	if (a->keep == STORE_ALL)
		return;			/* the side rows hold the refs of these */
	h->text[AHEAD_HOST] = text_hash(a, h->host);
	if (flow_has(f, F_SOURCE_IDENTITY))
		h->text[AHEAD_IDENTITY] = text_hash(a, f->v[F_SOURCE_IDENTITY].text);
	if (flow_has(f, F_POLICY))
		h->text[AHEAD_POLICY] = text_hash(a, f->v[F_POLICY].text);
}

void store_ahead(struct store_ahead *a, struct flow *flows, size_t n, struct arena *text)
{
	for (size_t i = 0; i < n; i++) {
		struct flow_ahead *h = arena_new_object(text, struct flow_ahead);
		if (!h)
			return;		/* the store does it itself */
		ahead_fill(&a->own, &flows[i], h);
		struct slice host = arena_copy(text, h->host);
		if (host.n != h->host.n)
			return;
		h->host = host;
		flows[i].ahead = h;
	}
}

void ahead_expect(struct store *s, const struct flow *f)
{
	const struct flow_ahead *h = f->ahead;

	if (!h)
		return;
	for (unsigned g = 0; h->grouped && g < GROUPS; g++)
		recent_expect(&s->group[g], h->group[g]);
	if (h->grouped)
		__builtin_prefetch(&s->seen[h->path.b & (SEEN_SLOTS - 1)]);
	if (s->keep == STORE_ALL)
		return;
	recent_expect(&s->text, h->text[AHEAD_HOST]);
	if (flow_has(f, F_SOURCE_IDENTITY))
		recent_expect(&s->text, h->text[AHEAD_IDENTITY]);
}
