/*
 * test_unwrap: one TCP segment inside everything that may wrap it, every prefix of each such
 * packet, and fragments.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/unwrap.h"
#include "common/buf.h"
#include "common/clock.h"
#include "tests/tap.h"

/* 10.0.0.1:1111 -> 10.0.0.2:2222, "hi": 42 bytes. */
#define TCP "\x04\x57\x08\xae\0\0\0\1\0\0\0\2\x50\x18\xff\xff\0\0\0\0hi"
#define IP4(total, proto) "\x45\0\0" total "\0\1\0\0\x40" proto "\0\0\x0a\0\0\1\x0a\0\0\2"
#define INNER IP4("\x2a", "\x06") TCP
#define IP6(total, next) "\x60\0\0\0\0" total next "\x40" \
	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define TEREDO6(total, next) "\x60\0\0\0\0" total next "\x40" \
	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
#define MAC "\2\0\0\0\0\2\2\0\0\0\0\1"
#define ETHER MAC "\x08\0" INNER
#define OUTER(total, proto) "\x45\0\0" total "\0\1\0\0\x40" proto "\0\0\xc0\xa8\0\1\xc0\xa8\0\2"
#define UDP(port, len) "\xc0\0" port "\0" len "\0\0"
#define B(s) { (const uint8_t *)(s), sizeof(s) - 1 }

enum { V4, V6 };

