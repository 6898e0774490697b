/*
 * explain: why a stored flow was judged as it was: every policy, rule and condition in evaluation order,
 * then the steps of its route, by the policies that were in force (the store keeps their text).
 */
#include "cli/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/judge.h"
#include "analyze/route.h"
#include "cli/policy_opts.h"
#include "cli/verbs.h"
#include "schema/flow_json.h"
#include "schema/store.h"

enum { OUT_MOST = 256 * 1024 * 1024 };

struct explain {
	const char *db, *format;
	struct policy_opts policy;
	struct arena *arena;
	struct flow flow;
	struct buf row;			/* the stored flow as JSON */
	bool found;
	struct slice text;		/* of the policies, canonical */
	struct policy_set *set;
	struct judge *judge;
	struct route_set *routes;
};

/* --- reading the row: a view's columns are the JSON's keys */

static void column(struct buf *b, int k, const struct store_value *v)
{
	buf_printf(b, "%s\"%s\":", b->n > 1 ? "," : "", field_info[k].name);
	if (field_info[k].type == FLOW_JSON && v->type == STORE_TEXT)
		buf_add(b, v->text);
	else if (field_info[k].type == FLOW_BOOL)
		buf_str(b, v->num ? "true" : "false");
	else
		store_value_json(b, v);
}

/* `absent` lists fields that are known not to be there; the other NULLs are unknown. */
static void absent(struct buf *b, struct slice names)
{
	while (names.n) {
		size_t n = 0;

		while (n < names.n && names.p[n] != ',' && names.p[n] != ' ')
			n++;
		if (n && flow_field_by_name((struct slice){ names.p, n }) >= 0)
			buf_printf(b, "%s\"%.*s\":null", b->n > 1 ? "," : "", (int)n,
				   (const char *)names.p);
		names = slice_from(names, n + 1);
	}
}

static int flow_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct explain *x = ctx;

	buf_byte(&x->row, '{');
	for (size_t i = 0; i < n; i++) {
		int k = flow_field_by_name(slice_of(names[i]));

		if (!strcmp(names[i], "absent"))
			absent(&x->row, v[i].text);
		else if (k >= 0 && v[i].type != STORE_NULL)
			column(&x->row, k, &v[i]);
	}
	buf_byte(&x->row, '}');
	x->found = true;
	return 0;
}

static int text_row(void *ctx, size_t n, const char *const *names, const struct store_value *v)
{
	struct explain *x = ctx;

	(void)names;
	if (n == 1 && v[0].type == STORE_TEXT)
		x->text = arena_copy(x->arena, v[0].text);
	return 0;
}

static int read_store(struct explain *x, int64_t id, struct err *e)
{
	struct store *s = store_open(x->db, STORE_READ, e);
	struct store_param p = { ":id", { .type = STORE_INT, .num = id } };
	struct store_result result;
	struct err closing = { 0 };
	int rc = -1;

	if (!s)
		return -1;
	if (store_query(s, "SELECT * FROM flows WHERE id = :id", &p, 1, (struct store_limits){ 0 },
			flow_row, x, &result, e))
		goto out;
	if (!x->found) {
		err_set(e, ERR_INPUT, "%s: no flow %lld is stored", x->db, (long long)id);
		goto out;
	}
	if (flow_json_read(&x->flow, buf_slice(&x->row), x->arena, NULL, e)) {
		err_at(e, "%s: flow %lld", x->db, (long long)id);
		goto out;
	}
	p = (struct store_param){ ":revision", { .type = STORE_TEXT,
						 .text = flow_text(&x->flow, F_POLICY_REVISION) } };
	rc = store_query(s, "SELECT text FROM policy_revisions WHERE revision = :revision", &p, 1,
			 (struct store_limits){ 0 }, text_row, x, &result, e);
out:
	store_close(&s, &closing);
	return rc;
}

/* --- judging it again */

static int load(struct explain *x, struct err *e)
{
	struct judge_options o;

	if (!x->policy.paths.n && policy_opts_recall(&x->policy, x->text, x->arena, e))
		return -1;
	if (policy_opts_load(&x->policy, "explain", NULL, &x->set, &o, e))
		return -1;
	if (!x->set && !x->text.n)
		return err_set(e, ERR_INPUT, "%s: the flow was stored without policies; "
			       "give some with -p", x->db);
	if (!x->set)
		x->set = policy_load_text(x->text, "policies", NULL, e);
	x->judge = x->set ? judge_new(x->set, &o, e) : NULL;
	x->routes = x->judge ? route_set_new(x->set, &o, e) : NULL;
	if (!x->routes)
		return -1;
	route_guide(x->routes, x->judge);
	return 0;
}

static void line(struct buf *b, const struct flow *f, enum flow_field k)
{
	struct buf one, shown;

	if (flow_state(f, k) == FLOW_UNKNOWN)
		return;
	buf_init(&one, 4096);
	buf_init(&shown, 16 * 1024);
	if (field_info[k].type == FLOW_TEXT)
		buf_add(&one, flow_text(f, k));
	else if (field_info[k].type == FLOW_IP && flow_has(f, k))
		ip_print(&one, &f->v[k].ip);
	else
		buf_int(&one, flow_num(f, k));
	buf_quote(&shown, buf_slice(&one));
	buf_printf(b, "  %-18s %.*s\n", field_info[k].name,
		   flow_has(f, k) ? (int)shown.n : 4, flow_has(f, k) ? (const char *)shown.p : "none");
	buf_release(&one);
	buf_release(&shown);
}

