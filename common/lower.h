/*
 * lower - ASCII letters in lower case; other bytes stay as they are.  Host names, header names, words of protocols.
 */
#ifndef COMMON_LOWER_H
#define COMMON_LOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t lower_byte(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Eight at once: of a byte from A to Z the high bit of a sum tells, and moved it is the bit of the small letters. */
static inline uint64_t lower_eight(uint64_t v)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
	uint64_t low = v & ~high, from_a = low + ones * (0x80 - 'A'), past_z = low + ones * (0x80 - 'Z' - 1);

	return v | (from_a & ~past_z & ~v & high) >> 2;
}

/* to may be from. */
static inline void lower_copy(uint8_t *to, const uint8_t *from, size_t n)
{
	for (; n >= 8; n -= 8, from += 8, to += 8) {
		uint64_t v;

		memcpy(&v, from, 8);
		v = lower_eight(v);
		memcpy(to, &v, 8);
	}
	while (n--)
		*to++ = lower_byte(*from++);
}

/* No capitals? */
static inline bool lower_is(const uint8_t *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		if (lower_eight(v) != v)
			return false;
	}
	for (; n; n--, p++)
		if (lower_byte(*p) != *p)
			return false;
	return true;
}

/* Alike but for their capitals? */
static inline bool lower_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (; n >= 8; n -= 8, a += 8, b += 8) {
		uint64_t x, y;

		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		if (x != y && lower_eight(x) != lower_eight(y))
			return false;
	}
	while (n--)
		if (lower_byte(*a++) != lower_byte(*b++))
			return false;
	return true;
}

#endif
