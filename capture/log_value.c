#include "capture/log_value.h"

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

#ifdef __SSE2__
/* One number of a dotted quad: three digits at most, no leading zero. */
static inline bool octet(const uint8_t *p, unsigned n, uint8_t *v)
{
	unsigned d[3] = { p[0] - '0', p[1] - '0', p[2] - '0' };
	unsigned value = n == 3 ? d[0] * 100 + d[1] * 10 + d[2] : n == 2 ? d[0] * 10 + d[1] : d[0];

	*v = (uint8_t)value;
	return value <= 255 && n - 1 < 3 && (d[0] || n == 1);
}

/*
 * A dotted quad and its colon are sixteen bytes at most: one look says where the dots are and
 * that the rest are digits.  False: it is something else, or nothing.
 */
static bool v4_endpoint(struct slice s, struct ip *a, uint16_t *port)
{
	const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)s.p);
	const __m128i value = _mm_sub_epi8(b, _mm_set1_epi8('0'));
	unsigned dots = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_set1_epi8('.')));
	unsigned colons = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_set1_epi8(':')));
	unsigned digits = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value));
	unsigned end = (unsigned)__builtin_ctz(colons | 1U << 16), before = (1U << end) - 1;
	unsigned at[5] = { 0 };
	uint8_t v4[4];
	int64_t n;

	dots &= before;
	if (!colons || end >= s.n || ((digits | dots) & before) != before)
		return false;
	for (int k = 1; k < 4; k++, dots &= dots - 1) {
		if (!dots)
			return false;
		at[k] = (unsigned)__builtin_ctz(dots) + 1;
	}
	at[4] = end + 1;
	if (dots)
		return false;
	bool good = true;
	for (int k = 0; k < 4; k++)
		good &= octet(s.p + at[k], at[k + 1] - at[k] - 1, &v4[k]);
	struct slice rest = slice_from(s, end + 1);
	if (!good || rest.n > 5 || !log_number(rest, &n) || n > 65535)
		return false;
	*a = (struct ip){ { [10] = 0xff, 0xff, v4[0], v4[1], v4[2], v4[3] } };
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
