/*
 * authz_view: a flow as values of the variables that the policies read.
 *
 * Headers, claims and metadata come as JSON text and are read only where a policy in force
 * reads one; text that is not the JSON expected counts as known and empty.
 */
#include <string.h>

#include "analyze/authz.h"
#include "common/json.h"
#include "common/lower.h"

static struct var_value present(struct slice s)
{
	return (struct var_value){ .state = FLOW_PRESENT, .text = s };
}

static void set_all(struct view *v, enum var_source source, enum flow_state state)
{
	for (uint32_t i = VAR_FIXED; i < v->z->n_vars; i++)
		if (v->z->vars[i]->source == source)
			v->value[i] = (struct var_value){ .state = state };
}

/* --- JSON */

static struct slice string_of(struct json *j, struct arena *a)
{
	struct slice s = json_unescape(j, a);

	return s.p ? s : SLICE("");
}

/* A list's strings; other members are no strings and match nothing. */
static void read_list(struct json *j, struct var_value *out, struct arena *a)
{
	struct json count = *j;
	enum json_token t;
	uint32_t n = 0;

	for (t = json_next(&count); t != JSON_ARRAY_END && t != JSON_BAD; t = json_next(&count)) {
		n += t == JSON_STRING;
		if (!json_skip(&count, t, NULL))
			break;
	}
	struct slice *list = arena_new_array(a, struct slice, n + 1);
	*out = (struct var_value){ .state = FLOW_PRESENT, .is_list = true, .list = list };
	for (t = json_next(j); list && t != JSON_ARRAY_END && t != JSON_BAD; t = json_next(j)) {
		if (t == JSON_STRING && out->n_list < n)
			list[out->n_list++] = string_of(j, a);
		if (!json_skip(j, t, NULL))
			return;
	}
}

/* One JSON value as a claim or metadata value. */
static struct var_value read_json(struct slice raw, struct arena *a)
{
	struct var_value v = { .state = FLOW_PRESENT, .is_list = true };
	struct json j;

	json_init(&j, raw);
	switch (json_next(&j)) {
	case JSON_STRING:
		return present(string_of(&j, a));
	case JSON_ARRAY:
		read_list(&j, &v, a);
		return v;
	case JSON_NULL:
		return (struct var_value){ .state = FLOW_ABSENT };
	case JSON_OBJECT: case JSON_NUMBER: case JSON_TRUE: case JSON_FALSE: case JSON_KEY:
	case JSON_BAD: case JSON_END: case JSON_OBJECT_END: case JSON_ARRAY_END:
		break;
	}
	return v;	/* there, and nothing that a matcher takes */
}

/* The member of an object by key; false: no object, or not there. */
static bool member(struct slice *raw, struct slice key, struct arena *a)
{
	struct json j;
	bool found = false;
	struct slice in = *raw, got;

	json_init(&j, in);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while (json_next(&j) == JSON_KEY) {
		struct slice k = json_unescape(&j, a);

		if (!json_skip(&j, json_next(&j), &got))
			break;
		if (slice_eq(k, key)) {
			*raw = got;
			found = true;
		}
	}
	return found;
}

/* Walk an object's keys; `each` gets the variables that start with the key. */
static void each_key(struct view *v, struct slice object, enum var_source source, bool fold,
		     void (*each)(struct view *v, struct var *var, struct slice raw))
{
	struct json j;
	struct slice raw;

	json_init(&j, object);
	if (json_next(&j) != JSON_OBJECT)
		return;
	while (json_next(&j) == JSON_KEY) {
		struct slice key = json_unescape(&j, v->arena);

		if (!json_skip(&j, json_next(&j), &raw))
			return;
		if (fold && key.n) {
			uint8_t *p = arena_bytes(v->arena, key.n);

			if (p)
				lower_copy(p, key.p, key.n);
			key.p = p ? p : key.p;
		}
		for (struct var *var = map_get(&v->z->names[source - VAR_HEADER], key); var;
		     var = var->next)
			each(v, var, raw);
	}
}

/* --- headers: several lines of one name are joined with a comma, as Envoy does */

static void header(struct view *v, struct var *var, struct slice raw)
{
	struct var_value got = read_json(raw, v->arena);
	size_t n = 0;
	uint8_t *p;

	if (!got.is_list && flow_is_masked(got.text))
		got = (struct var_value){ .state = FLOW_UNKNOWN };
	if (!got.is_list) {
		v->value[var->index] = got;
		return;
	}
	for (uint32_t i = 0; i < got.n_list; i++)
		n += got.list[i].n + 1;
	p = arena_bytes(v->arena, n + 1);
	if (!n || !p) {
		v->value[var->index] = present(raw);	/* a number: its text */
		return;
	}
	n = 0;
	for (uint32_t i = 0; i < got.n_list; i++) {
		if (i)
			p[n++] = ',';
		if (got.list[i].n)
			memcpy(p + n, got.list[i].p, got.list[i].n);
		n += got.list[i].n;
	}
	v->value[var->index] = present((struct slice){ p, n });
}

