/*
 * flow: the tables that field.def and enum.def describe, and the identity's parts.
 */
#include "schema/flow.h"

#include <stdlib.h>
#include <string.h>


#define FLOW_ENUM_OBSERVED_BY (FLOW_ENUM + ENUM_OBSERVED_BY)
#define FLOW_ENUM_CHAIN (FLOW_ENUM + ENUM_CHAIN)
#define FLOW_ENUM_LEG (FLOW_ENUM + ENUM_LEG)
#define FLOW_ENUM_PROTOCOL (FLOW_ENUM + ENUM_PROTOCOL)
#define FLOW_ENUM_TRANSPORT (FLOW_ENUM + ENUM_TRANSPORT)
#define FLOW_ENUM_TLS_VERSION (FLOW_ENUM + ENUM_TLS_VERSION)
#define FLOW_ENUM_TLS_ECH (FLOW_ENUM + ENUM_TLS_ECH)
#define FLOW_ENUM_IDENTITY_SOURCE (FLOW_ENUM + ENUM_IDENTITY_SOURCE)
#define FLOW_ENUM_CERTIFICATE_STATUS (FLOW_ENUM + ENUM_CERTIFICATE_STATUS)
#define FLOW_ENUM_OUTCOME (FLOW_ENUM + ENUM_OUTCOME)
#define FLOW_ENUM_VERDICT (FLOW_ENUM + ENUM_VERDICT)
#define FLOW_ENUM_ACTION (FLOW_ENUM + ENUM_ACTION)

