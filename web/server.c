/*
 * server: libmicrohttpd in front of a table of paths.
 *
 * A pool of threads; each request opens nothing: stores are kept in a small free list, one is taken
 * for the time of a request.  What libmicrohttpd lets through and should not (two Host headers,
 * a body, a foreign Host on loopback) is refused here.
 */
#include "web/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "schema/asset.h"
#include "web/pages.h"

enum {
	CONNECTIONS = 128, PER_ADDRESS = 64, IDLE_SECONDS = 30, MEMORY = 64 * 1024, STORES = 8,
	PAGE_MOST = 32 * 1024 * 1024, NEXT_PORTS = 100,
};

extern const struct asset assets[];

struct web {
	struct web_options o;
	struct MHD_Daemon *daemon;
	uint16_t port;
	bool loopback;
	pthread_mutex_t lock, explaining;
	struct store *idle[STORES];
	size_t n_idle;
};

static const struct {
	const char *path;
	int (*page)(struct page *, struct err *);
} pages[] = {
	{ "/", page_overview }, { "/findings", page_findings }, { "/flows", page_flows },
	{ "/identities", page_identities }, { "/destinations", page_destinations },
	{ "/policies", page_policies }, { "/certificates", page_certificates },
	{ "/evidence", page_evidence }, { "/sql", page_sql },
};

static const struct {
	const char *prefix;
	int (*page)(struct page *, int64_t, struct err *);
} numbered[] = {
	{ "/flows/", page_flow }, { "/findings/", page_finding },
};

static const struct { const char *ending, *type; } types[] = {
	{ ".css", "text/css; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
};

/* --- stores */

static struct store *take_store(struct web *w, struct err *e)
{
	struct store *s = NULL;

	pthread_mutex_lock(&w->lock);
	if (w->n_idle)
		s = w->idle[--w->n_idle];
	pthread_mutex_unlock(&w->lock);
	return s ? s : store_open(w->o.db, STORE_READ, e);
}

static void give_back(struct web *w, struct store *s)
{
	struct err ignored;

	pthread_mutex_lock(&w->lock);
	if (w->n_idle < STORES) {
		w->idle[w->n_idle++] = s;
		s = NULL;
	}
	pthread_mutex_unlock(&w->lock);
	store_close(&s, &ignored);
}

int server_explain(struct web *w, int64_t flow, struct buf *json, struct err *e)
{
	if (!w->o.explain)
		return err_set(e, ERR_INPUT, "The explanation is not available here.");
	pthread_mutex_lock(&w->explaining);
	int rc = w->o.explain(w->o.explain_ctx, flow, json, e);
	pthread_mutex_unlock(&w->explaining);
	return rc;
}

/* --- answers */

static const struct { const char *name, *value; } headers[] = {
	{ "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	  "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};

static enum MHD_Result send_bytes(struct MHD_Connection *c, unsigned status, const char *type,
				  struct slice body, const char *cache)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p,
								 MHD_RESPMEM_MUST_COPY);

	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", cache);
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		MHD_add_response_header(r, headers[i].name, headers[i].value);
	enum MHD_Result ok = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	return send_bytes(c, status, "text/plain; charset=utf-8", slice_of(text), "no-store");
}

static const struct asset *asset_named(struct slice name)
{
	for (const struct asset *a = assets; a->name; a++)
		if (slice_is(name, a->name))
			return a;
	return NULL;
}

static enum MHD_Result send_asset(struct MHD_Connection *c, const struct asset *a)
{
	const char *type = "application/octet-stream";

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (slice_ends(slice_of(a->name), slice_of(types[i].ending)))
			type = types[i].type;
	return send_bytes(c, 200, type, (struct slice){ a->data, a->len }, "no-cache");
}

/* "/flows.json" -> "/flows" and PAGE_JSON; "/api/v1/flows" is the same as "/flows.json". */
static struct slice split_form(struct slice path, enum page_form *form)
{
	*form = PAGE_HTML;
	if (slice_starts(path, SLICE("/api/v1/"))) {
		*form = PAGE_JSON;
		return slice_from(path, 7);
	}
	if (slice_ends(path, SLICE(".json"))) {
		*form = PAGE_JSON;
		path.n -= 5;
	} else if (slice_ends(path, SLICE(".csv"))) {
		*form = PAGE_CSV;
		path.n -= 4;
	}
	return path;
}

/* 0: a page ran; 1: there is no such path; -1: *e. */
static int run_page(struct page *p, struct slice path, struct err *e)
{
	int64_t id;

	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (slice_is(path, pages[i].path))
			return pages[i].page(p, e);
	for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++) {
		struct slice prefix = slice_of(numbered[i].prefix);
		if (slice_starts(path, prefix) && request_number(slice_from(path, prefix.n), &id))
			return numbered[i].page(p, id, e);
	}
	return 1;
}

