/*
 * ip: IPv4 text is parsed here (it is on the log's hot path), IPv6 text by
 * inet_pton.  IPv4 octets with leading zeros are refused, as Envoy refuses them.
 */
#include "common/ip.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

/* Bytes that a dotted quad takes at the start of s, 0: there is none. */
static size_t v4_prefix_parse(struct slice s, uint8_t out[4])
{
	const uint8_t *p = s.p, *end = s.n ? s.p + s.n : s.p;

	for (int k = 0; k < 4; k++) {
		if (k && (p == end || *p++ != '.'))
			return 0;
		unsigned v = 0, d, n = 0;
		bool zero = p != end && *p == '0';
		for (; n < 3 && p != end && (d = *p - (unsigned)'0') <= 9; n++, p++)
			v = v * 10 + d;
		if (!n || v > 255 || (zero && n > 1))
			return 0;
		out[k] = (uint8_t)v;
	}
	return (size_t)(p - s.p);
}

bool ip_parse(struct slice s, struct ip *a)
{
	char text[INET6_ADDRSTRLEN];
	struct ip got;
	uint8_t v4[4];

	if (s.n && v4_prefix_parse(s, v4) == s.n) {
		*a = ip_v4(v4);
		return true;
	}
	if (s.n < 2 || s.n >= sizeof text || memchr(s.p, 0, s.n))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	if (inet_pton(AF_INET6, text, got.b) != 1)
		return false;
	*a = got;
	return true;
}

void ip_print(struct buf *b, const struct ip *a)
{
	char text[INET6_ADDRSTRLEN];

	if (ip_is_v4(a)) {
		for (int k = 12; k < 16; k++) {
			buf_int(b, a->b[k]);
			if (k < 15)
				buf_byte(b, '.');
		}
		return;
	}
	if (inet_ntop(AF_INET6, a->b, text, sizeof text))
		buf_str(b, text);
}

bool ip_port_parse(struct slice s, struct ip *a, uint16_t *port)
{
	size_t colon = s.n;
	unsigned v = 0;
	uint8_t v4[4];
	size_t n = v4_prefix_parse(s, v4);

	if (n && n + 1 < s.n && s.n - n <= 6 && s.p[n] == ':') {
		for (size_t i = n + 1; i < s.n; i++) {
			unsigned d = s.p[i] - (unsigned)'0';
			if (d > 9)
				return false;
			v = v * 10 + d;
		}
		if (v > 65535)
			return false;
		*a = ip_v4(v4);
		*port = (uint16_t)v;
		return true;
	}
	while (colon && s.p[colon - 1] != ':')
		colon--;
	if (colon < 2 || colon == s.n || s.n - colon > 5)
		return false;
	for (size_t i = colon; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	struct slice host = { s.p, colon - 1 };
	bool bracket = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (bracket)
		host = (struct slice){ host.p + 1, host.n - 2 };
	else if (memchr(host.p, ':', host.n))
		return false;
	if (v > 65535 || !ip_parse(host, a))
		return false;
	*port = (uint16_t)v;
	return true;
}

void cidr_mask(struct ip *a, unsigned bits)
{
	for (unsigned k = 0; k < 16; k++) {
		unsigned keep = bits > k * 8 ? bits - k * 8 : 0;
		if (keep < 8)
			a->b[k] &= (uint8_t)(0xff00u >> keep);
	}
}

bool cidr_parse(struct slice s, struct cidr *c)
{
	const uint8_t *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
	struct slice addr = { s.p, slash ? (size_t)(slash - s.p) : s.n };
	struct ip a;
	unsigned bits = 128;

	if (!ip_parse(addr, &a))
		return false;
	/* The family is that of the text: ::ffff:1.2.3.4/104 is IPv6. */
	bool v4 = memchr(addr.p, ':', addr.n) == NULL;
	if (slash) {
		struct slice len = slice_from(s, addr.n + 1);
		unsigned v = 0;
		if (len.n < 1 || len.n > 3 || (len.n > 1 && len.p[0] == '0'))
			return false;
		for (size_t i = 0; i < len.n; i++) {
			if (len.p[i] < '0' || len.p[i] > '9')
				return false;
			v = v * 10 + (unsigned)(len.p[i] - '0');
		}
		if (v > (v4 ? 32u : 128u))
			return false;
		bits = v4 ? v + 96 : v;
	}
	cidr_mask(&a, bits);
	*c = (struct cidr){ a, (uint8_t)bits };
	return true;
}

bool cidr_has(const struct cidr *c, const struct ip *a)
{
	uint64_t net[2], ip[2];

	memcpy(net, c->net.b, sizeof net);
	memcpy(ip, a->b, sizeof ip);
	uint64_t high = be64toh(net[0] ^ ip[0]), low = be64toh(net[1] ^ ip[1]);
	if (c->bits >= 128)
		return !(high | low);
	if (c->bits > 64)
		return !(high | low >> (128 - c->bits));
	return !c->bits || !(high >> (64 - c->bits));
}
