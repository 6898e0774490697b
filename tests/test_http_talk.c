/*
 * test_http_talk: conversations as text files, each fed in several ways with the same result.
 *
 * A file in tests/http/ holds blocks.  `>>>` begins bytes of the client, `<<<` of the server; the lines
 * that follow are sent with CRLF after each, and a line that ends in `\` without.  \xNN and \\ are
 * escapes, `*N text` sends the text N times.  `>>> gap N`, `<<< gap N`, `>>> end`, `<<< end` are
 * losses and ends; `want` in the first line keeps headers, `joined` leaves the SYN out.  After
 * `===` stand the exchanges expected (http_rig.h).  `#` begins a comment.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http_rig.h"
#include "tests/tap.h"

enum { BLOCKS = 64 };

struct block {
	enum dir d;
	enum { SAY, GAP, END } kind;
	uint64_t gap;
	struct buf text;
};

struct talk {
	struct block block[BLOCKS];
	unsigned n;
	struct buf want;
	bool headers, joined, http2;
};

static int hex(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static void say_line(struct buf *b, const char *line)
{
	size_t n = strlen(line);
	bool whole = !(n && line[n - 1] == '\\' && !(n > 1 && line[n - 2] == '\\'));

	for (size_t i = 0; i < n - !whole; i++) {
		if (line[i] == '\\' && line[i + 1] == 'x') {
			buf_byte(b, (uint8_t)(hex(line[i + 2]) << 4 | hex(line[i + 3])));
			i += 3;
		} else if (line[i] == '\\' && line[i + 1] == '\\') {
			buf_byte(b, '\\');
			i++;
		} else {
			buf_byte(b, (uint8_t)line[i]);
		}
	}
	if (whole)
		buf_str(b, "\r\n");
}

static void say(struct buf *b, const char *line)
{
	unsigned times = 1;
	int at = 0;

	if (sscanf(line, "*%u %n", &times, &at) < 1)
		times = 1;
	while (times--)
		say_line(b, line + at);
}

static void new_block(struct talk *t, const char *line)
{
	struct block *b = &t->block[t->n++];
	unsigned long long n;

	b->d = line[0] == '>' ? FROM_CLIENT : FROM_SERVER;
	buf_init(&b->text, 1 << 20);
	if (sscanf(line + 3, " gap %llu", &n) == 1) {
		b->kind = GAP;
		b->gap = n;
	} else if (strstr(line, "end")) {
		b->kind = END;
	}
}

static bool read_talk(struct talk *t, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	bool expect = false;

	memset(t, 0, sizeof *t);
	buf_init(&t->want, 1 << 20);
	if (!f)
		return false;
	for (ssize_t n; (n = getline(&line, &size, f)) > 0; ) {
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		if (line[0] == '#')
			continue;
		if (!t->n && !strncmp(line, "option ", 7)) {
			t->headers |= strstr(line, "want") != NULL;
			t->joined |= strstr(line, "joined") != NULL;
		} else if (!strcmp(line, "===")) {
			expect = true;
		} else if (expect) {
			buf_printf(&t->want, "%s\n", line);
		} else if ((!strncmp(line, ">>>", 3) || !strncmp(line, "<<<", 3)) && t->n < BLOCKS) {
			new_block(t, line);
		} else if (t->n) {
			say(&t->block[t->n - 1].text, line);
		}
	}
	free(line);
	fclose(f);
	return t->n > 0;
}

/* Feed everything; blocks in pieces of `piece` bytes, block `cut` in two at `at`. */
static void play(struct rig *r, const struct talk *t, size_t piece, unsigned cut, size_t at)
{
	int64_t ts = 1;

	rig_init(r, layer_http1);
	r->s.syn = !t->joined;
	if (t->headers)
		r->env.want_header = rig_want;
	for (unsigned i = 0; i < t->n; i++) {
		const struct block *b = &t->block[i];
		struct slice left = buf_slice(&b->text);

		if (b->kind == GAP)
			layer_gap(r->s.bottom, b->d, b->gap, ts);
		else if (b->kind == END)
			layer_end(r->s.bottom, b->d, END_FIN, ts);
		while (left.n) {
			size_t n = i == cut && at ? at : piece;
			struct slice now = { left.p, n < left.n ? n : left.n };
			uint8_t *copy = malloc(now.n);	/* exact size: ASan guards its ends */

			memcpy(copy, now.p, now.n);
			layer_data(r->s.bottom, b->d, (struct slice){ copy, now.n }, ts++);
			free(copy);
			left = slice_from(left, now.n);
			if (i == cut && at)
				cut = BLOCKS;
		}
	}
	rig_end(r, ts);
}

static bool same(const struct talk *t, size_t piece, unsigned cut, size_t at, const char *how)
{
	struct rig r;
	bool good;

	play(&r, t, piece, cut, at);
	good = slice_eq(buf_slice(&r.out), buf_slice(&t->want));
	if (!good)
		printf("# %s\n# got:\n%.*s# want:\n%.*s", how, (int)r.out.n, (char *)r.out.p,
		       (int)t->want.n, (char *)t->want.p);
	layer_release(&r.s.bottom);
	good &= r.s.outside == 0;
	rig_release(&r);
	return good;
}

static bool every_split(const struct talk *t)
{
	char how[80];

	for (unsigned i = 0; i < t->n; i++) {
		size_t n = t->block[i].text.n, by = n > 3000 ? n / 1000 : 1;

		for (size_t at = 1; at < n; at += by) {
			snprintf(how, sizeof how, "block %u cut at %zu", i, at);
			if (!same(t, SIZE_MAX, i, at, how))
				return false;
		}
	}
	return true;
}

/* Any beginning of a conversation is decoded without a complaint of the sanitizers. */
static void every_prefix(const struct talk *t)
{
	struct talk part = *t;

	for (unsigned i = 0; i < t->n; i++) {
		size_t n = t->block[i].text.n, by = n > 3000 ? n / 1000 : 1;

		part.n = i + 1;
		for (size_t cut = 0; cut < n; cut += by) {
			struct rig r;

			part.block[i].text.n = cut;
			play(&r, &part, SIZE_MAX, BLOCKS, 0);
			rig_release(&r);
		}
		part.block[i] = t->block[i];
	}
}

static void one(const char *folder, const char *name)
{
	struct talk t;
	char path[1024];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	printf("# %s\n", name);
	if (ok(read_talk(&t, path))) {
		bool resyncs = false;

		for (unsigned i = 0; i < t.n; i++)
			resyncs |= t.block[i].kind == GAP;
		ok(same(&t, SIZE_MAX, BLOCKS, 0, "whole blocks"));
		if (!resyncs) {		/* a thread lost is found by segment boundaries */
			ok(same(&t, 1, BLOCKS, 0, "byte by byte"));
			ok(same(&t, 7, BLOCKS, 0, "seven bytes at a time"));
			ok(every_split(&t));
		}
		every_prefix(&t);
	}
	for (unsigned i = 0; i < t.n; i++)
		buf_release(&t.block[i].text);
	buf_release(&t.want);
}

static int is_talk(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && !strcmp(dot, ".talk");
}

int main(void)
{
	const char *srcdir = getenv("srcdir");
	char folder[500];
	struct dirent **names;
	int n;

	snprintf(folder, sizeof folder, "%s/tests/http", srcdir ? srcdir : ".");
	n = scandir(folder, &names, is_talk, alphasort);
	ok(n > 0);
	for (int i = 0; i < n; i++) {
		one(folder, names[i]->d_name);
		free(names[i]);
	}
	if (n > 0)
		free(names);
	return tap_end();
}
