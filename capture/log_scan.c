/*
 * log_scan: a block's blanks and quotes are the bits of one word.  Its places are written eight at a
 * time without asking how many there are: the list has room for a block too many, and
 * a branch that nobody can foresee costs more than the writes.
 */
#include "capture/log_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/buf.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { BLOCK = 64 };

#ifdef __SSE2__
struct block {
	__m128i v[4];
};

static ALWAYS_INLINE __m128i at16(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static ALWAYS_INLINE struct block block_at(const uint8_t *p)
{
	return (struct block){ { at16(p), at16(p + 16), at16(p + 32), at16(p + 48) } };
}

static ALWAYS_INLINE struct block where(struct block b, char c)
{
	const __m128i want = _mm_set1_epi8(c);

	return (struct block){ { _mm_cmpeq_epi8(b.v[0], want), _mm_cmpeq_epi8(b.v[1], want),
				 _mm_cmpeq_epi8(b.v[2], want), _mm_cmpeq_epi8(b.v[3], want) } };
}

static ALWAYS_INLINE struct block either(struct block a, struct block b)
{
	return (struct block){ { _mm_or_si128(a.v[0], b.v[0]), _mm_or_si128(a.v[1], b.v[1]),
				 _mm_or_si128(a.v[2], b.v[2]), _mm_or_si128(a.v[3], b.v[3]) } };
}

/* Bit k: byte k. */
static ALWAYS_INLINE uint64_t bits(struct block b)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(b.v[0]) | (uint64_t)(unsigned)_mm_movemask_epi8(b.v[1]) << 16 |
	       (uint64_t)(unsigned)_mm_movemask_epi8(b.v[2]) << 32 |
	       (uint64_t)(unsigned)_mm_movemask_epi8(b.v[3]) << 48;
}

static ALWAYS_INLINE __m128i any_of(struct block b)
{
	return _mm_or_si128(_mm_or_si128(b.v[0], b.v[1]), _mm_or_si128(b.v[2], b.v[3]));
}

static ALWAYS_INLINE __m128i least_of(struct block b)
{
	return _mm_min_epu8(_mm_min_epu8(b.v[0], b.v[1]), _mm_min_epu8(b.v[2], b.v[3]));
}

/* `newer`: with an instruction for it, which baseline x86-64 has not. */
static ALWAYS_INLINE uint32_t ones(uint64_t v, bool newer)
{
	if (newer)
		return (uint32_t)__builtin_popcountll(v);
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (uint32_t)(v * 0x0101010101010101 >> 56);
}

/* The lowest mark, and the others; where there is none, anything. */
static ALWAYS_INLINE uint64_t take_mark(uint64_t marks, uint32_t at, uint32_t *out)
{
	const uint64_t never_zero = UINT64_C(1) << 63;	/* of which ctz would be undefined */

	*out = at + (uint32_t)__builtin_ctzll(marks | never_zero);
	return marks & (marks - 1);
}

static ALWAYS_INLINE void put(struct log_marks *m, uint64_t marks, uint32_t at, bool newer)
{
	uint32_t *out = m->at + m->n, n = ones(marks, newer);

	m->n += n;
	for (uint32_t k = 0; k < n; k += 8, out += 8) {
		marks = take_mark(marks, at, out);
		marks = take_mark(marks, at, out + 1);
		marks = take_mark(marks, at, out + 2);
		marks = take_mark(marks, at, out + 3);
		marks = take_mark(marks, at, out + 4);
		marks = take_mark(marks, at, out + 5);
		marks = take_mark(marks, at, out + 6);
		marks = take_mark(marks, at, out + 7);
	}
}

/* Bytes after the line's end are looked at too: a NUL among them is told apart afterwards. */
static ALWAYS_INLINE void scan(struct log_marks *m, struct slice line, bool newer)
{
	__m128i low = _mm_set1_epi8(-1), any = _mm_setzero_si128();

	m->n = 0;
	for (size_t i = 0; i < line.n && m->n <= LOG_MARKS; i += BLOCK) {
		struct block b = block_at(line.p + i);
		uint64_t within = line.n - i < BLOCK ? (UINT64_C(1) << (line.n - i)) - 1 : ~UINT64_C(0);
		uint64_t marks = bits(either(where(b, ' '), where(b, '"'))) & within;

		low = _mm_min_epu8(low, least_of(b));
		any = _mm_or_si128(any, any_of(b));
		put(m, marks, (uint32_t)i, newer);
	}
	m->more = m->n > LOG_MARKS;
	if (m->more)
		m->n = LOG_MARKS;
	m->at[m->n] = (uint32_t)line.n;
	m->high = _mm_movemask_epi8(any) != 0 || m->more;
	m->nul = (_mm_movemask_epi8(_mm_cmpeq_epi8(low, _mm_setzero_si128())) || m->more) &&
		 memchr(line.p, 0, line.n);
}

void log_scan_sse2(struct log_marks *m, struct slice line)
{
	scan(m, line, false);
}

/* The same code, compiled for machines of the last ten years too: they count and take bits in one step. */
__attribute__((target("popcnt,bmi,avx2")))
static void scan_newer(struct log_marks *m, struct slice line)
{
	scan(m, line, true);
}

void log_scan(struct log_marks *m, struct slice line)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt"))
		scan_newer(m, line);
	else
		log_scan_sse2(m, line);
}

static bool any_high(struct slice s)
{
	__m128i any = _mm_setzero_si128();
	size_t i = 0;
	uint8_t rest = 0;

	for (; s.n - i >= 16; i += 16)
		any = _mm_or_si128(any, at16(s.p + i));
	for (; i < s.n; i++)
		rest |= s.p[i];
	return _mm_movemask_epi8(any) || rest >= 0x80;
}
#else
void log_scan(struct log_marks *m, struct slice line)
{
	log_scan_bytewise(m, line);
}

void log_scan_sse2(struct log_marks *m, struct slice line)
{
	log_scan_bytewise(m, line);
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
	m->n = 0;
	m->more = true;
	m->nul = memchr(line.p, 0, line.n) != NULL;
	m->high = any_high(line);
}

void log_scan_bytewise(struct log_marks *m, struct slice line)
{
	log_scan_bytes(m, line);
	m->more = false;
	for (size_t i = 0; i < line.n && !m->more; i++) {
		if (line.p[i] != ' ' && line.p[i] != '"')
			continue;
		m->more = m->n == LOG_MARKS;
		if (m->more)
			break;
		m->at[m->n++] = (uint32_t)i;
	}
	m->at[m->n] = (uint32_t)line.n;
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