/* The route's own text is quoted by its printer's callers: a line at a time. */
static void quoted(struct buf *b, const struct buf *text)
{
	for (size_t at = 0; at < text->n;) {
		const uint8_t *nl = memchr(text->p + at, '\n', text->n - at);
		size_t end = nl ? (size_t)(nl - text->p) : text->n;

		buf_quote(b, (struct slice){ text->p + at, end - at });
		buf_byte(b, '\n');
		at = end + 1;
	}
}

static void print_text(struct explain *x, const struct route *r, struct buf *out)
{
	static const enum flow_field shown[] = {
		F_SOURCE_IDENTITY, F_SOURCE_IP, F_DESTINATION_PORT, F_SNI, F_METHOD, F_AUTHORITY,
		F_PATH, F_INNER_SNI, F_UPSTREAM_CLUSTER,
	};
	struct buf text;
	int64_t leg = flow_num(&x->flow, F_LEG);

	if (leg && leg != LEG_DOWNSTREAM)
		buf_printf(out, "This flow is the %s leg: the gateway's policies do not judge it; below "
			   "is what they would say.\n", flow_enum_name(ENUM_LEG, leg));
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		line(out, &x->flow, shown[i]);
	judge_trace_text(x->judge, &x->flow, out);
	buf_init(&text, OUT_MOST);
	route_trace_text(r, &text);
	if (text.n)
		buf_str(out, "route:\n");
	quoted(out, &text);
	buf_release(&text);
}

static void print_json(struct explain *x, const struct route *r, struct buf *out)
{
	flow_json_write(out, &x->flow);
	out->n--;
	buf_str(out, ",\"trace\":");
	judge_trace_json(x->judge, &x->flow, out);
	buf_str(out, ",\"route\":");
	route_trace_json(r, out);
	buf_str(out, "}\n");
}

static int judge_again(struct explain *x, int64_t id, struct route *r, struct err *e)
{
	if (read_store(x, id, e) || load(x, e))
		return -1;
	if (route_explain(x->routes, &x->flow, r, x->arena))
		route_expect(r, &x->flow);
	judge_flow(x->judge, &x->flow, x->arena);
	return 0;
}

static void explain_init(struct explain *x)
{
	x->arena = arena_new(SIZE_MAX);
	buf_init(&x->row, OUT_MOST);
}

static void explain_release(struct explain *x)
{
	route_set_free(&x->routes);
	judge_free(&x->judge);
	policy_free(&x->set);
	buf_release(&x->row);
	arena_free(&x->arena);
}

int explain_json(void *db, int64_t id, struct buf *out, struct err *e)
{
	struct explain x = { .db = db, .format = "json" };
	struct route r = { 0 };

	explain_init(&x);
	int rc = judge_again(&x, id, &r, e);
	if (!rc)
		print_json(&x, &r, out);
	explain_release(&x);
	policy_opts_free(&x.policy);
	return rc;
}

static int explain(struct explain *x, int64_t id, struct err *e)
{
	struct route r = { 0 };
	struct buf out;
	int rc = 0;

	if (judge_again(x, id, &r, e))
		return -1;
	buf_init(&out, OUT_MOST);
	if (!strcmp(x->format, "json"))
		print_json(x, &r, &out);
	else
		print_text(x, &r, &out);
	if (!buf_write(&out, stdout) || fflush(stdout))
		rc = err_set(e, ERR_IO, "standard output: write failed");
	buf_release(&out);
	return rc;
}

static int check(const struct explain *x, char **argv, int operands, int64_t *id, struct err *e)
{
	char *end = NULL;

	if (!x->db)
		return err_set(e, ERR_USAGE, "which database? --db FILE (see --help)");
	if (operands != 1)
		return err_set(e, ERR_USAGE, "which flow? its id, as `egret flows` prints it");
	*id = strtoll(argv[0], &end, 10);
	if (end == argv[0] || *end)
		return err_set(e, ERR_USAGE, "%s: expected a flow's id, a number", argv[0]);
	if (strcmp(x->format, "text") != 0 && strcmp(x->format, "json") != 0)
		return err_set(e, ERR_USAGE, "-o %s: expected text or json", x->format);
	return 0;
}

int verb_explain(int argc, char **argv)
{
	struct explain x = { .format = "text" };
	int64_t id = 0;
	int operands;
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &x.db, "FILE", "database" },
		{ "output", 'o', OPT_TEXT, &x.format, "FORMAT", "text (default) or json" },
		POLICY_OPT_ROWS(x.policy),
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret explain --db FILE FLOW_ID [flags]",
		.summary = "Why a flow was judged so: every condition, expected beside actual.",
		.examples = "  egret explain --db egret.db 42\n"
			    "  egret explain --db egret.db -p proposed/ 42\n",
		.notes = "Without -p the flow is judged by the policies that were in force, whose\n"
			 "text the database keeps.\n",
		.opts = opts,
	};
	struct err e = { 0 };
	int code = cli_parse("explain", &verb, argc, argv, &operands);

	if (code >= 0)
		goto out;
	explain_init(&x);
	code = check(&x, argv, operands, &id, &e) || explain(&x, id, &e) ?
	       cli_fail("explain", &e) : EXIT_CLEAN;
	explain_release(&x);
out:
	policy_opts_free(&x.policy);
	return code;
}
