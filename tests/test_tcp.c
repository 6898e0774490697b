/*
 * test_tcp: reassembly, told as stories.  A story is a list of segments; the recorder writes what
 * the lowest layer was told as text: bytes of the client in lower case, of the server in upper
 * case as they are, "[n]" a gap, "." an end, "!" a conflict at the end, "|" between connections.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/tcp.h"
#include "common/buf.h"
#include "common/clock.h"
#include "tests/rnd.h"
#include "tests/tap.h"

static struct buf told;
static struct evidence ev;
static bool be_deaf;

static void data(struct layer *l, enum dir d, struct slice s, int64_t ts)
{
	(void)d;
	(void)ts;
	buf_add(&told, s);
	l->deaf[d] = be_deaf;
}

static void gap(struct layer *l, enum dir d, uint64_t n, int64_t ts)
{
	(void)l;
	(void)d;
	(void)ts;
	buf_printf(&told, "[%llu]", (unsigned long long)n);
}

static void end(struct layer *l, enum dir d, enum end_why why, int64_t ts)
{
	static const char name[] = ".r~$e";

	(void)l;
	(void)d;
	(void)ts;
	buf_byte(&told, (uint8_t)name[why]);
}

static const struct layer_ops ops = { .name = "record", .data = data, .gap = gap, .end = end };

static struct layer *record(struct session *s, struct layer *below)
{
	return layer_make(sizeof(struct layer), &ops, s, below);
}

static void done(struct session *s, enum end_why why)
{
	(void)why;
	if (s->overlap_conflict)
		buf_byte(&told, '!');
	if (s->cut)
		buf_byte(&told, '%');
	buf_byte(&told, '|');
}

/* One segment: ms, side, flags, seq, ack, text; "missing" bytes follow it on the wire. */
struct step {
	int ms;
	char side;		/* 'c' or 's' */
	uint8_t flags;
	uint32_t seq, ack;
	const char *text;
	uint32_t missing;
	char sum;		/* checksum: 'g' good, 'b' bad; 0: not known */
};

enum { F = TCP_FIN | TCP_ACK, S = TCP_SYN, R = TCP_RST, A = TCP_ACK, SA = TCP_SYN | TCP_ACK, STEPS = 16 };
#define OPENED { 0, 'c', S, 99, 0, "", 0 }, { 1, 's', SA, 499, 100, "", 0 }, \
	{ 2, 'c', A, 100, 500, "", 0 }
#define WRAP 0xfffffffeu

