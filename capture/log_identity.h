/*
 * log_identity - whose a request is, as the log says it.
 */
#ifndef CAPTURE_LOG_IDENTITY_H
#define CAPTURE_LOG_IDENTITY_H

#include "schema/flow.h"

/* DOWNSTREAM_PEER_URI_SAN: several are joined by commas; Istio's identity is the first. */
void log_identity_peer(struct flow *f, struct slice sans);

/* The first URI of an X-Forwarded-Client-Cert's last element; empty: it has none. */
struct slice log_identity_uri(struct slice xfcc);

/* X-Forwarded-Client-Cert, where the flow has no identity yet. */
void log_identity_xfcc(struct flow *f, struct slice xfcc);

#endif
