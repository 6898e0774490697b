#include "capture/log_inventory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"

enum { FILE_MOST = 512 * 1024 * 1024, PODS_MOST = 1000000, IPS_MOST = 8 };

struct pod {
	struct pod *next;		/* same address, other time */
	struct ip ip;
	int64_t from, to;
	struct slice identity;		/* spiffe://TD/ns/NS/sa/SA */
	enum flow_writer writer;	/* is it the gateway's? */
};

struct log_inventory {
	struct arena *arena;
	struct map pods;		/* ip -> first pod */
	const char *trust_domain;
	const struct log_writer *gateway;
};

/* What a pod's JSON says; the same names in both shapes. */
struct reading {
	struct slice ns, account, ip[IPS_MOST];
	size_t n_ip;
	int64_t from, to, finished;	/* finished: its last container; INT64_MIN: none has */
	uint32_t labels;		/* those of the gateway's that it bears */
	bool host_network, ended, bad_time, labelled;
};

static enum flow_writer writer_of(const struct log_writer *w, const struct reading *r)
{
	if (!slice_eq(r->ns, w->ns))
		return WRITER_OTHER;
	if (!r->labelled || !w->n)
		return WRITER_UNKNOWN;
	return r->labels == UINT32_MAX >> (32 - w->n) ? WRITER_GATEWAY : WRITER_OTHER;
}

static void add_pod(struct log_inventory *v, const struct reading *r, struct slice ip)
{
	struct pod *p = arena_new_object(v->arena, struct pod);
	struct buf id;

	if (!p || !r->ns.n || !ip_parse(ip, &p->ip))
		return;
	buf_init(&id, 4096);
	buf_printf(&id, "spiffe://%s/ns/", v->trust_domain);
	buf_add(&id, r->ns);
	buf_str(&id, "/sa/");
	buf_add(&id, r->account.n ? r->account : SLICE("default"));
	p->identity = arena_copy(v->arena, buf_slice(&id));
	buf_release(&id);
	p->writer = writer_of(v->gateway, r);
	p->from = r->from;
	p->to = r->to;
	struct slice key = { p->ip.b, sizeof p->ip.b };
	p->next = map_get(&v->pods, key);
	map_put(&v->pods, key, p);
}

static void add_ip(struct reading *r, struct slice ip, struct arena *a)
{
	for (size_t i = 0; i < r->n_ip; i++)
		if (slice_eq(r->ip[i], ip))
			return;		/* podIP is the first of podIPs */
	if (r->n_ip < IPS_MOST)
		r->ip[r->n_ip++] = arena_copy(a, ip);
}

static void take(struct reading *r, struct slice key, struct slice value, struct arena *a)
{
	if (slice_is(key, "namespace"))
		r->ns = arena_copy(a, value);
	else if (slice_is(key, "serviceAccountName") || slice_is(key, "service_account"))
		r->account = arena_copy(a, value);
	else if (slice_is(key, "podIP") || slice_is(key, "ip"))
		add_ip(r, value, a);
	else if (slice_is(key, "startTime") || slice_is(key, "from"))
		r->bad_time |= !clock_parse(value, &r->from);
	else if (slice_is(key, "to") || slice_is(key, "deletionTimestamp"))
		r->bad_time |= !clock_parse(value, &r->to);
	else if (slice_is(key, "phase"))
		r->ended = slice_is(value, "Succeeded") || slice_is(value, "Failed");
}

/* status.podIPs: [{"ip":"10.0.0.1"},{"ip":"fd00::1"}], one of each family. */
static bool read_ips(struct json *j, struct reading *r, struct arena *a)
{
	enum json_token t;

	while ((t = json_next(j)) == JSON_OBJECT) {
		while ((t = json_next(j)) == JSON_KEY) {
			bool ip = slice_is(j->text, "ip");
			t = json_next(j);
			if (ip && t == JSON_STRING)
				add_ip(r, json_unescape(j, a), a);
			else if (!json_skip(j, t, NULL))
				return false;
		}
		if (t != JSON_OBJECT_END)
			return false;
	}
	return t == JSON_ARRAY_END;
}