/* Give the segment a header whose checksum is right, or off by one. */
static void checksum(struct segment *s, bool good)
{
	static uint8_t raw[100];
	uint8_t pseudo[112] = { 0 };
	size_t n = 20 + s->payload.n;
	uint32_t sum = 0;

	memset(raw, 0, sizeof raw);
	memcpy(raw + 20, s->payload.p, s->payload.n);
	memcpy(pseudo, s->src.b + 12, 4);
	memcpy(pseudo + 4, s->dst.b + 12, 4);
	pseudo[9] = 6;
	pseudo[11] = (uint8_t)n;
	memcpy(pseudo + 12, raw, n);
	for (size_t i = 0; i < sizeof pseudo; i += 2)
		sum += (uint32_t)(pseudo[i] << 8 | pseudo[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + !good) & 0xffff;
	raw[16] = (uint8_t)(sum >> 8);
	raw[17] = (uint8_t)sum;
	s->raw = (struct slice){ raw, n };
}

static struct segment make(const struct step *x)
{
	static const uint8_t client[4] = { 10, 0, 0, 1 }, server[4] = { 10, 0, 0, 2 };
	bool c = x->side == 'c';

	struct segment s = {
		.src = ip_v4(c ? client : server), .dst = ip_v4(c ? server : client),
		.src_port = c ? 40000 : 80, .dst_port = c ? 80 : 40000,
		.seq = x->seq, .ack = x->ack, .flags = x->flags, .window = 65535,
		.payload = slice_of(x->text), .missing = x->missing,
		.ts = NS_PER_S + x->ms * (NS_PER_S / 1000),
	};
	if (x->sum)
		checksum(&s, x->sum == 'g');
	return s;
}

static const struct {
	const char *name;
	struct step step[STEPS];
	const char *want;
} stories[] = {
	{ "a conversation",
	  { OPENED, { 3, 'c', A, 100, 500, "get", 0 }, { 4, 's', A, 500, 103, "OK", 0 },
	    { 5, 'c', F, 103, 502, "", 0 }, { 6, 's', F, 502, 104, "", 0 } }, "getOK..|" },
	{ "reordered in one direction",
	  { OPENED, { 3, 'c', A, 103, 500, "def", 0 }, { 4, 'c', A, 106, 500, "gh", 0 },
	    { 5, 'c', A, 100, 500, "abc", 0 } }, "abcdefgh$$|" },
	{ "the answer captured before the question",
	  { OPENED, { 3, 's', A, 500, 103, "OK", 0 }, { 4, 'c', A, 100, 500, "get", 0 } },
	  "getOK$$|" },
	{ "the SYN captured after the data",
	  { { 0, 'c', A, 103, 500, "def", 0 }, { 1, 'c', A, 100, 500, "abc", 0 },
	    { 2, 'c', S, 99, 0, "", 0 } }, "abcdef$$|" },
	{ "repeated exactly",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 'c', A, 100, 500, "abc", 0 },
	    { 5, 'c', A, 103, 500, "d", 0 } }, "abcd$$|" },
	{ "repeated with more",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 'c', A, 100, 500, "abcde", 0 } },
	  "abcde$$|" },
	{ "repeated with other bytes: the first stay",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 'c', A, 100, 500, "axc", 0 } },
	  "abc$$!|" },
	{ "other bytes after the acknowledgement reach nobody",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 's', A, 500, 103, "", 0 },
	    { 5, 'c', A, 100, 500, "axc", 0 } }, "abc$$|" },
	{ "held segments overlap with other bytes",
	  { OPENED, { 3, 'c', A, 103, 500, "def", 0 }, { 4, 'c', A, 102, 500, "cxe", 0 },
	    { 5, 'c', A, 100, 500, "ab", 0 } }, "abcxef$$!|" },
	{ "keep-alives carry nothing",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 's', A, 500, 103, "", 0 },
	    { 5, 'c', A, 102, 500, "z", 0 }, { 6, 'c', A, 102, 500, "", 0 },
	    { 7, 'c', A, 103, 500, "d", 0 } }, "abcd$$|" },
	{ "sequence numbers wrap",
	  { { 0, 'c', S, WRAP, 0, "", 0 }, { 1, 's', SA, 499, WRAP + 1, "", 0 },
	    { 2, 'c', A, 2, 500, "de", 0 }, { 3, 'c', A, WRAP + 1, 500, "abc", 0 } },
	  "abcde$$|" },
	{ "lost by the tap, acknowledged by the peer: a gap after a second",
	  { OPENED, { 3, 'c', A, 103, 500, "def", 0 }, { 4, 's', A, 500, 106, "", 0 },
	    { 1500, 's', A, 500, 106, "OK", 0 } }, "[3]defOK$$|" },
	{ "late: still waited for",
	  { OPENED, { 3, 'c', A, 103, 500, "def", 0 }, { 5000, 's', A, 500, 100, "", 0 },
	    { 5001, 'c', A, 100, 500, "abc", 0 } }, "abcdef$$|" },
	{ "never comes: a gap at the end, not before",
	  { OPENED, { 3, 'c', A, 103, 500, "def", 0 } }, "[3]def$$|" },
	{ "cut by snaplen: a gap at once",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 7 }, { 4, 'c', A, 110, 500, "kl", 0 } },
	  "abc[7]kl$$%|" },
	{ "joined mid-stream",
	  { { 0, 'c', A, 700, 900, "ef", 0 }, { 1, 's', A, 900, 702, "GH", 0 } }, "efGH$$|" },
	{ "joined mid-stream out of order",
	  { { 0, 'c', A, 702, 900, "gh", 0 }, { 1, 'c', A, 700, 900, "ef", 0 } }, "efgh$$|" },
	{ "one side only: nothing waits for the other",
	  { { 0, 'c', S, 99, 0, "", 0 }, { 1, 'c', A, 100, 500, "abc", 0 },
	    { 2, 'c', A, 103, 900, "def", 0 } }, "abcdef$$|" },
	{ "a RST far outside the window ends nothing",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 's', R, 9000000, 0, "", 0 },
	    { 5000, 'c', A, 103, 500, "def", 0 } }, "abcdef$$|" },
	{ "a RST in the window, then data: it goes on",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 's', R, 500, 0, "", 0 },
	    { 5, 'c', A, 103, 500, "def", 0 } }, "abcdef$$|" },
	{ "a RST that ends it",
	  { OPENED, { 3, 'c', A, 100, 500, "abc", 0 }, { 4, 's', R, 500, 0, "", 0 } }, "abcrr|" },
	{ "closed by both at once",
	  { OPENED, { 3, 'c', F, 100, 500, "", 0 }, { 4, 's', F, 500, 100, "", 0 },
	    { 5, 'c', A, 101, 501, "", 0 }, { 6, 's', A, 501, 101, "", 0 } }, "|" },
	{ "FIN before the data that precedes it",
	  { OPENED, { 3, 'c', F, 103, 500, "", 0 }, { 4, 'c', A, 100, 500, "abc", 0 } },
	  "abc.$|" },
	{ "both FINs captured before the only data",
	  { OPENED, { 3, 's', F, 500, 103, "", 0 }, { 4, 'c', F, 103, 501, "", 0 },
	    { 5, 's', A, 501, 104, "", 0 }, { 6, 'c', A, 100, 500, "abc", 0 } }, "abc..|" },
	{ "the end's data lost: a gap five seconds later",
	  { OPENED, { 3, 'c', F, 103, 500, "", 0 }, { 4, 's', F, 500, 104, "", 0 },
	    { 9000, 'c', A, 104, 501, "", 0 } }, "[3]..|" },
	{ "held segments behind a FIN end nothing twice",
	  { OPENED, { 3, 'c', A, 110, 500, "kl", 0 }, { 4, 'c', A, 103, 500, "xyz", 0 },
	    { 5, 'c', F, 102, 500, "", 0 }, { 6, 'c', A, 100, 500, "ab", 0 },
	    { 7, 'c', A, 102, 500, "cd", 0 } }, "ab.$|" },
	{ "the port used again",
	  { OPENED, { 3, 'c', F, 100, 500, "ab", 0 }, { 4, 's', F, 500, 103, "", 0 },
	    { 9, 'c', S, 70000, 0, "", 0 }, { 10, 's', SA, 90, 70001, "", 0 },
	    { 11, 'c', A, 70001, 91, "cd", 0 } }, "ab..|cd$$|" },
	{ "the port used again, with a number behind the first's",
	  { OPENED, { 3, 'c', A, 100, 500, "one", 0 }, { 4, 's', A, 500, 103, "ONE", 0 },
	    { 5, 'c', S, 39, 0, "", 0 }, { 6, 's', SA, 899, 40, "", 0 },
	    { 7, 'c', A, 40, 900, "two", 0 }, { 8, 's', A, 900, 43, "TWO", 0 } },
	  "oneONE~~|twoTWO$$|" },
	{ "the port used again, near the first's number, its SYN-ACK not seen",
	  { OPENED, { 3, 'c', A, 100, 500, "one", 0 }, { 4, 's', A, 500, 103, "ONE", 0 },
	    { 5, 'c', S, 139, 0, "", 0 }, { 7, 'c', A, 140, 900, "two", 0 },
	    { 8, 's', A, 900, 143, "TWO", 0 } }, "oneONE~~|twoTWO$$|" },
	{ "data, then SYN-ACK, then SYN",
	  { { 0, 'c', A, 100, 500, "ab", 0 }, { 1, 's', SA, 499, 100, "", 0 }, { 2, 'c', S, 99, 0, "", 0 },
	    { 3, 'c', A, 100, 500, "", 0 }, { 4, 's', A, 500, 102, "AB", 0 } }, "abAB$$|" },
	{ "SYN, an acknowledgement of the answer, the answer, then SYN-ACK",
	  { { 0, 'c', S, 99, 0, "", 0 }, { 1, 'c', A, 100, 502, "", 0 }, { 2, 's', A, 500, 100, "AB", 0 },
	    { 3, 's', SA, 499, 100, "", 0 }, { 4, 'c', A, 100, 502, "ab", 0 } }, "ABab$$|" },
	{ "an answer, SYN-ACK, the rest of the question, SYN, the question",
	  { { 0, 's', A, 502, 104, "CD", 0 }, { 1, 's', A, 500, 100, "AB", 0 },
	    { 2, 's', SA, 499, 100, "", 0 }, { 3, 'c', A, 102, 502, "cd", 0 },
	    { 4, 'c', S, 99, 0, "", 0 }, { 5, 'c', A, 100, 502, "ab", 0 } }, "ABCDabcd$$|" },
	{ "joined late: acknowledged, though its sender had not sent it when we joined",
	  { { 0, 'c', A, 100, 500, "", 0 }, { 1, 's', A, 500, 102, "", 0 },
	    { 2, 'c', A, 100, 500, "ab", 0 }, { 3, 'c', A, 102, 500, "cd", 0 } }, "abcd$$|" },
	{ "joined late: the same, and it never comes",
	  { { 0, 'c', A, 100, 500, "", 0 }, { 1, 's', A, 500, 103, "", 0 },
	    { 9, 'c', A, 103, 500, "cd", 0 }, { 6000, 'c', A, 105, 500, "", 0 } }, "[3]cd$$|" },
	{ "joined late, at a keep-alive",
	  { { 0, 'c', A, 99, 500, "", 0 }, { 1, 's', A, 500, 100, "", 0 },
	    { 9, 'c', A, 100, 500, "cd", 0 } }, "cd$$|" },
	{ "the server's data first, then its SYN-ACK",
	  { { 0, 's', A, 500, 100, "AB", 0 }, { 1, 's', SA, 499, 100, "", 0 },
	    { 2, 'c', S, 99, 0, "", 0 }, { 3, 'c', A, 100, 502, "ab", 0 } }, "ABab$$|" },
	{ "a forged SYN",
	  { OPENED, { 3, 'c', A, 100, 500, "one", 0 }, { 4, 'c', S, 7039, 0, "", 0 },
	    { 5, 's', A, 500, 103, "ONE", 0 }, { 6, 'c', A, 103, 503, "two", 0 } },
	  "oneONEtwo$$|" },
	{ "the port used again, the end of the first not seen",
	  { OPENED, { 3, 'c', A, 100, 500, "ab", 0 }, { 9, 'c', S, 90000000, 0, "", 0 },
	    { 11, 'c', A, 90000001, 91, "cd", 0 } }, "ab~~|cd$$|" },
	{ "data in the SYN",
	  { { 0, 'c', S, 99, 0, "ab", 0 }, { 1, 's', SA, 499, 102, "", 0 },
	    { 2, 'c', A, 102, 500, "cd", 0 } }, "abcd$$|" },
	{ "both sides send SYN",
	  { { 0, 'c', S, 99, 0, "", 0 }, { 1, 's', S, 499, 0, "", 0 },
	    { 2, 'c', SA, 99, 500, "", 0 }, { 3, 's', SA, 499, 100, "", 0 },
	    { 4, 'c', A, 100, 500, "ab", 0 } }, "ab$$|" },
	{ "a segment far outside the window is no gap",
	  { OPENED, { 3, 'c', A, 50000100, 500, "zz", 0 }, { 4, 'c', A, 100, 500, "abc", 0 } },
	  "abc$$|" },
	{ "a forged acknowledgement does not stop the stream",
	  { OPENED, { 3, 'c', A, 100, 4000000, "abc", 0 }, { 1500, 'c', A, 103, 500, "d", 0 } },
	  "[3999500]abcd$$|" },
	{ "a wrong checksum, then the real segment",
	  { { 0, 'c', S, 99, 0, "", 0, 'g' }, { 1, 's', SA, 499, 100, "", 0 },
	    { 2, 'c', A, 100, 500, "evil", 0, 'b' }, { 3, 'c', A, 100, 500, "good", 0, 'g' },
	    { 4, 's', A, 500, 104, "OK", 0 } }, "goodOK$$|" },
	{ "a wrong checksum, acknowledged all the same",
	  { { 0, 'c', S, 99, 0, "", 0, 'g' }, { 1, 's', SA, 499, 100, "", 0 },
	    { 2, 'c', A, 100, 500, "edited", 0, 'b' }, { 4, 's', A, 500, 106, "OK", 0 },
	    { 5, 'c', A, 106, 502, "more", 0, 'b' } }, "editedOKmore$$|" },
	{ "checksums that are never right say nothing",
	  { { 0, 'c', S, 99, 0, "", 0, 'b' }, { 1, 's', SA, 499, 100, "", 0 },
	    { 2, 'c', A, 100, 500, "abc", 0, 'b' } }, "abc$$|" },
	{ "no payload at all", { { 0, 'c', S, 99, 0, "", 0 } }, "|" },
};

