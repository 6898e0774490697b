/*
 * pcap_file: a window over the file, moved by read().
 *
 * need(n) makes n bytes contiguous at the front of the window, moving the rest down and reading
 * more where they are not; every length is compared with BLOCK_MAX before it is asked for, so the
 * window cannot grow past it.  Packets are handed out in place.
 *
 * Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
 */
#include "capture/pcap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

enum {
	WINDOW = 256 * 1024,
	BLOCK_MAX = 16 * 1024 * 1024,	/* libpcap's limit for a block, too */
	INTERFACES_MAX = 1024,
	PCAP_HEADER = 24,
	NG_SHB = 0x0a0d0d0a, NG_IDB = 1, NG_PB = 2, NG_SPB = 3, NG_ISB = 5, NG_EPB = 6,
	NG_DSB = 10,
	NG_TLS_KEY_LOG = 0x544c534b,
	OPT_END = 0, OPT_IF_TSRESOL = 9, OPT_IF_TSOFFSET = 14, OPT_ISB_IFDROP = 5,
};

struct interface {
	uint16_t link;
	uint32_t snaplen;
	uint64_t units;		/* of time in a second */
	int64_t offset;		/* seconds */
	uint64_t dropped;
};

struct pcap_file {
	int fd;				/* -1: over memory */
	struct pcap_file_options o;
	uint8_t *window;
	size_t size;
	const uint8_t *p;		/* unread bytes */
	size_t n;
	uint64_t offset;		/* of p in the file */
	bool eof, cut, big;
	int (*next)(struct pcap_file *f, struct packet *p, struct err *e);
	uint64_t number;
	/* pcap */
	uint32_t ns_per_unit, record_header;
	uint16_t link;
	bool lengths_swapped;
	/* pcapng */
	struct interface *interface;
	size_t n_interfaces;
	uint64_t dropped;		/* in the sections before */
	int64_t last_ts;
	size_t block;			/* bytes of the packet handed out last, to be passed over */
	int io_error;
};