static bool read_labels(const struct log_inventory *v, struct json *j, struct reading *r)
{
	enum json_token t;

	r->labelled = true;
	while ((t = json_next(j)) == JSON_KEY) {
		struct slice key = json_unescape(j, v->arena);
		t = json_next(j);
		if (t != JSON_STRING) {
			if (!json_skip(j, t, NULL))
				return false;
			continue;
		}
		size_t i = log_writer_label(v->gateway, key, json_unescape(j, v->arena));
		if (i < LOG_WRITER_LABELS)
			r->labels |= UINT32_C(1) << i;
	}
	return t == JSON_OBJECT_END;
}

/* status.containerStatuses: when the last of them finished. */
static bool read_ends(struct json *j, struct reading *r, struct arena *a)
{
	for (unsigned depth = 1; depth;) {
		enum json_token t = json_next(j);
		bool end = t == JSON_KEY && slice_is(j->text, "finishedAt");
		int64_t at;

		if (end)
			t = json_next(j);
		if (t == JSON_BAD || t == JSON_END)
			return false;
		depth += t == JSON_OBJECT || t == JSON_ARRAY;
		depth -= t == JSON_OBJECT_END || t == JSON_ARRAY_END;
		if (!end || t != JSON_STRING)
			continue;
		if (!clock_parse(json_unescape(j, a), &at))
			r->bad_time = true;
		else if (at > r->finished)
			r->finished = at;
	}
	return true;
}

/* One object: strings at the levels where a pod has them (metadata, spec, status, or flat). */
static bool read_pod(const struct log_inventory *v, struct json *j, struct reading *r, unsigned depth)
{
	static const char *const inside[] = { "metadata", "spec", "status" };
	enum json_token t;

	while ((t = json_next(j)) == JSON_KEY) {
		struct slice key = j->text;
		bool section = false;
		t = json_next(j);
		for (size_t i = 0; i < 3 && depth == 0; i++)
			section |= slice_is(key, inside[i]);
		if (t == JSON_STRING) {
			take(r, key, json_unescape(j, v->arena), v->arena);
		} else if (t == JSON_TRUE && slice_is(key, "hostNetwork")) {
			r->host_network = true;
		} else if (t == JSON_OBJECT && section) {
			if (!read_pod(v, j, r, depth + 1))
				return false;
		} else if (t == JSON_OBJECT && slice_is(key, "labels") && depth < 2) {
			if (!read_labels(v, j, r))
				return false;
		} else if (t == JSON_ARRAY && slice_is(key, "podIPs")) {
			if (!read_ips(j, r, v->arena))
				return false;
		} else if (t == JSON_ARRAY && slice_is(key, "containerStatuses")) {
			if (!read_ends(j, r, v->arena))
				return false;
		} else if (!json_skip(j, t, NULL)) {
			return false;
		}
	}
	return t == JSON_OBJECT_END;
}

static bool pod(struct log_inventory *v, struct json *j)
{
	struct reading r = { .from = INT64_MIN, .to = INT64_MAX, .finished = INT64_MIN };

	if (!read_pod(v, j, &r, 0))
		return false;
	if (r.bad_time) {
		j->why = "a time that cannot be read";
		return false;
	}
	/* A pod that has ended had its address until then; where nobody says when, it names nobody. */
	if (r.ended && r.finished < r.to)
		r.to = r.finished;
	/* One of the host's network shares its address: it names nobody. */
	for (size_t i = 0; i < r.n_ip && !r.host_network; i++)
		add_pod(v, &r, r.ip[i]);
	return true;
}

/* Only the outermost object's items make a list: a pod's volumes have items too. */
static bool is_list(struct json ahead)
{
	enum json_token t;

	while ((t = json_next(&ahead)) == JSON_KEY) {
		bool items = slice_is(ahead.text, "items");
		t = json_next(&ahead);
		if (items && t == JSON_ARRAY)
			return true;
		if (!json_skip(&ahead, t, NULL))
			return false;
	}
	return false;
}

/* Pods to the end of the array. */
static bool pods(struct log_inventory *v, struct json *j)
{
	enum json_token t;

	while ((t = json_next(j)) == JSON_OBJECT)
		if (!pod(v, j))
			return false;
	return t == JSON_ARRAY_END;
}