static struct tcp *start(struct session_env *env, uint64_t budget)
{
	struct tcp_options o = { budget, done, record };

	*env = (struct session_env){ .ev = &ev };
	buf_clear(&told);
	memset(&ev, 0, sizeof ev);
	return tcp_new(env, &o);
}

static bool said(const char *want)
{
	bool same = slice_is(buf_slice(&told), want);

	if (!same)
		printf("# got  %.*s\n# want %s\n", (int)told.n, (const char *)told.p, want);
	return same;
}

static void run_stories(void)
{
	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		struct session_env env;
		struct tcp *t = start(&env, 1 << 24);
		for (int k = 0; k < STEPS && stories[i].step[k].side; k++) {
			struct segment s = make(&stories[i].step[k]);
			tcp_segment(t, &s);
		}
		tcp_end(t);
		printf("# %s\n", stories[i].name);
		ok(said(stories[i].want));
		tcp_free(&t);
	}
}

static struct segment from_client(uint32_t seq, struct slice payload)
{
	struct step x = { 3, 'c', A, seq, 500, "", 0 };
	struct segment s = make(&x);

	s.payload = payload;
	return s;
}

static void opened(struct tcp *t)
{
	static const struct step open[] = { OPENED };

	for (size_t i = 0; i < 3; i++) {
		struct segment s = make(&open[i]);
		tcp_segment(t, &s);
	}
}

