/*
 * test_file - a file of policy unit tests: flows with the verdict that is expected.
 *
 *     policies: [policies/, extra.yaml]	# beside this file; -p adds
 *     workload: istio-system,app=...		# and trust_domain, trust_domain_aliases,
 *     flows:					# root_namespace, path_normalization
 *     - name: default may reach httpbin
 *       flow: {source_identity: spiffe://..., sni: httpbin.org, destination_port: 8443, chain: tcp}
 *       expect: allow				# deny, unknown, none
 *       policy: istio-system/egress		# optional; "" is the implicit deny
 *       rule: 0				# optional
 *
 * The fields of a flow may also stand beside `expect`.
 */
#ifndef CLI_TEST_FILE_H
#define CLI_TEST_FILE_H

#include <stdio.h>

#include "cli/policy_opts.h"
#include "schema/flow.h"

struct test_case {
	struct slice name;
	uint32_t line;
	struct flow flow;
	enum flow_enum_value expect;
	bool wants_policy, wants_rule;
	struct slice policy;
	int64_t rule;			/* -1: null, no rule */
	/* After the run. */
	bool passed;
	struct slice got;		/* what came out instead, one sentence */
	struct slice trace;		/* where it failed: the explanation for people */
};

struct test_file {
	const char *path;
	struct arena *arena;
	struct policy_opts policies;	/* of the file; lists are the file's own */
	struct test_case *cases;
	size_t n;
};

/* NULL: *e says file:line:column and what was expected. */
struct test_file *test_file_load(const char *path, struct err *e);
void test_file_free(struct test_file **t);

/* -o NAME; NULL: no such format.  The files have run. */
typedef void test_printer(struct test_file *const *files, size_t n, FILE *out);
test_printer *test_printer_by_name(const char *name);

#endif
