/*
 * policy: documents to objects.
 *
 * A document is matched by (API group, kind) against the table below; what is
 * not in it is counted and named, never an error.  Of objects with the same name the
 * last wins and a warning names both places: kubectl apply would do the same.
 *
 * Invariant: everything reachable from a policy_set lies in its arena.
 */
#include "analyze/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyze/policy_build.h"
#include "common/clock.h"

enum { OBJECTS_MAX = 1 << 20, ARENA_MAX = 1 << 30, UNKNOWN_KINDS = 100, LIST_DEPTH = 4 };

static const struct kind {
	const char *group, *kind;
	enum object_kind to;
	bool cluster;		/* has no namespace */
} kinds[] = {
	{ "security.istio.io", "AuthorizationPolicy", OBJ_AUTHORIZATION_POLICY, false },
	{ "security.istio.io", "PeerAuthentication", OBJ_PEER_AUTHENTICATION, false },
	{ "security.istio.io", "RequestAuthentication", OBJ_REQUEST_AUTHENTICATION, false },
	{ "networking.istio.io", "Gateway", OBJ_GATEWAY, false },
	{ "networking.istio.io", "VirtualService", OBJ_VIRTUAL_SERVICE, false },
	{ "networking.istio.io", "DestinationRule", OBJ_DESTINATION_RULE, false },
	{ "networking.istio.io", "ServiceEntry", OBJ_SERVICE_ENTRY, false },
	{ "networking.istio.io", "Sidecar", OBJ_SIDECAR, false },
	{ "networking.istio.io", "WorkloadEntry", OBJ_WORKLOAD_ENTRY, false },
	{ "networking.istio.io", "WorkloadGroup", OBJ_OTHER, false },
	{ "networking.istio.io", "EnvoyFilter", OBJ_OTHER, false },
	{ "networking.istio.io", "ProxyConfig", OBJ_OTHER, false },
	{ "telemetry.istio.io", "Telemetry", OBJ_OTHER, false },
	{ "extensions.istio.io", "WasmPlugin", OBJ_OTHER, false },
	{ "install.istio.io", "IstioOperator", OBJ_MESH_CONFIG, false },
	{ "", "MeshConfig", OBJ_MESH_CONFIG, false },
	{ "gateway.networking.k8s.io", "Gateway", OBJ_OTHER, false },
	{ "gateway.networking.k8s.io", "GatewayClass", OBJ_OTHER, true },
	{ "gateway.networking.k8s.io", "HTTPRoute", OBJ_OTHER, false },
	{ "", "Service", OBJ_SERVICE, false },
	{ "", "Pod", OBJ_POD, false },
	{ "", "Namespace", OBJ_NAMESPACE, true },
	{ "", "Node", OBJ_OTHER, true },
	{ "", "Secret", OBJ_SECRET, false },
	{ "", "ConfigMap", OBJ_OTHER, false },
	{ "apps", "Deployment", OBJ_DEPLOYMENT, false },
	{ "apps", "StatefulSet", OBJ_DEPLOYMENT, false },
	{ "apps", "DaemonSet", OBJ_DEPLOYMENT, false },
	{ "networking.k8s.io", "NetworkPolicy", OBJ_OTHER, false },
};

struct unknown_kind {
	struct slice name;
	size_t n;
	const char *file;
	uint32_t line;
};

/* --- messages ------------------------------------------------------------------------ */

int policy_fail(const struct policy_build *b, const struct node *at, struct err *e,
		const char *fmt, ...)
{
	char what[300];
	struct buf text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (at->kind != NODE_SCALAR)
		return err_set(e, ERR_INPUT, "%s:%u:%u: %s%s", b->file, at->line, at->column, what,
			       at->kind == NODE_LIST ? ", found a list" : "");
	buf_init(&text, 400);
	buf_quote(&text, (struct slice){ at->text.p, at->text.n < 60 ? at->text.n : 60 });
	err_set(e, ERR_INPUT, "%s:%u:%u: %s, at \"%.*s\"", b->file, at->line, at->column, what,
		(int)text.n, text.n ? (const char *)text.p : "");
	buf_release(&text);
	return -1;
}

static void warn_add(struct policy_build *b, struct slice line)
{
	struct policy_set *s = b->set;

	if (s->n_warnings == b->warning_room) {
		size_t room = b->warning_room ? 2 * b->warning_room : 16;
		struct slice *more = arena_new_array(s->arena, struct slice, room);
		if (!more)
			return;
		if (s->n_warnings)
			memcpy(more, s->warnings, s->n_warnings * sizeof *more);
		s->warnings = more;
		b->warning_room = room;
	}
	s->warnings[s->n_warnings++] = arena_copy(s->arena, line);
}

