/* log_inventory: whose an address was, and when. */
#include "capture/log_inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/tap.h"

static char path[] = "test_log_inventory.XXXXXX";
static struct log_writer gateway;

static void put(const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		abort();
}

/* The identity that this inventory gives an address at a time, or "". */
static const char *whose(const char *text, const char *address, const char *when)
{
	static char id[256];
	static struct flow f;
	struct err e = { 0 };
	struct ip ip;
	int64_t at;

	put(text, strlen(text));
	id[0] = '\0';
	struct log_inventory *v = log_inventory_load(path, NULL, &gateway, &e);
	if (!v || !ip_parse(slice_of(address), &ip) || !clock_parse(slice_of(when), &at))
		return "not loaded";
	flow_init(&f);
	flow_set_ip(&f, F_SOURCE_IP, ip);
	flow_set_num(&f, F_STARTED_AT, at);
	log_inventory_apply(v, &f);
	if (flow_has(&f, F_SOURCE_IDENTITY)) {
		struct slice s = flow_text(&f, F_SOURCE_IDENTITY);
		snprintf(id, sizeof id, "%.*s", (int)s.n, (const char *)s.p);
		is(flow_num(&f, F_IDENTITY_SOURCE), IDENTITY_INVENTORY);
	}
	log_inventory_free(&v);
	return id;
}

#define POD(ns, sa, more, status) \
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"" ns "\",\"labels\":{\"namespace\":\"no\"}}," \
	"\"spec\":{\"serviceAccountName\":\"" sa "\"" more "},\"status\":{" status "}}"
#define IP1 "\"podIP\":\"10.0.0.1\""
#define PROJECTED ",\"volumes\":[{\"projected\":{\"items\":[{\"key\":\"a\"}]}}]"
#define LINE(ns, sa, more) "{\"ip\":\"10.0.0.1\",\"namespace\":\"" ns "\",\"service_account\":\"" sa "\"" more "}\n"
#define ENDED(one, other) "\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"terminated\":{\"exitCode\":0,\"finishedAt\":\"" one "\"}}}," \
	"{\"state\":{\"terminated\":{\"finishedAt\":\"" other "\"}}}]"
#define NOON "2026-01-01T12:00:00Z"
#define A "spiffe://cluster.local/ns/a/sa/x"
#define B "spiffe://cluster.local/ns/b/sa/y"

