/* flow_host: candidates in order; the first that is not empty and not too long wins. */
#include "schema/flow_host.h"

#include <string.h>

#include "common/lower.h"

static struct slice without_port(struct slice a)
{
	if (a.n && a.p[0] == '[') {
		for (size_t i = 1; i < a.n; i++)
			if (a.p[i] == ']')
				return (struct slice){ a.p + 1, i - 1 };
		return a;
	}
	const uint8_t *colon = a.n ? memchr(a.p, ':', a.n) : NULL;
	if (!colon)
		return a;
	size_t n = (size_t)(colon - a.p);
	/* Two colons: a bare IPv6 address. */
	return memchr(colon + 1, ':', a.n - n - 1) ? a : (struct slice){ a.p, n };
}

/* The part after the third `mark`; empty where there are fewer. */
static struct slice after_third(struct slice s, struct slice mark)
{
	unsigned seen = 0;

	for (size_t i = 0; i + mark.n <= s.n; i++) {
		if (memcmp(s.p + i, mark.p, mark.n) != 0)
			continue;
		i += mark.n - 1;
		if (++seen == 3)
			return slice_from(s, i + 1);
	}
	return (struct slice){ NULL, 0 };
}

static struct slice sni_host(struct slice sni)
{
	struct slice host = { NULL, 0 };

	if (slice_starts(sni, SLICE("outbound_.")))
		host = after_third(sni, SLICE("_."));
	return host.n ? host : sni;
}

static bool put(struct buf *b, struct slice name)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (!name.n || name.n > FLOW_HOST_MAX || !buf_room(b, name.n))
		return false;
	lower_copy(b->p + b->n, name.p, name.n);
	b->n += name.n;
	return true;
}

static bool put_ip(const struct flow *f, enum flow_field k, struct buf *b)
{
	if (!flow_has(f, k))
		return false;
	ip_print(b, &f->v[k].ip);
	return true;
}

bool flow_host(const struct flow *f, struct buf *b)
{
	int64_t leg = flow_num(f, F_LEG);

	buf_clear(b);
	return put(b, flow_text(f, F_INNER_SNI)) ||
	       put(b, without_port(flow_text(f, F_AUTHORITY))) ||
	       put(b, sni_host(flow_text(f, F_SNI))) ||
	       put(b, after_third(flow_text(f, F_UPSTREAM_CLUSTER), SLICE("|"))) ||
	       put_ip(f, F_UPSTREAM_IP, b) ||
	       ((leg == LEG_UPSTREAM || leg == LEG_BYPASS) && put_ip(f, F_DESTINATION_IP, b));
}