void policy_warn(struct policy_build *b, const char *fmt, ...)
{
	char line[600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n > 0)
		warn_add(b, slice_of(line));
}

void object_print(struct buf *b, const struct object *o)
{
	buf_quote(b, o->kind_text);
	if (o->ns_given || o->name.n)
		buf_byte(b, ' ');
	if (o->ns_given) {
		buf_quote(b, o->ns);
		buf_byte(b, '/');
	}
	buf_quote(b, o->name);
}

/* --- one document -------------------------------------------------------------------- */

static struct slice group_of(struct slice api_version)
{
	const uint8_t *slash = api_version.n ? memchr(api_version.p, '/', api_version.n) : NULL;

	return slash ? (struct slice){ api_version.p, (size_t)(slash - api_version.p) }
		     : (struct slice){ api_version.p, 0 };
}

static const struct kind *kind_of(struct slice api_version, struct slice kind)
{
	struct slice group = group_of(api_version);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_is(kind, kinds[i].kind) &&
		    (slice_is(group, kinds[i].group) || !api_version.n))
			return &kinds[i];
	return NULL;
}

static void note_unknown(struct policy_build *b, struct slice kind, const struct node *root)
{
	struct unknown_kind *u;

	evidence_note(b->ev, EV_DOCUMENT_UNKNOWN, root->line, kind);
	if (!kind.n)
		kind = SLICE("(no kind)");
	u = map_get(&b->unknown, kind);
	if (!u) {
		u = arena_new_object(b->set->arena, struct unknown_kind);
		if (!u)
			return;
		*u = (struct unknown_kind){ kind, 0, b->file, root->line };
		if (!map_put(&b->unknown, kind, u)) {
			b->unknown_more++;
			return;
		}
	}
	u->n++;
}

static struct slice name_key(struct policy_build *b, const struct object *o, const char *group)
{
	struct buf key;
	struct slice copy;

	buf_init(&key, 4096);
	buf_printf(&key, "%s/", group);
	buf_add(&key, o->kind_text);
	buf_byte(&key, '/');
	buf_add(&key, o->ns);
	buf_byte(&key, '/');
	buf_add(&key, o->name);
	copy = arena_copy(b->set->arena, buf_slice(&key));
	buf_release(&key);
	return copy;
}

static int object_add(struct policy_build *b, struct object *o, const char *group, struct err *e)
{
	struct policy_set *s = b->set;
	struct slice key = name_key(b, o, group);
	struct object *old = o->name.n ? map_get(&b->by_name, key) : NULL;
	struct buf who;

	if (s->n == OBJECTS_MAX)
		return policy_fail(b, o->root, e, "more than %d objects", OBJECTS_MAX);
	if (s->n == b->room) {
		b->room = b->room ? 2 * b->room : 256;
		s->objects = realloc(s->objects, b->room * sizeof *s->objects);
		if (!s->objects)
			abort();
	}
	if (old) {
		buf_init(&who, 600);
		object_print(&who, o);
		policy_warn(b, "%s:%u: %.*s replaces the one at %s:%u", o->file, o->line,
			    (int)who.n, (const char *)who.p, old->file, old->line);
		buf_release(&who);
		evidence_note(b->ev, EV_DOCUMENT_REPLACED, old->line, old->name);
		old->root = NULL;	/* swept by finish() */
	}
	if (o->name.n)
		map_put(&b->by_name, key, o);
	s->objects[s->n++] = o;
	return 0;
}

static int shape(struct policy_build *b, const struct object *o, struct err *e)
{
	const struct node *name = node_get(o->metadata, "name");

	if (o->metadata && o->metadata->kind != NODE_MAP)
		return policy_fail(b, o->metadata, e, "metadata: expected a mapping");
	if (name && name->kind != NODE_SCALAR)
		return policy_fail(b, name, e, "metadata.name: expected text");
	if (o->spec && o->spec->kind != NODE_MAP && o->spec->kind != NODE_NULL)
		return policy_fail(b, o->spec, e, "spec: expected a mapping");
	if (!o->name.n && o->kind != OBJ_MESH_CONFIG)
		policy_warn(b, "%s:%u: %.*s without metadata.name", b->file, o->line,
			    (int)o->kind_text.n, (const char *)o->kind_text.p);
	return 0;
}

static int object_new(struct policy_build *b, struct node *root, const struct kind *k,
		      struct slice api_version, struct err *e)
{
	struct object *o = arena_new_object(b->set->arena, struct object);
	struct slice ns;

