/*
 * test_http_vectors: the public HPACK stories and frame cases, where ../shared holds them.
 *
 * A story is one side's header blocks on one connection; each becomes a HEADERS frame on a stream
 * of its own, and what is told must name the request (or status) that the story names.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "tests/http_rig.h"
#include "tests/tap.h"

static struct slice load(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = malloc(1 << 22);
	size_t n = f && p ? fread(p, 1, 1 << 22, f) : 0;

	if (f)
		fclose(f);
	return (struct slice){ p, n };
}

static struct slice unhex(struct slice s, struct arena *a)
{
	uint8_t *p = arena_alloc(a, s.n / 2 + 1);

	for (size_t i = 0; i + 1 < s.n; i += 2) {
		char two[3] = { (char)s.p[i], (char)s.p[i + 1], 0 };
		p[i / 2] = (uint8_t)strtoul(two, NULL, 16);
	}
	return (struct slice){ p, s.n / 2 };
}

struct story {
	struct slice wire, method, authority, path, status;
};

static void take_header(struct story *c, struct slice name, struct slice value)
{
	const struct { const char *name; struct slice *to; } known[] = {
		{ ":method", &c->method }, { ":authority", &c->authority }, { "host", &c->authority },
		{ ":path", &c->path }, { ":status", &c->status },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_is(name, known[i].name) && !known[i].to->n)
			*known[i].to = value;
}

static void send_case(struct rig *r, const struct story *c, uint32_t id, struct buf *want)
{
	uint8_t head[9] = { (uint8_t)(c->wire.n >> 16), (uint8_t)(c->wire.n >> 8), (uint8_t)c->wire.n, 1, 5,
			    0, 0, (uint8_t)(id >> 8), (uint8_t)id };
	enum dir d = c->status.n ? FROM_SERVER : FROM_CLIENT;

	layer_data(r->s.bottom, d, (struct slice){ head, 9 }, id);
	layer_data(r->s.bottom, d, c->wire, id);
	rig_word(want, c->method);
	buf_byte(want, ' ');
	rig_word(want, c->authority);
	buf_byte(want, ' ');
	rig_word(want, c->path);
	buf_str(want, " -> ");
	rig_word(want, c->status);
	buf_byte(want, '\n');
}

/* Only what stands before the version of each line told. */
static void shorten(struct buf *b, struct slice told)
{
	while (told.n) {
		const uint8_t *nl = memchr(told.p, '\n', told.n), *v = memmem(told.p, told.n, " v20 ", 5);

		buf_add(b, (struct slice){ told.p, (size_t)(v - told.p) });
		buf_byte(b, '\n');
		told = slice_from(told, (size_t)(nl - told.p) + 1);
	}
}

static void story(const char *path)
{
	struct arena *a = arena_new(64 << 20);
	struct slice text = load(path), key = { NULL, 0 };
	struct buf want, got;
	struct story c = { 0 };
	struct rig r;
	struct json j;
	uint32_t id = 1;

	buf_init(&want, 1 << 24);
	buf_init(&got, 1 << 24);
	rig_init(&r, layer_http2);
	layer_data(r.s.bottom, FROM_CLIENT, SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0);
	json_init(&j, text);
	for (enum json_token t; (t = json_next(&j)) > JSON_END; ) {
		if (t == JSON_KEY) {
			key = json_unescape(&j, a);
		} else if (t == JSON_STRING && slice_is(key, "wire")) {
			c.wire = unhex(j.text, a);
		} else if (t == JSON_STRING) {
			take_header(&c, key, json_unescape(&j, a));
		} else if (t == JSON_ARRAY_END && j.depth == 3) {	/* its headers are complete */
			send_case(&r, &c, id, &want);
			id += 2;
			c = (struct story){ 0 };
		}
	}
	rig_end(&r, id);
	shorten(&got, buf_slice(&r.out));
	printf("# %s: %u blocks\n", strstr(path, "hpack"), id / 2);
	ok(id > 1 && r.ev.n[EV_H2_HEADERS_UNKNOWN] == 0);
	if (!ok(slice_eq(buf_slice(&got), buf_slice(&want))))
		printf("# got\n%.600s\n# want\n%.600s\n", (char *)got.p, (char *)want.p);
	rig_release(&r);
	buf_release(&want);
	buf_release(&got);
	free((void *)(uintptr_t)text.p);
	arena_free(&a);
}

/* A frame that the protocol forbids makes no request, and no trouble. */
static void bad_frame(const char *path)
{
	struct arena *a = arena_new(1 << 20);
	struct slice text = load(path);
	struct json j;
	struct rig r;
	bool wire = false;

	rig_init(&r, layer_http2);
	layer_data(r.s.bottom, FROM_CLIENT, SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0);
	json_init(&j, text);
	for (enum json_token t; (t = json_next(&j)) > JSON_END; ) {
		if (t == JSON_KEY)
			wire = slice_is(j.text, "wire");
		else if (t == JSON_STRING && wire)
			layer_data(r.s.bottom, FROM_CLIENT, unhex(j.text, a), 1);
	}
	rig_end(&r, 2);
	printf("# %s\n", strrchr(path, '/') + 1);
	ok(!r.out.n || !memmem(r.out.p, r.out.n, "GET", 3));
	rig_release(&r);
	free((void *)(uintptr_t)text.p);
	arena_free(&a);
}

static size_t each(const char *root, const char *pattern, void (*run)(const char *))
{
	char path[600];
	glob_t g;
	size_t n = 0;

	snprintf(path, sizeof path, "%s/%s", root, pattern);
	if (glob(path, 0, NULL, &g))
		return 0;
	for (; n < g.gl_pathc; n++)
		run(g.gl_pathv[n]);
	globfree(&g);
	return n;
}

int main(void)
{
	const char *srcdir = getenv("srcdir"), *shared = getenv("EGRET_SHARED");
	char root[500];
	size_t n;

	if (shared)
		snprintf(root, sizeof root, "%s", shared);
	else
		snprintf(root, sizeof root, "%s/../shared", srcdir ? srcdir : ".");
	n = each(root, "captures/vectors/hpack-test-case/*/story_*.json", story);
	n += each(root, "captures/vectors/http2-frame-test-case/*/*.json", bad_frame);
	if (!n) {
		printf("1..0 # SKIP no vectors in %s\n", root);
		return 0;	/* a skip, in TAP */
	}
	return tap_end();
}