static unsigned status_of(const struct err *e)
{
	return e->kind == ERR_INPUT || e->kind == ERR_USAGE ? 400 : 500;
}

static enum MHD_Result send_page(struct web *w, struct MHD_Connection *c, const struct request *r)
{
	static const char *const form_types[] = {
		[PAGE_HTML] = "text/html; charset=utf-8", [PAGE_JSON] = "application/json",
		[PAGE_CSV] = "text/csv; charset=utf-8",
	};
	struct err e = { 0 };
	struct page p = { .web = w, .req = r, .status = 200 };
	struct slice path = split_form(r->path, &p.form);

	p.type = form_types[p.form];
	buf_init(&p.body, PAGE_MOST);
	p.db = take_store(w, &e);
	int rc = p.db ? run_page(&p, path, &e) : -1;
	if (rc > 0)
		page_error(&p, 404, "No such page", SLICE("There is nothing at this address."));
	else if (rc < 0)
		page_error(&p, status_of(&e), "That did not work", slice_of(e.msg));
	else if (p.body.full)
		page_error(&p, 500, "Too much", SLICE("The answer is larger than 32 MiB: ask for less."));
	if (p.db)
		give_back(w, p.db);
	enum MHD_Result ok = send_bytes(c, p.status, p.type, buf_slice(&p.body), "no-store");
	buf_release(&p.body);
	return ok;
}

static enum MHD_Result send_metrics(struct web *w, struct MHD_Connection *c)
{
	static const struct { const char *name, *help, *sql; } metrics[] = {
		{ "egret_flows", "Flows seen.", "SELECT sum(flows) FROM traffic" },
		{ "egret_flows_denied", "Flows that the declared policy denies.", "SELECT sum(flows) FROM traffic WHERE verdict = 'deny'" },
		{ "egret_flows_unknown", "Flows whose verdict is unknown.", "SELECT sum(flows) FROM traffic WHERE verdict = 'unknown'" },
		{ "egret_enforcement_gaps", "Flows denied by policy and served.", "SELECT sum(flows) FROM traffic WHERE verdict = 'deny' AND outcome = 'served'" },
		{ "egret_findings_open", "Open findings.", "SELECT count(*) FROM findings WHERE status = 'open'" },
	};
	struct err e;
	struct page p = { .web = w, .db = take_store(w, &e) };

	if (!p.db)
		return send_text(c, 503, "the database cannot be opened\n");
	buf_init(&p.body, 65536);
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
		buf_printf(&p.body, "# HELP %s %s\n# TYPE %s gauge\n%s %lld\n", metrics[i].name, metrics[i].help,
			   metrics[i].name, metrics[i].name, (long long)page_int(&p, metrics[i].sql));
	buf_str(&p.body, "# EOF\n");
	give_back(w, p.db);
	enum MHD_Result ok = send_bytes(c, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8",
					buf_slice(&p.body), "no-store");
	buf_release(&p.body);
	return ok;
}

/* --- what is let in */

struct seen {
	unsigned host, length, coding;
	const char *host_value, *site, *mode;	/* Sec-Fetch-Site, Sec-Fetch-Mode */
};

static enum MHD_Result look(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct seen *s = ctx;

	(void)kind;
	if (!strcasecmp(name, "Host")) {
		s->host++;
		s->host_value = value;
	}
	if (!strcasecmp(name, "Sec-Fetch-Site"))
		s->site = value;
	if (!strcasecmp(name, "Sec-Fetch-Mode"))
		s->mode = value;
	s->length += !strcasecmp(name, "Content-Length");
	s->coding += !strcasecmp(name, "Transfer-Encoding");
	return MHD_YES;
}

/* A page that some other name resolved to 127.0.0.1 must not read ours. */
static bool is_loopback_name(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; host && i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);
		if (!strncasecmp(host, names[i], n) && (!host[n] || host[n] == ':'))
			return true;
	}
	return false;
}

static const char *refusal(const struct web *w, struct MHD_Connection *c, const char *method)
{
	struct seen s = { 0 };

	MHD_get_connection_values(c, MHD_HEADER_KIND, look, &s);
	if (s.host != 1)
		return "exactly one Host header is wanted\n";
	if (s.coding || s.length > 1)
		return "a request here has no body\n";
	if (w->loopback && !is_loopback_name(s.host_value))
		return "this server answers to localhost only\n";
	/* Another site's page may link here; it may not make us work behind the reader's back. */
	if (s.site && !strcmp(s.site, "cross-site") && s.mode && strcmp(s.mode, "navigate"))
		return "no requests from other sites\n";
	return strcmp(method, "GET") && strcmp(method, "HEAD") ? "only GET and HEAD\n" : NULL;
}