	if (!o)
		return policy_fail(b, root, e, "policies larger than %d bytes", ARENA_MAX);
	*o = (struct object){
		.kind = k->to, .api_version = api_version, .kind_text = slice_of(k->kind),
		.root = root, .metadata = node_get(root, "metadata"),
		.spec = node_get(root, "spec"), .file = b->file, .line = root->line,
	};
	o->name = node_text(node_get(o->metadata, "name"));
	ns = node_text(node_get(o->metadata, "namespace"));
	o->ns_given = ns.n > 0 && !k->cluster;
	o->ns = k->cluster ? SLICE("") : ns.n ? ns : SLICE("default");
	clock_parse(node_text(node_get(o->metadata, "creationTimestamp")), &o->created);
	if (shape(b, o, e) || object_add(b, o, k->group, e))
		return -1;
	return policy_mesh(b, o, e);
}

static int document(struct policy_build *b, struct node *root, struct slice list_kind,
		    struct slice list_version, int depth, struct err *e);

/* `kind: List`, or a typed list whose items may leave out their kind. */
static int list(struct policy_build *b, const struct node *items, struct slice kind,
		struct slice api_version, int depth, struct err *e)
{
	struct slice of = { kind.p, kind.n >= 4 ? kind.n - 4 : 0 };

	for (uint32_t i = 0; items->kind == NODE_LIST && i < items->n; i++)
		if (document(b, items->item[i], of, api_version, depth + 1, e))
			return -1;
	return 0;
}

/* A copy: an alias may stand in another list. */
static struct node *with_kind(struct arena *a, const struct node *root, struct slice kind,
			      struct slice version)
{
	struct node *n = arena_new_object(a, struct node);

	if (!n)
		abort();
	*n = *root;
	node_set(a, n, SLICE("kind"), kind);
	if (version.n)
		node_set(a, n, SLICE("apiVersion"), version);
	return n;
}

static int document(struct policy_build *b, struct node *root, struct slice list_kind,
		    struct slice list_version, int depth, struct err *e)
{
	struct slice kind = node_text(node_get(root, "kind")), version, file = { 0 };
	struct node *items = node_get(root, "items"), *stored, *mesh;
	const char *outer = b->file;
	const struct kind *k;

	if (root->kind == NODE_LIST && depth < LIST_DEPTH)
		return list(b, root, SLICE(""), SLICE(""), depth, e);
	if (root->kind != NODE_MAP)
		return policy_fail(b, root, e, "expected a mapping with apiVersion and kind");
	/* Not again inside of one: an object may look like it. */
	stored = depth < LIST_DEPTH ? policy_canon_object(root, &file) : NULL;
	if (stored) {
		char *name = arena_alloc(b->set->arena, file.n + 1);
		if (name && file.n)
			b->file = memcpy(name, file.p, file.n);
		int rc = document(b, stored, SLICE(""), SLICE(""), LIST_DEPTH, e);
		b->file = outer;
		return rc;
	}
	version = node_text(node_get(root, "apiVersion"));
	if (!kind.n && !list_kind.n && policy_is_mesh(root))
		kind = SLICE("MeshConfig");
	if (items && slice_ends(kind, SLICE("List")) && depth < LIST_DEPTH)
		return list(b, items, kind, version, depth, e);
	evidence_add(b->ev, EV_DOCUMENTS, 1);
	/* As if it had been written: the canonical text knows of no list. */
	if (!kind.n && list_kind.n) {
		kind = list_kind;
		version = version.n ? version : list_version;
		root = with_kind(b->set->arena, root, kind, version);
	}
	k = kind_of(version, kind);
	/* Of ConfigMaps only the mesh's: the others are nobody's business here. */
	mesh = node_at(root, "data.mesh");
	if (k && slice_is(kind, "ConfigMap") && !(mesh && mesh->kind == NODE_SCALAR))
		k = NULL;
	if (!k) {
		note_unknown(b, kind, root);
		return 0;
	}
	return object_new(b, root, k, version, e);
}

/* kubectl refuses it: one of the two is not what its author thinks is in force. */
static void warn_twice(struct policy_build *b, const struct node *key)
{
	struct buf name;

	buf_init(&name, 400);
	buf_quote(&name, (struct slice){ key->text.p, key->text.n < 60 ? key->text.n : 60 });
	policy_warn(b, "%s:%u:%u: key \"%.*s\" stands twice in its mapping: the last one counts",
		    b->file, key->line, key->column, (int)name.n, (const char *)name.p);
	buf_release(&name);
}

static int each(void *ctx, struct node *root, struct err *e)
{
	if (root->twice)
		warn_twice(ctx, root->twice);
	return document(ctx, root, SLICE(""), SLICE(""), 0, e);
}