/* A List's items, or the object itself. */
static bool document(struct log_inventory *v, struct json *j)
{
	enum json_token t;

	if (!is_list(*j))
		return pod(v, j);
	while ((t = json_next(j)) == JSON_KEY) {
		bool list = slice_is(j->text, "items");
		t = json_next(j);
		if (!list || t != JSON_ARRAY) {
			if (!json_skip(j, t, NULL))
				return false;
			continue;
		}
		if (!pods(v, j))
			return false;
	}
	return t == JSON_OBJECT_END;
}

static int read_text(struct log_inventory *v, const char *path, struct slice text, struct err *e)
{
	size_t line = 1;

	while (text.n) {
		/* JSON lines, or one document over many lines: each value is an object, or an array of pods. */
		struct json j;
		while (text.n && (text.p[0] == '\n' || text.p[0] == '\r' || text.p[0] == ' ')) {
			line += text.p[0] == '\n';
			text = slice_from(text, 1);
		}
		if (!text.n)
			break;
		json_init(&j, text);
		enum json_token t = json_next(&j);
		if (!(t == JSON_OBJECT && document(v, &j)) && !(t == JSON_ARRAY && pods(v, &j)))
			return err_set(e, ERR_INPUT, "%s: value that begins at line %zu: %s", path, line,
				       j.why ? j.why : "expected a pod, or a list of pods");
		for (size_t i = 0; i < j.at; i++)
			line += text.p[i] == '\n';
		text = slice_from(text, j.at);
	}
	return 0;
}

struct log_inventory *log_inventory_load(const char *path, const char *trust_domain, const struct log_writer *gateway,
					 struct err *e)
{
	struct log_inventory *v = calloc(1, sizeof *v);
	struct buf text;
	FILE *f = fopen(path, "rb");
	size_t got;
	int bad;

	if (!v)
		abort();
	v->arena = arena_new(FILE_MOST);
	v->gateway = gateway;
	v->trust_domain = trust_domain ? trust_domain : "cluster.local";
	map_init(&v->pods, PODS_MOST);
	buf_init(&text, FILE_MOST);
	if (!f) {
		bad = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	} else {
		while (buf_room(&text, 65536) && (got = fread(text.p + text.n, 1, 65536, f)) > 0)
			text.n += got;
		fclose(f);
		bad = text.full ? err_set(e, ERR_INPUT, "%s: larger than 512 MiB", path)
				: read_text(v, path, slice_from(buf_slice(&text), slice_order_mark(buf_slice(&text))), e);
	}
	buf_release(&text);
	if (bad)
		log_inventory_free(&v);
	return v;
}

void log_inventory_free(struct log_inventory **v)
{
	if (!*v)
		return;
	map_release(&(*v)->pods);
	arena_free(&(*v)->arena);
	free(*v);
	*v = NULL;
}

static bool same_identity(const struct pod *a, const struct pod *b)
{
	return slice_eq(a->identity, b->identity);
}

static bool same_writer(const struct pod *a, const struct pod *b)
{
	return a->writer == b->writer;
}

/* The pod that has the address at the flow's time; NULL: none, or two that are not the same. */
static const struct pod *pod_at(const struct log_inventory *v, const struct ip *ip, int64_t at,
				bool (*same)(const struct pod *, const struct pod *))
{
	const struct pod *found = NULL;

	for (const struct pod *p = map_get(&v->pods, (struct slice){ ip->b, sizeof ip->b }); p; p = p->next) {
		if (at < p->from || at > p->to)
			continue;
		if (found && !same(found, p))
			return NULL;
		found = p;
	}
	return found;
}

void log_inventory_apply(const struct log_inventory *v, struct flow *f)
{
	int64_t at = flow_num(f, F_STARTED_AT);
	const struct pod *p;

	if (!flow_has(f, F_UPSTREAM_LOCAL_IP) && flow_has(f, F_DESTINATION_IP) &&
	    (p = pod_at(v, &f->v[F_DESTINATION_IP].ip, at, same_writer)) && p->writer != WRITER_UNKNOWN)
		f->writer = p->writer;
	if (flow_state(f, F_SOURCE_IDENTITY) != FLOW_UNKNOWN || !flow_has(f, F_SOURCE_IP) ||
	    !(p = pod_at(v, &f->v[F_SOURCE_IP].ip, at, same_identity)))
		return;
	flow_set_identity(f, p->identity);
	flow_set_num(f, F_IDENTITY_SOURCE, IDENTITY_INVENTORY);
}