/* A header that the flow has as a field of its own. */
static void header_field(struct view *v, const struct flow *f, const char *name, enum flow_field k)
{
	struct var *var = map_get(&v->z->names[0], slice_of(name));

	if (var)
		v->value[var->index] = (struct var_value){ .state = flow_state(f, k),
							   .text = flow_text(f, k) };
}

static void fill_headers(struct view *v, const struct flow *f)
{
	enum flow_state state = flow_state(f, F_REQUEST_HEADERS);
	bool known = state != FLOW_UNKNOWN;
	bool all = state == FLOW_ABSENT || (known && flow_object_whole(f));

	set_all(v, VAR_HEADER, all ? FLOW_ABSENT : FLOW_UNKNOWN);
	if (!all) {
		header_field(v, f, "user-agent", F_USER_AGENT);
		header_field(v, f, "x-request-id", F_REQUEST_ID);
	}
	if (known)
		each_key(v, flow_text(f, F_REQUEST_HEADERS), VAR_HEADER, true, header);
}

/* --- claims */

/* jwt_authn splits these two on blanks (security/authn/policy_applier.go). */
static void split(struct var_value *val, struct arena *a)
{
	struct slice s = val->text, *list = arena_new_array(a, struct slice, s.n / 2 + 2);
	uint32_t n = 0;

	for (size_t i = 0; list && i < s.n;) {
		size_t end = i;

		while (end < s.n && s.p[end] != ' ')
			end++;
		if (end > i)
			list[n++] = (struct slice){ s.p + i, end - i };
		i = end + 1;
	}
	*val = (struct var_value){ .state = FLOW_PRESENT, .is_list = true, .list = list,
				   .n_list = n };
}

static void claim(struct view *v, struct var *var, struct slice raw)
{
	if (!var->n_parts)
		return;		/* no name at all: the token as a whole, which is an object */
	for (uint8_t i = 1; i < var->n_parts; i++)
		if (!member(&raw, var->part[i], v->arena))
			return;
	struct var_value got = read_json(raw, v->arena);
	bool spaced = slice_is(var->part[0], "scope") || slice_is(var->part[0], "permission");
	if (var->n_parts == 1 && spaced && got.state == FLOW_PRESENT && !got.is_list)
		split(&got, v->arena);
	v->value[var->index] = got;
}

static struct var *claim_var(const struct view *v, const char *name)
{
	for (struct var *var = map_get(&v->z->names[1], slice_of(name)); var; var = var->next)
		if (var->n_parts == 1)
			return var;
	return NULL;
}

/* A claim that the flow has as a field of its own; it fills what the claims leave open. */
static void claim_value(struct view *v, const char *name, enum flow_state state,
			struct var_value got)
{
	struct var *var = claim_var(v, name);

	if (!var || state == FLOW_UNKNOWN || v->value[var->index].state == FLOW_PRESENT)
		return;
	got.state = state;
	v->value[var->index] = got;
}

static void fill_claims(struct view *v, const struct flow *f)
{
	bool known = flow_state(f, F_REQUEST_CLAIMS) != FLOW_UNKNOWN;
	struct slice p = flow_text(f, F_REQUEST_PRINCIPAL);
	enum flow_state s = flow_state(f, F_REQUEST_PRINCIPAL);
	size_t at = p.n;

	set_all(v, VAR_CLAIM, known ? FLOW_ABSENT : FLOW_UNKNOWN);
	if (known)
		each_key(v, flow_text(f, F_REQUEST_CLAIMS), VAR_CLAIM, false, claim);
	while (at && p.p[at - 1] != '/')
		at--;
	claim_value(v, "iss", s, present((struct slice){ p.p, at ? at - 1 : p.n }));
	claim_value(v, "sub", s, present(at ? slice_from(p, at) : SLICE("")));
	claim_value(v, "azp", flow_state(f, F_REQUEST_PRESENTER),
		    present(flow_text(f, F_REQUEST_PRESENTER)));
	claim_value(v, "aud", flow_state(f, F_REQUEST_AUDIENCES),
		    read_json(flow_text(f, F_REQUEST_AUDIENCES), v->arena));
}

static struct var_value unmasked(struct var_value got)
{
	return !got.is_list && flow_is_masked(got.text) ? (struct var_value){ .state = FLOW_UNKNOWN } : got;
}

static void metadata(struct view *v, struct var *var, struct slice raw)
{
	struct json j;

	json_init(&j, raw);
	if (member(&raw, var->part[1], v->arena))
		v->value[var->index] = unmasked(read_json(raw, v->arena));
	else if (json_next(&j) == JSON_NULL)	/* no filter of this name set any */
		v->value[var->index].state = FLOW_ABSENT;
}

