/* rnd - numbers by chance, the same each time (xorshift64); a test may set the seed, not to 0. */
#ifndef TESTS_RND_H
#define TESTS_RND_H

#include <stdint.h>

static uint64_t seed = 88172645463325252;

static inline uint64_t rnd_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static inline uint32_t rnd(uint32_t n)		/* below n */
{
	return (uint32_t)(rnd_bits() >> 33) % n;
}

#endif
