/*
 * buf: doubling array.  Out of real memory aborts; the maximum does not, it
 * sets `full`, because the maximum is reached by input, not by the machine.
 */
#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_release(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

bool buf_write(const struct buf *b, FILE *out)
{
	return !b->n || fwrite(b->p, 1, b->n, out) == b->n;
}

bool buf_grow(struct buf *b, size_t n)
{
	if (b->full || n > b->max - b->n) {
		b->full = true;
		return false;
	}
	size_t size = b->size ? b->size : 256;
	while (size - b->n < n)
		size *= 2;
	if (size > b->max)	/* so that whoever writes up to `size` is bounded too */
		size = b->max;
	b->p = realloc(b->p, size);
	if (!b->p)
		abort();
	b->size = size;
	return true;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0 && buf_room(b, (size_t)n + 1)) {
		vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_int(struct buf *b, int64_t v)
{
	uint8_t tmp[20];
	size_t at = sizeof tmp;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		tmp[--at] = (uint8_t)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		tmp[--at] = '-';
	buf_add(b, (struct slice){ tmp + at, sizeof tmp - at });
}

void buf_hex(struct buf *b, struct slice s)
{
	static const char digit[] = "0123456789abcdef";

	if (!buf_room(b, s.n * 2))
		return;
	for (size_t i = 0; i < s.n; i++) {
		b->p[b->n++] = (uint8_t)digit[s.p[i] >> 4];
		b->p[b->n++] = (uint8_t)digit[s.p[i] & 15];
	}
}

/* RFC 3629: shortest form only, no surrogates, at most U+10FFFF. */
size_t utf8_len(const uint8_t *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;
	uint32_t c;

	if (!n)
		return 0;
	if (p[0] < 0x80) {
		*code = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
		c = p[0] & 0x1f;
	} else if ((p[0] & 0xf0) == 0xe0) {
		len = 3;
		c = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		c = p[0] & 0x07;
	} else {
		return 0;
	}
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return len;
}

bool utf8_is_deceptive(uint32_t c)
{
	static const struct { uint32_t from, to; } bad[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f },		/* C0, DEL, C1 */
		{ 0xad, 0xad }, { 0x61c, 0x61c },	/* soft hyphen, Arabic mark */
		{ 0x180e, 0x180e }, { 0x200b, 0x200f },	/* zero width, LRM, RLM */
		{ 0x2028, 0x202e }, { 0x2060, 0x206f },	/* separators, embeddings, isolates */
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },	/* BOM, interlinear */
		{ 0xe0000, 0xe007f },			/* tags */
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (c >= bad[i].from && c <= bad[i].to)
			return true;
	return false;
}

/*
 * Controls (C1 too: a terminal obeys them) and what YAML does not take as it stands, so that a JSON
 * string is a YAML string as well.
 */
static bool must_escape(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

/* Some byte of w is below 0x20 or above 0x7e. */
static bool odd_byte(uint64_t w)
{
	const uint64_t one = UINT64_C(0x0101010101010101), top = one << 7;

	return ((w - one * 0x20) & ~w & top) | ((w | (w + one)) & top);
}

static bool has_byte(uint64_t w, uint8_t c)
{
	const uint64_t one = UINT64_C(0x0101010101010101), x = w ^ one * c;

	return (x - one) & ~x & one << 7;
}

/* How many bytes at s's start stand for themselves in a JSON string; eight are looked at at once. */
static size_t json_plain(struct slice s)
{
	size_t n = 0;

	for (uint64_t w; s.n - n >= sizeof w; n += sizeof w) {
		memcpy(&w, s.p + n, sizeof w);
		if (odd_byte(w) || has_byte(w, '"') || has_byte(w, '\\'))
			break;
	}
	while (n < s.n && s.p[n] >= 0x20 && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

void buf_json_string(struct buf *b, struct slice s)
{
	size_t i = 0;

	buf_byte(b, '"');
	while (i < s.n) {
		size_t run = i + json_plain(slice_from(s, i));
		buf_add(b, (struct slice){ s.p + i, run - i });
		i = run;
		if (i == s.n)
			break;
		uint32_t c;
		size_t len = utf8_len(s.p + i, s.n - i, &c);
		if (!len) {
			buf_str(b, "\xef\xbf\xbd");
			i++;
			continue;
		}
		if (c == '"' || c == '\\') {
			buf_byte(b, '\\');
			buf_byte(b, (uint8_t)c);
		} else if (must_escape(c)) {
			buf_printf(b, "\\u%04x", (unsigned)c);
		} else {
			buf_add(b, (struct slice){ s.p + i, len });
		}
		i += len;
	}
	buf_byte(b, '"');
}

void buf_quote(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t c = 0;
		size_t run = i;

		while (run < s.n && s.p[run] >= 0x20 && s.p[run] < 0x7f)
			run++;
		buf_add(b, (struct slice){ s.p + i, run - i });
		i = run;
		if (i == s.n)
			break;
		size_t len = utf8_len(s.p + i, s.n - i, &c);
		if (!len || (len == 1 && utf8_is_deceptive(c)))
			buf_printf(b, "\\x%02x", s.p[i]);
		else if (utf8_is_deceptive(c))
			buf_printf(b, "\\u{%04x}", (unsigned)c);
		else
			buf_add(b, (struct slice){ s.p + i, len });
		i += len ? len : 1;
	}
}

void buf_xml(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint32_t code;
		size_t len = utf8_len(s.p + i, s.n - i, &code);
		uint8_t c = s.p[i];

		if (c == '<')
			buf_str(b, "&lt;");
		else if (c == '>')
			buf_str(b, "&gt;");
		else if (c == '&')
			buf_str(b, "&amp;");
		else if (c == '"')
			buf_str(b, "&quot;");
		else if (len > 1)
			buf_add(b, (struct slice){ s.p + i, len });
		else
			buf_byte(b, (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t' ? c : '?');
		i += len > 1 ? len - 1 : 0;
	}
}
