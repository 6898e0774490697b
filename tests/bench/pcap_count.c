/*
 * pcap_count - the limit that decode is measured against: libpcap's own loop, which only counts.
 */
#include <pcap/pcap.h>
#include <stdio.h>

struct total {
	unsigned long long packets, bytes;
};

static void count(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct total *t = (struct total *)(void *)user;

	(void)bytes;
	t->packets++;
	t->bytes += h->len;
}

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	struct total t = { 0, 0 };
	pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], why) : NULL;

	if (!p) {
		fprintf(stderr, "usage: pcap_count FILE\n");
		return 2;
	}
	pcap_loop(p, -1, count, (u_char *)&t);
	pcap_close(p);
	printf("%llu packets, %llu bytes\n", t.packets, t.bytes);
	return 0;
}