static inline uint32_t u32(const struct pcap_file *f, const uint8_t *p)
{
	return f->big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
		      : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint16_t u16(const struct pcap_file *f, const uint8_t *p)
{
	return (uint16_t)(f->big ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

static uint64_t u64(const struct pcap_file *f, const uint8_t *p)
{
	uint64_t a = u32(f, p), b = u32(f, p + 4);

	return f->big ? a << 32 | b : b << 32 | a;
}

static void fill(struct pcap_file *f, size_t n)
{
	if (n > f->size) {
		size_t size = f->size;
		while (size < n)
			size *= 2;
		uint8_t *w = malloc(size);
		if (!w)
			abort();
		memcpy(w, f->p, f->n);
		free(f->window);
		f->window = w;
		f->size = size;
	} else {
		memmove(f->window, f->p, f->n);
	}
	f->p = f->window;
	while (f->n < n && !f->eof) {
		ssize_t got = read(f->fd, f->window + f->n, f->size - f->n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			f->io_error = errno;
		if (got <= 0)
			f->eof = true;
		else
			f->n += (size_t)got;
	}
}

static inline bool need(struct pcap_file *f, size_t n)
{
	if (n > f->n && !f->eof)
		fill(f, n);
	return n <= f->n;
}

static inline void pass(struct pcap_file *f, size_t n)
{
	f->p += n;
	f->n -= n;
	f->offset += n;
}

/* The end of the file, where `inside` says that a record had begun. */
static int end(struct pcap_file *f, bool inside, struct err *e)
{
	if (f->io_error)
		return err_set(e, ERR_IO, "byte %llu: %s", (unsigned long long)(f->offset + f->n),
			       strerror(f->io_error));
	f->cut |= inside;
	return 0;
}

static int damaged(const struct pcap_file *f, struct err *e, const char *what, uint64_t value)
{
	return err_set(e, ERR_INPUT, "byte %llu, after packet %llu: %s (%llu): the file is damaged",
		       (unsigned long long)f->offset, (unsigned long long)f->number, what,
		       (unsigned long long)value);
}

static int pcap_next(struct pcap_file *f, struct packet *p, struct err *e)
{
	pass(f, f->block);
	f->block = 0;
	if (!need(f, f->record_header))
		return end(f, f->n != 0, e);
	uint32_t sec = u32(f, f->p), part = u32(f, f->p + 4);
	uint32_t have = u32(f, f->p + 8), len = u32(f, f->p + 12);
	if (f->lengths_swapped && have > len) {
		uint32_t t = have;
		have = len;
		len = t;
	}
	if (have > BLOCK_MAX)
		return damaged(f, e, "a packet longer than 16 MiB", have);
	if (!need(f, f->record_header + (size_t)have))
		return end(f, true, e);
	*p = (struct packet){
		.bytes = { f->p + f->record_header, have },
		.wire_len = len > have ? len : have,
		.link = f->link,
		.ts = (int64_t)sec * NS_PER_S + (int64_t)part * f->ns_per_unit,
		.number = ++f->number,
	};
	f->block = f->record_header + have;
	return 1;
}

/* Resolution: the top bit says powers of two, else of ten. */
static uint64_t resolution(uint8_t v)
{
	uint64_t units = 1;

	if (v & 0x80)
		return (v & 0x7f) < 63 ? UINT64_C(1) << (v & 0x7f) : 0;
	for (uint8_t k = 0; k < v && k < 19; k++)
		units *= 10;
	return v < 19 ? units : 0;
}

/* ts in 1/units seconds to ns, without leaving 64 bits for any real time. */
static int64_t to_ns(const struct interface *i, uint64_t ts)
{
	uint64_t sec = ts / i->units, rest = ts % i->units;
	uint64_t ns = i->units <= UINT64_C(10000000000) ? rest * 1000000000u / i->units
		: (uint64_t)((double)rest * 1e9 / (double)i->units);

	sec += (uint64_t)i->offset;
	if (sec > INT64_MAX / NS_PER_S - 1)
		return 0;
	return (int64_t)(sec * 1000000000u + ns);
}

/* Find option `code`; its value in *v.  Options are (code, length, value padded to 4). */
static bool option(const struct pcap_file *f, struct slice s, uint16_t code, struct slice *v)
{
	struct cursor c = cur_of(s);

	while (cur_left(&c) >= 4) {
		struct slice head = cur_take(&c, 4);
		uint16_t k = u16(f, head.p), n = u16(f, head.p + 2);
		struct slice value = cur_take(&c, n);
		if (c.bad || k == OPT_END)
			return false;
		cur_take(&c, (4u - n % 4u) % 4u);
		if (k == code) {
			*v = value;
			return true;
		}
	}
	return false;
}

static void new_interface(struct pcap_file *f, struct slice b)
{
	struct interface i = { .units = 1000000 };
	struct slice v;

	if (b.n < 8 || f->n_interfaces >= INTERFACES_MAX)
		return;
	i.link = u16(f, b.p);
	i.snaplen = u32(f, b.p + 4);
	if (option(f, slice_from(b, 8), OPT_IF_TSRESOL, &v) && v.n == 1)
		i.units = resolution(v.p[0]);
	if (!i.units)
		i.units = 1000000;
	if (option(f, slice_from(b, 8), OPT_IF_TSOFFSET, &v) && v.n == 8)
		i.offset = (int64_t)u64(f, v.p);
	if ((f->n_interfaces & (f->n_interfaces - 1)) == 0) {	/* grow at each power of two */
		size_t cap = f->n_interfaces ? f->n_interfaces * 2 : 1;
		f->interface = realloc(f->interface, cap * sizeof i);
		if (!f->interface)
			abort();
	}
	f->interface[f->n_interfaces++] = i;
}

static void statistics(struct pcap_file *f, struct slice b)
{
	struct slice v;
	uint32_t i;

	if (b.n < 12 || (i = u32(f, b.p)) >= f->n_interfaces)
		return;
	if (option(f, slice_from(b, 12), OPT_ISB_IFDROP, &v) && v.n == 8)
		f->interface[i].dropped = u64(f, v.p);	/* since the start: the last one counts */
}

static void secrets(struct pcap_file *f, struct slice b)
{
	if (b.n < 8 || u32(f, b.p) != NG_TLS_KEY_LOG || !f->o.secrets)
		return;
	struct slice lines = slice_from(b, 8);
	uint32_t n = u32(f, b.p + 4);
	if (n < lines.n)
		lines.n = n;
	f->o.secrets(f->o.ctx, lines);
}

/* A packet of an enhanced (or the obsolete) packet block: a 20-byte head, then the bytes. */
static bool ng_packet(struct pcap_file *f, struct slice b, uint32_t iface, struct packet *p)
{
	if (b.n < 20 || iface >= f->n_interfaces)
		return false;
	const struct interface *i = &f->interface[iface];
	uint64_t ts = (uint64_t)u32(f, b.p + 4) << 32 | u32(f, b.p + 8);
	uint32_t have = u32(f, b.p + 12), len = u32(f, b.p + 16);
	struct slice bytes = slice_from(b, 20);
	if (have < bytes.n)
		bytes.n = have;
	f->last_ts = to_ns(i, ts);
	*p = (struct packet){ bytes, len > bytes.n ? len : (uint32_t)bytes.n, i->link,
			      f->last_ts, ++f->number };
	return true;
}

/* Simple packet block: of the first interface, without a time. */
static bool ng_simple(struct pcap_file *f, struct slice b, struct packet *p)
{
	if (b.n < 4 || !f->n_interfaces)
		return false;
	const struct interface *i = &f->interface[0];
	uint32_t len = u32(f, b.p);
	struct slice bytes = slice_from(b, 4);
	if (len < bytes.n)
		bytes.n = len;
	if (i->snaplen && i->snaplen < bytes.n)
		bytes.n = i->snaplen;
	*p = (struct packet){ bytes, len > bytes.n ? len : (uint32_t)bytes.n, i->link,
			      f->last_ts, ++f->number };
	return true;
}

static bool ng_block(struct pcap_file *f, uint32_t type, struct slice b, struct packet *p)
{
	switch (type) {
	case NG_IDB:
		new_interface(f, b);
		return false;
	case NG_EPB:
		return b.n >= 4 && ng_packet(f, b, u32(f, b.p), p);
	case NG_PB:
		return b.n >= 4 && ng_packet(f, b, u16(f, b.p), p);
	case NG_SPB:
		return ng_simple(f, b, p);
	case NG_ISB:
		statistics(f, b);
		return false;
	case NG_DSB:
		secrets(f, b);
		return false;
	}
	return false;	/* sections, names and blocks that we do not use */
}

/* A section begins: its own byte order, its own interfaces. */
static bool ng_section(struct pcap_file *f)
{
	static const uint8_t big[4] = { 0x1a, 0x2b, 0x3c, 0x4d };
	static const uint8_t little[4] = { 0x4d, 0x3c, 0x2b, 0x1a };

	if (memcmp(f->p + 8, big, 4) == 0)
		f->big = true;
	else if (memcmp(f->p + 8, little, 4) == 0)
		f->big = false;
	else
		return false;
	f->dropped = pcap_file_dropped(f);
	f->n_interfaces = 0;
	free(f->interface);
	f->interface = NULL;
	return true;
}

static int ng_next(struct pcap_file *f, struct packet *p, struct err *e)
{
	for (;;) {
		pass(f, f->block);
		f->block = 0;
		if (!need(f, 12))
			return end(f, f->n != 0, e);
		if (u32(f, f->p) == NG_SHB && !ng_section(f))
			return damaged(f, e, "no byte-order magic in a section header", 0);
		uint32_t type = u32(f, f->p), len = u32(f, f->p + 4);
		if (len < 12 || len > BLOCK_MAX)
			return damaged(f, e, "block length", len);
		size_t padded = (len + 3u) & ~3u;	/* some writers forget the padding */
		if (!need(f, len))
			return end(f, true, e);
		f->block = need(f, padded) && len % 4 ? padded : len;
		if (ng_block(f, type, (struct slice){ f->p + 8, len - 12 }, p))
			return 1;
	}
}

/* The first four bytes are there. */
static int pcap_start(struct pcap_file *f, struct err *e)
{
	static const struct { uint32_t magic, ns, header; } kinds[] = {
		{ 0xa1b2c3d4, 1000, 16 }, { 0xa1b23c4d, 1, 16 },
		{ 0xa1b2cd34, 1000, 24 },	/* Kuznetzov's patched libpcap */
	};
	for (int big = 0; big < 2; big++)
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			f->big = big;
			if (u32(f, f->p) != kinds[k].magic)
				continue;
			if (!need(f, PCAP_HEADER))
				return err_set(e, ERR_INPUT, "the file ends inside its header");
			f->ns_per_unit = kinds[k].ns;
			f->record_header = kinds[k].header;
			/* Versions up to 2.3 disagree about the order of the two lengths. */
			f->lengths_swapped = u16(f, f->p + 4) == 2 && u16(f, f->p + 6) <= 3;
			f->link = (uint16_t)u32(f, f->p + 20);	/* above: length of the FCS */
			f->next = pcap_next;
			pass(f, PCAP_HEADER);
			return 0;
		}
	return err_set(e, ERR_INPUT, "neither a pcap nor a pcapng file");
}

static struct pcap_file *start(struct pcap_file *f, struct err *e)
{
	static const uint8_t shb[4] = { 0x0a, 0x0d, 0x0d, 0x0a };

	if (!need(f, 4)) {
		if (f->io_error)
			err_set(e, ERR_IO, "%s", strerror(f->io_error));
		else
			err_set(e, ERR_INPUT, f->n ? "neither a pcap nor a pcapng file" : "the file is empty");
		pcap_file_close(&f);
	} else if (memcmp(f->p, shb, 4) == 0) {
		f->next = ng_next;
	} else if (pcap_start(f, e)) {
		pcap_file_close(&f);
	}
	return f;
}

static struct pcap_file *new(const struct pcap_file_options *o)
{
	struct pcap_file *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->o = *o;
	f->fd = -1;
	return f;
}

struct pcap_file *pcap_file_open(const char *path, const struct pcap_file_options *o,
				 struct err *e)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	if (fd < 0) {
		err_set(e, ERR_IO, "%s", strerror(errno));
		return NULL;
	}
	struct pcap_file *f = new(o);
	f->fd = fd;
	f->window = malloc(WINDOW);
	if (!f->window)
		abort();
	f->size = WINDOW;
	f->p = f->window;
	return start(f, e);
}

struct pcap_file *pcap_file_over(struct slice bytes, const struct pcap_file_options *o,
				 struct err *e)
{
	struct pcap_file *f = new(o);

	f->eof = true;
	f->p = bytes.p;
	f->n = bytes.n;
	return start(f, e);
}

void pcap_file_close(struct pcap_file **f)
{
	if (!*f)
		return;
	if ((*f)->fd > STDIN_FILENO)
		close((*f)->fd);
	free((*f)->window);
	free((*f)->interface);
	free(*f);
	*f = NULL;
}

int pcap_file_next(struct pcap_file *f, struct packet *p, struct err *e)
{
	return f->next(f, p, e);
}

bool pcap_file_rewinds(const struct pcap_file *f)
{
	struct stat st;

	return f->next == ng_next && (f->fd < 0 || (f->fd != STDIN_FILENO &&
	       fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode)));
}

bool pcap_file_cut(const struct pcap_file *f)
{
	return f->cut;
}

uint64_t pcap_file_dropped(const struct pcap_file *f)
{
	uint64_t n = f->dropped;

	for (size_t i = 0; i < f->n_interfaces; i++)
		n += f->interface[i].dropped;
	return n;
}
