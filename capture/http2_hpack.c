/*
 * http2_hpack: header blocks through libnghttp2's decoder, fed as the bytes come.
 *
 * HPACK counts dynamic entries from the newest, so a decoder that joins late is right about every
 * entry it saw inserted and fails (NGHTTP2_ERR_HEADER_COMP) at a reference to an older one: it
 * never invents.  After a failure the rest of the block is unknown, so the table is too: the
 * next block starts with a fresh decoder.  Blocks are bounded in frames, in bytes sent and in
 * bytes decoded (a one-byte reference can stand for kilobytes).
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "capture/http2_part.h"

/*
 * The decoder's memory is the remote party's choice (a table of 64 KiB by the RFC's count is ten
 * times that in small entries), so each block is counted in session.outside, its size before it.
 */
struct block {
	max_align_t n;		/* room for a size that keeps what follows aligned */
	unsigned char bytes[];
};

static size_t *size_of(struct block *b)
{
	return (size_t *)(void *)&b->n;
}

static struct block *block_of(void *p)
{
	return (struct block *)(void *)((unsigned char *)p - offsetof(struct block, bytes));
}

static void *hpack_realloc(void *p, size_t n, void *user)
{
	struct session *s = user;
	size_t old = p ? *size_of(block_of(p)) : 0;
	struct block *b = realloc(p ? block_of(p) : NULL, sizeof *b + n);

	if (!b)
		abort();
	*size_of(b) = n;
	s->outside += n - old + (p ? 0 : sizeof *b);
	return b->bytes;
}

static void *hpack_malloc(size_t n, void *user)
{
	return hpack_realloc(NULL, n, user);
}

static void *hpack_calloc(size_t n, size_t size, void *user)
{
	if (size && n > SIZE_MAX / 2 / size)
		abort();
	return memset(hpack_malloc(n * size, user), 0, n * size);
}

static void hpack_free(void *p, void *user)
{
	struct session *s = user;

	if (!p)
		return;
	s->outside -= sizeof(struct block) + *size_of(block_of(p));
	free(block_of(p));
}

void h2_hpack_init(struct http2 *h)
{
	h->mem = (nghttp2_mem){ h->l.s, hpack_malloc, hpack_free, hpack_calloc, hpack_realloc };
}

void h2_forget_table(struct http2 *h, enum dir d)
{
	struct h2_side *sd = &h->side[d];

	if (!sd->inflater)
		return;
	nghttp2_hd_inflate_del(sd->inflater);
	sd->inflater = NULL;
}

static nghttp2_hd_inflater *inflater(struct http2 *h, enum dir d)
{
	struct h2_side *sd = &h->side[d];

	if (!sd->inflater) {
		if (nghttp2_hd_inflate_new2(&sd->inflater, &h->mem))
			abort();
		nghttp2_hd_inflate_change_table_size(sd->inflater, HTTP2_TABLE);
	}
	return sd->inflater;
}

static void block_failed(struct http2 *h, enum dir d, enum evidence_reason why)
{
	struct h2_side *sd = &h->side[d];

	if (!sd->block_bad)
		evidence_add(h->l.s->env->ev, why, 1);
	sd->block_bad = true;
	h2_forget_table(h, d);
}

static void decode(struct http2 *h, enum dir d, struct slice in, bool final)
{
	struct h2_side *sd = &h->side[d];

	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(inflater(h, d), &nv, &flags, in.p, in.n,
						      final);

		if (used < 0) {
			block_failed(h, d, EV_H2_HEADERS_UNKNOWN);
			return;
		}
		in = slice_from(in, (size_t)used);
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			sd->block_decoded += (uint32_t)(nv.namelen + nv.valuelen + 32);
			if (sd->block_decoded > HTTP2_BLOCK) {
				block_failed(h, d, EV_H2_HEADERS_LONG);
				return;
			}
			h2_stream_field(h, sd->block, sd->block_stream,
					(struct slice){ nv.name, nv.namelen },
					(struct slice){ nv.value, nv.valuelen });
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(sd->inflater);
			return;
		}
		if (!in.n && !(flags & NGHTTP2_HD_INFLATE_EMIT))
			return;
	}
}

void h2_block_begin(struct http2 *h, enum dir d, int64_t ts)
{
	struct h2_side *sd = &h->side[d];

	sd->in_block = true;
	sd->block_bad = false;
	sd->block_bytes = sd->block_frames = sd->block_decoded = 0;
	sd->block_stream = sd->stream;
	sd->block_end_stream = sd->type == H2_HEADERS && sd->flags & H2_END_STREAM;
	/* A pushed request is the server's own idea, not a client's request. */
	sd->block = sd->type == H2_PUSH_PROMISE ? BLOCK_IGNORED :
						  h2_stream_headers(h, d, sd->stream, ts);
}

void h2_block_data(struct http2 *h, enum dir d, struct slice bytes)
{
	struct h2_side *sd = &h->side[d];

	if (sd->block_bad || !bytes.n)
		return;
	sd->block_bytes += (uint32_t)bytes.n;
	if (sd->block_bytes > HTTP2_BLOCK)
		block_failed(h, d, EV_H2_HEADERS_LONG);
	else
		decode(h, d, bytes, false);
}

void h2_block_end(struct http2 *h, enum dir d, int64_t ts)
{
	struct h2_side *sd = &h->side[d];

	if (!sd->block_bad)
		decode(h, d, (struct slice){ (const uint8_t *)"", 0 }, true);
	sd->in_block = false;
	h2_stream_headers_done(h, d, sd->block, sd->block_stream, sd->block_bad, ts);
	if (sd->block_end_stream)
		h2_stream_end(h, d, sd->block_stream, ts);
	sd->block = BLOCK_NONE;
}

/*
 * The decoder is always ready for the largest table that is followed; whatever smaller size the
 * peers agree on, the encoder says so itself (RFC 7541 section 4.2).  A larger one cannot be
 * followed: references past it will fail and be told.
 */
void h2_table_size(struct http2 *h, uint32_t size)
{
	if (size > HTTP2_TABLE)
		evidence_add(h->l.s->env->ev, EV_H2_TABLE_LARGE, 1);
}
