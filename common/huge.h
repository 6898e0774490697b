/*
 * huge - one large block of zeroed memory that is looked into at random: on huge pages where the
 * system gives them, so that a look costs one miss and not two.
 *
 * Out of memory aborts.
 */
#ifndef COMMON_HUGE_H
#define COMMON_HUGE_H

#include <stddef.h>

void *huge_new(size_t n);		/* starts at a cache line; free() it */

#endif
