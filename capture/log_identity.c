#include "capture/log_identity.h"

void log_identity_peer(struct flow *f, struct slice s)
{
	const uint8_t *comma = memchr(s.p, ',', s.n);

	if (comma)
		s.n = (size_t)(comma - s.p);
	flow_set_identity(f, s);
	flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_LOG);
}

/* The last element is the one that this gateway's own peer or the gateway itself wrote. */
void log_identity_xfcc(struct flow *f, struct slice xfcc)
{
	size_t from = xfcc.n;
	bool quoted = false;

	if (!xfcc.n || flow_state(f, F_SOURCE_IDENTITY) != FLOW_UNKNOWN)
		return;
	for (size_t i = xfcc.n; i-- > 0;) {
		quoted ^= xfcc.p[i] == '"';
		if (xfcc.p[i] == ',' && !quoted)
			break;
		from = i;
	}
	struct slice last = slice_from(xfcc, from);
	const uint8_t *uri = last.n ? memmem(last.p, last.n, "URI=", 4) : NULL;
	if (!uri)
		return;
	last = slice_from(last, (size_t)(uri - last.p) + 4);
	const uint8_t *end = last.n ? memchr(last.p, ';', last.n) : NULL;
	if (end)
		last.n = (size_t)(end - last.p);
	if (last.n) {
		flow_set_identity(f, last);
		flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_LOG);
	}
}
