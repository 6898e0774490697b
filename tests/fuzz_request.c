/* An address: decoded text stays inside the request's bytes, and a link made of it reads back the same. */
#include <stdlib.h>
#include <string.h>

#include "web/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void inside(const struct request *r, struct slice s)
{
	if (s.n && (s.p < r->bytes || s.p + s.n > r->bytes + REQUEST_BYTES || memchr(s.p, 0, s.n)))
		abort();
}

static bool same(struct slice a, struct slice b)
{
	return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

/* "&amp;" back to "&": the link is made for an attribute. */
static void unescape(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		buf_byte(out, s.p[i]);
		if (s.p[i] == '&')
			i += 4;
	}
}

static void round_trip(const struct request *r)
{
	static struct request again;
	struct buf link, query;

	buf_init(&link, 1 << 20);
	buf_init(&query, 1 << 20);
	request_link(r, &link, "", (struct slice){ NULL, 0 }, NULL);
	unescape(&query, buf_slice(&link));
	if (query.n) {
		if (!request_parse(&again, SLICE(""), slice_from(buf_slice(&query), 1)))
			abort();
		unsigned k = 0;
		for (unsigned i = 0; i < r->n && k < again.n; i++) {
			if (!r->arg[i].name.n)
				continue;		/* a nameless one is left out of links */
			if (!same(r->arg[i].name, again.arg[k].name) || !same(r->arg[i].value, again.arg[k].value))
				abort();
			k++;
		}
	}
	buf_release(&link);
	buf_release(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct request r;
	const uint8_t *mark = n ? memchr(p, '?', n) : NULL;
	struct slice path = { p, mark ? (size_t)(mark - p) : n };
	struct slice query = mark ? (struct slice){ mark + 1, n - path.n - 1 } : (struct slice){ NULL, 0 };

	if (!request_parse(&r, path, query))
		return 0;
	inside(&r, r.path);
	for (unsigned i = 0; i < r.n; i++) {
		inside(&r, r.arg[i].name);
		inside(&r, r.arg[i].value);
	}
	round_trip(&r);
	return 0;
}
