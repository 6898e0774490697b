/*
 * log_grpc: names as in gRPC's list of status codes, compared without their underscores and their case; Envoy
 * (GrpcStatusFormatter) spells the first of them Canceled, as CAMEL_STRING.
 */
#include "capture/log_grpc.h"

static const struct { const char *name; int code; } names[] = {
	{ "ok", 0 }, { "cancelled", 1 }, { "canceled", 1 }, { "unknown", 2 }, { "invalidargument", 3 },
	{ "deadlineexceeded", 4 }, { "notfound", 5 }, { "alreadyexists", 6 }, { "permissiondenied", 7 },
	{ "resourceexhausted", 8 }, { "failedprecondition", 9 }, { "aborted", 10 }, { "outofrange", 11 },
	{ "unimplemented", 12 }, { "internal", 13 }, { "unavailable", 14 }, { "dataloss", 15 },
	{ "unauthenticated", 16 },
};

static bool same(struct slice s, const char *name)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '_')
			continue;
		if ((s.p[i] | 0x20) != *name)
			return false;
		name++;
	}
	return !*name;
}

/* A server may send a code of its own. */
static int number(struct slice s)
{
	int v = 0;

	if (!s.n || s.n > 3)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

int log_grpc_status(struct slice s)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (same(s, names[i].name))
			return names[i].code;
	return number(s);
}
