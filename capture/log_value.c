#include "capture/log_value.h"

#include "common/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

bool log_digits_plain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

bool log_number_plain(struct slice s, int64_t *v)
{
	int64_t n = 0;

	if (s.n > LOG_NUMBER_MOST || !log_digits_plain(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		n = n * 10 + (s.p[i] - '0');
	*v = n;
	return true;
}

bool log_real(struct slice s, double *v)
{
	struct json j;
	double d;

	json_init(&j, s);
	if (!s.n || json_next(&j) != JSON_NUMBER || j.text.n != s.n || !json_real(&j, &d))
		return false;
	if (!(d >= 0 && d < 1e15))
		return false;
	*v = d;
	return true;
}

bool log_whole(struct slice s, int64_t *v)
{
	double d;

	if (!log_real(s, &d) || d != (double)(int64_t)d)
		return false;
	*v = (int64_t)d;
	return true;
}

#ifdef __SSE2__
static inline unsigned where(__m128i b, char c)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_set1_epi8(c)));
}

static inline unsigned first(unsigned bits)
{
	return (unsigned)__builtin_ctz(bits | 1U << 16);
}

/* A number of n digits, 1 to 3.  No branch depends on n, which nobody can foresee. */
static inline uint32_t octet(const uint8_t *p, unsigned n)
{
	unsigned one = p[0] - '0', two = one * 10 + p[1] - '0', three = two * 10 + p[2] - '0';

	return n == 1 ? one : n == 2 ? two : three;
}

/*
 * A dotted quad and its colon are sixteen bytes at most: one look says where the dots are, that the
 * rest are digits, one to three between them, and that no number begins with a zero that is not all
 * of it.  False: it is something else, or nothing.
 */
static inline bool v4_endpoint(struct slice s, struct ip *a, uint16_t *port)
{
	const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)s.p);
	const __m128i value = _mm_sub_epi8(b, _mm_set1_epi8('0'));
	unsigned end = first(where(b, ':')), before = (1U << end) - 1;
	unsigned dots = where(b, '.') & before, zeros = where(b, '0');
	const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
	unsigned digits = (unsigned)_mm_movemask_epi8(is_digit) & before;
	unsigned starts = dots << 1 | 1, later = dots & (dots - 1), last = later & (later - 1);
	unsigned bad = (digits | dots) ^ before;

	bad |= starts & (dots | 1U << end);				/* nothing between */
	bad |= digits & digits >> 1 & digits >> 2 & digits >> 3;	/* four digits */
	bad |= starts & zeros & digits >> 1;				/* 01 */
	if (bad || !last || last & (last - 1) || end >= s.n || s.n - end > 6)
		return false;
	unsigned second = first(dots) + 1, third = first(later) + 1, fourth = first(last) + 1;
	uint32_t v1 = octet(s.p, second - 1), v2 = octet(s.p + second, third - second - 1);
	uint32_t v3 = octet(s.p + third, fourth - third - 1), v4 = octet(s.p + fourth, end - fourth);
	int64_t n;
	struct slice rest = { s.p + end + 1, s.n - end - 1 };
	if ((v1 | v2 | v3 | v4) > 255 || !log_number(rest, &n) || n > 65535)
		return false;
	/* ::ffff:a.b.c.d in one store: who copies the address would wait for many. */
	_mm_storeu_si128((__m128i *)(void *)a->b,
			 _mm_set_epi32((int)(v1 | v2 << 8 | v3 << 16 | v4 << 24), (int)0xffff0000, 0, 0));
	*port = (uint16_t)n;
	return true;
}
#else
static bool v4_endpoint(struct slice s, struct ip *a, uint16_t *port)
{
	(void)s, (void)a, (void)port;
	return false;
}
#endif

bool log_endpoint(struct slice s, struct ip *a, uint16_t *port)
{
	return v4_endpoint(s, a, port) || ip_port_parse(s, a, port);
}
