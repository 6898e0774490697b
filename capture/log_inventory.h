/*
 * log_inventory - whose pod had an address, and when.
 *
 * Read from `kubectl get pods -A -o json`, or from JSON lines of
 *   {"ip":"10.0.0.1","namespace":"default","service_account":"sleep","from":"TIME","to":"TIME"}
 * (from and to may be missing).  Gives the identity of a flow whose log has none, marked
 * IDENTITY_INVENTORY.  Two pods with one address at one time give nothing.
 */
#ifndef CAPTURE_LOG_INVENTORY_H
#define CAPTURE_LOG_INVENTORY_H

#include "common/err.h"
#include "schema/flow.h"

struct log_inventory;

struct log_inventory *log_inventory_load(const char *path, const char *trust_domain, struct err *e);
void log_inventory_free(struct log_inventory **v);	/* NULL-safe */
void log_inventory_apply(const struct log_inventory *v, struct flow *f);

#endif
