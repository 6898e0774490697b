/*
 * http1_head: RFC 9112 read as an auditor reads it.  Sections are named where the code obeys them.
 */
#include "capture/http1_head.h"

#include "capture/http_slot.h"

enum { METHOD_MAX = 32, LENGTH_DIGITS = 18, CHUNK_DIGITS = 15 };

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* RFC 9110 section 5.6.2: token. */
static bool is_token_char(uint8_t c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && memchr(others, c, sizeof others - 1));
}

struct slice http1_trim(struct slice s)
{
	while (s.n && blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && (blank(s.p[s.n - 1]) || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

/* The next word; *ended tells whether a blank follows it. */
static struct slice word(struct slice *s, bool *ended)
{
	size_t i = 0;
	struct slice w;

	while (i < s->n && !blank(s->p[i]))
		i++;
	w = (struct slice){ s->p, i };
	*ended = i < s->n;
	while (i < s->n && blank(s->p[i]))
		i++;
	*s = slice_from(*s, i);
	return w;
}

static uint8_t version_of(struct slice s)
{
	if (s.n != 8 || !slice_starts(s, SLICE("HTTP/")) || s.p[6] != '.' ||
	    s.p[5] < '0' || s.p[5] > '9' || s.p[7] < '0' || s.p[7] > '9')
		return 0;
	return (uint8_t)((s.p[5] - '0') * 10 + (s.p[7] - '0'));
}

/* Requests without a version are told from other line protocols by method and target. */
static bool looks_like_09(struct slice method, struct slice target)
{
	static const char *const known[] = { "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS" };

	if (!target.n || (target.p[0] != '/' && !slice_starts(target, SLICE("http"))))
		return false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_is(method, known[i]))
			return true;
	return false;
}

bool http1_request_line(struct http1_request_line *r, struct slice line, bool cut)
{
	struct slice rest = line, last;
	bool ended, target_ended;

	*r = (struct http1_request_line){ 0 };
	r->method = word(&rest, &ended);
	if (!ended || !r->method.n || r->method.n > METHOD_MAX)
		return false;
	for (size_t i = 0; i < r->method.n; i++)
		if (!is_token_char(r->method.p[i]))
			return false;
	r->target = word(&rest, &target_ended);
	if (!r->target.n || (cut && !target_ended))
		return false;
	if (cut)
		return slice_starts(SLICE("HTTP/1."), (struct slice){ rest.p, rest.n < 7 ? rest.n : 7 });
	rest = http1_trim(rest);
	if (!rest.n) {
		r->version = 9;
		return looks_like_09(r->method, r->target);
	}
	r->version = version_of(rest);
	if (r->version)
		return true;
	r->odd = true;
	last = rest.n > 8 ? slice_from(rest, rest.n - 8) : rest;
	r->version = version_of(last);
	return r->version || slice_starts(rest, SLICE("HTTP/"));
}

uint16_t http1_status_line(struct slice line)
{
	struct slice rest = line, status;
	bool ended;

	if (!slice_starts(word(&rest, &ended), SLICE("HTTP/")))
		return 0;
	status = http1_trim(word(&rest, &ended));
	if (status.n != 3 || status.p[0] < '1' || status.p[0] > '9')
		return 0;
	for (int i = 1; i < 3; i++)
		if (status.p[i] < '0' || status.p[i] > '9')
			return 0;
	return (uint16_t)((status.p[0] - '0') * 100 + (status.p[1] - '0') * 10 + (status.p[2] - '0'));
}

bool http1_absolute_form(struct slice target, struct slice *scheme, struct slice *authority,
			 struct slice *path)
{
	size_t i = 0, end;

	while (i < target.n && ((target.p[i] | 0x20) >= 'a' && (target.p[i] | 0x20) <= 'z'))
		i++;
	if (!i || !slice_starts(slice_from(target, i), SLICE("://")))
		return false;
	*scheme = (struct slice){ target.p, i };
	i += 3;
	for (end = i; end < target.n && !memchr("/?#", target.p[end], 3); end++)
		;
	*authority = (struct slice){ target.p + i, end - i };
	*path = end < target.n ? slice_from(target, end) : SLICE("/");
	return true;
}

/* Any byte below 0x20 but TAB, or DEL: eight at a time. */
static bool has_control(struct slice s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	bool hit = false;
	size_t i = 0;

	for (; i + 8 <= s.n && !hit; i += 8) {
		uint64_t v, del;

		memcpy(&v, s.p + i, 8);
		del = v ^ ones * 0x7f;
		hit = ((v - ones * 0x20) & ~v & high) || ((del - ones) & ~del & high);
	}
	if (hit)
		i -= 8;
	for (; i < s.n; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

bool http1_header_line(struct slice line, struct slice *name, struct slice *value, bool *odd)
{
	const uint8_t *colon = memchr(line.p, ':', line.n);
	size_t n;

	*odd = !colon || colon == line.p || has_control(line);
	if (!colon)
		return false;
	n = (size_t)(colon - line.p);
	*value = http1_trim(slice_from(line, n + 1));
	/* RFC 9112 section 5.1: no whitespace before the colon; readers that allow it disagree. */
	if (n && blank(line.p[n - 1]))
		*odd = true;
	*name = http1_trim((struct slice){ line.p, n });
	return name->n > 0;
}

/* Section 8.6 of RFC 9110: digits, or the same digits several times with commas between. */
static bool read_length(struct slice s, uint64_t *v)
{
	size_t i = 0;

	while (i + 1 < s.n && s.p[i] == '0')
		i++;
	if (!s.n || s.n - i > LENGTH_DIGITS)
		return false;
	for (*v = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*v = *v * 10 + (uint64_t)(s.p[i] - '0');
	}
	return true;
}

static struct slice list_item(struct slice *s)
{
	const uint8_t *comma = s->n ? memchr(s->p, ',', s->n) : NULL;
	size_t n = comma ? (size_t)(comma - s->p) : s->n;
	struct slice item = http1_trim((struct slice){ s->p, n });

	*s = slice_from(*s, comma ? n + 1 : n);
	return item;
}

void http1_content_length(struct http1_framing *f, struct slice value)
{
	struct slice rest = value;

	f->fold = FOLD_LENGTH;
	do {
		uint64_t v = 0;
		bool good = read_length(list_item(&rest), &v);

		if (!good || (f->has_length && v != f->length))
			f->bad_length = true;
		else
			f->length = v;
		f->has_length = true;
	} while (rest.n);
}

void http1_transfer_encoding(struct http1_framing *f, struct slice value)
{
	static const char *const known[] = { "gzip", "x-gzip", "deflate", "compress", "x-compress" };
	struct slice rest = value;

	f->fold = FOLD_CODING;
	f->has_coding = true;
	while (rest.n) {
		struct slice item = list_item(&rest);
		bool chunked = http_same_word(item, SLICE("chunked")), good = chunked;

		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			good |= http_same_word(item, slice_of(known[i]));
		f->odd_coding |= !good || (chunked && f->chunked);
		f->chunked |= chunked;
		f->chunked_last = chunked;
	}
}

void http1_upgrade(struct http1_framing *f, struct slice value)
{
	struct slice rest = value;

	f->asks_upgrade = value.n > 0;
	while (rest.n) {
		struct slice item = list_item(&rest);

		f->upgrade_h2c |= http_same_word(item, SLICE("h2c"));
		f->upgrade_websocket |= http_same_word(item, SLICE("websocket"));
	}
}

static bool ambiguous_framing(const struct http1_framing *f)
{
	return f->bad_length || f->odd_coding || (f->has_coding && f->has_length) ||
	       (f->chunked && !f->chunked_last);
}

enum http1_body http1_request_body(const struct http1_framing *f, uint8_t version, bool *ambiguous)
{
	*ambiguous |= ambiguous_framing(f) || (f->has_coding && (!f->chunked || version < 11));
	if (f->chunked)
		return BODY_CHUNKED;
	if (f->has_length && !f->bad_length)
		return f->length ? BODY_LENGTH : BODY_NONE;
	return BODY_NONE;	/* an unreadable length too: what follows shows whether it is a request */
}

enum http1_body http1_response_body(const struct http1_framing *f, uint16_t status, bool head,
				    bool *ambiguous)
{
	if (head || status / 100 == 1 || status == 204 || status == 304)
		return BODY_NONE;
	*ambiguous |= ambiguous_framing(f);
	if (f->chunked)
		return BODY_CHUNKED;
	if (f->has_coding || !f->has_length || f->bad_length)
		return BODY_CLOSE;
	return f->length ? BODY_LENGTH : BODY_NONE;
}

bool http1_chunk_size(struct slice line, uint64_t *size, bool *odd)
{
	size_t i = 0, digits = 0;

	for (*size = 0; i < line.n; i++) {
		uint8_t c = line.p[i];
		int v = c >= '0' && c <= '9' ? c - '0' :
			(c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;

		if (v < 0)
			break;
		digits += digits || v;
		if (digits > CHUNK_DIGITS)
			return false;
		*size = *size << 4 | (uint64_t)v;
	}
	if (!i)
		return false;
	while (i < line.n && blank(line.p[i])) {
		*odd = true;	/* RFC 9112 section 7.1.1: only before an extension, and even there bad */
		i++;
	}
	*odd |= has_control(line);
	return i == line.n || line.p[i] == ';';
}