static const struct {
	const char *name;
	uint16_t link;
	struct slice bytes;
	int family;
} cases[] = {
	{ "Ethernet", 1, B(ETHER), V4 },
	{ "Ethernet, padded", 1, B(ETHER "\0\0\0\0\0\0"), V4 },
	{ "802.1Q", 1, B(MAC "\x81\0\0\7\x08\0" INNER), V4 },
	{ "QinQ", 1, B(MAC "\x88\xa8\0\7\x81\0\0\x9\x08\0" INNER), V4 },
	{ "QinQ, old type", 1, B(MAC "\x91\0\0\7\x81\0\0\x9\x08\0" INNER), V4 },
	{ "802.1ah", 1, B(MAC "\x88\xe7\0\0\0\1" ETHER), V4 },
	{ "MPLS, two labels", 1, B(MAC "\x88\x47\0\1\0\xff\0\2\1\xff" INNER), V4 },
	{ "MPLS, Ethernet with control word", 1, B(MAC "\x88\x47\0\2\1\xff\0\0\0\0" ETHER), V4 },
	{ "MPLS, Ethernet without control word", 1, B(MAC "\x88\x47\0\2\1\xff" ETHER), V4 },
	{ "MPLS, Ethernet to an address like a control word", 1,
	  B(MAC "\x88\x47\0\2\1\xff" "\0\x16\x3e\1\2\3" "\2\0\0\0\0\1\x08\0" INNER), V4 },
	{ "MPLS, Ethernet to an address like IPv4", 1,
	  B(MAC "\x88\x47\0\2\1\xff" "\x45\x16\x3e\1\2\3" "\2\0\0\0\0\1\x08\0" INNER), V4 },
	{ "MPLS, IPv6", 1, B(MAC "\x88\x47\0\2\1\xff" IP6("\x16", "\6") TCP), V6 },
	{ "NSH", 1, B(MAC "\x89\x4f" "\x0f\xc6\1\1" "\0\0\1\xff" "1234567890123456" INNER), V4 },
	{ "PPPoE", 1, B(MAC "\x88\x64\x11\0\0\1\0\x2c\0\x21" INNER), V4 },
	{ "SNAP", 1, B(MAC "\0\x32\xaa\xaa\3\0\0\0\x08\0" INNER), V4 },
	{ "Linux cooked", 113, B("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0" INNER), V4 },
	{ "Linux cooked with VLAN", 113,
	  B("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\7\x08\0" INNER), V4 },
	{ "Linux cooked v2", 276, B("\x08\0\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0" INNER), V4 },
	{ "Linux cooked, SNAP", 113,
	  B("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\0\4\xaa\xaa\3\0\0\0\x08\0" INNER), V4 },
	{ "null, little-endian", 0, B("\2\0\0\0" INNER), V4 },
	{ "null, big-endian", 0, B("\0\0\0\2" INNER), V4 },
	{ "loop", 108, B("\0\0\0\2" INNER), V4 },
	{ "raw", 101, B(INNER), V4 },
	{ "raw, old number", 12, B(INNER), V4 },
	{ "IPv4 link", 228, B(INNER), V4 },
	{ "PPP", 9, B("\0\x21" INNER), V4 },
	{ "PPP, HDLC-like, compressed", 9, B("\xff\3\x21" INNER), V4 },
	{ "Cisco HDLC", 104, B("\x0f\0\x08\0" INNER), V4 },
	{ "PPP serial link", 50, B("\xff\3\0\x21" INNER), V4 },
	{ "frame relay", 107, B("\x18\x41\3\xcc" INNER), V4 },
	{ "NFLOG", 239, B("\2\0\0\0" "\5\0\xa\0x\0\0\0" "\x2e\0\x9\0" INNER "\0\0"), V4 },
	{ "IPv6", 1, B(MAC "\x86\xdd" IP6("\x16", "\6") TCP), V6 },
	{ "IPv6, hop-by-hop and destination options", 101,
	  B(IP6("\x26", "\0") "\x3c\0\1\4\0\0\0\0" "\6\0\1\4\0\0\0\0" TCP), V6 },
	{ "IPv6, routing header", 101, B(IP6("\x2e", "\x2b") "\6\2\0\0\0\0\0\0"
	  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" TCP), V6 },
	{ "IPv6, authentication header", 101,
	  B(IP6("\x2e", "\x33") "\6\4\0\0\0\0\0\1\0\0\0\1xxxxxxxxxxxx" TCP), V6 },
	{ "IPv6, atomic fragment", 101, B(IP6("\x1e", "\x2c") "\6\0\0\0\0\0\0\1" TCP), V6 },
	{ "TSO: total length 0", 101, B(IP4("\0", "\x06") TCP), V4 },
	{ "IPv4 options", 101,
	  B("\x46\0\0\x2e\0\1\0\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2\1\1\1\1" TCP), V4 },
	{ "IPv4 in IPv4", 101, B(OUTER("\x3e", "\4") INNER), V4 },
	{ "IPv6 in IPv4", 101, B(OUTER("\x52", "\x29") IP6("\x16", "\6") TCP), V6 },
	{ "IPv4 in IPv6", 101, B(IP6("\x2a", "\4") INNER), V4 },
	{ "GRE", 101, B(OUTER("\x42", "\x2f") "\0\0\x08\0" INNER), V4 },
	{ "GRE, checksum, key and sequence", 101,
	  B(OUTER("\x4e", "\x2f") "\xb0\0\x08\0\0\0\0\0\0\0\0\1\0\0\0\1" INNER), V4 },
	{ "GRE, Ethernet", 101, B(OUTER("\x50", "\x2f") "\0\0\x65\x58" ETHER), V4 },
	{ "GRE, PPTP", 101,
	  B(OUTER("\x52", "\x2f") "\x30\x81\x88\x0b\0\x2e\0\1\0\0\0\1\0\0\0\1\xff\3\0\x21" INNER), V4 },
	{ "ERSPAN I", 101, B(OUTER("\x50", "\x2f") "\0\0\x88\xbe" ETHER), V4 },
	{ "ERSPAN II", 101,
	  B(OUTER("\x5c", "\x2f") "\x10\0\x88\xbe\0\0\0\1\x10\x64\0\1\0\0\0\0" ETHER), V4 },
	{ "ERSPAN III", 101,
	  B(OUTER("\x60", "\x2f") "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\0\0" ETHER), V4 },
	{ "ERSPAN III with platform header", 101,
	  B(OUTER("\x68", "\x2f") "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\0\1"
	    "\0\0\0\0\0\0\0\0" ETHER), V4 },
	{ "ERSPAN III under the number of II", 101,
	  B(OUTER("\x60", "\x2f") "\x10\0\x88\xbe\0\0\0\1\x20\x64\0\1\0\0\0\0\0\0\0\0" ETHER), V4 },
	{ "EtherIP", 101, B(OUTER("\x4e", "\x61") "\x30\0" ETHER), V4 },
	{ "MPLS in IP", 101, B(OUTER("\x42", "\x89") "\0\2\1\xff" INNER), V4 },
	{ "VXLAN", 101, B(OUTER("\x5c", "\x11") UDP("\x12\xb5", "\x48")
	  "\x08\0\0\0\0\0\7\0" ETHER), V4 },
	{ "VXLAN, reserved bits set", 101, B(OUTER("\x5c", "\x11") UDP("\x12\xb5", "\x48")
	  "\xff\xff\xff\xff\0\0\7\xff" ETHER), V4 },
	{ "VXLAN-GPE", 101, B(OUTER("\x4e", "\x11") UDP("\x12\xb6", "\x3a")
	  "\x0c\0\0\1\0\0\7\0" INNER), V4 },
	{ "VXLAN-GPE, Ethernet", 101, B(OUTER("\x5c", "\x11") UDP("\x12\xb6", "\x48")
	  "\x0c\0\0\3\0\0\7\0" ETHER), V4 },
	{ "VXLAN-GPE, NSH, MPLS", 101, B(OUTER("\x5a", "\x11") UDP("\x12\xb6", "\x46")
	  "\x0c\0\0\4\0\0\7\0" "\x0f\xc2\2\5\0\0\1\xff" "\0\2\1\xff" INNER), V4 },
	{ "L2TP with length and sequence", 101, B(OUTER("\x56", "\x11") UDP("\6\xa5", "\x42")
	  "\x48\2\0\x3a\0\1\0\2\0\0\0\0" "\xff\3\0\x21" INNER), V4 },
	{ "L2TP with an offset", 101, B(OUTER("\x52", "\x11") UDP("\6\xa5", "\x3e")
	  "\2\2\0\1\0\2\0\2..\0\x21" INNER), V4 },
	{ "GENEVE with an option", 101, B(OUTER("\x64", "\x11") UDP("\x17\xc1", "\x50")
	  "\2\0\x65\x58\0\0\7\0" "\1\2\3\1\0\0\0\0" ETHER), V4 },
	{ "GTP-U with a sequence number", 101, B(OUTER("\x52", "\x11") UDP("\x08\x68", "\x3e")
	  "\x32\xff\0\x2e\0\0\0\1\0\1\0\0" INNER), V4 },
	{ "Teredo with an origin", 101, B(OUTER("\x62", "\x11") UDP("\xd\xd8", "\x4e")
	  "\0\0\x11\x11\1\2\3\4" IP6("\x16", "\6") TCP), V6 },
	{ "Teredo between clients", 101, B(OUTER("\x5a", "\x11") UDP("\xd0\1", "\x46")
	  TEREDO6("\x16", "\6") TCP), V6 },
	{ "GRE in UDP", 101, B(OUTER("\x4a", "\x11") UDP("\x12\x92", "\x36")
	  "\0\0\x08\0" INNER), V4 },
	{ "AYIYA", 101, B(OUTER("\x86", "\x11") UDP("\x13\xd0", "\x72")
	  "\x41\x52\x11\x29\0\0\0\1" "1234567890123456" "12345678901234567890"
	  IP6("\x16", "\6") TCP), V6 },
	{ "MPLS in UDP", 101, B(OUTER("\x4a", "\x11") UDP("\x19\xeb", "\x36")
	  "\0\2\1\xff" INNER), V4 },
	{ "VLAN, VXLAN, VLAN, GRE", 1, B(MAC "\x81\0\0\7\x08\0" OUTER("\x78", "\x11")
	  UDP("\x12\xb5", "\x64") "\x08\0\0\0\0\0\7\0" MAC "\x81\0\0\7\x08\0"
	  OUTER("\x42", "\x2f") "\0\0\x08\0" INNER), V4 },
};

static struct evidence ev;

static bool run(struct fragments *f, uint16_t link, struct slice s, uint32_t wire, struct segment *out)
{
	struct packet p = { s, wire, link, NS_PER_S, 1 };

	return unwrap_packet(&p, f, &ev, out);
}

static void every_prefix(struct fragments *f, uint16_t link, struct slice whole)
{
	size_t wrong = 0;

	for (size_t n = 0; n < whole.n; n++) {
		struct segment s;
		uint8_t *copy = malloc(n ? n : 1);	/* of exact size: ASan guards the end */
		memcpy(copy, whole.p, n);
		bool got = run(f, link, (struct slice){ copy, n }, (uint32_t)whole.n, &s);
		wrong += got && s.payload.n + s.missing < 2;
		free(copy);
	}
	is(wrong, 0);
}

static void wrapped(void)
{
	struct fragments *f = fragments_new(1 << 20, &ev);
	struct ip v4, v6;

	ip_parse(SLICE("10.0.0.1"), &v4);
	ip_parse(SLICE("2001:db8::1"), &v6);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct segment s = { 0 };
		printf("# %s\n", cases[i].name);
		ok(run(f, cases[i].link, cases[i].bytes, (uint32_t)cases[i].bytes.n, &s));
		ok(s.src_port == 1111 && s.dst_port == 2222 && s.seq == 1 && s.ack == 2);
		ok(slice_is(s.payload, "hi") && !s.missing);
		ok(ip_eq(&s.src, cases[i].family == V4 ? &v4 : &v6));
		every_prefix(f, cases[i].link, cases[i].bytes);
	}
	fragments_free(&f);
}

/* What is not TCP says why. */
static void refused(void)
{
	static const struct {
		const char *name;
		struct slice bytes;
		enum evidence_reason why;
		uint16_t link;
	} no[] = {
		{ "ARP", B(MAC "\x08\6\0\1\x08\0\6\4\0\1"), EV_PACKET_NOT_IP },
		{ "ICMP", B(MAC "\x08\0" IP4("\x1c", "\1") "\x08\0\0\0\0\0\0\0"), EV_PACKET_OTHER_IP },
		{ "DNS", B(MAC "\x08\0" IP4("\x24", "\x11") UDP("\0\x35", "\x10") "12345678"),
		  EV_PACKET_UDP },
		{ "cooked, not Ethernet II", B("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\0\1" "12345678"),
		  EV_PACKET_NOT_IP, 113 },
		{ "a pseudowire's associated channel", B(MAC "\x88\x47\0\2\1\xff\x10\0\0\7" "12345678"),
		  EV_PACKET_NOT_IP },
		{ "version 5", B(MAC "\x08\0\x55" "1234567890123456789"), EV_PACKET_MALFORMED },
		{ "header length 8", B(MAC "\x08\0\x42" "1234567890123456789"), EV_PACKET_MALFORMED },
		{ "data offset 4", B(MAC "\x08\0" IP4("\x2a", "\6")
		  "\x04\x57\x08\xae\0\0\0\1\0\0\0\2\x10\x18\xff\xff\0\0\0\0hi"), EV_PACKET_MALFORMED },
	};
	struct fragments *f = fragments_new(1 << 20, &ev);

	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		struct segment s;
		uint64_t before = ev.n[no[i].why];
		printf("# %s\n", no[i].name);
		ok(!run(f, no[i].link ? no[i].link : 1, no[i].bytes, (uint32_t)no[i].bytes.n, &s));
		is(ev.n[no[i].why], before + 1);
	}
	struct buf deep;
	struct segment s;
	buf_init(&deep, 100000);
	for (int k = 0; k < 1000; k++)
		buf_add(&deep, (struct slice)B("\x45\0\0\0\0\1\0\0\x40\4\0\0\xc0\xa8\0\1\xc0\xa8\0\2"));
	ok(!run(f, 101, buf_slice(&deep), (uint32_t)deep.n, &s) && ev.n[EV_PACKET_TOO_DEEP] == 1);
	ok(!run(f, 9999, buf_slice(&deep), (uint32_t)deep.n, &s));
	is(ev.n[EV_PACKET_LINK_UNKNOWN], 1);
	buf_release(&deep);
	fragments_free(&f);
}