static const struct given {
	const char *name, *text, *address, *when, *want;
} given[] = {
	{ "a list of pods", "{\"apiVersion\":\"v1\",\"items\":[" POD("a", "x", "", IP1) ","
	  POD("b", "y", "", "\"podIP\":\"10.0.0.2\"") "],\"kind\":\"List\"}\n", "10.0.0.2", NOON, B },
	{ "one pod, with items of its own", POD("a", "x", PROJECTED, IP1), "10.0.0.1", NOON, A },
	{ "a pod a line", POD("a", "x", "", IP1) "\n"
	  POD("b", "y", PROJECTED, "\"podIP\":\"10.0.0.2\"") "\n", "10.0.0.1", NOON, A },
	{ "a plain line", LINE("a", "x", ""), "10.0.0.1", NOON, A },
	{ "no account named", "{\"ip\":\"10.0.0.1\",\"namespace\":\"a\"}", "10.0.0.1", NOON,
	  "spiffe://cluster.local/ns/a/sa/default" },
	{ "an address of nobody", LINE("a", "x", ""), "10.0.0.9", NOON, "" },
	{ "no namespace", "{\"ip\":\"10.0.0.1\",\"service_account\":\"x\"}", "10.0.0.1", NOON, "" },
	{ "two at one time", LINE("a", "x", "") LINE("b", "y", ""), "10.0.0.1", NOON, "" },
	{ "two of one identity", LINE("a", "x", "") LINE("a", "x", ""), "10.0.0.1", NOON, A },
	{ "one after the other, the first", LINE("a", "x", ",\"to\":\"2026-01-01T13:00:00Z\"")
	  LINE("b", "y", ",\"from\":\"2026-01-01T14:00:00Z\""), "10.0.0.1", NOON, A },
	{ "one after the other, the second", LINE("a", "x", ",\"to\":\"2026-01-01T11:00:00Z\"")
	  LINE("b", "y", ",\"from\":\"2026-01-01T11:30:00Z\""), "10.0.0.1", NOON, B },
	{ "between the two", LINE("a", "x", ",\"to\":\"2026-01-01T11:00:00Z\"")
	  LINE("b", "y", ",\"from\":\"2026-01-01T13:00:00Z\""), "10.0.0.1", NOON, "" },
	{ "before the pod started", POD("a", "x", "", IP1 ",\"startTime\":\"2026-01-01T13:00:00Z\""),
	  "10.0.0.1", NOON, "" },
	{ "the host's network", POD("a", "x", ",\"hostNetwork\":true", IP1), "10.0.0.1", NOON, "" },
	{ "not the host's network", POD("a", "x", ",\"hostNetwork\":false", IP1), "10.0.0.1", NOON, A },
	{ "a pod that ended", POD("a", "x", "", IP1 ",\"phase\":\"Succeeded\""), "10.0.0.1", NOON, "" },
	{ "a pod that ended later", POD("a", "x", "", IP1 ",\"phase\":\"Failed\"," ENDED("2026-01-01T11:00:00Z", "2026-01-01T13:00:00Z")),
	  "10.0.0.1", NOON, A },
	{ "a pod that ended before", POD("a", "x", "", IP1 ",\"phase\":\"Succeeded\"," ENDED("2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z")),
	  "10.0.0.1", NOON, "" },
	{ "a container that ended is not its pod", POD("a", "x", "", IP1 ",\"phase\":\"Running\"," ENDED("2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z")),
	  "10.0.0.1", NOON, A },
	{ "who has a finished job's address", "[" POD("a", "x", "", IP1 ",\"phase\":\"Succeeded\"," ENDED("2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z"))
	  "," POD("b", "y", "", IP1 ",\"startTime\":\"2026-01-01T11:30:00Z\"") "]", "10.0.0.1", NOON, B },
	{ "an end that cannot be read", POD("a", "x", "", IP1 ",\"phase\":\"Failed\"," ENDED("x", "2026-01-01T13:00:00Z")), "10.0.0.1", NOON,
	  "not loaded" },
	{ "addresses of both families", POD("a", "x", "", IP1 ",\"podIPs\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"fd00::1\"}]"),
	  "fd00::1", NOON, A },
	{ "podIPs alone", POD("a", "x", "", "\"podIPs\":[{\"ip\":\"10.0.0.1\",\"zone\":{\"ip\":\"10.0.0.3\"}}]"), "10.0.0.1", NOON, A },
	{ "an ip elsewhere is no pod's", POD("a", "x", "", "\"hostIPs\":[{\"ip\":\"10.0.0.1\"}],\"hostIP\":\"10.0.0.1\""),
	  "10.0.0.1", NOON, "" },
	{ "podIPs on the host's network", POD("a", "x", ",\"hostNetwork\":true", "\"podIPs\":[{\"ip\":\"10.0.0.1\"}]"),
	  "10.0.0.1", NOON, "" },
	{ "a time that cannot be read", LINE("a", "x", ",\"to\":\"yesterday\""), "10.0.0.1", NOON, "not loaded" },
	{ "an empty file", "", "10.0.0.1", NOON, "" },
};

static void test_given(void)
{
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		const struct given *g = &given[i];
		const char *id = whose(g->text, g->address, g->when);
		printf("# %s: %s\n", g->name, id);
		ok(!strcmp(id, g->want));
	}
}

/* The log's own word stands. */
static void test_known(void)
{
	static struct flow f;
	struct err e = { 0 };
	struct ip ip;

	put(LINE("a", "x", ""), strlen(LINE("a", "x", "")));
	struct log_inventory *v = log_inventory_load(path, NULL, &gateway, &e);
	flow_init(&f);
	ok(v && ip_parse(SLICE("10.0.0.1"), &ip));
	flow_set_ip(&f, F_SOURCE_IP, ip);
	flow_set_identity(&f, SLICE(B));
	log_inventory_apply(v, &f);
	ok(slice_is(flow_text(&f, F_SOURCE_IDENTITY), B));
	log_inventory_free(&v);
}

