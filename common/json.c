/*
 * json: the grammar as a small state (what may come next) plus one bit a
 * level that says object or array.  One pass, each byte looked at once.
 */
#include "common/json.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum state { WANT_VALUE, WANT_FIRST_VALUE, WANT_FIRST_KEY, WANT_KEY, WANT_COMMA, WANT_END, BROKEN };

void json_init(struct json *j, struct slice in)
{
	*j = (struct json){ .in = in, .state = WANT_VALUE };
}

static enum json_token bad(struct json *j, const char *why)
{
	j->state = BROKEN;
	if (!j->why)
		j->why = why;
	return JSON_BAD;
}

static int blank(struct json *j)
{
	while (j->at < j->in.n) {
		uint8_t c = j->in.p[j->at];
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return c;
		j->at++;
	}
	return -1;
}

static bool hex4(const struct json *j, size_t at)
{
	if (at + 4 > j->in.n)
		return false;
	for (size_t k = at; k < at + 4; k++) {
		uint8_t c = j->in.p[k] | 0x20;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

/* The first byte that a string's plain text does not hold: a quote, a backslash, a control byte. */
static size_t plain(const uint8_t *p, size_t i, size_t n)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1f);
	for (; n - i >= 16; i += 16) {
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(b, quote), _mm_cmpeq_epi8(b, slash));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(b, last), b));
		unsigned bits = (unsigned)_mm_movemask_epi8(hit);
		if (bits)
			return i + (size_t)__builtin_ctz(bits);
	}
