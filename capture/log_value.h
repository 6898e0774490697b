/*
 * log_value - numbers and addresses as they stand in a line, fast where they have the usual form.
 *
 * LOG_SLACK bytes after a value are readable (log_scan.h).  Each has a plain form for machines
 * that are not little-endian or lack SSE2; tests hold both to the same answers.
 */
#ifndef CAPTURE_LOG_VALUE_H
#define CAPTURE_LOG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"
#include "common/ip.h"

enum { LOG_NUMBER_MOST = 18 };		/* digits */

static inline uint64_t log_load8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

bool log_digits_plain(struct slice s);
bool log_number_plain(struct slice s, int64_t *v);

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Up to eight digits, the last one highest; what stands after them is shifted out. */
static inline bool log_eight(struct slice s, uint64_t *digits)
{
	uint64_t v = (log_load8(s.p) ^ 0x3030303030303030) << (64 - 8 * s.n);

	*digits = v;
	return !(((v + 0x0606060606060606) | v) & 0xf0f0f0f0f0f0f0f0);
}

static inline bool log_digits(struct slice s)
{
	uint64_t v;

	return s.n - 1 < 8 ? log_eight(s, &v) : log_digits_plain(s);
}

/* Decimal digits only, LOG_NUMBER_MOST at most. */
static inline bool log_number(struct slice s, int64_t *v)
{
	uint64_t d;

	if (s.n - 1 >= 8)
		return log_number_plain(s, v);
	if (!log_eight(s, &d))
		return false;
	/* Pairs of digits, pairs of pairs, and the halves. */
	d = (d * 10 + (d >> 8)) & 0x00ff00ff00ff00ff;
	d = (d * 100 + (d >> 16)) & 0x0000ffff0000ffff;
	*v = (int64_t)((d * 10000 + (d >> 32)) & 0xffffffff);
	return true;
}
#else
static inline bool log_digits(struct slice s)
{
	return log_digits_plain(s);
}

static inline bool log_number(struct slice s, int64_t *v)
{
	return log_number_plain(s, v);
}
#endif

/* A number as JSON may write it, "12.5" or "1.2e3"; log_whole: where it is a whole one. */
bool log_real(struct slice s, double *v);
bool log_whole(struct slice s, int64_t *v);

/* As ip_port_parse; but where it fails *a and *port may have been changed. */
bool log_endpoint(struct slice s, struct ip *a, uint16_t *port);

#endif
