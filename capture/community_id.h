/*
 * community_id - the flow hash that Zeek, Suricata and Arkime share
 * (github.com/corelight/community-id-spec), version 1, seed 0, for TCP.
 */
#ifndef CAPTURE_COMMUNITY_ID_H
#define CAPTURE_COMMUNITY_ID_H

#include <stdint.h>

#include "common/ip.h"

enum { COMMUNITY_ID_LEN = 30 };		/* "1:" and 28 characters of base64 */

struct community_id;

struct community_id *community_id_new(void);
void community_id_free(struct community_id **c);	/* NULL-safe */

/* The same for both directions. */
void community_id_tcp(struct community_id *c, const struct ip ip[2], const uint16_t port[2],
		      char out[COMMUNITY_ID_LEN]);

#endif