/* The query string as it came: libmicrohttpd hands it out in pieces otherwise. */
static void *keep_uri(void *ctx, const char *uri, struct MHD_Connection *c)
{
	(void)ctx;
	(void)c;
	return strdup(uri);
}

static void done(void *ctx, struct MHD_Connection *c, void **own, enum MHD_RequestTerminationCode why)
{
	(void)ctx;
	(void)c;
	(void)why;
	free(*own);
	*own = NULL;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **own)
{
	struct web *w = ctx;
	const char *uri = *own ? *own : url, *why = refusal(w, c, method), *mark = strchr(uri, '?');
	struct request *r;
	enum MHD_Result ok;

	(void)version;
	(void)upload;
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (why)
		return send_text(c, strncmp(why, "only", 4) ? 400 : 405, why);
	r = malloc(sizeof *r);
	if (!r)
		abort();
	struct slice path = { (const uint8_t *)uri, mark ? (size_t)(mark - uri) : strlen(uri) };
	if (!request_parse(r, path, slice_of(mark ? mark + 1 : ""))) {
		free(r);
		return send_text(c, 400, "the address cannot be read\n");
	}
	const struct asset *a = r->path.n > 1 ? asset_named(slice_from(r->path, 1)) : NULL;
	if (a)
		ok = send_asset(c, a);
	else if (slice_is(r->path, "/healthz"))
		ok = send_text(c, 200, "ok\n");
	else if (slice_is(r->path, "/readyz")) {
		struct err e = { 0 };
		struct store *s = take_store(w, &e);
		ok = send_text(c, s ? 200 : 503, s ? "ok\n" : "the database cannot be opened\n");
		if (s)
			give_back(w, s);
	} else if (slice_is(r->path, "/metrics"))
		ok = send_metrics(w, c);
	else
		ok = send_page(w, c, r);
	free(r);
	return ok;
}

/* --- start, stop */

static int start_daemon(struct web *w, const struct sockaddr *at)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL;

	if (at->sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	w->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, w,
		MHD_OPTION_SOCK_ADDR, at, MHD_OPTION_THREAD_POOL_SIZE, 4u,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PER_ADDRESS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, keep_uri, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, done, NULL, MHD_OPTION_END);
	return w->daemon ? 0 : -1;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool make_address(union address *a, const char *text, uint16_t port)
{
	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) != 1)
		return false;
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons(port);
	return true;
}

/* libmicrohttpd does not say why it could not listen: ask the system first. */
static int try_port(const union address *a)
{
	int yes = 1, fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), why = 0;

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, &a->any, a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6) || listen(fd, 1))
		why = errno;
	close(fd);
	return why;
}

static int listen_at(struct web *w, const char *address, struct err *e)
{
	uint16_t first = w->o.port ? w->o.port : 8080;

	for (unsigned k = 0; k < NEXT_PORTS && first + k <= UINT16_MAX; k++) {
		union address a;
		w->port = (uint16_t)(first + k);
		if (!make_address(&a, address, w->port))
			return err_set(e, ERR_USAGE, "%s is no address to listen on", address);
		int why = try_port(&a);
		if (why == EADDRINUSE && w->o.next_port)
			continue;
		if (why)
			return err_set(e, ERR_IO, "port %u of %s: %s%s", w->port, address, strerror(why),
				       why == EADDRINUSE ? " (another port: --listen ADDRESS:PORT)" : "");
		if (start_daemon(w, &a.any))
			return err_set(e, ERR_IO, "port %u of %s: the HTTP server did not start", w->port, address);
		return 0;
	}
	return err_set(e, ERR_IO, "ports %u to %u of %s are all in use", first, first + NEXT_PORTS - 1, address);
}

struct web *web_start(const struct web_options *o, struct err *e)
{
	struct web *w = calloc(1, sizeof *w);
	const char *address = o->address ? o->address : "127.0.0.1";

	if (!w)
		abort();
	w->o = *o;
	w->loopback = !strncmp(address, "127.", 4) || !strcmp(address, "::1");
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->explaining, NULL);
	struct store *s = store_open(o->db, STORE_READ, e);
	if (!s || listen_at(w, address, e)) {
		if (s)
			give_back(w, s);
		web_stop(&w);
		return NULL;
	}
	give_back(w, s);
	return w;
}

uint16_t web_port(const struct web *w)
{
	return w->port;
}

void web_stop(struct web **w)
{
	struct err ignored;

	if (!*w)
		return;
	if ((*w)->daemon)
		MHD_stop_daemon((*w)->daemon);
	for (size_t i = 0; i < (*w)->n_idle; i++)
		store_close(&(*w)->idle[i], &ignored);
	pthread_mutex_destroy(&(*w)->lock);
	pthread_mutex_destroy(&(*w)->explaining);
	free(*w);
	*w = NULL;
}
