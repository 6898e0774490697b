/* doctor_inventory: can the pod inventory be read?  Logs are looked at without it where not. */
#include "capture/log_inventory.h"
#include "cli/doctor.h"

void doctor_inventory(struct doctor *d)
{
	struct log_writer gateway;
	struct err e = { 0 };

	if (!d->asked.inventory)
		return;
	log_writer_init(&gateway, NULL);
	struct log_inventory *v = log_inventory_load(d->asked.inventory, NULL, &gateway, &e);
	if (v) {
		log_inventory_free(&v);
		return;
	}
	d->invalid |= e.kind == ERR_INPUT;
	doctor_add(d, DOCTOR_PROBLEM, "inventory.file", e.kind == ERR_IO
		   ? "check the path, and the rights of egret's user"
		   : "write it again: kubectl get pods -A -o json", "inventory %s", e.msg);
	d->asked.inventory = NULL;
}