#endif
	while (i < n && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

/* From after the opening quote to after the closing one. */
static bool string(struct json *j)
{
	const uint8_t *p = j->in.p;
	size_t i = j->at, n = j->in.n;

	j->escaped = false;
	for (;;) {
		i = plain(p, i, n);
		if (i >= n || p[i] < 0x20)
			return false;
		if (p[i] == '"')
			break;
		j->escaped = true;
		if (i + 1 >= n || !memchr("\"\\/bfnrtu", p[i + 1], 9))
			return false;
		if (p[i + 1] == 'u' && !hex4(j, i + 2))
			return false;
		i += p[i + 1] == 'u' ? 6 : 2;
	}
	j->text = (struct slice){ p + j->at, i - j->at };
	j->at = i + 1;
	return true;
}

static size_t digits(const struct json *j, size_t i)
{
	while (i < j->in.n && j->in.p[i] >= '0' && j->in.p[i] <= '9')
		i++;
	return i;
}

static bool number(struct json *j)
{
	const uint8_t *p = j->in.p;
	size_t i = j->at, n = j->in.n, from;

	i += p[i] == '-';
	from = i;
	i = digits(j, i);
	if (i == from || (p[from] == '0' && i - from > 1))
		return false;
	if (i < n && p[i] == '.') {
		from = ++i;
		i = digits(j, i);
		if (i == from)
			return false;
	}
	if (i < n && (p[i] == 'e' || p[i] == 'E')) {
		i++;
		i += i < n && (p[i] == '+' || p[i] == '-');
		from = i;
		i = digits(j, i);
		if (i == from)
			return false;
	}
	j->text = (struct slice){ p + j->at, i - j->at };
	j->at = i;
	return true;
}

static bool word(struct json *j, const char *w)
{
	size_t n = strlen(w);

	if (j->in.n - j->at < n || memcmp(j->in.p + j->at, w, n) != 0)
		return false;
	j->at += n;
	return true;
}

static enum json_token after_value(struct json *j, enum json_token t)
{
	j->state = j->depth ? WANT_COMMA : WANT_END;
	return t;
}

static enum json_token open_(struct json *j, bool object)
{
	if (j->depth == JSON_DEPTH)
		return bad(j, "nested too deep");
	uint64_t bit = UINT64_C(1) << j->depth;
	j->objects = object ? j->objects | bit : j->objects & ~bit;
	j->depth++;
	j->at++;
	j->state = object ? WANT_FIRST_KEY : WANT_FIRST_VALUE;
	return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_token close_(struct json *j, int c)
{
	bool object = j->objects >> (j->depth - 1) & 1;

	if (c != (object ? '}' : ']'))
		return bad(j, object ? "expected , or }" : "expected , or ]");
	j->at++;
	j->depth--;
	return after_value(j, object ? JSON_OBJECT_END : JSON_ARRAY_END);
}

static enum json_token value(struct json *j, int c)
{
	switch (c) {
	case '{': return open_(j, true);
	case '[': return open_(j, false);
	case '"':
		j->at++;
		return string(j) ? after_value(j, JSON_STRING) : bad(j, "string not closed");
	case 't': return word(j, "true") ? after_value(j, JSON_TRUE) : bad(j, "expected a value");
	case 'f': return word(j, "false") ? after_value(j, JSON_FALSE) : bad(j, "expected a value");
	case 'n': return word(j, "null") ? after_value(j, JSON_NULL) : bad(j, "expected a value");
	case -1: return bad(j, "text ends early");
	default:
		if (c != '-' && (c < '0' || c > '9'))
			return bad(j, "expected a value");
		return number(j) ? after_value(j, JSON_NUMBER) : bad(j, "not a number");
	}
}

static enum json_token key(struct json *j, int c)
{
	if (c != '"')
		return bad(j, "expected a key");
	j->at++;
	if (!string(j))
		return bad(j, "key not closed");
	if (blank(j) != ':')
		return bad(j, "expected :");
	j->at++;
	j->state = WANT_VALUE;
	return JSON_KEY;
}

enum json_token json_next(struct json *j)
{
	int c = blank(j);

	j->start = j->at;
	switch ((enum state)j->state) {
	case WANT_END:
		return c == -1 ? JSON_END : bad(j, "text after the value");
	case WANT_FIRST_VALUE:
		return c == ']' ? close_(j, c) : value(j, c);
	case WANT_VALUE:
		return value(j, c);
	case WANT_FIRST_KEY:
		return c == '}' ? close_(j, c) : key(j, c);
	case WANT_KEY:
		return key(j, c);
	case WANT_COMMA:
		if (c != ',')
			return c == -1 ? bad(j, "text ends early") : close_(j, c);
		j->at++;
		c = blank(j);
		j->start = j->at;
		return j->objects >> (j->depth - 1) & 1 ? key(j, c) : value(j, c);
	case BROKEN:
		break;
	}
	return JSON_BAD;
}

bool json_skip(struct json *j, enum json_token first, struct slice *raw)
{
	size_t from = j->start;
	unsigned open = first == JSON_OBJECT || first == JSON_ARRAY;

	while (open) {
		enum json_token t = json_next(j);
		if (t == JSON_BAD || t == JSON_END)
			return false;
		open += t == JSON_OBJECT || t == JSON_ARRAY;
		open -= t == JSON_OBJECT_END || t == JSON_ARRAY_END;
	}
	if (raw)
		*raw = (struct slice){ j->in.p + from, j->at - from };
	return first != JSON_BAD && first != JSON_END;
}

static uint32_t hex_value(const uint8_t *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return v;
}

static size_t utf8_put(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/*
 * The character of the \\u at p[i], and how many bytes it takes there; a lone surrogate is no character:
 * U+FFFD, and *broken.
 */
static uint32_t escaped_char(struct slice s, size_t i, size_t *bytes, bool *broken)
{
	uint32_t c = hex_value(s.p + i + 2), low = 0;
	bool pair = c >= 0xd800 && c < 0xdc00 && i + 12 <= s.n && s.p[i + 6] == '\\' && s.p[i + 7] == 'u';

	*bytes = 6;
	if (pair)
		low = hex_value(s.p + i + 8);
	if (pair && low >= 0xdc00 && low < 0xe000) {
		*bytes = 12;
		return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	if (c < 0xd800 || c >= 0xe000)
		return c;
	*broken = true;
	return 0xfffd;
}

bool json_is_broken(const struct json *j)
{
	bool broken = false;
	size_t bytes;

	for (size_t i = 0; j->escaped && i + 1 < j->text.n; i += bytes) {
		bytes = 1;
		if (j->text.p[i] != '\\')
			continue;
		bytes = 2;
		if (j->text.p[i + 1] == 'u')
			escaped_char(j->text, i, &bytes, &broken);
	}
	return broken;
}

struct slice json_unescape(const struct json *j, struct arena *a)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	struct slice s = j->text;

	if (!j->escaped)
		return s;
	uint8_t *out = arena_bytes(a, s.n);
	size_t n = 0;
	bool broken;
	if (!out)
		return (struct slice){ NULL, 0 };
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] != '\\') {
			out[n++] = s.p[i++];
			continue;
		}
		if (s.p[i + 1] != 'u') {
			out[n++] = (uint8_t)to[strchr(from, s.p[i + 1]) - from];
			i += 2;
			continue;
		}
		size_t bytes;
		n += utf8_put(out + n, escaped_char(s, i, &bytes, &broken));
		i += bytes;
	}
	return (struct slice){ out, n };
}

bool json_int(const struct json *j, int64_t *v)
{
	struct slice s = j->text;
	bool minus = s.n && s.p[0] == '-';
	uint64_t u = 0, most = (uint64_t)INT64_MAX + minus;

	for (size_t i = minus; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		unsigned d = (unsigned)(s.p[i] - '0');
		if (u > (most - d) / 10)
			return false;
		u = u * 10 + d;
	}
	*v = minus ? (int64_t)(0 - u) : (int64_t)u;
	return s.n > (size_t)minus;
}

bool json_real(const struct json *j, double *v)
{
	char text[64];

	if (j->text.n == 0 || j->text.n >= sizeof text)
		return false;
	memcpy(text, j->text.p, j->text.n);
	text[j->text.n] = 0;
	*v = strtod(text, NULL);	/* the grammar was checked: no locale is set */
	return true;
}