/* Whose the listener is, of a line that names no upstream connection. */
static void test_listener(void)
{
#define GATEWAY "\"app\":\"istio-egressgateway\",\"istio\":\"egressgateway\""
#define LABELLED(ns, labels) \
	"{\"metadata\":{\"namespace\":\"" ns "\",\"labels\":{" labels "}},\"spec\":{},\"status\":{" IP1 "}}"
	static const struct {
		const char *text;
		enum flow_writer want;
	} t[] = {
		{ LABELLED("istio-system", GATEWAY), WRITER_GATEWAY },
		{ LABELLED("istio-system", GATEWAY ",\"x\":\"y\""), WRITER_GATEWAY },
		{ LABELLED("istio-system", "\"app\":\"istio-egressgateway\""), WRITER_OTHER },
		{ LABELLED("istio-system", ""), WRITER_OTHER },
		{ LABELLED("shop", GATEWAY), WRITER_OTHER },
		{ LINE("shop", "x", ""), WRITER_OTHER },
		{ LINE("istio-system", "x", ""), WRITER_UNKNOWN },
		{ LINE("istio-system", "x", ",\"labels\":{" GATEWAY "}"), WRITER_GATEWAY },
		{ LABELLED("istio-system", GATEWAY) LABELLED("shop", ""), WRITER_UNKNOWN },
		{ LABELLED("shop", "") LABELLED("other", ""), WRITER_OTHER },
		{ "{\"ip\":\"10.0.0.2\",\"namespace\":\"a\"}", WRITER_UNKNOWN },
	};
	for (size_t i = 0; i < 2 * sizeof t / sizeof *t; i++) {
		bool connected = i & 1;
		static struct flow f;
		struct err e = { 0 };
		struct ip ip;
		put(t[i / 2].text, strlen(t[i / 2].text));
		struct log_inventory *v = log_inventory_load(path, NULL, &gateway, &e);
		flow_init(&f);
		if (!v || !ip_parse(SLICE("10.0.0.1"), &ip))
			abort();
		flow_set_ip(&f, F_DESTINATION_IP, ip);
		if (connected)
			flow_set_ip(&f, F_UPSTREAM_LOCAL_IP, ip);
		log_inventory_apply(v, &f);
		printf("# %s\n", t[i / 2].text);
		is(f.writer, connected ? WRITER_UNKNOWN : t[i / 2].want);
		log_inventory_free(&v);
	}
}

/* Whose a file is by its name. */
static void test_paths(void)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD_UID "0b0c3a4e-0000-4000-8000-000000000001"
	static const struct {
		const char *path;
		enum flow_writer want;
	} t[] = {
		{ "/var/log/containers/cart-1_shop_istio-proxy-" ID ".log", WRITER_OTHER },
		{ "cart-1_shop_istio-proxy-" ID ".log", WRITER_OTHER },
		{ "/var/log/containers/egress-1_istio-system_istio-proxy-" ID ".log", WRITER_UNKNOWN },
		{ "/var/log/pods/shop_cart-1_" POD_UID "/istio-proxy/0.log", WRITER_OTHER },
		{ "/var/log/pods/shop_cart-1_" POD_UID "/istio-proxy/0.log.20260105-101500.gz", WRITER_OTHER },
		{ "/var/log/pods/istio-system_egress-1_" POD_UID "/istio-proxy/0.log", WRITER_UNKNOWN },
		{ "/var/log/access.log", WRITER_UNKNOWN }, { "my_access_log", WRITER_UNKNOWN }, { "-", WRITER_UNKNOWN },
		{ "", WRITER_UNKNOWN }, { "a_b_c.log", WRITER_UNKNOWN }, { "logs/a_b_c/x/0.log", WRITER_UNKNOWN },
		{ "cart-1_shop_istio_proxy-" ID ".log", WRITER_UNKNOWN }, { "_shop_" ID ".log", WRITER_UNKNOWN },
		{ "cart-1_shop_istio-proxy-" ID "x.log", WRITER_UNKNOWN },
	};
	struct log_writer other;

	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		printf("# %s\n", t[i].path);
		is(log_writer_of_path(&gateway, t[i].path), t[i].want);
	}
	log_writer_init(&other, "shop");
	is(log_writer_of_path(&other, t[0].path), WRITER_UNKNOWN);
	is(log_writer_of_path(&other, t[2].path), WRITER_OTHER);
	is(other.n, 0);
	is(gateway.n, 2);
}

/* Every prefix of a list that ends within it is refused, with its line. */
static void test_prefixes(void)
{
	const char *text = given[0].text;
	size_t whole = strlen(text) - 1, refused = 0;

	for (size_t n = 1; n < whole; n++) {
		struct err e = { 0 };
		put(text, n);
		struct log_inventory *v = log_inventory_load(path, NULL, &gateway, &e);
		refused += !v && e.kind == ERR_INPUT && strstr(e.msg, "line 1");
		log_inventory_free(&v);
	}
	is(refused, whole - 1);
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 99;
	close(fd);
	log_writer_init(&gateway, NULL);
	test_given();
	test_known();
	test_prefixes();
	test_listener();
	test_paths();
	unlink(path);
	return tap_end();
}
