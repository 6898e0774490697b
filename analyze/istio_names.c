/*
 * istio_names: every pattern is a key of one map.  "a.b.c" is looked up as "a.b.c", "*.b.c", "*.c", "*".
 *
 * The walk has the name in key[1..]: to ask for the wildcard of a label a star is written over the byte before
 * its dot, which is never read again.
 */
#include "analyze/istio_names.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/istio.h"

enum { NAMES_MAX = 1 << 20 };

void names_init(struct names *n)
{
	*n = (struct names){ 0 };
	map_init(&n->map, NAMES_MAX);
}

void names_release(struct names *n)
{
	map_release(&n->map);
}

void *names_get(const struct names *n, struct slice pattern)
{
	return map_get(&n->map, pattern);
}

static bool is_odd(struct slice pattern)
{
	return host_is_wildcard(pattern) && pattern.n > 1 && pattern.p[1] != '.';
}

void names_put(struct names *n, struct arena *a, struct slice pattern, void *value)
{
	bool known = map_get(&n->map, pattern) != NULL;

	n->wild |= host_is_wildcard(pattern);
	n->lengths |= UINT64_C(1) << pattern.n % 64;
	if (!map_put(&n->map, pattern, value) || known || !is_odd(pattern))
		return;
	n->odd = list_grow(a, n->odd, n->n_odd, sizeof *n->odd);
	n->odd[n->n_odd++] = pattern;
}

/* Most names are of a length that no pattern has: they are not hashed. */
static void *look_up(const struct names *n, struct slice name)
{
	return n->lengths >> name.n % 64 & 1 ? map_get(&n->map, name) : NULL;
}

struct names_walk names_walk(const struct names *n, struct slice host)
{
	struct names_walk w;

	w.names = n;
	w.host = host;
	w.at = host_is_wildcard(host) ? 2 : 0;
	w.odd = 0;
	w.step = WALK_EXACT;
	if (n->wild && host.n && host.n <= NAME_MAX_BYTES)
		memcpy(w.key + 1, host.p, host.n);
	return w;
}

/* The next wildcard by labels; NULL: no more. */
static void *by_label(struct names_walk *w)
{
	while (w->at < w->host.n) {
		size_t i = w->at++;
		void *value;

		if (w->host.p[i] != '.')
			continue;
		w->key[i] = '*';
		value = look_up(w->names, (struct slice){ w->key + i, w->host.n - i + 1 });
		if (value)
			return value;
	}
	return NULL;
}

static void *by_odd(struct names_walk *w)
{
	while (w->odd < w->names->n_odd) {
		struct slice pattern = w->names->odd[w->odd++];

		if (!slice_eq(pattern, w->host) && host_within(w->host, pattern))
			return map_get(&w->names->map, pattern);
	}
	return NULL;
}

void *names_next(struct names_walk *w)
{
	void *value = NULL;

	while (!value && w->step != WALK_END)
		switch (w->step) {
		case WALK_EXACT:
			value = look_up(w->names, w->host);
			w->step = !w->names->wild ? WALK_END :
				  w->host.n && w->host.n <= NAME_MAX_BYTES ? WALK_LABELS : WALK_ODD;
			break;
		case WALK_LABELS:
			value = by_label(w);
			w->step = value ? WALK_LABELS : WALK_ODD;
			break;
		case WALK_ODD:
			value = by_odd(w);
			w->step = value ? WALK_ODD : WALK_STAR;
			break;
		case WALK_STAR:
			value = slice_is(w->host, "*") ? NULL : map_get(&w->names->map, SLICE("*"));
			w->step = WALK_END;
			break;
		case WALK_END:
			break;
		}
	return value;
}

void *names_find(const struct names *n, struct slice host)
{
	struct names_walk w = names_walk(n, host);

	return names_next(&w);
}
