/*
 * wire - packets in, flows out: the face of the packet half of capture/.
 *
 * One wire reads one source (a capture file or a live device) to its end and
 * pushes flows into a sink.  Memory is bounded by `budget`; the oldest idle
 * connection is evicted and counted when it is reached.
 */
#ifndef CAPTURE_WIRE_H
#define CAPTURE_WIRE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "schema/certificate.h"
#include "schema/evidence.h"
#include "schema/flow.h"

struct wire_options {
	const char *file;		/* capture file, "-" = standard input; or */
	struct slice bytes;		/* one in memory, where file and device are NULL; or */
	const char *device;		/* interface */
	const char *bpf;		/* filter expression, NULL: all */
	const char *const *keylogs;	/* NSS key log files */
	size_t n_keylogs;
	const char *trust;		/* PEM file of mesh roots, NULL: chains are not verified */
	unsigned snaplen;		/* live; 0: whole packets */
	uint64_t budget;		/* bytes; 0: 256 MiB */
	bool (*want_header)(void *ctx, struct slice lower_name);
	void *want_ctx;
	const volatile sig_atomic_t *stop;	/* set from outside: end cleanly; may be NULL */
	/* A certificate was seen (tls_options.certificate).  May be NULL. */
	void (*certificate)(void *ctx, const struct certificate *c);
	void *certificate_ctx;
	/* The source is open: the place to drop privileges, before a byte is parsed.  May be NULL. */
	int (*opened)(void *ctx, struct err *e);
	void *opened_ctx;
};

/*
 * Run to the end of the source.  0: everything readable was read (a file cut inside a packet is
 * counted in *ev and is not a failure).  -1: *e says why; flows seen so far were pushed.
 */
int wire_run(const struct wire_options *o, struct sink *out, struct evidence *ev, struct err *e);

#endif
