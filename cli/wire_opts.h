/*
 * wire_opts - where packets come from, on a command line: the same words for `decode` and `capture`.
 *
 *	struct wire_opts w = { 0 };
 *	const struct opt opts[] = { ..., WIRE_OPT_ROWS(w), { NULL, ... } };
 */
#ifndef CLI_WIRE_OPTS_H
#define CLI_WIRE_OPTS_H

#include "capture/wire.h"
#include "common/opt.h"

struct wire_opts {
	const char *file, *bpf, *trust;
	struct opt_list keylogs;
	unsigned long memory;
};

#define WIRE_OPT_ROWS(w) \
	{ "read", 'r', OPT_TEXT, &(w).file, "FILE", \
	  "pcap or pcapng file, - for standard input" }, \
	{ "keylog", 'k', OPT_LIST, &(w).keylogs, "FILE", \
	  "NSS key log (SSLKEYLOGFILE); repeats" }, \
	{ "trust", 0, OPT_TEXT, &(w).trust, "FILE", \
	  "PEM file of the mesh's roots, to verify client certificates" }, \
	{ "bpf", 'f', OPT_TEXT, &(w).bpf, "EXPR", "only packets that match (pcap-filter(7))" }, \
	{ "memory", 0, OPT_UINT, &(w).memory, "MIB", "memory for connections, default 256" }

/* *o borrows from w. */
void wire_opts_fill(const struct wire_opts *w, struct wire_options *o);
void wire_opts_free(struct wire_opts *w);

/* "egret VERB: warning: ..." on standard error for what makes the flows incomplete. */
void wire_opts_warn(const char *verb, const struct evidence *ev);

#endif
