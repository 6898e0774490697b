/*
 * test_pcap_file: both formats, both byte orders, every prefix, damage.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/pcap_file.h"
#include "common/buf.h"
#include "common/clock.h"
#include "tests/tap.h"

static bool big;
static struct buf file;
static struct buf keys;

static void put(uint64_t v, int n)
{
	for (int k = 0; k < n; k++)
		buf_byte(&file, (uint8_t)(v >> 8 * (big ? n - 1 - k : k)));
}

static void text(const char *s)
{
	buf_str(&file, s);
}

static void pcap(uint32_t magic, uint32_t link)
{
	buf_clear(&file);
	put(magic, 4);
	put(2, 2);
	put(4, 2);
	put(0, 8);
	put(65535, 4);
	put(link, 4);
}

static void record(uint32_t sec, uint32_t part, const char *s, uint32_t wire)
{
	put(sec, 4);
	put(part, 4);
	put(strlen(s), 4);
	put(wire, 4);
	text(s);
}

/* A pcapng block; body is what `fill` appends. */
static size_t block(uint32_t type)
{
	put(type, 4);
	put(0, 4);
	return file.n;
}

static void block_end(size_t from)
{
	while ((file.n - from) % 4)
		buf_byte(&file, 0);
	uint32_t len = (uint32_t)(file.n - from) + 12;
	size_t end = file.n;
	file.n = from - 4;
	put(len, 4);
	file.n = end;
	put(len, 4);
}

static void section(void)
{
	size_t b = block(0x0a0d0d0a);
	put(0x1a2b3c4d, 4);
	put(1, 2);
	put(0, 2);
	put(UINT64_MAX, 8);
	block_end(b);
}

static void iface(uint16_t link, int resolution, int64_t offset)
{
	size_t b = block(1);
	put(link, 2);
	put(0, 2);
	put(0, 4);
	if (resolution >= 0) {
		put(9, 2);
		put(1, 2);
		put((uint64_t)resolution, 1);
		put(0, 3);
	}
	if (offset) {
		put(14, 2);
		put(8, 2);
		put((uint64_t)offset, 8);
	}
	put(0, 4);
	block_end(b);
}

static void enhanced(uint32_t i, uint64_t ts, const char *s, uint32_t wire)
{
	size_t b = block(6);
	put(i, 4);
	put(ts >> 32, 4);
	put(ts & 0xffffffff, 4);
	put(strlen(s), 4);
	put(wire, 4);
	text(s);
	block_end(b);
}

static void secret(const char *s)
{
	size_t b = block(10);
	put(0x544c534b, 4);
	put(strlen(s), 4);
	text(s);
	block_end(b);
}

static void on_keys(void *ctx, struct slice lines)
{
	(void)ctx;
	buf_add(&keys, lines);
}

/* Read all; "text@ns/link+missing " for each packet. */
static int drain(struct slice in, struct buf *out, bool *cut)
{
	static const struct pcap_file_options o = { on_keys, NULL };
	struct err e = { 0 };
	struct packet p;
	int got;
	struct pcap_file *f = pcap_file_over(in, &o, &e);

	buf_clear(out);
	*cut = false;
	if (!f)
		return -1;
	while ((got = pcap_file_next(f, &p, &e)) > 0) {
		buf_add(out, p.bytes);
		buf_printf(out, "@%lld/%u", (long long)p.ts, p.link);
		if (p.wire_len > p.bytes.n)
			buf_printf(out, "+%zu", p.wire_len - p.bytes.n);
		buf_byte(out, ' ');
	}
	*cut = pcap_file_cut(f);
	pcap_file_close(&f);
	return got;
}

static bool reads(const char *want)
{
	struct buf out;
	bool cut;

	buf_init(&out, 10000);
	int r = drain(buf_slice(&file), &out, &cut);
	bool same = r == 0 && !cut && slice_is(buf_slice(&out), want);
	if (!same)
		printf("# %d got %.*s\n# want %s\n", r, (int)out.n, (const char *)out.p, want);
	buf_release(&out);
	return same;
}

/* Each prefix ends cleanly: fewer packets, never an error once the head is whole. */
static void every_prefix(size_t head)
{
	struct buf out;
	size_t wrong = 0, cuts = 0;

	buf_init(&out, 10000);
	for (size_t n = 0; n < file.n; n++) {
		uint8_t *copy = malloc(n ? n : 1);
		bool cut;
		memcpy(copy, file.p, n);
		int r = drain((struct slice){ copy, n }, &out, &cut);
		wrong += n >= head && r != 0;
		cuts += cut;
		free(copy);
	}
	is(wrong, 0);
	ok(cuts > 0);
	buf_release(&out);
}