/*
 * Floods: work is counted, not timed.  N segments may cost N times a constant (the held
 * segments' cap), never N squared, and memory stays at the caps.
 */
static uint64_t flood(uint32_t n, uint32_t step, uint32_t len, bool backwards, uint64_t *memory)
{
	static uint8_t bytes[1500];
	struct session_env env;
	struct tcp *t = start(&env, 1 << 24);

	opened(t);
	*memory = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (backwards ? n - i : i + 1) * step;
		struct segment s = from_client(100 + at, (struct slice){ bytes, len });
		s.window = 65535;
		tcp_segment(t, &s);
		if (tcp_memory(t) > *memory)
			*memory = tcp_memory(t);
	}
	uint64_t work = tcp_work(t);
	tcp_free(&t);
	return work;
}

static void floods(void)
{
	uint64_t memory, bytes;
	static const struct { const char *name; uint32_t step, len; bool backwards; } floods[] = {
		{ "every second byte", 2, 1, false },
		{ "every second byte, backwards", 2, 1, true },
		{ "overlapping by all but one byte", 1, 1400, false },
		{ "overlapping, backwards", 1, 1400, true },
		{ "tiny and adjacent", 1, 1, false },
	};
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		printf("# %s\n", floods[i].name);
		uint32_t n = 40000;
		uint64_t work = flood(n, floods[i].step, floods[i].len, floods[i].backwards, &memory);
		bytes = (uint64_t)n * floods[i].len;
		printf("# work %llu for %u segments\n", (unsigned long long)work, n);
		ok(work <= (uint64_t)n * (HELD_SEGMENTS + 16) + bytes);
		ok(memory < 8 * 1024 * 1024);
	}
}

