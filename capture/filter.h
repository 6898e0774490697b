/*
 * filter - a BPF expression (pcap-filter(7)) applied to packets of any link type.
 */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include <stdbool.h>

#include "capture/packet.h"
#include "common/err.h"

struct filter;

/* NULL: the expression is wrong for Ethernet, *e says how.  It is kept. */
struct filter *filter_new(const char *expression, struct err *e);
void filter_free(struct filter **f);		/* NULL-safe */

/* A link type for which the expression has no meaning matches nothing. */
bool filter_match(struct filter *f, const struct packet *p);

#endif
