/*
 * pcap_file - read a pcap or pcapng file, packet by packet.
 *
 * Not libpcap's reader, for three reasons: libpcap refuses pcapng files whose
 * interfaces differ in link type, it skips decryption secrets blocks, and it
 * copies each packet twice.  Both byte orders, micro- and nanoseconds, any
 * pcapng resolution and offset, standard input.
 *
 * A file that ends inside a packet is not a failure: `cut` is set and the
 * packets before it were handed out.
 */
#ifndef CAPTURE_PCAP_FILE_H
#define CAPTURE_PCAP_FILE_H

#include <stdbool.h>

#include "capture/packet.h"
#include "common/err.h"

struct pcap_file;

struct pcap_file_options {
	/* A TLS key log found in a pcapng decryption secrets block; may be NULL. */
	void (*secrets)(void *ctx, struct slice lines);
	void *ctx;
};

/* NULL: *e.  "-" is standard input. */
struct pcap_file *pcap_file_open(const char *path, const struct pcap_file_options *o,
				 struct err *e);
/* The same over bytes in memory (tests, fuzzing); borrowed until close. */
struct pcap_file *pcap_file_over(struct slice bytes, const struct pcap_file_options *o,
				 struct err *e);
void pcap_file_close(struct pcap_file **f);	/* NULL-safe */

/* 1: *p is the next packet.  0: the end.  -1: the file is damaged, *e says where. */
int pcap_file_next(struct pcap_file *f, struct packet *p, struct err *e);

bool pcap_file_rewinds(const struct pcap_file *f);	/* pcapng, and can be opened again */
bool pcap_file_cut(const struct pcap_file *f);		/* ended inside a packet */
uint64_t pcap_file_dropped(const struct pcap_file *f);	/* by interface statistics blocks */

#endif