/* In order and never acknowledged: of what was handed on, so much is kept to compare repeats with. */
static void unacknowledged(void)
{
	static uint8_t bytes[1400];
	struct session_env env;
	struct tcp *t = start(&env, 1 << 28);
	uint64_t least = 0, most = 0;

	opened(t);
	for (uint32_t i = 0; i < 20000; i++) {
		struct segment s = from_client(100 + i * 1400, (struct slice){ bytes, sizeof bytes });
		tcp_segment(t, &s);
		least = i ? least : tcp_memory(t);
		most = tcp_memory(t) > most ? tcp_memory(t) : most;
	}
	ok(most > least + RECENT_BYTES / 2 && most <= least + 2 * RECENT_BYTES);
	is(ev.n[EV_TCP_GAPS], 0);
	tcp_free(&t);
}

/* Half-open, all at once, in a budget for a sixth of them. */
static void many_connections(void)
{
	enum { MANY = 300000, BUDGET = 24 << 20 };
	struct session_env env;
	struct tcp *t = start(&env, BUDGET);
	uint64_t most = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		struct step x = { (int)(i / 10000), 'c', S, 99, 0, "", 0 };
		struct segment s = make(&x);
		s.src_port = (uint16_t)i;
		s.src.b[12] = (uint8_t)(i >> 16);
		tcp_segment(t, &s);
		if (tcp_memory(t) > most)
			most = tcp_memory(t);
	}
	printf("# work %llu for %u connections\n", (unsigned long long)tcp_work(t), MANY);
	ok(most <= BUDGET && most > BUDGET / 2);
	is(ev.n[EV_CONNECTIONS], MANY);
	ok(ev.n[EV_CONNECTION_EVICTED] > MANY * 3 / 4);
	ok(tcp_work(t) <= MANY);
	tcp_free(&t);
}