static void fill_metadata(struct view *v, const struct flow *f)
{
	/*
	 * Filters set metadata or do not, and nobody writes down "none": a flow given by hand without
	 * it has none.  One that a tap or a log made may have had some.
	 */
	enum flow_state state = flow_state(f, F_METADATA);
	bool known = state != FLOW_UNKNOWN || !flow_has(f, F_OBSERVED_BY);
	bool all = state == FLOW_ABSENT || (known && flow_object_whole(f));

	set_all(v, VAR_METADATA, all ? FLOW_ABSENT : FLOW_UNKNOWN);
	if (known)
		each_key(v, flow_text(f, F_METADATA), VAR_METADATA, false, metadata);
}

/* --- the rest */

/* No TLS, no peer certificate and no server name. */
static bool plaintext(const struct flow *f)
{
	return flow_num(f, F_TRANSPORT) == TRANSPORT_PLAINTEXT;
}

static void fill_identity(struct view *v, const struct flow *f)
{
	struct var_value *val = &v->value[VAR_IDENTITY];
	struct slice p = flow_text(f, F_SOURCE_PRINCIPAL);

	val->state = flow_state(f, F_SOURCE_IDENTITY);
	val->text = flow_text(f, F_SOURCE_IDENTITY);
	if (val->state != FLOW_UNKNOWN)
		return;
	if (flow_has(f, F_SOURCE_PRINCIPAL)) {
		uint8_t *at = arena_bytes(v->arena, p.n + 9);

		if (!at)
			return;
		memcpy(at, "spiffe://", 9);
		if (p.n)
			memcpy(at + 9, p.p, p.n);
		*val = present((struct slice){ at, p.n + 9 });
	} else if (plaintext(f) || flow_state(f, F_SOURCE_PRINCIPAL) == FLOW_ABSENT) {
		val->state = FLOW_ABSENT;
	}
}

/* Envoy lower-cases the name, and sees "" where there is none. */
static void fill_sni(struct view *v, const struct flow *f)
{
	struct slice s = flow_text(f, F_SNI);
	enum flow_state state = flow_state(f, F_SNI);
	uint8_t *p = NULL;

	if (state == FLOW_UNKNOWN && plaintext(f))
		state = FLOW_ABSENT;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < 'A' || s.p[i] > 'Z')
			continue;
		if (!p && (p = arena_bytes(v->arena, s.n)) != NULL)
			memcpy(p, s.p, s.n);
		if (p)
			p[i] = (uint8_t)(s.p[i] | 0x20);
	}
	v->value[VAR_SNI] = (struct var_value){
		.state = state == FLOW_UNKNOWN ? FLOW_UNKNOWN : FLOW_PRESENT,
		.text = p ? (struct slice){ p, s.n } : s };
}

static void fill_text(struct view *v, const struct flow *f, enum var_source var)
{
	enum flow_field k = v->z->vars[var]->field;

	v->value[var] = (struct var_value){ .state = flow_state(f, k), .text = flow_text(f, k) };
}

static void fill_ip(struct view *v, const struct flow *f, enum var_source var)
{
	enum flow_field k = v->z->vars[var]->field;

	v->value[var].state = flow_state(f, k);
	v->value[var].is_list = false;
	if (flow_has(f, k))
		v->value[var].ip = f->v[k].ip;
}

void view_fill(struct view *v, const struct flow *f)
{
	struct authz *z = v->z;

	fill_identity(v, f);
	fill_ip(v, f, VAR_SOURCE_IP);
	fill_ip(v, f, VAR_REMOTE_IP);
	fill_ip(v, f, VAR_DESTINATION_IP);
	v->value[VAR_DESTINATION_PORT] = (struct var_value){
		.state = flow_state(f, F_DESTINATION_PORT),
		.port = flow_num(f, F_DESTINATION_PORT) };
	if (z->vars[VAR_SNI]->used || v->all)
		fill_sni(v, f);
	fill_text(v, f, VAR_METHOD);
	fill_text(v, f, VAR_AUTHORITY);
	fill_text(v, f, VAR_PATH);
	if ((z->vars[VAR_PATH]->used || v->all) && flow_has(f, F_PATH))
		v->value[VAR_PATH].text = path_normalize(v->value[VAR_PATH].text, z->paths,
							 v->arena);
	if (z->header_used || v->all)
		fill_headers(v, f);
	if (z->claim_used || v->all)
		fill_claims(v, f);
	if (z->metadata_used || v->all)
		fill_metadata(v, f);
	set_all(v, VAR_PROVIDER, FLOW_UNKNOWN);
	set_all(v, VAR_SERVICE, FLOW_UNKNOWN);
}
