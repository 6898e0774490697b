#include "web/request.h"

#include <string.h>

#include "web/html.h"

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct request *r, size_t *used, struct slice in, bool plus, struct slice *out)
{
	size_t from = *used;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t c = in.p[i];
		if (*used == REQUEST_BYTES)
			return false;
		if (c == '%') {
			int hi = in.n - i > 2 ? hex(in.p[i + 1]) : -1;
			int lo = in.n - i > 2 ? hex(in.p[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return false;
			c = (uint8_t)(hi * 16 + lo);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (!c)
			return false;
		r->bytes[(*used)++] = c;
	}
	*out = (struct slice){ r->bytes + from, *used - from };
	return true;
}

bool request_parse(struct request *r, struct slice path, struct slice query)
{
	size_t used = 0;

	r->n = 0;
	if (!decode(r, &used, path, false, &r->path))
		return false;
	while (query.n) {
		const uint8_t *amp = memchr(query.p, '&', query.n);
		struct slice pair = { query.p, amp ? (size_t)(amp - query.p) : query.n };
		const uint8_t *eq = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
		struct slice name = { pair.p, eq ? (size_t)(eq - pair.p) : pair.n };
		query = slice_from(query, pair.n + 1);
		if (!pair.n)
			continue;
		if (r->n == REQUEST_ARGS || !decode(r, &used, name, true, &r->arg[r->n].name) ||
		    !decode(r, &used, slice_from(pair, name.n + (eq != NULL)), true, &r->arg[r->n].value))
			return false;
		r->n++;
	}
	return true;
}

struct slice request_arg(const struct request *r, const char *name)
{
	for (unsigned i = r->n; i-- > 0;)
		if (slice_is(r->arg[i].name, name))
			return r->arg[i].value;
	return (struct slice){ NULL, 0 };
}

bool request_number(struct slice s, int64_t *v)
{
	int64_t n = 0;

	if (!s.n || s.n > 18)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (s.p[i] - '0');
	}
	*v = n;
	return true;
}

bool request_int(const struct request *r, const char *name, int64_t *v)
{
	return request_number(request_arg(r, name), v);
}

static void pair(struct buf *b, struct slice name, struct slice value, bool *any)
{
	buf_str(b, *any ? "&amp;" : "?");
	*any = true;
	html_url(b, name);
	buf_byte(b, '=');
	html_url(b, value);
}

void request_link(const struct request *r, struct buf *b, const char *name, struct slice value,
		  const char *drop)
{
	bool any = false;

	for (unsigned i = 0; i < r->n; i++)
		if (!slice_is(r->arg[i].name, name) && !(drop && slice_is(r->arg[i].name, drop)))
			pair(b, r->arg[i].name, r->arg[i].value, &any);
	if (value.n)
		pair(b, slice_of(name), value, &any);
}