/*
 * Endpoints chosen so that their sums, their exclusive ors and their low bits are all the same: a hash
 * that is not keyed, or treats the two sides alike, would put them all into one bucket.
 */
static void colliding_connections(void)
{
	enum { MANY = 30000 };
	struct session_env env;
	struct tcp *t = start(&env, 1 << 28);

	for (uint32_t i = 0; i < MANY; i++) {
		struct step x = { 3, 'c', S, 99, 0, "", 0 };
		struct segment s = make(&x);
		s.src = ip_v4((const uint8_t[]){ 10, (uint8_t)(i >> 8), (uint8_t)i, 0 });
		s.dst = ip_v4((const uint8_t[]){ 10, (uint8_t)~(i >> 8), (uint8_t)~i, 0 });
		tcp_segment(t, &s);
		tcp_segment(t, &s);
	}
	printf("# work %llu for %u connections\n", (unsigned long long)tcp_work(t), MANY);
	is(ev.n[EV_CONNECTIONS], MANY);
	ok(tcp_work(t) <= 2 * MANY);
	tcp_free(&t);
}

static void deaf_streams_are_skipped(void)
{
	struct session_env env;
	struct tcp *t = start(&env, 1 << 24);

	be_deaf = true;
	opened(t);
	struct segment s = from_client(100, SLICE("ab"));
	tcp_segment(t, &s);
	s = from_client(200, SLICE("cd"));		/* a hole that nobody minds */
	tcp_segment(t, &s);
	uint64_t memory = tcp_memory(t);
	s = from_client(300, SLICE("ef"));
	tcp_segment(t, &s);
	is(tcp_memory(t), memory);
	tcp_end(t);
	ok(said("ab$$|"));
	be_deaf = false;
	tcp_free(&t);
}

/* RFC 1071 a byte pair at a time: what the wide words have to come to. */
static uint16_t slow_sum(const uint8_t *ip, size_t addresses, const uint8_t *raw, size_t n)
{
	uint64_t sum = 6 + n;

	for (size_t i = 0; i < addresses; i += 2)
		sum += (uint64_t)(ip[i] << 8 | ip[i + 1]);
	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)raw[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Every length up to a few blocks, then some of the longest, at every alignment. */
static void checksums(void)
{
	static uint8_t bytes[65536 + 8], ip[32];
	bool good = true, bad = true;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i < 40000 ? (uint8_t)rnd(256) : 0xff;	/* and sums that are large */
	for (int round = 0; round < 800; round++) {
		size_t n = round < 400 ? 20 + (size_t)round : 20 + rnd(65535 - 20), at = rnd(8);
		uint8_t *raw = bytes + at;
		bool v6 = rnd(2);
		struct segment s = { .raw = { raw, n } };

		for (size_t i = 0; i < sizeof ip; i++)
			ip[i] = (uint8_t)rnd(256);
		s.src = ip_v4(ip);
		s.dst = ip_v4(ip + 4);
		if (v6) {
			memcpy(s.src.b, ip, 16);
			memcpy(s.dst.b, ip + 16, 16);
		}
		raw[16] = raw[17] = 0;
		uint16_t sum = slow_sum(ip, v6 ? 32 : 8, raw, n);
		raw[16] = (uint8_t)(sum >> 8);
		raw[17] = (uint8_t)sum;
		good &= segment_sum(&s) == SUM_GOOD;
		raw[n - 1] ^= (uint8_t)(1 + rnd(255));
		bad &= segment_sum(&s) != SUM_GOOD;
	}
	ok(good);
	ok(bad);
}

int main(void)
{
	buf_init(&told, 1 << 28);
	checksums();
	run_stories();
	floods();
	unacknowledged();
	many_connections();
	colliding_connections();
	deaf_streams_are_skipped();
	buf_release(&told);
	return tap_end();
}