static void classic(void)
{
	static const struct { uint32_t magic; const char *want; } kinds[] = {
		{ 0xa1b2c3d4, "abc@1000005000/1 de@2000000000/1+5 " },
		{ 0xa1b23c4d, "abc@1000000005/1 de@2000000000/1+5 " },
	};
	for (int order = 0; order < 2; order++)
		for (size_t k = 0; k < 2; k++) {
			big = order;
			pcap(kinds[k].magic, 0x30000001);	/* the upper bits are the FCS's */
			record(1, 5, "abc", 3);
			record(2, 0, "de", 7);
			printf("# magic %x, %s\n", kinds[k].magic, big ? "big" : "little");
			ok(reads(kinds[k].want));
			every_prefix(24);
		}
}

static void next_generation(void)
{
	for (int order = 0; order < 2; order++) {
		big = order;
		buf_clear(&file);
		buf_clear(&keys);
		section();
		iface(1, -1, 0);
		iface(101, 9, 0);
		iface(113, 0x80 | 10, 100);
		secret("CLIENT_RANDOM aa bb\n");
		enhanced(0, 1000005, "abc", 3);
		enhanced(1, 2000000007, "de", 9);
		enhanced(2, 3 * 1024 + 512, "f", 1);
		size_t b = block(4);				/* names: passed over */
		text("whatever");
		block_end(b);
		b = block(3);					/* simple packet */
		put(2, 4);
		text("gh");
		block_end(b);
		section();
		iface(0, -1, 0);
		enhanced(0, 4000000, "i", 1);
		printf("# pcapng, %s\n", big ? "big" : "little");
		ok(reads("abc@1000005000/1 de@2000000007/101+7 f@103500000000/113 "
			 "gh@103500000000/1 i@4000000000/0 "));
		ok(slice_is(buf_slice(&keys), "CLIENT_RANDOM aa bb\n"));
		every_prefix(28);
	}
}

/*
 * Thousands of interfaces, options by the megabyte, blocks of the largest size: what is kept is bounded,
 * packets of interfaces past the limit are passed over, and the packets behind all of it are read.
 */
static void large(void)
{
	struct err e = { 0 };
	struct packet p;
	uint64_t packets = 0;

	buf_clear(&file);
	section();
	for (int i = 0; i < 5000; i++)
		iface(1, 0x86, 0);
	size_t from = block(1);		/* an interface with 4 MB of comments */
	put(1, 2);
	put(0, 2);
	put(0, 4);
	for (int i = 0; i < 100000; i++) {
		put(1, 2);
		put(40, 2);
		text("0123456789012345678901234567890123456789");
	}
	block_end(from);
	from = block(0x0bad);		/* of a kind that nobody knows */
	for (int i = 0; i < 3000000; i++)
		put(0, 4);
	block_end(from);
	enhanced(1023, 1, "last", 4);
	enhanced(1024, 1, "past", 4);
	enhanced(4999, 1, "far", 3);
	enhanced(0, 1, "first", 5);
	struct pcap_file *f = pcap_file_over(buf_slice(&file), &(struct pcap_file_options){ 0 }, &e);
	ok(f && pcap_file_next(f, &p, &e) == 1 && slice_is(p.bytes, "last"));
	while (f && pcap_file_next(f, &p, &e) == 1)
		packets++;
	ok(slice_is(p.bytes, "first"));
	is(packets, 1);
	pcap_file_close(&f);
}

static void damage(void)
{
	struct buf out;
	bool cut;

	buf_init(&out, 10000);
	big = false;
	pcap(0xa1b2c3d4, 1);
	record(1, 0, "abc", 3);
	put(0, 8);
	put(0xffffffff, 4);
	put(0xffffffff, 4);
	is(drain(buf_slice(&file), &out, &cut), -1);
	ok(slice_is(buf_slice(&out), "abc@1000000000/1 "));
	buf_clear(&file);
	section();
	put(6, 4);
	put(3, 4);
	put(0, 8);
	is(drain(buf_slice(&file), &out, &cut), -1);
	is(drain(SLICE("no capture at all"), &out, &cut), -1);
	is(drain(SLICE(""), &out, &cut), -1);
	buf_clear(&file);				/* a packet of an interface never described */
	section();
	enhanced(3, 0, "abc", 3);
	is(drain(buf_slice(&file), &out, &cut), 0);
	is(out.n, 0);
	buf_release(&out);
}

int main(void)
{
	buf_init(&file, 1 << 25);
	buf_init(&keys, 100000);
	classic();
	next_generation();
	large();
	damage();
	buf_release(&file);
	buf_release(&keys);
	return tap_end();
}
