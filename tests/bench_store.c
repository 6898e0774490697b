/*
 * bench_store - what a row costs: DB ROWS [all|notable|none] makes flows as an access log gives
 * them, already parsed and judged, and pushes them into the store.  Prints CPU time a row
 * of the store alone, and bytes a row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/clock.h"
#include "schema/store.h"
#include "tests/rnd.h"

enum { BATCH = 512, HOSTS = 1700, PODS = 3000, IDENTITIES = 480, AGENTS = 8, TEXT = 64 };

/* Small numbers more often, about as Zipf has it. */
static unsigned skewed(unsigned n)
{
	double u = (double)(rnd_bits() >> 11) / 9007199254740992.0;

	return (unsigned)((double)n * u * u * u);
}

struct names {
	char host[HOSTS][TEXT], cluster[HOSTS][TEXT + 16];
	char identity[HOSTS][TEXT];
	char path[BATCH][TEXT], uuid[BATCH][40];
};

static struct slice text(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static void make(struct names *t, struct flow *f, int slot, uint64_t i)
{
	static const char *const agents[AGENTS] = { "curl/8.5.0", "Go-http-client/1.1",
		"python-requests/2.32.3", "okhttp/4.12.0", "grpc-go/1.64.0", "kube-probe/1.30",
		"Apache-HttpClient/4.5.14 (Java/17.0.11)", "Mozilla/5.0 (X11; Linux x86_64)" };
	static const char *const methods[] = { "GET", "GET", "GET", "POST", "PUT" };
	static const int codes[] = { 200, 200, 200, 200, 404, 503, 403 };
	unsigned pod = (unsigned)rnd_bits() % PODS;
	unsigned host = (pod % IDENTITIES * 37 + skewed(20)) % HOSTS;	/* each calls a few hosts */
	int code = codes[rnd_bits() % 7];
	bool refused = code == 403 && rnd_bits() % 2;

	flow_init(f);
	flow_set_num(f, F_OBSERVED_BY, OBSERVED_LOG);
	flow_set_text(f, F_GATEWAY, SLICE("egress"));
	flow_set_num(f, F_LEG, LEG_DOWNSTREAM);
	flow_set_num(f, F_STARTED_AT, INT64_C(1767607200000000000) + (int64_t)(i / 5) * 1000000);
	int64_t ms = (int64_t)(rnd_bits() % 300);
	flow_set_real(f, F_DURATION_MS, (double)ms);
	flow_set_num(f, F_ENDED_AT, f->v[F_STARTED_AT].num + ms * 1000000);
	flow_set_ip(f, F_SOURCE_IP, ip_v4((uint8_t[]){ 10, 44, (uint8_t)(pod >> 8), (uint8_t)pod }));
	flow_set_num(f, F_SOURCE_PORT, 30000 + (int64_t)(rnd_bits() % 30000));
	flow_set_ip(f, F_DESTINATION_IP, ip_v4((uint8_t[]){ 10, 96, (uint8_t)(host >> 8), (uint8_t)host }));
	flow_set_num(f, F_DESTINATION_PORT, 8443);
	flow_set_num(f, F_PROTOCOL, PROTOCOL_HTTP11);
	flow_set_num(f, F_BYTES_SENT, (int64_t)(rnd_bits() % 5000));
	flow_set_num(f, F_BYTES_RECEIVED, (int64_t)(rnd_bits() % 20000));
	flow_set_text(f, F_SNI, text(t->host[host]));
	flow_set_text(f, F_AUTHORITY, text(t->host[host]));
	flow_set_text(f, F_UPSTREAM_CLUSTER, text(t->cluster[host]));
	unsigned up = host * 7 + (unsigned)rnd_bits() % 7;
	flow_set_ip(f, F_UPSTREAM_IP, ip_v4((uint8_t[]){ 34, 1, (uint8_t)(up >> 8), (uint8_t)up }));
	flow_set_num(f, F_UPSTREAM_PORT, 443);
	flow_set_ip(f, F_UPSTREAM_LOCAL_IP, ip_v4((uint8_t[]){ 10, 44, 0, (uint8_t)(pod % 3) }));
	flow_set_num(f, F_UPSTREAM_LOCAL_PORT, 30000 + (int64_t)(rnd_bits() % 30000));
	flow_set_text(f, F_ROUTE_NAME, SLICE("default"));
	flow_set_text(f, F_METHOD, text(methods[rnd_bits() % 5]));
	flow_set_num(f, F_STATUS, code);
	flow_set_text(f, F_USER_AGENT, text(agents[rnd_bits() % AGENTS]));
	snprintf(t->path[slot], TEXT, "/search/%05u", (unsigned)rnd_bits() % 100000);
	flow_set_text(f, F_PATH, text(t->path[slot]));
	uint64_t a = rnd_bits(), b = rnd_bits();
	snprintf(t->uuid[slot], 40, "%08x-%04x-%04x-%04x-%012llx", (unsigned)a, (unsigned)(a >> 32) & 0xffff,
		 (unsigned)(a >> 48), (unsigned)b & 0xffff, (unsigned long long)(b >> 16));
	flow_set_text(f, F_REQUEST_ID, text(t->uuid[slot]));
	flow_set_absent(f, F_RESPONSE_FLAGS);
	flow_set_text(f, F_RESPONSE_CODE_DETAILS, refused ? SLICE("rbac_access_denied_matched_policy[none]")
							  : SLICE("via_upstream"));
	flow_set_num(f, F_OUTCOME, refused ? OUTCOME_REFUSED : OUTCOME_SERVED);
	flow_set_num(f, F_VERDICT, refused ? VERDICT_DENY : VERDICT_ALLOW);
	flow_set_text(f, F_POLICY, refused ? SLICE("") : SLICE("istio-system/allow-egress"));
	flow_set_num(f, F_RULE, 0);
	flow_set_num(f, F_ACTION, ACTION_ALLOW);
	flow_set_text(f, F_REASON, SLICE("rule 0 of istio-system/allow-egress matches"));
	flow_set_text(f, F_POLICY_REVISION,
		      SLICE("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"));
	flow_set_identity(f, text(t->identity[pod % IDENTITIES]));
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const struct err *e)
{
	fprintf(stderr, "bench_store: %s\n", e->msg);
	return 1;
}

int main(int argc, char **argv)
{
	static struct names names;
	static struct flow flows[BATCH];
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	const char *mode = argc > 3 ? argv[3] : "all";
	struct err e = { 0 };
	struct stat st;

	if (argc < 2)
		return 2;
	for (unsigned k = 0; k < HOSTS; k++) {
		snprintf(names.host[k], TEXT, "api-%u.partner%u.example.com", k, k % 97);
		snprintf(names.cluster[k], sizeof names.cluster[k], "outbound|443||%s", names.host[k]);
		snprintf(names.identity[k], TEXT, "spiffe://cluster.local/ns/team-%u/sa/worker-%u", k % 60, k);
	}
	struct store *s = store_open(argv[1], STORE_WRITE, &e);
	if (!s)
		return fail(&e);
	store_rows_kept(s, mode[0] == 'a' ? STORE_ALL : mode[2] == 't' ? STORE_NOTABLE : STORE_NONE);
	double t0 = cpu(), spent = 0;
	for (uint64_t i = 0; i < n; i += BATCH) {
		for (int k = 0; k < BATCH; k++)
			make(&names, &flows[k], k, i + (uint64_t)k);
		double before = cpu();
		if (sink_push(store_sink(s), flows, BATCH, &e))
			return fail(&e);
		spent += cpu() - before;
	}
	double before = cpu();
	if (sink_finish(store_sink(s), &e) || store_close(&s, &e))
		return fail(&e);
	spent += cpu() - before;
	if (stat(argv[1], &st))
		return 1;
	printf("%s %llu rows: store %.0f ns/row (%.0f rows/s a core), making them %.0f ns/row, %.1f bytes/row\n",
	       mode, (unsigned long long)n, spent * 1e9 / (double)n, (double)n / spent,
	       (cpu() - t0 - spent) * 1e9 / (double)n, (double)st.st_size / (double)n);
	return 0;
}