struct part {
	uint32_t offset;
	const char *text;
	bool more;
};

/* Feed the parts of one datagram; the whole, or "" where it never was. */
static bool pieces(const struct part *p, size_t n, const char *want)
{
	struct fragments *f = fragments_new(1 << 20, &ev);
	struct fragment_key k = { .id = 7, .proto = 6 };
	struct slice whole = { NULL, 0 };
	bool same = false;

	for (size_t i = 0; i < n && p[i].text; i++)
		if (fragments_add(f, &k, p[i].offset, slice_of(p[i].text), p[i].more, NS_PER_S, &whole))
			same = slice_is(whole, want);
	same |= !*want && !whole.n;
	fragments_free(&f);
	return same;
}

static void fragments(void)
{
	static const struct { const char *name; struct part part[5]; const char *want; } list[] = {
		{ "in order", { { 0, "abcdefgh", true }, { 8, "ij", false } }, "abcdefghij" },
		{ "last first", { { 8, "ij", false }, { 0, "abcdefgh", true } }, "abcdefghij" },
		{ "repeated", { { 0, "abcdefgh", true }, { 0, "abcdefgh", true }, { 8, "ij", false } },
		  "abcdefghij" },
		{ "overlapping, the same", { { 0, "abcdefghijklmnop", true }, { 8, "ijklmnop", true },
		  { 16, "q", false } }, "abcdefghijklmnopq" },
		{ "overlapping, different: none", { { 0, "abcdefghijklmnop", true },
		  { 8, "XXXXXXXX", true }, { 16, "q", false } }, "" },
		{ "bytes behind the end: none", { { 0, "abcdefgh", true }, { 24, "qrstuvwx", true },
		  { 8, "ijklmnop", false }, { 16, "....", false } }, "" },
		{ "behind the end, in place of a hole", { { 0, "abcdefgh", true },
		  { 32, "yyyyyyyy", true }, { 24, "qr", false }, { 16, "ijklmnop", true } }, "" },
		{ "two ends", { { 8, "ij", false }, { 8, "ijk", false }, { 0, "abcdefgh", true } }, "" },
		{ "a hole", { { 0, "abcdefgh", true }, { 16, "ij", false } }, "" },
		{ "not a multiple of 8", { { 0, "abc", true }, { 8, "ij", false } }, "" },
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		printf("# %s\n", list[i].name);
		ok(pieces(list[i].part, 5, list[i].want));
	}
}

/* A flood of datagrams that never end stays inside the budget. */
static void fragment_flood(void)
{
	struct fragments *f = fragments_new(1 << 20, &ev);
	struct slice whole;
	uint64_t before = ev.n[EV_FRAGMENT_LOST];

	for (uint32_t i = 0; i < 20000; i++) {
		struct fragment_key k = { .id = i, .proto = 6 };
		fragments_add(f, &k, 64000, SLICE("abcdefgh"), true, NS_PER_S, &whole);
	}
	ok(ev.n[EV_FRAGMENT_LOST] - before > 19000);
	fragments_free(&f);
	is(ev.n[EV_FRAGMENT_LOST] - before, 20000);
}

int main(void)
{
	wrapped();
	refused();
	fragments();
	fragment_flood();
	return tap_end();
}
