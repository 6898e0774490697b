/*
 * log_inventory - whose pod had an address, and when.
 *
 * Read from `kubectl get pods -A -o json`, or from JSON lines of
 *   {"ip":"10.0.0.1","namespace":"default","service_account":"sleep","labels":{...},"from":"TIME","to":"TIME"}
 * (labels, from and to may be missing).  Gives the identity of a flow whose log has none, marked
 * IDENTITY_INVENTORY; and whether the listener of a line without an upstream connection is the gateway's
 * (flow.writer).  Two pods with one address at one time give nothing.
 */
#ifndef CAPTURE_LOG_INVENTORY_H
#define CAPTURE_LOG_INVENTORY_H

#include "capture/log_writer.h"
#include "common/err.h"
#include "schema/flow.h"

struct log_inventory;

struct log_inventory *log_inventory_load(const char *path, const char *trust_domain, const struct log_writer *gateway,
					 struct err *e);
void log_inventory_free(struct log_inventory **v);	/* NULL-safe */
void log_inventory_apply(const struct log_inventory *v, struct flow *f);

#endif
