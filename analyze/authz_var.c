/* authz_var: the table of variables that the policies read. */
#include <string.h>

#include "analyze/authz.h"

static const struct {
	enum flow_field field;
	const char *name;
} fixed[VAR_FIXED] = {
	[VAR_IDENTITY] = { F_SOURCE_IDENTITY, "source.principal" },
	[VAR_SOURCE_IP] = { F_SOURCE_IP, "source.ip" },
	[VAR_REMOTE_IP] = { F_REMOTE_IP, "remote.ip" },
	[VAR_DESTINATION_IP] = { F_DESTINATION_IP, "destination.ip" },
	[VAR_DESTINATION_PORT] = { F_DESTINATION_PORT, "destination.port" },
	[VAR_SNI] = { F_SNI, "connection.sni" },
	[VAR_METHOD] = { F_METHOD, "method" },
	[VAR_AUTHORITY] = { F_AUTHORITY, "host" },
	[VAR_PATH] = { F_PATH, "path" },
	[VAR_CHAIN] = { F_CHAIN, "chain" },
};

static struct var *add(struct authz *z, enum var_source source)
{
	struct var *v = arena_new_object(z->arena, struct var);

	if (z->n_vars == z->room_vars) {
		uint32_t room = z->room_vars ? 2 * z->room_vars : 16;
		struct var **more = arena_new_array(z->arena, struct var *, room);

		if (z->n_vars)
			memcpy(more, z->vars, z->n_vars * sizeof *more);
		z->vars = more;
		z->room_vars = room;
	}
	v->source = source;
	v->index = z->n_vars;
	z->vars[z->n_vars++] = v;
	return v;
}

void authz_fixed_vars(struct authz *z)
{
	for (int i = 0; i < VAR_FIXED; i++) {
		struct var *v = add(z, (enum var_source)i);

		v->field = fixed[i].field;
		v->name = slice_of(fixed[i].name);
	}
}

static bool same_parts(const struct var *v, const struct slice *part, uint8_t n)
{
	if (v->n_parts != n)
		return false;
	for (uint8_t i = 0; i < n; i++)
		if (!slice_eq(v->part[i], part[i]))
			return false;
	return true;
}

static struct slice name_of(struct authz *z, enum var_source source, const struct slice *part,
			    uint8_t n)
{
	static const char *const head[] = { "request.headers", "request.auth.claims",
					    "experimental.", "ext_authz",
					    "destination_service" };
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_str(&b, head[source - VAR_HEADER]);
	for (uint8_t i = 0; i < n; i++) {
		bool bare = source == VAR_METADATA && i == 0;

		buf_str(&b, bare ? "" : source >= VAR_PROVIDER ? "(" : "[");
		buf_add(&b, part[i]);
		buf_str(&b, bare ? "" : source >= VAR_PROVIDER ? ")" : "]");
	}
	struct slice s = arena_copy(z->arena, buf_slice(&b));
	buf_release(&b);
	return s;
}

struct var *authz_var(struct authz *z, enum var_source source, const struct slice *part,
		      uint8_t n)
{
	static const enum flow_field field[] = { F_REQUEST_HEADERS, F_REQUEST_CLAIMS, F_METADATA,
						 F_COUNT, F_COUNT };
	struct map *names = &z->names[source - VAR_HEADER];
	struct slice first = n ? part[0] : SLICE("");
	struct var *head = map_get(names, first);

	for (struct var *v = head; v; v = v->next)
		if (same_parts(v, part, n))
			return v;
	struct var *v = add(z, source);
	v->field = field[source - VAR_HEADER];
	v->name = name_of(z, source, part, n);
	v->n_parts = n;
	for (uint8_t i = 0; i < n; i++)
		v->part[i] = part[i];
	v->next = head;
	map_put(names, first, v);
	return v;
}
