#include "capture/log_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/buf.h"

static void one(struct log_marks *m, uint8_t c, uint32_t at)
{
	m->nul |= c == 0;
	m->high |= c >= 0x80;
	if (c != ' ' && c != '"')
		return;
	m->quotes += c == '"';
	m->at[m->n++] = at;
}

#ifdef __SSE2__
/* at[] has room for one block more than LOG_MARKS. */
static size_t blocks(struct log_marks *m, struct slice s)
{
	const __m128i blank = _mm_set1_epi8(' '), quote = _mm_set1_epi8('"'), zero = _mm_setzero_si128();
	__m128i low = _mm_set1_epi8(-1), any = zero;
	size_t i = 0;

	for (; s.n - i >= 16 && m->n < LOG_MARKS; i += 16) {
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
		__m128i q = _mm_cmpeq_epi8(b, quote);
		unsigned bits = (unsigned)_mm_movemask_epi8(_mm_or_si128(q, _mm_cmpeq_epi8(b, blank)));
		unsigned quotes = (unsigned)_mm_movemask_epi8(q);
		low = _mm_min_epu8(low, b);
		any = _mm_or_si128(any, b);
		for (; bits; bits &= bits - 1) {
			uint32_t k = (uint32_t)__builtin_ctz(bits);
			m->quotes += quotes >> k & 1;
			m->at[m->n++] = (uint32_t)i + k;
		}
	}
	m->high = _mm_movemask_epi8(any) != 0;
	m->nul = _mm_movemask_epi8(_mm_cmpeq_epi8(low, zero)) != 0;
	return i;
}
static bool any_high(struct slice s)
{
	__m128i any = _mm_setzero_si128();
	size_t i = 0;
	uint8_t rest = 0;

	for (; s.n - i >= 16; i += 16)
		any = _mm_or_si128(any, _mm_loadu_si128((const __m128i *)(const void *)(s.p + i)));
	for (; i < s.n; i++)
		rest |= s.p[i];
	return _mm_movemask_epi8(any) || rest >= 0x80;
}
#else
static size_t blocks(struct log_marks *m, struct slice s)
{
	(void)m, (void)s;
	return 0;
}

static bool any_high(struct slice s)
{
	uint8_t any = 0;

	for (size_t i = 0; i < s.n; i++)
		any |= s.p[i];
	return any >= 0x80;
}
#endif

void log_scan_bytes(struct log_marks *m, struct slice line)
{
	m->n = m->quotes = 0;
	m->more = true;
	m->nul = memchr(line.p, 0, line.n) != NULL;
	m->high = any_high(line);
}

void log_scan(struct log_marks *m, struct slice line)
{
	m->n = m->quotes = 0;
	m->nul = m->high = m->more = false;
	size_t i = blocks(m, line);
	for (; i < line.n && m->n < LOG_MARKS; i++)
		one(m, line.p[i], (uint32_t)i);
	if (i == line.n)
		return;
	m->more = true;
	m->nul |= memchr(line.p + i, 0, line.n - i) != NULL;
	for (; i < line.n && !m->high; i++)
		m->high = line.p[i] >= 0x80;
}

bool log_is_utf8(struct slice s)
{
	uint32_t code;

	for (size_t i = 0; i < s.n;) {
		if (s.p[i] < 0x80) {
			i++;
			continue;
		}
		size_t n = utf8_len(s.p + i, s.n - i, &code);
		if (!n)
			return false;
		i += n;
	}
	return true;
}
