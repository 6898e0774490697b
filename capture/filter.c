/*
 * filter: compiled once for each link type that turns up.
 */
#include "capture/filter.h"

#include <pcap/pcap.h>
#include <stdlib.h>

enum { LINKS_MAX = 8, SNAPLEN = 262144, ETHERNET = 1 };

struct filter {
	const char *expression;
	struct {
		uint16_t link;
		bool good;
		struct bpf_program program;
	} compiled[LINKS_MAX];
	size_t n;
};

static bool compile(struct filter *f, uint16_t link, struct err *e)
{
	pcap_t *p = pcap_open_dead(link, SNAPLEN);
	size_t k = f->n++;

	f->compiled[k].link = link;
	f->compiled[k].good = p && pcap_compile(p, &f->compiled[k].program, f->expression, 1,
						PCAP_NETMASK_UNKNOWN) == 0;
	if (!f->compiled[k].good && e)
		err_set(e, ERR_USAGE, "filter \"%s\": %s", f->expression,
			p ? pcap_geterr(p) : "no memory");
	if (p)
		pcap_close(p);
	return f->compiled[k].good;
}

struct filter *filter_new(const char *expression, struct err *e)
{
	struct filter *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->expression = expression;
	if (!compile(f, ETHERNET, e))
		filter_free(&f);
	return f;
}

void filter_free(struct filter **f)
{
	if (!*f)
		return;
	for (size_t i = 0; i < (*f)->n; i++)
		if ((*f)->compiled[i].good)
			pcap_freecode(&(*f)->compiled[i].program);
	free(*f);
	*f = NULL;
}

bool filter_match(struct filter *f, const struct packet *p)
{
	struct pcap_pkthdr h = { .caplen = (bpf_u_int32)p->bytes.n, .len = p->wire_len };
	size_t k = 0;

	while (k < f->n && f->compiled[k].link != p->link)
		k++;
	if (k == LINKS_MAX)
		return false;
	if (k == f->n)
		compile(f, p->link, NULL);
	return f->compiled[k].good && pcap_offline_filter(&f->compiled[k].program, &h, p->bytes.p);
}