const struct field_info field_info[F_COUNT] = {
#define FIELD(heat, id, name, type, meaning) \
	[F_##id] = { name, (enum flow_type)(FLOW_##type), meaning },
#include "schema/field.def"
#undef FIELD
};

const enum flow_field flow_order[F_COUNT] = {
#define FIELD(heat, id, name, type, meaning) F_##id,
#include "schema/field.def"
#undef FIELD
};

static const char *const enum_names[ENUM_TABLES][FLOW_ENUM_MAX + 1] = {
#define ENUM(table, number, constant, text) [ENUM_##table][number] = text,
#include "schema/enum.def"
#undef ENUM
};

const char *flow_enum_name(enum flow_enum t, int64_t value)
{
	return value > 0 && value <= FLOW_ENUM_MAX ? enum_names[t][value] : NULL;
}

int flow_enum_value(enum flow_enum t, struct slice name)
{
	for (int k = 1; k <= FLOW_ENUM_MAX; k++)
		if (enum_names[t][k] && slice_is(name, enum_names[t][k]))
			return k;
	return 0;
}

int flow_field_by_name(struct slice name)
{
	for (int k = 0; k < F_COUNT; k++)
		if (slice_is(name, field_info[k].name))
			return k;
	return -1;
}

static void set_part(struct flow *f, enum flow_field k, struct slice s)
{
	if (s.n)
		flow_set_text(f, k, s);
	else
		flow_set_absent(f, k);
}

/* Up to the next '/', which is consumed. */
static struct slice segment(struct cursor *c)
{
	struct slice rest = cur_rest(c);
	const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
	struct slice part = cur_take(c, slash ? (size_t)(slash - rest.p) : rest.n);

	if (slash)
		cur_take(c, 1);
	return part;
}

/* spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT (SPIFFE-ID section 2; Istio's path). */
void flow_set_identity(struct flow *f, struct slice uri)
{
	struct slice principal = uri, td = { 0 }, ns = { 0 }, sa = { 0 };

	if (slice_starts(uri, SLICE("spiffe://"))) {
		principal = slice_from(uri, 9);
		struct cursor c = cur_of(principal);
		td = segment(&c);
		while (cur_left(&c)) {
			struct slice key = segment(&c);
			if (slice_is(key, "ns") && !ns.n)
				ns = segment(&c);
			else if (slice_is(key, "sa") && !sa.n)
				sa = segment(&c);
		}
	}
	flow_set_text(f, F_SOURCE_IDENTITY, uri);
	set_part(f, F_SOURCE_PRINCIPAL, principal);
	set_part(f, F_SOURCE_TRUST_DOMAIN, td);
	set_part(f, F_SOURCE_NAMESPACE, ns);
	set_part(f, F_SOURCE_SERVICE_ACCOUNT, sa);
}

void flow_set_no_identity(struct flow *f)
{
	flow_set_absent(f, F_SOURCE_IDENTITY);
	flow_set_absent(f, F_SOURCE_PRINCIPAL);
	flow_set_absent(f, F_SOURCE_TRUST_DOMAIN);
	flow_set_absent(f, F_SOURCE_NAMESPACE);
	flow_set_absent(f, F_SOURCE_SERVICE_ACCOUNT);
}

bool flow_object_whole(const struct flow *f)
{
	int64_t by = flow_num(f, F_OBSERVED_BY);

	if (by == OBSERVED_BOTH)	/* the wire's where it saw the request, else the log's */
		return flow_num(f, F_TLS_DECRYPTED) || flow_num(f, F_TRANSPORT) == TRANSPORT_PLAINTEXT;
	return by != OBSERVED_LOG;
}

static bool is_text(int k)
{
	return field_info[k].type == FLOW_TEXT || field_info[k].type == FLOW_JSON;
}

/* Bit k: field k is TEXT or JSON. */
static const uint64_t *text_bits(void)
{
	static const uint64_t bits[2] = {
#define FLOW_BIT(id, word) \
	((uint64_t)(F_##id / 64 == (word)) << (F_##id % 64))
#define IS_TEXT(type) (FLOW_##type == FLOW_TEXT || FLOW_##type == FLOW_JSON)
#define FIELD(heat, id, name, type, meaning) (IS_TEXT(type) ? FLOW_BIT(id, 0) : 0) |
#include "schema/field.def"
		0,
#undef FIELD
#define FIELD(heat, id, name, type, meaning) (IS_TEXT(type) ? FLOW_BIT(id, 1) : 0) |
#include "schema/field.def"
		0,
#undef FIELD
	};
	return bits;
}

/* The copy of a text: where it lies within what was copied already, the same place there. */
static bool copy_text(struct slice *to, struct slice from, struct slice within, const uint8_t *copied, struct arena *a)
{
	size_t at = (size_t)((uintptr_t)from.p - (uintptr_t)within.p);

	if (copied && at < within.n && from.n <= within.n - at)
		*to = (struct slice){ copied + at, from.n };
	else
		*to = arena_copy(a, from);
	return to->n == from.n;
}

static bool copy_values(struct flow *to, const struct flow *from, struct arena *a)
{
	uint8_t *copied = from->within.n ? arena_bytes(a, from->within.n) : NULL;
	uint64_t hot = (UINT64_C(1) << FLOW_HOT) - 1;
	bool all = true;

	_Static_assert(FLOW_HOT < 64, "hot fields share a word");
	if (copied)
		memcpy(copied, from->within.p, from->within.n);
	/* All of them at once, present or not: faster than one by one. */
	memcpy(to->v, from->v, FLOW_HOT * sizeof to->v[0]);
	for (int w = 0; w < 2; w++) {
		for (uint64_t m = from->present[w] & ~(w ? 0 : hot); m; m &= m - 1) {
			int k = w * 64 + __builtin_ctzll(m);
			to->v[k] = from->v[k];
		}
		for (uint64_t m = from->present[w] & text_bits()[w]; m; m &= m - 1) {
			int k = w * 64 + __builtin_ctzll(m);
			all &= copy_text(&to->v[k].text, from->v[k].text, from->within, copied, a);
		}
		to->known[w] = from->known[w];
		to->present[w] = from->present[w];
	}
	return all;
}

bool flow_copy(struct flow *to, const struct flow *from, struct arena *a)
{
	struct finding *found = NULL;

	if (from->n_findings)
		found = arena_new_array(a, struct finding, from->n_findings);
	if (!copy_values(to, from, a) || (from->n_findings && !found))
		return false;
	to->ahead = NULL;
	to->within = (struct slice){ NULL, 0 };
	to->line = from->line;
	to->writer = from->writer;
	to->findings = found;
	to->n_findings = from->n_findings;
	for (uint32_t i = 0; i < from->n_findings; i++) {
		found[i] = from->findings[i];
		found[i].sentence = arena_copy(a, from->findings[i].sentence);
		found[i].evidence = arena_copy(a, from->findings[i].evidence);
		found[i].ruled_out = arena_copy(a, from->findings[i].ruled_out);
	}
	return true;
}

static struct slice move(struct slice s, uint8_t **at)
{
	struct slice there = { *at, s.n };

	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return there;
}

struct flow *flow_clone(const struct flow *f)
{
	size_t text = 0, head = sizeof *f + f->n_findings * sizeof *f->findings;

	for (int k = 0; k < F_COUNT; k++)
		if (is_text(k))
			text += flow_text(f, (enum flow_field)k).n;
	for (uint32_t i = 0; i < f->n_findings; i++)
		text += f->findings[i].sentence.n + f->findings[i].evidence.n +
			f->findings[i].ruled_out.n;
	struct flow *c = malloc(head + text);
	if (!c)
		abort();
	uint8_t *at = (uint8_t *)c + head;
	*c = *f;
	c->ahead = NULL;
	c->within = (struct slice){ NULL, 0 };
	for (int k = 0; k < F_COUNT; k++)
		if (is_text(k) && flow_has(f, (enum flow_field)k))
			c->v[k].text = move(f->v[k].text, &at);
	c->findings = f->n_findings ? (struct finding *)(c + 1) : NULL;
	for (uint32_t i = 0; i < f->n_findings; i++) {
		struct finding *g = &c->findings[i];
		*g = f->findings[i];
		g->sentence = move(g->sentence, &at);
		g->evidence = move(g->evidence, &at);
		g->ruled_out = move(g->ruled_out, &at);
	}
	return c;
}

bool flow_same(const struct flow *a, const struct flow *b, enum flow_field k)
{
	if (!flow_has(a, k) || !flow_has(b, k))
		return false;
	if (is_text(k))
		return slice_eq(a->v[k].text, b->v[k].text);
	if (field_info[k].type == FLOW_IP)
		return ip_eq(&a->v[k].ip, &b->v[k].ip);
	if (field_info[k].type == FLOW_REAL)
		return !(a->v[k].real < b->v[k].real) && !(a->v[k].real > b->v[k].real);
	return a->v[k].num == b->v[k].num;
}

bool flow_is_masked(struct slice value)
{
	enum { MARK = 3, DIGITS = 16 };
	const struct slice hash = { value.p, value.n > MARK + DIGITS ? value.n - DIGITS : 0 };

	if (slice_ends(value, SLICE(FLOW_MASKED)))
		return true;
	for (size_t i = hash.n; hash.n && i < value.n; i++)
		if (!(value.p[i] >= '0' && value.p[i] <= '9') && !(value.p[i] >= 'a' && value.p[i] <= 'f'))
			return false;
	return hash.n && slice_ends(hash, SLICE("?h="));
}
