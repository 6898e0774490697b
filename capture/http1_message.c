/*
 * http1_message: the heads of requests and responses, and which response is whose.
 */
#include <strings.h>

#include "capture/http1_part.h"

/* --- the client's side */

static bool same_host(struct slice a, struct slice b)
{
	const uint8_t *ca = a.n && a.p[0] != '[' ? memchr(a.p, ':', a.n) : NULL;
	const uint8_t *cb = b.n && b.p[0] != '[' ? memchr(b.p, ':', b.n) : NULL;

	if (!ca != !cb) {	/* one without port: compare the names */
		a.n = ca ? (size_t)(ca - a.p) : a.n;
		b.n = cb ? (size_t)(cb - b.p) : b.n;
	}
	return a.n == b.n && (!a.n || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

/* RFC 9112 section 3.2.2: the authority of an absolute target replaces Host. */
static void set_target(struct http_slot *k, struct slice target)
{
	struct slice scheme, authority, path;

	if (slice_is(k->x.method, "CONNECT")) {
		k->connect = true;
		k->x.target = http_slot_keep(k, target);
		k->x.authority = k->x.target;
	} else if (http1_absolute_form(target, &scheme, &authority, &path)) {
		k->x.scheme = http_slot_keep(k, scheme);
		k->x.authority = http_slot_keep(k, authority);
		k->x.target = http_slot_keep(k, path);
		k->x.odd_header |= memchr(authority.p, '@', authority.n) != NULL;
	} else {
		k->x.target = http_slot_keep(k, target);
	}
}

static struct http_slot *ask(struct http1 *h, const struct http1_request_line *r, int64_t ts)
{
	struct http_slot *k = http1_unasked(h);

	if (!k)
		k = http1_append(h);
	k->asked = true;
	k->after_loss = h->uncertain;
	k->x.head_partial = true;
	k->x.started = ts;
	k->x.ended = k->answered ? k->x.ended : ts;
	k->x.version = r->version;
	k->x.odd_header = r->odd;
	k->x.method = http_slot_keep(k, r->method);
	k->head = slice_is(r->method, "HEAD");
	set_target(k, r->target);
	if (h->side[FROM_SERVER].st == S_LOST || h->side[FROM_SERVER].ended)
		k->answered = k->answered_all = true;
	return k;
}

static void asked_all(struct http1 *h, int64_t ts)
{
	struct side *sd = &h->side[FROM_CLIENT];
	struct http_slot *k = sd->now;

	sd->st = S_START;
	sd->now = NULL;
	if (!k)
		return;
	k->asked_all = true;
	if (!k->answered)
		k->x.ended = ts;
	if (k->connect && !k->answered)
		sd->st = S_HOLD;
	http1_tell_done(h);
	if (http1_queue_full(h))
		http1_lose(h, FROM_SERVER);
}

void http1_request_start(struct http1 *h, struct slice line, int64_t ts)
{
	struct side *sd = &h->side[FROM_CLIENT];
	struct http1_request_line r;

	if (!line.n)
		return;		/* RFC 9112 section 2.2: empty lines before a request */
	if (!http1_request_line(&r, line, false)) {
		http1_lose(h, FROM_CLIENT);
		return;
	}
	if (r.version == 20 && slice_is(r.method, "PRI")) {
		http1_to_http2(h, ts);
		return;
	}
	sd->now = ask(h, &r, ts);
	sd->now->x.odd_header |= sd->long_line;
	sd->f = (struct http1_framing){ 0 };
	sd->st = S_HEAD;
	if (r.version == 9) {	/* no head follows, and nothing else may */
		sd->now->x.head_partial = false;
		asked_all(h, ts);
		sd->st = S_LOST;
		h->l.deaf[FROM_CLIENT] = true;
	}
}

static void host_header(struct http1 *h, struct http_slot *k, struct slice value)
{
	struct http1_framing *f = &h->side[FROM_CLIENT].f;

	f->fold = FOLD_HOST;
	f->hosts = f->hosts ? 2 : 1;
	k->x.odd_header |= f->hosts > 1;	/* RFC 9112 section 3.2: 400, even where they agree */
	if (k->x.authority.n) {
		k->x.several_hosts |= !same_host(k->x.authority, value);
		return;
	}
	k->x.authority = http_slot_keep(k, value);
	k->last = &k->x.authority;
}

static void request_header(struct http1 *h, struct slice line)
{
	struct side *sd = &h->side[FROM_CLIENT];
	struct http_slot *k = sd->now;
	struct slice name, value;
	bool odd, good = http1_header_line(line, &name, &value, &odd);

	k->x.odd_header |= odd || sd->long_line;
	sd->f.fold = FOLD_NOTHING;
	if (!good)
		return;
	switch (http_slot_header(h->l.s, k, name, value)) {
	case HF_HOST:			host_header(h, k, value); break;
	case HF_CONTENT_LENGTH:		http1_content_length(&sd->f, value); break;
	case HF_TRANSFER_ENCODING:	http1_transfer_encoding(&sd->f, value); break;
	case HF_UPGRADE:		http1_upgrade(&sd->f, value); break;
	case HF_OTHER: case HF_CONNECTION: case HF_USER_AGENT: case HF_REQUEST_ID:
	case HF_CONTENT_TYPE: case HF_XFF: case HF_AUTHORIZATION: case HF_COOKIE:
	case HF_GRPC_STATUS:
		break;
	}
}

/* Where the body's framing leads this side; false: no body. */
static bool enter_body(struct side *sd, enum http1_body body)
{
	switch (body) {
	case BODY_NONE:
		return false;
	case BODY_LENGTH:
		sd->left = sd->f.length;
		sd->st = S_BODY;
		break;
	case BODY_CHUNKED:
		sd->st = S_CHUNK_SIZE;
		break;
	case BODY_CLOSE:
		sd->st = S_CLOSE;
		break;
	}
	return true;
}

static void request_head_done(struct http1 *h, int64_t ts)
{
	struct side *sd = &h->side[FROM_CLIENT];
	struct http_slot *k = sd->now;

	if (sd->f.asks_upgrade)
		k->upgrade = sd->f.upgrade_websocket ? SLOT_WEBSOCKET :
			     sd->f.upgrade_h2c ? SLOT_H2C : SLOT_UPGRADE;
	k->x.head_partial = false;
	http_slot_settle(h->l.s, k);
	h->held += k->counted;
	if (!enter_body(sd, http1_request_body(&sd->f, k->x.version, &k->x.ambiguous_length)))
		asked_all(h, ts);
}

/* A start line that a loss or the end cut off still tells the whole words of it. */
void http1_cut_request(struct http1 *h, int64_t ts)
{
	struct side *sd = &h->side[FROM_CLIENT];
	struct http1_request_line r;
	struct http_slot *k;

	if (sd->st != S_START || !sd->line.n || !http1_request_line(&r, buf_slice(&sd->line), true))
		return;
	k = ask(h, &r, ts);
	k->asked_all = true;
}

/* --- the server's side */

static void answered_all(struct http1 *h, int64_t ts)
{
	struct side *sd = &h->side[FROM_SERVER];
	struct http_slot *k = sd->now;

	sd->st = S_START;
	sd->now = NULL;
	if (!k)
		return;
	k->answered_all = true;
	k->x.ended = ts;
	http1_tell_done(h);
}

/* The response that begins here belongs to no request we can name. */
static struct http_slot *stray(struct http1 *h, int64_t ts)
{
	struct side *cl = &h->side[FROM_CLIENT];
	struct session *s = h->l.s;
	struct http_slot *k;

	evidence_add(s->env->ev, EV_HTTP_STRAY, 1);
	h->strays++;
	h->uncertain = false;
	if (cl->seen && s->syn && cl->st != S_RESYNC && cl->st != S_LOST)
		return NULL;	/* nobody asked: a timeout's notice */
	if (http1_queue_full(h))
		http1_tell_all(h);	/* so many requests will not come any more */
	k = http1_append(h);
	k->x.head_partial = true;
	k->x.started = ts;
	/* A request may still come where the packets' order was lost; else there is none. */
	k->asked = k->asked_all = cl->seen || !s->syn;
	return k;
}

static struct http_slot *whose_answer(struct http1 *h, int64_t ts)
{
	struct http_slot *k = http1_unanswered(h);

	if (!k)
		return stray(h, ts);
	if (h->uncertain && k->after_loss) {
		http1_lose(h, FROM_SERVER);
		return NULL;
	}
	return k;
}

/* RFC 1945 section 4.1: a simple response is the entity alone. */
bool http1_simple_response(struct http1 *h)
{
	struct side *sd = &h->side[FROM_SERVER];
	struct http_slot *k = http1_unanswered(h);

	if (!k || k->x.version != 9)
		return false;
	sd->now = k;
	k->answered = true;
	sd->st = S_CLOSE;
	return true;
}

void http1_response_start(struct http1 *h, struct slice line, bool bare, int64_t ts)
{
	struct side *sd = &h->side[FROM_SERVER];
	uint16_t status = http1_status_line(line);
	struct http_slot *k;

	if (!line.n)
		return;
	if (!status) {
		if (http1_simple_response(h))
			http1_count_body(sd, FROM_SERVER, line.n + (bare ? 1 : 2));
		else
			http1_lose(h, FROM_SERVER);
		return;
	}
	sd->f = (struct http1_framing){ 0 };
	sd->interim = status / 100 == 1 && status != 101;
	sd->st = S_HEAD;
	if (sd->interim)
		return;
	k = whose_answer(h, ts);
	sd->now = k;
	sd->f.status = status;
	if (!k)
		return;
	k->answered = true;
	k->x.status = status;
	k->x.ended = ts;
	if (!k->x.version)
		k->x.version = slice_starts(line, SLICE("HTTP/1.0")) ? 10 : 11;
}

static void response_header(struct http1 *h, struct slice line)
{
	struct side *sd = &h->side[FROM_SERVER];
	struct slice name, value;
	bool odd;

	sd->f.fold = FOLD_NOTHING;
	if (!http1_header_line(line, &name, &value, &odd))
		return;
	switch (http_field_of(name)) {
	case HF_CONTENT_LENGTH:		http1_content_length(&sd->f, value); break;
	case HF_TRANSFER_ENCODING:	http1_transfer_encoding(&sd->f, value); break;
	case HF_OTHER: case HF_HOST: case HF_CONNECTION: case HF_UPGRADE: case HF_USER_AGENT:
	case HF_REQUEST_ID: case HF_CONTENT_TYPE: case HF_XFF: case HF_AUTHORIZATION:
	case HF_COOKIE: case HF_GRPC_STATUS:
		break;
	}
}

static void response_head_done(struct http1 *h, int64_t ts)
{
	struct side *sd = &h->side[FROM_SERVER];
	struct http_slot *k = sd->now;
	bool ambiguous = false;
	enum http1_body body;

	if (sd->interim) {
		sd->st = S_START;
		return;
	}
	if (k && (sd->f.status == 101 || (k->connect && sd->f.status / 100 == 2))) {
		sd->now = NULL;
		http1_switch(h, k, ts);
		return;
	}
	body = http1_response_body(&sd->f, sd->f.status, k && k->head, &ambiguous);
	if (k)
		k->x.ambiguous_length |= ambiguous;
	if (!enter_body(sd, body)) {
		bool refused = k && k->connect;

		answered_all(h, ts);
		if (refused)
			http1_refuse_connect(h, ts);
	} else if (k && k->connect) {
		http1_refuse_connect(h, ts);
	}
}

/* --- both sides */

void http1_message_done(struct http1 *h, enum dir d, int64_t ts)
{
	if (d == FROM_CLIENT)
		asked_all(h, ts);
	else
		answered_all(h, ts);
}

/*
 * RFC 9112 section 5.2: a line that begins with a blank continues the one before.  Where that
 * was a framing header, readers disagree about the body.
 */
static void folded(struct http1 *h, enum dir d, struct slice line)
{
	struct side *sd = &h->side[d];
	struct slice more = http1_trim(line);

	if (sd->now)
		sd->now->x.odd_header = true;
	if (sd->f.fold == FOLD_LENGTH) {
		sd->f.bad_length = true;
	} else if (sd->f.fold == FOLD_CODING) {
		http1_transfer_encoding(&sd->f, more);
		sd->f.odd_coding = true;
	} else if (d == FROM_CLIENT && sd->now) {
		http_slot_fold(sd->now, more);
	}
}

void http1_head_line(struct http1 *h, enum dir d, struct slice line, int64_t ts)
{
	if (!line.n) {
		if (d == FROM_CLIENT)
			request_head_done(h, ts);
		else
			response_head_done(h, ts);
	} else if (line.p[0] == ' ' || line.p[0] == '\t') {
		folded(h, d, line);
	} else if (d == FROM_CLIENT) {
		request_header(h, line);
	} else {
		response_header(h, line);
	}
}
