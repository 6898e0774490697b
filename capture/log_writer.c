#include "capture/log_writer.h"

#include <string.h>

static const char egress[] = "istio-system,app=istio-egressgateway,istio=egressgateway";

enum { CONTAINER_ID = 64, UID_LEAST = 32 };

void log_writer_init(struct log_writer *w, const char *workload)
{
	const char *at = workload ? workload : egress;

	*w = (struct log_writer){ .ns = { (const uint8_t *)at, strcspn(at, ",") } };
	for (at += w->ns.n; *at && w->n < LOG_WRITER_LABELS; at += w->label[w->n++].n) {
		at++;
		w->label[w->n] = (struct slice){ (const uint8_t *)at, strcspn(at, ",") };
	}
}

size_t log_writer_label(const struct log_writer *w, struct slice key, struct slice value)
{
	for (size_t i = 0; i < w->n; i++) {
		struct slice l = w->label[i];
		if (l.n == key.n + 1 + value.n && slice_starts(l, key) && l.p[key.n] == '=' &&
		    slice_eq(slice_from(l, key.n + 1), value))
			return i;
	}
	return SIZE_MAX;
}

/* The last part of the path, which is cut off. */
static struct slice last_of(struct slice *path)
{
	size_t n = path->n;

	while (n && path->p[n - 1] != '/')
		n--;
	struct slice part = slice_from(*path, n);
	path->n = n ? n - 1 : 0;
	return part;
}

/* "A_B_C": a name of Kubernetes' holds no underscore. */
static bool three(struct slice s, struct slice part[3])
{
	for (int i = 0; i < 2; i++) {
		const uint8_t *bar = s.n ? memchr(s.p, '_', s.n) : NULL;
		if (!bar)
			return false;
		part[i] = (struct slice){ s.p, (size_t)(bar - s.p) };
		s = slice_from(s, part[i].n + 1);
	}
	part[2] = s;
	return part[0].n && part[1].n && s.n && !memchr(s.p, '_', s.n);
}

static bool is_hex(struct slice s, bool dashes)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (dashes && c == '-')))
			return false;
	}
	return true;
}

/* "CONTAINER-ID.log" */
static bool is_container(struct slice s)
{
	if (!slice_ends(s, SLICE(".log")) || s.n < CONTAINER_ID + 6)
		return false;
	s.n -= 4;
	struct slice id = slice_from(s, s.n - CONTAINER_ID);
	return is_hex(id, false) && id.p[-1] == '-';
}

/* The namespace of the pod whose log it is; empty: the name does not say. */
static struct slice namespace_of(struct slice path)
{
	struct slice file = last_of(&path), part[3];

	if (three(file, part) && is_container(part[2]))
		return part[1];
	last_of(&path);			/* the container's folder */
	if (three(last_of(&path), part) && part[2].n >= UID_LEAST && is_hex(part[2], true))
		return part[0];
	return (struct slice){ NULL, 0 };
}

enum flow_writer log_writer_of_path(const struct log_writer *w, const char *path)
{
	struct slice ns = namespace_of(slice_of(path));

	return ns.n && !slice_eq(ns, w->ns) ? WRITER_OTHER : WRITER_UNKNOWN;
}