int policy_stream(struct policy_build *b, struct slice text, struct err *e)
{
	struct err cause = { 0 };

	if (!yaml_parse(text, b->set->arena, each, b, &cause))
		return 0;
	if (strncmp(cause.msg, b->file, strlen(b->file)) ==
	    0) { /* policy_fail said where */
		*e = cause;
		return -1;
	}
	return err_set(e, cause.kind, "%s:%s", b->file, cause.msg);
}

/* --- the finished set ---------------------------------------------------------------- */

static void warn_unknown(struct policy_build *b)
{
	struct unknown_kind *u;
	struct slice kind;

	for (size_t i = 0; (u = map_next(&b->unknown, &i, &kind));) {
		struct buf safe;

		buf_init(&safe, 200);
		buf_quote(&safe, (struct slice){ kind.p, kind.n < 60 ? kind.n : 60 });
		policy_warn(b, "%s:%u: %zu object%s of kind %.*s ignored: egret does not use it",
			    u->file, u->line, u->n, u->n == 1 ? "" : "s (first here)",
			    (int)safe.n, (const char *)safe.p);
		buf_release(&safe);
	}
}

/* Past what is listed kind by kind. */
static void warn_more(struct policy_build *b)
{
	if (b->unknown_more)
		policy_warn(b, "%zu objects of yet other kinds ignored", b->unknown_more);
}

static int finish(struct policy_build *b, struct err *e)
{
	struct policy_set *s = b->set;
	struct object **objects = s->objects;
	size_t n = 0;

	s->objects = arena_new_array(s->arena, struct object *, s->n + 1);
	if (!s->objects) {
		s->objects = objects;
		return err_set(e, ERR_LIMIT, "policies larger than %d bytes", ARENA_MAX);
	}
	for (size_t i = 0; i < s->n; i++)
		if (objects[i]->root)
			s->objects[n++] = objects[i];
	s->n = n;
	free(objects);
	for (size_t i = 0; i < s->n; i++)
		s->n_of_kind[s->objects[i]->kind]++;
	for (int k = 0; k < OBJ_KINDS; k++) {
		s->of_kind[k] = arena_new_array(s->arena, struct object *, s->n_of_kind[k] + 1);
		s->n_of_kind[k] = 0;
		if (!s->of_kind[k])
			return err_set(e, ERR_LIMIT, "policies larger than %d bytes", ARENA_MAX);
	}
	for (size_t i = 0; i < s->n; i++) {
		enum object_kind k = s->objects[i]->kind;
		s->of_kind[k][s->n_of_kind[k]++] = s->objects[i];
	}
	warn_unknown(b);
	warn_more(b);
	if (!s->n)
		policy_warn(b, "no object that egret uses was found: nothing is declared");
	return policy_canon(s, e);
}

static void begin(struct policy_build *b, struct evidence *ev)
{
	struct arena *a = arena_new(ARENA_MAX);

	*b = (struct policy_build){ .ev = ev };
	b->set = arena_new_object(a, struct policy_set);
	b->set->arena = a;
	map_init(&b->by_name, OBJECTS_MAX);
	map_init(&b->unknown, UNKNOWN_KINDS);
}

static struct policy_set *end(struct policy_build *b, int rc, struct err *e)
{
	if (rc)
		free(b->set->objects);	/* until finish() they are not the arena's */
	else
		rc = finish(b, e);
	map_release(&b->by_name);
	map_release(&b->unknown);
	if (rc)
		policy_free(&b->set);
	return b->set;
}

struct policy_set *policy_load(const char *const *paths, size_t n, struct evidence *ev,
			       struct err *e)
{
	struct evidence *none = ev ? NULL : calloc(1, sizeof *none);
	struct policy_build b;
	struct policy_set *set;
	int rc = 0;

	begin(&b, ev ? ev : none);
	for (size_t i = 0; i < n && !rc; i++) {
		size_t files = b.files;
		rc = policy_read(&b, paths[i], e);
		if (!rc && b.files == files)
			policy_warn(&b,
				    "%s: no *.yaml, *.yml or *.json file in this folder",
				    paths[i]);
	}
	set = end(&b, rc, e);
	free(none);
	return set;
}

struct policy_set *policy_load_text(struct slice text, const char *name, struct evidence *ev,
				    struct err *e)
{
	struct evidence *none = ev ? NULL : calloc(1, sizeof *none);
	struct policy_build b;
	struct policy_set *set;
	struct slice copy;

	begin(&b, ev ? ev : none);
	copy = arena_copy(b.set->arena,
			  (struct slice){ (const uint8_t *)name, strlen(name) + 1 });
	b.file = (const char *)copy.p;
	set = end(&b, policy_stream(&b, text, e), e);
	free(none);
	return set;
}

void policy_free(struct policy_set **p)
{
	struct arena *a = *p ? (*p)->arena : NULL;

	*p = NULL;
	if (a)
		arena_free(&a);
}
