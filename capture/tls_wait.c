/*
 * tls_wait: records that came before their keys.
 *
 * Envoy writes its key log through a buffer, so lines may come seconds after
 * the packets.  Protected records of such a session wait here, both directions
 * in one queue in the order of the wire, so that requests and answers come out
 * as they went.  Bounded in bytes for each session (what comes after is only
 * counted, and a gap where it was), in bytes for all, and in capture time.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/tls_layer.h"

enum { WAIT_BYTES = 1024 * 1024, WAIT_SECONDS = 30 };

enum kind { WAIT_RECORD, WAIT_GAP, WAIT_END };

struct item {
	struct item *next;
	int64_t ts;
	uint32_t n;
	uint16_t version;
	uint8_t kind, dir, type, why;
	uint8_t bytes[];
};

struct tls_waiting {
	struct tls_layer *t;
	struct tls_waiting *next, *prev;
	struct item *head, *tail;
	size_t held;
	int64_t since;
	bool busy;		/* being opened: messages inside may ask again */
};

static struct tls_waiting *waiting(struct tls_layer *t, int64_t ts)
{
	struct tls_shared *sh = t->sh;
	struct tls_waiting *w = t->wait;

	if (w)
		return w;
	w = calloc(1, sizeof *w);
	if (!w)
		abort();
	w->t = t;
	w->since = ts;
	w->prev = sh->last;
	*(sh->last ? &sh->last->next : &sh->first) = w;
	sh->last = w;
	t->wait = w;
	t->l.s->waiting = sh->growing;
	return w;
}

static struct item *add(struct tls_layer *t, enum kind kind, enum dir d, size_t n, int64_t ts)
{
	struct tls_waiting *w = waiting(t, ts);
	size_t size = sizeof(struct item) + n;

	if (size > WAIT_BYTES - w->held || size > t->sh->room - t->sh->held)
		return NULL;
	struct item *i = malloc(size);
	if (!i)
		abort();
	*i = (struct item){ .ts = ts, .n = (uint32_t)n, .kind = (uint8_t)kind, .dir = (uint8_t)d };
	*(w->tail ? &w->tail->next : &w->head) = i;
	w->tail = i;
	w->held += size;
	t->sh->held += size;
	t->l.s->outside += size;
	return i;
}

void tls_wait_record(struct tls_layer *t, enum dir d, const struct tls_record *r, int64_t ts)
{
	struct item *i = t->dir[d].skipped ? NULL : add(t, WAIT_RECORD, d, r->body.n, ts);

	if (!i) {
		t->dir[d].skipped++;
		tls_count(t, EV_TLS_WAIT_FULL);
		return;
	}
	i->type = r->type;
	i->version = r->version;
	if (r->body.n)
		memcpy(i->bytes, r->body.p, r->body.n);
}

void tls_wait_gap(struct tls_layer *t, enum dir d, int64_t ts)
{
	add(t, WAIT_GAP, d, 0, ts);
}

void tls_wait_end(struct tls_layer *t, enum dir d, enum end_why why, int64_t ts)
{
	struct item *i;

	tls_wait_try(t, ts);
	if (t->wait && t->sh->growing && (i = add(t, WAIT_END, d, 0, ts))) {
		i->why = (uint8_t)why;
		return;
	}
	tls_wait_forget(t, ts);
	tls_app_end(t, d, why, ts);
}

static struct item *pop(struct tls_waiting *w)
{
	struct item *i = w->head;
	size_t size = sizeof *i + i->n;

	w->head = i->next;
	if (!w->head)
		w->tail = NULL;
	w->held -= size;
	w->t->sh->held -= size;
	w->t->l.s->outside -= size;
	return i;
}

void tls_wait_release(struct tls_layer *t)
{
	struct tls_waiting *w = t->wait;
	struct tls_shared *sh = t->sh;

	if (!w)
		return;
	while (w->head)
		free(pop(w));
	*(w->prev ? &w->prev->next : &sh->first) = w->next;
	*(w->next ? &w->next->prev : &sh->last) = w->prev;
	free(w);
	sh->released++;
	t->wait = NULL;
	t->l.s->waiting = false;
}

static void replay(struct tls_layer *t, const struct item *i)
{
	enum dir d = (enum dir)i->dir;

	switch ((enum kind)i->kind) {
	case WAIT_RECORD:
		tls_sealed_now(t, d, (struct tls_record){ i->type, i->version,
			{ i->bytes, i->n } }, i->ts);
		break;
	case WAIT_GAP:
		tls_sealed_missed(t, d, 1);
		tls_app_gap(t, d, i->ts);
		break;
	case WAIT_END:
		tls_app_end(t, d, (enum end_why)i->why, i->ts);
		break;
	}
}

/* Records beyond the limit: their numbers are known, their contents are not. */
static void leave_gaps(struct tls_layer *t, int64_t ts)
{
	for (int d = 0; d < 2; d++) {
		if (!t->dir[d].skipped)
			continue;
		tls_sealed_missed(t, (enum dir)d, t->dir[d].skipped);
		tls_app_gap(t, (enum dir)d, ts);
		t->dir[d].skipped = 0;
	}
}

void tls_wait_try(struct tls_layer *t, int64_t ts)
{
	struct tls_waiting *w = t->wait;

	if (!w || w->busy)
		return;
	w->busy = true;
	while (w->head && tls_sealed_ready(t, (enum dir)w->head->dir)) {
		if (t->keys == KEYS_NEVER) {
			tls_wait_forget(t, ts);
			return;
		}
		struct item *i = pop(w);
		replay(t, i);
		free(i);
	}
	w->busy = false;
	if (w->head)
		return;
	leave_gaps(t, ts);
	tls_wait_release(t);
}

void tls_wait_forget(struct tls_layer *t, int64_t ts)
{
	struct tls_waiting *w = t->wait;

	if (!w)
		return;
	t->keys = KEYS_NEVER;
	tls_count(t, EV_TLS_WAITED);
	for (struct item *i; w->head; free(i)) {
		i = pop(w);
		if (i->kind == WAIT_END)
			tls_app_end(t, (enum dir)i->dir, (enum end_why)i->why, i->ts);
	}
	tls_app_gap(t, FROM_CLIENT, ts);
	tls_app_gap(t, FROM_SERVER, ts);
	tls_wait_release(t);
	tls_deaf(t);
}

bool tls_wait_over(const struct tls_waiting *w, int64_t ts)
{
	return ts - w->since > (int64_t)WAIT_SECONDS * 1000000000;
}

struct tls_layer *tls_wait_layer(const struct tls_waiting *w)
{
	return w->t;
}

struct tls_waiting *tls_wait_next(const struct tls_waiting *w)
{
	return w->next;
}
