/* An inventory: loaded or refused with its line; an identity it gives is one of SPIFFE's, marked as the inventory's. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/log_inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char path[32];
	static int fd = -1;
	static struct flow f;
	struct log_writer gateway;
	struct err e = { 0 };
	struct ip ip;

	if (fd < 0) {
		FILE *nameless = tmpfile();
		fd = nameless ? fileno(nameless) : -1;
		snprintf(path, sizeof path, "/dev/fd/%d", fd);
	}
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, p, n, 0) != (ssize_t)n)
		abort();
	log_writer_init(&gateway, NULL);
	struct log_inventory *v = log_inventory_load(path, "td", &gateway, &e);
	assert(v || (e.kind == ERR_INPUT && e.msg[0]));
	if (!v)
		return 0;
	if (!ip_parse(SLICE("10.0.0.1"), &ip))
		abort();
	flow_init(&f);
	flow_set_ip(&f, F_SOURCE_IP, ip);
	flow_set_ip(&f, F_DESTINATION_IP, ip);
	flow_set_num(&f, F_STARTED_AT, INT64_C(1767268800000000000));
	log_inventory_apply(v, &f);
	if (flow_has(&f, F_SOURCE_IDENTITY)) {
		assert(slice_starts(flow_text(&f, F_SOURCE_IDENTITY), SLICE("spiffe://td/ns/")));
		assert(flow_num(&f, F_IDENTITY_SOURCE) == IDENTITY_INVENTORY);
	}
	log_inventory_free(&v);
	return 0;
}
