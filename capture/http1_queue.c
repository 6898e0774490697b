/*
 * http1_queue: exchanges that wait for their answer, oldest first; losing the thread; tunnels.
 */
#include "capture/http1_part.h"
#include "capture/http2.h"

/* --- the queue */

struct http_slot *http1_append(struct http1 *h)
{
	struct http_slot *k = h->spare;

	if (k)
		h->spare = k->next;
	else
		k = http_slot_new(h->l.s);
	k->next = NULL;
	if (h->last)
		h->last->next = k;
	else
		h->first = k;
	h->last = k;
	if (!h->asking)
		h->asking = k;
	if (!h->answering)
		h->answering = k;
	h->pending++;
	return k;
}

struct http_slot *http1_take_first(struct http1 *h)
{
	struct http_slot *k = h->first;

	h->first = k->next;
	if (!h->first)
		h->last = NULL;
	if (h->asking == k)
		h->asking = k->next;
	if (h->answering == k)
		h->answering = k->next;
	h->pending--;
	h->held -= k->counted;
	for (int d = 0; d < 2; d++)
		if (h->side[d].now == k)
			h->side[d].now = NULL;
	return k;
}

static void slot_spare(struct http1 *h, struct http_slot *k)
{
	http_slot_reset(h->l.s, k);
	k->next = h->spare;
	h->spare = k;
}

static void tell(struct http1 *h, const struct http_slot *k)
{
	struct session *s = h->l.s;

	evidence_add(s->env->ev, EV_HTTP_REQUESTS, 1);
	s->env->emit(s, &h->l, &k->x);
}

/* Emit from the front whatever is complete. */
void http1_tell_done(struct http1 *h)
{
	while (h->first && h->first->asked_all && h->first->answered_all) {
		struct http_slot *k = http1_take_first(h);

		tell(h, k);
		slot_spare(h, k);
	}
}

/* Requests and answers come in the queue's order, so each slot is passed once, however long it is. */
struct http_slot *http1_unasked(struct http1 *h)
{
	for (; h->asking && h->asking->asked; h->l.s->env->work++)
		h->asking = h->asking->next;
	return h->asking;
}

struct http_slot *http1_unanswered(struct http1 *h)
{
	for (; h->answering && h->answering->answered; h->l.s->env->work++)
		h->answering = h->answering->next;
	return h->answering;
}

bool http1_queue_full(struct http1 *h)
{
	if (h->pending <= HTTP1_PENDING && h->held <= HTTP1_HELD)
		return false;
	evidence_add(h->l.s->env->ev, EV_HTTP_PIPELINE, 1);
	return true;
}

/* Nothing more will be known of the answers to what waits. */
void http1_give_up_answers(struct http1 *h)
{
	for (struct http_slot *k = h->first; k; k = k->next)
		k->answered = k->answered_all = true;
	http1_tell_done(h);
}

void http1_tell_all(struct http1 *h)
{
	for (struct http_slot *k = h->first; k; k = k->next)
		k->asked_all = k->answered = k->answered_all = true;
	http1_tell_done(h);
}

/* --- losing the thread */

void http1_lose(struct http1 *h, enum dir d)
{
	struct side *sd = &h->side[d];

	if (sd->st != S_LOST && sd->st != S_RESYNC)
		evidence_add(h->l.s->env->ev, EV_HTTP_LOST, 1);
	sd->st = S_LOST;
	buf_clear(&sd->line);
	h->l.deaf[d] = true;
	if (sd->now && d == FROM_CLIENT)
		sd->now->asked_all = true;
	sd->now = NULL;
	if (d == FROM_SERVER)
		http1_give_up_answers(h);
	http1_tell_done(h);
}

static void both_deaf(struct http1 *h)
{
	for (int d = 0; d < 2; d++) {
		h->side[d].st = S_LOST;
		h->l.deaf[d] = true;
	}
}

/* --- tunnels */

void http1_feed_above(struct http1 *h, enum dir d, struct slice bytes, int64_t ts)
{
	layer_data(h->l.above, d, bytes, ts);
	if (h->l.above && h->l.above->deaf[d])
		h->l.deaf[d] = true;
}

/* What the client sent before the answer came was held back, or lies in a line begun. */
static void tunnel(struct http1 *h, struct layer *above, int64_t ts)
{
	struct buf early = h->side[FROM_CLIENT].line;

	h->l.above = above;
	if (!above)
		both_deaf(h);
	buf_init(&h->side[FROM_CLIENT].line, HTTP1_LINE);
	for (int d = 0; d < 2; d++)
		if (above)
			h->side[d].st = S_TUNNEL;
	if (above)
		http1_feed_above(h, FROM_CLIENT, buf_slice(&early), ts);
	buf_release(&early);
}

void http1_switch(struct http1 *h, struct http_slot *k, int64_t ts)
{
	struct side *cl = &h->side[FROM_CLIENT];

	k->x.upgraded = true;
	if (k != h->last || (cl->st != S_START && cl->st != S_HOLD)) {
		k->answered_all = true;		/* the client did not wait: no telling where it begins */
		http1_lose(h, FROM_CLIENT);
		http1_lose(h, FROM_SERVER);
		return;
	}
	if (k->upgrade == SLOT_WEBSOCKET) {
		both_deaf(h);			/* its frames say nothing a policy reads */
		return;
	}
	if (k->upgrade == SLOT_H2C && k == h->first) {
		struct layer *h2 = layer_http2(h->l.s, &h->l);

		if (h2)
			http2_adopt(h2, http1_take_first(h));
		tunnel(h, h2, ts);
		return;
	}
	tunnel(h, layer_detect(h->l.s, &h->l), ts);
}

void http1_refuse_connect(struct http1 *h, int64_t ts)
{
	struct side *cl = &h->side[FROM_CLIENT];
	struct buf early = cl->line;

	if (cl->st != S_HOLD)
		return;
	buf_init(&cl->line, HTTP1_LINE);
	cl->st = S_START;
	http1_data(&h->l, FROM_CLIENT, buf_slice(&early), ts);
	buf_release(&early);
}

void http1_to_http2(struct http1 *h, int64_t ts)
{
	tunnel(h, layer_http2(h->l.s, &h->l), ts);
	http1_feed_above(h, FROM_CLIENT, SLICE("PRI * HTTP/2.0\r\n"), ts);
}
